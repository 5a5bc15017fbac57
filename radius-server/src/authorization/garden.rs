//! The walled garden: who proved himself but has no service is let in where he can read why, instead of redialling for ever.
//! Never a way to free service: a make that has no means to keep him in rejects as if there were no garden.

use serde::{Deserialize, Serialize};

use super::make::Make;
use super::terms::Terms;
use crate::decision::RejectReason;
use crate::directory::Plan;

/// Why somebody is let into the garden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GardenReason {
    /// His service is suspended.
    Suspended,
    /// His service has run out.
    Expired,
    /// His quota is used up.
    Quota,
}

impl GardenReason {
    /// Every reason, each at its place.
    pub const ALL: [Self; 3] = [Self::Suspended, Self::Expired, Self::Quota];

    /// The reason for a rejected login, if that is one to be let into a garden for.
    #[must_use]
    pub const fn of(reason: RejectReason) -> Option<Self> {
        match reason {
            RejectReason::Suspended => Some(Self::Suspended),
            RejectReason::Expired => Some(Self::Expired),
            RejectReason::QuotaUsedUp => Some(Self::Quota),
            _ => None,
        }
    }

    /// What it would be without a garden.
    #[must_use]
    pub const fn rejected(self) -> RejectReason {
        match self {
            Self::Suspended => RejectReason::Suspended,
            Self::Expired => RejectReason::Expired,
            Self::Quota => RejectReason::QuotaUsedUp,
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Quota => "quota",
        }
    }
}

impl std::str::FromStr for GardenReason {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == word)
            .ok_or(())
    }
}

/// The garden of a partner.
#[derive(Debug, PartialEq, Eq)]
pub struct Garden {
    /// For which reasons, a bit each.
    reasons: u8,
    /// What is given there.
    plan: Plan,
}

impl Garden {
    /// A garden for these reasons, where this is given.
    #[must_use]
    pub fn new(reasons: &[GardenReason], terms: Terms) -> Self {
        Self {
            reasons: reasons.iter().fold(0, |bits, reason| bits | 1 << *reason as u8),
            plan: Plan::of("garden", terms),
        }
    }

    /// For which reasons somebody is let in.
    pub fn reasons(&self) -> impl Iterator<Item = GardenReason> {
        GardenReason::ALL
            .into_iter()
            .filter(|reason| self.reasons & (1 << *reason as u8) != 0)
    }

    /// What is given there.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether somebody is let in for this reason through a NAS of this make.
    #[must_use]
    pub fn takes(&self, reason: GardenReason, make: Make) -> bool {
        self.reasons & (1 << reason as u8) != 0 && confines(self.plan.terms(), make)
    }
}

/// Whether these terms give a make something by which it keeps somebody in. A speed or a time does not.
#[must_use]
pub fn confines(terms: &Terms, make: Make) -> bool {
    // Addresses the firewall knows, a network of its own, a filter: every make that is told one keeps to it.
    if terms.pool.is_some() || terms.vlan.is_some() {
        return true;
    }
    let named = terms
        .policies
        .get(&make)
        .is_some_and(|policy| policy.name.is_some());
    let upwards = terms
        .policies
        .get(&make)
        .is_some_and(|policy| policy.up.is_some());
    let (vrf, filter) = (terms.vrf.is_some(), terms.filter.is_some());
    match make {
        Make::Mikrotik => terms.address_list.is_some() || filter || named,
        Make::Generic => filter || named,
        Make::Cisco => named || vrf || filter,
        Make::Juniper => named || upwards || vrf || filter,
        Make::Huawei | Make::H3c => {
            terms.address_list.is_some() || terms.redirect_url.is_some() || vrf || filter
        }
        Make::Nokia => filter || named,
        // Its Filter-Id is a speed, unless there is none.
        Make::Accel => vrf || (filter && terms.download_bps.is_none()),
        Make::Zte => vrf || filter,
        Make::Ikuai => filter,
    }
}

/// What a make needs of a garden, in words: one of these.
#[must_use]
pub const fn wants(make: Make) -> &'static str {
    match make {
        Make::Mikrotik => "address_list, pool, vlan, filter or a policy name (a profile)",
        Make::Generic => "filter, pool, vlan or a policy name (both are Filter-Id)",
        Make::Cisco => "a policy name (an ISG service), vrf, pool, vlan or filter",
        Make::Juniper => "a policy name (a service), a policy for up, vrf, pool, vlan or filter",
        Make::Huawei => "redirect_url, address_list (a user group), vrf, pool, vlan or filter",
        Make::H3c => "redirect_url, address_list (a user group), vrf, pool, vlan or filter",
        Make::Nokia => "filter, a policy name (a SLA profile), pool or vlan",
        Make::Accel => "pool, vrf, vlan, or filter without a speed",
        Make::Zte => "vrf, filter, pool or vlan",
        Make::Ikuai => "filter, pool or vlan",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_and_a_time_keep_nobody_in() {
        let terms: Terms = serde_json::from_str(
            r#"{"download_bps": 1000000, "upload_bps": 1000000, "session_timeout_s": 600, "dns": ["192.0.2.53"],
                "policies": {"cisco": {"down": "SLOW", "up": "SLOW"}}}"#,
        )
        .expect("terms");
        for make in Make::ALL {
            assert!(!confines(&terms, make), "{make:?}");
        }
    }

    #[test]
    fn a_garden_for_one_make_is_none_for_another() {
        let terms: Terms = serde_json::from_str(r#"{"address_list": "unpaid"}"#).expect("terms");
        let garden = Garden::new(&[GardenReason::Suspended], terms);
        assert!(garden.takes(GardenReason::Suspended, Make::Mikrotik));
        assert!(
            !garden.takes(GardenReason::Expired, Make::Mikrotik),
            "not a reason of this garden"
        );
        assert!(
            !garden.takes(GardenReason::Suspended, Make::Generic),
            "it knows no lists"
        );
    }

    /// What confines must be said: a garden whose only means a make has no words for would be free service.
    #[test]
    fn whatever_confines_is_sent() {
        let means = [
            r#"{"pool": "g"}"#,
            r#"{"vlan": 7}"#,
            r#"{"vrf": "g"}"#,
            r#"{"filter": "g"}"#,
            r#"{"address_list": "g"}"#,
            r#"{"redirect_url": "http://pay.example/"}"#,
        ];
        let mut all: Vec<(Make, Terms)> = Vec::new();
        for make in Make::ALL {
            let word = make.as_str();
            let policies = ["name", "up", "down"]
                .map(|which| format!(r#"{{"policies": {{"{word}": {{"{which}": "g"}}}}}}"#));
            for json in means.iter().copied().chain(policies.iter().map(String::as_str)) {
                all.push((make, serde_json::from_str(json).expect("terms")));
            }
        }
        for (make, terms) in all {
            let said = !super::super::Sheet::new(&terms, make, &[]).octets().is_empty();
            assert!(
                said || !confines(&terms, make),
                "{make:?} is told nothing of {terms:?}"
            );
        }
    }
}
