//! API keys: what programs call the API with.
//! Never shows a key twice, and never lets a key do what its maker could not do when he made it.
//!
//! A key belongs to its partner, not to its maker: it keeps working when he leaves, and is listed until revoked.

use serde_json::json;
use time::OffsetDateTime;

use super::grant::{self, Grants};
use super::principal::{Credential, Membership, Principal};
use super::store::api_key::NewRow;
use super::token::{Token, TokenDigest, TokenKind};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::authz::{Permission, PermissionSet};
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::ApiKeyId;
use crate::input::Input;
use crate::op::{Actor, ActorKind, OpContext};
use crate::tenancy::Name;

/// How long a key that is being replaced may work on at most, in seconds: thirty days.
pub const OVERLAP_S_MAX: u32 = 30 * 24 * 60 * 60;

/// A key as it can be shown.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// The first characters of the token.
    pub prefix: String,
    /// What it allows.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stops working by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// The key it was made to replace.
    pub replaces: Option<ApiKeyId>,
}

/// What a new key is made of.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<String>,
    /// When it stops working by itself.
    pub expires_at: Option<OffsetDateTime>,
}

impl Identity {
    /// Lists keys, newest first, with the number of all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn api_key_list(
        &self,
        op: &OpContext,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ApiKey>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::api_key::api_key_list_in_tx(&mut tx, op, limit, offset).await
    }

    /// Makes a key; the token is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Forbidden`] when it would allow more than its maker may do.
    pub async fn api_key_create(&self, op: &OpContext, new: &NewApiKey) -> Result<(ApiKey, Token), Error> {
        let mut input = Input::new();
        let name: Option<Name> = input.parse("/name", &new.name);
        let permissions = read_permissions(&mut input, op, &new.permissions);
        if new.expires_at.is_some_and(|at| at <= self.clock.now()) {
            input.wrong("/expires_at", "this instant has passed");
        }
        let Some(name) = name else {
            return Err(input.into_error());
        };
        input.finish()?;
        grant::check_holds(op, permissions)?;
        let token = Token::draw(TokenKind::ApiKey)?;
        let mut tx = self.db.begin(op).await?;
        let key = store::api_key::api_key_insert_in_tx(
            &mut tx,
            op,
            &NewRow {
                name: name.as_str(),
                permissions,
                expires_at: new.expires_at,
                replaces: None,
            },
            &token,
        )
        .await?;
        let entry = Entry::ok("api-key.create", "api-key")
            .object(key.id, &key.name)
            .after(json!({ "prefix": key.prefix, "permissions": key.permissions }));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&kinds::API_KEY_CREATED, key.id, &key.name)
            .data(json!({ "prefix": key.prefix, "permissions": key.permissions }));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok((key, token))
    }

    /// Makes a key in the place of another one, with the same name and permissions; the other works on for the overlap.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it works no longer; [`Error::Conflict`] when it is being replaced already;
    /// [`Error::Forbidden`] when it allows more than the actor may do; [`Error::Invalid`].
    pub async fn api_key_rotate(
        &self,
        op: &OpContext,
        id: ApiKeyId,
        overlap_s: u32,
        expires_at: Option<OffsetDateTime>,
    ) -> Result<(ApiKey, Token), Error> {
        let now = self.clock.now();
        if overlap_s > OVERLAP_S_MAX {
            return Err(Error::invalid("/overlap_s", format!("use 0 to {OVERLAP_S_MAX}")));
        }
        if expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid("/expires_at", "this instant has passed"));
        }
        let mut tx = self.db.begin(op).await?;
        let old = store::api_key::api_key_lock_in_tx(&mut tx, op, id)
            .await?
            .filter(|old| old.revoked_at.is_none() && old.expires_at.is_none_or(|at| at > now))
            .ok_or_else(|| Error::not_found("API key", id))?;
        let permissions = PermissionSet::from_names(old.permissions.iter().map(String::as_str));
        grant::check_holds(op, permissions)?;
        if store::api_key::api_key_is_replaced_in_tx(&mut tx, op, id).await? {
            let message = "this key is being replaced already; rotate the newer one";
            return Err(Error::conflict("API key", message));
        }
        // Who said nothing keeps the term the key had.
        let expires_at = expires_at.or_else(|| old.expires_at.map(|at| now + (at - old.created_at)));
        let until = now + time::Duration::seconds(overlap_s.into());
        let until = old.expires_at.map_or(until, |at| at.min(until));
        let token = Token::draw(TokenKind::ApiKey)?;
        let made = store::api_key::api_key_insert_in_tx(
            &mut tx,
            op,
            &NewRow {
                name: &old.name,
                permissions,
                expires_at,
                replaces: Some(id),
            },
            &token,
        )
        .await?;
        store::api_key::api_key_expire_in_tx(&mut tx, op, id, until).await?;
        let entry = Entry::ok("api-key.rotate", "api-key")
            .object(made.id, &made.name)
            .before(json!({ "id": id, "prefix": old.prefix }))
            .after(json!({
                "prefix": made.prefix, "permissions": made.permissions, "former_until_unix_s": until.unix_timestamp(),
            }));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&kinds::API_KEY_ROTATED, made.id, &made.name).data(
            json!({ "replaces": id, "prefix": made.prefix, "former_until_unix_s": until.unix_timestamp() }),
        );
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok((made, token))
    }

    /// Revokes a key; from the next request on it is worth nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn api_key_revoke(&self, op: &OpContext, id: ApiKeyId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let name = store::api_key::api_key_revoke_in_tx(&mut tx, op, id)
            .await?
            .ok_or_else(|| Error::not_found("API key", id))?;
        let event = Event::new(&kinds::API_KEY_REVOKED, id, &name);
        let entry = Entry::ok("api-key.revoke", "api-key").object(id, name);
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Finds out which key a token is.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is unknown, expired or revoked, or its partner is gone.
    pub async fn api_key_authenticate(&self, digest: &TokenDigest) -> Result<Principal, Error> {
        let op = OpContext::system("authentication");
        let mut tx = self.db.begin(&op).await?;
        let key = store::api_key::api_key_find_in_tx(&mut tx, &op, digest)
            .await?
            .ok_or(Error::Unauthenticated)?;
        if key.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Error::Unauthenticated);
        }
        store::api_key::api_key_used_in_tx(&mut tx, &op, key.id).await?;
        tx.commit().await?;
        let permissions = PermissionSet::from_names(key.permissions.iter().map(String::as_str));
        let actor = Actor {
            kind: ActorKind::ApiKey,
            id: Some(key.id.as_uuid()),
            name: key.name,
        };
        let grants = match key.partner {
            Some((partner, slug, name)) => Grants {
                platform: Vec::new(),
                partners: vec![Membership {
                    partner,
                    slug,
                    name,
                    roles: Vec::new(),
                    permissions,
                }],
            },
            None => Grants {
                platform: vec![("api-key".to_owned(), permissions)],
                partners: Vec::new(),
            },
        };
        Ok(grants.into_principal(actor, Credential::ApiKey { id: key.id }))
    }
}

/// What one of the three words for many permissions means within a partner; `None`: it is none of them.
///
/// `read`: all that only looks, but not the audit. `write`: that, and what changes something without being critical.
/// `admin`: everything of a partner.
fn level(word: &str) -> Option<PermissionSet> {
    let all = PermissionSet::all_of_a_partner();
    let read = |permission: &Permission| permission.as_str().ends_with(":read");
    let not_the_audit = |permission: &Permission| *permission != Permission::AuditRead;
    match word {
        "read" => Some(all.iter().filter(read).filter(not_the_audit).collect()),
        "write" => {
            let calm = |permission: &Permission| !permission.critical();
            Some(all.iter().filter(calm).filter(not_the_audit).collect())
        }
        "admin" => Some(all),
        _ => None,
    }
}

/// Reads the names of permissions, each with its own verdict; `read`, `write` and `admin` stand for many.
pub(super) fn read_permissions(input: &mut Input, op: &OpContext, names: &[String]) -> PermissionSet {
    if names.is_empty() || names.len() > Permission::ALL.len() {
        input.wrong(
            "/permissions",
            format!("name 1 to {} permissions", Permission::ALL.len()),
        );
        return PermissionSet::empty();
    }
    let mut set = PermissionSet::empty();
    for (index, name) in names.iter().enumerate() {
        let pointer = format!("/permissions/{index}");
        if let Some(many) = level(name) {
            set = set.union(many);
            continue;
        }
        match input.parse::<Permission>(&pointer, name) {
            Some(permission) if permission.is_platform() && op.partner.is_some() => {
                input.wrong(pointer, "this permission means nothing within a partner");
            }
            Some(permission) => set = set.union(PermissionSet::of(&[permission])),
            None => {}
        }
    }
    set
}
