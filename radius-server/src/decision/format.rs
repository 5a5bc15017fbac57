//! A decision as octets, in memory and in the journal. Pure functions; nothing here allocates but the reading.
//!
//! ```text
//!  0   1       2         3              7      15   31        47    63           63 or 79
//!  +---+-------+---------+--------------+------+----+---------+-----+- - - - - - +---------+- - - - -+- - - - -
//!  | 2 | flags | outcome | duration, µs | at µs| id | partner | nas | subscriber | source  | 5 texts | steps
//!  +---+-------+---------+--------------+------+----+---------+-----+- - - - - - +---------+- - - - -+- - - - -
//! ```
//!
//! Numbers are little endian. *flags*: 1, there is a subscriber; 2, the source is an IPv6 address; 4, the first step is
//! that the source is this NAS of this partner, and is not written. *source*: 4 or 16 octets of address, 2 of port; flow
//! label and scope are not kept. *texts*: one octet of length each: User-Name, Calling-Station-Id, Called-Station-Id, name
//! of the NAS, name of the partner. *steps*, to the end: an octet of step with its highest bit set when the request went
//! on, then the finding as postcard writes it. A text in a finding that the head has too is empty there.
//!
//! An Access-Accept takes some 180 octets. Format 1, all of it postcard, took some 240 and is still read.

use super::draft::{Asker, Draft, STEPS_OCTETS_MAX, Said};
use super::found::{Finding, Found, Step};
use super::outcome::Outcome;
use super::text::TEXT_OCTETS_MAX;
use super::{Decision, DecisionDecodeError, Observation};
use crate::directory::Name;
use crate::id::{DecisionId, NasId, PartnerId, SubscriberId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// First octet of a decision that is postcard all through; only read.
const FORMAT_1: u8 = 1;
/// First octet of the format above. A change of it takes the next number, and `decode` learns that too.
pub(super) const FORMAT: u8 = 2;
/// Flag: there is a subscriber.
const HAS_SUBSCRIBER: u8 = 1;
/// Flag: the source is an IPv6 address.
const IPV6: u8 = 2;
/// Flag: the first step is the usual one and is not written.
const SOURCE_KNOWN: u8 = 4;
/// Set in the octet of a step from which the request went on.
const STEP_OK: u8 = 0x80;
/// Octets before the texts, at most: with a subscriber and an IPv6 address.
const HEAD_OCTETS_MAX: usize = 63 + 16 + 18;
/// Texts in the head.
const TEXTS: usize = 5;
/// Octets of the longest decision.
pub(super) const DECISION_OCTETS_MAX: usize =
    HEAD_OCTETS_MAX + TEXTS * (1 + TEXT_OCTETS_MAX) + STEPS_OCTETS_MAX;

/// Writes a draft, and says how many octets it took; `None` when it does not fit, or its steps did not.
pub(super) fn encode(draft: &Draft, out: &mut [u8]) -> Option<usize> {
    let mut to = Out { room: out, len: 0 };
    let ipv6 = draft.source.is_ipv6();
    let flags = [
        (HAS_SUBSCRIBER, draft.subscriber.is_some()),
        (IPV6, ipv6),
        (SOURCE_KNOWN, draft.source_known),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag).sum();
    to.put(&[FORMAT, flags, draft.outcome.number()])?;
    to.put(&draft.duration_us.to_le_bytes())?;
    to.put(&draft.at_unix_us.to_le_bytes())?;
    to.put(draft.id.as_bytes())?;
    to.put(draft.partner.as_bytes())?;
    to.put(draft.nas.as_bytes())?;
    if let Some(subscriber) = &draft.subscriber {
        to.put(subscriber.as_bytes())?;
    }
    match draft.source.ip() {
        IpAddr::V4(address) => to.put(&address.octets())?,
        IpAddr::V6(address) => to.put(&address.octets())?,
    }
    to.put(&draft.source.port().to_le_bytes())?;
    for text in [
        &draft.username,
        &draft.calling_station,
        &draft.called_station,
        &draft.nas_name,
        &draft.partner_name,
    ] {
        let octets = text.octets();
        to.put(&[u8::try_from(octets.len()).ok()?])?;
        to.put(octets)?;
    }
    to.put(draft.steps()?)?;
    Some(to.len)
}

/// Writes what a step found, and says how many octets it took; `None` when it does not fit.
pub(super) fn encode_step(step: Step, found: &Finding<'_>, ok: bool, out: &mut [u8]) -> Option<usize> {
    let (head, body) = out.split_first_mut()?;
    *head = step as u8 | if ok { STEP_OK } else { 0 };
    let found = postcard::to_slice(found, body).ok()?;
    Some(1 + found.len())
}

/// The draft that a decision would have come from.
///
/// # Errors
/// Postcard's, for a finding that it cannot write; there is none.
pub(super) fn draft_of(decision: &Decision) -> Result<Box<Draft>, postcard::Error> {
    let mut draft = Box::<Draft>::default();
    let asker = Asker {
        nas: decision.nas,
        nas_name: &decision.nas_name,
        partner: decision.partner,
        partner_name: &decision.partner_name,
        source: decision.source,
    };
    let said = Said {
        username: decision.username.as_bytes(),
        calling_station: decision.calling_station.as_bytes(),
        called_station: decision.called_station.as_bytes(),
    };
    draft.begin(decision.id, decision.at_unix_us, &asker, &said);
    draft.subscriber = decision.subscriber;
    draft.outcome = decision.outcome;
    draft.duration_us = decision.duration_us;
    let usual = source_step(decision);
    draft.source_known = decision.steps.first() == Some(&usual);
    for noted in decision.steps.iter().skip(usize::from(draft.source_known)) {
        // By way of octets, because every variant with texts of its own has them elsewhere.
        let octets = postcard::to_stdvec(&noted.found)?;
        draft.note(noted.step, postcard::from_bytes(&octets)?, noted.ok);
    }
    Ok(draft)
}

/// Reads a decision of any format.
pub(super) fn decode(octets: &[u8]) -> Result<Decision, DecisionDecodeError> {
    match octets.split_first() {
        Some((&FORMAT, body)) => decode_2(body),
        Some((&FORMAT_1, body)) => postcard::from_bytes(body).map_err(DecisionDecodeError::Garbled),
        Some((&found, _)) => Err(DecisionDecodeError::Format { found }),
        None => Err(DecisionDecodeError::Empty),
    }
}

/// Reads what [`encode`] wrote, behind its first octet.
fn decode_2(body: &[u8]) -> Result<Decision, DecisionDecodeError> {
    let mut from = In(body);
    let impossible = |field| DecisionDecodeError::Field { field };
    let [flags, outcome] = from.take("flags")?;
    let mut decision = Decision {
        outcome: Outcome::of_number(outcome).ok_or(impossible("outcome"))?,
        duration_us: u32::from_le_bytes(from.take("duration")?),
        at_unix_us: i64::from_le_bytes(from.take("time")?),
        id: DecisionId::from_bytes(from.take("id")?),
        partner: PartnerId::from_bytes(from.take("partner")?),
        nas: NasId::from_bytes(from.take("NAS")?),
        ..Decision::blank()
    };
    if flags & HAS_SUBSCRIBER != 0 {
        decision.subscriber = Some(SubscriberId::from_bytes(from.take("subscriber")?));
    }
    let address = if flags & IPV6 == 0 {
        IpAddr::V4(Ipv4Addr::from(from.take::<4>("source")?))
    } else {
        IpAddr::V6(Ipv6Addr::from(from.take::<16>("source")?))
    };
    decision.source = SocketAddr::new(address, u16::from_le_bytes(from.take("port")?));
    decision.username = from.text("user name")?.to_owned();
    decision.calling_station = from.text("calling station")?.to_owned();
    decision.called_station = from.text("called station")?.to_owned();
    decision.nas_name = from.text("name of the NAS")?.into();
    decision.partner_name = from.text("name of the partner")?.into();
    if flags & SOURCE_KNOWN != 0 {
        decision.steps.push(source_step(&decision));
    }
    while let Some((&head, body)) = from.0.split_first() {
        let step = Step::ALL
            .get(usize::from(head & !STEP_OK))
            .ok_or(impossible("step"))?;
        let (mut found, rest) = postcard::take_from_bytes(body).map_err(DecisionDecodeError::Garbled)?;
        from.0 = rest;
        fill_in(&mut found, &decision);
        decision.steps.push(Observation {
            step: *step,
            found,
            ok: head & STEP_OK != 0,
        });
    }
    Ok(decision)
}

/// The usual first step: the source is this NAS of this partner.
fn source_step(decision: &Decision) -> Observation {
    Observation {
        step: Step::Source,
        found: Found::Nas {
            address: decision.source.ip().to_canonical(),
            nas: decision.nas_name.clone(),
            partner: decision.partner_name.clone(),
        },
        ok: true,
    }
}

/// Puts the texts back that stand in the head.
fn fill_in(found: &mut Found, head: &Decision) {
    let fill = |text: &mut Name, known: &str| {
        if text.is_empty() {
            *text = known.into();
        }
    };
    match found {
        Found::Subscriber { username } => fill(username, &head.username),
        Found::NoSubscriber { username, partner } => {
            fill(username, &head.username);
            fill(partner, &head.partner_name);
        }
        Found::Marked { value, username, .. } => {
            fill(value, &head.calling_station);
            fill(username, &head.username);
        }
        Found::NotMarked { value, .. } => fill(value, &head.calling_station),
        Found::PartnerSuspended { partner } => fill(partner, &head.partner_name),
        Found::Nas { nas, partner, .. } => {
            fill(nas, &head.nas_name);
            fill(partner, &head.partner_name);
        }
        _ => {}
    }
}

/// Where octets are written.
struct Out<'b> {
    /// All the room.
    room: &'b mut [u8],
    /// How much of it is written.
    len: usize,
}

impl Out<'_> {
    /// Writes octets; `None` when they do not fit.
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.len + octets.len();
        self.room.get_mut(self.len..end)?.copy_from_slice(octets);
        self.len = end;
        Some(())
    }
}

/// What is left to read.
struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    /// Takes the next field.
    fn take<const LEN: usize>(&mut self, field: &'static str) -> Result<[u8; LEN], DecisionDecodeError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(DecisionDecodeError::Field { field })?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Takes the next text.
    fn text(&mut self, field: &'static str) -> Result<&'a str, DecisionDecodeError> {
        let impossible = DecisionDecodeError::Field { field };
        let [len] = self.take(field)?;
        let Some((text, rest)) = self.0.split_at_checked(usize::from(len)) else {
            return Err(impossible);
        };
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_not_text| impossible)
    }
}
