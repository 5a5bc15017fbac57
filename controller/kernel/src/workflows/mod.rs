//! Workflows: several steps that belong together, done one after another, or undone.
//! Never half done: a workflow that was begun ends *done* or *undone*, whatever is killed in between; where an undo itself is given
//! up it is *stuck* and says so. Never holds a transaction open while a step works.
//!
//! A workflow is rows (its state and its timeline) and one job, which does the next step as long as there is one. So it has
//! what jobs have: it is taken up again after a crash, waits between attempts, and leaves room for other partners.
//!
//! - [`step`] is what a workflow is made of;
//! - [`runner`] does the steps and, when one is given up, undoes those before it in reverse order;
//! - [`store`] keeps state and timeline; [`start`] begins one in the transaction of the act that wants it.
//!
//! A step may be begun twice: a server can be killed after the act and before the note. Steps that write to our database note
//! their end in the same transaction ([`StepContext::done_in_tx`]), which makes that once; those that speak to others send
//! [`StepContext::key`], the same at each attempt.

pub mod runner;
pub mod step;
pub mod store;

pub use runner::Runner;
pub use step::{Acting, Step, StepContext, StepFailed, Undoing, Workflow};
pub use store::{NewWorkflow, Shown, ShownStep, start, workflow_fetch, workflow_list};
