//! A webhook: where a partner wants to be told of which events, and the rules about that.
//! Never shows its secret but in the answer that makes it.

use serde_json::json;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::signature::Secret;
use super::{Place, Webhooks, context};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::WebhookId;
use crate::input::Input;
use crate::op::OpContext;
use crate::outbound::Target;
use crate::tenancy::Name;

/// Webhooks a partner may have.
pub const WEBHOOKS_OF_PARTNER_MAX: i64 = 20;
/// The longest time that the secret before the current one signs as well, in seconds.
pub const OVERLAP_S_MAX: u32 = 30 * 24 * 60 * 60;

/// Where a partner wants to be told.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// How people call it.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// Of which events.
    pub kinds: Vec<String>,
    /// Whether messages go there now.
    pub enabled: bool,
    /// Why not, when the program decided that.
    pub disabled_reason: Option<String>,
    /// Until when the secret before the current one signs as well.
    pub older_until: Option<OffsetDateTime>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// What a new webhook is made of.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// How people call it.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// Of which events; none: of all that its maker may read.
    pub kinds: Vec<String>,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Another name.
    pub name: Option<String>,
    /// Another place.
    pub url: Option<String>,
    /// Other events.
    pub kinds: Option<Vec<String>>,
    /// Whether messages go there.
    pub enabled: Option<bool>,
}

impl Webhooks {
    /// Lists a partner's webhooks by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn webhook_list(&self, op: &OpContext) -> Result<Vec<Webhook>, Error> {
        let mut tx = self.db.begin(op).await?;
        Ok(sqlx::query_as!(
            Webhook,
            r#"SELECT id AS "id: WebhookId", name, url, kinds, enabled, disabled_reason, older_until, created_at, updated_at
               FROM kernel.webhooks WHERE tenant_id = $1 ORDER BY name"#,
            op.require_partner()?.as_uuid(),
        )
        .fetch_all(&mut *tx)
        .await?)
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn webhook_fetch(&self, op: &OpContext, id: WebhookId) -> Result<Webhook, Error> {
        let mut tx = self.db.begin(op).await?;
        webhook_found_in_tx(&mut tx, op, id).await
    }

    /// Makes a webhook; its secret is shown now and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when the name is taken or there are too many.
    pub async fn webhook_create(
        &self,
        op: &OpContext,
        new: &NewWebhook,
    ) -> Result<(Webhook, Zeroizing<String>), Error> {
        let partner = op.require_partner()?;
        let mut input = Input::new();
        let name: Option<Name> = input.parse("/name", &new.name);
        self.url_check(&mut input, &new.url);
        let kinds = self.kinds_read(&mut input, op, &new.kinds);
        let Some(name) = name else {
            return Err(input.into_error());
        };
        input.finish()?;
        let (id, secret) = (WebhookId::new(), Secret::draw()?);
        let sealed = self
            .sealer
            .seal(&context(partner, id, Place::Current), secret.octets())?;
        let mut tx = self.db.begin(op).await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM kernel.webhooks WHERE tenant_id = $1"#,
            partner.as_uuid(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if count >= WEBHOOKS_OF_PARTNER_MAX {
            let message = format!("a partner has at most {WEBHOOKS_OF_PARTNER_MAX} webhooks");
            return Err(Error::conflict("webhook", message));
        }
        sqlx::query!(
            "INSERT INTO kernel.webhooks (id, tenant_id, name, url, kinds, secret, created_by, updated_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
            id.as_uuid(),
            partner.as_uuid(),
            name.as_str(),
            new.url,
            &kinds,
            sealed,
            op.actor_id(),
        )
        .execute(&mut *tx)
        .await
        .on_constraint("webhooks_tenant_id_name_key", || name_taken(name.as_str()))?;
        let made = webhook_found_in_tx(&mut tx, op, id).await?;
        let entry = Entry::ok("webhook.create", "webhook")
            .object(id, &made.name)
            .after(shown(&made));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok((made, secret.text()))
    }

    /// Changes a webhook. What waits to be told goes to the new place.
    ///
    /// # Errors
    /// As [`Self::webhook_create`], and [`Error::NotFound`].
    pub async fn webhook_update(
        &self,
        op: &OpContext,
        id: WebhookId,
        change: &WebhookChange,
    ) -> Result<Webhook, Error> {
        let mut input = Input::new();
        let name: Option<Name> = input.parse_optional("/name", change.name.as_deref());
        if let Some(url) = &change.url {
            self.url_check(&mut input, url);
        }
        let kinds = change
            .kinds
            .as_ref()
            .map(|kinds| self.kinds_read(&mut input, op, kinds));
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        let before = webhook_found_in_tx(&mut tx, op, id).await?;
        let enabled = change.enabled.unwrap_or(before.enabled);
        sqlx::query!(
            "UPDATE kernel.webhooks SET name = $3, url = $4, kinds = $5, enabled = $6,
                    disabled_reason = CASE WHEN $6 THEN NULL ELSE disabled_reason END, updated_at = now(), updated_by = $7
             WHERE tenant_id = $1 AND id = $2",
            op.require_partner()?.as_uuid(),
            id.as_uuid(),
            name.as_ref().map_or(before.name.as_str(), |name| name.as_str()),
            change.url.as_ref().unwrap_or(&before.url),
            kinds.as_ref().unwrap_or(&before.kinds),
            enabled,
            op.actor_id(),
        )
        .execute(&mut *tx)
        .await
        .on_constraint("webhooks_tenant_id_name_key", || {
            name_taken(change.name.as_deref().unwrap_or_default())
        })?;
        let after = webhook_found_in_tx(&mut tx, op, id).await?;
        let entry = Entry::ok("webhook.update", "webhook")
            .object(id, &after.name)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a webhook with the log of what it was told.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn webhook_delete(&self, op: &OpContext, id: WebhookId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let webhook = webhook_found_in_tx(&mut tx, op, id).await?;
        sqlx::query!(
            "DELETE FROM kernel.webhooks WHERE tenant_id = $1 AND id = $2",
            op.require_partner()?.as_uuid(),
            id.as_uuid(),
        )
        .execute(&mut *tx)
        .await?;
        let entry = Entry::ok("webhook.delete", "webhook")
            .object(id, &webhook.name)
            .before(shown(&webhook));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Draws a new secret, shown now and never again; the one before signs as well for the overlap.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn webhook_rotate(
        &self,
        op: &OpContext,
        id: WebhookId,
        overlap_s: u32,
    ) -> Result<(Webhook, Zeroizing<String>), Error> {
        let partner = op.require_partner()?;
        if overlap_s > OVERLAP_S_MAX {
            return Err(Error::invalid("/overlap_s", format!("use 0 to {OVERLAP_S_MAX}")));
        }
        let secret = Secret::draw()?;
        let sealed = self
            .sealer
            .seal(&context(partner, id, Place::Current), secret.octets())?;
        let until = OffsetDateTime::now_utc() + Duration::seconds(overlap_s.into());
        let mut tx = self.db.begin(op).await?;
        let current = sqlx::query_scalar!(
            "SELECT secret FROM kernel.webhooks WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
            partner.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Error::not_found("webhook", id))?;
        let current = self
            .sealer
            .open(&context(partner, id, Place::Current), &current)?;
        let older = self.sealer.seal(&context(partner, id, Place::Older), &current)?;
        sqlx::query!(
            "UPDATE kernel.webhooks SET secret = $3, older_secret = $4, older_until = $5, updated_at = now(), updated_by = $6
             WHERE tenant_id = $1 AND id = $2",
            partner.as_uuid(),
            id.as_uuid(),
            sealed,
            older,
            until,
            op.actor_id(),
        )
        .execute(&mut *tx)
        .await?;
        let webhook = webhook_found_in_tx(&mut tx, op, id).await?;
        let entry = Entry::ok("webhook.rotate", "webhook")
            .object(id, &webhook.name)
            .after(json!({ "former_until_unix_s": until.unix_timestamp() }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok((webhook, secret.text()))
    }

    /// Notes what is wrong with a place: no URL, one that leads inside, or one where everybody on the way reads along. A name is
    /// judged again, by its addresses, whenever a message goes there.
    fn url_check(&self, input: &mut Input, url: &str) {
        let target = match Target::parse(url) {
            Ok(target) => target,
            Err(error) => return input.wrong("/url", error.to_string()),
        };
        if let Err(error) = self.reach.check_literal(&target) {
            return input.wrong("/url", error.to_string());
        }
        // Within what the operator has opened, he knows who reads along.
        let opened = |address| crate::outbound::Reach::default().check(address).is_err();
        if !target.is_encrypted() && !target.literal().is_some_and(opened) {
            input.wrong("/url", "use https: messages tell of subscribers and people");
        }
    }

    /// The kinds that are meant; notes those that nobody knows or that the actor may not read.
    fn kinds_read(&self, input: &mut Input, op: &OpContext, kinds: &[String]) -> Vec<String> {
        let visible = self.catalogue.visible(op.permissions);
        if kinds.is_empty() {
            return visible;
        }
        if kinds.len() > visible.len() {
            input.wrong(
                "/kinds",
                format!("name each at most once, {} in all", visible.len()),
            );
            return Vec::new();
        }
        for (index, kind) in kinds.iter().enumerate() {
            if !visible.contains(kind) {
                input.wrong(
                    format!("/kinds/{index}"),
                    "there is no such kind of event, or you may not read it; GET /events/kinds lists them",
                );
            }
        }
        kinds.to_vec()
    }
}

/// A webhook of this partner, or not found.
pub(super) async fn webhook_found_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: WebhookId,
) -> Result<Webhook, Error> {
    sqlx::query_as!(
        Webhook,
        r#"SELECT id AS "id: WebhookId", name, url, kinds, enabled, disabled_reason, older_until, created_at, updated_at
           FROM kernel.webhooks WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Error::not_found("webhook", id))
}

/// The name is in use.
fn name_taken(name: &str) -> Error {
    Error::conflict("webhook", format!("there is already a webhook named {name}"))
}

/// What the audit shows of a webhook. What stands behind `?` may be a receiver's token.
fn shown(webhook: &Webhook) -> serde_json::Value {
    let url = webhook.url.split('?').next().unwrap_or_default();
    json!({ "name": webhook.name, "url": url, "kinds": webhook.kinds, "enabled": webhook.enabled })
}
