//! `headend passkey`: the passkeys with which you sign in. They are made known in a browser; a terminal has none.

use clap::Subcommand;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, column};

/// What to do with passkeys.
#[derive(Subcommand)]
pub enum Command {
    /// List yours
    List,
    /// Remove one of yours, by its id; wants a recent proof (headend prove)
    Remove {
        /// Its id
        id: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List => {
                let keys = context.api.list(&["me", "passkeys"], &[]).await?;
                let headings = ["NAME", "BACKED_UP", "CREATED", "LAST_USED", "ID"];
                context.show_list(keys, &headings, |key| {
                    ["name", "backed_up", "created_at", "last_used_at", "id"]
                        .map(|name| column(key, name))
                        .to_vec()
                });
            }
            Command::Remove { id } => {
                context.api.delete(&["me", "passkeys", &id], &[]).await?;
                output::line(&format!("removed passkey {id}"));
            }
        }
        Ok(())
    }
}
