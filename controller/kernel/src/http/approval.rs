//! A second person for critical writes, where the partner demands one: between the guard and the handler.
//! Never looks at who decides; that is [`crate::identity::approval`]. Reads a body only where a second person is wanted.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::edge::BODY_OCTETS_MAX;
use super::problem::Problem;
use crate::authz::Permission;
use crate::error::Error;
use crate::id::ApprovalId;
use crate::identity::Identity;
use crate::identity::approval::{Act, ApprovalError};
use crate::op::OpContext;

/// The header with which a request names its approval, and an answer the one to have granted.
pub const APPROVAL: HeaderName = HeaderName::from_static("headend-approval");

/// Lets a request pass, or asks for a second person; answers the approval that is used up, unless it is refused after all.
pub(super) async fn pass(
    identity: &Identity,
    op: &OpContext,
    permission: Permission,
    asked: &Parts,
    request: Request,
) -> Result<(Request, Option<ApprovalId>), Box<Response>> {
    let answer = |problem: Problem| Box::new(problem.into_response());
    let policy = identity.approval_policy(op).await;
    let policy = policy.map_err(|error| answer(error.into()))?;
    if !policy.contains(permission) {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let octets = to_bytes(body, BODY_OCTETS_MAX)
        .await
        .map_err(|_| answer(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)))?;
    let sent = match asked.headers.get(APPROVAL) {
        None => None,
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            let unfit = || Problem::from(Error::invalid("/headend-approval", "use the id of an approval"));
            Some(id.ok_or_else(|| answer(unfit()))?)
        }
    };
    let act = Act {
        permission,
        method: asked.method.as_str(),
        path: asked.uri.path_and_query().map_or("", |path| path.as_str()),
        body: &octets,
    };
    match identity.approval_pass(op, &act, sent).await {
        Ok(used) => Ok((Request::from_parts(parts, Body::from(octets)), used)),
        Err(error) => Err(Box::new(refused(error))),
    }
}

/// The approval was for nothing: what it was used for was refused before anything was done.
pub(super) async fn give_back(identity: &Identity, op: &OpContext, used: ApprovalId, status: StatusCode) {
    if !status.is_client_error() {
        return;
    }
    if let Err(error) = identity.approval_give_back(op, used).await {
        // It stays used up; a new one has to be asked for.
        tracing::warn!(approval = %used, %error, "an approval could not be given back");
    }
}

/// What is said to who may not pass.
fn refused(error: ApprovalError) -> Response {
    let detail = error.to_string();
    match error {
        ApprovalError::Required { id, .. } => {
            let mut response =
                Problem::new(StatusCode::FORBIDDEN, "approval_required", detail).into_response();
            if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
                response.headers_mut().insert(APPROVAL, id);
            }
            response
        }
        ApprovalError::Unfit(_) => {
            Problem::new(StatusCode::FORBIDDEN, "approval_unfit", detail).into_response()
        }
        ApprovalError::Other(error) => Problem::from(error).into_response(),
    }
}
