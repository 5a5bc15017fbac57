//! May he? The state of the partner, of the service, and its end; then, for those whom it concerns, [`crate::admission`]: how
//! many are in, where from, with which addresses.

use super::credential::Proven;
use super::{Answer, Asked};
use crate::addresses::PoolKind;
use crate::admission::{Admitted, Circumstances, Entry};
use crate::authorization::garden::GardenReason;
use crate::class;
use crate::decision::{Draft, Finding, Found, RejectReason, Step};
use crate::directory::{Nas, Service, Subscriber};
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
        return match garden_reason(&asked.nas, reason) {
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

/// Which addresses a subscriber's own attributes name already.
fn own_addresses(subscriber: &Subscriber) -> [bool; PoolKind::ALL.len()] {
    let has = |wanted: u8| Attributes::new(subscriber.reply()).any(|own| own.kind == wanted);
    [
        has(kind::FRAMED_IP_ADDRESS),
        has(kind::FRAMED_IPV6_PREFIX),
        has(kind::DELEGATED_IPV6_PREFIX),
    ]
}

/// Why somebody who would be rejected is let into the garden of his partner; `None`: he is not.
pub(super) fn garden_reason(nas: &Nas, reason: RejectReason) -> Option<GardenReason> {
    let reason = GardenReason::of(reason)?;
    let garden = nas.partner.garden()?;
    garden.takes(reason, nas.dialect).then_some(reason)
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
            None => (Found::Active, None),
            Some(Left::Seconds(left_s)) => (Found::ActiveFor { left_s }, None),
            Some(Left::EndedSince(ago_s)) => (Found::Expired { ago_s }, Some(RejectReason::Expired)),
        },
    }
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
pub(crate) fn left_s(subscriber: &Subscriber, now_unix_s: i64) -> Option<u32> {
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
