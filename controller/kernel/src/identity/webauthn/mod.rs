//! What a passkey says, and whether it is true: the parts of WebAuthn (W3C, Level 2) that a server needs. Values only.
//! Never keeps anything, never looks at a clock, and trusts no attestation: who made a device is not asked for.
//!
//! [`Party`] is who we are to a browser. [`register`] takes a new key apart, [`verify`] checks what a known one signed; both
//! read [`client_data`] (what the browser saw) and [`authenticator`] (what the device says), which is [`cbor`], and
//! [`key`] verifies. Whose key it is and whether the challenge was ours is [`super::passkey`]'s business.

pub mod authenticator;
pub mod cbor;
pub mod client_data;
pub mod key;
mod party;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use authenticator::AuthenticatorData;
use client_data::{Act, ClientData};
use key::PublicKey;
pub use party::Party;

/// The largest message of a device that is looked at, in octets.
pub const MESSAGE_OCTETS_MAX: usize = 16 * 1024;
/// The shortest name of a key, in octets: 100 bits of randomness are demanded of devices, and all give this much.
pub const CREDENTIAL_ID_OCTETS_MIN: usize = 16;
/// The longest, in octets (section 6.5.1).
pub const CREDENTIAL_ID_OCTETS_MAX: usize = 1023;

/// Why what a browser sent does not prove anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// It cannot be read.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It was made for another act: a registration in place of a login, or the other way round.
    #[error("this was made for another act")]
    OtherAct,
    /// It was made on a page that is not ours.
    #[error("this was made at {origin}, and we are at {ours}")]
    OtherOrigin {
        /// Where, shortened.
        origin: String,
        /// Where we are.
        ours: String,
    },
    /// The device made it for another server.
    #[error("the device made this for another server")]
    OtherParty,
    /// Nobody touched the device.
    #[error("nobody was there")]
    NobodyPresent,
    /// The device did not look who touched it.
    #[error("the device did not verify its user; unlock it by PIN or finger")]
    UserNotVerified,
    /// The key is of a kind we do not verify.
    #[error("this kind of key is not supported")]
    UnknownAlgorithm,
    /// The signature is not of this key.
    #[error("the signature is wrong")]
    WrongSignature,
    /// The key is not known, or not of somebody who may sign in.
    #[error("this passkey is not known here")]
    Unknown,
    /// The counter went back.
    #[error("the passkey's counter went back: somebody may have a copy of it")]
    Copied,
    /// The challenge is not ours, is too old, or was answered before.
    #[error("the challenge is not ours, has expired, or was answered before")]
    Challenge,
}

/// A key that a device has just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// How the device calls it.
    pub credential_id: Vec<u8>,
    /// The public key, as it gave it.
    pub cose: Vec<u8>,
    /// Its counter.
    pub sign_count: u32,
    /// Whether it is copied to other devices.
    pub backed_up: bool,
}

/// What a known key has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The device's counter.
    pub sign_count: u32,
    /// Whether the key is copied to other devices.
    pub backed_up: bool,
}

/// Takes a registration apart; the caller has looked at the challenge already.
///
/// # Errors
/// What is wrong with it.
pub fn register(party: &Party, client_data: &[u8], attestation: &[u8]) -> Result<NewKey, PasskeyError> {
    ClientData::read(client_data)?.check(Act::Create, party)?;
    let octets = authenticator::data_of_attestation(attestation)?;
    let data = AuthenticatorData::read(octets)?;
    check_presence(&data, party)?;
    let made = data.made.as_ref().ok_or(PasskeyError::Malformed {
        what: "the attestation",
        why: "it holds no key",
    })?;
    // A key that could never be verified must not be kept.
    PublicKey::read(made.cose)?;
    Ok(NewKey {
        credential_id: made.credential_id.to_vec(),
        cose: made.cose.to_vec(),
        sign_count: data.sign_count,
        backed_up: data.backed_up(),
    })
}

/// Checks what a known key signed; the caller has looked at the challenge already.
///
/// # Errors
/// What is wrong with it.
pub fn verify(
    party: &Party,
    cose: &[u8],
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
) -> Result<Signed, PasskeyError> {
    ClientData::read(client_data)?.check(Act::Get, party)?;
    let data = AuthenticatorData::read(authenticator_data)?;
    check_presence(&data, party)?;
    let mut signed = authenticator_data.to_vec();
    signed.extend_from_slice(&Sha256::digest(client_data));
    PublicKey::read(cose)?.verify(&signed, signature)?;
    Ok(Signed {
        sign_count: data.sign_count,
        backed_up: data.backed_up(),
    })
}

/// Whether a counter says that there is no copy of the key (section 6.1.1); devices that do not count say 0 for ever.
pub fn counter_is_plausible(stored: u32, now: u32) -> bool {
    (stored == 0 && now == 0) || now > stored
}

/// Wants the device to have made it for us, with its user there and verified.
fn check_presence(data: &AuthenticatorData<'_>, party: &Party) -> Result<(), PasskeyError> {
    let ours: [u8; 32] = Sha256::digest(party.id().as_bytes()).into();
    if !bool::from(ours.ct_eq(data.party_sha256)) {
        return Err(PasskeyError::OtherParty);
    }
    if !data.user_present() {
        return Err(PasskeyError::NobodyPresent);
    }
    if !data.user_verified() {
        return Err(PasskeyError::UserNotVerified);
    }
    Ok(())
}
