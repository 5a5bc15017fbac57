//! The page behind the one-time set-up link: who is the administrator, and what is the first partner called.
//! Holds no rule and knows no token: the link carries it behind `#`, which a browser sends to nobody, and the page hands
//! it to `POST /api/v1/setup`, which decides.
//!
//! The three files beside this one are the page; it stands without the console ([`crate::console`]), which a build may lack.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// Everything comes from here and goes here; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The page and what it loads.
pub fn routes() -> Router {
    let html = include_str!("setup_page/setup.html");
    let css = include_str!("setup_page/setup.css");
    let js = include_str!("setup_page/setup.js");
    Router::new()
        .route(
            "/setup",
            get(async move || file("text/html; charset=utf-8", html)),
        )
        .route(
            "/setup.css",
            get(async move || file("text/css; charset=utf-8", css)),
        )
        .route(
            "/setup.js",
            get(async move || file("text/javascript; charset=utf-8", js)),
        )
}

/// One file with the headers that a page with a password field needs.
fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, text)
}
