//! Public keys of devices (COSE_Key, RFC 9053) and their signatures: ES256, EdDSA over Ed25519, RS256.
//! Never signs.

use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

use super::PasskeyError;
use super::cbor::Item;

/// The algorithms we verify, as COSE numbers them, the one we would rather have first.
pub const ALGORITHMS: [i32; 3] = [ES256, EDDSA, RS256];
/// ECDSA with SHA-256, here on P-256.
const ES256: i32 = -7;
/// EdDSA, here Ed25519.
const EDDSA: i32 = -8;
/// RSASSA-PKCS1-v1_5 with SHA-256; what older Windows machines have.
const RS256: i32 = -257;

/// The key type of a curve's point with one coordinate.
const KTY_OKP: i128 = 1;
/// The key type of a curve's point with two.
const KTY_EC2: i128 = 2;
/// The key type of RSA.
const KTY_RSA: i128 = 3;
/// P-256.
const CRV_P256: i128 = 1;
/// Ed25519.
const CRV_ED25519: i128 = 6;
/// Octets of a coordinate on either curve.
const COORDINATE_OCTETS: usize = 32;

/// A public key that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// A point of P-256, uncompressed: 4, x, y.
    P256(Vec<u8>),
    /// A point of Ed25519.
    Ed25519(&'a [u8]),
    /// Modulus and exponent.
    Rsa(&'a [u8], &'a [u8]),
}

impl<'a> PublicKey<'a> {
    /// Reads a COSE_Key, to its end.
    ///
    /// # Errors
    /// [`PasskeyError::Malformed`]; [`PasskeyError::UnknownAlgorithm`].
    pub fn read(cose: &'a [u8]) -> Result<Self, PasskeyError> {
        let malformed = |why| PasskeyError::Malformed { what: "the key", why };
        let (key, rest) = Item::read(cose).map_err(|_| malformed("it is no CBOR"))?;
        if !rest.is_empty() {
            return Err(malformed("something follows it"));
        }
        let number = |label| key.at(label).and_then(Item::integer);
        let octets = |label| key.at(label).and_then(Item::octets);
        let coordinate = |label| octets(label).filter(|octets| octets.len() == COORDINATE_OCTETS);
        let algorithm = number(3).and_then(|number| i32::try_from(number).ok());
        match (number(1), algorithm) {
            (Some(KTY_EC2), Some(ES256)) if number(-1) == Some(CRV_P256) => {
                let (x, y) = coordinate(-2)
                    .zip(coordinate(-3))
                    .ok_or_else(|| malformed("it has no point"))?;
                Ok(Self::P256([&[4], x, y].concat()))
            }
            (Some(KTY_OKP), Some(EDDSA)) if number(-1) == Some(CRV_ED25519) => coordinate(-2)
                .map(Self::Ed25519)
                .ok_or_else(|| malformed("it has no point")),
            (Some(KTY_RSA), Some(RS256)) => octets(-1)
                .zip(octets(-2))
                .map(|(modulus, exponent)| Self::Rsa(modulus, exponent))
                .ok_or_else(|| malformed("it has no modulus")),
            (None, _) => Err(malformed("it has no type")),
            _ => Err(PasskeyError::UnknownAlgorithm),
        }
    }

    /// Verifies a signature over a message.
    ///
    /// # Errors
    /// [`PasskeyError::WrongSignature`].
    pub fn verify(&self, message: &[u8], signed: &[u8]) -> Result<(), PasskeyError> {
        let verified = match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).verify(message, signed)
            }
            Self::Ed25519(point) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signed)
            }
            Self::Rsa(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                message,
                signed,
            ),
        };
        verified.map_err(|_| PasskeyError::WrongSignature)
    }
}
