//! Seals what is too long for one value, a file of many megabytes, chunk by chunk under a key of its own.
//! Never uses that key for anything else: it is drawn for one sequence of chunks and kept sealed with the master key.
//!
//! A chunk is AES-256-GCM-SIV cipher text and tag. Its position is its nonce, and whether it is the last is authenticated
//! with it: chunks that were reordered, left out, cut off or taken from another sequence do not open.

use aes_gcm_siv::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use zeroize::Zeroizing;

use super::{KEY_OCTETS, NONCE_OCTETS, Sealer, SecretError};

/// Seals and opens the chunks of one sequence.
pub struct ChunkSealer {
    /// With the sequence's own key.
    cipher: Aes256GcmSiv,
}

/// Where a chunk stands in its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// How many stand before it.
    pub position: u64,
    /// Whether none follows.
    pub last: bool,
}

impl ChunkSealer {
    /// Draws a key for a new sequence; with it, the key as it is to be kept, sealed for `context`.
    ///
    /// # Errors
    /// [`SecretError::NoRandomness`].
    pub fn begin(sealer: &Sealer, context: &str) -> Result<(Self, String), SecretError> {
        let mut key = Zeroizing::new([0; KEY_OCTETS]);
        getrandom::fill(&mut *key).map_err(|source| SecretError::NoRandomness {
            reason: source.to_string(),
        })?;
        let sealed = sealer.seal(context, &*key)?;
        Ok((Self::with(&key), sealed))
    }

    /// Takes up a sequence by its sealed key.
    ///
    /// # Errors
    /// As [`Sealer::open`]; a key of another length is [`SecretError::NotSealed`].
    pub fn resume(sealer: &Sealer, context: &str, sealed: &str) -> Result<Self, SecretError> {
        let clear = sealer.open(context, sealed)?;
        let key = <[u8; KEY_OCTETS]>::try_from(clear.as_slice()).map(Zeroizing::new);
        let key = key.map_err(|_| SecretError::NotSealed {
            context: context.to_owned(),
        })?;
        Ok(Self::with(&key))
    }

    /// Seals a chunk where it is; 16 octets longer afterwards. Each place may be sealed once in a sequence.
    ///
    /// # Errors
    /// [`SecretError::TooLong`], which no chunk that fits in memory is.
    pub fn seal(&self, place: ChunkPlace, chunk: &mut Vec<u8>) -> Result<(), SecretError> {
        let octets = chunk.len();
        self.cipher
            .encrypt_in_place(&nonce(place), &[u8::from(place.last)], chunk)
            .map_err(|_| SecretError::TooLong {
                context: place.to_string(),
                octets,
            })
    }

    /// Opens a chunk where it is; 16 octets shorter afterwards.
    ///
    /// # Errors
    /// [`SecretError::DoesNotOpen`] when it was changed or stands in another place or sequence.
    pub fn open(&self, place: ChunkPlace, chunk: &mut Vec<u8>) -> Result<(), SecretError> {
        self.cipher
            .decrypt_in_place(&nonce(place), &[u8::from(place.last)], chunk)
            .map_err(|_| SecretError::DoesNotOpen {
                context: place.to_string(),
            })
    }

    /// With this key.
    fn with(key: &[u8; KEY_OCTETS]) -> Self {
        Self {
            cipher: Aes256GcmSiv::new(key.into()),
        }
    }
}

impl std::fmt::Debug for ChunkSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChunkSealer(REDACTED)")
    }
}

impl std::fmt::Display for ChunkPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = if self.last { ", the last" } else { "" };
        write!(f, "chunk {}{last}", self.position)
    }
}

/// The nonce of a place.
fn nonce(place: ChunkPlace) -> Nonce {
    let mut octets = [0; NONCE_OCTETS];
    octets[..8].copy_from_slice(&place.position.to_be_bytes());
    Nonce::from(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that is not the last.
    fn at(position: u64) -> ChunkPlace {
        ChunkPlace {
            position,
            last: false,
        }
    }

    #[test]
    fn a_chunk_opens_in_its_place_and_nowhere_else() {
        let sealer = Sealer::from_key([1; KEY_OCTETS]);
        let (chunks, key) = ChunkSealer::begin(&sealer, "a file").expect("begins");
        let mut sealed = b"some octets".to_vec();
        chunks.seal(at(3), &mut sealed).expect("seals");
        assert_ne!(&sealed[..11], b"some octets");
        let again = ChunkSealer::resume(&sealer, "a file", &key).expect("resumes");
        let mut opened = sealed.clone();
        again.open(at(3), &mut opened).expect("opens");
        assert_eq!(opened, b"some octets");

        let last = ChunkPlace {
            position: 3,
            last: true,
        };
        for place in [at(2), at(4), last] {
            assert!(again.open(place, &mut sealed.clone()).is_err(), "{place}");
        }
        let (other, _) = ChunkSealer::begin(&sealer, "a file").expect("begins");
        assert!(
            other.open(at(3), &mut sealed.clone()).is_err(),
            "another sequence"
        );
        sealed[0] ^= 1;
        assert!(again.open(at(3), &mut sealed).is_err(), "changed");
    }

    #[test]
    fn a_sequence_is_taken_up_with_its_master_key_and_context_only() {
        let sealer = Sealer::from_key([1; KEY_OCTETS]);
        let (_, key) = ChunkSealer::begin(&sealer, "a file").expect("begins");
        assert!(ChunkSealer::resume(&sealer, "another", &key).is_err());
        assert!(ChunkSealer::resume(&Sealer::from_key([2; KEY_OCTETS]), "a file", &key).is_err());
        let short = sealer.seal("a file", b"no key").expect("seals");
        assert!(ChunkSealer::resume(&sealer, "a file", &short).is_err());
    }
}
