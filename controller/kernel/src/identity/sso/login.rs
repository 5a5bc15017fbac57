//! The two steps of a login by a partner's provider: sending the browser there, and what it brings back.
//! Never keeps a login that is under way: it is sealed in the browser's own cookie, with its partner, its nonce and the verifier of
//! its code, and counts once.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::provider::{Exchange, Provider, form_encoded};
use super::token::{self, Expected, Identified};
use super::{SsoError, setting};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::PartnerId;
use crate::identity::session::{How, SignedIn};
use crate::identity::store::sso::ProviderRow;
use crate::identity::user::User;
use crate::identity::{EmailAddress, Identity, store};
use crate::op::OpContext;
use crate::tenancy::Key;

/// How long a person may take at the provider, in seconds.
pub const LOGIN_S_MAX: i64 = 10 * 60;
/// What a login under way is sealed for.
const CONTEXT: &str = "kernel.sso/login";
/// Octets of randomness in state, nonce and verifier.
const RANDOM_OCTETS: usize = 32;
/// The longest code of an error that is repeated, in characters.
const CODE_CHARS_SHOWN_MAX: usize = 60;
/// The longest name of a person, in characters.
const NAME_CHARS_MAX: usize = 100;

/// A login that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What it keeps until it comes back.
    pub cookie: Zeroizing<String>,
}

/// What a browser brings back.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// What it kept.
    pub cookie: Option<String>,
    /// Which login, as the provider repeats it.
    pub state: Option<String>,
    /// To be changed for a token.
    pub code: Option<String>,
    /// Who sends it, where the provider says so (RFC 9207).
    pub issuer: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

/// A login under way.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    /// By whose provider.
    partner: PartnerId,
    /// Who that was then.
    issuer: String,
    /// Which login.
    state: String,
    /// What the token must repeat.
    nonce: String,
    /// What the code's challenge was made of.
    verifier: String,
    /// Until when, in seconds of the Unix epoch.
    until: i64,
}

impl Identity {
    /// Where the provider sends browsers back to.
    pub fn sso_redirect_uri(&self) -> String {
        format!(
            "{}/api/v1/sso/callback",
            self.settings.public_url.trim_end_matches('/')
        )
    }

    /// Begins a login by the provider of a partner.
    ///
    /// # Errors
    /// [`SsoError::NotConfigured`], also when there is no such partner; [`SsoError::Provider`].
    pub async fn sso_begin(&self, op: &OpContext, partner: &str) -> Result<Begun, SsoError> {
        let address = op.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin_address(self.clock.instant(), address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        let system = self.on_behalf(op);
        let key = Key::read(partner).ok_or(SsoError::NotConfigured)?;
        let mut tx = self.db.begin(&system).await?;
        let row = store::sso::provider_find_in_tx(&mut tx, &system, &key).await?;
        tx.commit().await.map_err(Error::from)?;
        let row = row.ok_or(SsoError::NotConfigured)?;
        let provider = Provider {
            partner: row.partner,
            issuer: &row.issuer,
            lines: &self.lines,
        };
        let offer = provider.offer().await?;
        let under_way = UnderWay {
            partner: row.partner,
            issuer: row.issuer.clone(),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            until: self.clock.now().unix_timestamp() + LOGIN_S_MAX,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(under_way.verifier.as_bytes()));
        let query = [
            ("response_type", "code"),
            ("client_id", &row.client_id),
            ("redirect_uri", &self.sso_redirect_uri()),
            ("scope", "openid email profile"),
            ("state", &under_way.state),
            ("nonce", &under_way.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| format!("{name}={}", &*form_encoded(value)))
        .join("&");
        let endpoint = &offer.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let clear = serde_json::to_vec(&under_way)
            .map_err(|source| Error::internal("writing a login under way", source))?;
        Ok(Begun {
            location: format!("{endpoint}{separator}{query}"),
            cookie: Zeroizing::new(
                URL_SAFE_NO_PAD.encode(
                    self.sealer
                        .seal(CONTEXT, &Zeroizing::new(clear))
                        .map_err(Error::from)?,
                ),
            ),
        })
    }

    /// Completes it: signs in whom the provider names, with what the partner has mapped his groups to.
    ///
    /// # Errors
    /// Why not; every refusal is in the audit of the partner, as far as that is known.
    pub async fn sso_complete(
        &self,
        op: &OpContext,
        returned: &Returned,
        user_agent: Option<&str>,
    ) -> Result<SignedIn, SsoError> {
        let address = op.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin_address(self.clock.instant(), address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        let under_way = self.sso_under_way(returned)?;
        let completed = self.sso_identify(op, &under_way, returned).await;
        let (user, partner) = match completed {
            Ok(found) => found,
            Err(error) => {
                let system = self.on_behalf(op).in_partner(under_way.partner);
                let entry = Entry::refused("session.login", "user")
                    .object("", "")
                    .reason(format!("single sign-on: {error}"));
                audit::record_alone(&self.db, &system, entry).await?;
                return Err(error);
            }
        };
        self.throttle.lock().succeeded_address(address);
        Ok(self
            .session_begin(op, user, user_agent, How::Provider(partner))
            .await?)
    }

    /// The login that a browser comes back from.
    fn sso_under_way(&self, returned: &Returned) -> Result<UnderWay, SsoError> {
        let cookie = returned.cookie.as_deref().ok_or(SsoError::OtherLogin)?;
        let sealed = URL_SAFE_NO_PAD
            .decode(cookie)
            .ok()
            .and_then(|octets| String::from_utf8(octets).ok())
            .ok_or(SsoError::OtherLogin)?;
        let clear = self
            .sealer
            .open(CONTEXT, &sealed)
            .map_err(|_| SsoError::OtherLogin)?;
        let under_way: UnderWay = serde_json::from_slice(&clear).map_err(|_| SsoError::OtherLogin)?;
        let state = returned.state.as_deref().unwrap_or_default();
        let same = bool::from(state.as_bytes().ct_eq(under_way.state.as_bytes()));
        if !same || self.clock.now().unix_timestamp() >= under_way.until {
            return Err(SsoError::OtherLogin);
        }
        Ok(under_way)
    }

    /// Who he is, according to the provider, and which account that is here.
    async fn sso_identify(
        &self,
        op: &OpContext,
        under_way: &UnderWay,
        returned: &Returned,
    ) -> Result<(User, PartnerId), SsoError> {
        if let Some(error) = &returned.error {
            let plain = |one: &char| one.is_ascii_alphanumeric() || *one == '_';
            let code = error.chars().filter(plain).take(CODE_CHARS_SHOWN_MAX).collect();
            return Err(SsoError::Refused { code });
        }
        let elsewhere = |issuer: &String| *issuer != under_way.issuer;
        let code = returned.code.as_deref().ok_or(SsoError::OtherLogin)?;
        if returned.issuer.as_ref().is_some_and(elsewhere) {
            return Err(SsoError::OtherLogin);
        }
        let system = self.on_behalf(op);
        let key = Key::Id(under_way.partner.as_uuid());
        let mut tx = self.db.begin(&system).await?;
        let row = store::sso::provider_find_in_tx(&mut tx, &system, &key).await?;
        let until = OffsetDateTime::from_unix_timestamp(under_way.until)
            .map_err(|source| Error::internal("reading a login under way", source))?;
        let digest = Sha256::digest(under_way.state.as_bytes());
        let now = self.clock.now();
        let fresh = store::challenge::challenge_spend_in_tx(&mut tx, &system, &digest, until, now).await?;
        tx.commit().await.map_err(Error::from)?;
        let row = row
            .filter(|row| row.issuer == under_way.issuer)
            .ok_or(SsoError::NotConfigured)?;
        if !fresh {
            return Err(SsoError::OtherLogin);
        }
        let who = self.sso_ask(&row, under_way, code).await?;
        self.sso_account(op, &row, &who)
            .await
            .map(|user| (user, row.partner))
    }

    /// Asks the provider who he is.
    async fn sso_ask(
        &self,
        row: &ProviderRow,
        under_way: &UnderWay,
        code: &str,
    ) -> Result<Identified, SsoError> {
        let secret = match &row.client_secret {
            Some(sealed) => Some(
                self.sealer
                    .open(&setting::context(row.partner), sealed)
                    .map_err(Error::from)?,
            ),
            None => None,
        };
        let secret = secret
            .as_ref()
            .map(|octets| std::str::from_utf8(octets))
            .transpose();
        let secret = secret.map_err(|source| Error::internal("reading a client secret", source))?;
        let provider = Provider {
            partner: row.partner,
            issuer: &row.issuer,
            lines: &self.lines,
        };
        let offer = provider.offer().await?;
        let exchange = Exchange {
            code,
            redirect_uri: &self.sso_redirect_uri(),
            verifier: &under_way.verifier,
            client_id: &row.client_id,
            client_secret: secret,
        };
        let id_token = provider.exchange(&offer, &exchange).await?;
        let keys = provider.keys(&offer).await?;
        let expected = Expected {
            issuer: &row.issuer,
            client_id: &row.client_id,
            nonce: &under_way.nonce,
            groups_claim: &row.groups_claim,
        };
        Ok(token::verify(&id_token, &keys, &expected, self.clock.now())?)
    }

    /// The account of whom the provider names, made at his first login, holding what his groups are mapped to and nothing else.
    async fn sso_account(
        &self,
        op: &OpContext,
        row: &ProviderRow,
        who: &Identified,
    ) -> Result<User, SsoError> {
        let system = self.on_behalf(op);
        let within = system.in_partner(row.partner);
        let mut tx = self.db.begin(&system).await?;
        let roles = store::sso::roles_of_groups_in_tx(&mut tx, &within, &who.groups).await?;
        let known = store::sso::person_lock_in_tx(&mut tx, &within, &row.issuer, &who.subject).await?;
        let user = match known {
            Some(user) => {
                store::grant::grant_replace_in_tx(&mut tx, &within, user.id, &roles).await?;
                user
            }
            None if roles.is_empty() => return Err(SsoError::NoRole),
            None => {
                // Hashed outside of the transaction: it may wait its turn for seconds.
                drop(tx);
                let hash = self.passwords.hash(Zeroizing::new(random()?)).await?;
                tx = self.db.begin(&system).await?;
                self.sso_account_make(&mut tx, &within, row, who, &hash, &roles)
                    .await?
            }
        };
        let enough = !roles.is_empty();
        if !enough {
            store::session::session_revoke_all_in_tx(&mut tx, &system, user.id, None).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        match (user.is_active(), enough) {
            (false, _) => Err(SsoError::Disabled),
            (true, false) => Err(SsoError::NoRole),
            (true, true) => Ok(user),
        }
    }

    /// Makes the account of somebody who has not been here before.
    async fn sso_account_make(
        &self,
        tx: &mut crate::database::Tx,
        within: &OpContext,
        row: &ProviderRow,
        who: &Identified,
        hash: &str,
        roles: &[crate::identity::grant::Role],
    ) -> Result<User, SsoError> {
        let email: EmailAddress = who
            .email
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or(SsoError::NoEmail)?;
        let name: String = who
            .name
            .as_deref()
            .unwrap_or(email.as_str())
            .chars()
            .filter(|one| !one.is_control())
            .take(NAME_CHARS_MAX)
            .collect();
        let name = if name.trim().is_empty() {
            email.as_str().to_owned()
        } else {
            name
        };
        if store::user::user_find_in_tx(tx, within, &email).await?.is_some() {
            return Err(SsoError::AccountExists);
        }
        let user = store::user::user_insert_in_tx(tx, within, &email, &name, hash)
            .await
            .map_err(|error| match error {
                Error::Conflict { .. } => SsoError::AccountExists,
                other => other.into(),
            })?;
        store::sso::person_insert_in_tx(tx, within, &row.issuer, &who.subject, user.id).await?;
        store::grant::grant_replace_in_tx(tx, within, user.id, roles).await?;
        let slugs: Vec<&str> = roles.iter().map(|role| role.slug.as_str()).collect();
        let entry = Entry::ok("user.create", "user")
            .object(user.id, &user.email)
            .reason("single sign-on")
            .after(json!({ "email": user.email, "name": user.name, "roles": slugs }));
        audit::record(tx, within, entry).await?;
        Ok(user)
    }
}

/// Draws 256 bits, in base64url.
fn random() -> Result<String, Error> {
    let mut octets = Zeroizing::new([0; RANDOM_OCTETS]);
    getrandom::fill(octets.as_mut())
        .map_err(|source| Error::internal("drawing randomness for a login", source.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(octets.as_slice()))
}
