//! `access.session_bulks` and `access.session_bulk_items`: one thing that is wanted of many sessions, and how far that is.

use kernel::id::{IntentId, SessionBulkId, SessionId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Listed, Tx, Window};

/// A bulk.
#[derive(Debug, Clone)]
pub struct Bulk {
    /// Its id.
    pub id: SessionBulkId,
    /// Whose.
    pub tenant_id: Uuid,
    /// `disconnect` or `reshape`.
    pub verb: String,
    /// In whose words the sessions were chosen.
    pub selection: Value,
    /// Sessions.
    pub total: i32,
    /// Sessions a second at most.
    pub per_s: i32,
    /// `running`, `paused`, `aborted` or `done`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Who asked; `None`: the system.
    pub created_by: Option<Uuid>,
    /// The same by name.
    pub created_by_name: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// When it was aborted or done.
    pub ended_at: Option<OffsetDateTime>,
}

/// A new bulk.
#[derive(Debug, Clone)]
pub struct BulkRow {
    /// Its id.
    pub id: SessionBulkId,
    /// `disconnect` or `reshape`.
    pub verb: &'static str,
    /// In whose words the sessions were chosen.
    pub selection: Value,
    /// Over the chosen sessions.
    pub fingerprint: Vec<u8>,
    /// Sessions a second at most.
    pub per_s: i32,
    /// Why.
    pub reason: String,
}

/// One session of a bulk.
#[derive(Debug, Clone)]
pub struct BulkItem {
    /// In which order.
    pub position: i32,
    /// Which session.
    pub session_id: SessionId,
    /// Its intent, once it was asked for.
    pub intent_id: Option<IntentId>,
    /// How that stands.
    pub state: Option<String>,
    /// On which rung.
    pub rung: Option<String>,
    /// In words.
    pub detail: Option<String>,
    /// Why it was not asked for.
    pub skipped: Option<String>,
}

/// Stores a bulk and its sessions.
pub async fn bulk_insert(tx: &mut Tx, op: &OpContext, row: &BulkRow, sessions: &[Uuid]) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "INSERT INTO access.session_bulks
                (id, tenant_id, verb, selection, fingerprint, total, per_s, reason, created_by, created_by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.id.as_uuid(),
        tenant,
        row.verb,
        row.selection,
        row.fingerprint,
        i32::try_from(sessions.len()).unwrap_or(i32::MAX),
        row.per_s,
        row.reason,
        op.actor.id,
        op.actor.name
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.session_bulk_items (bulk_id, tenant_id, position, session_id)
         SELECT $1, $2, chosen.position::int, chosen.id FROM UNNEST($3::uuid[]) WITH ORDINALITY AS chosen (id, position)",
        row.id.as_uuid(),
        tenant,
        sessions
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One bulk of this partner.
pub async fn bulk_fetch(tx: &mut Tx, op: &OpContext, id: SessionBulkId) -> Result<Option<Bulk>, Error> {
    Ok(sqlx::query_as!(
        Bulk,
        r#"SELECT id AS "id: SessionBulkId", tenant_id, verb, selection, total, per_s, state, reason, created_by,
                  created_by_name, created_at, ended_at
             FROM access.session_bulks WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Bulks of this partner, the newest first.
pub async fn bulk_list(tx: &mut Tx, op: &OpContext, window: Window) -> Result<Listed<Bulk>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM access.session_bulks WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Bulk,
        r#"SELECT id AS "id: SessionBulkId", tenant_id, verb, selection, total, per_s, state, reason, created_by,
                  created_by_name, created_at, ended_at
             FROM access.session_bulks WHERE tenant_id = $1 ORDER BY session_bulks.id DESC LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// How many sessions of a bulk stand how: an intent's state, `waiting` or `skipped`.
pub async fn bulk_count(tx: &mut Tx, op: &OpContext, id: SessionBulkId) -> Result<Vec<(String, i64)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT coalesce(intent.state, CASE WHEN item.skipped IS NULL THEN 'waiting' ELSE 'skipped' END) AS "state!",
                  count(*) AS "count!"
             FROM access.session_bulk_items item LEFT JOIN access.session_intents intent ON intent.id = item.intent_id
            WHERE item.tenant_id = $1 AND item.bulk_id = $2 GROUP BY 1 ORDER BY 1"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}

/// The sessions of a bulk, in their order.
pub async fn bulk_item_list(
    tx: &mut Tx,
    op: &OpContext,
    id: SessionBulkId,
    window: Window,
) -> Result<Vec<BulkItem>, Error> {
    Ok(sqlx::query_as!(
        BulkItem,
        r#"SELECT item.position, item.session_id AS "session_id: SessionId", item.intent_id AS "intent_id: IntentId",
                  intent.state AS "state?", intent.rung AS "rung?", intent.detail, item.skipped
             FROM access.session_bulk_items item LEFT JOIN access.session_intents intent ON intent.id = item.intent_id
            WHERE item.tenant_id = $1 AND item.bulk_id = $2 ORDER BY item.position LIMIT $3 OFFSET $4"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Moves a bulk from one of these states to another; `false` when it is in none of them.
pub async fn bulk_move(
    tx: &mut Tx,
    op: &OpContext,
    id: SessionBulkId,
    from: &[String],
    to: &str,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE access.session_bulks
            SET state = $4, ended_at = CASE WHEN $4 IN ('aborted', 'done') THEN now() ELSE ended_at END
          WHERE tenant_id = $1 AND id = $2 AND state = ANY ($3)",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        from,
        to
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The bulks of every partner that go on, the oldest first.
pub async fn bulk_list_running(tx: &mut Tx, limit: i64) -> Result<Vec<Bulk>, Error> {
    Ok(sqlx::query_as!(
        Bulk,
        r#"SELECT id AS "id: SessionBulkId", tenant_id, verb, selection, total, per_s, state, reason, created_by,
                  created_by_name, created_at, ended_at
             FROM access.session_bulks WHERE state = 'running' ORDER BY created_at LIMIT $1"#,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Holds a bulk that still goes on until the transaction ends; `false` while another node does, and when it does not go on.
pub async fn bulk_hold(tx: &mut Tx, op: &OpContext, id: SessionBulkId) -> Result<bool, Error> {
    let held = sqlx::query_scalar!(
        r#"SELECT 1 AS "one!" FROM access.session_bulks
            WHERE tenant_id = $1 AND id = $2 AND state = 'running' FOR UPDATE SKIP LOCKED"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(held.is_some())
}

/// The next sessions of a bulk that are still to be asked for.
pub async fn bulk_item_next(
    tx: &mut Tx,
    op: &OpContext,
    id: SessionBulkId,
    limit: i64,
) -> Result<Vec<(i32, SessionId)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT position, session_id AS "session_id: SessionId" FROM access.session_bulk_items
            WHERE tenant_id = $1 AND bulk_id = $2 AND intent_id IS NULL AND skipped IS NULL
            ORDER BY position LIMIT $3"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.position, row.session_id))
        .collect())
}

/// Notes that a session of a bulk was asked for, or why not.
pub async fn bulk_item_put(
    tx: &mut Tx,
    op: &OpContext,
    id: SessionBulkId,
    position: i32,
    asked: Result<IntentId, &str>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.session_bulk_items SET intent_id = $4, skipped = $5
          WHERE tenant_id = $1 AND bulk_id = $2 AND position = $3",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        position,
        asked.ok().map(|intent| intent.as_uuid()),
        asked.err()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The subscribers of this partner at a site, `client/site`.
pub async fn subscriber_ids_of_site(
    tx: &mut Tx,
    op: &OpContext,
    client: &str,
    site: &str,
) -> Result<Option<Vec<Uuid>>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let found = sqlx::query_scalar!(
        "SELECT sites.id FROM kernel.sites JOIN kernel.clients ON clients.id = sites.client_id
          WHERE sites.tenant_id = $1 AND clients.slug = $2 AND sites.slug = $3",
        tenant,
        client,
        site
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(id) = found else { return Ok(None) };
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.subscribers WHERE tenant_id = $1 AND site_id = $2 AND deleted_at IS NULL",
        tenant,
        id
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Some(ids))
}

/// The subscribers of this partner who have an address out of a pool now.
pub async fn subscriber_ids_of_pool(
    tx: &mut Tx,
    op: &OpContext,
    pool: &str,
) -> Result<Option<Vec<Uuid>>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let found = sqlx::query_scalar!(
        "SELECT id FROM access.address_pools WHERE tenant_id = $1 AND name = $2",
        tenant,
        pool
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(id) = found else { return Ok(None) };
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT subscriber_id FROM access.address_leases WHERE tenant_id = $1 AND pool_id = $2 AND live",
        tenant,
        id
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Some(ids))
}

/// The subscribers of this partner on a plan.
pub async fn subscriber_ids_of_plan(tx: &mut Tx, op: &OpContext, plan: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM access.subscribers WHERE tenant_id = $1 AND plan_id = $2 AND deleted_at IS NULL",
        op.require_partner()?.as_uuid(),
        plan
    )
    .fetch_all(&mut **tx)
    .await?)
}
