//! The bounds of the session table, which are too large to reach from outside; the rest is in `tests/it/sessions.rs`.

use super::closed::{CLOSED_KEPT_S, ClosedMemory};
use super::{Applied, Attributes, CloseCause, Closed, Counted, Session, Sessions};
use crate::id::{NasId, PartnerId, SessionId};
use std::sync::Arc;

fn session(n: u8) -> Session {
    let nas = NasId::from_bytes([1; 16]);
    Session {
        id: SessionId::derive(nas, &[n], None),
        nas,
        partner: PartnerId::from_bytes([2; 16]),
        subscriber: None,
        source: ([127, 0, 0, 1], 1813).into(),
        started_unix_s: 1000,
        updated_unix_s: 1000,
        heard_unix_s: 1000,
        last_heard_unix_s: 1000,
        session_time_s: 0,
        counted: Counted::default(),
        start_seen: true,
        closed: None,
        attributes: Attributes::new(),
    }
}

fn ended(n: u8, at: i64) -> Session {
    let cause = CloseCause::Stop {
        terminate_cause: None,
    };
    Session {
        closed: Some(Closed {
            at_unix_s: at,
            heard_unix_s: at,
            cause,
        }),
        ..session(n)
    }
}

#[test]
fn a_full_table_takes_no_more_until_a_session_ends() {
    let sessions = Sessions::with_bounds(2, 10);
    assert!(matches!(sessions.restore(session(1)), Applied::Opened(_)));
    assert!(matches!(sessions.restore(session(2)), Applied::Opened(_)));
    assert_eq!(sessions.restore(session(3)), Applied::Full);
    assert!(
        matches!(sessions.restore(session(2)), Applied::Updated(_)),
        "known ones are kept up to date"
    );
    assert!(matches!(sessions.restore(ended(1, 2000)), Applied::Closed(_)));
    assert!(matches!(sessions.restore(session(3)), Applied::Opened(_)));
    assert_eq!((sessions.count(), sessions.list().len()), (2, 2));
}

#[test]
fn only_so_many_ended_sessions_are_remembered() {
    let mut closed = ClosedMemory::new(3);
    (0..5).for_each(|n| closed.insert(Arc::new(ended(n, 1000 + i64::from(n)))));
    let remembered: Vec<_> = (0..5).filter(|n| closed.get(session(*n).id).is_some()).collect();
    assert_eq!(remembered, [2, 3, 4]);
}

#[test]
fn ended_sessions_are_forgotten_in_time() {
    let mut closed = ClosedMemory::new(100);
    closed.insert(Arc::new(ended(1, 1000)));
    closed.insert(Arc::new(ended(2, 1000 + CLOSED_KEPT_S)));
    assert!(closed.get(session(1).id).is_some());
    closed.insert(Arc::new(ended(3, 1001 + CLOSED_KEPT_S)));
    assert!(closed.get(session(1).id).is_none());
    assert!(closed.get(session(2).id).is_some());
}

#[test]
fn a_session_that_ended_twice_is_remembered_from_its_second_end() {
    let mut closed = ClosedMemory::new(100);
    closed.insert(Arc::new(ended(1, 1000)));
    closed.remove(session(1).id).unwrap();
    closed.insert(Arc::new(ended(1, 2000)));
    closed.insert(Arc::new(ended(2, 1001 + CLOSED_KEPT_S)));
    assert!(closed.get(session(1).id).is_some());
}

#[test]
fn merging_is_the_same_in_any_grouping() {
    let mut one = session(1);
    one.attributes.put(1, b"name", 1000);
    let mut two = Session {
        started_unix_s: 900,
        start_seen: false,
        counted: Counted::of_totals(7, 0),
        ..session(1)
    };
    two.attributes.put(1, b"newer", 1001);
    two.attributes.put(8, &[10, 0, 0, 1], 1001);
    let mut three = Session {
        heard_unix_s: 900,
        counted: Counted::of_totals(0, 9),
        ..ended(1, 3000)
    };
    three.attributes.put(8, &[10, 0, 0, 2], 1001);
    let join = |a: &Session, b: &Session| {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    };
    let all = join(&join(&one, &two), &three);
    assert_eq!(all, join(&one, &join(&two, &three)));
    assert_eq!(all, join(&three, &join(&two, &one)));
    assert_eq!(all, join(&all, &two));
    assert_eq!(
        (
            all.started_unix_s,
            all.counted.octets_in,
            all.counted.octets_out,
            all.is_open()
        ),
        (1000, 7, 9, false)
    );
    assert_eq!(all.username(), Some("newer"));
    assert_eq!(all.framed_ip(), Some([10, 0, 0, 2].into()));
}

#[test]
fn learning_from_a_packet_is_the_same_as_merging_with_it() {
    use super::attributes::Told;
    use proptest::prelude::*;
    use radius::attribute::kind;
    use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, View};
    let kinds = prop::sample::select(vec![
        kind::USER_NAME,
        kind::FRAMED_IP_ADDRESS,
        kind::CLASS,
        kind::ACCT_SESSION_ID,
        kind::ACCT_SESSION_TIME,
    ]);
    let ours = prop::sample::select(vec![&b"hd1ffffffffffffffffllllllll"[..], b"", b"a", b"b", b"cc"]);
    let packet = (prop::collection::vec((kinds, ours), 0..8), 0_i64..4);
    proptest!(|(packets in prop::collection::vec(packet, 1..8))| {
        let (mut learned, mut merged) = (Attributes::new(), Attributes::new());
        for (attributes, as_of) in packets {
            let mut room = [0; PACKET_LEN_MAX];
            let mut writer = RequestWriter::signed(&mut room, Code::AccountingRequest, 1).expect("room");
            for (kind, value) in attributes {
                writer.attribute(kind, value).expect("room");
            }
            let octets = writer.finish(&SharedSecret::new(b"x")).to_vec();
            let view = View::parse(&octets).expect("a packet");
            learned.learn(&Told::of_packet(&view, as_of));
            merged.merge(&Attributes::of_packet(&view, as_of));
            prop_assert!(learned == merged, "{learned:?} {merged:?}");
        }
    });
}
