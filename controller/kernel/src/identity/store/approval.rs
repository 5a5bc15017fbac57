//! Rows of `kernel.approval_policies` and `kernel.approvals`.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::authz::{Permission, PermissionSet};
use crate::database::Tx;
use crate::error::Error;
use crate::id::{ApprovalId, UserId};
use crate::identity::approval::{Act, Approval};
use crate::op::{ActorKind, OpContext};

/// An approval that is presented.
pub struct ClaimRow {
    /// What the act needs.
    pub permission: String,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Sealed.
    pub body_digest: String,
    /// Who asked.
    pub asked_by: Uuid,
    /// Until when it counts.
    pub expires_at: OffsetDateTime,
    /// What was decided.
    pub decision: Option<String>,
    /// When it was used.
    pub used_at: Option<OffsetDateTime>,
}

/// What wants a second person.
pub async fn policy_fetch_in_tx(tx: &mut Tx, op: &OpContext) -> Result<PermissionSet, Error> {
    let found = sqlx::query_scalar!(
        "SELECT permissions FROM kernel.approval_policies WHERE tenant_id = $1",
        op.require_partner()?.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .unwrap_or_default();
    Ok(PermissionSet::from_names(found.iter().map(String::as_str)))
}

/// Writes what wants a second person.
pub async fn policy_put_in_tx(tx: &mut Tx, op: &OpContext, wanted: PermissionSet) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.approval_policies (tenant_id, permissions, updated_by) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id) DO UPDATE SET permissions = excluded.permissions, updated_at = now(),
             updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        &wanted.names(),
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How many people of the partner hold a permission, and may look at what waits.
pub async fn deciders_in_tx(tx: &mut Tx, op: &OpContext, permission: Permission) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT held.user_id FROM kernel.tenant_users held
                   JOIN kernel.users person ON person.id = held.user_id AND person.status = 'active' AND person.deleted_at IS NULL
                   JOIN kernel.role_permissions allowed ON allowed.role_id = held.role_id
               WHERE held.tenant_id = $1 AND allowed.permission = ANY ($2)
               GROUP BY held.user_id HAVING count(DISTINCT allowed.permission) = cardinality($2)) AS deciders"#,
        op.require_partner()?.as_uuid(),
        &PermissionSet::of(&[permission, Permission::PartnerRead]).names(),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Lists what the actor asked for or could decide, the newest first, with the number of all such.
pub async fn approval_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    open_at: Option<OffsetDateTime>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Approval>, i64), Error> {
    let partner = op.require_partner()?.as_uuid();
    let may = op.permissions.names();
    let rows = sqlx::query_as!(
        Approval,
        r#"SELECT id AS "id: ApprovalId", permission, method, path, body, asked_name, asked_person AS "asked_person: UserId",
               asked_at, expires_at, decision, decided_name, decided_at, reason, used_at
           FROM kernel.approvals
           WHERE tenant_id = $1 AND (permission = ANY ($2) OR asked_by = $3 OR asked_person = $3)
             AND ($4::timestamptz IS NULL OR (decision IS NULL AND expires_at > $4))
           ORDER BY id DESC LIMIT $5 OFFSET $6"#,
        partner,
        &may,
        op.actor.id,
        open_at,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.approvals
           WHERE tenant_id = $1 AND (permission = ANY ($2) OR asked_by = $3 OR asked_person = $3)
             AND ($4::timestamptz IS NULL OR (decision IS NULL AND expires_at > $4))"#,
        partner,
        &may,
        op.actor.id,
        open_at,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Fetches one; nobody else decides about it until the end of the transaction.
pub async fn approval_lock_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApprovalId,
) -> Result<Option<Approval>, Error> {
    Ok(sqlx::query_as!(
        Approval,
        r#"SELECT id AS "id: ApprovalId", permission, method, path, body, asked_name, asked_person AS "asked_person: UserId",
               asked_at, expires_at, decision, decided_name, decided_at, reason, used_at
           FROM kernel.approvals WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Writes a decision.
pub async fn approval_decide_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApprovalId,
    decision: &str,
    user: UserId,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Approval, Error> {
    Ok(sqlx::query_as!(
        Approval,
        r#"UPDATE kernel.approvals SET decision = $3, decided_by = $4, decided_name = $5, decided_at = $6, reason = $7
           WHERE tenant_id = $1 AND id = $2
           RETURNING id AS "id: ApprovalId", permission, method, path, body, asked_name, asked_person AS "asked_person: UserId",
               asked_at, expires_at, decision, decided_name, decided_at, reason, used_at"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        decision,
        user.as_uuid(),
        op.actor.name,
        now,
        reason,
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Fetches one that is presented; nobody else presents it until the end of the transaction.
pub async fn claim_lock_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApprovalId,
) -> Result<Option<ClaimRow>, Error> {
    Ok(sqlx::query_as!(
        ClaimRow,
        "SELECT permission, method, path, body_digest, asked_by, expires_at, decision, used_at
         FROM kernel.approvals WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Notes that one was used, or that it was not.
pub async fn approval_used_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApprovalId,
    at: Option<OffsetDateTime>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.approvals SET used_at = $3 WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Those that wait for the same method and path of the same asker, with their sealed digests.
pub async fn waiting_like_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    act: &Act<'_>,
    asked_by: Uuid,
    now: OffsetDateTime,
) -> Result<Vec<(ApprovalId, String)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: ApprovalId", body_digest FROM kernel.approvals
           WHERE tenant_id = $1 AND asked_by = $2 AND permission = $3 AND method = $4 AND path = $5
             AND expires_at > $6 AND used_at IS NULL AND decision IS DISTINCT FROM 'denied'
           ORDER BY id DESC LIMIT 20"#,
        op.require_partner()?.as_uuid(),
        asked_by,
        act.permission.as_str(),
        act.method,
        act.path,
        now,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.body_digest)).collect())
}

/// How many wait.
pub async fn waiting_count_in_tx(tx: &mut Tx, op: &OpContext, now: OffsetDateTime) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.approvals WHERE tenant_id = $1 AND decision IS NULL AND expires_at > $2"#,
        op.require_partner()?.as_uuid(),
        now,
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Inserts one. The person behind a key is who made it.
#[expect(clippy::too_many_arguments, reason = "one row, written in one place")]
pub async fn approval_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: ApprovalId,
    act: &Act<'_>,
    body_digest: &str,
    body: Option<Value>,
    asked_by: Uuid,
    (now, until): (OffsetDateTime, OffsetDateTime),
) -> Result<(), Error> {
    let by_key = op.actor.kind == ActorKind::ApiKey;
    sqlx::query!(
        "INSERT INTO kernel.approvals (id, tenant_id, permission, method, path, body_digest, body, asked_kind, asked_by,
             asked_name, asked_person, asked_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
             CASE WHEN $11 THEN (SELECT created_by FROM kernel.api_keys WHERE id = $9) ELSE $9 END, $12, $13)",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        act.permission.as_str(),
        act.method,
        act.path,
        body_digest,
        body,
        op.actor.kind.as_str(),
        asked_by,
        op.actor.name,
        by_key,
        now,
        until,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets those that were over three months ago; the audit keeps what was asked and decided.
pub async fn approval_forget_old_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.approvals WHERE id IN (
             SELECT id FROM kernel.approvals WHERE expires_at < $1::timestamptz - interval '90 days' LIMIT 100
             FOR UPDATE SKIP LOCKED)",
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
