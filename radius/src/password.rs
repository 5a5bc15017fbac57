//! What an Access-Request hides of a password: PAP (RFC 2865 section 5.2) and CHAP (section 5.3).
//!
//! Never keeps a clear text longer than the call, never compares in a time that depends on it. EAP is in [`crate::eap`].

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::mschap::NtHash;
use crate::packet::Authenticator;
use crate::secret::SharedSecret;

/// Octets of the longest hidden password.
pub const PAP_LEN_MAX: usize = 128;

/// Octets hidden at a time: one MD5 digest.
const PAP_BLOCK_LEN: usize = 16;

/// Octets in CHAP-Password: identifier and digest.
const CHAP_PASSWORD_LEN: usize = 17;

/// What a User-Password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PapCheck {
    /// It is the expected password.
    Match,
    /// It is another password.
    Mismatch,
    /// It is no text, so the NAS hides it with another shared secret than ours.
    Garbled,
    /// Its length is not 16, 32, … 128 octets.
    Malformed,
}

/// Reveals a User-Password: all octets, padding included.
///
/// `None` when the length is not a multiple of 16 from 16 to 128.
pub fn reveal_pap<'b>(
    secret: &SharedSecret,
    request: &Authenticator,
    hidden: &[u8],
    out: &'b mut [u8; PAP_LEN_MAX],
) -> Option<&'b [u8]> {
    if hidden.is_empty() || !hidden.len().is_multiple_of(PAP_BLOCK_LEN) {
        return None;
    }
    let clear = out.get_mut(..hidden.len())?;
    let mut previous: &[u8] = request;
    for (block, to) in hidden
        .chunks_exact(PAP_BLOCK_LEN)
        .zip(clear.chunks_exact_mut(PAP_BLOCK_LEN))
    {
        for ((to, hidden), mask) in to.iter_mut().zip(block).zip(pap_mask(secret, previous)) {
            *to = hidden ^ mask;
        }
        previous = block;
    }
    Some(clear)
}

/// Compares a User-Password with the expected one, in a time that does not depend on where they differ.
pub fn check_pap(secret: &SharedSecret, request: &Authenticator, hidden: &[u8], expected: &[u8]) -> PapCheck {
    let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
    let Some(padded) = reveal_pap(secret, request, hidden, &mut room) else {
        return PapCheck::Malformed;
    };
    let mut wanted = Zeroizing::new([0; PAP_LEN_MAX]);
    let fits = expected.len() <= padded.len();
    if let Some(to) = wanted.get_mut(..expected.len()) {
        to.copy_from_slice(expected);
    }
    if fits
        && wanted
            .get(..padded.len())
            .is_some_and(|wanted| padded.ct_eq(wanted).into())
    {
        PapCheck::Match
    } else if looks_like_text(padded) {
        PapCheck::Mismatch
    } else {
        PapCheck::Garbled
    }
}

/// Compares a User-Password with the NT hash of the expected one, for those who hold nothing else.
///
/// Zeros at its end are padding. What is not UTF-8 has no NT hash and never matches.
pub fn check_pap_nt_hash(
    secret: &SharedSecret,
    request: &Authenticator,
    hidden: &[u8],
    expected: &NtHash,
) -> PapCheck {
    let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
    let Some(padded) = reveal_pap(secret, request, hidden, &mut room) else {
        return PapCheck::Malformed;
    };
    let text = std::str::from_utf8(without_padding(padded));
    if text.is_ok_and(|text| NtHash::of(text) == *expected) {
        PapCheck::Match
    } else if looks_like_text(padded) {
        PapCheck::Mismatch
    } else {
        PapCheck::Garbled
    }
}

/// A revealed password up to its last octet that is not zero.
pub fn without_padding(padded: &[u8]) -> &[u8] {
    let end = padded
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1);
    padded.get(..end).unwrap_or_default()
}

/// Whether a revealed password could have been typed: UTF-8, zeros only at its end, no control characters.
///
/// Sixteen random octets pass with a probability of a few in a million: each is printable ASCII with probability 0.37,
/// longer UTF-8 sequences raise that to 0.45 an octet, and 0.45^16 is 3 x 10^-6.
fn looks_like_text(padded: &[u8]) -> bool {
    std::str::from_utf8(without_padding(padded)).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Hides a password for User-Password, padded with zeros to a multiple of sixteen octets.
///
/// `None` when it is longer than 128 octets.
pub fn hide_pap<'b>(
    secret: &SharedSecret,
    request: &Authenticator,
    clear: &[u8],
    out: &'b mut [u8; PAP_LEN_MAX],
) -> Option<&'b [u8]> {
    let padded_len = clear.len().next_multiple_of(PAP_BLOCK_LEN).max(PAP_BLOCK_LEN);
    let hidden = out.get_mut(..padded_len)?;
    hidden.fill(0);
    hidden.get_mut(..clear.len())?.copy_from_slice(clear);
    let mut previous = *request;
    for block in hidden.chunks_exact_mut(PAP_BLOCK_LEN) {
        for (octet, mask) in block.iter_mut().zip(pap_mask(secret, &previous)) {
            *octet ^= mask;
        }
        previous.copy_from_slice(block);
    }
    Some(hidden)
}

/// What sixteen octets are hidden with: MD5 over the secret and the sixteen octets sent before.
fn pap_mask(secret: &SharedSecret, previous: &[u8]) -> [u8; PAP_BLOCK_LEN] {
    //= https://www.rfc-editor.org/rfc/rfc2865#section-5.2
    //# b1 = MD5(S + RA)       c(1) = p1 xor b1
    //# b2 = MD5(S + c(1))     c(2) = p2 xor b2
    Md5::new()
        .chain_update(secret.octets())
        .chain_update(previous)
        .finalize()
        .into()
}

/// Compares a CHAP-Password with the expected password, in constant time.
///
/// `challenge` is the value of CHAP-Challenge, or the request authenticator when there is none. `None` when
/// `chap_password` is not seventeen octets long.
pub fn check_chap(chap_password: &[u8], challenge: &[u8], expected: &[u8]) -> Option<bool> {
    if chap_password.len() != CHAP_PASSWORD_LEN {
        return None;
    }
    let (identifier, digest) = chap_password.split_first()?;
    Some(
        challenge_digest(*identifier, challenge, expected)
            .ct_eq(digest)
            .into(),
    )
}

/// MD5 over identifier, password and challenge: the response of CHAP (RFC 1994 section 4.1) and of EAP-MD5.
pub(crate) fn challenge_digest(identifier: u8, challenge: &[u8], password: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize()
        .into()
}
