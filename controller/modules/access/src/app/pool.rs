//! Address pools: where they take addresses from, how full they are, and when they will be.
//! Never gives an address; the access plane does.

use std::time::Duration;

use kernel::audit::{self, Entry};
use kernel::id::PoolId;
use kernel::{Error, OnConstraint, OpContext};
use radius_server::addresses::{AddressRange, PoolKind, PoolSpec, Usage};
use serde_json::json;

use super::{App, plane_partner};
use crate::store::admission::plans_of_pool;
use crate::store::pool::{self as rows, DayUsage, Pool};
use crate::store::site_pools::sites_of_pool;

/// Pools of one partner at most.
pub const POOLS_MAX: usize = 256;
/// Days of usage that a forecast looks back on.
const FORECAST_DAYS: i32 = 30;
/// Days with usage that it needs.
const FORECAST_DAYS_MIN: usize = 3;
/// Days ahead it speaks of at most.
const FORECAST_AHEAD_MAX: f64 = 3_650.0;

/// A pool and how full it is.
#[derive(Debug)]
pub struct PoolReport {
    /// The pool.
    pub pool: Pool,
    /// How full it is, as this node knows it; `None` until the access plane has it.
    pub usage: Option<Usage>,
    /// Days until nothing is left if it goes on like in the last days; `None`: too little is known, or it does not grow.
    pub days_left: Option<u32>,
}

/// A change of a pool; what is absent stays. Its name and what it gives stay for good.
#[derive(Debug, Default)]
pub struct PoolPatch {
    /// Where it takes addresses from.
    pub ranges: Option<Vec<String>>,
    /// What of that it never gives.
    pub excluded: Option<Vec<String>>,
    /// How long an address is kept for its subscriber.
    pub hold: Option<Duration>,
}

impl App {
    /// Lists a partner's pools by name.
    pub async fn pool_list(&self, op: &OpContext) -> Result<Vec<PoolReport>, Error> {
        let mut tx = self.db.begin(op).await?;
        let mut reports = Vec::new();
        for pool in rows::pool_list(&mut tx, op).await? {
            let days = rows::usage_list(&mut tx, op, pool.id, FORECAST_DAYS).await?;
            reports.push(self.pool_report(op, pool, &days)?);
        }
        tx.commit().await?;
        Ok(reports)
    }

    /// One pool.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn pool_get(&self, op: &OpContext, id: PoolId) -> Result<PoolReport, Error> {
        let mut tx = self.db.begin(op).await?;
        let pool = rows::pool_fetch(&mut tx, op, id).await?;
        let pool = pool.ok_or_else(|| Error::not_found("pool", id))?;
        let days = rows::usage_list(&mut tx, op, id, FORECAST_DAYS).await?;
        tx.commit().await?;
        self.pool_report(op, pool, &days)
    }

    /// Adds a pool.
    ///
    /// # Errors
    /// [`Error::Invalid`] for ranges that are none, [`Error::Conflict`] when its name is taken or another pool of the
    /// partner has some of its addresses.
    pub async fn pool_create(&self, op: &OpContext, pool: Pool) -> Result<PoolReport, Error> {
        let pool = checked(pool)?;
        let mut tx = self.db.begin(op).await?;
        let others = rows::pool_list(&mut tx, op).await?;
        if others.len() >= POOLS_MAX {
            return Err(Error::conflict(
                "pool",
                format!("a partner has at most {POOLS_MAX} pools"),
            ));
        }
        apart(&pool, &others)?;
        rows::pool_insert(&mut tx, op, &pool)
            .await
            .on_constraint("address_pools_tenant_id_name_key", || {
                Error::conflict("pool", format!("there is already a pool {}", pool.name))
            })?;
        let entry = Entry::ok("pool.create", "pool").object(pool.id, &pool.name);
        audit::record(&mut tx, op, entry.after(shown(&pool))).await?;
        tx.commit().await?;
        self.pool_report(op, pool, &[])
    }

    /// Changes a pool; who has an address keeps it, also when it is not in the pool any more.
    ///
    /// # Errors
    /// As [`Self::pool_create`], and [`Error::NotFound`].
    pub async fn pool_update(
        &self,
        op: &OpContext,
        id: PoolId,
        patch: PoolPatch,
    ) -> Result<PoolReport, Error> {
        let mut tx = self.db.begin(op).await?;
        let before = rows::pool_fetch(&mut tx, op, id).await?;
        let before = before.ok_or_else(|| Error::not_found("pool", id))?;
        let after = checked(Pool {
            ranges: patch.ranges.unwrap_or_else(|| before.ranges.clone()),
            excluded: patch.excluded.unwrap_or_else(|| before.excluded.clone()),
            hold_s: patch
                .hold
                .and_then(|hold| i32::try_from(hold.as_secs()).ok())
                .unwrap_or(before.hold_s),
            ..before.clone()
        })?;
        apart(&after, &rows::pool_list(&mut tx, op).await?)?;
        rows::pool_update(&mut tx, op, &after).await?;
        let entry = Entry::ok("pool.update", "pool")
            .object(id, &after.name)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.pool_get(op, id).await
    }

    /// Removes a pool that no plan and no site names.
    ///
    /// # Errors
    /// [`Error::Conflict`] while one names it.
    pub async fn pool_delete(&self, op: &OpContext, id: PoolId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let pool = rows::pool_fetch(&mut tx, op, id).await?;
        let pool = pool.ok_or_else(|| Error::not_found("pool", id))?;
        if let Some(plan) = plans_of_pool(&mut tx, op, id).await?.first() {
            let message = format!(
                "plan {plan} takes addresses of pool {}; change the plan first",
                pool.name
            );
            return Err(Error::conflict("pool", message));
        }
        if let Some(site) = sites_of_pool(&mut tx, op, id).await?.first() {
            let message = format!(
                "site {site} takes addresses of pool {}; change the site first",
                pool.name
            );
            return Err(Error::conflict("pool", message));
        }
        rows::pool_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("pool.delete", "pool").object(id, &pool.name);
        audit::record(&mut tx, op, entry.before(shown(&pool))).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A pool with how full it is.
    fn pool_report(&self, op: &OpContext, pool: Pool, days: &[DayUsage]) -> Result<PoolReport, Error> {
        let partner = plane_partner(op.require_partner()?);
        let pools = self.plane.directory.gate().pools();
        let held = pools
            .iter()
            .find(|(whose, held)| *whose == partner && held.spec().id.as_uuid() == pool.id.as_uuid());
        let usage = held.map(|(_, held)| held.usage());
        let days_left = usage.and_then(|usage| forecast(days, usage.total));
        Ok(PoolReport {
            pool,
            usage,
            days_left,
        })
    }
}

/// Days until the daily peak reaches the total, by a straight line through the days; `None`: too few, or it does not rise.
fn forecast(days: &[DayUsage], total: u32) -> Option<u32> {
    if days.len() < FORECAST_DAYS_MIN {
        return None;
    }
    let points: Vec<(f64, f64)> = days
        .iter()
        .map(|day| (f64::from(day.day.to_julian_day()), f64::from(day.peak)))
        .collect();
    let count = points.len() as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let slope_over = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum::<f64>();
    let slope_under = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
    let slope = slope_over / slope_under;
    let last = points.last()?.0;
    let now = mean_y + slope * (last - mean_x);
    let left = ((f64::from(total) - now) / slope).max(0.0);
    // A line that is flat or falls never meets the total.
    (slope > 0.0 && left <= FORECAST_AHEAD_MAX).then_some(left.floor() as u32)
}

/// A pool whose ranges are read and written as they are understood.
fn checked(pool: Pool) -> Result<Pool, Error> {
    let kind = PoolKind::of_str(&pool.kind)
        .ok_or_else(|| Error::invalid("/kind", "must be ipv4, prefix or delegated"))?;
    let unit_len = u8::try_from(pool.unit_len).ok().filter(|len| kind.takes(*len));
    let unit_len = unit_len.ok_or_else(|| {
        Error::invalid(
            "/unit_len",
            "must be 32 for ipv4, 64 for prefix, 32 to 64 for delegated",
        )
    })?;
    let ranges = read("/ranges", &pool.ranges)?;
    let excluded = read("/excluded", &pool.excluded)?;
    if let Some((one, other)) = ranges
        .iter()
        .enumerate()
        .find_map(|(at, one)| Some((one, ranges[at + 1..].iter().find(|other| one.overlaps(other))?)))
    {
        return Err(Error::invalid(
            "/ranges",
            format!("{one} and {other} have addresses in common"),
        ));
    }
    let spec = PoolSpec {
        id: pool.id.as_uuid().into(),
        name: pool.name.as_str().into(),
        kind,
        unit_len,
        ranges,
        excluded,
        hold_s: 0,
    };
    radius_server::addresses::Pool::new(spec).map_err(|why| Error::invalid("/ranges", why.to_string()))?;
    Ok(pool)
}

/// Reads ranges.
fn read(pointer: &str, texts: &[String]) -> Result<Vec<AddressRange>, Error> {
    let range = |(at, text): (usize, &String)| {
        text.parse::<AddressRange>()
            .map_err(|why| Error::invalid(format!("{pointer}/{at}"), format!("{text}: {why}")))
    };
    texts.iter().enumerate().map(range).collect()
}

/// Refuses a pool that has addresses in common with another: one authority gives each.
fn apart(pool: &Pool, others: &[Pool]) -> Result<(), Error> {
    let ranges = read("/ranges", &pool.ranges)?;
    for other in others.iter().filter(|other| other.id != pool.id) {
        let theirs = read("/ranges", &other.ranges)?;
        let clash = ranges
            .iter()
            .find(|one| theirs.iter().any(|their| one.overlaps(their)));
        if let Some(clash) = clash {
            let message = format!("{clash} has addresses in common with pool {}", other.name);
            return Err(Error::conflict("pool", message));
        }
    }
    Ok(())
}

/// A pool as the audit keeps it.
fn shown(pool: &Pool) -> serde_json::Value {
    json!({
        "name": pool.name,
        "kind": pool.kind,
        "unit_len": pool.unit_len,
        "ranges": pool.ranges,
        "excluded": pool.excluded,
        "hold_s": pool.hold_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Date;

    /// Days from one on with these peaks.
    fn days(peaks: &[i32]) -> Vec<DayUsage> {
        let day = |at: usize| Date::from_julian_day(2_461_000 + at as i32).expect("a day");
        let each = peaks.iter().enumerate();
        each.map(|(at, peak)| DayUsage {
            day: day(at),
            peak: *peak,
        })
        .collect()
    }

    #[test]
    fn a_pool_that_fills_says_when_and_one_that_does_not_says_nothing() {
        assert_eq!(forecast(&days(&[10, 20, 30]), 100), Some(7));
        assert_eq!(forecast(&days(&[30, 30, 30]), 100), None);
        assert_eq!(forecast(&days(&[30, 20, 10]), 100), None);
        assert_eq!(forecast(&days(&[10, 20]), 100), None, "two days are too few");
        assert_eq!(forecast(&days(&[90, 95, 100]), 100), Some(0));
    }
}
