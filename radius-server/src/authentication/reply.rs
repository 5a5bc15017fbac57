//! Writes the three packets that answer an Access-Request. Message-Authenticator stands first in each (CVE-2024-3596).
//! What a subscriber gets comes encoded from the directory; here it is only put together.

use super::Asked;
use super::conversations::State;
use super::credential::Proven;
use super::mschap::{self, Refusal};
use crate::admission::Admitted;
use crate::authorization::compose::Login;
use crate::class;
use crate::decision::RejectReason;
use crate::directory::Subscriber;
use crate::id::DecisionId;
use radius::eap::{write_failure, write_success};
use radius::{Code, ReplyWriter, WriteError, kind};

/// What an Access-Accept is made from.
pub(super) struct Granted<'g> {
    /// Who gets service.
    pub(super) subscriber: &'g Subscriber,
    /// Which decision gives it.
    pub(super) decision: DecisionId,
    /// The session that goes on, when he is in the middle of one.
    pub(super) going_on: Option<class::Login>,
    /// What he gets.
    pub(super) login: Login<'g>,
    /// How he proved himself.
    pub(super) proven: &'g Proven,
    /// The place he has, and the addresses.
    pub(super) admitted: Option<&'g Admitted>,
    /// The identifier of the EAP packet that is answered, when there was one.
    pub(super) eap_identifier: Option<u8>,
}

/// Access-Accept: who decided and which session goes on (Class), what MS-CHAP needs, what the plan gives, what the
/// subscriber's own attributes change about it.
pub(super) fn accept<'b>(
    asked: &Asked<'_>,
    granted: &Granted<'_>,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let Granted {
        subscriber,
        decision,
        going_on,
        proven,
        admitted,
        eap_identifier,
        ..
    } = *granted;
    let mut reply = ReplyWriter::new(out, Code::AccessAccept, &asked.request)?;
    reply.reserve_message_authenticator()?;
    if let Some(identifier) = eap_identifier {
        let mut success = Vec::with_capacity(4);
        write_success(identifier, &mut success);
        reply.attribute(kind::EAP_MESSAGE, &success)?;
    }
    //= https://www.rfc-editor.org/rfc/rfc2865#section-5.1
    //# It MAY be sent in an Access-Accept packet, in which case the
    //# client SHOULD use the name returned in the Access-Accept packet in
    //# all Accounting-Request packets for this session.
    let inside = matches!(proven, Proven::Eap { inside: true, .. });
    if inside || asked.request.first(kind::USER_NAME) != Some(subscriber.username().as_bytes()) {
        reply.text(kind::USER_NAME, subscriber.username())?;
    }
    reply.attribute(kind::CLASS, &class::for_login(decision, going_on))?;
    mschap::write_success(asked, subscriber, decision, proven, &mut reply)?;
    service(&granted.login, &mut reply)?;
    if let Some(admitted) = admitted {
        admitted.write(&mut reply)?;
    }
    reply.proxy_states(&asked.request)?;
    Ok(reply.finish(asked.secret()))
}

/// Access-Reject: what the subscriber may know, and the end of EAP or MS-CHAP.
pub(super) fn reject<'b>(
    asked: &Asked<'_>,
    reason: RejectReason,
    eap_identifier: Option<u8>,
    mschap: Option<&Refusal>,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let mut reply = ReplyWriter::new(out, Code::AccessReject, &asked.request)?;
    reply.reserve_message_authenticator()?;
    match eap_identifier {
        // Reply-Message and EAP-Message do not go together (RFC 3579 section 2.6.5).
        Some(identifier) => {
            let mut failure = Vec::with_capacity(4);
            write_failure(identifier, &mut failure);
            reply.attribute(kind::EAP_MESSAGE, &failure)?;
        }
        None => reply.text(kind::REPLY_MESSAGE, reason.reply_message())?,
    }
    if let Some(refusal) = mschap {
        refusal.write(reason, &mut reply)?;
    }
    reply.proxy_states(&asked.request)?;
    Ok(reply.finish(asked.secret()))
}

/// Access-Challenge: what EAP asks, and the State under which the answer is expected.
pub(super) fn challenge<'b>(
    asked: &Asked<'_>,
    state: Option<&State>,
    question: &[u8],
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let mut reply = ReplyWriter::new(out, Code::AccessChallenge, &asked.request)?;
    reply.reserve_message_authenticator()?;
    reply.long(kind::EAP_MESSAGE, question)?;
    if let Some(state) = state {
        reply.attribute(kind::STATE, state)?;
    }
    reply.proxy_states(&asked.request)?;
    Ok(reply.finish(asked.secret()))
}

/// The attributes of the service: most often one copy, else whatever the walk hands over.
fn service(login: &Login<'_>, reply: &mut ReplyWriter<'_>) -> Result<(), WriteError> {
    if let Some(encoded) = login.whole() {
        return reply.encoded(encoded);
    }
    login.walk(|part| reply.attribute(part.attribute.kind, part.attribute.value))
}
