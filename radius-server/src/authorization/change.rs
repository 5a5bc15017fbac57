//! What a session that goes on is told, so that it gets what a login now would get: by the walk that makes replies, and the
//! sheets it copies. What a make changes only with a new session is left out, or makes a new session of it.
//! Never sends anything, and never knows what the session has: who knows that it was in the garden says so.
//!
//! Which terms a make changes live is in [`changes_live`], with where that comes from; what is known of one NAS ([`Learned`])
//! wins over it.

use radius::{Attribute, kind};

use super::cisco;
use super::compose::{Login, Part};
use super::garden::{self, Garden, GardenReason};
use super::juniper;
use super::make::Make;
use super::preview::Origin;
use super::sheet::Sheet;
use super::terms::{Term, Terms};
use crate::authentication;
use crate::decision::RejectReason;
use crate::directory::{Nas, Subscriber};

/// What is known of one NAS, whatever its make: terms it changes live, and terms it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// `false`: it does not listen to changes at all.
    pub changes: Option<bool>,
    /// Terms, each with whether it changes live.
    pub terms: Vec<(Term, bool)>,
}

impl Learned {
    /// Whether a NAS of this make changes a term of a session that goes on.
    #[must_use]
    pub fn live(&self, make: Make, term: Term) -> bool {
        let known = self.terms.iter().rev().find(|(known, _)| *known == term);
        known.map_or_else(|| changes_live(make, term), |(_, live)| *live)
    }
}

/// What a session is asked to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It goes on, and is told this.
    Live(Change),
    /// It has to end, and gets it with the next login.
    Anew(Anew),
}

/// What a session that goes on is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The attributes, encoded.
    pub octets: Vec<u8>,
    /// What they stand for, each once.
    pub said: Vec<Term>,
    /// What a login would be told and this session is not: it changes with a new session only.
    pub left_out: Vec<Term>,
    /// Whether the make takes a new Class beside it, by which its accounting will show that it was done.
    pub takes_class: bool,
}

/// Why a session has to end to become something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// A login now would be turned away.
    TurnedAway(RejectReason),
    /// The NAS changes nothing of a session that goes on.
    MakeChangesNothing(Make),
    /// Nothing of what he gets changes live.
    NothingLive(Make),
    /// What keeps him in the garden does not change live.
    GardenNeedsLogin(Make),
    /// He was given something in the garden that cannot be taken back from a session that goes on.
    CannotTakeBack(Make, Term),
}

impl std::fmt::Display for Anew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TurnedAway(reason) => write!(f, "a login now would be turned away: {}", reason.as_str()),
            Self::MakeChangesNothing(make) => {
                write!(
                    f,
                    "a NAS of this make ({}) changes nothing of a session that goes on",
                    make.as_str()
                )
            }
            Self::NothingLive(make) => write!(
                f,
                "nothing of what he gets changes in a session that goes on, on this NAS ({})",
                make.as_str()
            ),
            Self::GardenNeedsLogin(make) => write!(
                f,
                "what keeps him in the garden is given with a login only, on this NAS ({})",
                make.as_str()
            ),
            Self::CannotTakeBack(make, term) => write!(
                f,
                "{} of the garden cannot be taken back from a session that goes on, on this NAS ({})",
                term.as_str(),
                make.as_str()
            ),
        }
    }
}

/// Where a session is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// To what a login now would get.
    Now,
    /// Into the garden, whatever a login now would get.
    Garden,
}

/// What makes of a session what a login now would get; `in_garden` when it was let into the garden. `None`: the partner has
/// no garden to go into.
#[must_use]
pub fn shape(
    nas: &Nas,
    subscriber: &Subscriber,
    towards: Towards,
    in_garden: bool,
    learned: &Learned,
    now_unix_s: i64,
) -> Option<Shape> {
    let make = nas.dialect;
    let garden = nas.partner.garden();
    let (_, refused) = authentication::admit(nas, subscriber, now_unix_s);
    let enters = match (towards, refused) {
        (Towards::Garden, _) => {
            let garden = garden.as_deref()?;
            if !garden::confines(garden.plan().terms(), make) {
                return None;
            }
            Some(garden)
        }
        (Towards::Now, None) => None,
        (Towards::Now, Some(reason)) => {
            let taken = GardenReason::of(reason)
                .and_then(|why| garden.as_deref().filter(|garden| garden.takes(why, make)));
            let Some(garden) = taken else {
                return Some(Shape::Anew(Anew::TurnedAway(reason)));
            };
            Some(garden)
        }
    };
    if learned.changes == Some(false) {
        return Some(Shape::Anew(Anew::MakeChangesNothing(make)));
    }
    let defaults = nas.partner.defaults();
    let login = match enters {
        Some(garden) => Login::garden(subscriber, garden.plan(), nas),
        None => authentication::served(nas, subscriber, now_unix_s)
            .with_defaults(defaults.as_deref())
            .with_central(authentication::central(nas, subscriber)),
    };
    let mut change = told(&login, make, learned);
    if change.said.is_empty() {
        return Some(Shape::Anew(Anew::NothingLive(make)));
    }
    if let Some(garden) = enters {
        let said = only(garden.plan().terms(), &change.said);
        if !garden::confines(&said, make) {
            return Some(Shape::Anew(Anew::GardenNeedsLogin(make)));
        }
    } else if let Some(garden) = garden.as_deref().filter(|_| in_garden)
        && let Err(term) = take_back(garden, make, &mut change)
    {
        return Some(Shape::Anew(Anew::CannotTakeBack(make, term)));
    }
    Some(Shape::Live(change))
}

/// Takes back what the garden gave: what is said anew takes its place, a service is stopped.
///
/// # Errors
/// The first term that would stay.
fn take_back(garden: &Garden, make: Make, change: &mut Change) -> Result<(), Term> {
    let (terms, sheet) = (garden.plan().terms(), garden.plan().sheet(make, None));
    let policy = terms.policies.get(&make);
    for term in sheet.terms().iter().copied() {
        let service = match (term, policy) {
            (Term::Policy, Some(policy)) if policy.down.is_none() && policy.up.is_none() => {
                policy.name.as_deref().and_then(|name| service(make, name, false))
            }
            _ => None,
        };
        match service {
            // Before what is started in its place.
            Some(stop) => drop(change.octets.splice(..0, stop)),
            None if change.said.contains(&term) => {}
            None => return Err(term),
        }
    }
    Ok(())
}

/// What a login says, as far as the make changes it live.
fn told(login: &Login<'_>, make: Make, learned: &Learned) -> Change {
    let sheet = login.sheet();
    let mut change = Change {
        octets: Vec::new(),
        said: Vec::new(),
        left_out: Vec::new(),
        takes_class: true,
    };
    let _all: Result<(), std::convert::Infallible> = login.walk(|part| {
        if let Some(term) = term_of(&part, sheet, make) {
            let live = learned.live(make, term);
            let list = if live {
                &mut change.said
            } else {
                &mut change.left_out
            };
            if !list.contains(&term) {
                list.push(term);
            }
            if live {
                put(&part.attribute, make, &mut change.octets);
            }
        }
        Ok(())
    });
    // accel-ppp takes the first of Class and Session-Timeout, and leaves the other.
    change.takes_class = make != Make::Accel || !change.said.contains(&Term::SessionTimeout);
    change
}

/// What an attribute of a login stands for; `None`: it has no meaning for a session that goes on.
fn term_of(part: &Part<'_>, sheet: &Sheet, make: Make) -> Option<Term> {
    let from = part.of.map_or(sheet, |plan| plan.sheet(make, None));
    if let Some(place) = part.place {
        return from.terms().get(place).copied();
    }
    match (part.attribute.kind, part.origin) {
        (kind::SESSION_TIMEOUT, _) => Some(Term::SessionTimeout),
        (kind::IDLE_TIMEOUT, _) => Some(Term::IdleTimeout),
        (kind::ACCT_INTERIM_INTERVAL, _) => Some(Term::Interim),
        (kind::FILTER_ID, _) => Some(Term::Filter),
        // The name under which the router keeps him already.
        (_, Origin::Login) => None,
        (of_address, _) if ADDRESSING.contains(&of_address) => Some(Term::Pool),
        _ => Some(Term::Raw),
    }
}

/// What says where somebody is in the network: never changed live by any make (facts: addresses, pools and routing
/// instances are always a new session).
const ADDRESSING: [u8; 14] = [
    kind::FRAMED_IP_ADDRESS,
    kind::FRAMED_IP_NETMASK,
    kind::FRAMED_ROUTE,
    kind::TUNNEL_TYPE,
    kind::TUNNEL_MEDIUM_TYPE,
    kind::TUNNEL_PRIVATE_GROUP_ID,
    kind::FRAMED_POOL,
    kind::FRAMED_INTERFACE_ID,
    kind::FRAMED_IPV6_PREFIX,
    kind::FRAMED_IPV6_ROUTE,
    kind::FRAMED_IPV6_POOL,
    kind::DELEGATED_IPV6_PREFIX,
    kind::FRAMED_IPV6_ADDRESS,
    kind::DELEGATED_IPV6_PREFIX_POOL,
];

/// Appends an attribute; a service that a login starts by naming it is started by a command here.
fn put(attribute: &Attribute<'_>, make: Make, octets: &mut Vec<u8>) {
    let started = (make == Make::Cisco)
        .then(|| cisco::started_by(attribute))
        .flatten();
    match started {
        Some(service) => octets.extend(cisco::service(service, true)),
        None => {
            octets.push(attribute.kind);
            octets.push(u8::try_from(attribute.value.len() + 2).unwrap_or(u8::MAX));
            octets.extend_from_slice(attribute.value);
        }
    }
}

/// The same terms without what was not said.
fn only(terms: &Terms, said: &[Term]) -> Terms {
    let mut terms = terms.clone();
    let keeps = |term| said.contains(&term);
    terms.pool = terms.pool.filter(|_| keeps(Term::Pool));
    terms.vlan = terms.vlan.filter(|_| keeps(Term::Vlan));
    terms.vrf = terms.vrf.filter(|_| keeps(Term::Vrf));
    terms.filter = terms.filter.filter(|_| keeps(Term::Filter));
    terms.address_list = terms.address_list.filter(|_| keeps(Term::AddressList));
    terms.redirect_url = terms.redirect_url.filter(|_| keeps(Term::RedirectUrl));
    if !keeps(Term::Policy) {
        terms.policies.clear();
    }
    terms
}

/// Whether NAS of a make change a term of a session that goes on, as far as their makers say (facts: aaa, the cheat-sheet of
/// vendors). Where nothing is said, nothing is tried but speeds, times and filters: a refusal is learned.
#[must_use]
pub const fn changes_live(make: Make, term: Term) -> bool {
    match term {
        Term::Rate | Term::Burst | Term::Priority | Term::SessionTimeout => true,
        // accel-ppp changes its shaper and its VRF, and one of Class and Session-Timeout.
        Term::IdleTimeout | Term::Raw => !matches!(make, Make::Accel),
        Term::Vrf => matches!(make, Make::Accel),
        Term::Filter => !matches!(make, Make::Accel | Make::Zte | Make::Ikuai),
        Term::AddressList => matches!(make, Make::Mikrotik | Make::Huawei | Make::H3c),
        Term::RedirectUrl => matches!(make, Make::Huawei | Make::H3c),
        Term::Policy => matches!(
            make,
            Make::Cisco | Make::Juniper | Make::Huawei | Make::Nokia | Make::Generic
        ),
        Term::TerminationAction
        | Term::Interim
        | Term::Pool
        | Term::Ipv6Pool
        | Term::DelegatedPool
        | Term::Dns
        | Term::Vlan => false,
    }
}

/// The attributes that start or stop a service of the NAS by its name; `None`: the make has no services by name.
#[must_use]
pub fn service(make: Make, name: &str, starts: bool) -> Option<Vec<u8>> {
    match make {
        Make::Cisco => Some(cisco::service(name.as_bytes(), starts)),
        Make::Juniper => Some(juniper::service(name.as_bytes(), starts)),
        _ => None,
    }
}

/// Octets of the name of a service at most; with what is around it, it fits one attribute of every make that has services.
pub const SERVICE_OCTETS_MAX: usize = 200;

#[cfg(test)]
mod tests;
