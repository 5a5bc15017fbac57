//! The sequencer: moves committed events from the outbox into the log, where each gets its position.
//! Never makes an act wait: it runs beside them, and a position is drawn by one task at a time only, after the commit. What
//! stands in the log can therefore be read by remembering one number; nothing ever appears before it any more.
//!
//! It is woken by the database; the tick catches what was said while nobody listened. Several servers take turns.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::store::{CHANNEL, head_fetch_in_tx};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::op::OpContext;

/// How often the sequencer looks while it is told of everything.
const TICK_LISTENING: Duration = Duration::from_secs(10);
/// How often it looks while it cannot be told.
const TICK_DEAF: Duration = Duration::from_secs(1);
/// How long it waits after a failure.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// Most events moved in one transaction.
const EVENTS_MAX: i64 = 1_000;

/// Moves events until told to stop, and says how far the log has come; outlives the database being away.
pub(super) async fn run(db: Database, head: watch::Sender<i64>, mut stopping: watch::Receiver<bool>) {
    let mut failing = false;
    let mut listener = None;
    loop {
        match step(&db, &head).await {
            Ok(()) if failing => {
                tracing::info!("events are told again");
                failing = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "events cannot be told now; they wait");
                }
                failing = true;
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = woken(&db, &mut listener, failing) => {}
        }
    }
}

/// Waits until there may be something.
async fn woken(db: &Database, listener: &mut Option<PgListener>, failing: bool) {
    if failing {
        return tokio::time::sleep(RETRY_WAIT).await;
    }
    if listener.is_none() {
        *listener = listen(db).await.ok();
        if listener.is_some() {
            return; // what was said before is found by looking
        }
    }
    let Some(connection) = listener else {
        return tokio::time::sleep(TICK_DEAF).await;
    };
    // Nothing and an error both mean that the connection was lost: look, and listen anew.
    if let Ok(Err(_) | Ok(None)) = timeout(TICK_LISTENING, connection.try_recv()).await {
        *listener = None;
        tokio::time::sleep(RETRY_WAIT).await;
    }
}

/// A connection that is told.
async fn listen(db: &Database) -> Result<PgListener, Error> {
    let mut listener = db.listener().await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Moves everything that waits and notes how far the log is.
async fn step(db: &Database, head: &watch::Sender<i64>) -> Result<(), Error> {
    sequence(db).await?;
    let mut tx = db.begin(&OpContext::system("events")).await?;
    let now = head_fetch_in_tx(&mut tx).await?;
    tx.commit().await?;
    head.send_if_modified(|known| std::mem::replace(known, now) != now);
    Ok(())
}

/// Moves everything that waits into the log; how many.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer; what waits goes on waiting.
pub async fn sequence(db: &Database) -> Result<u64, Error> {
    let op = OpContext::system("events");
    let mut moved = 0;
    loop {
        let mut tx = db.begin(&op).await?;
        let some = sequence_some_in_tx(&mut tx).await?;
        tx.commit().await?;
        moved += some;
        if some < EVENTS_MAX.unsigned_abs() {
            return Ok(moved);
        }
    }
}

/// Moves the oldest that wait.
async fn sequence_some_in_tx(tx: &mut Tx) -> Result<u64, Error> {
    if !sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM kernel.event_outbox) AS "any!""#)
        .fetch_one(&mut **tx)
        .await?
    {
        return Ok(0);
    }
    // One at a time, and until the commit: no position can be seen before a smaller one.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('headend events'))")
        .execute(&mut **tx)
        .await?;
    let done = sqlx::query!(
        "WITH taken AS (
             DELETE FROM kernel.event_outbox
             WHERE place IN (SELECT place FROM kernel.event_outbox ORDER BY place LIMIT $1) RETURNING *)
         INSERT INTO kernel.events (id, tenant_id, kind, subject_kind, subject_id, subject_label, at, actor_kind, actor_id,
             actor_name, request_id, data)
         SELECT id, tenant_id, kind, subject_kind, subject_id, subject_label, at, actor_kind, actor_id,
             actor_name, request_id, data FROM taken ORDER BY place",
        EVENTS_MAX,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
