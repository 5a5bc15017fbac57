//! Groups as FreeRADIUS has them: rows of `access.radgroupcheck` and `access.radgroupreply`.

use kernel::{Error, OpContext};
use serde::Serialize;
use sqlx::types::Json;

use super::super::Tx;

/// One row of either table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRow {
    /// The group.
    pub groupname: String,
    /// Its attribute.
    pub attribute: String,
    /// `=`, `:=`, `+=`, `==`, ...
    pub op: String,
    /// The attribute's value.
    pub value: String,
}

/// What these groups check, in the order of the rows.
pub async fn radgroupcheck_rows(
    tx: &mut Tx,
    op: &OpContext,
    names: &[String],
) -> Result<Vec<GroupRow>, Error> {
    Ok(sqlx::query_as!(
        GroupRow,
        "SELECT groupname, attribute, op, value FROM access.radgroupcheck
          WHERE tenant_id = $1 AND groupname = ANY ($2) ORDER BY id",
        op.require_partner()?.as_uuid(),
        names
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What these groups reply, in the order of the rows.
pub async fn radgroupreply_rows(
    tx: &mut Tx,
    op: &OpContext,
    names: &[String],
) -> Result<Vec<GroupRow>, Error> {
    Ok(sqlx::query_as!(
        GroupRow,
        "SELECT groupname, attribute, op, value FROM access.radgroupreply
          WHERE tenant_id = $1 AND groupname = ANY ($2) ORDER BY id",
        op.require_partner()?.as_uuid(),
        names
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Forgets what these groups say.
pub async fn group_rows_delete(tx: &mut Tx, op: &OpContext, names: &[String]) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "DELETE FROM access.radgroupcheck WHERE tenant_id = $1 AND groupname = ANY ($2)",
        tenant,
        names
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.radgroupreply WHERE tenant_id = $1 AND groupname = ANY ($2)",
        tenant,
        names
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Stores what groups check and what they reply, in this order.
pub async fn group_rows_insert(
    tx: &mut Tx,
    op: &OpContext,
    check: &[GroupRow],
    reply: &[GroupRow],
) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "INSERT INTO access.radgroupcheck (tenant_id, groupname, attribute, op, value)
         SELECT $1, r.groupname, r.attribute, r.op, r.value
           FROM jsonb_to_recordset($2::jsonb) AS r (groupname text, attribute text, op text, value text)",
        tenant,
        Json(check) as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.radgroupreply (tenant_id, groupname, attribute, op, value)
         SELECT $1, r.groupname, r.attribute, r.op, r.value
           FROM jsonb_to_recordset($2::jsonb) AS r (groupname text, attribute text, op text, value text)",
        tenant,
        Json(reply) as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
