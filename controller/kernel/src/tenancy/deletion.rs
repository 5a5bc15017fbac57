//! Deleting and restoring: a partner, a client, a site, each with all that hangs under it.
//! Never removes a row: what is deleted is hidden, keeps its slug, and comes back as it was. What was deleted by itself before
//! stays deleted when that above it comes back.
//!
//! A partner hides by itself: nobody finds what is below it. The sites of a client are deleted with it, and the subscribers of a
//! site with that (by the access module's trigger), so that the access plane turns them away at once.

use serde_json::json;
use time::OffsetDateTime;

use super::name::Key;
use super::{Partner, Tenancy, store};
use crate::audit::{self, Entry};
use crate::error::{Error, OnConstraint};
use crate::events::{self, Event, kinds};
use crate::op::OpContext;

/// A client or a site that is deleted.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// Its id.
    pub id: uuid::Uuid,
    /// Its slug, which it keeps.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The slug of the client it is below; none for a client.
    pub client_slug: Option<String>,
    /// Since when.
    pub deleted_at: OffsetDateTime,
}

impl Tenancy {
    /// Deletes a partner; an act of the platform.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that is not deleted.
    pub async fn partner_delete(&self, op: &OpContext, key: &str) -> Result<(), Error> {
        let missing = || Error::not_found("partner", key);
        let found = Key::read(key).ok_or_else(missing)?;
        let mut tx = self.db.begin(op).await?;
        let (partner, slug) = store::deletion::partner_delete_in_tx(&mut tx, op, &found)
            .await?
            .ok_or_else(missing)?;
        // It is an act on the partner, and must be found in its own audit.
        let within = op.in_partner(partner);
        let entry = Entry::ok("partner.delete", "partner").object(partner, &slug);
        audit::record(&mut tx, &within, entry).await?;
        let event = Event::new(&kinds::PARTNER_DELETED, partner, slug);
        events::emit(&mut tx, &within, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Brings a partner back, with all that was below it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that is deleted.
    pub async fn partner_restore(&self, op: &OpContext, key: &str) -> Result<Partner, Error> {
        let missing = || Error::not_found("deleted partner", key);
        let found = Key::read(key).ok_or_else(missing)?;
        let mut tx = self.db.begin(op).await?;
        let partner = store::deletion::partner_restore_in_tx(&mut tx, op, &found)
            .await?
            .ok_or_else(missing)?;
        let within = op.in_partner(partner.id);
        let entry = Entry::ok("partner.restore", "partner").object(partner.id, &partner.slug);
        audit::record(&mut tx, &within, entry).await?;
        let event = Event::new(&kinds::PARTNER_RESTORED, partner.id, partner.slug.clone());
        events::emit(&mut tx, &within, event).await?;
        tx.commit().await?;
        Ok(partner)
    }

    /// Lists partners that are deleted, by slug, with the number of all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn partner_deleted_list(
        &self,
        op: &OpContext,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Deleted>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::deletion::partner_deleted_list_in_tx(&mut tx, op, limit, offset).await
    }

    /// Deletes a client with its sites and their subscribers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn client_delete(&self, op: &OpContext, key: &str) -> Result<(), Error> {
        let missing = || Error::not_found("client", key);
        let found = Key::read(key).ok_or_else(missing)?;
        let mut tx = self.db.begin(op).await?;
        let (id, slug) = store::deletion::client_delete_in_tx(&mut tx, op, &found)
            .await?
            .ok_or_else(missing)?;
        let sites = store::deletion::sites_delete_with_in_tx(&mut tx, op, id).await?;
        let entry = Entry::ok("client.delete", "client")
            .object(id, &slug)
            .after(json!({ "sites_deleted": sites }));
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&kinds::CLIENT_DELETED, id, slug)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Brings a client back, with the sites that were deleted with it and their subscribers.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that is deleted; [`Error::Conflict`] when a subscriber's user name was given away.
    pub async fn client_restore(&self, op: &OpContext, key: &str) -> Result<(), Error> {
        let missing = || Error::not_found("deleted client", key);
        let found = Key::read(key).ok_or_else(missing)?;
        let mut tx = self.db.begin(op).await?;
        let (id, slug) = store::deletion::client_restore_in_tx(&mut tx, op, &found)
            .await?
            .ok_or_else(missing)?;
        let sites = store::deletion::sites_restore_with_in_tx(&mut tx, op, id)
            .await
            .on_constraint(RESTORE_TAKEN, taken)?;
        let entry = Entry::ok("client.restore", "client")
            .object(id, &slug)
            .after(json!({ "sites_restored": sites }));
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&kinds::CLIENT_RESTORED, id, slug)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lists clients that are deleted, by slug, with the number of all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn client_deleted_list(
        &self,
        op: &OpContext,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Deleted>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::deletion::client_deleted_list_in_tx(&mut tx, op, limit, offset).await
    }

    /// Deletes a site with its subscribers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn site_delete(&self, op: &OpContext, client: &str, site: &str) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let found = super::site_find_in_tx(&mut tx, op, client, site).await?;
        store::deletion::site_delete_in_tx(&mut tx, op, found.id).await?;
        let label = format!("{}/{}", found.client_slug, found.slug);
        let entry = Entry::ok("site.delete", "site").object(found.id, &label);
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&kinds::SITE_DELETED, found.id, label)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Brings a site back that was deleted by itself, with the subscribers that were deleted with it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that is deleted below a client that is not; [`Error::Conflict`] when a subscriber's
    /// user name was given away.
    pub async fn site_restore(&self, op: &OpContext, client: &str, site: &str) -> Result<(), Error> {
        let missing = || Error::not_found("deleted site", format!("{client}/{site}"));
        let (client_key, site_key) = Key::read(client).zip(Key::read(site)).ok_or_else(missing)?;
        let mut tx = self.db.begin(op).await?;
        let found = store::deletion::site_restore_in_tx(&mut tx, op, &client_key, &site_key)
            .await
            .on_constraint(RESTORE_TAKEN, taken)?
            .ok_or_else(missing)?;
        let site = super::site_fetch_in_tx(&mut tx, op, found).await?;
        let label = format!("{}/{}", site.client_slug, site.slug);
        let entry = Entry::ok("site.restore", "site").object(site.id, &label);
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&kinds::SITE_RESTORED, site.id, label)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lists sites that are deleted, by slug, with the number of all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn site_deleted_list(
        &self,
        op: &OpContext,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Deleted>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::deletion::site_deleted_list_in_tx(&mut tx, op, limit, offset).await
    }
}

/// How the database says that something that would come back has its name taken.
const RESTORE_TAKEN: &str = "site_restore_taken";

/// What is said then.
fn taken() -> Error {
    let message = "a user name of a subscriber that would come back was given to another one meanwhile; rename or delete that one first";
    Error::conflict("site", message)
}
