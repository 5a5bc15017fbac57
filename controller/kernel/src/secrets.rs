//! Seals what must not be read from a row: shared secrets, subscriber passwords, tokens of other systems.
//! Never logs a clear value, never writes one anywhere, and never guesses: a value that does not open is an error.
//!
//! A sealed value is `sealed:1:<base64>` of key id (4 octets), nonce (12), AES-256-GCM-SIV cipher text and tag (16). The
//! context names the row and column it belongs to and is authenticated with it, so that a value copied into another
//! row does not open there. What is too long for a value goes through [`ChunkSealer`]. The master key is found by [`KeySource`]; [`Redacted`] keeps clear values out of logs.

mod chunks;
mod key;
mod redacted;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use zeroize::Zeroizing;

pub use chunks::{ChunkPlace, ChunkSealer};
pub use key::{KEY_OCTETS, KeyId, KeySource};
pub use redacted::Redacted;

use crate::error::Error;

/// What every sealed value starts with; the number is the format.
const PREFIX: &str = "sealed:1:";
/// Octets of the key id in a sealed value.
const KEY_ID_OCTETS: usize = 4;
/// Octets of the nonce in a sealed value.
const NONCE_OCTETS: usize = 12;
/// Octets of the authentication tag at the end of a sealed value.
const TAG_OCTETS: usize = 16;
/// The longest clear value that is sealed; a certificate chain fits.
pub const CLEAR_OCTETS_MAX: usize = 64 * 1024;

/// Seals and opens values with the master key of this installation. Clones share the key.
#[derive(Clone)]
pub struct Sealer {
    /// AES with the key schedule computed once.
    cipher: Arc<Aes256GcmSiv>,
    /// Names the key in sealed values and in errors.
    key_id: KeyId,
}

impl Sealer {
    /// Finds the master key: `HEADEND_MASTER_KEY`, the file named by `HEADEND_MASTER_KEY_FILE`, or `master.key` in
    /// the data directory, which is created at the first start.
    ///
    /// # Errors
    /// [`SecretError::KeyUnreadable`] and its kin when the key cannot be had, or others could read its file.
    pub fn load(data_dir: &Path) -> Result<Self, SecretError> {
        Self::from_source(&KeySource::from_environment(data_dir))
    }

    /// The same, with the place of the key given.
    ///
    /// # Errors
    /// As [`Sealer::load`].
    pub fn from_source(source: &KeySource) -> Result<Self, SecretError> {
        Ok(Self::from_key(*source.read()?))
    }

    /// Uses this key; for tests and tools that bring their own.
    pub fn from_key(key: [u8; KEY_OCTETS]) -> Self {
        let key = Zeroizing::new(key);
        Self {
            cipher: Arc::new(Aes256GcmSiv::new((&*key).into())),
            key_id: KeyId::of(&key),
        }
    }

    /// Which key this is, without saying the key.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Seals `clear` for the row and column that `context` names, for example `access.nas/<id>/secret`.
    ///
    /// # Errors
    /// [`SecretError::NoRandomness`] when the kernel gives none, [`SecretError::TooLong`] beyond
    /// [`CLEAR_OCTETS_MAX`].
    pub fn seal(&self, context: &str, clear: &[u8]) -> Result<String, SecretError> {
        if clear.len() > CLEAR_OCTETS_MAX {
            return Err(SecretError::TooLong {
                context: context.to_owned(),
                octets: clear.len(),
            });
        }
        let mut nonce = [0; NONCE_OCTETS];
        getrandom::fill(&mut nonce).map_err(|source| SecretError::NoRandomness {
            reason: source.to_string(),
        })?;
        let aad = self.authenticated(context);
        let cipher_text = self
            .cipher
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: clear,
                    aad: &aad,
                },
            )
            .map_err(|_| SecretError::TooLong {
                context: context.to_owned(),
                octets: clear.len(),
            })?;
        let mut octets = Vec::with_capacity(KEY_ID_OCTETS + NONCE_OCTETS + cipher_text.len());
        octets.extend_from_slice(&self.key_id.octets());
        octets.extend_from_slice(&nonce);
        octets.extend_from_slice(&cipher_text);
        Ok(format!("{PREFIX}{}", BASE64.encode(octets)))
    }

    /// Opens what [`Sealer::seal`] made for the same context.
    ///
    /// # Errors
    /// [`SecretError::NotSealed`] when the text has another form, [`SecretError::ForeignKey`] when another key sealed
    /// it, [`SecretError::DoesNotOpen`] when it was changed or belongs to another row.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let octets = sealed
            .strip_prefix(PREFIX)
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .filter(|octets| octets.len() >= KEY_ID_OCTETS + NONCE_OCTETS + TAG_OCTETS)
            .ok_or_else(|| SecretError::NotSealed {
                context: context.to_owned(),
            })?;
        let not_sealed = || SecretError::NotSealed {
            context: context.to_owned(),
        };
        let (key_id, rest) = octets
            .split_first_chunk::<KEY_ID_OCTETS>()
            .ok_or_else(not_sealed)?;
        let (nonce, cipher_text) = rest.split_first_chunk::<NONCE_OCTETS>().ok_or_else(not_sealed)?;
        let sealed_by = KeyId::from(*key_id);
        if sealed_by != self.key_id {
            return Err(SecretError::ForeignKey {
                context: context.to_owned(),
                sealed_by,
                ours: self.key_id,
            });
        }
        let aad = self.authenticated(context);
        self.cipher
            .decrypt(
                &Nonce::from(*nonce),
                Payload {
                    msg: cipher_text,
                    aad: &aad,
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| SecretError::DoesNotOpen {
                context: context.to_owned(),
            })
    }

    /// What is authenticated beside the value: the format, the key and the place it belongs to.
    fn authenticated(&self, context: &str) -> Vec<u8> {
        [PREFIX.as_bytes(), &self.key_id.octets(), context.as_bytes()].concat()
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer(key {})", self.key_id)
    }
}

/// Whether a column holds a sealed value, as opposed to the clear text an imported row may still have.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Why a value could not be sealed or opened. No variant carries a clear value or a key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is not of the form this program writes.
    #[error("{context} is not a sealed value")]
    NotSealed {
        /// The row and column.
        context: String,
    },
    /// Another master key sealed it.
    #[error(
        "{context} was sealed with master key {sealed_by}, but this program has master key {ours}; bring the \
             former back (master.key in the data directory, HEADEND_MASTER_KEY or HEADEND_MASTER_KEY_FILE)"
    )]
    ForeignKey {
        /// The row and column.
        context: String,
        /// The key that would open it.
        sealed_by: KeyId,
        /// The key this program has.
        ours: KeyId,
    },
    /// Changed after it was sealed, or moved here from another row.
    #[error("{context} does not open: it was changed, or it was sealed for another row")]
    DoesNotOpen {
        /// The row and column.
        context: String,
    },
    /// Longer than what is sealed.
    #[error("{context} has {octets} octets, more than the {CLEAR_OCTETS_MAX} that can be sealed")]
    TooLong {
        /// The row and column.
        context: String,
        /// How long it is.
        octets: usize,
    },
    /// The operating system gives no random octets.
    #[error("the operating system gives no random octets: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
    /// The key file cannot be read or written.
    #[error("cannot {doing} the master key file {}", .path.display())]
    KeyUnreadable {
        /// "read", "create".
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than its owner can read the key file.
    #[error("the master key file {} has mode {mode:04o}, others can read it; chmod 600 it, and take a new key if they have", .path.display())]
    KeyExposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What stands there is not a key.
    #[error("{place} is not a master key: 32 octets in base64 or 64 hexadecimal digits are expected")]
    KeyMalformed {
        /// The file or the variable; never its content.
        place: String,
    },
}

impl From<SecretError> for Error {
    fn from(source: SecretError) -> Self {
        Self::Internal {
            doing: "sealing or opening a secret",
            source: Box::new(source),
        }
    }
}
