//! The session table from outside: what accounting records in any order make of it.
//! Its bounds are tested in `src/sessions/tests.rs`.

use proptest::prelude::*;
use radius::Code;
use radius::attribute::kind;
use radius::packet::View;
use radius::secret::SharedSecret;
use radius::writer::RequestWriter;
use radius_server::class;
use radius_server::journal::AccountingRecord;
use radius_server::sessions::{Applied, CloseCause, Session, Sessions, session_id};
use radius_server::{NasId, PartnerId, SessionId, SubscriberId};
use std::sync::Arc;
use std::thread;

const NAS: NasId = NasId::from_bytes([0xa1; 16]);
const OTHER_NAS: NasId = NasId::from_bytes([0xa2; 16]);
const PARTNER: PartnerId = PartnerId::from_bytes([0xb1; 16]);
const SUBSCRIBER: SubscriberId = SubscriberId::from_bytes([0xc1; 16]);
/// When the tests take place, in unix seconds.
const NOON: i64 = 1_767_268_800;

const START: u32 = 1;
const STOP: u32 = 2;
const INTERIM: u32 = 3;
const ON: u32 = 7;
const OFF: u32 = 8;

/// An Accounting-Request, and when and from whom it came.
#[derive(Debug, Clone)]
struct Report {
    nas: NasId,
    received_unix_s: i64,
    subscriber: Option<SubscriberId>,
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Report {
    fn new(status: u32) -> Self {
        let attributes = vec![(kind::ACCT_STATUS_TYPE, status.to_be_bytes().to_vec())];
        Self {
            nas: NAS,
            received_unix_s: NOON,
            subscriber: None,
            attributes,
        }
    }

    /// Of the one session that most tests are about.
    fn of_session(status: u32) -> Self {
        Self::new(status)
            .with(kind::ACCT_SESSION_ID, b"8000001f")
            .with(kind::USER_NAME, b"anna@isp.example")
    }

    fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    fn number(self, kind: u8, value: u32) -> Self {
        self.with(kind, &value.to_be_bytes())
    }

    fn at(mut self, received_unix_s: i64) -> Self {
        self.received_unix_s = received_unix_s;
        self
    }

    fn on_nas(mut self, nas: NasId) -> Self {
        self.nas = nas;
        self
    }

    fn packet(&self) -> Vec<u8> {
        let mut buf = [0; 4096];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
        for (kind, value) in &self.attributes {
            writer.attribute(*kind, value).unwrap();
        }
        writer.finish(&SharedSecret::new(b"secret")).to_vec()
    }

    fn apply(&self, sessions: &Sessions) -> Applied {
        sessions.apply(&AccountingRecord {
            received_unix_us: self.received_unix_s * 1_000_000 + 999_999,
            nas: self.nas,
            partner: PARTNER,
            subscriber: self.subscriber,
            source: ([127, 7, 0, 1], 49_152).into(),
            packet: &self.packet(),
        })
    }

    fn id(&self) -> SessionId {
        session_id(self.nas, &View::parse(&self.packet()).unwrap()).unwrap()
    }
}

#[track_caller]
fn opened(applied: Applied) -> Arc<Session> {
    let Applied::Opened(session) = applied else {
        panic!("{applied:?}")
    };
    session
}

#[track_caller]
fn updated(applied: Applied) -> Arc<Session> {
    let Applied::Updated(session) = applied else {
        panic!("{applied:?}")
    };
    session
}

#[track_caller]
fn closed(applied: Applied) -> Arc<Session> {
    let Applied::Closed(session) = applied else {
        panic!("{applied:?}")
    };
    session
}

// -- One session

#[test]
fn start_interim_and_stop_tell_one_story() {
    let sessions = Sessions::new();
    let start = Report {
        subscriber: Some(SUBSCRIBER),
        ..Report::of_session(START)
    };
    let session = opened(start.apply(&sessions));
    assert_eq!(
        (session.started_unix_s, session.start_seen, session.is_open()),
        (NOON, true, true)
    );
    assert_eq!(
        (session.nas, session.partner, session.subscriber),
        (NAS, PARTNER, Some(SUBSCRIBER))
    );
    assert_eq!(session.username(), Some("anna@isp.example"));
    assert_eq!(session.acct_session_id(), b"8000001f");
    assert_eq!(sessions.count(), 1);

    let interim = Report::of_session(INTERIM)
        .at(NOON + 300)
        .number(kind::ACCT_SESSION_TIME, 300)
        .number(kind::ACCT_INPUT_OCTETS, 10)
        .number(kind::ACCT_OUTPUT_OCTETS, 20)
        .number(kind::ACCT_OUTPUT_GIGAWORDS, 2)
        .with(kind::FRAMED_IP_ADDRESS, &[100, 64, 0, 9]);
    let session = updated(interim.apply(&sessions));
    assert_eq!(
        (session.counted.octets_in, session.counted.octets_out),
        (10, (2 << 32) + 20)
    );
    assert_eq!(
        (session.session_time_s, session.updated_unix_s),
        (300, NOON + 300)
    );
    assert_eq!(session.framed_ip(), Some([100, 64, 0, 9].into()));
    assert_eq!(
        session.subscriber,
        Some(SUBSCRIBER),
        "a record that names nobody changes nobody"
    );

    let stop = Report::of_session(STOP)
        .at(NOON + 400)
        .number(kind::ACCT_SESSION_TIME, 400)
        .number(kind::ACCT_TERMINATE_CAUSE, 6);
    let session = closed(stop.apply(&sessions));
    let end = session.closed.unwrap();
    assert_eq!(
        (end.at_unix_s, end.cause),
        (
            NOON + 400,
            CloseCause::Stop {
                terminate_cause: Some(6)
            }
        )
    );
    assert_eq!(
        (sessions.count(), sessions.list(), sessions.by_nas(NAS)),
        (0, vec![], vec![])
    );
    assert_eq!(
        sessions.get(session.id),
        Some(session),
        "an ended session can still be looked at"
    );
}

#[test]
fn a_session_whose_start_was_lost_begins_where_its_time_says() {
    let sessions = Sessions::new();
    let interim = Report::of_session(INTERIM).number(kind::ACCT_SESSION_TIME, 3600);
    let session = opened(interim.apply(&sessions));
    assert_eq!((session.started_unix_s, session.start_seen), (NOON - 3600, false));
    let late_start = Report::of_session(START).number(kind::EVENT_TIMESTAMP, (NOON - 3590) as u32);
    let session = updated(late_start.at(NOON + 5).apply(&sessions));
    assert_eq!((session.started_unix_s, session.start_seen), (NOON - 3590, true));
}

#[test]
fn counters_never_go_back() {
    let sessions = Sessions::new();
    let report = |octets| Report::of_session(INTERIM).number(kind::ACCT_INPUT_OCTETS, octets);
    report(500).number(kind::ACCT_SESSION_TIME, 60).apply(&sessions);
    let session = updated(
        report(400)
            .number(kind::ACCT_SESSION_TIME, 50)
            .at(NOON + 10)
            .apply(&sessions),
    );
    assert_eq!((session.counted.octets_in, session.session_time_s), (500, 60));
}

#[test]
fn a_late_record_does_not_open_an_ended_session() {
    let sessions = Sessions::new();
    Report::of_session(START).apply(&sessions);
    Report::of_session(STOP)
        .at(NOON + 100)
        .number(kind::ACCT_INPUT_OCTETS, 50)
        .apply(&sessions);
    let late = Report::of_session(INTERIM)
        .at(NOON + 101)
        .number(kind::ACCT_INPUT_OCTETS, 60);
    assert_eq!(late.apply(&sessions), Applied::Stale);
    assert_eq!(
        Report::of_session(START).at(NOON + 102).apply(&sessions),
        Applied::Stale
    );
    assert_eq!(
        Report::of_session(STOP).at(NOON + 103).apply(&sessions),
        Applied::Stale
    );
    assert_eq!(sessions.count(), 0);
    assert_eq!(
        sessions.get(late.id()).unwrap().counted.octets_in,
        60,
        "what it says is learned all the same"
    );
}

#[test]
fn a_stop_without_any_start_is_an_ended_session() {
    let sessions = Sessions::new();
    let session = closed(
        Report::of_session(STOP)
            .number(kind::ACCT_SESSION_TIME, 90)
            .apply(&sessions),
    );
    assert_eq!((session.started_unix_s, session.start_seen), (NOON - 90, false));
    assert_eq!(
        Report::of_session(START).at(NOON - 90).apply(&sessions),
        Applied::Stale
    );
    assert!(sessions.get(session.id).unwrap().start_seen);
}

#[test]
fn attributes_are_kept_octet_for_octet_and_the_newest_counts() {
    let sessions = Sessions::new();
    let start = Report::of_session(START)
        .with(kind::NAS_PORT_ID, b"ether1 \xff\x00 vlan")
        .with(kind::FRAMED_IP_ADDRESS, &[100, 64, 0, 1]);
    start.apply(&sessions);
    // Older than the Start, and with something it did not say.
    let older = Report::of_session(INTERIM)
        .at(NOON - 60)
        .with(kind::FRAMED_IP_ADDRESS, &[100, 64, 0, 2])
        .with(kind::CALLING_STATION_ID, b"02-00-00-00-00-01");
    let session = updated(older.apply(&sessions));
    assert_eq!(
        session.attribute(kind::NAS_PORT_ID),
        Some(&b"ether1 \xff\x00 vlan"[..])
    );
    assert_eq!(session.framed_ip(), Some([100, 64, 0, 1].into()));
    assert_eq!(
        session.attribute(kind::CALLING_STATION_ID),
        Some(&b"02-00-00-00-00-01"[..])
    );
    assert_eq!(
        session.attribute(kind::ACCT_STATUS_TYPE),
        None,
        "no counters and no states"
    );
    let kinds: Vec<u8> = session.attributes.iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [1, 8, 31, 44, 87]);
    assert!(
        !format!("{session:?}").contains("02-00"),
        "who was where stays out of logs"
    );
}

// -- Which session

/// A Class of ours: its first sixteen octets after "hd1" name the decision, the last eight the login.
const FIRST_LOGIN: &[u8] = b"hd1decision one    login 1.";
/// Another login.
const SECOND_LOGIN: &[u8] = b"hd1decision two    login 2.";
/// The first login, re-authenticated: another decision let it stay.
const FIRST_LOGIN_AGAIN: &[u8] = b"hd1decision three  login 1.";

#[test]
fn the_id_of_a_session_is_the_same_for_ever() {
    // Rows in databases carry these; a change here would split every open session in two.
    let id = SessionId::derive(NAS, b"8000001f", None);
    assert_eq!(id.to_string(), "7a6afb25-7b07-864f-974e-dd6dd69e14c3");
    let id = SessionId::derive(NAS, b"8000001f", Some(FIRST_LOGIN));
    assert_eq!(id.to_string(), "a6c17a5c-cd16-8d2b-98e7-d841c48464c2");
    assert_eq!(id.as_uuid().get_version_num(), 8);
}

#[test]
fn two_nas_with_the_same_session_id_have_two_sessions() {
    let sessions = Sessions::new();
    opened(Report::of_session(START).apply(&sessions));
    opened(Report::of_session(START).on_nas(OTHER_NAS).apply(&sessions));
    assert_eq!(
        (
            sessions.count(),
            sessions.by_nas(NAS).len(),
            sessions.by_nas(OTHER_NAS).len()
        ),
        (2, 1, 1)
    );
    closed(Report::of_session(STOP).apply(&sessions));
    assert_eq!(
        (sessions.by_nas(NAS).len(), sessions.by_nas(OTHER_NAS).len()),
        (0, 1)
    );
}

#[test]
fn our_class_tells_two_logins_with_the_same_session_id_apart_and_a_foreign_one_does_not() {
    let plain = Report::of_session(START);
    let foreign = plain.clone().with(kind::CLASS, b"proxy's own");
    let first = foreign.clone().with(kind::CLASS, FIRST_LOGIN);
    let second = foreign.clone().with(kind::CLASS, SECOND_LOGIN);
    assert_eq!(plain.id(), foreign.id());
    assert_ne!(plain.id(), first.id());
    assert_ne!(first.id(), second.id());
    let again = foreign.clone().with(kind::CLASS, FIRST_LOGIN_AGAIN);
    assert_eq!(
        first.id(),
        again.id(),
        "a re-authentication does not split a session"
    );
    let packet = first.packet();
    assert_eq!(class::ours(&View::parse(&packet).unwrap()), Some(FIRST_LOGIN));
    let session = opened(first.apply(&Sessions::new()));
    assert_eq!(session.attribute(kind::CLASS), Some(FIRST_LOGIN));
}

#[test]
fn the_login_of_an_open_session_is_known_by_its_name_until_it_ends() {
    let sessions = Sessions::new();
    let name = Report::of_session(START);
    let known = |sessions: &Sessions| sessions.login_of(NAS, b"8000001f");
    opened(name.clone().with(kind::CLASS, FIRST_LOGIN).apply(&sessions));
    assert_eq!(known(&sessions), Some(*b"login 1."));
    assert_eq!(sessions.login_of(OTHER_NAS, b"8000001f"), None);
    closed(
        Report::of_session(STOP)
            .with(kind::CLASS, FIRST_LOGIN)
            .apply(&sessions),
    );
    assert_eq!(known(&sessions), None, "the next login is a new one");
    // What hostapd does: the same Acct-Session-Id again, on the port that was thrown out.
    opened(name.with(kind::CLASS, SECOND_LOGIN).apply(&sessions));
    assert_eq!(known(&sessions), Some(*b"login 2."));
    assert_eq!(sessions.count(), 1);
}

#[test]
fn what_is_no_session_opens_none() {
    let sessions = Sessions::new();
    assert_eq!(
        Report::new(START).apply(&sessions),
        Applied::NotASession,
        "no Acct-Session-Id"
    );
    let empty = Report::new(START).with(kind::ACCT_SESSION_ID, b"");
    assert_eq!(empty.apply(&sessions), Applied::NotASession);
    assert_eq!(
        Report::of_session(9).apply(&sessions),
        Applied::NotASession,
        "Tunnel-Start"
    );
    let record = AccountingRecord {
        received_unix_us: 0,
        nas: NAS,
        partner: PARTNER,
        subscriber: None,
        source: ([127, 0, 0, 1], 1).into(),
        packet: b"not a packet",
    };
    assert_eq!(sessions.apply(&record), Applied::Unreadable);
    assert_eq!(sessions.count(), 0);
}

// -- A NAS that restarts

#[test]
fn accounting_on_and_off_end_the_sessions_of_that_nas_only() {
    for status in [ON, OFF] {
        let sessions = Sessions::new();
        let second = Report::new(START).with(kind::ACCT_SESSION_ID, b"second");
        let first = opened(Report::of_session(START).apply(&sessions));
        opened(second.apply(&sessions));
        opened(Report::of_session(START).on_nas(OTHER_NAS).apply(&sessions));
        assert_eq!(
            Report::new(status).apply(&sessions),
            Applied::NasRestarted(2),
            "in the same second too"
        );
        assert_eq!(
            sessions
                .list()
                .iter()
                .map(|session| session.nas)
                .collect::<Vec<_>>(),
            [OTHER_NAS]
        );
        assert_eq!(sessions.count(), 1);
        let end = sessions.get(first.id).unwrap().closed.unwrap();
        assert_eq!((end.at_unix_s, end.cause), (NOON, CloseCause::NasRestarted));
        assert_eq!(
            Report::new(status).at(NOON + 1).apply(&sessions),
            Applied::NasRestarted(0)
        );
    }
}

#[test]
fn an_accounting_on_that_arrives_late_leaves_newer_sessions_alone() {
    let sessions = Sessions::new();
    opened(Report::of_session(START).at(NOON - 600).apply(&sessions));
    let newer = Report::new(START)
        .with(kind::ACCT_SESSION_ID, b"newer")
        .at(NOON + 10);
    let newer = opened(newer.apply(&sessions));
    let late = Report::new(ON).at(NOON + 30).number(kind::ACCT_DELAY_TIME, 30);
    assert_eq!(late.apply(&sessions), Applied::NasRestarted(1));
    assert_eq!(sessions.list(), [newer]);
}

#[test]
fn a_nas_with_a_wrong_clock_loses_its_sessions_too() {
    // Three hours ahead until it restarted, right since.
    let sessions = Sessions::new();
    let start = Report::of_session(START).number(kind::EVENT_TIMESTAMP, (NOON + 10_800) as u32);
    opened(start.apply(&sessions));
    let on = Report::new(ON)
        .at(NOON + 60)
        .number(kind::EVENT_TIMESTAMP, (NOON + 60) as u32);
    assert_eq!(on.apply(&sessions), Applied::NasRestarted(1));
}

#[test]
fn a_session_that_outlived_its_nas_opens_again() {
    let sessions = Sessions::new();
    let first = Report::of_session(START).number(kind::ACCT_INPUT_OCTETS, 0);
    first.apply(&sessions);
    Report::of_session(INTERIM)
        .at(NOON + 1)
        .number(kind::ACCT_INPUT_OCTETS, 70)
        .apply(&sessions);
    Report::new(ON).at(NOON + 60).apply(&sessions);
    let before = Report::of_session(INTERIM)
        .at(NOON + 60)
        .number(kind::ACCT_INPUT_OCTETS, 75);
    assert_eq!(
        before.apply(&sessions),
        Applied::Stale,
        "sent before the NAS restarted"
    );
    let after = Report::of_session(INTERIM)
        .at(NOON + 120)
        .number(kind::ACCT_INPUT_OCTETS, 80);
    let session = opened(after.apply(&sessions));
    assert_eq!(
        (
            session.counted.octets_in,
            session.started_unix_s,
            sessions.count()
        ),
        (80, NOON, 1)
    );
    assert_eq!(sessions.by_nas(NAS).len(), 1);
}

#[test]
fn a_nas_that_counts_anew_after_a_restart_gets_new_sessions() {
    let sessions = Sessions::new();
    Report::of_session(INTERIM)
        .number(kind::ACCT_INPUT_OCTETS, 70)
        .apply(&sessions);
    Report::new(ON).at(NOON + 60).apply(&sessions);
    let session = opened(Report::of_session(START).at(NOON + 90).apply(&sessions));
    assert_eq!(
        (session.counted.octets_in, session.started_unix_s),
        (0, NOON + 90)
    );
}

#[test]
fn a_stop_after_a_restart_is_the_surer_end() {
    let sessions = Sessions::new();
    Report::of_session(START).apply(&sessions);
    Report::new(OFF).at(NOON + 60).apply(&sessions);
    let stop = Report::of_session(STOP)
        .at(NOON + 61)
        .number(kind::ACCT_TERMINATE_CAUSE, 11);
    let session = closed(stop.apply(&sessions));
    assert_eq!(
        session.closed.unwrap().cause,
        CloseCause::Stop {
            terminate_cause: Some(11)
        }
    );
    let late = Report::of_session(INTERIM).at(NOON + 62);
    assert_eq!(late.apply(&sessions), Applied::Stale, "and it is final");
}

// -- A restart of ours

#[test]
fn a_restored_session_goes_on_where_it_was() {
    let before = Sessions::new();
    Report::of_session(START).apply(&before);
    let interim = Report::of_session(INTERIM)
        .at(NOON + 60)
        .number(kind::ACCT_INPUT_OCTETS, 9);
    let known = updated(interim.apply(&before));

    let after = Sessions::new();
    opened(after.restore(Session::clone(&known)));
    assert_eq!(
        updated(interim.apply(&after)),
        known,
        "what the journal repeats changes nothing"
    );
    closed(Report::of_session(STOP).at(NOON + 90).apply(&after));

    let third = Sessions::new();
    third.restore(Session::clone(&after.get(known.id).unwrap()));
    assert_eq!(third.count(), 0);
    assert_eq!(
        interim.apply(&third),
        Applied::Stale,
        "a session restored as ended stays so"
    );
}

#[test]
fn sessions_are_found_by_what_people_know() {
    let sessions = Sessions::new();
    let anna = opened(Report::of_session(START).apply(&sessions));
    let nameless = Report::new(START)
        .with(kind::ACCT_SESSION_ID, b"x")
        .with(kind::USER_NAME, b"\xff\xfe");
    opened(nameless.apply(&sessions));
    assert_eq!(
        sessions.by_username(PARTNER, "anna@isp.example"),
        [Arc::clone(&anna)]
    );
    assert_eq!(
        sessions.by_username(PartnerId::from_bytes([9; 16]), "anna@isp.example"),
        []
    );
    assert_eq!(sessions.by_partner(PARTNER).len(), 2);
    assert_eq!(sessions.by_partner(PartnerId::from_bytes([9; 16])), []);
    assert_eq!(sessions.get(anna.id), Some(anna));
}

#[test]
fn threads_that_report_the_same_sessions_leave_one_consistent_table() {
    let sessions = Sessions::new();
    thread::scope(|scope| {
        for thread in 0..4_i64 {
            let sessions = &sessions;
            scope.spawn(move || {
                for n in 0..400_u32 {
                    let report = |status: u32| {
                        let id = format!("{:x}", n % 40);
                        Report::new(status)
                            .with(kind::ACCT_SESSION_ID, id.as_bytes())
                            .at(NOON + i64::from(n))
                    };
                    report([START, INTERIM, INTERIM][(n as usize + thread as usize) % 3]).apply(sessions);
                    if n == 100 && thread == 0 {
                        Report::new(ON).at(NOON + 50).apply(sessions);
                    }
                    if n > 360 {
                        report(STOP).apply(sessions);
                    }
                }
            });
        }
    });
    // Sessions 1 to 39 of each hundred were stopped by every thread at the end; 0 (n = 360) was not.
    let left: Vec<_> = sessions
        .list()
        .iter()
        .map(|session| session.acct_session_id().to_vec())
        .collect();
    assert_eq!(left, [b"0".to_vec()]);
    assert_eq!((sessions.count(), sessions.by_nas(NAS).len()), (1, 1));
}

// -- Any order

/// What differs from record to record: octets, whether it has a timestamp, its delay, its address, its subscriber.
type Told = (u32, bool, Option<u32>, Option<[u8; 2]>, u8);

/// The records of one session, as a NAS would send them.
fn story() -> impl Strategy<Value = Vec<Report>> {
    let report = (
        1..1000_u32,
        any::<bool>(),
        prop::option::of(0..90_u32),
        prop::option::of(any::<[u8; 2]>()),
        0..3_u8,
    );
    (prop::collection::vec(report, 1..8), any::<bool>(), any::<bool>()).prop_map(|(reports, start, stop)| {
        let count = reports.len();
        let (mut time, mut counted) = (0, 0);
        let tell = |(n, (octets, timestamp, delay, host, named)): (usize, Told)| {
            (time, counted) = (time + 60, counted + octets);
            let status = match n {
                0 if start => START,
                n if n + 1 == count && stop => STOP,
                _ => INTERIM,
            };
            let mut report = Report::of_session(status)
                .at(NOON + i64::from(time))
                .number(kind::ACCT_SESSION_TIME, time)
                .number(kind::ACCT_INPUT_OCTETS, counted);
            if timestamp {
                report = report.number(kind::EVENT_TIMESTAMP, NOON as u32 + time - 3);
            }
            if let Some(delay) = delay {
                report = report.number(kind::ACCT_DELAY_TIME, delay);
            }
            if let Some([a, b]) = host {
                report = report.with(kind::FRAMED_IP_ADDRESS, &[100, 64, a, b]);
            }
            report.subscriber = (named > 0).then(|| SubscriberId::from_bytes([named; 16]));
            report
        };
        reports.into_iter().enumerate().map(tell).collect()
    })
}

/// A story, and the same records shuffled with some of them repeated.
fn story_and_mess() -> impl Strategy<Value = (Vec<Report>, Vec<Report>)> {
    story().prop_flat_map(|story| {
        let repeated = prop::collection::vec(prop::sample::select(story.clone()), 0..6);
        let mess = repeated.prop_map({
            let story = story.clone();
            move |repeated| [story.clone(), repeated].concat()
        });
        (Just(story), mess.prop_shuffle())
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_a_sessions_records_ends_the_same((story, mess) in story_and_mess()) {
        let (in_order, messy) = (Sessions::new(), Sessions::new());
        story.iter().for_each(|report| drop(report.apply(&in_order)));
        let ends = mess.iter().filter(|report| matches!(report.apply(&messy), Applied::Closed(_))).count();
        let id = story[0].id();
        prop_assert_eq!(messy.get(id), in_order.get(id));
        prop_assert_eq!(messy.count(), in_order.count());
        let is_open = messy.get(id).unwrap().is_open();
        prop_assert_eq!(ends, usize::from(!is_open), "it ends once");
        prop_assert_eq!(messy.list().len(), usize::from(is_open));
    }

    #[test]
    fn no_packet_makes_the_table_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let sessions = Sessions::new();
        let mut packet = vec![4, 0, 0, 0];
        packet.extend_from_slice(&octets);
        if let Ok(len) = u16::try_from(packet.len()) {
            packet[2..4].copy_from_slice(&len.to_be_bytes());
        }
        let record = AccountingRecord {
            received_unix_us: i64::MIN,
            nas: NAS,
            partner: PARTNER,
            subscriber: None,
            source: ([127, 0, 0, 1], 1).into(),
            packet: &packet,
        };
        let _ = sessions.apply(&record);
    }
}
