//! `access.gardens`: where a partner lets in those without service. A partner without a row turns them away.

use kernel::{Error, OpContext};
use serde_json::Value;

use super::Tx;

/// A partner's garden.
#[derive(Debug, Clone, PartialEq)]
pub struct Garden {
    /// For which reasons somebody is let in.
    pub reasons: Vec<String>,
    /// What is given there, as JSON; see [`crate::app::terms`].
    pub terms: Value,
}

/// This partner's garden.
pub async fn garden_fetch(tx: &mut Tx, op: &OpContext) -> Result<Option<Garden>, Error> {
    Ok(sqlx::query_as!(
        Garden,
        "SELECT reasons, terms FROM access.gardens WHERE tenant_id = $1",
        op.require_partner()?.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Stores this partner's garden.
pub async fn garden_put(tx: &mut Tx, op: &OpContext, garden: &Garden) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.gardens (tenant_id, reasons, terms, updated_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) DO UPDATE SET reasons = excluded.reasons, terms = excluded.terms, updated_at = now(),
             updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        &garden.reasons,
        garden.terms,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes this partner's garden.
pub async fn garden_delete(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.gardens WHERE tenant_id = $1",
        op.require_partner()?.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
