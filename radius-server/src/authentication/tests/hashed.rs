//! Passwords of which only a hash is stored: which methods can use it, what goes away to be compared, what is remembered.

use super::*;
use crate::decision::{Decisions, Finding, Found};
use crate::directory::RejectRules;
use crate::later::{FinisherKit, Pool, Way};
use crate::password_hash::PasswordHash;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;

/// A way back that keeps what goes it.
#[derive(Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Way for Kept {
    fn send(&self, octets: &[u8], _to: SocketAddr, _from: Option<IpAddr>) -> bool {
        self.0.lock().push(octets.to_vec());
        true
    }
}

/// A desk with somebody behind it who takes his time.
struct SlowDesk {
    desk: Desk,
    pool: Arc<Pool>,
    way: Arc<Kept>,
}

impl SlowDesk {
    /// Alice has this hash.
    fn new(hash: &PasswordHash) -> Self {
        let mut desk = Desk::with(|_, alice| alice.credential = Credential::Hash(hash.clone()));
        let pool: Arc<Pool> = Arc::default();
        let hashed = Arc::new(Hashed::new(Arc::clone(&pool), counting_entropy));
        desk.pipeline = Authenticator::new(
            Arc::clone(&desk.directory),
            Arc::default(),
            Arc::clone(&desk.conversations),
            Arc::default(),
            desk.counters.lane(),
            counting_entropy,
        )
        .with_hashed(hashed);
        Self {
            desk,
            pool,
            way: Arc::default(),
        }
    }

    /// Sends a datagram; true when it went away to be answered later.
    fn goes_away(&mut self, datagram: &[u8]) -> bool {
        let source = "127.0.0.1:40000".parse().expect("an address");
        let now = Now {
            monotonic: std::time::Instant::now(),
            ..self.desk.now
        };
        let verdict = self
            .desk
            .pipeline
            .handle(datagram, source, now, &mut self.desk.out);
        match verdict.later {
            Some(leaving) => {
                let way: Arc<dyn Way> = Arc::clone(&self.way) as _;
                leaving.go(way, None).expect("room");
                true
            }
            None => false,
        }
    }

    /// Answers what went away, and gives the reply and the words of its decision.
    fn answer(&self, request: &[u8]) -> (Code, Vec<String>) {
        let decisions: Arc<Decisions> = Arc::new(Decisions::new(1 << 20));
        let kit = FinisherKit {
            decisions: Arc::clone(&decisions),
            sessions: Arc::default(),
            counters: Arc::clone(&self.desk.counters),
            entropy: counting_entropy,
        };
        let (stop, pool) = (AtomicBool::new(false), &self.pool);
        std::thread::scope(|scope| {
            scope.spawn(|| pool.run(&kit, &stop));
            while self.way.0.lock().is_empty() || decisions.recent(partner(), "alice@demo").is_empty() {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let reply = self.way.0.lock().pop().expect("a reply");
        let answered = Answered {
            reply: Some(reply),
            decision: None,
        };
        let decision = decisions
            .recent(partner(), "alice@demo")
            .first()
            .cloned()
            .expect("a decision");
        let words = decision.steps.iter().map(|step| step.found.words()).collect();
        (answered.verified(request).code(), words)
    }
}

/// A hash that is quick to make and slow by name.
fn argon2id() -> PasswordHash {
    PasswordHash::argon2id(PASSWORD.as_bytes()).expect("random octets")
}

#[test]
fn a_slow_hash_is_compared_elsewhere_once_and_remembered() {
    let mut desk = SlowDesk::new(&argon2id());
    let request = plain(1).pap("alice@demo", PASSWORD);
    assert!(desk.goes_away(&request));
    let (code, words) = desk.answer(&request);
    assert_eq!(code, Code::AccessAccept);
    assert!(
        words.contains(&"the password is the one stored as Argon2id".to_owned()),
        "{words:#?}"
    );
    desk.desk.check(
        &plain(2).pap("alice@demo", PASSWORD),
        Outcome::Accepted,
        "the password is the one stored as Argon2id, as remembered from an earlier login",
    );
    assert!(
        desk.goes_away(&plain(3).pap("alice@demo", "wrong horse")),
        "a wrong one is not known"
    );
}

#[test]
fn a_wrong_password_is_refused_and_not_remembered() {
    let mut desk = SlowDesk::new(&argon2id());
    let request = plain(1).pap("alice@demo", "wrong horse");
    assert!(desk.goes_away(&request));
    let (code, words) = desk.answer(&request);
    assert_eq!(code, Code::AccessReject);
    assert!(
        words.contains(&"the password differs from the one stored as Argon2id".to_owned()),
        "{words:#?}"
    );
    assert!(desk.goes_away(&plain(2).pap("alice@demo", "wrong horse")));
}

#[test]
fn a_changed_hash_forgets_the_password_before() {
    let mut desk = SlowDesk::new(&argon2id());
    let request = plain(1).pap("alice@demo", PASSWORD);
    assert!(desk.goes_away(&request));
    assert_eq!(desk.answer(&request).0, Code::AccessAccept);
    let other = SubscriberSpec {
        credential: Credential::Hash(PasswordHash::argon2id(b"new words").expect("random octets")),
        ..alice()
    };
    desk.desk
        .directory
        .subscriber_put(partner(), other)
        .expect("taken");
    assert!(desk.goes_away(&plain(2).pap("alice@demo", PASSWORD)));
}

#[test]
fn a_digest_is_compared_at_once() {
    let hash = PasswordHash::parse("{SSHA}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=").expect("a hash");
    let mut desk = SlowDesk::new(&hash);
    desk.desk.check(
        &plain(1).pap("alice@demo", "open sesame"),
        Outcome::Accepted,
        "the password is the one stored as a salted SHA-1 digest",
    );
    desk.desk.check(
        &plain(2).pap("alice@demo", "open sesamf"),
        Outcome::Rejected(RejectReason::WrongPassword),
        "the password differs from the one stored as a salted SHA-1 digest",
    );
}

#[test]
fn chap_mschap_and_eap_md5_say_that_they_need_the_password_itself() {
    let mut desk = SlowDesk::new(&argon2id());
    let unfit = Outcome::Rejected(RejectReason::CredentialUnfit);
    let chap = plain(1).build(|writer, _| {
        writer.text(kind::USER_NAME, "alice@demo").expect("room");
        writer.attribute(kind::CHAP_PASSWORD, &[7; 17]).expect("room");
    });
    desk.desk.check(
        &chap,
        unfit,
        "CHAP needs a reversible password; this one is stored as Argon2id",
    );
    let mschap = plain(2).build(|writer, _| {
        writer.text(kind::USER_NAME, "alice@demo").expect("room");
        writer.vendor(311, 25, &[7; 50]).expect("room");
    });
    desk.desk.check(
        &mschap,
        unfit,
        "MS-CHAP needs a reversible password; this one is stored as Argon2id",
    );
    desk.desk.check(
        &signed(3).eap(&identity(9), None),
        unfit,
        "EAP-MD5 needs a reversible password; this one is stored as Argon2id",
    );
}

#[test]
fn who_was_rejected_elsewhere_is_held_off_here() {
    let mut desk = SlowDesk::new(&argon2id());
    desk.desk.directory.rejects().set_rules(RejectRules {
        rejects: 1,
        window_s: 60,
        hold_s: 30,
    });
    let request = plain(1).pap("alice@demo", "wrong horse");
    assert!(desk.goes_away(&request));
    assert_eq!(desk.answer(&request).0, Code::AccessReject);
    let words = "not looked at: too many rejects of this name from this station; attempt 1 since, the next is looked at in \
                 30 s or once the subscriber is changed";
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    desk.desk
        .check(&plain(2).pap("alice@demo", PASSWORD), wrong, words);
}

#[test]
fn a_hash_goes_nowhere_for_an_empty_or_garbled_password() {
    let mut desk = SlowDesk::new(&argon2id());
    desk.desk.check(
        &plain(1).pap("alice@demo", ""),
        Outcome::Rejected(RejectReason::WrongPassword),
        "PAP: the password differs from the stored one",
    );
    let garbled = Ask {
        secret: b"some other secret",
        ..plain(2)
    }
    .pap("alice@demo", PASSWORD);
    let decision = desk.desk.ask(&garbled).decision.expect("a decision");
    assert_eq!(
        decision.outcome,
        Outcome::Dropped(crate::decision::DropReason::SecretDiffers)
    );
}

#[test]
fn every_kind_of_hash_has_its_words() {
    for hash in crate::password_hash::HashKind::ALL {
        let found: Finding<'static> = Found::HashMismatch { hash };
        assert!(found.words().contains(hash.words()));
    }
}
