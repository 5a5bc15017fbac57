//! Roles over HTTP: those that can be held in a partner, and the partner's own.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Valid, routes};
use crate::identity::grant::Role;
use crate::identity::role::{NewRole, RoleChange};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("roles")
        .add(Access::Needs(Permission::RolesRead), routes!(role_list))
        .add(Access::Needs(Permission::RolesManage), routes!(role_create))
        .add(Access::Needs(Permission::RolesManage), routes!(role_update))
        .add(Access::Needs(Permission::RolesManage), routes!(role_remove))
}

/// A role that can be held here.
#[derive(Serialize, ToSchema)]
struct RoleView {
    /// Its stable name.
    slug: String,
    /// Its name for people.
    name: String,
    /// Whom it is for.
    description: String,
    /// Whether it ships with the program.
    built_in: bool,
    /// What it allows.
    permissions: Vec<String>,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let Role {
            slug,
            name,
            description,
            built_in,
            permissions,
            ..
        } = role;
        Self {
            slug,
            name,
            description,
            built_in,
            permissions: permissions.names(),
        }
    }
}

/// Makes a role.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct RoleBody {
    /// Its stable name: `a-z`, `0-9` and `-`; none of a role that ships.
    slug: String,
    /// Its name for people.
    name: String,
    /// Whom it is for.
    #[serde(default)]
    description: String,
    /// What it allows; never more than you may do.
    permissions: Vec<String>,
}

/// Changes a role; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct RolePatch {
    /// Its name for people.
    name: Option<String>,
    /// Whom it is for.
    description: Option<String>,
    /// All that it allows from now on.
    permissions: Option<Vec<String>>,
}

/// Which role.
#[derive(Deserialize)]
struct RolePath {
    /// Its stable name.
    role: String,
}

/// Lists the roles that can be held in the partner.
#[utoipa::path(get, path = "/partners/{partner_id}/roles", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<RoleView>>)))]
async fn role_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<RoleView>>, Problem> {
    let roles = kernel.identity.role_list(&op).await?;
    let total = i64::try_from(roles.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let rows = roles
        .into_iter()
        .skip(skip)
        .take(take)
        .map(RoleView::from)
        .collect();
    Ok(Data::list(&op, &page, total, rows))
}

/// Makes a role of the partner.
#[utoipa::path(post, path = "/partners/{partner_id}/roles", params(("partner_id" = String, Path)),
    request_body = RoleBody, responses((status = 201, body = Data<RoleView>)))]
async fn role_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<RoleBody>,
) -> Result<Data<RoleView>, Problem> {
    let new = NewRole {
        slug: body.slug,
        name: body.name,
        description: body.description,
        permissions: body.permissions,
    };
    Ok(Data::one(&op, kernel.identity.role_create(&op, &new).await?.into()).created())
}

/// Changes a role of the partner, for everybody who holds it.
#[utoipa::path(patch, path = "/partners/{partner_id}/roles/{role}",
    params(("partner_id" = String, Path), ("role" = String, Path)),
    request_body = RolePatch, responses((status = 200, body = Data<RoleView>)))]
async fn role_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<RolePath>,
    Valid(body): Valid<RolePatch>,
) -> Result<Data<RoleView>, Problem> {
    let change = RoleChange {
        name: body.name,
        description: body.description,
        permissions: body.permissions,
    };
    let role = kernel.identity.role_update(&op, &path.role, &change).await?;
    Ok(Data::one(&op, role.into()))
}

/// Removes a role of the partner that nobody holds.
#[utoipa::path(delete, path = "/partners/{partner_id}/roles/{role}",
    params(("partner_id" = String, Path), ("role" = String, Path)), responses((status = 204)))]
async fn role_remove(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<RolePath>,
) -> Result<StatusCode, Problem> {
    kernel.identity.role_remove(&op, &path.role).await?;
    Ok(StatusCode::NO_CONTENT)
}
