//! `access.service_defaults`: what a NAS, or else its partner, gives when nobody says otherwise. No row: nothing.

use kernel::id::NasId;
use kernel::{Error, OpContext};
use serde_json::Value;

use super::Tx;

/// The defaults of the partner (`None`) or of a NAS.
pub async fn defaults_fetch(tx: &mut Tx, op: &OpContext, nas: Option<NasId>) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT terms FROM access.service_defaults WHERE tenant_id = $1 AND nas_id IS NOT DISTINCT FROM $2",
        op.require_partner()?.as_uuid(),
        nas.map(|nas| nas.as_uuid())
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Stores the defaults of the partner or of a NAS.
pub async fn defaults_put(
    tx: &mut Tx,
    op: &OpContext,
    nas: Option<NasId>,
    terms: &Value,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.service_defaults (tenant_id, nas_id, terms, updated_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, nas_id) DO UPDATE SET terms = excluded.terms, updated_at = now(),
             updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        nas.map(|nas| nas.as_uuid()),
        terms,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes the defaults of the partner or of a NAS.
pub async fn defaults_delete(tx: &mut Tx, op: &OpContext, nas: Option<NasId>) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.service_defaults WHERE tenant_id = $1 AND nas_id IS NOT DISTINCT FROM $2",
        op.require_partner()?.as_uuid(),
        nas.map(|nas| nas.as_uuid())
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
