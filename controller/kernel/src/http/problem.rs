//! Errors as callers see them: `application/problem+json` (RFC 9457) with a stable `code`.
//! Never shows a cause: what was seen inside goes to the log, with the request id that the caller got.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::authz::Permission;
use crate::error::{Error, FieldError};
use crate::id::RequestId;

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// What callers are told to wait when something is away, in seconds.
const UNAVAILABLE_RETRY_S: u64 = 5;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    status: StatusCode,
    /// The stable name of the error, for programs.
    code: &'static str,
    /// What happened to this request, for people.
    detail: String,
    /// What is wrong with the input, field by field.
    errors: Vec<FieldError>,
    /// How long to wait before trying again.
    retry_after: Option<Duration>,
    /// What the actor lacks, when that is the problem.
    lacking: Option<Permission>,
}

/// The document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// A name for the kind of problem: `urn:headend:problem:<code>`.
    #[serde(rename = "type")]
    kind: String,
    /// The HTTP status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// The stable name of the error; branch on this one.
    code: &'a str,
    /// What happened to this request.
    detail: &'a str,
    /// The id of the request, also in the log and the audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    /// What is wrong with the input, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemField<'a>>,
}

/// One field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField<'a> {
    /// A JSON pointer into the body, or the name of a query parameter after a slash.
    pointer: &'a str,
    /// What is wrong, and what would be right.
    message: &'a str,
}

impl Problem {
    /// A problem of its own kind, where no [`Error`] fits.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            lacking: None,
        }
    }

    /// A defect; says nothing.
    pub(super) fn internal() -> Self {
        let detail = "something went wrong on our side; the log has more under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// What a bare status means, for answers that did not come from our handlers.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path does not know this method"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is larger than 1 MiB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "send application/json"),
            status if status.is_server_error() => {
                return Self {
                    status,
                    ..Self::internal()
                };
            }
            _ => ("bad_request", "the request is not well formed"),
        };
        Self::new(status, code, detail)
    }

    /// Names the fields that are wrong.
    #[must_use]
    pub(super) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// The same problem in other words.
    #[must_use]
    pub(super) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The permission the actor lacks, when that is the problem.
    pub(super) fn lacking(&self) -> Option<Permission> {
        self.lacking
    }

    /// Renders it; with the request's id where it is known.
    pub(super) fn render(&self, request_id: Option<RequestId>) -> Response {
        let body = ProblemBody {
            kind: format!("urn:headend:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            request_id,
            errors: self
                .errors
                .iter()
                .map(|field| ProblemField {
                    pointer: &field.pointer,
                    message: &field.message,
                })
                .collect(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"headend\""),
            );
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Rendered again at the edge, which knows the request's id.
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid { fields } => {
                let detail = "the input breaks a rule; errors says which";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_errors(fields)
            }
            Error::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            Error::Conflict { .. } => Self::new(StatusCode::CONFLICT, "conflict", detail),
            Error::Forbidden { permission } => {
                let problem = Self::new(StatusCode::FORBIDDEN, "forbidden", detail);
                Self {
                    lacking: Some(permission),
                    ..problem
                }
            }
            Error::Unauthenticated => Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail),
            Error::TooManyRequests { retry_after } => {
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
                Self {
                    retry_after: Some(retry_after),
                    ..problem
                }
            }
            Error::Unavailable { what, source } => {
                tracing::warn!(
                    error = chain(source.as_ref()),
                    what,
                    "a request found something away"
                );
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
                Self {
                    retry_after: Some(Duration::from_secs(UNAVAILABLE_RETRY_S)),
                    ..problem
                }
            }
            Error::Internal { doing, source } => {
                tracing::error!(error = chain(source.as_ref()), doing, "a request failed");
                Self::internal()
            }
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
