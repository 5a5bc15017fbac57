//! `headend job`: what the program has to do, what it has given up, and once more.

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use crate::failure::Failure;
use crate::output::column;

/// What to do with jobs.
#[derive(Subcommand)]
pub enum Command {
    /// List jobs, newest first
    List {
        /// Only those in this state: waiting, running, done or dead
        #[arg(long, value_parser = ["waiting", "running", "done", "dead"])]
        state: Option<String>,
        /// Only of this kind, such as webhook.deliver
        #[arg(long)]
        kind: Option<String>,
        /// Of the whole platform instead of a partner
        #[arg(long)]
        platform: bool,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one job
    Show {
        /// Its id
        job: String,
    },
    /// Have a job done once more that was given up, or now that waits
    Retry {
        /// Its id
        job: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List {
                state,
                kind,
                platform,
                limit,
            } => {
                let query: Vec<(&str, &str)> = [("state", &state), ("kind", &kind)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                    .collect();
                let jobs = if platform {
                    context.api.list_some(&["jobs"], &query, limit).await?
                } else {
                    let partner = context.partner().await?;
                    let path = ["partners", partner.as_str(), "jobs"];
                    context.api.list_some(&path, &query, limit).await?
                };
                let headings = ["KIND", "STATE", "ATTEMPTS", "RUN_AT", "ERROR", "ID"];
                context.show_list(jobs, &headings, |job| {
                    ["kind", "state", "attempts", "run_at", "error", "id"]
                        .map(|name| column(job, name))
                        .to_vec()
                });
            }
            Command::Show { job } => {
                let partner = context.partner().await?;
                let shown = context.api.get(&["partners", &partner, "jobs", &job]).await?;
                context.show_one(&shown);
            }
            Command::Retry { job } => {
                let partner = context.partner().await?;
                let path = ["partners", partner.as_str(), "jobs", job.as_str(), "retry"];
                let waiting = context.api.post(&path, &json!({})).await?;
                context.done("waits to be done:", &column(&waiting, "kind"), &waiting);
            }
        }
        Ok(())
    }
}
