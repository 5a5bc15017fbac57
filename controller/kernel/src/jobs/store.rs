//! The SQL of the queue: in, claimed, prolonged, out.
//! Never lets two have a job: a claim is a fresh id, and only who holds it may prolong or end it.

use std::time::Duration;

use uuid::Uuid;

use super::job::{Job, NewJob};
use crate::database::Tx;
use crate::error::Error;
use crate::id::{JobId, PartnerId};
use crate::op::OpContext;

/// How long a claim holds without being prolonged.
pub const LEASE_S: i32 = 60;
/// How many jobs of one partner run at the same time on one server, so that one who hangs leaves room for others.
pub const RUNNING_OF_PARTNER_MAX: i64 = 8;
/// The longest error that is kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// Stores a job in the transaction of the act that wants it; `None` when there is an open one with its key.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`]; the act must then not commit.
pub async fn enqueue(tx: &mut Tx, op: &OpContext, job: NewJob) -> Result<Option<JobId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"INSERT INTO kernel.jobs (id, tenant_id, kind, lane, key, data, run_at)
           VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, now()))
           ON CONFLICT (kind, key) WHERE state IN ('waiting', 'running') AND key IS NOT NULL DO NOTHING
           RETURNING id AS "id: JobId""#,
        JobId::new().as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        job.kind,
        job.lane,
        job.key,
        job.data,
        job.run_at,
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Claims due jobs of these kinds, at most `limit`: the next of each partner, then the second of each, and so on. Of a lane
/// only the first open one.
pub(super) async fn job_claim_in_tx(tx: &mut Tx, kinds: &[String], limit: i64) -> Result<Vec<Job>, Error> {
    let claim = Uuid::now_v7();
    let rows = sqlx::query!(
        r#"WITH RECURSIVE partner AS (
               (SELECT coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') AS id FROM kernel.jobs
                 WHERE state = 'waiting' ORDER BY coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') LIMIT 1)
               UNION ALL
               SELECT (SELECT coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') FROM kernel.jobs
                        WHERE state = 'waiting'
                          AND coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') > partner.id
                        ORDER BY coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') LIMIT 1)
                 FROM partner WHERE partner.id IS NOT NULL),
           candidate AS (
               SELECT next.id, next.run_at,
                      row_number() OVER (PARTITION BY partner.id ORDER BY next.run_at, next.place)
                      + (SELECT count(*) FROM kernel.jobs busy WHERE busy.state = 'running'
                           AND coalesce(busy.tenant_id, '00000000-0000-0000-0000-000000000000') = partner.id) AS turn
                 FROM partner CROSS JOIN LATERAL (
                      SELECT id, run_at, place FROM kernel.jobs job
                       WHERE state = 'waiting' AND run_at <= now() AND kind = ANY ($1)
                         AND coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') = partner.id
                         AND NOT EXISTS (SELECT FROM kernel.jobs earlier WHERE earlier.lane = job.lane
                                            AND earlier.place < job.place AND earlier.state IN ('waiting', 'running'))
                       ORDER BY run_at LIMIT $2) next
                WHERE partner.id IS NOT NULL),
           chosen AS (
               SELECT id FROM kernel.jobs WHERE state = 'waiting' AND id IN (
                      SELECT id FROM candidate WHERE turn <= $3 ORDER BY turn, run_at LIMIT $2)
                  FOR UPDATE SKIP LOCKED)
           UPDATE kernel.jobs SET state = 'running', attempts = attempts + 1, claim = $4,
                  lease_until = now() + make_interval(secs => $5::int)
            WHERE id IN (SELECT id FROM chosen)
           RETURNING id AS "id: JobId", tenant_id AS "partner: PartnerId", kind, data, attempts"#,
        kinds,
        limit,
        RUNNING_OF_PARTNER_MAX,
        claim,
        LEASE_S,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Job {
            id: row.id,
            partner: row.partner,
            kind: row.kind,
            data: row.data,
            attempt: row.attempts.unsigned_abs(),
            claim,
        })
        .collect())
}

/// When the next waiting job is due, in seconds from now; `None` when nothing waits.
pub(super) async fn job_next_due_in_tx(tx: &mut Tx) -> Result<Option<f64>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM run_at - now())::float8 AS "wait!" FROM kernel.jobs
            WHERE state = 'waiting' ORDER BY run_at LIMIT 1"#
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Prolongs the claims that are still held.
pub(super) async fn job_prolong_in_tx(tx: &mut Tx, held: &[Job]) -> Result<(), Error> {
    let ids: Vec<Uuid> = held.iter().map(|job| job.id.as_uuid()).collect();
    let claims: Vec<Uuid> = held.iter().map(|job| job.claim).collect();
    sqlx::query!(
        "UPDATE kernel.jobs SET lease_until = now() + make_interval(secs => $3::int)
           FROM unnest($1::uuid[], $2::uuid[]) AS held (id, claim)
          WHERE jobs.id = held.id AND jobs.claim = held.claim AND state = 'running'",
        &ids,
        &claims,
        LEASE_S,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives back the jobs whose worker has not been heard of; how many.
pub(super) async fn job_reclaim_in_tx(tx: &mut Tx) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.jobs SET state = 'waiting', claim = NULL, lease_until = NULL, run_at = now(),
                error = 'the worker ended in the middle of it'
          WHERE id IN (SELECT id FROM kernel.jobs WHERE state = 'running' AND lease_until < now()
                        FOR UPDATE SKIP LOCKED)"
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Locks a job that is still ours.
pub(super) async fn job_hold_in_tx(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let found = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM kernel.jobs WHERE id = $1 AND claim = $2 AND state = 'running' FOR UPDATE"#,
        job.id.as_uuid(),
        job.claim,
    )
    .fetch_optional(&mut **tx)
    .await?;
    held(job, u64::from(found.is_some()))
}

/// Ends a job well.
pub(super) async fn job_finish_in_tx(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE kernel.jobs SET state = 'done', finished_at = now(), claim = NULL, lease_until = NULL, error = NULL
          WHERE id = $1 AND claim = $2 AND state = 'running'",
        job.id.as_uuid(),
        job.claim,
    )
    .execute(&mut **tx)
    .await?;
    held(job, done.rows_affected())
}

/// Puts a job back after a failed attempt, to be tried after `wait`.
pub(super) async fn job_retry_in_tx(
    tx: &mut Tx,
    job: &Job,
    error: &str,
    wait: Duration,
) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE kernel.jobs SET state = 'waiting', claim = NULL, lease_until = NULL, error = $3,
                run_at = now() + make_interval(secs => $4)
          WHERE id = $1 AND claim = $2 AND state = 'running'",
        job.id.as_uuid(),
        job.claim,
        shortened(error),
        wait.as_secs_f64(),
    )
    .execute(&mut **tx)
    .await?;
    held(job, done.rows_affected())
}

/// Ends a job badly.
pub(super) async fn job_bury_in_tx(tx: &mut Tx, job: &Job, error: &str) -> Result<(), Error> {
    let done = sqlx::query!(
        "UPDATE kernel.jobs SET state = 'dead', finished_at = now(), claim = NULL, lease_until = NULL, error = $3
          WHERE id = $1 AND claim = $2 AND state = 'running'",
        job.id.as_uuid(),
        job.claim,
        shortened(error),
    )
    .execute(&mut **tx)
    .await?;
    held(job, done.rows_affected())
}

/// Deletes jobs that ended long ago, at most `limit`; how many.
pub(super) async fn job_trim_in_tx(
    tx: &mut Tx,
    done_days: i32,
    dead_days: i32,
    limit: i64,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM kernel.jobs WHERE id IN (
             SELECT id FROM kernel.jobs
              WHERE state = 'done' AND finished_at < now() - make_interval(days => $1)
                 OR state = 'dead' AND finished_at < now() - make_interval(days => $2) LIMIT $3)",
        done_days,
        dead_days,
        limit,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Whether the claim was still ours.
fn held(job: &Job, rows: u64) -> Result<(), Error> {
    match rows {
        1 => Ok(()),
        _ => Err(Error::conflict(
            "job",
            format!(
                "somebody else has the job {} by now; this attempt took too long",
                job.id
            ),
        )),
    }
}

/// Keeps an error within its bound and free of the one character PostgreSQL refuses.
fn shortened(error: &str) -> String {
    error
        .chars()
        .filter(|character| *character != '\0')
        .take(ERROR_CHARS_MAX)
        .collect()
}
