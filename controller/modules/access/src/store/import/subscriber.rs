//! Subscribers with what FreeRADIUS's tables say about their user names, many at once.

use kernel::{Error, OpContext};
use serde::Serialize;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::Tx;

/// A subscriber who is here.
#[derive(Debug, Clone)]
pub struct KnownSubscriber {
    /// His id.
    pub id: Uuid,
    /// The name he logs in with.
    pub username: String,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
}

/// One to insert.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriberNew<'a> {
    /// His id.
    pub id: Uuid,
    /// His site.
    pub site_id: Uuid,
    /// His plan.
    pub plan_id: Uuid,
    /// The name he logs in with.
    pub username: &'a str,
    /// What people call the service.
    pub name: &'a str,
    /// `active`, `suspended` or `terminated`.
    pub status: &'a str,
    /// Why.
    pub status_reason: Option<&'a str>,
    /// When the service ends by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A row of radcheck or radreply; its value may be a secret, so it never prints.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NameRow {
    /// Whose, when there is a subscriber of the name.
    pub subscriber_id: Option<Uuid>,
    /// The user name.
    pub username: String,
    /// The attribute.
    pub attribute: String,
    /// `=`, `:=`, `+=`, `==`, ...
    pub op: String,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for NameRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NameRow({} {} REDACTED)", self.attribute, self.op)
    }
}

/// A row of radusergroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberRow {
    /// The user name.
    pub username: String,
    /// The group.
    pub groupname: String,
    /// Its place among his groups; the lowest first.
    pub priority: i32,
}

/// Everything that is said about some user names.
#[derive(Debug, Default)]
pub struct NameRows {
    /// radcheck.
    pub check: Vec<NameRow>,
    /// radreply.
    pub reply: Vec<NameRow>,
    /// radusergroup.
    pub member: Vec<MemberRow>,
}

/// The living subscribers of these names.
pub async fn subscribers_known(
    tx: &mut Tx,
    op: &OpContext,
    names: &[String],
) -> Result<Vec<KnownSubscriber>, Error> {
    Ok(sqlx::query_as!(
        KnownSubscriber,
        "SELECT id, username, expires_at FROM access.subscribers
          WHERE tenant_id = $1 AND username = ANY ($2) AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        names
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The user names that equal one of these but for their case.
pub async fn usernames_folded(tx: &mut Tx, op: &OpContext, names: &[String]) -> Result<Vec<String>, Error> {
    let folded: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    Ok(sqlx::query_scalar!(
        "SELECT username FROM access.subscribers
          WHERE tenant_id = $1 AND lower(username) = ANY ($2) AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        &folded
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The plans of these slugs.
pub async fn plan_ids(tx: &mut Tx, op: &OpContext, slugs: &[String]) -> Result<Vec<(String, Uuid)>, Error> {
    let rows = sqlx::query!(
        "SELECT slug, id FROM access.plans WHERE tenant_id = $1 AND slug = ANY ($2)",
        op.require_partner()?.as_uuid(),
        slugs
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.slug, row.id)).collect())
}

/// Inserts subscribers.
pub async fn subscribers_insert(
    tx: &mut Tx,
    op: &OpContext,
    rows: &[SubscriberNew<'_>],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.subscribers (id, tenant_id, site_id, plan_id, username, name, status, status_reason,
                                         expires_at, created_by, updated_by)
         SELECT r.id, $1, r.site_id, r.plan_id, r.username, r.name, r.status, r.status_reason, r.expires_at, $2, $2
           FROM jsonb_to_recordset($3::jsonb) AS r (id uuid, site_id uuid, plan_id uuid, username text, name text,
                status text, status_reason text, expires_at timestamptz)",
        op.partner.map(|partner| partner.as_uuid()),
        op.actor.id,
        Json(rows) as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives subscribers the end of their service; `ends[i]` belongs to `ids[i]`.
pub async fn subscribers_expire(
    tx: &mut Tx,
    op: &OpContext,
    ids: &[Uuid],
    ends: &[Option<OffsetDateTime>],
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.subscribers u SET expires_at = w.expires_at, updated_at = now(), updated_by = $4
           FROM UNNEST($2::uuid[], $3::timestamptz[]) AS w (id, expires_at)
          WHERE u.tenant_id = $1 AND u.id = w.id",
        op.require_partner()?.as_uuid(),
        ids,
        ends as &[Option<OffsetDateTime>],
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Holds subscribers to so many logins at once, whatever their plan says; `numbers[i]` belongs to `ids[i]`.
pub async fn subscribers_limit(
    tx: &mut Tx,
    op: &OpContext,
    ids: &[Uuid],
    numbers: &[i32],
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.subscriber_admission (tenant_id, subscriber_id, simultaneous, updated_by)
         SELECT $1, w.id, w.simultaneous, $4 FROM UNNEST($2::uuid[], $3::integer[]) AS w (id, simultaneous)
         ON CONFLICT (tenant_id, subscriber_id) DO UPDATE SET simultaneous = excluded.simultaneous,
             updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        ids,
        numbers,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Everything that is said about these names, in the order of the rows.
pub async fn name_rows(tx: &mut Tx, op: &OpContext, names: &[String]) -> Result<NameRows, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let check = sqlx::query_as!(
        NameRow,
        "SELECT subscriber_id, username, attribute, op, value FROM access.radcheck
          WHERE tenant_id = $1 AND username = ANY ($2) ORDER BY id",
        tenant,
        names
    )
    .fetch_all(&mut **tx)
    .await?;
    let reply = sqlx::query_as!(
        NameRow,
        "SELECT subscriber_id, username, attribute, op, value FROM access.radreply
          WHERE tenant_id = $1 AND username = ANY ($2) ORDER BY id",
        tenant,
        names
    )
    .fetch_all(&mut **tx)
    .await?;
    let member = sqlx::query_as!(
        MemberRow,
        "SELECT username, groupname, priority FROM access.radusergroup
          WHERE tenant_id = $1 AND username = ANY ($2) ORDER BY priority, id",
        tenant,
        names
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(NameRows { check, reply, member })
}

/// Forgets everything that is said about these names.
pub async fn name_rows_delete(tx: &mut Tx, op: &OpContext, names: &[String]) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "DELETE FROM access.radcheck WHERE tenant_id = $1 AND username = ANY ($2)",
        tenant,
        names
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.radreply WHERE tenant_id = $1 AND username = ANY ($2)",
        tenant,
        names
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.radusergroup WHERE tenant_id = $1 AND username = ANY ($2)",
        tenant,
        names
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Stores what is said about names, in this order.
pub async fn name_rows_insert(tx: &mut Tx, op: &OpContext, rows: &NameRows) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    if !rows.check.is_empty() {
        sqlx::query!(
            "INSERT INTO access.radcheck (tenant_id, subscriber_id, username, attribute, op, value)
             SELECT $1, r.subscriber_id, r.username, r.attribute, r.op, r.value FROM jsonb_to_recordset($2::jsonb)
                 AS r (subscriber_id uuid, username text, attribute text, op text, value text)",
            tenant,
            Json(&rows.check) as _
        )
        .execute(&mut **tx)
        .await?;
    }
    if !rows.reply.is_empty() {
        sqlx::query!(
            "INSERT INTO access.radreply (tenant_id, subscriber_id, username, attribute, op, value)
             SELECT $1, r.subscriber_id, r.username, r.attribute, r.op, r.value FROM jsonb_to_recordset($2::jsonb)
                 AS r (subscriber_id uuid, username text, attribute text, op text, value text)",
            tenant,
            Json(&rows.reply) as _
        )
        .execute(&mut **tx)
        .await?;
    }
    if !rows.member.is_empty() {
        sqlx::query!(
            "INSERT INTO access.radusergroup (tenant_id, username, groupname, priority)
             SELECT $1, r.username, r.groupname, r.priority
               FROM jsonb_to_recordset($2::jsonb) AS r (username text, groupname text, priority integer)",
            tenant,
            Json(&rows.member) as _
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
