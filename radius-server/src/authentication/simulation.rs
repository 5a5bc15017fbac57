//! Would he get in now, on that NAS, and with what? The same steps as for a packet, from admission on, for a login whose
//! credential is taken as proven. Nothing changes by it: no place is taken, no address given, nobody bound or counted.

use super::credential::Proven;
use super::{Asked, admission, reply};
use crate::clock::Now;
use crate::decision::{Asker, Decision, Draft, Found, Outcome, RejectReason, ReplyKind, Said, Step};
use crate::directory::{Directory, Nas, SecretAge, Subscriber};
use crate::id::{DecisionId, NasId, SubscriberId};
use radius::{PACKET_LEN_MAX, RequestWriter, View, WriteError, kind};
use std::net::SocketAddr;
use std::sync::Arc;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// On which NAS.
    pub nas: NasId,
    /// Whose login.
    pub subscriber: SubscriberId,
    /// Calling-Station-Id.
    pub calling_station: Option<&'q str>,
    /// NAS-Port-Id.
    pub port_id: Option<&'q str>,
    /// When.
    pub now: Now,
}

/// What would come of it.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The decision, with every observation.
    pub decision: Decision,
    /// The attributes of the reply, encoded, but for those that only a packet has: Message-Authenticator and Class.
    pub attributes: Vec<u8>,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// The access plane does not know the NAS.
    #[error("the access plane does not know NAS {0}")]
    NoNas(NasId),
    /// The NAS's partner has no such subscriber.
    #[error("the access plane does not know subscriber {0}")]
    NoSubscriber(SubscriberId),
    /// What is said does not fit into a request.
    #[error("that does not fit into a request")]
    TooLong,
}

/// Answers it.
///
/// # Errors
/// [`SimulationError`].
pub fn simulate(directory: &Directory, question: &Question<'_>) -> Result<Simulated, SimulationError> {
    let nas = directory
        .nas(question.nas)
        .ok_or(SimulationError::NoNas(question.nas))?;
    let subscriber = nas.partner.subscriber_by_id(question.subscriber);
    let subscriber = subscriber.ok_or(SimulationError::NoSubscriber(question.subscriber))?;
    let mut room = vec![0; PACKET_LEN_MAX];
    let octets = request(&nas, &subscriber, question, &mut room).map_err(|_| SimulationError::TooLong)?;
    let request = View::parse(octets).map_err(|_| SimulationError::TooLong)?;
    let mut draft = begin(&nas, &subscriber, question);
    let asked = Asked {
        nas: Arc::clone(&nas),
        request,
        now: question.now,
        signed: true,
        secret_age: SecretAge::Current,
    };
    let mut out = vec![0; PACKET_LEN_MAX];
    let answered = answer(&mut draft, &asked, &subscriber, &mut out);
    let (outcome, sent, len) = match answered {
        Ok(len) => (Outcome::Accepted, ReplyKind::Accept, len),
        Err(reason) => {
            let len = reply::reject(&asked, reason, None, None, &mut out).map_or(0, <[u8]>::len);
            (Outcome::Rejected(reason), ReplyKind::Reject, len)
        }
    };
    draft.outcome = outcome;
    let octets = u16::try_from(len).unwrap_or(u16::MAX);
    draft.note(Step::Reply, Found::WouldSend { reply: sent, octets }, true);
    let reply = View::parse(out.get(..len).unwrap_or_default()).map_err(|_| SimulationError::TooLong)?;
    let shown = |kind: u8| kind != kind::MESSAGE_AUTHENTICATOR && kind != kind::CLASS;
    let mut attributes = Vec::new();
    for attribute in reply.attributes().filter(|attribute| shown(attribute.kind)) {
        attributes.push(attribute.kind);
        attributes.push(u8::try_from(attribute.value.len() + 2).unwrap_or(u8::MAX));
        attributes.extend_from_slice(attribute.value);
    }
    Ok(Simulated {
        decision: draft.decision().map_err(|_| SimulationError::TooLong)?,
        attributes,
    })
}

/// May he, and with what? The octets of the Access-Accept.
fn answer(
    draft: &mut Draft,
    asked: &Asked<'_>,
    subscriber: &Arc<Subscriber>,
    out: &mut [u8],
) -> Result<usize, RejectReason> {
    let (found, refused) = admission::admit(&asked.nas, subscriber, asked.now.unix_s());
    draft.note(Step::Admission, found, refused.is_none());
    let (garden, defaults) = (asked.nas.partner.garden(), asked.nas.partner.defaults());
    let login = match (refused, &garden) {
        (None, _) => {
            let login = admission::served(&asked.nas, subscriber, asked.now.unix_s());
            login.with_defaults(defaults.as_deref())
        }
        (Some(reason), Some(garden)) => {
            let reason = admission::garden_reason(&asked.nas, subscriber, reason).ok_or(reason)?;
            draft.note(Step::Authorization, Found::Garden { reason }, true);
            let now_unix_s = asked.now.unix_s();
            admission::in_garden(&asked.nas, subscriber, garden.plan(), reason, now_unix_s)
        }
        (Some(reason), None) => return Err(reason),
    };
    let admitted = match refused.is_none() && subscriber.is_guarded() {
        true => Some(admission::enter(draft, asked, subscriber, true)?),
        false => None,
    };
    let login = match &admitted {
        Some(admitted) => login.with_central(admitted.kinds()),
        None => login,
    };
    let granted = reply::Granted {
        subscriber,
        decision: draft.id,
        going_on: None,
        login,
        proven: &Proven::Otherwise,
        admitted: admitted.as_ref(),
        eap_identifier: None,
    };
    match reply::accept(asked, &granted, out).map(<[u8]>::len) {
        Ok(len) => {
            let (plan, rate) = (login.plan_name(), login.rate());
            let found = Found::Plan {
                plan,
                download_bps: rate.download_bps,
                upload_bps: rate.upload_bps,
                dialect: asked.nas.dialect,
            };
            draft.note(Step::Authorization, found, true);
            Ok(len)
        }
        Err(_) => {
            draft.note(Step::Authorization, Found::ReplyTooLong, false);
            Err(RejectReason::ReplyTooLong)
        }
    }
}

/// The Access-Request that is thought of.
fn request<'b>(
    nas: &Nas,
    subscriber: &Subscriber,
    question: &Question<'_>,
    room: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let mut writer = RequestWriter::access(room, 0, [0; 16])?;
    writer.text(kind::USER_NAME, subscriber.username())?;
    let said = [
        (kind::CALLING_STATION_ID, question.calling_station),
        (kind::NAS_PORT_ID, question.port_id),
    ];
    for (kind, text) in said {
        if let Some(text) = text {
            writer.text(kind, text)?;
        }
    }
    Ok(writer.finish(&nas.secret))
}

/// Begins the decision.
fn begin(nas: &Nas, subscriber: &Subscriber, question: &Question<'_>) -> Box<Draft> {
    let mut draft = Box::<Draft>::default();
    let asker = Asker {
        nas: nas.id,
        nas_name: &nas.name,
        partner: nas.partner.id(),
        partner_name: &nas.partner.name_borrowed(),
        source: SocketAddr::new(nas.network.addr(), 0),
    };
    let said = Said {
        username: subscriber.username().as_bytes(),
        calling_station: question.calling_station.unwrap_or_default().as_bytes(),
        called_station: &[],
    };
    let id = DecisionId::from_uuid(uuid::Uuid::now_v7());
    draft.begin(id, question.now.unix_us, &asker, &said);
    draft.subscriber = Some(subscriber.id);
    let username = subscriber.username();
    draft.note(Step::Identify, Found::Subscriber { username }, true);
    draft.note(Step::Credential, Found::CredentialAssumed, true);
    draft
}
