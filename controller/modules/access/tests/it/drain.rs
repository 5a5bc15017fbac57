//! What the journal says ends in the database exactly once, whatever the order, the cut and the number of tries.

use std::sync::atomic::Ordering;

use access::drain::{Drain, DrainCounters};
use access::store::cursor::Stream;
use kernel::testing::TestDatabase;
use radius_server::decision::{Decision, Outcome, RejectReason};
use radius_server::journal::{Kind, Options, Writer};
use sqlx::Row;
use tempfile::TempDir;
use uuid::Uuid;

use crate::journal::Journal;
use crate::nas::Report;

/// Noon of some day, seconds since 1970.
const NOON: u32 = 1_795_262_400;

/// A database with a partner, and a journal of one of its NAS.
struct Bench {
    /// The database.
    test: TestDatabase,
    /// The journal.
    journal: Journal,
    /// Where it is.
    _dir: TempDir,
    /// Which NAS.
    nas: Uuid,
}

impl Bench {
    /// A fresh one.
    async fn new() -> Self {
        let test = TestDatabase::new().await;
        let partner = test.partner("isp-west").await.as_uuid();
        let dir = tempfile::tempdir().expect("a directory");
        let nas = Uuid::from_u128(77);
        let journal = Journal::new(dir.path(), partner, nas);
        Self {
            test,
            journal,
            _dir: dir,
            nas,
        }
    }

    /// Drains everything as a node that never drained before, in batches of this size.
    async fn drain(&self, batch: usize) -> std::sync::Arc<DrainCounters> {
        let (drain, counters) = self.journal.drain(self.test.database(), Uuid::now_v7());
        drain.in_batches_of(batch).carry_all().await.expect("drains");
        counters
    }

    /// All rows of radacct but their numbers, as text in a stable order.
    async fn rows(&self) -> Vec<serde_json::Value> {
        let mut root = self.test.superuser().await;
        // What a batch leaves for the next one to read depends on how the journal was cut; usage has a test of its own.
        let sql = "SELECT to_jsonb(r) - '{radacctid,interim,booked_hour,booked_in,booked_out,booked_in6,booked_out6,
                usage_in,usage_out,usage_in6,usage_out6}'::text[]
                AS row FROM access.radacct r ORDER BY acctsessionid, acctuniqueid";
        let rows = sqlx::query(sql).fetch_all(&mut root).await.expect("rows");
        rows.iter().map(|row| row.get("row")).collect()
    }

    /// The only row.
    async fn row(&self) -> serde_json::Value {
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// Empties what a drain fills.
    async fn wipe(&self) {
        let mut root = self.test.superuser().await;
        for table in ["radacct", "radacct_key", "usage"] {
            let sql = sqlx::AssertSqlSafe(format!("DELETE FROM access.{table}"));
            sqlx::query(sql).execute(&mut root).await.expect("empties");
        }
    }
}

/// A session's whole life with more octets than 32 bits count.
fn life(session: &[u8]) -> [Report<'_>; 4] {
    [
        Report::new(1, session, NOON),
        Report::new(3, session, NOON + 300).with(300, 5_000_000_000, 100),
        Report::new(3, session, NOON + 600).with(600, 9_000_000_000, 20_000_000_000),
        Report::new(2, session, NOON + 700)
            .with(700, 9_500_000_000, 21_000_000_000)
            .because(1),
    ]
}

#[tokio::test]
async fn a_session_becomes_one_row_with_64_bit_counters() {
    let mut bench = Bench::new().await;
    for report in life(b"0081A2") {
        bench.journal.report(&report);
    }
    let counters = bench.drain(1_000).await;
    assert_eq!(counters.records.load(Ordering::Relaxed), 4);
    let row = bench.row().await;
    assert_eq!(row["acctsessionid"], "0081A2");
    assert_eq!(row["username"], "alice");
    assert_eq!(row["acctinputoctets"], 9_500_000_000_i64);
    assert_eq!(row["acctoutputoctets"], 21_000_000_000_i64);
    assert_eq!(row["acctsessiontime"], 700);
    assert_eq!(row["acctterminatecause"], "User-Request");
    assert_eq!(row["acctstarttime"], "2026-11-21T12:00:00+00:00");
    assert_eq!(row["acctstoptime"], "2026-11-21T12:11:40+00:00");
    assert_eq!(row["nasidentifier"], "test-nas");
    assert_eq!(row["nasportid"], "ge-0/0/1:100");
    assert_eq!(row["framedipaddress"], "100.64.0.9");
    assert_eq!(row["start_seen"], true);
    assert_eq!(row["nas_id"], bench.nas.to_string());
}

#[tokio::test]
async fn any_cut_of_the_journal_gives_the_same_rows() {
    let mut bench = Bench::new().await;
    let lives: Vec<_> = [&b"a"[..], b"b", b"c"].into_iter().map(life).collect();
    for step in 0..4 {
        for life in &lives {
            bench.journal.report(&life[step]);
        }
    }
    bench.journal.report(&Report::new(1, b"d", NOON + 10));
    bench.journal.report(&Report::new(7, b"", NOON + 900));
    bench.journal.report(&Report::new(1, b"e", NOON + 905));
    bench
        .journal
        .report(&Report::new(3, b"e", NOON + 1_205).with(300, 7, 7));
    bench.drain(1_000).await;
    let whole = bench.rows().await;
    assert_eq!(whole.len(), 5);
    for batch in [1, 2, 3, 5] {
        bench.wipe().await;
        bench.drain(batch).await;
        assert_eq!(bench.rows().await, whole, "in batches of {batch}");
    }
    bench.drain(2).await;
    assert_eq!(bench.rows().await, whole, "replayed on top");
}

#[tokio::test]
async fn order_does_not_matter_to_what_was_used() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]];
    let mut bench = Bench::new().await;
    let mut expected = None;
    for (number, order) in orders.into_iter().enumerate() {
        let session = format!("s{number}");
        let life = life(session.as_bytes());
        for step in order {
            bench.journal.received(&life[step], i64::from(NOON) + 700);
        }
        bench.wipe().await;
        bench.drain(2).await;
        let mut rows = bench.rows().await;
        let mut row = rows.remove(number);
        for own in ["acctsessionid", "acctuniqueid", "acctinterval"] {
            row[own] = serde_json::Value::Null;
        }
        assert_eq!(
            *expected.get_or_insert(row.clone()),
            row,
            "in the order {order:?}"
        );
    }
}

#[tokio::test]
async fn the_cursor_moves_with_the_rows_and_a_drained_record_is_not_read_again() {
    let mut bench = Bench::new().await;
    let node = Uuid::now_v7();
    let last = bench.journal.report(&Report::new(1, b"a", NOON));
    let (mut drain, _) = bench.journal.drain(bench.test.database(), node);
    assert_eq!(drain.carry_all().await.expect("drains"), 1);
    let mut root = bench.test.superuser().await;
    let cursor = "SELECT next_seq FROM access.journal_cursor WHERE node_id = $1 AND stream = 'accounting'";
    let next: i64 = sqlx::query_scalar(cursor)
        .bind(node)
        .fetch_one(&mut root)
        .await
        .expect("a cursor");
    assert_eq!(u64::try_from(next).ok(), Some(last + 1));
    let (mut again, counters) = bench.journal.drain(bench.test.database(), node);
    assert_eq!(again.carry_all().await.expect("drains"), 0);
    assert_eq!(counters.records.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_cursor_beyond_the_journal_does_not_stop_the_drain() {
    let mut bench = Bench::new().await;
    let node = Uuid::now_v7();
    let mut root = bench.test.superuser().await;
    let ahead = "INSERT INTO access.journal_cursor (node_id, stream, next_seq) VALUES ($1, 'accounting', $2)";
    sqlx::query(ahead)
        .bind(node)
        .bind(i64::MAX - 1)
        .execute(&mut root)
        .await
        .expect("a cursor");
    let (mut drain, _) = bench.journal.drain(bench.test.database(), node);
    assert_eq!(drain.carry_all().await.expect("says so and goes on"), 0);
    bench.journal.report(&Report::new(1, b"a", NOON));
    assert_eq!(drain.carry_all().await.expect("drains"), 1);
}

#[tokio::test]
async fn accounting_on_closes_what_was_before_it_and_a_sign_of_life_opens_it_again() {
    let mut bench = Bench::new().await;
    bench.journal.report(&Report::new(1, b"before", NOON));
    bench.journal.report(&Report::new(7, b"", NOON + 100));
    bench.journal.report(&Report::new(1, b"later", NOON + 110));
    bench.drain(1_000).await;
    let rows = bench.rows().await;
    assert_eq!(rows[0]["acctterminatecause"], "NAS-Reboot");
    assert_eq!(rows[0]["acctstoptime"], "2026-11-21T12:01:40+00:00");
    assert_eq!(rows[1]["acctstoptime"], serde_json::Value::Null);

    bench
        .journal
        .report(&Report::new(3, b"before", NOON + 300).with(300, 1, 1));
    bench.drain(1_000).await;
    let rows = bench.rows().await;
    assert_eq!(
        rows[0]["acctstoptime"],
        serde_json::Value::Null,
        "it reports after the restart, so it lives"
    );
    assert_eq!(rows[0]["acctterminatecause"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_stop_is_final_and_a_true_one_replaces_an_inferred_one() {
    let mut bench = Bench::new().await;
    bench.journal.report(&Report::new(1, b"a", NOON));
    bench
        .journal
        .report(&Report::new(2, b"a", NOON + 50).with(50, 5, 5).because(11));
    bench
        .journal
        .report(&Report::new(3, b"a", NOON + 60).with(60, 6, 6));
    bench.journal.report(&Report::new(1, b"b", NOON));
    bench.journal.report(&Report::new(8, b"", NOON + 100));
    bench
        .journal
        .report(&Report::new(2, b"b", NOON + 90).with(90, 9, 9).because(1));
    bench.drain(1).await;
    let rows = bench.rows().await;
    assert_eq!(
        rows[0]["acctstoptime"], "2026-11-21T12:00:50+00:00",
        "a late interim does not open it again"
    );
    assert_eq!(rows[0]["acctinputoctets"], 6, "but what it counted counts");
    assert_eq!(rows[1]["acctstoptime"], "2026-11-21T12:01:30+00:00");
    assert_eq!(rows[1]["acctterminatecause"], "User-Request");
}

#[tokio::test]
async fn a_record_nobody_can_read_is_passed_over_and_counted() {
    let mut bench = Bench::new().await;
    bench.journal.report(&Report::new(1, b"a", NOON));
    bench.journal.raw(Kind::Accounting, b"no record");
    bench.journal.raw(Kind::Accounting, b"");
    bench.journal.report(&Report {
        username: "nul\0inside",
        ..Report::new(1, b"b\0c", NOON)
    });
    bench.journal.report(&Report {
        octets_in: u64::MAX,
        ..Report::new(1, b"\xff\xfe", NOON)
    });
    let counters = bench.drain(1_000).await;
    assert_eq!(counters.poisoned.load(Ordering::Relaxed), 2);
    let rows = bench.rows().await;
    let mut root = bench.test.superuser().await;
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM access.journal_refused ORDER BY seq")
        .fetch_all(&mut root)
        .await
        .expect("both are kept aside");
    assert_eq!(kept, [&b"no record"[..], b""]);
    let ids: Vec<_> = rows.iter().map(|row| row["acctsessionid"].clone()).collect();
    assert_eq!(ids, ["0x620063", "0xfffe", "a"]);
    assert_eq!(rows[0]["username"], "nul\u{fffd}inside");
    assert_eq!(rows[1]["acctinputoctets"], i64::MAX);
}

#[tokio::test]
async fn what_the_database_refuses_costs_one_record_and_not_the_batch() {
    let mut bench = Bench::new().await;
    let mut root = bench.test.superuser().await;
    let refuse = "ALTER TABLE access.radacct ADD CONSTRAINT no_bob CHECK (username <> 'bob')";
    sqlx::query(refuse).execute(&mut root).await.expect("altered");
    bench.journal.report(&Report::new(1, b"a", NOON));
    bench.journal.report(&Report {
        username: "bob",
        ..Report::new(1, b"b", NOON)
    });
    bench.journal.report(&Report::new(1, b"c", NOON));
    let counters = bench.drain(1_000).await;
    assert_eq!(counters.poisoned.load(Ordering::Relaxed), 1);
    let kept = sqlx::query("SELECT tenant_id, reason, length(payload) AS len FROM access.journal_refused")
        .fetch_one(&mut root)
        .await
        .expect("one is kept aside");
    assert!(kept.get::<Option<Uuid>, _>("tenant_id").is_some());
    assert!(kept.get::<String, _>("reason").contains("no_bob"));
    assert!(kept.get::<i32, _>("len") > 50);
    let ids: Vec<_> = bench
        .rows()
        .await
        .iter()
        .map(|row| row["acctsessionid"].clone())
        .collect();
    assert_eq!(ids, ["a", "c"]);
}

#[tokio::test]
async fn the_record_to_blame_is_found_in_a_large_batch_and_the_others_arrive() {
    let mut bench = Bench::new().await;
    let mut root = bench.test.superuser().await;
    let refuse = "ALTER TABLE access.radacct ADD CONSTRAINT no_bob CHECK (username <> 'bob')";
    sqlx::query(refuse).execute(&mut root).await.expect("altered");
    for number in 0..40 {
        let session = format!("s{number}");
        let username = if number == 23 || number == 24 {
            "bob"
        } else {
            "alice"
        };
        bench.journal.report(&Report {
            username,
            ..Report::new(1, session.as_bytes(), NOON)
        });
    }
    let counters = bench.drain(1_000).await;
    assert_eq!(counters.poisoned.load(Ordering::Relaxed), 2);
    assert_eq!(counters.records.load(Ordering::Relaxed), 40);
    assert_eq!(bench.rows().await.len(), 38);
}

#[tokio::test]
async fn rows_that_somebody_removed_come_back_with_the_next_record() {
    let mut bench = Bench::new().await;
    let (mut drain, _) = bench.journal.drain(bench.test.database(), Uuid::now_v7());
    bench.journal.report(&Report::new(1, b"a", NOON));
    bench.journal.report(&Report::new(1, b"b", NOON));
    drain.carry_all().await.expect("drains");
    bench.wipe().await;
    bench
        .journal
        .report(&Report::new(3, b"a", NOON + 300).with(300, 7, 8));
    drain.carry_all().await.expect("drains");
    let row = bench.row().await;
    assert_eq!(row["acctinputoctets"], 7);
    assert_eq!(row["username"], "alice");
    assert_eq!(row["acctstarttime"], "2026-11-21T12:00:00+00:00");
}

#[tokio::test]
async fn a_start_that_is_no_first_record_costs_nothing() {
    let mut bench = Bench::new().await;
    bench
        .journal
        .report(&Report::new(3, b"a", NOON + 100).with(100, 5, 5));
    bench.drain(1_000).await;
    let mut root = bench.test.superuser().await;
    for lost in ["SELECT 1", "DELETE FROM access.radacct_key"] {
        sqlx::query(lost).execute(&mut root).await.expect("done");
        bench.journal.report(&Report::new(1, b"a", NOON));
        bench.journal.report(&Report::new(1, b"b", NOON));
        let counters = bench.drain(1_000).await;
        assert_eq!(counters.poisoned.load(Ordering::Relaxed), 0, "{lost}");
        let rows = bench.rows().await;
        assert_eq!(rows.len(), 2, "{lost}");
        assert_eq!(rows[0]["acctinputoctets"], 5, "{lost}");
        assert_eq!(rows[0]["start_seen"], true, "{lost}");
    }
}

#[tokio::test]
async fn what_an_interim_says_first_is_taken_though_the_session_is_known() {
    let mut bench = Bench::new().await;
    let (mut drain, _) = bench.journal.drain(bench.test.database(), Uuid::now_v7());
    bench.journal.report(&Report {
        framed_ip: None,
        cause: None,
        ..Report::new(3, b"a", NOON + 100).with(100, 1, 1)
    });
    drain.carry_all().await.expect("drains");
    assert_eq!(bench.row().await["start_seen"], false);
    bench.journal.report(&Report::new(1, b"a", NOON));
    drain.carry_all().await.expect("drains");
    let row = bench.row().await;
    assert_eq!(row["start_seen"], true, "a late Start is a Start");
    assert_eq!(row["framedipaddress"], "100.64.0.9");
    bench.journal.report(&Report {
        framed_ip: Some([100, 64, 0, 10]),
        ..Report::new(3, b"a", NOON + 400).with(400, 9, 9)
    });
    drain.carry_all().await.expect("drains");
    let row = bench.row().await;
    assert_eq!(row["framedipaddress"], "100.64.0.10", "an address follows");
    assert_eq!(row["acctinterval"], 300);
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Plays a script drawn from `seed` through the drains of two nodes that remember so many sessions: some records
/// twice, in any order, each node's in batches of any size. What the table holds then.
async fn play(test: &TestDatabase, partner: Uuid, seed: u64, remembered: usize) -> Vec<serde_json::Value> {
    let mut dice = Dice(seed);
    let dirs = [
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    ];
    let mut journals = dirs
        .each_ref()
        .map(|dir| Journal::new(dir.path(), partner, Uuid::from_u128(77)));
    let batch = usize::try_from(1 + dice.roll(6)).expect("small");
    let mut drains = journals.each_ref().map(|journal| {
        let (drain, _) = journal.drain(test.database(), Uuid::now_v7());
        drain.in_batches_of(batch).remembering(remembered)
    });
    for _ in 0..12 {
        let node = usize::try_from(dice.roll(2)).expect("small");
        for _ in 0..1 + dice.roll(8) {
            let session = [b'a' + u8::try_from(dice.roll(4)).expect("small")];
            let at = NOON + u32::try_from(dice.roll(20)).expect("small") * 60;
            let status = [1, 3, 3, 3, 2, 2, 7, 8][usize::try_from(dice.roll(8)).expect("small")];
            let time = u32::try_from(dice.roll(900)).expect("small");
            let report = Report {
                username: ["alice", "bob"][usize::try_from(dice.roll(2)).expect("small")],
                framed_ip: [None, Some([100, 64, 0, 9]), Some([100, 64, 0, 10])]
                    [usize::try_from(dice.roll(3)).expect("small")],
                cause: (status == 2).then_some(1),
                ..Report::new(status, if status > 3 { b"" } else { &session }, at)
            };
            let report = report.with(time, dice.roll(1 << 40), dice.roll(1 << 40));
            for _ in 0..1 + dice.roll(2) {
                journals[node].report(&report);
            }
        }
        drains[node].carry_all().await.expect("drains");
    }
    let mut root = test.superuser().await;
    let sql =
        "SELECT to_jsonb(r) - 'radacctid' AS row FROM access.radacct r ORDER BY acctuniqueid, acctstarttime";
    let rows = sqlx::query(sql).fetch_all(&mut root).await.expect("rows");
    for table in ["radacct", "radacct_key", "usage"] {
        let sql = sqlx::AssertSqlSafe(format!("DELETE FROM access.{table}"));
        sqlx::query(sql).execute(&mut root).await.expect("empties");
    }
    rows.iter().map(|row| row.get("row")).collect()
}

#[tokio::test]
async fn what_the_drain_remembers_never_shows_in_the_table() {
    let test = TestDatabase::new().await;
    let partner = test.partner("isp-west").await.as_uuid();
    for seed in 0..16 {
        let asking = play(&test, partner, seed, 0).await;
        assert!(!asking.is_empty());
        for remembered in [4, 1_000] {
            let knowing = play(&test, partner, seed, remembered).await;
            assert_eq!(knowing, asking, "seed {seed}, {remembered} sessions remembered");
        }
    }
}

#[tokio::test]
async fn a_table_that_is_missing_costs_no_record() {
    let mut bench = Bench::new().await;
    let mut root = bench.test.superuser().await;
    sqlx::query("ALTER TABLE access.radacct RENAME TO radacct_away")
        .execute(&mut root)
        .await
        .expect("renamed");
    bench.journal.report(&Report::new(1, b"a", NOON));
    let (mut drain, counters) = bench.journal.drain(bench.test.database(), Uuid::now_v7());
    drain.carry_all().await.expect_err("waits");
    drain.carry_all().await.expect_err("still waits");
    assert_eq!(counters.poisoned.load(Ordering::Relaxed), 0);
    sqlx::query("ALTER TABLE access.radacct_away RENAME TO radacct")
        .execute(&mut root)
        .await
        .expect("renamed");
    assert_eq!(drain.carry_all().await.expect("drains"), 1);
    assert_eq!(bench.rows().await.len(), 1);
}

#[tokio::test]
async fn decisions_come_once_however_often_they_are_carried() {
    let test = TestDatabase::new().await;
    let partner = test.partner("isp-west").await;
    let dir = tempfile::tempdir().expect("a directory");
    let (mut writer, _) = Writer::open(dir.path(), Options::default()).expect("a journal");
    let mut decision = Decision::blank();
    for number in 1..=3_u128 {
        decision.id = Uuid::from_u128(number).into();
        decision.at_unix_us = i64::from(NOON) * 1_000_000;
        decision.partner = partner.as_uuid().into();
        decision.username = "al\0ice".to_owned();
        decision.outcome = Outcome::Rejected(RejectReason::WrongPassword);
        let mut payload = Vec::new();
        decision.encode_into(&mut payload).expect("encoded");
        writer.append(Kind::Decision, &payload).expect("appended");
    }
    writer.append(Kind::Decision, b"\xffjunk").expect("appended");
    writer.commit().expect("durable");
    for _ in 0..2 {
        let counters = std::sync::Arc::new(DrainCounters::default());
        let db = test.database().clone();
        let drain = Drain::new(
            Stream::Decisions,
            Uuid::now_v7(),
            db,
            writer.reader(),
            std::sync::Arc::clone(&counters),
        );
        drain.in_batches_of(2).carry_all().await.expect("drains");
        assert_eq!(counters.poisoned.load(Ordering::Relaxed), 1);
    }
    let mut root = test.superuser().await;
    let rows = sqlx::query("SELECT username, reply, reason, pass FROM access.radpostauth")
        .fetch_all(&mut root)
        .await;
    let rows = rows.expect("rows");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].get::<String, _>("username"), "al\u{fffd}ice");
    assert_eq!(rows[0].get::<String, _>("reply"), "Access-Reject");
    assert_eq!(rows[0].get::<String, _>("reason"), "wrong_password");
    assert_eq!(rows[0].get::<Option<String>, _>("pass"), None);
}
