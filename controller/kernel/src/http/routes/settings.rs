//! Settings of a partner over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Path, Problem, Valid, routes};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("settings")
        .add(Access::Needs(Permission::PartnerRead), routes!(setting_list))
        .add(Access::Needs(Permission::PartnerManage), routes!(setting_put))
}

/// Sets one setting.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct SettingBody {
    /// For `label_overrides`: `{"client": "Account"}`.
    value: Value,
}

/// Which setting.
#[derive(Deserialize)]
struct SettingPath {
    /// Its key.
    key: String,
}

/// Shows all settings that are set.
#[utoipa::path(get, path = "/partners/{partner_id}/settings", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<Value>)))]
async fn setting_list(State(kernel): State<Kernel>, op: OpContext) -> Result<Data<Value>, Problem> {
    Ok(Data::one(
        &op,
        Value::Object(kernel.tenancy.setting_list(&op).await?),
    ))
}

/// Sets one setting.
#[utoipa::path(put, path = "/partners/{partner_id}/settings/{key}",
    params(("partner_id" = String, Path), ("key" = String, Path)),
    request_body = SettingBody, responses((status = 204)))]
async fn setting_put(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SettingPath>,
    Valid(body): Valid<SettingBody>,
) -> Result<StatusCode, Problem> {
    kernel.tenancy.setting_put(&op, &path.key, &body.value).await?;
    Ok(StatusCode::NO_CONTENT)
}
