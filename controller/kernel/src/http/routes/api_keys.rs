//! API keys of a partner over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Valid, routes};
use crate::id::ApiKeyId;
use crate::identity::api_key::{ApiKey, NewApiKey};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("api-keys")
        .add(Access::Needs(Permission::ApiKeysManage), routes!(api_key_list))
        .add(Access::Needs(Permission::ApiKeysManage), routes!(api_key_create))
        .add(Access::Needs(Permission::ApiKeysManage), routes!(api_key_revoke))
        .add(Access::Needs(Permission::ApiKeysManage), routes!(api_key_rotate))
}

/// A key, without the key.
#[derive(Serialize, ToSchema)]
struct ApiKeyView {
    /// Its id.
    id: ApiKeyId,
    /// What it is for.
    name: String,
    /// The first characters of the token.
    prefix: String,
    /// What it allows.
    permissions: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it stops working by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<OffsetDateTime>,
    /// The key it was made to replace.
    replaces: Option<ApiKeyId>,
    /// The key itself; only in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey {
            id,
            name,
            prefix,
            permissions,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
            replaces,
        } = key;
        Self {
            id,
            name,
            prefix,
            permissions,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
            replaces,
            token: None,
        }
    }
}

/// Makes a key.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct ApiKeyBody {
    /// What it is for.
    name: String,
    /// What it allows; never more than you may do. `read`, `write` and `admin` stand for many: all that looks (but not the
    /// audit), that and what changes something without being critical, everything of a partner.
    permissions: Vec<String>,
    /// When it stops working by itself; absent: never.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// How long a key that is replaced works on when nobody says otherwise, in seconds: a day.
const OVERLAP_S_DEFAULT: u32 = 24 * 60 * 60;

/// Replaces a key.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct RotateBody {
    /// For how many seconds the former key works on, at most thirty days; absent: a day. Zero: it ends at once.
    overlap_s: Option<u32>,
    /// When the new key stops working by itself; absent: after the term that the former one had.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// Which key.
#[derive(Deserialize)]
struct ApiKeyPath {
    /// Its id.
    api_key_id: ApiKeyId,
}

/// Lists keys, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/api-keys", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<ApiKeyView>>)))]
async fn api_key_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<ApiKeyView>>, Problem> {
    let (rows, total) = kernel
        .identity
        .api_key_list(&op, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(ApiKeyView::from).collect(),
    ))
}

/// Makes a key; the answer is the only place where its token is ever shown.
#[utoipa::path(post, path = "/partners/{partner_id}/api-keys", params(("partner_id" = String, Path)),
    request_body = ApiKeyBody, responses((status = 201, body = Data<ApiKeyView>)))]
async fn api_key_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<ApiKeyBody>,
) -> Result<Data<ApiKeyView>, Problem> {
    let new = NewApiKey {
        name: body.name,
        permissions: body.permissions,
        expires_at: body.expires_at,
    };
    let (key, token) = kernel.identity.api_key_create(&op, &new).await?;
    let view = ApiKeyView {
        token: Some(token.reveal().to_owned()),
        ..key.into()
    };
    Ok(Data::one(&op, view).created())
}

/// Revokes a key.
#[utoipa::path(delete, path = "/partners/{partner_id}/api-keys/{api_key_id}",
    params(("partner_id" = String, Path), ("api_key_id" = ApiKeyId, Path)), responses((status = 204)))]
async fn api_key_revoke(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ApiKeyPath>,
) -> Result<StatusCode, Problem> {
    kernel.identity.api_key_revoke(&op, path.api_key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a key in the place of another one, which works on for the overlap; the answer is the only place where the new
/// token is ever shown.
#[utoipa::path(post, path = "/partners/{partner_id}/api-keys/{api_key_id}/rotate",
    params(("partner_id" = String, Path), ("api_key_id" = ApiKeyId, Path)),
    request_body = RotateBody, responses((status = 201, body = Data<ApiKeyView>)))]
async fn api_key_rotate(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<ApiKeyPath>,
    Valid(body): Valid<RotateBody>,
) -> Result<Data<ApiKeyView>, Problem> {
    let overlap_s = body.overlap_s.unwrap_or(OVERLAP_S_DEFAULT);
    let (key, token) = kernel
        .identity
        .api_key_rotate(&op, path.api_key_id, overlap_s, body.expires_at)
        .await?;
    let view = ApiKeyView {
        token: Some(token.reveal().to_owned()),
        ..key.into()
    };
    Ok(Data::one(&op, view).created())
}
