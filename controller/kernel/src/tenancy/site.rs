//! Rules for sites: service locations or any other grouping below a client.

use serde_json::json;
use time::OffsetDateTime;

use super::name::{Key, Name, Slug};
use super::{Tenancy, store};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::{ClientId, SiteId};
use crate::input::Input;
use crate::op::OpContext;

/// The longest postal address, in characters.
const ADDRESS_CHARS_MAX: usize = 500;

/// A service location or any grouping; it need not be a place.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// The client it belongs to.
    pub client_id: ClientId,
    /// That client's slug.
    pub client_slug: String,
    /// Its stable short name, unique within the client.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Where it is, when it is a place.
    pub address: Option<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a new site is made of.
#[derive(Debug, Clone)]
pub struct NewSite {
    /// Its stable short name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Where it is, when it is a place.
    pub address: Option<String>,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct SiteChange {
    /// A new name.
    pub name: Option<String>,
    /// A new address; `Some(None)` removes it.
    pub address: Option<Option<String>>,
}

impl Tenancy {
    /// Lists the sites of a client by slug, with the number of all.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such client.
    pub async fn site_list(
        &self,
        op: &OpContext,
        client: &str,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Site>, i64), Error> {
        let client = self.client_fetch(op, client).await?;
        let mut tx = self.db.begin(op).await?;
        store::site::site_list_in_tx(&mut tx, op, client.id, limit, offset).await
    }

    /// Fetches one site of a client, both by id or slug.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn site_fetch(&self, op: &OpContext, client: &str, site: &str) -> Result<Site, Error> {
        let mut tx = self.db.begin(op).await?;
        site_find_in_tx(&mut tx, op, client, site).await
    }

    /// Creates a site below a client.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a client; [`Error::Invalid`]; [`Error::Conflict`] when the slug is taken.
    pub async fn site_create(&self, op: &OpContext, client: &str, new: &NewSite) -> Result<Site, Error> {
        let client = self.client_fetch(op, client).await?;
        let mut tx = self.db.begin(op).await?;
        let site = site_create_in_tx(&mut tx, op, client.id, new).await?;
        tx.commit().await?;
        Ok(site)
    }

    /// Changes a site.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn site_update(
        &self,
        op: &OpContext,
        client: &str,
        site: &str,
        change: &SiteChange,
    ) -> Result<Site, Error> {
        let mut input = Input::new();
        let name: Option<Name> = input.parse_optional("/name", change.name.as_deref());
        check_address(&mut input, change.address.as_ref().and_then(Option::as_deref));
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        let before = site_find_in_tx(&mut tx, op, client, site).await?;
        let name = name.as_ref().map_or(before.name.as_str(), |name| name.as_str());
        let address = change.address.as_ref().unwrap_or(&before.address);
        store::site::site_update_in_tx(&mut tx, op, before.id, name, address.as_deref()).await?;
        let after = site_fetch_in_tx(&mut tx, op, before.id).await?;
        let entry = Entry::ok("site.update", "site")
            .object(after.id, format!("{}/{}", after.client_slug, after.slug))
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        let label = format!("{}/{}", after.client_slug, after.slug);
        let event = Event::new(&kinds::SITE_UPDATED, after.id, label);
        if let Some(event) = event.changed(&shown(&before), &shown(&after)) {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }
}

/// Creates a site below a client within a transaction.
///
/// # Errors
/// As [`Tenancy::site_create`].
pub(crate) async fn site_create_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    client: ClientId,
    new: &NewSite,
) -> Result<Site, Error> {
    let mut input = Input::new();
    let (slug, name) = (
        input.parse::<Slug>("/slug", &new.slug),
        input.parse::<Name>("/name", &new.name),
    );
    check_address(&mut input, new.address.as_deref());
    input.finish()?;
    let (Some(slug), Some(name)) = (slug, name) else {
        return Err(Input::new().into_error());
    };
    let address = new.address.as_deref();
    let id = store::site::site_insert_in_tx(tx, op, client, slug.as_str(), name.as_str(), address).await?;
    let site = site_fetch_in_tx(tx, op, id).await?;
    let label = format!("{}/{}", site.client_slug, site.slug);
    let entry = Entry::ok("site.create", "site")
        .object(site.id, &label)
        .after(shown(&site));
    audit::record(tx, op, entry).await?;
    let event = Event::new(&kinds::SITE_CREATED, site.id, label).data(shown(&site));
    events::emit(tx, op, event).await?;
    Ok(site)
}

/// Finds a site of a client, both by id or slug, within a transaction.
///
/// # Errors
/// [`Error::NotFound`] when either does not exist in the operation's partner.
pub async fn site_find_in_tx(tx: &mut Tx, op: &OpContext, client: &str, site: &str) -> Result<Site, Error> {
    let found = match (Key::read(client), Key::read(site)) {
        (Some(client), Some(site)) => store::site::site_find_in_tx(tx, op, &client, &site).await?,
        _ => None,
    };
    found.ok_or_else(|| Error::not_found("site", format!("{client}/{site}")))
}

/// Fetches a site by its id within a transaction.
///
/// # Errors
/// [`Error::NotFound`] when it does not exist in the operation's partner.
pub async fn site_fetch_in_tx(tx: &mut Tx, op: &OpContext, site: SiteId) -> Result<Site, Error> {
    let found = store::site::site_fetch_in_tx(tx, op, site).await?;
    found.ok_or_else(|| Error::not_found("site", site))
}

/// Notes an address that is too long, empty or not text.
fn check_address(input: &mut Input, address: Option<&str>) {
    let Some(address) = address else { return };
    let odd = |character: char| character.is_control() && character != '\n';
    let count = address.chars().count();
    if !(1..=ADDRESS_CHARS_MAX).contains(&count) || address.chars().any(odd) {
        input.wrong(
            "/address",
            format!("use 1 to {ADDRESS_CHARS_MAX} characters of plain text, or null"),
        );
    }
}

/// What the audit shows of a site.
fn shown(site: &Site) -> serde_json::Value {
    json!({ "client": site.client_slug, "slug": site.slug, "name": site.name, "address": site.address })
}
