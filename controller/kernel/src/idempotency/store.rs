//! The SQL of `kernel.idempotency_keys`. Every method runs on the platform: a caller's keys are his in all partners.

use uuid::Uuid;

use super::{KEPT, KEYS_PER_CALLER_MAX, LEASE, SWEPT_MAX};
use crate::database::Tx;
use crate::error::Error;
use crate::id::PartnerId;
use crate::op::OpContext;

/// A key as the table has it.
pub(super) struct Known {
    /// What it was first sent with.
    pub request: Vec<u8>,
    /// The status of the answer, when there is one.
    pub status: Option<u16>,
    /// Its body, sealed.
    pub answer: Option<String>,
    /// Whether that was too long to keep.
    pub answer_lost: bool,
    /// Whether the first request may still be at work.
    pub under_way: bool,
}

/// Forgets what is too old, and what a caller has too many of.
pub(super) async fn sweep_in_tx(tx: &mut Tx, caller: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.idempotency_keys WHERE (actor_id, key) IN (
            SELECT actor_id, key FROM kernel.idempotency_keys WHERE created_at < now() - make_interval(secs => $1)
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        KEPT.as_secs_f64(),
        SWEPT_MAX,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM kernel.idempotency_keys WHERE actor_id = $1 AND key IN (
            SELECT key FROM kernel.idempotency_keys WHERE actor_id = $1
             ORDER BY created_at DESC OFFSET $2 LIMIT $3)",
        caller,
        KEYS_PER_CALLER_MAX - 1,
        SWEPT_MAX,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes a key down; false when it is known already.
pub(super) async fn claim_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    caller: Uuid,
    key: &str,
    request: &[u8; 32],
) -> Result<bool, Error> {
    let claimed = sqlx::query!(
        "INSERT INTO kernel.idempotency_keys (actor_id, key, tenant_id, request_sha256, lease_until)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5)) ON CONFLICT (actor_id, key) DO NOTHING",
        caller,
        key,
        op.partner.map(PartnerId::as_uuid),
        request.as_slice(),
        LEASE.as_secs_f64(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// What is known of a key.
pub(super) async fn fetch_in_tx(tx: &mut Tx, caller: Uuid, key: &str) -> Result<Option<Known>, Error> {
    let row = sqlx::query!(
        r#"SELECT request_sha256, status, answer, answer_lost, lease_until > now() AS "under_way!"
             FROM kernel.idempotency_keys WHERE actor_id = $1 AND key = $2"#,
        caller,
        key,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Known {
        request: row.request_sha256,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        answer: row.answer,
        answer_lost: row.answer_lost,
        under_way: row.under_way,
    }))
}

/// Keeps an answer.
pub(super) async fn settle_in_tx(
    tx: &mut Tx,
    caller: Uuid,
    key: &str,
    status: u16,
    answer: Option<&str>,
    lost: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.idempotency_keys SET status = $3, answer = $4, answer_lost = $5 WHERE actor_id = $1 AND key = $2",
        caller,
        key,
        i16::try_from(status).unwrap_or(i16::MAX),
        answer,
        lost,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets a key.
pub(super) async fn forget_in_tx(tx: &mut Tx, caller: Uuid, key: &str) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.idempotency_keys WHERE actor_id = $1 AND key = $2",
        caller,
        key,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
