//! The body: JSON parsed into a type and checked, with a pointer to everything that is wrong.
//! Never accepts another media type: a form of a foreign site cannot send this one without asking first.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use garde::Validate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::problem::Problem;
use crate::error::{Error, FieldError};

/// How JSON spells the one character that PostgreSQL's text cannot hold.
const NUL_ESCAPE: &[u8] = b"\\u0000";

/// The body as a `T` that keeps all its rules. Put `#[serde(deny_unknown_fields)]` on the type.
#[derive(Debug, Clone)]
pub struct Valid<T>(pub T);

impl<S, T> FromRequest<S> for Valid<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_json(&request) {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let octets = <Bytes as FromRequest<S>>::from_request(request, state)
            .await
            .map_err(|rejection| Problem::of_status(rejection.status()))?;
        let body: T = parse(&octets)?;
        match body.validate() {
            Ok(()) => Ok(Self(body)),
            Err(report) => Err(Error::Invalid {
                fields: fields_of(&report),
            }
            .into()),
        }
    }
}

/// Whether the body says it is JSON.
fn is_json(request: &Request) -> bool {
    let media = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

/// Parses JSON; tells bad syntax (400) from a bad shape (422).
fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    check_text(octets)?;
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            shape(pointer, &inner.to_string())
        } else {
            syntax(&inner)
        }
    })?;
    reader.end().map_err(|error| syntax(&error))?;
    Ok(parsed)
}

/// Refuses text that no column can hold. Done here once, because a NUL would otherwise fail deep in the database.
fn check_text(octets: &[u8]) -> Result<(), Error> {
    if !octets
        .windows(NUL_ESCAPE.len())
        .any(|window| window == NUL_ESCAPE)
    {
        return Ok(());
    }
    // It may also be an escaped backslash before "u0000", which is harmless: look at what it means.
    let value = serde_json::from_slice(octets).unwrap_or(Value::Null);
    match nul_pointer(&value) {
        Some(pointer) => Err(Error::invalid(pointer, "a NUL character is no text")),
        None => Ok(()),
    }
}

/// Where the first NUL character is.
fn nul_pointer(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut found = items
                .iter()
                .enumerate()
                .filter_map(|(at, item)| Some(format!("/{at}{}", nul_pointer(item)?)));
            found.next()
        }
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let below = if key.contains('\0') {
                String::new()
            } else {
                nul_pointer(value)?
            };
            Some(format!("/{}{below}", escape(key)))
        }),
        _ => None,
    }
}

/// The text is no JSON.
fn syntax(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_json",
        format!("the body is not JSON: {error}"),
    )
}

/// The text is JSON of another shape.
fn shape(mut pointer: String, message: &str) -> Problem {
    // serde names a missing member in the message only, between back quotes.
    if let Some(member) = message
        .split('`')
        .nth(1)
        .filter(|_| message.starts_with("missing field"))
    {
        pointer.push('/');
        pointer.push_str(&escape(member));
    }
    // "at line 1 column 7" says nothing that the pointer does not.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    Error::invalid(pointer, message).into()
}

/// A path of serde as a JSON pointer.
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escape(key)),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}

/// A report of garde as field errors.
pub(super) fn fields_of(report: &garde::Report) -> Vec<FieldError> {
    let field = |(path, error): &(garde::Path, garde::Error)| {
        let path = path.to_string().replace(']', "");
        let parts = path.split(['.', '[']).filter(|part| !part.is_empty());
        let pointer: String = parts.map(|part| format!("/{}", escape(part))).collect();
        FieldError::new(pointer, error.to_string())
    };
    report.iter().map(field).collect()
}

/// A member name within a JSON pointer (RFC 6901).
fn escape(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

/// Tells an absent member (`None`) from one that is null (`Some(None)`), for changes:
/// `#[serde(default, deserialize_with = "kernel::http::nullable")] address: Option<Option<String>>`.
///
/// # Errors
/// What `T` makes of the member.
pub fn nullable<'de, D, T>(member: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(member).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, pointer: Option<&str>) {
        let found = match check_text(body.as_bytes()) {
            Ok(()) => None,
            Err(Error::Invalid { fields }) => fields.first().map(|field| field.pointer.clone()),
            Err(other) => Some(other.to_string()),
        };
        assert_eq!(found.as_deref(), pointer, "{body}");
    }

    #[test]
    fn a_nul_is_found_wherever_it_hides() {
        check(r#"{"a": ["x", {"b": "y\u0000"}]}"#, Some("/a/1/b"));
        check("{\"a\\u0000\": 1}", Some("/a\u{0}"));
        check(r#""\u0000""#, Some(""));
    }

    #[test]
    fn what_only_looks_like_one_passes() {
        check(r#"{"a": "\\u0000"}"#, None);
        check(r#"{"a": "\u0001"}"#, None);
        check(r#"{"a": "\u0000"#, None); // no JSON at all; the parser says so
    }
}
