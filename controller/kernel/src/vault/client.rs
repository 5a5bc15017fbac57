//! One vault: logged in to when it is needed, its token kept alive, its values served for a day while it is away.
//! Never asks twice at the same time who it is, never serves a value the vault has said no about.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::error::VaultError;
use super::login::Login;
use super::reference::SecretRef;
use crate::outbound::{CallError, HttpLine, Reply, Request};

/// How long a value that was read is served without asking again.
pub const FRESH: Duration = Duration::from_secs(30);
/// How long a value is served while the vault is away.
pub const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Paths whose values are kept.
const PATHS_MAX: usize = 1024;
/// How long one call may take.
const CALL_WAIT: Duration = Duration::from_secs(10);
/// The longest answer of a vault, in octets.
const REPLY_OCTETS_MAX: usize = 256 * 1024;
/// A renewed token that lives no longer than this is not kept.
const LIFE_MIN: Duration = Duration::from_secs(5);
/// The header with the token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-vault-token");
/// The header with the namespace.
const NAMESPACE_HEADER: HeaderName = HeaderName::from_static("x-vault-namespace");

/// Where things are in a vault, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultPlace {
    /// Where the key-value engine is mounted, such as `secret`.
    pub mount: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// Who we are.
    pub login: Login,
}

/// A vault.
pub struct Vault {
    /// The way there.
    line: Arc<HttpLine>,
    /// Where things are.
    place: VaultPlace,
    /// The token, while there is one; held while one is got, so that nobody logs in beside.
    token: tokio::sync::Mutex<Option<Token>>,
    /// What was read.
    kept: Mutex<HashMap<String, Kept>>,
    /// How long a value that was read is served without asking again.
    fresh: Duration,
}

/// A token at work.
struct Token {
    /// Itself.
    text: Arc<Zeroizing<String>>,
    /// When it was given or renewed.
    since: Instant,
    /// How long it lives from then; `None`: for ever.
    lives: Option<Duration>,
    /// Whether its life can be made longer.
    renewable: bool,
}

/// What was read at a path.
struct Kept {
    /// The fields that are text.
    fields: BTreeMap<String, Zeroizing<String>>,
    /// When it was read.
    read: Instant,
    /// When it was written there.
    written: Option<OffsetDateTime>,
}

/// A secret that was found.
pub struct Found {
    /// The secret.
    pub value: Zeroizing<String>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// When it was written in the vault.
    pub written: Option<OffsetDateTime>,
}

/// How fresh a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Asked now, or within half a minute.
    Fresh,
    /// The vault is away; this is what it had said.
    Stale {
        /// How long ago.
        age: Duration,
        /// Why it was not asked again, as [`VaultError::word`] says it.
        why: &'static str,
    },
}

/// `auth` of a login or a renewal.
#[derive(Deserialize)]
struct AuthReply {
    /// The only member we need.
    auth: Auth,
}

/// What is in it.
#[derive(Deserialize)]
struct Auth {
    /// The token.
    client_token: Text,
    /// How long it lives, in seconds; 0: for ever.
    lease_duration: u64,
    /// Whether that can be made longer.
    renewable: bool,
}

/// `data` of a token's own look at itself.
#[derive(Deserialize)]
struct SelfReply {
    /// The only member we need.
    data: SelfData,
}

/// What is in it.
#[derive(Deserialize)]
struct SelfData {
    /// How long it still lives, in seconds; 0: for ever.
    ttl: u64,
    /// Whether that can be made longer; absent for one that lives for ever.
    #[serde(default)]
    renewable: bool,
}

/// `data` of a look at a path.
#[derive(Deserialize)]
struct ValueReply {
    /// The only member we need.
    data: ValueData,
}

/// What is in it.
#[derive(Deserialize)]
struct ValueData {
    /// The fields; null where the last version was deleted.
    data: Option<BTreeMap<String, Field>>,
    /// About them.
    metadata: Option<ValueMetadata>,
}

/// A field; only text can be a secret of ours.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    /// Text.
    Text(Text),
    /// Something else.
    Other(serde::de::IgnoredAny),
}

/// Text that is wiped when it goes.
struct Text(Zeroizing<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// About a value.
#[derive(Deserialize)]
struct ValueMetadata {
    /// When this version was written.
    #[serde(default, with = "time::serde::rfc3339::option")]
    created_time: Option<OffsetDateTime>,
}

/// What a vault says of itself.
#[derive(Deserialize)]
struct SealReply {
    /// Whether it was ever set up.
    initialized: bool,
    /// Whether it is locked.
    sealed: bool,
}

impl Vault {
    /// A vault at the end of a line; asked when it is used.
    pub fn new(line: Arc<HttpLine>, place: VaultPlace) -> Self {
        Self {
            line,
            place,
            token: tokio::sync::Mutex::new(None),
            kept: Mutex::default(),
            fresh: FRESH,
        }
    }

    /// The same with another time for which a value is served without asking again.
    #[must_use]
    pub fn with_fresh(self, fresh: Duration) -> Self {
        Self { fresh, ..self }
    }

    /// Where things are in it.
    pub fn place(&self) -> &VaultPlace {
        &self.place
    }

    /// The way there.
    pub fn line(&self) -> &Arc<HttpLine> {
        &self.line
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// [`VaultError`]; while the vault is away, only when nothing was read within a day.
    pub async fn read(&self, reference: &SecretRef) -> Result<Found, VaultError> {
        let path = reference.path();
        if let Some(found) = self.fresh(&path, reference.field()) {
            return found;
        }
        match self.ask(reference, &path).await {
            Ok(kept) => {
                let found = kept.found(&path, reference.field(), Freshness::Fresh);
                self.keep(path, kept);
                found
            }
            Err(error) if error.is_away() => self.stale(&path, reference.field(), error),
            Err(error) => {
                // It has said no: what it said before counts no more.
                self.kept.lock().remove(&path);
                Err(error)
            }
        }
    }

    /// Looks whether the vault is there, unsealed, and takes our credential.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn check(&self) -> Result<(), VaultError> {
        let token = self.token().await?;
        match self.looked_up(&token).await? {
            Some(_) => Ok(()),
            None => {
                self.forget(&token).await;
                self.token().await.map(drop)
            }
        }
    }

    /// Makes the token's life longer when half of it is over. For the keeper, so that a token that nobody uses does not die.
    ///
    /// # Errors
    /// [`VaultError`], when it could not.
    pub async fn tend(&self) -> Result<(), VaultError> {
        let half_over = self.token.lock().await.as_ref().is_some_and(|token| {
            token
                .lives
                .is_some_and(|lives| token.since.elapsed() >= lives / 2)
        });
        match half_over {
            true => self.renew().await,
            false => Ok(()),
        }
    }

    /// Makes the token's life longer, where there is one and that can be done.
    ///
    /// # Errors
    /// [`VaultError`], when it could not.
    pub async fn renew(&self) -> Result<(), VaultError> {
        let mut held = self.token.lock().await;
        let renewable = held
            .as_ref()
            .filter(|token| token.renewable && token.lives.is_some());
        let Some(text) = renewable.map(|token| Arc::clone(&token.text)) else {
            return Ok(());
        };
        *held = self.renewed(text).await?;
        Ok(())
    }

    /// The value when it was read just now.
    fn fresh(&self, path: &str, field: &str) -> Option<Result<Found, VaultError>> {
        let kept = self.kept.lock();
        let kept = kept.get(path).filter(|kept| kept.read.elapsed() < self.fresh)?;
        Some(kept.found(path, field, Freshness::Fresh))
    }

    /// The value as it was read within a day, or why there is none.
    fn stale(&self, path: &str, field: &str, error: VaultError) -> Result<Found, VaultError> {
        let kept = self.kept.lock();
        let Some((kept, age)) = kept
            .get(path)
            .map(|kept| (kept, kept.read.elapsed()))
            .filter(|(_, age)| *age < STALE_MAX)
        else {
            return Err(error);
        };
        let why = error.word();
        tracing::warn!(path, age_s = age.as_secs(), error = %error, "a secret is served as it was read before");
        kept.found(path, field, Freshness::Stale { age, why })
    }

    /// Keeps what was read; beyond the bound what was read longest ago goes.
    fn keep(&self, path: String, value: Kept) {
        let mut kept = self.kept.lock();
        kept.insert(path, value);
        if kept.len() > PATHS_MAX {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.read);
            let oldest = oldest.map(|(path, _)| path.clone());
            oldest.and_then(|path| kept.remove(&path));
        }
    }

    /// Asks for a path; once more with a new token when the one we had is dead.
    async fn ask(&self, reference: &SecretRef, path: &str) -> Result<Kept, VaultError> {
        let token = self.token().await?;
        let mut reply = self.value(reference, &token).await?;
        // A token whose life ends in the middle of a call gets a 500 from OpenBao 2.7 now and then, and 403 otherwise.
        if matches!(reply.status, 403 | 500) && self.looked_up(&token).await?.is_none() {
            self.forget(&token).await;
            let token = self.token().await?;
            reply = self.value(reference, &token).await?;
        }
        match reply.status {
            403 => Err(VaultError::Forbidden {
                path: path.to_owned(),
            }),
            status @ 500 => Err(VaultError::Unreachable(CallError::Status {
                status,
                retry_after: None,
            })),
            404 => Err(VaultError::NotFound {
                path: path.to_owned(),
            }),
            _ => {
                let said: ValueReply = reply.json().map_err(VaultError::Unreachable)?;
                let fields = said.data.data.ok_or_else(|| VaultError::NotFound {
                    path: path.to_owned(),
                })?;
                let text = fields.into_iter().filter_map(|(name, field)| match field {
                    Field::Text(Text(text)) => Some((name, text)),
                    Field::Other(_) => None,
                });
                Ok(Kept {
                    fields: text.collect(),
                    read: Instant::now(),
                    written: said.data.metadata.and_then(|about| about.created_time),
                })
            }
        }
    }

    /// A token that should work.
    async fn token(&self) -> Result<Arc<Zeroizing<String>>, VaultError> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.is_alive()) {
            return Ok(Arc::clone(&token.text));
        }
        let renewed = match held.as_ref().filter(|token| token.renewable) {
            Some(token) => self.renewed(Arc::clone(&token.text)).await?,
            None => None,
        };
        // At the end of the longest life it may have a token is given back with no life left.
        let token = match renewed.filter(Token::is_worth_it) {
            Some(token) => token,
            None => self.logged_in().await?,
        };
        let text = Arc::clone(&token.text);
        *held = Some(token);
        Ok(text)
    }

    /// Forgets a token that is dead, unless somebody has a new one already.
    async fn forget(&self, dead: &Arc<Zeroizing<String>>) {
        let mut held = self.token.lock().await;
        if held.as_ref().is_some_and(|token| Arc::ptr_eq(&token.text, dead)) {
            *held = None;
        }
    }

    /// Logs in.
    async fn logged_in(&self) -> Result<Token, VaultError> {
        let refused = || VaultError::LoginRefused {
            login: self.place.login.as_str(),
        };
        match &self.place.login {
            Login::Token(credential) => {
                let text = Arc::new(credential.read()?);
                let about = self.looked_up(&text).await?.ok_or_else(refused)?;
                Ok(Token {
                    text,
                    since: Instant::now(),
                    lives: seconds(about.ttl),
                    renewable: about.renewable,
                })
            }
            Login::AppRole { role_id, secret_id } => {
                let secret_id = secret_id.read()?;
                let body = json!({ "role_id": role_id, "secret_id": secret_id.as_str() });
                let request = self
                    .request("vault_login", Method::POST, ["auth", "approle", "login"])
                    .json(&body)
                    .harmless()
                    .answers(&[400, 403, 503]);
                let reply = self.send(&request).await?;
                match reply.status {
                    400 | 403 => Err(refused()),
                    _ => Ok(Token::new(reply.json().map_err(VaultError::Unreachable)?)),
                }
            }
        }
    }

    /// What the vault says about a token; `None`: it does not take it.
    async fn looked_up(&self, token: &Zeroizing<String>) -> Result<Option<SelfData>, VaultError> {
        let request = self
            .request("vault_token_look", Method::GET, ["auth", "token", "lookup-self"])
            .secret_header(TOKEN_HEADER, token)
            .answers(&[403, 500, 503]);
        let reply = self.send(&request).await?;
        match reply.status {
            403 | 500 => Ok(None),
            _ => {
                let said: SelfReply = reply.json().map_err(VaultError::Unreachable)?;
                Ok(Some(said.data))
            }
        }
    }

    /// The token with a longer life; `None`: the vault does not take it any more.
    async fn renewed(&self, token: Arc<Zeroizing<String>>) -> Result<Option<Token>, VaultError> {
        let request = self
            .request("vault_token_renew", Method::POST, ["auth", "token", "renew-self"])
            .secret_header(TOKEN_HEADER, &token)
            .harmless()
            .answers(&[400, 403, 500, 503]);
        let reply = self.send(&request).await?;
        match reply.status {
            400 | 403 | 500 => Ok(None),
            _ => Ok(Some(Token::new(reply.json().map_err(VaultError::Unreachable)?))),
        }
    }

    /// What is at a path.
    async fn value(&self, reference: &SecretRef, token: &Zeroizing<String>) -> Result<Reply, VaultError> {
        let mount = self.place.mount.split('/');
        let path = mount.chain(["data"]).chain(reference.parts());
        let request = self
            .request("vault_read", Method::GET, path)
            .secret_header(TOKEN_HEADER, token)
            .answers(&[403, 404, 500, 503]);
        self.send(&request).await
    }

    /// A request below `/v1`.
    fn request<'p>(
        &self,
        name: &'static str,
        method: Method,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Request {
        let path = ["v1"].into_iter().chain(path);
        let request = Request::new(name, method, path, CALL_WAIT).reply_octets_max(REPLY_OCTETS_MAX);
        let namespace = self.place.namespace.as_deref().map(HeaderValue::from_str);
        match namespace {
            Some(Ok(namespace)) => request.header(NAMESPACE_HEADER, namespace),
            _ => request,
        }
    }

    /// Sends it. A vault that is locked answers 503, which is its own word and no failure of the line; it is asked whether
    /// that is why.
    async fn send(&self, request: &Request) -> Result<Reply, VaultError> {
        let reply = self.line.send(request).await.map_err(VaultError::Unreachable)?;
        match reply.status {
            503 => Err(self
                .sealed()
                .await
                .unwrap_or(VaultError::Unreachable(CallError::Status {
                    status: 503,
                    retry_after: None,
                }))),
            _ => Ok(reply),
        }
    }

    /// Whether it is locked, as it says itself.
    async fn sealed(&self) -> Option<VaultError> {
        let request = self.request("vault_seal_look", Method::GET, ["sys", "seal-status"]);
        let said: SealReply = self.line.send(&request).await.ok()?.json().ok()?;
        match (said.initialized, said.sealed) {
            (false, _) => Some(VaultError::NotInitialized),
            (true, true) => Some(VaultError::Sealed),
            (true, false) => None,
        }
    }
}

impl Token {
    /// As a login or a renewal gave it.
    fn new(said: AuthReply) -> Self {
        Self {
            text: Arc::new(said.auth.client_token.0),
            since: Instant::now(),
            lives: seconds(said.auth.lease_duration),
            renewable: said.auth.renewable,
        }
    }

    /// Whether it lives long enough to be worth keeping.
    fn is_worth_it(&self) -> bool {
        self.lives.is_none_or(|lives| lives > LIFE_MIN)
    }

    /// Whether it is good for a call yet: nine tenths of its life, so that it does not die on the way.
    fn is_alive(&self) -> bool {
        self.lives
            .is_none_or(|lives| self.since.elapsed() < lives.mul_f64(0.9))
    }
}

impl Kept {
    /// One field of it.
    fn found(&self, path: &str, field: &str, freshness: Freshness) -> Result<Found, VaultError> {
        let value = self.fields.get(field).ok_or_else(|| VaultError::NoSuchField {
            path: path.to_owned(),
            field: field.to_owned(),
        })?;
        Ok(Found {
            value: value.clone(),
            freshness,
            written: self.written,
        })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} {})", self.line.place().base, self.place.mount)
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Found(REDACTED, {:?})", self.freshness)
    }
}

/// A life in seconds; 0 is for ever.
fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
