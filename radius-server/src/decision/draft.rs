//! A decision while it is made: one a worker, filled in again for each request, with all its texts in place.
//! It borrows what it notes and allocates nothing; how it becomes octets stands in `format`.

use super::format;
use super::found::{Finding, Found, Step};
use super::outcome::{DropReason, Outcome};
use super::text::{TEXT_OCTETS_MAX, Text, cut};
use super::{Decision, DecisionDecodeError};
use crate::id::{DecisionId, NasId, PartnerId, SubscriberId};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use uuid::Uuid;

/// Octets of all steps of one decision; the longest path takes half of it with every text at its longest.
pub(super) const STEPS_OCTETS_MAX: usize = 2_048;

/// See the module's words. What it became is read with [`Draft::decision`].
pub struct Draft {
    /// Which one; the Class of an Access-Accept carries it.
    pub(crate) id: DecisionId,
    /// Unix microseconds at which the request was received.
    pub(crate) at_unix_us: i64,
    /// The partner whose NAS asked.
    pub(crate) partner: PartnerId,
    /// The NAS that asked.
    pub(crate) nas: NasId,
    /// Where the datagram came from.
    pub(crate) source: SocketAddr,
    /// The subscriber of that name, when there is one.
    pub(crate) subscriber: Option<SubscriberId>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Microseconds from the datagram to the reply; who measured it fills it in.
    pub duration_us: u32,
    /// Name of the partner.
    pub(super) partner_name: Text,
    /// Name of the NAS.
    pub(super) nas_name: Text,
    /// User-Name.
    pub(super) username: Text,
    /// Calling-Station-Id.
    pub(super) calling_station: Text,
    /// Called-Station-Id.
    pub(super) called_station: Text,
    /// Whether the first step is the usual one: the source is this NAS of this partner.
    pub(super) source_known: bool,
    /// What each further step found, encoded.
    steps: [u8; STEPS_OCTETS_MAX],
    /// How many octets of `steps` count; `None`: there were too many.
    steps_len: Option<usize>,
}

/// Who a request is from.
pub(crate) struct Asker<'a> {
    /// The NAS.
    pub(crate) nas: NasId,
    /// Its name.
    pub(crate) nas_name: &'a str,
    /// Its partner.
    pub(crate) partner: PartnerId,
    /// The partner's name.
    pub(crate) partner_name: &'a str,
    /// Where the datagram came from.
    pub(crate) source: SocketAddr,
}

/// What a request says about its user, as it was sent; empty: nothing.
#[derive(Default)]
pub(crate) struct Said<'a> {
    /// User-Name.
    pub(crate) username: &'a [u8],
    /// Calling-Station-Id.
    pub(crate) calling_station: &'a [u8],
    /// Called-Station-Id.
    pub(crate) called_station: &'a [u8],
}

impl Default for Draft {
    fn default() -> Self {
        let nil = Uuid::nil();
        Self {
            id: nil.into(),
            at_unix_us: 0,
            partner: nil.into(),
            nas: nil.into(),
            source: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            subscriber: None,
            outcome: Outcome::Dropped(DropReason::NoReply),
            duration_us: 0,
            partner_name: Text::new(),
            nas_name: Text::new(),
            username: Text::new(),
            calling_station: Text::new(),
            called_station: Text::new(),
            source_known: false,
            steps: [0; STEPS_OCTETS_MAX],
            steps_len: Some(0),
        }
    }
}

impl Draft {
    /// Begins a decision in place of the one before: the source is known, nothing else is decided.
    pub(crate) fn begin(&mut self, id: DecisionId, at_unix_us: i64, asker: &Asker<'_>, said: &Said<'_>) {
        self.id = id;
        self.at_unix_us = at_unix_us;
        self.partner = asker.partner;
        self.nas = asker.nas;
        self.source = asker.source;
        self.subscriber = None;
        self.outcome = Outcome::Dropped(DropReason::NoReply);
        self.duration_us = 0;
        self.partner_name.set(asker.partner_name);
        self.nas_name.set(asker.nas_name);
        self.username.set_lossy(said.username);
        self.calling_station.set_lossy(said.calling_station);
        self.called_station.set_lossy(said.called_station);
        self.source_known = true;
        self.steps_len = Some(0);
    }

    /// User-Name, as far as it is kept.
    pub(crate) fn username(&self) -> &str {
        std::str::from_utf8(self.username.octets()).unwrap_or_default()
    }

    /// Takes the user's name from elsewhere when no User-Name gave one.
    pub(crate) fn username_if_none(&mut self, octets: &[u8]) {
        if self.username.octets().is_empty() {
            self.username.set_lossy(octets);
        }
    }

    /// The user's name as it stands now.
    pub(crate) fn username_text(&self) -> String {
        String::from_utf8_lossy(self.username.octets()).into_owned()
    }

    /// Takes another name for the user's: what is said inside a tunnel counts more than what is said around it.
    pub(crate) fn username_replace(&mut self, name: &str) {
        self.username.set_lossy(name.as_bytes());
    }

    /// Notes what a step found.
    pub(crate) fn note(&mut self, step: Step, found: Finding<'_>, ok: bool) {
        let found = self.shortened(found);
        let Some(len) = self.steps_len else { return };
        let room = self.steps.get_mut(len..).unwrap_or_default();
        self.steps_len = format::encode_step(step, &found, ok, room).map(|step_len| len + step_len);
    }

    /// The decision as whoever reads it later will see it.
    ///
    /// # Errors
    /// [`DecisionDecodeError::Empty`] when its steps did not fit; none else for a draft that a pipeline has filled.
    pub fn decision(&self) -> Result<Decision, DecisionDecodeError> {
        let mut octets = [0; format::DECISION_OCTETS_MAX];
        let len = format::encode(self, &mut octets).unwrap_or(0);
        Decision::decode(&octets[..len])
    }

    /// The steps after the first, encoded; `None` when they did not fit.
    pub(super) fn steps(&self) -> Option<&[u8]> {
        self.steps.get(..self.steps_len?)
    }

    /// A finding with its texts cut to their bound, and without those that the decision holds anyway.
    fn shortened<'a>(&self, found: Finding<'a>) -> Finding<'a> {
        let unless = |text: &'a str, known: &Text| {
            let text = cut(text, TEXT_OCTETS_MAX);
            if text.as_bytes() == known.octets() {
                ""
            } else {
                text
            }
        };
        match found {
            Found::Subscriber { username } => Found::Subscriber {
                username: unless(username, &self.username),
            },
            Found::NoSubscriber { username, partner } => Found::NoSubscriber {
                username: unless(username, &self.username),
                partner: unless(partner, &self.partner_name),
            },
            Found::Marked {
                mark,
                value,
                username,
            } => Found::Marked {
                mark,
                value: unless(value, &self.calling_station),
                username: unless(username, &self.username),
            },
            Found::NotMarked { mark, value } => Found::NotMarked {
                mark,
                value: unless(value, &self.calling_station),
            },
            Found::PartnerSuspended { partner } => Found::PartnerSuspended {
                partner: unless(partner, &self.partner_name),
            },
            Found::Nas {
                address,
                nas,
                partner,
            } => Found::Nas {
                address,
                nas: unless(nas, &self.nas_name),
                partner: unless(partner, &self.partner_name),
            },
            Found::EapOuterIdentity { username } => Found::EapOuterIdentity {
                username: cut(username, TEXT_OCTETS_MAX),
            },
            Found::EapCertificateNames { names } => Found::EapCertificateNames {
                names: cut(names, TEXT_OCTETS_MAX),
            },
            Found::Suspended { reason } => Found::Suspended {
                reason: cut(reason, TEXT_OCTETS_MAX),
            },
            Found::Plan {
                plan,
                download_bps,
                upload_bps,
                dialect,
            } => Found::Plan {
                plan: cut(plan, TEXT_OCTETS_MAX),
                download_bps,
                upload_bps,
                dialect,
            },
            Found::RealmHere { realm } => Found::RealmHere {
                realm: cut(realm, TEXT_OCTETS_MAX),
            },
            Found::RealmAway { realm } => Found::RealmAway {
                realm: cut(realm, TEXT_OCTETS_MAX),
            },
            Found::RealmRefused { realm } => Found::RealmRefused {
                realm: cut(realm, TEXT_OCTETS_MAX),
            },
            Found::NotAllowedHere { kind, said } => Found::NotAllowedHere {
                kind,
                said: cut(said, TEXT_OCTETS_MAX),
            },
            Found::BoundHere { by, value } => Found::BoundHere {
                by,
                value: cut(value, TEXT_OCTETS_MAX),
            },
            Found::BoundElsewhere { by, bound, said } => Found::BoundElsewhere {
                by,
                bound: cut(bound, TEXT_OCTETS_MAX),
                said: cut(said, TEXT_OCTETS_MAX),
            },
            Found::BoundNow { by, value } => Found::BoundNow {
                by,
                value: cut(value, TEXT_OCTETS_MAX),
            },
            textless => textless, // a home server's name is short
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who was where: the id is enough to find it.
        f.debug_struct("Draft")
            .field("id", &self.id)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
