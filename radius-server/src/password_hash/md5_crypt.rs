//! MD5-crypt, `$1$`: what FreeBSD 2.0 made of passwords in 1994, and many an old router and database since.
//! Weak by now; it is compared with, never made.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What stands before the salt, in the text and in what is digested.
const MAGIC: &str = "$1$";
/// Characters of a salt that count.
const SALT_CHARS_MAX: usize = 8;
/// Times it digests what it digested.
const ROUNDS: usize = 1_000;
/// Characters of the digest.
const DIGEST_CHARS: usize = 22;
/// Which octets of the digest stand together, most significant first, before the last one, which stands alone.
const TRIPLES: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
/// The last octet.
const LONE: usize = 11;

/// A hash taken apart.
pub(super) struct Parts<'t> {
    /// At most [`SALT_CHARS_MAX`].
    salt: &'t str,
    /// As written.
    digest: &'t str,
}

impl<'t> Parts<'t> {
    /// Takes a hash apart; `None` when it is none.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let (salt, digest) = text.strip_prefix(MAGIC)?.split_once('$')?;
        let sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'/');
        (salt.len() <= SALT_CHARS_MAX && digest.len() == DIGEST_CHARS && digest.bytes().all(sound))
            .then_some(Self { salt, digest })
    }

    /// Whether this is the password.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let made = encode(&digest(password, self.salt.as_bytes()));
        made.ct_eq(self.digest.as_bytes()).into()
    }
}

/// The digest of a password with a salt.
fn digest(password: &[u8], salt: &[u8]) -> Zeroizing<[u8; 16]> {
    let other: Zeroizing<[u8; 16]> = Zeroizing::new(
        Md5::new()
            .chain_update(password)
            .chain_update(salt)
            .chain_update(password)
            .finalize()
            .into(),
    );
    let mut first = Md5::new()
        .chain_update(password)
        .chain_update(MAGIC)
        .chain_update(salt);
    for piece in password.chunks(other.len()) {
        first.update(other.get(..piece.len()).unwrap_or_default());
    }
    // A zero for each bit of the length that is set, and the first octet of the password for the others: an accident of
    // 1994 that everybody repeats.
    let mut length = password.len();
    while length > 0 {
        let first_octet = password.get(..1).unwrap_or_default();
        first.update(if length & 1 == 1 { &[0] } else { first_octet });
        length >>= 1;
    }
    let mut made: Zeroizing<[u8; 16]> = Zeroizing::new(first.finalize().into());
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut next = Md5::new();
        next.update(if odd { password } else { &made[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &made[..] } else { password });
        *made = next.finalize().into();
    }
    made
}

/// A digest as it is written.
fn encode(digest: &[u8; 16]) -> [u8; DIGEST_CHARS] {
    const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [0; DIGEST_CHARS];
    let triples = TRIPLES.map(|[a, b, c]| u32::from_be_bytes([0, digest[a], digest[b], digest[c]]));
    let groups = triples.into_iter().chain([u32::from(digest[LONE])]);
    for (letters, mut group) in text.chunks_mut(4).zip(groups) {
        for letter in letters {
            *letter = LETTERS[(group & 63) as usize];
            group >>= 6;
        }
    }
    text
}
