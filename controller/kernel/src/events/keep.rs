//! The log's bound: what is old is deleted.
//! Never deletes what a consumer has yet to see, unless it has not come there for very long.

use std::time::Duration;

use tokio::sync::watch;

use crate::database::Database;
use crate::error::Error;
use crate::op::OpContext;

/// How long an event stays in the log.
pub const KEEP_DAYS: i32 = 30;
/// How long it stays when somebody has yet to see it, or has parked it.
pub const KEEP_UNSEEN_DAYS: i32 = 90;
/// How often old ones are looked for.
const LOOK_WAIT: Duration = Duration::from_secs(60 * 60);
/// Most events deleted in one transaction.
const DELETE_MAX: i64 = 10_000;

/// Deletes old events until told to stop.
pub(super) async fn run(db: Database, mut stopping: watch::Receiver<bool>) {
    loop {
        if let Err(error) = trim(&db, KEEP_DAYS, KEEP_UNSEEN_DAYS).await {
            tracing::warn!(%error, "old events cannot be deleted now; they stay a while longer");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK_WAIT) => {}
        }
    }
}

/// Deletes events older than `keep_days`, and those that somebody has yet to see after `unseen_days`; how many.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn trim(db: &Database, keep_days: i32, unseen_days: i32) -> Result<u64, Error> {
    let op = OpContext::system("events");
    let mut deleted = 0;
    loop {
        let mut tx = db.begin(&op).await?;
        sqlx::query!(
            "DELETE FROM kernel.event_parked parked USING kernel.events event
             WHERE event.position = parked.position AND event.at < now() - make_interval(days => $1)",
            unseen_days,
        )
        .execute(&mut *tx)
        .await?;
        // Positions follow time closely enough: the oldest ones are looked at, not the whole log.
        let some = sqlx::query!(
            "DELETE FROM kernel.events WHERE position IN (
                 SELECT position FROM (SELECT position, at FROM kernel.events ORDER BY position LIMIT $1) oldest
                 WHERE at < now() - make_interval(days => $3)
                    OR at < now() - make_interval(days => $2)
                       AND position <= ALL (SELECT position FROM kernel.event_consumers)
                       AND NOT EXISTS (SELECT FROM kernel.event_parked parked WHERE parked.position = oldest.position))",
            DELETE_MAX,
            keep_days,
            unseen_days,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        deleted += some;
        if some < DELETE_MAX.unsigned_abs() {
            return Ok(deleted);
        }
    }
}
