//! What was asked of a session and what came of it, over HTTP.
//! Never holds a rule; see [`crate::app::intent`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Query, Valid};
use kernel::id::{IntentId, NasId, SessionBulkId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::session::SessionPath;
use super::window;
use crate::app::App;
use crate::app::intent::{Verb, Wanted};
use crate::store::intent::{Intent, IntentFilter};

/// An intent.
#[derive(Serialize, ToSchema)]
pub struct IntentView {
    /// Its id.
    id: IntentId,
    /// About which session.
    session_id: SessionId,
    /// On which NAS.
    nas_id: NasId,
    /// What is wanted: `disconnect`, `reshape`, `garden`, `activate` or `deactivate`.
    verb: String,
    /// The service that is started or stopped.
    service: Option<String>,
    /// Why, in the words of whoever asked.
    reason: String,
    /// `asked`, `acknowledged` (a claim), `proven`, `contradicted`, `refused`, `silent`, `failed` or `replaced`.
    state: String,
    /// What it is asked for now: `change`, then `disconnect`, then `operator`: nothing more is asked, somebody must look at it.
    rung: String,
    /// Nothing more is done about it.
    over: bool,
    /// Datagrams sent.
    attempts: i16,
    /// From the first datagram to the answer, microseconds.
    rtt_us: Option<i64>,
    /// The NAS's Error-Cause.
    error_cause: Option<i32>,
    /// The same in words, or why it failed.
    detail: Option<String>,
    /// What the session was told, in the words of a plan; `class`: by whose return in accounting the change is proven.
    told: Vec<String>,
    /// What comes with the next login only.
    left_out: Vec<String>,
    /// What proves or contradicts it: `stop`, `class` or `goes_on`.
    evidence: Option<String>,
    /// Every answer on every rung, the oldest first.
    #[schema(value_type = Vec<Object>)]
    steps: Value,
    /// Of which bulk it is a part.
    bulk_id: Option<SessionBulkId>,
    /// When it was asked.
    #[serde(with = "time::serde::rfc3339")]
    asked_at: OffsetDateTime,
    /// When the NAS answered last.
    #[serde(with = "time::serde::rfc3339::option")]
    answered_at: Option<OffsetDateTime>,
    /// When the proof was on record.
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

/// Which intents.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct IntentListQuery {
    /// Of this session.
    session_id: Option<SessionId>,
    /// In this state.
    #[garde(length(chars, max = 20))]
    state: Option<String>,
    /// Only those that somebody must look at.
    #[serde(default)]
    operator: bool,
    /// Of this bulk.
    bulk_id: Option<SessionBulkId>,
}

/// A wish, with why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionWish {
    /// Why; it goes into the audit.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// That a service is started or stopped.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct ServiceWish {
    /// Its name on the NAS.
    #[garde(length(bytes, min = 1, max = 200))]
    service: String,
    /// Whether it is started; else it is stopped.
    starts: bool,
    /// Why; it goes into the audit.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// What is done when a session does not change as it goes on.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionPolicy {
    /// `disconnect`: it is ended, and gets it with the next login; `operator`: it goes on, and somebody looks at it.
    #[garde(length(chars, max = 20))]
    if_refused: String,
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

/// Lists what was asked of sessions, the newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/intents",
    params(("partner_id" = String, Path), IntentListQuery, Page),
    responses((status = 200, body = Data<Vec<IntentView>>)))]
pub async fn intent_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
    Query(query): Query<IntentListQuery>,
) -> Result<Data<Vec<IntentView>>, Problem> {
    let filter = IntentFilter {
        session: query.session_id,
        state: query.state,
        operator: query.operator,
        bulk: query.bulk_id.map(|id| id.as_uuid()),
    };
    let listed = app.intent_list(&op, &filter, window(&page)).await?;
    let rows = listed.rows.into_iter().map(IntentView::from).collect();
    Ok(Data::list(&op, &page, listed.total, rows))
}

/// Has a session get what a login now would get: live where its NAS changes sessions, else as the partner wants it. The answer is
/// the intent; `told` says what the NAS was told, `left_out` what comes with the next login only.
#[utoipa::path(post, path = "/partners/{partner_id}/sessions/{session_id}/reshape",
    params(("partner_id" = String, Path), ("session_id" = SessionId, Path)), request_body = SessionWish,
    responses((status = 202, body = Data<IntentView>)))]
pub async fn session_reshape(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SessionPath>,
    Valid(body): Valid<SessionWish>,
) -> Result<Data<IntentView>, Problem> {
    let wanted = Wanted::just(Verb::Reshape);
    let intent = app
        .session_want(&op, path.session_id, &wanted, body.reason)
        .await?;
    Ok(Data::one(&op, intent.into()).accepted())
}

/// Puts a live session into the garden, whatever a login now would get; a reshape takes it out again.
#[utoipa::path(post, path = "/partners/{partner_id}/sessions/{session_id}/garden",
    params(("partner_id" = String, Path), ("session_id" = SessionId, Path)), request_body = SessionWish,
    responses((status = 202, body = Data<IntentView>)))]
pub async fn session_garden(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SessionPath>,
    Valid(body): Valid<SessionWish>,
) -> Result<Data<IntentView>, Problem> {
    let wanted = Wanted::just(Verb::Garden);
    let intent = app
        .session_want(&op, path.session_id, &wanted, body.reason)
        .await?;
    Ok(Data::one(&op, intent.into()).accepted())
}

/// Starts or stops a service of the NAS for a live session.
#[utoipa::path(post, path = "/partners/{partner_id}/sessions/{session_id}/service",
    params(("partner_id" = String, Path), ("session_id" = SessionId, Path)), request_body = ServiceWish,
    responses((status = 202, body = Data<IntentView>)))]
pub async fn session_service(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SessionPath>,
    Valid(body): Valid<ServiceWish>,
) -> Result<Data<IntentView>, Problem> {
    let verb = if body.starts {
        Verb::Activate
    } else {
        Verb::Deactivate
    };
    let wanted = Wanted {
        service: Some(body.service),
        ..Wanted::just(verb)
    };
    let intent = app
        .session_want(&op, path.session_id, &wanted, body.reason)
        .await?;
    Ok(Data::one(&op, intent.into()).accepted())
}

/// Shows what this partner wants done when a session does not change as it goes on.
#[utoipa::path(get, path = "/partners/{partner_id}/session-policy", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<SessionPolicy>)))]
pub async fn session_policy_get(
    State(app): State<Arc<App>>,
    op: OpContext,
) -> Result<Data<SessionPolicy>, Problem> {
    let if_refused = app.session_policy_get(&op).await?.to_owned();
    Ok(Data::one(&op, SessionPolicy { if_refused }))
}

/// Sets what this partner wants done when a session does not change as it goes on.
#[utoipa::path(put, path = "/partners/{partner_id}/session-policy", params(("partner_id" = String, Path)),
    request_body = SessionPolicy, responses((status = 200, body = Data<SessionPolicy>)))]
pub async fn session_policy_put(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SessionPolicy>,
) -> Result<Data<SessionPolicy>, Problem> {
    let if_refused = app.session_policy_put(&op, &body.if_refused).await?.to_owned();
    Ok(Data::one(&op, SessionPolicy { if_refused }))
}

impl From<Intent> for IntentView {
    fn from(intent: Intent) -> Self {
        Self {
            id: intent.id,
            session_id: intent.session_id,
            nas_id: intent.nas_id.into(),
            verb: intent.verb,
            service: intent.service,
            reason: intent.reason,
            state: intent.state,
            rung: intent.rung,
            over: intent.over,
            attempts: intent.attempts,
            rtt_us: intent.rtt_us,
            error_cause: intent.error_cause,
            detail: intent.detail,
            told: intent.told,
            left_out: intent.left_out,
            evidence: intent.evidence,
            steps: intent.steps,
            bulk_id: intent.bulk_id.map(Into::into),
            asked_at: intent.asked_at,
            answered_at: intent.answered_at,
            proven_at: intent.proven_at,
            created_by: intent.created_by_name,
        }
    }
}
