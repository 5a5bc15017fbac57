//! Passkeys end to end: made known, listed, used to sign in and to prove, removed, reset; with a passkey in software.

use axum::http::Method;
use kernel::identity::Settings;
use kernel::identity::webauthn::Party;
use kernel::testing::authenticator::{Authenticator, Lie};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, cookie};

const EMAIL: &str = "tech@isp.example";

/// Somebody signed in at a server with a name.
struct Scene {
    world: World,
    /// Who the server is to browsers.
    party: Party,
    partner: kernel::tenancy::Partner,
    /// His id.
    id: String,
    /// His session.
    token: String,
}

impl Scene {
    async fn new() -> Self {
        let url = "https://oss.isp.example";
        let world = World::with(Settings {
            public_url: url.to_owned(),
            ..Settings::default()
        })
        .await;
        let partner = world.partner().await;
        let admin = world.partner_admin(&partner).await;
        let id = world.user(&partner, &admin, EMAIL, &["partner-admin"]).await;
        let token = token(&world.login(EMAIL, PASSWORD).await.body);
        let party = Party::of(url).expect("a name");
        Self {
            world,
            party,
            partner,
            id,
            token,
        }
    }

    /// Makes a device known; answers what the server said.
    async fn add(&self, device: &mut Authenticator, lies: &[Lie]) -> kernel::http::testing::Answer {
        let options = self
            .world
            .post("/me/passkeys/begin", &self.token, json!({}))
            .await;
        assert_eq!(options.status, 200, "{}", options.body);
        let credential = device.answer_creation(&self.party, &options.body["data"], lies);
        let body = json!({ "name": "telephone", "credential": credential });
        self.world.post("/me/passkeys", &self.token, body).await
    }

    /// What the device answers to the options of a route.
    async fn answer(&self, route: &str, token: &str, device: &mut Authenticator, lies: &[Lie]) -> Value {
        let options = self.world.post(&format!("{route}/begin"), token, json!({})).await;
        assert_eq!(options.status, 200, "{}", options.body);
        json!({ "credential": device.answer_request(&self.party, &options.body["data"], lies) })
    }

    /// Signs in by the device.
    async fn login(&self, device: &mut Authenticator, lies: &[Lie]) -> kernel::http::testing::Answer {
        let body = self.answer("/login/passkey", "", device, lies).await;
        self.world.post("/login/passkey", "", body).await
    }
}

fn token(body: &Value) -> String {
    body["data"]["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

#[tokio::test]
async fn a_passkey_is_made_known_and_signs_in_without_name_password_or_code() {
    let scene = Scene::new().await;
    let mut device = Authenticator::es256();
    let made = scene.add(&mut device, &[]).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let again = scene.add(&mut device, &[]).await;
    assert_eq!(again.status, 409, "{}", again.body);
    let listed = scene.world.get("/me/passkeys", &scene.token).await;
    assert_eq!(listed.body["data"][0]["name"], "telephone");
    assert_eq!(listed.body["data"][0]["last_used_at"], Value::Null);

    let answer = scene.login(&mut device, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["data"]["user"]["email"], EMAIL);
    assert!(cookie(&answer).starts_with("headend_session=hes_"));
    let me = scene.world.get("/me", &token(&answer.body)).await;
    assert_eq!(
        me.body["data"]["partners"][0]["slug"],
        scene.partner.slug.as_str()
    );
    let lines = scene.world.audit("session.login").await;
    assert!(lines.iter().any(|line| {
        line.reason
            .as_deref()
            .is_some_and(|reason| reason.ends_with("by passkey"))
    }));

    // Another device of the same person is another key.
    let mut second = Authenticator::ed25519();
    assert_eq!(scene.add(&mut second, &[]).await.status, 201);
    assert_eq!(scene.login(&mut second, &[]).await.status, 200);
    let passkey = listed.body["data"][0]["id"].as_str().expect("an id");
    let path = format!("/me/passkeys/{passkey}");
    let removed = scene.world.call(Method::DELETE, &path, &scene.token, None).await;
    assert_eq!(removed.status, 204);
    let gone = scene.login(&mut device, &[]).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code()),
        (401, Some("passkey_refused"))
    );
    assert_eq!(scene.login(&mut second, &[]).await.status, 200);
}

#[tokio::test]
async fn a_proof_counts_once_for_its_challenge_and_only_while_that_is_young() {
    let scene = Scene::new().await;
    let mut device = Authenticator::es256();
    assert_eq!(scene.add(&mut device, &[]).await.status, 201);
    let body = scene.answer("/login/passkey", "", &mut device, &[]).await;
    // Two at once with one proof: one of them.
    let send = || scene.world.post("/login/passkey", "", body.clone());
    let (one, other) = tokio::join!(send(), send());
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(send().await.code(), Some("passkey_refused"));

    let late = scene.answer("/login/passkey", "", &mut device, &[]).await;
    scene.world.kernel.identity.clock().pass(5 * 60);
    assert_eq!(
        scene.world.post("/login/passkey", "", late).await.code(),
        Some("passkey_refused")
    );
    // A challenge for another act is none.
    let proof = scene
        .answer("/me/prove/passkey", &scene.token, &mut device, &[])
        .await;
    assert_eq!(
        scene.world.post("/login/passkey", "", proof).await.code(),
        Some("passkey_refused")
    );
}

#[tokio::test]
async fn whatever_lies_is_refused_and_written_down() {
    let scene = Scene::new().await;
    let mut device = Authenticator::es256();
    for lie in [
        Lie::Act,
        Lie::Origin("https://oss.isp.example.evil.example"),
        Lie::Party("evil.example"),
        Lie::UserNotVerified,
    ] {
        let made = scene.add(&mut device, &[lie]).await;
        assert_eq!(made.status, 422, "{lie:?}: {}", made.body);
    }
    assert_eq!(scene.add(&mut device, &[]).await.status, 201);
    for lie in [
        Lie::Act,
        Lie::Origin("https://evil.example"),
        Lie::CrossOrigin,
        Lie::Party("evil.example"),
        Lie::NobodyPresent,
        Lie::UserNotVerified,
        Lie::Signature,
        Lie::OtherKey,
    ] {
        let answer = scene.login(&mut device, &[lie]).await;
        assert_eq!(answer.code(), Some("passkey_refused"), "{lie:?}: {}", answer.body);
    }
    assert_eq!(scene.login(&mut device, &[]).await.status, 200);
    // A copy of the device counts on its own.
    device.count = 3;
    let copied = scene.login(&mut device, &[]).await;
    assert_eq!(copied.code(), Some("passkey_refused"), "{}", copied.body);
    let unknown = scene.login(&mut Authenticator::es256(), &[]).await;
    assert_eq!(unknown.code(), Some("passkey_refused"));
    let refused = scene.world.audit("session.login").await;
    let refused = refused.iter().filter(|line| line.outcome == "refused");
    assert_eq!(refused.count(), 10);
}

#[tokio::test]
async fn a_passkey_proves_again_and_only_for_its_owner() {
    let scene = Scene::new().await;
    let mut device = Authenticator::es256();
    assert_eq!(scene.add(&mut device, &[]).await.status, 201);
    let keys = format!("/partners/{}/api-keys", scene.partner.slug);
    let body = json!({ "name": "bot", "permissions": ["partner:read"] });
    scene.world.kernel.identity.clock().pass(15 * 60);
    let late = scene.world.post(&keys, &scene.token, body.clone()).await;
    assert_eq!(late.code(), Some("proof_required"));
    // Nor does a found screen bind or unbind a device.
    let bind = scene
        .world
        .post("/me/passkeys/begin", &scene.token, json!({}))
        .await;
    assert_eq!((bind.status.as_u16(), bind.code()), (403, Some("proof_required")));
    let listed = scene.world.get("/me/passkeys", &scene.token).await;
    let path = format!(
        "/me/passkeys/{}",
        listed.body["data"][0]["id"].as_str().expect("an id")
    );
    let unbind = scene.world.call(Method::DELETE, &path, &scene.token, None).await;
    assert_eq!(unbind.code(), Some("proof_required"));

    let admin = scene.world.partner_admin(&scene.partner).await;
    let nothing = scene
        .world
        .post("/me/prove/passkey/begin", &admin.token, json!({}))
        .await;
    assert_eq!(nothing.status, 409, "he has none");
    let proof = scene
        .answer("/me/prove/passkey", &scene.token, &mut device, &[])
        .await;
    let foreign = scene
        .world
        .post("/me/prove/passkey", &admin.token, proof.clone())
        .await;
    assert_eq!(
        foreign.code(),
        Some("passkey_refused"),
        "it is for another session"
    );
    let proven = scene.world.post("/me/prove/passkey", &scene.token, proof).await;
    assert_eq!(proven.status, 204, "{}", proven.body);
    assert_eq!(scene.world.post(&keys, &scene.token, body).await.status, 201);
}

#[tokio::test]
async fn who_is_disabled_or_reset_has_no_passkey_any_more() {
    let scene = Scene::new().await;
    let mut device = Authenticator::es256();
    assert_eq!(scene.add(&mut device, &[]).await.status, 201);
    let admin = scene.world.partner_admin(&scene.partner).await;
    let path = format!("/partners/{}/users/{}", scene.partner.slug, scene.id);
    let status = |status: &str| json!({ "status": status });
    let disabled = scene.world.patch(&path, &admin.token, status("disabled")).await;
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    assert_eq!(
        scene.login(&mut device, &[]).await.code(),
        Some("passkey_refused")
    );
    scene.world.patch(&path, &admin.token, status("active")).await;
    assert_eq!(scene.login(&mut device, &[]).await.status, 200);

    let reset = format!("{path}/second-factor");
    let done = scene.world.call(Method::DELETE, &reset, &admin.token, None).await;
    assert_eq!(done.status, 204, "{}", done.body);
    assert_eq!(
        scene.login(&mut device, &[]).await.code(),
        Some("passkey_refused")
    );
    let again = scene.world.call(Method::DELETE, &reset, &admin.token, None).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn a_server_without_a_name_says_so_and_guessing_is_slowed_down() {
    let world = World::new().await;
    let answer = world.post("/login/passkey/begin", "", json!({})).await;
    assert_eq!(answer.status, 409, "{}", answer.body);

    let scene = Scene::new().await;
    let mut stranger = Authenticator::es256();
    let mut answers = Vec::new();
    for _ in 0..51 {
        answers.push(scene.login(&mut stranger, &[]).await.status.as_u16());
    }
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 50);
    assert_eq!(answers.last(), Some(&429));
    let nonsense = json!({ "credential": { "rawId": "?", "response": {
        "clientDataJSON": "", "authenticatorData": "", "signature": "", "userHandle": null } } });
    let wrong = scene.world.post("/login/passkey", "", nonsense).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert_eq!(wrong.body["errors"][0]["pointer"], "/credential/rawId");
}
