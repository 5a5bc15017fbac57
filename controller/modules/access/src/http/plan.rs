//! Plans over HTTP. Never holds a rule; see [`crate::app::plan`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Valid, nullable};
use kernel::id::PlanId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::terms::TermsShape;
use super::window;
use crate::app::plan::{PlanDraft, PlanPatch};
use crate::app::{App, Change};
use crate::store::plan::{Plan, PlanRow};

/// The fastest rate that is taken for meant: 1 Tbit/s.
const RATE_BPS_MAX: i64 = 1_000_000_000_000;

/// A plan to make.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PlanCreate {
    /// Stable short name.
    #[garde(pattern(r"^[a-z0-9-]{1,63}$"))]
    slug: String,
    /// What people read; the slug when absent.
    #[garde(length(chars, min = 1, max = 100))]
    name: Option<String>,
    /// Towards the subscriber, bit/s; both directions or none.
    #[garde(range(min = 1, max = RATE_BPS_MAX))]
    download_bps: Option<i64>,
    /// From the subscriber, bit/s.
    #[garde(range(min = 1, max = RATE_BPS_MAX))]
    upload_bps: Option<i64>,
    /// Session-Timeout, seconds.
    #[garde(range(min = 1))]
    session_timeout_s: Option<i32>,
    /// Idle-Timeout, seconds.
    #[garde(range(min = 1))]
    idle_timeout_s: Option<i32>,
    /// Acct-Interim-Interval, seconds.
    #[serde(default = "interim_usual")]
    #[garde(range(min = 60))]
    interim_interval_s: i32,
    /// Framed-Pool, the name of a pool on the NAS.
    #[garde(length(chars, min = 1, max = 63))]
    framed_pool: Option<String>,
    /// What else it gives.
    #[serde(default)]
    #[schema(value_type = TermsShape)]
    terms: Map<String, Value>,
}

/// A change of a plan; what is absent stays, `null` empties.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PlanChange {
    /// Stable short name.
    #[garde(inner(pattern(r"^[a-z0-9-]{1,63}$")))]
    slug: Option<String>,
    /// What people read.
    #[garde(length(chars, min = 1, max = 100))]
    name: Option<String>,
    /// Towards the subscriber, bit/s.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    #[garde(inner(range(min = 1, max = RATE_BPS_MAX)))]
    download_bps: Change<i64>,
    /// From the subscriber, bit/s.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    #[garde(inner(range(min = 1, max = RATE_BPS_MAX)))]
    upload_bps: Change<i64>,
    /// Session-Timeout, seconds.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>)]
    #[garde(inner(range(min = 1)))]
    session_timeout_s: Change<i32>,
    /// Idle-Timeout, seconds.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>)]
    #[garde(inner(range(min = 1)))]
    idle_timeout_s: Change<i32>,
    /// Acct-Interim-Interval, seconds.
    #[garde(range(min = 60))]
    interim_interval_s: Option<i32>,
    /// Framed-Pool.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[garde(inner(length(chars, min = 1, max = 63)))]
    framed_pool: Change<String>,
    /// What else it gives: what is named takes the place of what there is, `null` takes it away.
    #[schema(value_type = Option<TermsShape>)]
    terms: Option<Map<String, Value>>,
}

/// A plan.
#[derive(Serialize, ToSchema)]
pub struct PlanView {
    /// Its id.
    id: PlanId,
    /// Stable short name.
    slug: String,
    /// What people read.
    name: String,
    /// Towards the subscriber, bit/s; `null`: the NAS decides.
    download_bps: Option<i64>,
    /// From the subscriber, bit/s.
    upload_bps: Option<i64>,
    /// Session-Timeout, seconds.
    session_timeout_s: Option<i32>,
    /// Idle-Timeout, seconds.
    idle_timeout_s: Option<i32>,
    /// Acct-Interim-Interval, seconds.
    interim_interval_s: i32,
    /// Framed-Pool.
    framed_pool: Option<String>,
    /// What else it gives.
    #[schema(value_type = TermsShape)]
    terms: Value,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// Which plan.
#[derive(Deserialize)]
pub struct PlanPath {
    /// Its id.
    pub(super) plan_id: PlanId,
}

/// Lists the plans of a partner.
#[utoipa::path(get, path = "/partners/{partner_id}/plans", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<PlanView>>)))]
pub async fn plan_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<PlanView>>, Problem> {
    let listed = app.plan_list(&op, window(&page)).await?;
    Ok(Data::list(
        &op,
        &page,
        listed.total,
        listed.rows.into_iter().map(PlanView::from).collect(),
    ))
}

/// Makes a plan.
#[utoipa::path(post, path = "/partners/{partner_id}/plans", params(("partner_id" = String, Path)),
    request_body = PlanCreate, responses((status = 201, body = Data<PlanView>)))]
pub async fn plan_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<PlanCreate>,
) -> Result<Data<PlanView>, Problem> {
    Ok(Data::one(&op, app.plan_create(&op, body.into()).await?.into()).created())
}

/// Shows one plan.
#[utoipa::path(get, path = "/partners/{partner_id}/plans/{plan_id}",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)),
    responses((status = 200, body = Data<PlanView>)))]
pub async fn plan_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
) -> Result<Data<PlanView>, Problem> {
    Ok(Data::one(&op, app.plan_get(&op, path.plan_id).await?.into()))
}

/// Changes a plan; the next login of everybody on it gets the new one.
#[utoipa::path(patch, path = "/partners/{partner_id}/plans/{plan_id}",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)), request_body = PlanChange,
    responses((status = 200, body = Data<PlanView>)))]
pub async fn plan_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
    Valid(body): Valid<PlanChange>,
) -> Result<Data<PlanView>, Problem> {
    Ok(Data::one(
        &op,
        app.plan_update(&op, path.plan_id, body.into()).await?.into(),
    ))
}

/// Deletes a plan that nobody has.
#[utoipa::path(delete, path = "/partners/{partner_id}/plans/{plan_id}",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)), responses((status = 204)))]
pub async fn plan_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
) -> Result<StatusCode, Problem> {
    app.plan_delete(&op, path.plan_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How often a session reports unless the plan says otherwise.
const fn interim_usual() -> i32 {
    300
}

impl From<PlanCreate> for PlanDraft {
    fn from(body: PlanCreate) -> Self {
        Self {
            download_bps: body.download_bps,
            upload_bps: body.upload_bps,
            row: PlanRow {
                name: body.name.unwrap_or_else(|| body.slug.clone()),
                slug: body.slug,
                session_timeout_s: body.session_timeout_s,
                idle_timeout_s: body.idle_timeout_s,
                interim_interval_s: body.interim_interval_s,
                framed_pool: body.framed_pool,
                terms: Value::Object(body.terms),
            },
        }
    }
}

impl From<PlanChange> for PlanPatch {
    fn from(body: PlanChange) -> Self {
        Self {
            slug: body.slug,
            name: body.name,
            download_bps: body.download_bps,
            upload_bps: body.upload_bps,
            session_timeout_s: body.session_timeout_s,
            idle_timeout_s: body.idle_timeout_s,
            interim_interval_s: body.interim_interval_s,
            framed_pool: body.framed_pool,
            terms: body.terms,
        }
    }
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        Self {
            id: plan.id,
            slug: plan.slug,
            name: plan.name,
            download_bps: plan.download_bps,
            upload_bps: plan.upload_bps,
            session_timeout_s: plan.session_timeout_s,
            idle_timeout_s: plan.idle_timeout_s,
            interim_interval_s: plan.interim_interval_s,
            framed_pool: plan.framed_pool,
            terms: plan.terms,
            created_at: plan.created_at,
            updated_at: plan.updated_at,
        }
    }
}
