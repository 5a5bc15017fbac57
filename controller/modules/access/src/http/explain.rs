//! Explaining logins over HTTP. Never holds a rule; see [`crate::app::explain`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Query};
use kernel::id::NasId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::noted::Noted;
use crate::app::App;
use crate::app::explain::{DECISIONS_MAX, DECISIONS_USUAL, Explained};

/// Whose logins.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct ExplainQuery {
    /// The user name as it was sent; no subscriber need have it.
    #[garde(length(bytes, max = 253))]
    username: String,
    /// How many decisions at most; 20 unless said, 200 at most.
    #[garde(range(min = 1, max = DECISIONS_MAX))]
    limit: Option<usize>,
}

/// One decision, explained.
#[derive(Serialize, ToSchema)]
pub struct DecisionView {
    /// Its id.
    id: Uuid,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Which NAS asked.
    nas_id: NasId,
    /// The NAS's name.
    nas: Option<String>,
    /// Address and port the request came from; `null` for older decisions.
    source: Option<String>,
    /// `Access-Accept`, `Access-Reject`, `Access-Challenge` or `dropped`.
    outcome: String,
    /// The typed outcome, for example `wrong_password`.
    reason: String,
    /// The same in a sentence.
    words: String,
    /// Calling-Station-Id.
    calling_station: Option<String>,
    /// What each step found.
    #[schema(value_type = Vec<StepView>)]
    steps: Value,
    /// From datagram to decision, microseconds.
    duration_us: i64,
}

/// What one step found; the shape of `steps`.
#[derive(Serialize, ToSchema)]
pub struct StepView {
    /// Which step: `source`, `message_authenticator`, `identify`, `credential` and so on.
    step: String,
    /// What it found, in words.
    found: String,
    /// Whether the request went on from there.
    ok: bool,
}

/// Explains the last logins of a user name, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/radius/explain",
    params(("partner_id" = String, Path), ExplainQuery),
    responses((status = 200, body = Data<Vec<DecisionView>>)))]
pub async fn radius_explain(
    State(app): State<Arc<App>>,
    op: OpContext,
    Query(query): Query<ExplainQuery>,
) -> Result<Noted, Problem> {
    let limit = query.limit.unwrap_or(DECISIONS_USUAL);
    let explanation = app.radius_explain(&op, &query.username, limit).await?;
    let decisions = explanation
        .decisions
        .into_iter()
        .map(DecisionView::from)
        .collect();
    let answer: Data<Vec<DecisionView>> = Data::one(&op, decisions);
    let complete = ("complete", json!(explanation.incomplete.is_none()));
    let why = explanation.incomplete.map(|why| ("incomplete", json!(why)));
    Noted::new(StatusCode::OK, &answer, [complete].into_iter().chain(why))
}

impl From<Explained> for DecisionView {
    fn from(decision: Explained) -> Self {
        Self {
            id: decision.id,
            at: decision.at,
            nas_id: decision.nas_id.into(),
            nas: decision.nas,
            source: decision.source.map(|source| source.to_string()),
            outcome: decision.outcome,
            words: decision
                .words
                .map_or_else(|| decision.reason.replace('_', " "), str::to_owned),
            reason: decision.reason,
            calling_station: decision.calling_station,
            steps: decision.steps,
            duration_us: decision.duration_us,
        }
    }
}
