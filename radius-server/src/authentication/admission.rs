//! May he? The state of the partner, of the service, and its end. Quotas and concurrency will stand here.

use super::credential::Proven;
use super::{Answer, Asked};
use crate::decision::{Draft, Finding, Found, RejectReason, Step};
use crate::directory::{Nas, Service, Subscriber};
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
    match refused {
        Some(reason) => Answer::Reject(reason),
        None => Answer::Accept(subscriber, proven),
    }
}

/// Whether a subscriber who proved himself gets service now.
pub(super) fn admit<'s>(
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
        Service::Active => match left_s(subscriber, now_unix_s) {
            None => (Found::Active, None),
            Some(Left::Seconds(left_s)) => (Found::ActiveFor { left_s }, None),
            Some(Left::EndedSince(ago_s)) => (Found::Expired { ago_s }, Some(RejectReason::Expired)),
        },
    }
}

/// How long a service that ends by itself still lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// So many seconds, at least one.
    Seconds(u32),
    /// It ended so many seconds ago.
    EndedSince(u32),
}

/// How long a service still lasts; `None`: it does not end by itself.
pub(super) fn left_s(subscriber: &Subscriber, now_unix_s: i64) -> Option<Left> {
    let left = subscriber.expires_at_unix_s()?.saturating_sub(now_unix_s);
    let seconds = u32::try_from(left.unsigned_abs()).unwrap_or(u32::MAX);
    Some(if left > 0 {
        Left::Seconds(seconds)
    } else {
        Left::EndedSince(seconds)
    })
}
