//! An answer with a word more in its `meta`: a warning, or that something is missing from it.
//! Never changes the answer itself.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::Error;
use kernel::http::{Data, Problem};
use serde::Serialize;
use serde_json::Value;

/// An answer with notes.
pub struct Noted {
    /// 200 or 201.
    status: StatusCode,
    /// The envelope.
    body: Value,
}

impl Noted {
    /// Puts `notes` into the `meta` of an answer.
    ///
    /// # Errors
    /// When the answer cannot be written as JSON, which a defect alone can cause.
    pub fn new<T: Serialize>(
        status: StatusCode,
        answer: &Data<T>,
        notes: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<Self, Problem> {
        let mut body =
            serde_json::to_value(answer).map_err(|error| Error::internal("writing an answer", error))?;
        if let Some(meta) = body.get_mut("meta").and_then(Value::as_object_mut) {
            meta.extend(notes.into_iter().map(|(key, value)| (key.to_owned(), value)));
        }
        Ok(Self { status, body })
    }
}

impl IntoResponse for Noted {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
