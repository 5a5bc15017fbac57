//! Schedules: jobs that are made again and again, and the deletion of those that ended long ago.
//! Never makes one twice for the same moment, whoever else runs: the moment is moved in the transaction that makes the job.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::cron::Cron;
use super::job::NewJob;
use super::{Jobs, store};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::op::OpContext;

/// How often schedules are looked at.
const LOOK_WAIT: Duration = Duration::from_secs(10);
/// How often ended jobs are deleted, in looks.
const TRIM_EVERY: u32 = 60;
/// How long a job that is done is kept.
pub const DONE_DAYS: i32 = 7;
/// How long a job that was given up is kept.
pub const DEAD_DAYS: i32 = 30;
/// Most jobs deleted in one transaction.
const TRIM_MAX: i64 = 10_000;
/// Moments that are made up for at most, where all are.
pub const MISSED_MAX: usize = 100;

/// What happens to moments at which no server ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// One run makes up for all of them; right for what looks at how things are.
    Once,
    /// They are passed over.
    Skip,
    /// Each is made up for, in order, as far as [`MISSED_MAX`]; right for what is about a stretch of time.
    All,
}

/// Something done again and again by the platform itself.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name; never two.
    pub name: &'static str,
    /// When.
    pub cron: Cron,
    /// What happens to missed moments.
    pub missed: Missed,
    /// Which worker does it. The job's data says for which moment: `{"due_unix_s": …}`.
    pub kind: &'static str,
}

/// Makes jobs as they fall due and deletes old ones, until told to stop.
pub(super) async fn run(
    db: Database,
    schedules: Vec<Schedule>,
    jobs: Jobs,
    mut stopping: watch::Receiver<bool>,
) {
    let mut looks: u32 = 0;
    loop {
        for schedule in &schedules {
            match fall_due(&db, schedule, OffsetDateTime::now_utc()).await {
                Ok(0) => {}
                Ok(_) => jobs.wake(),
                Err(error) => {
                    tracing::debug!(schedule = schedule.name, %error, "a schedule cannot be looked at now")
                }
            }
        }
        if looks.is_multiple_of(TRIM_EVERY)
            && let Err(error) = trim(&db).await
        {
            tracing::debug!(%error, "ended jobs cannot be deleted now");
        }
        looks = looks.wrapping_add(1);
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK_WAIT) => {}
        }
    }
}

/// Makes the jobs of a schedule that are due; how many. The first time ever it only notes when the first one will be.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn fall_due(db: &Database, schedule: &Schedule, now: OffsetDateTime) -> Result<usize, Error> {
    let op = OpContext::system("schedule");
    let Some(first) = schedule.cron.next_after(now) else {
        return Ok(0);
    };
    let mut tx = db.begin(&op).await?;
    sqlx::query!(
        "INSERT INTO kernel.job_schedules (name, next_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        schedule.name,
        first,
    )
    .execute(&mut *tx)
    .await?;
    let next = sqlx::query_scalar!(
        "SELECT next_at FROM kernel.job_schedules WHERE name = $1 AND next_at <= $2 FOR UPDATE SKIP LOCKED",
        schedule.name,
        now,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(next) = next else {
        tx.commit().await?;
        return Ok(0);
    };
    let moments = due(schedule, next, now);
    for moment in &moments {
        make_in_tx(&mut tx, &op, schedule, *moment).await?;
    }
    sqlx::query!(
        "UPDATE kernel.job_schedules SET next_at = $2, last_at = $3 WHERE name = $1",
        schedule.name,
        first,
        moments.last().copied().unwrap_or(next),
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(moments.len())
}

/// The moments to make jobs for: those from `next` to `now`, as the schedule treats the missed ones. The last one is not missed
/// as long as it is within two looks.
fn due(schedule: &Schedule, next: OffsetDateTime, now: OffsetDateTime) -> Vec<OffsetDateTime> {
    let mut all = vec![next];
    while let Some(moment) = all
        .last()
        .and_then(|last| schedule.cron.next_after(*last))
        .filter(|moment| *moment <= now)
    {
        if all.len() == MISSED_MAX {
            all.remove(0);
        }
        all.push(moment);
    }
    let last = all.last().copied();
    match schedule.missed {
        Missed::All => all,
        Missed::Once => last.into_iter().collect(),
        Missed::Skip => last
            .into_iter()
            .filter(|last| now - *last <= 2 * LOOK_WAIT)
            .collect(),
    }
}

/// Makes one.
async fn make_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    schedule: &Schedule,
    due: OffsetDateTime,
) -> Result<(), Error> {
    let job = NewJob {
        lane: Some(format!("schedule {}", schedule.name)),
        ..NewJob::new(schedule.kind, json!({ "due_unix_s": due.unix_timestamp() }))
    };
    store::enqueue(tx, op, job).await.map(drop)
}

/// Deletes jobs that ended long ago; how many.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn trim(db: &Database) -> Result<u64, Error> {
    let op = OpContext::system("jobs");
    let mut deleted = 0;
    loop {
        let mut tx = db.begin(&op).await?;
        let some = store::job_trim_in_tx(&mut tx, DONE_DAYS, DEAD_DAYS, TRIM_MAX).await?;
        tx.commit().await?;
        deleted += some;
        if some < TRIM_MAX.unsigned_abs() {
            return Ok(deleted);
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn hourly(missed: Missed) -> Schedule {
        Schedule {
            name: "test",
            cron: "0 * * * *".parse().expect("an expression"),
            missed,
            kind: "test",
        }
    }

    #[test]
    fn missed_moments_are_treated_as_the_schedule_says() {
        let (next, now) = (datetime!(2026-01-01 01:00 UTC), datetime!(2026-01-01 04:30 UTC));
        assert_eq!(due(&hourly(Missed::All), next, now).len(), 4);
        assert_eq!(
            due(&hourly(Missed::Once), next, now),
            [datetime!(2026-01-01 04:00 UTC)]
        );
        assert!(due(&hourly(Missed::Skip), next, now).is_empty());
        let in_time = datetime!(2026-01-01 04:00:07 UTC);
        assert_eq!(
            due(&hourly(Missed::Skip), next, in_time),
            [datetime!(2026-01-01 04:00 UTC)]
        );
    }

    #[test]
    fn after_a_very_long_time_only_the_last_moments_are_made_up_for() {
        let (next, now) = (datetime!(2026-01-01 01:00 UTC), datetime!(2027-01-01 00:59 UTC));
        let all = due(&hourly(Missed::All), next, now);
        assert_eq!(
            (all.len(), all.last()),
            (MISSED_MAX, Some(&datetime!(2027-01-01 00:00 UTC)))
        );
    }
}
