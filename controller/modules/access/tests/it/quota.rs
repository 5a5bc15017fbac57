//! A quota being eaten: told once at each threshold, throttled, gardened or turned away at its end, restored by a top-up and
//! by the next period on the live session, held while a NAS is stale; over a restart as well.

use axum::http::{Method, StatusCode};
use kernel::http::testing::{request, send};
use kernel::testing::TestDatabase;
use radius::Code;
use radius::attribute::kind::{self, vendor};
use serde_json::{Value, json};
use sqlx::Row as _;
use time::{Duration, OffsetDateTime};

use crate::nas::{FakeNas, Reply, Report};
use crate::world::{Isp, World, eventually, within};

/// Octets of the quota.
const QUOTA: u64 = 1_000_000_000;
/// The rate of the plan, and of its throttle, as a MikroTik is told.
const FAST: &[u8] = b"20M/100M";
const SLOW: &[u8] = b"512k/1M";
/// The session of these tests.
const SESSION: &[u8] = b"0081A2";

/// A node with a MikroTik, and alice on a plan.
struct Scene {
    world: World,
    isp: Isp,
    nas: FakeNas,
    /// Alice's path.
    alice: String,
    /// Her plan's.
    plan: String,
    /// When her sessions began.
    began: u32,
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

/// The rate a reply tells.
fn rate(reply: &Reply) -> Option<Vec<u8>> {
    reply.view().vendor(vendor::MIKROTIK, 8).map(<[u8]>::to_vec)
}

/// A throttle, as a plan's quota.
fn throttle() -> Value {
    json!({ "octets": QUOTA, "period": "month", "on_used_up": "throttle",
        "throttle": {"download_bps": 1_000_000, "upload_bps": 512_000} })
}

impl Scene {
    async fn new(address: &str) -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let nas = FakeNas::at(address, "a secret of a NAS").await;
        world.admit(&isp, "bras-1", &nas).await;
        let alice = world.subscriber(&isp, "alice", "open sesame").await;
        let plan = world.get(&isp, "plans").await[0].clone();
        let path = |of: &str, thing: &Value| format!("{of}/{}", thing["id"].as_str().expect("an id"));
        let scene = Self {
            alice: path("subscribers", &alice),
            plan: path("plans", &plan),
            began: now_s() - 60,
            world,
            isp,
            nas,
        };
        scene.ready().await;
        scene
    }

    /// Waits until the NAS and alice can be served.
    async fn ready(&self) {
        let partner = self.isp.id.as_uuid().into();
        eventually(|| async {
            let directory = self.world.plane.directory();
            directory.nas_by_source(self.nas.address())?;
            directory.partner(partner)?.subscriber("alice")
        })
        .await;
    }

    async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.world.ask(Method::PUT, &self.isp, path, Some(body)).await;
        (answer.status, answer.body)
    }

    /// Gives the plan a quota, and waits until the access plane knows.
    async fn quota(&self, quota: &Value) {
        let (status, body) = self.put(&format!("{}/quota", self.plan), quota).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let partner = self.isp.id.as_uuid().into();
        eventually(|| async {
            let alice = self
                .world
                .plane
                .directory()
                .partner(partner)?
                .subscriber("alice")?;
            alice.plan.at_quota().map(drop)
        })
        .await;
    }

    /// How alice stands.
    async fn stands(&self) -> Value {
        self.world.get(&self.isp, &format!("{}/quota", self.alice)).await
    }

    /// Waits until she stands so.
    async fn comes_to(&self, state: &str) -> Value {
        let stands = within(crate::world::PATIENCE, || async {
            let stands = self.stands().await;
            (stands["state"] == state).then_some(stands)
        });
        match stands.await {
            Some(stands) => stands,
            None => panic!("not {state}: {}", self.stands().await),
        }
    }

    /// Reports that alice's session, of this login, used so much in both directions together.
    async fn uses(&mut self, class: Option<&[u8]>, status: u32, octets: u64) {
        let seconds = now_s() - self.began;
        let report = Report::new(status, SESSION, now_s()).with(seconds, octets / 4, octets - octets / 4);
        let report = match class {
            Some(class) => report.of_login(class),
            None => report,
        };
        let server = self.world.accounting();
        self.nas.account(server, &report).await;
    }

    /// Waits until the database has heard of her session, and looks how fresh its NAS is.
    async fn heard(&self) {
        eventually(|| async {
            self.world.access.sessions_reap_once().await.expect("looks");
            let nas = self.world.get(&self.isp, "nas").await;
            (nas[0]["health"]["accounting_stale"] == false).then_some(())
        })
        .await;
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

    /// The Class of a login at this rate.
    async fn logs_in_at(&mut self, wanted: &[u8]) -> Vec<u8> {
        let reply = self.reaches(|reply| rate(reply).as_deref() == Some(wanted)).await;
        reply.view().first(kind::CLASS).expect("a Class").to_vec()
    }

    /// The thresholds that were told of, in order.
    async fn told(&self) -> Vec<i64> {
        let stands = self.stands().await;
        let steps = stands["steps"].as_array().expect("steps").iter().rev();
        steps.filter_map(|step| step["threshold"].as_i64()).collect()
    }

    fn database(&self) -> &TestDatabase {
        self.world.test.as_ref().expect("its own")
    }

    /// What was told of alice since she was made, in order.
    async fn events(&self) -> Vec<String> {
        let mut root = self.database().superuser().await;
        let rows = sqlx::query(
            "SELECT kind FROM (SELECT 0 AS part, position AS place, kind, subject_label FROM kernel.events
              UNION ALL SELECT 1, place, kind, subject_label FROM kernel.event_outbox) told
              WHERE subject_label = 'alice' AND kind <> 'subscriber.created' ORDER BY part, place",
        )
        .fetch_all(&mut root)
        .await
        .expect("events");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn top_up(&self, octets: u64) -> Value {
        let body = json!({ "octets": octets, "reason": "paid for more" });
        self.world
            .post(&self.isp, &format!("{}/quota/top-ups", self.alice), &body)
            .await
    }
}

#[tokio::test]
async fn a_quota_is_eaten_until_it_throttles_and_a_top_up_restores_the_live_session() {
    let mut scene = Scene::new("127.61.30.1").await;
    scene.quota(&throttle()).await;
    let class = scene.logs_in_at(FAST).await;
    scene.uses(Some(&class), 1, 0).await;
    scene.uses(Some(&class), 3, QUOTA * 8 / 10).await;
    eventually(|| async { (scene.told().await == [80]).then_some(()) }).await;
    let stands = scene.stands().await;
    assert_eq!(
        (&stands["state"], &stands["used"], &stands["left"]),
        (&json!("within"), &json!(QUOTA * 8 / 10), &json!(QUOTA * 2 / 10))
    );
    assert_eq!(
        stands["sessions"][0]["nas"], "bras-1",
        "by what evidence: {stands}"
    );
    scene.heard().await;

    // The end: she is disconnected once the access plane knows, and comes back slow, until the month is over.
    scene.uses(Some(&class), 3, QUOTA).await;
    let request = scene.nas.told(Code::DisconnectAck, None).await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(SESSION));
    let stands = scene.comes_to("used_up").await;
    assert_eq!(scene.told().await, [80, 100]);
    let slow = scene.logs_in_at(SLOW).await;
    let reply = scene.reaches(|reply| rate(reply).as_deref() == Some(SLOW)).await;
    let timeout = i64::from(
        reply
            .view()
            .u32(kind::SESSION_TIMEOUT)
            .expect("a Session-Timeout"),
    );
    let resets_at = stands["resets_at"].as_str().expect("when");
    let resets_at =
        OffsetDateTime::parse(resets_at, &time::format_description::well_known::Rfc3339).expect("a time");
    let left = (resets_at - OffsetDateTime::now_utc()).whole_seconds();
    assert!(timeout <= 3_600.min(left + 1), "{timeout} of {left}");

    // What is eaten further is told nobody, and asked of nobody, again.
    scene.uses(Some(&class), 2, QUOTA + 5).await;
    scene.uses(Some(&slow), 1, 0).await;
    scene.world.session_of(&scene.isp, "alice").await;

    // A top-up: the slow session ends, and the next is fast.
    let (after, _) = tokio::join!(scene.top_up(QUOTA), scene.nas.told(Code::DisconnectAck, None));
    assert_eq!(
        (&after["state"], &after["allowed"]),
        (&json!("within"), &json!(2 * QUOTA))
    );
    scene.logs_in_at(FAST).await;
    let steps = scene.stands().await["steps"].clone();
    let words: Vec<_> = steps
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| &step["step"])
        .collect();
    assert_eq!(
        words,
        ["restored", "used_up", "threshold", "threshold"],
        "{steps}"
    );
    assert_eq!(
        scene.world.metric("access_quota_steps_total", Some("threshold")),
        2
    );
    assert_eq!(
        scene.world.metric("access_quota_steps_total", Some("restored")),
        1
    );
    let audit = scene
        .world
        .get(&scene.isp, "audit?action=subscriber.quota_top_up")
        .await;
    assert_eq!(
        (&audit[0]["reason"], &audit[0]["after"]["octets"]),
        (&json!("paid for more"), &json!(QUOTA))
    );
    let asked = scene
        .world
        .get(&scene.isp, "audit?action=session.disconnect")
        .await;
    let reasons: Vec<_> = asked
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| &line["reason"])
        .collect();
    assert_eq!(
        reasons,
        [
            "quota: he is allowed more than he used",
            "quota: the quota is used up"
        ]
    );
    let told = [
        "subscriber.quota_threshold",
        "subscriber.quota_threshold",
        "subscriber.quota_used_up",
        "subscriber.quota_topped_up",
        "subscriber.restored",
    ];
    assert_eq!(scene.events().await, told);
    scene.world.stop().await;
}

#[tokio::test]
async fn the_next_period_restores_and_thresholds_are_told_once_in_each_over_a_restart() {
    let mut scene = Scene::new("127.61.30.2").await;
    scene.quota(&throttle()).await;
    let class = scene.logs_in_at(FAST).await;
    scene.uses(Some(&class), 1, 0).await;
    scene.uses(Some(&class), 2, QUOTA).await;
    scene.comes_to("used_up").await;
    assert_eq!(scene.told().await, [80, 100]);

    // A node that starts knows it from the first login on, and tells nobody anything again.
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("its own");
    scene.world = World::start(test.database().clone(), dir).await;
    scene.world.test = Some(test);
    scene.ready().await;
    let auth = scene.world.auth();
    let reply = scene
        .nas
        .login(auth, "alice", "open sesame")
        .await
        .expect("a reply");
    assert_eq!(rate(&reply).as_deref(), Some(SLOW));
    scene.world.access.quotas_look_once().await.expect("looks");
    assert_eq!(scene.told().await, [80, 100]);
    assert_eq!(
        scene.world.metric("access_quota_steps_total", Some("threshold")),
        0
    );

    // The month is over while nobody looks. The slow session is asked to end, one that began after it is not.
    let slow = reply.view().first(kind::CLASS).expect("a Class").to_vec();
    scene.uses(Some(&slow), 1, 0).await;
    scene.world.session_of(&scene.isp, "alice").await;
    let mut root = scene.database().superuser().await;
    sqlx::query("UPDATE access.quota_states SET used_up_at = used_up_at - interval '2 hours'")
        .execute(&mut root)
        .await
        .expect("updated");
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("its own");
    let mut root = test.superuser().await;
    for statement in [
        "UPDATE access.usage SET hour = hour - interval '60 days'",
        "UPDATE access.radacct SET usage_hour = usage_hour - interval '60 days'",
        // It ends in a moment: the session that is up began before that.
        "UPDATE access.quota_states SET period_began_at = period_began_at - interval '60 days',
                period_ends_at = now() + interval '1 second'",
    ] {
        sqlx::query(statement).execute(&mut root).await.expect("updated");
    }
    scene.world = World::start(test.database().clone(), dir).await;
    scene.world.test = Some(test);
    scene.ready().await;
    // The access plane gives full service by the clock, whoever looks.
    scene.logs_in_at(FAST).await;
    let request = eventually(|| async {
        scene.world.access.quotas_look_once().await.expect("looks");
        within(std::time::Duration::from_millis(500), || async {
            Some(scene.nas.told(Code::DisconnectAck, None).await)
        })
        .await
    })
    .await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(SESSION));
    let stands = scene.comes_to("within").await;
    assert_eq!(stands["steps"][0]["why"], "the next period has begun", "{stands}");
    scene.world.stop().await;
}

#[tokio::test]
async fn nobody_is_punished_while_the_accounting_of_his_nas_is_stale() {
    let mut scene = Scene::new("127.61.30.3").await;
    scene.quota(&throttle()).await;
    // Two records an hour ago, five minutes apart, and nothing since: the NAS missed many.
    let ago = 3_600;
    for (status, earlier, octets) in [(1, 300, 0), (3, 0, QUOTA)] {
        let report = Report {
            delay: ago + earlier,
            ..Report::new(status, SESSION, now_s() - ago - earlier).with(300 - earlier, octets, 0)
        };
        scene.nas.account(scene.world.accounting(), &report).await;
    }
    let session = eventually(|| async {
        scene.world.access.sessions_reap_once().await.expect("looks");
        let nas = scene.world.get(&scene.isp, "nas").await;
        (nas[0]["health"]["accounting_stale"] == true).then_some(())
    });
    session.await;
    let stands = scene.comes_to("held").await;
    assert_eq!(stands["held_by"], "bras-1");
    eventually(|| async { (scene.told().await == [80, 100]).then_some(()) }).await;
    scene.world.access.quotas_look_once().await.expect("looks");
    scene.logs_in_at(FAST).await;
    assert!(scene.stands().await["used_up_at"].is_null());

    // It speaks again: now it counts.
    let report = Report::new(3, SESSION, now_s()).with(ago, QUOTA + 1, 0);
    scene.nas.account(scene.world.accounting(), &report).await;
    scene.heard().await;
    let request = scene.nas.told(Code::DisconnectAck, None).await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(SESSION));
    scene.logs_in_at(SLOW).await;
    assert_eq!(scene.told().await, [80, 100], "once");
    scene.world.stop().await;
}

#[tokio::test]
async fn a_kill_between_count_and_act_costs_nothing_and_one_between_act_and_asking_asks_later() {
    let mut scene = Scene::new("127.61.30.4").await;
    scene.quota(&throttle()).await;
    let class = scene.logs_in_at(FAST).await;
    scene.uses(Some(&class), 1, 0).await;
    scene.uses(Some(&class), 3, 1).await;
    scene.heard().await;
    // All of it: a report that is carried over after the next start would say anew what was used.
    eventually(|| async { (scene.stands().await["used"] == 1).then_some(()) }).await;
    // What the drain wrote is all there is: nobody has looked when the program is gone.
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("its own");
    let mut root = test.superuser().await;
    sqlx::query("UPDATE access.radacct SET usage_in = $1 WHERE acctstoptime IS NULL")
        .bind(i64::try_from(QUOTA).expect("fits"))
        .execute(&mut root)
        .await
        .expect("updated");
    let states = "SELECT count(*) FROM access.quota_states";
    let count: i64 = sqlx::query(states)
        .fetch_one(&mut root)
        .await
        .expect("a row")
        .get(0);
    assert_eq!(count, 0);
    scene.world = World::start(test.database().clone(), dir).await;
    scene.world.test = Some(test);
    scene.ready().await;
    scene.heard().await;
    // The state and the intent are stored in one transaction. The NAS says nothing yet.
    let (request, _) = scene.nas.told_silently().await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(SESSION));
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("its own");
    let mut root = test.superuser().await;
    // As a kill before the first datagram leaves it.
    sqlx::query("UPDATE access.session_intents SET state = 'asked', attempts = 0, answered_at = NULL")
        .execute(&mut root)
        .await
        .expect("updated");
    scene.world = World::start(test.database().clone(), dir).await;
    scene.world.test = Some(test);
    scene.ready().await;
    let asked = eventually(|| async {
        within(std::time::Duration::from_secs(1), || async {
            Some(scene.nas.told(Code::DisconnectAck, None).await)
        })
        .await
    });
    assert_eq!(asked.await.view().first(kind::ACCT_SESSION_ID), Some(SESSION));
    scene.logs_in_at(SLOW).await;
    let mut root = scene.database().superuser().await;
    let steps: i64 = sqlx::query("SELECT count(*) FROM access.quota_steps WHERE step = 'used_up'")
        .fetch_one(&mut root)
        .await
        .expect("a row")
        .get(0);
    assert_eq!(steps, 1, "done once");
    scene.world.stop().await;
}

#[tokio::test]
async fn a_garden_takes_who_used_it_up_and_a_plan_without_quota_lets_him_out() {
    let mut scene = Scene::new("127.61.30.5").await;
    let quota = json!({ "octets": QUOTA, "period": "week", "reset_day": 1, "counted": "down", "on_used_up": "garden" });
    let (status, body) = scene.put(&format!("{}/quota", scene.plan), &quota).await;
    assert_eq!(
        (status, &body["errors"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/on_used_up"))
    );
    let garden = json!({ "reasons": ["quota"], "terms": {"address_list": "used-up"} });
    let (status, body) = scene.put("garden", &garden).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    scene.quota(&quota).await;
    // What she sends does not count.
    let class = scene.logs_in_at(FAST).await;
    scene.uses(Some(&class), 1, 0).await;
    scene.uses(Some(&class), 2, QUOTA).await;
    eventually(|| async { (scene.stands().await["used"] == json!(QUOTA / 4 * 3)).then_some(()) }).await;
    assert_eq!(scene.stands().await["state"], "within");
    let more = Report::new(2, b"03", now_s())
        .with(9, 0, QUOTA / 2)
        .of_login(&class);
    scene.nas.account(scene.world.accounting(), &more).await;
    scene.comes_to("used_up").await;
    let in_garden = |reply: &Reply| reply.view().vendor(vendor::MIKROTIK, 19) == Some(b"used-up");
    let reply = scene.reaches(in_garden).await;
    assert!(
        reply.view().u32(kind::SESSION_TIMEOUT).is_some(),
        "no longer than the week"
    );
    let preview = scene
        .world
        .get(&scene.isp, "radius/preview?username=alice&nas=bras-1")
        .await;
    assert_eq!(preview["outcome"], "garden:quota");
    // Her session in the garden ends when the plan has no quota any more.
    let class = reply.view().first(kind::CLASS).expect("a Class").to_vec();
    let report = Report::new(1, b"04", now_s()).of_login(&class);
    scene.nas.account(scene.world.accounting(), &report).await;
    scene.world.session_of(&scene.isp, "alice").await;
    let path = format!("{}/quota", scene.plan);
    let gone = scene.world.ask(Method::DELETE, &scene.isp, &path, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    scene.logs_in_at(FAST).await;
    let request = scene.nas.told(Code::DisconnectAck, None).await;
    assert_eq!(request.view().first(kind::ACCT_SESSION_ID), Some(&b"04"[..]));
    let none = scene
        .world
        .ask(Method::GET, &scene.isp, &format!("{}/quota", scene.alice), None)
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    scene.world.stop().await;
}

#[tokio::test]
async fn a_throttle_nobody_would_feel_is_refused_and_periods_go_by_the_partners_clock() {
    let scene = Scene::new("127.61.30.6").await;
    let cisco =
        json!({ "name": "bng-2", "address": "127.61.30.7", "type": "cisco", "secret": "a secret of a NAS" });
    scene.world.post(&scene.isp, "nas", &cisco).await;
    let (status, body) = scene.put(&format!("{}/quota", scene.plan), &throttle()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["errors"][0]["pointer"], "/throttle", "{body}");
    assert!(body.to_string().contains("cisco, such as bng-2"), "{body}");

    let zone = json!({ "time_zone": "Asia/Kolkata" });
    let uri = format!("/api/v1/partners/{}", scene.isp.slug);
    let patch = request(&Method::PATCH, &uri, Some(&scene.isp.token), Some(&zone));
    let answer = send(&scene.world.api.router, patch).await;
    assert_eq!(
        answer.body["data"]["time_zone"], "Asia/Kolkata",
        "{}",
        answer.body
    );
    let quota = json!({ "octets": 1, "period": "day", "on_used_up": "reject" });
    let (status, body) = scene.put(&format!("{}/quota", scene.plan), &quota).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let stands = scene.stands().await;
    assert_eq!(stands["time_zone"], "Asia/Kolkata");
    let began = stands["began_at"].as_str().expect("when");
    assert!(began.contains("T18:30:00"), "midnight there: {began}");
    let day = Duration::days(1);
    let parse = |text: &Value| {
        OffsetDateTime::parse(
            text.as_str().expect("when"),
            &time::format_description::well_known::Rfc3339,
        )
        .expect("a time")
    };
    assert_eq!(parse(&stands["resets_at"]) - parse(&stands["began_at"]), day);
    scene.world.stop().await;
}

#[tokio::test]
async fn a_service_that_ends_by_itself_is_told_of_once() {
    let scene = Scene::new("127.61.30.8").await;
    let ended = OffsetDateTime::now_utc() - Duration::seconds(5);
    let ended = ended
        .format(&time::format_description::well_known::Rfc3339)
        .expect("a time");
    let body = json!({ "expires_at": ended });
    let answer = scene
        .world
        .ask(Method::PATCH, &scene.isp, &scene.alice, Some(&body))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let told = within(2 * crate::world::PATIENCE, || async {
        let events = scene.events().await;
        events
            .iter()
            .any(|kind| kind == "subscriber.expired")
            .then_some(events)
    });
    let told = told.await.expect("it is told");
    assert_eq!(told, ["subscriber.updated", "subscriber.expired"]);
    let (test, dir) = scene.world.stop().await;
    let test = test.expect("its own");
    let world = World::start(test.database().clone(), dir).await;
    world.access.quotas_look_once().await.expect("looks");
    let mut root = test.superuser().await;
    let count: i64 =
        sqlx::query("SELECT count(*) FROM (SELECT kind FROM kernel.events UNION ALL SELECT kind FROM kernel.event_outbox) told
              WHERE kind = 'subscriber.expired'")
            .fetch_one(&mut root)
            .await
            .expect("a row")
            .get(0);
    assert_eq!(count, 1);
    world.stop().await;
}
