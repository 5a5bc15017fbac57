//! `deleted_at` and `deleted_with` of `kernel.tenants`, `kernel.clients` and `kernel.sites`.

use crate::database::Tx;
use crate::error::Error;
use crate::id::{ClientId, PartnerId, SiteId};
use crate::op::OpContext;
use crate::tenancy::Partner;
use crate::tenancy::deletion::Deleted;
use crate::tenancy::name::Key;

/// Hides a partner; answers its id and slug.
pub async fn partner_delete_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    key: &Key,
) -> Result<Option<(PartnerId, String)>, Error> {
    let row = sqlx::query!(
        r#"UPDATE kernel.tenants SET deleted_at = now(), updated_at = now(), updated_by = $3
           WHERE (id = $1 OR slug = $2) AND deleted_at IS NULL RETURNING id AS "id: PartnerId", slug"#,
        key.id(),
        key.slug(),
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (row.id, row.slug)))
}

/// Shows a partner again.
pub async fn partner_restore_in_tx(tx: &mut Tx, op: &OpContext, key: &Key) -> Result<Option<Partner>, Error> {
    Ok(sqlx::query_as!(
        Partner,
        r#"UPDATE kernel.tenants SET deleted_at = NULL, updated_at = now(), updated_by = $3
           WHERE (id = $1 OR slug = $2) AND deleted_at IS NOT NULL
           RETURNING id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at"#,
        key.id(),
        key.slug(),
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Lists hidden partners by slug, with the number of all.
pub async fn partner_deleted_list_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Deleted>, i64), Error> {
    let rows = sqlx::query_as!(
        Deleted,
        r#"SELECT id, slug, name, NULL::text AS client_slug, deleted_at AS "deleted_at!" FROM kernel.tenants
           WHERE deleted_at IS NOT NULL ORDER BY slug LIMIT $1 OFFSET $2"#,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.tenants WHERE deleted_at IS NOT NULL"#
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Hides a client; answers its id and slug.
pub async fn client_delete_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    key: &Key,
) -> Result<Option<(ClientId, String)>, Error> {
    let row = sqlx::query!(
        r#"UPDATE kernel.clients SET deleted_at = now(), updated_at = now(), updated_by = $4
           WHERE tenant_id = $1 AND (id = $2 OR slug = $3) AND deleted_at IS NULL RETURNING id AS "id: ClientId", slug"#,
        op.require_partner()?.as_uuid(),
        key.id(),
        key.slug(),
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (row.id, row.slug)))
}

/// Hides the sites of a client that are not hidden; answers how many.
pub async fn sites_delete_with_in_tx(tx: &mut Tx, op: &OpContext, client: ClientId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.sites SET deleted_at = now(), deleted_with = $2, updated_at = now(), updated_by = $3
         WHERE tenant_id = $1 AND client_id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        client.as_uuid(),
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Shows a client again; answers its id and slug.
pub async fn client_restore_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    key: &Key,
) -> Result<Option<(ClientId, String)>, Error> {
    let row = sqlx::query!(
        r#"UPDATE kernel.clients SET deleted_at = NULL, updated_at = now(), updated_by = $4
           WHERE tenant_id = $1 AND (id = $2 OR slug = $3) AND deleted_at IS NOT NULL RETURNING id AS "id: ClientId", slug"#,
        op.require_partner()?.as_uuid(),
        key.id(),
        key.slug(),
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (row.id, row.slug)))
}

/// Shows the sites again that were hidden with a client; answers how many.
pub async fn sites_restore_with_in_tx(tx: &mut Tx, op: &OpContext, client: ClientId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.sites SET deleted_at = NULL, deleted_with = NULL, updated_at = now(), updated_by = $3
         WHERE tenant_id = $1 AND client_id = $2 AND deleted_with = $2",
        op.require_partner()?.as_uuid(),
        client.as_uuid(),
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Lists hidden clients by slug, with the number of all.
pub async fn client_deleted_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Deleted>, i64), Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query_as!(
        Deleted,
        r#"SELECT id, slug, name, NULL::text AS client_slug, deleted_at AS "deleted_at!" FROM kernel.clients
           WHERE tenant_id = $1 AND deleted_at IS NOT NULL ORDER BY slug LIMIT $2 OFFSET $3"#,
        partner,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.clients WHERE tenant_id = $1 AND deleted_at IS NOT NULL"#,
        partner,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Hides a site.
pub async fn site_delete_in_tx(tx: &mut Tx, op: &OpContext, id: SiteId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.sites SET deleted_at = now(), updated_at = now(), updated_by = $3
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Shows a site again that was hidden by itself, below a client that is not hidden.
pub async fn site_restore_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    client: &Key,
    site: &Key,
) -> Result<Option<SiteId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE kernel.sites site SET deleted_at = NULL, updated_at = now(), updated_by = $6
           FROM kernel.clients client
           WHERE client.id = site.client_id AND site.tenant_id = $1 AND (client.id = $2 OR client.slug = $3)
             AND (site.id = $4 OR site.slug = $5) AND site.deleted_at IS NOT NULL AND site.deleted_with IS NULL
             AND client.deleted_at IS NULL
           RETURNING site.id AS "id: SiteId""#,
        op.require_partner()?.as_uuid(),
        client.id(),
        client.slug(),
        site.id(),
        site.slug(),
        op.actor_id(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Lists hidden sites by slug, with the number of all; also those that were hidden with their client.
pub async fn site_deleted_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Deleted>, i64), Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query_as!(
        Deleted,
        r#"SELECT site.id, site.slug, site.name, client.slug AS "client_slug?", site.deleted_at AS "deleted_at!"
           FROM kernel.sites site JOIN kernel.clients client ON client.id = site.client_id
           WHERE site.tenant_id = $1 AND site.deleted_at IS NOT NULL
           ORDER BY client.slug, site.slug LIMIT $2 OFFSET $3"#,
        partner,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.sites WHERE tenant_id = $1 AND deleted_at IS NOT NULL"#,
        partner,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}
