//! Opaque tokens: who holds one may act. Only a SHA-256 of it is ever stored.
//! Never logged, never compared in the clear; a token is looked up by its digest.
//!
//! `hes_` a signed-in session, `hek_` an API key, `hst_` the one-time set-up link; then 43 characters of base64url, 256
//! bits of the operating system's randomness. The prefix lets a scanner find a leaked one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;

/// Octets of randomness in a token.
const RANDOM_OCTETS: usize = 32;
/// Characters of a token: prefix and base64url of the randomness.
const TOKEN_CHARS: usize = 4 + 43;
/// Characters shown of an API key, to recognise it: the prefix and eight more (48 of 256 bits).
const SHOWN_CHARS: usize = 12;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed-in session.
    Session,
    /// An API key.
    ApiKey,
    /// The one-time set-up link.
    Setup,
}

impl TokenKind {
    /// How tokens of this kind begin.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "hes_",
            Self::ApiKey => "hek_",
            Self::Setup => "hst_",
        }
    }
}

/// A token in the clear; exists between its making and the one reply that shows it.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// What is stored of a token.
pub type TokenDigest = [u8; 32];

impl Token {
    /// Draws a fresh one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn draw(kind: TokenKind) -> Result<Self, Error> {
        let mut random = Zeroizing::new([0; RANDOM_OCTETS]);
        getrandom::fill(random.as_mut())
            .map_err(|source| Error::internal("drawing randomness for a token", source.to_string()))?;
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_CHARS));
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
        Ok(Self(text))
    }

    /// The token itself, for the one reply that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What to store.
    pub fn digest(&self) -> TokenDigest {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The first characters, to recognise it without knowing it.
    pub fn shown(&self) -> &str {
        &self.0[..SHOWN_CHARS]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// Tells the kind of a presented token and its digest; `None` when it cannot be one of ours.
pub fn digest_of(presented: &str) -> Option<(TokenKind, TokenDigest)> {
    let kind = [TokenKind::Session, TokenKind::ApiKey, TokenKind::Setup]
        .into_iter()
        .find(|kind| presented.starts_with(kind.prefix()))?;
    (presented.len() == TOKEN_CHARS).then(|| (kind, Sha256::digest(presented.as_bytes()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_token_is_recognised_and_never_printed() {
        let token = Token::draw(TokenKind::ApiKey).expect("randomness");
        assert_eq!(token.reveal().len(), TOKEN_CHARS);
        assert_eq!(
            digest_of(token.reveal()),
            Some((TokenKind::ApiKey, token.digest()))
        );
        assert_eq!(format!("{token:?}"), "REDACTED");
        assert!(token.reveal().starts_with(token.shown()) && token.shown().starts_with("hek_"));
    }

    #[test]
    fn two_tokens_differ() {
        let draw = || Token::draw(TokenKind::Session).expect("randomness").digest();
        assert_ne!(draw(), draw());
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        for text in [
            "",
            "hek_",
            "hek_short",
            "Bearer",
            &"x".repeat(TOKEN_CHARS),
            &format!("hes_{}", "a".repeat(4096)),
        ] {
            assert_eq!(digest_of(text), None);
        }
    }
}
