//! Is it he? Compares what the request carries with what is stored: PAP and CHAP here, MS-CHAP in `mschap`, EAP in `eap`.
//! No finding it returns holds an octet of a password.

use super::identification::Recognised;
use super::{Asked, mschap};
use crate::decision::{DropReason, Finding, Found, RejectReason, WantsPassword};
use crate::directory::{CredentialKind, Partner, Subscriber};
use crate::password_hash::{HashKind, PasswordHash};
use radius::mschap::{NtHash, Proof, SessionKeys, mppe};
use radius::password::{PAP_LEN_MAX, check_chap, check_pap, check_pap_nt_hash, reveal_pap, without_padding};
use radius::{Mac, PapCheck, View, kind};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// How the check of a credential ended.
#[derive(Debug)]
pub(super) enum Checked {
    /// It is he.
    Passed(Proven),
    /// It is not, or nobody can tell.
    Rejected(RejectReason),
    /// The request must not be answered.
    Dropped(DropReason),
}

/// What the reply needs of how he proved himself. Its secrets print as nothing and are wiped when it goes.
pub(crate) enum Proven {
    /// PAP, CHAP or EAP-MD5: nothing.
    Otherwise,
    /// MS-CHAP: what the keys of the link are made from.
    MsChap(Zeroizing<[u8; mppe::V1_KEYS_LEN]>),
    /// MS-CHAP version 2: what the server's proof and the keys of the link are made from.
    MsChap2 {
        /// PPP's identifier, which the proof repeats.
        ident: u8,
        /// That he knows the password.
        proof: Proof,
    },
    /// A method of EAP that gives keys.
    Eap {
        /// They.
        keys: Keys,
        /// Whether it was said inside a tunnel who he is.
        inside: bool,
    },
}

/// Keys that EAP agreed on, as the NAS uses them. Wiped when they go, never printed.
pub(crate) struct Keys {
    /// What the NAS receives with: MS-MPPE-Recv-Key.
    pub(super) receive: Zeroizing<Vec<u8>>,
    /// What the NAS sends with: MS-MPPE-Send-Key.
    pub(super) send: Zeroizing<Vec<u8>>,
}

impl From<&SessionKeys> for Keys {
    fn from(keys: &SessionKeys) -> Self {
        Self {
            receive: Zeroizing::new(keys.receive.to_vec()),
            send: Zeroizing::new(keys.send.to_vec()),
        }
    }
}

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Otherwise => "Otherwise",
            Self::MsChap(_) => "MsChap",
            Self::MsChap2 { .. } => "MsChap2",
            Self::Eap { .. } => "Eap",
        })
    }
}

/// What is stored to compare with.
pub(super) enum Stored<'s> {
    /// The password.
    Password(&'s [u8]),
    /// Its NT hash only.
    NtHash(NtHash),
    /// Another hash of it only.
    Hash(HashKind),
    /// Nothing.
    Nothing,
}

impl<'s> Stored<'s> {
    /// What is stored for a subscriber; an empty password is none.
    pub(super) fn of(subscriber: &'s Subscriber) -> Self {
        if let Some(password) = subscriber.password() {
            Self::Password(password)
        } else if let Some(hash) = subscriber.nt_hash() {
            Self::NtHash(hash)
        } else if let Some((hash, _)) = subscriber.password_hash() {
            Self::Hash(hash)
        } else {
            Self::Nothing
        }
    }

    /// What is stored of most subscribers of a partner, with nobody's values.
    pub(super) fn usual(partner: &Partner) -> Stored<'static> {
        match partner.usual_credential() {
            CredentialKind::Clear => Stored::Password(b""),
            CredentialKind::NtHash => Stored::NtHash(NtHash::of("")),
            CredentialKind::Hash => Stored::Hash(HashKind::Argon2id),
        }
    }

    /// The password, for a method that needs nothing less; else what there is to say.
    pub(super) fn password_for(self, method: WantsPassword) -> Result<&'s [u8], (Finding<'static>, Checked)> {
        match self {
            Self::Password(password) => Ok(password),
            Self::Hash(hash) => Err((
                Found::HashStored { method, hash },
                Checked::Rejected(RejectReason::CredentialUnfit),
            )),
            Self::NtHash(_) => Err((
                Found::NtHashStored,
                Checked::Rejected(RejectReason::CredentialUnfit),
            )),
            Self::Nothing => Err((
                Found::NothingStored,
                Checked::Rejected(RejectReason::NoCredential),
            )),
        }
    }
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
    MsChap(mschap::Sent<'a>),
    /// Nothing at all.
    Nothing,
}

impl<'a> Method<'a> {
    /// The method of a request; of several the strongest counts.
    pub(super) fn of(request: &View<'a>) -> Self {
        if request.first(kind::EAP_MESSAGE).is_some() {
            Self::Eap
        } else if let Some(sent) = mschap::Sent::of(request) {
            Self::MsChap(sent)
        } else if let Some(response) = request.first(kind::CHAP_PASSWORD) {
            Self::Chap(response)
        } else if let Some(hidden) = request.first(kind::USER_PASSWORD) {
            Self::Pap(hidden)
        } else {
            Self::Nothing
        }
    }
}

/// Checks PAP, CHAP and MS-CHAP against what is stored, and says why nothing else can be checked.
pub(super) fn check(
    asked: &Asked<'_>,
    method: Method<'_>,
    stored: Stored<'_>,
) -> (Finding<'static>, Checked) {
    match (method, stored) {
        (Method::Nothing, _) => (
            Found::NothingSent,
            Checked::Rejected(RejectReason::CredentialNotSent),
        ),
        // EAP does not come here; were it to, it has not proven anything.
        (Method::Eap, _) => (Found::EapMalformed, Checked::Rejected(RejectReason::EapFailed)),
        (Method::MsChap(sent), stored) => mschap::check(asked, sent, stored),
        (Method::Pap(hidden), Stored::Nothing) if garbled(asked, hidden) => {
            (Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers))
        }
        (Method::Pap(hidden), Stored::NtHash(hash)) => {
            let (secret, authenticator) = (asked.secret(), asked.request.authenticator());
            judge_password(asked, check_pap_nt_hash(secret, authenticator, hidden, &hash))
        }
        // A hash does not come here with PAP; see `hashed`.
        (Method::Pap(hidden), stored) => stored
            .password_for(WantsPassword::Pap)
            .map_or_else(|none| none, |password| check_password(asked, hidden, password)),
        (Method::Chap(response), stored) => stored
            .password_for(WantsPassword::Chap)
            .map_or_else(|none| none, |password| check_response(asked, response, password)),
    }
}

/// The password that User-Password hides, for who compares it himself; else what there is to say.
pub(super) fn revealed<'r>(
    asked: &Asked<'_>,
    hidden: &[u8],
    room: &'r mut [u8; PAP_LEN_MAX],
) -> Result<&'r [u8], (Finding<'static>, Checked)> {
    if garbled(asked, hidden) {
        return Err((Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers)));
    }
    let (secret, authenticator) = (asked.secret(), asked.request.authenticator());
    let wrong = |found| Err((found, Checked::Rejected(RejectReason::WrongPassword)));
    match reveal_pap(secret, authenticator, hidden, room).map(without_padding) {
        None => wrong(Found::PapMalformed),
        Some(b"") => wrong(Found::PapMismatch),
        Some(password) => Ok(password),
    }
}

/// Judges a subscriber who was recognised by his line or his device and has nothing stored; `None`: it is not such a one, or
/// he sent what only a password answers.
///
/// Who has a password stored must know it, however he was recognised.
pub(super) fn check_mark(
    asked: &Asked<'_>,
    method: Method<'_>,
    stored: &Stored<'_>,
    recognised: Recognised,
) -> Option<(Finding<'static>, Checked)> {
    if !matches!(stored, Stored::Nothing) || recognised == Recognised::Name {
        return None;
    }
    let suffices = match method {
        // Both want a proof that we know the password, too.
        Method::Eap | Method::MsChap(_) => return None,
        Method::Pap(hidden) if garbled(asked, hidden) => {
            return Some((Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers)));
        }
        Method::Nothing => true,
        Method::Pap(hidden) => match recognised {
            Recognised::Device(mac) => is_pap_of_device(asked, hidden, mac),
            // A BNG that knows the line sends some password, because the attribute must be there.
            Recognised::Line | Recognised::Name => true,
        },
        Method::Chap(response) => match recognised {
            Recognised::Device(_) => is_chap_of_device(asked, response),
            Recognised::Line | Recognised::Name => true,
        },
    };
    Some(match (recognised, suffices) {
        (Recognised::Device(_), false) => (
            Found::DeviceMismatch,
            Checked::Rejected(RejectReason::WrongPassword),
        ),
        (Recognised::Device(_), true) => (Found::DeviceSuffices, Checked::Passed(Proven::Otherwise)),
        _ => (Found::LineSuffices, Checked::Passed(Proven::Otherwise)),
    })
}

/// Whether User-Password is what a NAS sends for a device: its address in any spelling, the shared secret, or nothing.
fn is_pap_of_device(asked: &Asked<'_>, hidden: &[u8], mac: Mac) -> bool {
    let (secret, authenticator) = (asked.secret(), asked.request.authenticator());
    if check_pap(secret, authenticator, hidden, secret.octets()) == PapCheck::Match {
        return true;
    }
    let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
    let sent = reveal_pap(secret, authenticator, hidden, &mut room).map(without_padding);
    sent.is_some_and(|sent| sent.is_empty() || Mac::parse(sent) == Some(mac))
}

/// Whether CHAP-Password was made from User-Name as it was sent, or from the shared secret.
fn is_chap_of_device(asked: &Asked<'_>, response: &[u8]) -> bool {
    let authenticator: &[u8] = asked.request.authenticator();
    let challenge = asked.request.first(kind::CHAP_CHALLENGE).unwrap_or(authenticator);
    let name = asked.request.first(kind::USER_NAME).unwrap_or_default();
    [name, asked.secret().octets()]
        .iter()
        .any(|password| check_chap(response, challenge, password) == Some(true))
}

/// Whether a hidden password proves that the NAS hides it with another secret; a signed request proves the opposite.
pub(super) fn garbled(asked: &Asked<'_>, hidden: &[u8]) -> bool {
    let request = &asked.request;
    !asked.signed && check_pap(asked.secret(), request.authenticator(), hidden, b"") == PapCheck::Garbled
}

/// PAP.
fn check_password(asked: &Asked<'_>, hidden: &[u8], password: &[u8]) -> (Finding<'static>, Checked) {
    let (secret, authenticator) = (asked.secret(), asked.request.authenticator());
    judge_password(asked, check_pap(secret, authenticator, hidden, password))
}

/// What follows from what a User-Password turned out to be.
fn judge_password(asked: &Asked<'_>, check: PapCheck) -> (Finding<'static>, Checked) {
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    match check {
        PapCheck::Match => (Found::PapMatch, Checked::Passed(Proven::Otherwise)),
        PapCheck::Mismatch => (Found::PapMismatch, wrong),
        PapCheck::Malformed => (Found::PapMalformed, wrong),
        // The signature says that the secrets agree, so these octets are what he typed: Latin-1, most likely.
        PapCheck::Garbled if asked.signed => (Found::PapMismatch, wrong),
        // A reply would be made with a secret that the NAS does not know; it could not believe it.
        PapCheck::Garbled => (Found::PapGarbled, Checked::Dropped(DropReason::SecretDiffers)),
    }
}

/// CHAP; the challenge is in CHAP-Challenge or is the Request Authenticator (RFC 2865 section 2.2).
fn check_response(asked: &Asked<'_>, response: &[u8], password: &[u8]) -> (Finding<'static>, Checked) {
    let authenticator: &[u8] = asked.request.authenticator();
    let challenge = asked.request.first(kind::CHAP_CHALLENGE).unwrap_or(authenticator);
    let wrong = Checked::Rejected(RejectReason::WrongPassword);
    match check_chap(response, challenge, password) {
        Some(true) => (Found::ChapMatch, Checked::Passed(Proven::Otherwise)),
        Some(false) => (Found::ChapMismatch, wrong),
        None => (Found::ChapMalformed, wrong),
    }
}

// -- For methods in which no NAS takes part: EAP, and what is inside its tunnels

/// The password, for a method that needs nothing less.
pub(super) fn clear_of(
    stored: Stored<'_>,
    method: WantsPassword,
) -> Result<&[u8], (Finding<'static>, RejectReason)> {
    stored
        .password_for(method)
        .map_err(|(found, checked)| match checked {
            Checked::Rejected(reason) => (found, reason),
            Checked::Passed(_) | Checked::Dropped(_) => (found, RejectReason::CredentialUnfit),
        })
}

/// The NT hash, for both versions of MS-CHAP.
pub(super) fn nt_hash_of(stored: Stored<'_>) -> Result<NtHash, (Finding<'static>, RejectReason)> {
    match stored {
        Stored::NtHash(hash) => Ok(hash),
        Stored::Hash(hash) => Err((
            Found::HashStored {
                method: WantsPassword::MsChap,
                hash,
            },
            RejectReason::CredentialUnfit,
        )),
        Stored::Password(password) => std::str::from_utf8(password)
            .map(NtHash::of)
            .map_err(|_| (Found::MsChapPasswordNotText, RejectReason::CredentialUnfit)),
        Stored::Nothing => Err((Found::NothingStored, RejectReason::NoCredential)),
    }
}

/// Compares a password that came as it is with whatever is stored, and takes as long as that takes: a slow hash is none for
/// a worker to compare with. That it is he, or why not.
pub(super) fn check_clear(
    subscriber: &Subscriber,
    password: &[u8],
) -> Result<Finding<'static>, (Finding<'static>, RejectReason)> {
    let judge = |same: bool, right: Finding<'static>, wrong: Finding<'static>| {
        if same {
            Ok(right)
        } else {
            Err((wrong, RejectReason::WrongPassword))
        }
    };
    let nothing = Err((Found::NothingStored, RejectReason::NoCredential));
    match Stored::of(subscriber) {
        Stored::Password(stored) => judge(stored.ct_eq(password).into(), Found::PapMatch, Found::PapMismatch),
        Stored::NtHash(hash) => {
            let sent = std::str::from_utf8(password);
            let same = sent.is_ok_and(|sent| NtHash::of(sent) == hash);
            judge(same, Found::PapMatch, Found::PapMismatch)
        }
        Stored::Hash(hash) => {
            let text = subscriber.password_hash().map(|(_, text)| text);
            let Some(Ok(stored)) = text.map(PasswordHash::parse) else {
                return nothing;
            };
            let right = Found::HashMatch {
                hash,
                remembered: false,
            };
            // No NAS sends more with PAP, and a peer in a tunnel must not make it cost more.
            let usual = (1..=PAP_LEN_MAX).contains(&password.len());
            judge(
                usual && stored.verify(password),
                right,
                Found::HashMismatch { hash },
            )
        }
        Stored::Nothing => nothing,
    }
}
