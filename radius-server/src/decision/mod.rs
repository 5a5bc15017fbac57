//! What was decided about a request, and why: one typed outcome and what each step found.
//! It holds no password, no secret and no attribute octets, so it may be stored, shown and sent on.
//!
//! [`Decisions`] keeps the last ones of every user in memory; the decision journal keeps all of them until they are
//! drained. Both hold the same octets, made once ([`Decision::encode_into`]).

mod found;
mod outcome;
mod recent;
mod recorder;
mod span;
#[cfg(test)]
mod tests;

pub use found::{Found, ReplyKind, Step};
pub use outcome::{DropReason, Outcome, RejectReason};
pub use recent::{DECISIONS_PER_USER_MAX, Decisions, USERS_MAX};
pub(crate) use recorder::Recorder;

use crate::directory::Name;
use crate::id::{DecisionId, NasId, PartnerId, SubscriberId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use uuid::Uuid;

/// Octets of a user name that are kept; no RADIUS attribute is longer.
pub const USERNAME_OCTETS_MAX: usize = 253;
/// First octet of an encoded decision. A change of any type in it takes the next number, and `decode` learns both.
const FORMAT: u8 = 1;
/// Room for the steps of the longest path.
const STEPS_USUAL: usize = 8;

/// One answered (or deliberately unanswered) Access-Request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which one; the Class of an Access-Accept carries it.
    pub id: DecisionId,
    /// Unix microseconds at which the request was received.
    pub at_unix_us: i64,
    /// The partner whose NAS asked.
    pub partner: PartnerId,
    /// Its name then.
    pub partner_name: Name,
    /// The NAS that asked.
    pub nas: NasId,
    /// Its name then.
    pub nas_name: Name,
    /// Where the datagram came from.
    pub source: SocketAddr,
    /// User-Name as sent, at most [`USERNAME_OCTETS_MAX`] octets; what is not UTF-8 is replaced. Empty: none was sent.
    pub username: String,
    /// The subscriber of that name, when there is one.
    pub subscriber: Option<SubscriberId>,
    /// Calling-Station-Id, the subscriber's side, as text; empty: none was sent.
    pub calling_station: String,
    /// Called-Station-Id, the NAS's side, as text; empty: none was sent.
    pub called_station: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What each step found, in order.
    pub steps: Vec<Observation>,
    /// Microseconds from the datagram to the reply.
    pub duration_us: u32,
}

/// What one step found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which step.
    pub step: Step,
    /// What it found; `Display` is the sentence.
    pub found: Found,
    /// Whether the request went on from here.
    pub ok: bool,
}

/// Why octets are not a decision.
#[derive(Debug, thiserror::Error)]
pub enum DecisionDecodeError {
    /// Another version of this program wrote it.
    #[error("a decision of format {found} cannot be read; this program reads format {FORMAT}")]
    Format {
        /// The first octet.
        found: u8,
    },
    /// Nothing there.
    #[error("an empty decision record")]
    Empty,
    /// The octets end early or make no sense.
    #[error("a decision record cannot be decoded")]
    Garbled(#[source] postcard::Error),
}

impl Decision {
    /// A decision to be filled in; a worker keeps one and fills it again and again, so that nothing is allocated.
    #[must_use]
    pub fn blank() -> Self {
        let nil = Uuid::nil();
        Self {
            id: nil.into(),
            at_unix_us: 0,
            partner: nil.into(),
            partner_name: Name::default(),
            nas: nil.into(),
            nas_name: Name::default(),
            source: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            username: String::new(),
            subscriber: None,
            calling_station: String::new(),
            called_station: String::new(),
            outcome: Outcome::Dropped(DropReason::NoReply),
            steps: Vec::with_capacity(STEPS_USUAL),
            duration_us: 0,
        }
    }

    /// Appends the octets that go into the journal.
    ///
    /// # Errors
    /// None that can happen: the type serialises whatever it holds; the serialiser's own error is passed on.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
        out.push(FORMAT);
        // `to_extend` takes the vector and gives it back.
        *out = postcard::to_extend(self, std::mem::take(out))?;
        Ok(())
    }

    /// Reads what [`Decision::encode_into`] wrote.
    ///
    /// # Errors
    /// [`DecisionDecodeError`] when it was not that.
    pub fn decode(octets: &[u8]) -> Result<Self, DecisionDecodeError> {
        match octets.split_first() {
            Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(DecisionDecodeError::Garbled),
            Some((&found, _)) => Err(DecisionDecodeError::Format { found }),
            None => Err(DecisionDecodeError::Empty),
        }
    }

    /// Notes what a step found.
    pub(crate) fn note(&mut self, step: Step, found: Found, ok: bool) {
        self.steps.push(Observation { step, found, ok });
    }
}

/// Writes octets into `text` as text, in place of what was there: what is not UTF-8 is replaced, and no more than
/// `octets_max` octets are kept.
pub(crate) fn put_lossy(text: &mut String, octets: &[u8], octets_max: usize) {
    text.clear();
    for chunk in octets.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text.truncate(text.floor_char_boundary(octets_max));
}
