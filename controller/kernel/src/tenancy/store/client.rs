//! Rows of `kernel.clients`.

use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::{ClientId, PartnerId};
use crate::op::OpContext;
use crate::tenancy::Client;
use crate::tenancy::name::Key;

/// Lists by slug, with the number of all.
pub async fn client_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Client>, i64), Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query_as!(
        Client,
        r#"SELECT id AS "id: ClientId", slug, name, contact_email, status, created_at, updated_at
           FROM kernel.clients WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY slug LIMIT $2 OFFSET $3"#,
        partner,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.clients WHERE tenant_id = $1 AND deleted_at IS NULL"#,
        partner,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Fetches by id or slug.
pub async fn client_fetch_in_tx(tx: &mut Tx, op: &OpContext, key: &Key) -> Result<Option<Client>, Error> {
    Ok(sqlx::query_as!(
        Client,
        r#"SELECT id AS "id: ClientId", slug, name, contact_email, status, created_at, updated_at
           FROM kernel.clients WHERE tenant_id = $1 AND (id = $2 OR slug = $3) AND deleted_at IS NULL"#,
        op.require_partner()?.as_uuid(),
        key.id(),
        key.slug(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Inserts one.
pub async fn client_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    slug: &str,
    name: &str,
    contact_email: Option<&str>,
) -> Result<Client, Error> {
    sqlx::query_as!(
        Client,
        r#"INSERT INTO kernel.clients (id, tenant_id, slug, name, contact_email, created_by, updated_by)
           VALUES ($1, $2, $3, $4, $5, $6, $6)
           RETURNING id AS "id: ClientId", slug, name, contact_email, status, created_at, updated_at"#,
        ClientId::new().as_uuid(),
        op.require_partner().map(PartnerId::as_uuid)?,
        slug,
        name,
        contact_email,
        op.actor_id(),
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("clients_tenant_id_slug_key", || {
        Error::conflict(
            "client",
            format!("there is already a client with the slug {slug}"),
        )
    })
}

/// Writes what may change; `None` when it is gone.
pub async fn client_update_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ClientId,
    name: &str,
    contact_email: Option<&str>,
    status: &str,
) -> Result<Option<Client>, Error> {
    Ok(sqlx::query_as!(
        Client,
        r#"UPDATE kernel.clients
           SET name = $3, contact_email = $4, status = $5, updated_at = now(), updated_by = $6
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
           RETURNING id AS "id: ClientId", slug, name, contact_email, status, created_at, updated_at"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        name,
        contact_email,
        status,
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}
