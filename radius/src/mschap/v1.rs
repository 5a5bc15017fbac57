//! Version 1 (RFC 2433): does the NT-Response answer the NAS's challenge?
//!
//! Proves the peer to us and nothing to the peer. Keys that follow from it are in [`super::mppe`].

use subtle::ConstantTimeEq;

use super::hash::NtHash;
use super::response::{CHALLENGE_LEN, NT_RESPONSE_LEN, challenge_response};

/// Makes the NT-Response of version 1 (RFC 2433 appendix A.5).
pub fn nt_response(challenge: &[u8; CHALLENGE_LEN], hash: &NtHash) -> [u8; NT_RESPONSE_LEN] {
    challenge_response(challenge, hash)
}

/// Compares an NT-Response with the expected hash, in constant time.
pub fn check(challenge: &[u8; CHALLENGE_LEN], response: &[u8; NT_RESPONSE_LEN], hash: &NtHash) -> bool {
    nt_response(challenge, hash).ct_eq(response).into()
}
