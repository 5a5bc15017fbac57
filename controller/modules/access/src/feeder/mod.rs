//! Feeds the access plane's directory: everything at start, then every committed change, in commit order.
//! Never ends because the database is away: the directory stays as it is, and the feeder goes on where it stopped.
//!
//! - [`load`]: rows to directory entries, in bulk;
//! - [`changes`]: which rows a batch of changes touches;
//! - [`reply`]: reply attributes to octets;
//! - [`wake`]: notices a change without waiting for the tick.
//!
//! A change is looked at again rather than carried along: the feeder reads the row as it is now. Reading it twice, or
//! reading a newer state than the change spoke of, ends in the same directory.

mod changes;
mod load;
pub mod reply;
mod wake;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::secrets::Sealer;
use kernel::{Database, Error, OpContext};
use radius_server::Directory;
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use self::load::Loader;
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::change::{self, ChangeCursor};

/// How often the feeder looks even when nothing woke it: a notification may be lost, and a change becomes readable only
/// once every transaction that began before it has ended.
const TICK_MS: u64 = 200;
/// Changes read at a time.
const CHANGES_MAX: i64 = 1_000;

/// What the feeder did so far.
#[derive(Debug, Default)]
pub struct FeederCounters {
    /// Changes read.
    pub changes: AtomicU64,
    /// Times the database could not be read.
    pub failures: AtomicU64,
    /// Rows that could not be taken: a secret that does not open, an address that clashes.
    pub refused: AtomicU64,
    /// Reply attributes that could not be encoded.
    pub attributes_left_out: AtomicU64,
}

/// Keeps one directory equal to the database.
#[derive(Debug)]
pub struct Feeder {
    /// Where the rows are.
    db: Database,
    /// Turns rows into entries.
    loader: Loader,
    /// How far the changes were read; `None` until everything was loaded once.
    cursor: Option<ChangeCursor>,
    /// What it did so far.
    counters: Arc<FeederCounters>,
}

impl Feeder {
    /// A feeder that has loaded nothing yet.
    pub fn new(
        db: Database,
        sealer: Sealer,
        directory: Arc<Directory>,
        counters: Arc<FeederCounters>,
    ) -> Self {
        let loader = Loader::new(sealer, directory, Arc::clone(&counters));
        Self {
            db,
            loader,
            cursor: None,
            counters,
        }
    }

    /// Loads everything. What the database holds afterwards comes through [`Self::follow`].
    ///
    /// # Errors
    /// The database's; the directory then holds what was read so far, and calling again is safe.
    pub async fn load(&mut self) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
        let horizon = change::change_horizon(&mut tx).await?;
        let version = change::change_newest(&mut tx).await?;
        self.loader.everything(&mut tx).await?;
        tx.commit().await?;
        self.cursor = Some(horizon);
        self.loader
            .directory()
            .set_version(u64::try_from(version).unwrap_or_default());
        let counts = self.loader.directory().counts();
        info!(
            counts.partners,
            counts.nas, counts.subscribers, version, "directory loaded"
        );
        Ok(())
    }

    /// Carries over every change that can be read now; how many there were.
    ///
    /// # Errors
    /// The database's; the changes will be read again.
    pub async fn follow(&mut self) -> Result<u64, Error> {
        let Some(mut cursor) = self.cursor else {
            self.load().await?;
            return Ok(0);
        };
        let mut seen = 0;
        loop {
            let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
            let changes = change::change_list(&mut tx, cursor, CHANGES_MAX).await?;
            let Some(last) = changes.last().map(|change| change.cursor) else {
                return Ok(seen);
            };
            self.loader.changed(&mut tx, &changes).await?;
            tx.commit().await?;
            cursor = last;
            self.cursor = Some(last);
            let newest = changes
                .iter()
                .map(|change| change.cursor.version)
                .max()
                .unwrap_or_default();
            let version = u64::try_from(newest)
                .unwrap_or_default()
                .max(self.loader.directory().version());
            self.loader.directory().set_version(version);
            let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
            self.counters.changes.fetch_add(count, Ordering::Relaxed);
            debug!(changes = count, version, "directory follows");
            seen += count;
        }
    }

    /// After an outage: notices a database that was replaced by an older copy, whose transactions begin anew below the
    /// cursor and would never be read. The next [`Self::follow`] then loads everything.
    ///
    /// # Errors
    /// The database's.
    async fn database_recognise(&mut self) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
        let horizon = change::change_horizon(&mut tx).await?;
        tx.commit().await?;
        if self.cursor.is_some_and(|cursor| horizon.xid < cursor.xid) {
            warn!(
                "the database was replaced while it was away; loading everything again, a restart also forgets what it no longer has"
            );
            self.cursor = None;
        }
        Ok(())
    }

    /// Follows changes until told to stop.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let awake = Arc::new(Notify::new());
        let listener = tokio::spawn(wake::listen(
            self.db.clone(),
            Arc::clone(&awake),
            shutdown.clone(),
        ));
        let mut backoff = Backoff::default();
        loop {
            let followed = match backoff.is_waiting() {
                true => self.database_recognise().await,
                false => Ok(()),
            };
            let followed = match followed {
                Ok(()) => self.follow().await,
                Err(error) => Err(error),
            };
            let wait = match followed {
                Ok(_) => {
                    if backoff.succeeded() {
                        info!("the directory follows the database again");
                    }
                    Duration::from_millis(TICK_MS)
                }
                Err(error) => {
                    self.counters.failures.fetch_add(1, Ordering::Relaxed);
                    let wait = backoff.failed();
                    if backoff.worth_a_line() {
                        warn!(error = %Causes(&error), "the directory cannot follow the database; authentication goes on with what it knows");
                    }
                    wait
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => break,
                () = awake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        listener.abort();
    }
}
