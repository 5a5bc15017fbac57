//! What a plan gives: what is refused when it is written, what a NAS is told, what the preview says; and the walled garden,
//! into which somebody without service is let and out of which he is asked when he has service again.

use axum::http::{Method, StatusCode};
use radius::Code;
use radius::attribute::kind::{self, vendor};
use radius_server::directory::Service;
use serde_json::{Value, json};

use crate::nas::{FakeNas, Reply, Report};
use crate::world::{Isp, World, eventually};

/// A node with a MikroTik and alice on the plan `fiber-100`.
struct Scene {
    /// The node.
    world: World,
    /// Whose.
    isp: Isp,
    /// The NAS.
    nas: FakeNas,
    /// Alice's path.
    alice: String,
    /// Her plan's path.
    plan: String,
}

impl Scene {
    /// A fresh one, with the NAS at this address.
    async fn new(address: &str) -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let nas = FakeNas::at(address, "a secret of a NAS").await;
        world.admit(&isp, "bras-1", &nas).await;
        let alice = world.subscriber(&isp, "alice", "open sesame").await;
        let plan = world.get(&isp, "plans").await[0].clone();
        eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
        let path = |of: &str, thing: &Value| format!("{of}/{}", thing["id"].as_str().expect("an id"));
        Self {
            alice: path("subscribers", &alice),
            plan: path("plans", &plan),
            world,
            isp,
            nas,
        }
    }

    /// Asks for a change; its answer.
    async fn change(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.world.ask(method, &self.isp, path, Some(body)).await;
        (answer.status, answer.body)
    }

    /// Makes a change that is taken.
    async fn changed(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, body) = self.change(method, path, body).await;
        assert!(status.is_success(), "{path}: {body}");
        body["data"].clone()
    }

    /// Logs alice in until the reply is as wanted.
    async fn reaches(&mut self, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let auth = self.world.auth();
        for _ in 0..500 {
            let reply = self.nas.login(auth, "alice", "open sesame").await;
            if let Some(reply) = reply.filter(&wanted) {
                return reply;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("no reply is as wanted");
    }

    /// What alice would be sent.
    async fn preview(&self) -> Value {
        self.world
            .get(&self.isp, "radius/preview?username=alice&nas=bras-1")
            .await
    }
}

/// What an answer says is wrong, and where.
fn wrong(body: &Value) -> (&str, &str) {
    let field = &body["errors"][0];
    let text = |name: &str| field[name].as_str().unwrap_or_default();
    (text("pointer"), text("message"))
}

#[tokio::test]
async fn a_nas_is_told_what_the_plan_and_the_service_say_and_the_preview_shows_it() {
    let mut scene = Scene::new("127.61.20.1").await;
    let terms = json!({"priority": 3, "burst": {"download_bps": 200_000_000, "upload_bps": 40_000_000, "seconds": 8},
        "vrf": "retail"});
    let plan = scene
        .changed(Method::PATCH, &scene.plan, &json!({ "terms": terms }))
        .await;
    assert_eq!(plan["terms"]["priority"], 3);
    let rate = |reply: &Reply| reply.view().vendor(vendor::MIKROTIK, 8).map(<[u8]>::to_vec);
    let told = b"20M/100M 40M/200M 20M/100M 8/8 3".to_vec();
    scene.reaches(|reply| rate(reply) == Some(told.clone())).await;

    // Taken back, the rest stays.
    let plan = scene
        .changed(Method::PATCH, &scene.plan, &json!({ "terms": {"burst": null} }))
        .await;
    assert_eq!(plan["terms"], json!({"priority": 3, "vrf": "retail"}));
    scene
        .reaches(|reply| rate(reply) == Some(b"20M/100M 0/0 0/0 0/0 3".to_vec()))
        .await;

    // Her service wins over the plan, a row of her own over both.
    let own = json!({ "terms": {"download_bps": 50_000_000, "upload_bps": 50_000_000} });
    scene.changed(Method::PATCH, &scene.alice, &own).await;
    let reply = scene
        .reaches(|reply| rate(reply) == Some(b"50M/50M 0/0 0/0 0/0 3".to_vec()))
        .await;
    assert_eq!(reply.view().u32(kind::SESSION_TIMEOUT), Some(3600));
    let preview = scene.preview().await;
    assert_eq!(
        (&preview["outcome"], &preview["make"]),
        (&json!("accept"), &json!("mikrotik"))
    );
    let line = |name: &str| {
        let lines = preview["attributes"].as_array().expect("attributes");
        let found = lines.iter().find(|line| {
            line["attribute"]
                .as_str()
                .is_some_and(|text| text.starts_with(name))
        });
        found.cloned().unwrap_or_default()
    };
    assert_eq!(
        line("Mikrotik-Rate-Limit")["attribute"],
        "Mikrotik-Rate-Limit = \"50M/50M 0/0 0/0 0/0 3\""
    );
    assert_eq!(line("Mikrotik-Rate-Limit")["origin"], "service");
    assert_eq!(line("Session-Timeout")["origin"], "plan");
    assert_eq!(preview["unsaid"][0]["term"], "vrf");
    let nobody = scene
        .world
        .ask(
            Method::GET,
            &scene.isp,
            "radius/preview?username=bob&nas=bras-1",
            None,
        )
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);

    // What nobody says, the NAS does.
    scene
        .changed(
            Method::PATCH,
            "defaults",
            &json!({ "terms": {"filter": "all", "idle_timeout_s": 60} }),
        )
        .await;
    let nas = scene.world.get(&scene.isp, "nas").await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    scene
        .changed(
            Method::PATCH,
            &format!("nas/{nas}/defaults"),
            &json!({ "terms": {"filter": "here"} }),
        )
        .await;
    let reply = scene
        .reaches(|reply| reply.view().text(kind::FILTER_ID) == Some("here"))
        .await;
    assert_eq!(reply.view().u32(kind::IDLE_TIMEOUT), Some(60));
    let preview = scene.preview().await.to_string();
    assert!(
        preview.contains(r#""origin":"nas""#) && preview.contains(r#""origin":"partner""#),
        "{preview}"
    );

    // A plan that changes changes what is in its place, too.
    scene
        .changed(Method::PATCH, &scene.plan, &json!({ "session_timeout_s": 7200 }))
        .await;
    let reply = scene
        .reaches(|reply| reply.view().u32(kind::SESSION_TIMEOUT) == Some(7200))
        .await;
    assert_eq!(rate(&reply), Some(b"50M/50M 0/0 0/0 0/0 3".to_vec()));
    scene
        .changed(
            Method::PATCH,
            &scene.alice,
            &json!({ "terms": {"download_bps": null, "upload_bps": null} }),
        )
        .await;
    scene
        .reaches(|reply| rate(reply) == Some(b"20M/100M 0/0 0/0 0/0 3".to_vec()))
        .await;

    // All of it is in the directory's copy on disk as well.
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("a database");
    let world = World::start(test.database().clone(), dir).await;
    let reply = scene
        .nas
        .login_within(
            std::time::Duration::from_secs(5),
            world.auth(),
            "alice",
            "open sesame",
        )
        .await;
    assert_eq!(
        rate(&reply.expect("a reply")),
        Some(b"20M/100M 0/0 0/0 0/0 3".to_vec())
    );
}

#[tokio::test]
async fn a_plan_that_a_nas_in_use_cannot_be_told_is_refused_when_it_is_written() {
    let scene = Scene::new("127.61.20.2").await;
    let long = json!({ "terms": {"policies": {"nokia": {"name": "seventeen-letters"}}} });
    // No Nokia is in use yet.
    scene.changed(Method::PATCH, &scene.plan, &long).await;
    let nokia =
        json!({ "name": "sr-1", "address": "127.61.20.99", "type": "nokia", "secret": "a secret of a NAS" });
    scene.world.post(&scene.isp, "nas", &nokia).await;
    let (status, body) = scene
        .change(Method::PATCH, &scene.plan, &json!({ "name": "Fiber" }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    let (pointer, detail) = wrong(&body);
    assert_eq!(pointer, "/terms/policies", "{body}");
    assert!(detail.contains("sr-1") && detail.contains("at most 16"), "{body}");

    let cases = [
        (json!({ "terms": {"speed": 1} }), "/terms"),
        (json!({ "terms": {"pool": "x"} }), "/terms/pool"),
        (json!({ "terms": {"priority": 9} }), "/terms/priority"),
        (json!({ "terms": {"zone": "Mars/Olympus"} }), "/terms"),
    ];
    for (body, pointer) in cases {
        let (status, answer) = scene.change(Method::PATCH, &scene.plan, &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer}");
        assert_eq!(wrong(&answer).0, pointer, "{body}: {answer}");
    }
}

#[tokio::test]
async fn whoever_has_no_service_is_let_into_the_garden_and_asked_out_of_it_again() {
    let mut scene = Scene::new("127.61.20.3").await;
    let auth = scene.world.auth();
    let accepted = |reply: &Reply| reply.code() == Code::AccessAccept;
    let in_garden = |reply: &Reply| {
        reply.view().vendor(vendor::MIKROTIK, 19) == Some(&b"unpaid"[..])
            && reply.code() == Code::AccessAccept
    };
    let at = || u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits");

    // A session with service, from before.
    let with_service = scene.reaches(accepted).await;
    let class = with_service.view().first(kind::CLASS).expect("a Class").to_vec();
    scene
        .nas
        .account(
            scene.world.accounting(),
            &Report::new(1, b"01", at()).of_login(&class),
        )
        .await;

    // Half a garden is none.
    let half = json!({ "reasons": ["suspended"], "terms": {"session_timeout_s": 600, "redirect_url": "http://pay.example/"} });
    let (status, body) = scene.change(Method::PUT, "garden", &half).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert!(
        wrong(&body).1.contains("address_list") && wrong(&body).1.contains("bras-1"),
        "{body}"
    );
    let suspend = json!({ "status": "suspended", "status_reason": "invoice 42 unpaid" });
    // As long as there is no garden a session has to end with the service; this NAS would rather not.
    let (_, asked) = tokio::join!(
        scene.changed(Method::PATCH, &scene.alice, &suspend),
        scene.nas.told(Code::DisconnectNak, Some(501))
    );
    assert_eq!(asked.view().first(kind::ACCT_SESSION_ID), Some(&b"01"[..]));
    scene.reaches(|reply| reply.code() == Code::AccessReject).await;

    let garden = json!({ "reasons": ["suspended", "expired"], "terms": {"session_timeout_s": 600, "address_list": "unpaid"} });
    let opened = scene.changed(Method::PUT, "garden", &garden).await;
    assert_eq!(opened["makes"][0]["confined"], true);
    let reply = scene.reaches(in_garden).await;
    assert_eq!(reply.view().u32(kind::SESSION_TIMEOUT), Some(600));
    let preview = scene.preview().await;
    assert_eq!(
        (&preview["outcome"], &preview["plan"]),
        (&json!("garden:suspended"), &json!("garden"))
    );
    let explained = scene
        .world
        .get(&scene.isp, "radius/explain?username=alice&limit=1")
        .await;
    assert!(
        explained[0]["steps"]
            .to_string()
            .contains("let into the walled garden: suspended"),
        "{explained}"
    );

    // She pays: the session in the garden is ended, the one from before is not.
    let class = reply.view().first(kind::CLASS).expect("a Class").to_vec();
    scene
        .nas
        .account(
            scene.world.accounting(),
            &Report::new(1, b"02", at()).of_login(&class),
        )
        .await;
    eventually(|| async {
        let sessions = scene.world.get(&scene.isp, "sessions?username=alice").await;
        (sessions.as_array().map(Vec::len) == Some(2)).then_some(())
    })
    .await;
    let restore = json!({ "status": "active", "status_reason": null });
    let (_, request) = tokio::join!(
        scene.changed(Method::PATCH, &scene.alice, &restore),
        scene.nas.told(Code::DisconnectAck, None)
    );
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(&b"02"[..]));
    // By the time he is asked to leave he would be let in with service.
    let partner = scene
        .world
        .plane
        .directory()
        .partner(scene.isp.id.as_uuid().into())
        .expect("there");
    assert_eq!(
        partner.subscriber("alice").expect("there").service(),
        Service::Active
    );
    let reply = scene
        .nas
        .login(auth, "alice", "open sesame")
        .await
        .expect("a reply");
    assert!(accepted(&reply) && !in_garden(&reply));
    let audit = scene.world.get(&scene.isp, "audit?action=session.reshape").await;
    let left = "he has service again and leaves the walled garden";
    let leaving = audit
        .as_array()
        .map(|entries| entries.iter().filter(|entry| entry["reason"] == left).count());
    assert_eq!(leaving, Some(1), "{audit}");

    // Expired is a reason as well; closed, the garden is none.
    scene
        .changed(
            Method::PATCH,
            &scene.alice,
            &json!({ "expires_at": "2020-01-01T00:00:00Z" }),
        )
        .await;
    scene.reaches(in_garden).await;
    let gone = scene.world.ask(Method::DELETE, &scene.isp, "garden", None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    scene.reaches(|reply| reply.code() == Code::AccessReject).await;
    assert_eq!(scene.world.get(&scene.isp, "garden").await["reasons"], json!([]));
}
