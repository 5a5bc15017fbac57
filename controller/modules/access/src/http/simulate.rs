//! Logins that are only thought of, over HTTP. Never holds a rule; see [`crate::app::simulate`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Valid};
use kernel::id::{NasId, SubscriberId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::explain::StepView;
use crate::app::App;
use crate::app::simulate::Simulate;

/// Whose login, where.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SimulateBody {
    /// Whose.
    subscriber_id: SubscriberId,
    /// On which NAS.
    nas_id: NasId,
    /// Calling-Station-Id, as the NAS would send it.
    #[garde(inner(length(bytes, min = 1, max = 253)))]
    calling_station_id: Option<String>,
    /// NAS-Port-Id, as the NAS would send it.
    #[garde(inner(length(bytes, min = 1, max = 253)))]
    nas_port_id: Option<String>,
}

/// What would come of it.
#[derive(Serialize, ToSchema)]
pub struct SimulateView {
    /// `Access-Accept` or `Access-Reject`.
    outcome: &'static str,
    /// The typed outcome; see docs/reasons.md.
    reason: &'static str,
    /// The same in a sentence.
    words: &'static str,
    /// What each step would find.
    #[schema(value_type = Vec<StepView>)]
    steps: Value,
    /// The attributes of the reply, one a line, but for Message-Authenticator and Class.
    attributes: Vec<String>,
}

/// Says whether a subscriber would get in now, on that NAS, and with what. Nothing changes by it.
#[utoipa::path(post, path = "/partners/{partner_id}/radius/simulate", params(("partner_id" = String, Path)),
    request_body = SimulateBody, responses((status = 200, body = Data<SimulateView>)))]
pub async fn radius_simulate(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SimulateBody>,
) -> Result<Data<SimulateView>, Problem> {
    let ask = Simulate {
        subscriber: body.subscriber_id,
        nas: body.nas_id,
        calling_station: body.calling_station_id,
        port_id: body.nas_port_id,
    };
    let answered = app.radius_simulate(&op, ask).await?;
    let view = SimulateView {
        outcome: answered.outcome,
        reason: answered.reason,
        words: answered.words,
        steps: answered.steps,
        attributes: answered.attributes,
    };
    Ok(Data::one(&op, view))
}
