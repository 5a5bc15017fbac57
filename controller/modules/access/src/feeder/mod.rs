//! Feeds the access plane's directory: everything at start, then every committed change, in commit order.
//! Never ends because the database is away: the directory stays as it is, and the feeder goes on where it stopped.
//!
//! - `load`: rows to directory entries; `admission`: those about who may be in at once; `quota`: who used up his quota; `bulk`: all subscribers, on several threads; `clerk`: one of them;
//! - `changes`: which rows a batch of changes touches;
//! - `place`: how far the changes were read;
//! - [`reply`]: reply attributes to octets;
//! - `wake`: notices a change without waiting for the tick; [`latency`]: how long one took;
//! - [`snapshot`]: the directory on local disk; `keeper`: when it is written, and whether it may be gone on from.
//!
//! A change is looked at again rather than carried along: the feeder reads the row as it is now. Reading it twice, or
//! reading a newer state than the change spoke of, ends in the same directory.

mod admission;
mod bulk;
mod changes;
mod clerk;
mod keeper;
pub mod latency;
mod load;
mod place;
mod quota;
mod realms;
pub mod reply;
pub mod snapshot;
mod wake;

pub use keeper::{Keeping, restore};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernel::{Database, Error, OpContext};
use radius::dictionary::Dictionary;
use radius_server::Directory;
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use self::keeper::{BEHIND_MAX, Keeper};
use self::latency::Latency;
use self::load::Loader;
use self::place::Place;
use self::snapshot::{Origin, Restored};
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::change::{self, Change, DatabaseNow};

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
    /// How long changes took until they worked.
    pub latency: Latency,
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
    /// Which database that was, and when it was there; for a snapshot.
    database: Option<DatabaseNow>,
    /// Where the snapshot that is in the directory already comes from, until it was decided about.
    restored: Option<Origin>,
    /// Writes snapshots.
    keeper: Keeper,
    /// What it did so far.
    counters: Arc<FeederCounters>,
}

impl Feeder {
    /// A feeder of a directory that is empty, or holds what [`restore`] gave.
    pub fn new(
        db: Database,
        keeping: Keeping,
        directory: Arc<Directory>,
        restored: Option<Restored>,
        dictionary: Arc<Dictionary>,
        counters: Arc<FeederCounters>,
    ) -> Self {
        let mut loader = Loader::new(
            keeping.sealer.clone(),
            directory,
            dictionary,
            Arc::clone(&counters),
        );
        let restored = restored.map(|Restored { origin, plans }| {
            loader.plans_known(plans);
            origin
        });
        Self {
            db,
            loader,
            place: None,
            database: None,
            restored,
            keeper: Keeper::new(keeping),
            counters,
        }
    }

    /// Makes the directory equal to the database: from the snapshot that is in it already and what changed since, or from
    /// all rows. What the database holds afterwards comes through [`Self::follow`].
    ///
    /// # Errors
    /// The database's; the directory then holds what was read so far, and calling again is safe.
    pub async fn load(&mut self) -> Result<(), Error> {
        if let Some(origin) = self.restored
            && self.goes_on_from(&origin).await?
        {
            self.restored = None;
            return self.follow().await.map(drop);
        }
        self.load_everything().await?;
        self.restored = None;
        Ok(())
    }

    /// Whether the changes can be followed from where a snapshot ends; if so, that is the place from now on.
    async fn goes_on_from(&mut self, origin: &Origin) -> Result<bool, Error> {
        let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
        let horizon = change::change_horizon(&mut tx).await?;
        let now = change::database_now(&mut tx).await?;
        let stale = match keeper::stale(origin, &now, horizon, self.keeper.dictionary()) {
            Some(why) => Some(why),
            None => {
                let behind = change::change_count(&mut tx, origin.cursor, BEHIND_MAX).await?;
                (behind >= BEHIND_MAX).then_some("so much changed since that loading everything is quicker")
            }
        };
        if stale.is_none() {
            // A snapshot has the plans' part of these only.
            self.loader.admission(&mut tx).await?;
            self.loader.all_used_up(&mut tx).await?;
        }
        tx.commit().await?;
        if let Some(why) = stale {
            info!(
                why,
                "the directory's snapshot cannot be gone on from; loading everything from the database"
            );
            return Ok(false);
        }
        self.place = Some(Place::at(origin.cursor));
        self.database = Some(now);
        self.loader.directory().set_version(origin.version);
        Ok(true)
    }

    /// Loads all rows.
    async fn load_everything(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
        let horizon = change::change_horizon(&mut tx).await?;
        let version = change::change_newest(&mut tx).await?;
        let now = change::database_now(&mut tx).await?;
        self.loader.everything(&mut tx).await?;
        tx.commit().await?;
        self.place = Some(Place::at(horizon));
        self.database = Some(now);
        self.keeper.changed();
        self.loader
            .directory()
            .set_version(u64::try_from(version).unwrap_or_default());
        let counts = self.loader.directory().counts();
        info!(
            counts.partners,
            counts.nas,
            counts.subscribers,
            version,
            took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "directory loaded"
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
                self.load_everything().await?;
                return Ok(seen);
            };
            let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
            let horizon = change::change_horizon(&mut tx).await?;
            if place.is_beyond(horizon) {
                warn!("the database was replaced by an older copy; loading everything again");
                self.place = None;
                continue;
            }
            let (xid_max, ahead) = (place.xid_max(horizon), place.ahead());
            let changes = change::change_list(&mut tx, place.cursor(), xid_max, &ahead, CHANGES_MAX).await?;
            let read_at = Instant::now();
            if !changes.is_empty() {
                self.loader.changed(&mut tx, &changes).await?;
            }
            tx.commit().await?;
            let all = i64::try_from(changes.len()).is_ok_and(|count| count < CHANGES_MAX);
            place.read(&changes, horizon, all);
            seen += self.followed(&changes, read_at);
            if all {
                return Ok(seen);
            }
        }
    }

    /// Counts changes that are in the directory now, read a moment ago; how many there were.
    fn followed(&mut self, changes: &[Change], read_at: Instant) -> u64 {
        let since = read_at.elapsed();
        for change in changes {
            self.counters.latency.count(change.age_s, since);
        }
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
            self.keeper.changed();
        }
        count
    }

    /// Begins a snapshot when it is time for one and the database says where it stands.
    async fn keep(&mut self) -> Result<(), Error> {
        if self.keeper.due().await {
            self.snapshot_begin().await?;
        }
        Ok(())
    }

    /// Begins a snapshot of the directory as it is now.
    async fn snapshot_begin(&mut self) -> Result<(), Error> {
        let Some(place) = &self.place else { return Ok(()) };
        let mut tx = self.db.begin(&OpContext::system("directory-feeder")).await?;
        let now = change::database_now(&mut tx).await?;
        tx.commit().await?;
        if self.database.is_some_and(|then| then.id != now.id) {
            // A standby took over. What is in the directory came from the one before; so would the snapshot.
            self.place = None;
            return Ok(());
        }
        let directory = Arc::clone(self.loader.directory());
        let origin = Origin {
            node: self.keeper.node(),
            database: now.id,
            cursor: place.cursor(),
            version: directory.version(),
            at_unix_s: now.unix_s,
            dictionary: self.keeper.dictionary(),
        };
        self.keeper.begin(origin, directory, self.loader.plans());
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
            let followed = match self.follow().await {
                Ok(_) => self.keep().await,
                Err(error) => Err(error),
            };
            let wait = match followed {
                Ok(()) => {
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
        self.keeper.finish().await;
        // So that the next start has nothing to catch up with; when the database is gone first, the last one does.
        if self.keeper.is_behind() && self.snapshot_begin().await.is_ok() {
            self.keeper.finish().await;
        }
    }
}
