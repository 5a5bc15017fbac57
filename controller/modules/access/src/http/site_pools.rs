//! The pools of a site over HTTP. Never holds a rule; see [`crate::app::site_pools`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem, Valid, nullable};
use kernel::id::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::site_pools::SitePoolNames;
use crate::app::{App, Change};

/// A change of a site's pools; what is absent stays, `null` leaves it to the plan.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SitePoolsChange {
    /// The pool of IPv4 addresses, by name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    ipv4_pool: Change<String>,
    /// The pool of prefixes, by name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    prefix_pool: Change<String>,
    /// The pool of delegated prefixes, by name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    delegated_pool: Change<String>,
}

/// Which pools those at a site get addresses of.
#[derive(Serialize, ToSchema)]
pub struct SitePoolsView {
    /// The pool of IPv4 addresses; `null`: that of the plan.
    ipv4_pool: Option<String>,
    /// The pool of prefixes; `null`: that of the plan.
    prefix_pool: Option<String>,
    /// The pool of delegated prefixes; `null`: that of the plan.
    delegated_pool: Option<String>,
}

/// Which site.
#[derive(Deserialize)]
pub struct SitePath {
    /// Its id.
    site_id: SiteId,
}

/// Shows which pools those at a site get addresses of, in place of their plan's.
#[utoipa::path(get, path = "/partners/{partner_id}/sites/{site_id}/pools",
    params(("partner_id" = String, Path), ("site_id" = SiteId, Path)),
    responses((status = 200, body = Data<SitePoolsView>)))]
pub async fn site_pools_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SitePath>,
) -> Result<Data<SitePoolsView>, Problem> {
    Ok(Data::one(
        &op,
        app.site_pools_get(&op, path.site_id).await?.into(),
    ))
}

/// Changes which pools those at a site get addresses of. Who is in keeps his address; his next login gets one of these.
#[utoipa::path(patch, path = "/partners/{partner_id}/sites/{site_id}/pools",
    params(("partner_id" = String, Path), ("site_id" = SiteId, Path)), request_body = SitePoolsChange,
    responses((status = 200, body = Data<SitePoolsView>)))]
pub async fn site_pools_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SitePath>,
    Valid(body): Valid<SitePoolsChange>,
) -> Result<Data<SitePoolsView>, Problem> {
    let change = [body.ipv4_pool, body.prefix_pool, body.delegated_pool];
    let pools = app.site_pools_update(&op, path.site_id, change).await?;
    Ok(Data::one(&op, pools.into()))
}

impl From<SitePoolNames> for SitePoolsView {
    fn from([ipv4_pool, prefix_pool, delegated_pool]: SitePoolNames) -> Self {
        Self {
            ipv4_pool,
            prefix_pool,
            delegated_pool,
        }
    }
}
