//! Accounting through real sockets: answered means durable, and what was durable is there after any end of the process.

use crate::isp::{Isp, id, nas, prepare, until};
use crate::journal::SmallDisk;
use radius::{Code, SharedSecret};
use radius_server::counters::{Event, JournalState};
use radius_server::journal::{AccountingRecord, Kind, Options};
use std::path::Path;

/// Acct-Status-Type values.
const START: u32 = 1;
const STOP: u32 = 2;
const INTERIM: u32 = 3;
const ON: u32 = 7;
const OFF: u32 = 8;

#[test]
fn a_session_starts_goes_on_and_stops() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.1");
    isp.subscriber(1, 100, "alice@demo", "x");
    let sessions = isp.plane.sessions();
    let response = client.ask_accounting(&client.accounting(START, Some("s1"), 0));
    assert_eq!(response.code(), Code::AccountingResponse);
    assert_eq!(sessions.count(), 1);
    client.ask_accounting(&client.accounting(INTERIM, Some("s1"), 5_000));
    let session = sessions.list().remove(0);
    assert_eq!((session.counted.octets_in, session.session_time_s), (5_000, 5));
    assert_eq!(session.subscriber, Some(id(100)));
    assert_eq!(session.username(), Some("alice@demo"));
    client.ask_accounting(&client.accounting(STOP, Some("s1"), 9_000));
    assert_eq!(sessions.count(), 0);
    client.ask_accounting(&client.accounting(INTERIM, Some("s1"), 7_000));
    assert_eq!(sessions.count(), 0, "a late interim does not open it again");
}

#[test]
fn a_response_means_that_the_record_can_be_read_back() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.2");
    let reader = isp.plane.accounting_journal();
    for n in 1..=50 {
        let request = client.accounting(INTERIM, Some("s1"), n);
        client.ask_accounting(&request);
        let records = reader.read_from(0, 1_000, usize::MAX).expect("readable");
        assert_eq!(records.len() as u32, n);
        let last = records.last().expect("one");
        assert_eq!(last.kind, Kind::Accounting);
        let record = AccountingRecord::decode(&last.payload).expect("decodes");
        assert_eq!(
            (record.packet, record.nas, record.partner),
            (&request[..], id(10), id(1))
        );
    }
}

#[test]
fn a_nas_that_restarts_has_no_sessions_and_the_other_one_keeps_its_own() {
    let isp = Isp::start();
    let (one, other) = (isp.nas(10, "127.23.1.3"), isp.nas(11, "127.23.1.4"));
    for status in [ON, OFF] {
        for n in 0..20 {
            one.ask_accounting(&one.accounting(START, Some(&format!("{status}-{n}")), 0));
        }
        other.ask_accounting(&other.accounting(START, Some(&format!("{status}-0")), 0));
        one.ask_accounting(&one.accounting(status, None, 0));
        let left = isp.plane.sessions().list();
        assert!(left.iter().all(|session| session.nas == id(11)), "{left:?}");
    }
    assert_eq!(isp.plane.sessions().count(), 2);
}

#[test]
fn another_secret_or_a_changed_packet_is_not_recorded() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.5");
    let mut foreign = isp.client("127.23.1.5");
    foreign.secret = SharedSecret::new(b"what somebody typed by mistake");
    let mut changed = client.accounting(START, Some("s1"), 0);
    *changed.last_mut().expect("octets") ^= 1;
    client.check_accounting_silent(&[foreign.accounting(START, Some("s1"), 0), changed]);
    assert_eq!(isp.plane.counters().get(Event::AccountingSecretDiffers), 2);
    assert_eq!(isp.accounting_records(), 1);
}

#[test]
fn a_retransmission_is_answered_alike_and_recorded_once() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.6");
    let request = client.accounting(START, Some("s1"), 0);
    let first = client.ask_accounting(&request);
    for _ in 0..5 {
        assert_eq!(client.ask_accounting(&request).0, first.0);
    }
    assert_eq!(isp.accounting_records(), 1);
    assert_eq!(isp.plane.counters().get(Event::AccountingDuplicate), 5);
}

#[test]
fn many_requests_at_once_share_their_commits() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.7");
    let requests: Vec<_> = (0..200)
        .map(|n| client.accounting(START, Some(&format!("s{n}")), 0))
        .collect();
    requests
        .iter()
        .for_each(|request| client.send_accounting(request));
    requests.iter().for_each(|request| {
        client.verified(request);
    });
    assert_eq!(isp.plane.sessions().count(), 200);
    let commits = isp.plane.counters().get(Event::AccountingCommit);
    assert!(commits < 200, "{commits} commits for 200 requests");
}

#[test]
fn a_full_journal_answers_nobody_until_it_is_drained() {
    let isp = Isp::with(|config| {
        config.accounting_journal = Options {
            segment_len: 4_096,
            backlog_max: 8_192,
            ..Options::default()
        };
    });
    let client = isp.nas(10, "127.23.1.8");
    let counters = isp.plane.counters();
    // Fill it: each request is answered or counted as not durable, one or the other.
    let mut answered = 0;
    let refused = loop {
        let request = client.accounting(INTERIM, Some(&format!("s{answered}")), 1);
        client.send_accounting(&request);
        let settled = || counters.get(Event::AccountingRecorded) + counters.get(Event::AccountingNotDurable);
        until("it is settled", || settled() == answered + 1);
        if counters.get(Event::AccountingNotDurable) > 0 {
            break request;
        }
        client.verified(&request);
        answered += 1;
    };
    client.check_nothing_came();
    assert!(answered > 10);
    assert_eq!(isp.accounting_records() as u64, answered);
    assert_eq!(isp.plane.sessions().count() as u64, answered);
    assert!(matches!(
        counters.accounting_journal(),
        JournalState::Stopped { .. }
    ));

    // The drain lets go of what it has: what was refused is recorded and answered now, without being sent again.
    let reader = isp.plane.accounting_journal();
    assert!(reader.release(reader.committed_seq()).expect("released") > 0);
    client.socket.set_nonblocking(false).expect("set");
    client.verified(&refused);
    assert_eq!(counters.accounting_journal(), JournalState::Writing);
    assert_eq!(isp.plane.sessions().count() as u64, answered + 1);
}

#[test]
fn a_full_disk_answers_nobody_says_so_and_goes_on_by_itself_when_there_is_space() {
    // Only root may mount; that a full disk refuses commits is tested with failing calls for everybody.
    let Some(disk) = SmallDisk::mount(512 * 1024) else {
        assert!(!rustix::process::geteuid().is_root() || Path::new("/.dockerenv").exists());
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 256 * 1024]).expect("written");
    let isp = Isp::with(|config| {
        config.journal_dir = disk.0.path().to_owned();
        config.accounting_journal.segment_len = 32 * 1024;
        config.decision_journal.segment_len = 32 * 1024;
    });
    let client = isp.nas(10, "127.23.1.12");
    let counters = isp.plane.counters();
    let mut asked = 0;
    let refused = loop {
        let request = client.accounting(INTERIM, Some(&format!("s{asked}")), 1);
        client.send_accounting(&request);
        asked += 1;
        let settled = || counters.get(Event::AccountingRecorded) + counters.get(Event::AccountingNotDurable);
        until("it is settled", || settled() == asked);
        if counters.get(Event::AccountingNotDurable) > 0 {
            break request;
        }
        client.verified(&request);
    };
    client.check_nothing_came();
    let JournalState::Stopped { why, since_unix_ms } = counters.accounting_journal() else {
        panic!("it is stopped")
    };
    assert!(why.contains("no space left on the disk"), "{why}");
    // While one is held nothing more is taken in: this one waits in the socket.
    let waiting = client.accounting(INTERIM, Some("waiting"), 1);
    client.send_accounting(&waiting);
    client.check_nothing_came();
    assert!(
        matches!(counters.accounting_journal(), JournalState::Stopped { since_unix_ms: since, .. } if since == since_unix_ms),
        "it stopped once"
    );
    std::fs::remove_file(ballast).expect("removed");
    client.socket.set_nonblocking(false).expect("set");
    client.verified(&refused);
    client.verified(&waiting);
    asked += 1;
    assert_eq!(counters.accounting_journal(), JournalState::Writing);
    assert_eq!(isp.accounting_records() as u64, asked);
}

#[test]
fn a_journal_whose_directory_is_gone_answers_nobody_until_it_is_back() {
    let isp = Isp::with(|config| config.accounting_journal.segment_len = 4_096);
    let client = isp.nas(10, "127.23.1.9");
    let (counters, home) = (isp.plane.counters(), isp.dir.path().join("accounting"));
    client.ask_accounting(&client.accounting(START, Some("s0"), 0));
    let away = isp.dir.path().join("away");
    std::fs::rename(&home, &away).expect("moved away");
    // The open segment still takes some; the next one cannot be made.
    let mut asked = 1;
    let refused = loop {
        let request = client.accounting(INTERIM, Some(&format!("s{asked}")), 1);
        client.send_accounting(&request);
        asked += 1;
        let settled = || counters.get(Event::AccountingRecorded) + counters.get(Event::AccountingNotDurable);
        until("it is settled", || settled() == asked);
        if counters.get(Event::AccountingNotDurable) > 0 {
            break request;
        }
        client.verified(&request);
    };
    client.check_nothing_came();
    let JournalState::Stopped { why, .. } = counters.accounting_journal() else {
        panic!("it is stopped")
    };
    assert!(why.contains("No such file or directory"), "{why}");
    std::fs::rename(&away, &home).expect("moved back");
    client.ask_accounting(&refused);
    assert_eq!(counters.accounting_journal(), JournalState::Writing);
    assert_eq!(isp.accounting_records() as u64, asked);
}

#[test]
fn what_kill_9_leaves_behind_replays_to_the_same_sessions() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.10");
    isp.subscriber(1, 100, "alice@demo", "x");
    for n in 0..60 {
        let session = format!("s{n}");
        client.ask_accounting(&client.accounting(START, Some(&session), 0));
        client.ask_accounting(&client.accounting(INTERIM, Some(&session), 1_000 * n));
        if n % 3 == 0 {
            client.ask_accounting(&client.accounting(STOP, Some(&session), 2_000 * n));
        }
    }
    let mut before = isp.plane.sessions().list();
    assert_eq!(before.len(), 40);
    // The files as they are at this instant, with the process still running: nothing was closed or flushed for us.
    let left = tempfile::tempdir().expect("a directory");
    copy(isp.dir.path(), left.path());
    let plane = prepare(left.path(), |_config| {});
    assert!(plane.recovery().accounting.is_sound());
    let replayed = plane.replay(0).expect("replayed");
    assert_eq!((replayed.records, replayed.undecodable), (140, 0));
    let mut after = plane.sessions().list();
    before.sort_by_key(|session| session.id);
    after.sort_by_key(|session| session.id);
    assert_eq!(before, after);
    assert_eq!(plane.replay(0).expect("replayed").records, 140);
    assert_eq!(
        plane.sessions().list().len(),
        40,
        "a second replay changes nothing"
    );

    // And it goes on from there.
    plane.directory().nas_put(nas(10, "127.23.1.10")).expect("taken");
    plane.listen().expect("listens");
    let restarted = Isp { plane, dir: left };
    let client = restarted.client("127.23.1.10");
    client.ask_accounting(&client.accounting(STOP, Some("s1"), 5_000));
    assert_eq!(restarted.plane.sessions().count(), 39);
}

#[test]
fn a_replay_from_a_cursor_applies_what_is_beyond_it() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.23.1.11");
    client.ask_accounting(&client.accounting(START, Some("s1"), 0));
    let cursor = isp.plane.accounting_journal().committed_seq();
    client.ask_accounting(&client.accounting(START, Some("s2"), 0));
    let left = tempfile::tempdir().expect("a directory");
    copy(isp.dir.path(), left.path());
    let plane = prepare(left.path(), |_config| {});
    let replayed = plane.replay(cursor).expect("replayed");
    assert_eq!(replayed.records, 1);
    assert_eq!(plane.sessions().list()[0].acct_session_id(), b"s2");
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            std::fs::create_dir(&target).expect("made");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}
