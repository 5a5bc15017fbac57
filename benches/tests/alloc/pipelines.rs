//! What a request may not do: ask for memory. Without sockets; those have no buffers but the worker's own.

use crate::counting::allocations;
use benches::isp::{Datagram, Isp, Proof, ROUND};
use radius::PACKET_LEN_MAX;
use radius_server::accounting::Intake;
use radius_server::decision::Decisions;
use radius_server::directory::RejectRules;
use std::sync::Arc;

/// Logins in the tests, each of another subscriber.
const LOGINS: u32 = 512;

/// Asserts that these logins allocate nothing, pipeline and recorder together, once they have been played before.
#[track_caller]
fn check_logins(logins: &[Datagram]) {
    let mut isp = Isp::new(LOGINS);
    let mut pipeline = isp.authenticator();
    let decisions = Arc::new(Decisions::default());
    let mut recorder = decisions.recorder(isp.counters.lane());
    let mut out = [0; PACKET_LEN_MAX];
    let (mut decided, mut repeated) = (0, 0);
    let mut play = |repeat: bool| {
        for login in logins {
            let now = isp.tick();
            for _ in 0..=u32::from(repeat) {
                let verdict = pipeline.handle(&login.octets, login.source, now, &mut out);
                assert!(verdict.reply.is_some());
                match verdict.decision {
                    Some(draft) => {
                        recorder.record(draft);
                        decided += 1;
                    }
                    None => repeated += 1,
                }
            }
            recorder.flush();
        }
        isp.skip(ROUND); // until nobody remembers them
    };
    play(true);
    assert_eq!(allocations(|| play(true)), 0);
    assert_eq!((decided, repeated), (2 * LOGINS, 2 * LOGINS));
    assert_eq!(decisions.held().records, u64::from(2 * LOGINS));
}

#[test]
fn a_pap_accept_and_its_retransmission_allocate_nothing() {
    check_logins(&Isp::logins(LOGINS, Proof::Pap));
}

#[test]
fn a_wrong_password_allocates_nothing() {
    check_logins(&Isp::logins(LOGINS, Proof::WrongPap));
}

#[test]
fn who_is_rejected_again_and_again_and_everybody_else_meanwhile_allocate_nothing() {
    let wrong = Isp::logins(LOGINS, Proof::WrongPap);
    let right = Isp::logins(LOGINS, Proof::Pap);
    let mut isp = Isp::new(LOGINS);
    isp.directory.rejects().set_rules(RejectRules {
        rejects: 2,
        window_s: 3_600,
        hold_s: 3_600,
    });
    let mut pipeline = isp.authenticator();
    let mut out = [0; PACKET_LEN_MAX];
    let (mut recorded, mut unrecorded) = (0, 0);
    let mut play = |logins: &[Datagram]| {
        for login in logins {
            let verdict = pipeline.handle(&login.octets, login.source, isp.tick(), &mut out);
            match verdict.decision {
                Some(_) => recorded += 1,
                None => unrecorded += 1,
            }
        }
        isp.skip(ROUND);
    };
    // Half of them is held off after the second round; tables have grown after the third.
    let (held, free) = (&wrong[..LOGINS as usize / 2], &right[LOGINS as usize / 2..]);
    (0..3).for_each(|_| {
        play(held);
        play(free);
    });
    let asked = allocations(|| {
        play(held);
        play(free);
    });
    assert_eq!(asked, 0);
    // Rejected twice, held off once on record, and once without.
    assert_eq!(unrecorded, held.len());
    assert_eq!(recorded, 3 * held.len() + 4 * free.len());
}

#[test]
fn a_chap_accept_allocates_nothing() {
    check_logins(&Isp::logins(LOGINS, Proof::Chap));
}

#[test]
fn an_accept_and_a_reject_by_ms_chap_2_allocate_nothing() {
    check_logins(&Isp::logins(LOGINS, Proof::MsChap2));
    check_logins(&Isp::logins(LOGINS, Proof::WrongMsChap2));
}

#[test]
fn a_name_that_no_subscriber_has_allocates_nothing() {
    let logins = Isp::logins(2 * LOGINS, Proof::Pap);
    check_logins(&logins[LOGINS as usize..]);
}

#[test]
fn an_interim_record_of_an_open_session_is_taken_in_settled_and_answered_without_an_allocation() {
    const BATCH: usize = 64;
    let mut isp = Isp::new(LOGINS);
    let books = isp.books();
    let mut accountant = isp.accountant();
    let mut out = [0; PACKET_LEN_MAX];
    let mut answered = 0;
    let mut play = |records: &[Datagram]| {
        for batch in records.chunks(BATCH) {
            for record in batch {
                let now = isp.tick();
                let taken = accountant.take_in(&record.octets, record.source, now, &mut out);
                assert_eq!(taken, Intake::Waiting);
            }
            accountant.settle(&books.ledger, isp.tick(), &mut out, &mut |_to, _response| {
                answered += 1
            });
        }
        isp.skip(ROUND);
        books.ledger.sessions.count()
    };
    let minutes: Vec<_> = (0..4).map(|minute| Isp::interims(LOGINS, minute)).collect();
    assert_eq!(play(&minutes[0]), LOGINS as usize);
    play(&minutes[1]);
    play(&minutes[2]);
    let mut open = 0;
    assert_eq!(allocations(|| open = play(&minutes[3])), 0);
    assert_eq!(open, LOGINS as usize);
    assert_eq!(answered, 4 * LOGINS);
    books.close();
}
