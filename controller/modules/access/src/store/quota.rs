//! `access.plan_quotas`, `access.quota_states`, `access.quota_steps`, `access.quota_topups`: what plans give in a period, who
//! has come how far in his, and what was told and done about it.
//! Never counts an octet: what was used is in `access.usage_so_far`, here it is only summed up.

use kernel::id::{PlanId, QuotaStepId, SubscriberId, TopUpId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;

/// What a plan gives in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanQuota {
    /// So many octets.
    pub octets: i64,
    /// `down`, `up` or `both`.
    pub counted: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// Where the period begins.
    pub reset_day: i32,
    /// Per cent at which somebody is told.
    pub thresholds: Vec<i32>,
    /// `throttle`, `garden` or `reject`.
    pub on_used_up: String,
    /// Terms in place of the plan's.
    pub throttle: Value,
}

/// A plan with a quota, as whoever watches over it reads it.
#[derive(Debug, Clone)]
pub struct QuotaPlanEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Which plan.
    pub plan: Uuid,
    /// By whose clock its periods begin.
    pub time_zone: String,
    /// So many octets.
    pub octets: i64,
    /// `down`, `up` or `both`.
    pub counted: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// Where the period begins.
    pub reset_day: i32,
    /// Per cent at which somebody is told.
    pub thresholds: Vec<i32>,
    /// `throttle`, `garden` or `reject`.
    pub on_used_up: String,
}

/// Somebody and his plan, which has a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// His plan.
    pub plan: Uuid,
    /// Who.
    pub subscriber: Uuid,
}

/// Octets of one subscriber in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedEntry {
    /// Whose.
    pub subscriber: Uuid,
    /// From him.
    pub octets_in: i64,
    /// To him.
    pub octets_out: i64,
    /// What he was given on top.
    pub topped_up: i64,
}

/// How far somebody has come in his period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaState {
    /// Who.
    pub subscriber: Uuid,
    /// Of which period this is.
    pub period_began_at: OffsetDateTime,
    /// Its end.
    pub period_ends_at: OffsetDateTime,
    /// What he was allowed.
    pub allowed: i64,
    /// What he had used.
    pub used: i64,
    /// The highest threshold that was told of.
    pub threshold: i32,
    /// Since when what his plan says for that holds.
    pub used_up_at: Option<OffsetDateTime>,
}

/// A step to be remembered.
#[derive(Debug, Clone)]
pub struct StepRow<'r> {
    /// `threshold`, `used_up` or `restored`.
    pub step: &'static str,
    /// Which threshold.
    pub threshold: Option<i32>,
    /// Of which period.
    pub period_began_at: OffsetDateTime,
    /// What he was allowed.
    pub allowed: i64,
    /// What he had used.
    pub used: i64,
    /// In words.
    pub why: &'r str,
}

/// A step as it was remembered.
#[derive(Debug, Clone)]
pub struct QuotaStep {
    /// `threshold`, `used_up` or `restored`.
    pub step: String,
    /// Which threshold.
    pub threshold: Option<i32>,
    /// What he was allowed.
    pub allowed: i64,
    /// What he had used.
    pub used: i64,
    /// In words.
    pub why: String,
    /// When.
    pub at: OffsetDateTime,
}

/// Octets given on top.
#[derive(Debug, Clone)]
pub struct TopUp {
    /// Its id.
    pub id: TopUpId,
    /// So many.
    pub octets: i64,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who gave them.
    pub created_by_name: String,
}

/// That somebody used up his quota, as the feeder reads it.
#[derive(Debug, Clone, Copy)]
pub struct UsedUpEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Who.
    pub subscriber: Uuid,
    /// Until when.
    pub until: OffsetDateTime,
    /// What he was allowed.
    pub allowed: i64,
}

// -- Plans

/// What a plan of this partner gives in a period; `None`: as much as anybody likes.
pub async fn plan_quota_fetch(tx: &mut Tx, op: &OpContext, plan: PlanId) -> Result<Option<PlanQuota>, Error> {
    Ok(sqlx::query_as!(
        PlanQuota,
        "SELECT octets, counted, period, reset_day, thresholds, on_used_up, throttle
           FROM access.plan_quotas WHERE tenant_id = $1 AND plan_id = $2",
        op.require_partner()?.as_uuid(),
        plan.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Gives a plan of this partner a quota, or another one.
pub async fn plan_quota_put(
    tx: &mut Tx,
    op: &OpContext,
    plan: PlanId,
    quota: &PlanQuota,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.plan_quotas (tenant_id, plan_id, octets, counted, period, reset_day, thresholds, on_used_up,
                                         throttle, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (tenant_id, plan_id) DO UPDATE SET octets = excluded.octets, counted = excluded.counted,
             period = excluded.period, reset_day = excluded.reset_day, thresholds = excluded.thresholds,
             on_used_up = excluded.on_used_up, throttle = excluded.throttle, updated_at = now(),
             updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        plan.as_uuid(),
        quota.octets,
        quota.counted,
        quota.period,
        quota.reset_day,
        &quota.thresholds,
        quota.on_used_up,
        quota.throttle,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the quota of a plan of this partner away.
pub async fn plan_quota_delete(tx: &mut Tx, op: &OpContext, plan: PlanId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.plan_quotas WHERE tenant_id = $1 AND plan_id = $2",
        op.require_partner()?.as_uuid(),
        plan.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Every plan with a quota that this transaction sees: of all partners, or of one.
pub async fn quota_plan_list(tx: &mut Tx) -> Result<Vec<QuotaPlanEntry>, Error> {
    Ok(sqlx::query_as!(
        QuotaPlanEntry,
        "SELECT q.tenant_id AS tenant, q.plan_id AS plan, t.time_zone, q.octets, q.counted, q.period, q.reset_day,
                q.thresholds, q.on_used_up
           FROM access.plan_quotas q JOIN kernel.tenants t ON t.id = q.tenant_id
          WHERE t.deleted_at IS NULL"
    )
    .fetch_all(&mut **tx)
    .await?)
}

// -- Subscribers

/// Those of some subscribers who live and whose plan has a quota, or who used one up before their plan had none.
pub async fn holder_list(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Holder>, Error> {
    Ok(sqlx::query_as!(
        Holder,
        r#"SELECT s.plan_id AS "plan!", s.id AS subscriber FROM access.subscribers s
            WHERE s.id = ANY($1) AND s.deleted_at IS NULL
              AND EXISTS (SELECT FROM access.plan_quotas q WHERE q.tenant_id = s.tenant_id AND q.plan_id = s.plan_id)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A page of those who have a plan, in order of their ids.
pub async fn holder_page(
    tx: &mut Tx,
    tenant: Uuid,
    plan: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM access.subscribers
          WHERE tenant_id = $1 AND plan_id = $2 AND deleted_at IS NULL AND id > $3 ORDER BY id LIMIT $4",
        tenant,
        plan,
        after,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What some subscribers of a partner used, and were given on top, from `began` to before `ends`; an hour belongs to the
/// period in which it begins.
pub async fn used_list(
    tx: &mut Tx,
    tenant: Uuid,
    ids: &[Uuid],
    began: OffsetDateTime,
    ends: OffsetDateTime,
) -> Result<Vec<UsedEntry>, Error> {
    Ok(sqlx::query_as!(
        UsedEntry,
        r#"WITH used AS (SELECT subscriber_id, sum(octets_in)::bigint AS octets_in, sum(octets_out)::bigint AS octets_out
                           FROM access.usage_so_far
                          WHERE tenant_id = $1 AND subscriber_id = ANY($2) AND hour >= $3 AND hour < $4
                          GROUP BY subscriber_id),
                topped AS (SELECT subscriber_id, sum(octets)::bigint AS octets
                             FROM access.quota_topups
                            WHERE tenant_id = $1 AND subscriber_id = ANY($2) AND created_at >= $3 AND created_at < $4
                            GROUP BY subscriber_id)
           SELECT w.id AS "subscriber!", coalesce(u.octets_in, 0) AS "octets_in!", coalesce(u.octets_out, 0) AS "octets_out!",
                  coalesce(t.octets, 0) AS "topped_up!"
             FROM UNNEST($2::uuid[]) AS w (id)
             LEFT JOIN used u ON u.subscriber_id = w.id
             LEFT JOIN topped t ON t.subscriber_id = w.id"#,
        tenant,
        ids,
        began,
        ends
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// How far some subscribers of a partner have come.
pub async fn state_list(tx: &mut Tx, tenant: Uuid, ids: &[Uuid]) -> Result<Vec<QuotaState>, Error> {
    Ok(sqlx::query_as!(
        QuotaState,
        "SELECT subscriber_id AS subscriber, period_began_at, period_ends_at, allowed, used, threshold, used_up_at
           FROM access.quota_states WHERE tenant_id = $1 AND subscriber_id = ANY($2)",
        tenant,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Stores how far a subscriber of this partner has come.
pub async fn state_put(tx: &mut Tx, op: &OpContext, state: &QuotaState) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.quota_states (tenant_id, subscriber_id, period_began_at, period_ends_at, allowed, used, threshold,
                                          used_up_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, subscriber_id) DO UPDATE SET period_began_at = excluded.period_began_at,
             period_ends_at = excluded.period_ends_at, allowed = excluded.allowed, used = excluded.used,
             threshold = excluded.threshold, used_up_at = excluded.used_up_at",
        op.require_partner()?.as_uuid(),
        state.subscriber,
        state.period_began_at,
        state.period_ends_at,
        state.allowed,
        state.used,
        state.threshold,
        state.used_up_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets how far a subscriber of this partner has come: he has no quota any more, or is being removed.
pub async fn state_delete(tx: &mut Tx, op: &OpContext, subscriber: SubscriberId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.quota_states WHERE tenant_id = $1 AND subscriber_id = $2",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Those who used up a quota whose period ended before this moment, and those who used one up and have none any more:
/// partner, subscriber, and his plan.
pub async fn ended_list(
    tx: &mut Tx,
    before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid, Option<Uuid>)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT s.tenant_id, s.subscriber_id, u.plan_id AS "plan_id?"
             FROM access.quota_states s
             JOIN access.subscribers u ON u.tenant_id = s.tenant_id AND u.id = s.subscriber_id
             LEFT JOIN access.plan_quotas q ON q.tenant_id = u.tenant_id AND q.plan_id = u.plan_id
            WHERE s.used_up_at IS NOT NULL AND (s.period_ends_at <= $1 OR q.plan_id IS NULL)
            ORDER BY s.period_ends_at LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    let row = rows.into_iter();
    Ok(row
        .map(|row| (row.tenant_id, row.subscriber_id, row.plan_id))
        .collect())
}

/// Who used up his quota: of these, or of all.
pub async fn used_up_entries(tx: &mut Tx, ids: &[Uuid], all: bool) -> Result<Vec<UsedUpEntry>, Error> {
    Ok(sqlx::query_as!(
        UsedUpEntry,
        r#"SELECT tenant_id AS tenant, subscriber_id AS subscriber, period_ends_at AS until, allowed
             FROM access.quota_states WHERE used_up_at IS NOT NULL AND ($2 OR subscriber_id = ANY($1))"#,
        ids,
        all
    )
    .fetch_all(&mut **tx)
    .await?)
}

// -- What was told and done

/// Remembers a step; false for a threshold that was told of already.
pub async fn step_insert(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    step: &StepRow<'_>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO access.quota_steps (id, tenant_id, subscriber_id, step, threshold, period_began_at, allowed, used, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        QuotaStepId::new().as_uuid(),
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        step.step,
        step.threshold,
        step.period_began_at,
        step.allowed,
        step.used,
        step.why
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The last steps of a subscriber of this partner, the newest first.
pub async fn step_list(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    limit: i64,
) -> Result<Vec<QuotaStep>, Error> {
    Ok(sqlx::query_as!(
        QuotaStep,
        "SELECT step, threshold, allowed, used, why, at FROM access.quota_steps
          WHERE tenant_id = $1 AND subscriber_id = $2 ORDER BY id DESC LIMIT $3",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Removes steps of so many days ago; how many.
pub async fn step_trim(tx: &mut Tx, days: i32) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM access.quota_steps WHERE at < now() - make_interval(days => $1)",
        days
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Gives a subscriber of this partner octets on top.
pub async fn topup_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: TopUpId,
    subscriber: SubscriberId,
    octets: i64,
    reason: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.quota_topups (id, tenant_id, subscriber_id, octets, reason, created_by, created_by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        octets,
        reason,
        op.actor.id,
        op.actor.name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a subscriber of this partner was given on top from `began` to before `ends`, the newest first.
pub async fn topup_list(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    began: OffsetDateTime,
    ends: OffsetDateTime,
    limit: i64,
) -> Result<Vec<TopUp>, Error> {
    Ok(sqlx::query_as!(
        TopUp,
        r#"SELECT id AS "id: TopUpId", octets, reason, created_at, created_by_name FROM access.quota_topups
            WHERE tenant_id = $1 AND subscriber_id = $2 AND created_at >= $3 AND created_at < $4
            ORDER BY created_at DESC, id DESC LIMIT $5"#,
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        began,
        ends,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}
