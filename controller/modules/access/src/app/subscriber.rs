//! Subscribers: the access service of a site and the credential it logs in with.
//! Never gives a password back, and never ends a session: suspending refuses the next login, a disconnect ends this one.

use kernel::audit::{self, Entry};
use kernel::id::{PlanId, SiteId, SubscriberId};
use kernel::{Error, OnConstraint, OpContext, tenancy};
use serde_json::{Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{App, Change, changed};
use crate::sealing;
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

/// A new subscriber.
#[derive(Debug)]
pub struct SubscriberDraft {
    /// The name he logs in with.
    pub username: String,
    /// His password; without one every login is refused.
    pub password: Option<Zeroizing<String>>,
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
}

/// A change of a subscriber; what is absent stays. The user name never changes: history and credential hang on it.
#[derive(Debug, Default)]
pub struct SubscriberPatch {
    /// A new password; emptied, every login is refused.
    pub password: Change<Zeroizing<String>>,
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
    pub async fn subscriber_get(&self, op: &OpContext, id: SubscriberId) -> Result<Subscriber, Error> {
        let mut tx = self.db.begin(op).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(subscriber)
    }

    /// Makes a subscriber with his credential.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the partner has this user name, [`Error::Invalid`] for a plan or site it does not have.
    pub async fn subscriber_create(
        &self,
        op: &OpContext,
        draft: SubscriberDraft,
    ) -> Result<Subscriber, Error> {
        username_check(&draft.username)?;
        let id = SubscriberId::new();
        let mut tx = self.db.begin(op).await?;
        let row = SubscriberRow {
            name: draft.name,
            site_id: site_resolve(&mut tx, op, &draft.site).await?,
            plan_id: plan_resolve(&mut tx, op, &draft.plan).await?,
            status: draft.status,
            status_reason: draft.status_reason,
            expires_at: draft.expires_at,
        };
        store::subscriber::subscriber_insert(&mut tx, op, id, &draft.username, &row)
            .await
            .on_constraint("subscribers_username", || {
                Error::conflict(
                    "subscriber",
                    format!("there is already a subscriber {}", draft.username),
                )
            })?;
        if let Some(password) = &draft.password {
            self.password_put(&mut tx, op, id, &draft.username, password)
                .await?;
        }
        let made = subscriber_found(&mut tx, op, id).await?;
        let entry = Entry::ok("subscriber.create", "subscriber")
            .object(id, &made.username)
            .after(shown(&made));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Changes a subscriber; his next login meets the new state.
    ///
    /// # Errors
    /// As [`Self::subscriber_create`], and [`Error::NotFound`].
    pub async fn subscriber_update(
        &self,
        op: &OpContext,
        id: SubscriberId,
        patch: SubscriberPatch,
    ) -> Result<Subscriber, Error> {
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
        };
        store::subscriber::subscriber_update(&mut tx, op, id, &row).await?;
        match &patch.password {
            Some(Some(password)) => {
                self.password_put(&mut tx, op, id, &before.username, password)
                    .await?
            }
            Some(None) => store::radcheck::radcheck_password_delete(&mut tx, op, &before.username).await?,
            None => {}
        }
        let after = subscriber_found(&mut tx, op, id).await?;
        let mut now = shown(&after);
        if patch.password.is_some() {
            now["password"] = json!("changed");
        }
        let entry = Entry::ok("subscriber.update", "subscriber")
            .object(id, &after.username)
            .before(shown(&before))
            .after(now);
        let entry = match &row.status_reason {
            Some(reason) if row.status != before.status => entry.reason(reason.as_str()),
            _ => entry,
        };
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
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
        let entry = Entry::ok("subscriber.delete", "subscriber")
            .object(id, &subscriber.username)
            .before(shown(&subscriber));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Seals and stores a password.
    async fn password_put(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        id: SubscriberId,
        username: &str,
        password: &str,
    ) -> Result<(), Error> {
        if password.is_empty() || password.len() > PASSWORD_OCTETS_MAX {
            let message = format!("must have 1 to {PASSWORD_OCTETS_MAX} octets");
            return Err(Error::invalid("/password", message));
        }
        let context = sealing::password(op.require_partner()?.as_uuid(), username);
        let sealed = self.sealer.seal(&context, password.as_bytes())?;
        store::radcheck::radcheck_password_put(tx, op, id, username, &sealed).await
    }
}

/// A living subscriber of this partner, or not found.
async fn subscriber_found(tx: &mut Tx, op: &OpContext, id: SubscriberId) -> Result<Subscriber, Error> {
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
async fn site_resolve(tx: &mut Tx, op: &OpContext, site: &SiteRef) -> Result<SiteId, Error> {
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
fn username_check(username: &str) -> Result<(), Error> {
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

/// A subscriber as the audit keeps him.
fn shown(subscriber: &Subscriber) -> Value {
    json!({
        "username": subscriber.username,
        "name": subscriber.name,
        "client": subscriber.client,
        "site": subscriber.site,
        "plan": subscriber.plan,
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
