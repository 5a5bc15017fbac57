//! When the directory is written to its snapshot, and whether one that was read may be gone on from.
//! Never makes anybody wait: a snapshot is written by a thread of its own, and at most a fiftieth of the time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::secrets::Sealer;
use radius_server::Directory;
use radius_server::directory::Plan;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::snapshot::{self, Origin, Restored, SnapshotError, Written};
use crate::causes::Causes;
use crate::store::change::{ChangeCursor, DatabaseNow};
use crate::upkeep::CHANGE_DAYS;

/// Between the end of one snapshot and the beginning of the next, at least.
const EVERY: Duration = Duration::from_secs(60);
/// And at least so many times as long as the last one took.
const REST_TIMES: u32 = 50;
/// A snapshot this old may have changes behind it that were trimmed already; a day is left for clocks and long
/// transactions.
const AGE_S_MAX: i64 = (CHANGE_DAYS as i64 - 1) * 24 * 3_600;
/// Changes behind a snapshot beyond which loading everything is quicker.
pub const BEHIND_MAX: i64 = 50_000;

/// Where snapshots go and who writes them.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The data directory.
    pub data_dir: PathBuf,
    /// This node.
    pub node: Uuid,
    /// Seals them.
    pub sealer: Sealer,
    /// The fingerprint of the dictionary that reply attributes are written with.
    pub dictionary: u64,
}

/// Reads the snapshot of an earlier run into a directory that is still empty; says in the log what came of it.
///
/// Blocks for as long as that takes, about a second for a million subscribers.
pub fn restore(keeping: &Keeping, directory: &Directory) -> Option<Restored> {
    let began = Instant::now();
    match snapshot::read(&keeping.data_dir, &keeping.sealer, keeping.node, directory) {
        Ok(Some(restored)) => {
            let counts = directory.counts();
            info!(
                counts.partners,
                counts.nas,
                counts.subscribers,
                version = restored.origin.version,
                took_ms = millis(began.elapsed()),
                "directory restored from its snapshot"
            );
            Some(restored)
        }
        Ok(None) => None,
        Err(error) => {
            let path = keeping.data_dir.join(snapshot::FILE);
            warn!(path = %path.display(), error = %Causes(&error), "the snapshot of the directory is of no use; loading everything from the database");
            None
        }
    }
}

/// Why a snapshot's changes cannot be followed from its cursor; `None` when they can.
pub fn stale(
    origin: &Origin,
    now: &DatabaseNow,
    horizon: ChangeCursor,
    dictionary: u64,
) -> Option<&'static str> {
    if origin.database != now.id {
        Some("it was read from another database, or from this one before it was restored")
    } else if horizon.xid < origin.cursor.xid {
        Some("the database was replaced by an older copy")
    } else if now.unix_s.saturating_sub(origin.at_unix_s) > AGE_S_MAX {
        Some("it is older than the changes that are kept")
    } else if origin.dictionary != dictionary {
        Some("the dictionaries changed, and its reply attributes were written with the old ones")
    } else {
        None
    }
}

/// Writes snapshots now and then.
#[derive(Debug)]
pub struct Keeper {
    /// Where and who.
    keeping: Keeping,
    /// Something changed since the last one began.
    behind: bool,
    /// Not before.
    next: Instant,
    /// The one being written, and since when.
    writing: Option<(JoinHandle<Result<Written, SnapshotError>>, Instant)>,
    /// The last one failed; said once.
    failing: bool,
}

impl Keeper {
    /// A keeper that has written nothing yet.
    pub fn new(keeping: Keeping) -> Self {
        Self {
            keeping,
            behind: false,
            next: Instant::now(),
            writing: None,
            failing: false,
        }
    }

    /// Which node it keeps snapshots for.
    pub fn node(&self) -> Uuid {
        self.keeping.node
    }

    /// The fingerprint of the dictionary that reply attributes are written with.
    pub fn dictionary(&self) -> u64 {
        self.keeping.dictionary
    }

    /// Notes that the directory is not what the last snapshot says.
    pub fn changed(&mut self) {
        self.behind = true;
    }

    /// Whether the directory is not what the last snapshot says.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether a snapshot should begin now; looks after the one that is being written.
    pub async fn due(&mut self) -> bool {
        if self
            .writing
            .as_ref()
            .is_some_and(|(writing, _)| writing.is_finished())
        {
            self.finish().await;
        }
        self.behind && self.writing.is_none() && Instant::now() >= self.next
    }

    /// Begins to write one.
    pub fn begin(&mut self, origin: Origin, directory: Arc<Directory>, plans: Vec<(Uuid, Arc<Plan>)>) {
        self.behind = false;
        let keeping = self.keeping.clone();
        let writing = tokio::task::spawn_blocking(move || {
            snapshot::write(&keeping.data_dir, &keeping.sealer, &origin, &directory, &plans)
        });
        self.writing = Some((writing, Instant::now()));
    }

    /// Waits for the one that is being written.
    pub async fn finish(&mut self) {
        let Some((writing, began)) = self.writing.take() else {
            return;
        };
        let ended = writing.await;
        let took = began.elapsed();
        self.next = Instant::now() + EVERY.max(took * REST_TIMES);
        match ended {
            Ok(Ok(Written { subscribers, octets })) => {
                self.failing = false;
                debug!(
                    subscribers,
                    octets,
                    took_ms = millis(took),
                    "directory snapshot written"
                );
            }
            Ok(Err(error)) => self.failed(&error),
            Err(error) => self.failed(&error),
        }
    }

    /// Tries again later, and says so once.
    fn failed(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.behind = true;
        if !std::mem::replace(&mut self.failing, true) {
            warn!(error = %Causes(error), "the directory's snapshot cannot be written; trying again, a start meanwhile takes longer");
        }
    }
}

/// Milliseconds for a log line.
fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::change::DatabaseId;

    const DATABASE: DatabaseId = DatabaseId {
        system: 1,
        timeline: 1,
        log: 1,
    };

    /// Asserts whether a snapshot of transaction 10 at second 0 may be gone on from.
    #[track_caller]
    fn check(id: DatabaseId, unix_s: i64, horizon: i64, expect: bool) {
        let at = |xid| ChangeCursor {
            xid,
            version: i64::MAX,
        };
        let origin = Origin {
            node: Uuid::nil(),
            database: DATABASE,
            cursor: at(10),
            version: 1,
            at_unix_s: 0,
            dictionary: 7,
        };
        let why = |dictionary| stale(&origin, &DatabaseNow { id, unix_s }, at(horizon), dictionary);
        assert_eq!(why(7).is_none(), expect, "{:?}", why(7));
        assert!(why(8).is_some(), "other dictionaries made other attributes");
    }

    #[test]
    fn only_the_same_database_not_turned_back_and_not_too_late_goes_on() {
        check(DATABASE, 60, 10, true);
        check(DATABASE, AGE_S_MAX, 99, true);
        check(DATABASE, AGE_S_MAX + 1, 99, false);
        check(DATABASE, 60, 9, false);
        for other in [
            DatabaseId {
                system: 2,
                ..DATABASE
            },
            DatabaseId {
                timeline: 2,
                ..DATABASE
            },
            DatabaseId { log: 2, ..DATABASE },
        ] {
            check(other, 60, 99, false);
        }
    }
}
