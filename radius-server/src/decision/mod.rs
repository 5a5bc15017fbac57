//! What was decided about a request, and why: one typed outcome and what each step found.
//! It holds no password, no secret and no attribute octets, so it may be stored, shown and sent on.
//!
//! The way of a decision: a worker fills in its [`Draft`] while it decides; its [`Recorder`] turns the draft into octets
//! (`format`) and puts them into the worker's ring (`ring`); the scribe carries them from there into the journal, and
//! [`Decisions`], which has all rings, shows the last ones of a user to whoever asks. [`Decision`] is what they read.

mod bell;
mod decisions;
mod draft;
mod format;
mod found;
mod log;
mod outcome;
mod recorder;
mod ring;
mod span;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use decisions::Batch;
pub use decisions::{
    DECISION_MEMORY_OCTETS, DECISION_MEMORY_OCTETS_MAX, DECISION_MEMORY_OCTETS_MIN, Decisions, Held,
};
pub use draft::Draft;
pub(crate) use draft::{Asker, Said};
pub(crate) use found::Finding;
pub use found::{Found, ReplyKind, Step, TlsFailure, WantsPassword};
pub use outcome::{DropReason, Outcome, RejectReason};
pub use recorder::Recorder;
pub use ring::DECISIONS_PER_USER_MAX;
pub use text::TEXT_OCTETS_MAX;

use crate::directory::Name;
use crate::id::{DecisionId, NasId, PartnerId, SubscriberId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use uuid::Uuid;

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
    /// User-Name as sent, at most [`TEXT_OCTETS_MAX`] octets; what is not UTF-8 is replaced. Empty: none was sent.
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
    #[error(
        "a decision of format {found} cannot be read; this program reads formats 1 and {}",
        format::FORMAT
    )]
    Format {
        /// The first octet.
        found: u8,
    },
    /// Nothing there.
    #[error("an empty decision record")]
    Empty,
    /// They end before a field, or it holds what it cannot.
    #[error("the {field} of a decision record is missing or impossible")]
    Field {
        /// Which one.
        field: &'static str,
    },
    /// The octets end early or make no sense.
    #[error("a decision record cannot be decoded")]
    Garbled(#[source] postcard::Error),
}

impl Decision {
    /// A decision about nobody, to be filled in.
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
            steps: Vec::new(),
            duration_us: 0,
        }
    }

    /// Appends the octets that go into the journal; texts are cut to [`TEXT_OCTETS_MAX`].
    ///
    /// # Errors
    /// When the steps take more than 2 KiB, which no request's do.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
        let draft = format::draft_of(self)?;
        let mut octets = [0; format::DECISION_OCTETS_MAX];
        let len = format::encode(&draft, &mut octets).ok_or(postcard::Error::SerializeBufferFull)?;
        out.extend_from_slice(&octets[..len]);
        Ok(())
    }

    /// Reads what [`Decision::encode_into`] or a [`Recorder`] wrote, of this format or of an older one.
    ///
    /// # Errors
    /// [`DecisionDecodeError`] when it was not that.
    pub fn decode(octets: &[u8]) -> Result<Self, DecisionDecodeError> {
        format::decode(octets)
    }
}
