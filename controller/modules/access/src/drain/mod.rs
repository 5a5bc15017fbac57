//! Carries this node's journals into the database, batch by batch, and only then lets their segments go.
//! Never loses and never counts twice: the cursor moves in the transaction that writes the rows, and the rows come out
//! the same when a batch is carried over again.
//!
//! - [`row`]: one accounting record to what the database shall know; [`family`]: what of it was over IPv6; [`ports`]: which
//!   ports of a shared address it was behind;
//! - [`known`]: what the drain remembers of sessions, so that it need not ask;
//! - `accounting`: a batch of them into sessions;
//! - [`decisions`]: a batch of decisions into their history;
//! - [`pace`]: how fast decisions may go.
//!
//! Two stages: while the database takes one batch, a thread reads and plans the next. A drain that is not behind waits a
//! moment before each batch, since a few large ones cost far less than many small ones.
//!
//! The database away: the drain waits and tries again, the journal keeps. A record that cannot be read, or whose
//! content the database refuses by itself, is counted, named in the log and kept aside in `access.journal_refused`;
//! what was acknowledged to a NAS is never passed over for any other reason.

mod accounting;
pub mod decisions;
pub mod family;
pub mod known;
pub mod pace;
pub mod ports;
pub mod row;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kernel::{Database, Error, OpContext};
use parking_lot::Mutex;
use radius_server::journal::{JournalError, OwnedRecord, Reader};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use self::accounting::CarryError;
use self::known::Known;
use self::pace::Pace;
use crate::app::intent::ProofTimes;
use crate::app::quota::touched::Touched;
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::cursor::{self, Stream};
use crate::store::refused::{self, RefusedRecord};

/// Records carried in one transaction at most.
const RECORDS_MAX: usize = 16_384;
/// Octets of records carried in one transaction at most.
const OCTETS_MAX: usize = 8 * 1_024 * 1_024;
/// How often the drain looks even when nothing woke it.
const TICK_MS: u64 = 1_000;
/// How long a drain that is not behind lets records gather.
const LINGER_MS: u64 = 100;

/// What one drain did so far.
#[derive(Debug, Default)]
pub struct DrainCounters {
    /// Records carried.
    pub records: AtomicU64,
    /// Records kept aside because nobody can read them or the database refuses them.
    pub poisoned: AtomicU64,
    /// Batches that failed and were, or will be, tried again.
    pub failures: AtomicU64,
    /// Intents proven by a session's end; accounting only.
    pub proofs: ProofTimes,
    /// Whether the last batch was a full one, so that more are waiting.
    pub behind: AtomicBool,
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

/// A record that could not become a row, and why.
#[derive(Debug, Clone)]
pub struct Aside {
    /// Its number.
    seq: u64,
    /// Its octets.
    payload: Box<[u8]>,
    /// Why.
    reason: String,
}

impl Aside {
    /// Takes a record aside.
    fn of(record: &OwnedRecord, reason: String) -> Self {
        Self {
            seq: record.seq,
            payload: record.payload.clone(),
            reason,
        }
    }
}

/// A batch that was read and needs only the database.
struct Batch {
    /// The first record behind it.
    next: u64,
    /// Records in it.
    count: usize,
    /// The only record, if there is but one: it may have to be kept aside.
    only: Option<OwnedRecord>,
    /// What to do.
    work: Work,
}

/// What a batch asks for.
enum Work {
    /// Of the accounting journal.
    Accounting(accounting::Plan),
    /// Of the decision journal.
    Decisions(decisions::Plan),
}

impl Work {
    /// Records in it that nobody can read.
    fn unreadable(&self) -> &[Aside] {
        match self {
            Self::Accounting(plan) => &plan.unreadable,
            Self::Decisions(plan) => &plan.unreadable,
        }
    }
}

/// A batch that a thread is reading and planning.
type Reading = JoinHandle<Result<Option<Batch>, JournalError>>;

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
    /// The same for now: less after a batch was refused, until the record that is to blame is found.
    records_now: usize,
    /// Whether to expect that what looks new is there already: after a batch was refused, until one as large goes through.
    careful: bool,
    /// What is known of sessions; planning reads it, committing writes it.
    known: Arc<Mutex<Known>>,
    /// The next batch, being planned while the one before it is carried, and where it begins.
    ahead: Option<(u64, Reading)>,
    /// Who is told whose usage was carried.
    touched: Option<Arc<Touched>>,
    /// How fast it may go; `None`: as fast as it can.
    pace: Option<Pace>,
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
            records_now: RECORDS_MAX,
            careful: false,
            known: Arc::default(),
            ahead: None,
            touched: None,
            pace: None,
            counters,
        }
    }

    /// The same with smaller batches; what comes out does not depend on how the journal is cut.
    #[must_use]
    pub fn in_batches_of(self, records_max: usize) -> Self {
        Self {
            records_max,
            records_now: records_max,
            ..self
        }
    }

    /// The same with a memory for so many sessions; what comes out does not depend on that either.
    #[must_use]
    pub fn remembering(self, sessions_max: usize) -> Self {
        Self {
            known: Arc::new(Mutex::new(Known::of(sessions_max))),
            ..self
        }
    }

    /// The same, telling whose usage was carried.
    #[must_use]
    pub fn noting(self, touched: Arc<Touched>) -> Self {
        Self {
            touched: Some(touched),
            ..self
        }
    }

    /// The same at a pace; batches are cut so that none is a burst.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        let records_max = self.records_max.min(pace.burst());
        Self {
            pace: Some(pace),
            ..self.in_batches_of(records_max)
        }
    }

    /// Carries batches until the journal is empty; how many records that were.
    ///
    /// # Errors
    /// [`DrainError`]; calling again goes on where it stopped.
    pub async fn carry_all(&mut self) -> Result<u64, DrainError> {
        let mut carried = 0;
        while let Some(count) = self.carry_batch().await? {
            carried += count;
        }
        Ok(carried)
    }

    /// Carries until told to stop; what is left then stays in the journal for the next start.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let awake = Arc::new(Notify::new());
        let bell = Arc::clone(&awake);
        self.reader.on_commit(Box::new(move |_| bell.notify_one()));
        let mut backoff = Backoff::default();
        loop {
            let wait = match self.carry_paced(&mut shutdown).await {
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
            let woken = async {
                awake.notified().await;
                tokio::time::sleep(Duration::from_millis(LINGER_MS)).await;
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = woken, if !backoff.is_waiting() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Carries batches, each when its time has come, until the journal is empty or the program ends; how many records
    /// that were. A batch that has begun is finished.
    async fn carry_paced(&mut self, shutdown: &mut watch::Receiver<bool>) -> Result<u64, DrainError> {
        let mut carried = 0;
        loop {
            if let Some(pace) = &mut self.pace {
                tokio::select! {
                    _ = shutdown.wait_for(|stop| *stop) => return Ok(carried),
                    () = pace.wait() => {}
                }
            }
            if *shutdown.borrow() {
                return Ok(carried);
            }
            let Some(count) = self.carry_batch().await? else {
                return Ok(carried);
            };
            if let Some(pace) = &mut self.pace {
                pace.spent(count);
            }
            carried += count;
            // Less than a full batch: whatever came meanwhile may gather.
            if !self.counters.behind.load(Ordering::Relaxed) {
                return Ok(carried);
            }
        }
    }

    /// Carries one batch; how many records are in the database for it, `None` when there was none to carry.
    async fn carry_batch(&mut self) -> Result<Option<u64>, DrainError> {
        let from = match self.next_seq {
            Some(seq) => seq,
            None => self.cursor_find().await?,
        };
        let limit = self.records_now;
        let Some(batch) = self.batch(from, limit).await? else {
            self.counters.behind.store(false, Ordering::Relaxed);
            if let Some(next) = self.next_seq {
                // An idle journal, too, learns after a start how far the database is, and deletes what is old.
                self.release(next).await;
            }
            return Ok(None);
        };
        let behind = batch.next < self.reader.committed_seq() && batch.count >= limit / 2;
        self.counters.behind.store(behind, Ordering::Relaxed);
        if behind && limit == self.records_max {
            self.ahead = Some((batch.next, self.read(batch.next, limit)));
        }
        match self.write(&batch).await {
            Ok(()) => {}
            Err(CarryError::Moved) => {
                // Every row as a new one, then: the next try plans with nothing known.
                debug!("sessions are not where they were; carrying the batch as if none were known");
                self.forget();
                self.counters.behind.store(true, Ordering::Relaxed);
                return Ok(Some(0));
            }
            Err(CarryError::Database(error)) if !is_about_content(&error) => {
                self.forget();
                return Err(self.database(error));
            }
            Err(CarryError::Database(error)) => {
                self.forget();
                match batch.only {
                    _ if !std::mem::replace(&mut self.careful, true) => {
                        debug!(stream = self.stream.name(), error = %Causes(&error), "a batch is refused; trying again, carefully");
                        self.counters.behind.store(true, Ordering::Relaxed);
                        return Ok(Some(0));
                    }
                    None => {
                        warn!(stream = self.stream.name(), records = batch.count, error = %Causes(&error), "a batch is refused; looking for the record that is to blame");
                        self.records_now = (batch.count / 2).max(1);
                        self.counters.behind.store(true, Ordering::Relaxed);
                        return Ok(Some(0));
                    }
                    Some(record) => self.set_aside(record, batch.next, &error).await?,
                }
            }
        }
        Ok(Some(self.carried(batch.next, batch.count).await))
    }

    /// Notes that a batch is in the database.
    async fn carried(&mut self, next: u64, count: usize) -> u64 {
        self.records_now = self.records_now.saturating_mul(2).min(self.records_max);
        self.careful &= self.records_now < self.records_max;
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
        count
    }

    /// Forgets what was planned and what is known, after a transaction that did not end well.
    fn forget(&mut self) {
        self.ahead = None;
        self.known.lock().clear();
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

    /// The batch that begins there: planned already, or now.
    async fn batch(&mut self, from: u64, limit: usize) -> Result<Option<Batch>, DrainError> {
        let reading = match self.ahead.take() {
            Some((begins, reading)) if begins == from => reading,
            _ => self.read(from, limit),
        };
        let stream = self.stream.name();
        let read = reading
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
                Ok(None)
            }
            other => other.map_err(|source| DrainError::Journal { stream, source }),
        }
    }

    /// Begins to read and plan a batch, away from the async threads.
    fn read(&self, from: u64, limit: usize) -> Reading {
        let (reader, stream, known) = (self.reader.clone(), self.stream, Arc::clone(&self.known));
        let noting = self.touched.as_ref().is_some_and(|touched| touched.is_watching());
        tokio::task::spawn_blocking(move || {
            let mut records = reader.read_from(from, limit, OCTETS_MAX)?;
            let Some(last) = records.last() else {
                return Ok(None);
            };
            let (next, count) = (last.seq + 1, records.len());
            let work = match stream {
                Stream::Accounting => Work::Accounting(accounting::plan(&records, &mut known.lock(), noting)),
                Stream::Decisions => Work::Decisions(decisions::plan(&records)),
            };
            let only = records.pop().filter(|_| count == 1);
            Ok(Some(Batch {
                next,
                count,
                only,
                work,
            }))
        })
    }

    /// Writes a batch and the cursor in one transaction.
    async fn write(&self, batch: &Batch) -> Result<(), CarryError> {
        let mut tx = self.db.begin(&OpContext::system("journal-drain")).await?;
        let carried = match &batch.work {
            Work::Accounting(plan) => Some(accounting::carry(&mut tx, plan, self.careful).await?),
            Work::Decisions(plan) => {
                decisions::carry(&mut tx, plan).await?;
                None
            }
        };
        self.keep(&mut tx, batch.work.unreadable(), None).await?;
        self.cursor_move(&mut tx, batch.next).await?;
        tx.commit().await.map_err(Error::from)?;
        let unreadable = u64::try_from(batch.work.unreadable().len()).unwrap_or(u64::MAX);
        self.counters.poisoned.fetch_add(unreadable, Ordering::Relaxed);
        if let Some(carried) = carried {
            for proof in &carried.proven {
                self.counters.proofs.add(proof);
            }
            carried.note(&mut self.known.lock());
        }
        if let (Work::Accounting(plan), Some(touched)) = (&batch.work, &self.touched) {
            touched.used(plan.subscribers.iter().copied());
        }
        Ok(())
    }

    /// Keeps one record aside whose content the database refuses, and moves the cursor past it.
    async fn set_aside(&self, record: OwnedRecord, next: u64, refused: &Error) -> Result<(), DrainError> {
        let aside = Aside::of(&record, causes_text(refused));
        let tenant = row::tenant(&record.payload).filter(|_| self.stream == Stream::Accounting);
        let mut tx = self.begin().await?;
        let kept = async {
            self.keep(&mut tx, &[aside], tenant).await?;
            self.cursor_move(&mut tx, next).await?;
            Ok(tx.commit().await?)
        };
        kept.await.map_err(|error| self.database(error))?;
        self.counters.poisoned.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps records aside, in the transaction that moves the cursor past them.
    async fn keep(&self, tx: &mut kernel::Tx, asides: &[Aside], tenant: Option<Uuid>) -> Result<(), Error> {
        if asides.is_empty() {
            return Ok(());
        }
        let stream = self.stream.name();
        for aside in asides {
            error!(
                stream,
                seq = aside.seq,
                error = aside.reason,
                "a journal record cannot become a row; it is kept in access.journal_refused"
            );
        }
        let records: Vec<_> = asides
            .iter()
            .map(|aside| RefusedRecord {
                seq: i64::try_from(aside.seq).unwrap_or(i64::MAX),
                tenant,
                payload: &aside.payload,
                reason: &aside.reason,
            })
            .collect();
        if !refused::refused_insert(tx, self.node, self.stream, &records).await? {
            error!(
                stream,
                "access.journal_refused is full; records are passed over without being kept"
            );
        }
        Ok(())
    }

    /// Moves the cursor.
    async fn cursor_move(&self, tx: &mut kernel::Tx, next: u64) -> Result<(), Error> {
        let next = i64::try_from(next).unwrap_or(i64::MAX);
        cursor::cursor_put(tx, self.node, self.stream, next).await
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

/// An error with all that led to it, as text without what PostgreSQL's text does not hold.
fn causes_text(error: &(dyn std::error::Error + 'static)) -> String {
    row::clean(&Causes(error).to_string()).into_owned()
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
