//! Rows of `kernel.sites`, read together with their client's slug. A site whose client is deleted is invisible too.

use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::{ClientId, SiteId};
use crate::op::OpContext;
use crate::tenancy::Site;
use crate::tenancy::name::Key;

/// Lists the sites of a client by slug, with the number of all.
pub async fn site_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    client: ClientId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Site>, i64), Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query_as!(
        Site,
        r#"SELECT site.id AS "id: SiteId", site.client_id AS "client_id: ClientId", client.slug AS client_slug,
               site.slug, site.name, site.address, site.created_at, site.updated_at
           FROM kernel.sites site JOIN kernel.clients client ON client.id = site.client_id
           WHERE site.tenant_id = $1 AND site.client_id = $2
             AND site.deleted_at IS NULL AND client.deleted_at IS NULL
           ORDER BY site.slug LIMIT $3 OFFSET $4"#,
        partner,
        client.as_uuid(),
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.sites
           WHERE tenant_id = $1 AND client_id = $2 AND deleted_at IS NULL"#,
        partner,
        client.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Finds a site of a client, both by id or slug.
pub async fn site_find_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    client: &Key,
    site: &Key,
) -> Result<Option<Site>, Error> {
    Ok(sqlx::query_as!(
        Site,
        r#"SELECT site.id AS "id: SiteId", site.client_id AS "client_id: ClientId", client.slug AS client_slug,
               site.slug, site.name, site.address, site.created_at, site.updated_at
           FROM kernel.sites site JOIN kernel.clients client ON client.id = site.client_id
           WHERE site.tenant_id = $1 AND (client.id = $2 OR client.slug = $3) AND (site.id = $4 OR site.slug = $5)
             AND site.deleted_at IS NULL AND client.deleted_at IS NULL"#,
        op.require_partner()?.as_uuid(),
        client.id(),
        client.slug(),
        site.id(),
        site.slug(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Fetches by id.
pub async fn site_fetch_in_tx(tx: &mut Tx, op: &OpContext, id: SiteId) -> Result<Option<Site>, Error> {
    Ok(sqlx::query_as!(
        Site,
        r#"SELECT site.id AS "id: SiteId", site.client_id AS "client_id: ClientId", client.slug AS client_slug,
               site.slug, site.name, site.address, site.created_at, site.updated_at
           FROM kernel.sites site JOIN kernel.clients client ON client.id = site.client_id
           WHERE site.tenant_id = $1 AND site.id = $2 AND site.deleted_at IS NULL AND client.deleted_at IS NULL"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Inserts one.
pub async fn site_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    client: ClientId,
    slug: &str,
    name: &str,
    address: Option<&str>,
) -> Result<SiteId, Error> {
    let id = SiteId::new();
    sqlx::query!(
        "INSERT INTO kernel.sites (id, tenant_id, client_id, slug, name, address, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        client.as_uuid(),
        slug,
        name,
        address,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await
    .on_constraint("sites_tenant_id_client_id_slug_key", || {
        Error::conflict(
            "site",
            format!("this client already has a site with the slug {slug}"),
        )
    })?;
    Ok(id)
}

/// Writes what may change.
pub async fn site_update_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: SiteId,
    name: &str,
    address: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.sites SET name = $3, address = $4, updated_at = now(), updated_by = $5
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        name,
        address,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
