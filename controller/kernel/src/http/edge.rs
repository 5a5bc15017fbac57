//! The outermost layer: an id for every request, bounds on its time, and one shape for every error.
//! Never knows who asks; see [`super::guard`].

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::problem::{PROBLEM_JSON, Problem};
use crate::id::RequestId;

/// The header that carries the id of a request, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The largest body, in octets.
pub const BODY_OCTETS_MAX: usize = 1024 * 1024;
/// The longest a request may take.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// What every answer says about itself to browsers; nothing here is a page.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// What the edge has to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// Whether browsers reach us by https, and shall never do otherwise again.
    pub https: bool,
}

/// Wraps a request from its first to its last octet.
pub(super) async fn edge(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    request.extensions_mut().insert(request_id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("http", %request_id);
    let started = Instant::now();
    let response = async {
        let response = if holds_nul(&request) {
            let detail = "a NUL character is no text; there is none in any path or filter";
            Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail).into_response()
        } else {
            match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
                Ok(response) => response,
                Err(_) => timed_out().into_response(),
            }
        };
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(%method, path, status = response.status().as_u16(), elapsed_us, "answered");
        response
    }
    .instrument(span)
    .await;
    let mut response = as_problem(response, request_id);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if edge.https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// The caller's id for the request when it is a UUID, else a fresh one.
fn request_id(request: &Request) -> RequestId {
    let sent = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    sent.and_then(|text| Uuid::try_parse(text).ok())
        .map_or_else(RequestId::new, RequestId::from)
}

/// Whether path or query hold the one character that PostgreSQL's text cannot.
fn holds_nul(request: &Request) -> bool {
    let uri = request.uri();
    uri.path().contains("%00") || uri.query().is_some_and(|query| query.contains("%00"))
}

/// The request took too long; what it did meanwhile was rolled back with its transaction.
fn timed_out() -> Problem {
    tracing::error!(limit_s = REQUEST_MAX.as_secs(), "a request took too long");
    let detail = format!(
        "this took longer than {} s and was given up",
        REQUEST_MAX.as_secs()
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail)
}

/// Makes every error a problem document with the request's id; other answers pass unchanged.
fn as_problem(mut response: Response, request_id: RequestId) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_problem(&response) => return response,
        None => Problem::of_status(status),
    };
    let mut rendered = problem.render(Some(request_id));
    for (name, value) in response.headers() {
        let about_the_body = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
        if !about_the_body {
            rendered.headers_mut().entry(name).or_insert(value.clone());
        }
    }
    rendered
}

/// Whether somebody rendered a problem by himself.
fn is_problem(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == PROBLEM_JSON)
}

/// What a panicking handler answers; what it said goes to the log only.
pub(super) fn panicked(_panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked; this is a defect");
    Problem::internal().into_response()
}
