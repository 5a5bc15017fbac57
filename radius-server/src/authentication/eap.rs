//! One step of an EAP conversation: identity to challenge, response to a verdict. EAP-MD5 is the one method.
//! It keeps nothing itself; open conversations are in `conversations`, and randomness is handed in.

use super::conversations::{Conversation, Conversations, State};
use super::credential::{Checked, Proven, Stored};
use super::{Asked, Entropy};
use crate::decision::{DropReason, Finding, Found, RejectReason};
use crate::directory::Subscriber;
use radius::eap::{EapCode, EapView, md5, method};
use radius::{View, kind};
use std::time::Instant;

/// What we call ourselves in a challenge; peers show it to nobody.
const OUR_NAME: &[u8] = b"headend";

/// How a step ended.
#[derive(Debug)]
pub(super) enum Step {
    /// The conversation goes on: send this challenge under this State.
    Challenge {
        /// Names the conversation.
        state: State,
        /// What is asked, and under which EAP Identifier.
        conversation: Conversation,
    },
    /// It is over.
    Done(Checked),
}

/// Puts the EAP packet of a request together from its EAP-Message attributes.
pub(super) fn collect<'e>(request: &View<'_>, octets: &'e mut Vec<u8>) -> Option<EapView<'e>> {
    octets.clear();
    request.concat(kind::EAP_MESSAGE, octets);
    EapView::parse(octets).ok()
}

/// Takes one step for a subscriber who was found.
pub(super) fn step(
    asked: &Asked<'_>,
    eap: Option<&EapView<'_>>,
    subscriber: &Subscriber,
    conversations: &Conversations,
    entropy: Entropy,
) -> (Finding<'static>, Step) {
    let failed = Step::Done(Checked::Rejected(RejectReason::EapFailed));
    let Some(eap) = eap.filter(|eap| eap.code() == EapCode::Response) else {
        return (Found::EapMalformed, failed);
    };
    let password = match Stored::of(subscriber).password() {
        Ok(password) => password,
        Err((found, refused)) => return (found, Step::Done(refused)),
    };
    match eap.method() {
        Some(method::IDENTITY) => begin(asked, eap, subscriber, conversations, entropy),
        Some(method::MD5_CHALLENGE) => finish(asked, eap, subscriber, password, conversations),
        Some(method::NAK) => {
            forget(asked, conversations);
            let wanted = eap.data().first().copied().unwrap_or_default();
            (
                Found::EapNak { wanted },
                Step::Done(Checked::Rejected(RejectReason::UnsupportedMethod)),
            )
        }
        other => {
            forget(asked, conversations);
            (
                Found::EapUnexpectedMethod {
                    method: other.unwrap_or_default(),
                },
                failed,
            )
        }
    }
}

/// Identity received: challenges the peer.
fn begin(
    asked: &Asked<'_>,
    eap: &EapView<'_>,
    subscriber: &Subscriber,
    conversations: &Conversations,
    entropy: Entropy,
) -> (Finding<'static>, Step) {
    let (mut state, mut challenge) = (State::default(), [0; 16]);
    if !(entropy(&mut state) && entropy(&mut challenge)) {
        return (
            Found::EapNoRandomness,
            Step::Done(Checked::Dropped(DropReason::NoReply)),
        );
    }
    //= https://www.rfc-editor.org/rfc/rfc3748#section-4.1
    //# Any new (non-retransmission) Requests MUST modify the Identifier field.
    let identifier = eap.identifier().wrapping_add(1);
    let conversation = Conversation {
        nas: asked.nas.id,
        subscriber: subscriber.id,
        identifier,
        challenge,
    };
    conversations.begin(state, conversation, asked.now.monotonic);
    (Found::EapMd5Challenge, Step::Challenge { state, conversation })
}

/// Response received: compares it with the challenge it must belong to.
fn finish(
    asked: &Asked<'_>,
    eap: &EapView<'_>,
    subscriber: &Subscriber,
    password: &[u8],
    conversations: &Conversations,
) -> (Finding<'static>, Step) {
    let failed = Step::Done(Checked::Rejected(RejectReason::EapFailed));
    let Some(open) = take(asked, conversations, asked.now.monotonic) else {
        return (Found::EapNoConversation, failed);
    };
    if (open.nas, open.subscriber, open.identifier) != (asked.nas.id, subscriber.id, eap.identifier()) {
        return (Found::EapOtherConversation, failed);
    }
    match md5::check_response(eap.data(), open.identifier, &open.challenge, password) {
        Ok(true) => (Found::EapMd5Match, Step::Done(Checked::Passed(Proven::Otherwise))),
        Ok(false) => (
            Found::EapMd5Mismatch,
            Step::Done(Checked::Rejected(RejectReason::WrongPassword)),
        ),
        Err(_) => (Found::EapMalformed, failed),
    }
}

/// Takes out the conversation that the request's State names.
fn take(asked: &Asked<'_>, conversations: &Conversations, now: Instant) -> Option<Conversation> {
    conversations.take(asked.request.first(kind::STATE)?, now)
}

/// Ends the conversation that the request's State names, if any.
fn forget(asked: &Asked<'_>, conversations: &Conversations) {
    take(asked, conversations, asked.now.monotonic);
}

/// Writes the EAP-Request that carries a challenge.
pub(super) fn write_challenge(conversation: &Conversation, out: &mut Vec<u8>) {
    md5::write_challenge(conversation.identifier, &conversation.challenge, OUR_NAME, out);
}
