//! Rules for partners. Only the platform creates one or changes whether it is served; a partner renames itself.

use serde_json::json;
use time::OffsetDateTime;

use super::name::{Key, Name, Slug};
use super::{Status, Tenancy, ZoneName, store};
use crate::audit::{self, Entry};
use crate::authz::Permission;
use crate::database::Tx;
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::PartnerId;
use crate::input::Input;
use crate::op::OpContext;

/// An ISP or MSP.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Also the `tenant_id` of all its rows.
    pub id: PartnerId,
    /// Its stable short name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `active` or `suspended`.
    pub status: String,
    /// By whose clock its days and months begin: an IANA name.
    pub time_zone: String,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a new partner is made of.
#[derive(Debug, Clone)]
pub struct NewPartner {
    /// Its stable short name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct PartnerChange {
    /// A new name.
    pub name: Option<String>,
    /// Whether it is served; only the platform decides that.
    pub status: Option<String>,
    /// Another time zone.
    pub time_zone: Option<String>,
}

/// Which partners somebody may see.
#[derive(Debug, Clone)]
pub enum Visible {
    /// All; platform staff.
    All,
    /// These.
    Of(Vec<PartnerId>),
}

impl Tenancy {
    /// Lists partners by slug, with the number of all that match.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn partner_list(
        &self,
        op: &OpContext,
        visible: &Visible,
        slug: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Partner>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        store::partner::partner_list_in_tx(&mut tx, op, visible, slug, limit, offset).await
    }

    /// Fetches the partner of this operation.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was deleted meanwhile.
    pub async fn partner_fetch(&self, op: &OpContext) -> Result<Partner, Error> {
        let partner = op.require_partner()?;
        let mut tx = self.db.begin(op).await?;
        store::partner::partner_fetch_in_tx(&mut tx, op, partner)
            .await?
            .ok_or_else(|| Error::not_found("partner", partner))
    }

    /// Finds the id behind a path segment; `None` when there is none or it was deleted. Says nothing of who may see it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn partner_resolve(&self, op: &OpContext, key: &Key) -> Result<Option<PartnerId>, Error> {
        let mut tx = self.db.begin(op).await?;
        store::partner::partner_resolve_in_tx(&mut tx, op, key).await
    }

    /// Creates a partner.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad slug or name; [`Error::Conflict`] when the slug is taken.
    pub async fn partner_create(&self, op: &OpContext, new: &NewPartner) -> Result<Partner, Error> {
        let mut tx = self.db.begin(op).await?;
        let partner = partner_create_in_tx(&mut tx, op, new).await?;
        tx.commit().await?;
        Ok(partner)
    }

    /// Renames the partner of this operation, moves it to another time zone, or suspends and resumes it.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Forbidden`] when somebody other than the platform changes the status.
    pub async fn partner_update(&self, op: &OpContext, change: &PartnerChange) -> Result<Partner, Error> {
        let partner = op.require_partner()?;
        let mut input = Input::new();
        let name: Option<Name> = input.parse_optional("/name", change.name.as_deref());
        let status: Option<Status> = input.parse_optional("/status", change.status.as_deref());
        let zone: Option<ZoneName> = input.parse_optional("/time_zone", change.time_zone.as_deref());
        input.finish()?;
        let may_suspend = op.permissions.contains(Permission::PlatformPartnersManage);
        if status.is_some() && !may_suspend {
            return Err(Error::Forbidden {
                permission: Permission::PlatformPartnersManage,
            });
        }
        let mut tx = self.db.begin(op).await?;
        let before = store::partner::partner_lock_in_tx(&mut tx, op, partner)
            .await?
            .ok_or_else(|| Error::not_found("partner", partner))?;
        let after = store::partner::partner_update_in_tx(
            &mut tx,
            op,
            partner,
            name.as_ref().map_or(&before.name, |name| name.as_str()),
            status.map_or(&before.status, |status| status.as_str()),
            zone.as_ref().map_or(&before.time_zone, |zone| zone.as_str()),
        )
        .await?;
        let entry = Entry::ok("partner.update", "partner")
            .object(partner, &after.slug)
            .before(changeable(&before))
            .after(changeable(&after));
        audit::record(&mut tx, op, entry).await?;
        let kind = match after.status.as_str() {
            "suspended" => &kinds::PARTNER_SUSPENDED,
            _ => &kinds::PARTNER_RESUMED,
        };
        let changes = [
            (
                kind,
                json!({ "status": before.status }),
                json!({ "status": after.status }),
            ),
            (
                &kinds::PARTNER_UPDATED,
                json!({ "name": before.name }),
                json!({ "name": after.name }),
            ),
        ];
        for (kind, before, now) in changes {
            if let Some(event) = Event::new(kind, partner, &after.slug).changed(&before, &now) {
                events::emit(&mut tx, op, event).await?;
            }
        }
        tx.commit().await?;
        Ok(after)
    }
}

/// What of a partner may change, as the audit keeps it.
fn changeable(partner: &Partner) -> serde_json::Value {
    json!({ "name": partner.name, "status": partner.status, "time_zone": partner.time_zone })
}

/// Creates a partner within a transaction, for the set-up.
///
/// # Errors
/// As [`Tenancy::partner_create`].
pub(crate) async fn partner_create_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    new: &NewPartner,
) -> Result<Partner, Error> {
    let mut input = Input::new();
    let (slug, name) = (
        input.parse::<Slug>("/slug", &new.slug),
        input.parse::<Name>("/name", &new.name),
    );
    let (Some(slug), Some(name)) = (slug, name) else {
        return Err(input.into_error());
    };
    let partner = store::partner::partner_insert_in_tx(tx, op, slug.as_str(), name.as_str()).await?;
    let entry = Entry::ok("partner.create", "partner")
        .object(partner.id, &partner.slug)
        .after(json!({ "slug": partner.slug, "name": partner.name }));
    audit::record(tx, op, entry).await?;
    let event = Event::new(&kinds::PARTNER_CREATED, partner.id, &partner.slug)
        .data(json!({ "slug": partner.slug, "name": partner.name }));
    events::emit(tx, &op.in_partner(partner.id), event).await?;
    Ok(partner)
}
