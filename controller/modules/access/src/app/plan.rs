//! Plans: what a subscriber gets, and the bandwidth profile row behind each.
//! Never encodes an attribute; the feeder does, for the NAS make at hand.

use kernel::audit::{self, Entry};
use kernel::events::{self, Event};
use kernel::id::{BandwidthProfileId, PlanId};
use kernel::{Error, OnConstraint, OpContext};
use radius_server::authorization::Terms;
use serde_json::{Map, Value, json};

use super::{App, Change, changed, terms};
use crate::events as happened;
use crate::store::plan::{Plan, PlanRow, Rate};
use crate::store::{self, Listed, Tx, Window};

/// A new plan.
#[derive(Debug)]
pub struct PlanDraft {
    /// What it is to be.
    pub row: PlanRow,
    /// Towards the subscriber, bit/s.
    pub download_bps: Option<i64>,
    /// From the subscriber, bit/s.
    pub upload_bps: Option<i64>,
}

/// A change of a plan; what is absent stays.
#[derive(Debug, Default)]
pub struct PlanPatch {
    /// Stable short name.
    pub slug: Option<String>,
    /// What people read.
    pub name: Option<String>,
    /// Towards the subscriber, bit/s.
    pub download_bps: Change<i64>,
    /// From the subscriber, bit/s.
    pub upload_bps: Change<i64>,
    /// Session-Timeout, seconds.
    pub session_timeout_s: Change<i32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout_s: Change<i32>,
    /// Acct-Interim-Interval, seconds.
    pub interim_interval_s: Option<i32>,
    /// Framed-Pool.
    pub framed_pool: Change<String>,
    /// What else it gives; what this names takes the place of what there is, `null` takes it away.
    pub terms: Option<Map<String, Value>>,
}

impl App {
    /// Lists a partner's plans by slug.
    pub async fn plan_list(&self, op: &OpContext, window: Window) -> Result<Listed<Plan>, Error> {
        let mut tx = self.db.begin(op).await?;
        let listed = store::plan::plan_list(&mut tx, op, window).await?;
        tx.commit().await?;
        Ok(listed)
    }

    /// One plan.
    pub async fn plan_get(&self, op: &OpContext, id: PlanId) -> Result<Plan, Error> {
        let mut tx = self.db.begin(op).await?;
        let plan = plan_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(plan)
    }

    /// Makes a plan, and the profile that carries its rate.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the slug is taken, [`Error::Invalid`] when only one direction has a rate.
    pub async fn plan_create(&self, op: &OpContext, draft: PlanDraft) -> Result<Plan, Error> {
        let rate = rate(draft.download_bps, draft.upload_bps)?;
        let id = PlanId::new();
        let mut tx = self.db.begin(op).await?;
        self.plan_check(&mut tx, op, &draft.row, rate).await?;
        let profile = profile_put(&mut tx, op, None, &draft.row.slug, rate).await?;
        taken(
            store::plan::plan_insert(&mut tx, op, id, &draft.row, profile).await,
            &draft.row,
        )?;
        let plan = plan_found(&mut tx, op, id).await?;
        audit::record(
            &mut tx,
            op,
            Entry::ok("plan.create", "plan")
                .object(id, &plan.slug)
                .after(shown(&plan)),
        )
        .await?;
        let event = Event::new(&happened::PLAN_CREATED, id, &plan.slug).data(shown(&plan));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok(plan)
    }

    /// Changes a plan; the next login of everybody on it gets the new one.
    ///
    /// # Errors
    /// As [`Self::plan_create`], and [`Error::NotFound`].
    pub async fn plan_update(&self, op: &OpContext, id: PlanId, patch: PlanPatch) -> Result<Plan, Error> {
        let mut tx = self.db.begin(op).await?;
        store::plan::plan_lock(&mut tx, op, id).await?;
        let before = plan_found(&mut tx, op, id).await?;
        let rate = rate(
            changed(before.download_bps, patch.download_bps),
            changed(before.upload_bps, patch.upload_bps),
        )?;
        let row = PlanRow {
            slug: patch.slug.unwrap_or_else(|| before.slug.clone()),
            name: patch.name.unwrap_or_else(|| before.name.clone()),
            session_timeout_s: changed(before.session_timeout_s, patch.session_timeout_s),
            idle_timeout_s: changed(before.idle_timeout_s, patch.idle_timeout_s),
            interim_interval_s: patch.interim_interval_s.unwrap_or(before.interim_interval_s),
            framed_pool: changed(before.framed_pool.clone(), patch.framed_pool),
            terms: terms::merged(&before.terms, patch.terms.as_ref()),
        };
        self.plan_check(&mut tx, op, &row, rate).await?;
        let profile = profile_put(&mut tx, op, before.bandwidth_profile_id, &row.slug, rate).await?;
        taken(
            store::plan::plan_update(&mut tx, op, id, &row, profile).await,
            &row,
        )?;
        if let (Some(unused), None) = (before.bandwidth_profile_id, profile) {
            store::plan::bandwidth_profile_delete(&mut tx, op, unused).await?;
        }
        let after = plan_found(&mut tx, op, id).await?;
        let entry = Entry::ok("plan.update", "plan")
            .object(id, &after.slug)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&happened::PLAN_UPDATED, id, &after.slug);
        if let Some(event) = event.changed(&shown(&before), &shown(&after)) {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Refuses a plan that makes no sense, or that a NAS of this partner could not be told.
    async fn plan_check(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        row: &PlanRow,
        rate: Option<Rate>,
    ) -> Result<(), Error> {
        let terms = whole(row, rate)?;
        terms::check(&terms, true, &terms::makes_in_use(tx, op).await?)
    }

    /// Deletes a plan that nobody has.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a subscriber has it.
    pub async fn plan_delete(&self, op: &OpContext, id: PlanId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::plan::plan_lock(&mut tx, op, id).await?;
        let plan = plan_found(&mut tx, op, id).await?;
        let holders = store::plan::plan_subscriber_count(&mut tx, op, id).await?;
        if holders > 0 {
            let message = format!(
                "{holders} subscribers have the plan {}; give them another one first",
                plan.slug
            );
            return Err(Error::conflict("plan", message));
        }
        store::plan::plan_delete(&mut tx, op, id).await?;
        if let Some(profile) = plan.bandwidth_profile_id {
            store::plan::bandwidth_profile_delete(&mut tx, op, profile).await?;
        }
        let entry = Entry::ok("plan.delete", "plan")
            .object(id, &plan.slug)
            .before(shown(&plan));
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&happened::PLAN_DELETED, id, &plan.slug)).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// All that a plan gives.
fn whole(row: &PlanRow, rate: Option<Rate>) -> Result<Terms, Error> {
    let positive = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let bps = |of: fn(Rate) -> i64| rate.and_then(|rate| u64::try_from(of(rate)).ok());
    Ok(Terms {
        download_bps: bps(|rate| rate.download_bps),
        upload_bps: bps(|rate| rate.upload_bps),
        session_timeout_s: positive(row.session_timeout_s),
        idle_timeout_s: positive(row.idle_timeout_s),
        interim_interval_s: positive(Some(row.interim_interval_s)),
        pool: row.framed_pool.as_deref().map(Into::into),
        ..terms::read_of_plan(&row.terms)?
    })
}

/// All that a stored plan gives.
///
/// # Errors
/// [`Error::Invalid`] for one that a later version of this program wrote.
pub(super) fn whole_of(plan: &Plan) -> Result<Terms, Error> {
    let row = PlanRow {
        slug: plan.slug.clone(),
        name: plan.name.clone(),
        session_timeout_s: plan.session_timeout_s,
        idle_timeout_s: plan.idle_timeout_s,
        interim_interval_s: plan.interim_interval_s,
        framed_pool: plan.framed_pool.clone(),
        terms: plan.terms.clone(),
    };
    whole(&row, rate(plan.download_bps, plan.upload_bps)?)
}

/// A plan of this partner, or not found.
pub(super) async fn plan_found(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<Plan, Error> {
    store::plan::plan_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("plan", id))
}

/// A rate has both directions or none: half a rate would leave the other one to chance.
fn rate(download_bps: Option<i64>, upload_bps: Option<i64>) -> Result<Option<Rate>, Error> {
    match (download_bps, upload_bps) {
        (None, None) => Ok(None),
        (Some(download_bps), Some(upload_bps)) => Ok(Some(Rate {
            download_bps,
            upload_bps,
        })),
        (None, Some(_)) => Err(Error::invalid(
            "/download_bps",
            "must be given when upload_bps is",
        )),
        (Some(_), None) => Err(Error::invalid(
            "/upload_bps",
            "must be given when download_bps is",
        )),
    }
}

/// Writes the profile behind a plan, if it has a rate; its id.
async fn profile_put(
    tx: &mut Tx,
    op: &OpContext,
    own: Option<BandwidthProfileId>,
    slug: &str,
    rate: Option<Rate>,
) -> Result<Option<BandwidthProfileId>, Error> {
    let Some(rate) = rate else { return Ok(None) };
    let id = own.unwrap_or_else(BandwidthProfileId::new);
    store::plan::bandwidth_profile_put(tx, op, id, slug, rate)
        .await
        .on_constraint("radius_bandwidth_profiles_tenant_id_name_key", || {
            slug_taken(slug)
        })?;
    Ok(Some(id))
}

/// Says what a violated constraint means.
fn taken(result: Result<(), sqlx::Error>, row: &PlanRow) -> Result<(), Error> {
    result.on_constraint("plans_tenant_id_slug_key", || slug_taken(&row.slug))
}

/// The slug is in use.
fn slug_taken(slug: &str) -> Error {
    Error::conflict("plan", format!("there is already a plan {slug}"))
}

/// A plan as the audit keeps it.
fn shown(plan: &Plan) -> Value {
    json!({
        "slug": plan.slug,
        "name": plan.name,
        "download_bps": plan.download_bps,
        "upload_bps": plan.upload_bps,
        "session_timeout_s": plan.session_timeout_s,
        "idle_timeout_s": plan.idle_timeout_s,
        "interim_interval_s": plan.interim_interval_s,
        "framed_pool": plan.framed_pool,
        "terms": plan.terms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_both_directions_or_none() {
        assert_eq!(rate(None, None).ok(), Some(None));
        assert_eq!(
            rate(Some(2), Some(1)).ok(),
            Some(Some(Rate {
                download_bps: 2,
                upload_bps: 1
            }))
        );
        assert!(rate(Some(2), None).is_err());
        assert!(rate(None, Some(1)).is_err());
    }
}
