//! Speaking to a provider: what it offers, its keys, a code for a token. Every answer is bounded in time and size.
//! Never follows a redirect, never sends a secret to a place that the provider's own document does not name, never sends a code
//! twice, and never connects to an address that a partner may not make us connect to: all of it goes over [`crate::outbound`].

use std::time::Duration;

use axum::http::{HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::token::KeySet;
use crate::id::PartnerId;
use crate::outbound::{CallError, LineKey, LineRules, Lines, Place, Request, Target, TargetError};

/// The largest answer, in octets.
const ANSWER_OCTETS_MAX: usize = 256 * 1024;
/// How long one question may take.
const CALL_WAIT_MAX: Duration = Duration::from_secs(10);
/// Where every provider says what it offers (OpenID Connect Discovery, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Why a provider was of no use. Repeats nothing of what it sent.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// One of its places cannot be used.
    #[error("the provider's {what} cannot be used: {source}")]
    Place {
        /// Which.
        what: &'static str,
        /// Why.
        source: TargetError,
    },
    /// One of its places is not encrypted.
    #[error("the provider's {what} must be https")]
    NotEncrypted {
        /// Which.
        what: &'static str,
    },
    /// It gave no answer that is of use.
    #[error("the provider's {what}: {source}")]
    Call {
        /// What was asked.
        what: &'static str,
        /// What was seen.
        source: CallError,
    },
    /// It says it is somebody else.
    #[error("the provider says it is another issuer")]
    OtherIssuer,
}

/// What a provider offers.
#[derive(Debug, Clone, Deserialize)]
pub struct Offer {
    /// Who it is.
    issuer: String,
    /// Where people go.
    pub authorization_endpoint: String,
    /// Where codes are changed for tokens.
    token_endpoint: String,
    /// Where its keys are.
    jwks_uri: String,
    /// How clients may prove who they are there.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The answer to a code.
#[derive(Deserialize)]
struct TokenAnswer {
    /// Who it is.
    id_token: String,
}

/// What a code is changed with.
pub struct Exchange<'a> {
    /// The code.
    pub code: &'a str,
    /// Where it was sent.
    pub redirect_uri: &'a str,
    /// What its challenge was made of.
    pub verifier: &'a str,
    /// Who we are there.
    pub client_id: &'a str,
    /// What proves it.
    pub client_secret: Option<&'a str>,
}

/// A partner's provider.
pub struct Provider<'a> {
    /// Whose.
    pub partner: PartnerId,
    /// Who it is.
    pub issuer: &'a str,
    /// How it is spoken to.
    pub lines: &'a Lines,
}

impl Provider<'_> {
    /// What it offers.
    ///
    /// # Errors
    /// Why it was of no use.
    pub async fn offer(&self) -> Result<Offer, ProviderError> {
        let (what, system) = ("discovery document", "sso-discovery");
        let url = format!("{}{DISCOVERY}", self.issuer.trim_end_matches('/'));
        let target = self.place(what, &url)?;
        let request = Request::new("discover", Method::GET, [], CALL_WAIT_MAX);
        let offer: Offer = self.ask(what, system, target, request).await?;
        if offer.issuer != self.issuer {
            return Err(ProviderError::OtherIssuer);
        }
        // Browsers are sent there; it is judged as if we went ourselves.
        self.place("authorization endpoint", &offer.authorization_endpoint)?;
        Ok(offer)
    }

    /// Changes a code for an ID token.
    ///
    /// # Errors
    /// Why it was of no use.
    pub async fn exchange(
        &self,
        offer: &Offer,
        exchange: &Exchange<'_>,
    ) -> Result<Zeroizing<String>, ProviderError> {
        let (what, system) = ("token endpoint", "sso-token");
        let target = self.place(what, &offer.token_endpoint)?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect_uri),
            ("code_verifier", exchange.verifier),
        ];
        let mut request = Request::new("exchange", Method::POST, [], CALL_WAIT_MAX);
        // Without a list, `client_secret_basic` is what a provider takes (Discovery, section 3).
        let methods = offer.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|list| list.iter().any(|one| one == "client_secret_basic"));
        match exchange.client_secret {
            Some(secret) if basic => {
                let pair = Zeroizing::new(format!(
                    "{}:{}",
                    &*form_encoded(exchange.client_id),
                    &*form_encoded(secret)
                ));
                let pair = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                request = request.secret_header(header::AUTHORIZATION, &pair);
            }
            secret => {
                form.push(("client_id", exchange.client_id));
                form.extend(secret.map(|secret| ("client_secret", secret)));
            }
        }
        let mut body = Zeroizing::new(String::new());
        for (name, value) in form {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            body.push_str(&form_encoded(value));
        }
        let answer: TokenAnswer = self.ask(what, system, target, request.form(&body)).await?;
        Ok(Zeroizing::new(answer.id_token))
    }

    /// Its keys.
    ///
    /// # Errors
    /// Why it was of no use.
    pub async fn keys(&self, offer: &Offer) -> Result<KeySet, ProviderError> {
        let (what, system) = ("key set", "sso-keys");
        let target = self.place(what, &offer.jwks_uri)?;
        let request = Request::new("keys", Method::GET, [], CALL_WAIT_MAX);
        self.ask(what, system, target, request).await
    }

    /// A place of the provider, judged as far as it can be without looking its name up.
    fn place(&self, what: &'static str, url: &str) -> Result<Target, ProviderError> {
        let place = |source| ProviderError::Place { what, source };
        let target = Target::parse(url).map_err(place)?;
        self.lines.reach().check_literal(&target).map_err(place)?;
        if !target.is_encrypted() && !is_this_machine(&target) {
            return Err(ProviderError::NotEncrypted { what });
        }
        Ok(target)
    }

    /// Asks, and reads a bounded answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        system: &'static str,
        base: Target,
        request: Request,
    ) -> Result<T, ProviderError> {
        let call = |source| ProviderError::Call { what, source };
        let key = LineKey {
            partner: Some(self.partner),
            system,
        };
        let place = Place {
            base,
            authority: None,
            rules: LineRules::default(),
        };
        let request = request
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .reply_octets_max(ANSWER_OCTETS_MAX);
        let line = self.lines.line(key, &place).map_err(call)?;
        let reply = line.send(&request).await.map_err(call)?;
        reply.json().map_err(call)
    }
}

/// Whether a place is on this machine, where nobody listens in; of use only where the operator has opened loopback.
pub fn is_this_machine(target: &Target) -> bool {
    target.host() == "localhost" || target.literal().is_some_and(|address| address.is_loopback())
}

/// Text as a form or a query carries it.
pub fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(text.len()));
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            octet => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_carries_any_text() {
        assert_eq!(&*form_encoded("a b+c&d=é/~"), "a%20b%2Bc%26d%3D%C3%A9%2F~");
    }
}
