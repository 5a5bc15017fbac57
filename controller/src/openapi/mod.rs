//! The OpenAPI document of the whole program, written without starting any of it, and what is made of it.
//! Never differs from what a server answers at `/api/public/v1/openapi.json`; a test holds one against the other.
//! [`postman`] makes a collection for people who click; `docs/openapi.json` is what was published last.

pub mod postman;

use kernel::http::ApiRoutes;
use serde_json::Value;

/// The routes of all modules.
fn modules() -> Vec<ApiRoutes> {
    vec![access::http::routes().described()]
}

/// The document.
#[must_use]
pub fn document() -> Value {
    kernel::http::document(modules())
}

/// Types of one name that are not the same, of which the document shows only one; there must be none.
#[must_use]
pub fn collisions() -> Vec<String> {
    kernel::http::collisions(modules())
}

/// The document as indented JSON.
///
/// # Errors
/// What serde says; a document that cannot be written is a defect.
pub fn text() -> Result<String, serde_json::Error> {
    kernel::http::openapi::text(&document())
}
