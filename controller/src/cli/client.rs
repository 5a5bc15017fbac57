//! `headend client`: the account holders of a partner.
//! Never an HTTP client; that is [`crate::client`].

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with clients.
#[derive(Subcommand)]
pub enum Command {
    /// List the clients of a partner
    List,
    /// Create a client
    Create {
        /// Stable short name: a-z, 0-9 and -
        slug: String,
        /// What people read
        #[arg(long)]
        name: String,
        /// Whom to write to
        #[arg(long, value_name = "EMAIL")]
        contact_email: Option<String>,
    },
    /// Delete a client with its sites and their subscribers; they can come back
    Delete {
        /// Slug or id
        client: String,
    },
    /// Bring a deleted client back, with what was deleted with it
    Restore {
        /// Slug or id
        client: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::List => {
                let clients = context.api.list(&["partners", &partner, "clients"], &[]).await?;
                context.show_list(clients, &["SLUG", "NAME", "STATUS", "ID"], |client| {
                    ["slug", "name", "status", "id"]
                        .map(|name| field(client, name))
                        .to_vec()
                });
            }
            Command::Create {
                slug,
                name,
                contact_email,
            } => {
                let mut body = json!({"slug": slug, "name": name});
                if let Some(email) = contact_email {
                    body["contact_email"] = email.into();
                }
                let made = context
                    .api
                    .post(&["partners", &partner, "clients"], &body)
                    .await?;
                context.done("created client", &slug, &made);
            }
            Command::Delete { client } => {
                let path = ["partners", &partner, "clients", &client];
                context.api.delete(&path, &[]).await?;
                output::line(&format!("deleted client {client}"));
            }
            Command::Restore { client } => {
                let path = ["partners", &partner, "clients", &client, "restore"];
                context.api.post(&path, &json!({})).await?;
                output::line(&format!("restored client {client}"));
            }
        }
        Ok(())
    }
}
