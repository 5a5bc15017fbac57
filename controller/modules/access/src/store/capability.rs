//! `access.nas_capabilities` and `access.session_policies`: what is known of one NAS, and what a partner wants done when a session
//! does not change as it goes on.

use kernel::id::NasId;
use kernel::{Error, OpContext};
use time::OffsetDateTime;

use super::Tx;

/// Something known of a NAS.
#[derive(Debug, Clone)]
pub struct Capability {
    /// What: `change`, `class`, `disconnect`, or a term of a plan.
    pub capability: String,
    /// Whether it holds.
    pub holds: bool,
    /// `learned` or `operator`.
    pub source: String,
    /// By what.
    pub evidence: String,
    /// How often that was seen in a row.
    pub times: i32,
    /// When last.
    pub at: OffsetDateTime,
}

/// What is known of a NAS of this partner, whenever it was learned.
pub async fn capability_list(tx: &mut Tx, op: &OpContext, nas: NasId) -> Result<Vec<Capability>, Error> {
    Ok(sqlx::query_as!(
        Capability,
        "SELECT capability, holds, source, evidence, times, at FROM access.nas_capabilities
          WHERE tenant_id = $1 AND nas_id = $2 ORDER BY capability",
        op.require_partner()?.as_uuid(),
        nas.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Notes what a NAS was seen to do. What an operator said stands; a NAS that was removed meanwhile learns nothing.
pub async fn capability_learn(
    tx: &mut Tx,
    op: &OpContext,
    nas: NasId,
    capability: &str,
    holds: bool,
    evidence: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.nas_capabilities AS known (tenant_id, nas_id, capability, holds, source, evidence)
         SELECT tenant_id, id, $3, $4, 'learned', left($5, 300) FROM access.nas WHERE tenant_id = $1 AND id = $2
         ON CONFLICT (nas_id, capability) DO UPDATE
            SET times = CASE WHEN known.holds = excluded.holds THEN known.times + 1 ELSE 1 END,
                holds = excluded.holds, evidence = excluded.evidence, at = now()
          WHERE known.source = 'learned'",
        op.require_partner()?.as_uuid(),
        nas.as_uuid(),
        capability,
        holds,
        evidence
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Stores what an operator says of a NAS of this partner.
pub async fn capability_put(
    tx: &mut Tx,
    op: &OpContext,
    nas: NasId,
    capability: &str,
    holds: bool,
    reason: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.nas_capabilities (tenant_id, nas_id, capability, holds, source, evidence, updated_by)
         VALUES ($1, $2, $3, $4, 'operator', $5, $6)
         ON CONFLICT (nas_id, capability) DO UPDATE
            SET holds = excluded.holds, source = 'operator', evidence = excluded.evidence, times = 1, at = now(),
                updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        nas.as_uuid(),
        capability,
        holds,
        reason,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets something that is known of a NAS of this partner; `false` when it was not.
pub async fn capability_delete(
    tx: &mut Tx,
    op: &OpContext,
    nas: NasId,
    capability: &str,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "DELETE FROM access.nas_capabilities WHERE tenant_id = $1 AND nas_id = $2 AND capability = $3",
        op.require_partner()?.as_uuid(),
        nas.as_uuid(),
        capability
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What this partner wants done when a session does not change: `disconnect` or `operator`; `None`: never said.
pub async fn session_policy_fetch(tx: &mut Tx, op: &OpContext) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT if_refused FROM access.session_policies WHERE tenant_id = $1",
        op.require_partner()?.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Stores what this partner wants done then.
pub async fn session_policy_put(tx: &mut Tx, op: &OpContext, if_refused: &str) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.session_policies (tenant_id, if_refused, updated_by) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id) DO UPDATE
            SET if_refused = excluded.if_refused, updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        if_refused,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
