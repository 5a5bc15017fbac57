//! People over HTTP: those of a partner, and those of the platform. Their roles are in `roles`.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Query, Valid, routes};
use crate::id::UserId;
use crate::identity::user::{NewUser, User, UserChange};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("users")
        .add(Access::Needs(Permission::UsersRead), routes!(user_list))
        .add(Access::Needs(Permission::UsersManage), routes!(user_create))
        .add(Access::Needs(Permission::UsersRead), routes!(user_fetch))
        .add(Access::Needs(Permission::UsersManage), routes!(user_update))
        .add(
            Access::PlatformNeeds(Permission::UsersRead),
            routes!(platform_user_list),
        )
        .add(
            Access::PlatformNeeds(Permission::UsersManage),
            routes!(platform_user_create),
        )
        .add(
            Access::PlatformNeeds(Permission::UsersManage),
            routes!(platform_user_update),
        )
}

/// A person, with the roles held here.
#[derive(Serialize, ToSchema)]
struct UserView {
    /// Its id.
    id: UserId,
    /// The account's name.
    email: String,
    /// For people.
    name: String,
    /// `active` or `disabled`.
    status: String,
    /// Slugs of the roles held here.
    roles: Vec<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            name,
            status,
            roles,
            created_at,
            updated_at,
        } = user;
        Self {
            id,
            email,
            name,
            status,
            roles,
            created_at,
            updated_at,
        }
    }
}

/// Narrows the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserFilter {
    /// The one with this address.
    #[garde(length(chars, max = 255))]
    email: Option<String>,
}

/// Creates a person.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct UserBody {
    /// The account's name.
    email: String,
    /// For people.
    name: String,
    /// At least 12 characters.
    #[schema(write_only, format = Password)]
    password: String,
    /// Slugs of roles; none may allow more than you may do.
    roles: Vec<String>,
}

/// Changes a person; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct UserPatch {
    /// A new name.
    name: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
    /// A new password; ends all sessions.
    #[schema(write_only, format = Password)]
    password: Option<String>,
    /// All roles to hold here; an empty list ends the membership.
    roles: Option<Vec<String>>,
}

/// Which person.
#[derive(Deserialize)]
struct UserPath {
    /// Its id.
    user_id: UserId,
}

impl From<UserBody> for NewUser {
    fn from(body: UserBody) -> Self {
        let UserBody {
            email,
            name,
            password,
            roles,
        } = body;
        Self {
            email,
            name,
            password: Zeroizing::new(password),
            roles,
        }
    }
}

impl From<UserPatch> for UserChange {
    fn from(body: UserPatch) -> Self {
        let UserPatch {
            name,
            status,
            password,
            roles,
        } = body;
        Self {
            name,
            status,
            password: password.map(Zeroizing::new),
            roles,
        }
    }
}

/// Lists the people who hold a role in the partner.
#[utoipa::path(get, path = "/partners/{partner_id}/users", params(("partner_id" = String, Path), UserFilter, Page),
    responses((status = 200, body = Data<Vec<UserView>>)))]
async fn user_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<UserFilter>,
) -> Result<Data<Vec<UserView>>, Problem> {
    let email = filter.email.as_deref();
    let (rows, total) = kernel
        .identity
        .user_list(&op, email, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(UserView::from).collect(),
    ))
}

/// Creates a person with roles in the partner.
#[utoipa::path(post, path = "/partners/{partner_id}/users", params(("partner_id" = String, Path)),
    request_body = UserBody, responses((status = 201, body = Data<UserView>)))]
async fn user_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<UserBody>,
) -> Result<Data<UserView>, Problem> {
    Ok(Data::one(&op, kernel.identity.user_create(&op, body.into()).await?.into()).created())
}

/// Fetches a person who holds a role in the partner.
#[utoipa::path(get, path = "/partners/{partner_id}/users/{user_id}",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path)),
    responses((status = 200, body = Data<UserView>)))]
async fn user_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserPath>,
) -> Result<Data<UserView>, Problem> {
    Ok(Data::one(
        &op,
        kernel.identity.user_fetch(&op, path.user_id).await?.into(),
    ))
}

/// Changes a person, or the roles held in the partner.
#[utoipa::path(patch, path = "/partners/{partner_id}/users/{user_id}",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path)),
    request_body = UserPatch, responses((status = 200, body = Data<UserView>)))]
async fn user_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserPath>,
    Valid(body): Valid<UserPatch>,
) -> Result<Data<UserView>, Problem> {
    Ok(Data::one(
        &op,
        kernel
            .identity
            .user_update(&op, path.user_id, body.into())
            .await?
            .into(),
    ))
}

/// Lists the people who hold a role on the platform.
#[utoipa::path(get, path = "/users", params(UserFilter, Page),
    responses((status = 200, body = Data<Vec<UserView>>)))]
async fn platform_user_list(
    state: State<Kernel>,
    op: OpContext,
    page: Page,
    filter: Query<UserFilter>,
) -> Result<Data<Vec<UserView>>, Problem> {
    user_list(state, op, page, filter).await
}

/// Creates a person with roles on the platform.
#[utoipa::path(post, path = "/users", request_body = UserBody, responses((status = 201, body = Data<UserView>)))]
async fn platform_user_create(
    state: State<Kernel>,
    op: OpContext,
    body: Valid<UserBody>,
) -> Result<Data<UserView>, Problem> {
    user_create(state, op, body).await
}

/// Changes a person who holds a role on the platform, or these roles.
#[utoipa::path(patch, path = "/users/{user_id}", params(("user_id" = UserId, Path)),
    request_body = UserPatch, responses((status = 200, body = Data<UserView>)))]
async fn platform_user_update(
    state: State<Kernel>,
    op: OpContext,
    path: Path<UserPath>,
    body: Valid<UserPatch>,
) -> Result<Data<UserView>, Problem> {
    user_update(state, op, path, body).await
}
