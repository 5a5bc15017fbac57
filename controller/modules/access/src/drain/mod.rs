//! Carries this node's journals into the database, batch by batch, and only then lets their segments go.
//! Never loses and never counts twice: the cursor moves in the transaction that writes the rows, and the rows come out
//! the same when a batch is carried over again.
//!
//! - [`row`]: one accounting record to what the database shall know;
//! - `accounting`: a batch of them into sessions;
//! - [`decisions`]: a batch of decisions into their history.
//!
//! The database away: the drain waits and tries again, the journal keeps. A record that cannot be read, or whose
//! content the database refuses by itself, is counted, named in the log and passed over; what was acknowledged to a NAS
//! is never thrown away for any other reason.

mod accounting;
pub mod decisions;
pub mod row;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::{Database, Error, OpContext};
use radius_server::journal::{JournalError, OwnedRecord, Reader};
use tokio::sync::{Notify, watch};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::cursor::{self, Stream};

/// Records carried in one transaction at most.
const RECORDS_MAX: usize = 1_000;
/// Octets of records carried in one transaction at most.
const OCTETS_MAX: usize = 4 * 1_024 * 1_024;
/// How often the drain looks even when nothing woke it.
const TICK_MS: u64 = 1_000;

/// What one drain did so far.
#[derive(Debug, Default)]
pub struct DrainCounters {
    /// Records carried.
    pub records: AtomicU64,
    /// Records passed over because nobody can read them.
    pub poisoned: AtomicU64,
    /// Batches that failed and were, or will be, tried again.
    pub failures: AtomicU64,
    /// Intents proven by a session's end; accounting only.
    pub proven: AtomicU64,
}

/// Why a batch was not carried.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The journal could not be read.
    #[error("cannot read the {stream} journal")]
    Journal {
        /// Which journal.
        stream: &'static str,
        /// What it said.
        source: JournalError,
    },
    /// The database refused or was away.
    #[error("cannot carry the {stream} journal into the database")]
    Database {
        /// Which journal.
        stream: &'static str,
        /// What it said.
        source: Error,
    },
    /// A reading thread was lost.
    #[error("the thread that reads the {stream} journal ended early")]
    Reading {
        /// Which journal.
        stream: &'static str,
        /// Why.
        source: tokio::task::JoinError,
    },
}

/// Carries one journal.
pub struct Drain {
    /// Which one.
    stream: Stream,
    /// Whose journal it is.
    node: Uuid,
    /// Where rows go.
    db: Database,
    /// Where records come from.
    reader: Reader,
    /// The first record that is not in the database; `None` until the database was asked.
    next_seq: Option<u64>,
    /// Records carried in one transaction at most.
    records_max: usize,
    /// Records still to be carried one by one, because a batch with them was refused.
    single: usize,
    /// What it did so far.
    counters: Arc<DrainCounters>,
}

impl Drain {
    /// A drain that starts where the database says.
    pub fn new(
        stream: Stream,
        node: Uuid,
        db: Database,
        reader: Reader,
        counters: Arc<DrainCounters>,
    ) -> Self {
        Self {
            stream,
            node,
            db,
            reader,
            next_seq: None,
            records_max: RECORDS_MAX,
            single: 0,
            counters,
        }
    }

    /// The same with smaller batches; what comes out does not depend on how the journal is cut.
    #[must_use]
    pub fn in_batches_of(self, records_max: usize) -> Self {
        Self { records_max, ..self }
    }

    /// Carries batches until the journal is empty; how many records that were.
    ///
    /// # Errors
    /// [`DrainError`]; calling again goes on where it stopped.
    pub async fn carry_all(&mut self) -> Result<u64, DrainError> {
        let mut carried = 0;
        loop {
            match self.carry_batch().await? {
                0 => return Ok(carried),
                count => carried += count,
            }
        }
    }

    /// Carries until told to stop; what is left then stays in the journal for the next start.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let awake = Arc::new(Notify::new());
        let bell = Arc::clone(&awake);
        self.reader.on_commit(Box::new(move |_| bell.notify_one()));
        let mut backoff = Backoff::default();
        loop {
            let wait = match self.carry_all().await {
                Ok(records) => {
                    if backoff.succeeded() {
                        info!(stream = self.stream.name(), records, "the journal drains again");
                    }
                    Duration::from_millis(TICK_MS)
                }
                Err(error) => {
                    self.counters.failures.fetch_add(1, Ordering::Relaxed);
                    let wait = backoff.failed();
                    if backoff.worth_a_line() {
                        let backlog_octets = self.reader.backlog_bytes();
                        warn!(stream = self.stream.name(), backlog_octets, error = %Causes(&error), "the journal waits; nothing is lost");
                    }
                    wait
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = awake.notified(), if !backoff.is_waiting() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Carries one batch; how many records it had.
    async fn carry_batch(&mut self) -> Result<u64, DrainError> {
        let from = match self.next_seq {
            Some(seq) => seq,
            None => self.cursor_find().await?,
        };
        let limit = if self.single > 0 { 1 } else { self.records_max };
        let records = self.read(from, limit).await?;
        let Some(last) = records.last() else { return Ok(0) };
        let (next, count) = (last.seq + 1, records.len());
        match self.write(&records, next).await {
            Ok(()) => {}
            Err(error) if !is_about_content(&error) => return Err(self.database(error)),
            Err(error) if count > 1 => {
                warn!(stream = self.stream.name(), records = count, error = %Causes(&error), "a batch is refused; its records go one by one");
                self.single = count;
                return Ok(1);
            }
            Err(refused) => self.pass_over(from, next, &refused).await?,
        }
        self.single = self.single.saturating_sub(count);
        self.next_seq = Some(next);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.counters.records.fetch_add(count, Ordering::Relaxed);
        debug!(
            stream = self.stream.name(),
            records = count,
            next_seq = next,
            "journal carried"
        );
        self.release(next).await;
        Ok(count)
    }

    /// Where the database says this journal goes on.
    async fn cursor_find(&mut self) -> Result<u64, DrainError> {
        let mut tx = self.begin().await?;
        let stored = cursor::cursor_fetch(&mut tx, self.node, self.stream)
            .await
            .map_err(|error| self.database(error))?;
        let seq = stored.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0);
        self.next_seq = Some(seq);
        Ok(seq)
    }

    /// Reads a batch off the disk, away from the async threads.
    async fn read(&mut self, from: u64, limit: usize) -> Result<Vec<OwnedRecord>, DrainError> {
        let (reader, stream) = (self.reader.clone(), self.stream.name());
        let read = move || {
            let records = reader.read_from(from, limit, OCTETS_MAX)?;
            if records.is_empty() {
                // An idle journal, too, learns after a start how far the database is, and deletes what is old.
                released(stream, reader.release(from));
            }
            Ok(records)
        };
        let read = tokio::task::spawn_blocking(read)
            .await
            .map_err(|source| DrainError::Reading { stream, source })?;
        match read {
            Err(JournalError::Ahead { .. }) => {
                let committed = self.reader.committed_seq();
                warn!(
                    stream,
                    next_seq = from,
                    committed,
                    "the database has seen more of this journal than the journal itself: it was replaced by an older one; going on from its end"
                );
                self.next_seq = Some(committed);
                Ok(Vec::new())
            }
            other => other.map_err(|source| DrainError::Journal { stream, source }),
        }
    }

    /// Writes a batch and the cursor in one transaction.
    async fn write(&self, records: &[OwnedRecord], next: u64) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("journal-drain")).await?;
        let (unreadable, proven) = match self.stream {
            Stream::Accounting => {
                let carried = accounting::carry(&mut tx, records).await?;
                (carried.unreadable, carried.proven)
            }
            Stream::Decisions => (decisions::carry(&mut tx, records).await?, 0),
        };
        cursor::cursor_put(
            &mut tx,
            self.node,
            self.stream,
            i64::try_from(next).unwrap_or(i64::MAX),
        )
        .await?;
        tx.commit().await?;
        self.counters.poisoned.fetch_add(unreadable, Ordering::Relaxed);
        self.counters.proven.fetch_add(proven, Ordering::Relaxed);
        Ok(())
    }

    /// Moves the cursor past one record whose content the database refuses.
    async fn pass_over(&self, seq: u64, next: u64, refused: &Error) -> Result<(), DrainError> {
        error!(stream = self.stream.name(), seq, error = %Causes(refused), "the database refuses what a record says; it is passed over");
        let mut tx = self.begin().await?;
        let next = i64::try_from(next).unwrap_or(i64::MAX);
        cursor::cursor_put(&mut tx, self.node, self.stream, next)
            .await
            .map_err(|error| self.database(error))?;
        tx.commit().await.map_err(|error| self.database(error.into()))?;
        self.counters.poisoned.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Lets go of segments that are in the database as a whole; failing only keeps them longer.
    async fn release(&self, next: u64) {
        let reader = self.reader.clone();
        match tokio::task::spawn_blocking(move || reader.release(next)).await {
            Ok(done) => released(self.stream.name(), done),
            Err(error) => {
                warn!(stream = self.stream.name(), %error, "the thread that removes segments ended early")
            }
        }
    }

    /// Opens a transaction that sees every partner.
    async fn begin(&self) -> Result<kernel::Tx, DrainError> {
        self.db
            .begin(&OpContext::system("journal-drain"))
            .await
            .map_err(|error| self.database(error))
    }

    /// Names the journal beside what the database said.
    fn database(&self, source: Error) -> DrainError {
        DrainError::Database {
            stream: self.stream.name(),
            source,
        }
    }
}

/// Says that letting go of segments failed; that only keeps them longer.
fn released(stream: &'static str, done: Result<usize, JournalError>) {
    if let Err(error) = done {
        warn!(stream, error = %Causes(&error), "a journal segment that is carried over cannot be removed");
    }
}

/// Whether the database refuses what a record says (SQLSTATE classes 22 and 23), as opposed to being away, full, or
/// wrongly set up: only the former may ever cost a record.
fn is_about_content(error: &Error) -> bool {
    let Error::Internal { source, .. } = error else {
        return false;
    };
    let code = source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
