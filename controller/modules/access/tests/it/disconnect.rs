//! Ending a session: what is asked, what the NAS says, and that only its Stop proves it.

use axum::http::{Method, StatusCode};
use radius::Code;
use radius::attribute::kind;
use serde_json::{Value, json};

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// A node with one open session of alice's.
struct Scene {
    /// The node.
    world: World,
    /// Whose session.
    isp: Isp,
    /// On which NAS.
    nas: FakeNas,
    /// Which session.
    session: String,
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

impl Scene {
    /// A fresh one, with the NAS at this address.
    async fn new(address: &str) -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let mut nas = FakeNas::at(address, "a secret of a NAS").await;
        world.admit(&isp, "bras-1", &nas).await;
        world.subscriber(&isp, "alice", "open sesame").await;
        eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
        nas.account(world.accounting(), &Report::new(1, b"0081A2", now_s() - 60))
            .await;
        let session = world.session_of(&isp, "alice").await;
        assert_eq!(session["source"], "memory");
        assert_eq!(session["nas"], "bras-1");
        assert_eq!(session["calling_station"], "02-00-00-00-00-01");
        let session = session["id"].as_str().expect("an id").to_owned();
        Self {
            world,
            isp,
            nas,
            session,
        }
    }

    /// Asks to end the session; the intent.
    async fn disconnect(&self) -> Value {
        let path = format!("sessions/{}/disconnect", self.session);
        self.world
            .post(&self.isp, &path, &json!({ "reason": "a test" }))
            .await
    }

    /// The intent as it is now.
    async fn intent(&self, intent: &Value) -> Value {
        self.world
            .get(
                &self.isp,
                &format!("intents/{}", intent["id"].as_str().expect("an id")),
            )
            .await
    }
}

#[tokio::test]
async fn an_acknowledged_disconnect_is_proven_by_the_stop() {
    let mut scene = Scene::new("127.61.3.1").await;
    let (intent, request) = tokio::join!(scene.disconnect(), scene.nas.told(Code::DisconnectAck, None));
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(&b"0081A2"[..]));
    assert_eq!(request.view().text(kind::USER_NAME), Some("alice"));
    assert_eq!(
        request.view().first(kind::FRAMED_IP_ADDRESS),
        Some(&[100, 64, 0, 9][..])
    );
    assert_eq!(intent["state"], "acknowledged");
    assert_eq!(intent["attempts"], 1);
    assert_eq!(intent["proven_at"], Value::Null);
    assert!(intent["rtt_us"].as_i64().is_some_and(|rtt| rtt > 0));

    let stop = Report::new(2, b"0081A2", now_s()).with(60, 1, 1).because(6);
    scene.nas.account(scene.world.accounting(), &stop).await;
    let proven =
        eventually(|| async { Some(scene.intent(&intent).await).filter(|now| now["state"] == "proven") });
    let proven = proven.await;
    assert!(proven["proven_at"].is_string());
    assert_eq!(proven["rtt_us"], intent["rtt_us"]);

    let session = scene
        .world
        .get(&scene.isp, &format!("sessions/{}", scene.session))
        .await;
    assert_eq!(session["state"], "closed");
    let again = format!("sessions/{}/disconnect", scene.session);
    let reason = json!({ "reason": "again" });
    let answer = scene
        .world
        .ask(Method::POST, &scene.isp, &again, Some(&reason))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("ended")),
        "{}",
        answer.body
    );

    let audit = scene
        .world
        .get(&scene.isp, "audit?action=session.disconnect")
        .await;
    assert_eq!(audit[0]["reason"], "a test");
}

#[tokio::test]
async fn a_refusal_is_told_in_words() {
    let scene = Scene::new("127.61.3.2").await;
    let (intent, _) = tokio::join!(scene.disconnect(), scene.nas.told(Code::DisconnectNak, Some(503)));
    assert_eq!(intent["state"], "refused");
    assert_eq!(intent["error_cause"], 503);
    let detail = intent["detail"].as_str().expect("words");
    assert!(detail.contains("Session-Context-Not-Found"), "{detail}");
}

#[tokio::test]
async fn a_nas_that_dislikes_an_attribute_is_asked_with_fewer() {
    let scene = Scene::new("127.61.3.3").await;
    let nas = async {
        scene.nas.told(Code::DisconnectNak, Some(401)).await;
        scene.nas.told(Code::DisconnectAck, None).await
    };
    let (intent, second) = tokio::join!(scene.disconnect(), nas);
    assert_eq!(intent["state"], "acknowledged");
    assert_eq!(intent["attempts"], 2);
    assert_eq!(second.view().first(kind::ACCT_SESSION_ID), Some(&b"0081A2"[..]));
    assert_eq!(second.view().first(kind::USER_NAME), None);
}

#[tokio::test]
async fn silence_is_told_with_the_number_of_tries_and_a_late_stop_still_proves_it() {
    let mut scene = Scene::new("127.61.3.4").await;
    let intent = scene.disconnect().await;
    assert_eq!(intent["state"], "silent");
    assert_eq!(intent["attempts"], 3);
    assert_eq!(intent["answered_at"], Value::Null);
    let detail = intent["detail"].as_str().expect("words");
    assert!(
        detail.contains("3 attempts") && detail.contains("bras-1"),
        "{detail}"
    );
    scene
        .nas
        .account(
            scene.world.accounting(),
            &Report::new(2, b"0081A2", now_s()).with(60, 1, 1),
        )
        .await;
    eventually(|| async { Some(scene.intent(&intent).await).filter(|now| now["state"] == "proven") }).await;
}

#[tokio::test]
async fn a_newer_intent_replaces_an_open_one() {
    let scene = Scene::new("127.61.3.5").await;
    let (first, _) = tokio::join!(scene.disconnect(), scene.nas.told(Code::DisconnectAck, None));
    let (second, _) = tokio::join!(scene.disconnect(), scene.nas.told(Code::DisconnectAck, None));
    assert_eq!(second["state"], "acknowledged");
    let first = scene.intent(&first).await;
    assert_eq!(first["state"], "replaced");
    assert_eq!(first["attempts"], 1, "what came of it is still told");
}

#[tokio::test]
async fn an_intent_interrupted_by_a_crash_is_asked_again_or_explained() {
    let scene = Scene::new("127.61.3.6").await;
    let nas = scene.world.get(&scene.isp, "nas").await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    // The session must be in the database to be there after a start.
    eventually(|| async {
        let mut root = scene.world.test.as_ref()?.superuser().await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM access.radacct")
            .fetch_one(&mut root)
            .await
            .ok()?;
        (count == 1).then_some(())
    })
    .await;
    let Scene {
        world,
        isp,
        nas: fake,
        session,
    } = scene;
    let (test, dir) = world.stop().await;
    let test = test.expect("a database");
    let mut root = test.superuser().await;
    let insert = "INSERT INTO access.session_intents
        (id, tenant_id, session_id, nas_id, verb, reason, created_by_name, asked_at)
        VALUES ($1, $2, $3::uuid, $4::uuid, 'disconnect', 'a test', 'noc', now() - $5 * interval '1 s')";
    let (fresh, gone) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    for (intent, session, age_s) in [
        (fresh, session.clone(), 5),
        (gone, uuid::Uuid::now_v7().to_string(), 5),
    ] {
        let query = sqlx::query(insert)
            .bind(intent)
            .bind(isp.id.as_uuid())
            .bind(session)
            .bind(&nas)
            .bind(age_s);
        query.execute(&mut root).await.expect("an intent");
    }
    let world = World::start(test.database().clone(), dir).await;
    let request = fake.told(Code::DisconnectAck, None).await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(&b"0081A2"[..]));
    for (intent, state) in [(fresh, "acknowledged"), (gone, "failed")] {
        let path = format!("intents/{intent}");
        eventually(|| async { Some(world.get(&isp, &path).await).filter(|now| now["state"] == state) }).await;
    }
    let gone = world.get(&isp, &format!("intents/{gone}")).await;
    assert!(
        gone["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("restart")),
        "{gone}"
    );
    world.stop().await;
}
