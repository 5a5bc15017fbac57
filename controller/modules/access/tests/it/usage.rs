//! What sessions used, as it comes out of the journal into the database: the same as in memory, each octet once.
//! What memory comes to is held against the truth in radius-server's own tests (`histories`).

use std::cell::Cell;

use kernel::testing::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use radius_server::journal::{AccountingRecord, Kind};
use radius_server::sessions::{Session, Sessions};
use sqlx::Row as _;
use uuid::Uuid;

use crate::journal::Journal;
use crate::nas::Report;

/// Noon of some day, seconds since 1970.
const NOON: u32 = 1_795_262_400;
/// Histories that are played; each takes some tenths of a second.
const CASES: u32 = 24;

/// What happens to a session in one interval.
#[derive(Debug, Clone)]
struct Interval {
    /// Octets from the subscriber; twice as many go to him.
    octets: u32,
    /// Seconds it takes.
    seconds: u32,
    /// Its counters begin anew before.
    reset: bool,
    /// The record arrives.
    arrives: bool,
    /// Seconds later than it was sent.
    late: u32,
    /// And again so many seconds after it was sent.
    again: Option<u32>,
}

/// One session.
#[derive(Debug, Clone)]
struct Life {
    narrow: bool,
    intervals: Vec<Interval>,
    stops: bool,
}

/// A NAS, and when it says that it restarted, whatever its sessions say.
#[derive(Debug, Clone)]
struct Story {
    lives: Vec<Life>,
    on: Option<u32>,
    batch: usize,
}

/// A record on its way.
#[derive(Debug, Clone)]
struct Sent {
    received: u32,
    sent: u32,
    status: u32,
    session: String,
    time: u32,
    octets: u64,
    narrow: bool,
}

fn story() -> impl Strategy<Value = Story> {
    let interval = (
        prop_oneof![Just(0), 1..10_000_u32, 1..u32::MAX / 4],
        prop_oneof![Just(300), 60..4_000_u32],
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.9),
        prop_oneof![4 => Just(0), 1 => 1..900_u32],
        prop::option::weighted(0.2, 0..900_u32),
    )
        .prop_map(|(octets, seconds, reset, arrives, late, again)| Interval {
            octets,
            seconds,
            reset,
            arrives,
            late,
            again,
        });
    let life = (
        any::<bool>(),
        prop::collection::vec(interval, 1..14),
        any::<bool>(),
    )
        .prop_map(|(narrow, intervals, stops)| Life {
            narrow,
            intervals,
            stops,
        });
    (
        prop::collection::vec(life, 1..6),
        prop::option::weighted(0.3, 0..20_000_u32),
        1..40_usize,
    )
        .prop_map(|(lives, on, batch)| Story { lives, on, batch })
}

impl Story {
    /// What arrives, in the order it does.
    fn play(&self) -> Vec<Sent> {
        let mut all = Vec::new();
        for (number, life) in self.lives.iter().enumerate() {
            let session = format!("s{number}");
            let began = NOON + u32::try_from(number).expect("few") * 7;
            let (mut time, mut counter) = (0, 0_u64);
            let mut put = |received, sent, status, time, octets| {
                let (session, narrow) = (session.clone(), life.narrow);
                all.push(Sent {
                    received,
                    sent,
                    status,
                    session,
                    time,
                    octets,
                    narrow,
                });
            };
            put(began, began, 1, 0, 0);
            for (n, interval) in life.intervals.iter().enumerate() {
                if interval.reset && !life.narrow {
                    counter = 0;
                }
                time += interval.seconds;
                counter += u64::from(interval.octets);
                // A late record whose session the database has not seen open before an Accounting-On is another story.
                let late = if self.on.is_some() { 0 } else { interval.late };
                let again = interval.again.filter(|_| self.on.is_none());
                let status = if life.stops && n + 1 == life.intervals.len() {
                    2
                } else {
                    3
                };
                let octets = if life.narrow {
                    counter & 0xffff_ffff
                } else {
                    counter
                };
                if interval.arrives {
                    put(began + time + late, began + time, status, time, octets);
                    if let Some(again) = again {
                        put(began + time + again, began + time, status, time, octets);
                    }
                }
            }
        }
        if let Some(at) = self.on {
            let (received, sent) = (NOON + at, NOON + at);
            let session = String::new();
            all.push(Sent {
                received,
                sent,
                status: 7,
                session,
                time: 0,
                octets: 0,
                narrow: false,
            });
        }
        all.sort_by_key(|sent| sent.received);
        all
    }
}

impl Sent {
    fn report(&self) -> Report<'_> {
        let twice = if self.narrow {
            (self.octets * 2) & 0xffff_ffff
        } else {
            self.octets * 2
        };
        Report {
            delay: self.received - self.sent,
            narrow: self.narrow,
            ..Report::new(self.status, self.session.as_bytes(), self.sent).with(self.time, self.octets, twice)
        }
    }
}

/// What the database has of a session, to be compared with what memory has.
type Known = (i64, i64, i64, bool, i32, i32);

/// What memory has of it.
fn known(session: &Session) -> Known {
    let signed = |octets| i64::try_from(octets).expect("63 bits");
    (
        signed(session.counted.octets_in),
        signed(session.counted.octets_out),
        i64::from(session.session_time_s),
        session.is_open(),
        session.counted.wraps.into(),
        session.counted.resets.into(),
    )
}

/// Plays a story to memory and through a journal, and holds them against each other.
async fn check(test: &TestDatabase, partner: Uuid, nas: Uuid, story: &Story) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::new(dir.path(), partner, nas);
    let subscriber = Uuid::from_u128(nas.as_u128() + 1);
    journal.subscriber = Some(subscriber);
    let memory = Sessions::new();
    for sent in story.play() {
        let payload = journal.payload(&sent.report(), sent.received.into());
        memory.apply(&AccountingRecord::decode(&payload).expect("decodes"));
        journal.raw(Kind::Accounting, &payload);
    }
    let mut root = test.superuser().await;
    // Once, then all of it again as a node that knows nothing, on top.
    for batch in [story.batch, 1_000] {
        let (drain, _) = journal.drain(test.database(), Uuid::now_v7());
        drain.in_batches_of(batch).carry_all().await.expect("drains");
        let rows = sqlx::query(
            "SELECT acctuniqueid::uuid, acctinputoctets, acctoutputoctets, coalesce(acctsessiontime, 0),
                    acctstoptime IS NULL, counter_wraps, counter_resets
               FROM access.radacct WHERE nas_id = $1",
        )
        .bind(nas)
        .fetch_all(&mut root)
        .await
        .expect("rows");
        let (mut octets_in, mut octets_out) = (0, 0);
        for row in rows {
            let stored: Known = (
                row.get(1),
                row.get(2),
                row.get(3),
                row.get(4),
                row.get(5),
                row.get(6),
            );
            (octets_in, octets_out) = (octets_in + stored.0, octets_out + stored.1);
            match memory.get(row.get::<Uuid, _>(0).into()) {
                Some(session) => prop_assert_eq!(stored, known(&session), "in batches of {}", batch),
                None => prop_assert!(!stored.3, "memory forgets what ended"),
            }
        }
        let used = sqlx::query(
            "SELECT coalesce(sum(octets_in), 0)::bigint, coalesce(sum(octets_out), 0)::bigint
               FROM access.usage_so_far WHERE subscriber_id = $1",
        )
        .bind(subscriber)
        .fetch_one(&mut root)
        .await
        .expect("usage");
        let used: (i64, i64) = (used.get(0), used.get(1));
        prop_assert_eq!(
            used,
            (octets_in, octets_out),
            "each octet once, in batches of {}",
            batch
        );
    }
    Ok(())
}

#[test]
fn generated_histories_come_to_the_same_in_memory_and_in_the_database() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (test, partner) = runtime.block_on(async {
        let test = TestDatabase::new().await;
        let partner = test.partner("isp-west").await.as_uuid();
        (test, partner)
    });
    let played = Cell::new(0_u128);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(CASES)
    };
    let told = TestRunner::new(config).run(&story(), |story| {
        played.set(played.get() + 1);
        runtime.block_on(check(&test, partner, Uuid::from_u128(played.get() << 8), &story))
    });
    told.unwrap_or_else(|failure| panic!("{failure}"));
}
