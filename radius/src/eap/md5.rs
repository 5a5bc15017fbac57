//! EAP-MD5 (RFC 3748 section 5.4): CHAP inside EAP.
//!
//! Proves a password to us and nothing to the subscriber, and yields no keys: for wires, not for Wi-Fi. Frames are in
//! [`super::packet`].

use subtle::ConstantTimeEq;

use super::packet::{EapError, method, write_request};
use crate::password::challenge_digest;

/// Octets in the challenge we send and in the digest that comes back.
pub const VALUE_LEN: usize = 16;

/// Appends an MD5-Challenge request; `name` is what we call ourselves.
pub fn write_challenge(identifier: u8, challenge: &[u8; VALUE_LEN], name: &[u8], out: &mut Vec<u8>) {
    write_request(
        identifier,
        method::MD5_CHALLENGE,
        &[&[VALUE_LEN as u8], challenge, name],
        out,
    );
}

/// Compares a response with the expected password, in constant time.
///
/// `data` is [`super::EapView::data`] of the response, `identifier` that of our challenge, which the response repeats.
///
/// # Errors
/// [`EapError::BadMd5Value`] when the data hold no digest.
pub fn check_response(
    data: &[u8],
    identifier: u8,
    challenge: &[u8; VALUE_LEN],
    password: &[u8],
) -> Result<bool, EapError> {
    let (value_size, after) = data.split_first().unwrap_or((&0, &[]));
    let bad = EapError::BadMd5Value {
        found: usize::from(*value_size),
        present: after.len(),
    };
    if usize::from(*value_size) != VALUE_LEN {
        return Err(bad);
    }
    let (value, _name) = after.split_first_chunk::<VALUE_LEN>().ok_or(bad)?;
    Ok(challenge_digest(identifier, challenge, password)
        .ct_eq(value)
        .into())
}
