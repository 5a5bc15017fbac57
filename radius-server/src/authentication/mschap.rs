//! MS-CHAP of both versions: is it he, what proves us to him, what his NAS needs to encrypt, what a refusal says.
//! The arithmetic is in [`radius::mschap`]; nothing here outlives the request.

use super::credential::{Checked, Proven, Stored};
use super::{Asked, Entropy};
use crate::decision::{Finding, Found, RejectReason, WantsPassword};
use crate::directory::Subscriber;
use crate::id::DecisionId;
use radius::kind::microsoft;
use radius::kind::vendor::MICROSOFT;
use radius::mschap::{
    Failure, FailureCode, NtHash, Response, Response2, SessionKeys, Version, failure, mppe, response, v1, v2,
};
use radius::password::{PAP_LEN_MAX, hide_pap};
use radius::salt::{self, Salt};
use radius::{Attributes, ReplyWriter, View, WriteError, kind};

/// What a request carries of MS-CHAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent<'a> {
    /// MS-CHAP-Response.
    One(&'a [u8]),
    /// MS-CHAP2-Response.
    Two(&'a [u8]),
    /// A changed password in place of a response, for this version.
    Change(Version, &'a [u8]),
}

impl<'a> Sent<'a> {
    /// What there is; of two, version 2 counts.
    pub(super) fn of(request: &View<'a>) -> Option<Self> {
        let mut changed = None;
        let mut one = None;
        let inside = request.attributes().filter_map(|attribute| attribute.vendor());
        for attribute in inside
            .filter(|(vendor, _)| *vendor == MICROSOFT)
            .flat_map(|(_, inside)| inside)
        {
            match attribute.kind {
                microsoft::CHAP2_RESPONSE => return Some(Self::Two(attribute.value)),
                microsoft::CHAP_RESPONSE => one = Some(Self::One(attribute.value)),
                microsoft::CHAP2_CPW => changed = Some(Self::Change(Version::Two, attribute.value)),
                microsoft::CHAP_CPW_1 | microsoft::CHAP_CPW_2 => {
                    changed = Some(Self::Change(Version::One, attribute.value));
                }
                _ => {}
            }
        }
        one.or(changed)
    }

    /// Which of the two protocols.
    const fn version(self) -> Version {
        match self {
            Self::One(_) => Version::One,
            Self::Two(_) => Version::Two,
            Self::Change(version, _) => version,
        }
    }

    /// Whether it is a response of version 1 without what is made from the NT hash.
    fn is_lan_manager(self) -> bool {
        match self {
            Self::One(value) => Response::parse(value).is_some_and(|response| response.nt_response.is_none()),
            Self::Two(_) | Self::Change(..) => false,
        }
    }

    /// PPP's identifier, which the answer repeats; 0 when the attribute has no room for one.
    fn ident(self) -> u8 {
        let ident = match self {
            Self::One(value) | Self::Two(value) => value.first(),
            // A code stands before it (RFC 2548 sections 2.1.6, 2.1.7 and 2.3.4).
            Self::Change(_, value) => value.get(1),
        };
        ident.copied().unwrap_or_default()
    }
}

// -- Is it he?

/// Compares a response with what is stored.
pub(super) fn check(asked: &Asked<'_>, sent: Sent<'_>, stored: Stored<'_>) -> (Finding<'static>, Checked) {
    let hash = &match stored {
        Stored::NtHash(hash) => hash,
        Stored::Hash(hash) => {
            return (
                Found::HashStored {
                    method: WantsPassword::MsChap,
                    hash,
                },
                Checked::Rejected(RejectReason::CredentialUnfit),
            );
        }
        Stored::Password(password) => match std::str::from_utf8(password) {
            Ok(password) => NtHash::of(password),
            Err(_) => {
                return (
                    Found::MsChapPasswordNotText,
                    Checked::Rejected(RejectReason::CredentialUnfit),
                );
            }
        },
        Stored::Nothing => {
            return (
                Found::NothingStored,
                Checked::Rejected(RejectReason::NoCredential),
            );
        }
    };
    match sent {
        Sent::One(value) => check_one(asked, value, hash),
        Sent::Two(value) => check_two(asked, value, hash),
        Sent::Change(..) => (
            Found::MsChapPasswordChange,
            Checked::Rejected(RejectReason::UnsupportedMethod),
        ),
    }
}

/// Version 1.
fn check_one(asked: &Asked<'_>, value: &[u8], hash: &NtHash) -> (Finding<'static>, Checked) {
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    let Some(response) = Response::parse(value) else {
        return (Found::MsChapMalformed, wrong);
    };
    let Some(nt_response) = response.nt_response else {
        return (
            Found::MsChapLanManager,
            Checked::Rejected(RejectReason::UnsupportedMethod),
        );
    };
    match response::challenge(&asked.request) {
        None => (Found::MsChapMalformed, wrong),
        Some(challenge) if v1::check(challenge, nt_response, hash) => (
            Found::MsChapMatch,
            Checked::Passed(Proven::MsChap(mppe::v1_keys(hash))),
        ),
        Some(_) => (Found::MsChapMismatch, wrong),
    }
}

/// Version 2.
fn check_two(asked: &Asked<'_>, value: &[u8], hash: &NtHash) -> (Finding<'static>, Checked) {
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    let (Some(response), Some(challenge)) = (Response2::parse(value), response::challenge(&asked.request))
    else {
        return (Found::MsChap2Malformed, wrong);
    };
    let name = asked.request.first(kind::USER_NAME).unwrap_or_default();
    match v2::check(challenge, &response, name, hash) {
        Some(proof) => {
            let ident = response.ident;
            (
                Found::MsChap2Match,
                Checked::Passed(Proven::MsChap2 { ident, proof }),
            )
        }
        None => (Found::MsChap2Mismatch, wrong),
    }
}

// -- What an Access-Accept says

/// Adds the server's proof, and the keys unless the plan or the subscriber's own attributes allow no encryption.
pub(super) fn write_success(
    asked: &Asked<'_>,
    subscriber: &Subscriber,
    decision: DecisionId,
    proven: &Proven,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), WriteError> {
    let types = match proven {
        Proven::Otherwise => return Ok(()),
        // Keys of the air, not of MPPE: policy and types say nothing about them.
        Proven::Eap { .. } => return write_keys(asked, decision, proven, reply),
        // Keys of 40 bits are made from the LAN Manager hash in version 1, and there is none.
        Proven::MsChap(_) => mppe::TYPE_128_BIT,
        Proven::MsChap2 { ident, proof } => {
            let mut success = [*ident; v2::SUCCESS_LEN + 1];
            success[1..].copy_from_slice(&proof.success());
            reply.vendor(MICROSOFT, microsoft::CHAP2_SUCCESS, &success)?;
            mppe::TYPE_40_BIT | mppe::TYPE_128_BIT
        }
    };
    let given_types = given(subscriber, microsoft::MPPE_ENCRYPTION_TYPES);
    if given_types == Some(0) {
        return Ok(());
    }
    write_keys(asked, decision, proven, reply)?;
    if given(subscriber, microsoft::MPPE_ENCRYPTION_POLICY).is_none() {
        let policy = mppe::POLICY_ALLOWED.to_be_bytes();
        reply.vendor(MICROSOFT, microsoft::MPPE_ENCRYPTION_POLICY, &policy)?;
    }
    if given_types.is_none() {
        reply.vendor(MICROSOFT, microsoft::MPPE_ENCRYPTION_TYPES, &types.to_be_bytes())?;
    }
    Ok(())
}

/// Adds the keys, hidden.
fn write_keys(
    asked: &Asked<'_>,
    decision: DecisionId,
    proven: &Proven,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), WriteError> {
    let (secret, request) = (asked.secret(), asked.request.authenticator());
    match proven {
        Proven::Otherwise => Ok(()),
        Proven::MsChap(keys) => {
            let mut room = [0; PAP_LEN_MAX];
            let hidden = hide_pap(secret, request, &**keys, &mut room).unwrap_or_default();
            reply.vendor(MICROSOFT, microsoft::CHAP_MPPE_KEYS, hidden)
        }
        Proven::MsChap2 { proof, .. } => {
            let keys = SessionKeys::derive(proof);
            write_pair(asked, decision, &*keys.send, &*keys.receive, reply)
        }
        Proven::Eap { keys, .. } => write_pair(asked, decision, &keys.send, &keys.receive, reply),
    }
}

/// Adds the keys of both directions, hidden.
fn write_pair(
    asked: &Asked<'_>,
    decision: DecisionId,
    send: &[u8],
    receive: &[u8],
    reply: &mut ReplyWriter<'_>,
) -> Result<(), WriteError> {
    let (secret, request) = (asked.secret(), asked.request.authenticator());
    for (kind, key, salt) in [
        (microsoft::MPPE_SEND_KEY, send, 0),
        (microsoft::MPPE_RECV_KEY, receive, 1),
    ] {
        let mut room = [0; salt::HIDDEN_LEN_MAX];
        let salt = Salt::new(salt_base(decision) | salt);
        let hidden = salt::hide(secret, request, salt, key, &mut room).unwrap_or_default();
        reply.vendor(MICROSOFT, kind, hidden)?;
    }
    Ok(())
}

/// An even number that hardly two decisions share. A salt need not be secret, only differ within the packet; what keeps
/// one packet's keys from another's is the request authenticator.
fn salt_base(decision: DecisionId) -> u16 {
    let [.., high, low] = *decision.as_bytes();
    u16::from_be_bytes([high, low]) & !1
}

/// The number that the subscriber's own attributes, or else his plan's, give for one of Microsoft's.
fn given(subscriber: &Subscriber, kind: u8) -> Option<u32> {
    let own = Attributes::new(subscriber.reply());
    let value = own
        .chain(Attributes::new(subscriber.plan.raw()))
        .filter_map(|attribute| attribute.vendor())
        .filter(|(vendor, _)| *vendor == MICROSOFT)
        .flat_map(|(_, inside)| inside)
        .find(|inside| inside.kind == kind)?
        .value;
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

// -- What an Access-Reject says

/// What the refusal of an MS-CHAP login repeats and offers.
pub(super) struct Refusal {
    /// PPP's identifier.
    ident: u8,
    /// Which protocol.
    version: Version,
    /// Whether he sent a changed password.
    changing: bool,
    /// Whether another attempt could be of use: a LAN Manager response never is, whoever sends it.
    retry: bool,
    /// For another attempt; `None` when the system gave no random octets.
    challenge: Option<[u8; 16]>,
}

impl Refusal {
    /// Prepares the refusal of what was sent.
    pub(super) fn of(sent: Sent<'_>, entropy: Entropy) -> Self {
        let mut challenge = [0; 16];
        Self {
            ident: sent.ident(),
            version: sent.version(),
            changing: matches!(sent, Sent::Change(..)),
            retry: !sent.is_lan_manager(),
            challenge: entropy(&mut challenge).then_some(challenge),
        }
    }

    /// Adds MS-CHAP-Error.
    pub(super) fn write(&self, reason: RejectReason, reply: &mut ReplyWriter<'_>) -> Result<(), WriteError> {
        let (code, retry) = match failure_code(reason) {
            _ if self.changing => (FailureCode::ChangingPassword, false),
            found => found,
        };
        let failure = Failure {
            ident: self.ident,
            version: self.version,
            code,
            retry: retry && self.retry && self.challenge.is_some(),
            // Without a retry nobody answers it; the field must be there (RFC 2759 section 6).
            challenge: self.challenge.unwrap_or_default(),
            message: reason.reply_message(),
        };
        let mut room = [0; failure::FAILURE_LEN_MAX];
        reply.vendor(MICROSOFT, microsoft::CHAP_ERROR, failure.write(&mut room))
    }
}

/// How a refusal is told to the peer, and whether he may try again with another password.
///
/// Whatever could be a wrong name or password looks the same; only who knows the password learns that the service is
/// disabled. 646 (restricted hours) has no rule here, and 648 (expired) would ask for a change that is not offered.
const fn failure_code(reason: RejectReason) -> (FailureCode, bool) {
    match reason {
        RejectReason::NoUserName
        | RejectReason::UnknownSubscriber
        | RejectReason::WrongPassword
        | RejectReason::NoCredential
        | RejectReason::CredentialUnfit
        | RejectReason::CredentialNotSent
        | RejectReason::UnsupportedMethod
        | RejectReason::HomeServerRejected
        | RejectReason::RealmRefused => (FailureCode::Authentication, true),
        RejectReason::EapFailed | RejectReason::TlsFailed | RejectReason::CertificateRefused => {
            (FailureCode::Authentication, false)
        }
        RejectReason::Suspended
        | RejectReason::PartnerSuspended
        | RejectReason::Terminated
        | RejectReason::Expired
        | RejectReason::QuotaUsedUp => (FailureCode::AccountDisabled, false),
        RejectReason::ReplyTooLong
        | RejectReason::TooManySessions
        | RejectReason::NotAllowedHere
        | RejectReason::BoundElsewhere
        | RejectReason::BindingNotSent
        | RejectReason::PoolExhausted
        | RejectReason::AddressInUse => (FailureCode::NoDialInPermission, false),
    }
}
