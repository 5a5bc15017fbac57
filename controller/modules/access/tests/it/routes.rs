//! The routes: who may call them, what another partner sees of them, and what they refuse.

use axum::http::{Method, StatusCode};
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{assert_guarded, person, request, send};
use serde_json::{Value, json};

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// An id out of an answer.
fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

#[tokio::test]
async fn every_route_asks_for_its_permission() {
    let world = World::new().await;
    assert_guarded(&world.kernel, &world.api).await;
}

#[tokio::test]
async fn what_another_partner_has_is_not_found() {
    let world = World::new().await;
    let (west, east) = (world.isp().await, world.isp().await);
    let mut nas = FakeNas::at("127.61.7.1", "a secret of a NAS").await;
    let admitted = world.admit(&west, "bras-1", &nas).await;
    let alice = world.subscriber(&west, "alice", "open sesame").await;
    let plan = world.get(&west, "plans").await[0].clone();
    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    let at = u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits");
    nas.account(world.accounting(), &Report::new(1, b"0081A2", at))
        .await;
    let session = world.session_of(&west, "alice").await;
    let disconnect = format!("sessions/{}/disconnect", id(&session));
    let (intent, _) = tokio::join!(
        async {
            world
                .post(&west, &disconnect, &json!({ "reason": "a test" }))
                .await
        },
        nas.told(radius::Code::DisconnectAck, None)
    );
    let empty = json!({});
    let reason = json!({ "reason": "a test" });
    let rotation = json!({ "secret": "another secret of it", "overlap_s": 3600 });
    let pool = json!({ "name": "home", "kind": "ipv4", "ranges": ["10.7.0.0/24"] });
    let pool = world.post(&west, "pools", &pool).await;
    let simulated = json!({ "subscriber_id": id(&alice), "nas_id": id(&admitted) });
    let asked: [(Method, String, Option<&Value>); 24] = [
        (Method::GET, format!("nas/{}", id(&admitted)), None),
        (Method::PATCH, format!("nas/{}", id(&admitted)), Some(&empty)),
        (Method::DELETE, format!("nas/{}", id(&admitted)), None),
        (Method::POST, format!("nas/{}/tighten", id(&admitted)), None),
        (
            Method::POST,
            format!("nas/{}/secret", id(&admitted)),
            Some(&rotation),
        ),
        (
            Method::DELETE,
            format!("nas/{}/older-secret", id(&admitted)),
            None,
        ),
        (Method::GET, format!("plans/{}", id(&plan)), None),
        (Method::PATCH, format!("plans/{}", id(&plan)), Some(&empty)),
        (Method::DELETE, format!("plans/{}", id(&plan)), None),
        (Method::GET, format!("subscribers/{}", id(&alice)), None),
        (Method::PATCH, format!("subscribers/{}", id(&alice)), Some(&empty)),
        (Method::DELETE, format!("subscribers/{}", id(&alice)), None),
        (Method::GET, format!("sessions/{}", id(&session)), None),
        (Method::POST, disconnect.clone(), Some(&reason)),
        (Method::GET, format!("intents/{}", id(&intent)), None),
        (Method::GET, format!("plans/{}/admission", id(&plan)), None),
        (
            Method::PATCH,
            format!("plans/{}/admission", id(&plan)),
            Some(&empty),
        ),
        (Method::GET, format!("subscribers/{}/admission", id(&alice)), None),
        (
            Method::PATCH,
            format!("subscribers/{}/admission", id(&alice)),
            Some(&empty),
        ),
        (
            Method::POST,
            format!("subscribers/{}/release", id(&alice)),
            Some(&empty),
        ),
        (Method::GET, format!("pools/{}", id(&pool)), None),
        (Method::PATCH, format!("pools/{}", id(&pool)), Some(&empty)),
        (Method::DELETE, format!("pools/{}", id(&pool)), None),
        (Method::POST, "radius/simulate".to_owned(), Some(&simulated)),
    ];
    for (method, path, body) in asked {
        let answer = world.ask(method.clone(), &east, &path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{method} {path}: {}",
            answer.body
        );
    }
    for path in ["nas", "subscribers", "sessions", "pools"] {
        assert_eq!(world.get(&east, path).await, json!([]), "{path}");
        assert_eq!(
            world.get(&west, path).await.as_array().map(Vec::len),
            Some(1),
            "{path}"
        );
    }
    assert_eq!(world.get(&east, "radius/explain?username=alice").await, json!([]));
}

/// Asserts how a body is refused: the status, and the field that is wrong.
async fn refused(
    world: &World,
    isp: &Isp,
    path: &str,
    body: Value,
    status: StatusCode,
    field: &str,
) -> Value {
    let answer = world.ask(Method::POST, isp, path, Some(&body)).await;
    assert_eq!(answer.status, status, "{body}: {}", answer.body);
    if !field.is_empty() {
        let fields = answer.body["errors"].to_string();
        assert!(fields.contains(&format!("\"{field}\"")), "{body}: {fields}");
    }
    answer.body
}

#[tokio::test]
async fn a_nas_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let world = World::new().await;
    let (west, east) = (world.isp().await, world.isp().await);
    let good = json!({ "name": "bras-1", "address": "127.61.7.2", "secret": "a secret of a NAS" });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    for (field, value) in [
        ("name", json!("a b")),
        ("name", json!("")),
        ("address", json!("0.0.0.0/0")),
        ("address", json!("::/0")),
        ("address", json!("bras-1.example")),
        ("address", json!("10.0.0.1/8")),
        ("secret", json!("12345")),
        ("coa_secret", json!("12345")),
        ("coa_port", json!(0)),
        ("type", json!("x".repeat(31))),
        ("description", json!("x".repeat(201))),
    ] {
        refused(
            &world,
            &west,
            "nas",
            with(field, value),
            wrong,
            &format!("/{field}"),
        )
        .await;
    }
    refused(
        &world,
        &west,
        "nas",
        with("colour", json!("red")),
        StatusCode::UNPROCESSABLE_ENTITY,
        "",
    )
    .await;
    let made = world.ask(Method::POST, &west, "nas", Some(&good)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.body["meta"]["warnings"], Value::Null);
    assert_eq!(made.body["data"]["address"], "127.61.7.2");
    assert_eq!(made.body["data"]["coa_port"], 3799);

    let taken = with("name", json!("bras-2"));
    let own = refused(&world, &west, "nas", taken.clone(), StatusCode::CONFLICT, "").await;
    let foreign = refused(&world, &east, "nas", taken, StatusCode::CONFLICT, "").await;
    assert_eq!(own["detail"], foreign["detail"], "whose it is stays unsaid");
    assert!(!foreign.to_string().contains(&west.slug));
    for around in ["127.61.7.0/24", "127.0.0.0/8"] {
        refused(
            &world,
            &east,
            "nas",
            with("address", json!(around)),
            StatusCode::CONFLICT,
            "",
        )
        .await;
    }
    let same_name = with("address", json!("127.61.7.3"));
    let body = refused(&world, &west, "nas", same_name, StatusCode::CONFLICT, "").await;
    assert!(
        body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("bras-1"))
    );

    let short = json!({ "name": "bras-3", "address": "127.61.7.4", "secret": "1234567" });
    let made = world.ask(Method::POST, &west, "nas", Some(&short)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(
        made.body["meta"]["warnings"][0]
            .as_str()
            .is_some_and(|warning| warning.contains("12 characters"))
    );
}

#[tokio::test]
async fn a_subscriber_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let world = World::new().await;
    let isp = world.isp().await;
    let good = json!({ "username": "alice", "password": "open sesame", "client": "homes", "site": "main",
        "plan": "fiber-100" });
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    for (field, value, pointer) in [
        ("username", json!(""), "/username"),
        ("username", json!("x".repeat(65)), "/username"),
        ("username", json!("a\u{0}b"), "/username"),
        ("password", json!(""), "/password"),
        ("password", json!("x".repeat(129)), "/password"),
        ("plan", json!("no-such"), "/plan"),
        ("site", json!("no-such"), "/site"),
        ("site", Value::Null, "/site_id"),
        ("status_reason", json!("x".repeat(201)), "/status_reason"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        refused(&world, &isp, "subscribers", body, wrong, pointer).await;
    }
    world.post(&isp, "subscribers", &good).await;
    refused(
        &world,
        &isp,
        "subscribers",
        good.clone(),
        StatusCode::CONFLICT,
        "",
    )
    .await;
    let listed = world.get(&isp, "subscribers?q=LIC&status=active").await;
    assert_eq!(listed[0]["username"], "alice");
    assert_eq!(listed[0]["client"], "homes");
    assert_eq!(
        world.get(&isp, "subscribers?q=%25").await,
        json!([]),
        "a wildcard is a letter"
    );
    let path = format!("subscribers/{}", id(&listed[0]));
    let renamed = json!({ "username": "bob" });
    let answer = world.ask(Method::PATCH, &isp, &path, Some(&renamed)).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a user name never changes"
    );

    assert_eq!(
        world.ask(Method::DELETE, &isp, &path, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.ask(Method::GET, &isp, &path, None).await.status,
        StatusCode::NOT_FOUND
    );
    world.post(&isp, "subscribers", &good).await;
}

#[tokio::test]
async fn a_plan_in_use_stays_and_an_unused_one_goes() {
    let world = World::new().await;
    let isp = world.isp().await;
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    for (body, field) in [
        (json!({ "slug": "A" }), "/slug"),
        (json!({ "slug": "x", "download_bps": 1_000 }), "/upload_bps"),
        (
            json!({ "slug": "x", "interim_interval_s": 59 }),
            "/interim_interval_s",
        ),
        (
            json!({ "slug": "x", "session_timeout_s": 0 }),
            "/session_timeout_s",
        ),
        (json!({ "slug": "x", "framed_pool": "" }), "/framed_pool"),
    ] {
        refused(&world, &isp, "plans", body, wrong, field).await;
    }
    refused(
        &world,
        &isp,
        "plans",
        json!({ "slug": "fiber-100" }),
        StatusCode::CONFLICT,
        "",
    )
    .await;
    let alice = world.subscriber(&isp, "alice", "open sesame").await;
    let path = format!("plans/{}", alice["plan_id"].as_str().expect("an id"));
    let answer = world.ask(Method::DELETE, &isp, &path, None).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    // Whoever is gone does not hold his plan.
    let her = format!("subscribers/{}", id(&alice));
    for gone in [her, path] {
        let answer = world.ask(Method::DELETE, &isp, &gone, None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{gone}: {}", answer.body);
    }

    let plan = world.post(&isp, "plans", &json!({ "slug": "nas-decides" })).await;
    assert_eq!(
        (&plan["name"], &plan["download_bps"]),
        (&json!("nas-decides"), &Value::Null)
    );
    let path = format!("plans/{}", id(&plan));
    let rate = json!({ "download_bps": 5_000, "upload_bps": 1_000, "slug": "slow" });
    let changed = world.ask(Method::PATCH, &isp, &path, Some(&rate)).await.body["data"].clone();
    assert_eq!(
        (&changed["slug"], &changed["upload_bps"]),
        (&json!("slow"), &json!(1_000))
    );
    let none = json!({ "download_bps": null, "upload_bps": null });
    let changed = world.ask(Method::PATCH, &isp, &path, Some(&none)).await.body["data"].clone();
    assert_eq!(changed["download_bps"], Value::Null);
    assert_eq!(
        world.ask(Method::DELETE, &isp, &path, None).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_nas_with_open_sessions_goes_only_by_force_and_takes_them_along() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.7.5", "a secret of a NAS").await;
    let path = format!("nas/{}", id(&world.admit(&isp, "bras-1", &nas).await));
    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    let at = u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits");
    nas.account(world.accounting(), &Report::new(1, b"0081A2", at))
        .await;
    let session = world.session_of(&isp, "alice").await;
    let answer = world.ask(Method::DELETE, &isp, &path, None).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("1 open session"))
    );
    let answer = world
        .ask(Method::DELETE, &isp, &format!("{path}?force=true"), None)
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&isp, "sessions").await, json!([]));
    let session = world.get(&isp, &format!("sessions/{}", id(&session))).await;
    assert_eq!(session["state"], "closed");
    eventually(|| async {
        world
            .plane
            .directory()
            .nas_by_source(nas.address())
            .is_none()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_unknown_source_is_listed_with_the_command_that_admits_it() {
    let world = World::new().await;
    let mut nas = FakeNas::at("127.61.7.6", "a secret of a NAS").await;
    assert!(
        nas.login(world.auth(), "alice", "open sesame").await.is_none(),
        "a stranger gets no answer"
    );
    let platform = person(
        &world.kernel,
        None,
        PermissionSet::of(&[Permission::RadiusNasManage]),
    )
    .await
    .token;
    let uri = "/api/v1/radius/unknown-sources";
    let answer = send(
        &world.api.router,
        request(&Method::GET, uri, Some(&platform), None),
    )
    .await;
    let source = &answer.body["data"][0];
    assert_eq!(source["address"], "127.61.7.6");
    assert_eq!(source["port"], "auth");
    assert_eq!(source["nas_identifier"], "test-nas");
    let command = source["admit_command"].as_str().expect("a command");
    assert_eq!(command, "headend nas add test-nas --address 127.61.7.6");
}
