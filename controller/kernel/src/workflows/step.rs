//! What a workflow is made of: steps, each with its undo beside it.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::store;
use crate::database::Tx;
use crate::error::Error;
use crate::id::WorkflowId;
use crate::jobs::Job;
use crate::op::OpContext;

/// What [`Step::act`] answers: what it made, for later steps and for its undo.
pub type Acting<'a> = BoxFuture<'a, Result<Value, StepFailed>>;
/// What [`Step::undo`] answers.
pub type Undoing<'a> = BoxFuture<'a, Result<(), StepFailed>>;

/// A list of steps under a name.
pub trait Workflow: Send + Sync + 'static {
    /// Its name; workflows under way are found by it after an upgrade, and so are its steps by their places.
    fn kind(&self) -> &'static str;

    /// Its steps, in order.
    fn steps(&self) -> &[Box<dyn Step>];
}

/// One step and its undo. Either may be begun more than once and must come to the same then.
pub trait Step: Send + Sync + 'static {
    /// Its name, for the timeline.
    fn name(&self) -> &'static str;

    /// Does it.
    fn act<'a>(&'a self, step: &'a StepContext<'a>) -> Acting<'a>;

    /// Undoes it. It may have happened, in part or not at all: `output` is what [`act`](Self::act) answered, `None` when it
    /// never did.
    fn undo<'a>(&'a self, step: &'a StepContext<'a>, output: Option<&'a Value>) -> Undoing<'a>;
}

/// What a step knows.
pub struct StepContext<'a> {
    /// As whom: the system, within the workflow's partner.
    pub op: &'a OpContext,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// What the workflow was begun with.
    pub input: &'a Value,
    /// What the steps before it made, in order.
    pub outputs: &'a [Value],
    /// Its place.
    pub(super) n: i16,
    /// The right to note its end.
    pub(super) job: &'a Job,
}

impl StepContext<'_> {
    /// The same at each attempt of this step, and of no other: for systems that take such a key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}-{}", self.workflow, self.n)
    }

    /// Notes within the step's own transaction that it is done: both are committed, or neither. Answer the same output then.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else has the workflow by now; the transaction must not commit.
    pub async fn done_in_tx(&self, tx: &mut Tx, output: &Value) -> Result<(), Error> {
        self.job.hold_in_tx(tx).await?;
        store::step_done_in_tx(tx, self.workflow, self.n, output).await
    }

    /// The same for its undo.
    ///
    /// # Errors
    /// As [`Self::done_in_tx`].
    pub async fn undone_in_tx(&self, tx: &mut Tx) -> Result<(), Error> {
        self.job.hold_in_tx(tx).await?;
        store::step_undone_in_tx(tx, self.workflow, self.n).await
    }
}

/// A step that did not work.
#[derive(Debug)]
pub struct StepFailed {
    /// What was seen, for people; without secrets.
    pub error: String,
    /// There is no use in trying again: what was done so far is undone.
    pub for_good: bool,
}

impl StepFailed {
    /// Worth another attempt.
    pub fn again(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            for_good: false,
        }
    }

    /// Not worth another attempt.
    pub fn for_good(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            for_good: true,
        }
    }
}

impl From<Error> for StepFailed {
    fn from(error: Error) -> Self {
        Self::again(error.to_string())
    }
}
