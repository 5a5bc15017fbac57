//! Deleting and restoring partners, clients and sites over HTTP. Nothing is removed: what is deleted is hidden and can come back.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, routes};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::Deleted;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let platform = Access::PlatformNeeds(Permission::PlatformPartnersManage);
    let (read, manage) = (
        Access::Needs(Permission::PartnerRead),
        Access::Needs(Permission::PartnerManage),
    );
    ApiRoutes::new("deletion")
        .add(platform, routes!(partner_delete))
        .add(platform, routes!(partner_restore))
        .add(platform, routes!(partner_deleted_list))
        .add(manage, routes!(client_delete))
        .add(manage, routes!(client_restore))
        .add(read, routes!(client_deleted_list))
        .add(manage, routes!(site_delete))
        .add(manage, routes!(site_restore))
        .add(read, routes!(site_deleted_list))
}

/// Something that is deleted.
#[derive(Serialize, ToSchema)]
struct DeletedView {
    /// Its id.
    id: Uuid,
    /// Its slug, which nobody else gets meanwhile.
    slug: String,
    /// Its name for people.
    name: String,
    /// The slug of the client it is below; for a site only.
    client_slug: Option<String>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    deleted_at: OffsetDateTime,
}

/// A list as it is shown.
fn shown(op: &OpContext, page: &Page, (rows, total): (Vec<Deleted>, i64)) -> Data<Vec<DeletedView>> {
    let view = |row: Deleted| DeletedView {
        id: row.id,
        slug: row.slug,
        name: row.name,
        client_slug: row.client_slug,
        deleted_at: row.deleted_at,
    };
    Data::list(op, page, total, rows.into_iter().map(view).collect())
}

/// A partner that is deleted, or shall be.
#[derive(Deserialize)]
struct DeletedPartnerPath {
    /// Id or slug.
    partner: String,
}

/// A client.
#[derive(Deserialize)]
struct ClientPath {
    /// Id or slug.
    client_id: String,
}

/// A site.
#[derive(Deserialize)]
struct SitePath {
    /// Id or slug of the client.
    client_id: String,
    /// Id or slug.
    site_id: String,
}

/// Deletes a partner: nobody finds it or what is below it any more, and its subscribers are turned away.
#[utoipa::path(put, path = "/deleted-partners/{partner}",
    params(("partner" = String, Path, description = "Id or slug")), responses((status = 204)))]
async fn partner_delete(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<DeletedPartnerPath>,
) -> Result<StatusCode, Problem> {
    kernel.tenancy.partner_delete(&op, &path.partner).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted partner back, with all that was below it.
#[utoipa::path(post, path = "/deleted-partners/{partner}/restore",
    params(("partner" = String, Path, description = "Id or slug")), responses((status = 204)))]
async fn partner_restore(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<DeletedPartnerPath>,
) -> Result<StatusCode, Problem> {
    kernel.tenancy.partner_restore(&op, &path.partner).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists deleted partners by slug.
#[utoipa::path(get, path = "/deleted-partners", params(Page),
    responses((status = 200, body = Data<Vec<DeletedView>>)))]
async fn partner_deleted_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<DeletedView>>, Problem> {
    let tenancy = &kernel.tenancy;
    let found = tenancy
        .partner_deleted_list(&op, page.limit(), page.offset())
        .await?;
    Ok(shown(&op, &page, found))
}

/// Deletes a client with its sites and their subscribers.
#[utoipa::path(delete, path = "/partners/{partner_id}/clients/{client_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug")),
    responses((status = 204)))]
async fn client_delete(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
) -> Result<StatusCode, Problem> {
    kernel.tenancy.client_delete(&op, &path.client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted client back, with the sites and subscribers that were deleted with it.
#[utoipa::path(post, path = "/partners/{partner_id}/clients/{client_id}/restore",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug")),
    responses((status = 204)))]
async fn client_restore(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
) -> Result<StatusCode, Problem> {
    kernel.tenancy.client_restore(&op, &path.client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists deleted clients by slug.
#[utoipa::path(get, path = "/partners/{partner_id}/deleted-clients", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<DeletedView>>)))]
async fn client_deleted_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<DeletedView>>, Problem> {
    let tenancy = &kernel.tenancy;
    let found = tenancy
        .client_deleted_list(&op, page.limit(), page.offset())
        .await?;
    Ok(shown(&op, &page, found))
}

/// Deletes a site with its subscribers.
#[utoipa::path(delete, path = "/partners/{partner_id}/clients/{client_id}/sites/{site_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug"),
        ("site_id" = String, Path, description = "Id or slug")), responses((status = 204)))]
async fn site_delete(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SitePath>,
) -> Result<StatusCode, Problem> {
    kernel
        .tenancy
        .site_delete(&op, &path.client_id, &path.site_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a site back that was deleted by itself, with the subscribers that were deleted with it.
#[utoipa::path(post, path = "/partners/{partner_id}/clients/{client_id}/sites/{site_id}/restore",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug"),
        ("site_id" = String, Path, description = "Id or slug")), responses((status = 204)))]
async fn site_restore(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SitePath>,
) -> Result<StatusCode, Problem> {
    kernel
        .tenancy
        .site_restore(&op, &path.client_id, &path.site_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists deleted sites by client and slug.
#[utoipa::path(get, path = "/partners/{partner_id}/deleted-sites", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<DeletedView>>)))]
async fn site_deleted_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<DeletedView>>, Problem> {
    let tenancy = &kernel.tenancy;
    let found = tenancy
        .site_deleted_list(&op, page.limit(), page.offset())
        .await?;
    Ok(shown(&op, &page, found))
}
