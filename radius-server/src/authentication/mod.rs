//! An Access-Request becomes a reply and a decision; a Status-Server becomes a reply. No socket, no clock, no lock held
//! across a step: octets and `now` come in, octets and what was found go out.
//!
//! In order: duplicates, then `deciding` walks the steps: `signature` (must it be signed, is it?),
//! `identification` (who is it about?), `credential`, `mschap` and `eap` (is it he?), `admission` (may he?); `answering` writes what `reply` knows (what does he get?).
//! Each step notes what it found in the decision.

mod admission;
mod answering;
mod conversations;
mod credential;
mod deciding;
mod eap;
mod hashed;
mod identification;
mod mschap;
mod number;
pub(crate) mod realm;
mod reply;
mod signature;
mod simulation;
#[cfg(test)]
mod tests;

pub(crate) use admission::{admit, central, garden_asked, in_garden, served};
pub(crate) use answering::Clerk;
pub use conversations::{
    CONVERSATION_ROUNDS_MAX, CONVERSATION_TIME_MAX, CONVERSATION_WAIT, CONVERSATIONS_MAX, Conversations,
    TUNNELS_MAX,
};
pub(crate) use eap::EapServer;
pub use eap::{
    EapError, EapMethod, EapOptions, FRAGMENT_OCTETS, FRAGMENT_OCTETS_MAX, FRAGMENT_OCTETS_MIN, METHODS,
    TlsMin,
};
pub use hashed::{Hashed, REMEMBERED_MAX};
pub(crate) use identification::subscriber_of;
pub use simulation::{Question, Simulated, SimulationError, simulate};

use crate::admission::Admitted;
use crate::authorization::garden::GardenReason;
use crate::clock::Now;
use crate::counters::Lane;
use crate::decision::{Asker, Draft, DropReason, RejectReason, Said};
use crate::directory::{Directory, Nas, SecretAge, Subscriber};
use crate::duplicates::{DUPLICATES_MAX, Duplicates, Key, Seen};
use crate::gate::Gate;
use crate::later::{Handover, HeldReject, Known, Leaving, Mailbox};
use crate::overlap;
use crate::proxy::Desk;
use crate::sessions::Sessions;
use crate::unknown::{PortKind, UnknownSources};
use conversations::State;
use credential::Proven;
use number::DecisionNumbers;
use radius::{Code, HEADER_LEN, MessageAuthenticator, SharedSecret, View, kind};
use std::net::SocketAddr;
use std::sync::Arc;

/// Fills a slice with unguessable octets; false when the system has none to give.
pub type Entropy = fn(&mut [u8]) -> bool;

/// What became of a datagram.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The octets to send back to where it came from; `None`: nothing.
    pub reply: Option<&'a [u8]>,
    /// What was decided, when something was: not for duplicates, strangers and what is no Access-Request. The one who
    /// measured the time fills in `duration_us`.
    pub decision: Option<&'a mut Draft>,
    /// The request, when its answer comes later: to be sent on its way at once. Neither reply nor decision is there then.
    pub later: Option<Leaving>,
    /// When the reply is an Access-Reject that is not to be sent at once: what the pipeline is to be told of when it
    /// is. Until then the request counts as one that is being worked on.
    pub held: Option<Key>,
}

impl Verdict<'_> {
    /// Nothing to send, nothing to record.
    const NOTHING: Self = Self {
        reply: None,
        decision: None,
        later: None,
        held: None,
    };
}

/// The authentication pipeline of one worker.
pub struct Authenticator {
    /// Whose datagram is it?
    gate: Gate,
    /// What it answered in the last seconds.
    duplicates: Duplicates,
    /// What became of the requests that were answered later.
    mailbox: Arc<Mailbox>,
    /// EAP conversations, shared with the other workers.
    conversations: Arc<Conversations>,
    /// Passwords that only a hash is stored of; shared with the other workers.
    hashed: Arc<Hashed>,
    /// Who is online: a login in the middle of a session is the session's own.
    sessions: Arc<Sessions>,
    /// Ids for decisions.
    numbers: DecisionNumbers,
    /// Who keeps requests that home servers decide.
    desk: Arc<Desk>,
    /// Where challenges come from.
    entropy: Entropy,
    /// The decision being made; filled again for each request.
    draft: Box<Draft>,
    /// The EAP packet being read; filled again for each request.
    eap: Vec<u8>,
    /// Whether the decision being made is one of many alike that are not recorded.
    unrecorded: bool,
    /// Whether Access-Rejects are not sent at once.
    holds_rejects: bool,
    /// Access-Rejects that were made elsewhere and are to be sent by this worker when their time has come.
    held: Vec<HeldReject>,
}

/// A request with all that is known about it before anybody is looked up.
pub(crate) struct Asked<'d> {
    /// Who asks.
    pub(crate) nas: Arc<Nas>,
    /// What is asked.
    pub(crate) request: View<'d>,
    /// When.
    pub(crate) now: Now,
    /// Whether the request is signed with our secret.
    pub(crate) signed: bool,
    /// Which of the NAS's secrets it was made with.
    pub(crate) secret_age: SecretAge,
}

impl Asked<'_> {
    /// The secret that the request was made with, and with which its reply is.
    pub(crate) fn secret(&self) -> &SharedSecret {
        self.nas.secret_of(self.secret_age)
    }
}

/// What to send.
pub(crate) enum Answer {
    /// Access-Accept for this subscriber, who proved himself this way, and the place he holds if places are counted.
    Accept(Arc<Subscriber>, Proven, Option<Box<Admitted>>),
    /// Access-Accept into the walled garden, for this reason.
    Garden(Arc<Subscriber>, Proven, GardenReason),
    /// Access-Reject.
    Reject(RejectReason),
    /// Access-Challenge.
    Challenge {
        /// Names the conversation, when there is one.
        state: Option<State>,
        /// The EAP packet that asks.
        request: Vec<u8>,
    },
    /// Nothing.
    Drop(DropReason),
    /// Whatever the one says who takes the request now.
    Later(Handover),
}

impl Authenticator {
    /// A pipeline that reads this directory and counts in this lane.
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        unknown: Arc<UnknownSources>,
        conversations: Arc<Conversations>,
        sessions: Arc<Sessions>,
        lane: Arc<Lane>,
        entropy: Entropy,
    ) -> Self {
        directory.gate().watch(&sessions);
        let mut seed = [0; 8];
        // Without randomness ids still differ in time; `begin` refuses to challenge.
        let _seeded = entropy(&mut seed);
        Self {
            gate: Gate::new(directory, unknown, lane, PortKind::Auth),
            duplicates: Duplicates::new(DUPLICATES_MAX),
            mailbox: Arc::default(),
            conversations,
            hashed: Arc::new(Hashed::new(Arc::default(), entropy)),
            sessions,
            numbers: DecisionNumbers::new(u64::from_be_bytes(seed)),
            desk: Arc::default(),
            entropy,
            draft: Box::default(),
            eap: Vec::new(),
            unrecorded: false,
            holds_rejects: false,
            held: Vec::new(),
        }
    }

    /// The same, with somebody who serves this desk; without, requests that home servers decide wait there in vain.
    #[must_use]
    pub fn with_desk(mut self, desk: Arc<Desk>) -> Self {
        self.desk = desk;
        self
    }

    /// The same, sharing with others what it remembers of passwords that only a hash is stored of, and who compares them.
    #[must_use]
    pub fn with_hashed(self, hashed: Arc<Hashed>) -> Self {
        Self { hashed, ..self }
    }

    /// Whether a datagram may wait its turn when there is more to do than can be done: an Access-Request of a NAS. Anything
    /// else is to be handled at once, because it costs little; a NAS whose Status-Server waits takes us for dead.
    #[must_use]
    pub fn may_wait(&self, datagram: &[u8], source: SocketAddr) -> bool {
        datagram.len() >= HEADER_LEN && datagram[0] == Code::AccessRequest as u8 && self.gate.knows(source)
    }

    /// Handles one datagram; a reply is written to the beginning of `out`, which should have room for [`radius::PACKET_LEN_MAX`] octets.
    pub fn handle<'a>(
        &'a mut self,
        datagram: &[u8],
        source: SocketAddr,
        now: Now,
        out: &'a mut [u8],
    ) -> Verdict<'a> {
        self.collect();
        let Some((nas, request)) = self.gate.admit(datagram, source, now) else {
            return Verdict::NOTHING;
        };
        self.request(nas, request, source, now, out)
    }

    /// The same for a packet of a NAS that is known by something else than its address: by its certificate.
    pub(crate) fn handle_from<'a>(
        &'a mut self,
        nas: Arc<Nas>,
        datagram: &[u8],
        source: SocketAddr,
        now: Now,
        out: &'a mut [u8],
    ) -> Verdict<'a> {
        match self.gate.open(&nas, datagram, now) {
            Some(request) => self.request(nas, request, source, now, out),
            None => Verdict::NOTHING,
        }
    }

    /// Handles a packet of a NAS.
    fn request<'a>(
        &'a mut self,
        nas: Arc<Nas>,
        request: View<'_>,
        source: SocketAddr,
        now: Now,
        out: &'a mut [u8],
    ) -> Verdict<'a> {
        match request.code() {
            Code::AccessRequest => self.access_request(nas, request, source, now, out),
            Code::StatusServer => Verdict {
                reply: self.gate.status_server(&nas, &request, now, out),
                ..Verdict::NOTHING
            },
            _ => {
                self.gate.lane.add(self.gate.events().wrong_code);
                Verdict::NOTHING
            }
        }
    }

    /// Handles an Access-Request: the same octets again for one seen before, a decision for a new one.
    fn access_request<'a>(
        &'a mut self,
        nas: Arc<Nas>,
        request: View<'_>,
        source: SocketAddr,
        now: Now,
        out: &'a mut [u8],
    ) -> Verdict<'a> {
        let (signature, secret_age) = overlap::signature(&nas, &request, now);
        let key = Key {
            source,
            identifier: request.identifier(),
        };
        match self.duplicates.seen(&key, request.authenticator(), now.monotonic) {
            Seen::New => {}
            // Its answer comes later, and by itself.
            Seen::InProgress => {
                self.gate.lane.add(self.gate.events().duplicate);
                return Verdict::NOTHING;
            }
            Seen::Answered(known) => {
                self.gate.lane.add(self.gate.events().duplicate);
                return Verdict {
                    reply: repeat(known, out),
                    ..Verdict::NOTHING
                };
            }
        }
        self.duplicates.begin(key, request.authenticator(), now.monotonic);
        let signed = signature == MessageAuthenticator::Valid;
        let asked = Asked {
            nas,
            request,
            now,
            signed,
            secret_age,
        };
        self.begin_draft(&asked, source);

        let answer = match self.decide(&asked, signature) {
            Answer::Later(handover) => return self.part(&asked, source, key, handover),
            answer => answer,
        };
        let eap = eap_identifier(&self.eap);
        let mut clerk = Clerk {
            draft: &mut self.draft,
            sessions: &self.sessions,
            lane: &self.gate.lane,
            entropy: self.entropy,
        };
        let reply = clerk.write(&asked, answer, eap, out);
        let held = self.holds_rejects && reply.is_some_and(is_reject);
        if !held {
            self.duplicates.answer(&key, reply.unwrap_or_default());
        }
        self.gate.lane.decided(self.draft.outcome);
        Verdict {
            reply,
            decision: (!self.unrecorded).then_some(&mut self.draft),
            later: None,
            held: held.then_some(key),
        }
    }

    /// Gives a request all it needs to be answered by somebody else.
    fn part(&mut self, asked: &Asked<'_>, source: SocketAddr, key: Key, handover: Handover) -> Verdict<'_> {
        let known = Known {
            octets: asked.request.octets().into(),
            source,
            nas: Arc::clone(&asked.nas),
            signed: asked.signed,
            secret_age: asked.secret_age,
            arrived: asked.now,
            draft: std::mem::take(&mut self.draft),
            key,
            authenticator: *asked.request.authenticator(),
        };
        Verdict {
            later: Some(Leaving::new(handover, &self.mailbox, known)),
            ..Verdict::NOTHING
        }
    }

    /// Takes packets with so many attributes at most.
    #[must_use]
    pub fn with_attributes_max(mut self, max: usize) -> Self {
        self.gate.attributes_max(max);
        self
    }

    /// Leaves it to the caller to send Access-Rejects when their time has come.
    pub(crate) fn hold_rejects(&mut self) {
        self.holds_rejects = true;
        self.mailbox.hold_rejects();
    }

    /// Notes that an Access-Reject that was held is being sent.
    pub(crate) fn sent(&mut self, key: &Key, authenticator: &radius::Authenticator, reply: &[u8]) {
        self.duplicates.answer_later(key, authenticator, reply);
    }

    /// Access-Rejects that were made elsewhere, to be held with the others.
    pub(crate) fn held_elsewhere(&mut self) -> std::vec::Drain<'_, HeldReject> {
        self.collect();
        self.held.drain(..)
    }

    /// Looks into the mailbox.
    fn collect(&mut self) {
        self.mailbox.collect(&mut self.duplicates, &mut self.held);
    }

    /// Makes a request new again that nobody had room for, and counts that it was dropped.
    pub fn nobody_takes(&mut self, key: &Key, refused: &Draft) {
        self.collect();
        self.duplicates.forget(key);
        self.gate.lane.decided(refused.outcome);
    }

    /// Begins the decision record: who asks about whom.
    fn begin_draft(&mut self, asked: &Asked<'_>, source: SocketAddr) {
        let (request, nas) = (&asked.request, &asked.nas);
        let asker = Asker {
            nas: nas.id,
            nas_name: &nas.name,
            partner: nas.partner.id(),
            partner_name: &nas.partner.name_borrowed(),
            source,
        };
        let mut said = Said::default();
        for attribute in request.attributes() {
            // The first of a kind that says anything counts.
            let text = match attribute.kind {
                kind::USER_NAME => &mut said.username,
                kind::CALLING_STATION_ID => &mut said.calling_station,
                kind::CALLED_STATION_ID => &mut said.called_station,
                _ => continue,
            };
            if text.is_empty() {
                *text = attribute.value;
            }
        }
        let id = self.numbers.next(asked.now.unix_us);
        self.draft.begin(id, asked.now.unix_us, &asker, &said);
        self.eap.clear();
        self.unrecorded = false;
    }
}

/// Whether a reply is an Access-Reject.
pub(crate) fn is_reject(reply: &[u8]) -> bool {
    reply.first() == Some(&(Code::AccessReject as u8))
}

/// Copies a known answer into `out`; `None` when the answer is silence.
fn repeat<'b>(known: &[u8], out: &'b mut [u8]) -> Option<&'b [u8]> {
    let reply = out.get_mut(..known.len()).filter(|reply| !reply.is_empty())?;
    reply.copy_from_slice(known);
    Some(reply)
}

/// The EAP Identifier that a Success or Failure must repeat: that of the packet it answers.
fn eap_identifier(eap: &[u8]) -> Option<u8> {
    eap.get(1).copied()
}
