//! May he? The state of the partner, of the service, and its end; then, for those whom it concerns, [`crate::admission`]: how
//! many are in, where from, with which addresses.

use super::credential::Proven;
use super::{Answer, Asked};
use crate::addresses::PoolKind;
use crate::admission::{Admitted, Circumstances, Entry, pool_of};
use crate::authorization::compose::Login;
use crate::authorization::garden::GardenReason;
use crate::class;
use crate::decision::{Draft, Finding, Found, RejectReason, Step};
use crate::directory::{AtQuota, Nas, Plan, Service, Subscriber};
use radius::{Attributes, kind};
use std::sync::Arc;

/// The answer to somebody who proved himself, with what was found noted.
pub(super) fn answer(
    draft: &mut Draft,
    asked: &Asked<'_>,
    subscriber: Arc<Subscriber>,
    proven: Proven,
) -> Answer {
    let (found, refused) = admit(&asked.nas, &subscriber, asked.now.unix_s());
    draft.note(Step::Admission, found, refused.is_none());
    if let Some(reason) = refused {
        return match garden_reason(&asked.nas, &subscriber, reason) {
            Some(reason) => Answer::Garden(subscriber, proven, reason),
            None => Answer::Reject(reason),
        };
    }
    if !subscriber.is_guarded() {
        return Answer::Accept(subscriber, proven, None);
    }
    match enter(draft, asked, &subscriber, false) {
        Ok(admitted) => Answer::Accept(subscriber, proven, Some(Box::new(admitted))),
        Err(reason) => Answer::Reject(reason),
    }
}

/// Asks for a place and addresses, noting what was found. With `only_look` nothing is taken.
pub(super) fn enter(
    draft: &mut Draft,
    asked: &Asked<'_>,
    subscriber: &Subscriber,
    only_look: bool,
) -> Result<Admitted, RejectReason> {
    let partner = &asked.nas.partner;
    let rules = partner.rules_of(subscriber);
    let from = Circumstances::of(asked.nas.id, &asked.request);
    let named = asked.request.first(kind::ACCT_SESSION_ID);
    let new = class::login(&class::for_login(draft.id, None));
    let entry = Entry {
        partner: partner.id(),
        subscriber,
        rules: rules.as_deref(),
        from: &from,
        login: new.unwrap_or_default(),
        going_on: named.and_then(|name| partner.gate().login_of(asked.nas.id, name)),
        own_addresses: own_addresses(subscriber),
        now: asked.now,
        only_look,
    };
    partner
        .gate()
        .enter(&entry, &mut |found, ok| draft.note(Step::Admission, found, ok))
}

/// Which addresses a subscriber's own attributes name already, or leave to a pool of the NAS.
fn own_addresses(subscriber: &Subscriber) -> [bool; PoolKind::ALL.len()] {
    let has = |wanted: [u8; 2]| Attributes::new(subscriber.reply()).any(|own| wanted.contains(&own.kind));
    [
        has([kind::FRAMED_IP_ADDRESS, kind::FRAMED_POOL]),
        has([kind::FRAMED_IPV6_PREFIX, kind::FRAMED_IPV6_POOL]),
        has([kind::DELEGATED_IPV6_PREFIX, kind::DELEGATED_IPV6_PREFIX_POOL]),
    ]
}

/// Of which kinds a subscriber gets an address here, of a pool or for good, so that no pool of the NAS is named beside it.
pub(crate) fn central(nas: &Nas, subscriber: &Subscriber) -> [bool; PoolKind::ALL.len()] {
    if !subscriber.is_guarded() {
        return Default::default();
    }
    let (rules, own) = (nas.partner.rules_of(subscriber), own_addresses(subscriber));
    let his = |kind: PoolKind| {
        let assigned = rules
            .iter()
            .flat_map(|rules| &rules.addresses)
            .any(|assigned| assigned.kind == kind);
        assigned || pool_of(subscriber.plan.admission(), rules.as_deref(), kind).is_some()
    };
    PoolKind::ALL.map(|kind| !own[kind as usize] && his(kind))
}

/// Why somebody who would be rejected is let into the garden of his partner; `None`: he is not.
pub(super) fn garden_reason(
    nas: &Nas,
    subscriber: &Subscriber,
    reason: RejectReason,
) -> Option<GardenReason> {
    let reason = garden_asked(subscriber, reason)?;
    let garden = nas.partner.garden()?;
    garden.takes(reason, nas.dialect).then_some(reason)
}

/// The reason for which a garden would be asked. A plan may say that whoever used up its quota is turned away.
pub(crate) fn garden_asked(subscriber: &Subscriber, reason: RejectReason) -> Option<GardenReason> {
    let turned_away =
        reason == RejectReason::QuotaUsedUp && matches!(subscriber.plan.at_quota(), Some(AtQuota::Reject));
    GardenReason::of(reason).filter(|_| !turned_away)
}

/// Whether a subscriber who proved himself gets service now.
pub(crate) fn admit<'s>(
    nas: &Nas,
    subscriber: &'s Subscriber,
    now_unix_s: i64,
) -> (Finding<'s>, Option<RejectReason>) {
    if !nas.partner.active() {
        return (
            Found::PartnerSuspended { partner: "" }, // as in the draft
            Some(RejectReason::PartnerSuspended),
        );
    }
    match subscriber.service() {
        Service::Terminated => (Found::Terminated, Some(RejectReason::Terminated)),
        Service::Suspended { reason } => (Found::Suspended { reason }, Some(RejectReason::Suspended)),
        Service::Active => match left(subscriber, now_unix_s) {
            Some(Left::EndedSince(ago_s)) => (Found::Expired { ago_s }, Some(RejectReason::Expired)),
            left => match quota(nas, subscriber, now_unix_s) {
                Some(used_up) => used_up.found(),
                None => match left {
                    Some(Left::Seconds(left_s)) => (Found::ActiveFor { left_s }, None),
                    _ => (Found::Active, None),
                },
            },
        },
    }
}

/// What somebody gets who is served now.
pub(crate) fn served<'l>(nas: &Nas, subscriber: &'l Subscriber, now_unix_s: i64) -> Login<'l> {
    let left_s = left_s(subscriber, now_unix_s);
    match quota(nas, subscriber, now_unix_s) {
        None => Login::new(subscriber, nas, now_unix_s, left_s),
        Some(quota) => {
            let ends_in_s = left_s.map_or(quota.left_s, |left_s| left_s.min(quota.left_s));
            match quota.at {
                AtQuota::Throttle(throttle) => {
                    Login::throttled(subscriber, throttle, nas, now_unix_s, ends_in_s)
                }
                // It was used up between the step before and this one; the session is ended like every other.
                AtQuota::Garden | AtQuota::Reject => Login::new(subscriber, nas, now_unix_s, Some(ends_in_s)),
            }
        }
    }
}

/// What somebody gets who is let into a garden. Who is there for his quota leaves it when the next period begins.
pub(crate) fn in_garden<'l>(
    nas: &Nas,
    subscriber: &'l Subscriber,
    plan: &'l Plan,
    reason: GardenReason,
    now_unix_s: i64,
) -> Login<'l> {
    let login = Login::garden(subscriber, plan, nas);
    match reason {
        GardenReason::Quota => login.ending_in(quota(nas, subscriber, now_unix_s).map(|quota| quota.left_s)),
        GardenReason::Suspended | GardenReason::Expired => login,
    }
}

/// A quota that is used up.
struct Quota<'s> {
    /// What his plan says then.
    at: &'s AtQuota,
    /// Octets he had.
    allowed: u64,
    /// Seconds until the next period.
    left_s: u32,
}

impl Quota<'_> {
    /// What is found, and whether he is refused for it.
    fn found<'f>(&self) -> (Finding<'f>, Option<RejectReason>) {
        let (allowed, left_s) = (self.allowed, self.left_s);
        match self.at {
            AtQuota::Throttle(_) => (Found::QuotaThrottled { allowed, left_s }, None),
            AtQuota::Garden | AtQuota::Reject => (
                Found::QuotaUsedUp { allowed, left_s },
                Some(RejectReason::QuotaUsedUp),
            ),
        }
    }
}

/// That somebody's quota is used up, if it is: one bit says that it is not.
fn quota<'s>(nas: &Nas, subscriber: &'s Subscriber, now_unix_s: i64) -> Option<Quota<'s>> {
    let used_up = nas.partner.used_up(subscriber)?;
    Some(Quota {
        at: subscriber.plan.at_quota()?,
        allowed: used_up.allowed,
        left_s: used_up.left_s(now_unix_s)?,
    })
}

/// How long a service that ends by itself still lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// So many seconds, at least one.
    Seconds(u32),
    /// It ended so many seconds ago.
    EndedSince(u32),
}

/// How many seconds a service still lasts; `None`: it does not end by itself, or has ended.
fn left_s(subscriber: &Subscriber, now_unix_s: i64) -> Option<u32> {
    match left(subscriber, now_unix_s)? {
        Left::Seconds(seconds) => Some(seconds),
        Left::EndedSince(_) => None,
    }
}

/// How long a service still lasts; `None`: it does not end by itself.
fn left(subscriber: &Subscriber, now_unix_s: i64) -> Option<Left> {
    let left = subscriber.expires_at_unix_s()?.saturating_sub(now_unix_s);
    let seconds = u32::try_from(left.unsigned_abs()).unwrap_or(u32::MAX);
    Some(if left > 0 {
        Left::Seconds(seconds)
    } else {
        Left::EndedSince(seconds)
    })
}
