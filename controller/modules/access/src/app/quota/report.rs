//! How a subscriber stands with his quota, for people: used, left, since and until when, and by what evidence.
//! Never decides anything.

use std::sync::Arc;

use kernel::id::{NasId, SessionId, SubscriberId};
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use time::OffsetDateTime;

use super::keeper::standing;
use super::watched_of;
use crate::app::subscriber::subscriber_found;
use crate::app::{App, instant};
use crate::store::quota::{self as rows, QuotaState, QuotaStep, TopUp};

/// Steps that are told, the newest first.
const STEPS_TOLD_MAX: i64 = 20;
/// Top-ups of the period that are told, the newest first.
const TOPUPS_TOLD_MAX: i64 = 50;
/// Open sessions that are told of at most.
const SESSIONS_TOLD_MAX: usize = 32;

/// How a subscriber stands.
#[derive(Debug)]
pub struct QuotaReport {
    /// His plan's slug.
    pub plan: String,
    /// `down`, `up` or `both`.
    pub counted: String,
    /// `day`, `week` or `month`.
    pub period: String,
    /// By whose clock.
    pub time_zone: String,
    /// When the period began.
    pub began_at: OffsetDateTime,
    /// When the next one begins.
    pub resets_at: OffsetDateTime,
    /// Octets of the plan.
    pub octets: i64,
    /// Octets he was given on top.
    pub topped_up: i64,
    /// What he used of those that count.
    pub used: i64,
    /// From him in the period, whether they count or not.
    pub octets_in: i64,
    /// To him.
    pub octets_out: i64,
    /// What holds for whoever used it up: `throttle`, `garden` or `reject`.
    pub on_used_up: String,
    /// The highest threshold he was told of.
    pub threshold: i32,
    /// Since when that holds for him; `None`: it does not.
    pub used_up_at: Option<OffsetDateTime>,
    /// The NAS for whose stale accounting it does not hold although it is used up.
    pub held_by: Option<String>,
    /// His open sessions, and how old their word is.
    pub sessions: Vec<Evidence>,
    /// What he was given on top in the period.
    pub topups: Vec<TopUp>,
    /// What was told and done, the newest first.
    pub steps: Vec<QuotaStep>,
}

/// An open session by which it is counted.
#[derive(Debug)]
pub struct Evidence {
    /// Which.
    pub session: SessionId,
    /// On which NAS.
    pub nas_id: NasId,
    /// Its name.
    pub nas: Option<String>,
    /// When it last spoke of the session.
    pub heard_at: OffsetDateTime,
    /// Whether the NAS missed its own interval three times; `None`: nobody looked yet.
    pub stale: Option<bool>,
}

impl QuotaReport {
    /// What he is allowed.
    #[must_use]
    pub fn allowed(&self) -> i64 {
        self.octets.saturating_add(self.topped_up)
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.allowed().saturating_sub(self.used).max(0)
    }

    /// How it stands, in a word.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.used_up_at, &self.held_by) {
            (Some(_), _) => "used_up",
            (None, Some(_)) => "held",
            (None, None) => "within",
        }
    }
}

impl App {
    /// How a subscriber stands with his quota.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subscriber this partner has not, and for one whose plan has no quota.
    pub async fn subscriber_quota(&self, op: &OpContext, id: SubscriberId) -> Result<QuotaReport, Error> {
        let partner = op.require_partner()?;
        let mut tx = self.db.begin(op).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        let watched = watched_of(&mut tx, op, subscriber.plan_id).await?;
        let watched = watched.ok_or_else(|| Error::not_found("quota", &subscriber.username))?;
        let (began, ends) = (watched.began(), watched.ends());
        let ids = [id.as_uuid()];
        let used = rows::used_list(&mut tx, partner.as_uuid(), &ids, began, ends).await?;
        let state = rows::state_list(&mut tx, partner.as_uuid(), &ids).await?.pop();
        let topups = rows::topup_list(&mut tx, op, id, began, ends, TOPUPS_TOLD_MAX).await?;
        let steps = rows::step_list(&mut tx, op, id, STEPS_TOLD_MAX).await?;
        tx.commit().await?;
        let of_now = |state: &QuotaState| state.period_began_at == began;
        let now = used.first().map(|used| (standing(&watched, used), *used));
        let sessions = self.sessions_of(partner, &ids).remove(&id.as_uuid());
        let sessions = sessions.unwrap_or_default();
        let used_up_at = state.as_ref().and_then(|state| state.used_up_at);
        let is_used_up = now.is_some_and(|(now, _)| now.used >= now.allowed);
        Ok(QuotaReport {
            plan: subscriber.plan,
            used: now.map_or(0, |(now, _)| i64::try_from(now.used).unwrap_or(i64::MAX)),
            octets_in: now.map_or(0, |(_, used)| used.octets_in),
            octets_out: now.map_or(0, |(_, used)| used.octets_out),
            topped_up: now.map_or(0, |(_, used)| used.topped_up),
            threshold: state.filter(of_now).map_or(0, |state| state.threshold),
            held_by: match is_used_up && used_up_at.is_none() {
                true => self.stale_nas(&sessions),
                false => None,
            },
            used_up_at,
            sessions: self.evidence(&sessions),
            counted: watched.entry.counted,
            period: watched.entry.period,
            time_zone: watched.entry.time_zone,
            began_at: began,
            resets_at: ends,
            octets: watched.entry.octets,
            on_used_up: watched.entry.on_used_up,
            topups,
            steps,
        })
    }

    /// Open sessions, and how old their word is.
    fn evidence(&self, sessions: &[Arc<Session>]) -> Vec<Evidence> {
        let now = OffsetDateTime::now_utc();
        let evidence = |session: &Arc<Session>| Evidence {
            session: session.id.as_uuid().into(),
            nas_id: session.nas.as_uuid().into(),
            nas: self
                .plane
                .directory
                .nas(session.nas)
                .map(|nas| nas.name.to_string()),
            heard_at: instant(session.updated_unix_s),
            stale: self
                .freshness
                .of(session.nas.as_uuid(), now)
                .map(|heard| heard.stale),
        };
        sessions.iter().take(SESSIONS_TOLD_MAX).map(evidence).collect()
    }
}
