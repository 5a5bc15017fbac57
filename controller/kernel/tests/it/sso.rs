//! Single sign-on against a provider of our own that does what it should, and then lies in every way it can think of.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{Answer, Person, request};
use kernel::identity::Settings;
use kernel::outbound::Reach;
use kernel::tenancy::Partner;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::{PASSWORD, World};

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Signs with a key it does not show.
    OtherKey,
    /// Says it is signed with nothing.
    AlgNone,
    /// Says it is signed with a secret, and signs with its public key as such.
    AlgSecret,
    /// Repeats another login's nonce.
    Nonce,
    /// Speaks for another issuer.
    Issuer,
    /// Made it for another client.
    Audience,
    /// Made it an hour ago.
    Old,
    /// Claims in its document to be another issuer.
    Document,
    /// Sends us elsewhere for the token.
    Redirect,
    /// Sends more than anybody reads.
    Endless,
    /// Sends no JSON.
    Nonsense,
    /// Says that the address is not verified.
    EmailNotVerified,
}

/// The provider.
struct Op {
    /// Who it is.
    issuer: String,
    /// Its key.
    pair: EcdsaKeyPair,
    /// What it will do.
    script: parking_lot::Mutex<Script>,
}

/// What it will do.
#[derive(Default)]
struct Script {
    /// What it does wrong.
    lie: Option<Lie>,
    /// The nonce of the login it saw last.
    nonce: String,
    /// The challenge of that login's code.
    challenge: String,
    /// Whom it names: subject, address, groups.
    who: (String, String, Vec<String>),
    /// Codes changed for tokens.
    exchanged: usize,
}

fn pair() -> EcdsaKeyPair {
    let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).expect("a key")
}

impl Op {
    /// A provider at work on a port of its own.
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address: SocketAddr = listener.local_addr().expect("its address");
        let op = Arc::new(Self {
            issuer: format!("http://{address}"),
            pair: pair(),
            script: parking_lot::Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&op));
        tokio::spawn(async move { axum::serve(listener, router).await });
        op
    }

    fn lies(&self, lie: Lie) -> bool {
        self.script.lock().lie == Some(lie)
    }

    /// An ID token about whom the script names.
    fn id_token(&self) -> String {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let at = if self.lies(Lie::Old) { now - 3600 } else { now };
        let script = self.script.lock();
        let (subject, email, groups) = script.who.clone();
        let nonce = script.nonce.clone();
        drop(script);
        let pick = |lie, wrong: &str, right: &str| match self.lies(lie) {
            true => wrong.to_owned(),
            false => right.to_owned(),
        };
        let claims = json!({
            "iss": pick(Lie::Issuer, "https://accounts.example", &self.issuer),
            "aud": pick(Lie::Audience, "another", "headend"),
            "nonce": pick(Lie::Nonce, "of another login", &nonce),
            "sub": subject, "email": email, "email_verified": !self.lies(Lie::EmailNotVerified),
            "name": "Nora O.", "groups": groups, "iat": at, "exp": at + 300,
        });
        let alg = match () {
            () if self.lies(Lie::AlgNone) => "none",
            () if self.lies(Lie::AlgSecret) => "HS256",
            () => "ES256",
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": alg, "kid": "k1" })), part(&claims));
        let other = pair();
        let pair = if self.lies(Lie::OtherKey) {
            &other
        } else {
            &self.pair
        };
        let signature = match alg {
            "none" => Vec::new(),
            "HS256" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.pair.public_key().as_ref());
                ring::hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            _ => pair
                .sign(&SystemRandom::new(), signed.as_bytes())
                .expect("a signature")
                .as_ref()
                .to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn document(State(op): State<Arc<Op>>) -> Response {
    let issuer = match op.lies(Lie::Document) {
        true => "https://accounts.example",
        false => &op.issuer,
    };
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{}/authorize", op.issuer),
        "token_endpoint": format!("{}/token", op.issuer), "jwks_uri": format!("{}/keys", op.issuer),
    }))
    .into_response()
}

async fn keys(State(op): State<Arc<Op>>) -> Response {
    let point = op.pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    let encoded = |octets| URL_SAFE_NO_PAD.encode(octets);
    let key =
        json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": encoded(x), "y": encoded(y) });
    Json(json!({ "keys": [{ "kty": "oct", "kid": "k0", "k": "c2VjcmV0" }, key] })).into_response()
}

async fn token(State(op): State<Arc<Op>>, headers: HeaderMap, body: String) -> Response {
    if op.lies(Lie::Redirect) {
        return (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response();
    }
    if op.lies(Lie::Endless) {
        return "x".repeat(1024 * 1024).into_response();
    }
    if op.lies(Lie::Nonsense) {
        return "<html>".into_response();
    }
    let form: Vec<(&str, &str)> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let field = |wanted: &str| {
        form.iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    let expected = format!("Basic {}", STANDARD.encode("headend:s%3Acret"));
    let known = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|sent| *sent == *expected);
    let verifier = field("code_verifier").unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let mut script = op.script.lock();
    let right = known && field("code") == Some("c0de") && challenge == script.challenge;
    if !right {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    }
    script.exchanged += 1;
    drop(script);
    Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": op.id_token() })).into_response()
}

/// A partner with a provider.
struct Scene {
    world: World,
    partner: Partner,
    admin: Person,
    op: Arc<Op>,
}

/// A browser at the provider.
struct Away {
    cookie: String,
    state: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::with(Settings {
            reach: Reach::with(&["127.0.0.0/8".parse().expect("a network")]),
            ..Settings::default()
        })
        .await;
        let partner = world.partner().await;
        let admin = world.partner_admin(&partner).await;
        let scene = Self {
            partner,
            admin,
            op: Op::start().await,
            world,
        };
        let put = scene
            .put(
                &scene.admin.token,
                json!({ "noc": ["noc-engineer"], "boss": ["partner-admin"] }),
            )
            .await;
        assert_eq!(put.status, 200, "{}", put.body);
        scene.is("u1", "nora@isp.example", &["noc", "everybody"]);
        scene
    }

    /// Says who the provider is.
    async fn put(&self, token: &str, groups: Value) -> Answer {
        let body = json!({ "issuer": self.op.issuer, "client_id": "headend", "client_secret": "s:cret", "groups": groups });
        self.world
            .call(Method::PUT, &self.path(), token, Some(body))
            .await
    }

    fn path(&self) -> String {
        format!("/partners/{}/sso", self.partner.slug)
    }

    /// Whom the provider names from now on.
    fn is(&self, subject: &str, email: &str, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self.op.script.lock().who = (subject.to_owned(), email.to_owned(), groups);
    }

    /// Goes to the provider.
    async fn begin(&self) -> Result<Away, Answer> {
        let answer = self
            .world
            .get(&format!("/sso/{}/begin", self.partner.slug), "")
            .await;
        if answer.status != 303 {
            return Err(answer);
        }
        let text = |name| answer.headers[name].to_str().expect("text").to_owned();
        let location = reqwest::Url::parse(&text(header::LOCATION)).expect("a URL");
        let query = |wanted: &str| {
            let mut pairs = location.query_pairs();
            pairs
                .find(|(name, _)| name == wanted)
                .expect(wanted)
                .1
                .into_owned()
        };
        assert_eq!(query("redirect_uri"), "http://127.0.0.1:8080/api/v1/sso/callback");
        assert_eq!(
            (query("response_type"), query("code_challenge_method")),
            ("code".into(), "S256".into())
        );
        let mut script = self.op.script.lock();
        script.nonce = query("nonce");
        script.challenge = query("code_challenge");
        let set = text(header::SET_COOKIE);
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
        Ok(Away {
            cookie: set.split(';').next().expect("a pair").to_owned(),
            state: query("state"),
        })
    }

    /// Comes back with something.
    async fn back(&self, cookie: Option<&str>, query: &str) -> Answer {
        let uri = format!("/api/v1/sso/callback?{query}");
        let mut request = request(&Method::GET, &uri, None, None);
        if let Some(cookie) = cookie {
            let cookie = cookie.parse().expect("a cookie");
            request.headers_mut().insert(header::COOKIE, cookie);
        }
        self.world.send(request).await
    }

    /// Goes and comes back.
    async fn login(&self) -> Answer {
        match self.begin().await {
            Ok(away) => {
                self.back(Some(&away.cookie), &format!("code=c0de&state={}", away.state))
                    .await
            }
            Err(answer) => answer,
        }
    }

    /// Goes and comes back, signed in; answers the session.
    async fn signed_in(&self) -> String {
        let answer = self.login().await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(answer.headers[header::LOCATION], "/");
        let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
        let mut values = cookies.filter_map(|value| value.to_str().ok());
        let cookie = values
            .find(|value| value.starts_with("headend_session="))
            .expect("a session");
        let value = cookie.split(';').next().and_then(|pair| pair.split_once('='));
        value.expect("a pair").1.to_owned()
    }
}

#[tokio::test]
async fn whom_the_provider_names_comes_in_with_what_the_partner_has_mapped_and_nothing_else() {
    let scene = Scene::new().await;
    let token = scene.signed_in().await;
    let me = scene.world.get("/me", &token).await;
    assert_eq!(me.body["data"]["user"]["email"], "nora@isp.example");
    let partners = me.body["data"]["partners"].as_array().expect("partners");
    assert_eq!(partners.len(), 1);
    assert_eq!(partners[0]["roles"], json!(["noc-engineer"]));
    // The second login is the same person, with what his groups say then.
    scene.is("u1", "somebody-else@isp.example", &["boss"]);
    let later = scene.signed_in().await;
    let again = scene.world.get("/me", &later).await;
    assert_eq!(again.body["data"]["user"]["id"], me.body["data"]["user"]["id"]);
    assert_eq!(
        again.body["data"]["partners"][0]["roles"],
        json!(["partner-admin"])
    );
    // In no mapped group: his rights and his sessions end.
    scene.is("u1", "nora@isp.example", &["everybody"]);
    let none = scene.login().await;
    assert_eq!((none.status.as_u16(), none.code()), (403, Some("sso_refused")));
    assert_eq!(scene.world.get("/me", &later).await.status, 401);
    assert_eq!(
        scene.world.audit("user.create").await.len(),
        1,
        "made at the first login only"
    );
}

#[tokio::test]
async fn nobody_comes_in_without_a_group_and_no_account_is_made_for_him() {
    let scene = Scene::new().await;
    scene.is("u9", "guest@isp.example", &[]);
    assert_eq!(scene.login().await.status, 403);
    let people = scene
        .world
        .get(
            &format!("/partners/{}/users", scene.partner.slug),
            &scene.admin.token,
        )
        .await;
    let list = people.body["data"].as_array().expect("people").clone();
    assert!(list.iter().all(|person| person["email"] != "guest@isp.example"));
}

#[tokio::test]
async fn a_provider_speaks_for_its_partner_only() {
    let scene = Scene::new().await;
    let token = scene.signed_in().await;
    // Somebody gives him a role elsewhere: the session that the provider vouched for does not reach there.
    let other = scene.world.partner().await;
    let me = scene.world.get("/me", &token).await;
    let id: uuid::Uuid = me.body["data"]["user"]["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an id");
    let mut root = scene.world.test.superuser().await;
    sqlx::query(
        "WITH given AS (INSERT INTO kernel.msp_users (user_id, role_id) SELECT $1, id FROM kernel.roles WHERE slug = 'platform-admin')
         INSERT INTO kernel.tenant_users (tenant_id, user_id, role_id)
         SELECT $2, $1, id FROM kernel.roles WHERE slug = 'partner-admin' AND tenant_id IS NULL",
    )
    .bind(id)
    .bind(other.id.as_uuid())
    .execute(&mut root)
    .await
    .expect("roles elsewhere");
    let foreign = format!("/partners/{}/users", other.slug);
    assert_eq!(scene.world.get(&foreign, &token).await.status, 404);
    assert_eq!(scene.world.get("/users", &token).await.status, 403);
    let me = scene.world.get("/me", &token).await;
    assert_eq!(me.body["data"]["platform_roles"], json!([]));
    assert_eq!(me.body["data"]["partners"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn no_account_is_taken_over_by_its_address() {
    let scene = Scene::new().await;
    let other = scene.world.partner().await;
    let admin = scene.world.partner_admin(&other).await;
    scene
        .world
        .user(&other, &admin, "ceo@other.example", &["partner-admin"])
        .await;
    scene.is("u1", "ceo@other.example", &["boss"]);
    let refused = scene.login().await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, Some("sso_refused"))
    );
    assert_eq!(scene.world.login("ceo@other.example", PASSWORD).await.status, 200);
    // Nor does he whom the provider made come in by a password.
    scene.is("u2", "nora@isp.example", &["noc"]);
    scene.signed_in().await;
    assert_eq!(scene.world.login("nora@isp.example", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_provider_that_lies_lets_nobody_in() {
    let scene = Scene::new().await;
    for (lie, status) in [
        (Lie::OtherKey, 401),
        (Lie::AlgNone, 401),
        (Lie::AlgSecret, 401),
        (Lie::Nonce, 401),
        (Lie::Issuer, 401),
        (Lie::Audience, 401),
        (Lie::Old, 401),
        (Lie::EmailNotVerified, 401),
        (Lie::Document, 502),
        (Lie::Redirect, 502),
        (Lie::Endless, 502),
        (Lie::Nonsense, 502),
    ] {
        scene.op.script.lock().lie = Some(lie);
        let answer = scene.login().await;
        assert_eq!(answer.status, status, "{lie:?}: {}", answer.body);
        assert!(answer.is_problem(), "{lie:?}");
    }
    scene.op.script.lock().lie = None;
    scene.signed_in().await;
    let lines = scene.world.audit("session.login").await;
    let refused: Vec<_> = lines.iter().filter(|line| line.outcome == "refused").collect();
    assert_eq!(refused.len(), 11, "all that came back from the provider");
}

#[tokio::test]
async fn a_login_belongs_to_the_browser_that_began_it_and_counts_once() {
    let scene = Scene::new().await;
    let (mine, other) = (
        scene.begin().await.expect("away"),
        scene.begin().await.expect("away"),
    );
    let right = format!("code=c0de&state={}", other.state);
    let swapped = format!("code=c0de&state={}", mine.state);
    for (cookie, query) in [
        (None, right.as_str()),
        (Some(other.cookie.as_str()), swapped.as_str()),
        (Some(other.cookie.as_str()), "code=c0de"),
        (Some("headend_sso=bm9uc2Vuc2U"), right.as_str()),
        (Some("headend_sso=%%%"), right.as_str()),
    ] {
        let answer = scene.back(cookie, query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, Some("sso_refused")),
            "{query}"
        );
    }
    let mixed_up = scene
        .back(
            Some(&other.cookie),
            &format!("{right}&iss=https%3A%2F%2Fevil.example"),
        )
        .await;
    assert_eq!(mixed_up.status, 400);
    assert_eq!(scene.op.script.lock().exchanged, 0, "no code was sent anywhere");
    assert_eq!(scene.back(Some(&other.cookie), &right).await.status, 303);
    assert_eq!(
        scene.back(Some(&other.cookie), &right).await.status,
        400,
        "a second time"
    );
    let denied = scene.begin().await.expect("away");
    let query = format!("error=access_denied%3Cscript%3E&state={}", denied.state);
    let answer = scene.back(Some(&denied.cookie), &query).await;
    assert_eq!(answer.body["detail"], "the provider said access_deniedscript");
    let late = scene.begin().await.expect("away");
    scene.world.kernel.identity.clock().pass(10 * 60);
    let query = format!("code=c0de&state={}", late.state);
    assert_eq!(scene.back(Some(&late.cookie), &query).await.status, 400);
}

#[tokio::test]
async fn nobody_maps_what_he_lacks_and_no_secret_comes_back() {
    let scene = Scene::new().await;
    let few = PermissionSet::of(&[Permission::UsersManage, Permission::RolesRead]);
    let less = kernel::http::testing::person(&scene.world.kernel, Some(scene.partner.id), few).await;
    let grown = scene
        .put(&less.token, json!({ "friends": ["partner-admin"] }))
        .await;
    assert_eq!(grown.status, 403, "{}", grown.body);
    let taken = scene.put(&less.token, json!({})).await;
    assert_eq!(taken.status, 403, "what others may is not his to take");
    let platform = scene
        .put(&scene.admin.token, json!({ "x": ["platform-admin"] }))
        .await;
    assert_eq!(platform.status, 422);
    let unknown = scene
        .put(&scene.admin.token, json!({ "x": ["no-such-role"] }))
        .await;
    assert_eq!(unknown.body["errors"][0]["pointer"], "/groups/x/0");
    let shown = scene.world.get(&scene.path(), &scene.admin.token).await;
    assert_eq!(
        (
            &shown.body["data"]["has_secret"],
            &shown.body["data"]["client_secret"]
        ),
        (&json!(true), &Value::Null)
    );
    let mut root = scene.world.test.superuser().await;
    for table in ["sso_providers", "audit"] {
        let dump = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM kernel.{table} t");
        let dump: String = sqlx::query_scalar(sqlx::AssertSqlSafe(dump))
            .fetch_one(&mut root)
            .await
            .expect("a dump");
        assert!(!dump.contains("s:cret"), "{table}");
    }
    for issuer in [
        "http://op.example",
        "https://10.0.0.1",
        "https://op.example/?a=b",
        "ftp://op.example",
        "https://u:p@op.example",
    ] {
        let body = json!({ "issuer": issuer, "client_id": "headend", "groups": {} });
        let answer = scene
            .world
            .call(Method::PUT, &scene.path(), &scene.admin.token, Some(body))
            .await;
        assert_eq!(
            answer.body["errors"][0]["pointer"], "/issuer",
            "{issuer}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn removed_is_removed() {
    let scene = Scene::new().await;
    let token = scene.signed_in().await;
    let off = json!({ "issuer": scene.op.issuer, "client_id": "headend", "enabled": false, "groups": { "noc": ["noc-engineer"] } });
    let kept = scene
        .world
        .call(Method::PUT, &scene.path(), &scene.admin.token, Some(off))
        .await;
    assert_eq!(
        kept.body["data"]["has_secret"], true,
        "who says nothing of it keeps it: {}",
        kept.body
    );
    assert_eq!(scene.login().await.status, 404);
    assert_eq!(scene.world.get("/me", &token).await.status, 200);
    let removed = scene
        .world
        .call(Method::DELETE, &scene.path(), &scene.admin.token, None)
        .await;
    assert_eq!(removed.status, 204);
    assert_eq!(
        scene.world.get("/me", &token).await.status,
        401,
        "what it vouched for is over"
    );
    assert_eq!(
        scene.world.get(&scene.path(), &scene.admin.token).await.status,
        404
    );
}
