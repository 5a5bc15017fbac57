//! What a plan gives: reply attributes for every NAS, and a rate that each make of NAS wants said in its own way.
//! The rate is encoded once, here, when the plan is fed; a reply copies octets. See `rate` for the dialects.

use super::name::Name;
use super::rate::{Rate, RateDialect};
use crate::admission::PlanRules;

/// A plan as the packet path needs it.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// What people call it; it appears in explanations.
    name: Name,
    /// Attributes for any NAS, already encoded: Session-Timeout, Idle-Timeout, Framed-Pool, Acct-Interim-Interval.
    reply: Box<[u8]>,
    /// The speeds.
    rate: Rate,
    /// The speeds as `Mikrotik-Rate-Limit`.
    rate_mikrotik: Box<[u8]>,
    /// The speeds as `WISPr-Bandwidth-Max-Up` and `-Down`.
    rate_wispr: Box<[u8]>,
    /// How many may be in at once, what they are bound to, where their addresses come from.
    admission: PlanRules,
}

impl Plan {
    /// Builds a plan from encoded reply attributes and its speeds in bit/s; `None` leaves the rate to the NAS.
    #[must_use]
    pub fn new(
        name: impl Into<Name>,
        reply: Box<[u8]>,
        download_bps: Option<u64>,
        upload_bps: Option<u64>,
    ) -> Self {
        let rate = Rate {
            download_bps,
            upload_bps,
        };
        Self {
            name: name.into(),
            reply,
            rate,
            rate_mikrotik: rate.encode(RateDialect::Mikrotik),
            rate_wispr: rate.encode(RateDialect::Wispr),
            admission: PlanRules::default(),
        }
    }

    /// The same plan with rules about who may be in at once.
    #[must_use]
    pub fn with_admission(self, admission: PlanRules) -> Self {
        Self { admission, ..self }
    }

    /// What it asks of admission.
    #[must_use]
    pub fn admission(&self) -> &PlanRules {
        &self.admission
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The encoded attributes that every make of NAS takes.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// Its speeds.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Its speeds as encoded attributes in one dialect; empty when the plan sets no rate.
    #[must_use]
    pub fn rate_attributes(&self, dialect: RateDialect) -> &[u8] {
        match dialect {
            RateDialect::Mikrotik => &self.rate_mikrotik,
            RateDialect::Wispr => &self.rate_wispr,
        }
    }
}
