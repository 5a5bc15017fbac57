//! What one accounting record, and one decision, costs on its way from the journal into PostgreSQL: CPU of our process and of
//! every PostgreSQL process together, and how many go through in a second.
//!
//! Method. A private cluster as the program runs it (fsync on, its own settings, row-level security forced) below
//! `TMPDIR`, which should be a real disk. A journal is filled first, outside of what is measured: sessions with a
//! Start, four interims and a Stop, 23 to 24 attributes each, interleaved so that a sixth of the records is of each
//! kind at any moment and a batch rarely holds two records of one session. Then [`Drain::carry_all`] carries all of it.
//! CPU is user plus system time: `getrusage`-like figures of `/proc/self/stat` and of the postmaster with its living and
//! reaped children (backends, checkpointer, writers), before and after. Wall time depends on what else the machine does, CPU
//! time hardly. Nothing is asserted about time; the rows are counted, so that a fast wrong drain does not pass.
//!
//! Run: `TMPDIR=/var/tmp cargo bench -p access --bench drain`. Settings by variable: `DRAIN_SESSIONS` (300000), `DRAIN_CONCURRENT`
//! (100000), `DRAIN_DECISIONS` (200000), `DRAIN_ROUNDS` (1: the same load with other sessions, on top of the rows of the round
//! before).

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use access::drain::{Drain, DrainCounters};
use access::store::cursor::Stream;
use access::store::partition;
use kernel::OpContext;
use kernel::testing::TestCluster;
use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, WriteError, kind};
use radius_server::class;
use radius_server::decision::{Decision, Outcome};
use radius_server::journal::{AccountingRecord, Kind, Options, Writer};
use time::OffsetDateTime;
use uuid::Uuid;

/// Records of one session: a Start, the interims, a Stop.
const RECORDS_PER_SESSION: u64 = 6;
/// Seconds between two records of a session.
const INTERVAL_S: u64 = 300;
/// Records appended between two commits while the journal is filled.
const COMMIT_EVERY: u64 = 4_096;
/// Ticks of `/proc/*/stat` in a second, on every Linux there is.
const TICKS_PER_S: f64 = 100.0;

/// A number from the environment, else its default.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn main() {
    // `cargo test --all-targets` starts this, too, without saying so; it takes minutes.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run());
}

/// Fills, carries, tells.
async fn run() {
    let (sessions, concurrent) = (
        setting("DRAIN_SESSIONS", 300_000),
        setting("DRAIN_CONCURRENT", 100_000),
    );
    let decisions = setting("DRAIN_DECISIONS", 200_000);
    let cluster = TestCluster::start_durable().await;
    let now = OffsetDateTime::now_utc();
    let mut tx = cluster
        .database()
        .begin(&OpContext::system("bench"))
        .await
        .expect("begins");
    let month = now.date().replace_day(1).expect("each month has a first day");
    partition::partition_ensure(&mut tx, month, 2)
        .await
        .expect("partitions");
    tx.commit().await.expect("commits");
    for round in 0..setting("DRAIN_ROUNDS", 1) {
        let dir = tempfile::tempdir().expect("a directory");
        let options = Options {
            backlog_max: u64::MAX,
            ..Options::default()
        };
        let (mut journal, _) =
            Writer::open(&dir.path().join("accounting"), options.clone()).expect("a journal");
        let octets = fill_accounting(&mut journal, round, sessions, concurrent, now);
        println!(
            "accounting: {} records of {octets} octets on average",
            sessions * RECORDS_PER_SESSION
        );
        carry(&cluster, Stream::Accounting, &journal).await;
        check(
            &cluster,
            "SELECT count(*) FROM access.radacct WHERE acctstoptime IS NOT NULL",
            (round + 1) * sessions,
        )
        .await;
        if decisions > 0 {
            let (mut journal, _) = Writer::open(&dir.path().join("decisions"), options).expect("a journal");
            let octets = fill_decisions(&mut journal, decisions, now);
            println!("decisions: {decisions} records of {octets} octets on average");
            carry(&cluster, Stream::Decisions, &journal).await;
            check(
                &cluster,
                "SELECT count(*) FROM access.radpostauth",
                (round + 1) * decisions,
            )
            .await;
        }
    }
}

/// Carries a whole journal and tells what that took.
async fn carry(cluster: &TestCluster, stream: Stream, journal: &Writer) {
    let counters = Arc::new(DrainCounters::default());
    let db = cluster.database().clone();
    let mut drain = Drain::new(
        stream,
        Uuid::now_v7(),
        db,
        journal.reader(),
        Arc::clone(&counters),
    );
    let postmaster = cluster.postmaster_pid().expect("the server runs");
    let (ours, theirs, began) = (own_cpu_s(), family_cpu_s(postmaster), Instant::now());
    drain.carry_all().await.expect("drains");
    let wall_s = began.elapsed().as_secs_f64();
    let (ours, theirs) = (own_cpu_s() - ours, family_cpu_s(postmaster) - theirs);
    let records = f64::from(u32::try_from(counters.records.load(Ordering::Relaxed)).expect("fewer"));
    let each_us = |seconds: f64| seconds * 1e6 / records;
    println!(
        "{}: {records} records in {wall_s:.1} s, {:.0} records/s; CPU per record: ours {:.2} us, PostgreSQL {:.2} us, together {:.2} us",
        stream.name(),
        records / wall_s,
        each_us(ours),
        each_us(theirs),
        each_us(ours + theirs)
    );
    assert_eq!(counters.poisoned.load(Ordering::Relaxed), 0);
}

/// The number of rows that must be there.
async fn check(cluster: &TestCluster, count: &'static str, expected: u64) {
    let mut tx = cluster
        .database()
        .begin(&OpContext::system("bench"))
        .await
        .expect("begins");
    let found: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *tx)
        .await
        .expect("counts");
    assert_eq!(u64::try_from(found).ok(), Some(expected), "{count}");
}

// -- The journal

/// Fills a journal with whole sessions; octets of an average record.
fn fill_accounting(
    journal: &mut Writer,
    round: u64,
    sessions: u64,
    concurrent: u64,
    now: OffsetDateTime,
) -> u64 {
    // At each step one session starts, one reports each of its interims, one stops.
    let apart = concurrent / (RECORDS_PER_SESSION - 1);
    let first_s = u64::try_from(now.unix_timestamp()).expect("after 1970") - RECORDS_PER_SESSION * INTERVAL_S;
    let (nas, partner) = (Uuid::from_u128(77), Uuid::from_u128(99));
    let secret = SharedSecret::new(b"xyzzy5461");
    let (mut payload, mut appended, mut octets) = (Vec::new(), 0, 0);
    for step in 0..sessions + apart * (RECORDS_PER_SESSION - 1) {
        for number in 0..RECORDS_PER_SESSION {
            let Some(session) = step
                .checked_sub(number * apart)
                .filter(|session| *session < sessions)
            else {
                continue;
            };
            let at_s = first_s + number * INTERVAL_S;
            let sample = Sample {
                session: session + round * sessions,
                number,
                at_s,
            };
            let packet = sample.packet(&secret).expect("the packet has room");
            payload.clear();
            AccountingRecord {
                received_unix_us: i64::try_from(at_s * 1_000_000).expect("a time"),
                nas: nas.into(),
                partner: partner.into(),
                subscriber: Some(sample.subscriber().into()),
                source: "192.0.2.1:1646".parse().expect("an address"),
                packet: &packet,
            }
            .encode(&mut payload);
            append(journal, Kind::Accounting, &payload, &mut appended);
            octets += payload.len() as u64;
        }
    }
    journal.commit().expect("durable");
    octets / appended.max(1)
}

/// Fills a journal with accepted logins; octets of an average record.
fn fill_decisions(journal: &mut Writer, decisions: u64, now: OffsetDateTime) -> u64 {
    let mut decision = Decision::blank();
    let (mut payload, mut appended, mut octets) = (Vec::new(), 0, 0);
    for number in 0..decisions {
        decision.id = Uuid::now_v7().into();
        decision.at_unix_us = now.unix_timestamp() * 1_000_000;
        decision.partner = Uuid::from_u128(99).into();
        decision.nas = Uuid::from_u128(77).into();
        decision.username = format!("user{number}@isp.example");
        decision.calling_station = "02:00:5e:00:00:01".to_owned();
        decision.called_station = "pppoe".to_owned();
        decision.outcome = Outcome::Accepted;
        payload.clear();
        decision.encode_into(&mut payload).expect("encoded");
        append(journal, Kind::Decision, &payload, &mut appended);
        octets += payload.len() as u64;
    }
    journal.commit().expect("durable");
    octets / appended.max(1)
}

/// Appends, and commits now and then.
fn append(journal: &mut Writer, kind: Kind, payload: &[u8], appended: &mut u64) {
    journal.append(kind, payload).expect("appended");
    *appended += 1;
    if appended.is_multiple_of(COMMIT_EVERY) {
        journal.commit().expect("durable");
    }
}

/// One record of one session.
struct Sample {
    /// Which session.
    session: u64,
    /// 0 is the Start, 5 the Stop.
    number: u64,
    /// When, seconds since 1970.
    at_s: u64,
}

impl Sample {
    /// Whose service.
    fn subscriber(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.session) + 1_000_000)
    }

    /// The packet as a PPPoE gateway sends it.
    fn packet(&self, secret: &SharedSecret) -> Result<Vec<u8>, WriteError> {
        let status = match self.number {
            0 => 1,
            number if number + 1 == RECORDS_PER_SESSION => 2,
            _ => 3,
        };
        let low = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default();
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 17)?;
        writer.text(kind::USER_NAME, &format!("user{}@isp.example", self.session))?;
        writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
        writer.text(kind::NAS_IDENTIFIER, "bng-1")?;
        writer.u32(kind::NAS_PORT, 1_234)?;
        writer.text(kind::NAS_PORT_ID, "eth1.100")?;
        writer.u32(kind::NAS_PORT_TYPE, 15)?;
        writer.u32(kind::SERVICE_TYPE, 2)?;
        writer.u32(kind::FRAMED_PROTOCOL, 1)?;
        writer.ipv4(
            kind::FRAMED_IP_ADDRESS,
            Ipv4Addr::from(0x6440_0000 + low(self.session)),
        )?;
        writer.text(kind::CALLING_STATION_ID, "02:00:5e:00:00:01")?;
        writer.text(kind::CALLED_STATION_ID, "pppoe")?;
        writer.attribute(kind::CLASS, &class::for_login(self.subscriber().into(), None))?;
        writer.u32(kind::ACCT_STATUS_TYPE, status)?;
        writer.text(
            kind::ACCT_SESSION_ID,
            &format!("{:08x}", 0x8100_0000 + self.session),
        )?;
        writer.u32(kind::ACCT_AUTHENTIC, 1)?;
        writer.u32(kind::ACCT_SESSION_TIME, low(self.number * INTERVAL_S))?;
        for kind in [
            kind::ACCT_INPUT_OCTETS,
            kind::ACCT_OUTPUT_OCTETS,
            kind::ACCT_INPUT_PACKETS,
            kind::ACCT_OUTPUT_PACKETS,
        ] {
            writer.u32(kind, low(self.number * 123_456_789))?;
        }
        writer.u32(kind::ACCT_INPUT_GIGAWORDS, low(self.number))?;
        writer.u32(kind::ACCT_OUTPUT_GIGAWORDS, low(self.number))?;
        if status == 2 {
            writer.u32(kind::ACCT_TERMINATE_CAUSE, 1)?;
        }
        writer.u32(kind::EVENT_TIMESTAMP, low(self.at_s))?;
        Ok(writer.finish(secret).to_vec())
    }
}

// -- CPU time

/// What a process's `stat` says: parent, and ticks of its own and of its children it has waited for.
fn stat(pid: &str) -> Option<(u32, f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    Some((
        fields.get(1)?.parse().ok()?,
        ticks(11)? + ticks(12)?,
        ticks(13)? + ticks(14)?,
    ))
}

/// CPU seconds of this process.
fn own_cpu_s() -> f64 {
    stat("self").map_or(0.0, |(_, own, _)| own / TICKS_PER_S)
}

/// CPU seconds of a process, of its living children and of those it has waited for.
fn family_cpu_s(parent: u32) -> f64 {
    let (_, own, reaped) = stat(&parent.to_string()).expect("the server runs");
    let children = std::fs::read_dir("/proc")
        .expect("a /proc")
        .flatten()
        .filter_map(|entry| {
            let (of, own, _) = stat(entry.file_name().to_str()?)?;
            (of == parent).then_some(own)
        });
    (own + reaped + children.sum::<f64>()) / TICKS_PER_S
}
