//! `headend integration`: systems of others that a partner works with.
//! Never takes a secret as an argument and never shows one; see the API's `/integrations`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{self, field};
use crate::secret::Ask;

/// What to do with them.
#[derive(Subcommand)]
pub enum Command {
    /// List the systems the partner works with
    List,
    /// Show one of them
    Show {
        /// voltha, netbox, genieacs, awx, radius or vault
        system: String,
    },
    /// Change how the partner works with a system, or begin it; what is not named stays
    Set {
        /// voltha, netbox, genieacs, awx, radius or vault
        system: String,
        /// What changes
        #[command(flatten)]
        change: Box<Change>,
    },
    /// Remove a system with its secrets
    Remove {
        /// voltha, netbox, genieacs, awx, radius or vault
        system: String,
    },
    /// Try a system as it is configured, enabled or not
    Test {
        /// voltha, netbox, genieacs, awx, radius or vault
        system: String,
    },
    /// Set what is shown to a system, or say where it is read at use
    Secret {
        /// voltha, netbox, genieacs, awx, radius or vault
        system: String,
        /// The system's word: token, username, password, secret, secret_id
        name: String,
        /// File with the secret, - for stdin [else HEADEND_INTEGRATION_SECRET, else asked for]
        #[arg(long, value_name = "FILE", conflicts_with_all = ["reference", "remove"])]
        secret_file: Option<PathBuf>,
        /// Where it is in a vault, such as vault:tenants/isp-west/netbox/token#value
        #[arg(long, value_name = "REFERENCE", conflicts_with = "remove")]
        reference: Option<String>,
        /// Remove it
        #[arg(long)]
        remove: bool,
    },
}

/// What can be changed of one.
#[derive(Args)]
pub struct Change {
    /// Where it is, a URL; for radius a host name or address
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// Use it from now on
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Do not use it from now on
    #[arg(long)]
    disable: bool,
    /// Its port beside the URL; none: the usual one
    #[arg(long, value_name = "PORT|none")]
    port: Option<String>,
    /// Who the partner is there; none: nobody in particular
    #[arg(long, value_name = "NAME|none")]
    external_id: Option<String>,
    /// PEM file with the only authorities believed there; none: those of the machine
    #[arg(long, value_name = "FILE|none")]
    authority: Option<PathBuf>,
    /// How long a look at its health may take, in milliseconds
    #[arg(long, value_name = "MS")]
    health_ms: Option<i32>,
    /// How long a question may take, in milliseconds
    #[arg(long, value_name = "MS")]
    read_ms: Option<i32>,
    /// How long a change may take, in milliseconds
    #[arg(long, value_name = "MS")]
    write_ms: Option<i32>,
    /// Calls at a time
    #[arg(long, value_name = "N")]
    in_flight_max: Option<i32>,
    /// Calls a second; none: no bound of ours
    #[arg(long, value_name = "N|none")]
    per_second_max: Option<String>,
    /// What only this system has, all of it; of vault: mount=M, namespace=N, auth=token|approle, role_id=R
    #[arg(long, value_name = "NAME=VALUE")]
    option: Vec<String>,
}

impl Change {
    /// The body of the request.
    fn body(self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if self.enable || self.disable {
            set("enabled", self.enable.into());
        }
        self.at.map(|url| set("url", url.into()));
        for (name, value) in [("port", self.port), ("per_second_max", self.per_second_max)] {
            if let Some(text) = value {
                set(name, number_or_none(&text)?);
            }
        }
        self.external_id.map(|text| {
            set(
                "external_id",
                if text == "none" { Value::Null } else { text.into() },
            )
        });
        if let Some(path) = self.authority {
            let pem = match path.as_os_str() == "none" {
                true => Value::Null,
                false => std::fs::read_to_string(&path)
                    .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?
                    .into(),
            };
            set("authority", pem);
        }
        for (name, value) in [
            ("health_ms", self.health_ms),
            ("read_ms", self.read_ms),
            ("write_ms", self.write_ms),
            ("in_flight_max", self.in_flight_max),
        ] {
            value.map(|value| set(name, value.into()));
        }
        if !self.option.is_empty() {
            let pairs = self.option.iter().map(|pair| {
                pair.split_once('=')
                    .map(|(name, value)| (name.to_owned(), Value::from(value)))
                    .ok_or_else(|| Failure::usage(format!("\"{pair}\" is not NAME=VALUE")))
            });
            set("options", Value::Object(pairs.collect::<Result<_, _>>()?));
        }
        match body.is_empty() {
            true => Err(Failure::usage("nothing to change")
                .next("headend integration set --help lists what can be set")),
            false => Ok(Value::Object(body)),
        }
    }
}

/// A number, or nothing.
fn number_or_none(text: &str) -> Result<Value, Failure> {
    match text {
        "none" => Ok(Value::Null),
        text => text
            .parse::<u32>()
            .map(Value::from)
            .map_err(|_| Failure::usage(format!("\"{text}\" is neither a number nor none"))),
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", partner.as_str(), "integrations"];
        match self {
            Command::List => {
                let Value::Array(all) = context.api.get(&path).await? else {
                    return Ok(());
                };
                let headings = ["SYSTEM", "ENABLED", "URL", "EXTERNAL_ID", "SECRETS"];
                context.show_list(all, &headings, |one| {
                    let mut row = ["system", "enabled", "url", "external_id"]
                        .map(|name| field(one, name))
                        .to_vec();
                    let secrets = one["secrets"].as_array().into_iter().flatten();
                    let names: Vec<_> = secrets.filter_map(|secret| secret["name"].as_str()).collect();
                    row.push(names.join(" "));
                    row
                });
            }
            Command::Show { system } => {
                let one = context.api.get(&[path[0], path[1], path[2], &system]).await?;
                context.show_one(&one);
            }
            Command::Set { system, change } => {
                let changed = context
                    .api
                    .patch(&[path[0], path[1], path[2], &system], &change.body()?)
                    .await?;
                context.done("changed integration", &system, &changed);
            }
            Command::Remove { system } => {
                context
                    .api
                    .delete(&[path[0], path[1], path[2], &system], &[])
                    .await?;
                output::line(&format!("removed integration {system}"));
            }
            Command::Test { system } => {
                let said = context
                    .api
                    .post(&[path[0], path[1], path[2], &system, "test"], &json!({}))
                    .await?;
                context.show_one(&said);
                if said["verdict"] == "fails" {
                    let detail = said["detail"].as_str().unwrap_or_default();
                    return Err(Failure::new(
                        Exit::Failed,
                        format!("{system} does not work: {detail}"),
                    ));
                }
            }
            Command::Secret {
                system,
                name,
                secret_file,
                reference,
                remove,
            } => {
                let path = [
                    path[0],
                    path[1],
                    path[2],
                    system.as_str(),
                    "secrets",
                    name.as_str(),
                ];
                let what = format!("{name} of {system}");
                if remove {
                    context.api.delete(&path, &[]).await?;
                    output::line(&format!("removed {what}"));
                    return Ok(());
                }
                let body = match reference {
                    Some(reference) => json!({ "reference": reference }),
                    None => {
                        let ask = Ask {
                            what: "secret",
                            file: secret_file.as_deref(),
                            flag: "--secret-file",
                            env: "HEADEND_INTEGRATION_SECRET",
                        };
                        json!({ "value": ask.secret()?.reveal() })
                    }
                };
                let set = context.api.put(&path, &body).await?;
                context.done("set", &what, &set);
            }
        }
        Ok(())
    }
}
