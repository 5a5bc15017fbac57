//! The SQL of lines: append one, read them. There is no third verb, and the table refuses one.
//! Next: [`super::seal`], which chains them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::entry::{Entry, cut};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::id::{AuditId, PartnerId, RequestId};
use crate::op::OpContext;

/// A line as it was written.
#[derive(Debug, Clone)]
pub struct Line {
    /// Sorts by time.
    pub id: AuditId,
    /// Whose; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// When.
    pub at: OffsetDateTime,
    /// `user`, `api_key`, `system` or `anonymous`.
    pub actor_kind: String,
    /// The person's or key's id.
    pub actor_id: Option<Uuid>,
    /// As it was called then.
    pub actor_name: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub object_kind: String,
    /// To which.
    pub object_id: Option<String>,
    /// How people called it.
    pub object_label: Option<String>,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// The object before.
    pub before: Option<Value>,
    /// The object after.
    pub after: Option<Value>,
    /// From where.
    pub source_ip: Option<IpAddr>,
    /// In which request.
    pub request_id: Option<RequestId>,
}

/// Which lines to show; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The action, exactly.
    pub action: Option<String>,
    /// The actor's name or id, exactly.
    pub actor: Option<String>,
    /// The object's kind, id or label, exactly.
    pub object: Option<String>,
    /// `ok`, `refused` or `failed`.
    pub outcome: Option<String>,
    /// Lines at or after this instant.
    pub since: Option<OffsetDateTime>,
    /// Lines before this instant.
    pub until: Option<OffsetDateTime>,
}

/// Writes a line within the transaction of the act it tells of.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`]; the act must then not commit.
pub async fn record(tx: &mut Tx, op: &OpContext, entry: Entry) -> Result<AuditId, Error> {
    let id = AuditId::new();
    sqlx::query!(
        "WITH line AS (
             INSERT INTO kernel.audit (id, tenant_id, actor_kind, actor_id, actor_name, action, object_kind, object_id,
                 object_label, outcome, reason, before, after, source_ip, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id, tenant_id)
         INSERT INTO kernel.audit_unsealed (id, tenant_id) SELECT id, tenant_id FROM line",
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        op.actor.kind.as_str(),
        op.actor.id,
        cut(op.actor.name.clone()),
        entry.action,
        entry.object_kind,
        entry.object_id,
        entry.object_label,
        entry.outcome.as_str(),
        entry.reason,
        entry.before,
        entry.after,
        op.source_ip.map(IpNet::from),
        op.request_id.as_uuid(),
    )
    .execute(&mut **tx)
    .await
    .map_err(|source| Error::internal("writing the audit", source))?;
    Ok(id)
}

/// Writes a line in a transaction of its own, for what did not happen.
///
/// # Errors
/// As [`record`].
pub async fn record_alone(db: &Database, op: &OpContext, entry: Entry) -> Result<AuditId, Error> {
    let mut tx = db.begin(op).await?;
    let id = record(&mut tx, op, entry).await?;
    tx.commit().await?;
    Ok(id)
}

/// Reads lines, newest first, with the number of all that match. A platform operation sees those of every partner.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn list(
    db: &Database,
    op: &OpContext,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Line>, i64), Error> {
    let mut tx = db.begin(op).await?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id: AuditId", tenant_id AS "partner: PartnerId", at, actor_kind, actor_id, actor_name, action,
               object_kind, object_id, object_label, outcome, reason, before, after, source_ip,
               request_id AS "request_id: RequestId"
           FROM kernel.audit
           WHERE ($1::text IS NULL OR action = $1)
             AND ($2::text IS NULL OR actor_name = $2 OR actor_id::text = $2)
             AND ($3::text IS NULL OR object_kind = $3 OR object_id = $3 OR object_label = $3)
             AND ($4::text IS NULL OR outcome = $4)
             AND ($5::timestamptz IS NULL OR at >= $5)
             AND ($6::timestamptz IS NULL OR at < $6)
             AND ($7::uuid IS NULL OR tenant_id = $7)
           ORDER BY id DESC LIMIT $8 OFFSET $9"#,
        filter.action,
        filter.actor,
        filter.object,
        filter.outcome,
        filter.since,
        filter.until,
        op.partner.map(PartnerId::as_uuid),
        limit,
        offset,
    )
    .fetch_all(&mut *tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.audit
           WHERE ($1::text IS NULL OR action = $1)
             AND ($2::text IS NULL OR actor_name = $2 OR actor_id::text = $2)
             AND ($3::text IS NULL OR object_kind = $3 OR object_id = $3 OR object_label = $3)
             AND ($4::text IS NULL OR outcome = $4)
             AND ($5::timestamptz IS NULL OR at >= $5)
             AND ($6::timestamptz IS NULL OR at < $6)
             AND ($7::uuid IS NULL OR tenant_id = $7)"#,
        filter.action,
        filter.actor,
        filter.object,
        filter.outcome,
        filter.since,
        filter.until,
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_one(&mut *tx)
    .await?;
    let lines = rows
        .into_iter()
        .map(|row| Line {
            id: row.id,
            partner: row.partner,
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            object_label: row.object_label,
            outcome: row.outcome,
            reason: row.reason,
            before: row.before,
            after: row.after,
            source_ip: row.source_ip.map(|network| network.addr()),
            request_id: row.request_id,
        })
        .collect();
    Ok((lines, total))
}
