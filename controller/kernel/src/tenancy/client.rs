//! Rules for clients: the account holders of a partner.

use serde_json::json;
use time::OffsetDateTime;

use super::name::{ClientName, Key, Slug};
use super::{Status, Tenancy, store};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::ClientId;
use crate::identity::EmailAddress;
use crate::input::Input;
use crate::op::OpContext;

/// An account holder.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Its stable short name, unique within the partner.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whom to write to.
    pub contact_email: Option<String>,
    /// `active` or `suspended`.
    pub status: String,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a new client is made of.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Its stable short name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whom to write to.
    pub contact_email: Option<String>,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    /// A new name.
    pub name: Option<String>,
    /// A new address; `Some(None)` removes it.
    pub contact_email: Option<Option<String>>,
    /// `active` or `suspended`.
    pub status: Option<String>,
}

impl Tenancy {
    /// Lists clients by slug, with the number of all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn client_list(
        &self,
        op: &OpContext,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Client>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::client::client_list_in_tx(&mut tx, op, limit, offset).await
    }

    /// Fetches one client by id or slug.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn client_fetch(&self, op: &OpContext, key: &str) -> Result<Client, Error> {
        let mut tx = self.db.begin(op).await?;
        let found = match Key::read(key) {
            Some(key) => store::client::client_fetch_in_tx(&mut tx, op, &key).await?,
            None => None,
        };
        found.ok_or_else(|| Error::not_found("client", key))
    }

    /// Creates a client.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when the slug is taken.
    pub async fn client_create(&self, op: &OpContext, new: &NewClient) -> Result<Client, Error> {
        let mut tx = self.db.begin(op).await?;
        let client = client_create_in_tx(&mut tx, op, new).await?;
        tx.commit().await?;
        Ok(client)
    }

    /// Changes a client.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn client_update(
        &self,
        op: &OpContext,
        key: &str,
        change: &ClientChange,
    ) -> Result<Client, Error> {
        let mut input = Input::new();
        let name: Option<ClientName> = input.parse_optional("/name", change.name.as_deref());
        let given = change.contact_email.as_ref().and_then(Option::as_deref);
        let email: Option<EmailAddress> = input.parse_optional("/contact_email", given);
        let status: Option<Status> = input.parse_optional("/status", change.status.as_deref());
        input.finish()?;
        let before = self.client_fetch(op, key).await?;
        let mut tx = self.db.begin(op).await?;
        let new_email = match &change.contact_email {
            Some(_) => email.as_ref().map(EmailAddress::as_str),
            None => before.contact_email.as_deref(),
        };
        let after = store::client::client_update_in_tx(
            &mut tx,
            op,
            before.id,
            name.as_ref().map_or(&before.name, |name| name.as_str()),
            new_email,
            status.map_or(&before.status, |status| status.as_str()),
        )
        .await?
        .ok_or_else(|| Error::not_found("client", key))?;
        let entry = Entry::ok("client.update", "client")
            .object(after.id, &after.slug)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&kinds::CLIENT_UPDATED, after.id, &after.slug);
        if let Some(event) = event.changed(&shown(&before), &shown(&after)) {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }
}

/// Creates a client within a transaction.
///
/// # Errors
/// As [`Tenancy::client_create`].
pub(crate) async fn client_create_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    new: &NewClient,
) -> Result<Client, Error> {
    let mut input = Input::new();
    let slug: Option<Slug> = input.parse("/slug", &new.slug);
    let name: Option<ClientName> = input.parse("/name", &new.name);
    let email: Option<EmailAddress> = input.parse_optional("/contact_email", new.contact_email.as_deref());
    input.finish()?;
    let (Some(slug), Some(name)) = (slug, name) else {
        return Err(Input::new().into_error());
    };
    let email = email.as_ref().map(EmailAddress::as_str);
    let client = store::client::client_insert_in_tx(tx, op, slug.as_str(), name.as_str(), email).await?;
    let entry = Entry::ok("client.create", "client")
        .object(client.id, &client.slug)
        .after(shown(&client));
    audit::record(tx, op, entry).await?;
    let event = Event::new(&kinds::CLIENT_CREATED, client.id, &client.slug).data(shown(&client));
    events::emit(tx, op, event).await?;
    Ok(client)
}

/// What the audit shows of a client.
fn shown(client: &Client) -> serde_json::Value {
    json!({
        "slug": client.slug,
        "name": client.name,
        "contact_email": client.contact_email,
        "status": client.status,
    })
}
