//! The runner: claims jobs, runs them side by side, and keeps their claims alive while they run.
//! Never holds a transaction open while a worker works, and never believes that an attempt ended because it should have.
//!
//! A server that is killed stops prolonging its claims; another one, or the same after its start, takes the jobs up when the
//! lease is over. Several servers share the queue without knowing of each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::job::{Done, Failed, Job, Worker};
use super::store;
use crate::database::Database;
use crate::error::Error;
use crate::op::OpContext;

/// Jobs that one server runs at the same time.
pub const RUNNING_MAX: usize = 32;
/// How often the queue is looked at without anybody saying that there is something.
const LOOK_WAIT_MAX: Duration = Duration::from_secs(2);
/// How often claims are prolonged, and those of others looked at.
const PROLONG_WAIT: Duration = Duration::from_secs(15);
/// How long jobs under way may take when the server stops.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);
/// How long the end of an attempt is tried to be noted while the database is away, and the wait between two tries.
const NOTE_TRIES_MAX: u32 = 30;
/// See [`NOTE_TRIES_MAX`].
const NOTE_WAIT: Duration = Duration::from_secs(1);

/// Runs jobs until told to stop.
pub(super) async fn run(
    db: Database,
    workers: Vec<Arc<dyn Worker>>,
    awake: Arc<Notify>,
    mut stopping: watch::Receiver<bool>,
) {
    let workers: BTreeMap<&'static str, Arc<dyn Worker>> = workers
        .into_iter()
        .map(|worker| (worker.kind(), worker))
        .collect();
    let mut runner = Runner {
        kinds: workers.keys().map(|kind| (*kind).to_owned()).collect(),
        db,
        workers,
        running: JoinSet::new(),
        held: BTreeMap::new(),
        failing: false,
    };
    let mut prolong = tokio::time::interval(PROLONG_WAIT);
    prolong.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let wait = runner.claim().await;
        tokio::select! {
            () = told(&mut stopping) => break,
            () = awake.notified() => {}
            Some(ended) = runner.running.join_next_with_id() => runner.ended(ended),
            _ = prolong.tick() => runner.prolong().await,
            () = tokio::time::sleep(wait) => {}
        }
    }
    // What does not end now is done again by whoever comes next.
    let all = async { while runner.running.join_next().await.is_some() {} };
    drop(timeout(STOP_WAIT_MAX, all).await);
}

/// Waits until told to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Runs every job that is due now, one after another, until none is; for tests and tools. How many attempts there were.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn run_due(db: &Database, workers: &[Arc<dyn Worker>]) -> Result<usize, Error> {
    let kinds: Vec<String> = workers.iter().map(|worker| worker.kind().to_owned()).collect();
    let mut attempts = 0;
    loop {
        let mut tx = db.begin(&OpContext::system("jobs")).await?;
        let jobs = store::job_claim_in_tx(&mut tx, &kinds, 1).await?;
        tx.commit().await?;
        let Some(job) = jobs.into_iter().next() else {
            return Ok(attempts);
        };
        attempts += 1;
        if let Some(worker) = workers.iter().find(|worker| worker.kind() == job.kind) {
            attempt(db, worker.as_ref(), &job).await;
        }
    }
}

/// The queue at work on one server.
struct Runner {
    /// Where the queue is.
    db: Database,
    /// Who does what.
    workers: BTreeMap<&'static str, Arc<dyn Worker>>,
    /// The names of these.
    kinds: Vec<String>,
    /// What is under way.
    running: JoinSet<()>,
    /// Its claims.
    held: BTreeMap<tokio::task::Id, Job>,
    /// Whether the last look failed.
    failing: bool,
}

impl Runner {
    /// Claims as many jobs as there is room for and starts them; how long to wait before the next look.
    async fn claim(&mut self) -> Duration {
        let room = RUNNING_MAX.saturating_sub(self.running.len());
        if room == 0 || self.kinds.is_empty() {
            return LOOK_WAIT_MAX;
        }
        match self.claim_some(room).await {
            Ok(wait) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("jobs are done again");
                }
                wait
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "jobs cannot be claimed now; they wait");
                }
                LOOK_WAIT_MAX
            }
        }
    }

    /// The same.
    async fn claim_some(&mut self, room: usize) -> Result<Duration, Error> {
        let mut tx = self.db.begin(&OpContext::system("jobs")).await?;
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        let jobs = store::job_claim_in_tx(&mut tx, &self.kinds, limit).await?;
        let next_due_s = store::job_next_due_in_tx(&mut tx).await?;
        tx.commit().await?;
        let found = !jobs.is_empty();
        for job in jobs {
            let Some(worker) = self.workers.get(job.kind.as_str()).cloned() else {
                continue; // only kinds of ours are claimed
            };
            let (db, under_way) = (self.db.clone(), job.clone());
            let task = self
                .running
                .spawn(async move { attempt(&db, worker.as_ref(), &under_way).await });
            self.held.insert(task.id(), job);
        }
        if found && self.running.len() < RUNNING_MAX {
            return Ok(Duration::from_millis(1)); // there may be more
        }
        // What is due and was not taken waits for its lane or for another of its partner: the end of that wakes us.
        let wait = next_due_s
            .filter(|wait| *wait > 0.0)
            .and_then(|wait| Duration::try_from_secs_f64(wait).ok());
        Ok(wait.unwrap_or(LOOK_WAIT_MAX).min(LOOK_WAIT_MAX))
    }

    /// Forgets an attempt that ended.
    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "a job's worker panicked; the job is tried again when its lease is over");
                error.id()
            }
        };
        self.held.remove(&id);
    }

    /// Keeps our claims alive, and gives back those of servers that do not.
    async fn prolong(&mut self) {
        let held: Vec<Job> = self.held.values().cloned().collect();
        let done: Result<u64, Error> = async {
            let mut tx = self.db.begin(&OpContext::system("jobs")).await?;
            store::job_prolong_in_tx(&mut tx, &held).await?;
            let back = store::job_reclaim_in_tx(&mut tx).await?;
            tx.commit().await?;
            Ok(back)
        }
        .await;
        match done {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(jobs, "jobs whose worker ended in the middle are done again"),
            Err(error) => tracing::debug!(%error, "claims of jobs cannot be prolonged now"),
        }
    }
}

/// One attempt, and the note of how it ended.
async fn attempt(db: &Database, worker: &dyn Worker, job: &Job) {
    let op = match job.partner {
        Some(partner) => OpContext::system("jobs").in_partner(partner),
        None => OpContext::system("jobs"),
    };
    if job.attempt > worker.attempts_max() {
        // Its server ended in the middle of the last one each time: perhaps because of it.
        let failed = Failed::for_good("the worker ended in the middle of every attempt");
        return ended_note(db, &op, worker, job, Some(&failed)).await;
    }
    let failed = match timeout(worker.time_max(), worker.work(&op, job)).await {
        Ok(Ok(Done::Committed)) => return,
        Ok(Ok(Done::Note)) => None,
        Ok(Err(failed)) => Some(failed),
        Err(_) => Some(Failed::again(format!("took longer than {:?}", worker.time_max()))),
    };
    ended_note(db, &op, worker, job, failed.as_ref()).await;
}

/// Notes how an attempt ended, also when the database is away for a while.
async fn ended_note(db: &Database, op: &OpContext, worker: &dyn Worker, job: &Job, failed: Option<&Failed>) {
    for _ in 0..NOTE_TRIES_MAX {
        match note(db, op, worker, job, failed).await {
            Ok(()) => return,
            Err(Error::Unavailable { .. }) => tokio::time::sleep(NOTE_WAIT).await,
            Err(error) => {
                tracing::warn!(job = %job.id, kind = job.kind, %error, "the end of an attempt is not noted");
                return;
            }
        }
    }
}

/// Notes how an attempt ended.
async fn note(
    db: &Database,
    op: &OpContext,
    worker: &dyn Worker,
    job: &Job,
    failed: Option<&Failed>,
) -> Result<(), Error> {
    let mut tx = db.begin(op).await?;
    match failed {
        None => store::job_finish_in_tx(&mut tx, job).await?,
        Some(failed) if failed.for_good || job.attempt >= worker.attempts_max() => {
            tracing::warn!(job = %job.id, kind = job.kind, attempts = job.attempt, error = failed.error, "a job is given up");
            store::job_bury_in_tx(&mut tx, job, &failed.error).await?;
            worker.dead(&mut tx, op, job, &failed.error).await?;
        }
        Some(failed) => {
            let wait = failed.after.unwrap_or_else(|| worker.wait(job.attempt));
            store::job_retry_in_tx(&mut tx, job, &failed.error, spread(job, wait)).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// A wait with up to a fifth more, by the job's random id: what failed together is not tried together.
fn spread(job: &Job, wait: Duration) -> Duration {
    let octets = job.id.as_uuid().into_bytes();
    let share = f64::from(octets[15] ^ octets[14].wrapping_mul(u8::try_from(job.attempt % 256).unwrap_or(1)));
    wait.mul_f64(1.0 + share / 255.0 / 5.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::id::JobId;

    #[test]
    fn a_wait_is_spread_by_a_fifth_at_most() {
        let mut waits = std::collections::BTreeSet::new();
        for attempt in 1..200 {
            let job = Job {
                id: JobId::new(),
                partner: None,
                kind: "x".into(),
                data: json!({}),
                attempt,
                claim: Uuid::nil(),
            };
            let wait = spread(&job, Duration::from_secs(10));
            assert!(
                (Duration::from_secs(10)..=Duration::from_secs(12)).contains(&wait),
                "{wait:?}"
            );
            waits.insert(wait);
        }
        assert!(waits.len() > 50, "waits are spread");
    }
}
