//! `headend nas`: the network access servers of a partner, and the sources nobody has admitted.
//! Never takes a shared secret as an argument, and never shows one.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::capability;
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
    /// List the NAS that still send unsigned requests: since when, the last, how many
    Posture {
        /// Every NAS
        #[arg(long)]
        all: bool,
    },
    /// Require signatures of a NAS, and no unsigned Proxy-State, where it does without anyway
    #[command(group(clap::ArgGroup::new("which").required(true).args(["nas", "all"])))]
    Tighten {
        /// Name or id
        nas: Option<String>,
        /// Every NAS of the partner
        #[arg(long)]
        all: bool,
    },
    /// Replace a shared secret while the NAS goes on working
    #[command(subcommand)]
    Secret(SecretCommand),
    /// What is known of a NAS, beside what its make promises
    #[command(subcommand)]
    Capability(capability::Command),
    /// Show who sends RADIUS packets without being admitted, on the whole platform
    Unknown,
}

/// What to do with the shared secret of a NAS.
#[derive(Subcommand)]
pub enum SecretCommand {
    /// Set a new one; the one it has stays good for a time
    Rotate {
        /// Name or id
        nas: String,
        /// How long both are good: 30m, 12h, 7d
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = overlap)]
        overlap: u64,
        /// File with the new shared secret, - for stdin [else HEADEND_NAS_SECRET, else a prompt]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// End the time of the one it had before
    End {
        /// Name or id
        nas: String,
    },
}

/// Reads a time in seconds out of `90s`, `30m`, `12h`, `7d`.
fn overlap(text: &str) -> Result<u64, String> {
    let wrong = || "allowed: a number with s, m, h or d, such as 12h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 24 * 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    number.checked_mul(each).ok_or_else(wrong)
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
    /// Whether unsigned requests may not carry Proxy-State: no, yes, or auto (unless its first one did)
    #[arg(long, value_name = "WHEN", value_parser = ["no", "yes", "auto"])]
    limit_proxy_state: Option<String>,
    /// Access-Requests a second that are taken from it, or none for any number
    #[arg(long, value_name = "N|none", value_parser = number_or_none)]
    request_rate: Option<Value>,
    /// Access-Requests that may come at once, or none for those of a second
    #[arg(long, value_name = "N|none", value_parser = number_or_none)]
    request_burst: Option<Value>,
    /// By what its subscribers are recognised, in order: user-name, line, mac; "partner" for the partner's choice
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    identify: Vec<String>,
    /// What its certificate must carry over TLS when another authority issued it: dns:, ip:, uri: or cn: and a name
    #[arg(long, value_name = "NAME|none")]
    tls_name: Option<String>,
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

/// A name; `none` takes it away.
fn or_none(name: &str) -> Value {
    match name {
        "none" => Value::Null,
        name => name.into(),
    }
}

/// Reads a number, or `none`.
fn number_or_none(text: &str) -> Result<Value, String> {
    match text {
        "none" => Ok(Value::Null),
        number => number
            .parse::<u32>()
            .map(Value::from)
            .map_err(|_| "allowed: a whole number, or none".to_owned()),
    }
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
            ("limit_proxy_state", text(&self.limit_proxy_state)),
            ("request_rate", self.request_rate.clone()),
            ("request_burst", self.request_burst.clone()),
            ("identify", super::identity::rules(&self.identify)),
            ("tls_name", self.tls_name.as_deref().map(or_none)),
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
            Command::Posture { all } => posture(context, &partner, all).await?,
            Command::Tighten { nas, all: _ } => tighten(context, &partner, nas).await?,
            Command::Capability(command) => return command.run(context, &partner).await,
            Command::Secret(SecretCommand::Rotate {
                nas,
                overlap,
                secret_file,
            }) => {
                let ask = Ask {
                    what: "new shared secret",
                    file: secret_file.as_deref(),
                    flag: "--secret-file",
                    env: "HEADEND_NAS_SECRET",
                };
                let id = NAS.id(context, &partner, &nas).await?;
                let body = json!({ "secret": ask.secret()?.reveal(), "overlap_s": overlap });
                let path = ["partners", partner.as_str(), "nas", &id, "secret"];
                let changed = context.api.post(&path, &body).await?;
                context.done("replaced the secret of NAS", &nas, &changed);
            }
            Command::Secret(SecretCommand::End { nas }) => {
                let found = NAS.find(context, &partner, &nas).await?;
                let id = id_of(&found)?;
                let path = ["partners", partner.as_str(), "nas", &id, "older-secret"];
                context.api.delete(&path, &[]).await?;
                context.done("ended the older secret of NAS", &nas, &found);
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
        "RATE_LIMITED",
        "OLDER_SECRET",
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
            "health.rate_limited",
        ]
        .map(|name| column(nas, name))
        .into_iter()
        .chain([older_secret(nas)])
        .collect()
    });
    Ok(())
}

/// Until when the secret that a NAS had before is good, and when it used it last.
fn older_secret(nas: &Value) -> String {
    let until = column(nas, "older_secret_until");
    if nas["older_secret_until"].is_null() {
        return until;
    }
    match nas["posture"]["older_secret_last_at"].as_str() {
        Some(last) => format!("until {until}, last {last}"),
        None => format!("until {until}, not used"),
    }
}

/// Lists the NAS that still send unsigned requests.
async fn posture(context: &Context, partner: &str, all: bool) -> Result<(), Failure> {
    let mut listed = context.api.list(&["partners", partner, "nas"], &[]).await?;
    if !all {
        listed.retain(|nas| nas["posture"]["verdict"] == "unsigned");
    }
    let headings = [
        "NAME",
        "ADDRESS",
        "VERDICT",
        "SIGNED",
        "LIMIT_PROXY_STATE",
        "UNSIGNED",
        "WITH_PROXY_STATE",
        "SINCE",
        "LAST",
    ];
    context.show_list(listed, &headings, |nas| {
        [
            "name",
            "address",
            "posture.verdict",
            "require_message_authenticator",
            "limit_proxy_state",
            "posture.unsigned",
            "posture.unsigned_proxied",
            "posture.unsigned_since",
            "posture.unsigned_last_at",
        ]
        .map(|name| column(nas, name))
        .to_vec()
    });
    Ok(())
}

/// Tightens one NAS, or all of a partner.
async fn tighten(context: &Context, partner: &str, nas: Option<String>) -> Result<(), Failure> {
    let which = match nas {
        Some(nas) => vec![NAS.find(context, partner, &nas).await?],
        None => context.api.list(&["partners", partner, "nas"], &[]).await?,
    };
    for nas in which {
        let (id, name) = (id_of(&nas)?, column(&nas, "name"));
        let path = ["partners", partner, "nas", &id, "tighten"];
        let after = context.api.post(&path, &json!({})).await?;
        let what = match (
            after["posture"]["verdict"].as_str(),
            nas["posture"]["verdict"].as_str(),
        ) {
            (Some("tight"), Some("tight")) => "was tight already: NAS",
            (Some("tight"), _) => "tightened NAS",
            _ if after["limit_proxy_state"] != nas["limit_proxy_state"] => "tightened in part NAS",
            _ => "left as it is NAS",
        };
        context.done(what, &name, &after);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_number_with_its_unit() {
        assert_eq!(overlap("90s"), Ok(90));
        assert_eq!(overlap("30m"), Ok(1_800));
        assert_eq!(overlap("7d"), Ok(604_800));
        for wrong in [
            "",
            "7",
            "d",
            "-1d",
            "1w",
            "1.5h",
            "99999999999999999999d",
            "7\u{e9}",
        ] {
            assert!(overlap(wrong).is_err(), "{wrong}");
        }
    }
}
