//! The second factor: begun, confirmed, wanted, used once, recovered from; and critical acts that want a recent proof.
//! Time passes by the identity's own clock; nothing here waits for it.

use kernel::identity::Settings;
use kernel::identity::totp::{STEP_S, TotpSecret, step_at};
use kernel::tenancy::Partner;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

const EMAIL: &str = "tech@isp.example";

/// Somebody who can prove himself, signed in.
struct Tech {
    partner: Partner,
    /// His id.
    id: String,
    /// His session.
    token: String,
}

async fn tech(world: &World, role: &str) -> Tech {
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let id = world.user(&partner, &admin, EMAIL, &[role]).await;
    let token = token(&world.login(EMAIL, PASSWORD).await.body);
    Tech { partner, id, token }
}

fn token(body: &Value) -> String {
    body["data"]["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

/// Reads what a person types into his app.
fn secret(text: &str) -> TotpSecret {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = Vec::new();
    for letter in text.bytes() {
        let value = alphabet.iter().position(|one| *one == letter).expect("base32");
        bits.extend(
            (0..5)
                .rev()
                .map(|bit| u8::try_from(value >> bit & 1).expect("a bit")),
        );
    }
    let octets: Vec<u8> = bits
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |octet, bit| octet << 1 | bit))
        .collect();
    TotpSecret::read(&octets).expect("twenty octets")
}

/// What the telephone shows now.
fn code(world: &World, secret: &TotpSecret) -> String {
    format!("{:06}", secret.code(step_at(world.kernel.identity.clock().now())))
}

/// The next half minute.
fn tick(world: &World) {
    world.kernel.identity.clock().pass(STEP_S);
}

/// Begins and confirms; answers the telephone's secret and the backup codes.
async fn enrol(world: &World, tech: &Tech) -> (TotpSecret, Vec<String>) {
    let begun = world
        .post("/me/second-factor", &tech.token, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let secret = secret(begun.body["data"]["secret"].as_str().expect("a secret"));
    let confirmed = world
        .post(
            "/me/second-factor/confirm",
            &tech.token,
            json!({ "code": code(world, &secret) }),
        )
        .await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let codes = confirmed.body["data"]["backup_codes"].as_array().expect("codes");
    (
        secret,
        codes
            .iter()
            .filter_map(|code| code.as_str().map(str::to_owned))
            .collect(),
    )
}

async fn login_with(world: &World, code: &str) -> kernel::http::testing::Answer {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "code": code });
    world.post("/login", "", body).await
}

#[tokio::test]
async fn a_code_is_wanted_after_it_was_confirmed_and_counts_once() {
    let world = World::new().await;
    let tech = tech(&world, "partner-tech").await;
    let wrong = world
        .post(
            "/me/second-factor",
            &tech.token,
            json!({ "password": "wrong horse battery" }),
        )
        .await;
    assert_eq!(wrong.status, 422);
    // Begun is not confirmed: a mistyped secret locks nobody out.
    let begun = world
        .post("/me/second-factor", &tech.token, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(begun.status, 201);
    assert!(
        begun.body["data"]["uri"]
            .as_str()
            .is_some_and(|uri| uri.starts_with("otpauth://totp/"))
    );
    assert_eq!(world.login(EMAIL, PASSWORD).await.status, 200);
    let (secret, backup) = enrol(&world, &tech).await;
    assert_eq!(backup.len(), 10);

    let bare = world.login(EMAIL, PASSWORD).await;
    assert_eq!(
        (bare.status.as_u16(), bare.code()),
        (401, Some("second_factor_required"))
    );
    // Who does not know the password learns nothing of it.
    let guess = world.login(EMAIL, "wrong horse battery").await;
    assert_eq!(
        (guess.status.as_u16(), guess.code()),
        (401, Some("unauthenticated"))
    );
    // The code that confirmed has counted.
    let used = login_with(&world, &code(&world, &secret)).await;
    assert_eq!(
        (used.status.as_u16(), used.code()),
        (401, Some("second_factor_wrong"))
    );

    tick(&world);
    let now = code(&world, &secret);
    assert_eq!(login_with(&world, &now).await.status, 200);
    assert_eq!(login_with(&world, &now).await.code(), Some("second_factor_wrong"));
    // A clock may be off by half a minute, and not by more.
    let shown = code(&world, &secret);
    tick(&world);
    tick(&world);
    tick(&world);
    assert_eq!(
        login_with(&world, &shown).await.code(),
        Some("second_factor_wrong")
    );
    let late = code(&world, &secret);
    tick(&world);
    assert_eq!(login_with(&world, &late).await.status, 200);

    let refused = world.audit("session.login").await;
    assert!(
        refused
            .iter()
            .any(|line| line.reason.as_deref() == Some("wrong code of the second factor"))
    );
    let again = world
        .post("/me/second-factor", &tech.token, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn a_backup_code_counts_once_and_new_ones_void_the_former() {
    let world = World::new().await;
    let tech = tech(&world, "partner-tech").await;
    let (secret, backup) = enrol(&world, &tech).await;
    assert_eq!(login_with(&world, &backup[3].to_uppercase()).await.status, 200);
    assert_eq!(
        login_with(&world, &backup[3]).await.code(),
        Some("second_factor_wrong")
    );
    let state = world.get("/me/second-factor", &tech.token).await;
    assert_eq!(state.body["data"]["backup_codes_left"], 9);

    tick(&world);
    let renewed = world
        .post(
            "/me/second-factor/backup-codes",
            &tech.token,
            json!({ "code": code(&world, &secret) }),
        )
        .await;
    let fresh = renewed.body["data"]["backup_codes"][0]
        .as_str()
        .expect("a code")
        .to_owned();
    assert_eq!(
        login_with(&world, &backup[4]).await.code(),
        Some("second_factor_wrong")
    );
    // Two at once with one code: one of them.
    let (one, other) = tokio::join!(login_with(&world, &fresh), login_with(&world, &fresh));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);

    tick(&world);
    let removed = world
        .post(
            "/me/second-factor/remove",
            &tech.token,
            json!({ "code": code(&world, &secret) }),
        )
        .await;
    assert_eq!(removed.status, 204);
    assert_eq!(world.login(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_at_one_address_and_locks_nobody_out_at_another() {
    let world = World::new().await;
    let tech = tech(&world, "partner-tech").await;
    let (secret, _) = enrol(&world, &tech).await;
    tick(&world);
    let guess = |address: &'static str, code: String| {
        let body = json!({ "email": EMAIL, "password": PASSWORD, "code": code });
        let mut request =
            kernel::http::testing::request(&axum::http::Method::POST, "/api/v1/login", None, Some(&body));
        let peer: std::net::SocketAddr = format!("{address}:50000").parse().expect("an address");
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        world.send(request)
    };
    let right = code(&world, &secret);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(
            guess("192.0.2.66", wrong.to_owned()).await.code(),
            Some("second_factor_wrong")
        );
    }
    assert_eq!(guess("192.0.2.66", right.clone()).await.status, 429);
    assert_eq!(guess("192.0.2.7", right).await.status, 200);
}

#[tokio::test]
async fn who_lost_everything_is_helped_by_somebody_who_may_more_and_by_nobody_else() {
    let world = World::new().await;
    let tech = tech(&world, "partner-admin").await;
    enrol(&world, &tech).await;
    let path = format!("/partners/{}/users/{}/second-factor", tech.partner.slug, tech.id);
    let himself = world
        .call(axum::http::Method::DELETE, &path, &tech.token, None)
        .await;
    assert_eq!(himself.status, 409);
    // Somebody who may make users and nothing else may less than he.
    let users = kernel::authz::PermissionSet::of(&[kernel::authz::Permission::UsersManage]);
    let less = kernel::http::testing::person(&world.kernel, Some(tech.partner.id), users).await;
    assert_eq!(
        world
            .call(axum::http::Method::DELETE, &path, &less.token, None)
            .await
            .status,
        403
    );
    let elsewhere = world.partner().await;
    let foreign = world.partner_admin(&elsewhere).await;
    let wrong = format!("/partners/{}/users/{}/second-factor", elsewhere.slug, tech.id);
    assert_eq!(
        world
            .call(axum::http::Method::DELETE, &wrong, &foreign.token, None)
            .await
            .status,
        404
    );

    let admin = world.partner_admin(&tech.partner).await;
    assert_eq!(
        world
            .call(axum::http::Method::DELETE, &path, &admin.token, None)
            .await
            .status,
        204
    );
    assert_eq!(
        world.get("/me", &tech.token).await.status,
        401,
        "his sessions are over"
    );
    assert_eq!(world.login(EMAIL, PASSWORD).await.status, 200);
    assert_eq!(world.audit("second-factor.reset").await.len(), 1);
}

#[tokio::test]
async fn a_critical_act_wants_a_recent_proof_and_reading_does_not() {
    let world = World::new().await;
    let tech = tech(&world, "partner-admin").await;
    let keys = format!("/partners/{}/api-keys", tech.partner.slug);
    let body = json!({ "name": "bot", "permissions": ["partner:read"] });
    let made = world.post(&keys, &tech.token, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = token(&made.body);

    world.kernel.identity.clock().pass(15 * 60);
    let late = world.post(&keys, &tech.token, body.clone()).await;
    assert_eq!((late.status.as_u16(), late.code()), (403, Some("proof_required")));
    assert_eq!(world.get(&keys, &tech.token).await.status, 200);
    let client = json!({ "slug": "acme", "name": "Acme" });
    let clients = format!("/partners/{}/clients", tech.partner.slug);
    assert_eq!(
        world.post(&clients, &tech.token, client).await.status,
        201,
        "not critical"
    );
    let lines = world.audit("api-keys:manage").await;
    assert!(lines.iter().any(|line| line.outcome == "refused"));

    // Without a second factor the password proves, with one a code does.
    let wrong = world
        .post(
            "/me/prove",
            &tech.token,
            json!({ "password": "wrong horse battery" }),
        )
        .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        world
            .post("/me/prove", &tech.token, json!({ "password": PASSWORD }))
            .await
            .status,
        204
    );
    assert_eq!(world.post(&keys, &tech.token, body.clone()).await.status, 201);
    let (secret, _) = enrol(&world, &tech).await;
    world.kernel.identity.clock().pass(15 * 60);
    let not_enough = world
        .post("/me/prove", &tech.token, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(
        (not_enough.status.as_u16(), not_enough.code()),
        (401, Some("second_factor_required"))
    );
    assert_eq!(
        world
            .post("/me/prove", &tech.token, json!({ "code": code(&world, &secret) }))
            .await
            .status,
        204
    );
    assert_eq!(world.post(&keys, &tech.token, body).await.status, 201);
    assert_eq!(
        world.post("/me/prove", &key, json!({})).await.status,
        409,
        "a key has nothing to prove with"
    );
}

#[tokio::test]
async fn a_program_is_never_asked_and_the_window_can_be_closed() {
    let world = World::with(Settings {
        step_up: std::time::Duration::ZERO,
        ..Settings::default()
    })
    .await;
    let tech = tech(&world, "partner-admin").await;
    let keys = format!("/partners/{}/api-keys", tech.partner.slug);
    let body = json!({ "name": "bot", "permissions": ["api-keys:manage"] });
    world.kernel.identity.clock().pass(20 * 60);
    let made = world.post(&keys, &tech.token, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = token(&made.body);
    world.kernel.identity.clock().pass(20 * 60);
    assert_eq!(world.post(&keys, &key, body).await.status, 201);
}

#[tokio::test]
async fn no_secret_and_no_backup_code_is_stored_in_the_clear() {
    let world = World::new().await;
    let tech = tech(&world, "partner-tech").await;
    let begun = world
        .post("/me/second-factor", &tech.token, json!({ "password": PASSWORD }))
        .await;
    let text = begun.body["data"]["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let octets: String = secret(&text)
        .octets()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let (_, backup) = enrol(&world, &tech).await;
    let mut root = world.test.superuser().await;
    for table in ["second_factors", "backup_codes", "audit"] {
        let dump = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM kernel.{table} t");
        let dump: String = sqlx::query_scalar(sqlx::AssertSqlSafe(dump))
            .fetch_one(&mut root)
            .await
            .expect("a dump");
        assert!(
            !dump.contains(&text) && !dump.contains(&octets) && !dump.contains(&backup[0]),
            "{table}"
        );
    }
}
