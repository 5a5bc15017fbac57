//! Consumers: parts of the program that do something about what happened, in order, exactly once in the database.
//! Never lose an event to a crash: what a consumer writes and how far it has come are one transaction, so a crash undoes both
//! or neither. What reaches outside the database happens at least once; the event's id tells the other side.
//!
//! An event that a consumer cannot take is tried [`TRIES_IN_PLACE`] times and then parked, and with it whatever happens
//! to the same subject until it is taken: the others go on. Parked ones are tried again, ever more rarely, until they are
//! taken or deleted with the log's end (`super::keep`). Several servers take turns.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::event::Logged;
use super::store::{Filter, event_fetch_in_tx, event_list_after_in_tx, head_fetch_in_tx};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::op::OpContext;

/// What [`Consumer::handle`] answers.
pub type Handling<'a> = BoxFuture<'a, Result<(), Error>>;

/// A part of the program that does something about what happened.
pub trait Consumer: Send + Sync + 'static {
    /// Its name, under which its position is kept. It begins with what happens after it was first started.
    fn name(&self) -> &'static str;

    /// Whether it does anything about this kind.
    fn wants(&self, kind: &str) -> bool;

    /// Does it, in a transaction that sees the event's partner only (the platform, when it is its own). What is written there
    /// and the position are committed together. Never wait for anything outside the database here: write down that it has to
    /// be done, and do it after [`committed`](Self::committed).
    fn handle<'a>(&'a self, tx: &'a mut Tx, op: &'a OpContext, event: &'a Logged) -> Handling<'a>;

    /// Told after each commit in which something was handled.
    fn committed(&self) {}
}

/// How often an event is tried before it is parked.
pub const TRIES_IN_PLACE: u32 = 3;
/// Most events handled in one transaction.
const EVENTS_MAX: i64 = 200;
/// Parked events looked at in one turn.
const PARKED_MAX: i64 = 20;
/// How often a consumer looks without the log having moved.
const TICK: Duration = Duration::from_secs(5);
/// The wait after the first failure.
const RETRY_MS_MIN: u64 = 200;
/// The longest wait after a failure in place.
const RETRY_MS_MAX: u64 = 5_000;
/// The longest wait between two tries of a parked event, in seconds.
const PARKED_WAIT_S_MAX: i32 = 300;

/// What one turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There was nothing, or another server is at it.
    Idle,
    /// There may be more.
    More,
}

/// Hands the log to a consumer until told to stop.
pub(super) async fn run(
    db: Database,
    consumer: Arc<dyn Consumer>,
    mut head: watch::Receiver<i64>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut pump = Pump::new(db, consumer);
    loop {
        let wait = match pump.turn().await {
            Ok(Turn::More) => Duration::ZERO,
            Ok(Turn::Idle) => TICK,
            Err(wait) => wait,
        };
        let failed = pump.failures > 0;
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait) => {}
            // After a failure news do not shorten the wait.
            Ok(()) = head.changed(), if !failed => {}
        }
    }
}

/// Hands over everything the log has, once; for tests and tools.
///
/// # Errors
/// What the consumer says, or the database.
pub async fn drain(db: &Database, consumer: Arc<dyn Consumer>) -> Result<(), Error> {
    let mut pump = Pump::new(db.clone(), consumer);
    pump.register().await?;
    while pump.step().await? == Turn::More {}
    Ok(())
}

/// One consumer at work.
struct Pump {
    /// The database.
    db: Database,
    /// The consumer.
    consumer: Arc<dyn Consumer>,
    /// Whether its position is stored.
    registered: bool,
    /// Up to this position one event at a time: one of them cannot be taken.
    careful_until: i64,
    /// Failures in a row.
    failures: u32,
}

impl Pump {
    /// A consumer that has done nothing yet.
    fn new(db: Database, consumer: Arc<dyn Consumer>) -> Self {
        Self {
            db,
            consumer,
            registered: false,
            careful_until: 0,
            failures: 0,
        }
    }

    /// Takes a turn; on failure how long to wait.
    async fn turn(&mut self) -> Result<Turn, Duration> {
        let name = self.consumer.name();
        let done = match self.register().await {
            Ok(()) => self.step().await,
            Err(error) => Err(error),
        };
        match done {
            Ok(turn) => {
                if self.failures > 0 {
                    tracing::info!(consumer = name, "a consumer of events goes on");
                }
                self.failures = 0;
                Ok(turn)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures == 1 {
                    tracing::warn!(consumer = name, %error, "a consumer of events cannot go on now");
                }
                let wait = RETRY_MS_MIN << (self.failures - 1).min(10);
                Err(Duration::from_millis(wait.min(RETRY_MS_MAX)))
            }
        }
    }

    /// Stores where it begins, the first time it ever runs.
    async fn register(&mut self) -> Result<(), Error> {
        if self.registered {
            return Ok(());
        }
        let mut tx = self.db.begin(&self.op()).await?;
        let head = head_fetch_in_tx(&mut tx).await?;
        sqlx::query!(
            "INSERT INTO kernel.event_consumers (name, position) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            self.consumer.name(),
            head,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.registered = true;
        Ok(())
    }

    /// Handles what is next: parked events that are due, then new ones.
    async fn step(&mut self) -> Result<Turn, Error> {
        let retried = self.parked_retry().await?;
        let (mut tx, Some(position)) = self.begin().await? else {
            return Ok(Turn::Idle);
        };
        let careful = position < self.careful_until;
        let limit = if careful { 1 } else { EVENTS_MAX };
        let events = event_list_after_in_tx(&mut tx, &self.op(), position, &Filter::default(), limit).await?;
        let Some(last) = events.last() else {
            return Ok(if retried { Turn::More } else { Turn::Idle });
        };
        let parked = self.parked_subjects_in_tx(&mut tx).await?;
        let mut handled = false;
        for event in events.iter().filter(|event| self.consumer.wants(&event.kind)) {
            if parked.contains(&(event.subject_kind.clone(), event.subject_id.clone())) {
                park_in_tx(
                    &mut tx,
                    self.consumer.name(),
                    event,
                    0,
                    "waits behind an earlier event",
                )
                .await?;
                continue;
            }
            if let Err(error) = self.handle_in_tx(&mut tx, event).await {
                drop(tx);
                return self.failed(event, error, careful).await;
            }
            handled = true;
        }
        self.move_in_tx(&mut tx, last.position).await?;
        tx.commit().await?;
        if handled {
            self.consumer.committed();
        }
        let full = i64::try_from(events.len()).is_ok_and(|count| count == limit);
        Ok(if full || retried { Turn::More } else { Turn::Idle })
    }

    /// Looks for the event that cannot be taken, and parks it when it is found.
    async fn failed(&mut self, event: &Logged, error: Error, careful: bool) -> Result<Turn, Error> {
        if let Error::Unavailable { .. } = error {
            return Err(error); // not about this event
        }
        if !careful {
            self.careful_until = event.position;
            return Ok(Turn::More);
        }
        if self.failures + 1 < TRIES_IN_PLACE {
            return Err(error);
        }
        let text = causes(&error);
        tracing::error!(
            consumer = self.consumer.name(),
            kind = event.kind,
            subject = event.subject_id,
            error = text,
            "an event cannot be taken; it is parked with whatever happens to the same thing, and tried again"
        );
        let (mut tx, Some(position)) = self.begin().await? else {
            return Ok(Turn::Idle);
        };
        if position < event.position {
            park_in_tx(&mut tx, self.consumer.name(), event, 1, &text).await?;
            self.move_in_tx(&mut tx, event.position).await?;
            tx.commit().await?;
        }
        Ok(Turn::More)
    }

    /// Tries parked events that are due, the oldest of each subject; whether one was taken.
    async fn parked_retry(&mut self) -> Result<bool, Error> {
        let name = self.consumer.name();
        let mut tx = self.db.begin(&self.op()).await?;
        let due = sqlx::query!(
            "SELECT position, tries FROM kernel.event_parked parked
             WHERE consumer = $1 AND next_at <= now() AND NOT EXISTS (
                 SELECT FROM kernel.event_parked earlier WHERE earlier.consumer = $1 AND earlier.position < parked.position
                    AND earlier.subject_kind = parked.subject_kind AND earlier.subject_id = parked.subject_id)
             ORDER BY next_at LIMIT $2",
            name,
            PARKED_MAX,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut taken = false;
        for row in due {
            let (mut tx, Some(_)) = self.begin().await? else {
                return Ok(taken);
            };
            let still = sqlx::query_scalar!(
                r#"DELETE FROM kernel.event_parked WHERE consumer = $1 AND position = $2 RETURNING 1 AS "one!""#,
                name,
                row.position,
            )
            .fetch_optional(&mut *tx)
            .await?;
            let event = event_fetch_in_tx(&mut tx, &self.op(), row.position).await?;
            let (Some(_), Some(event)) = (still, event) else {
                continue;
            };
            match self.handle_in_tx(&mut tx, &event).await {
                Ok(()) => {
                    tx.commit().await?;
                    self.consumer.committed();
                    tracing::info!(
                        consumer = name,
                        kind = event.kind,
                        subject = event.subject_id,
                        "a parked event was taken"
                    );
                    taken = true;
                }
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    drop(tx);
                    self.parked_again(row.position, row.tries, &causes(&error))
                        .await?;
                }
            }
        }
        Ok(taken)
    }

    /// Notes that a parked event was tried in vain.
    async fn parked_again(&self, position: i64, tries: i32, error: &str) -> Result<(), Error> {
        let mut tx = self.db.begin(&self.op()).await?;
        let wait_s = 1_i32
            .checked_shl(tries.unsigned_abs().min(16))
            .unwrap_or(PARKED_WAIT_S_MAX);
        sqlx::query!(
            "UPDATE kernel.event_parked SET tries = tries + 1, error = $3, next_at = now() + make_interval(secs => $4::int)
             WHERE consumer = $1 AND position = $2",
            self.consumer.name(),
            position,
            error,
            wait_s.min(PARKED_WAIT_S_MAX),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Begins a turn: the transaction, and the consumer's position; none while another server has it.
    async fn begin(&self) -> Result<(Tx, Option<i64>), Error> {
        let mut tx = self.db.begin(&self.op()).await?;
        let position = sqlx::query_scalar!(
            "SELECT position FROM kernel.event_consumers WHERE name = $1 FOR UPDATE SKIP LOCKED",
            self.consumer.name(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        Ok((tx, position))
    }

    /// Lets the consumer do its work for one event, confined to the event's partner.
    async fn handle_in_tx(&self, tx: &mut Tx, event: &Logged) -> Result<(), Error> {
        let op = match event.partner {
            Some(partner) => self.op().in_partner(partner),
            None => self.op(),
        };
        confine(tx, &op).await?;
        self.consumer.handle(tx, &op, event).await?;
        confine(tx, &self.op()).await
    }

    /// The subjects of which an event is parked.
    async fn parked_subjects_in_tx(&self, tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
        let rows = sqlx::query!(
            "SELECT DISTINCT subject_kind, subject_id FROM kernel.event_parked WHERE consumer = $1",
            self.consumer.name(),
        )
        .fetch_all(&mut **tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.subject_kind, row.subject_id))
            .collect())
    }

    /// Moves the position.
    async fn move_in_tx(&self, tx: &mut Tx, position: i64) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE kernel.event_consumers SET position = $2, updated_at = now() WHERE name = $1",
            self.consumer.name(),
            position,
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The consumer as an actor.
    fn op(&self) -> OpContext {
        OpContext::system(self.consumer.name())
    }
}

/// Keeps an event for later.
async fn park_in_tx(
    tx: &mut Tx,
    consumer: &str,
    event: &Logged,
    tries: i32,
    error: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.event_parked (consumer, position, tenant_id, subject_kind, subject_id, tries, next_at, error)
         VALUES ($1, $2, $3, $4, $5, $6::int, now() + make_interval(secs => $6::int), $7)",
        consumer,
        event.position,
        event.partner.map(crate::id::PartnerId::as_uuid),
        event.subject_kind,
        event.subject_id,
        tries,
        error,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a transaction that was begun for the platform see what another operation may see, and back. A partner's id is a parsed
/// UUID, and both settings are always set.
async fn confine(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    let (partner, scope) = match op.partner {
        Some(partner) => (partner.to_string(), ""),
        None => (String::new(), "platform"),
    };
    sqlx::query!(
        r#"SELECT set_config('app.tenant_id', $1, true) AS partner, set_config('app.scope', $2, true) AS scope"#,
        partner,
        scope,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// An error with all that led to it, without the character that PostgreSQL's text does not hold.
fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.replace('\0', "")
}
