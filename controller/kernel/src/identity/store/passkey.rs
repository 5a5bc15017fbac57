//! Rows of `kernel.passkeys`.

use time::OffsetDateTime;

use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::{PasskeyId, UserId};
use crate::identity::passkey::Passkey;
use crate::identity::user::User;
use crate::identity::webauthn::NewKey;
use crate::op::OpContext;

/// A key that is presented, with the person it belongs to.
pub struct PasskeyRow {
    /// Its id.
    pub id: PasskeyId,
    /// COSE_Key.
    pub public_key: Vec<u8>,
    /// The counter of its last signature.
    pub sign_count: i64,
    /// Whose; without roles.
    pub user: User,
}

/// Lists somebody's, the oldest first.
pub async fn passkey_list_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<Vec<Passkey>, Error> {
    Ok(sqlx::query_as!(
        Passkey,
        r#"SELECT id AS "id: PasskeyId", name, backed_up, created_at, last_used_at, credential_id
           FROM kernel.passkeys WHERE user_id = $1 ORDER BY id"#,
        user.as_uuid(),
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Keeps others from changing a person's keys until the end of the transaction.
pub async fn owner_lock_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<(), Error> {
    sqlx::query!(
        "SELECT id FROM kernel.users WHERE id = $1 FOR UPDATE",
        user.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// Inserts one.
pub async fn passkey_insert_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    name: &str,
    key: &NewKey,
) -> Result<Passkey, Error> {
    sqlx::query_as!(
        Passkey,
        r#"INSERT INTO kernel.passkeys (id, user_id, credential_id, public_key, name, sign_count, backed_up)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           RETURNING id AS "id: PasskeyId", name, backed_up, created_at, last_used_at, credential_id"#,
        PasskeyId::new().as_uuid(),
        user.as_uuid(),
        key.credential_id,
        key.cose,
        name,
        i64::from(key.sign_count),
        key.backed_up,
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("passkeys_credential_id_key", || {
        Error::conflict("passkey", "this passkey is known already")
    })
}

/// Removes one of somebody's; answers its name.
pub async fn passkey_remove_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    id: PasskeyId,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM kernel.passkeys WHERE user_id = $1 AND id = $2 RETURNING name",
        user.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Removes all of somebody's; answers how many there were.
pub async fn passkey_remove_all_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<u64, Error> {
    let done = sqlx::query!("DELETE FROM kernel.passkeys WHERE user_id = $1", user.as_uuid())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// Finds a key by what its device calls it; nobody else uses it until the end of the transaction.
pub async fn passkey_lock_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    credential_id: &[u8],
) -> Result<Option<PasskeyRow>, Error> {
    let row = sqlx::query!(
        r#"SELECT key.id AS "id: PasskeyId", key.public_key, key.sign_count, person.id AS "user: UserId", person.email,
               person.name, person.status, person.created_at, person.updated_at
           FROM kernel.passkeys key JOIN kernel.users person ON person.id = key.user_id
           WHERE key.credential_id = $1 AND person.deleted_at IS NULL FOR UPDATE OF key"#,
        credential_id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| PasskeyRow {
        id: row.id,
        public_key: row.public_key,
        sign_count: row.sign_count,
        user: User {
            id: row.user,
            email: row.email,
            name: row.name,
            status: row.status,
            roles: Vec::new(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
    }))
}

/// Notes that one was used.
pub async fn passkey_used_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: PasskeyId,
    sign_count: u32,
    backed_up: bool,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.passkeys SET sign_count = $2, backed_up = $3, last_used_at = $4 WHERE id = $1",
        id.as_uuid(),
        i64::from(sign_count),
        backed_up,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
