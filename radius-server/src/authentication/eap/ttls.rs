//! Inside EAP-TTLS version 0 (RFC 5281 section 11): PAP, CHAP, MS-CHAP, MS-CHAPv2 or EAP, as the peer likes.

use super::super::credential::{self, Stored};
use super::inner::{Candidate, Inner, InnerTurn, Refused, identify};
use super::tunnel::{Inside, Site};
use crate::decision::{Found, RejectReason, WantsPassword};
use radius::eap::avp::{self, Avp, Avps};
use radius::eap::{EapCode, EapView, write_request};
use radius::kind::{self, microsoft, vendor::MICROSOFT};
use radius::mschap::{Response, Response2, v1, v2};
use radius::password::check_chap;
use rustls::ServerConnection;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What the peer's challenge must be: nobody chooses it, the tunnel does.
const CHALLENGE_LABEL: &[u8] = b"ttls challenge";

/// How far it is.
#[derive(Default)]
pub(super) enum Ttls {
    /// The peer's turn.
    #[default]
    Waiting,
    /// EAP inside.
    Eap(Inner),
    /// MS-CHAPv2: he was told what proves us, and has to say that he heard.
    Told(Candidate),
}

/// What the peer said.
#[derive(Default)]
struct Said<'a> {
    name: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    chap: Option<&'a [u8]>,
    chap_challenge: Option<&'a [u8]>,
    ms_challenge: Option<&'a [u8]>,
    ms_response: Option<&'a [u8]>,
    ms_response_2: Option<&'a [u8]>,
    /// EAP, put together from all its pairs.
    eap: Zeroizing<Vec<u8>>,
}

impl<'a> Said<'a> {
    /// Reads the pairs; `None` when they are none, or when one is there that must be understood and is not.
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut said = Said::default();
        for avp in Avps::new(octets) {
            let avp = avp.ok()?;
            let code = u8::try_from(avp.code).ok();
            let field = match (avp.vendor, code) {
                (None, Some(kind::USER_NAME)) => &mut said.name,
                (None, Some(kind::USER_PASSWORD)) => &mut said.password,
                (None, Some(kind::CHAP_PASSWORD)) => &mut said.chap,
                (None, Some(kind::CHAP_CHALLENGE)) => &mut said.chap_challenge,
                (None, Some(kind::EAP_MESSAGE)) => {
                    said.eap.extend_from_slice(avp.data);
                    continue;
                }
                (Some(MICROSOFT), Some(microsoft::CHAP_CHALLENGE)) => &mut said.ms_challenge,
                (Some(MICROSOFT), Some(microsoft::CHAP_RESPONSE)) => &mut said.ms_response,
                (Some(MICROSOFT), Some(microsoft::CHAP2_RESPONSE)) => &mut said.ms_response_2,
                //= https://www.rfc-editor.org/rfc/rfc5281#section-10.1
                //# If set to 1, this indicates that the receiving
                //# party MUST fail the negotiation if it does not understand the AVP
                _ if avp.mandatory => return None,
                _ => continue,
            };
            *field = Some(avp.data);
        }
        Some(said)
    }
}

impl Ttls {
    /// Takes what was said inside; nothing, when the peer waits or acknowledges.
    pub(super) fn step(
        &mut self,
        said: &[u8],
        tls: &ServerConnection,
        site: &mut Site<'_, '_, '_>,
    ) -> Inside {
        if let Self::Told(candidate) = self {
            candidate.introduce(site);
            return if said.is_empty() {
                Inside::Passed(candidate.clone())
            } else {
                Inside::Rejected((Found::EapPeerDisbelieves, RejectReason::EapFailed))
            };
        }
        if said.is_empty() {
            return Inside::Listen;
        }
        let Some(said) = Said::parse(said) else {
            return Inside::Rejected((Found::EapInnerMalformed, RejectReason::EapFailed));
        };
        if !said.eap.is_empty() || matches!(self, Self::Eap(_)) {
            return self.step_eap(&said, site);
        }
        match self.judge(&said, tls, site) {
            Ok(inside) => inside,
            Err(refused) => Inside::Rejected(refused),
        }
    }

    /// EAP inside.
    fn step_eap(&mut self, said: &Said<'_>, site: &mut Site<'_, '_, '_>) -> Inside {
        if let Self::Waiting = self {
            *self = Self::Eap(Inner::default());
        }
        let malformed = Inside::Rejected((Found::EapInnerMalformed, RejectReason::EapFailed));
        let Self::Eap(inner) = self else { return malformed };
        let Ok(eap) = EapView::parse(&said.eap) else {
            return malformed;
        };
        let (EapCode::Response, Some(method)) = (eap.code(), eap.method()) else {
            return malformed;
        };
        match inner.step(eap.identifier(), method, eap.data(), site) {
            InnerTurn::Ask(octets) => {
                let (method, data) = octets.split_first().unwrap_or((&0, &[]));
                let mut request = Vec::new();
                write_request(eap.identifier().wrapping_add(1), *method, &[data], &mut request);
                Inside::Say(pair(None, kind::EAP_MESSAGE, &request))
            }
            InnerTurn::Passed(candidate) => Inside::Passed(candidate),
            InnerTurn::Rejected(refused) => Inside::Rejected(refused),
        }
    }

    /// A password, or what was made of one.
    fn judge(
        &mut self,
        said: &Said<'_>,
        tls: &ServerConnection,
        site: &mut Site<'_, '_, '_>,
    ) -> Result<Inside, Refused> {
        let name = said.name.ok_or((Found::NoUserName, RejectReason::NoUserName))?;
        let (found_by, subscriber) = identify(name, site)?;
        let stored = Stored::of(&subscriber);
        let wrong = |found| Err((found, RejectReason::WrongPassword));
        let mut success = None;
        let found = if let Some(response) = said.ms_response_2 {
            let (challenge, ident) = implicit::<16>(tls)?;
            let expected = (said.ms_challenge, response.first() == Some(&ident));
            let response = response_2(response, expected, &challenge)?;
            match v2::check(&challenge, &response, name, &credential::nt_hash_of(stored)?) {
                Some(proof) => {
                    success = Some([&[ident][..], &proof.success()].concat());
                    Found::MsChap2Match
                }
                None => return wrong(Found::MsChap2Mismatch),
            }
        } else if let Some(response) = said.ms_response {
            let (challenge, ident) = implicit::<8>(tls)?;
            same_challenge(said.ms_challenge, &challenge, response.first() == Some(&ident))?;
            let response =
                Response::parse(response).ok_or((Found::MsChapMalformed, RejectReason::WrongPassword))?;
            let nt_response = response
                .nt_response
                .ok_or((Found::MsChapLanManager, RejectReason::UnsupportedMethod))?;
            if !v1::check(&challenge, nt_response, &credential::nt_hash_of(stored)?) {
                return wrong(Found::MsChapMismatch);
            }
            Found::MsChapMatch
        } else if let Some(response) = said.chap {
            let (challenge, ident) = implicit::<16>(tls)?;
            same_challenge(said.chap_challenge, &challenge, response.first() == Some(&ident))?;
            match check_chap(
                response,
                &challenge,
                credential::clear_of(stored, WantsPassword::Chap)?,
            ) {
                Some(true) => Found::ChapMatch,
                Some(false) => return wrong(Found::ChapMismatch),
                None => return wrong(Found::ChapMalformed),
            }
        } else if let Some(padded) = said.password {
            //= https://www.rfc-editor.org/rfc/rfc5281#section-11.2.5
            //# The client SHOULD, however,
            //# null-pad the password to a multiple of 16 octets, to obfuscate its length.
            let end = padded
                .iter()
                .rposition(|octet| *octet != 0)
                .map_or(0, |last| last + 1);
            credential::check_clear(&subscriber, &padded[..end])?
        } else {
            return Err((Found::EapInnerNothing, RejectReason::CredentialNotSent));
        };
        let candidate = Candidate {
            subscriber,
            name: found_by,
            found,
        };
        Ok(match success {
            Some(success) => {
                *self = Self::Told(candidate);
                Inside::Say(pair(Some(MICROSOFT), microsoft::CHAP2_SUCCESS, &success))
            }
            None => Inside::Passed(candidate),
        })
    }
}

/// One mandatory pair.
fn pair(vendor: Option<u32>, code: u8, data: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let avp = Avp {
        code: u32::from(code),
        vendor,
        mandatory: true,
        data,
    };
    avp::write(&avp, &mut octets);
    octets
}

/// The challenge that both sides take from the tunnel, and the identifier behind it.
fn implicit<const LEN: usize>(tls: &ServerConnection) -> Result<([u8; LEN], u8), Refused> {
    // At most 16 and one.
    let mut octets = [0; 17];
    let wanted = &mut octets[..=LEN];
    tls.export_keying_material(wanted, CHALLENGE_LABEL, None)
        .map_err(|_| (Found::EapNoKeys, RejectReason::EapFailed))?;
    let mut challenge = [0; LEN];
    challenge.copy_from_slice(&octets[..LEN]);
    Ok((challenge, octets[LEN]))
}

/// Refuses a challenge that the peer chose.
fn same_challenge(sent: Option<&[u8]>, challenge: &[u8], same_ident: bool) -> Result<(), Refused> {
    let same = sent.is_some_and(|sent| bool::from(sent.ct_eq(challenge)));
    if same && same_ident {
        Ok(())
    } else {
        Err((Found::EapChallengeDiffers, RejectReason::EapFailed))
    }
}

/// Reads a response of MS-CHAPv2 to the right challenge.
fn response_2<'a>(
    response: &'a [u8],
    (sent, same_ident): (Option<&[u8]>, bool),
    challenge: &[u8],
) -> Result<Response2<'a>, Refused> {
    same_challenge(sent, challenge, same_ident)?;
    Response2::parse(response).ok_or((Found::MsChap2Malformed, RejectReason::WrongPassword))
}
