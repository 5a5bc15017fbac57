//! Strings hidden with the shared secret and a salt: MS-MPPE keys (RFC 2548 section 2.4.2) and Tunnel-Password (RFC 2868
//! section 3.5), which do it the same way.
//!
//! Never draws the salt: the caller hands in a number, different for every attribute of a packet. Passwords in requests are
//! hidden otherwise, in [`crate::password`].

use md5::{Digest, Md5};

use crate::packet::Authenticator;
use crate::secret::SharedSecret;

/// Octets of a salt.
pub const SALT_LEN: usize = 2;

/// Octets hidden at a time: one MD5 digest.
const BLOCK_LEN: usize = 16;

/// Octets of the longest hidden string, salt included: fifteen blocks are what an attribute of a vendor has room for.
pub const HIDDEN_LEN_MAX: usize = SALT_LEN + 15 * BLOCK_LEN;

/// Octets of the longest string that can be hidden; its length takes the one before.
pub const CLEAR_LEN_MAX: usize = HIDDEN_LEN_MAX - SALT_LEN - 1;

/// Two octets that make one hidden string differ from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// A salt from the lower fifteen bits of a number.
    pub fn new(number: u16) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc2548#section-2.4.2
        //# The most
        //# significant bit (leftmost) of the Salt field MUST be set (1).
        Salt((number | 0x8000).to_be_bytes())
    }

    /// Its octets.
    pub fn octets(self) -> [u8; SALT_LEN] {
        self.0
    }
}

/// Hides a string: salt, then its length and octets, padded with zeros to whole blocks.
///
/// `request` is the authenticator of the Access-Request that is answered. `None` when `clear` is longer than
/// [`CLEAR_LEN_MAX`].
pub fn hide<'b>(
    secret: &SharedSecret,
    request: &Authenticator,
    salt: Salt,
    clear: &[u8],
    out: &'b mut [u8; HIDDEN_LEN_MAX],
) -> Option<&'b [u8]> {
    let string_len = (1 + clear.len()).next_multiple_of(BLOCK_LEN);
    let hidden = out.get_mut(..SALT_LEN + string_len)?;
    let (to_salt, string) = hidden.split_first_chunk_mut::<SALT_LEN>()?;
    *to_salt = salt.0;
    string.fill(0);
    let (to_length, to_clear) = string.split_first_mut()?;
    *to_length = u8::try_from(clear.len()).ok()?;
    to_clear.get_mut(..clear.len())?.copy_from_slice(clear);

    let mut previous = None;
    let (blocks, _) = string.as_chunks_mut::<BLOCK_LEN>();
    for block in blocks {
        for (octet, mask) in block.iter_mut().zip(mask(secret, request, salt.0, previous)) {
            *octet ^= mask;
        }
        previous = Some(&*block);
    }
    Some(hidden)
}

/// Reveals a hidden string.
///
/// `None` when it is no salt followed by whole blocks, or when the length inside is longer than they are: another shared
/// secret, most likely.
pub fn reveal<'b>(
    secret: &SharedSecret,
    request: &Authenticator,
    hidden: &[u8],
    out: &'b mut [u8; HIDDEN_LEN_MAX],
) -> Option<&'b [u8]> {
    let (salt, string) = hidden.split_first_chunk::<SALT_LEN>()?;
    let (blocks, []) = string.as_chunks::<BLOCK_LEN>() else {
        return None;
    };
    let revealed = out.get_mut(..string.len())?;
    let (to_blocks, _) = revealed.as_chunks_mut::<BLOCK_LEN>();
    let mut previous = None;
    for (block, to) in blocks.iter().zip(to_blocks) {
        for ((to, octet), mask) in to
            .iter_mut()
            .zip(block)
            .zip(mask(secret, request, *salt, previous))
        {
            *to = octet ^ mask;
        }
        previous = Some(block);
    }
    let (length, clear) = revealed.split_first()?;
    clear.get(..usize::from(*length))
}

/// What sixteen octets are hidden with: the first ones with the request's authenticator and the salt, others with the
/// hidden octets before them.
fn mask(
    secret: &SharedSecret,
    request: &Authenticator,
    salt: [u8; SALT_LEN],
    previous: Option<&[u8; BLOCK_LEN]>,
) -> [u8; BLOCK_LEN] {
    let keyed = Md5::new().chain_update(secret.octets());
    //= https://www.rfc-editor.org/rfc/rfc2548#section-2.4.2
    //# b(1) = MD5(S + R + A)    c(1) = p(1) xor b(1)   C = c(1)
    //# b(2) = MD5(S + c(1))     c(2) = p(2) xor b(2)   C = C + c(2)
    let digest = match previous {
        None => keyed.chain_update(request).chain_update(salt),
        Some(previous) => keyed.chain_update(previous),
    };
    digest.finalize().into()
}
