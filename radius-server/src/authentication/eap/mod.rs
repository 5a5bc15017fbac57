//! EAP: what is offered, what the peer takes, and each step of a conversation until it is he or not.
//!
//! In the order a conversation goes through: the peer says who he is (or that he is there, and is asked), the first method
//! of the configured order is offered that can be had for him, he takes it or names others, and then
//!
//! - `question`: a method that proves a password is a question or two, answered by the worker itself, unless a slow hash is
//!   to be compared with;
//! - `tunnel`: a method inside TLS is worked on by the pool: the handshake, and inside it `ttls` or `peap`, both with `inner`
//!   for EAP within EAP; `certificate` says whom a client certificate is about;
//! - `settings`: the order, the certificates, and when they change.
//!
//! It keeps nothing itself; open conversations are in `conversations`, and randomness is handed in.

mod certificate;
mod inner;
mod method;
mod peap;
mod question;
mod settings;
mod ttls;
mod tunnel;

pub use method::EapMethod;
pub(crate) use question::Question;
pub(crate) use settings::EapServer;
pub use settings::{
    EapError, EapOptions, FRAGMENT_OCTETS, FRAGMENT_OCTETS_MAX, FRAGMENT_OCTETS_MIN, METHODS, TlsMin,
};
pub(crate) use tunnel::Tunnel;

use super::conversations::{
    CONVERSATION_ROUNDS_MAX, CONVERSATION_TIME_MAX, Conversation, Conversations, Stage, State,
};
use super::credential::{Keys, Proven, Stored};
use super::{Answer, Asked, Clerk, Entropy, admission};
use crate::decision::{Draft, DropReason, Finding, Found, RejectReason, Step as At};
use crate::directory::Subscriber;
use crate::later::Handover;
use question::{Answered, Turn};
use radius::eap::{EapCode, EapView, method as number, write_request};
use radius::{View, kind};
use std::sync::Arc;
use std::time::Instant;
use tunnel::{MSK_LEN, Round, Site};
use zeroize::Zeroizing;

/// How a step ended.
pub(super) enum Step {
    /// The conversation goes on: this is asked, under this State.
    Challenge {
        /// Names the conversation; none is needed to be told who is there.
        state: Option<State>,
        /// The EAP packet.
        request: Vec<u8>,
    },
    /// It is he.
    Passed(Proven),
    /// It is not, or nobody can tell.
    Rejected(RejectReason),
    /// The request must not be answered.
    Dropped(DropReason),
}

/// Puts the EAP packet of a request together from its EAP-Message attributes.
pub(super) fn collect<'e>(request: &View<'_>, octets: &'e mut Vec<u8>) -> Option<EapView<'e>> {
    octets.clear();
    request.concat(kind::EAP_MESSAGE, octets);
    EapView::parse(octets).ok()
}

/// The question with which a conversation begins when the NAS does not know who is there (RFC 3579 section 2.1: EAP-Start,
/// an empty EAP-Message).
pub(super) fn ask_identity() -> (Finding<'static>, Step) {
    let mut request = Vec::with_capacity(8);
    write_request(0, number::IDENTITY, &[], &mut request);
    (Found::EapIdentityAsked, Step::Challenge { state: None, request })
}

/// Whether a packet belongs to a method inside TLS.
pub(super) fn is_tunnel(eap: &EapView<'_>) -> bool {
    let method = eap.method().and_then(EapMethod::of_number);
    eap.code() == EapCode::Response && method.is_some_and(EapMethod::is_tunnel)
}

/// Whether a request goes on with a conversation that was begun here.
pub(super) fn is_ours(asked: &Asked<'_>, conversations: &Conversations) -> bool {
    let state = asked.request.first(kind::STATE);
    state.is_some_and(|state| conversations.knows(state, asked.now.monotonic))
}

/// Whether somebody may be here whose name is only said inside TLS.
pub(super) fn may_be_anonymous(conversations: &Conversations) -> bool {
    conversations
        .server()
        .methods
        .iter()
        .any(|method| method.is_tunnel())
}

// -- Without TLS

/// Who was found by what stands outside of a tunnel.
#[derive(Clone, Copy)]
pub(super) struct Who<'w> {
    /// The subscriber; `None`: nobody.
    pub(super) known: Option<&'w Subscriber>,
    /// Whether he was recognised by his device, whose address is his password when nothing is stored.
    pub(super) device: bool,
}

impl Who<'_> {
    /// What is stored of him, or what stands in its place: the name he gave.
    fn stored<'s>(&'s self, name: &'s [u8]) -> Option<Stored<'s>> {
        Some(match Stored::of(self.known?) {
            Stored::Nothing if self.device => Stored::Password(name),
            stored => stored,
        })
    }
}

/// Takes one step that needs no TLS.
pub(super) fn step(
    asked: &Asked<'_>,
    eap: Option<&EapView<'_>>,
    who: Who<'_>,
    conversations: &Conversations,
    entropy: Entropy,
) -> (Finding<'static>, Step) {
    let subscriber = who.known;
    let failed = Step::Rejected(RejectReason::EapFailed);
    let Some(eap) = eap.filter(|eap| eap.code() == EapCode::Response) else {
        return (Found::EapMalformed, failed);
    };
    let method = eap.method().unwrap_or_default();
    if method == number::IDENTITY {
        forget(asked, conversations);
        let offer = Offer {
            asked,
            who,
            conversations,
            entropy,
        };
        return offer.first(eap.identifier(), None, 0, asked.now.monotonic, 0);
    }
    let Some(open) = take(asked, conversations) else {
        return (Found::EapNoConversation, failed);
    };
    if (open.nas, open.identifier) != (asked.nas.id, eap.identifier())
        || open.outer != subscriber.map(|subscriber| subscriber.id)
    {
        return (Found::EapOtherConversation, failed);
    }
    if open.is_too_long(asked.now.monotonic) {
        return (Found::EapTooLong, failed);
    }
    let offered = match &open.stage {
        Stage::Question(question) if question.may_be_refused() => Some(question.method()),
        Stage::Offered(method) => Some(*method),
        Stage::Question(_) | Stage::Tunnel(_) => None,
    };
    if method == number::NAK
        && let Some(refused) = offered
    {
        let offer = Offer {
            asked,
            who,
            conversations,
            entropy,
        };
        let refused = open.refused | refused.bit();
        return offer.first(
            eap.identifier(),
            Some(eap.data()),
            refused,
            open.began,
            open.rounds,
        );
    }
    let Stage::Question(question) = open.stage else {
        return (Found::EapUnexpectedMethod { method }, failed);
    };
    let name = asked.request.first(kind::USER_NAME).unwrap_or_default();
    let answer = Answered {
        identifier: eap.identifier(),
        method,
        data: eap.data(),
        name,
        device: who.device,
    };
    match question.judge(&answer, subscriber) {
        Turn::Passed(found, keys) => {
            let proven = keys.map_or(Proven::Otherwise, |keys| Proven::Eap {
                keys: Keys::from(&keys),
                inside: false,
            });
            (found, Step::Passed(proven))
        }
        Turn::Rejected(found, reason) => (found, Step::Rejected(reason)),
        Turn::Ask(question, octets) => {
            let method = question.method().number();
            let identifier = eap.identifier().wrapping_add(1);
            let next = Conversation {
                identifier,
                rounds: open.rounds + 1,
                stage: Stage::Question(question),
                ..open
            };
            let Some(state) = fresh(entropy) else {
                return (Found::EapNoRandomness, Step::Dropped(DropReason::NoReply));
            };
            let challenge = challenge(conversations, next, state, &octets, asked.now.monotonic);
            (Found::EapGoesOn { method }, challenge)
        }
    }
}

/// What follows from a step, with what was found noted.
pub(super) fn conclude(
    draft: &mut Draft,
    asked: &Asked<'_>,
    subscriber: Option<Arc<Subscriber>>,
    found: Finding<'static>,
    step: Step,
) -> Answer {
    let goes_on = matches!(step, Step::Challenge { .. } | Step::Passed(_));
    draft.note(At::Credential, found, goes_on);
    match (step, subscriber) {
        (Step::Challenge { state, request }, _) => Answer::Challenge { state, request },
        (Step::Passed(proven), Some(subscriber)) => admission::answer(draft, asked, subscriber, proven),
        (Step::Passed(_), None) => Answer::Reject(RejectReason::UnknownSubscriber), // never: nobody passed
        (Step::Rejected(reason), _) => Answer::Reject(reason),
        (Step::Dropped(reason), _) => Answer::Drop(reason),
    }
}

/// Whether an answer takes long to judge: a password as it is, of which a slow hash is stored.
pub(super) fn takes_long(eap: &EapView<'_>, subscriber: &Subscriber) -> bool {
    let slow = subscriber.password_hash().is_some_and(|(hash, _)| hash.is_slow());
    slow && eap.method() == Some(EapMethod::Gtc.number())
}

/// A handover of such an answer to the pool.
pub(super) fn judge_later(
    conversations: &Arc<Conversations>,
    eap: &[u8],
    subscriber: &Arc<Subscriber>,
) -> Handover {
    let (conversations, subscriber) = (Arc::clone(conversations), Arc::clone(subscriber));
    let eap = Zeroizing::new(eap.to_vec());
    let pool = Arc::clone(conversations.pool());
    pool.handover(move |pending, finisher| {
        finisher.finish(pending, |clerk, asked| {
            let view = EapView::parse(&eap).ok();
            let who = Who {
                known: Some(&*subscriber),
                device: false, // of a device nothing is stored, and this is compared with a hash
            };
            let (found, step) = step(asked, view.as_ref(), who, &conversations, clerk.entropy);
            let answer = conclude(clerk.draft, asked, Some(subscriber), found, step);
            (answer, eap.get(1).copied())
        });
    })
}

/// What can be offered to whom.
struct Offer<'o, 'd> {
    asked: &'o Asked<'d>,
    who: Who<'o>,
    conversations: &'o Conversations,
    entropy: Entropy,
}

impl Offer<'_, '_> {
    /// Offers the first method that can be had, of those the peer wants if he said so, and that he did not refuse.
    fn first(
        &self,
        answered: u8,
        wanted: Option<&[u8]>,
        refused: u8,
        began: Instant,
        rounds: u16,
    ) -> (Finding<'static>, Step) {
        let server = self.conversations.server();
        let name = self.asked.request.first(kind::USER_NAME).unwrap_or_default();
        let (stored, usual) = (self.who.stored(name), Stored::usual(&self.asked.nas.partner));
        let configured = server.methods.iter().copied();
        let meant = configured
            .clone()
            .filter(|method| wanted.is_none_or(|wanted| wanted.contains(&method.number())));
        let fresh = meant.clone().filter(|method| refused & method.bit() == 0);
        let Some(method) = Question::choose(fresh, stored.as_ref(), &usual) else {
            let can = |method: &EapMethod| {
                let known = Question::can(*method, stored.as_ref().unwrap_or(&usual));
                (method.is_tunnel() || known) && refused & method.bit() == 0
            };
            let set = configured.filter(can).fold(0, |set, method| set | method.bit());
            if let Some((found, reason)) = stored.as_ref().and_then(|stored| Question::unfit(meant, stored)) {
                return (found, Step::Rejected(reason));
            }
            return match (wanted, stored) {
                (None, Some(Stored::Nothing)) => {
                    (Found::NothingStored, Step::Rejected(RejectReason::NoCredential))
                }
                (None, Some(Stored::NtHash(_))) => {
                    (Found::NtHashStored, Step::Rejected(RejectReason::CredentialUnfit))
                }
                (None, None) => (Found::EapNobody, Step::Rejected(RejectReason::UnknownSubscriber)),
                (wanted, _) => {
                    let wanted = wanted.and_then(<[u8]>::first).copied().unwrap_or_default();
                    let found = Found::EapNothingInCommon { wanted, offered: set };
                    (found, Step::Rejected(RejectReason::UnsupportedMethod))
                }
            };
        };
        self.offer(method, answered, refused, began, rounds)
    }

    /// Offers this method.
    fn offer(
        &self,
        method: EapMethod,
        answered: u8,
        refused: u8,
        began: Instant,
        rounds: u16,
    ) -> (Finding<'static>, Step) {
        //= https://www.rfc-editor.org/rfc/rfc3748#section-4.1
        //# Any new (non-retransmission) Requests MUST modify the Identifier field.
        let identifier = answered.wrapping_add(1);
        let (stage, octets) = if method.is_tunnel() {
            let start = radius::eap::tls::start(0);
            (
                Some(Stage::Offered(method)),
                [&[method.number()], &start[..]].concat(),
            )
        } else {
            Question::first(method, identifier, self.entropy)
                .map(|(question, octets)| (Some(Stage::Question(question)), octets))
                .unwrap_or_default()
        };
        let (Some(stage), Some(state)) = (stage, fresh(self.entropy)) else {
            return (Found::EapNoRandomness, Step::Dropped(DropReason::NoReply));
        };
        let conversation = Conversation {
            nas: self.asked.nas.id,
            outer: self.who.known.map(|subscriber| subscriber.id),
            identifier,
            began,
            rounds: rounds + 1,
            refused,
            stage,
        };
        let found = match method {
            EapMethod::Md5 => Found::EapMd5Challenge,
            _ => Found::EapOffered {
                method: method.number(),
            },
        };
        let now = self.asked.now.monotonic;
        (
            found,
            challenge(self.conversations, conversation, state, &octets, now),
        )
    }
}

impl Conversation {
    /// Whether it has taken too many rounds or too much time.
    fn is_too_long(&self, now: Instant) -> bool {
        self.rounds >= CONVERSATION_ROUNDS_MAX
            || now.saturating_duration_since(self.began) > CONVERSATION_TIME_MAX
    }
}

/// As [`ask`], as a step.
fn challenge(
    conversations: &Conversations,
    conversation: Conversation,
    state: State,
    octets: &[u8],
    now: Instant,
) -> Step {
    let (state, request) = ask(conversations, conversation, state, octets, now);
    Step::Challenge {
        state: Some(state),
        request,
    }
}

/// Keeps a conversation and writes its question: type and data.
fn ask(
    conversations: &Conversations,
    conversation: Conversation,
    random: State,
    octets: &[u8],
    now: Instant,
) -> (State, Vec<u8>) {
    let (method, data) = octets.split_first().unwrap_or((&0, &[]));
    let mut request = Vec::with_capacity(octets.len() + 4);
    write_request(conversation.identifier, *method, &[data], &mut request);
    (conversations.keep(random, conversation, now), request)
}

/// Random octets for a State.
fn fresh(entropy: Entropy) -> Option<State> {
    let mut state = State::default();
    entropy(&mut state).then_some(state)
}

/// Takes out the conversation that the request's State names.
fn take(asked: &Asked<'_>, conversations: &Conversations) -> Option<Conversation> {
    conversations.take(asked.request.first(kind::STATE)?, asked.now.monotonic)
}

/// Ends the conversation that the request's State names, if any.
fn forget(asked: &Asked<'_>, conversations: &Conversations) {
    take(asked, conversations);
}

// -- With TLS

/// A handover of a packet that belongs to a method inside TLS to the pool.
pub(super) fn later(conversations: &Arc<Conversations>, eap: &[u8]) -> Handover {
    let (conversations, eap) = (Arc::clone(conversations), eap.to_vec());
    let pool = Arc::clone(conversations.pool());
    pool.handover(move |pending, finisher| {
        finisher.finish(pending, |clerk, asked| {
            let answer = match EapView::parse(&eap) {
                Ok(view) => round(&conversations, clerk, asked, &view),
                Err(_) => Answer::Reject(RejectReason::EapFailed), // never: it was parsed before it came here
            };
            (answer, eap.get(1).copied())
        });
    })
}

/// One round of a conversation inside TLS.
fn round(
    conversations: &Conversations,
    clerk: &mut Clerk<'_>,
    asked: &Asked<'_>,
    eap: &EapView<'_>,
) -> Answer {
    let refuse = |clerk: &mut Clerk<'_>, found: Finding<'static>, reason: RejectReason| {
        clerk.draft.note(At::Credential, found, false);
        Answer::Reject(reason)
    };
    let Some(mut open) = take(asked, conversations) else {
        return refuse(clerk, Found::EapNoConversation, RejectReason::EapFailed);
    };
    if (open.nas, open.identifier) != (asked.nas.id, eap.identifier()) {
        return refuse(clerk, Found::EapOtherConversation, RejectReason::EapFailed);
    }
    if open.is_too_long(asked.now.monotonic) {
        return refuse(clerk, Found::EapTooLong, RejectReason::EapFailed);
    }
    let number = eap.method().unwrap_or_default();
    let tunnel = match open.stage {
        Stage::Offered(method) if method.number() == number => {
            Tunnel::new(method, &conversations.server(), asked).map(Box::new)
        }
        Stage::Tunnel(tunnel) if tunnel.method().number() == number => Some(tunnel),
        _ => None,
    };
    let Some(mut tunnel) = tunnel else {
        let found = Found::EapUnexpectedMethod { method: number };
        return refuse(clerk, found, RejectReason::EapFailed);
    };
    let mut site = Site {
        clerk: &mut *clerk,
        asked,
        identifier: eap.identifier(),
    };
    let (data, found, ok) = match tunnel.step(eap.data(), &mut site) {
        Round::Send(data) => (data, Found::EapGoesOn { method: number }, true),
        Round::Alert(data, (found, _reason)) => (data, found, false),
        Round::Rejected((found, reason)) => return refuse(clerk, found, reason),
        Round::Passed(candidate) => {
            clerk.draft.note(At::Credential, candidate.found, true);
            let proven = Proven::Eap {
                keys: Keys::from(&*tunnel.msk()),
                inside: true,
            };
            return admission::answer(clerk.draft, asked, candidate.subscriber, proven);
        }
    };
    let Some(state) = fresh(clerk.entropy) else {
        clerk.draft.note(At::Credential, Found::EapNoRandomness, false);
        return Answer::Drop(DropReason::NoReply);
    };
    clerk.draft.note(At::Credential, found, ok);
    open.identifier = eap.identifier().wrapping_add(1);
    open.rounds += 1;
    open.stage = Stage::Tunnel(tunnel);
    let octets = [&[number], &data[..]].concat();
    let (state, request) = ask(conversations, open, state, &octets, asked.now.monotonic);
    Answer::Challenge {
        state: Some(state),
        request,
    }
}

impl From<&[u8; MSK_LEN]> for Keys {
    /// The halves of a master session key (RFC 5216 section 2.3, RFC 2548 section 2.4): the first is what the NAS receives
    /// with, the second what it sends with.
    fn from(msk: &[u8; MSK_LEN]) -> Self {
        let (receive, send) = msk.split_at(MSK_LEN / 2);
        Self {
            receive: Zeroizing::new(receive.to_vec()),
            send: Zeroizing::new(send.to_vec()),
        }
    }
}
