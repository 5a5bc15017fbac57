//! The SQL of workflows and their timelines.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::runner::KIND;
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::id::{PartnerId, WorkflowId};
use crate::jobs::{NewJob, enqueue};
use crate::op::OpContext;

/// A workflow to begin.
#[derive(Debug, Clone)]
pub struct NewWorkflow {
    /// Which list of steps.
    pub kind: &'static str,
    /// About what, for people.
    pub subject: String,
    /// What its steps have to know, without secrets.
    pub input: Value,
}

/// A workflow as people see it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub id: WorkflowId,
    /// Whose; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// Which list of steps.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// What its steps have to know.
    pub input: Value,
    /// `running`, `undoing`, `done`, `undone` or `stuck`.
    pub state: String,
    /// Why it is undone.
    pub error: Option<String>,
    /// Who wanted it.
    pub actor_name: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
}

/// One line of its timeline.
#[derive(Debug, Clone)]
pub struct ShownStep {
    /// Its place.
    pub n: i16,
    /// Its name.
    pub name: String,
    /// `begun`, `done` or `undone`.
    pub state: String,
    /// To do it and to undo it.
    pub attempts: i32,
    /// What it made.
    pub output: Option<Value>,
    /// What the last attempt said.
    pub error: Option<String>,
    /// When it began for the first time.
    pub begun_at: OffsetDateTime,
    /// When it was done.
    pub done_at: Option<OffsetDateTime>,
    /// When it was undone.
    pub undone_at: Option<OffsetDateTime>,
}

/// Begins a workflow in the transaction of the act that wants it.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`]; the act must then not commit.
pub async fn start(tx: &mut Tx, op: &OpContext, new: NewWorkflow) -> Result<WorkflowId, Error> {
    let id = WorkflowId::new();
    sqlx::query!(
        "INSERT INTO kernel.workflows (id, tenant_id, kind, subject, input, actor_name, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        new.kind,
        new.subject,
        new.input,
        op.actor.name,
        op.request_id.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    let job = NewJob {
        key: Some(id.to_string()),
        ..NewJob::new(KIND, json!({ "workflow": id }))
    };
    enqueue(tx, op, job).await?;
    Ok(id)
}

/// One workflow with its timeline.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn workflow_fetch(
    db: &Database,
    op: &OpContext,
    id: WorkflowId,
) -> Result<(Shown, Vec<ShownStep>), Error> {
    let mut tx = db.begin(op).await?;
    let workflow = workflow_find_in_tx(&mut tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("workflow", id))?;
    let steps = step_list_in_tx(&mut tx, id).await?;
    Ok((workflow, steps))
}

/// Lists workflows, newest first, with the number of all that match.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn workflow_list(
    db: &Database,
    op: &OpContext,
    state: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Shown>, i64), Error> {
    let partner = op.partner.map(PartnerId::as_uuid);
    let mut tx = db.begin(op).await?;
    let rows = sqlx::query_as!(
        Shown,
        r#"SELECT id AS "id: WorkflowId", tenant_id AS "partner: PartnerId", kind, subject, input, state, error,
                  actor_name, created_at, finished_at
           FROM kernel.workflows WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR state = $2)
           ORDER BY id DESC LIMIT $3 OFFSET $4"#,
        partner,
        state,
        limit,
        offset,
    )
    .fetch_all(&mut *tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.workflows
           WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::text IS NULL OR state = $2)"#,
        partner,
        state,
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok((rows, total))
}

/// One workflow, if it is there.
pub(super) async fn workflow_find_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: WorkflowId,
) -> Result<Option<Shown>, Error> {
    Ok(sqlx::query_as!(
        Shown,
        r#"SELECT id AS "id: WorkflowId", tenant_id AS "partner: PartnerId", kind, subject, input, state, error,
                  actor_name, created_at, finished_at
           FROM kernel.workflows WHERE id = $1 AND ($2::uuid IS NULL OR tenant_id = $2)"#,
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Its timeline, in order.
pub(super) async fn step_list_in_tx(tx: &mut Tx, id: WorkflowId) -> Result<Vec<ShownStep>, Error> {
    Ok(sqlx::query_as!(
        ShownStep,
        "SELECT n, name, state, attempts, output, error, begun_at, done_at, undone_at
         FROM kernel.workflow_steps WHERE workflow_id = $1 ORDER BY n",
        id.as_uuid(),
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Notes that a step begins, or is tried once more.
pub(super) async fn step_begin_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: WorkflowId,
    n: i16,
    name: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.workflow_steps (workflow_id, n, tenant_id, name, attempts) VALUES ($1, $2, $3, $4, 1)
         ON CONFLICT (workflow_id, n) DO UPDATE SET attempts = workflow_steps.attempts + 1",
        id.as_uuid(),
        n,
        op.partner.map(PartnerId::as_uuid),
        name,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes what went wrong with an attempt.
pub(super) async fn step_error_in_tx(tx: &mut Tx, id: WorkflowId, n: i16, error: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.workflow_steps SET error = $3 WHERE workflow_id = $1 AND n = $2",
        id.as_uuid(),
        n,
        error,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that a step is done.
pub(super) async fn step_done_in_tx(
    tx: &mut Tx,
    id: WorkflowId,
    n: i16,
    output: &Value,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.workflow_steps SET state = 'done', output = $3, done_at = now(), error = NULL
         WHERE workflow_id = $1 AND n = $2 AND state = 'begun'",
        id.as_uuid(),
        n,
        output,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that a step is undone.
pub(super) async fn step_undone_in_tx(tx: &mut Tx, id: WorkflowId, n: i16) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.workflow_steps SET state = 'undone', undone_at = now()
         WHERE workflow_id = $1 AND n = $2 AND state <> 'undone'",
        id.as_uuid(),
        n,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves a workflow to another state.
pub(super) async fn workflow_state_in_tx(
    tx: &mut Tx,
    id: WorkflowId,
    state: &str,
    error: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.workflows SET state = $2, error = coalesce($3, error),
                finished_at = CASE WHEN $2 IN ('done', 'undone') THEN now() END
         WHERE id = $1",
        id.as_uuid(),
        state,
        error,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
