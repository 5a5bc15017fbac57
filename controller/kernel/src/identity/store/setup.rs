//! The one row of `kernel.setup`.

use crate::database::Tx;
use crate::error::Error;
use crate::identity::token::TokenDigest;
use crate::op::OpContext;

/// Whether the set-up may still happen: not completed, and nobody exists or ever existed.
pub async fn setup_is_open_in_tx(tx: &mut Tx, _op: &OpContext) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM kernel.setup WHERE completed_at IS NOT NULL)
              AND NOT EXISTS (SELECT FROM kernel.users) AS "open!""#
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Puts a new token in the place of the one before; `false` when the set-up was completed meanwhile.
pub async fn setup_issue_in_tx(tx: &mut Tx, _op: &OpContext, digest: &TokenDigest) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO kernel.setup (token_sha256) VALUES ($1)
         ON CONFLICT (only_row) DO UPDATE SET token_sha256 = excluded.token_sha256, issued_at = now()
         WHERE kernel.setup.completed_at IS NULL",
        digest.as_slice(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The stored token while the set-up is open, and nobody else completes it until the end of the transaction.
pub async fn setup_lock_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Option<TokenDigest>, Error> {
    let stored =
        sqlx::query_scalar!("SELECT token_sha256 FROM kernel.setup WHERE completed_at IS NULL FOR UPDATE")
            .fetch_optional(&mut **tx)
            .await?;
    if !setup_is_open_in_tx(tx, op).await? {
        return Ok(None);
    }
    Ok(stored.and_then(|octets| octets.try_into().ok()))
}

/// Closes it for ever.
pub async fn setup_close_in_tx(tx: &mut Tx, _op: &OpContext) -> Result<(), Error> {
    sqlx::query!("UPDATE kernel.setup SET completed_at = now() WHERE completed_at IS NULL")
        .execute(&mut **tx)
        .await?;
    Ok(())
}
