//! The header `Idempotency-Key` on a write: done once, however often it is asked for.
//! Never keeps what was refused: only an act that was done has an answer worth keeping.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::edge::BODY_OCTETS_MAX;
use super::problem::Problem;
use crate::idempotency::{Answer, Claim, KEY_OCTETS_MAX, Keys, Outcome, fingerprint};
use crate::op::OpContext;

/// The header that carries the key.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that tells an answer given once more.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The largest answer to a write, in octets.
const ANSWER_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Does a write once. `run` does it, and takes the request back with its body.
pub(super) async fn once<F>(
    keys: &Keys,
    op: &OpContext,
    caller: Option<Uuid>,
    request: Request,
    run: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", detail);
    let caller = caller.ok_or_else(|| bad("a key is for somebody who is signed in"))?;
    let key =
        read(request.headers()).ok_or_else(|| bad("use one key of 1 to 255 visible ASCII characters"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_OCTETS_MAX)
        .await
        .map_err(|_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let print = fingerprint(parts.method.as_str(), path, &body);
    let place = match keys.claim(op, caller, &key, &print).await? {
        Claim::Ours(place) => place,
        known => return replay(known),
    };
    let response = run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    if !status.is_success() {
        // A defect may have come after the act; then nobody knows, and the key will say so.
        if status != StatusCode::INTERNAL_SERVER_ERROR {
            keys.settle(place, Outcome::NotDone).await?;
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_OCTETS_MAX)
        .await
        .map_err(|_| Problem::internal())?;
    let answer = Answer {
        status: status.as_u16(),
        body: body.to_vec(),
    };
    if let Err(error) = keys.settle(place, Outcome::Done(answer)).await {
        // The act stands, and its caller shall know; only a repetition will not find its answer.
        tracing::warn!(%error, "the answer to a write with a key is not kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// What is answered for a key that is known.
fn replay(known: Claim) -> Result<Response, Problem> {
    let (status, code, detail) = match known {
        Claim::Done(answer) => return Ok(again(answer)),
        Claim::AnswerLost { status } => (
            StatusCode::CONFLICT,
            "idempotency_answer_lost",
            format!("this was done and answered {status}; the answer was too long to keep: read the object"),
        ),
        Claim::UnderWay => (
            StatusCode::CONFLICT,
            "idempotency_under_way",
            "another request with this key is at work: ask again".to_owned(),
        ),
        Claim::CutOff => (
            StatusCode::CONFLICT,
            "idempotency_cut_off",
            "the first request with this key was cut off, and nobody knows whether it took effect: look, and then use \
             another key"
                .to_owned(),
        ),
        Claim::Another | Claim::Ours(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this key was used for another request".to_owned(),
        ),
    };
    Err(Problem::new(status, code, detail))
}

/// A kept answer, as it was.
fn again(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = if answer.body.is_empty() {
        status.into_response()
    } else {
        let json = [(header::CONTENT_TYPE, "application/json")];
        (status, json, Bytes::from(answer.body)).into_response()
    };
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The one key that was sent, when it is one.
fn read(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let text = value.to_str().ok()?.trim();
    let sound =
        (1..=KEY_OCTETS_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &[&str], expect: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(KEY, HeaderValue::from_str(value).expect("a header"));
        }
        assert_eq!(read(&headers).as_deref(), expect, "{sent:?}");
    }

    #[test]
    fn a_key_is_one_word() {
        check(&["order-17"], Some("order-17"));
        check(&[&"k".repeat(255)], Some(&"k".repeat(255)));
        check(&[&"k".repeat(256)], None);
        check(&[""], None);
        check(&["two words"], None);
        check(&["one", "two"], None);
        check(&[], None);
    }
}
