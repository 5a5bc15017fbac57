//! `headend workflow`: what takes several steps, how far it is, and how it was done or undone.

use clap::Subcommand;

use super::context::Context;
use crate::failure::Failure;
use crate::output::column;

/// What to do with workflows.
#[derive(Subcommand)]
pub enum Command {
    /// List workflows, newest first
    List {
        /// Only those in this state: running, undoing, done, undone or stuck
        #[arg(long, value_parser = ["running", "undoing", "done", "undone", "stuck"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one workflow with its timeline
    Show {
        /// Its id
        workflow: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::List { state, limit } => {
                let query: Vec<(&str, &str)> = state
                    .as_deref()
                    .map(|state| ("state", state))
                    .into_iter()
                    .collect();
                let path = ["partners", partner.as_str(), "workflows"];
                let workflows = context.api.list_some(&path, &query, limit).await?;
                let headings = ["KIND", "SUBJECT", "STATE", "BY", "CREATED", "ERROR", "ID"];
                context.show_list(workflows, &headings, |workflow| {
                    [
                        "kind",
                        "subject",
                        "state",
                        "actor_name",
                        "created_at",
                        "error",
                        "id",
                    ]
                    .map(|name| column(workflow, name))
                    .to_vec()
                });
            }
            Command::Show { workflow } => {
                let path = ["partners", partner.as_str(), "workflows", workflow.as_str()];
                let shown = context.api.get(&path).await?;
                if context.json {
                    context.show_one(&shown);
                    return Ok(());
                }
                let mut head = shown.clone();
                let steps = head["steps"].take();
                context.show_one(&head);
                let steps = steps.as_array().cloned().unwrap_or_default();
                let headings = ["STEP", "STATE", "ATTEMPTS", "BEGUN", "DONE", "UNDONE", "ERROR"];
                context.show_list(steps, &headings, |step| {
                    [
                        "name",
                        "state",
                        "attempts",
                        "begun_at",
                        "done_at",
                        "undone_at",
                        "error",
                    ]
                    .map(|name| column(step, name))
                    .to_vec()
                });
            }
        }
        Ok(())
    }
}
