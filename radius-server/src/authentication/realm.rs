//! Whose login is it: one of the partner's own, or one that a home server decides? Asked once, when the user name is known.
//! A partner without realms pays one load for it.

use super::credential::{self, Method};
use super::{Answer, Asked};
use crate::decision::{Draft, DropReason, Found, RejectReason, Step};
use crate::directory::{Decided, InRealm};
use crate::proxy::{Desk, Forward};
use radius::kind;
use std::sync::Arc;

/// The name to look up among the partner's own subscribers, or the answer when there is nothing to look up.
///
/// A name without a realm, and one whose realm nobody told us about, is the partner's own as it stands.
pub(super) fn route<'n>(
    draft: &mut Draft,
    desk: &Arc<Desk>,
    asked: &Asked<'_>,
    method: Method<'_>,
    username: &'n str,
) -> Result<&'n str, Answer> {
    let partner = &asked.nas.partner;
    let Some(found) = partner.realms().and_then(|realms| realms.of(username)) else {
        return Ok(username);
    };
    let realm: &str = &found.realm.name;
    match found.realm.decided {
        Decided::Here => {
            draft.note(Step::Identify, Found::RealmHere { realm }, true);
            Ok(found.name(username))
        }
        Decided::Nowhere => {
            draft.note(Step::Identify, Found::RealmRefused { realm }, false);
            Err(Answer::Reject(RejectReason::RealmRefused))
        }
        Decided::ByHomeServers => {
            if !partner.active() {
                let partner = ""; // as in the draft
                draft.note(Step::Admission, Found::PartnerSuspended { partner }, false);
                return Err(Answer::Reject(RejectReason::PartnerSuspended));
            }
            if let Method::Pap(hidden) = method
                && credential::garbled(asked, hidden)
            {
                draft.note(Step::Credential, Found::PapGarbled, false);
                return Err(Answer::Drop(DropReason::SecretDiffers));
            }
            draft.note(Step::Identify, Found::RealmAway { realm }, true);
            Err(Answer::Later(desk.handover(forward(asked, &found, username))))
        }
    }
}

/// What the home server is to get.
fn forward(asked: &Asked<'_>, found: &InRealm<'_>, username: &str) -> Forward {
    let request = &asked.request;
    // A NAS that copies no EAP identity into User-Name is helped here, too.
    let named = request
        .first(kind::USER_NAME)
        .is_some_and(|name| !name.is_empty());
    let station = request.first(kind::CALLING_STATION_ID).unwrap_or_default();
    Forward {
        packet: request.octets().into(),
        nas: asked.secret().clone(),
        user_name: (found.realm.strip || !named).then(|| found.name(username).into()),
        key: key(username.as_bytes(), station),
        received_unix_us: asked.now.unix_us,
        realm: Arc::clone(&found.realm),
    }
}

/// The same number for the same user at the same station (FNV-1a); it shares out work and protects nothing.
pub(crate) fn key(username: &[u8], station: &[u8]) -> u64 {
    let octets = username.iter().chain(&[0]).chain(station);
    octets.fold(0xCBF2_9CE4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3)
    })
}
