//! `access.plan_admission`, `access.subscriber_admission`, `access.subscriber_addresses`, `access.subscriber_bindings`: who
//! may come in beside those who are in. Never decides; [`crate::app::admission`] does for people, the access plane for
//! logins.

use ipnet::IpNet;
use kernel::id::{PlanId, PoolId, SubscriberId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;

/// What a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanAdmission {
    /// Logins in at once.
    pub simultaneous: Option<i32>,
    /// What happens beyond that.
    pub on_collision: String,
    /// What the first login binds to.
    pub bind: Option<String>,
    /// The pool of IPv4 addresses.
    pub ipv4_pool_id: Option<Uuid>,
    /// The pool of prefixes.
    pub prefix_pool_id: Option<Uuid>,
    /// The pool of delegated prefixes.
    pub delegated_pool_id: Option<Uuid>,
}

impl Default for PlanAdmission {
    fn default() -> Self {
        Self {
            simultaneous: None,
            on_collision: "same_device".to_owned(),
            bind: None,
            ipv4_pool_id: None,
            prefix_pool_id: None,
            delegated_pool_id: None,
        }
    }
}

/// What is special about one subscriber.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubscriberAdmission {
    /// Logins in at once.
    pub simultaneous: Option<i32>,
    /// What happens beyond that.
    pub on_collision: Option<String>,
    /// Where he may come from.
    pub allowed: Value,
}

/// An address that is his for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedAddress {
    /// Said how.
    pub kind: String,
    /// It.
    pub address: IpNet,
}

/// What he is bound to.
#[derive(Debug, Clone)]
pub struct Binding {
    /// `mac`, `port` or `line`.
    pub bound_by: String,
    /// Of a port.
    pub nas_id: Option<Uuid>,
    /// Which.
    pub value: String,
    /// Since when.
    pub since: OffsetDateTime,
}

/// What a plan asks for, as the feeder reads it.
#[derive(Debug, Clone)]
pub struct PlanAdmissionEntry {
    /// Which plan.
    pub plan: Uuid,
    /// What it asks for.
    pub asks: PlanAdmission,
}

/// What concerns one subscriber, as the feeder reads it.
#[derive(Debug, Clone)]
pub struct RulesEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Who.
    pub subscriber: Uuid,
    /// Logins in at once.
    pub simultaneous: Option<i32>,
    /// What happens beyond that.
    pub on_collision: Option<String>,
    /// Where he may come from.
    pub allowed: Option<Value>,
    /// `ipv4 10.0.0.1/32` and such.
    pub addresses: Vec<String>,
    /// What he is bound to.
    pub bound_by: Option<String>,
    /// Of a port.
    pub bound_nas: Option<Uuid>,
    /// Which.
    pub bound_value: Option<String>,
    /// The pool of IPv4 addresses of his site.
    pub ipv4_pool_id: Option<Uuid>,
    /// The pool of prefixes of his site.
    pub prefix_pool_id: Option<Uuid>,
    /// The pool of delegated prefixes of his site.
    pub delegated_pool_id: Option<Uuid>,
}

/// What a plan of this partner asks for.
pub async fn plan_admission_fetch(tx: &mut Tx, op: &OpContext, plan: PlanId) -> Result<PlanAdmission, Error> {
    let found = sqlx::query_as!(
        PlanAdmission,
        "SELECT simultaneous, on_collision, bind, ipv4_pool_id, prefix_pool_id, delegated_pool_id
           FROM access.plan_admission WHERE tenant_id = $1 AND plan_id = $2 FOR UPDATE",
        op.require_partner()?.as_uuid(),
        plan.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.unwrap_or_default())
}

/// Stores what a plan of this partner asks for.
pub async fn plan_admission_put(
    tx: &mut Tx,
    op: &OpContext,
    plan: PlanId,
    asks: &PlanAdmission,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.plan_admission (tenant_id, plan_id, simultaneous, on_collision, bind, ipv4_pool_id,
                                            prefix_pool_id, delegated_pool_id, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, plan_id) DO UPDATE SET simultaneous = excluded.simultaneous,
             on_collision = excluded.on_collision, bind = excluded.bind, ipv4_pool_id = excluded.ipv4_pool_id,
             prefix_pool_id = excluded.prefix_pool_id, delegated_pool_id = excluded.delegated_pool_id,
             updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        plan.as_uuid(),
        asks.simultaneous,
        asks.on_collision,
        asks.bind,
        asks.ipv4_pool_id,
        asks.prefix_pool_id,
        asks.delegated_pool_id,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is special about a subscriber of this partner.
pub async fn subscriber_admission_fetch(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
) -> Result<SubscriberAdmission, Error> {
    let found = sqlx::query_as!(
        SubscriberAdmission,
        "SELECT simultaneous, on_collision, allowed FROM access.subscriber_admission
          WHERE tenant_id = $1 AND subscriber_id = $2 FOR UPDATE",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.unwrap_or_else(|| SubscriberAdmission {
        allowed: Value::Array(Vec::new()),
        ..SubscriberAdmission::default()
    }))
}

/// Stores what is special about a subscriber of this partner.
pub async fn subscriber_admission_put(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    rules: &SubscriberAdmission,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.subscriber_admission (tenant_id, subscriber_id, simultaneous, on_collision, allowed, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, subscriber_id) DO UPDATE SET simultaneous = excluded.simultaneous,
             on_collision = excluded.on_collision, allowed = excluded.allowed, updated_at = now(),
             updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        rules.simultaneous,
        rules.on_collision,
        rules.allowed,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The addresses that are a subscriber's for good.
pub async fn assigned_list(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
) -> Result<Vec<AssignedAddress>, Error> {
    Ok(sqlx::query_as!(
        AssignedAddress,
        r#"SELECT kind, address AS "address: IpNet" FROM access.subscriber_addresses
            WHERE tenant_id = $1 AND subscriber_id = $2 ORDER BY address"#,
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Whose for good an address of this partner is that has something in common with this one, not counting one subscriber's;
/// with the address.
pub async fn assigned_clash(
    tx: &mut Tx,
    op: &OpContext,
    not_of: SubscriberId,
    address: IpNet,
) -> Result<Option<(String, IpNet)>, Error> {
    let found = sqlx::query!(
        r#"SELECT u.username, a.address AS "address: IpNet" FROM access.subscriber_addresses a
             JOIN access.subscribers u ON u.tenant_id = a.tenant_id AND u.id = a.subscriber_id
            WHERE a.tenant_id = $1 AND a.subscriber_id <> $2 AND a.address && $3::inet LIMIT 1"#,
        op.require_partner()?.as_uuid(),
        not_of.as_uuid(),
        address as IpNet
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.map(|row| (row.username, row.address)))
}

/// Gives a subscriber these addresses for good, and no others. Whoever assigns at the same time waits.
pub async fn assigned_replace(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    addresses: &[AssignedAddress],
) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "DELETE FROM access.subscriber_addresses WHERE tenant_id = $1 AND subscriber_id = $2",
        tenant,
        subscriber.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    for assigned in addresses {
        sqlx::query!(
            "INSERT INTO access.subscriber_addresses (tenant_id, subscriber_id, kind, address) VALUES ($1, $2, $3, $4::inet::cidr)",
            tenant,
            subscriber.as_uuid(),
            assigned.kind,
            assigned.address as IpNet
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Lets one transaction of a partner assign addresses at a time, until it ends.
pub async fn assigned_lock(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('access.subscriber_addresses ' || $1::text, 0))",
        op.require_partner()?.as_uuid().to_string()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a subscriber of this partner is bound to.
pub async fn binding_fetch(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
) -> Result<Option<Binding>, Error> {
    Ok(sqlx::query_as!(
        Binding,
        "SELECT bound_by, nas_id, value, since FROM access.subscriber_bindings
          WHERE tenant_id = $1 AND subscriber_id = $2",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Takes away what a subscriber of this partner is bound to.
pub async fn binding_delete(tx: &mut Tx, op: &OpContext, subscriber: SubscriberId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.subscriber_bindings WHERE tenant_id = $1 AND subscriber_id = $2",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down what a login has bound; the first one counts. Of a subscriber who is gone nothing is written.
pub async fn binding_insert(
    tx: &mut Tx,
    tenant: Uuid,
    subscriber: Uuid,
    bound_by: &str,
    nas: Option<Uuid>,
    value: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.subscriber_bindings (tenant_id, subscriber_id, bound_by, nas_id, value)
         SELECT tenant_id, id, $3, $4, left($5, 512) FROM access.subscribers
          WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
         ON CONFLICT (tenant_id, subscriber_id) DO UPDATE SET bound_by = excluded.bound_by, nas_id = excluded.nas_id,
             value = excluded.value, since = now()
          WHERE subscriber_bindings.bound_by <> excluded.bound_by",
        tenant,
        subscriber,
        bound_by,
        nas,
        value
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What these plans ask for, those of them that ask for anything.
pub async fn plan_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<PlanAdmissionEntry>, Error> {
    let rows = sqlx::query!(
        "SELECT plan_id, simultaneous, on_collision, bind, ipv4_pool_id, prefix_pool_id, delegated_pool_id
           FROM access.plan_admission WHERE plan_id = ANY($1)",
        ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PlanAdmissionEntry {
            plan: row.plan_id,
            asks: PlanAdmission {
                simultaneous: row.simultaneous,
                on_collision: row.on_collision,
                bind: row.bind,
                ipv4_pool_id: row.ipv4_pool_id,
                prefix_pool_id: row.prefix_pool_id,
                delegated_pool_id: row.delegated_pool_id,
            },
        })
        .collect())
}

/// What concerns these subscribers alone; with `all`, everybody whom anything concerns.
pub async fn rules_entries(tx: &mut Tx, ids: &[Uuid], all: bool) -> Result<Vec<RulesEntry>, Error> {
    Ok(sqlx::query_as!(
        RulesEntry,
        r#"SELECT w.tenant_id AS "tenant!", w.subscriber_id AS "subscriber!", s.simultaneous AS "simultaneous?",
                  s.on_collision AS "on_collision?", s.allowed AS "allowed?", b.bound_by AS "bound_by?",
                  b.nas_id AS "bound_nas?", b.value AS "bound_value?", p.ipv4_pool_id AS "ipv4_pool_id?",
                  p.prefix_pool_id AS "prefix_pool_id?", p.delegated_pool_id AS "delegated_pool_id?",
                  ARRAY(SELECT a.kind || ' ' || a.address::text FROM access.subscriber_addresses a
                         WHERE a.tenant_id = w.tenant_id AND a.subscriber_id = w.subscriber_id
                         ORDER BY a.address) AS "addresses!"
             FROM (SELECT tenant_id, subscriber_id FROM access.subscriber_admission WHERE $2 OR subscriber_id = ANY($1)
                   UNION SELECT tenant_id, subscriber_id FROM access.subscriber_addresses WHERE $2 OR subscriber_id = ANY($1)
                   UNION SELECT tenant_id, subscriber_id FROM access.subscriber_bindings WHERE $2 OR subscriber_id = ANY($1)
                   UNION SELECT u.tenant_id, u.id FROM access.site_pools p
                           JOIN access.subscribers u ON u.tenant_id = p.tenant_id AND u.site_id = p.site_id
                          WHERE u.deleted_at IS NULL AND ($2 OR u.id = ANY($1))) w
             LEFT JOIN access.subscriber_admission s ON s.tenant_id = w.tenant_id AND s.subscriber_id = w.subscriber_id
             LEFT JOIN access.subscriber_bindings b ON b.tenant_id = w.tenant_id AND b.subscriber_id = w.subscriber_id
             LEFT JOIN access.subscribers u ON u.tenant_id = w.tenant_id AND u.id = w.subscriber_id
             LEFT JOIN access.site_pools p ON p.tenant_id = u.tenant_id AND p.site_id = u.site_id"#,
        ids,
        all
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The plans of this partner that name a pool, by slug.
pub async fn plans_of_pool(tx: &mut Tx, op: &OpContext, pool: PoolId) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT p.slug FROM access.plan_admission a JOIN access.plans p ON p.tenant_id = a.tenant_id AND p.id = a.plan_id
          WHERE a.tenant_id = $1 AND $2 IN (a.ipv4_pool_id, a.prefix_pool_id, a.delegated_pool_id) ORDER BY p.slug",
        op.require_partner()?.as_uuid(),
        pool.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Forgets everything that concerns a subscriber of this partner alone: he is being removed.
pub async fn subscriber_forget(tx: &mut Tx, op: &OpContext, subscriber: SubscriberId) -> Result<(), Error> {
    sqlx::query!(
        "WITH rules AS (DELETE FROM access.subscriber_admission WHERE tenant_id = $1 AND subscriber_id = $2),
              bound AS (DELETE FROM access.subscriber_bindings WHERE tenant_id = $1 AND subscriber_id = $2)
         DELETE FROM access.subscriber_addresses WHERE tenant_id = $1 AND subscriber_id = $2",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
