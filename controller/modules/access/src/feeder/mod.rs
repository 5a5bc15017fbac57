//! Feeds the access plane's directory: everything at start, then every committed change, in commit order.
//! Never ends because the database is away: the directory stays as it is, and the feeder goes on where it stopped.
//!
//! - `load`: rows to directory entries; `bulk`: all subscribers, on several threads; `clerk`: one of them;
//! - `changes`: which rows a batch of changes touches;
//! - `place`: how far the changes were read;
//! - [`reply`]: reply attributes to octets;
//! - `wake`: notices a change without waiting for the tick.
//!
//! A change is looked at again rather than carried along: the feeder reads the row as it is now. Reading it twice, or
//! reading a newer state than the change spoke of, ends in the same directory.

mod bulk;
mod changes;
mod clerk;
mod load;
mod place;
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
use self::place::Place;
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::change::{self, Change};

/// How often the feeder looks even when nothing woke it: a notification may be lost.
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
    /// How far the changes were read; `None` until everything was loaded.
    place: Option<Place>,
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
            place: None,
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
        self.place = Some(Place::at(horizon));
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

    /// Carries over every change that can be seen now; how many there were.
    ///
    /// # Errors
    /// The database's; the changes will be read again.
    pub async fn follow(&mut self) -> Result<u64, Error> {
        let mut seen = 0;
        loop {
            let Some(place) = &mut self.place else {
                self.load().await?;
                return Ok(seen);
            };
            let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
            let horizon = change::change_horizon(&mut tx).await?;
            if place.is_beyond(horizon) {
                warn!(
                    "the database was replaced by an older copy; loading everything again. A restart forgets what it no longer has"
                );
                self.place = None;
                continue;
            }
            let (xid_max, ahead) = (place.xid_max(horizon), place.ahead());
            let changes = change::change_list(&mut tx, place.cursor(), xid_max, &ahead, CHANGES_MAX).await?;
            if !changes.is_empty() {
                self.loader.changed(&mut tx, &changes).await?;
            }
            tx.commit().await?;
            let all = i64::try_from(changes.len()).is_ok_and(|count| count < CHANGES_MAX);
            place.read(&changes, horizon, all);
            seen += self.followed(&changes);
            if all {
                return Ok(seen);
            }
        }
    }

    /// Counts changes that are in the directory now; how many there were.
    fn followed(&self, changes: &[Change]) -> u64 {
        let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        let newest = changes
            .iter()
            .map(|change| change.cursor.version)
            .max()
            .unwrap_or_default();
        let directory = self.loader.directory();
        directory.set_version(u64::try_from(newest).unwrap_or_default().max(directory.version()));
        self.counters.changes.fetch_add(count, Ordering::Relaxed);
        if count > 0 {
            debug!(
                changes = count,
                version = directory.version(),
                "directory follows"
            );
        }
        count
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
            let wait = match self.follow().await {
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
