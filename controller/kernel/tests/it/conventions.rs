//! What the API promises of every write and every object: once, only what was seen, not too often, and small on the wire.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use kernel::OpContext;
use kernel::http::rate::Rate;
use kernel::http::testing::{Answer, Person, api_key, person, request, send};
use kernel::identity::Settings;
use kernel::tenancy::Partner;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::World;

/// Calls `/api/v1` with headers of its own.
async fn ask(
    world: &World,
    method: Method,
    path: &str,
    who: &str,
    headers: &[(&'static str, &str)],
    body: Option<&Value>,
) -> Answer {
    let mut request = request(&method, &format!("/api/v1{path}"), Some(who), body);
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    send(&world.api.router, request).await
}

/// The version in an answer.
fn etag(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(header::ETAG)?.to_str().ok()?.to_owned())
}

/// A partner, its administrator and a client of it.
async fn client(world: &World) -> (Partner, Person, String) {
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let clients = format!("/partners/{}/clients", partner.slug);
    let made = world
        .post(&clients, &admin.token, json!({ "slug": "acme", "name": "Acme" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    (partner, admin, format!("{clients}/acme"))
}

#[tokio::test]
async fn an_object_has_a_version_that_moves_with_it_and_with_nothing_else() {
    let world = World::new().await;
    let (partner, admin, path) = client(&world).await;
    let first = world.get(&path, &admin.token).await;
    let version = etag(&first.headers).expect("a version");
    assert_eq!(
        etag(&world.get(&path, &admin.token).await.headers),
        Some(version.clone())
    );
    let unchanged = ask(
        &world,
        Method::GET,
        &path,
        &admin.token,
        &[("if-none-match", &version)],
        None,
    )
    .await;
    assert_eq!((unchanged.status.as_u16(), &unchanged.body), (304, &Value::Null));
    assert_eq!(etag(&unchanged.headers), Some(version.clone()));

    let changed = world
        .patch(&path, &admin.token, json!({ "name": "Acme Ltd" }))
        .await;
    assert_eq!((changed.status.as_u16(), etag(&changed.headers)), (200, None));
    let second = ask(
        &world,
        Method::GET,
        &path,
        &admin.token,
        &[("if-none-match", &version)],
        None,
    )
    .await;
    assert_eq!(second.status, 200);
    assert_ne!(etag(&second.headers), Some(version));
    let list = world
        .get(&format!("/partners/{}/clients", partner.slug), &admin.token)
        .await;
    assert_eq!(etag(&list.headers), None, "a page has no version");
}

#[tokio::test]
async fn a_change_on_a_condition_is_refused_when_somebody_was_faster() {
    let world = World::new().await;
    let (partner, admin, path) = client(&world).await;
    let version = etag(&world.get(&path, &admin.token).await.headers).expect("a version");
    let rename = |name: &str, version: String| {
        let (body, path, token) = (json!({ "name": name }), path.clone(), admin.token.clone());
        let world = &world;
        async move {
            let headers = [("if-match", version.as_str())];
            ask(world, Method::PATCH, &path, &token, &headers, Some(&body)).await
        }
    };
    assert_eq!(rename("First", version.clone()).await.status, 200);
    let late = rename("Second", version.clone()).await;
    assert_eq!(
        (late.status.as_u16(), late.code()),
        (412, Some("precondition_failed"))
    );
    assert!(late.is_problem(), "{}", late.body);
    assert_eq!(world.get(&path, &admin.token).await.body["data"]["name"], "First");
    assert_eq!(rename("Third", "*".to_owned()).await.status, 200);

    // Where there is nothing to have seen, there is nothing to change either.
    let headers = [("if-match", "*")];
    let body = json!({ "name": "x" });
    let nobody = format!("/partners/{}/clients/nobody", partner.slug);
    let absent = ask(
        &world,
        Method::PATCH,
        &nobody,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(absent.status, 404);
    let clients = format!("/partners/{}/clients", partner.slug);
    let body = json!({ "slug": "b", "name": "B" });
    let list = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(
        (list.status.as_u16(), list.code()),
        (412, Some("precondition_failed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_saw_the_same_version_one_changes_it() {
    let world = World::new().await;
    let (_partner, admin, path) = client(&world).await;
    for round in 0..5 {
        let version = etag(&world.get(&path, &admin.token).await.headers).expect("a version");
        let uri = format!("/api/v1{path}");
        // Two of three on the condition, the others without: nobody who asked for it may overwrite what he has not seen.
        let asked = (0..9).map(|n| {
            let body = json!({ "name": format!("round {round} by {n}") });
            let mut request = request(&Method::PATCH, &uri, Some(&admin.token), Some(&body));
            if n % 3 != 0 {
                let version = HeaderValue::from_str(&version).expect("a header");
                request.headers_mut().insert(header::IF_MATCH, version);
            }
            let router = world.api.router.clone();
            tokio::spawn(async move { (n % 3 != 0, send(&router, request).await) })
        });
        let mut done = 0;
        for answer in asked.collect::<Vec<_>>() {
            let (conditional, answer) = answer.await.expect("an answer");
            match (conditional, answer.status.as_u16()) {
                (true, 200) => done += 1,
                (true, 412) | (false, 200) => {}
                // Nobody got a turn in time, on a machine that does other things; nothing was changed then.
                (true, 503) => {}
                other => panic!("{other:?}: {}", answer.body),
            }
        }
        assert!(
            done <= 1,
            "{done} changed what they had seen, and only one can be first"
        );
    }
}

#[tokio::test]
async fn a_write_with_a_key_is_done_once_and_answered_twice() {
    let world = World::new().await;
    let (partner, admin, _) = client(&world).await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let body = json!({ "name": "bot", "permissions": ["partner:read"] });
    let send = async |key: &str, body: &Value| {
        ask(
            &world,
            Method::POST,
            &keys,
            &admin.token,
            &[("idempotency-key", key)],
            Some(body),
        )
        .await
    };
    let first = send("order-17", &body).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let again = send("order-17", &body).await;
    assert_eq!(
        (again.status, &again.body),
        (first.status, &first.body),
        "the key shown once is shown again"
    );
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(world.audit("api-key.create").await.len(), 1, "it was done once");

    let other = send(
        "order-17",
        &json!({ "name": "other", "permissions": ["partner:read"] }),
    )
    .await;
    assert_eq!(
        (other.status.as_u16(), other.code()),
        (422, Some("idempotency_key_reused"))
    );
    assert_eq!(
        send("order-18", &body).await.status,
        201,
        "another key is another order"
    );
    for bad in ["two words", "", &"k".repeat(256)] {
        let refused = send(bad, &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, Some("bad_idempotency_key")),
            "{bad}"
        );
    }

    // The same key of somebody else is another key.
    let colleague = world.partner_admin(&partner).await;
    let headers = [("idempotency-key", "order-17")];
    let his = ask(
        &world,
        Method::POST,
        &keys,
        &colleague.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(his.status, 201);
    assert!(!his.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn what_was_refused_may_be_asked_again_with_the_same_key() {
    let world = World::new().await;
    let (partner, admin, _) = client(&world).await;
    let clients = format!("/partners/{}/clients", partner.slug);
    let headers = [("idempotency-key", "k1")];
    let wrong = json!({ "slug": "NOT A SLUG", "name": "B" });
    let refused = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&wrong),
    )
    .await;
    assert_eq!(refused.status, 422);
    let right = json!({ "slug": "b", "name": "B" });
    let made = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&right),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let answers = sqlx::query_scalar::<_, String>("SELECT answer FROM kernel.idempotency_keys")
        .fetch_all(
            &mut *world
                .kernel
                .db
                .begin(&OpContext::system("test"))
                .await
                .expect("begins"),
        )
        .await
        .expect("rows");
    assert!(
        answers.len() == 1 && answers[0].starts_with("sealed:1:"),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_first_attempt_that_was_cut_off_is_told_and_not_repeated() {
    let world = World::new().await;
    let (partner, admin, _) = client(&world).await;
    let clients = format!("/partners/{}/clients", partner.slug);
    let (headers, body) = ([("idempotency-key", "k1")], json!({ "slug": "b", "name": "B" }));
    let made = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(made.status, 201);
    // As a kill -9 between the act and its answer leaves it.
    let set = async |sql: &'static str| {
        let mut tx = world
            .kernel
            .db
            .begin(&OpContext::system("test"))
            .await
            .expect("begins");
        sqlx::query(sql).execute(&mut *tx).await.expect("a statement");
        tx.commit().await.expect("commits");
    };
    set("UPDATE kernel.idempotency_keys SET status = NULL, answer = NULL").await;
    let early = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(
        (early.status.as_u16(), early.code()),
        (409, Some("idempotency_under_way"))
    );
    set("UPDATE kernel.idempotency_keys SET lease_until = now() - interval '1 s'").await;
    let late = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(
        (late.status.as_u16(), late.code()),
        (409, Some("idempotency_cut_off"))
    );
    // A day later the key means nothing any more, and the act itself says that it was done.
    set("UPDATE kernel.idempotency_keys SET created_at = now() - interval '25 h'").await;
    let next_day = ask(
        &world,
        Method::POST,
        &clients,
        &admin.token,
        &headers,
        Some(&body),
    )
    .await;
    assert_eq!(
        (next_day.status.as_u16(), next_day.code()),
        (409, Some("conflict"))
    );
}

#[tokio::test]
async fn who_asks_too_often_is_told_how_long_to_wait() {
    let settings = Settings {
        rate_caller: Rate(1),
        rate_partner: Rate(2),
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/clients", partner.slug);
    let first = world.get(&path, &admin.token).await;
    assert_eq!(
        (first.status.as_u16(), first.headers["ratelimit-limit"].as_bytes()),
        (200, &b"4"[..])
    );
    assert_eq!(first.headers["ratelimit-remaining"], "3");
    // A second may pass between any two of them; a bucket of four is empty before the twentieth all the same.
    let refused = async |token: &str| {
        for _ in 0..20 {
            let answer = world.get(&path, token).await;
            if answer.status == 429 {
                return answer;
            }
        }
        panic!("nobody was refused")
    };
    let answer = refused(&admin.token).await;
    assert_eq!(answer.code(), Some("too_many_requests"));
    assert!(answer.is_problem() && answer.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(answer.headers["ratelimit-remaining"], "0");

    // Being refused is not free either, and others are not held up.
    let stranger = person(&world.kernel, None, kernel::authz::PermissionSet::empty()).await;
    assert_eq!(world.get(&path, &stranger.token).await.status, 403);
    assert_eq!(refused(&stranger.token).await.code(), Some("too_many_requests"));
    let key = api_key(
        &world.kernel,
        partner.id,
        kernel::authz::PermissionSet::all_of_a_partner(),
    )
    .await;
    let fresh = world.get(&path, &key).await;
    assert!(matches!(fresh.status.as_u16(), 200 | 429));
    if fresh.status == 429 {
        assert_eq!(
            fresh.headers["ratelimit-limit"], "8",
            "only the partner's own bucket may be empty"
        );
    }
}

#[tokio::test]
async fn answers_are_compressed_for_who_can_read_it() {
    let world = World::new().await;
    for (accepted, expect) in [
        ("gzip", Some("gzip")),
        ("br, gzip", Some("br")),
        ("identity", None),
    ] {
        let request = Request::get("/api/public/v1/openapi.json")
            .header(header::ACCEPT_ENCODING, accepted)
            .body(Body::empty())
            .expect("a request");
        let response = world
            .api
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let encoding = response.headers().get(header::CONTENT_ENCODING).cloned();
        let encoding = encoding.as_ref().and_then(|value| value.to_str().ok());
        assert_eq!(encoding, expect, "{accepted}");
        let octets = to_bytes(response.into_body(), 16 * 1024 * 1024)
            .await
            .expect("a body")
            .len();
        assert!(
            (octets < 200_000) == expect.is_some(),
            "{accepted}: {octets} octets"
        );
    }
}
