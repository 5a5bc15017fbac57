//! Passwords of which only a hash is stored: ours (Argon2id), and those that an operator brings along from elsewhere.
//! Good for PAP and for whatever else carries the password itself; CHAP and MS-CHAP need the password to compare with.
//!
//! Never makes anybody wait who did not ask for it: [`PasswordHash::verify`] takes as long as its hash was made to take,
//! and [`HashKind::is_slow`] says which do. A hash that would take unreasonably long is refused when it is read.

mod md5_crypt;
#[cfg(test)]
mod tests;

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use radius::mschap::NtHash;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Memory of a hash of ours, in KiB: 19 MiB with [`PASSES`], what OWASP names as its second choice.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes of a hash of ours over that memory.
pub const PASSES: u32 = 2;
/// Memory that an imported Argon2id hash may ask for, in KiB.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
/// Passes that an imported Argon2id hash may ask for.
const PASSES_MAX: u32 = 8;
/// Lanes that an imported Argon2id hash may ask for; they are computed one after the other.
const LANES_MAX: u32 = 4;
/// Binary logarithm of the rounds that an imported bcrypt hash may ask for: about a second.
const BCRYPT_COST_MAX: u32 = 14;
/// Rounds that an imported SHA-crypt hash may ask for: about a second.
const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;
/// Rounds of a SHA-crypt hash that names none.
const SHA_CRYPT_ROUNDS_USUAL: u32 = 5_000;
/// Characters of the longest hash that is taken.
pub const HASH_CHARS_MAX: usize = 320;

/// What a hash was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashKind {
    /// Argon2id (RFC 9106).
    Argon2id,
    /// bcrypt: `$2a$`, `$2b$`, `$2y$`.
    Bcrypt,
    /// SHA-512-crypt: `$6$`.
    Sha512Crypt,
    /// SHA-256-crypt: `$5$`.
    Sha256Crypt,
    /// MD5-crypt: `$1$`.
    Md5Crypt,
    /// One MD5 digest.
    Md5,
    /// One MD5 digest with a salt.
    Smd5,
    /// One SHA-1 digest.
    Sha1,
    /// One SHA-1 digest with a salt.
    Ssha1,
}

impl HashKind {
    /// All of them; the place is the number in a journalled decision, so a new one goes to the end.
    pub const ALL: [Self; 9] = [
        Self::Argon2id,
        Self::Bcrypt,
        Self::Sha512Crypt,
        Self::Sha256Crypt,
        Self::Md5Crypt,
        Self::Md5,
        Self::Smd5,
        Self::Sha1,
        Self::Ssha1,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Bcrypt => "bcrypt",
            Self::Sha512Crypt => "sha512_crypt",
            Self::Sha256Crypt => "sha256_crypt",
            Self::Md5Crypt => "md5_crypt",
            Self::Md5 => "md5",
            Self::Smd5 => "smd5",
            Self::Sha1 => "sha1",
            Self::Ssha1 => "ssha1",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Argon2id => "Argon2id",
            Self::Bcrypt => "bcrypt",
            Self::Sha512Crypt => "SHA-512-crypt",
            Self::Sha256Crypt => "SHA-256-crypt",
            Self::Md5Crypt => "MD5-crypt",
            Self::Md5 => "an MD5 digest",
            Self::Smd5 => "a salted MD5 digest",
            Self::Sha1 => "a SHA-1 digest",
            Self::Ssha1 => "a salted SHA-1 digest",
        }
    }

    /// What a text in normal form says it is; whether it is right, [`PasswordHash::parse`] finds out.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        const BEGINNINGS: [(&str, HashKind); 11] = [
            ("$argon2id$", HashKind::Argon2id),
            ("$2a$", HashKind::Bcrypt),
            ("$2b$", HashKind::Bcrypt),
            ("$2y$", HashKind::Bcrypt),
            ("$6$", HashKind::Sha512Crypt),
            ("$5$", HashKind::Sha256Crypt),
            ("$1$", HashKind::Md5Crypt),
            ("{MD5}", HashKind::Md5),
            ("{SMD5}", HashKind::Smd5),
            ("{SHA}", HashKind::Sha1),
            ("{SSHA}", HashKind::Ssha1),
        ];
        BEGINNINGS
            .into_iter()
            .find_map(|(beginning, kind)| text.starts_with(beginning).then_some(kind))
    }

    /// Whether comparing with it takes longer than a login may keep others waiting.
    #[must_use]
    pub const fn is_slow(self) -> bool {
        !matches!(self, Self::Md5 | Self::Smd5 | Self::Sha1 | Self::Ssha1)
    }
}

/// Why a text is no hash that can be used. No variant holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It begins like none that is known.
    #[error(
        "this form of hash is not known; known are Argon2id, bcrypt, SHA-512-crypt, SHA-256-crypt, MD5-crypt, and MD5 and SHA-1 digests with and without salt"
    )]
    Unknown,
    /// It begins like one and goes on otherwise.
    #[error("a hash that begins like {} does not go on like one", .kind.words())]
    Malformed {
        /// What it begins like.
        kind: HashKind,
    },
    /// Comparing with it would take too long.
    #[error("a hash by {} asks for {asked} {of}, allowed are {allowed}", .kind.words())]
    TooCostly {
        /// What it is.
        kind: HashKind,
        /// What it asks for too much of.
        of: &'static str,
        /// How much it asks for.
        asked: u32,
        /// How much is allowed.
        allowed: u32,
    },
}

/// A hash in its normal form: as crypt(3) writes it, or a name in braces and base64, as LDAP writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// What it was made with.
    kind: HashKind,
    /// See above.
    text: Zeroizing<Box<str>>,
}

impl PasswordHash {
    /// Reads a hash in normal form, which says itself what it is.
    ///
    /// # Errors
    /// Why it is none that can be used.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let kind = HashKind::of(text).ok_or(HashError::Unknown)?;
        let malformed = HashError::Malformed { kind };
        if text.len() > HASH_CHARS_MAX || !text.is_ascii() {
            return Err(malformed);
        }
        match kind {
            HashKind::Argon2id => argon2id_check(text)?,
            HashKind::Bcrypt => {
                let parts: bcrypt::HashParts = text.parse().map_err(|_| malformed)?;
                bound(
                    kind,
                    "as binary logarithm of its rounds",
                    parts.get_cost(),
                    BCRYPT_COST_MAX,
                )?;
            }
            HashKind::Sha512Crypt | HashKind::Sha256Crypt => {
                let rounds = sha_crypt_rounds(text).ok_or(malformed)?;
                bound(kind, "rounds", rounds, SHA_CRYPT_ROUNDS_MAX)?;
            }
            HashKind::Md5Crypt => {
                md5_crypt::Parts::of(text).ok_or(malformed)?;
            }
            HashKind::Md5 | HashKind::Smd5 | HashKind::Sha1 | HashKind::Ssha1 => {
                Digested::of(kind, text).ok_or(malformed)?;
            }
        }
        Ok(Self {
            kind,
            text: Zeroizing::new(text.into()),
        })
    }

    /// Reads one of FreeRADIUS's attributes that hold a digest: hexadecimal or base64, with or without its name in braces.
    ///
    /// # Errors
    /// Why it is none that can be used.
    pub fn of_digest(kind: HashKind, value: &str) -> Result<Self, HashError> {
        if value.starts_with('{') {
            return Self::parse(value);
        }
        let octets = octets_of(value).ok_or(HashError::Malformed { kind })?;
        let text = format!("{{{}}}{}", brace(kind), STANDARD.encode(octets));
        Self::parse(&text)
    }

    /// Makes a hash of ours, with a salt that nobody else has. Takes some 40 ms and 19 MiB.
    ///
    /// `None` when the system gives no random octets.
    #[must_use]
    pub fn argon2id(password: &[u8]) -> Option<Self> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).ok()?;
        Self::argon2id_salted(password, &salt)
    }

    /// The same with this salt.
    fn argon2id_salted(password: &[u8], salt: &[u8; 16]) -> Option<Self> {
        let made: phc::PasswordHash = argon2()?.hash_password_with_salt(password, salt).ok()?;
        Self::parse(&made.to_string()).ok()
    }

    /// What it was made with.
    #[must_use]
    pub fn kind(&self) -> HashKind {
        self.kind
    }

    /// The normal form, for whoever stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether this is the password. Takes as long as the hash was made to take, and compares in constant time.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        let text = &**self.text;
        match self.kind {
            HashKind::Argon2id => phc::PasswordHash::new(text).is_ok_and(|stored| {
                argon2().is_some_and(|argon2| argon2.verify_password(password, &stored).is_ok())
            }),
            HashKind::Bcrypt => bcrypt::verify(password, text).unwrap_or(false),
            HashKind::Sha512Crypt | HashKind::Sha256Crypt => sha_crypt::ShaCrypt::default()
                .verify_password(password, text)
                .is_ok(),
            HashKind::Md5Crypt => md5_crypt::Parts::of(text).is_some_and(|parts| parts.verify(password)),
            HashKind::Md5 | HashKind::Smd5 | HashKind::Sha1 | HashKind::Ssha1 => {
                Digested::of(self.kind, text).is_some_and(|digested| digested.verify(password))
            }
        }
    }

    /// What a comparison costs, in words.
    #[must_use]
    pub fn cost(&self) -> String {
        let text = &**self.text;
        match self.kind {
            HashKind::Argon2id => match argon2id_params(text) {
                Some(params) => format!(
                    "Argon2id: {} MiB of memory, {} passes; some {} ms the first time, then from memory",
                    params.m_cost().div_ceil(1024),
                    params.t_cost(),
                    // Measured: 42 ms for 19 MiB twice.
                    (u64::from(params.m_cost()) * u64::from(params.t_cost()) * 42).div_ceil(2 * 19 * 1024)
                ),
                None => "Argon2id".to_owned(),
            },
            HashKind::Bcrypt => match text.parse::<bcrypt::HashParts>() {
                Ok(parts) => format!(
                    "bcrypt: 2^{} rounds; slow the first time, then from memory",
                    parts.get_cost()
                ),
                Err(_) => "bcrypt".to_owned(),
            },
            HashKind::Sha512Crypt | HashKind::Sha256Crypt => format!(
                "{}: {} rounds; slow the first time, then from memory",
                self.kind.words(),
                sha_crypt_rounds(text).unwrap_or_default()
            ),
            HashKind::Md5Crypt => "MD5-crypt: 1000 rounds; slow the first time, then from memory".to_owned(),
            HashKind::Md5 | HashKind::Smd5 | HashKind::Sha1 | HashKind::Ssha1 => {
                format!(
                    "{}: less than a microsecond, also for whoever steals it",
                    self.kind.words()
                )
            }
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({}, REDACTED)", self.kind.as_str())
    }
}

/// Refuses what is beyond its bound.
const fn bound(kind: HashKind, of: &'static str, asked: u32, allowed: u32) -> Result<(), HashError> {
    if asked > allowed {
        return Err(HashError::TooCostly {
            kind,
            of,
            asked,
            allowed,
        });
    }
    Ok(())
}

/// Argon2id with our parameters; a stored hash brings its own.
fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The parameters of a PHC string.
fn argon2id_params(text: &str) -> Option<Params> {
    Params::try_from(&phc::PasswordHash::new(text).ok()?).ok()
}

/// Refuses a PHC string that is none, or asks for too much.
fn argon2id_check(text: &str) -> Result<(), HashError> {
    let kind = HashKind::Argon2id;
    let malformed = HashError::Malformed { kind };
    let hash = phc::PasswordHash::new(text).map_err(|_| malformed)?;
    let params = Params::try_from(&hash).map_err(|_| malformed)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(malformed);
    }
    bound(kind, "KiB of memory", params.m_cost(), MEMORY_KIB_MAX)?;
    bound(kind, "passes", params.t_cost(), PASSES_MAX)?;
    bound(kind, "lanes", params.p_cost(), LANES_MAX)
}

/// The rounds of a SHA-crypt hash; `None` when it is none.
fn sha_crypt_rounds(text: &str) -> Option<u32> {
    let mut fields = text.split('$').skip(2);
    let mut next = fields.next()?;
    let mut rounds = SHA_CRYPT_ROUNDS_USUAL;
    if let Some(said) = next.strip_prefix("rounds=") {
        rounds = said.parse().ok()?;
        next = fields.next()?;
    }
    let (salt, digest) = (next, fields.next()?);
    let sound = |text: &str| {
        text.bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'/'))
    };
    (fields.next().is_none() && sound(salt) && sound(digest) && matches!(digest.len(), 43 | 86))
        .then_some(rounds)
}

/// The name in braces.
const fn brace(kind: HashKind) -> &'static str {
    match kind {
        HashKind::Smd5 => "SMD5",
        HashKind::Sha1 => "SHA",
        HashKind::Ssha1 => "SSHA",
        _ => "MD5",
    }
}

/// Octets written as hexadecimal digits or as base64; digits when it could be both.
fn octets_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |octet: u8| {
        char::from(octet)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let octets: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    let octets = octets
        .filter(|_| rest.is_empty())
        .or_else(|| STANDARD.decode(text).ok())?;
    Some(Zeroizing::new(octets))
}

/// Reads an NT hash as FreeRADIUS's NT-Password has it: hexadecimal or base64.
#[must_use]
pub fn nt_hash(value: &str) -> Option<NtHash> {
    let octets: [u8; 16] = octets_of(value)?.as_slice().try_into().ok()?;
    Some(NtHash::from_octets(octets))
}

/// A digest and what was put behind the password.
struct Digested {
    /// How it was made.
    kind: HashKind,
    /// Digest and salt.
    octets: Zeroizing<Vec<u8>>,
    /// Where the salt begins.
    salt_at: usize,
}

impl Digested {
    /// Reads the normal form.
    fn of(kind: HashKind, text: &str) -> Option<Self> {
        let (_, encoded) = text.split_once('}')?;
        let octets = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let (salt_at, salted) = match kind {
            HashKind::Md5 => (16, false),
            HashKind::Smd5 => (16, true),
            HashKind::Sha1 => (20, false),
            HashKind::Ssha1 => (20, true),
            _ => return None,
        };
        let salt_len = octets.len().checked_sub(salt_at)?;
        ((salt_len > 0) == salted).then_some(Self {
            kind,
            octets,
            salt_at,
        })
    }

    /// Whether this is the password.
    fn verify(&self, password: &[u8]) -> bool {
        let Some((digest, salt)) = self.octets.split_at_checked(self.salt_at) else {
            return false;
        };
        match self.kind {
            HashKind::Sha1 | HashKind::Ssha1 => {
                let made = Sha1::new().chain_update(password).chain_update(salt).finalize();
                made.as_slice().ct_eq(digest).into()
            }
            _ => {
                let made = Md5::new().chain_update(password).chain_update(salt).finalize();
                made.as_slice().ct_eq(digest).into()
            }
        }
    }
}
