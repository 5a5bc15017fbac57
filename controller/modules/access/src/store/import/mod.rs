//! What an import stores: itself and its counts here, each kind of row it brings in a file of its own, many in one statement.
//! Never decides what may come in; [`crate::app::import`] does. Rows go to the database as one JSON parameter a statement.

pub mod group;
pub mod nas;
pub mod session;
pub mod subscriber;

use kernel::id::ImportId;
use kernel::{Error, OpContext};
use time::OffsetDateTime;

use super::{Listed, Tx, Window};

/// An import.
#[derive(Debug, Clone)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Where from, in words.
    pub source: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it was done; `None`: it runs, or broke off.
    pub finished_at: Option<OffsetDateTime>,
    /// Who.
    pub started_by: String,
}

/// What became of one kind of things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// `nas`, `group`, `subscriber`, `session` or `port_block`.
    pub kind: String,
    /// New here.
    pub imported: i64,
    /// Were here and are as the source has them now.
    pub updated: i64,
    /// Were here already.
    pub unchanged: i64,
    /// Are not here, or not as the source has them.
    pub refused: i64,
}

/// Notes the beginning of an import.
pub async fn import_insert(tx: &mut Tx, op: &OpContext, id: ImportId, source: &str) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.imports (id, tenant_id, source, started_by, started_by_name) VALUES ($1, $2, $3, $4, $5)",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        source,
        op.actor.id,
        op.actor.name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Fetches an import of this partner.
pub async fn import_fetch(tx: &mut Tx, op: &OpContext, id: ImportId) -> Result<Option<Import>, Error> {
    Ok(sqlx::query_as!(
        Import,
        r#"SELECT id AS "id: ImportId", source, started_at, finished_at, started_by_name AS started_by
             FROM access.imports WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Lists a partner's imports, newest first.
pub async fn import_list(tx: &mut Tx, op: &OpContext, window: Window) -> Result<Listed<Import>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.imports WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Import,
        r#"SELECT id AS "id: ImportId", source, started_at, finished_at, started_by_name AS started_by
             FROM access.imports WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// What became of what an import brought.
pub async fn import_counts(tx: &mut Tx, op: &OpContext, id: ImportId) -> Result<Vec<Count>, Error> {
    Ok(sqlx::query_as!(
        Count,
        "SELECT kind, imported, updated, unchanged, refused FROM access.import_counts
          WHERE tenant_id = $1 AND import_id = $2 ORDER BY kind",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Adds a batch to what an import has brought; how many it has imported of the kind by now.
pub async fn import_count_add(tx: &mut Tx, op: &OpContext, id: ImportId, add: &Count) -> Result<i64, Error> {
    let imported = sqlx::query_scalar!(
        "INSERT INTO access.import_counts AS c (import_id, tenant_id, kind, imported, updated, unchanged, refused)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (import_id, kind) DO UPDATE SET imported = c.imported + excluded.imported,
             updated = c.updated + excluded.updated, unchanged = c.unchanged + excluded.unchanged,
             refused = c.refused + excluded.refused
         RETURNING imported",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        add.kind,
        add.imported,
        add.updated,
        add.unchanged,
        add.refused
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(imported)
}

/// Tells the planner of the database how full the tables are by now.
pub async fn import_look(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query!("CALL access.look_at_imported()")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Notes the end of an import.
pub async fn import_finish(tx: &mut Tx, op: &OpContext, id: ImportId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.imports SET finished_at = now() WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Until the transaction ends, each query of a batch is planned by what it asks for: a plan made while the tables were empty
/// would read all of them.
const PLANNED_ANEW: &str = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off";

/// Lets one batch of this partner in at a time, until the transaction ends: what two would both find missing must not come
/// twice.
pub async fn import_lock(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    sqlx::raw_sql(PLANNED_ANEW).execute(&mut **tx).await?;
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('access.import:' || $1::text, 0))",
        op.require_partner()?.to_string()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
