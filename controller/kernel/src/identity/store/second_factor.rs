//! Rows of `kernel.second_factors` and `kernel.backup_codes`.

use time::OffsetDateTime;

use crate::database::Tx;
use crate::error::Error;
use crate::id::UserId;
use crate::op::OpContext;

/// Somebody's second factor.
pub struct FactorRow {
    /// Sealed.
    pub secret: String,
    /// Since when it is asked for; `None`: it is begun only.
    pub confirmed_at: Option<OffsetDateTime>,
    /// The step of the last code that counted.
    pub last_step: i64,
}

/// Whether somebody has a confirmed one.
pub async fn factor_is_confirmed_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM kernel.second_factors
               WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS "confirmed!""#,
        user.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Fetches one; nobody else uses it until the end of the transaction, so that a code counts once.
pub async fn factor_lock_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
) -> Result<Option<FactorRow>, Error> {
    Ok(sqlx::query_as!(
        FactorRow,
        "SELECT secret, confirmed_at, last_step FROM kernel.second_factors WHERE user_id = $1 FOR UPDATE",
        user.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Begins one in the place of one that was begun and never confirmed; `false` when there is a confirmed one.
pub async fn factor_begin_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    secret: &str,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO kernel.second_factors (user_id, secret) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = now(), last_step = 0
         WHERE kernel.second_factors.confirmed_at IS NULL",
        user.as_uuid(),
        secret,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the step of a code that counted; the first one confirms.
pub async fn factor_used_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId, step: i64) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.second_factors SET last_step = $2, confirmed_at = coalesce(confirmed_at, now())
         WHERE user_id = $1",
        user.as_uuid(),
        step,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes one with its codes; `false` when there was none.
pub async fn factor_remove_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<bool, Error> {
    sqlx::query!(
        "DELETE FROM kernel.backup_codes WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    let done = sqlx::query!(
        "DELETE FROM kernel.second_factors WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts new codes in the place of all former ones.
pub async fn codes_replace_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    digests: &[Vec<u8>],
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.backup_codes WHERE user_id = $1",
        user.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO kernel.backup_codes (user_id, code_sha256) SELECT $1, unnest($2::bytea[])",
        user.as_uuid(),
        digests,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Uses a code up; `false` when there is none like it, or it was used before.
pub async fn code_use_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    digest: &[u8],
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.backup_codes SET used_at = now()
         WHERE user_id = $1 AND code_sha256 = $2 AND used_at IS NULL",
        user.as_uuid(),
        digest,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many codes are left.
pub async fn codes_left_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "left!" FROM kernel.backup_codes WHERE user_id = $1 AND used_at IS NULL"#,
        user.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?)
}
