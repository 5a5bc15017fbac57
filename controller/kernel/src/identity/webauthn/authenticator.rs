//! What the device says: for which server, with which user, and at a registration the new key (section 6.1).
//!
//! ```text
//! | SHA-256 of the party's id | flags | counter | when AT: model (16) | length (2) | key's id | COSE_Key | when ED: a map |
//! |            32             |   1   |    4    |                                                          |
//! ```

use super::cbor::Item;
use super::{CREDENTIAL_ID_OCTETS_MAX, CREDENTIAL_ID_OCTETS_MIN, MESSAGE_OCTETS_MAX, PasskeyError};

/// Somebody was there.
const USER_PRESENT: u8 = 0x01;
/// The device looked who.
const USER_VERIFIED: u8 = 0x04;
/// The key is copied to other devices now.
const BACKED_UP: u8 = 0x10;
/// A new key follows.
const ATTESTED: u8 = 0x40;
/// Extensions follow.
const EXTENDED: u8 = 0x80;

/// Octets of the model number before a new key's id.
const MODEL_OCTETS: usize = 16;

/// The authenticator data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the id of the server it was made for.
    pub party_sha256: &'a [u8],
    /// What happened.
    flags: u8,
    /// How many signatures there were; 0 for ever on devices that do not count.
    pub sign_count: u32,
    /// The new key, at a registration.
    pub made: Option<Made<'a>>,
}

/// A new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made<'a> {
    /// How the device calls it.
    pub credential_id: &'a [u8],
    /// The public key.
    pub cose: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it, to its end.
    ///
    /// # Errors
    /// [`PasskeyError::Malformed`].
    pub fn read(octets: &'a [u8]) -> Result<Self, PasskeyError> {
        if octets.len() > MESSAGE_OCTETS_MAX {
            return Err(malformed("it is too long"));
        }
        let short = || malformed("it is too short");
        let (party_sha256, rest) = octets.split_at_checked(32).ok_or_else(short)?;
        let (flags, rest) = rest.split_first().ok_or_else(short)?;
        let (count, mut rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let mut made = None;
        if flags & ATTESTED != 0 {
            let (key, behind) = Made::read(rest)?;
            made = Some(key);
            rest = behind;
        }
        if flags & EXTENDED != 0 {
            let (extensions, behind) =
                Item::read(rest).map_err(|_| malformed("its extensions are no CBOR"))?;
            if !matches!(extensions, Item::Map(_)) {
                return Err(malformed("its extensions are no map"));
            }
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(malformed("something follows it"));
        }
        Ok(Self {
            party_sha256,
            flags: *flags,
            sign_count: u32::from_be_bytes(*count),
            made,
        })
    }

    /// Whether somebody was there.
    pub fn user_present(&self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    /// Whether the device looked who.
    pub fn user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Whether the key is copied to other devices.
    pub fn backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl<'a> Made<'a> {
    /// Reads it from the front; answers what comes behind it, too.
    fn read(octets: &'a [u8]) -> Result<(Self, &'a [u8]), PasskeyError> {
        let short = || malformed("its key is cut off");
        let (_model, rest) = octets.split_at_checked(MODEL_OCTETS).ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(CREDENTIAL_ID_OCTETS_MIN..=CREDENTIAL_ID_OCTETS_MAX).contains(&length) {
            return Err(malformed("the length of the key's id is not allowed"));
        }
        let (credential_id, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        let (_, behind) = Item::read(rest).map_err(|_| malformed("its key is no CBOR"))?;
        let cose = &rest[..rest.len() - behind.len()];
        Ok((Self { credential_id, cose }, behind))
    }
}

/// The authenticator data inside an attestation object. What the attestation says of the maker is not looked at: we ask for
/// none, and believe none.
///
/// # Errors
/// [`PasskeyError::Malformed`].
pub fn data_of_attestation(octets: &[u8]) -> Result<&[u8], PasskeyError> {
    let malformed = |why| PasskeyError::Malformed {
        what: "the attestation",
        why,
    };
    if octets.len() > MESSAGE_OCTETS_MAX {
        return Err(malformed("it is too long"));
    }
    let (object, rest) = Item::read(octets).map_err(|_| malformed("it is no CBOR"))?;
    if !rest.is_empty() {
        return Err(malformed("something follows it"));
    }
    object
        .named("authData")
        .and_then(Item::octets)
        .ok_or_else(|| malformed("it holds no authData"))
}

/// The authenticator data are wrong.
fn malformed(why: &'static str) -> PasskeyError {
    PasskeyError::Malformed {
        what: "what the device says",
        why,
    }
}
