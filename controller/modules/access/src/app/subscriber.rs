//! Subscribers: the access service of a site and the credential it logs in with.
//! Never gives a password back, and never ends a session with service: suspending refuses the next login, a disconnect ends
//! this one. A session in the garden is ended when he has service again ([`super::garden`]).

use std::sync::Arc;

use kernel::audit::{self, Entry};
use kernel::events::{self, Event, Kind};
use kernel::id::{PlanId, SiteId, SubscriberId};
use kernel::{Error, OnConstraint, OpContext, tenancy};
use radius_server::directory::Credential;
use radius_server::password_hash::HashKind;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{App, Change, changed, mark, plan, terms};
use crate::credential::{self, Described};
use crate::events as happened;
use crate::sealing;
use crate::store::identity_policy;
use crate::store::subscriber::{Subscriber, SubscriberFilter, SubscriberRow};
use crate::store::{self, Listed, Tx, Window};

/// Octets a password may have: what PAP can carry.
pub const PASSWORD_OCTETS_MAX: usize = 128;
/// Characters a user name may have.
pub const USERNAME_CHARS_MAX: usize = 64;

/// Which site a caller means.
#[derive(Debug, Clone)]
pub enum SiteRef {
    /// By id.
    Id(SiteId),
    /// By the slugs (or ids) of client and site.
    Slugs {
        /// The client.
        client: String,
        /// The site.
        site: String,
    },
}

/// How a password is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordStore {
    /// Sealed: good for every method.
    Reversible,
    /// As an Argon2id hash: good for PAP and for what else carries the password itself.
    Argon2id,
}

/// A password to be stored.
pub enum NewPassword {
    /// In the clear, to be stored so; `None`: as his was, else as his partner wants it.
    Clear(Zeroizing<String>, Option<PasswordStore>),
    /// As a hash from elsewhere, in the form of crypt(3) or with its name in braces.
    Hashed(Zeroizing<String>),
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("REDACTED")
    }
}

/// A subscriber, and what is to be known about his password.
#[derive(Debug, Clone)]
pub struct SubscriberShown {
    /// As he is.
    pub subscriber: Subscriber,
    /// What is stored of his password, if anything that can be used is.
    pub password: Option<Described>,
}

/// A new subscriber.
#[derive(Debug)]
pub struct SubscriberDraft {
    /// The name he logs in with.
    pub username: String,
    /// His password; without one only a mark can let him in.
    pub password: Option<NewPassword>,
    /// What he is recognised by beside his user name.
    pub identified_by: Vec<String>,
    /// His site.
    pub site: SiteRef,
    /// His plan, by slug.
    pub plan: String,
    /// What people call the service.
    pub name: String,
    /// `active`, `suspended` or `terminated`.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// What he has in place of his plan.
    pub terms: Map<String, Value>,
}

/// A change of a subscriber; what is absent stays. The user name never changes: history and credential hang on it.
#[derive(Debug, Default)]
pub struct SubscriberPatch {
    /// A new password; emptied, only a mark can let him in.
    pub password: Change<NewPassword>,
    /// How his password is to be stored from now on, when it stays the same.
    pub password_store: Option<PasswordStore>,
    /// What he is recognised by beside his user name; replaced as a whole.
    pub identified_by: Option<Vec<String>>,
    /// Another site.
    pub site: Option<SiteRef>,
    /// Another plan, by slug.
    pub plan: Option<String>,
    /// What people call the service.
    pub name: Option<String>,
    /// Another status.
    pub status: Option<String>,
    /// Why; a change of status without one forgets the old reason.
    pub status_reason: Change<String>,
    /// When the service ends by itself.
    pub expires_at: Change<OffsetDateTime>,
    /// What he has in place of his plan; what this names takes the place of what there is, `null` takes it away.
    pub terms: Option<Map<String, Value>>,
}

impl App {
    /// Lists a partner's subscribers by user name.
    pub async fn subscriber_list(
        &self,
        op: &OpContext,
        filter: &SubscriberFilter,
        window: Window,
    ) -> Result<Listed<Subscriber>, Error> {
        let mut tx = self.db.begin(op).await?;
        let listed = store::subscriber::subscriber_list(&mut tx, op, filter, window).await?;
        tx.commit().await?;
        Ok(listed)
    }

    /// One subscriber.
    pub async fn subscriber_get(&self, op: &OpContext, id: SubscriberId) -> Result<SubscriberShown, Error> {
        let mut tx = self.db.begin(op).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        let shown = self.shown(&mut tx, op, subscriber).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// A subscriber with what is to be known about his password.
    async fn shown(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        subscriber: Subscriber,
    ) -> Result<SubscriberShown, Error> {
        let stored = self.credential_stored(tx, op, &subscriber.username).await?;
        Ok(SubscriberShown {
            password: stored.as_ref().and_then(credential::describe),
            subscriber,
        })
    }

    /// What is stored of a password, opened; `None` also for what cannot be used, which then lets nobody in either.
    async fn credential_stored(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        username: &str,
    ) -> Result<Option<Credential>, Error> {
        let Some(stored) = store::radcheck::radcheck_password_fetch(tx, op, username).await? else {
            return Ok(None);
        };
        let tenant = op.require_partner()?.as_uuid();
        let context = sealing::credential(tenant, username, &stored.attribute);
        let clear = sealing::reveal(&self.sealer, &context, &stored.value).ok();
        Ok(clear.and_then(|clear| credential::read(&stored.attribute, &clear).ok()))
    }

    /// Makes a subscriber with his credential.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the partner has this user name, [`Error::Invalid`] for a plan or site it does not have.
    pub async fn subscriber_create(
        &self,
        op: &OpContext,
        draft: SubscriberDraft,
    ) -> Result<SubscriberShown, Error> {
        username_check(&draft.username)?;
        let id = SubscriberId::new();
        let policy = self.identity_policy_get(op).await?;
        let usual = match policy.password_store.as_str() {
            "argon2id" => PasswordStore::Argon2id,
            _ => PasswordStore::Reversible,
        };
        let credential = match &draft.password {
            Some(password) => self.credential_of(password, usual).await?,
            None => Credential::None,
        };
        let mut tx = self.db.begin(op).await?;
        if policy.username_case == "fold"
            && let Some(other) = identity_policy::username_clash(&mut tx, op, &draft.username).await?
        {
            let message =
                format!("there is already a subscriber {other}, and the case of user names does not count");
            return Err(Error::conflict("subscriber", message));
        }
        let row = SubscriberRow {
            name: draft.name,
            site_id: site_resolve(&mut tx, op, &draft.site).await?,
            plan_id: plan_resolve(&mut tx, op, &draft.plan).await?,
            status: draft.status,
            status_reason: draft.status_reason,
            expires_at: draft.expires_at,
            terms: Value::Object(draft.terms),
        };
        service_check(&mut tx, op, &row).await?;
        store::subscriber::subscriber_insert(&mut tx, op, id, &draft.username, &row)
            .await
            .on_constraint("subscribers_username", || {
                Error::conflict(
                    "subscriber",
                    format!("there is already a subscriber {}", draft.username),
                )
            })?;
        self.credential_put(&mut tx, op, id, &draft.username, &credential)
            .await?;
        if !draft.identified_by.is_empty() {
            mark::put(&mut tx, op, id, &draft.identified_by).await?;
        }
        let made = subscriber_found(&mut tx, op, id).await?;
        let entry = Entry::ok("subscriber.create", "subscriber")
            .object(id, &made.username)
            .after(shown(&made));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&happened::SUBSCRIBER_CREATED, id, &made.username).data(shown(&made));
        events::emit(&mut tx, op, event).await?;
        let made = self.shown(&mut tx, op, made).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Changes a subscriber; his next login meets the new state.
    ///
    /// # Errors
    /// As [`Self::subscriber_create`], and [`Error::NotFound`].
    pub async fn subscriber_update(
        self: &Arc<Self>,
        op: &OpContext,
        id: SubscriberId,
        patch: SubscriberPatch,
    ) -> Result<SubscriberShown, Error> {
        let credential = self.credential_wanted(op, id, &patch).await?;
        let mut tx = self.db.begin(op).await?;
        store::subscriber::subscriber_lock(&mut tx, op, id).await?;
        let before = subscriber_found(&mut tx, op, id).await?;
        let site_id = match &patch.site {
            Some(site) => site_resolve(&mut tx, op, site).await?,
            None => before.site_id,
        };
        let plan_id = match &patch.plan {
            Some(plan) => plan_resolve(&mut tx, op, plan).await?,
            None => before.plan_id,
        };
        let status = patch.status.unwrap_or_else(|| before.status.clone());
        let reason_before = before.status_reason.clone().filter(|_| status == before.status);
        let row = SubscriberRow {
            name: patch.name.unwrap_or_else(|| before.name.clone()),
            site_id,
            plan_id,
            status,
            status_reason: changed(reason_before, patch.status_reason),
            expires_at: changed(before.expires_at, patch.expires_at),
            terms: terms::merged(&before.terms, patch.terms.as_ref()),
        };
        if patch.terms.is_some() || plan_id != before.plan_id {
            service_check(&mut tx, op, &row).await?;
        }
        store::subscriber::subscriber_update(&mut tx, op, id, &row).await?;
        if let Some(credential) = &credential {
            self.credential_put(&mut tx, op, id, &before.username, credential)
                .await?;
        }
        if let Some(identified_by) = &patch.identified_by {
            mark::put(&mut tx, op, id, identified_by).await?;
        }
        let after = subscriber_found(&mut tx, op, id).await?;
        let mut now = shown(&after);
        if credential.is_some() {
            now["password"] = json!("changed");
        }
        let told = told(&before, &after, &now);
        let entry = Entry::ok("subscriber.update", "subscriber")
            .object(id, &after.username)
            .before(shown(&before))
            .after(now);
        let entry = match &row.status_reason {
            Some(reason) if row.status != before.status => entry.reason(reason.as_str()),
            _ => entry,
        };
        audit::record(&mut tx, op, entry).await?;
        for event in told {
            events::emit(&mut tx, op, event).await?;
        }
        let leaving = self.garden_leave(&mut tx, op, &before, &after).await?;
        let after = self.shown(&mut tx, op, after).await?;
        tx.commit().await?;
        leaving.go(self);
        if plan_id != before.plan_id {
            self.quotas.touched.subscriber(id.as_uuid());
        }
        Ok(after)
    }

    /// Deletes a subscriber: hidden everywhere, his credential gone, his history kept, his user name free again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn subscriber_delete(&self, op: &OpContext, id: SubscriberId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::subscriber::subscriber_lock(&mut tx, op, id).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        store::subscriber::subscriber_delete(&mut tx, op, id).await?;
        store::radcheck::radcheck_purge(&mut tx, op, &subscriber.username).await?;
        mark::put(&mut tx, op, id, &[]).await?;
        store::admission::subscriber_forget(&mut tx, op, id).await?;
        store::quota::state_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("subscriber.delete", "subscriber")
            .object(id, &subscriber.username)
            .before(shown(&subscriber));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&happened::SUBSCRIBER_DELETED, id, &subscriber.username);
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The credential that a change asks for; `None`: it stays as it is. Read before the change begins, because a hash takes
    /// longer than a row should be locked; who changes a password twice at once gets one of the two.
    async fn credential_wanted(
        &self,
        op: &OpContext,
        id: SubscriberId,
        patch: &SubscriberPatch,
    ) -> Result<Option<Credential>, Error> {
        let keep = match (&patch.password, patch.password_store) {
            (None, None) => return Ok(None),
            (Some(None), _) => return Ok(Some(Credential::None)),
            (Some(Some(password)), _) => Some(password),
            (None, Some(_)) => None,
        };
        let mut tx = self.db.begin(op).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        let stored = self.credential_stored(&mut tx, op, &subscriber.username).await?;
        let policy = identity_policy::identity_policy_fetch(&mut tx, op).await?;
        tx.commit().await?;
        if let Some(password) = keep {
            let usual = match &stored {
                Some(Credential::Clear(_)) => PasswordStore::Reversible,
                Some(Credential::Hash(hash)) if hash.kind() == HashKind::Argon2id => PasswordStore::Argon2id,
                _ if policy.password_store == "argon2id" => PasswordStore::Argon2id,
                _ => PasswordStore::Reversible,
            };
            return Ok(Some(self.credential_of(password, usual).await?));
        }
        match (stored, patch.password_store) {
            (Some(Credential::Clear(password)), Some(PasswordStore::Argon2id)) => {
                let clear = Zeroizing::new(password.expose().to_vec());
                Ok(Some(Credential::Hash(self.hashing.argon2id(clear).await?)))
            }
            (Some(Credential::Clear(_)), _) => Ok(None),
            (Some(Credential::Hash(hash)), Some(PasswordStore::Argon2id))
                if hash.kind() == HashKind::Argon2id =>
            {
                Ok(None)
            }
            _ => Err(Error::invalid(
                "/password_store",
                "needs the password itself, which is not stored: give it as well",
            )),
        }
    }

    /// A password as it will be stored.
    async fn credential_of(&self, password: &NewPassword, usual: PasswordStore) -> Result<Credential, Error> {
        let (clear, store) = match password {
            NewPassword::Clear(clear, store) => (clear, store.unwrap_or(usual)),
            NewPassword::Hashed(text) => {
                return credential::read("Password-With-Header", headed(text).as_bytes()).map_err(|error| {
                    let why =
                        std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
                    Error::invalid("/password_hash", why)
                });
            }
        };
        if clear.is_empty() || clear.len() > PASSWORD_OCTETS_MAX {
            let message = format!("must have 1 to {PASSWORD_OCTETS_MAX} octets");
            return Err(Error::invalid("/password", message));
        }
        Ok(match store {
            PasswordStore::Reversible => Credential::Clear(clear.as_str().into()),
            PasswordStore::Argon2id => {
                let clear = Zeroizing::new(clear.as_bytes().to_vec());
                Credential::Hash(self.hashing.argon2id(clear).await?)
            }
        })
    }

    /// Seals and stores a credential in place of whatever there was.
    async fn credential_put(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        id: SubscriberId,
        username: &str,
        credential: &Credential,
    ) -> Result<(), Error> {
        let Some((attribute, value)) = credential::write(credential) else {
            return store::radcheck::radcheck_password_delete(tx, op, username).await;
        };
        let value = Zeroizing::new(value);
        let context = sealing::credential(op.require_partner()?.as_uuid(), username, attribute);
        let sealed = self.sealer.seal(&context, &value)?;
        store::radcheck::radcheck_password_put(tx, op, id, username, attribute, &sealed).await
    }
}

/// A hash with a header that says what it is, so that it is never taken for a password.
fn headed(text: &str) -> Zeroizing<String> {
    let text = text.trim();
    Zeroizing::new(if text.starts_with('{') {
        text.to_owned()
    } else {
        format!("{{crypt}}{text}")
    })
}

/// Refuses what he has in place of his plan when that makes no sense, or a NAS of this partner could not be told.
async fn service_check(tx: &mut Tx, op: &OpContext, row: &SubscriberRow) -> Result<(), Error> {
    let own = terms::read("/terms", &row.terms)?;
    if own.is_empty() {
        return Ok(());
    }
    let plan = plan::whole_of(&plan::plan_found(tx, op, row.plan_id).await?)?;
    terms::check(&own.over(&plan), false, &terms::makes_in_use(tx, op).await?)
}

/// A living subscriber of this partner, or not found.
pub(super) async fn subscriber_found(
    tx: &mut Tx,
    op: &OpContext,
    id: SubscriberId,
) -> Result<Subscriber, Error> {
    store::subscriber::subscriber_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("subscriber", id))
}

/// The plan a caller named.
async fn plan_resolve(tx: &mut Tx, op: &OpContext, slug: &str) -> Result<PlanId, Error> {
    store::plan::plan_id_by_slug(tx, op, slug)
        .await?
        .ok_or_else(|| Error::invalid("/plan", format!("there is no plan {slug}")))
}

/// The site a caller named.
pub(super) async fn site_resolve(tx: &mut Tx, op: &OpContext, site: &SiteRef) -> Result<SiteId, Error> {
    let (pointer, found) = match site {
        SiteRef::Id(id) => ("/site_id", tenancy::site_fetch_in_tx(tx, op, *id).await),
        SiteRef::Slugs { client, site } => ("/site", tenancy::site_find_in_tx(tx, op, client, site).await),
    };
    match found {
        Ok(site) => Ok(site.id),
        Err(Error::NotFound { kind, key }) => {
            Err(Error::invalid(pointer, format!("there is no {kind} {key}")))
        }
        Err(error) => Err(error),
    }
}

/// Refuses a user name that a NAS could not send as it is typed.
pub(super) fn username_check(username: &str) -> Result<(), Error> {
    let chars = username.chars().count();
    let wrong = if !(1..=USERNAME_CHARS_MAX).contains(&chars) {
        format!("must have 1 to {USERNAME_CHARS_MAX} characters")
    } else if username.trim() != username || username.chars().any(char::is_control) {
        "must have no space at its ends and no control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("/username", wrong))
}

/// What a change means to others: of his status, of his plan, of everything else. `now` is what the audit shows after it.
fn told(before: &Subscriber, after: &Subscriber, now: &Value) -> Vec<Event> {
    let status: &'static Kind = match after.status.as_str() {
        "active" => &happened::SUBSCRIBER_RESTORED,
        "suspended" => &happened::SUBSCRIBER_SUSPENDED,
        _ => &happened::SUBSCRIBER_TERMINATED,
    };
    let of_status: &[&str] = if before.status == after.status {
        &[]
    } else {
        &["status", "status_reason"]
    };
    let of_plan: &[&str] = &["plan"];
    let only = |shown: &Value, keys: &[&str]| -> Value {
        keys.iter()
            .map(|key| ((*key).to_owned(), shown[*key].clone()))
            .collect::<Map<_, _>>()
            .into()
    };
    let rest = |shown: &Value| -> Value {
        let mut members = shown.as_object().cloned().unwrap_or_default();
        members.retain(|key, _| !of_status.contains(&key.as_str()) && !of_plan.contains(&key.as_str()));
        members.into()
    };
    let was = shown(before);
    let parts = [
        (status, only(&was, of_status), only(now, of_status)),
        (
            &happened::SUBSCRIBER_PLAN_CHANGED,
            only(&was, of_plan),
            only(now, of_plan),
        ),
        (&happened::SUBSCRIBER_UPDATED, rest(&was), rest(now)),
    ];
    parts
        .into_iter()
        .filter_map(|(kind, was, is)| Event::new(kind, after.id, &after.username).changed(&was, &is))
        .collect()
}

/// A subscriber as the audit keeps him.
fn shown(subscriber: &Subscriber) -> Value {
    json!({
        "username": subscriber.username,
        "name": subscriber.name,
        "client": subscriber.client,
        "site": subscriber.site,
        "plan": subscriber.plan,
        "identified_by": subscriber.identified_by,
        "terms": subscriber.terms,
        "status": subscriber.status,
        "status_reason": subscriber.status_reason,
        "expires_at": subscriber.expires_at.map(OffsetDateTime::unix_timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_what_a_nas_can_send() {
        for good in ["a", "test@isp.com", "00:11:22:33:44:55", "eth 0/1:7", "münchen"] {
            assert!(username_check(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\0b", &"x".repeat(65)] {
            assert!(username_check(bad).is_err(), "{bad:?}");
        }
    }
}
