//! `headend second-factor` and `headend prove`: a telephone's codes beside the password, and proving oneself again.
//! Never takes a code or a password as an argument, and never shows a secret twice.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::login::code_of;
use super::lookup::{USER, id_of};
use crate::failure::Failure;
use crate::output;
use crate::secret::Ask;

/// What to do with second factors.
#[derive(Subcommand)]
pub enum Command {
    /// Show whether you have one, and how many backup codes are left
    Show,
    /// Begin one: prints what to type into the app on your telephone
    Begin {
        /// File with your password, - for stdin [else HEADEND_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Confirm it with a first code, and print ten backup codes, once
    Confirm(Code),
    /// Print ten new backup codes; the former ones are void
    BackupCodes(Code),
    /// Remove yours
    Remove(Code),
    /// Take away that of somebody who has lost it; ends his sessions
    Reset {
        /// E-mail address or id
        user: String,
    },
}

/// A code.
#[derive(Args)]
pub struct Code {
    /// File with a code, - for stdin [else HEADEND_CODE, else a prompt]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

impl Code {
    /// Sends the code to one of the verbs.
    async fn send(self, context: &Context, verb: &str) -> Result<Value, Failure> {
        let code = code_of(self.code_file.as_deref()).secret()?;
        let body = json!({"code": code.reveal()});
        Ok(context.api.post(&["me", "second-factor", verb], &body).await?)
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::Show => context.show_one(&context.api.get(&["me", "second-factor"]).await?),
            Command::Begin { password_file } => {
                let password = password_of(password_file.as_deref()).secret()?;
                let body = json!({"password": password.reveal()});
                let begun = context.api.post(&["me", "second-factor"], &body).await?;
                context.show_one(&begun);
                if !context.json {
                    output::line("it counts after: headend second-factor confirm");
                }
            }
            Command::Confirm(code) => codes(context, &code.send(context, "confirm").await?),
            Command::BackupCodes(code) => codes(context, &code.send(context, "backup-codes").await?),
            Command::Remove(code) => {
                code.send(context, "remove").await?;
                output::line("second factor removed");
            }
            Command::Reset { user } => {
                let partner = context.partner().await?;
                let id = id_of(&USER.find(context, &partner, &user).await?)?;
                let path = ["partners", &partner, "users", &id, "second-factor"];
                context.api.delete(&path, &[]).await?;
                output::line(&format!("second factor of {user} taken away"));
            }
        }
        Ok(())
    }
}

/// Proves who holds the session.
#[derive(Args)]
pub struct Prove {
    /// File with your password, - for stdin [else HEADEND_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File with a code of your second factor [else HEADEND_CODE, else a prompt]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

impl Prove {
    /// Does it: by a code for who has a second factor, else by the password.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let path = ["me", "prove"];
        let state = context.api.get(&["me", "second-factor"]).await?;
        let body = if state["confirmed"].as_bool() == Some(true) {
            json!({"code": code_of(self.code_file.as_deref()).secret()?.reveal()})
        } else {
            json!({"password": password_of(self.password_file.as_deref()).secret()?.reveal()})
        };
        context.api.post(&path, &body).await?;
        output::line("proven");
        Ok(())
    }
}

/// Where the password comes from.
fn password_of(file: Option<&std::path::Path>) -> Ask<'_> {
    Ask {
        what: "password",
        file,
        flag: "--password-file",
        env: "HEADEND_PASSWORD",
    }
}

/// Prints backup codes, which nobody can print again.
fn codes(context: &Context, answer: &Value) {
    if context.json {
        return output::json(answer);
    }
    output::line("each of these counts once instead of a code; keep them on paper:");
    for code in answer["backup_codes"].as_array().into_iter().flatten() {
        output::line(code.as_str().unwrap_or_default());
    }
}
