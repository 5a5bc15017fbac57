//! Version 2 (RFC 2759): does the response answer both challenges, and what proves the server to the peer?
//!
//! A [`Proof`] exists only after a response that matched. Keys that follow from it are in [`super::mppe`].

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::hash::{NT_HASH_LEN, NtHash};
use super::response::{CHALLENGE_LEN, Response2, challenge_response};

pub use super::response::NT_RESPONSE_LEN;

/// Octets of the server's proof: `S=` and 40 hexadecimal digits.
pub const SUCCESS_LEN: usize = 42;

/// Said over the password's double hash and the response.
const MAGIC_1: &[u8; 39] = b"Magic server to client signing constant";

/// Said over the digest of that and the challenge.
const MAGIC_2: &[u8; 41] = b"Pad to make it do more than one iteration";

/// That a peer proved himself, with what the server needs to prove itself in turn. Wiped when dropped, never printed.
pub struct Proof {
    /// MD4 over the NT hash.
    hash_hash: Zeroizing<[u8; NT_HASH_LEN]>,
    /// The eight octets that both challenges and the name came to.
    challenge: [u8; CHALLENGE_LEN],
    /// The response that matched.
    nt_response: [u8; NT_RESPONSE_LEN],
}

/// The name that is hashed: without a domain.
///
/// Windows prefixes one, as in `BIGCO\johndoe`; what stands before the first backslash goes.
pub fn without_domain(name: &[u8]) -> &[u8] {
    //= https://www.rfc-editor.org/rfc/rfc2759#section-4
    //# When computing
    //# the NT-Response field contents, only the user name is used, without
    //# any associated Windows NT domain name.
    let backslash = name.iter().position(|octet| *octet == b'\\');
    backslash.and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

/// Compares a response with the expected hash, in constant time; `None`: it was made from another password or name.
///
/// `name` is the User-Name as the peer typed it. The standard hashes it without a domain; a peer that hashes it whole is
/// understood too, which tells an attacker nothing: only who knows the hash can make either.
pub fn check(challenge: &[u8; 16], response: &Response2<'_>, name: &[u8], hash: &NtHash) -> Option<Proof> {
    let short = without_domain(name);
    check_name(challenge, response, short, hash).or_else(|| {
        (short.len() != name.len())
            .then(|| check_name(challenge, response, name, hash))
            .flatten()
    })
}

/// As [`check`], for a name that is hashed as it is.
fn check_name(challenge: &[u8; 16], response: &Response2<'_>, name: &[u8], hash: &NtHash) -> Option<Proof> {
    let challenge = challenge_hash(response.peer_challenge, challenge, name);
    let expected = challenge_response(&challenge, hash);
    bool::from(expected.ct_eq(response.nt_response)).then(|| Proof {
        hash_hash: hash.hashed(),
        challenge,
        nt_response: *response.nt_response,
    })
}

/// Makes the NT-Response of version 2 (section 8.1), for `name` hashed as it is.
pub fn nt_response(
    challenge: &[u8; 16],
    peer_challenge: &[u8; 16],
    name: &[u8],
    hash: &NtHash,
) -> [u8; NT_RESPONSE_LEN] {
    challenge_response(&challenge_hash(peer_challenge, challenge, name), hash)
}

/// Eight octets over both challenges and the name.
fn challenge_hash(peer: &[u8; 16], authenticator: &[u8; 16], name: &[u8]) -> [u8; CHALLENGE_LEN] {
    //= https://www.rfc-editor.org/rfc/rfc2759#section-8.2
    //# SHAUpdate(Context, PeerChallenge, 16)
    //# SHAUpdate(Context, AuthenticatorChallenge, 16)
    let digest: [u8; 20] = Sha1::new()
        .chain_update(peer)
        .chain_update(authenticator)
        .chain_update(name)
        .finalize()
        .into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

impl Proof {
    /// The server's proof for MS-CHAP2-Success, which the peer checks before it says another word.
    pub fn success(&self) -> [u8; SUCCESS_LEN] {
        let inner = Sha1::new()
            .chain_update(*self.hash_hash)
            .chain_update(self.nt_response)
            .chain_update(MAGIC_1)
            .finalize();
        let digest = Sha1::new()
            .chain_update(inner)
            .chain_update(self.challenge)
            .chain_update(MAGIC_2)
            .finalize();
        //= https://www.rfc-editor.org/rfc/rfc2759#section-5
        //# The hexadecimal digits A-F (if present) MUST
        //# be uppercase.
        let mut text = *b"S=0000000000000000000000000000000000000000";
        super::failure::put_hex(text.get_mut(2..).unwrap_or_default(), &digest);
        text
    }

    /// MD4 over the NT hash, for the keys.
    pub(super) fn hash_hash(&self) -> &[u8; NT_HASH_LEN] {
        &self.hash_hash
    }

    /// The response that matched, for the keys.
    pub(super) fn nt_response(&self) -> &[u8; NT_RESPONSE_LEN] {
        &self.nt_response
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}
