//! What becomes of somebody who used up what his plan gives in a period, and who that is. Never counts an octet: who used up
//! how much is told by whoever feeds the directory.
//!
//! What happens belongs to the plan and is made when the plan is fed; of a subscriber there is only until when it lasts, and
//! only while it does.

use super::plan::Plan;
use crate::authorization::{Term, Terms};

/// What happens to whoever used up his quota, as the feeder says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives while a plan is fed or written down, and nowhere else"
)]
pub enum OnUsedUp {
    /// He goes on with these terms in place of those of his plan.
    Throttle(Terms),
    /// He is let into the garden of his partner, and turned away where there is none.
    Garden,
    /// He is turned away.
    Reject,
}

/// The same as a plan holds it.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is boxed as a whole, one a plan with a quota"
)]
pub enum AtQuota {
    /// See [`OnUsedUp::Throttle`].
    Throttle(Throttle),
    /// See [`OnUsedUp::Garden`].
    Garden,
    /// See [`OnUsedUp::Reject`].
    Reject,
}

/// A plan in its slower form.
#[derive(Debug, PartialEq, Eq)]
pub struct Throttle {
    /// What is said in place of the plan.
    pub terms: Terms,
    /// The plan with it.
    pub plan: Plan,
}

impl Throttle {
    /// Whether it decides about a term, whoever else says it: otherwise a row of the subscriber's own would be free speed.
    #[must_use]
    pub fn decides(&self, term: Term) -> bool {
        let with_rate = matches!(term, Term::Burst | Term::Priority | Term::Policy);
        self.terms.says(term) || with_rate && self.terms.says(Term::Rate)
    }
}

/// Somebody's quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// Unix seconds at which the next period begins; from then on this says nothing.
    pub until_unix_s: i64,
    /// Octets he had in the period.
    pub allowed: u64,
}

impl UsedUp {
    /// Seconds until the next period begins; `None`: it has begun.
    #[must_use]
    pub fn left_s(&self, now_unix_s: i64) -> Option<u32> {
        let left = self.until_unix_s.saturating_sub(now_unix_s);
        (left > 0).then(|| u32::try_from(left).unwrap_or(u32::MAX))
    }
}
