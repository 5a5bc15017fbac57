//! Rows of `kernel.tenant_settings`.

use serde_json::Value;

use crate::database::Tx;
use crate::error::Error;
use crate::op::OpContext;

/// All that are set, by key.
pub async fn setting_list_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Vec<(String, Value)>, Error> {
    let rows = sqlx::query!(
        "SELECT key, value FROM kernel.tenant_settings WHERE tenant_id = $1 ORDER BY key",
        op.require_partner()?.as_uuid(),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.value)).collect())
}

/// One, when it is set.
pub async fn setting_fetch_in_tx(tx: &mut Tx, op: &OpContext, key: &str) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT value FROM kernel.tenant_settings WHERE tenant_id = $1 AND key = $2",
        op.require_partner()?.as_uuid(),
        key,
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Sets one.
pub async fn setting_put_in_tx(tx: &mut Tx, op: &OpContext, key: &str, value: &Value) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.tenant_settings (tenant_id, key, value, updated_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, key)
         DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        key,
        value,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
