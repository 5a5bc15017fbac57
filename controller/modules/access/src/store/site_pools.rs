//! `access.site_pools`: which pools those at a site get addresses of, in place of their plan's. No row: the plan's.
//! Never gives an address; the access plane does.

use kernel::id::{PoolId, SiteId};
use kernel::{Error, OpContext};
use uuid::Uuid;

use super::Tx;

/// The pools of a site, by the place of their kind; `None`: that of the plan.
pub type SitePools = [Option<Uuid>; 3];

/// A living site of this partner as people call it, `client/site`, locked until the transaction ends.
pub async fn site_named(tx: &mut Tx, op: &OpContext, site: SiteId) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT c.slug || '/' || s.slug AS "name!" FROM kernel.sites s
             JOIN kernel.clients c ON c.tenant_id = s.tenant_id AND c.id = s.client_id
            WHERE s.tenant_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND c.deleted_at IS NULL FOR UPDATE OF s"#,
        op.require_partner()?.as_uuid(),
        site.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// The pools of a site of this partner.
pub async fn site_pools_fetch(tx: &mut Tx, op: &OpContext, site: SiteId) -> Result<SitePools, Error> {
    let found = sqlx::query!(
        "SELECT ipv4_pool_id, prefix_pool_id, delegated_pool_id FROM access.site_pools
          WHERE tenant_id = $1 AND site_id = $2",
        op.require_partner()?.as_uuid(),
        site.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.map_or([None; 3], |row| {
        [row.ipv4_pool_id, row.prefix_pool_id, row.delegated_pool_id]
    }))
}

/// Stores the pools of a site of this partner; none: its row goes.
pub async fn site_pools_put(
    tx: &mut Tx,
    op: &OpContext,
    site: SiteId,
    pools: SitePools,
) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    if pools.iter().all(Option::is_none) {
        sqlx::query!(
            "DELETE FROM access.site_pools WHERE tenant_id = $1 AND site_id = $2",
            tenant,
            site.as_uuid()
        )
        .execute(&mut **tx)
        .await?;
        return Ok(());
    }
    let [ipv4, prefix, delegated] = pools;
    sqlx::query!(
        "INSERT INTO access.site_pools (tenant_id, site_id, ipv4_pool_id, prefix_pool_id, delegated_pool_id, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, site_id) DO UPDATE SET ipv4_pool_id = excluded.ipv4_pool_id,
             prefix_pool_id = excluded.prefix_pool_id, delegated_pool_id = excluded.delegated_pool_id,
             updated_at = now(), updated_by = excluded.updated_by",
        tenant,
        site.as_uuid(),
        ipv4,
        prefix,
        delegated,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The sites of this partner that name a pool, as `client/site`.
pub async fn sites_of_pool(tx: &mut Tx, op: &OpContext, pool: PoolId) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT c.slug || '/' || s.slug AS "name!" FROM access.site_pools p
             JOIN kernel.sites s ON s.tenant_id = p.tenant_id AND s.id = p.site_id
             JOIN kernel.clients c ON c.tenant_id = s.tenant_id AND c.id = s.client_id
            WHERE p.tenant_id = $1 AND $2 IN (p.ipv4_pool_id, p.prefix_pool_id, p.delegated_pool_id) ORDER BY 1"#,
        op.require_partner()?.as_uuid(),
        pool.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}
