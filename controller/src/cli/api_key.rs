//! `headend api-key`: keys for programs, with permissions of their own.
//! Never shows a key twice: the server does not know it any more.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::lookup::{API_KEY, id_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, column};
use crate::secret;

/// What to do with API keys.
#[derive(Subcommand)]
pub enum Command {
    /// List the keys of a partner
    List,
    /// Create a key and print it, once
    Create {
        /// What the key is for
        name: String,
        /// Permission, such as radius:subscribers:read, or read, write, admin for many; may be given several times
        #[arg(long, required = true)]
        permission: Vec<String>,
        /// When it ends by itself, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Write the key to this file (mode 0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Replace a key: prints the new one, once; the former one works on for a while
    Rotate {
        /// Name or id
        key: String,
        /// For how many seconds the former one works on; 0 ends it at once
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
        /// When the new one ends by itself [default: after the term of the former one]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Write the new key to this file (mode 0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Revoke a key at once
    Revoke {
        /// Name or id
        key: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "api-keys"];
        match self {
            Command::List => {
                let keys = context.api.list(&path, &[]).await?;
                let headings = [
                    "NAME",
                    "PREFIX",
                    "PERMISSIONS",
                    "EXPIRES",
                    "LAST_USED",
                    "REVOKED",
                    "ID",
                ];
                context.show_list(keys, &headings, |key| {
                    [
                        "name",
                        "prefix",
                        "permissions",
                        "expires_at",
                        "last_used_at",
                        "revoked_at",
                        "id",
                    ]
                    .map(|name| column(key, name))
                    .to_vec()
                });
            }
            Command::Create {
                name,
                permission,
                expires,
                out,
            } => {
                let mut body = json!({"name": name, "permissions": permission});
                if let Some(at) = expires {
                    body["expires_at"] = at.into();
                }
                let made = context.api.post(&path, &body).await?;
                hand_out(context, "created API key", &name, made, out.as_deref())?;
            }
            Command::Rotate {
                key,
                overlap,
                expires,
                out,
            } => {
                let found = API_KEY.find(context, &partner, &key).await?;
                let mut body = json!({"overlap_s": overlap});
                if let Some(at) = expires {
                    body["expires_at"] = at.into();
                }
                let id = id_of(&found)?;
                let path = ["partners", partner.as_str(), "api-keys", id.as_str(), "rotate"];
                let made = context.api.post(&path, &body).await?;
                hand_out(context, "replaced API key", &key, made, out.as_deref())?;
            }
            Command::Revoke { key } => {
                let found = API_KEY.find(context, &partner, &key).await?;
                context
                    .api
                    .delete(&["partners", &partner, "api-keys", &id_of(&found)?], &[])
                    .await?;
                context.done("revoked API key", &key, &found);
            }
        }
        Ok(())
    }
}

/// Hands a new key out: to its file, or alone on stdout.
fn hand_out(
    context: &Context,
    what: &str,
    name: &str,
    mut made: serde_json::Value,
    out: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let token = made["token"].as_str().unwrap_or_default().to_owned();
    match out {
        Some(file) => {
            write_token(file, &token)?;
            made["token"] = "REDACTED".into();
            context.done(what, name, &made);
        }
        None if context.json => output::json(&made),
        None => output::line(&token),
    }
    Ok(())
}

/// Writes a new key to its file.
pub fn write_token(file: &std::path::Path, token: &str) -> Result<(), Failure> {
    if token.is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            "the server gave no token for the new API key",
        ));
    }
    secret::write_private(file, &format!("{token}\n")).map_err(|error| Failure::file("write", file, &error))
}
