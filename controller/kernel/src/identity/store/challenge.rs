//! Rows of `kernel.challenges_spent`.

use time::OffsetDateTime;

use crate::database::Tx;
use crate::error::Error;
use crate::op::OpContext;

/// Notes that a challenge was answered, and forgets some that are over; `false` when it was answered before.
pub async fn challenge_spend_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    digest: &[u8],
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO kernel.challenges_spent (challenge_sha256, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        digest,
        until,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM kernel.challenges_spent WHERE challenge_sha256 IN (
             SELECT challenge_sha256 FROM kernel.challenges_spent WHERE expires_at < $1::timestamptz - interval '1 hour'
             LIMIT 100 FOR UPDATE SKIP LOCKED)",
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
