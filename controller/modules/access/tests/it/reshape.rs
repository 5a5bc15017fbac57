//! Changing sessions that go on: what a NAS is told, what proves it, what follows when it does not change, and what is learned.

use axum::http::{Method, StatusCode};
use radius::Code;
use radius::attribute::kind::{self, vendor};
use serde_json::{Value, json};

use crate::nas::{FakeNas, Reply, Report};
use crate::world::{Isp, World, eventually};

/// A node, a NAS, and alice online with a Class of ours.
struct Scene {
    world: World,
    isp: Isp,
    nas: FakeNas,
    /// The NAS's path.
    nas_path: String,
    /// Alice's path.
    alice: String,
    /// Her session's path.
    session: String,
    /// As her login brought it.
    class: Vec<u8>,
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

impl Scene {
    /// A fresh one, with a NAS of this make at this address.
    async fn new(address: &str, make: &str) -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let mut nas = FakeNas::at(address, "a secret of a NAS").await;
        let body = json!({ "name": "bras-1", "address": address, "type": make, "secret": nas.secret_text,
            "coa_port": nas.coa_port() });
        let admitted = world.post(&isp, "nas", &body).await;
        let plan = json!({ "slug": "fiber-200", "download_bps": 200_000_000, "upload_bps": 40_000_000 });
        world.post(&isp, "plans", &plan).await;
        let alice = world.subscriber(&isp, "alice", "open sesame").await;
        let auth = world.auth();
        let accept = loop {
            match nas.login(auth, "alice", "open sesame").await {
                Some(reply) if reply.code() == Code::AccessAccept => break reply,
                _ => {}
            }
        };
        let class = accept.view().first(kind::CLASS).expect("a Class").to_vec();
        let start = Report::new(1, b"0081A2", now_s());
        nas.account(world.accounting(), &start.of_login(&class)).await;
        let session = world.session_of(&isp, "alice").await;
        let path = |of: &str, thing: &Value| format!("{of}/{}", thing["id"].as_str().expect("an id"));
        Self {
            nas_path: path("nas", &admitted),
            alice: path("subscribers", &alice),
            session: path("sessions", &session),
            world,
            isp,
            nas,
            class,
        }
    }

    /// Reports that the session goes on, under this Class.
    async fn goes_on(&mut self, class: &[u8]) {
        let report = Report::new(3, b"0081A2", now_s());
        self.nas
            .account(self.world.accounting(), &report.of_login(class))
            .await;
    }

    /// Wants something of the session.
    async fn want(&self, verb: &str, body: Value) -> Value {
        self.world
            .post(&self.isp, &format!("{}/{verb}", self.session), &body)
            .await
    }

    /// Has it reshaped.
    async fn reshape(&self) -> Value {
        self.want("reshape", json!({ "reason": "a test" })).await
    }

    /// The newest intent, once it is as wanted.
    async fn newest(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(|| async {
            let newest = self.world.get(&self.isp, "intents").await[0].clone();
            wanted(&newest).then_some(newest)
        })
        .await
    }

    /// Gives alice the other plan.
    async fn other_plan(&self) {
        let body = json!({ "plan": "fiber-200" });
        let answer = self
            .world
            .ask(Method::PATCH, &self.isp, &self.alice, Some(&body))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }

    /// Whether something is known of the NAS.
    async fn known(&self, capability: &str) -> Option<Value> {
        let known = self
            .world
            .get(&self.isp, &format!("{}/capabilities", self.nas_path))
            .await;
        let mut all = known.as_array().expect("a list").iter();
        all.find(|known| known["capability"] == capability).cloned()
    }
}

/// The speed that a request says.
fn rate(request: &Reply) -> Option<String> {
    let value = request.view().vendor(vendor::MIKROTIK, 8)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[tokio::test]
async fn another_plan_reaches_the_session_that_goes_on_and_its_class_proves_it() {
    let mut scene = Scene::new("127.61.31.1", "mikrotik").await;
    let ((), request) = tokio::join!(scene.other_plan(), scene.nas.changed(Code::CoaAck, None));
    assert_eq!(rate(&request).as_deref(), Some("40M/200M"));
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(&b"0081A2"[..]));
    let class = request.view().first(kind::CLASS).expect("a Class").to_vec();
    assert_ne!(class, scene.class);
    let intent = scene.newest(|intent| intent["state"] == "acknowledged").await;
    assert_eq!(
        (&intent["verb"], &intent["rung"], &intent["over"]),
        (&json!("reshape"), &json!("change"), &json!(false))
    );
    assert_eq!(intent["told"], json!(["rate", "class"]), "{intent}");
    assert_eq!(intent["reason"], "subscriber.plan_changed: alice");

    scene.goes_on(&class).await;
    let intent = scene.newest(|intent| intent["state"] == "proven").await;
    assert_eq!(
        (&intent["evidence"], &intent["over"]),
        (&json!("class"), &json!(true))
    );
    let session = scene.world.get(&scene.isp, &scene.session).await;
    assert_eq!(session["state"], "open", "it is the same session");
    let known = eventually(|| scene.known("class")).await;
    assert_eq!(
        (&known["holds"], &known["source"]),
        (&json!(true), &json!("learned"))
    );
    let proofs = scene.world.metric("access_intent_proofs_total", Some("mikrotik"));
    assert_eq!(proofs, 1);
}

#[tokio::test]
async fn what_a_nas_refuses_to_change_it_is_asked_to_end_and_next_time_at_once() {
    let scene = Scene::new("127.61.31.2", "mikrotik").await;
    let nas = async {
        let change = scene.nas.changed(Code::CoaNak, Some(501)).await;
        (change, scene.nas.told(Code::DisconnectNak, Some(506)).await)
    };
    let (intent, (change, _)) = tokio::join!(scene.reshape(), nas);
    assert_eq!(rate(&change).as_deref(), Some("20M/100M"));
    assert_eq!(
        (&intent["state"], &intent["rung"], &intent["over"]),
        (&json!("refused"), &json!("operator"), &json!(true)),
        "{intent}"
    );
    let steps = intent["steps"].as_array().expect("steps");
    let said: Vec<_> = steps
        .iter()
        .map(|step| (&step["rung"], &step["error_cause"]))
        .collect();
    assert_eq!(
        said,
        [
            (&json!("change"), &json!(501)),
            (&json!("disconnect"), &json!(506))
        ]
    );
    let open = scene.world.get(&scene.isp, "intents?operator=true").await;
    assert_eq!(open[0]["id"], intent["id"]);
    let known = eventually(|| scene.known("change")).await;
    assert_eq!(known["holds"], false);
    assert!(
        known["evidence"].as_str().is_some_and(|by| by.contains("501")),
        "{known}"
    );

    // It does not listen to changes: it is not asked for one.
    let (again, _) = tokio::join!(scene.reshape(), scene.nas.told(Code::DisconnectAck, None));
    assert_eq!(
        (&again["state"], &again["rung"]),
        (&json!("acknowledged"), &json!("disconnect"))
    );
    assert!(
        again["steps"][0]["detail"]
            .as_str()
            .is_some_and(|why| why.contains("changes nothing")),
        "{again}"
    );

    // An operator knows better.
    let path = format!("{}/capabilities/change", scene.nas_path);
    let body = json!({ "holds": true, "reason": "switched on today" });
    let said = scene.world.ask(Method::PUT, &scene.isp, &path, Some(&body)).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.body);
    let (third, _) = tokio::join!(scene.reshape(), scene.nas.changed(Code::CoaNak, Some(405)));
    assert_eq!(third["steps"][0]["rung"], "change");
    let known = scene.known("change").await.expect("known");
    assert_eq!(
        (&known["holds"], &known["source"]),
        (&json!(true), &json!("operator")),
        "he wins"
    );
    let unknown = format!("{}/capabilities/magic", scene.nas_path);
    let refused = scene
        .world
        .ask(Method::PUT, &scene.isp, &unknown, Some(&body))
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_partner_may_rather_have_somebody_look_at_it() {
    let scene = Scene::new("127.61.31.3", "mikrotik").await;
    let policy = json!({ "if_refused": "operator" });
    let set = scene
        .world
        .ask(Method::PUT, &scene.isp, "session-policy", Some(&policy))
        .await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    assert_eq!(scene.world.get(&scene.isp, "session-policy").await, policy);
    let (intent, _) = tokio::join!(scene.reshape(), scene.nas.changed(Code::CoaNak, Some(506)));
    assert_eq!(
        (&intent["state"], &intent["rung"]),
        (&json!("refused"), &json!("operator"))
    );
    let wrong = json!({ "if_refused": "nobody" });
    let answer = scene
        .world
        .ask(Method::PUT, &scene.isp, "session-policy", Some(&wrong))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_session_that_goes_on_contradicts_an_acknowledged_disconnect() {
    let mut scene = Scene::new("127.61.31.4", "mikrotik").await;
    let body = json!({ "reason": "a test" });
    let (intent, _) = tokio::join!(
        scene.want("disconnect", body),
        scene.nas.told(Code::DisconnectAck, None)
    );
    assert_eq!(intent["state"], "acknowledged");
    let class = scene.class.clone();
    let path = format!("intents/{}", intent["id"].as_str().expect("an id"));
    let contradicted = loop {
        scene.goes_on(&class).await;
        let now = scene.world.get(&scene.isp, &path).await;
        if now["state"] != "acknowledged" {
            break now;
        }
    };
    assert_eq!(
        (
            &contradicted["state"],
            &contradicted["rung"],
            &contradicted["evidence"]
        ),
        (&json!("contradicted"), &json!("operator"), &json!("goes_on")),
        "{contradicted}"
    );
    assert!(
        contradicted["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("still up"))
    );
    let known = eventually(|| scene.known("disconnect")).await;
    assert_eq!(known["holds"], false);
    // It ends after all.
    let stop = Report::new(2, b"0081A2", now_s());
    scene
        .nas
        .account(scene.world.accounting(), &stop.of_login(&class))
        .await;
    scene.newest(|intent| intent["state"] == "proven").await;
}

#[tokio::test]
async fn services_start_and_stop_by_name_where_a_nas_has_them() {
    let scene = Scene::new("127.61.31.5", "cisco").await;
    let wish = |starts| json!({ "service": "VIDEO", "starts": starts, "reason": "a test" });
    for (starts, command) in [(true, b"\x0bVIDEO"), (false, b"\x0cVIDEO")] {
        let (intent, request) = tokio::join!(
            scene.want("service", wish(starts)),
            scene.nas.changed(Code::CoaAck, None)
        );
        assert_eq!(request.view().vendor(9, 252), Some(&command[..]));
        assert_eq!(
            (&intent["state"], &intent["service"]),
            (&json!("acknowledged"), &json!("VIDEO"))
        );
    }
    let other = Scene::new("127.61.31.6", "mikrotik").await;
    let path = format!("{}/service", other.session);
    let answer = other
        .world
        .ask(Method::POST, &other.isp, &path, Some(&wish(true)))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
}

#[tokio::test]
async fn a_session_goes_into_the_garden_live_and_leaves_it_with_a_new_login() {
    let scene = Scene::new("127.61.31.7", "mikrotik").await;
    let none = scene
        .world
        .ask(
            Method::POST,
            &scene.isp,
            &format!("{}/garden", scene.session),
            Some(&json!({ "reason": "abuse" })),
        )
        .await;
    assert_eq!(
        none.status,
        StatusCode::CONFLICT,
        "there is no garden: {}",
        none.body
    );
    let garden = json!({ "reasons": ["suspended"], "terms": {"address_list": "unpaid"} });
    let opened = scene
        .world
        .ask(Method::PUT, &scene.isp, "garden", Some(&garden))
        .await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.body);

    let suspend = json!({ "status": "suspended", "status_reason": "invoice 42 unpaid" });
    let (suspended, request) = tokio::join!(
        scene
            .world
            .ask(Method::PATCH, &scene.isp, &scene.alice, Some(&suspend)),
        scene.nas.changed(Code::CoaAck, None)
    );
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.body);
    assert_eq!(request.view().vendor(vendor::MIKROTIK, 19), Some(&b"unpaid"[..]));
    scene.newest(|intent| intent["state"] == "acknowledged").await;
}
