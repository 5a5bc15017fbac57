//! The conventions of the API: who passes, what errors look like, bounds, headers, the document.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, header};
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{assert_guarded, person, request};
use kernel::http::{Access, ApiRoutes, Data, Problem, Surface, routes, serve_router};
use kernel::{Error, OpContext};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn every_route_refuses_who_must_not_pass() {
    let world = World::new().await;
    assert!(world.api.routes.len() > 25, "{}", world.api.routes.len());
    assert_guarded(&world.kernel, &world.api).await;
}

#[tokio::test]
async fn the_walk_over_all_routes_notices_an_open_one() {
    let world = World::new().await;
    // A route of a partner that asks for no permission in it: the mistake the walk exists for.
    let open = ApiRoutes::new("open")
        .add(Access::SignedIn, routes!(thing))
        .with_state("state");
    let api = serve_router(world.kernel.clone(), vec![open]);
    let walk = tokio::spawn(async move { assert_guarded(&world.kernel, &api).await });
    let panic = walk.await.expect_err("it panics").into_panic();
    let report = panic.downcast_ref::<String>().expect("a report");
    assert!(report.contains("/partners/{partner_id}/thing"), "{report}");
}

/// A handler of a module, with a state of its own.
#[utoipa::path(get, path = "/partners/{partner_id}/thing", responses((status = 200)))]
async fn thing(State(state): State<&'static str>, op: OpContext) -> Result<Data<Value>, Problem> {
    Ok(Data::one(
        &op,
        json!({ "state": state, "partner": op.require_partner()? }),
    ))
}

/// A handler with a defect.
#[utoipa::path(get, path = "/panic", responses((status = 200)))]
async fn panics(State(state): State<&'static str>) -> Result<Data<Value>, Problem> {
    panic!("the {state} is secret")
}

/// A handler that meets a broken invariant.
#[utoipa::path(get, path = "/broken", responses((status = 200)))]
async fn broken() -> Result<Data<Value>, Problem> {
    Err(Error::internal("reading a thing", "the inner text is secret").into())
}

#[tokio::test]
async fn a_module_brings_its_state_and_gets_the_partner_from_the_path() {
    let world = World::new().await;
    let partner = world.partner().await;
    let module = ApiRoutes::new("thing")
        .add(Access::Needs(Permission::RadiusNasManage), routes!(thing))
        .with_state("of the module");
    let api = serve_router(world.kernel.clone(), vec![module]);
    let tech = person(
        &world.kernel,
        Some(partner.id),
        PermissionSet::of(&[Permission::RadiusNasManage]),
    )
    .await;
    for surface in Surface::ALL {
        for key in [partner.id.to_string(), partner.slug.clone()] {
            let uri = format!("{}/partners/{key}/thing", surface.prefix());
            let answer = kernel::http::testing::send(
                &api.router,
                request(&Method::GET, &uri, Some(&tech.token), None),
            )
            .await;
            assert_eq!(
                answer.body["data"],
                json!({ "state": "of the module", "partner": partner.id })
            );
        }
    }
}

#[tokio::test]
async fn a_panic_and_a_defect_show_nothing_but_a_request_id() {
    let world = World::new().await;
    let module = ApiRoutes::new("x")
        .add(Access::Public("a test"), routes!(panics))
        .add(Access::Public("a test"), routes!(broken))
        .with_state("state");
    let api = serve_router(world.kernel.clone(), vec![module]);
    for path in ["/api/v1/panic", "/api/v1/broken"] {
        let answer = kernel::http::testing::send(&api.router, request(&Method::GET, path, None, None)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (500, Some("internal")),
            "{path}"
        );
        assert!(
            answer.is_problem() && !answer.body.to_string().contains("secret"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn unknown_paths_methods_bodies_and_media_types_are_problems() {
    let world = World::new().await;
    let admin = world.platform_admin().await;
    let raw = |body: &str, media: &'static str| {
        Request::post("/api/v1/partners")
            .header(header::AUTHORIZATION, format!("Bearer {}", admin.token))
            .header(header::CONTENT_TYPE, media)
            .body(Body::from(body.to_owned()))
            .expect("a request")
    };
    let json = "application/json";
    let large = format!("{{\"slug\":\"a\",\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    for (request, status, code) in [
        (request(&Method::GET, "/nowhere", None, None), 404, "not_found"),
        (
            request(&Method::GET, "/api/v1/nowhere", Some(&admin.token), None),
            404,
            "not_found",
        ),
        (
            request(&Method::DELETE, "/api/v1/partners", Some(&admin.token), None),
            405,
            "method_not_allowed",
        ),
        (raw("{", json), 400, "bad_json"),
        (raw("{\"slug\":\"a\",\"name\":\"A\"} x", json), 400, "bad_json"),
        (raw("", json), 400, "bad_json"),
        (raw("\u{0}", json), 400, "bad_json"),
        (raw("[]", json), 422, "invalid"),
        (
            raw("slug=a&name=A", "application/x-www-form-urlencoded"),
            415,
            "unsupported_media_type",
        ),
        (
            raw("{\"slug\":\"a\",\"name\":\"A\"}", "text/plain"),
            415,
            "unsupported_media_type",
        ),
        (raw(&large, json), 413, "body_too_large"),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = world.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, Some(code)),
            "{what}: {}",
            answer.body
        );
        assert!(
            answer.is_problem(),
            "{what}: {:?} {}",
            answer.headers,
            answer.body
        );
    }
    let answer = world
        .send(request(&Method::DELETE, "/api/v1/partners", None, None))
        .await;
    assert!(
        answer.headers.contains_key(header::ALLOW),
        "405 keeps the list of methods"
    );
}

#[tokio::test]
async fn each_wrong_field_is_pointed_at() {
    let world = World::new().await;
    let admin = world.platform_admin().await;
    for (body, pointer) in [
        (json!({ "slug": "a" }), "/name"),
        (json!({ "slug": "a", "name": "A", "admin": true }), "/admin"),
        (json!({ "slug": 7, "name": "A" }), "/slug"),
        (json!({ "slug": "a", "name": null }), "/name"),
        (json!({ "slug": "A B", "name": "A" }), "/slug"),
    ] {
        let answer = world.post("/partners", &admin.token, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, Some("invalid")),
            "{body}"
        );
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{body}: {}",
            answer.body
        );
        assert!(
            answer.body["errors"][0]["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
    }
    for (query, pointer) in [
        ("page=0", "/page"),
        ("per_page=1000", "/per_page"),
        ("status=x", ""),
    ] {
        let answer = world.get(&format!("/partners?{query}"), &admin.token).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.body["errors"][0]["pointer"].as_str()
            ),
            (422, Some(pointer)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_request_id_is_taken_when_it_is_one_and_made_when_not() {
    let world = World::new().await;
    let ask = async |id: Option<&str>| {
        let mut request = request(&Method::GET, "/api/v1/setup", None, None);
        if let Some(id) = id {
            request
                .headers_mut()
                .insert("x-request-id", id.parse().expect("a header"));
        }
        let answer = world.send(request).await;
        let header = answer.headers["x-request-id"].to_str().expect("text").to_owned();
        assert_eq!(answer.body["meta"]["request_id"], header);
        header
    };
    let mine = "018f2f6e-0000-7000-8000-000000000000";
    assert_eq!(ask(Some(mine)).await, mine);
    let (made, other) = (ask(Some("not a uuid\t")).await, ask(None).await);
    assert!(uuid::Uuid::try_parse(&made).is_ok() && made != other);
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let world = World::new().await;
    for uri in [
        "/api/v1/setup",
        "/api/v1/me",
        "/nowhere",
        "/api/public/v1/openapi.json",
    ] {
        let answer = world.send(request(&Method::GET, uri, None, None)).await;
        for name in [
            "x-content-type-options",
            "x-frame-options",
            "content-security-policy",
            "referrer-policy",
            "cache-control",
        ] {
            assert!(answer.headers.contains_key(name), "{uri} lacks {name}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_credential_is_a_bearer_and_nothing_else() {
    let world = World::new().await;
    let admin = world.platform_admin().await;
    for value in [
        format!("Basic {}", admin.token),
        admin.token.clone(),
        format!("Bearer  {}x", admin.token),
        "Bearer".to_owned(),
        format!("Bearer {}", world.setup.as_ref().expect("a link").reveal()),
    ] {
        let mut request = request(&Method::GET, "/api/v1/me", None, None);
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, value.parse().expect("a header"));
        let answer = world.send(request).await;
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(
            answer.headers[header::WWW_AUTHENTICATE],
            "Bearer realm=\"headend\""
        );
    }
}

#[tokio::test]
async fn a_refused_act_is_written_down_with_who_where_and_what() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let support = person(
        &world.kernel,
        Some(west.id),
        PermissionSet::of(&[Permission::RadiusSubscribersRead]),
    )
    .await;
    let mut attempt = request(
        &Method::POST,
        &format!("/api/v1/partners/{}/clients", west.slug),
        Some(&support.token),
        Some(&json!({ "slug": "a", "name": "A" })),
    );
    let peer: std::net::SocketAddr = "192.0.2.9:1".parse().expect("an address");
    attempt.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    let answer = world.send(attempt).await;
    assert_eq!(answer.status, 403);
    let lines = world.audit("partner:manage").await;
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(
        (line.outcome.as_str(), line.partner, line.actor_name.as_str()),
        ("refused", Some(west.id), support.email.as_str())
    );
    assert_eq!(
        line.object_label.as_deref(),
        Some("POST /partners/{partner_id}/clients")
    );
    assert_eq!(line.source_ip, Some(peer.ip()));
    assert_eq!(
        line.request_id.map(|id| id.to_string()).as_deref(),
        answer.body["request_id"].as_str()
    );

    // Reaching for another partner leaves its trace with the platform, not with that partner.
    let uri = format!("/partners/{}/clients", east.slug);
    assert_eq!(
        world
            .post(&uri, &support.token, json!({ "slug": "a", "name": "A" }))
            .await
            .status,
        404
    );
    let lines = world.audit("partner").await;
    assert_eq!(
        (lines.len(), lines[0].partner, lines[0].actor_name.as_str()),
        (1, None, support.email.as_str())
    );
}

#[tokio::test]
async fn the_document_describes_every_route_and_what_it_needs() {
    let world = World::new().await;
    let answer = world
        .send(request(&Method::GET, "/api/public/v1/openapi.json", None, None))
        .await;
    assert_eq!(answer.status, 200);
    let document = answer.body;
    assert_eq!(document["openapi"], "3.1.0");
    for route in &world.api.routes {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        assert!(operation.is_object(), "{} {}", route.method, route.path);
        let permission = route
            .access
            .permission()
            .map_or(Value::Null, |one| json!(one.as_str()));
        assert_eq!(
            operation["x-permission"], permission,
            "{} {}",
            route.method, route.path
        );
        assert_eq!(
            operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"],
            "#/components/schemas/Problem"
        );
        let public = matches!(route.access, Access::Public(_));
        assert_eq!(operation["security"].as_array().map(Vec::is_empty), Some(public));
        for parameter in route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        {
            let declared = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|one| one["name"] == parameter);
            assert!(
                declared,
                "{} {} does not declare {parameter}",
                route.method, route.path
            );
        }
    }
    let mut operations: Vec<_> = world
        .api
        .routes
        .iter()
        .map(|route| route.operation.as_str())
        .collect();
    operations.sort_unstable();
    let all = operations.len();
    operations.dedup();
    assert_eq!(operations.len(), all, "operation ids are unique");
    assert_references_resolve(&document, &document);
}

/// Every `$ref` points at something.
fn assert_references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                assert!(document.pointer(pointer).is_some(), "{reference} points nowhere");
            }
            members
                .values()
                .for_each(|member| assert_references_resolve(document, member));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| assert_references_resolve(document, item)),
        _ => {}
    }
}
