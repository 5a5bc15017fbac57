//! Signing in and out, sessions and their ends, and what slows down guessing.

use axum::http::{HeaderValue, Method, header};
use kernel::http::testing::request;
use kernel::identity::Settings;
use serde_json::json;

use crate::world::{PASSWORD, World, cookie};

#[tokio::test]
async fn a_person_signs_in_looks_around_and_signs_out() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;

    let login = world.login(" Tech@ISP.example", PASSWORD).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let token = login.body["data"]["token"].as_str().expect("a token").to_owned();
    assert!(token.starts_with("hes_") && token.len() == 47);
    let me = world.get("/me", &token).await;
    assert_eq!(me.body["data"]["user"]["email"], "tech@isp.example");
    assert_eq!(me.body["data"]["partners"][0]["roles"], json!(["partner-tech"]));
    assert_eq!(me.body["data"]["platform_roles"], json!([]));
    assert_eq!(world.get("/partners", &token).await.body["meta"]["total"], 1);

    assert_eq!(world.post("/logout", &token, json!({})).await.status, 204);
    assert_eq!(world.get("/me", &token).await.status, 401);
    let (login, logout) = (
        world.audit("session.login").await,
        world.audit("session.logout").await,
    );
    let login = login.last().expect("a line");
    assert_eq!(
        (login.actor_name.as_str(), login.outcome.as_str()),
        ("tech@isp.example", "ok")
    );
    assert_eq!(login.source_ip, "192.0.2.1".parse().ok());
    assert_eq!(logout.len(), 1);
}

#[tokio::test]
async fn wrong_password_unknown_address_and_disabled_person_look_the_same() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    let gone = world
        .user(&partner, &admin, "gone@isp.example", &["partner-tech"])
        .await;
    let path = format!("/partners/{}/users/{gone}", partner.slug);
    assert_eq!(
        world
            .patch(&path, &admin.token, json!({ "status": "disabled" }))
            .await
            .status,
        200
    );

    let mut seen = Vec::new();
    for (email, password) in [
        ("tech@isp.example", "wrong horse battery"),
        ("nobody@isp.example", PASSWORD),
        ("gone@isp.example", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ] {
        let answer = world.login(email, password).await;
        assert!(answer.is_problem());
        seen.push((
            answer.status,
            answer.body["code"].clone(),
            answer.body["detail"].clone(),
        ));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    assert_eq!(seen[0].0, 401);
    let refused: Vec<_> = world
        .audit("session.login")
        .await
        .into_iter()
        .filter(|line| line.outcome == "refused")
        .collect();
    let reasons: Vec<_> = refused.iter().filter_map(|line| line.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        ["wrong password", "unknown e-mail address", "the user is disabled"]
    );
    let text = format!("{refused:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("wrong horse"));
}

#[tokio::test]
async fn an_unknown_address_costs_as_much_as_a_known_one() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    for email in ["tech@isp.example", "nobody@isp.example"] {
        let before = world.kernel.identity.password_hashes();
        assert_eq!(world.login(email, "wrong horse battery").await.status, 401);
        assert_eq!(world.kernel.identity.password_hashes() - before, 1, "{email}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_here_and_not_elsewhere() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    for _ in 0..5 {
        assert_eq!(
            world
                .login_from("192.0.2.66", "tech@isp.example", "guess guess guess")
                .await
                .status,
            401
        );
    }
    let slowed = world.login_from("192.0.2.66", "tech@isp.example", PASSWORD).await;
    assert_eq!(
        (slowed.status.as_u16(), slowed.code()),
        (429, Some("too_many_requests"))
    );
    assert!(slowed.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(
        world
            .login_from("192.0.2.7", "tech@isp.example", PASSWORD)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_session_ends_when_idle_and_ends_in_any_case() {
    let world = World::new().await;
    let partner = world.partner().await;
    let mut root = world.test.superuser().await;
    for (statement, live) in [
        (
            "UPDATE kernel.login_sessions SET last_seen_at = now() - interval '29 minutes'",
            true,
        ),
        (
            "UPDATE kernel.login_sessions SET last_seen_at = now() - interval '31 minutes'",
            false,
        ),
        (
            "UPDATE kernel.login_sessions SET expires_at = now() - interval '1 second'",
            false,
        ),
        ("UPDATE kernel.login_sessions SET revoked_at = now()", false),
        ("UPDATE kernel.users SET status = 'disabled'", false),
    ] {
        let person = world.partner_admin(&partner).await;
        assert_eq!(world.get("/me", &person.token).await.status, 200);
        sqlx::query(statement).execute(&mut root).await.expect("updated");
        let expect = if live { 200 } else { 401 };
        assert_eq!(
            world.get("/me", &person.token).await.status,
            expect,
            "{statement}"
        );
    }
}

#[tokio::test]
async fn a_session_lasts_twelve_hours_and_being_used_is_noted_once_a_minute() {
    let world = World::new().await;
    let partner = world.partner().await;
    let person = world.partner_admin(&partner).await;
    let mut root = world.test.superuser().await;
    let hours: f64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM expires_at - created_at) / 3600)::float8 FROM kernel.login_sessions",
    )
    .fetch_one(&mut root)
    .await
    .expect("a session");
    assert!((11.99..=12.01).contains(&hours), "{hours}");
    let moved = "SELECT last_seen_at > now() - interval '10 seconds' FROM kernel.login_sessions";
    for (ago, expect) in [("30 seconds", false), ("2 minutes", true)] {
        let age = format!("UPDATE kernel.login_sessions SET last_seen_at = now() - interval '{ago}'");
        sqlx::query(sqlx::AssertSqlSafe(age))
            .execute(&mut root)
            .await
            .expect("updated");
        assert_eq!(world.get("/me", &person.token).await.status, 200);
        let noted: bool = sqlx::query_scalar(moved)
            .fetch_one(&mut root)
            .await
            .expect("a session");
        assert_eq!(noted, expect, "{ago}");
    }
}

#[tokio::test]
async fn only_digests_of_tokens_and_hashes_of_passwords_are_stored() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    let login = world.login("tech@isp.example", PASSWORD).await;
    let token = login.body["data"]["token"].as_str().expect("a token").to_owned();
    let body = json!({ "name": "bot", "permissions": ["partner:read"] });
    let key = world
        .post(
            &format!("/partners/{}/api-keys", partner.slug),
            &admin.token,
            body,
        )
        .await;
    let key = key.body["data"]["token"].as_str().expect("a key").to_owned();
    let mut root = world.test.superuser().await;
    for table in ["users", "login_sessions", "api_keys", "setup", "audit"] {
        let dump = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM kernel.{table} t");
        let dump: String = sqlx::query_scalar(sqlx::AssertSqlSafe(dump))
            .fetch_one(&mut root)
            .await
            .expect("a dump");
        for secret in [
            PASSWORD,
            &token,
            &key,
            world.setup.as_ref().expect("a link").reveal(),
        ] {
            assert!(!dump.contains(secret), "{table} holds a secret in the clear");
        }
    }
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_of_foreign_sites() {
    let https = Settings {
        public_url: "https://oss.isp.example".to_owned(),
        ..Settings::default()
    };
    for (settings, secure) in [(Settings::default(), false), (https, true)] {
        let world = World::with(settings).await;
        let partner = world.partner().await;
        let admin = world.partner_admin(&partner).await;
        world
            .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
            .await;
        let login = world.login("tech@isp.example", PASSWORD).await;
        let set = login.headers[header::SET_COOKIE].to_str().expect("text");
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api/v1", "Max-Age=43200"] {
            assert!(set.contains(attribute), "{set}");
        }
        assert_eq!(set.contains("Secure"), secure);
        assert_eq!(
            login.headers.contains_key(header::STRICT_TRANSPORT_SECURITY),
            secure
        );
    }
}

#[tokio::test]
async fn a_write_by_cookie_needs_our_header_or_our_origin() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-admin"])
        .await;
    let cookie = cookie(&world.login("tech@isp.example", PASSWORD).await);
    let uri = format!("/api/v1/partners/{}/clients", partner.slug);
    let ask = async |surface: &str, method: Method, extra: Option<(&'static str, &'static str)>| {
        let uri = uri.replace("/api/v1", surface);
        let slug = format!("c{}", uuid::Uuid::now_v7().simple());
        let body = (method == Method::POST).then(|| json!({ "slug": slug, "name": "Homes" }));
        let mut request = request(&method, &uri, None, body.as_ref());
        request
            .headers_mut()
            .insert(header::COOKIE, HeaderValue::from_str(&cookie).expect("a cookie"));
        if let Some((name, value)) = extra {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        let answer = world.send(request).await;
        (answer.status.as_u16(), answer.code().map(str::to_owned))
    };
    let refused = (403, Some("cross_site_request".to_owned()));
    assert_eq!(ask("/api/v1", Method::GET, None).await.0, 200);
    assert_eq!(ask("/api/v1", Method::POST, None).await, refused);
    assert_eq!(
        ask("/api/v1", Method::POST, Some(("origin", "https://evil.example"))).await,
        refused
    );
    assert_eq!(
        ask("/api/v1", Method::POST, Some(("origin", "null"))).await,
        refused
    );
    assert_eq!(
        ask("/api/v1", Method::POST, Some(("origin", "http://127.0.0.1:8080")))
            .await
            .0,
        201
    );
    assert_eq!(
        ask("/api/v1", Method::POST, Some(("x-requested-with", "headend")))
            .await
            .0,
        201
    );
    assert_eq!(
        ask("/api/public/v1", Method::GET, None).await.0,
        401,
        "machines have no cookies"
    );
}

#[tokio::test]
async fn ones_own_password_is_changed_with_the_current_one_and_ends_other_sessions() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    let token = async || {
        world.login("tech@isp.example", PASSWORD).await.body["data"]["token"]
            .as_str()
            .expect("a token")
            .to_owned()
    };
    let (here, elsewhere) = (token().await, token().await);
    let wrong = json!({ "current": "wrong horse battery", "new": "another long phrase" });
    let answer = world.post("/me/password", &here, wrong).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.body["errors"][0]["pointer"].as_str()
        ),
        (422, Some("/current"))
    );
    let short = json!({ "current": PASSWORD, "new": "short" });
    assert_eq!(
        world.post("/me/password", &here, short).await.body["errors"][0]["pointer"],
        "/new"
    );
    let right = json!({ "current": PASSWORD, "new": "another long phrase" });
    assert_eq!(world.post("/me/password", &here, right).await.status, 204);
    assert_eq!(world.get("/me", &here).await.status, 200);
    assert_eq!(world.get("/me", &elsewhere).await.status, 401);
    assert_eq!(world.login("tech@isp.example", PASSWORD).await.status, 401);
    assert_eq!(
        world
            .login("tech@isp.example", "another long phrase")
            .await
            .status,
        200
    );
}
