//! `headend home-server`: the servers of others that decide about realms of a partner.
//! Never takes a shared secret as an argument, and never shows one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{HOME_SERVER, id_of};
use crate::failure::Failure;
use crate::output::column;
use crate::secret::Ask;

/// Octets of a PEM file that are read; the server takes fewer.
const PEM_OCTETS_MAX: u64 = 256 * 1024;

/// What to do with home servers.
#[derive(Subcommand)]
pub enum Command {
    /// List the home servers of a partner and how they are
    List,
    /// Add a home server
    Add {
        /// How people call it
        name: String,
        /// Its address
        #[arg(long, value_name = "ADDRESS")]
        address: String,
        /// What it is
        #[command(flatten)]
        settings: Settings,
    },
    /// Show one home server
    Show {
        /// Name or id
        home_server: String,
    },
    /// Change a home server; what is not named stays
    Set {
        /// Name or id
        home_server: String,
        /// Its address
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// What it is
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a home server that no realm names
    Remove {
        /// Name or id
        home_server: String,
    },
}

/// What can be said about a home server.
#[derive(Args)]
pub struct Settings {
    /// Where it takes logins; 0: it takes none
    #[arg(long, value_name = "PORT")]
    auth_port: Option<u16>,
    /// Where it takes accounting; 0: it takes none
    #[arg(long, value_name = "PORT")]
    accounting_port: Option<u16>,
    /// Whether its replies to logins must be signed; no only for servers that cannot
    #[arg(long, value_name = "YES_OR_NO", value_parser = ["no", "yes"])]
    require_message_authenticator: Option<String>,
    /// Whether it answers Status-Server, by which it is found alive again
    #[arg(long, value_name = "YES_OR_NO", value_parser = ["no", "yes"])]
    status_server: Option<String>,
    /// How it is reached; tls takes everything on port 2083 unless told otherwise, and needs no secret
    #[arg(long, value_name = "TRANSPORT", value_parser = ["udp", "tls"])]
    transport: Option<String>,
    /// With tls: what its certificate must be for [its address]
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// With tls: PEM file with its authorities; own: our own authority [own]
    #[arg(long, value_name = "FILE|own")]
    tls_ca: Option<PathBuf>,
    /// With tls: PEM file with the certificate that we show, beside --tls-key; own: one of our own authority [own]
    #[arg(long, value_name = "FILE|own")]
    tls_certificate: Option<PathBuf>,
    /// PEM file with the key of --tls-certificate
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Whether it gets a copy of every accounting record of the partner: a shaper, an analysis
    #[arg(long, value_name = "YES_OR_NO", value_parser = ["no", "yes"])]
    copy_accounting: Option<String>,
    /// File with the shared secret, - for stdin [else HEADEND_HOME_SERVER_SECRET, else a prompt when adding]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Settings {
    /// The request body; `fresh` asks for the secret when none is given.
    fn body(&self, fresh: bool) -> Result<Map<String, Value>, Failure> {
        let secret = Ask {
            what: "shared secret",
            file: self.secret_file.as_deref(),
            flag: "--secret-file",
            env: "HEADEND_HOME_SERVER_SECRET",
        };
        let secret = match self.transport.as_deref() {
            Some("tls") if self.secret_file.is_none() => None,
            _ if fresh => Some(secret.secret()?),
            _ => secret.given()?,
        };
        let port =
            |port: Option<u16>| port.map(|port| (port > 0).then_some(port).map_or(Value::Null, Value::from));
        let yes = |word: &Option<String>| word.as_deref().map(|word| json!(word == "yes"));
        let fields = [
            ("auth_port", port(self.auth_port)),
            ("accounting_port", port(self.accounting_port)),
            (
                "require_message_authenticator",
                yes(&self.require_message_authenticator),
            ),
            ("status_server", yes(&self.status_server)),
            ("transport", self.transport.clone().map(Value::from)),
            ("tls_name", self.tls_name.clone().map(Value::from)),
            ("tls_ca", pem(self.tls_ca.as_deref())?),
            ("tls_certificate", pem(self.tls_certificate.as_deref())?),
            ("tls_key", pem(self.tls_key.as_deref())?),
            ("copy_accounting", yes(&self.copy_accounting)),
            ("secret", secret.map(|secret| secret.reveal().into())),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(given.collect())
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = |id| ["partners", partner.as_str(), "home-servers", id];
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
                    .post(&["partners", &partner, "home-servers"], &Value::Object(body))
                    .await?;
                context.done("created home server", &name, &made);
            }
            Command::Show { home_server } => {
                let id = HOME_SERVER.id(context, &partner, &home_server).await?;
                show(context, context.api.get(&path(&id)).await?);
            }
            Command::Set {
                home_server,
                address,
                settings,
            } => {
                let mut body = settings.body(false)?;
                body.extend(address.map(|address| ("address".to_owned(), json!(address))));
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend home-server set --help lists what can be set"));
                }
                let id = HOME_SERVER.id(context, &partner, &home_server).await?;
                let changed = context.api.patch(&path(&id), &Value::Object(body)).await?;
                context.done("changed home server", &home_server, &changed);
            }
            Command::Remove { home_server } => {
                let found = HOME_SERVER.find(context, &partner, &home_server).await?;
                context.api.delete(&path(&id_of(&found)?), &[]).await?;
                context.done("removed home server", &home_server, &found);
            }
        }
        Ok(())
    }
}

/// The content of a PEM file; `own` is what we have ourselves.
fn pem(file: Option<&Path>) -> Result<Option<Value>, Failure> {
    let Some(file) = file else { return Ok(None) };
    if file == Path::new("own") {
        return Ok(Some(Value::Null));
    }
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(PEM_OCTETS_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(Some(text.into())),
        Err(error) => Err(Failure::file("read", file, &error)),
    }
}

/// Shows one home server; certificates in full only as JSON.
fn show(context: &Context, mut server: Value) {
    if !context.json {
        for name in ["tls_ca", "tls_certificate"] {
            let text = server[name].as_str().map(|pem| pem.matches("-----BEGIN").count());
            if let Some(certificates) = text {
                server[name] = format!("{certificates} in PEM (--json shows them)").into();
            }
        }
        server = spread(server);
    }
    context.show_one(&server);
}

/// Lists the home servers of a partner.
async fn list(context: &Context, partner: &str) -> Result<(), Failure> {
    let all = context
        .api
        .list(&["partners", partner, "home-servers"], &[])
        .await?;
    let headings = [
        "NAME",
        "TRANSPORT",
        "ADDRESS",
        "AUTH_PORT",
        "ACCOUNTING_PORT",
        "SIGNED",
        "STATUS_SERVER",
        "HEALTH",
        "FORWARDING",
    ];
    context.show_list(all, &headings, |server| {
        let mut row = [
            "name",
            "transport",
            "address",
            "auth_port",
            "accounting_port",
            "require_message_authenticator",
            "status_server",
        ]
        .map(|name| column(server, name))
        .to_vec();
        let ports = server["ports"].as_array().map_or(&[][..], Vec::as_slice);
        let health = ports.iter().map(|port| match port["tls_trouble"].as_str() {
            Some(trouble) => format!("{}:{} ({trouble})", column(port, "port"), column(port, "health")),
            None => format!("{}:{}", column(port, "port"), column(port, "health")),
        });
        row.push(health.collect::<Vec<_>>().join(","));
        let forwarding = server["forwarding"].as_array().map_or(&[][..], Vec::as_slice);
        let forwarding = forwarding.iter().map(|one| {
            let since = match &one["behind_since"] {
                Value::String(since) => format!("behind since {since}"),
                _ => "up to date".to_owned(),
            };
            format!("{}:{since}", forwarded(one))
        });
        row.push(forwarding.collect::<Vec<_>>().join(","));
        row
    });
    Ok(())
}

/// What is forwarded: everything, or a realm's.
fn forwarded(one: &Value) -> String {
    one["realm"].as_str().unwrap_or("copy").to_owned()
}

/// The same for people: a line a figure, under the names of ports and realms.
fn spread(mut server: Value) -> Value {
    let by = |list: &Value, name: &dyn Fn(&Value) -> String, left_out: &str| {
        let all = list.as_array().map_or(&[][..], Vec::as_slice);
        let named = all.iter().map(|one| {
            let mut figures = one.clone();
            if let Some(figures) = figures.as_object_mut() {
                figures.remove(left_out);
            }
            (name(one), figures)
        });
        Value::Object(named.collect())
    };
    server["ports"] = by(&server["ports"], &|port| column(port, "port"), "port");
    server["forwarding"] = by(&server["forwarding"], &forwarded, "realm");
    server
}
