//! `headend role`: roles and what they allow.
//! Never changes one: built-in roles are in the kernel.

use clap::Subcommand;

use super::context::Context;
use crate::failure::Failure;
use crate::output::field;

/// What to do with roles.
#[derive(Subcommand)]
pub enum Command {
    /// List the roles and their permissions
    List,
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Command::List = self;
        let partner = context.partner().await?;
        let roles = context.api.list(&["partners", &partner, "roles"], &[]).await?;
        context.show_list(roles, &["SLUG", "NAME", "PERMISSIONS"], |role| {
            ["slug", "name", "permissions"]
                .map(|name| field(role, name))
                .to_vec()
        });
        Ok(())
    }
}
