//! What a subscriber proves himself with, held in memory for as long as he is in the directory.
//! It never prints itself and wipes its octets when it goes.

use crate::password_hash::PasswordHash;
use radius::mschap::NtHash;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

/// A password in the clear, which CHAP and EAP-MD5 need; RADIUS sends it as octets, not necessarily text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes the octets over.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// The octets, for the one place that compares them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// How a subscriber can prove himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A password we hold in the clear: good for every method.
    Clear(Secret),
    /// The NT hash of a password we do not hold: good for PAP and MS-CHAP, no use for CHAP and EAP-MD5.
    NtHash(NtHash),
    /// A hash of a password we do not hold: good for PAP, and for what else carries the password itself.
    Hash(PasswordHash),
    /// Nothing is stored; whatever he sends, he is rejected.
    None,
}

/// What the octets of a credential in the directory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// There are none.
    Nothing,
    /// A password in the clear.
    Clear,
    /// The NT hash of one.
    NtHash,
    /// Another hash of one, in its normal form.
    Hash,
}

/// What of a credential there is to see from outside: what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    /// A password.
    Clear,
    /// An NT hash.
    NtHash,
    /// Another hash.
    Hash,
}

impl Stored {
    /// Which kind it is, if there is one.
    pub(super) const fn kind(self) -> Option<CredentialKind> {
        match self {
            Self::Nothing => None,
            Self::Clear => Some(CredentialKind::Clear),
            Self::NtHash => Some(CredentialKind::NtHash),
            Self::Hash => Some(CredentialKind::Hash),
        }
    }
}

/// How many subscribers of a partner have a credential of each kind, for what is asked of names that nobody has.
#[derive(Debug, Default)]
pub(super) struct CredentialCounts([AtomicUsize; 3]);

impl CredentialCounts {
    /// One more, one less, or one in place of another.
    pub(super) fn change(&self, older: Option<CredentialKind>, newer: Option<CredentialKind>) {
        if let Some(kind) = newer {
            self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(kind) = older {
            self.0[kind as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The kind most of them have; a password when there are none.
    pub(super) fn most(&self) -> CredentialKind {
        let [clear, nt_hash, hash] = self.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        if clear >= nt_hash.max(hash) {
            CredentialKind::Clear
        } else if nt_hash >= hash {
            CredentialKind::NtHash
        } else {
            CredentialKind::Hash
        }
    }
}

impl Credential {
    /// What there is to store.
    pub(super) fn stored(&self) -> (Stored, &[u8]) {
        match self {
            Self::Clear(secret) => (Stored::Clear, secret.expose()),
            Self::NtHash(hash) => (Stored::NtHash, hash.octets()),
            Self::Hash(hash) => (Stored::Hash, hash.expose().as_bytes()),
            Self::None => (Stored::Nothing, &[]),
        }
    }

    /// The other way round.
    pub(super) fn of_stored(stored: Stored, octets: &[u8]) -> Self {
        match stored {
            Stored::Clear => Self::Clear(Secret::new(octets)),
            // Its length is right, since it went in; were it not, he had nothing to log in with.
            Stored::NtHash => nt_hash(octets).map_or(Self::None, Self::NtHash),
            Stored::Hash => {
                let text = std::str::from_utf8(octets).unwrap_or_default();
                PasswordHash::parse(text).map_or(Self::None, Self::Hash)
            }
            Stored::Nothing => Self::None,
        }
    }
}

/// An NT hash that was stored.
pub(super) fn nt_hash(octets: &[u8]) -> Option<NtHash> {
    octets.try_into().ok().map(NtHash::from_octets)
}
