//! The OpenAPI document of the whole program, written without starting any of it.
//! Never differs from what a server answers at `/api/public/v1/openapi.json`; a test holds one against the other.

/// The document as indented JSON.
///
/// # Errors
/// What serde says; a document that cannot be written is a defect.
pub fn text() -> Result<String, serde_json::Error> {
    let modules = vec![access::http::routes().described()];
    kernel::http::openapi::text(&kernel::http::document(modules))
}
