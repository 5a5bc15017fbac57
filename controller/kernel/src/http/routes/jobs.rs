//! What the program has to do, over HTTP: a partner's own jobs, and all of them for the platform.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Query, routes};
use crate::id::{JobId, PartnerId};
use crate::jobs::list::{Filter, Shown};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("jobs")
        .add(Access::Needs(Permission::JobsManage), routes!(job_list))
        .add(Access::Needs(Permission::JobsManage), routes!(job_fetch))
        .add(Access::Needs(Permission::JobsManage), routes!(job_retry))
        .add(
            Access::PlatformNeeds(Permission::JobsManage),
            routes!(platform_job_list),
        )
        .add(
            Access::PlatformNeeds(Permission::JobsManage),
            routes!(platform_job_retry),
        )
}

/// Something the program has to do, or did.
#[derive(Serialize, ToSchema)]
struct JobView {
    /// Its id.
    id: JobId,
    /// Whose; null: the platform's own.
    partner_id: Option<PartnerId>,
    /// What is to be done.
    kind: String,
    /// Of one lane one at a time, in order.
    lane: Option<String>,
    /// About what.
    data: Value,
    /// `waiting`, `running`, `done` or `dead`.
    state: String,
    /// Not before.
    #[serde(with = "time::serde::rfc3339")]
    run_at: OffsetDateTime,
    /// Attempts so far.
    attempts: i32,
    /// What was wrong with the last one.
    error: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was done or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
}

impl From<Shown> for JobView {
    fn from(job: Shown) -> Self {
        Self {
            id: job.id,
            partner_id: job.partner,
            kind: job.kind,
            lane: job.lane,
            data: job.data,
            state: job.state,
            run_at: job.run_at,
            attempts: job.attempts,
            error: job.error,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// Narrows the list; all are exact.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct JobFilter {
    /// `waiting`, `running`, `done` or `dead`.
    #[garde(length(chars, max = 20))]
    state: Option<String>,
    /// What is to be done.
    #[garde(length(chars, max = 64))]
    kind: Option<String>,
}

/// Which job.
#[derive(Deserialize)]
struct JobPath {
    /// Its id.
    job_id: JobId,
}

/// Lists a partner's jobs, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/jobs", params(("partner_id" = String, Path), JobFilter, Page),
    responses((status = 200, body = Data<Vec<JobView>>)))]
async fn job_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<JobFilter>,
) -> Result<Data<Vec<JobView>>, Problem> {
    list(&kernel, &op, &page, filter).await
}

/// Lists the jobs of all partners and of the platform, newest first.
#[utoipa::path(get, path = "/jobs", params(JobFilter, Page), responses((status = 200, body = Data<Vec<JobView>>)))]
async fn platform_job_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<JobFilter>,
) -> Result<Data<Vec<JobView>>, Problem> {
    list(&kernel, &op, &page, filter).await
}

/// Fetches a job.
#[utoipa::path(get, path = "/partners/{partner_id}/jobs/{job_id}",
    params(("partner_id" = String, Path), ("job_id" = JobId, Path)), responses((status = 200, body = Data<JobView>)))]
async fn job_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<JobPath>,
) -> Result<Data<JobView>, Problem> {
    Ok(Data::one(
        &op,
        kernel.jobs.job_fetch(&op, path.job_id).await?.into(),
    ))
}

/// Has a job done once more that was given up, or now that waits.
#[utoipa::path(post, path = "/partners/{partner_id}/jobs/{job_id}/retry",
    params(("partner_id" = String, Path), ("job_id" = JobId, Path)), responses((status = 202, body = Data<JobView>)))]
async fn job_retry(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<JobPath>,
) -> Result<Data<JobView>, Problem> {
    Ok(Data::one(&op, kernel.jobs.job_retry(&op, path.job_id).await?.into()).accepted())
}

/// The same for a job of the platform or of any partner.
#[utoipa::path(post, path = "/jobs/{job_id}/retry", params(("job_id" = JobId, Path)),
    responses((status = 202, body = Data<JobView>)))]
async fn platform_job_retry(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<JobPath>,
) -> Result<Data<JobView>, Problem> {
    Ok(Data::one(&op, kernel.jobs.job_retry(&op, path.job_id).await?.into()).accepted())
}

/// A page.
async fn list(
    kernel: &Kernel,
    op: &OpContext,
    page: &Page,
    filter: JobFilter,
) -> Result<Data<Vec<JobView>>, Problem> {
    let JobFilter { state, kind } = filter;
    let (rows, total) = kernel
        .jobs
        .job_list(op, &Filter { state, kind }, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        op,
        page,
        total,
        rows.into_iter().map(JobView::from).collect(),
    ))
}
