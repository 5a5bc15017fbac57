//! What is known of one NAS, over HTTP. Never holds a rule; see [`crate::app::intent::capability`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem, Valid};
use kernel::id::NasId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::store::capability::Capability;

/// Something known of a NAS.
#[derive(Serialize, ToSchema)]
pub struct CapabilityView {
    /// `change`: it listens to changes; `class`: its accounting shows them; `disconnect`: it ends sessions when it says so; else a
    /// term of a plan, such as `rate`: it changes that of a session that goes on.
    capability: String,
    /// Whether it does.
    holds: bool,
    /// `learned`, of its answers and its accounting, or said by an `operator`, who wins.
    source: String,
    /// By what.
    evidence: String,
    /// How often that was seen in a row.
    times: i32,
    /// When last; what was learned counts for a week.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// What an operator says of a NAS.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct CapabilityChange {
    /// Whether it does; `null` forgets what is known, and it is learned anew.
    holds: Option<bool>,
    /// Why; it goes into the audit and stands beside it.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// Which NAS.
#[derive(Deserialize)]
pub struct NasPath {
    /// Its id.
    nas_id: NasId,
}

/// Which NAS, and what of it.
#[derive(Deserialize)]
pub struct CapabilityPath {
    /// Its id.
    nas_id: NasId,
    /// What of it.
    capability: String,
}

/// Lists what is known of a NAS, beside what its make promises.
#[utoipa::path(get, path = "/partners/{partner_id}/nas/{nas_id}/capabilities",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)),
    responses((status = 200, body = Data<Vec<CapabilityView>>)))]
pub async fn nas_capability_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
) -> Result<Data<Vec<CapabilityView>>, Problem> {
    let known = app.capability_list(&op, path.nas_id).await?;
    Ok(Data::one(&op, known.into_iter().map(Into::into).collect()))
}

/// Says what a NAS does, in place of what was learned.
#[utoipa::path(put, path = "/partners/{partner_id}/nas/{nas_id}/capabilities/{capability}",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path), ("capability" = String, Path)),
    request_body = CapabilityChange, responses((status = 200, body = Data<Vec<CapabilityView>>)))]
pub async fn nas_capability_put(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<CapabilityPath>,
    Valid(body): Valid<CapabilityChange>,
) -> Result<Data<Vec<CapabilityView>>, Problem> {
    let (nas, capability) = (path.nas_id, &path.capability);
    let known = app
        .capability_put(&op, nas, capability, body.holds, &body.reason)
        .await?;
    Ok(Data::one(&op, known.into_iter().map(Into::into).collect()))
}

impl From<Capability> for CapabilityView {
    fn from(known: Capability) -> Self {
        Self {
            capability: known.capability,
            holds: known.holds,
            source: known.source,
            evidence: known.evidence,
            times: known.times,
            at: known.at,
        }
    }
}
