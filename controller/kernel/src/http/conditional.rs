//! Versions of single objects: `ETag` on what is read, `If-None-Match` to spare the reading, `If-Match` to change only what
//! one has seen. Never trusts a version that was looked at outside the change: [`Turns`] keeps the others out meanwhile.
//!
//! The version is a hash of `data`, so that it moves when and only when what the caller saw does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::api::Access;
use super::problem::Problem;
use crate::database::Database;
use crate::error::Error;
use crate::op::OpContext;

/// Octets of the hash in a version.
const VERSION_OCTETS: usize = 16;
/// Conditional changes at work at the same time; each holds a connection beside that of the change itself.
const TURNS_MAX: usize = 2;
/// How long one waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// What reads the object at a path, for a change at the same path.
#[derive(Clone)]
pub(super) struct Reader {
    /// Who may read it.
    pub access: Access,
    /// Reads it.
    pub handlers: MethodRouter,
}

/// The turns of conditional changes.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TURNS_MAX)))
    }
}

/// The version of an object whose JSON this is.
pub(super) fn version(octets: &[u8]) -> Option<HeaderValue> {
    let hash = Sha256::digest(octets);
    let text = BASE64.encode(hash.get(..VERSION_OCTETS)?);
    HeaderValue::from_str(&format!("\"{text}\"")).ok()
}

/// Answers 304 when the caller has this version already.
pub(super) fn spare(asked: &HeaderMap, response: Response) -> Response {
    let version = response.headers().get(header::ETAG).cloned();
    match version {
        Some(version) if lists(asked, header::IF_NONE_MATCH, &version) == Some(true) => {
            (StatusCode::NOT_MODIFIED, [(header::ETAG, version)]).into_response()
        }
        _ => response,
    }
}

/// Whether a list of versions names this one; `None` when there is no list. A weak version (`W/`) is none of ours.
fn lists(headers: &HeaderMap, name: header::HeaderName, version: &HeaderValue) -> Option<bool> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let listed = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .any(|one| one == "*" || one.as_bytes() == version.as_bytes())
    };
    Some(values.any(listed))
}

impl Turns {
    /// Does a change when the object still is the version the caller has seen. Other changes of the partner wait
    /// meanwhile, also those of other servers.
    pub(super) async fn change(
        &self,
        db: &Database,
        op: &OpContext,
        reader: Option<&Reader>,
        request: Request,
        next: Next,
    ) -> Result<Response, Problem> {
        let Some(reader) = reader else {
            return Err(failed("nothing at this path has a version"));
        };
        if let Some(permission) = reader.access.permission()
            && !op.permissions.contains(permission)
        {
            return Err(Error::Forbidden { permission }.into());
        }
        let turn = tokio::time::timeout(TURN_WAIT_MAX, self.0.acquire()).await;
        let _turn = turn.map_err(|source| Error::Unavailable {
            what: "too many conditional changes at once".to_owned(),
            source: source.into(),
        })?;
        let held = db.begin_alone(op).await?;
        let (mut parts, body) = request.into_parts();
        // Neither the look nor the change waits for the turn that is theirs.
        parts.extensions.insert(OpContext {
            yields: false,
            ..op.clone()
        });
        let mut look = Request::new(Body::empty());
        *look.method_mut() = Method::GET;
        *look.uri_mut() = parts.uri.clone();
        *look.extensions_mut() = parts.extensions.clone();
        let Ok(seen) = reader.handlers.clone().oneshot(look).await;
        let Some(version) = seen.headers().get(header::ETAG) else {
            // Not there, or not to be seen: the reader says it better. Or it is a list, which has none.
            return match seen.status().is_success() {
                true => Err(failed("nothing at this path has a version")),
                false => Ok(seen),
            };
        };
        if lists(&parts.headers, header::IF_MATCH, version) != Some(true) {
            return Err(failed("it was changed meanwhile: read it again"));
        }
        let response = next.run(Request::from_parts(parts, body)).await;
        held.rollback().await.map_err(Error::from)?;
        Ok(response)
    }
}

/// The object is not what the caller has seen.
fn failed(detail: &str) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &[&'static str], expect: Option<bool>) {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        let version = HeaderValue::from_static("\"abc\"");
        assert_eq!(lists(&headers, header::IF_MATCH, &version), expect, "{sent:?}");
    }

    #[test]
    fn a_list_names_a_version_or_all() {
        check(&[], None);
        check(&["\"abc\""], Some(true));
        check(&["\"x\", \"abc\""], Some(true));
        check(&["\"x\"", "\"abc\""], Some(true));
        check(&["*"], Some(true));
        check(&["\"x\""], Some(false));
        check(&["abc"], Some(false));
        check(&["W/\"abc\""], Some(false));
        check(&[""], Some(false));
    }
}
