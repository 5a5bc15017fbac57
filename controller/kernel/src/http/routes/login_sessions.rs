//! Signed-in sessions over HTTP: one's own, and those of the people one may manage. Signing in and out is `sessions`.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::error::Error;
use crate::http::{Access, ApiRoutes, Data, Path, Problem, routes};
use crate::id::{LoginSessionId, UserId};
use crate::identity::Principal;
use crate::identity::principal::Credential;
use crate::identity::session::{Ended, LoginSession};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let (within, above) = (
        Access::Needs(Permission::UsersManage),
        Access::PlatformNeeds(Permission::UsersManage),
    );
    ApiRoutes::new("sessions")
        .add(Access::SignedIn, routes!(my_sessions))
        .add(Access::SignedIn, routes!(my_session_end))
        .add(Access::SignedIn, routes!(my_sessions_end))
        .add(within, routes!(user_sessions))
        .add(within, routes!(user_session_end))
        .add(within, routes!(user_sessions_end))
        .add(above, routes!(platform_user_sessions))
        .add(above, routes!(platform_user_sessions_end))
}

/// A signed-in session.
#[derive(Serialize, ToSchema)]
struct LoginSessionView {
    /// Its id.
    id: LoginSessionId,
    /// Whether it is the one this was asked with.
    current: bool,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// Its last request, to the minute.
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    /// Its end at the latest.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// Where it began.
    #[schema(value_type = Option<String>)]
    source_ip: Option<IpAddr>,
    /// The browser's name, as it said it.
    user_agent: Option<String>,
}

/// One of one's own.
#[derive(Deserialize)]
struct SessionPath {
    /// The session.
    session_id: LoginSessionId,
}

/// Somebody.
#[derive(Deserialize)]
struct UserPath {
    /// The person.
    user_id: UserId,
}

/// One of somebody's.
#[derive(Deserialize)]
struct UserSessionPath {
    /// The person.
    user_id: UserId,
    /// The session.
    session_id: LoginSessionId,
}

/// Sessions as they are shown.
fn shown(sessions: Vec<LoginSession>, current: Option<LoginSessionId>) -> Vec<LoginSessionView> {
    let show = |session: LoginSession| LoginSessionView {
        id: session.id,
        current: current == Some(session.id),
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        source_ip: session.source_ip,
        user_agent: session.user_agent,
    };
    sessions.into_iter().map(show).collect()
}

/// The person and the session behind a request.
fn mine(principal: &Principal) -> Result<(UserId, LoginSessionId), Problem> {
    match principal.credential {
        Credential::Session { id, user, .. } => Ok((user, id)),
        Credential::ApiKey { .. } => {
            Err(Error::conflict("session", "an API key has no sessions; revoke the key instead").into())
        }
    }
}

/// Lists one's own sessions, the newest first.
#[utoipa::path(get, path = "/me/sessions", responses((status = 200, body = Data<Vec<LoginSessionView>>)))]
async fn my_sessions(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<Vec<LoginSessionView>>, Problem> {
    let (user, current) = mine(&principal)?;
    let sessions = kernel.identity.session_list(&op, user).await?;
    Ok(Data::one(&op, shown(sessions, Some(current))))
}

/// Ends one session of one's own.
#[utoipa::path(delete, path = "/me/sessions/{session_id}", params(("session_id" = LoginSessionId, Path)),
    responses((status = 204)))]
async fn my_session_end(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Path(path): Path<SessionPath>,
) -> Result<StatusCode, Problem> {
    let (user, _) = mine(&principal)?;
    kernel
        .identity
        .session_end(&op, user, Ended::One(path.session_id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of one's own but the one this is asked with.
#[utoipa::path(delete, path = "/me/sessions", responses((status = 204)))]
async fn my_sessions_end(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<StatusCode, Problem> {
    let (user, current) = mine(&principal)?;
    kernel
        .identity
        .session_end(&op, user, Ended::AllBut(Some(current)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the sessions of somebody of the partner, the newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/users/{user_id}/sessions",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path)),
    responses((status = 200, body = Data<Vec<LoginSessionView>>)))]
async fn user_sessions(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserPath>,
) -> Result<Data<Vec<LoginSessionView>>, Problem> {
    let sessions = kernel.identity.session_list_of(&op, path.user_id).await?;
    Ok(Data::one(&op, shown(sessions, None)))
}

/// Ends one session of somebody of the partner.
#[utoipa::path(delete, path = "/partners/{partner_id}/users/{user_id}/sessions/{session_id}",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path), ("session_id" = LoginSessionId, Path)),
    responses((status = 204)))]
async fn user_session_end(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserSessionPath>,
) -> Result<StatusCode, Problem> {
    kernel
        .identity
        .session_end_of(&op, path.user_id, Ended::One(path.session_id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of somebody of the partner.
#[utoipa::path(delete, path = "/partners/{partner_id}/users/{user_id}/sessions",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path)), responses((status = 204)))]
async fn user_sessions_end(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserPath>,
) -> Result<StatusCode, Problem> {
    kernel
        .identity
        .session_end_of(&op, path.user_id, Ended::AllBut(None))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the sessions of somebody of the platform.
#[utoipa::path(get, path = "/users/{user_id}/sessions", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Data<Vec<LoginSessionView>>)))]
async fn platform_user_sessions(
    state: State<Kernel>,
    op: OpContext,
    path: Path<UserPath>,
) -> Result<Data<Vec<LoginSessionView>>, Problem> {
    user_sessions(state, op, path).await
}

/// Ends all sessions of somebody of the platform.
#[utoipa::path(delete, path = "/users/{user_id}/sessions", params(("user_id" = UserId, Path)),
    responses((status = 204)))]
async fn platform_user_sessions_end(
    state: State<Kernel>,
    op: OpContext,
    path: Path<UserPath>,
) -> Result<StatusCode, Problem> {
    user_sessions_end(state, op, path).await
}
