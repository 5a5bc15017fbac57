//! The signature of a message: HMAC-SHA256 over its id, its time and its body.
//! Never signs anything that a receiver could be made to take for another message: the three are joined by dots, and neither id
//! nor time holds one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::Error;

/// What a secret begins with, so that it is known for one when it turns up somewhere.
const PREFIX: &str = "whsec_";
/// Octets of randomness in a secret.
const SECRET_OCTETS: usize = 32;

/// A webhook's secret. Has no Debug.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Draws one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn draw() -> Result<Self, Error> {
        let mut octets = Zeroizing::new(vec![0; SECRET_OCTETS]);
        getrandom::fill(&mut octets)
            .map_err(|source| Error::internal("drawing the secret of a webhook", source.to_string()))?;
        Ok(Self(octets))
    }

    /// From what was sealed.
    #[must_use]
    pub const fn from_octets(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }

    /// To be sealed.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// As its holder gets it, once.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", BASE64.encode(&self.0)))
    }

    /// Reads what [`text`](Self::text) gave; for receivers.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let octets = BASE64.decode(text.strip_prefix(PREFIX)?).ok()?;
        (octets.len() == SECRET_OCTETS).then(|| Self(Zeroizing::new(octets)))
    }

    /// The signature of one message.
    #[must_use]
    pub fn sign(&self, id: &str, unix_s: i64, body: &[u8]) -> String {
        format!("v1,{}", BASE64.encode(self.mac(id, unix_s, body)))
    }

    /// Whether one of the signatures in a header is ours; for receivers. Whether the time is recent is theirs to judge.
    #[must_use]
    pub fn verify(&self, id: &str, unix_s: i64, body: &[u8], header: &str) -> bool {
        let expected = self.mac(id, unix_s, body);
        header
            .split(' ')
            .filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?).ok())
            .fold(false, |found, one| found | bool::from(one.ct_eq(&expected)))
    }

    /// The code of one message.
    fn mac(&self, id: &str, unix_s: i64, body: &[u8]) -> Vec<u8> {
        // HMAC takes keys of any length; a `Result` only because the trait is made for others, too.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return Vec::new();
        };
        mac.update(format!("{id}.{unix_s}.").as_bytes());
        mac.update(body);
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl dgst -sha256 -hmac` over `msg_1.1700000000.{"a":1}`, key 32 times 0x61.
    #[test]
    fn a_signature_is_what_others_compute() {
        let secret = Secret(Zeroizing::new(vec![b'a'; SECRET_OCTETS]));
        assert_eq!(
            secret.sign("msg_1", 1_700_000_000, br#"{"a":1}"#),
            "v1,gY5u0Gy1AnBsf6YdPFLa7N7Wpo237alzmdfC0DTFXRI="
        );
    }

    #[test]
    fn a_secret_reads_back_from_its_text_and_verifies_what_it_signed() {
        let secret = Secret::draw().expect("randomness");
        let other = Secret::draw().expect("randomness");
        let read = Secret::read(&secret.text()).expect("a secret");
        let header = format!("{} {}", other.sign("m", 1, b"x"), secret.sign("m", 1, b"x"));
        assert!(read.verify("m", 1, b"x", &header));
        for (id, time, body) in [("n", 1, "x"), ("m", 2, "x"), ("m", 1, "y")] {
            assert!(!read.verify(id, time, body.as_bytes(), &header));
        }
        assert!(Secret::read("whsec_").is_none() && Secret::read("secret").is_none());
    }

    proptest! {
        /// No header that is made up is taken.
        #[test]
        fn no_other_header_is_taken(header in "(v1,)?[ a-zA-Z0-9+/=,]{0,80}") {
            let secret = Secret(Zeroizing::new(vec![1; SECRET_OCTETS]));
            prop_assert!(!secret.verify("m", 1, b"x", &header));
        }
    }
}
