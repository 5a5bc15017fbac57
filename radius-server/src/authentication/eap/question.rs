//! The methods that prove a password: what is asked, and what the answer proves. The same on the outside and inside a
//! tunnel; whoever asks puts the frames around it.

use super::super::Entropy;
use super::super::credential::{self, Stored};
use super::EapMethod;
use crate::decision::{Finding, Found, RejectReason, WantsPassword};
use crate::directory::Subscriber;
use radius::eap::mschapv2::{self, Said};
use radius::eap::{md5, method};
use radius::mschap::{Failure, FailureCode, NtHash, SessionKeys, Version, v2};

/// What we call ourselves in a challenge; peers show it to nobody.
const OUR_NAME: &[u8] = b"headend";
/// What the answer of nobody is compared with; it is nobody's, whatever comes of it.
const NOBODYS: &[u8] = b"nobody's password";
/// What EAP-GTC shows.
const PROMPT: &[u8] = b"Password: ";

/// What was asked, and what is needed to understand the answer.
#[derive(Debug)]
pub(crate) enum Question {
    /// EAP-MD5, with the challenge.
    Md5([u8; md5::VALUE_LEN]),
    /// EAP-GTC.
    Gtc,
    /// EAP-MSCHAPv2, with the challenge.
    MsChap2([u8; 16]),
    /// EAP-MSCHAPv2: he proved himself and was told what proves us.
    MsChap2Proven(SessionKeys),
    /// EAP-MSCHAPv2: he was told that he failed.
    MsChap2Refused(Finding<'static>, RejectReason),
}

/// What follows from an answer.
pub(super) enum Turn {
    /// Another question, and the octets of it: type and data.
    Ask(Question, Vec<u8>),
    /// It is he; of EAP-MSCHAPv2 with the keys.
    Passed(Finding<'static>, Option<SessionKeys>),
    /// It is not, or nobody can tell.
    Rejected(Finding<'static>, RejectReason),
}

/// An answer.
pub(super) struct Answered<'a> {
    /// The Identifier of the question, which the answer repeats.
    pub(super) identifier: u8,
    /// The method.
    pub(super) method: u8,
    /// Its data.
    pub(super) data: &'a [u8],
    /// Who he says he is.
    pub(super) name: &'a [u8],
    /// Whether he was recognised by the device of this name, which is his password for EAP-MD5 when nothing is stored.
    pub(super) device: bool,
}

impl Question {
    /// Whether what is stored is enough for a method.
    pub(super) fn can(method: EapMethod, stored: &Stored<'_>) -> bool {
        match method {
            EapMethod::Md5 => matches!(stored, Stored::Password(_)),
            EapMethod::MsChap2 => matches!(stored, Stored::Password(_) | Stored::NtHash(_)),
            EapMethod::Gtc => !matches!(stored, Stored::Nothing),
            EapMethod::Tls | EapMethod::Ttls | EapMethod::Peap => false,
        }
    }

    /// The first of these methods, most wanted first, that can be had for somebody of whom this is stored; where there is
    /// none, or nobody, the first that could be had if what is usual were stored. That one ends in a reject, but a name that
    /// does not exist and one that cannot log in are asked what others are asked.
    pub(super) fn choose(
        mut methods: impl Iterator<Item = EapMethod> + Clone,
        stored: Option<&Stored<'_>>,
        usual: &Stored<'_>,
    ) -> Option<EapMethod> {
        let can = |method: EapMethod, stored| method.is_tunnel() || Self::can(method, stored);
        let own = stored.and_then(|stored| methods.clone().find(|method| can(*method, stored)));
        own.or_else(|| methods.find(|method| can(*method, usual)))
    }

    /// What to say when none of these methods can be had, because only a hash of the password is stored.
    pub(super) fn unfit(
        mut methods: impl Iterator<Item = EapMethod>,
        stored: &Stored<'_>,
    ) -> Option<(Finding<'static>, RejectReason)> {
        let Stored::Hash(hash) = *stored else { return None };
        let method = methods.find_map(|method| match method {
            EapMethod::Md5 => Some(WantsPassword::EapMd5),
            EapMethod::MsChap2 => Some(WantsPassword::MsChap),
            EapMethod::Gtc | EapMethod::Tls | EapMethod::Ttls | EapMethod::Peap => None,
        })?;
        Some((Found::HashStored { method, hash }, RejectReason::CredentialUnfit))
    }

    /// The first question of a method and its octets, type and data; `None`: no random octets, or no method of these.
    pub(super) fn first(method: EapMethod, identifier: u8, entropy: Entropy) -> Option<(Self, Vec<u8>)> {
        let mut octets = vec![method.number()];
        let mut challenge = [0; 16];
        if method != EapMethod::Gtc && !entropy(&mut challenge) {
            return None;
        }
        let question = match method {
            EapMethod::Md5 => {
                octets.push(md5::VALUE_LEN as u8);
                octets.extend_from_slice(&challenge);
                octets.extend_from_slice(OUR_NAME);
                Self::Md5(challenge)
            }
            EapMethod::Gtc => {
                octets.extend_from_slice(PROMPT);
                Self::Gtc
            }
            EapMethod::MsChap2 => {
                mschapv2::write_challenge(identifier, &challenge, OUR_NAME, &mut octets);
                Self::MsChap2(challenge)
            }
            EapMethod::Tls | EapMethod::Ttls | EapMethod::Peap => return None,
        };
        Some((question, octets))
    }

    /// Which method it belongs to.
    pub(super) const fn method(&self) -> EapMethod {
        match self {
            Self::Md5(_) => EapMethod::Md5,
            Self::Gtc => EapMethod::Gtc,
            Self::MsChap2(_) | Self::MsChap2Proven(_) | Self::MsChap2Refused(..) => EapMethod::MsChap2,
        }
    }

    /// Whether the peer may still ask for another method.
    pub(super) const fn may_be_refused(&self) -> bool {
        matches!(self, Self::Md5(_) | Self::Gtc | Self::MsChap2(_))
    }

    /// What an answer proves; of nobody nothing, which takes as many questions, and as much arithmetic, as of somebody.
    pub(super) fn judge(self, answer: &Answered<'_>, subscriber: Option<&Subscriber>) -> Turn {
        let turn = self.judge_stored(answer, subscriber);
        if subscriber.is_some() {
            return turn;
        }
        let nobody = (Found::EapNobody, RejectReason::UnknownSubscriber);
        match turn {
            Turn::Ask(Self::MsChap2Refused(..), octets) => {
                Turn::Ask(Self::MsChap2Refused(nobody.0, nobody.1), octets)
            }
            Turn::Rejected(found, reason @ RejectReason::EapFailed) => Turn::Rejected(found, reason),
            Turn::Ask(..) | Turn::Passed(..) | Turn::Rejected(..) => Turn::Rejected(nobody.0, nobody.1),
        }
    }

    /// The same before it is asked whether there is anybody.
    fn judge_stored(self, answer: &Answered<'_>, subscriber: Option<&Subscriber>) -> Turn {
        let stored = subscriber.map_or(Stored::Password(NOBODYS), Stored::of);
        if answer.method != self.method().number() {
            let method = answer.method;
            return Turn::Rejected(Found::EapUnexpectedMethod { method }, RejectReason::EapFailed);
        }
        match self {
            Self::Md5(challenge) => {
                let stored = match stored {
                    Stored::Nothing if answer.device => Stored::Password(answer.name),
                    stored => stored,
                };
                judge_md5(&challenge, answer, stored)
            }
            Self::Gtc => {
                let checked = match subscriber {
                    Some(subscriber) => credential::check_clear(subscriber, answer.data),
                    None => Err((Found::EapNobody, RejectReason::UnknownSubscriber)),
                };
                match checked {
                    Ok(Found::PapMatch) => Turn::Passed(Found::GtcMatch, None),
                    Ok(found) => Turn::Passed(found, None),
                    Err((Found::PapMismatch, reason)) => Turn::Rejected(Found::GtcMismatch, reason),
                    Err((found, reason)) => Turn::Rejected(found, reason),
                }
            }
            Self::MsChap2(challenge) => judge_mschap2(&challenge, answer, stored, subscriber.is_some()),
            Self::MsChap2Proven(keys) => match Said::parse(answer.data) {
                Some(Said::Success) => Turn::Passed(Found::MsChap2Match, Some(keys)),
                _ => Turn::Rejected(Found::EapPeerDisbelieves, RejectReason::EapFailed),
            },
            Self::MsChap2Refused(found, reason) => Turn::Rejected(found, reason),
        }
    }
}

/// EAP-MD5.
fn judge_md5(challenge: &[u8; md5::VALUE_LEN], answer: &Answered<'_>, stored: Stored<'_>) -> Turn {
    let password = match credential::clear_of(stored, WantsPassword::EapMd5) {
        Ok(password) => password,
        Err((found, reason)) => return Turn::Rejected(found, reason),
    };
    match md5::check_response(answer.data, answer.identifier, challenge, password) {
        Ok(true) => Turn::Passed(Found::EapMd5Match, None),
        Ok(false) => Turn::Rejected(Found::EapMd5Mismatch, RejectReason::WrongPassword),
        Err(_) => Turn::Rejected(Found::EapMalformed, RejectReason::EapFailed),
    }
}

/// EAP-MSCHAPv2's response; whoever it is that fails, he is told so and has to say that he heard it.
fn judge_mschap2(challenge: &[u8; 16], answer: &Answered<'_>, stored: Stored<'_>, is_somebody: bool) -> Turn {
    let said = Said::parse(answer.data);
    if matches!(said, Some(Said::ChangePassword)) {
        return Turn::Rejected(Found::MsChapPasswordChange, RejectReason::UnsupportedMethod);
    }
    let Some((response, name)) = said.and_then(|said| match said {
        Said::Response { name, .. } => Some((said.response()?, name)),
        _ => None,
    }) else {
        return Turn::Rejected(Found::MsChap2Malformed, RejectReason::EapFailed);
    };
    // The name that is hashed is the one in the response; that it is his own is what the directory said about the other.
    let wrong = || (Found::MsChap2Mismatch, RejectReason::WrongPassword);
    let proven = credential::nt_hash_of(stored)
        .and_then(|hash| check_either(challenge, &response, name, answer.name, &hash).ok_or_else(wrong));
    match proven {
        Ok(proof) if is_somebody => {
            let mut octets = vec![method::MSCHAPV2];
            mschapv2::write_success(response.ident, &proof.success(), &mut octets);
            Turn::Ask(Question::MsChap2Proven(SessionKeys::derive(&proof)), octets)
        }
        refused => {
            let (found, reason) = refused.err().unwrap_or_else(wrong);
            let failure = Failure {
                ident: response.ident,
                version: Version::Two,
                code: FailureCode::Authentication,
                retry: false,
                challenge: [0; 16],
                message: RejectReason::WrongPassword.reply_message(),
            };
            let mut octets = vec![method::MSCHAPV2];
            mschapv2::write_failure(&failure, &mut octets);
            Turn::Ask(Question::MsChap2Refused(found, reason), octets)
        }
    }
}

/// The name in the response is what was hashed; a peer that leaves it out hashed the one it gave as its identity.
fn check_either(
    challenge: &[u8; 16],
    response: &radius::mschap::Response2<'_>,
    name: &[u8],
    identity: &[u8],
    hash: &NtHash,
) -> Option<radius::mschap::Proof> {
    let name = if name.is_empty() { identity } else { name };
    v2::check(challenge, response, name, hash)
}
