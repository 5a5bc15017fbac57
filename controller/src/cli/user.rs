//! `headend user`: the people of a partner who may log in.
//! Never takes a password as an argument.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::lookup::{USER, id_of};
use crate::failure::Failure;
use crate::output::{self, field};
use crate::secret::Ask;

/// What to do with users.
#[derive(Subcommand)]
pub enum Command {
    /// List the users of a partner
    List,
    /// Create a user
    Create {
        /// E-mail address, which is also the login
        email: String,
        /// What people read
        #[arg(long)]
        name: String,
        /// Role, by slug; may be given several times (headend role list)
        #[arg(long, required = true, value_name = "SLUG")]
        role: Vec<String>,
        /// File with the first password, - for stdin [else HEADEND_USER_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Take away a user's access; the history stays
    Disable {
        /// E-mail address or id
        user: String,
    },
    /// Change your own password
    Passwd {
        /// File with the present password, - for stdin [else HEADEND_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// File with the new password [else HEADEND_NEW_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List => list(context).await,
            Command::Create {
                email,
                name,
                role,
                password_file,
            } => {
                let partner = context.partner().await?;
                let file = password_file.as_deref();
                let ask = Ask {
                    what: "first password",
                    file,
                    flag: "--password-file",
                    env: "HEADEND_USER_PASSWORD",
                };
                let body =
                    json!({"email": email, "name": name, "roles": role, "password": ask.secret()?.reveal()});
                let made = context.api.post(&["partners", &partner, "users"], &body).await?;
                context.done("created user", &email, &made);
                Ok(())
            }
            Command::Disable { user } => {
                let partner = context.partner().await?;
                let id = id_of(&USER.find(context, &partner, &user).await?)?;
                let path = ["partners", &partner, "users", &id];
                let changed = context.api.patch(&path, &json!({"status": "disabled"})).await?;
                context.done("disabled user", &user, &changed);
                Ok(())
            }
            Command::Passwd {
                password_file,
                new_password_file,
            } => {
                let file = password_file.as_deref();
                let old = Ask {
                    what: "present password",
                    file,
                    flag: "--password-file",
                    env: "HEADEND_PASSWORD",
                };
                let file = new_password_file.as_deref();
                let new = Ask {
                    what: "new password",
                    file,
                    flag: "--new-password-file",
                    env: "HEADEND_NEW_PASSWORD",
                };
                let body = json!({"current": old.secret()?.reveal(), "new": new.secret()?.reveal()});
                context.api.post(&["me", "password"], &body).await?;
                output::line("password changed");
                Ok(())
            }
        }
    }
}

/// Lists the users of the partner.
async fn list(context: &Context) -> Result<(), Failure> {
    let partner = context.partner().await?;
    let users = context.api.list(&["partners", &partner, "users"], &[]).await?;
    context.show_list(users, &["EMAIL", "NAME", "ROLES", "STATUS", "ID"], |user| {
        ["email", "name", "roles", "status", "id"]
            .map(|name| field(user, name))
            .to_vec()
    });
    Ok(())
}
