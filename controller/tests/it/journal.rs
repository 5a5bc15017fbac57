//! `headend journal inspect` beside a writer that has the journal open, and after it is gone.

use std::net::SocketAddr;
use std::os::unix::fs::FileExt;

use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, kind};
use radius_server::journal::{AccountingRecord, Kind, Options, Writer};
use radius_server::{NasId, PartnerId};
use serde_json::Value;

use crate::stand::Place;

/// 2026-11-21T13:00:00Z.
const BEGAN_UNIX_S: i64 = 1_795_266_000;

/// An accounting record of a user, `after_s` seconds after the beginning.
fn record(after_s: i64, status: u32, user: &str, session: &str) -> Vec<u8> {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut packet = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
    packet.text(kind::USER_NAME, user).unwrap();
    packet.text(kind::NAS_IDENTIFIER, "bng-1").unwrap();
    packet.u32(kind::ACCT_STATUS_TYPE, status).unwrap();
    packet.text(kind::ACCT_SESSION_ID, session).unwrap();
    packet.u32(kind::ACCT_INPUT_OCTETS, 1_234).unwrap();
    packet.text(kind::TUNNEL_PASSWORD, "\u{0}hidden one").unwrap();
    let packet = packet.finish(&SharedSecret::new(b"s")).to_vec();
    let mut payload = Vec::new();
    AccountingRecord {
        received_unix_us: (BEGAN_UNIX_S + after_s) * 1_000_000,
        nas: NasId::from_bytes([7; 16]),
        partner: PartnerId::from_bytes([8; 16]),
        subscriber: None,
        source: SocketAddr::from(([192, 0, 2, 1], 1813)),
        packet: &packet,
    }
    .encode(&mut payload);
    payload
}

/// A journal of forty records in several segments: a Start and a Stop of each of twenty sessions of two users.
fn journal(place: &Place) -> Writer {
    let dir = place.data_dir().join("journal/accounting");
    let options = Options {
        segment_len: 4_096,
        seq_floor: Some(1),
        ..Options::default()
    };
    let (mut writer, _) = Writer::open(&dir, options).unwrap();
    for n in 0..20 {
        let user = ["alice", "bob"][n as usize % 2];
        for (status, after_s) in [(1, 60 * n), (2, 60 * n + 30)] {
            let payload = record(after_s, status, user, &format!("s{n}"));
            writer.append(Kind::Accounting, &payload).unwrap();
        }
        writer.commit().unwrap();
    }
    writer
}

/// Arguments of `journal inspect` on the place's data directory.
fn inspect(place: &Place, more: &[&str]) -> Vec<String> {
    let dir = place.data_dir();
    let fixed = ["journal", "inspect", "--data-dir", dir.to_str().unwrap()];
    fixed.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

/// What `journal inspect --json` prints.
#[track_caller]
fn json(place: &Place, more: &[&str]) -> Value {
    let args = inspect(place, &[more, &["--json"]].concat());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    serde_json::from_str(&place.ok(&args)).unwrap()
}

#[test]
fn inspect_shows_segments_and_records_while_somebody_writes_and_afterwards() {
    let place = Place::new();
    let writer = journal(&place);
    writer.reader().release(25).unwrap();
    let mut writer = Some(writer);
    for _ in 0..2 {
        let found = json(&place, &[]);
        let segments = found[0]["segments"].as_array().unwrap();
        assert_eq!(
            (found[0]["sound"].as_bool(), found[0]["drained_seq"].as_u64()),
            (Some(true), Some(25))
        );
        assert_eq!(segments[0]["state"], "drained");
        assert_eq!(segments.last().unwrap()["state"], "active");
        assert_eq!(segments[0]["first"]["at"], "2026-11-21T13:00:00Z");
        let records: u64 = segments
            .iter()
            .map(|segment| segment["records"].as_u64().unwrap())
            .sum();
        assert_eq!(records, 40);

        let shown = |more: &[&str]| {
            let all = json(&place, &[&["--records"], more].concat());
            let seqs = all
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["seq"].as_u64().unwrap());
            seqs.collect::<Vec<_>>()
        };
        assert_eq!(shown(&[]).len(), 40);
        assert_eq!(shown(&["--limit", "3"]), [38, 39, 40]);
        assert_eq!(shown(&["--session", "s3"]), [7, 8]);
        assert_eq!(shown(&["--user", "bob", "--limit", "2"]), [39, 40]);
        assert_eq!(shown(&["--user", "nobody"]), [0; 0]);
        assert_eq!(shown(&["--nas", "bng-1"]).len(), 40);
        assert_eq!(shown(&["--nas", "192.0.2.1"]).len(), 40);
        assert_eq!(shown(&["--nas", "bng-2"]), [0; 0]);
        let (from, to) = ("2026-11-21T13:01:00Z", "2026-11-21T13:02:00Z");
        assert_eq!(shown(&["--since", from, "--until", to]), [3, 4]);
        // The second time nobody has it open.
        writer.take();
    }
}

#[test]
fn inspect_shows_one_record_in_full_and_no_secret() {
    let place = Place::new();
    drop(journal(&place));
    let args = inspect(&place, &["--raw", "4"]);
    let shown = place.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    for expected in [
        "User-Name = \"bob\"",
        "Acct-Status-Type = Stop",
        "Acct-Session-Id = \"s1\"",
        "Tunnel-Password",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(
        !shown.contains("hidden one") && shown.contains("2026-11-21T13:01:30Z"),
        "{shown}"
    );
    let args = inspect(&place, &["--raw", "4000"]);
    let words = place.fails(3, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(words.contains("there is no readable record 4000"), "{words}");
}

#[test]
fn inspect_fails_on_damage_and_says_what_to_do() {
    let place = Place::new();
    drop(journal(&place));
    let dir = place.data_dir().join("journal/accounting");
    let mut paths: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    paths.sort();
    let file = std::fs::File::options().write(true).open(&paths[1]).unwrap();
    file.write_all_at(&[0xff; 8], 1_500).unwrap();
    let args = inspect(&place, &[]);
    let words = place.fails(1, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        words.starts_with("headend: damage in the journal: accounting\n"),
        "{words}"
    );
    assert!(
        words.contains(paths[1].to_str().unwrap()) && words.contains("are unreadable"),
        "{words}"
    );
    assert!(words.contains("next: the server starts all the same"), "{words}");
}

#[test]
fn inspect_names_the_directory_without_a_journal() {
    let place = Place::new();
    let args = inspect(&place, &[]);
    let words = place.fails(3, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let dir = place.data_dir().join("journal");
    assert!(
        words.contains(&format!("there is no journal in {}", dir.display())),
        "{words}"
    );
}
