//! `headend sso`: a partner's own provider of identities (OpenID Connect), and what its groups may do here.
//! Never takes the client secret as an argument.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::secret::Ask;

/// What to do with single sign-on.
#[derive(Subcommand)]
pub enum Command {
    /// Show the partner's provider
    Show,
    /// Say who the provider is, and what its groups may do; in place of all that was said before, but for the secret
    Set {
        /// Who it is: an https URL, exactly as its tokens say it
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// Who we are there
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// File with the client secret, - for stdin [else HEADEND_SSO_SECRET, else as it was]
        #[arg(long, value_name = "FILE")]
        client_secret_file: Option<PathBuf>,
        /// The claim in which it names groups
        #[arg(long, value_name = "CLAIM", default_value = "groups")]
        groups_claim: String,
        /// A group and a role it makes somebody hold; may be given several times, also for one group
        #[arg(long, value_name = "GROUP=ROLE", value_parser = pair)]
        group: Vec<(String, String)>,
        /// Let nobody come in by it for now
        #[arg(long)]
        disabled: bool,
    },
    /// Remove it; ends the sessions that it vouched for
    Remove,
}

/// A group and a role.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((group, role)) if !group.is_empty() && !role.is_empty() => {
            Ok((group.to_owned(), role.to_owned()))
        }
        _ => Err("write it as GROUP=ROLE".to_owned()),
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "sso"];
        match self {
            Command::Show => context.show_one(&context.api.get(&path).await?),
            Command::Set {
                issuer,
                client_id,
                client_secret_file,
                groups_claim,
                group,
                disabled,
            } => {
                let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (group, role) in group {
                    groups.entry(group).or_default().push(role);
                }
                let mut body = json!({
                    "issuer": issuer, "client_id": client_id, "groups_claim": groups_claim, "enabled": !disabled,
                    "groups": groups,
                });
                let ask = Ask {
                    what: "client secret",
                    file: client_secret_file.as_deref(),
                    flag: "--client-secret-file",
                    env: "HEADEND_SSO_SECRET",
                };
                if let Some(secret) = ask.given()? {
                    body["client_secret"] = secret.reveal().into();
                }
                context.show_one(&context.api.put(&path, &body).await?);
            }
            Command::Remove => {
                context.api.delete(&path, &[]).await?;
                output::line("single sign-on removed");
            }
        }
        Ok(())
    }
}
