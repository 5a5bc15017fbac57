//! Webhooks against a receiver that takes, fails, hangs, breaks off, leads elsewhere and goes away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kernel::OpContext;
use kernel::authz::{Permission, PermissionSet};
use kernel::events::consumer::drain;
use kernel::events::sequence::sequence;
use kernel::http::testing::{Person, person};
use kernel::identity::Settings;
use kernel::jobs::Worker;
use kernel::jobs::runner::run_due;
use kernel::outbound::Reach;
use kernel::tenancy::Partner;
use kernel::webhooks::signature::Secret;
use kernel::webhooks::{Deliverer, Teller, Webhooks};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::World;

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    /// The event's id.
    pub id: String,
    /// When it was signed.
    pub unix_s: i64,
    /// The signatures.
    pub signature: String,
    /// The body.
    pub body: Bytes,
}

impl Message {
    /// Reads what came; panics on what no receiver could take.
    fn read(headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        Self {
            id: text("webhook-id"),
            unix_s: text("webhook-timestamp").parse().expect("a number"),
            signature: text("webhook-signature"),
            body,
        }
    }

    /// Whether this secret signed it.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = Secret::read(secret).expect("a secret");
        secret.verify(&self.id, self.unix_s, &self.body, &self.signature)
    }

    /// The event.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// What a receiver answers next, and what came.
#[derive(Default)]
pub struct Receiver {
    /// Everything that came, in order.
    pub came: Mutex<Vec<Message>>,
    /// The statuses of the next answers; 200 when there is none. 0 hangs, 1 breaks off.
    pub answers: Mutex<Vec<u16>>,
}

/// Takes a message.
async fn take(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    receiver.came.lock().push(Message::read(&headers, body));
    let answer = {
        let mut answers = receiver.answers.lock();
        if answers.is_empty() {
            200
        } else {
            answers.remove(0)
        }
    };
    match answer {
        0 => std::future::pending().await,
        1 => panic!("breaks off"), // the connection ends without an answer
        status => {
            let status = StatusCode::from_u16(status).expect("a status");
            (
                status,
                [("location", "http://127.0.0.1:1/"), ("retry-after", "1800")],
            )
                .into_response()
        }
    }
}

/// A receiver and where it is.
pub async fn receiver() -> (Arc<Receiver>, SocketAddr) {
    let receiver = Arc::new(Receiver::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/in", post(take))
        .with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (receiver, at)
}

/// What a partner's server on this machine may be reached by.
pub fn loopback() -> Reach {
    Reach::with(&["127.0.0.0/8".parse().expect("a network")])
}

/// A world that may speak to a receiver.
struct Stand {
    /// The kernel and its API.
    world: World,
    /// The partner.
    partner: Partner,
    /// His administrator.
    admin: Person,
    /// What came.
    receiver: Arc<Receiver>,
    /// Where to.
    url: String,
    /// Does deliveries.
    deliverer: Arc<dyn Worker>,
}

impl Stand {
    async fn new() -> Self {
        let world = World::with(Settings {
            reach: loopback(),
            ..Settings::default()
        })
        .await;
        let partner = world.partner().await;
        let admin = world.partner_admin(&partner).await;
        let (receiver, at) = receiver().await;
        let deliverer =
            Deliverer::new(Webhooks::new(&world.kernel)).answered_within(Duration::from_millis(300));
        // The log is read from here on.
        let teller = Arc::new(Teller::new(&Webhooks::new(&world.kernel)));
        sequence(&world.kernel.db).await.expect("moves");
        drain(&world.kernel.db, teller).await.expect("begins");
        Self {
            world,
            partner,
            admin,
            receiver,
            url: format!("http://{at}/in?token=mine"),
            deliverer: Arc::new(deliverer),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/partners/{}/webhooks{rest}", self.partner.slug)
    }

    /// Makes a webhook for clients; its id and its secret.
    async fn webhook(&self) -> (String, String) {
        let body =
            json!({ "name": "billing", "url": self.url, "kinds": ["client.created", "client.updated"] });
        let answer = self.world.post(&self.path(""), &self.admin.token, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let text = |name: &str| answer.body["data"][name].as_str().expect("text").to_owned();
        (text("id"), text("secret"))
    }

    /// A client is made: something to tell.
    async fn act(&self, slug: &str) {
        let path = format!("/partners/{}/clients", self.partner.slug);
        let body = json!({ "slug": slug, "name": slug });
        let answer = self.world.post(&path, &self.admin.token, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Tells what there is to tell, and does what is due.
    async fn tell(&self) -> usize {
        let db = &self.world.kernel.db;
        sequence(db).await.expect("moves");
        let teller = Arc::new(Teller::new(&Webhooks::new(&self.world.kernel)));
        drain(db, teller).await.expect("tells");
        run_due(db, std::slice::from_ref(&self.deliverer))
            .await
            .expect("delivers")
    }

    /// Time passes until everything that waits is due.
    async fn later(&self) {
        sqlx::raw_sql("UPDATE kernel.jobs SET run_at = now() WHERE state = 'waiting'")
            .execute(&mut self.world.test.superuser().await)
            .await
            .expect("time passes");
    }

    /// The deliveries of a webhook, newest first.
    async fn deliveries(&self, id: &str) -> Vec<Value> {
        let answer = self
            .world
            .get(&self.path(&format!("/{id}/deliveries")), &self.admin.token)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"].as_array().expect("a list").clone()
    }

    fn came(&self) -> Vec<Message> {
        self.receiver.came.lock().clone()
    }
}

#[tokio::test]
async fn a_receiver_is_told_once_signed_and_of_what_it_wants_only() {
    let stand = Stand::new().await;
    let (id, secret) = stand.webhook().await;
    stand.act("acme").await;
    let site = json!({ "slug": "main", "name": "Main" });
    let path = format!("/partners/{}/clients/acme/sites", stand.partner.slug);
    stand.world.post(&path, &stand.admin.token, site).await;
    assert_eq!(stand.tell().await, 1);
    assert_eq!(stand.tell().await, 0);
    let came = stand.came();
    assert_eq!(came.len(), 1);
    assert!(came[0].is_signed_with(&secret));
    let event = came[0].event();
    assert_eq!(
        (&event["kind"], &event["subject"]["label"]),
        (&json!("client.created"), &json!("acme"))
    );
    assert_eq!(event["id"], json!(came[0].id));
    assert_eq!(event["partner_id"], json!(stand.partner.id));
    let told = stand.deliveries(&id).await;
    assert_eq!(
        (told.len(), &told[0]["state"], &told[0]["status"]),
        (1, &json!("delivered"), &json!(200))
    );
    // The secret is shown once and stands in the clear nowhere; the audit does not show what is behind `?`.
    let again = stand
        .world
        .get(&stand.path(&format!("/{id}")), &stand.admin.token)
        .await;
    assert_eq!(again.body["data"]["secret"], Value::Null);
    let stored: String = sqlx::query_scalar("SELECT secret FROM kernel.webhooks")
        .fetch_one(&mut stand.world.test.superuser().await)
        .await
        .expect("reads");
    assert!(stored.starts_with("sealed:1:"));
    let audit = stand.world.audit("webhook.create").await;
    let shown = audit[0].after.as_ref().expect("shown").to_string();
    assert!(
        !shown.contains("token=mine") && !shown.contains("whsec_"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_a_receiver_does_not_take_comes_again_the_same_and_in_order() {
    let stand = Stand::new().await;
    let (id, secret) = stand.webhook().await;
    *stand.receiver.answers.lock() = vec![500, 0, 1, 301, 503];
    stand.act("acme").await;
    let path = format!("/partners/{}/clients/acme", stand.partner.slug);
    stand
        .world
        .patch(&path, &stand.admin.token, json!({ "name": "Acme 2" }))
        .await;
    let expected = [
        (json!(500), "it answered 500"),
        (Value::Null, "it did not answer within 300 ms"),
        (Value::Null, "its answer broke off or is not HTTP"),
        (
            json!(301),
            "it answered 301, which leads elsewhere; redirects are not followed",
        ),
        (json!(503), "it answered 503"),
    ];
    for (attempt, (status, error)) in expected.iter().enumerate() {
        assert_eq!(stand.tell().await, 1, "the second message waits behind the first");
        let first = &stand.deliveries(&id).await[1];
        assert_eq!((&first["status"], &first["error"]), (status, &json!(error)));
        assert_eq!(
            (&first["state"], &first["attempts"]),
            (&json!("waiting"), &json!(attempt + 1))
        );
        if *status == json!(503) {
            let wait: f64 = sqlx::query_scalar(
                "SELECT extract(epoch FROM run_at - now())::float8 FROM kernel.jobs WHERE attempts > 0",
            )
            .fetch_one(&mut stand.world.test.superuser().await)
            .await
            .expect("reads");
            assert!(wait > 1_700.0, "it asked for half an hour, not {wait} s");
        }
        stand.later().await;
    }
    assert_eq!(stand.tell().await, 2);
    let came = stand.came();
    assert_eq!(came.len(), expected.len() + 2);
    let (last, tries) = came.split_last().expect("came");
    for message in tries {
        assert_eq!((&message.id, &message.body), (&tries[0].id, &tries[0].body));
        assert!(message.is_signed_with(&secret));
    }
    assert_eq!(last.event()["kind"], json!("client.updated"));
    assert!(
        stand
            .deliveries(&id)
            .await
            .iter()
            .all(|one| one["state"] == json!("delivered"))
    );
}

#[tokio::test]
async fn what_is_never_taken_is_given_up_and_can_be_replayed() {
    let stand = Stand::new().await;
    let (id, secret) = stand.webhook().await;
    *stand.receiver.answers.lock() = vec![400; 12];
    stand.act("acme").await;
    for _ in 0..12 {
        assert_eq!(stand.tell().await, 1);
        stand.later().await;
    }
    assert_eq!(stand.tell().await, 0);
    let dead = stand.deliveries(&id).await.remove(0);
    assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(12)));
    let replay = stand.path(&format!("/{id}/replay"));
    let answer = stand.world.post(&replay, &stand.admin.token, json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["data"]["deliveries"]),
        (202, &json!(1))
    );
    assert_eq!(stand.tell().await, 1);
    assert_eq!(stand.deliveries(&id).await[0]["state"], json!("delivered"));
    let one = stand.path(&format!(
        "/{id}/deliveries/{}/replay",
        dead["id"].as_str().expect("an id")
    ));
    assert_eq!(
        stand.world.post(&one, &stand.admin.token, json!({})).await.status,
        202
    );
    assert_eq!(
        stand.world.post(&one, &stand.admin.token, json!({})).await.status,
        409,
        "it waits already"
    );
    stand.tell().await;
    let came = stand.came();
    assert_eq!(came.len(), 14);
    assert!(
        came.iter()
            .all(|message| message.id == came[0].id && message.is_signed_with(&secret))
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let stand = Stand::new().await;
    let (id, _) = stand.webhook().await;
    *stand.receiver.answers.lock() = vec![410];
    stand.act("acme").await;
    stand.act("bolt").await;
    stand.tell().await;
    let webhook = stand
        .world
        .get(&stand.path(&format!("/{id}")), &stand.admin.token)
        .await;
    let data = &webhook.body["data"];
    assert_eq!(
        (&data["enabled"], &data["disabled_reason"]),
        (&json!(false), &json!("it answered 410: gone"))
    );
    assert!(
        stand
            .deliveries(&id)
            .await
            .iter()
            .all(|one| one["state"] == json!("dead"))
    );
    assert_eq!(stand.came().len(), 1);
    let enable = json!({ "enabled": true });
    let path = stand.path(&format!("/{id}"));
    assert_eq!(
        stand.world.patch(&path, &stand.admin.token, enable).await.status,
        200
    );
    stand
        .world
        .post(
            &stand.path(&format!("/{id}/replay")),
            &stand.admin.token,
            json!({}),
        )
        .await;
    assert_eq!(stand.tell().await, 2);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_the_overlap() {
    let stand = Stand::new().await;
    let (id, former) = stand.webhook().await;
    let rotate = async |overlap_s: u32| {
        let path = stand.path(&format!("/{id}/rotate"));
        let answer = stand
            .world
            .post(&path, &stand.admin.token, json!({ "overlap_s": overlap_s }))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"]["secret"]
            .as_str()
            .expect("a secret")
            .to_owned()
    };
    let second = rotate(3600).await;
    stand.act("acme").await;
    stand.tell().await;
    let third = rotate(0).await;
    stand.act("bolt").await;
    stand.tell().await;
    let came = stand.came();
    assert!(came[0].is_signed_with(&former) && came[0].is_signed_with(&second));
    assert!(came[1].is_signed_with(&third) && !came[1].is_signed_with(&second));
}

#[tokio::test]
async fn nobody_is_led_inside_and_nobody_tells_more_than_he_may_read() {
    let stand = Stand::new().await;
    let make = async |token: &str, url: &str, kinds: Value| {
        let body = json!({ "name": url, "url": url, "kinds": kinds });
        stand.world.post(&stand.path(""), token, body).await
    };
    for url in [
        "http://10.1.2.3/in",
        "https://169.254.169.254/latest",
        "https://[::1]/in",
        "http://hooks.example/in",
        "https://user:secret@hooks.example/in",
        "ftp://hooks.example/in",
    ] {
        let answer = make(&stand.admin.token, url, json!([])).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, Some("invalid")),
            "{url}: {}",
            answer.body
        );
    }
    // A name is judged when it is used, by the addresses it has then.
    stand
        .world
        .kernel
        .tenancy
        .partner_fetch(&OpContext::system("test").in_partner(stand.partner.id))
        .await
        .expect("is there");
    let outside = kernel::Kernel::new(
        stand.world.kernel.db.clone(),
        stand.world.kernel.sealer.clone(),
        kernel::identity::Settings::default(),
    )
    .expect("a kernel");
    let answer = make(
        &stand.admin.token,
        "https://localhost/in",
        json!(["client.created"]),
    )
    .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["data"]["id"].as_str().expect("an id").to_owned();
    stand.act("acme").await;
    sequence(&outside.db).await.expect("moves");
    drain(&outside.db, Arc::new(Teller::new(&Webhooks::new(&outside))))
        .await
        .expect("tells");
    let deliverer: Arc<dyn Worker> = Arc::new(Deliverer::new(Webhooks::new(&outside)));
    run_due(&outside.db, &[deliverer]).await.expect("delivers");
    let error = stand.deliveries(&id).await[0]["error"]
        .as_str()
        .expect("an error")
        .to_owned();
    assert!(
        error.contains("localhost is an address that is loopback"),
        "{error}"
    );

    let permissions = PermissionSet::of(&[Permission::WebhooksManage, Permission::PartnerRead]);
    let clerk = person(&stand.world.kernel, Some(stand.partner.id), permissions).await;
    let answer = make(&clerk.token, "https://hooks.example/1", json!(["user.created"])).await;
    assert_eq!(answer.status, 422, "he may not read users: {}", answer.body);
    let answer = make(&clerk.token, "https://hooks.example/2", json!([])).await;
    let kinds = answer.body["data"]["kinds"].to_string();
    assert!(
        kinds.contains("client.created") && !kinds.contains("user.created"),
        "{kinds}"
    );
    let other = stand.world.partner().await;
    let stranger = stand.world.partner_admin(&other).await;
    let path = format!("/partners/{}/webhooks/{id}", other.slug);
    assert_eq!(stand.world.get(&path, &stranger.token).await.status, 404);
    let removed = stand
        .world
        .call(
            Method::DELETE,
            &stand.path(&format!("/{id}")),
            &stand.admin.token,
            None,
        )
        .await;
    assert_eq!(removed.status, 204);
}
