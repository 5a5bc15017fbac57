//! `access.subscribers`: the access service of a site.
//! Never holds a credential ([`super::radcheck`]) or a session ([`super::session`]).

use kernel::id::{ClientId, PlanId, SiteId, SubscriberId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Listed, Tx, Window};
use crate::credential;

/// A subscriber with the names of what he hangs under.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// His id.
    pub id: SubscriberId,
    /// The name he logs in with; never changes, because history and credentials are keyed by it.
    pub username: String,
    /// What people call the service; may be empty.
    pub name: String,
    /// The site.
    pub site_id: SiteId,
    /// The site's slug.
    pub site: String,
    /// The client the site belongs to.
    pub client_id: ClientId,
    /// The client's slug.
    pub client: String,
    /// The plan.
    pub plan_id: PlanId,
    /// The plan's slug.
    pub plan: String,
    /// `active`, `suspended` or `terminated`.
    pub status: String,
    /// Why, in the words of whoever changed it.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_since: OffsetDateTime,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// FreeRADIUS's attribute under which his password is stored, if it is.
    pub password_attribute: Option<String>,
    /// What he is recognised by beside his user name: `mac=00:1a:2b:3c:4d:5e`, `port_id@bng-1=eth 0/1`, ...
    pub identified_by: Vec<String>,
    /// What he has in place of his plan, as JSON; see [`crate::app::terms`].
    pub terms: Value,
    /// When he was made.
    pub created_at: OffsetDateTime,
    /// When he was last changed.
    pub updated_at: OffsetDateTime,
}

/// What a subscriber is to become.
#[derive(Debug, Clone)]
pub struct SubscriberRow {
    /// What people call the service.
    pub name: String,
    /// The site.
    pub site_id: SiteId,
    /// The plan.
    pub plan_id: PlanId,
    /// `active`, `suspended` or `terminated`.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// What he has in place of his plan.
    pub terms: Value,
}

/// Which subscribers to list; an absent filter lets all through.
#[derive(Debug, Clone, Default)]
pub struct SubscriberFilter {
    /// Exactly this user name.
    pub username: Option<String>,
    /// Exactly this status.
    pub status: Option<String>,
    /// A piece of the user name or the name, any case.
    pub q: Option<String>,
}

/// Lists a partner's living subscribers by user name.
pub async fn subscriber_list(
    tx: &mut Tx,
    op: &OpContext,
    filter: &SubscriberFilter,
    window: Window,
) -> Result<Listed<Subscriber>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let pattern = filter.q.as_deref().map(contains_pattern);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.subscribers
            WHERE tenant_id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR username = $2)
              AND ($3::text IS NULL OR status = $3)
              AND ($4::text IS NULL OR username ILIKE $4 OR name ILIKE $4)"#,
        tenant,
        filter.username,
        filter.status,
        pattern
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Subscriber,
        r#"SELECT u.id AS "id: SubscriberId", u.username, u.name, u.site_id AS "site_id: SiteId", s.slug AS site,
                  c.id AS "client_id: ClientId", c.slug AS client, u.plan_id AS "plan_id!: PlanId", p.slug AS plan,
                  u.status, u.status_reason, u.status_since, u.expires_at,
                  (SELECT k.attribute FROM access.radcheck k
                    WHERE k.tenant_id = u.tenant_id AND k.username = u.username AND k.attribute = ANY ($7)
                    ORDER BY array_position($7::text[], k.attribute), k.id DESC LIMIT 1) AS password_attribute,
                  ARRAY(SELECT m.kind || coalesce('@' || n.shortname, '') || '=' || m.value
                          FROM access.subscriber_marks m LEFT JOIN access.nas n ON n.id = m.nas_id
                         WHERE m.tenant_id = u.tenant_id AND m.subscriber_id = u.id ORDER BY m.id) AS "identified_by!",
                  u.terms, u.created_at, u.updated_at
             FROM access.subscribers u
             JOIN kernel.sites s ON s.tenant_id = u.tenant_id AND s.id = u.site_id
             JOIN kernel.clients c ON c.tenant_id = s.tenant_id AND c.id = s.client_id
             JOIN access.plans p ON p.tenant_id = u.tenant_id AND p.id = u.plan_id
            WHERE u.tenant_id = $1 AND u.deleted_at IS NULL AND ($2::text IS NULL OR u.username = $2)
              AND ($3::text IS NULL OR u.status = $3)
              AND ($4::text IS NULL OR u.username ILIKE $4 OR u.name ILIKE $4)
            ORDER BY u.username LIMIT $5 OFFSET $6"#,
        tenant,
        filter.username,
        filter.status,
        pattern,
        window.limit,
        window.offset,
        &credential::attributes()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Fetches one living subscriber.
pub async fn subscriber_fetch(
    tx: &mut Tx,
    op: &OpContext,
    id: SubscriberId,
) -> Result<Option<Subscriber>, Error> {
    let subscriber = sqlx::query_as!(
        Subscriber,
        r#"SELECT u.id AS "id: SubscriberId", u.username, u.name, u.site_id AS "site_id: SiteId", s.slug AS site,
                  c.id AS "client_id: ClientId", c.slug AS client, u.plan_id AS "plan_id!: PlanId", p.slug AS plan,
                  u.status, u.status_reason, u.status_since, u.expires_at,
                  (SELECT k.attribute FROM access.radcheck k
                    WHERE k.tenant_id = u.tenant_id AND k.username = u.username AND k.attribute = ANY ($3)
                    ORDER BY array_position($3::text[], k.attribute), k.id DESC LIMIT 1) AS password_attribute,
                  ARRAY(SELECT m.kind || coalesce('@' || n.shortname, '') || '=' || m.value
                          FROM access.subscriber_marks m LEFT JOIN access.nas n ON n.id = m.nas_id
                         WHERE m.tenant_id = u.tenant_id AND m.subscriber_id = u.id ORDER BY m.id) AS "identified_by!",
                  u.terms, u.created_at, u.updated_at
             FROM access.subscribers u
             JOIN kernel.sites s ON s.tenant_id = u.tenant_id AND s.id = u.site_id
             JOIN kernel.clients c ON c.tenant_id = s.tenant_id AND c.id = s.client_id
             JOIN access.plans p ON p.tenant_id = u.tenant_id AND p.id = u.plan_id
            WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        &credential::attributes()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(subscriber)
}

/// Locks the row of one subscriber of this partner until the transaction ends, so that a change sees what it replaces.
pub async fn subscriber_lock(tx: &mut Tx, op: &OpContext, id: SubscriberId) -> Result<(), Error> {
    sqlx::query!(
        "SELECT id FROM access.subscribers WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// Inserts a subscriber.
pub async fn subscriber_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: SubscriberId,
    username: &str,
    row: &SubscriberRow,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.subscribers (id, tenant_id, site_id, plan_id, username, name, status, status_reason,
                                         expires_at, terms, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $10, $10)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        row.site_id.as_uuid(),
        row.plan_id.as_uuid(),
        username,
        row.name,
        row.status,
        row.status_reason,
        row.expires_at,
        op.actor.id,
        row.terms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a subscriber equal to `row`; `status_since` moves only when the status does.
pub async fn subscriber_update(
    tx: &mut Tx,
    op: &OpContext,
    id: SubscriberId,
    row: &SubscriberRow,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.subscribers
            SET site_id = $3, plan_id = $4, name = $5, status_reason = $7, expires_at = $8, terms = $10,
                status_since = CASE WHEN status = $6 THEN status_since ELSE now() END, status = $6,
                updated_at = now(), updated_by = $9
          WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        row.site_id.as_uuid(),
        row.plan_id.as_uuid(),
        row.name,
        row.status,
        row.status_reason,
        row.expires_at,
        op.actor.id,
        row.terms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Hides a subscriber everywhere and frees the user name; the row stays for history.
pub async fn subscriber_delete(tx: &mut Tx, op: &OpContext, id: SubscriberId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.subscribers SET deleted_at = now(), updated_at = now(), updated_by = $3
          WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A LIKE pattern that finds `piece` anywhere, its own wildcards taken literally.
fn contains_pattern(piece: &str) -> String {
    let mut pattern = String::with_capacity(piece.len() + 2);
    pattern.push('%');
    for letter in piece.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Somebody whose service ended by itself.
#[derive(Debug, Clone)]
pub struct ExpiredEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Who.
    pub id: Uuid,
    /// The name he logs in with.
    pub username: String,
    /// When.
    pub expires_at: OffsetDateTime,
}

/// Notes that some are told of whose service ended by itself within a day and of whom nobody was told, and gives them, their
/// rows locked.
pub async fn expired_note(tx: &mut Tx, limit: i64) -> Result<Vec<ExpiredEntry>, Error> {
    Ok(sqlx::query_as!(
        ExpiredEntry,
        r#"UPDATE access.subscribers u SET expiry_told = u.expires_at
            WHERE u.id IN (SELECT id FROM access.subscribers
                            WHERE expires_at <= now() AND expires_at > now() - interval '1 day' AND status = 'active'
                              AND deleted_at IS NULL AND expiry_told IS DISTINCT FROM expires_at
                            ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING u.tenant_id AS tenant, u.id, u.username, u.expires_at AS "expires_at!""#,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}
