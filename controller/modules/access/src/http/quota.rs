//! Quotas over HTTP: what a plan gives in a period, how a subscriber stands, and octets on top. Never holds a rule; see
//! [`crate::app::quota`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem, Valid};
use kernel::id::{NasId, PlanId, SessionId, SubscriberId, TopUpId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::plan::PlanPath;
use super::subscriber::SubscriberPath;
use super::terms::TermsShape;
use crate::app::App;
use crate::app::quota::TOPUP_OCTETS_MAX;
use crate::app::quota::report::{Evidence, QuotaReport};
use crate::store::quota::{PlanQuota, QuotaStep, TopUp};

/// Octets of a quota at most.
const QUOTA_OCTETS_MAX: i64 = 1_000_000_000_000_000_000;

/// Declares a word of a closed set.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$word_doc])* $word,)+ }

        impl $name {
            /// The stable word.
            const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)+ }
            }
        }
    };
}

words! {
    /// Which of the subscriber's directions count.
    Counted {
        /// What goes to him.
        Down = "down",
        /// What comes from him.
        Up = "up",
        /// The sum.
        Both = "both",
    }
}

words! {
    /// How often a quota begins anew, by the clock of the partner.
    QuotaPeriod {
        /// At each midnight.
        Day = "day",
        /// On a day of the week.
        Week = "week",
        /// On a day of the month.
        Month = "month",
    }
}

words! {
    /// What holds for whoever used it up, until the next period or a top-up.
    OnUsedUp {
        /// Other terms in place of the plan's.
        Throttle = "throttle",
        /// The walled garden, for the reason `quota`.
        Garden = "garden",
        /// He is turned away.
        Reject = "reject",
    }
}

/// A quota as it is to be.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct QuotaPut {
    /// Octets in a period.
    #[garde(range(min = 1, max = QUOTA_OCTETS_MAX))]
    octets: i64,
    /// Which directions count.
    #[serde(default = "both")]
    counted: Counted,
    /// How often it begins anew.
    period: QuotaPeriod,
    /// On which day: of the month, its last where it has none such; of the week, 1 is Monday.
    #[serde(default = "first")]
    #[garde(range(min = 1, max = 31))]
    reset_day: i32,
    /// Per cent at which it is told of, once for what somebody is allowed in a period [default: 80 and 100].
    #[serde(default = "usual")]
    #[garde(length(min = 1, max = 8), inner(range(min = 1, max = 100)))]
    thresholds: Vec<i32>,
    /// What holds then.
    on_used_up: OnUsedUp,
    /// With `throttle`: what is given in place of the plan's; every NAS of the partner must be told something else by it.
    #[serde(default)]
    #[schema(value_type = TermsShape)]
    throttle: Map<String, Value>,
}

/// What a plan gives in a period.
#[derive(Serialize, ToSchema)]
pub struct QuotaView {
    /// Octets in a period.
    octets: i64,
    /// `down`, `up` or `both`.
    counted: String,
    /// `day`, `week` or `month`.
    period: String,
    /// On which day it begins anew.
    reset_day: i32,
    /// Per cent at which it is told of.
    thresholds: Vec<i32>,
    /// `throttle`, `garden` or `reject`.
    on_used_up: String,
    /// What is given in place of the plan's.
    #[schema(value_type = TermsShape)]
    throttle: Value,
}

/// Octets on top.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct TopUpCreate {
    /// So many, in the period that goes on.
    #[garde(range(min = 1, max = TOPUP_OCTETS_MAX))]
    octets: i64,
    /// Why; it stands in the audit.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// How a subscriber stands with his quota.
#[derive(Serialize, ToSchema)]
pub struct SubscriberQuotaView {
    /// `within`; `used_up`: what the plan says for that holds; `held`: used up, and not punished for stale accounting.
    state: &'static str,
    /// His plan.
    plan: String,
    /// Octets of the plan in a period.
    octets: i64,
    /// Octets he was given on top in this one.
    topped_up: i64,
    /// Both together.
    allowed: i64,
    /// What he used of them.
    used: i64,
    /// What is left.
    left: i64,
    /// `down`, `up` or `both`: what counts.
    counted: String,
    /// From him in the period, whether it counts or not.
    octets_in: i64,
    /// To him.
    octets_out: i64,
    /// The highest threshold he was told of, per cent; 0: none.
    threshold: i32,
    /// What holds for whoever used it up: `throttle`, `garden` or `reject`.
    on_used_up: String,
    /// Since when that holds for him.
    #[serde(with = "time::serde::rfc3339::option")]
    used_up_at: Option<OffsetDateTime>,
    /// The NAS for whose stale accounting it does not.
    held_by: Option<String>,
    /// `day`, `week` or `month`.
    period: String,
    /// By whose clock.
    time_zone: String,
    /// When the period began.
    #[serde(with = "time::serde::rfc3339")]
    began_at: OffsetDateTime,
    /// When the next one begins.
    #[serde(with = "time::serde::rfc3339")]
    resets_at: OffsetDateTime,
    /// By what it is counted beside sessions that have ended: his open sessions.
    sessions: Vec<EvidenceView>,
    /// What he was given on top in the period.
    topups: Vec<TopUpView>,
    /// What was told and done, the newest first.
    steps: Vec<QuotaStepView>,
}

/// An open session by which it is counted.
#[derive(Serialize, ToSchema)]
pub struct EvidenceView {
    /// Which.
    session_id: SessionId,
    /// On which NAS.
    nas_id: NasId,
    /// Its name.
    nas: Option<String>,
    /// When it last spoke of the session.
    #[serde(with = "time::serde::rfc3339")]
    heard_at: OffsetDateTime,
    /// Whether it missed its own interval three times; `null`: nobody looked yet.
    stale: Option<bool>,
}

/// Octets given on top.
#[derive(Serialize, ToSchema)]
pub struct TopUpView {
    /// Its id.
    id: TopUpId,
    /// So many.
    octets: i64,
    /// Why.
    reason: String,
    /// Who gave them.
    by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// What was told or done.
#[derive(Serialize, ToSchema)]
pub struct QuotaStepView {
    /// `threshold`, `used_up` or `restored`.
    step: String,
    /// Which threshold, per cent.
    threshold: Option<i32>,
    /// What he was allowed then.
    allowed: i64,
    /// What he had used then.
    used: i64,
    /// In words.
    why: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

/// Shows what a plan gives in a period; 404 when it gives as much as anybody likes.
#[utoipa::path(get, path = "/partners/{partner_id}/plans/{plan_id}/quota",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)),
    responses((status = 200, body = Data<QuotaView>)))]
pub async fn plan_quota_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
) -> Result<Data<QuotaView>, Problem> {
    let quota = app.plan_quota_get(&op, path.plan_id).await?;
    let quota = quota.ok_or_else(|| kernel::Error::not_found("quota", path.plan_id))?;
    Ok(Data::one(&op, quota.into()))
}

/// Gives a plan a quota, or another one as a whole.
#[utoipa::path(put, path = "/partners/{partner_id}/plans/{plan_id}/quota",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)), request_body = QuotaPut,
    responses((status = 200, body = Data<QuotaView>)))]
pub async fn plan_quota_put(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
    Valid(body): Valid<QuotaPut>,
) -> Result<Data<QuotaView>, Problem> {
    let quota = app.plan_quota_put(&op, path.plan_id, body.into()).await?;
    Ok(Data::one(&op, quota.into()))
}

/// Takes the quota of a plan away.
#[utoipa::path(delete, path = "/partners/{partner_id}/plans/{plan_id}/quota",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)), responses((status = 204)))]
pub async fn plan_quota_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
) -> Result<StatusCode, Problem> {
    app.plan_quota_delete(&op, path.plan_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells how a subscriber stands with his quota, and by what evidence; 404 when his plan has none.
#[utoipa::path(get, path = "/partners/{partner_id}/subscribers/{subscriber_id}/quota",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)),
    responses((status = 200, body = Data<SubscriberQuotaView>)))]
pub async fn subscriber_quota_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
) -> Result<Data<SubscriberQuotaView>, Problem> {
    Ok(Data::one(
        &op,
        app.subscriber_quota(&op, path.subscriber_id).await?.into(),
    ))
}

/// Gives a subscriber octets on top in the period that goes on; when that is enough he has full service again at once.
#[utoipa::path(post, path = "/partners/{partner_id}/subscribers/{subscriber_id}/quota/top-ups",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)), request_body = TopUpCreate,
    responses((status = 201, body = Data<SubscriberQuotaView>)))]
pub async fn subscriber_quota_top_up(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
    Valid(body): Valid<TopUpCreate>,
) -> Result<Data<SubscriberQuotaView>, Problem> {
    let report = app
        .quota_top_up(&op, path.subscriber_id, body.octets, body.reason)
        .await?;
    Ok(Data::one(&op, report.into()).created())
}

/// Both directions count unless said.
const fn both() -> Counted {
    Counted::Both
}

/// It begins anew on the first day unless said.
const fn first() -> i32 {
    1
}

/// Where it is told of unless said.
fn usual() -> Vec<i32> {
    vec![80, 100]
}

impl From<QuotaPut> for PlanQuota {
    fn from(body: QuotaPut) -> Self {
        let mut thresholds = body.thresholds;
        thresholds.sort_unstable();
        thresholds.dedup();
        Self {
            octets: body.octets,
            counted: body.counted.as_str().to_owned(),
            period: body.period.as_str().to_owned(),
            reset_day: body.reset_day,
            thresholds,
            on_used_up: body.on_used_up.as_str().to_owned(),
            throttle: Value::Object(body.throttle),
        }
    }
}

impl From<PlanQuota> for QuotaView {
    fn from(quota: PlanQuota) -> Self {
        Self {
            octets: quota.octets,
            counted: quota.counted,
            period: quota.period,
            reset_day: quota.reset_day,
            thresholds: quota.thresholds,
            on_used_up: quota.on_used_up,
            throttle: quota.throttle,
        }
    }
}

impl From<QuotaReport> for SubscriberQuotaView {
    fn from(report: QuotaReport) -> Self {
        Self {
            state: report.state(),
            allowed: report.allowed(),
            left: report.left(),
            plan: report.plan,
            octets: report.octets,
            topped_up: report.topped_up,
            used: report.used,
            counted: report.counted,
            octets_in: report.octets_in,
            octets_out: report.octets_out,
            threshold: report.threshold,
            on_used_up: report.on_used_up,
            used_up_at: report.used_up_at,
            held_by: report.held_by,
            period: report.period,
            time_zone: report.time_zone,
            began_at: report.began_at,
            resets_at: report.resets_at,
            sessions: report.sessions.into_iter().map(EvidenceView::from).collect(),
            topups: report.topups.into_iter().map(TopUpView::from).collect(),
            steps: report.steps.into_iter().map(QuotaStepView::from).collect(),
        }
    }
}

impl From<Evidence> for EvidenceView {
    fn from(evidence: Evidence) -> Self {
        Self {
            session_id: evidence.session,
            nas_id: evidence.nas_id,
            nas: evidence.nas,
            heard_at: evidence.heard_at,
            stale: evidence.stale,
        }
    }
}

impl From<TopUp> for TopUpView {
    fn from(topup: TopUp) -> Self {
        Self {
            id: topup.id,
            octets: topup.octets,
            reason: topup.reason,
            by: topup.created_by_name,
            at: topup.created_at,
        }
    }
}

impl From<QuotaStep> for QuotaStepView {
    fn from(step: QuotaStep) -> Self {
        Self {
            step: step.step,
            threshold: step.threshold,
            allowed: step.allowed,
            used: step.used,
            why: step.why,
            at: step.at,
        }
    }
}
