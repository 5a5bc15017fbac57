//! Sessions that go without a word, and who had an address at some time.

use kernel::testing::TestDatabase;
use serde_json::Value;
use sqlx::Row as _;

use crate::nas::{FakeNas, Report};
use crate::world::{World, eventually};

/// Sessions of one NAS, whose records come as if they had been sent long ago.
struct Told {
    world: World,
    isp: crate::world::Isp,
    nas: FakeNas,
    now: u32,
}

impl Told {
    async fn new() -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let nas = FakeNas::at("127.61.9.1", "a secret of a NAS").await;
        world.admit(&isp, "bng-1", &nas).await;
        let now = u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("before 2106");
        eventually(|| async { (!world.plane.directory().nas_list().is_empty()).then_some(()) }).await;
        Self { world, isp, nas, now }
    }

    /// Tells of a session as it was so many seconds ago.
    async fn tell(&mut self, status: u32, session: &str, ago: u32, time: u32) {
        let report = Report {
            delay: ago,
            ..Report::new(status, session.as_bytes(), self.now - ago).with(time, u64::from(time), 0)
        };
        let server = self.world.accounting();
        self.nas.account(server, &report).await;
    }

    /// Waits until the database has so many sessions heard of so often.
    async fn drained(&self, records: u64) {
        let carried = || async {
            (self
                .world
                .metric("access_drain_records_total", Some("accounting"))
                >= records)
                .then_some(())
        };
        eventually(carried).await;
    }

    fn database(&self) -> &TestDatabase {
        self.world.test.as_ref().expect("its own")
    }

    /// How a session stands in the database: cause and evidence of its end.
    async fn end(&self, session: &str) -> (Option<String>, Option<String>) {
        let mut root = self.database().superuser().await;
        let row = sqlx::query(
            "SELECT acctterminatecause, connectinfo_stop FROM access.radacct WHERE acctsessionid = $1",
        )
        .bind(session)
        .fetch_one(&mut root)
        .await
        .expect("a row");
        (row.get(0), row.get(1))
    }

    /// Acct-Session-Ids of the sessions that are open in memory.
    fn open(&self) -> Vec<String> {
        let all = self.world.plane.sessions().list();
        let mut ids: Vec<_> = all
            .iter()
            .map(|session| String::from_utf8_lossy(session.acct_session_id()).into_owned())
            .collect();
        ids.sort_unstable();
        ids
    }

    async fn health(&self) -> Value {
        self.world.get(&self.isp, "nas").await[0]["health"].clone()
    }
}

#[tokio::test]
async fn a_session_that_is_silent_while_its_nas_speaks_of_others_ends_with_evidence_and_comes_back() {
    let mut told = Told::new().await;
    for session in ["gone", "here"] {
        told.tell(1, session, 4_000, 0).await;
        told.tell(3, session, 3_700, 300).await;
    }
    told.tell(3, "here", 3_000, 1_000).await;
    told.drained(5).await;
    assert_eq!(
        told.world.access.sessions_reap_once().await.expect("looks"),
        0,
        "it has missed two"
    );
    told.tell(3, "here", 10, 3_990).await;
    told.drained(6).await;
    assert_eq!(told.world.access.sessions_reap_once().await.expect("looks"), 1);
    let (cause, evidence) = told.end("gone").await;
    assert_eq!(cause.as_deref(), Some("Stale"));
    let evidence = evidence.expect("why");
    assert!(
        evidence.starts_with("closed by silence: last heard "),
        "{evidence}"
    );
    assert!(evidence.contains("expected every 300 s"), "{evidence}");
    assert_eq!(told.open(), ["here"]);
    assert_eq!(told.world.metric("access_sessions_reaped_total", None), 1);
    let health = told.health().await;
    assert_eq!(health["accounting_stale"], false, "{health}");

    told.tell(3, "gone", 0, 4_000).await;
    told.drained(7).await;
    assert_eq!(told.end("gone").await, (None, None), "it lives");
    assert_eq!(told.open(), ["gone", "here"]);
}

#[tokio::test]
async fn what_a_subscriber_used_is_told_by_the_day() {
    let mut told = Told::new().await;
    let alice = told.world.subscriber(&told.isp, "alice", "a password").await;
    let path = format!("subscribers/{}/usage", alice["id"].as_str().expect("an id"));
    let known = || async {
        told.world
            .plane
            .directory()
            .subscriber(told.isp.id.as_uuid().into(), "alice")
            .map(|_| ())
    };
    eventually(known).await;
    told.tell(1, "day", 700, 0).await;
    told.tell(3, "day", 400, 300).await;
    told.tell(2, "day", 100, 600).await;
    told.drained(3).await;
    let used = told.world.get(&told.isp, &path).await;
    let days = used.as_array().expect("a list");
    let sum: i64 = days
        .iter()
        .map(|day| day["octets_in"].as_i64().expect("a number"))
        .sum();
    assert_eq!(sum, 600, "{used}");
    let long = format!("{path}?by=hour&since=2020-01-01T00:00:00Z");
    let answer = told.world.ask(axum::http::Method::GET, &told.isp, &long, None);
    assert_eq!(answer.await.status, axum::http::StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn nobody_is_ended_while_the_whole_nas_is_silent() {
    let mut told = Told::new().await;
    for session in ["one", "two"] {
        told.tell(1, session, 4_000, 0).await;
        told.tell(3, session, 3_700, 300).await;
    }
    told.drained(4).await;
    assert_eq!(told.world.access.sessions_reap_once().await.expect("looks"), 0);
    assert_eq!(told.open(), ["one", "two"]);
    let health = told.health().await;
    assert_eq!(health["accounting_stale"], true, "{health}");
    assert_eq!(health["accounting_interval_s"], 300);
    assert_eq!(told.world.metric("access_nas_stale", None), 1);
}

#[tokio::test]
async fn who_had_an_address_is_told_for_any_time() {
    let mut told = Told::new().await;
    told.tell(1, "first", 4_000, 0).await;
    told.tell(2, "first", 3_000, 1_000).await;
    told.tell(1, "second", 2_900, 0).await;
    told.drained(3).await;
    let mut root = told.database().superuser().await;
    let dual = "UPDATE access.radacct SET framedipv6prefix = '2001:db8:0:1::/64', delegatedipv6prefix = '2001:db8:100::/56'
                 WHERE acctsessionid = 'second'";
    sqlx::query(dual).execute(&mut root).await.expect("altered");
    let held = |address: &'static str, ago: u32| {
        let at = time::OffsetDateTime::from_unix_timestamp((told.now - ago).into()).expect("a time");
        let at = at
            .format(&time::format_description::well_known::Rfc3339)
            .expect("written");
        let path = format!("sessions/at?address={address}&at={at}");
        let (world, isp) = (&told.world, &told.isp);
        async move {
            let sessions = world.get(isp, &path).await;
            let ids = sessions.as_array().expect("a list").iter();
            ids.map(|session| session["acct_session_id"].as_str().expect("text").to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(held("100.64.0.9", 3_500).await, ["first"]);
    assert_eq!(
        held("100.64.0.9", 2_950).await,
        [""; 0],
        "nobody, between the two"
    );
    assert_eq!(held("100.64.0.9", 100).await, ["second"]);
    assert_eq!(held("100.64.0.9", 5_000).await, [""; 0], "nobody yet");
    assert_eq!(
        held("100.64.0.0/24", 3_500).await,
        ["first"],
        "a network asks for its addresses"
    );
    assert_eq!(held("100.64.1.0/24", 3_500).await, [""; 0]);
    for address in [
        "2001:db8:100:ff::1",
        "2001:db8:100::/56",
        "2001:db8:100::/60",
        "2001:db8::/32",
        "2001:db8:0:1:2::3",
    ] {
        assert_eq!(held(address, 100).await, ["second"], "{address}");
    }
    assert_eq!(held("2001:db8:101::1", 100).await, [""; 0]);
}
