//! `headend login-session`: who is signed in where: you, or somebody of the partner. Subscribers' sessions are `headend session`.

use clap::{Args, Subcommand};

use super::context::Context;
use super::lookup::{USER, id_of};
use crate::failure::Failure;
use crate::output::{self, column};

/// What to do with sessions of people.
#[derive(Subcommand)]
pub enum Command {
    /// List yours, or those of somebody of the partner
    List(Whose),
    /// End one, by its id
    End {
        /// Its id
        id: String,
        /// Whose.
        #[command(flatten)]
        whose: Whose,
    },
    /// End all: yours but for this one, or those of somebody of the partner
    EndAll(Whose),
}

/// Whose sessions.
#[derive(Args)]
pub struct Whose {
    /// E-mail address or id [default: yours]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl Whose {
    /// Where they are in the API.
    async fn path(&self, context: &Context) -> Result<Vec<String>, Failure> {
        let Some(user) = &self.user else {
            return Ok(vec!["me".to_owned(), "sessions".to_owned()]);
        };
        let partner = context.partner().await?;
        let id = id_of(&USER.find(context, &partner, user).await?)?;
        let path = ["partners", &partner, "users", &id, "sessions"];
        Ok(path.map(str::to_owned).to_vec())
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List(whose) => {
                let path = whose.path(context).await?;
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let sessions = context.api.list(&path, &[]).await?;
                let headings = ["CREATED", "LAST_SEEN", "FROM", "AGENT", "CURRENT", "ID"];
                context.show_list(sessions, &headings, |session| {
                    [
                        "created_at",
                        "last_seen_at",
                        "source_ip",
                        "user_agent",
                        "current",
                        "id",
                    ]
                    .map(|name| column(session, name))
                    .to_vec()
                });
            }
            Command::End { id, whose } => {
                let mut path = whose.path(context).await?;
                path.push(id.clone());
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                context.api.delete(&path, &[]).await?;
                output::line(&format!("ended session {id}"));
            }
            Command::EndAll(whose) => {
                let path = whose.path(context).await?;
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                context.api.delete(&path, &[]).await?;
                output::line("sessions ended");
            }
        }
        Ok(())
    }
}
