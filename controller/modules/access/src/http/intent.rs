//! What was asked of a session and what came of it, over HTTP.
//! Never holds a rule; see [`crate::app::disconnect`].

use std::sync::Arc;

use axum::extract::State;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem};
use kernel::id::{IntentId, NasId, SessionId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::store::intent::Intent;

/// An intent.
#[derive(Serialize, ToSchema)]
pub struct IntentView {
    /// Its id.
    id: IntentId,
    /// About which session.
    session_id: SessionId,
    /// On which NAS.
    nas_id: NasId,
    /// Why, in the words of whoever asked.
    reason: String,
    /// `asked`, `acknowledged`, `proven`, `refused`, `silent`, `failed` or `replaced`.
    state: String,
    /// Datagrams sent.
    attempts: i16,
    /// From the first datagram to the answer, microseconds.
    rtt_us: Option<i64>,
    /// The NAS's Error-Cause.
    error_cause: Option<i32>,
    /// The same in words, or why it failed.
    detail: Option<String>,
    /// When it was asked.
    #[serde(with = "time::serde::rfc3339")]
    asked_at: OffsetDateTime,
    /// When the NAS answered.
    #[serde(with = "time::serde::rfc3339::option")]
    answered_at: Option<OffsetDateTime>,
    /// When the session's end was on record.
    #[serde(with = "time::serde::rfc3339::option")]
    proven_at: Option<OffsetDateTime>,
    /// Who asked.
    created_by: String,
}

/// Which intent.
#[derive(Deserialize)]
pub struct IntentPath {
    /// Its id.
    intent_id: IntentId,
}

/// Shows what became of an intent.
#[utoipa::path(get, path = "/partners/{partner_id}/intents/{intent_id}",
    params(("partner_id" = String, Path), ("intent_id" = IntentId, Path)),
    responses((status = 200, body = Data<IntentView>)))]
pub async fn intent_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<IntentPath>,
) -> Result<Data<IntentView>, Problem> {
    Ok(Data::one(&op, app.intent_get(&op, path.intent_id).await?.into()))
}

impl From<Intent> for IntentView {
    fn from(intent: Intent) -> Self {
        Self {
            id: intent.id,
            session_id: intent.session_id,
            nas_id: intent.nas_id.into(),
            reason: intent.reason,
            state: intent.state,
            attempts: intent.attempts,
            rtt_us: intent.rtt_us,
            error_cause: intent.error_cause,
            detail: intent.detail,
            asked_at: intent.asked_at,
            answered_at: intent.answered_at,
            proven_at: intent.proven_at,
            created_by: intent.created_by_name,
        }
    }
}
