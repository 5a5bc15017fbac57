//! `headend approval`: acts that want a second person: which do, which wait, and deciding about them.
//! Who asked sends the same command again with `--approval ID`.

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, column};

/// What to do with approvals.
#[derive(Subcommand)]
pub enum Command {
    /// List what you asked for and what you could decide
    List {
        /// Only those that wait
        #[arg(long)]
        waiting: bool,
    },
    /// Grant one
    Approve {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Deny one
    Deny {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Show, or say, what wants a second person
    Policy {
        /// A critical permission, such as radius:sessions:disconnect; may be given several times; says it anew
        #[arg(long)]
        require: Vec<String>,
        /// Want nobody any more
        #[arg(long, conflicts_with = "require")]
        none: bool,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "approvals"];
        match self {
            Command::List { waiting } => {
                let query: &[(&str, &str)] = if waiting { &[("waiting", "true")] } else { &[] };
                let list = context.api.list(&path, query).await?;
                let headings = ["STATE", "ASKED_BY", "ASKED", "METHOD", "PATH", "DECIDED_BY", "ID"];
                context.show_list(list, &headings, |one| {
                    [
                        "state",
                        "asked_by",
                        "asked_at",
                        "method",
                        "path",
                        "decided_by",
                        "id",
                    ]
                    .map(|name| column(one, name))
                    .to_vec()
                });
            }
            Command::Approve { id, reason } => {
                let body = json!({ "reason": reason });
                let path = ["partners", partner.as_str(), "approvals", &id, "approve"];
                let decided = context.api.post(&path, &body).await?;
                context.done("approved", &id, &decided);
            }
            Command::Deny { id, reason } => {
                let body = json!({ "reason": reason });
                let path = ["partners", partner.as_str(), "approvals", &id, "deny"];
                let decided = context.api.post(&path, &body).await?;
                context.done("denied", &id, &decided);
            }
            Command::Policy { require, none } => {
                let path = ["partners", partner.as_str(), "approval-policy"];
                let policy = if none || !require.is_empty() {
                    context.api.put(&path, &json!({ "permissions": require })).await?
                } else {
                    context.api.get(&path).await?
                };
                if context.json {
                    output::json(&policy);
                } else {
                    for permission in policy["permissions"].as_array().into_iter().flatten() {
                        output::line(permission.as_str().unwrap_or_default());
                    }
                }
            }
        }
        Ok(())
    }
}
