//! `access.address_pools`, `access.address_leases`, `access.pool_usage`: addresses that are given centrally.
//! Never says who gets which; the access plane does, and this remembers it.

use ipnet::IpNet;
use kernel::id::PoolId;
use kernel::{Error, OpContext};
use time::Date;
use uuid::Uuid;

use super::Tx;

/// A pool.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// How people call it.
    pub name: String,
    /// `ipv4`, `prefix` or `delegated`.
    pub kind: String,
    /// Bits of what one subscriber gets.
    pub unit_len: i32,
    /// Where it takes them from.
    pub ranges: Vec<String>,
    /// What of that it never gives.
    pub excluded: Vec<String>,
    /// Seconds for which an address is kept for its subscriber.
    pub hold_s: i32,
    /// Who decides about its ranges.
    pub source: String,
}

/// A pool as the feeder reads it.
#[derive(Debug, Clone)]
pub struct PoolEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// How people call it.
    pub name: String,
    /// `ipv4`, `prefix` or `delegated`.
    pub kind: String,
    /// Bits of what one subscriber gets.
    pub unit_len: i32,
    /// Where it takes them from.
    pub ranges: Vec<String>,
    /// What of that it never gives.
    pub excluded: Vec<String>,
    /// Seconds for which an address is kept for its subscriber.
    pub hold_s: i32,
}

/// One address that was given.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Of which pool.
    pub pool_id: Uuid,
    /// It, or the first of a prefix.
    pub address: IpNet,
    /// To whom.
    pub subscriber_id: Uuid,
    /// A digest of his device.
    pub device: i64,
    /// Whether he has it now.
    pub live: bool,
}

/// How full a pool was on one day.
#[derive(Debug, Clone, Copy)]
pub struct DayUsage {
    /// Which day.
    pub day: Date,
    /// Given at once, at most.
    pub peak: i32,
}

/// Lists the pools of this partner by name; a partner has few.
pub async fn pool_list(tx: &mut Tx, op: &OpContext) -> Result<Vec<Pool>, Error> {
    Ok(sqlx::query_as!(
        Pool,
        r#"SELECT id AS "id: PoolId", name, kind, unit_len, ranges, excluded, hold_s, source
             FROM access.address_pools WHERE tenant_id = $1 ORDER BY name"#,
        op.require_partner()?.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Fetches one pool of this partner, locked until the transaction ends.
pub async fn pool_fetch(tx: &mut Tx, op: &OpContext, id: PoolId) -> Result<Option<Pool>, Error> {
    Ok(sqlx::query_as!(
        Pool,
        r#"SELECT id AS "id: PoolId", name, kind, unit_len, ranges, excluded, hold_s, source
             FROM access.address_pools WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Inserts a pool.
///
/// # Errors
/// The plain database error: [`crate::app::pool`] knows what a violated constraint means to the caller.
pub async fn pool_insert(tx: &mut Tx, op: &OpContext, pool: &Pool) -> Result<(), sqlx::Error> {
    let tenant = op.require_partner().map_err(|_| sqlx::Error::RowNotFound)?;
    sqlx::query!(
        "INSERT INTO access.address_pools (id, tenant_id, name, kind, unit_len, ranges, excluded, hold_s, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        pool.id.as_uuid(),
        tenant.as_uuid(),
        pool.name,
        pool.kind,
        pool.unit_len,
        &pool.ranges,
        &pool.excluded,
        pool.hold_s,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Updates where a pool takes addresses from and how long it keeps them.
pub async fn pool_update(tx: &mut Tx, op: &OpContext, pool: &Pool) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.address_pools SET ranges = $3, excluded = $4, hold_s = $5, updated_at = now(), updated_by = $6
          WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        pool.id.as_uuid(),
        &pool.ranges,
        &pool.excluded,
        pool.hold_s,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes a pool with what is remembered of its addresses.
pub async fn pool_delete(tx: &mut Tx, op: &OpContext, id: PoolId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.address_pools WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How full a pool was at most on each of the last days, oldest first.
pub async fn usage_list(tx: &mut Tx, op: &OpContext, id: PoolId, days: i32) -> Result<Vec<DayUsage>, Error> {
    Ok(sqlx::query_as!(
        DayUsage,
        "SELECT day, peak FROM access.pool_usage
          WHERE tenant_id = $1 AND pool_id = $2 AND day > current_date - $3::integer ORDER BY day",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        days
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The pools of these partners.
pub async fn pool_entries(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<PoolEntry>, Error> {
    Ok(sqlx::query_as!(
        PoolEntry,
        "SELECT tenant_id AS tenant, id, name, kind, unit_len, ranges, excluded, hold_s
           FROM access.address_pools WHERE tenant_id = ANY($1)",
        tenants
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What is assigned for good by these partners that have pools.
pub async fn assigned_entries(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<(Uuid, IpNet)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT tenant_id, address AS "address: IpNet" FROM access.subscriber_addresses
            WHERE tenant_id = ANY($1) AND tenant_id IN (SELECT tenant_id FROM access.address_pools)"#,
        tenants
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.address)).collect())
}

/// Everything that is remembered of addresses that were given.
pub async fn lease_list(tx: &mut Tx) -> Result<Vec<Lease>, Error> {
    Ok(sqlx::query_as!(
        Lease,
        r#"SELECT pool_id, address AS "address: IpNet", subscriber_id, device, live
             FROM access.address_leases ORDER BY since"#
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Writes down who has which; of a pool that is gone nothing is written.
pub async fn lease_put_all(tx: &mut Tx, leases: &[Lease]) -> Result<(), Error> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for lease in leases {
        columns.0.push(lease.pool_id);
        columns.1.push(lease.address);
        columns.2.push(lease.subscriber_id);
        columns.3.push(lease.device);
        columns.4.push(lease.live);
    }
    let (pools, addresses, subscribers, devices, live) = columns;
    sqlx::query!(
        "INSERT INTO access.address_leases (tenant_id, pool_id, address, subscriber_id, device, live)
         SELECT p.tenant_id, w.pool_id, w.address, w.subscriber_id, w.device, w.live
           FROM UNNEST($1::uuid[], $2::inet[], $3::uuid[], $4::bigint[], $5::boolean[])
                AS w (pool_id, address, subscriber_id, device, live)
           JOIN access.address_pools p ON p.id = w.pool_id
         ON CONFLICT (pool_id, address) DO UPDATE SET subscriber_id = excluded.subscriber_id, device = excluded.device,
             live = excluded.live, since = now()",
        &pools,
        &addresses as &[IpNet],
        &subscribers,
        &devices,
        &live
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down how full pools are, unless they were fuller earlier that day: pool, given, total.
pub async fn usage_put_all(tx: &mut Tx, usage: &[(Uuid, i32, i32)]) -> Result<(), Error> {
    let (mut pools, mut peaks, mut totals) = (Vec::new(), Vec::new(), Vec::new());
    for (pool, peak, total) in usage {
        pools.push(*pool);
        peaks.push(*peak);
        totals.push(*total);
    }
    sqlx::query!(
        "INSERT INTO access.pool_usage (tenant_id, pool_id, day, peak, total)
         SELECT p.tenant_id, w.pool_id, (now() AT TIME ZONE 'UTC')::date, w.peak, w.total
           FROM UNNEST($1::uuid[], $2::integer[], $3::integer[]) AS w (pool_id, peak, total)
           JOIN access.address_pools p ON p.id = w.pool_id
         ON CONFLICT (pool_id, day) DO UPDATE SET peak = greatest(pool_usage.peak, excluded.peak), total = excluded.total",
        &pools,
        &peaks,
        &totals
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
