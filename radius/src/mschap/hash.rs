//! The NT hash of a password (RFC 2433 appendix A.3, RFC 2759 section 8.3).
//!
//! Whoever has it can log in as if he had the password; it is wiped and never printed. What is made from it is in
//! [`super::response`] and [`super::mppe`].

use std::fmt;

use md4::{Digest, Md4};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets in an NT hash: one MD4 digest.
pub const NT_HASH_LEN: usize = 16;

/// The NT hash of a password: what a server must hold to check MS-CHAP when it does not hold the password itself.
///
/// Compares in constant time, prints as `REDACTED`, is wiped when dropped.
#[derive(Clone)]
pub struct NtHash(Zeroizing<[u8; NT_HASH_LEN]>);

impl NtHash {
    /// Hashes a password: MD4 over its UTF-16 in little-endian octets.
    ///
    /// Characters beyond 16 bits are two units, as in Windows.
    pub fn of(password: &str) -> Self {
        let mut md4 = Md4::new();
        //= https://www.rfc-editor.org/rfc/rfc2759#section-8.3
        //# Use the MD4 algorithm [5] to irreversibly hash Password
        //# into PasswordHash.  Only the password is hashed without
        //# including any terminating 0.
        for unit in password.encode_utf16() {
            md4.update(unit.to_le_bytes());
        }
        NtHash(Zeroizing::new(md4.finalize().into()))
    }

    /// Takes over a hash that was imported.
    pub fn from_octets(octets: [u8; NT_HASH_LEN]) -> Self {
        NtHash(Zeroizing::new(octets))
    }

    /// Reads a hash from its 32 hexadecimal digits, upper or lower case, with or without `0x`: what Samba and
    /// FreeRADIUS's NT-Password hold. `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        if pairs.len() != NT_HASH_LEN {
            return None;
        }
        let mut octets = Zeroizing::new([0; NT_HASH_LEN]);
        for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Some(NtHash(octets))
    }

    /// The hash itself, for those who store it; keep it out of logs.
    pub fn octets(&self) -> &[u8; NT_HASH_LEN] {
        &self.0
    }

    /// MD4 over the hash: what the server's proof and the keys are made from, so that the hash itself never leaves.
    pub(super) fn hashed(&self) -> Zeroizing<[u8; NT_HASH_LEN]> {
        //= https://www.rfc-editor.org/rfc/rfc2759#section-8.4
        //# Use the MD4 algorithm [5] to irreversibly hash
        //# PasswordHash into PasswordHashHash.
        Zeroizing::new(Md4::digest(*self.0).into())
    }
}

impl PartialEq for NtHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for NtHash {}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}
