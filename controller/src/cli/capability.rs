//! `headend nas capability`: what is known of one NAS, beside what its make promises.
//! Never tries anything out; it shows what was learned, and says what an operator knows better.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::lookup::NAS;
use crate::failure::Failure;
use crate::output::{column, field};

/// What to do with it.
#[derive(Subcommand)]
pub enum Command {
    /// List what is known of a NAS, and by what
    List {
        /// Name or id
        nas: String,
    },
    /// Say what a NAS does, in place of what was learned
    Set {
        /// Name or id
        nas: String,
        /// change, class, disconnect, or a term of a plan: rate, session_timeout_s, filter, address_list, ...
        capability: String,
        /// Whether it does
        #[arg(value_parser = ["yes", "no"])]
        holds: String,
        /// Why, for the audit and whoever wonders
        #[arg(long)]
        reason: String,
    },
    /// Forget what is known, so that it is learned anew
    Forget {
        /// Name or id
        nas: String,
        /// What
        capability: String,
        /// Why, for the audit
        #[arg(long)]
        reason: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context, partner: &str) -> Result<(), Failure> {
        let (nas, capability, body) = match self {
            Self::List { nas } => {
                let nas = NAS.id(context, partner, &nas).await?;
                let known = context
                    .api
                    .get(&["partners", partner, "nas", &nas, "capabilities"])
                    .await?;
                show(context, &known);
                return Ok(());
            }
            Self::Set {
                nas,
                capability,
                holds,
                reason,
            } => (
                nas,
                capability,
                json!({ "holds": holds == "yes", "reason": reason }),
            ),
            Self::Forget {
                nas,
                capability,
                reason,
            } => (nas, capability, json!({ "holds": null, "reason": reason })),
        };
        let nas = NAS.id(context, partner, &nas).await?;
        let path = ["partners", partner, "nas", &nas, "capabilities", &capability];
        let known = context.api.put(&path, &body).await?;
        show(context, &known);
        Ok(())
    }
}

/// Shows what is known.
fn show(context: &Context, known: &Value) {
    let known = known.as_array().cloned().unwrap_or_default();
    context.show_list(
        known,
        &["CAPABILITY", "HOLDS", "BY", "TIMES", "SEEN", "EVIDENCE"],
        |one| {
            vec![
                field(one, "capability"),
                field(one, "holds"),
                field(one, "source"),
                field(one, "times"),
                column(one, "at"),
                field(one, "evidence"),
            ]
        },
    );
}
