//! `headend nas`: the network access servers of a partner, and the sources nobody has admitted.
//! Never takes a shared secret as an argument, and never shows one.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{NAS, id_of};
use crate::failure::Failure;
use crate::output::column;
use crate::secret::Ask;

/// What to do with NAS.
#[derive(Subcommand)]
pub enum Command {
    /// List the NAS of a partner and how they are
    List,
    /// Admit a NAS
    Add {
        /// How people call it
        name: String,
        /// Source address of its packets, or a network in CIDR
        #[arg(long, value_name = "ADDRESS")]
        address: String,
        /// What it is
        #[command(flatten)]
        settings: Settings,
    },
    /// Show one NAS with its health
    Show {
        /// Name or id
        nas: String,
    },
    /// Change a NAS; what is not named stays
    Set {
        /// Name or id
        nas: String,
        /// Source address of its packets, or a network in CIDR
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// What it is
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a NAS; its history stays
    Remove {
        /// Name or id
        nas: String,
        /// Also with open sessions: their accounting ends here
        #[arg(long)]
        force: bool,
    },
    /// Show who sends RADIUS packets without being admitted, on the whole platform
    Unknown,
}

/// What can be said about a NAS.
#[derive(Args)]
pub struct Settings {
    /// Make: mikrotik, cisco, juniper, hostapd, ...
    #[arg(long = "type", value_name = "TYPE")]
    make: Option<String>,
    /// Where it listens for Disconnect-Requests
    #[arg(long, value_name = "PORT")]
    coa_port: Option<u16>,
    /// Whether its requests must be signed: no, yes, or auto (once seen signed, always)
    #[arg(long, value_name = "WHEN", value_parser = ["no", "yes", "auto"])]
    require_message_authenticator: Option<String>,
    /// Free text
    #[arg(long)]
    description: Option<String>,
    /// File with the shared secret, - for stdin [else HEADEND_NAS_SECRET, else a prompt when adding]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with a secret of its own for Disconnect-Requests [else HEADEND_NAS_COA_SECRET, else the shared secret]
    #[arg(long, value_name = "FILE")]
    coa_secret_file: Option<PathBuf>,
}

impl Settings {
    /// The request body; `fresh` asks for the secret when none is given.
    fn body(&self, fresh: bool) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let secret = Ask {
            what: "shared secret",
            file: self.secret_file.as_deref(),
            flag: "--secret-file",
            env: "HEADEND_NAS_SECRET",
        };
        let coa_secret = Ask {
            what: "secret for Disconnect-Requests",
            file: self.coa_secret_file.as_deref(),
            flag: "--coa-secret-file",
            env: "HEADEND_NAS_COA_SECRET",
        };
        let secret = if fresh {
            Some(secret.secret()?)
        } else {
            secret.given()?
        };
        let fields = [
            ("type", text(&self.make)),
            ("coa_port", self.coa_port.map(Value::from)),
            (
                "require_message_authenticator",
                text(&self.require_message_authenticator),
            ),
            ("description", text(&self.description)),
            ("secret", secret.map(|secret| secret.reveal().into())),
            (
                "coa_secret",
                coa_secret.given()?.map(|secret| secret.reveal().into()),
            ),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        Ok(body)
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        if let Command::Unknown = self {
            return unknown(context).await;
        }
        let partner = context.partner().await?;
        let path = |id| ["partners", partner.as_str(), "nas", id];
        match self {
            Command::List => list(context, &partner).await?,
            Command::Add {
                name,
                address,
                settings,
            } => {
                let mut body = settings.body(true)?;
                body.insert("name".to_owned(), name.clone().into());
                body.insert("address".to_owned(), address.into());
                let made = context
                    .api
                    .post(&["partners", &partner, "nas"], &Value::Object(body))
                    .await?;
                context.done("created NAS", &name, &made);
            }
            Command::Show { nas } => {
                let id = NAS.id(context, &partner, &nas).await?;
                context.show_one(&context.api.get(&path(&id)).await?);
            }
            Command::Set {
                nas,
                address,
                settings,
            } => {
                let mut body = settings.body(false)?;
                body.extend(address.map(|address| ("address".to_owned(), json!(address))));
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend nas set --help lists what can be set"));
                }
                let id = NAS.id(context, &partner, &nas).await?;
                let changed = context.api.patch(&path(&id), &Value::Object(body)).await?;
                context.done("changed NAS", &nas, &changed);
            }
            Command::Remove { nas, force } => {
                let found = NAS.find(context, &partner, &nas).await?;
                let query: &[(&str, &str)] = if force { &[("force", "true")] } else { &[] };
                context.api.delete(&path(&id_of(&found)?), query).await?;
                context.done("removed NAS", &nas, &found);
            }
            Command::Unknown => {}
        }
        Ok(())
    }
}

/// Lists the NAS of a partner.
async fn list(context: &Context, partner: &str) -> Result<(), Failure> {
    let all = context.api.list(&["partners", partner, "nas"], &[]).await?;
    let headings = [
        "NAME",
        "ADDRESS",
        "TYPE",
        "COA_PORT",
        "SIGNED",
        "LAST_PACKET",
        "ACCEPTS",
        "REJECTS",
        "SECRET_DIFFERS",
    ];
    context.show_list(all, &headings, |nas| {
        [
            "name",
            "address",
            "type",
            "coa_port",
            "require_message_authenticator",
            "health.last_packet_at",
            "health.accepts",
            "health.rejects",
            "health.secret_differs",
        ]
        .map(|name| column(nas, name))
        .to_vec()
    });
    Ok(())
}

/// Shows the sources that are not admitted.
async fn unknown(context: &Context) -> Result<(), Failure> {
    let sources = context.api.list(&["radius", "unknown-sources"], &[]).await?;
    let headings = [
        "ADDRESS",
        "PORT",
        "COUNT",
        "FIRST_SEEN",
        "LAST_SEEN",
        "NAS_IDENTIFIER",
        "ADMIT",
    ];
    context.show_list(sources, &headings, |source| {
        [
            "address",
            "port",
            "count",
            "first_seen",
            "last_seen",
            "nas_identifier",
            "admit_command",
        ]
        .map(|name| column(source, name))
        .to_vec()
    });
    Ok(())
}
