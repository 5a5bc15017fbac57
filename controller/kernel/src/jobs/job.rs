//! One job: as it is wanted, as a worker gets it, and what the worker answers.
//! Never holds a secret: its data is read by whoever may list jobs.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::Tx;
use crate::error::Error;
use crate::id::{JobId, PartnerId};
use crate::op::OpContext;

/// The first wait after a failed attempt.
const RETRY_S_MIN: u64 = 5;
/// The longest wait after a failed attempt.
const RETRY_S_MAX: u64 = 4 * 60 * 60;

/// A job that is wanted. Whose it is comes from the operation.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Which worker does it.
    pub kind: &'static str,
    /// What the worker has to know.
    pub data: Value,
    /// Of one lane one at a time, in the order they were made.
    pub lane: Option<String>,
    /// Of one key there is one open job at most; another one is not made.
    pub key: Option<String>,
    /// Not before.
    pub run_at: Option<OffsetDateTime>,
}

impl NewJob {
    /// To be done by this worker as soon as it can.
    #[must_use]
    pub const fn new(kind: &'static str, data: Value) -> Self {
        Self {
            kind,
            data,
            lane: None,
            key: None,
            run_at: None,
        }
    }
}

/// A job under way.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which.
    pub id: JobId,
    /// Whose; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// Which worker does it.
    pub kind: String,
    /// What the worker has to know.
    pub data: Value,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The right to say that it is done.
    pub(super) claim: Uuid,
}

impl Job {
    /// Says within the worker's own transaction that the job is done: both are committed, or neither. Answer
    /// [`Done::Committed`] then.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else has the job by now; the transaction must not commit.
    pub async fn finish_in_tx(&self, tx: &mut Tx) -> Result<(), Error> {
        super::store::job_finish_in_tx(tx, self).await
    }

    /// Makes sure within the worker's own transaction that nobody else gets the job before that ends.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else has it by now; the transaction must not commit.
    pub async fn hold_in_tx(&self, tx: &mut Tx) -> Result<(), Error> {
        super::store::job_hold_in_tx(tx, self).await
    }
}

/// A job that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The worker has said so in its transaction.
    Committed,
    /// There was nothing to write; the runner says so.
    Note,
}

/// An attempt that failed.
#[derive(Debug)]
pub struct Failed {
    /// What was seen, for people; without secrets.
    pub error: String,
    /// When to try again: as the worker's kind has it, or after this.
    pub after: Option<Duration>,
    /// There is no use in trying again.
    pub for_good: bool,
}

impl Failed {
    /// Worth another attempt.
    pub fn again(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            after: None,
            for_good: false,
        }
    }

    /// Not worth another attempt.
    pub fn for_good(error: impl Into<String>) -> Self {
        Self {
            for_good: true,
            ..Self::again(error)
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::again(error.to_string())
    }
}

/// What [`Worker::work`] answers.
pub type Working<'a> = BoxFuture<'a, Result<Done, Failed>>;

/// Does the jobs of one kind.
pub trait Worker: Send + Sync + 'static {
    /// Which.
    fn kind(&self) -> &'static str;

    /// How often an attempt is begun before a job is dead.
    fn attempts_max(&self) -> u32 {
        10
    }

    /// How long one attempt may take. It is cut off then, and counts as failed.
    fn time_max(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// How long to wait after the n-th failed attempt; doubles from five seconds to four hours unless said otherwise. The
    /// runner adds up to a fifth, so that what failed together is not tried together.
    fn wait(&self, attempt: u32) -> Duration {
        let doubled = RETRY_S_MIN.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        Duration::from_secs(doubled.min(RETRY_S_MAX))
    }

    /// Does it. `op` is of the job's partner.
    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a>;

    /// Told within the transaction that makes a job dead, so that what waits for it can be told.
    fn dead<'a>(
        &'a self,
        tx: &'a mut Tx,
        op: &'a OpContext,
        job: &'a Job,
        error: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _nothing = (tx, op, job, error);
        Box::pin(async { Ok(()) })
    }
}
