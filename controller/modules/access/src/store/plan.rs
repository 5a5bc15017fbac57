//! `access.plans` with the bandwidth profile behind each.
//! Never shows a profile by itself: a plan owns one profile named like its slug, so that FreeRADIUS-era tools that read
//! `radius_bandwidth_profiles` find the rate, and people see one object.

use kernel::id::{BandwidthProfileId, PlanId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Listed, Tx, Window};

/// A plan and its rate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Stable short name.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// The profile row that carries the rate; `None` when the NAS decides.
    pub bandwidth_profile_id: Option<BandwidthProfileId>,
    /// Towards the subscriber, bit/s.
    pub download_bps: Option<i64>,
    /// From the subscriber, bit/s.
    pub upload_bps: Option<i64>,
    /// Session-Timeout, seconds.
    pub session_timeout_s: Option<i32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout_s: Option<i32>,
    /// Acct-Interim-Interval, seconds; at least 60.
    pub interim_interval_s: i32,
    /// Framed-Pool, the name of a pool on the NAS.
    pub framed_pool: Option<String>,
    /// What else it gives, as JSON; see [`crate::app::terms`].
    pub terms: Value,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

/// What a plan is to become, but for its rate.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// Stable short name.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// Session-Timeout, seconds.
    pub session_timeout_s: Option<i32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout_s: Option<i32>,
    /// Acct-Interim-Interval, seconds.
    pub interim_interval_s: i32,
    /// Framed-Pool.
    pub framed_pool: Option<String>,
    /// What else it gives.
    pub terms: Value,
}

/// A rate in both directions, bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Towards the subscriber.
    pub download_bps: i64,
    /// From the subscriber.
    pub upload_bps: i64,
}

/// Lists a partner's plans by slug.
pub async fn plan_list(tx: &mut Tx, op: &OpContext, window: Window) -> Result<Listed<Plan>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.plans WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Plan,
        r#"SELECT p.id AS "id: PlanId", p.slug, p.name,
                  p.bandwidth_profile_id AS "bandwidth_profile_id: BandwidthProfileId",
                  b.download_bps AS "download_bps?", b.upload_bps AS "upload_bps?", p.session_timeout_s,
                  p.idle_timeout_s, p.interim_interval_s, p.framed_pool, p.terms, p.created_at, p.updated_at
             FROM access.plans p
             LEFT JOIN access.radius_bandwidth_profiles b
                    ON b.tenant_id = p.tenant_id AND b.id = p.bandwidth_profile_id
            WHERE p.tenant_id = $1 ORDER BY p.slug LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Fetches one plan.
pub async fn plan_fetch(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<Option<Plan>, Error> {
    let plan = sqlx::query_as!(
        Plan,
        r#"SELECT p.id AS "id: PlanId", p.slug, p.name,
                  p.bandwidth_profile_id AS "bandwidth_profile_id: BandwidthProfileId",
                  b.download_bps AS "download_bps?", b.upload_bps AS "upload_bps?", p.session_timeout_s,
                  p.idle_timeout_s, p.interim_interval_s, p.framed_pool, p.terms, p.created_at, p.updated_at
             FROM access.plans p
             LEFT JOIN access.radius_bandwidth_profiles b
                    ON b.tenant_id = p.tenant_id AND b.id = p.bandwidth_profile_id
            WHERE p.tenant_id = $1 AND p.id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(plan)
}

/// The id of the plan with this slug.
pub async fn plan_id_by_slug(tx: &mut Tx, op: &OpContext, slug: &str) -> Result<Option<PlanId>, Error> {
    let id = sqlx::query_scalar!(
        r#"SELECT id AS "id: PlanId" FROM access.plans WHERE tenant_id = $1 AND slug = $2"#,
        op.require_partner()?.as_uuid(),
        slug
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(id)
}

/// Locks the row of one plan of this partner until the transaction ends, so that a change sees what it replaces.
pub async fn plan_lock(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<(), Error> {
    sqlx::query!(
        "SELECT id FROM access.plans WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// Inserts a plan.
pub async fn plan_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: PlanId,
    row: &PlanRow,
    profile: Option<BandwidthProfileId>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.plans (id, tenant_id, slug, name, bandwidth_profile_id, session_timeout_s,
                                   idle_timeout_s, interim_interval_s, framed_pool, terms, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $10, $10)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        row.slug,
        row.name,
        profile.map(|profile| profile.as_uuid()),
        row.session_timeout_s,
        row.idle_timeout_s,
        row.interim_interval_s,
        row.framed_pool,
        op.actor.id,
        row.terms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a plan equal to `row`.
pub async fn plan_update(
    tx: &mut Tx,
    op: &OpContext,
    id: PlanId,
    row: &PlanRow,
    profile: Option<BandwidthProfileId>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE access.plans SET slug = $3, name = $4, bandwidth_profile_id = $5, session_timeout_s = $6,
                idle_timeout_s = $7, interim_interval_s = $8, framed_pool = $9, terms = $11, updated_at = now(), updated_by = $10
          WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid(),
        row.slug,
        row.name,
        profile.map(|profile| profile.as_uuid()),
        row.session_timeout_s,
        row.idle_timeout_s,
        row.interim_interval_s,
        row.framed_pool,
        op.actor.id,
        row.terms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes a plan and takes it from deleted subscribers; the database refuses while a living one has it.
pub async fn plan_delete(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<(), sqlx::Error> {
    // Whoever is deleted already does not hold his plan: his history is in the audit and in radacct.
    sqlx::query!(
        "UPDATE access.subscribers SET plan_id = NULL
          WHERE tenant_id = $1 AND plan_id = $2 AND deleted_at IS NOT NULL",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.plans WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How many living subscribers have this plan.
pub async fn plan_subscriber_count(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.subscribers
            WHERE tenant_id = $1 AND plan_id = $2 AND deleted_at IS NULL"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(count)
}

/// Writes the profile row behind a plan: a new one, or the plan's own with another rate or name.
pub async fn bandwidth_profile_put(
    tx: &mut Tx,
    op: &OpContext,
    id: BandwidthProfileId,
    name: &str,
    rate: Rate,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.radius_bandwidth_profiles
                (id, tenant_id, name, download_bps, upload_bps, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, download_bps = excluded.download_bps,
                upload_bps = excluded.upload_bps, updated_at = now(), updated_by = excluded.updated_by",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        name,
        rate.download_bps,
        rate.upload_bps,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes a profile row that no plan uses any more.
pub async fn bandwidth_profile_delete(
    tx: &mut Tx,
    op: &OpContext,
    id: BandwidthProfileId,
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.radius_bandwidth_profiles b WHERE tenant_id = $1 AND id = $2
            AND NOT EXISTS (SELECT FROM access.plans p WHERE p.tenant_id = b.tenant_id AND p.bandwidth_profile_id = b.id)",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
