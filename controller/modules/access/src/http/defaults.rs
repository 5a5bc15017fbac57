//! Defaults of a partner and of its NAS over HTTP. Never holds a rule; see [`crate::app::defaults`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem, Valid};
use kernel::id::NasId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::terms::TermsShape;
use crate::app::App;

/// A change of defaults.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct DefaultsChange {
    /// What is named takes the place of what there is, `null` takes it away.
    #[schema(value_type = TermsShape)]
    terms: Map<String, Value>,
}

/// Defaults.
#[derive(Serialize, ToSchema)]
pub struct DefaultsView {
    /// What is given when neither a subscriber nor his plan says otherwise.
    #[schema(value_type = TermsShape)]
    terms: Value,
}

/// Which NAS.
#[derive(Deserialize)]
pub struct NasPath {
    /// Its id.
    nas_id: NasId,
}

/// Shows what the partner gives when neither a subscriber, his plan nor the NAS says otherwise.
#[utoipa::path(get, path = "/partners/{partner_id}/defaults", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<DefaultsView>)))]
pub async fn defaults_get(State(app): State<Arc<App>>, op: OpContext) -> Result<Data<DefaultsView>, Problem> {
    let terms = app.defaults_get(&op, None).await?;
    Ok(Data::one(&op, DefaultsView { terms }))
}

/// Changes what the partner gives when neither a subscriber, his plan nor the NAS says otherwise.
#[utoipa::path(patch, path = "/partners/{partner_id}/defaults", params(("partner_id" = String, Path)),
    request_body = DefaultsChange, responses((status = 200, body = Data<DefaultsView>)))]
pub async fn defaults_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<DefaultsChange>,
) -> Result<Data<DefaultsView>, Problem> {
    let terms = app.defaults_update(&op, None, &body.terms).await?;
    Ok(Data::one(&op, DefaultsView { terms }))
}

/// Shows what a NAS gives when neither a subscriber nor his plan says otherwise.
#[utoipa::path(get, path = "/partners/{partner_id}/nas/{nas_id}/defaults",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)),
    responses((status = 200, body = Data<DefaultsView>)))]
pub async fn nas_defaults_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
) -> Result<Data<DefaultsView>, Problem> {
    let terms = app.defaults_get(&op, Some(path.nas_id)).await?;
    Ok(Data::one(&op, DefaultsView { terms }))
}

/// Changes what a NAS gives when neither a subscriber nor his plan says otherwise.
#[utoipa::path(patch, path = "/partners/{partner_id}/nas/{nas_id}/defaults",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), request_body = DefaultsChange,
    responses((status = 200, body = Data<DefaultsView>)))]
pub async fn nas_defaults_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
    Valid(body): Valid<DefaultsChange>,
) -> Result<Data<DefaultsView>, Problem> {
    let terms = app.defaults_update(&op, Some(path.nas_id), &body.terms).await?;
    Ok(Data::one(&op, DefaultsView { terms }))
}
