//! Clients of a partner over HTTP.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Valid, nullable, routes};
use crate::id::ClientId;
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::{Client, ClientChange, NewClient};

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("clients")
        .add(Access::Needs(Permission::PartnerRead), routes!(client_list))
        .add(Access::Needs(Permission::PartnerManage), routes!(client_create))
        .add(Access::Needs(Permission::PartnerRead), routes!(client_fetch))
        .add(Access::Needs(Permission::PartnerManage), routes!(client_update))
}

/// A client: an account holder of the partner.
#[derive(Serialize, ToSchema)]
struct ClientView {
    /// Its id.
    id: ClientId,
    /// Its stable short name.
    slug: String,
    /// Its name for people.
    name: String,
    /// Whom to write to.
    contact_email: Option<String>,
    /// `active` or `suspended`.
    status: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        let Client {
            id,
            slug,
            name,
            contact_email,
            status,
            created_at,
            updated_at,
        } = client;
        Self {
            id,
            slug,
            name,
            contact_email,
            status,
            created_at,
            updated_at,
        }
    }
}

/// Creates a client.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct ClientBody {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people, without `< > & ; | $` and back quotes.
    name: String,
    /// Whom to write to.
    contact_email: Option<String>,
}

/// Changes a client; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct ClientPatch {
    /// A new name.
    name: Option<String>,
    /// A new address; null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    contact_email: Option<Option<String>>,
    /// `active` or `suspended`.
    status: Option<String>,
}

/// Which client.
#[derive(Deserialize)]
struct ClientPath {
    /// Id or slug.
    client_id: String,
}

/// Lists clients by slug.
#[utoipa::path(get, path = "/partners/{partner_id}/clients", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<ClientView>>)))]
async fn client_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<ClientView>>, Problem> {
    let (rows, total) = kernel
        .tenancy
        .client_list(&op, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(ClientView::from).collect(),
    ))
}

/// Creates a client.
#[utoipa::path(post, path = "/partners/{partner_id}/clients", params(("partner_id" = String, Path)),
    request_body = ClientBody, responses((status = 201, body = Data<ClientView>)))]
async fn client_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<ClientBody>,
) -> Result<Data<ClientView>, Problem> {
    let new = NewClient {
        slug: body.slug,
        name: body.name,
        contact_email: body.contact_email,
    };
    Ok(Data::one(&op, kernel.tenancy.client_create(&op, &new).await?.into()).created())
}

/// Fetches a client.
#[utoipa::path(get, path = "/partners/{partner_id}/clients/{client_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug")),
    responses((status = 200, body = Data<ClientView>)))]
async fn client_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
) -> Result<Data<ClientView>, Problem> {
    Ok(Data::one(
        &op,
        kernel.tenancy.client_fetch(&op, &path.client_id).await?.into(),
    ))
}

/// Changes a client.
#[utoipa::path(patch, path = "/partners/{partner_id}/clients/{client_id}",
    params(("partner_id" = String, Path), ("client_id" = String, Path, description = "Id or slug")),
    request_body = ClientPatch, responses((status = 200, body = Data<ClientView>)))]
async fn client_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ClientPath>,
    Valid(body): Valid<ClientPatch>,
) -> Result<Data<ClientView>, Problem> {
    let change = ClientChange {
        name: body.name,
        contact_email: body.contact_email,
        status: body.status,
    };
    Ok(Data::one(
        &op,
        kernel
            .tenancy
            .client_update(&op, &path.client_id, &change)
            .await?
            .into(),
    ))
}
