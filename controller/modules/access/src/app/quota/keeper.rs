//! Looks at whoever used something, tells of thresholds, and lets what a plan says begin and end.
//! Never a login late or early: the access plane gives full service again at the end of the period by itself; what is done here
//! is for the sessions that are up.
//!
//! A look reads many at once and changes nothing. Whoever is to be told something is read again alone, with his row locked, so
//! that two nodes tell and act once; his step, his new state and the intents to end his sessions are one transaction. A crash
//! before it costs nothing, since everybody is looked at after a start; a crash after it leaves intents that are picked up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::events::{self, Event};
use kernel::id::{PartnerId, SubscriberId};
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::touched::Noted;
use super::verdict::{Act, Before, Standing, Verdict, judge};
use super::{Quotas, Watched, watched_of};
use crate::app::garden::began_since;
use crate::app::{App, instant, plane_partner, system_op, unix_now_s};
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::events as happened;
use crate::store;
use crate::store::Tx;
use crate::store::quota::{self as rows, QuotaState, StepRow, UsedEntry};
use crate::store::subscriber::Subscriber;

/// How often there is a look at whoever used something meanwhile.
const LOOK_EVERY_MS: u64 = 1_000;
/// How often periods that ended are looked for, and those who are held for a stale NAS.
const ENDED_EVERY_S: i64 = 15;
/// How long after the end of a period sessions are left to end by Session-Timeout, which the NAS was given for that.
const RESET_GRACE_S: i64 = 30;
/// Subscribers read at once.
const LOOK_MAX: usize = 500;
/// Periods that are ended at once; the others have their turn at the next look.
const ENDED_MAX: i64 = 10_000;

/// Sessions of some subscribers, by whose they are.
type SessionsOf = HashMap<Uuid, Vec<Arc<Session>>>;

impl App {
    /// Looks at everybody once, then at whoever used something, until told to stop.
    pub async fn quotas_keep(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        self.quotas.touched.everybody();
        let mut backoff = Backoff::default();
        loop {
            let wait = match self.quotas_look().await {
                Ok(()) => {
                    if backoff.succeeded() {
                        info!("quotas are looked after again");
                    }
                    Duration::from_millis(LOOK_EVERY_MS)
                }
                Err(error) => {
                    let wait = backoff.failed();
                    if backoff.worth_a_line() {
                        warn!(error = %Causes(&error), "quotas cannot be looked after; nobody is told or punished meanwhile");
                    }
                    wait
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks at whoever was noted, and from time to time at whose period ended.
    ///
    /// # Errors
    /// The database's; whoever was noted is looked at the next time.
    pub async fn quotas_look(self: &Arc<Self>) -> Result<(), Error> {
        let now = unix_now_s();
        let looked_at = i64::try_from(self.quotas.looked_at_unix_s.load(Ordering::Relaxed)).unwrap_or(0);
        let due = !(0..ENDED_EVERY_S).contains(&(now - looked_at));
        let mut noted = self.quotas.touched.take();
        if noted.is_empty() && !due {
            return Ok(());
        }
        let held = match due {
            true => std::mem::take(&mut *self.quotas.held.lock()),
            false => HashMap::new(),
        };
        let waited = !held.is_empty();
        noted.subscribers.extend(held.into_keys());
        let looked = async {
            if waited {
                self.freshness_look().await?;
            }
            self.quotas_look_at(&noted, due, now).await
        };
        match looked.await {
            Ok(()) => {
                if due {
                    self.expiries_tell().await?;
                    let now = u64::try_from(now).unwrap_or_default();
                    self.quotas.looked_at_unix_s.store(now, Ordering::Relaxed);
                }
                Ok(())
            }
            Err(error) => {
                self.quotas.touched.put_back(noted);
                Err(error)
            }
        }
    }

    /// Looks at these.
    async fn quotas_look_at(self: &Arc<Self>, noted: &Noted, due: bool, now: i64) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("quota-keeper")).await?;
        let plans = rows::quota_plan_list(&mut tx).await?;
        self.quotas.touched.watch(!plans.is_empty());
        let mut by_plan: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
        let noted_now: Vec<Uuid> = noted.subscribers.iter().copied().collect();
        for holder in rows::holder_list(&mut tx, &noted_now).await? {
            by_plan.entry(holder.plan).or_default().insert(holder.subscriber);
        }
        let ended = match due || !noted_now.is_empty() {
            true => rows::ended_list(&mut tx, instant(now - RESET_GRACE_S), ENDED_MAX).await?,
            false => Vec::new(),
        };
        tx.commit().await?;
        for (tenant, subscriber, plan) in ended {
            match plan.filter(|plan| plans.iter().any(|known| known.plan == *plan)) {
                Some(plan) => drop(by_plan.entry(plan).or_default().insert(subscriber)),
                None => self.quota_release(tenant.into(), subscriber.into()).await?,
            }
        }
        for entry in plans {
            let (plan, tenant) = (entry.plan, entry.tenant);
            let Some(watched) = Watched::of(entry, now) else {
                warn!(%plan, tenant_id = %tenant, "the period of a quota cannot be told; nobody who has it is looked at");
                continue;
            };
            if noted.everybody || noted.plans.contains(&plan) {
                self.quota_look_at_all(&watched).await?;
            } else if let Some(holders) = by_plan.remove(&plan) {
                let holders: Vec<Uuid> = holders.into_iter().collect();
                for some in holders.chunks(LOOK_MAX) {
                    self.quota_look_at_some(&watched, some).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks at everybody who has a plan.
    async fn quota_look_at_all(self: &Arc<Self>, watched: &Watched) -> Result<(), Error> {
        let (tenant, plan) = (watched.entry.tenant, watched.entry.plan);
        let page = i64::try_from(LOOK_MAX).unwrap_or(i64::MAX);
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.db.begin(&OpContext::system("quota-keeper")).await?;
            let some = rows::holder_page(&mut tx, tenant, plan, after, page).await?;
            tx.commit().await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = *last;
            self.quota_look_at_some(watched, &some).await?;
        }
    }

    /// Looks at some who have a plan.
    async fn quota_look_at_some(self: &Arc<Self>, watched: &Watched, some: &[Uuid]) -> Result<(), Error> {
        let tenant = watched.entry.tenant;
        let mut tx = self.db.begin(&OpContext::system("quota-keeper")).await?;
        let used = rows::used_list(&mut tx, tenant, some, watched.began(), watched.ends()).await?;
        let states = rows::state_list(&mut tx, tenant, some).await?;
        tx.commit().await?;
        let states: HashMap<Uuid, QuotaState> = states
            .into_iter()
            .map(|state| (state.subscriber, state))
            .collect();
        let to_settle: Vec<Uuid> = used
            .iter()
            .filter(|used| {
                let before = states.get(&used.subscriber);
                let verdict = judge(
                    &watched.entry.thresholds,
                    standing(watched, used),
                    before.map(before_of),
                    false,
                );
                verdict.changed
            })
            .map(|used| used.subscriber)
            .collect();
        if to_settle.is_empty() {
            return Ok(());
        }
        let partner = PartnerId::from(tenant);
        let mut sessions = self.sessions_of(partner, &to_settle);
        for subscriber in to_settle {
            let his = sessions.remove(&subscriber).unwrap_or_default();
            match self.quota_settle(watched, subscriber.into(), &his).await {
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                // One whose row is refused must not keep the others waiting.
                Err(error) => {
                    warn!(subscriber_id = %subscriber, tenant_id = %tenant, error = %Causes(&error), "a quota cannot be settled");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Looks at one subscriber of this partner now.
    pub(super) async fn quota_look_at_one(
        self: &Arc<Self>,
        op: &OpContext,
        id: SubscriberId,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let found = store::subscriber::subscriber_fetch(&mut tx, op, id).await?;
        let watched = match &found {
            Some(found) => watched_of(&mut tx, op, found.plan_id).await?,
            None => None,
        };
        tx.commit().await?;
        match watched {
            Some(watched) => self.quota_look_at_some(&watched, &[id.as_uuid()]).await,
            None => Ok(()),
        }
    }

    /// The open sessions of these, in one look at the table.
    pub(super) fn sessions_of(&self, partner: PartnerId, subscribers: &[Uuid]) -> SessionsOf {
        let wanted: HashSet<Uuid> = subscribers.iter().copied().collect();
        let mut of = SessionsOf::new();
        for session in self.plane.sessions.by_partner(plane_partner(partner)) {
            let whose = session.subscriber.map(|subscriber| subscriber.as_uuid());
            if let Some(subscriber) = whose.filter(|subscriber| wanted.contains(subscriber)) {
                of.entry(subscriber).or_default().push(session);
            }
        }
        of
    }

    /// The NAS of one of these sessions whose word is stale, or of which nobody knows yet whether it is.
    pub(super) fn stale_nas(&self, sessions: &[Arc<Session>]) -> Option<String> {
        let now = OffsetDateTime::now_utc();
        let stale = sessions.iter().find(|session| {
            let heard = self.freshness.of(session.nas.as_uuid(), now);
            heard.is_none_or(|heard| heard.stale)
        })?;
        let nas = self.plane.directory.nas(stale.nas);
        Some(nas.map_or_else(|| stale.nas.to_string(), |nas| nas.name.to_string()))
    }

    /// Reads one again with his row locked, tells him what is to be told, and lets begin and end what is to.
    async fn quota_settle(
        self: &Arc<Self>,
        watched: &Watched,
        id: SubscriberId,
        sessions: &[Arc<Session>],
    ) -> Result<(), Error> {
        let op = system_op(watched.entry.tenant.into());
        let mut tx = self.db.begin(&op).await?;
        store::subscriber::subscriber_lock(&mut tx, &op, id).await?;
        let found = store::subscriber::subscriber_fetch(&mut tx, &op, id).await?;
        let Some(subscriber) = found.filter(|found| found.plan_id.as_uuid() == watched.entry.plan) else {
            return Ok(()); // He was removed or got another plan meanwhile, and was noted for it.
        };
        let ids = [id.as_uuid()];
        let tenant = watched.entry.tenant;
        let used = rows::used_list(&mut tx, tenant, &ids, watched.began(), watched.ends()).await?;
        let state = rows::state_list(&mut tx, tenant, &ids).await?.pop();
        let Some(used) = used.first() else { return Ok(()) };
        let now = standing(watched, used);
        let stale = self.stale_nas(sessions);
        let verdict = judge(
            &watched.entry.thresholds,
            now,
            state.as_ref().map(before_of),
            stale.is_some(),
        );
        if let (Act::Hold, Some(nas)) = (verdict.act, stale) {
            debug!(subscriber_id = %id, tenant_id = %tenant, nas, "a quota is used up, but accounting of the NAS is stale: nobody is punished for it yet");
            self.quotas.held.lock().insert(id.as_uuid(), nas);
        }
        if !verdict.changed {
            return Ok(());
        }
        let settling = Settling {
            watched,
            subscriber: &subscriber,
            now,
            state: state.as_ref(),
        };
        let told = settling.tell(&mut tx, &op, &verdict).await?;
        rows::state_put(&mut tx, &op, &settling.after(&verdict)).await?;
        let ending = settling.act(self, &mut tx, &op, &verdict, sessions).await?;
        tx.commit().await?;
        for threshold in told {
            Quotas::count(&self.quotas.counters.thresholds);
            info!(subscriber_id = %id, tenant_id = %tenant, threshold, used = now.used, allowed = now.allowed, "a quota has reached a threshold");
        }
        if let Some(ending) = ending {
            let counters = &self.quotas.counters;
            Quotas::count(if verdict.used_up {
                &counters.used_up
            } else {
                &counters.restored
            });
            let what = if verdict.used_up {
                "a quota is used up"
            } else {
                "a quota that was used up is not any more"
            };
            info!(subscriber_id = %id, tenant_id = %tenant, used = now.used, allowed = now.allowed, sessions = ending.count(), "{what}");
            ending.go(self, verdict.used_up);
        }
        Ok(())
    }

    /// Lets go of somebody who had used up a quota and has none any more.
    async fn quota_release(self: &Arc<Self>, partner: PartnerId, id: SubscriberId) -> Result<(), Error> {
        let op = system_op(partner);
        let ids = [id.as_uuid()];
        let sessions = self.sessions_of(partner, &ids).remove(&id.as_uuid());
        let mut tx = self.db.begin(&op).await?;
        store::subscriber::subscriber_lock(&mut tx, &op, id).await?;
        let found = store::subscriber::subscriber_fetch(&mut tx, &op, id).await?;
        let state = rows::state_list(&mut tx, partner.as_uuid(), &ids).await?.pop();
        let Some((subscriber, state)) = found.zip(state) else {
            return Ok(());
        };
        if rows::plan_quota_fetch(&mut tx, &op, subscriber.plan_id)
            .await?
            .is_some()
        {
            return Ok(()); // It came back meanwhile.
        }
        let why = "his plan has no quota any more";
        let step = StepRow {
            step: "restored",
            threshold: None,
            period_began_at: state.period_began_at,
            allowed: state.allowed,
            used: state.used,
            why,
        };
        rows::step_insert(&mut tx, &op, id, &step).await?;
        rows::state_delete(&mut tx, &op, id).await?;
        let event = Event::new(&happened::SUBSCRIBER_RESTORED, id, &subscriber.username);
        events::emit(&mut tx, &op, event.data(json!({ "why": in_reason(why) }))).await?;
        let slow = leaving(&subscriber, &state, &sessions.unwrap_or_default());
        let ending = self
            .quota_sessions_end(&mut tx, &op, id, &slow, &in_reason(why))
            .await?;
        tx.commit().await?;
        Quotas::count(&self.quotas.counters.restored);
        ending.go(self, false);
        Ok(())
    }
}

/// One whose row is locked and about whom something is to be told or done.
struct Settling<'s> {
    /// By which quota.
    watched: &'s Watched,
    /// Who.
    subscriber: &'s Subscriber,
    /// How he stands.
    now: Standing,
    /// What was told and done before.
    state: Option<&'s QuotaState>,
}

impl Settling<'_> {
    /// Remembers the thresholds that are told of now; those that nobody remembered before.
    async fn tell(&self, tx: &mut Tx, op: &OpContext, verdict: &Verdict) -> Result<Vec<i32>, Error> {
        let mut told = Vec::new();
        for threshold in &verdict.told {
            let why = format!("{threshold} % of the quota is used");
            let step = StepRow {
                threshold: Some(*threshold),
                ..self.step("threshold", &why)
            };
            if rows::step_insert(tx, op, self.subscriber.id, &step).await? {
                let event = self.event(&happened::SUBSCRIBER_QUOTA_THRESHOLD, &why, Some(*threshold));
                events::emit(tx, op, event).await?;
                told.push(*threshold);
            }
        }
        Ok(told)
    }

    /// Remembers what begins or ends, and stores that the sessions it is about are to end.
    async fn act(
        &self,
        app: &Arc<App>,
        tx: &mut Tx,
        op: &OpContext,
        verdict: &Verdict,
        sessions: &[Arc<Session>],
    ) -> Result<Option<super::ending::Ending>, Error> {
        let (step, why, ended) = match verdict.act {
            Act::Nothing | Act::Hold => return Ok(None),
            Act::UseUp => {
                let ended = match served(self.subscriber) {
                    true => sessions.to_vec(),
                    false => Vec::new(),
                };
                ("used_up", "the quota is used up", ended)
            }
            Act::Restore => {
                let state = self.state;
                let same = state.is_some_and(|state| state.period_began_at == self.watched.began());
                let why = match same {
                    true => "he is allowed more than he used",
                    false => "the next period has begun",
                };
                let ended = state.map(|state| leaving(self.subscriber, state, sessions));
                ("restored", why, ended.unwrap_or_default())
            }
        };
        rows::step_insert(tx, op, self.subscriber.id, &self.step(step, why)).await?;
        let kind = match verdict.used_up {
            true => &happened::SUBSCRIBER_QUOTA_USED_UP,
            false => &happened::SUBSCRIBER_RESTORED,
        };
        events::emit(tx, op, self.event(kind, why, None)).await?;
        let reason = in_reason(why);
        app.quota_sessions_end(tx, op, self.subscriber.id, &ended, &reason)
            .await
            .map(Some)
    }

    /// What is told to others.
    fn event(&self, kind: &'static events::Kind, why: &str, threshold: Option<i32>) -> Event {
        Event::new(kind, self.subscriber.id, &self.subscriber.username).data(json!({
            "why": in_reason(why),
            "threshold": threshold,
            "used": self.now.used,
            "allowed": self.now.allowed,
            "period_began_at": self.watched.period.began_unix_s,
            "resets_at": self.watched.period.ends_unix_s,
        }))
    }

    /// A step as it stands now.
    fn step<'r>(&self, step: &'static str, why: &'r str) -> StepRow<'r> {
        StepRow {
            step,
            threshold: None,
            period_began_at: self.watched.began(),
            allowed: signed(self.now.allowed),
            used: signed(self.now.used),
            why,
        }
    }

    /// What is remembered of him then.
    fn after(&self, verdict: &Verdict) -> QuotaState {
        let since = self.state.and_then(|state| state.used_up_at);
        QuotaState {
            subscriber: self.subscriber.id.as_uuid(),
            period_began_at: self.watched.began(),
            period_ends_at: self.watched.ends(),
            allowed: signed(self.now.allowed),
            used: signed(self.now.used),
            threshold: verdict.threshold,
            used_up_at: verdict
                .used_up
                .then(|| since.unwrap_or_else(OffsetDateTime::now_utc)),
        }
    }
}

/// How somebody stands.
pub(super) fn standing(watched: &Watched, used: &UsedEntry) -> Standing {
    let positive = |octets: i64| u64::try_from(octets).unwrap_or_default();
    Standing {
        began_unix_s: watched.period.began_unix_s,
        allowed: positive(watched.entry.octets.saturating_add(used.topped_up)),
        used: positive(watched.counted(used.octets_in, used.octets_out)),
    }
}

/// What was told and done before.
fn before_of(state: &QuotaState) -> Before {
    Before {
        began_unix_s: state.period_began_at.unix_timestamp(),
        allowed: u64::try_from(state.allowed).unwrap_or_default(),
        threshold: state.threshold,
        used_up: state.used_up_at.is_some(),
    }
}

/// The sessions that began while the quota was used up, of somebody who is to have service: they are slow, or in the garden.
fn leaving(subscriber: &Subscriber, state: &QuotaState, sessions: &[Arc<Session>]) -> Vec<Arc<Session>> {
    let Some(since) = state.used_up_at.filter(|_| served(subscriber)) else {
        return Vec::new();
    };
    // One that began after the period's end began with full service.
    let of_then =
        |session: &&Arc<Session>| began_since(session, since) && !began_since(session, state.period_ends_at);
    sessions.iter().filter(of_then).map(Arc::clone).collect()
}

/// Whether he has service but for his quota: otherwise his sessions are none of its business.
fn served(subscriber: &Subscriber) -> bool {
    let ended = |at: OffsetDateTime| at <= OffsetDateTime::now_utc();
    subscriber.status == "active" && !subscriber.expires_at.is_some_and(ended)
}

/// Why a session is ended, in words.
fn in_reason(why: &str) -> String {
    format!("quota: {why}")
}

/// Octets as the database has them.
fn signed(octets: u64) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}
