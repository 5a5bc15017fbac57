//! What a NAS, or else its partner, gives when neither a subscriber nor his plan says otherwise: DNS servers, pools, a VRF.
//! Kept beside the partner, not in each plan: most have none, and then a login pays one load for it.

use std::collections::BTreeMap;

use super::preview::Origin;
use super::terms::Terms;
use crate::directory::Plan;
use crate::id::NasId;

/// The defaults of a partner and of its NAS.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// For all of its NAS.
    partner: Option<Plan>,
    /// For one of them; these win.
    nas: BTreeMap<NasId, Plan>,
}

impl Defaults {
    /// Defaults of a partner (`None`) and of NAS.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = (Option<NasId>, Terms)>) -> Self {
        let mut defaults = Self::default();
        for (nas, terms) in all {
            match nas {
                None => defaults.partner = Some(Plan::of("defaults", terms)),
                Some(nas) => drop(defaults.nas.insert(nas, Plan::of("defaults", terms))),
            }
        }
        defaults
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partner.is_none() && self.nas.is_empty()
    }

    /// Those that hold for a NAS, in the order of who wins.
    pub fn of(&self, nas: NasId) -> impl Iterator<Item = (Origin, &Plan)> {
        let own = self.nas.get(&nas).map(|plan| (Origin::Nas, plan));
        let partner = self.partner.as_ref().map(|plan| (Origin::Partner, plan));
        own.into_iter().chain(partner)
    }

    /// All of them, as they were given.
    pub fn all(&self) -> impl Iterator<Item = (Option<NasId>, &Terms)> {
        let nas = self.nas.iter().map(|(nas, plan)| (Some(*nas), plan.terms()));
        self.partner.iter().map(|plan| (None, plan.terms())).chain(nas)
    }
}
