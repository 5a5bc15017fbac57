//! Accounting as a function, on a real journal in a directory of its own. Sockets are tested in `tests/it`.

use super::*;
use crate::counters::{Counters, JournalState};
use crate::directory::{CoaTarget, Identify, NasGuard, NasSpec, Require};
use crate::duplicates::DUPLICATE_WINDOW;
use crate::journal::{Options, Reader, Writer};
use crate::sessions::Sessions;
use parking_lot::Mutex;
use radius::{RequestWriter, SharedSecret};
use uuid::Uuid;

/// The secret of the NAS.
const SECRET: &[u8] = b"the secret of core-bng";
/// A journal that takes some dozens of records.
const TINY: Options = Options {
    segment_len: 4_096,
    zeros: true,
    backlog_max: 10_000,
    keep: std::time::Duration::ZERO,
    keep_max: 0,
    seq_floor: Some(1),
};

/// An accounting pipeline with one NAS, a journal and a session table.
struct Desk {
    accountant: Accountant,
    ledger: Ledger,
    reader: Reader,
    counters: Arc<Counters>,
    now: Now,
    _dir: tempfile::TempDir,
}

impl Desk {
    fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (writer, _report) = Writer::open(dir.path(), options).expect("a journal");
        let directory = Arc::new(Directory::new());
        directory.partner_put(Uuid::from_u128(1).into(), "Demo ISP", true);
        let secret = SharedSecret::new(SECRET);
        let nas = NasSpec {
            id: Uuid::from_u128(2).into(),
            partner: Uuid::from_u128(1).into(),
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
        let counters = Arc::new(Counters::default());
        let accountant = Accountant::new(directory, Arc::default(), counters.lane());
        let reader = writer.reader();
        let journal = Arc::new(Mutex::new(writer));
        let ledger = Ledger {
            journal,
            sessions: Arc::new(Sessions::new()),
            counters: Arc::clone(&counters),
        };
        let now = Now {
            monotonic: std::time::Instant::now(),
            unix_us: 1_700_000_000_000_000,
        };
        Self {
            accountant,
            ledger,
            reader,
            counters,
            now,
            _dir: dir,
        }
    }

    /// Takes a datagram in; true when it waits, and the reply when there is one at once.
    fn take_in(&mut self, datagram: &[u8]) -> (bool, Option<Vec<u8>>) {
        let source: SocketAddr = "127.0.0.1:40000".parse().expect("an address");
        match self
            .accountant
            .take_in(datagram, source, self.now, &mut [0; 4_096])
        {
            Intake::Ignored => (false, None),
            Intake::Waiting => (true, None),
            Intake::Reply(reply) => (false, Some(reply.to_vec())),
        }
    }

    /// Settles, and gives back what was sent.
    fn settle(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        let mut send = |_to: Origin, reply: &[u8]| sent.push(reply.to_vec());
        self.accountant
            .settle(&self.ledger, self.now, &mut [0; 4_096], &mut send);
        sent
    }

    /// Records the journal holds.
    fn records(&self) -> usize {
        self.reader
            .read_from(0, 100_000, usize::MAX)
            .expect("readable")
            .len()
    }
}

/// A Start of a session.
fn start(identifier: u8, session: &str, signed: bool, secret: &[u8]) -> Vec<u8> {
    let mut octets = [0; 512];
    let secret = SharedSecret::new(secret);
    let mut writer = RequestWriter::signed(&mut octets, Code::AccountingRequest, identifier).expect("room");
    if signed {
        writer.reserve_message_authenticator().expect("room");
    }
    writer.u32(kind::ACCT_STATUS_TYPE, 1).expect("room");
    writer.text(kind::ACCT_SESSION_ID, session).expect("room");
    writer
        .attribute(kind::PROXY_STATE, b"through here")
        .expect("room");
    writer.finish(&secret).to_vec()
}

#[test]
fn nothing_is_answered_or_counted_as_online_before_it_is_durable() {
    let mut desk = Desk::new(Options::default());
    let request = start(1, "s1", false, SECRET);
    assert_eq!(desk.take_in(&request), (true, None));
    assert_eq!((desk.records(), desk.ledger.sessions.count()), (0, 0));
    let sent = desk.settle();
    assert_eq!((desk.records(), desk.ledger.sessions.count()), (1, 1));
    let (reply, asked) = (
        View::parse(&sent[0]).expect("a packet"),
        View::parse(&request).expect("a packet"),
    );
    assert_eq!((reply.code(), reply.identifier()), (Code::AccountingResponse, 1));
    assert!(SharedSecret::new(SECRET).check_reply_authenticator(&reply, asked.authenticator()));
    assert_eq!(reply.first(kind::PROXY_STATE), Some(&b"through here"[..]));
    assert_eq!(reply.first(kind::MESSAGE_AUTHENTICATOR), None);
}

#[test]
fn a_signed_request_gets_a_signed_response() {
    let mut desk = Desk::new(Options::default());
    let request = start(1, "s1", true, SECRET);
    desk.take_in(&request);
    let sent = desk.settle();
    let (reply, asked) = (
        View::parse(&sent[0]).expect("a packet"),
        View::parse(&request).expect("a packet"),
    );
    let signature =
        SharedSecret::new(SECRET).check_message_authenticator(&reply, Some(asked.authenticator()));
    assert_eq!(signature, MessageAuthenticator::Valid);
}

#[test]
fn a_retransmission_is_recorded_once_while_it_waits_and_after() {
    let mut desk = Desk::new(Options::default());
    let request = start(1, "s1", false, SECRET);
    desk.take_in(&request);
    assert_eq!(desk.take_in(&request), (false, None));
    let sent = desk.settle();
    assert_eq!(sent.len(), 1);
    assert_eq!(desk.take_in(&request), (false, Some(sent[0].clone())));
    assert_eq!(desk.settle().len(), 0);
    assert_eq!(desk.records(), 1);
    assert_eq!(desk.counters.get(Event::AccountingDuplicate), 2);
}

#[test]
fn another_secret_is_not_recorded() {
    let mut desk = Desk::new(Options::default());
    assert_eq!(
        desk.take_in(&start(1, "s1", false, b"another secret")),
        (false, None)
    );
    assert_eq!(desk.counters.get(Event::AccountingSecretDiffers), 1);
}

#[test]
fn a_request_without_status_type_is_counted_and_not_recorded() {
    let mut desk = Desk::new(Options::default());
    let mut octets = [0; 64];
    let writer = RequestWriter::signed(&mut octets, Code::AccountingRequest, 1).expect("room");
    let request = writer.finish(&SharedSecret::new(SECRET)).to_vec();
    assert_eq!(desk.take_in(&request), (false, None));
    assert_eq!(desk.counters.get(Event::AccountingNoStatusType), 1);
}

#[test]
fn a_full_journal_leaves_the_rest_unanswered_and_takes_them_when_there_is_room() {
    let mut desk = Desk::new(TINY);
    let requests: Vec<_> = (0..200)
        .map(|n| start(n, &format!("s{n}"), false, SECRET))
        .collect();
    for request in &requests {
        assert!(desk.take_in(request).0);
    }
    let answered = desk.settle().len();
    assert!(answered > 0 && answered < 200, "{answered}");
    assert_eq!(
        (desk.records(), desk.ledger.sessions.count()),
        (answered, answered)
    );
    assert_eq!(
        desk.counters.get(Event::AccountingNotDurable),
        200 - answered as u64
    );
    let JournalState::Stopped { why, .. } = desk.counters.accounting_journal() else {
        panic!("it is stopped")
    };
    assert!(
        why.contains("octets wait to be drained into the database"),
        "{why}"
    );

    // They are held, unanswered and counted once, as often as they are tried in vain.
    assert_eq!(desk.accountant.waiting(), 200 - answered);
    assert_eq!(
        (desk.settle().len(), desk.accountant.waiting()),
        (0, 200 - answered)
    );
    assert_eq!(
        desk.counters.get(Event::AccountingNotDurable),
        200 - answered as u64
    );

    // There is room again: all are answered, however long it took and without being sent again; whoever sends one again
    // all the same gets its answer and makes no second record.
    desk.ledger.journal = Arc::new(Mutex::new(fresh(&desk)));
    desk.now.monotonic += 10 * DUPLICATE_WINDOW;
    let sent = desk.settle();
    assert_eq!((sent.len(), desk.accountant.waiting()), (200 - answered, 0));
    assert_eq!(desk.counters.accounting_journal(), JournalState::Writing);
    assert_eq!(desk.take_in(&requests[199]), (false, sent.last().cloned()));
    assert_eq!(desk.ledger.sessions.count(), 200);
}

#[test]
fn what_no_journal_ever_takes_is_given_up() {
    let mut desk = Desk::new(TINY);
    let mut octets = [0; 4_096];
    let mut writer = RequestWriter::signed(&mut octets, Code::AccountingRequest, 1).expect("room");
    writer.u32(kind::ACCT_STATUS_TYPE, 1).expect("room");
    while writer.attribute(kind::CLASS, &[7; 253]).is_ok() {}
    let request = writer.finish(&SharedSecret::new(SECRET)).to_vec();
    assert!(desk.take_in(&request).0 && desk.take_in(&start(2, "s2", false, SECRET)).0);
    assert_eq!((desk.settle().len(), desk.accountant.waiting()), (1, 0));
    assert_eq!(desk.counters.get(Event::AccountingNotDurable), 1);
    assert!(desk.take_in(&request).0, "its retransmission is a new request");
}

/// A journal with room, in another directory.
fn fresh(desk: &Desk) -> Writer {
    let dir = desk._dir.path().join("fresh");
    Writer::open(&dir, Options::default()).expect("a journal").0
}

#[test]
fn a_batch_larger_than_a_segment_is_settled_in_parts() {
    let mut desk = Desk::new(Options {
        segment_len: 4_096,
        backlog_max: u64::MAX,
        ..TINY
    });
    for n in 0..100 {
        assert!(desk.take_in(&start(n, &format!("s{n}"), false, SECRET)).0);
    }
    assert_eq!(desk.settle().len(), 100);
    assert_eq!((desk.records(), desk.ledger.sessions.count()), (100, 100));
    assert!(desk.counters.get(Event::AccountingCommit) > 1);
}

#[test]
fn what_is_abandoned_is_new_when_it_comes_again() {
    let mut desk = Desk::new(Options::default());
    let request = start(1, "s1", false, SECRET);
    desk.take_in(&request);
    desk.accountant.abandon();
    assert_eq!(desk.accountant.waiting(), 0);
    assert!(desk.take_in(&request).0);
}
