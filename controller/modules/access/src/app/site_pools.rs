//! Which pools those at a site get addresses of. A place has its addresses routed to it, so its pools win over the plan's.
//! Never gives an address; the access plane does.

use kernel::audit::{self, Entry};
use kernel::id::SiteId;
use kernel::{Error, OpContext};
use radius_server::addresses::PoolKind;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admission::pool_named;
use super::{App, Change};
use crate::store::pool::{Pool, pool_list};
use crate::store::site_pools as rows;

/// Names of a site's pools, by the place of their kind.
pub type SitePoolNames = [Option<String>; 3];

impl App {
    /// The pools of a site; `None`: that of the plan.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn site_pools_get(&self, op: &OpContext, site: SiteId) -> Result<SitePoolNames, Error> {
        let mut tx = self.db.begin(op).await?;
        named(&mut tx, op, site).await?;
        let ids = rows::site_pools_fetch(&mut tx, op, site).await?;
        let pools = pool_list(&mut tx, op).await?;
        tx.commit().await?;
        Ok(names(ids, &pools))
    }

    /// Changes the pools of a site. Who is in keeps his address; the next login of each there gets one of these.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a pool that is not there or gives something else.
    pub async fn site_pools_update(
        &self,
        op: &OpContext,
        site: SiteId,
        change: [Change<String>; 3],
    ) -> Result<SitePoolNames, Error> {
        let mut tx = self.db.begin(op).await?;
        let name = named(&mut tx, op, site).await?;
        let pools = pool_list(&mut tx, op).await?;
        let before = rows::site_pools_fetch(&mut tx, op, site).await?;
        let mut after = before;
        for (kind, (id, change)) in PoolKind::ALL.into_iter().zip(after.iter_mut().zip(change)) {
            let Some(change) = change else { continue };
            *id = change.map(|name| pool_named(&pools, kind, &name)).transpose()?;
        }
        rows::site_pools_put(&mut tx, op, site, after).await?;
        let (before, after) = (names(before, &pools), names(after, &pools));
        let entry = Entry::ok("site.pools", "site")
            .object(site, &name)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }
}

/// The site as people call it.
async fn named(tx: &mut crate::store::Tx, op: &OpContext, site: SiteId) -> Result<String, Error> {
    let found = rows::site_named(tx, op, site).await?;
    found.ok_or_else(|| Error::not_found("site", site))
}

/// Names in place of ids.
fn names(ids: rows::SitePools, pools: &[Pool]) -> SitePoolNames {
    ids.map(|id: Option<Uuid>| {
        let pool = pools.iter().find(|pool| Some(pool.id.as_uuid()) == id)?;
        Some(pool.name.clone())
    })
}

/// The same as the audit keeps it.
fn shown([ipv4, prefix, delegated]: &SitePoolNames) -> Value {
    json!({ "ipv4_pool": ipv4, "prefix_pool": prefix, "delegated_pool": delegated })
}
