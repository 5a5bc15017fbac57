//! Does the steps of a workflow one after another, and undoes them when one is given up.
//! Never goes on from memory: what is next is read from the timeline before each step, so that whoever takes a workflow up
//! after a crash goes on where it stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::step::{Step, StepContext, StepFailed, Workflow};
use super::store::{self, Shown, ShownStep};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::id::WorkflowId;
use crate::jobs::{Done, Failed, Job, Worker, Working};
use crate::op::OpContext;

/// The queue's word for workflows.
pub const KIND: &str = "workflow.run";
/// How often a step is begun before it is given up and what was done is undone.
const ATTEMPTS_MAX: u32 = 10;
/// How often a workflow is taken up before it is stuck: steps have attempts of their own, so this is about undoing.
const JOB_ATTEMPTS_MAX: u32 = 200;
/// The wait after the first failed attempt.
const WAIT_MIN: Duration = Duration::from_secs(2);
/// The longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a workflow may work without a pause; it goes on afterwards.
const TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// Does workflows.
pub struct Runner {
    /// Where they are.
    db: Database,
    /// What they are made of.
    kinds: BTreeMap<&'static str, Arc<dyn Workflow>>,
}

/// A workflow as it stands.
struct Standing {
    /// The workflow.
    workflow: Shown,
    /// Its timeline.
    steps: Vec<ShownStep>,
}

impl Runner {
    /// Of these workflows.
    #[must_use]
    pub fn new(db: Database, workflows: Vec<Arc<dyn Workflow>>) -> Self {
        Self {
            db,
            kinds: workflows
                .into_iter()
                .map(|workflow| (workflow.kind(), workflow))
                .collect(),
        }
    }

    /// Goes on with a workflow until it has ended or a step wants to be tried later.
    async fn go_on(&self, op: &OpContext, job: &Job) -> Result<Done, Failed> {
        let Some(id) = job.data["workflow"]
            .as_str()
            .and_then(|id| id.parse::<WorkflowId>().ok())
        else {
            return Err(Failed::for_good("the job names no workflow"));
        };
        loop {
            let Some(standing) = self.standing(op, id).await? else {
                return Ok(Done::Note); // deleted meanwhile
            };
            let Some(kind) = self.kinds.get(standing.workflow.kind.as_str()) else {
                return Err(Failed::again(
                    "this version of the program does not know such a workflow",
                ));
            };
            let ended = match standing.workflow.state.as_str() {
                "running" => self.forwards(op, job, kind.as_ref(), &standing).await?,
                "undoing" | "stuck" => self.backwards(op, job, kind.as_ref(), &standing).await?,
                _ => true,
            };
            if ended {
                return Ok(Done::Committed);
            }
        }
    }

    /// How a workflow stands.
    async fn standing(&self, op: &OpContext, id: WorkflowId) -> Result<Option<Standing>, Error> {
        let mut tx = self.db.begin(op).await?;
        let workflow = store::workflow_find_in_tx(&mut tx, op, id).await?;
        let steps = store::step_list_in_tx(&mut tx, id).await?;
        tx.commit().await?;
        Ok(workflow.map(|workflow| Standing { workflow, steps }))
    }

    /// Does the next step; whether the workflow has ended.
    async fn forwards(
        &self,
        op: &OpContext,
        job: &Job,
        kind: &dyn Workflow,
        standing: &Standing,
    ) -> Result<bool, Failed> {
        let id = standing.workflow.id;
        let outputs: Vec<Value> = standing
            .steps
            .iter()
            .take_while(|step| step.state == "done")
            .map(|step| step.output.clone().unwrap_or(Value::Null))
            .collect();
        let Some(step) = kind.steps().get(outputs.len()) else {
            self.end(op, job, id, "done").await?;
            return Ok(true);
        };
        let context = context(op, job, standing, &outputs, outputs.len());
        self.begin(op, job, &context, step.as_ref()).await?;
        match step.act(&context).await {
            Ok(output) => {
                let mut tx = self.held(op, job).await?;
                store::step_done_in_tx(&mut tx, id, context.n, &output).await?;
                tx.commit().await.map_err(Error::from)?;
                Ok(false)
            }
            Err(failed) => {
                let given_up = failed.for_good || attempts(standing, context.n) + 1 >= ATTEMPTS_MAX;
                self.note(op, job, &context, &failed, given_up.then_some("undoing"))
                    .await?;
                match given_up {
                    true => Ok(false),
                    false => Err(Failed::again(format!("{}: {}", step.name(), failed.error))),
                }
            }
        }
    }

    /// Undoes the last step that is not undone; whether the workflow has ended.
    async fn backwards(
        &self,
        op: &OpContext,
        job: &Job,
        kind: &dyn Workflow,
        standing: &Standing,
    ) -> Result<bool, Failed> {
        let id = standing.workflow.id;
        let Some(last) = standing.steps.iter().rfind(|step| step.state != "undone") else {
            self.end(op, job, id, "undone").await?;
            return Ok(true);
        };
        let n = usize::try_from(last.n).unwrap_or_default();
        let Some(step) = kind.steps().get(n) else {
            return Err(Failed::again(format!(
                "this version of the program does not know the step {}",
                last.name
            )));
        };
        let before = standing.steps.iter().take(n);
        let outputs: Vec<Value> = before
            .map(|step| step.output.clone().unwrap_or(Value::Null))
            .collect();
        let context = context(op, job, standing, &outputs, n);
        self.begin(op, job, &context, step.as_ref()).await?;
        match step.undo(&context, last.output.as_ref()).await {
            Ok(()) => {
                let mut tx = self.held(op, job).await?;
                store::step_undone_in_tx(&mut tx, id, context.n).await?;
                tx.commit().await.map_err(Error::from)?;
                Ok(false)
            }
            Err(failed) => {
                // Stuck is how it stands, not its end: the job waits for somebody to have it done once more.
                self.note(op, job, &context, &failed, None).await?;
                let error = format!("undoing {}: {}", step.name(), failed.error);
                Err(if failed.for_good {
                    Failed::for_good(error)
                } else {
                    Failed::again(error)
                })
            }
        }
    }

    /// A transaction in which the workflow is ours.
    async fn held(&self, op: &OpContext, job: &Job) -> Result<Tx, Error> {
        let mut tx = self.db.begin(op).await?;
        job.hold_in_tx(&mut tx).await?;
        Ok(tx)
    }

    /// Notes that a step begins.
    async fn begin(
        &self,
        op: &OpContext,
        job: &Job,
        context: &StepContext<'_>,
        step: &dyn Step,
    ) -> Result<(), Error> {
        let mut tx = self.held(op, job).await?;
        store::step_begin_in_tx(&mut tx, op, context.workflow, context.n, step.name()).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that a step failed, and where the workflow goes from there.
    async fn note(
        &self,
        op: &OpContext,
        job: &Job,
        context: &StepContext<'_>,
        failed: &StepFailed,
        state: Option<&str>,
    ) -> Result<(), Error> {
        let mut tx = self.held(op, job).await?;
        store::step_error_in_tx(&mut tx, context.workflow, context.n, &failed.error).await?;
        if let Some(state) = state {
            store::workflow_state_in_tx(&mut tx, context.workflow, state, Some(&failed.error)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes that a workflow has ended, and its job with it.
    async fn end(&self, op: &OpContext, job: &Job, id: WorkflowId, state: &str) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::workflow_state_in_tx(&mut tx, id, state, None).await?;
        job.finish_in_tx(&mut tx).await?;
        tx.commit().await?;
        tracing::info!(workflow = %id, state, "a workflow has ended");
        Ok(())
    }
}

/// What a step knows.
fn context<'a>(
    op: &'a OpContext,
    job: &'a Job,
    standing: &'a Standing,
    outputs: &'a [Value],
    n: usize,
) -> StepContext<'a> {
    StepContext {
        op,
        workflow: standing.workflow.id,
        input: &standing.workflow.input,
        outputs,
        n: i16::try_from(n).unwrap_or(i16::MAX),
        job,
    }
}

/// Attempts at a step so far.
fn attempts(standing: &Standing, n: i16) -> u32 {
    let step = standing.steps.iter().find(|step| step.n == n);
    step.map_or(0, |step| step.attempts.unsigned_abs())
}

impl Worker for Runner {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn attempts_max(&self) -> u32 {
        JOB_ATTEMPTS_MAX
    }

    fn wait(&self, attempt: u32) -> Duration {
        let doubled = WAIT_MIN.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled.min(WAIT_MAX)
    }

    fn time_max(&self) -> Duration {
        TIME_MAX
    }

    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a> {
        Box::pin(self.go_on(op, job))
    }

    fn dead<'a>(
        &'a self,
        tx: &'a mut Tx,
        _op: &'a OpContext,
        job: &'a Job,
        error: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let Some(id) = job.data["workflow"]
                .as_str()
                .and_then(|id| id.parse::<WorkflowId>().ok())
            else {
                return Ok(());
            };
            tracing::error!(workflow = %id, error, "a workflow can be neither done nor undone; somebody has to look");
            store::workflow_state_in_tx(tx, id, "stuck", Some(error)).await
        })
    }
}
