//! What a peer answers: MS-CHAP-Response and MS-CHAP2-Response (RFC 2548), and how the answer is made.
//!
//! Reads and computes; [`super::v1`] and [`super::v2`] compare.

use des::Des;
use des::cipher::{Block, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::hash::{NT_HASH_LEN, NtHash};
use crate::attribute::kind::{microsoft, vendor::MICROSOFT};
use crate::packet::View;

/// Octets in a response of either version: three DES blocks.
pub const NT_RESPONSE_LEN: usize = 24;

/// Octets of the challenge that is encrypted.
pub(super) const CHALLENGE_LEN: usize = 8;

/// Octets of a DES key without its parity bits.
const DES_KEY_LEN: usize = 7;

/// MS-CHAP-Response: version 1.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Ident     |     Flags     |  LM-Response (24 octets)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///                                 |  NT-Response (24 octets)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// PPP's CHAP Identifier, which a failure repeats.
    pub ident: u8,
    /// The NT-Response; `None` when the peer sent only a LAN Manager response.
    pub nt_response: Option<&'a [u8; NT_RESPONSE_LEN]>,
}

/// MS-CHAP2-Response: version 2.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Ident     |     Flags     |  Peer-Challenge (16 octets)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///                                 |  Reserved (8 octets)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///                                 |  Response (24 octets)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Flags and Reserved must be zero; what stands there is ignored, as peers have always been allowed to leave rubbish in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response2<'a> {
    /// PPP's CHAP Identifier, which success and failure repeat.
    pub ident: u8,
    /// The peer's own challenge, which the server's proof covers.
    pub peer_challenge: &'a [u8; 16],
    /// The NT-Response.
    pub nt_response: &'a [u8; NT_RESPONSE_LEN],
}

impl<'a> Response<'a> {
    /// Reads the value of MS-CHAP-Response; `None` when it is not 50 octets long.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[ident, flags], responses) = value.split_first_chunk::<2>()?;
        let (_lm, nt) = responses.split_first_chunk::<NT_RESPONSE_LEN>()?;
        //= https://www.rfc-editor.org/rfc/rfc2548#section-2.1.3
        //# If the Flags field is one
        //# (0x01), the NT-Response field is to be used in preference to the
        //# LM-Response field for authentication.
        let nt: &[u8; NT_RESPONSE_LEN] = nt.try_into().ok()?;
        Some(Response {
            ident,
            nt_response: (flags & 1 == 1).then_some(nt),
        })
    }
}

impl<'a> Response2<'a> {
    /// Reads the value of MS-CHAP2-Response; `None` when it is not 50 octets long.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[ident, _flags], rest) = value.split_first_chunk::<2>()?;
        let (peer_challenge, rest) = rest.split_first_chunk::<16>()?;
        let (_reserved, response) = rest.split_first_chunk::<8>()?;
        Some(Response2 {
            ident,
            peer_challenge,
            nt_response: response.try_into().ok()?,
        })
    }
}

/// The challenge that the response answers: the value of MS-CHAP-Challenge, when it has `N` octets (8 in version 1, 16 in
/// version 2).
pub fn challenge<'a, const N: usize>(request: &View<'a>) -> Option<&'a [u8; N]> {
    request
        .vendor(MICROSOFT, microsoft::CHAP_CHALLENGE)?
        .try_into()
        .ok()
}

/// What somebody who knows the hash answers to eight octets.
pub(super) fn challenge_response(challenge: &[u8; CHALLENGE_LEN], hash: &NtHash) -> [u8; NT_RESPONSE_LEN] {
    //= https://www.rfc-editor.org/rfc/rfc2759#section-8.5
    //# Set ZPasswordHash to PasswordHash zero-padded to 21 octets
    let mut padded = Zeroizing::new([0; 3 * DES_KEY_LEN]);
    if let Some(to) = padded.first_chunk_mut::<NT_HASH_LEN>() {
        *to = *hash.octets();
    }
    let mut response = [0; NT_RESPONSE_LEN];
    let (keys, _) = padded.as_chunks::<DES_KEY_LEN>();
    let (blocks, _) = response.as_chunks_mut::<CHALLENGE_LEN>();
    for (key, block) in keys.iter().zip(blocks) {
        *block = des_encrypt(challenge, key);
    }
    response
}

/// DES over one block, with a key of 56 bits.
fn des_encrypt(clear: &[u8; CHALLENGE_LEN], key: &[u8; DES_KEY_LEN]) -> [u8; CHALLENGE_LEN] {
    let mut block = Block::<Des>::from(*clear);
    Des::new((&*parity_spread(key)).into()).encrypt_block(&mut block);
    block.into()
}

/// Spreads 56 bits of a key over eight octets; the lowest bit of each is parity, which DES does not look at.
fn parity_spread(key: &[u8; DES_KEY_LEN]) -> Zeroizing<[u8; 8]> {
    //= https://www.rfc-editor.org/rfc/rfc2759#section-8.6
    //# Note that the DES algorithm takes as input a 64-bit
    //# stream where the 8th, 16th, 24th, etc.  bits are
    //# parity bits ignored by the encrypting algorithm.
    let [a, b, c, d, e, f, g] = *key;
    Zeroizing::new([
        a,
        a << 7 | b >> 1,
        b << 6 | c >> 2,
        c << 5 | d >> 3,
        d << 4 | e >> 4,
        e << 3 | f >> 5,
        f << 2 | g >> 6,
        g << 1,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2759 section 9.3: password "MyPw", both keys, without looking at parity.
    #[test]
    fn keys_are_spread_as_in_the_example() {
        let raw = [0xfc, 0x15, 0x6a, 0xf7, 0xed, 0xcd, 0x6c];
        let spread = [0xfd, 0x0b, 0x5b, 0x5e, 0x7f, 0x6e, 0x34, 0xd9];
        assert_eq!(
            parity_spread(&raw).map(|octet| octet | 1),
            spread.map(|octet| octet | 1)
        );
        let raw = [0x0e, 0xdd, 0xe3, 0x33, 0x7d, 0x42, 0x7f];
        let spread = [0x0e, 0x6e, 0x79, 0x67, 0x37, 0xea, 0x08, 0xfe];
        assert_eq!(
            parity_spread(&raw).map(|octet| octet | 1),
            spread.map(|octet| octet | 1)
        );
    }
}
