//! Quota: how many octets a plan gives in a period, and what happens to whoever used them up.
//! Never counts an octet, which the drain does, and never decides about a login, which the access plane does by what is fed.
//!
//! [`period`] says when a period begins and ends, [`verdict`] what is to be told and done, [`touched`] who is to be looked at;
//! [`keeper`] looks, `ending` ends sessions so that they come back as they are to be; [`report`] is all of it for people.

mod ending;
pub mod keeper;
pub mod period;
pub mod report;
pub mod touched;
pub mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use kernel::audit::{self, Entry};
use kernel::events::{self, Event};
use kernel::id::{PlanId, SubscriberId, TopUpId};
use kernel::{Error, OpContext};
use parking_lot::Mutex;
use radius_server::Directory;
use radius_server::authorization::garden::GardenReason;
use radius_server::authorization::{Sheet, Terms};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use self::period::{Every, Period};
use self::touched::Touched;
use super::subscriber::subscriber_found;
use super::terms::MakesInUse;
use super::{App, instant, plan, terms, unix_now_s};
use crate::events as happened;
use crate::store::quota::{self as rows, PlanQuota, QuotaPlanEntry};
use crate::store::{self, Tx};

/// Octets that are given on top at once, at most: 1 PB.
pub const TOPUP_OCTETS_MAX: i64 = 1_000_000_000_000_000;

/// What the module keeps of quotas in memory.
#[derive(Debug)]
pub struct Quotas {
    /// Who is to be looked at.
    pub touched: Arc<Touched>,
    /// Who used up his quota and is not punished, because a NAS of his is stale: its name.
    held: Mutex<HashMap<Uuid, String>>,
    /// When those were last looked at again, and periods that ended: Unix seconds.
    looked_at_unix_s: AtomicU64,
    /// What was told and done.
    pub counters: QuotaCounters,
}

/// What was told and done since the start.
#[derive(Debug, Default)]
pub struct QuotaCounters {
    /// Thresholds told of.
    pub thresholds: AtomicU64,
    /// Quotas used up.
    pub used_up: AtomicU64,
    /// Service restored.
    pub restored: AtomicU64,
}

impl Quotas {
    /// Nobody was looked at yet.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            touched: Arc::new(Touched::new(directory)),
            held: Mutex::default(),
            looked_at_unix_s: AtomicU64::default(),
            counters: QuotaCounters::default(),
        }
    }

    /// How many are not punished because a NAS of theirs is stale.
    #[must_use]
    pub fn held_count(&self) -> u64 {
        u64::try_from(self.held.lock().len()).unwrap_or(u64::MAX)
    }

    /// Counts one more.
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl App {
    /// What a plan gives in a period; `None`: as much as anybody likes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a plan this partner has not.
    pub async fn plan_quota_get(&self, op: &OpContext, id: PlanId) -> Result<Option<PlanQuota>, Error> {
        let mut tx = self.db.begin(op).await?;
        plan::plan_found(&mut tx, op, id).await?;
        let quota = rows::plan_quota_fetch(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(quota)
    }

    /// Gives a plan a quota, or another one. Whoever used up the new one is dealt with at once, and so is whoever has not.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that makes no sense, for a throttle that a NAS of the partner would not hear, and for a
    /// garden that is not there.
    pub async fn plan_quota_put(
        &self,
        op: &OpContext,
        id: PlanId,
        quota: PlanQuota,
    ) -> Result<PlanQuota, Error> {
        let mut tx = self.db.begin(op).await?;
        store::plan::plan_lock(&mut tx, op, id).await?;
        let plan = plan::plan_found(&mut tx, op, id).await?;
        let whole = plan::whole_of(&plan)?;
        let makes = terms::makes_in_use(&mut tx, op).await?;
        check(&quota, &whole, &makes)?;
        if quota.on_used_up == "garden" {
            garden_check(&mut tx, op).await?;
        }
        let before = rows::plan_quota_fetch(&mut tx, op, id).await?;
        rows::plan_quota_put(&mut tx, op, id, &quota).await?;
        let entry = Entry::ok("plan.quota", "plan")
            .object(id, &plan.slug)
            .before(before.as_ref().map_or(Value::Null, shown))
            .after(shown(&quota));
        audit::record(&mut tx, op, entry).await?;
        plan_changed(&mut tx, op, &plan, before.as_ref(), Some(&quota)).await?;
        tx.commit().await?;
        self.quotas.touched.plan(id.as_uuid());
        Ok(quota)
    }

    /// Takes the quota of a plan away; whoever had used it up gets full service again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has none.
    pub async fn plan_quota_delete(&self, op: &OpContext, id: PlanId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::plan::plan_lock(&mut tx, op, id).await?;
        let plan = plan::plan_found(&mut tx, op, id).await?;
        let before = rows::plan_quota_fetch(&mut tx, op, id).await?;
        let before = before.ok_or_else(|| Error::not_found("quota", id))?;
        rows::plan_quota_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("plan.quota", "plan")
            .object(id, &plan.slug)
            .before(shown(&before));
        audit::record(&mut tx, op, entry).await?;
        plan_changed(&mut tx, op, &plan, Some(&before), None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives a subscriber octets on top in the period that goes on. When that is enough he has full service again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subscriber this partner has not, [`Error::Conflict`] when his plan has no quota.
    pub async fn quota_top_up(
        self: &Arc<Self>,
        op: &OpContext,
        id: SubscriberId,
        octets: i64,
        reason: String,
    ) -> Result<report::QuotaReport, Error> {
        let mut tx = self.db.begin(op).await?;
        store::subscriber::subscriber_lock(&mut tx, op, id).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        if rows::plan_quota_fetch(&mut tx, op, subscriber.plan_id)
            .await?
            .is_none()
        {
            let message = format!(
                "the plan {} has no quota: there is nothing to top up",
                subscriber.plan
            );
            return Err(Error::conflict("quota", message));
        }
        rows::topup_insert(&mut tx, op, TopUpId::new(), id, octets, &reason).await?;
        let entry = Entry::ok("subscriber.quota_top_up", "subscriber")
            .object(id, &subscriber.username)
            .reason(reason.as_str())
            .after(json!({ "octets": octets }));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&happened::SUBSCRIBER_QUOTA_TOPPED_UP, id, &subscriber.username);
        events::emit(
            &mut tx,
            op,
            event.data(json!({ "octets": octets, "reason": reason })),
        )
        .await?;
        tx.commit().await?;
        // Now and not at the next look: he pays, and wants to see it. Should this fail, the next look does it.
        self.quotas.touched.subscriber(id.as_uuid());
        self.quota_look_at_one(op, id).await?;
        self.subscriber_quota(op, id).await
    }
}

/// A plan's quota, understood.
struct Watched {
    /// As it is stored.
    entry: QuotaPlanEntry,
    /// The period that holds.
    period: Period,
}

impl Watched {
    /// `None` for one that a later version of this program wrote, or without a time zone that is known.
    fn of(entry: QuotaPlanEntry, now_unix_s: i64) -> Option<Self> {
        let every = Every::of(&entry.period, entry.reset_day)?;
        let zone = TimeZone::get(&entry.time_zone).ok()?;
        let period = every.at(&zone, now_unix_s)?;
        Some(Self { entry, period })
    }

    /// The first moment of the period.
    fn began(&self) -> OffsetDateTime {
        instant(self.period.began_unix_s)
    }

    /// The first moment of the next one.
    fn ends(&self) -> OffsetDateTime {
        instant(self.period.ends_unix_s)
    }

    /// Octets that count, of both directions.
    fn counted(&self, octets_in: i64, octets_out: i64) -> i64 {
        match self.entry.counted.as_str() {
            "down" => octets_out,
            "up" => octets_in,
            _ => octets_in.saturating_add(octets_out),
        }
    }
}

/// Refuses a quota that makes no sense, or whose throttle somebody behind a NAS of the partner would not feel.
fn check(quota: &PlanQuota, plan: &Terms, makes: &MakesInUse) -> Result<(), Error> {
    if Every::of(&quota.period, quota.reset_day).is_none() {
        let message = "must be 1 to 31 for a month, 1 (Monday) to 7 for a week, 1 for a day";
        return Err(Error::invalid("/reset_day", message));
    }
    let throttle = terms::read("/throttle", &quota.throttle)?;
    if quota.on_used_up != "throttle" {
        return match throttle.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid(
                "/throttle",
                "says something although on_used_up is not throttle",
            )),
        };
    }
    if throttle.is_empty() {
        return Err(Error::invalid("/throttle", "must say what holds then"));
    }
    if !throttle.windows.is_empty() {
        return Err(Error::invalid(
            "/throttle/windows",
            "a throttle is the same at all hours",
        ));
    }
    let throttled = throttle.over(plan);
    terms::check_at("/throttle", &throttled, makes)?;
    for (make, nas) in makes {
        let said = |terms: &Terms| Sheet::new(terms, *make, &[]);
        if said(&throttled) == said(plan) {
            let message = format!(
                "says nothing that NAS of the make {}, such as {nas}, would be told: there it would be no throttle; name \
                 a policy for it, or use garden or reject",
                make.as_str()
            );
            return Err(Error::invalid("/throttle", message));
        }
    }
    Ok(())
}

/// Refuses a quota whose garden is not there.
async fn garden_check(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    let garden = store::garden::garden_fetch(tx, op).await?;
    let word = GardenReason::Quota.as_str();
    if garden.is_some_and(|garden| garden.reasons.iter().any(|reason| reason == word)) {
        return Ok(());
    }
    let message = "there is no garden for the reason quota: open one first (headend garden set --reasons …,quota), or use \
                   throttle or reject";
    Err(Error::invalid("/on_used_up", message))
}

/// Tells that a plan has another quota.
async fn plan_changed(
    tx: &mut Tx,
    op: &OpContext,
    plan: &store::plan::Plan,
    before: Option<&PlanQuota>,
    after: Option<&PlanQuota>,
) -> Result<(), Error> {
    let quota = |quota: Option<&PlanQuota>| json!({ "quota": quota.map(shown) });
    let event = Event::new(&happened::PLAN_UPDATED, plan.id, &plan.slug);
    match event.changed(&quota(before), &quota(after)) {
        Some(event) => events::emit(tx, op, event).await.map(drop),
        None => Ok(()),
    }
}

/// A quota as the audit keeps it.
fn shown(quota: &PlanQuota) -> Value {
    json!({
        "octets": quota.octets,
        "counted": quota.counted,
        "period": quota.period,
        "reset_day": quota.reset_day,
        "thresholds": quota.thresholds,
        "on_used_up": quota.on_used_up,
        "throttle": quota.throttle,
    })
}

/// The quota that holds for a subscriber of this partner, by his plan.
async fn watched_of(tx: &mut Tx, op: &OpContext, plan: PlanId) -> Result<Option<Watched>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let all = rows::quota_plan_list(tx).await?;
    let entry = all
        .into_iter()
        .find(|entry| entry.tenant == tenant && entry.plan == plan.as_uuid());
    Ok(entry.and_then(|entry| Watched::of(entry, unix_now_s())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use radius_server::authorization::Make;

    /// A quota that slows down to this.
    fn throttle(terms: Value) -> PlanQuota {
        PlanQuota {
            octets: 1,
            counted: "both".to_owned(),
            period: "month".to_owned(),
            reset_day: 1,
            thresholds: vec![80, 100],
            on_used_up: "throttle".to_owned(),
            throttle: terms,
        }
    }

    /// Asserts that a quota is refused behind these makes, at a field and with these words.
    #[track_caller]
    fn refused(quota: &PlanQuota, plan: Value, makes: &[Make], pointer: &str, words: &str) {
        let makes: MakesInUse = makes.iter().map(|make| (*make, "bras-1".to_owned())).collect();
        let plan = terms::read("/terms", &plan).expect("terms");
        let error = check(quota, &plan, &makes).expect_err("refused");
        let text = format!("{error:?}");
        assert!(text.contains(pointer) && text.contains(words), "{text}");
    }

    #[test]
    fn a_throttle_that_a_make_in_use_does_not_hear_is_refused() {
        let plan = json!({"download_bps": 100_000_000, "upload_bps": 20_000_000});
        let slow = throttle(json!({"download_bps": 1_000_000, "upload_bps": 1_000_000}));
        let makes = |makes: &[Make]| -> MakesInUse {
            makes.iter().map(|make| (*make, "bras-1".to_owned())).collect()
        };
        let read = terms::read("/terms", &plan).expect("terms");
        assert!(check(&slow, &read, &makes(&[Make::Mikrotik, Make::Generic])).is_ok());
        // Policies by name are what a Cisco hears; fixed ones stay what they are.
        refused(
            &slow,
            plan.clone(),
            &[Make::Mikrotik, Make::Cisco],
            "/throttle",
            "cisco, such as bras-1",
        );
        let fixed = json!({"download_bps": 100_000_000, "upload_bps": 20_000_000,
            "policies": {"cisco": {"down": "GOLD", "up": "GOLD"}}});
        refused(&slow, fixed, &[Make::Cisco], "/throttle", "cisco");
        let by_speed = terms::read(
            "/terms",
            &json!({"download_bps": 100_000_000, "upload_bps": 20_000_000,
            "policies": {"cisco": {"down": "D{down_k}", "up": "U{up_k}"}}}),
        );
        assert!(check(&slow, &by_speed.expect("terms"), &makes(&[Make::Cisco])).is_ok());
    }

    #[test]
    fn half_a_quota_is_refused_at_its_field() {
        let plan = || json!({});
        refused(&throttle(json!({})), plan(), &[], "/throttle", "must say");
        refused(
            &throttle(json!({"download_bps": 1})),
            plan(),
            &[],
            "/throttle/upload_bps",
            "must be given",
        );
        refused(&throttle(json!({"speed": 1})), plan(), &[], "/throttle", "speed");
        let garden = PlanQuota {
            on_used_up: "garden".to_owned(),
            ..throttle(json!({"download_bps": 1, "upload_bps": 1}))
        };
        refused(&garden, plan(), &[], "/throttle", "not throttle");
        let never = PlanQuota {
            period: "week".to_owned(),
            reset_day: 8,
            ..throttle(json!({"download_bps": 1, "upload_bps": 1}))
        };
        refused(&never, plan(), &[], "/reset_day", "Monday");
    }
}
