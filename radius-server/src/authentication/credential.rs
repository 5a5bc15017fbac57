//! Is it he? Compares what the request carries with what is stored: PAP and CHAP here, EAP in `eap`.
//! Nothing it returns holds an octet of a password.

use super::Asked;
use crate::decision::{DropReason, Found, RejectReason};
use crate::directory::{Credential, Subscriber};
use radius::password::{check_chap, check_pap};
use radius::{PapCheck, View, kind};

/// Microsoft's enterprise number.
const VENDOR_MICROSOFT: u32 = 311;
/// `MS-CHAP-Response` and `MS-CHAP2-Response` (RFC 2548).
const MS_CHAP_RESPONSES: [u8; 2] = [1, 25];

/// How the check of a credential ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is he.
    Passed,
    /// It is not, or nobody can tell.
    Rejected(RejectReason),
    /// The request must not be answered.
    Dropped(DropReason),
}

/// How a request proves who it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method<'a> {
    /// EAP-Message, whatever is in it.
    Eap,
    /// CHAP-Password.
    Chap(&'a [u8]),
    /// User-Password, still hidden.
    Pap(&'a [u8]),
    /// A Microsoft response.
    MsChap,
    /// Nothing at all.
    Nothing,
}

impl<'a> Method<'a> {
    /// The method of a request; of several the strongest counts.
    pub(super) fn of(request: &View<'a>) -> Self {
        if request.first(kind::EAP_MESSAGE).is_some() {
            Self::Eap
        } else if let Some(response) = request.first(kind::CHAP_PASSWORD) {
            Self::Chap(response)
        } else if let Some(hidden) = request.first(kind::USER_PASSWORD) {
            Self::Pap(hidden)
        } else if MS_CHAP_RESPONSES
            .iter()
            .any(|response| request.vendor(VENDOR_MICROSOFT, *response).is_some())
        {
            Self::MsChap
        } else {
            Self::Nothing
        }
    }
}

/// The stored password; an empty one is none.
pub(super) fn stored(subscriber: &Subscriber) -> Option<&[u8]> {
    match &subscriber.credential {
        Credential::Clear(secret) if !secret.expose().is_empty() => Some(secret.expose()),
        Credential::Clear(_) | Credential::None => None,
    }
}

/// Checks PAP and CHAP against the stored password, and says why nothing else can be checked.
pub(super) fn check(asked: &Asked<'_>, method: Method<'_>, stored: Option<&[u8]>) -> (Found, Checked) {
    match (method, stored) {
        (Method::Nothing, _) => (
            Found::NothingSent,
            Checked::Rejected(RejectReason::CredentialNotSent),
        ),
        (Method::MsChap, _) => (Found::MsChap, Checked::Rejected(RejectReason::UnsupportedMethod)),
        // EAP does not come here; were it to, it has not proven anything.
        (Method::Eap, _) => (Found::EapMalformed, Checked::Rejected(RejectReason::EapFailed)),
        (Method::Pap(hidden), Some(password)) => check_password(asked, hidden, password),
        (Method::Pap(hidden), None) if garbled(asked, hidden) => {
            (Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers))
        }
        (Method::Chap(response), Some(password)) => check_response(asked, response, password),
        (Method::Pap(_) | Method::Chap(_), None) => (
            Found::NothingStored,
            Checked::Rejected(RejectReason::NoCredential),
        ),
    }
}

/// Whether a hidden password proves that the NAS hides it with another secret; a signed request proves the opposite.
pub(super) fn garbled(asked: &Asked<'_>, hidden: &[u8]) -> bool {
    let request = &asked.request;
    !asked.signed && check_pap(&asked.nas.secret, request.authenticator(), hidden, b"") == PapCheck::Garbled
}

/// PAP.
fn check_password(asked: &Asked<'_>, hidden: &[u8], password: &[u8]) -> (Found, Checked) {
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    match check_pap(&asked.nas.secret, asked.request.authenticator(), hidden, password) {
        PapCheck::Match => (Found::PapMatch, Checked::Passed),
        PapCheck::Mismatch => (Found::PapMismatch, wrong),
        PapCheck::Malformed => (Found::PapMalformed, wrong),
        // The signature says that the secrets agree, so these octets are what he typed: Latin-1, most likely.
        PapCheck::Garbled if asked.signed => (Found::PapMismatch, wrong),
        // A reply would be made with a secret that the NAS does not know; it could not believe it.
        PapCheck::Garbled => (Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers)),
    }
}

/// CHAP; the challenge is in CHAP-Challenge or is the Request Authenticator (RFC 2865 section 2.2).
fn check_response(asked: &Asked<'_>, response: &[u8], password: &[u8]) -> (Found, Checked) {
    let authenticator: &[u8] = asked.request.authenticator();
    let challenge = asked.request.first(kind::CHAP_CHALLENGE).unwrap_or(authenticator);
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    match check_chap(response, challenge, password) {
        Some(true) => (Found::ChapMatch, Checked::Passed),
        Some(false) => (Found::ChapMismatch, wrong),
        None => (Found::ChapMalformed, wrong),
    }
}
