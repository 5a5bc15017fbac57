//! A partner's workflows over HTTP: how each stands, and its timeline.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Query, routes};
use crate::id::WorkflowId;
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::workflows::{Shown, ShownStep, workflow_fetch, workflow_list};

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("workflows")
        .add(Access::Needs(Permission::JobsManage), routes!(workflows_list))
        .add(Access::Needs(Permission::JobsManage), routes!(workflows_fetch))
}

/// Several steps that are done or undone together.
#[derive(Serialize, ToSchema)]
struct WorkflowView {
    /// Its id.
    id: WorkflowId,
    /// Which list of steps.
    kind: String,
    /// About what.
    subject: String,
    /// What its steps have to know.
    input: Value,
    /// `running`, `undoing`, `done`, `undone` or `stuck`.
    state: String,
    /// Why it is undone.
    error: Option<String>,
    /// Who wanted it.
    actor_name: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
    /// Its timeline; only when one is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<WorkflowStepView>>,
}

/// One step.
#[derive(Serialize, ToSchema)]
struct WorkflowStepView {
    /// Its place, from 0.
    n: i16,
    /// Its name.
    name: String,
    /// `begun`, `done` or `undone`.
    state: String,
    /// Attempts to do it and to undo it.
    attempts: i32,
    /// What it made.
    output: Option<Value>,
    /// What the last attempt said.
    error: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    begun_at: OffsetDateTime,
    /// When it was done.
    #[serde(with = "time::serde::rfc3339::option")]
    done_at: Option<OffsetDateTime>,
    /// When it was undone.
    #[serde(with = "time::serde::rfc3339::option")]
    undone_at: Option<OffsetDateTime>,
}

impl From<Shown> for WorkflowView {
    fn from(workflow: Shown) -> Self {
        Self {
            id: workflow.id,
            kind: workflow.kind,
            subject: workflow.subject,
            input: workflow.input,
            state: workflow.state,
            error: workflow.error,
            actor_name: workflow.actor_name,
            created_at: workflow.created_at,
            finished_at: workflow.finished_at,
            steps: None,
        }
    }
}

impl From<ShownStep> for WorkflowStepView {
    fn from(step: ShownStep) -> Self {
        Self {
            n: step.n,
            name: step.name,
            state: step.state,
            attempts: step.attempts,
            output: step.output,
            error: step.error,
            begun_at: step.begun_at,
            done_at: step.done_at,
            undone_at: step.undone_at,
        }
    }
}

/// Narrows the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct WorkflowFilter {
    /// `running`, `undoing`, `done`, `undone` or `stuck`.
    #[garde(length(chars, max = 20))]
    state: Option<String>,
}

/// Which workflow.
#[derive(Deserialize)]
struct WorkflowPath {
    /// Its id.
    workflow_id: WorkflowId,
}

/// Lists workflows, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/workflows",
    params(("partner_id" = String, Path), WorkflowFilter, Page),
    responses((status = 200, body = Data<Vec<WorkflowView>>)))]
async fn workflows_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<WorkflowFilter>,
) -> Result<Data<Vec<WorkflowView>>, Problem> {
    let state = filter.state.as_deref();
    let (rows, total) = workflow_list(&kernel.db, &op, state, page.limit(), page.offset()).await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(WorkflowView::from).collect(),
    ))
}

/// Fetches a workflow with its timeline.
#[utoipa::path(get, path = "/partners/{partner_id}/workflows/{workflow_id}",
    params(("partner_id" = String, Path), ("workflow_id" = WorkflowId, Path)),
    responses((status = 200, body = Data<WorkflowView>)))]
async fn workflows_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WorkflowPath>,
) -> Result<Data<WorkflowView>, Problem> {
    let (workflow, steps) = workflow_fetch(&kernel.db, &op, path.workflow_id).await?;
    let view = WorkflowView {
        steps: Some(steps.into_iter().map(WorkflowStepView::from).collect()),
        ..workflow.into()
    };
    Ok(Data::one(&op, view))
}
