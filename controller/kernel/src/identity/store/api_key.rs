//! Rows of `kernel.api_keys`.

use time::OffsetDateTime;

use crate::authz::PermissionSet;
use crate::database::Tx;
use crate::error::Error;
use crate::id::{ApiKeyId, PartnerId};
use crate::identity::api_key::ApiKey;
use crate::identity::token::{Token, TokenDigest};
use crate::op::{ActorKind, OpContext};

/// What a presented key is worth.
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<String>,
    /// When it stops working by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// Whose it is: id, slug, name; `None`: the platform's.
    pub partner: Option<(PartnerId, String, String)>,
}

/// Lists, newest first, with the number of all; revoked ones included.
pub async fn api_key_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    limit: i64,
    offset: i64,
) -> Result<(Vec<ApiKey>, i64), Error> {
    let partner = op.partner.map(PartnerId::as_uuid);
    let rows = sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, prefix, permissions, created_at, expires_at, last_used_at, revoked_at,
               replaces AS "replaces: ApiKeyId"
           FROM kernel.api_keys WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY id DESC LIMIT $2 OFFSET $3"#,
        partner,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.api_keys WHERE tenant_id IS NOT DISTINCT FROM $1"#,
        partner,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// What is stored of a new one.
pub struct NewRow<'a> {
    /// What it is for.
    pub name: &'a str,
    /// What it allows.
    pub permissions: PermissionSet,
    /// When it stops working by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// The one it is made to replace.
    pub replaces: Option<ApiKeyId>,
}

/// Fetches one, revoked or not; nobody else changes it until the end of the transaction.
pub async fn api_key_lock_in_tx(tx: &mut Tx, op: &OpContext, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    Ok(sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, prefix, permissions, created_at, expires_at, last_used_at, revoked_at,
               replaces AS "replaces: ApiKeyId"
           FROM kernel.api_keys WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2 FOR UPDATE"#,
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Whether one that is not revoked was made to replace it.
pub async fn api_key_is_replaced_in_tx(tx: &mut Tx, _op: &OpContext, id: ApiKeyId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM kernel.api_keys WHERE replaces = $1 AND revoked_at IS NULL) AS "replaced!""#,
        id.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Lets one end at an instant.
pub async fn api_key_expire_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: ApiKeyId,
    at: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.api_keys SET expires_at = $2 WHERE id = $1",
        id.as_uuid(),
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Inserts one.
pub async fn api_key_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    new: &NewRow<'_>,
    token: &Token,
) -> Result<ApiKey, Error> {
    // The column refers to people; that a key made this one is in the audit.
    let digest = token.digest();
    let maker = op.actor.id.filter(|_| op.actor.kind == ActorKind::User);
    Ok(sqlx::query_as!(
        ApiKey,
        r#"INSERT INTO kernel.api_keys (id, tenant_id, name, prefix, token_sha256, permissions, created_by, expires_at,
               replaces)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           RETURNING id AS "id: ApiKeyId", name, prefix, permissions, created_at, expires_at, last_used_at, revoked_at,
               replaces AS "replaces: ApiKeyId""#,
        ApiKeyId::new().as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        new.name,
        token.shown(),
        digest.as_slice(),
        &new.permissions.names(),
        maker,
        new.expires_at,
        new.replaces.map(ApiKeyId::as_uuid),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Revokes one; answers its name, or `None` when there is none that still works.
pub async fn api_key_revoke_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApiKeyId,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "UPDATE kernel.api_keys SET revoked_at = now()
         WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2 AND revoked_at IS NULL RETURNING name",
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Finds the key behind a token; not a revoked one, and none whose partner is gone.
pub async fn api_key_find_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    digest: &TokenDigest,
) -> Result<Option<ApiKeyRow>, Error> {
    let row = sqlx::query!(
        r#"SELECT key.id AS "id: ApiKeyId", key.name, key.permissions, key.expires_at,
               partner.id AS "partner?: PartnerId", partner.slug AS "partner_slug?",
               partner.name AS "partner_name?"
           FROM kernel.api_keys key
               LEFT JOIN kernel.tenants partner ON partner.id = key.tenant_id AND partner.deleted_at IS NULL
           WHERE key.token_sha256 = $1 AND key.revoked_at IS NULL AND (key.tenant_id IS NULL OR partner.id IS NOT NULL)"#,
        digest.as_slice(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| ApiKeyRow {
        id: row.id,
        name: row.name,
        permissions: row.permissions,
        expires_at: row.expires_at,
        partner: row
            .partner
            .zip(row.partner_slug)
            .zip(row.partner_name)
            .map(|((partner, slug), name)| (partner, slug, name)),
    }))
}

/// Notes that it was used, at most once a minute.
pub async fn api_key_used_in_tx(tx: &mut Tx, _op: &OpContext, id: ApiKeyId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.api_keys SET last_used_at = now()
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
        id.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
