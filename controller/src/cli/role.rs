//! `headend role`: roles and what they allow.
//! Never changes one that ships: those are in the kernel; a partner has his own beside them.

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with roles.
#[derive(Subcommand)]
pub enum Command {
    /// List the roles and their permissions
    List,
    /// Create a role of the partner; it can allow what you may do, and no more
    Create {
        /// Its stable name: a-z, 0-9 and -
        slug: String,
        /// What people read
        #[arg(long)]
        name: String,
        /// Whom it is for
        #[arg(long, default_value = "")]
        description: String,
        /// Permission, such as radius:subscribers:read; may be given several times
        #[arg(long, required = true)]
        permission: Vec<String>,
    },
    /// Change a role of the partner, for everybody who holds it
    Set {
        /// Its stable name
        slug: String,
        /// What people read
        #[arg(long)]
        name: Option<String>,
        /// Whom it is for
        #[arg(long)]
        description: Option<String>,
        /// All permissions it has from now on; may be given several times
        #[arg(long)]
        permission: Vec<String>,
    },
    /// Remove a role of the partner that nobody holds
    Remove {
        /// Its stable name
        slug: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "roles"];
        match self {
            Command::List => {
                let roles = context.api.list(&path, &[]).await?;
                context.show_list(roles, &["SLUG", "NAME", "PERMISSIONS"], |role| {
                    ["slug", "name", "permissions"]
                        .map(|name| field(role, name))
                        .to_vec()
                });
            }
            Command::Create {
                slug,
                name,
                description,
                permission,
            } => {
                let body = json!({
                    "slug": slug, "name": name, "description": description, "permissions": permission,
                });
                let made = context.api.post(&path, &body).await?;
                context.done("created role", &slug, &made);
            }
            Command::Set {
                slug,
                name,
                description,
                permission,
            } => {
                let permissions = (!permission.is_empty()).then_some(permission);
                let body = json!({"name": name, "description": description, "permissions": permissions});
                let changed = context
                    .api
                    .patch(&[path[0], path[1], path[2], &slug], &body)
                    .await?;
                context.done("changed role", &slug, &changed);
            }
            Command::Remove { slug } => {
                context
                    .api
                    .delete(&[path[0], path[1], path[2], &slug], &[])
                    .await?;
                output::line(&format!("removed role {slug}"));
            }
        }
        Ok(())
    }
}
