//! Jobs for people: what waits, what runs, what was given up, and once more.
//! Never shows a partner another's.

use serde_json::Value;
use time::OffsetDateTime;

use super::Jobs;
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::{JobId, PartnerId};
use crate::op::OpContext;

/// A job as people see it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Which.
    pub id: JobId,
    /// Whose; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// Which worker does it.
    pub kind: String,
    /// Of one lane one at a time.
    pub lane: Option<String>,
    /// What the worker has to know.
    pub data: Value,
    /// `waiting`, `running`, `done` or `dead`.
    pub state: String,
    /// Not before.
    pub run_at: OffsetDateTime,
    /// Begun so far.
    pub attempts: i32,
    /// What the last attempt said.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
}

/// Which jobs to show; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<String>,
    /// Of this worker.
    pub kind: Option<String>,
}

impl Jobs {
    /// Lists jobs, newest first, with the number of all that match. A platform operation sees those of every partner.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn job_list(
        &self,
        op: &OpContext,
        filter: &Filter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Shown>, i64), Error> {
        let partner = op.partner.map(PartnerId::as_uuid);
        let mut tx = self.db.begin(op).await?;
        let rows = sqlx::query_as!(
            Shown,
            r#"SELECT id AS "id: JobId", tenant_id AS "partner: PartnerId", kind, lane, data, state, run_at, attempts,
                      error, created_at, finished_at
               FROM kernel.jobs WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR state = $2)
                AND ($3::text IS NULL OR kind = $3) ORDER BY id DESC LIMIT $4 OFFSET $5"#,
            partner,
            filter.state,
            filter.kind,
            limit,
            offset,
        )
        .fetch_all(&mut *tx)
        .await?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM kernel.jobs WHERE ($1::uuid IS NULL OR tenant_id = $1)
                AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)"#,
            partner,
            filter.state,
            filter.kind,
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok((rows, total))
    }

    /// One job.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn job_fetch(&self, op: &OpContext, id: JobId) -> Result<Shown, Error> {
        let mut tx = self.db.begin(op).await?;
        sqlx::query_as!(
            Shown,
            r#"SELECT id AS "id: JobId", tenant_id AS "partner: PartnerId", kind, lane, data, state, run_at, attempts,
                      error, created_at, finished_at
               FROM kernel.jobs WHERE id = $1 AND ($2::uuid IS NULL OR tenant_id = $2)"#,
            id.as_uuid(),
            op.partner.map(PartnerId::as_uuid),
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Error::not_found("job", id))
    }

    /// Does a job once more that was given up, or one that waits right now instead of later.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that is done, runs, or has been made anew meanwhile.
    pub async fn job_retry(&self, op: &OpContext, id: JobId) -> Result<Shown, Error> {
        let job = self.job_fetch(op, id).await?;
        let mut tx = self.db.begin(op).await?;
        let done = sqlx::query!(
            "UPDATE kernel.jobs SET state = 'waiting', run_at = now(), finished_at = NULL,
                    attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END
              WHERE id = $1 AND state IN ('dead', 'waiting') AND NOT EXISTS (
                    SELECT FROM kernel.jobs other WHERE other.kind = jobs.kind AND other.key = jobs.key AND other.id <> $1
                       AND other.state IN ('waiting', 'running'))",
            id.as_uuid(),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            let message = format!(
                "the job is {} or was made anew; there is nothing to do once more",
                job.state
            );
            return Err(Error::conflict("job", message));
        }
        let entry = Entry::ok("job.retry", "job").object(id, &job.kind);
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.wake();
        self.job_fetch(op, id).await
    }
}
