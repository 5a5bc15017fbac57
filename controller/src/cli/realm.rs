//! `headend realm`: which logins of a partner are decided here, by home servers, or not at all.
//! Never decides; it is a client of the API.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{REALM, id_of};
use crate::failure::Failure;
use crate::output::column;

/// What to do with realms.
#[derive(Subcommand)]
pub enum Command {
    /// List the realms of a partner
    List,
    /// Add a realm
    Add {
        /// The realm, such as isp.example; * is every realm without a line of its own
        name: String,
        /// Where its logins are decided: here, nowhere, or by-home-servers [default: by-home-servers with --home-server, else here]
        #[arg(long, value_name = "WHERE", value_parser = ["here", "nowhere", "by-home-servers"])]
        decided: Option<String>,
        /// How
        #[command(flatten)]
        settings: Settings,
    },
    /// Show one realm
    Show {
        /// Name or id
        realm: String,
    },
    /// Change a realm; what is not named stays
    Set {
        /// Name or id
        realm: String,
        /// Where its logins are decided
        #[arg(long, value_name = "WHERE", value_parser = ["here", "nowhere", "by-home-servers"])]
        decided: Option<String>,
        /// How
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a realm; its names are the partner's own again
    Remove {
        /// Name or id
        realm: String,
    },
}

/// What can be said about a realm.
#[derive(Args)]
pub struct Settings {
    /// A home server by name; several times, in order
    #[arg(long = "home-server", value_name = "NAME")]
    home_servers: Vec<String>,
    /// Whether the realm is taken off the user name
    #[arg(long, value_name = "YES_OR_NO", value_parser = ["no", "yes"])]
    strip: Option<String>,
    /// How home servers share the work: fail-over, or spread by user and station
    #[arg(long, value_name = "HOW", value_parser = ["fail-over", "spread"])]
    balance: Option<String>,
    /// What of their replies a NAS gets: all, or what a guest needs (roaming)
    #[arg(long, value_name = "WHAT", value_parser = ["all", "roaming"])]
    pass: Option<String>,
    /// Whether accounting of its users goes to its home servers
    #[arg(long, value_name = "YES_OR_NO", value_parser = ["no", "yes"])]
    accounting: Option<String>,
}

impl Settings {
    /// The request body.
    fn body(&self, decided: Option<&str>) -> Map<String, Value> {
        let word = |word: Option<&str>| word.map(|word| json!(word.replace('-', "_")));
        let servers = (!self.home_servers.is_empty()).then(|| json!(self.home_servers));
        // A realm that home servers decide no more has none.
        let none = (decided.is_some_and(|decided| decided != "by-home-servers")).then(|| json!([]));
        let yes = |word: &Option<String>| word.as_deref().map(|word| json!(word == "yes"));
        let fields = [
            ("decided", word(decided)),
            ("strip", yes(&self.strip)),
            ("accounting", yes(&self.accounting)),
            ("balance", word(self.balance.as_deref())),
            ("pass", word(self.pass.as_deref())),
            ("home_servers", servers.or(none)),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = |id| ["partners", partner.as_str(), "realms", id];
        match self {
            Command::List => list(context, &partner).await?,
            Command::Add {
                name,
                decided,
                settings,
            } => {
                let usual = match settings.home_servers.is_empty() {
                    true => "here",
                    false => "by-home-servers",
                };
                let mut body = settings.body(Some(decided.as_deref().unwrap_or(usual)));
                body.insert("name".to_owned(), name.clone().into());
                let made = context
                    .api
                    .post(&["partners", &partner, "realms"], &Value::Object(body))
                    .await?;
                context.done("created realm", &name, &made);
            }
            Command::Show { realm } => {
                let id = REALM.id(context, &partner, &realm).await?;
                context.show_one(&context.api.get(&path(&id)).await?);
            }
            Command::Set {
                realm,
                decided,
                settings,
            } => {
                let body = settings.body(decided.as_deref());
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend realm set --help lists what can be set"));
                }
                let id = REALM.id(context, &partner, &realm).await?;
                let changed = context.api.patch(&path(&id), &Value::Object(body)).await?;
                context.done("changed realm", &realm, &changed);
            }
            Command::Remove { realm } => {
                let found = REALM.find(context, &partner, &realm).await?;
                context.api.delete(&path(&id_of(&found)?), &[]).await?;
                context.done("removed realm", &realm, &found);
            }
        }
        Ok(())
    }
}

/// Lists the realms of a partner.
async fn list(context: &Context, partner: &str) -> Result<(), Failure> {
    let all = context.api.list(&["partners", partner, "realms"], &[]).await?;
    let headings = [
        "REALM",
        "DECIDED",
        "STRIP",
        "BALANCE",
        "PASS",
        "ACCOUNTING",
        "HOME_SERVERS",
    ];
    context.show_list(all, &headings, |realm| {
        let mut row = ["name", "decided", "strip", "balance", "pass", "accounting"]
            .map(|name| column(realm, name))
            .to_vec();
        let servers = realm["home_servers"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = servers.iter().filter_map(Value::as_str).collect();
        row.push(names.join(","));
        row
    });
    Ok(())
}
