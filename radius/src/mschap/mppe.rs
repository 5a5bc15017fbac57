//! Keys for Microsoft's point-to-point encryption (RFC 3079): what the NAS needs to encrypt the link.
//!
//! Derives the two 128-bit start keys of version 2 (40- and 56-bit keys are their first octets) and what version 1 sends
//! in one attribute. Hiding them is [`crate::salt`] (version 2) and [`crate::password`] (version 1). MPPE itself is RC4:
//! better than nothing on a wire, no protection against who has time.

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::hash::{NT_HASH_LEN, NtHash};
use super::v2::Proof;

/// MS-MPPE-Encryption-Policy: encryption is allowed, the NAS decides.
pub const POLICY_ALLOWED: u32 = 1;

/// MS-MPPE-Encryption-Types: the bit for 40-bit keys.
pub const TYPE_40_BIT: u32 = 2;

/// MS-MPPE-Encryption-Types: the bit for 128-bit keys.
pub const TYPE_128_BIT: u32 = 4;

/// Octets of a 128-bit key.
pub const KEY_LEN: usize = 16;

/// Octets of what MS-CHAP-MPPE-Keys hides, padding aside.
pub const V1_KEYS_LEN: usize = 24;

/// Said when the master key is made (section 3.4).
const MAGIC_1: &[u8; 27] = b"This is the MPPE Master Key";

/// Said when the key is made that the client sends with and the server receives with (section 3.4).
const MAGIC_2: &[u8; 84] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";

/// Said when the key is made that the client receives with and the server sends with (section 3.4).
const MAGIC_3: &[u8; 84] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";

/// Before the magic words.
const PAD_1: [u8; 40] = [0; 40];

/// After them.
const PAD_2: [u8; 40] = [0xf2; 40];

/// The start keys of version 2, seen from the NAS. Wiped when dropped, never printed.
pub struct SessionKeys {
    /// What the NAS encrypts with: MS-MPPE-Send-Key.
    pub send: Zeroizing<[u8; KEY_LEN]>,
    /// What the NAS decrypts with: MS-MPPE-Recv-Key.
    pub receive: Zeroizing<[u8; KEY_LEN]>,
}

impl SessionKeys {
    /// Derives both keys (section 3.3).
    pub fn derive(proof: &Proof) -> Self {
        let digest = Zeroizing::new(<[u8; 20]>::from(
            Sha1::new()
                .chain_update(proof.hash_hash())
                .chain_update(proof.nt_response())
                .chain_update(MAGIC_1)
                .finalize(),
        ));
        let master = first_half(&digest);
        SessionKeys {
            send: start_key(&master, MAGIC_3),
            receive: start_key(&master, MAGIC_2),
        }
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("REDACTED")
    }
}

/// The key of one direction (GetAsymetricStartKey, section 3.4).
fn start_key(master: &[u8; KEY_LEN], magic: &[u8; 84]) -> Zeroizing<[u8; KEY_LEN]> {
    let digest = Zeroizing::new(<[u8; 20]>::from(
        Sha1::new()
            .chain_update(master)
            .chain_update(PAD_1)
            .chain_update(magic)
            .chain_update(PAD_2)
            .finalize(),
    ));
    first_half(&digest)
}

/// The first sixteen octets of a digest.
fn first_half(digest: &[u8; 20]) -> Zeroizing<[u8; KEY_LEN]> {
    Zeroizing::new(digest.first_chunk::<KEY_LEN>().copied().unwrap_or_default())
}

/// What MS-CHAP-MPPE-Keys hides after a login with version 1: an LM-Key of eight octets, an NT-Key of sixteen.
///
/// The NT-Key is the hash of the NT hash: RFC 2548 section 2.4.1 says "the hashed Windows NT password", and the key
/// derivation of version 1 (RFC 3079 section 2.4, Get_Start_Key) begins with the double hash, as does every NAS. The LM-Key
/// is zero, as we have no LAN Manager hash; so 40-bit keys of version 1, which are made from it, must not be offered.
pub fn v1_keys(hash: &NtHash) -> Zeroizing<[u8; V1_KEYS_LEN]> {
    let mut keys = Zeroizing::new([0; V1_KEYS_LEN]);
    if let Some(nt_key) = keys.last_chunk_mut::<NT_HASH_LEN>() {
        *nt_key = *hash.hashed();
    }
    keys
}
