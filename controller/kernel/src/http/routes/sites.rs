//! Sites of a client over HTTP.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Valid, nullable, routes};
use crate::id::{ClientId, SiteId};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::{NewSite, Site, SiteChange};

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("sites")
        .add(Access::Needs(Permission::PartnerRead), routes!(site_list))
        .add(Access::Needs(Permission::PartnerManage), routes!(site_create))
        .add(Access::Needs(Permission::PartnerRead), routes!(site_fetch))
        .add(Access::Needs(Permission::PartnerManage), routes!(site_update))
}

/// A site: a service location or any grouping below a client.
#[derive(Serialize, ToSchema)]
struct SiteView {
    /// Its id.
    id: SiteId,
    /// The client it belongs to.
    client_id: ClientId,
    /// That client's slug.
    client_slug: String,
    /// Its stable short name.
    slug: String,
    /// Its name for people.
    name: String,
    /// Where it is, when it is a place.
    address: Option<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<Site> for SiteView {
    fn from(site: Site) -> Self {
        let Site {
            id,
            client_id,
            client_slug,
            slug,
            name,
            address,
            created_at,
            updated_at,
        } = site;
        Self {
            id,
            client_id,
            client_slug,
            slug,
            name,
            address,
            created_at,
            updated_at,
        }
    }
}

/// Creates a site.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct SiteBody {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people.
    name: String,
    /// Where it is; absent for a site that is no place.
    address: Option<String>,
}

/// Changes a site; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct SitePatch {
    /// A new name.
    name: Option<String>,
    /// A new address; null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    address: Option<Option<String>>,
}

/// Which client.
#[derive(Deserialize)]
struct ClientPath {
    /// Id or slug.
    client_id: String,
}

/// Which site.
#[derive(Deserialize)]
struct SitePath {
    /// Id or slug of the client.
    client_id: String,
    /// Id or slug of the site.
    site_id: String,
}

/// Lists the sites of a client by slug.
#[utoipa::path(get, path = "/partners/{partner_id}/clients/{client_id}/sites",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug"), Page),
    responses((status = 200, body = Data<Vec<SiteView>>)))]
async fn site_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
    page: Page,
) -> Result<Data<Vec<SiteView>>, Problem> {
    let (rows, total) = kernel
        .tenancy
        .site_list(&op, &path.client_id, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(SiteView::from).collect(),
    ))
}

/// Creates a site.
#[utoipa::path(post, path = "/partners/{partner_id}/clients/{client_id}/sites",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug")),
    request_body = SiteBody, responses((status = 201, body = Data<SiteView>)))]
async fn site_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
    Valid(body): Valid<SiteBody>,
) -> Result<Data<SiteView>, Problem> {
    let new = NewSite {
        slug: body.slug,
        name: body.name,
        address: body.address,
    };
    Ok(Data::one(
        &op,
        kernel
            .tenancy
            .site_create(&op, &path.client_id, &new)
            .await?
            .into(),
    )
    .created())
}

/// Fetches a site.
#[utoipa::path(get, path = "/partners/{partner_id}/clients/{client_id}/sites/{site_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path), ("site_id" = String, Path)),
    responses((status = 200, body = Data<SiteView>)))]
async fn site_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SitePath>,
) -> Result<Data<SiteView>, Problem> {
    Ok(Data::one(
        &op,
        kernel
            .tenancy
            .site_fetch(&op, &path.client_id, &path.site_id)
            .await?
            .into(),
    ))
}

/// Changes a site.
#[utoipa::path(patch, path = "/partners/{partner_id}/clients/{client_id}/sites/{site_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path), ("site_id" = String, Path)),
    request_body = SitePatch, responses((status = 200, body = Data<SiteView>)))]
async fn site_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SitePath>,
    Valid(body): Valid<SitePatch>,
) -> Result<Data<SiteView>, Problem> {
    let change = SiteChange {
        name: body.name,
        address: body.address,
    };
    Ok(Data::one(
        &op,
        kernel
            .tenancy
            .site_update(&op, &path.client_id, &path.site_id, &change)
            .await?
            .into(),
    ))
}
