//! The pipeline as a function: octets in, octets and a decision out. Sockets are tested in `tests/it`.

mod eap;
mod hashed;
mod identity;
mod mschap;
mod nobody;
mod other;
mod overlap;
mod password;
mod quota;
mod rejects;
mod secret;
mod service;
mod signing;

use super::*;
use crate::counters::{Counters, Event};
use crate::decision::{Decision, Outcome, RejectReason};
use crate::directory::{
    CoaTarget, Credential, Identify, NasGuard, NasSpec, Plan, Require, ServiceState, SubscriberSpec,
};
use crate::id::{NasId, PartnerId, SubscriberId};
use radius::eap::{EapCode, EapView};
use radius::{RequestWriter, SharedSecret};
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// The secret of the NAS.
const SECRET: &[u8] = b"the secret of core-bng";
/// The password of alice.
const PASSWORD: &str = "correct horse";
/// Octets of a Session-Timeout of one hour.
const TIMEOUT_HOUR: [u8; 6] = [kind::SESSION_TIMEOUT, 6, 0, 0, 0x0e, 0x10];

/// A pipeline with one partner, one NAS and alice, a clock that stands still until it is moved, and counters.
struct Desk {
    directory: Arc<Directory>,
    conversations: Arc<Conversations>,
    counters: Arc<Counters>,
    pipeline: Authenticator,
    now: Now,
    out: Vec<u8>,
}

/// What the pipeline made of a request.
struct Answered {
    reply: Option<Vec<u8>>,
    decision: Option<Decision>,
}

impl Desk {
    fn new() -> Self {
        Self::with(|_nas, _subscriber| {})
    }

    /// A desk whose NAS and subscriber are changed before they go in.
    fn with(change: impl FnOnce(&mut NasSpec, &mut SubscriberSpec)) -> Self {
        let directory = Arc::new(Directory::new());
        directory.partner_put(partner(), "Demo ISP", true);
        let (mut nas, mut subscriber) = (nas(), alice());
        change(&mut nas, &mut subscriber);
        directory.nas_put(nas).expect("taken");
        directory.subscriber_put(partner(), subscriber).expect("taken");
        let (counters, conversations) = (Arc::new(Counters::default()), Arc::new(Conversations::default()));
        let pipeline = Authenticator::new(
            Arc::clone(&directory),
            Arc::default(),
            Arc::clone(&conversations),
            Arc::default(),
            counters.lane(),
            counting_entropy,
        );
        let now = Now {
            monotonic: std::time::Instant::now(),
            unix_us: 1_700_000_000_000_000,
        };
        Self {
            directory,
            conversations,
            counters,
            pipeline,
            now,
            out: vec![0; radius::PACKET_LEN_MAX],
        }
    }

    /// Sends a datagram from the NAS.
    fn ask(&mut self, datagram: &[u8]) -> Answered {
        let source = "127.0.0.1:40000".parse().expect("an address");
        let verdict = self.pipeline.handle(datagram, source, self.now, &mut self.out);
        Answered {
            reply: verdict.reply.map(<[u8]>::to_vec),
            decision: verdict.decision.map(|draft| draft.decision().expect("decodes")),
        }
    }

    /// Asserts how a request ends and what its last step but one found.
    #[track_caller]
    fn check(&mut self, datagram: &[u8], outcome: Outcome, words: &str) -> Decision {
        let decision = self.ask(datagram).decision.expect("a decision");
        assert_eq!(decision.outcome, outcome, "{decision:#?}");
        let explained: Vec<_> = decision.steps.iter().map(|step| step.found.words()).collect();
        assert!(
            explained.iter().any(|found| found == words),
            "{words:?} is not in {explained:#?}"
        );
        decision
    }
}

impl Answered {
    /// The reply, verified with the secret of the NAS.
    #[track_caller]
    fn verified(&self, request: &[u8]) -> View<'_> {
        let reply = View::parse(self.reply.as_deref().expect("a reply")).expect("a packet");
        let request = View::parse(request).expect("a packet");
        let secret = SharedSecret::new(SECRET);
        assert!(secret.check_reply_authenticator(&reply, request.authenticator()));
        let signature = secret.check_message_authenticator(&reply, Some(request.authenticator()));
        assert_eq!(signature, MessageAuthenticator::Valid);
        let first = reply.attributes().next().expect("an attribute");
        assert_eq!(first.kind, kind::MESSAGE_AUTHENTICATOR, "it stands first");
        reply
    }
}

/// Different octets at every call, without randomness.
fn counting_entropy(octets: &mut [u8]) -> bool {
    use std::sync::atomic::AtomicU8;
    static NEXT: AtomicU8 = AtomicU8::new(1);
    octets.fill(NEXT.fetch_add(1, Ordering::Relaxed));
    true
}

/// A system without randomness.
fn no_entropy(_octets: &mut [u8]) -> bool {
    false
}

fn partner() -> PartnerId {
    Uuid::from_u128(1).into()
}

fn nas() -> NasSpec {
    NasSpec {
        id: NasId::from_uuid(Uuid::from_u128(2)),
        partner: partner(),
        network: "127.0.0.1/32".parse().expect("a network"),
        name: "core-bng".into(),
        make: "mikrotik".into(),
        secret: SharedSecret::new(SECRET),
        coa: CoaTarget {
            port: 3799,
            secret: SharedSecret::new(SECRET),
        },
        message_authenticator: Require::Auto,
        message_authenticator_seen: false,
        guard: NasGuard::default(),
        identify: Identify::default(),
    }
}

fn alice() -> SubscriberSpec {
    SubscriberSpec {
        id: SubscriberId::from_uuid(Uuid::from_u128(3)),
        username: "alice@demo".into(),
        state: ServiceState::Active,
        expires_at_unix_s: None,
        credential: Credential::Clear(PASSWORD.into()),
        plan: Arc::new(Plan::new(
            "home-100",
            TIMEOUT_HOUR.into(),
            Some(100_000_000),
            Some(20_000_000),
        )),
        reply: Box::default(),
    }
}

/// An Access-Request being built: identifier, authenticator, attributes and how to finish it.
struct Ask {
    identifier: u8,
    secret: &'static [u8],
    signed: bool,
}

/// An unsigned request.
fn plain(identifier: u8) -> Ask {
    Ask {
        identifier,
        secret: SECRET,
        signed: false,
    }
}

/// A signed request.
fn signed(identifier: u8) -> Ask {
    Ask {
        signed: true,
        ..plain(identifier)
    }
}

impl Ask {
    fn build(self, fill: impl FnOnce(&mut RequestWriter<'_>, &SharedSecret)) -> Vec<u8> {
        let mut octets = vec![0; radius::PACKET_LEN_MAX];
        let secret = SharedSecret::new(self.secret);
        let authenticator = [self.identifier; 16];
        let mut writer = RequestWriter::access(&mut octets, self.identifier, authenticator).expect("room");
        if self.signed {
            writer.reserve_message_authenticator().expect("room");
        }
        fill(&mut writer, &secret);
        writer.finish(&secret).to_vec()
    }

    fn pap(self, username: &str, password: &str) -> Vec<u8> {
        self.build(|writer, secret| {
            writer.text(kind::USER_NAME, username).expect("room");
            writer.password(password.as_bytes(), secret).expect("room");
        })
    }

    fn eap(self, eap: &[u8], state: Option<&[u8]>) -> Vec<u8> {
        self.build(|writer, _secret| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.long(kind::EAP_MESSAGE, eap).expect("room");
            if let Some(state) = state {
                writer.attribute(kind::STATE, state).expect("room");
            }
        })
    }
}

/// The EAP identity response of alice.
fn identity(identifier: u8) -> Vec<u8> {
    let mut eap = Vec::new();
    radius::eap::write_response(identifier, 1, &[b"alice@demo"], &mut eap);
    eap
}

/// The EAP packet in a reply.
fn eap_of(reply: &View<'_>) -> Vec<u8> {
    let mut eap = Vec::new();
    reply.concat(kind::EAP_MESSAGE, &mut eap);
    eap
}

/// MD5 over identifier, password and challenge, as a CHAP or EAP-MD5 peer computes it (RFC 1994 section 4.1).
fn digest(identifier: u8, password: &str, challenge: &[u8]) -> [u8; 16] {
    use ::md5::{Digest, Md5};
    Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// The response of a peer with this password to a challenge.
fn md5_response(challenge: &[u8], password: &str) -> Vec<u8> {
    let asked = EapView::parse(challenge).expect("an EAP packet");
    let answer = digest(asked.identifier(), password, &asked.data()[1..17]);
    let mut response = Vec::new();
    radius::eap::write_response(asked.identifier(), 4, &[&[16], &answer], &mut response);
    response
}
