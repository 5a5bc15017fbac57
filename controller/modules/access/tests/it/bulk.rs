//! One thing that is wanted of many sessions: counted, begun with what was counted, paused, taken up again, told one by one.

use axum::http::{Method, StatusCode};
use radius::Code;
use serde_json::{Value, json};

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// Sessions of the scene.
const SESSIONS: usize = 12;

/// A node with a NAS and some sessions on it.
struct Scene {
    world: World,
    isp: Isp,
    nas: FakeNas,
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

impl Scene {
    async fn new(address: &str) -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let nas = FakeNas::at(address, "a secret of a NAS").await;
        world.admit(&isp, "bras-1", &nas).await;
        eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
        let mut scene = Self { world, isp, nas };
        for number in 0..SESSIONS {
            let username = format!("user-{number}");
            scene.world.subscriber(&scene.isp, &username, "open sesame").await;
            scene.begin(&username).await;
        }
        scene
    }

    /// Somebody comes online.
    async fn begin(&mut self, username: &str) {
        // A session belongs to whom the access plane knows when it hears of it.
        let partner = self.isp.id.as_uuid().into();
        let known = || async {
            let partner = self.world.plane.directory().partner(partner)?;
            partner.subscriber(username)
        };
        eventually(known).await;
        let report = Report {
            username,
            ..Report::new(1, username.as_bytes(), now_s() - 60)
        };
        self.nas.account(self.world.accounting(), &report).await;
        self.world.session_of(&self.isp, username).await;
    }

    async fn preview(&self, selection: &Value) -> Value {
        self.world
            .post(&self.isp, "session-bulks/preview", selection)
            .await
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.world.ask(method, &self.isp, path, Some(body)).await;
        (answer.status, answer.body)
    }
}

#[tokio::test]
async fn a_bulk_is_over_what_was_previewed_and_tells_what_became_of_each() {
    let mut scene = Scene::new("127.61.32.1").await;
    let selection = json!({ "nas": "bras-1", "plan": "fiber-100", "site": "homes/main" });
    let preview = scene.preview(&selection).await;
    assert_eq!(preview["total"], SESSIONS, "{preview}");
    assert_eq!(preview["by_nas"], json!({ "bras-1": SESSIONS }));
    let begin = |fingerprint: &Value| json!({ "verb": "disconnect", "selection": selection, "fingerprint": fingerprint, "per_s": 4, "reason": "maintenance" });

    scene.world.subscriber(&scene.isp, "late", "open sesame").await;
    scene.begin("late").await;
    let (status, body) = scene
        .ask(Method::POST, "session-bulks", &begin(&preview["fingerprint"]))
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "somebody came meanwhile: {body}");

    let preview = scene.preview(&selection).await;
    let (status, body) = scene
        .ask(Method::POST, "session-bulks", &begin(&preview["fingerprint"]))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let path = format!("session-bulks/{}", body["data"]["id"].as_str().expect("an id"));
    let done = eventually(|| async {
        let now = scene.world.get(&scene.isp, &path).await;
        (now["state"] == "done" && now["counts"]["acknowledged"] == SESSIONS + 1).then_some(now)
    });
    let done = tokio::select! {
        done = done => done,
        never = scene.nas.obey() => never,
    };
    assert_eq!(done["total"], SESSIONS + 1);
    let items = scene.world.get(&scene.isp, &format!("{path}/sessions")).await;
    assert_eq!(items.as_array().map(Vec::len), Some(SESSIONS + 1));
    assert!(
        items
            .as_array()
            .expect("a list")
            .iter()
            .all(|item| item["state"] == "acknowledged"),
        "{items}"
    );
    let intent = scene.world.get(&scene.isp, "intents").await[0].clone();
    assert_eq!(
        (&intent["bulk_id"], &intent["reason"]),
        (&done["id"], &json!("maintenance"))
    );
    let audit = scene
        .world
        .get(&scene.isp, "audit?action=session_bulk.begin")
        .await;
    assert_eq!(audit[0]["reason"], "maintenance");
    let (status, _) = scene
        .ask(Method::PATCH, &path, &json!({ "state": "aborted" }))
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "it is done");
}

#[tokio::test]
async fn a_paused_bulk_asks_for_nothing_and_an_aborted_one_never_again() {
    let scene = Scene::new("127.61.32.2").await;
    let selection = json!({ "all": true });
    let preview = scene.preview(&selection).await;
    let body = json!({ "verb": "disconnect", "selection": selection, "fingerprint": preview["fingerprint"], "per_s": 1,
        "reason": "maintenance" });
    let (status, begun) = scene.ask(Method::POST, "session-bulks", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    let path = format!("session-bulks/{}", begun["data"]["id"].as_str().expect("an id"));
    scene.nas.told(Code::DisconnectAck, None).await;
    let (status, paused) = scene
        .ask(Method::PATCH, &path, &json!({ "state": "paused" }))
        .await;
    assert_eq!(
        (status, &paused["data"]["state"]),
        (StatusCode::OK, &json!("paused"))
    );
    // Whatever is asked for now was asked for before the pause; after it the number stands.
    let waiting = scene.world.get(&scene.isp, &path).await["counts"]["waiting"].clone();
    assert!(waiting.as_i64().is_some_and(|waiting| waiting > 0), "{waiting}");
    let (status, _) = scene
        .ask(Method::PATCH, &path, &json!({ "state": "running" }))
        .await;
    assert_eq!(status, StatusCode::OK);
    eventually(|| async {
        let now = scene.world.get(&scene.isp, &path).await["counts"]["waiting"].clone();
        (now != waiting).then_some(())
    })
    .await;
    let (status, aborted) = scene
        .ask(Method::PATCH, &path, &json!({ "state": "aborted" }))
        .await;
    assert_eq!(
        (status, &aborted["data"]["state"]),
        (StatusCode::OK, &json!("aborted")),
        "{aborted}"
    );
    let (status, _) = scene
        .ask(Method::PATCH, &path, &json!({ "state": "running" }))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_selection_that_says_nothing_means_nobody() {
    let scene = Scene::new("127.61.32.3").await;
    for selection in [
        json!({}),
        json!({ "nas": "nowhere" }),
        json!({ "plan": "none" }),
        json!({ "site": "homes" }),
        json!({ "pool": "none" }),
    ] {
        let (status, body) = scene.ask(Method::POST, "session-bulks/preview", &selection).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{selection}: {body}");
    }
    let one = scene.preview(&json!({ "username": "USER-1" })).await;
    assert_eq!((&one["total"], &one["sample"]), (&json!(1), &json!(["user-1"])));
    let nobody = json!({ "verb": "garden", "selection": {"all": true}, "fingerprint": one["fingerprint"], "reason": "r" });
    let (status, _) = scene.ask(Method::POST, "session-bulks", &nobody).await;
    assert_eq!(
        status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a verb that bulks have not"
    );
}
