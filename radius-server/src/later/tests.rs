//! The way of a request that is answered later, without threads: a worker's pipeline on one side, a finisher on the other.

use super::mailbox::PENDING_PER_WORKER_MAX;
use super::*;
use crate::authentication::Answer;
use crate::clock::Now;
use crate::counters::Counters;
use crate::decision::{Asker, Decisions, DropReason, Outcome, RejectReason, Said};
use crate::directory::{CoaTarget, Directory, Identify, NasGuard, NasSpec, Require, SecretAge};
use crate::duplicates::{Duplicates, Key, Seen};
use crate::id::PartnerId;
use parking_lot::Mutex;
use radius::{Code, RequestWriter, SharedSecret, View, kind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use uuid::Uuid;

/// A request from 127.0.0.1.
fn key(identifier: u8) -> Key {
    Key {
        source: SocketAddr::from(([127, 0, 0, 1], 1812)),
        identifier,
    }
}

#[test]
fn a_request_that_is_away_is_in_progress_until_its_note_is_collected() {
    let (mailbox, mut duplicates, now) = (Arc::new(Mailbox::default()), Duplicates::new(10), Instant::now());
    duplicates.begin(key(1), &[7; 16], now);
    let ticket = mailbox.ticket(key(1), [7; 16]).expect("room");
    mailbox.collect(&mut duplicates, &mut Vec::new());
    assert_eq!(duplicates.seen(&key(1), &[7; 16], now), Seen::InProgress);
    ticket.answered(b"yes");
    mailbox.collect(&mut duplicates, &mut Vec::new());
    assert_eq!(duplicates.seen(&key(1), &[7; 16], now), Seen::Answered(b"yes"));
    assert_eq!(mailbox.away(), 0);
}

#[test]
fn a_request_that_is_let_go_of_is_new_again() {
    let (mailbox, mut duplicates, now) = (Arc::new(Mailbox::default()), Duplicates::new(10), Instant::now());
    duplicates.begin(key(1), &[7; 16], now);
    drop(mailbox.ticket(key(1), [7; 16]));
    mailbox.collect(&mut duplicates, &mut Vec::new());
    assert_eq!(duplicates.seen(&key(1), &[7; 16], now), Seen::New);
}

#[test]
fn no_more_than_so_many_are_away_and_room_comes_back_with_the_notes() {
    let (mailbox, mut duplicates) = (Arc::new(Mailbox::default()), Duplicates::new(10));
    let tickets: Vec<_> = (0..PENDING_PER_WORKER_MAX)
        .map(|_| mailbox.ticket(key(1), [7; 16]).expect("room"))
        .collect();
    assert!(mailbox.ticket(key(1), [7; 16]).is_none());
    drop(tickets);
    assert!(mailbox.ticket(key(1), [7; 16]).is_none(), "notes take room, too");
    mailbox.collect(&mut duplicates, &mut Vec::new());
    assert!(mailbox.ticket(key(1), [7; 16]).is_some());
}

// -- all of it

/// The secret of the NAS.
const SECRET: &[u8] = b"the secret of core-bng";
/// Which of our addresses was asked.
const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 9));

/// A way back that keeps what goes it.
#[derive(Default)]
struct Kept(Mutex<Vec<Letter>>);

/// Octets, where to, where from.
type Letter = (Vec<u8>, SocketAddr, Option<IpAddr>);

impl Way for Kept {
    fn send(&self, octets: &[u8], to: SocketAddr, from: Option<IpAddr>) -> bool {
        self.0.lock().push((octets.to_vec(), to, from));
        true
    }
}

/// One worker's side and one finisher's.
struct Both {
    duplicates: Duplicates,
    mailbox: Arc<Mailbox>,
    way: Arc<Kept>,
    decisions: Arc<Decisions>,
    counters: Arc<Counters>,
    known: Option<Known>,
    request: Vec<u8>,
}

impl Both {
    /// A request about alice that is to be answered later.
    fn new() -> Self {
        let directory = Directory::new();
        directory.partner_put(partner(), "Demo ISP", true);
        let secret = SharedSecret::new(SECRET);
        let nas = NasSpec {
            id: Uuid::from_u128(2).into(),
            partner: partner(),
            network: "127.0.0.1/32".parse().expect("a network"),
            name: "core-bng".into(),
            make: "mikrotik".into(),
            secret: secret.clone(),
            coa: CoaTarget { port: 3799, secret },
            message_authenticator: Require::Auto,
            message_authenticator_seen: false,
            guard: NasGuard::default(),
            identify: Identify::default(),
        };
        directory.nas_put(nas).expect("taken");
        let nas = directory.nas_by_source(key(1).source.ip()).expect("there");
        let mut room = [0; 256];
        let mut writer = RequestWriter::access(&mut room, 1, [7; 16]).expect("room");
        writer.text(kind::USER_NAME, "alice").expect("room");
        let request = writer.finish(&SharedSecret::new(SECRET)).to_vec();
        let asker = Asker {
            nas: nas.id,
            nas_name: "core-bng",
            partner: partner(),
            partner_name: "Demo ISP",
            source: key(1).source,
        };
        let said = Said {
            username: b"alice",
            ..Said::default()
        };
        let arrived = Now::read();
        let mut draft = Box::<crate::decision::Draft>::default();
        draft.begin(Uuid::from_u128(9).into(), arrived.unix_us, &asker, &said);
        let mut duplicates = Duplicates::new(10);
        duplicates.begin(key(1), &[7; 16], arrived.monotonic);
        let known = Known {
            octets: request.clone().into(),
            source: key(1).source,
            nas,
            signed: false,
            secret_age: SecretAge::Current,
            arrived,
            draft,
            key: key(1),
            authenticator: [7; 16],
        };
        Self {
            duplicates,
            mailbox: Arc::default(),
            way: Arc::default(),
            decisions: Arc::default(),
            counters: Arc::default(),
            known: Some(known),
            request,
        }
    }

    /// Sends it away.
    fn go(&mut self, handover: Handover) -> Result<(), Box<crate::decision::Draft>> {
        let known = self.known.take().expect("once");
        Leaving::new(handover, &self.mailbox, known).go(Arc::clone(&self.way) as _, Some(LOCAL))
    }

    /// What finishers are made of.
    fn kit(&self) -> FinisherKit {
        FinisherKit {
            decisions: Arc::clone(&self.decisions),
            sessions: Arc::default(),
            counters: Arc::clone(&self.counters),
            entropy: |octets| {
                octets.fill(1);
                true
            },
        }
    }
}

/// The partner.
fn partner() -> PartnerId {
    Uuid::from_u128(1).into()
}

#[test]
fn a_pool_answers_sends_from_the_asked_address_records_and_lets_duplicates_be_answered() {
    let mut both = Both::new();
    let pool = Arc::new(Pool::default());
    let (stop, kit) = (Arc::new(AtomicBool::new(false)), both.kit());
    let handover = pool.handover({
        let stop = Arc::clone(&stop);
        move |pending, finisher| {
            finisher.finish(pending, |_clerk, _asked| {
                (Answer::Reject(RejectReason::WrongPassword), None)
            });
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    both.go(handover).expect("taken");
    pool.run(&kit, &stop);

    let (reply, to, from) = both.way.0.lock().pop().expect("sent");
    assert_eq!((to, from), (key(1).source, Some(LOCAL)));
    let (request, view) = (
        View::parse(&both.request).expect("a packet"),
        View::parse(&reply).expect("a packet"),
    );
    assert_eq!(view.code(), Code::AccessReject);
    assert!(SharedSecret::new(SECRET).check_reply_authenticator(&view, request.authenticator()));
    both.mailbox.collect(&mut both.duplicates, &mut Vec::new());
    let seen = both.duplicates.seen(&key(1), &[7; 16], Instant::now());
    assert_eq!(seen, Seen::Answered(&reply));
    let recorded = both.decisions.recent(partner(), "alice");
    let outcome = Outcome::Rejected(RejectReason::WrongPassword);
    assert_eq!(
        recorded.iter().map(|one| one.outcome).collect::<Vec<_>>(),
        [outcome]
    );
    assert_eq!(both.counters.decisions(outcome), 1);
}

#[test]
fn a_reject_that_has_to_wait_is_left_to_its_worker_and_counts_as_in_progress_until_it_is_sent() {
    let mut both = Both::new();
    both.mailbox.hold_rejects();
    let mut finisher = both.kit().finisher();
    let handover: Handover = Box::new(move |pending| {
        finisher.finish(pending, |_clerk, _asked| {
            (Answer::Reject(RejectReason::WrongPassword), None)
        });
        Ok(())
    });
    both.go(handover).expect("taken");
    assert!(both.way.0.lock().is_empty(), "not sent");
    let mut held = Vec::new();
    both.mailbox.collect(&mut both.duplicates, &mut held);
    let seen = both.duplicates.seen(&key(1), &[7; 16], Instant::now());
    assert_eq!(seen, Seen::InProgress);
    let made = held.pop().expect("held");
    assert_eq!((made.to, made.from), (key(1).source, Some(LOCAL)));
    assert_eq!((made.key, made.authenticator), (key(1), [7; 16]));
    let reply = View::parse(&made.reply).expect("a packet");
    assert_eq!(reply.code(), Code::AccessReject);
    assert_eq!(both.mailbox.away(), 0);
}

#[test]
fn a_request_nobody_has_room_for_is_recorded_as_that_and_new_again() {
    let mut both = Both::new();
    let refused = both.go(Box::new(Err)).expect_err("no room");
    assert_eq!(
        refused.decision().expect("decodes").outcome,
        Outcome::Dropped(DropReason::Busy)
    );
    both.mailbox.collect(&mut both.duplicates, &mut Vec::new());
    assert_eq!(both.duplicates.seen(&key(1), &[7; 16], Instant::now()), Seen::New);
    assert!(both.way.0.lock().is_empty());
}

#[test]
fn a_pool_takes_no_more_than_its_queue_holds() {
    let pool = Arc::new(Pool::default());
    let mut taken = 0;
    loop {
        let mut both = Both::new();
        if both.go(pool.handover(|_pending, _finisher| {})).is_err() {
            break;
        }
        taken += 1;
    }
    assert_eq!(taken, pool::QUEUE_MAX);
}
