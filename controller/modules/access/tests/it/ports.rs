//! Whose a port of a shared address was: told by accounting, by a NAT's log, and by both after a crash in the middle.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// A node with a NAS behind which addresses are shared.
struct Shared {
    world: World,
    isp: Isp,
    nas: FakeNas,
    now: i64,
}

/// `Alc-Nat-Port-Range` as Nokia writes it, the value of Vendor-Specific.
fn nokia(text: &str) -> Vec<u8> {
    let mut value = 6_527_u32.to_be_bytes().to_vec();
    value.extend([121, u8::try_from(text.len() + 2).expect("short")]);
    value.extend_from_slice(text.as_bytes());
    value
}

impl Shared {
    async fn new() -> Self {
        let world = World::new().await;
        let isp = world.isp().await;
        let nas = FakeNas::at("127.61.9.21", "a secret of a NAS").await;
        world.admit(&isp, "bng-1", &nas).await;
        eventually(|| async { (!world.plane.directory().nas_list().is_empty()).then_some(()) }).await;
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        Self { world, isp, nas, now }
    }

    /// So many seconds ago.
    fn at(&self, ago: i64) -> String {
        let at = time::OffsetDateTime::from_unix_timestamp(self.now - ago).expect("a time");
        at.format(&Rfc3339).expect("written")
    }

    /// Tells of a session as it was so many seconds ago.
    async fn tell(&mut self, status: u32, session: &str, ago: u32, time: u32, ports: &str) {
        let vendor = if ports.is_empty() {
            Vec::new()
        } else {
            nokia(ports)
        };
        let report = Report {
            delay: ago,
            vendor: &vendor,
            ..Report::new(
                status,
                session.as_bytes(),
                u32::try_from(self.now).expect("before 2106") - ago,
            )
            .with(time, u64::from(time), 0)
        };
        let server = self.world.accounting();
        self.nas.account(server, &report).await;
    }

    /// Waits until the database has so many records.
    async fn drained(&self, records: u64) {
        eventually(|| async {
            let carried = self
                .world
                .metric("access_drain_records_total", Some("accounting"));
            (carried >= records).then_some(())
        })
        .await;
    }

    /// Whose a port of 192.0.2.1 was so many seconds ago: sessions' names, or user names, with since when.
    async fn held(&self, port: u16, ago: i64) -> Vec<(String, String)> {
        let path = format!("port-blocks/at?address=192.0.2.1&port={port}&at={}", self.at(ago));
        let holders = self.world.get(&self.isp, &path).await;
        let holders = holders.as_array().expect("a list").iter();
        let whose = |holder: &Value| match &holder["session"] {
            Value::Null => holder["username"].as_str().unwrap_or("?").to_owned(),
            session => session["acct_session_id"].as_str().expect("text").to_owned(),
        };
        holders
            .map(|holder| (whose(holder), holder["since"].as_str().unwrap_or("-").to_owned()))
            .collect()
    }
}

#[tokio::test]
async fn a_port_is_whose_session_said_so_and_nobody_elses() {
    let mut shared = Shared::new().await;
    let told = |name: &str, at: String| vec![(name.to_owned(), at)];
    shared
        .tell(1, "one", 4_000, 0, "192.0.2.1 1024-2047 router base")
        .await;
    // Said again, with a block that came later.
    shared
        .tell(3, "one", 3_700, 300, "192.0.2.1 1024-2047,8192-9215 router base")
        .await;
    shared
        .tell(1, "two", 3_900, 0, "192.0.2.1 2048-3071 router base")
        .await;
    shared
        .tell(
            2,
            "one",
            3_000,
            1_000,
            "192.0.2.1 1024-2047,8192-9215 router base",
        )
        .await;
    shared
        .tell(1, "three", 2_000, 0, "192.0.2.1 1024-2047 router base")
        .await;
    shared.drained(5).await;
    assert_eq!(shared.held(1_500, 3_500).await, told("one", shared.at(4_000)));
    assert_eq!(shared.held(2_048, 3_500).await, told("two", shared.at(3_900)));
    assert_eq!(shared.held(8_192, 3_500).await, told("one", shared.at(3_700)));
    assert_eq!(
        shared.held(8_192, 3_800).await,
        [],
        "it was not said yet: nothing is guessed"
    );
    assert_eq!(shared.held(1_500, 2_500).await, [], "nobody, between the two");
    assert_eq!(shared.held(1_500, 1_000).await, told("three", shared.at(2_000)));
    assert_eq!(shared.held(4_000, 1_000).await, [], "nobody's block");
    let mut root = shared.world.test.as_ref().expect("its own").superuser().await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM access.port_blocks")
        .fetch_one(&mut root)
        .await
        .expect("counts");
    assert_eq!(rows, 4, "what is repeated is no second row");
    // An earlier record that comes late moves the beginning back, and everything carried over again changes nothing.
    shared
        .tell(3, "two", 3_950, 0, "192.0.2.1 2048-3071 router base")
        .await;
    shared.drained(6).await;
    assert_eq!(shared.held(2_048, 3_500).await, told("two", shared.at(3_950)));
    let (test, dir) = shared.world.stop().await;
    sqlx::query("UPDATE access.journal_cursor SET next_seq = 0 WHERE stream = 'accounting'")
        .execute(&mut root)
        .await
        .expect("an older cursor");
    let test = test.expect("its own");
    let again = World::start(test.database().clone(), dir).await;
    eventually(|| async {
        (again.metric("access_drain_records_total", Some("accounting")) >= 6).then_some(())
    })
    .await;
    let (rows, since): (i64, time::OffsetDateTime) = sqlx::query_as(
        "SELECT count(*), min(since) FILTER (WHERE port_first = 2048) FROM access.port_blocks",
    )
    .fetch_one(&mut root)
    .await
    .expect("counts");
    assert_eq!((rows, since.unix_timestamp()), (4, shared.now - 3_950));
    again.stop().await;
}

#[tokio::test]
async fn a_log_of_a_nat_is_taken_as_it_is_written_or_in_one_piece() {
    let mut shared = Shared::new().await;
    shared.tell(1, "one", 4_000, 0, "").await;
    shared.drained(1).await;
    let block = |first: u16, since: i64, until: Option<i64>| {
        json!({ "public_address": "192.0.2.1", "port_first": first, "port_last": first + 63,
            "since": shared.at(since), "until": until.map(|ago| shared.at(ago)), "inside": "100.64.0.9", "nas": "bng-1" })
    };
    let add = async |items: Value| {
        let body = json!({ "items": items });
        shared.world.post(&shared.isp, "port-blocks", &body).await
    };
    let figures = |outcome: &Value| {
        let refused = outcome["refused"].as_array().map_or(0, Vec::len);
        let of = |name: &str| outcome[name].as_u64().expect("a number");
        (of("imported"), of("updated"), of("unchanged"), refused)
    };
    let trial = json!({ "items": [block(1_024, 3_500, None)] });
    let trial = shared.world.post(&shared.isp, "import/port-blocks", &trial).await;
    assert_eq!(figures(&trial), (1, 0, 0, 0));
    assert_eq!(shared.held(1_030, 3_400).await, [], "a trial changes nothing");
    let first = add(json!([block(1_024, 3_500, None)])).await;
    assert_eq!(figures(&first), (1, 0, 0, 0));
    assert_eq!(
        shared.held(1_030, 100).await,
        [("one".to_owned(), shared.at(3_500))],
        "the session behind the NAT is found"
    );
    let more = add(json!([
        block(1_024, 3_500, None),
        block(1_024, 3_500, Some(3_000)),
        block(1_024, 3_500, Some(2_000)),
        { "public_address": "192.0.2.1", "port_first": 4000, "port_last": 4063, "since": shared.at(3_500),
          "username": "somebody" },
        block(2_048, 100, Some(200)),
        { "public_address": "2001:db8::1", "port_first": 1, "port_last": 2, "since": shared.at(9), "inside": "10.0.0.1" },
        { "public_address": "192.0.2.1", "port_first": 1, "port_last": 2, "since": shared.at(9) },
        { "public_address": "192.0.2.1", "port_first": 1, "port_last": 2, "since": shared.at(9), "username": "x",
          "nas": "bng-9" },
    ]))
    .await;
    assert_eq!(figures(&more), (1, 1, 1, 5), "{more:#}");
    assert_eq!(shared.held(1_030, 100).await, [], "it was taken back");
    assert_eq!(
        shared.held(4_001, 100).await,
        [("somebody".to_owned(), shared.at(3_500))],
        "also one whom nobody knows"
    );
    // Where nothing is shared, the whole address was somebody's.
    let path = format!(
        "port-blocks/at?address=100.64.0.9&port=443&at={}",
        shared.at(1_000)
    );
    let whole = shared.world.get(&shared.isp, &path).await;
    assert_eq!(
        (&whole[0]["source"], &whole[0]["session"]["acct_session_id"]),
        (&json!("address"), &json!("one"))
    );
    // It is this partner's alone.
    let east = shared.world.isp().await;
    let path = format!("port-blocks/at?address=192.0.2.1&port=4001&at={}", shared.at(100));
    assert_eq!(shared.world.get(&east, &path).await, json!([]));
    let none = json!({ "items": [] });
    let answer = shared
        .world
        .ask(Method::POST, &shared.isp, "port-blocks", Some(&none))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
}
