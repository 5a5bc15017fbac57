//! `headend subscriber`: access services with their credentials.
//! Never takes a password as an argument, and never shows one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{SUBSCRIBER, id_of, site};
use super::quota;
use super::terms::Whole;
use crate::failure::Failure;
use crate::output::{self, field};
use crate::secret::{Ask, Secret};

/// What to do with subscribers.
#[derive(Subcommand)]
pub enum Command {
    /// List the subscribers of a partner
    List {
        /// Only active, suspended or terminated ones
        #[arg(long, value_parser = ["active", "suspended", "terminated"])]
        status: Option<String>,
        /// Only with this text in user name or name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Add a subscriber
    Add {
        /// The name he logs in with
        username: String,
        /// Plan, by slug
        #[arg(long)]
        plan: String,
        /// Site, as CLIENT/SITE
        #[arg(long, value_name = "CLIENT/SITE")]
        site: String,
        /// What people read
        #[arg(long)]
        name: Option<String>,
        /// When the service ends by itself, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// File with the password, - for stdin [else HEADEND_SUBSCRIBER_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// No password: he is known by what --identify-by says
        #[arg(long, requires = "identify_by", conflicts_with = "password_file")]
        no_password: bool,
        /// Whatever else can be said about how he is known
        #[command(flatten)]
        known: Known,
        /// What he has in place of his plan
        #[command(flatten)]
        terms: Box<Whole>,
    },
    /// Show one subscriber
    Show {
        /// User name or id
        subscriber: String,
    },
    /// Tell what a subscriber used, by the day or the hour
    Usage {
        /// User name or id
        subscriber: String,
        /// In what pieces
        #[arg(long, default_value = "day", value_parser = ["day", "hour"])]
        by: String,
        /// From when on, such as 2026-11-01T00:00:00Z [default: a year, or 31 days by the hour]
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// To before when [default: now]
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Tell how a subscriber stands with his quota: used, left, when it begins anew, and by what evidence
    Quota {
        /// User name or id
        subscriber: String,
    },
    /// Give octets on top in the period that goes on; when that is enough he has full service again at once
    TopUp {
        /// User name or id
        subscriber: String,
        /// Octets, or with k, M, G, T (thousands) such as 10G
        #[arg(value_parser = quota::octets)]
        octets: u64,
        /// Why, for the audit
        #[arg(long)]
        reason: String,
    },
    /// Change a subscriber; what is not named stays
    Set {
        /// User name or id
        subscriber: String,
        /// Plan, by slug
        #[arg(long)]
        plan: Option<String>,
        /// Site, as CLIENT/SITE
        #[arg(long, value_name = "CLIENT/SITE")]
        site: Option<String>,
        /// What people read
        #[arg(long)]
        name: Option<String>,
        /// When the service ends by itself; "never" for no end
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Whatever else can be said about how he is known
        #[command(flatten)]
        known: Known,
        /// What he has in place of his plan
        #[command(flatten)]
        terms: Box<Whole>,
    },
    /// Set a new password
    Passwd {
        /// User name or id
        subscriber: String,
        /// File with the password, - for stdin [else HEADEND_SUBSCRIBER_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// How it is stored: reversible for every method, argon2id for PAP only [default: as before]
        #[arg(long, value_name = "HOW", value_parser = ["reversible", "argon2id"])]
        store: Option<String>,
    },
    /// Refuse further logins until restored
    Suspend {
        /// User name or id
        subscriber: String,
        /// Why, for whoever looks next
        #[arg(long)]
        reason: String,
    },
    /// Allow logins again
    Restore {
        /// User name or id
        subscriber: String,
    },
    /// Release from what the first login bound him to; the next one binds him anew
    Release {
        /// User name or id
        subscriber: String,
    },
    /// Remove a subscriber; the history stays
    Remove {
        /// User name or id
        subscriber: String,
    },
}

/// How a subscriber is known.
#[derive(Args)]
pub struct Known {
    /// How his password is stored: reversible for every method, argon2id for PAP only [default: the partner's choice]
    #[arg(long, value_name = "HOW", value_parser = ["reversible", "argon2id"])]
    store: Option<String>,
    /// What he is recognised by beside his user name; may be given again: mac=…, circuit-id=…, remote-id=…, port-id=…, vlan=…,
    /// port-id@NAS=…, vlan@NAS=…; "none" for nothing
    #[arg(long, value_name = "KIND=VALUE")]
    identify_by: Vec<String>,
}

impl Known {
    /// The fields of a request body.
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(store) = &self.store {
            fields.insert("password_store".to_owned(), json!(store));
        }
        if self.identify_by == ["none"] {
            fields.insert("identified_by".to_owned(), json!([]));
        } else if !self.identify_by.is_empty() {
            fields.insert("identified_by".to_owned(), json!(self.identify_by));
        }
        fields
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::List { status, search } => {
                list(context, &partner, status.as_deref(), search.as_deref()).await
            }
            Command::Add {
                username,
                plan,
                site: at,
                name,
                expires,
                password_file,
                no_password,
                known,
                terms,
            } => {
                let site = site(context, &partner, &at).await?;
                let mut body = settings(None, name, expires);
                body.insert("username".to_owned(), json!(username));
                body.insert("plan".to_owned(), json!(plan));
                body.insert("site_id".to_owned(), site["id"].clone());
                body.extend(known.fields());
                body.extend(in_place_of_plan(*terms));
                if !no_password {
                    body.insert(
                        "password".to_owned(),
                        json!(password(password_file.as_deref())?.reveal()),
                    );
                }
                let made = context
                    .api
                    .post(&["partners", &partner, "subscribers"], &Value::Object(body))
                    .await?;
                context.done("created subscriber", &username, &made);
                Ok(())
            }
            Command::Show { subscriber } => {
                // A list says less than one alone.
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let found = context
                    .api
                    .get(&["partners", &partner, "subscribers", &id])
                    .await?;
                context.show_one(&found);
                Ok(())
            }
            Command::Usage {
                subscriber,
                by,
                since,
                until,
            } => {
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let named = [("by", Some(by)), ("since", since), ("until", until)];
                let filter: Vec<(&str, &str)> = named
                    .iter()
                    .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
                    .collect();
                let used = context
                    .api
                    .list(&["partners", &partner, "subscribers", &id, "usage"], &filter)
                    .await?;
                context.show_list(used, &["BEGINS", "IN", "OUT", "IN6", "OUT6"], |used| {
                    vec![
                        output::column(used, "begins_at"),
                        output::octets(used, "octets_in"),
                        output::octets(used, "octets_out"),
                        output::octets(used, "octets_in6"),
                        output::octets(used, "octets_out6"),
                    ]
                });
                Ok(())
            }
            Command::Quota { subscriber } => {
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let path = ["partners", partner.as_str(), "subscribers", &id, "quota"];
                quota::show(context, &subscriber, &context.api.get(&path).await?);
                Ok(())
            }
            Command::TopUp {
                subscriber,
                octets,
                reason,
            } => {
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let path = [
                    "partners",
                    partner.as_str(),
                    "subscribers",
                    &id,
                    "quota",
                    "top-ups",
                ];
                let body = json!({"octets": octets, "reason": reason});
                let after = context.api.post(&path, &body).await?;
                quota::show(context, &subscriber, &after);
                Ok(())
            }
            Command::Set {
                subscriber,
                plan,
                site: at,
                name,
                expires,
                known,
                terms,
            } => {
                let mut body = settings(plan, name, expires);
                body.extend(known.fields());
                body.extend(in_place_of_plan(*terms));
                if let Some(at) = at {
                    body.insert(
                        "site_id".to_owned(),
                        site(context, &partner, &at).await?["id"].clone(),
                    );
                }
                if body.is_empty() {
                    let help = "headend subscriber set --help lists what can be set";
                    return Err(Failure::usage("nothing to change").next(help));
                }
                change(context, &partner, &subscriber, "changed", Value::Object(body)).await
            }
            Command::Passwd {
                subscriber,
                password_file,
                store,
            } => {
                let mut body = json!({"password": password(password_file.as_deref())?.reveal()});
                if let Some(store) = store {
                    body["password_store"] = json!(store);
                }
                change(context, &partner, &subscriber, "new password for", body).await
            }
            Command::Suspend { subscriber, reason } => {
                let body = json!({"status": "suspended", "status_reason": reason});
                change(context, &partner, &subscriber, "suspended", body).await
            }
            Command::Restore { subscriber } => {
                let body = json!({"status": "active", "status_reason": null});
                change(context, &partner, &subscriber, "restored", body).await
            }
            Command::Release { subscriber } => {
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let path = ["partners", partner.as_str(), "subscribers", &id, "release"];
                let released = context.api.post(&path, &json!({})).await?;
                let was = format!("{subscriber} from {}", field(&released, "was_bound_to"));
                context.done("released", &was, &released);
                Ok(())
            }
            Command::Remove { subscriber } => {
                let found = SUBSCRIBER.find(context, &partner, &subscriber).await?;
                context
                    .api
                    .delete(&["partners", &partner, "subscribers", &id_of(&found)?], &[])
                    .await?;
                context.done("removed subscriber", &subscriber, &found);
                Ok(())
            }
        }
    }
}

/// Lists the subscribers of a partner.
async fn list(
    context: &Context,
    partner: &str,
    status: Option<&str>,
    search: Option<&str>,
) -> Result<(), Failure> {
    let filter: Vec<(&str, &str)> = [("status", status), ("q", search)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let all = context
        .api
        .list(&["partners", partner, "subscribers"], &filter)
        .await?;
    context.show_list(
        all,
        &["USERNAME", "NAME", "PLAN", "SITE", "STATUS", "EXPIRES"],
        |subscriber| {
            vec![
                field(subscriber, "username"),
                field(subscriber, "name"),
                field(subscriber, "plan"),
                format!("{}/{}", field(subscriber, "client"), field(subscriber, "site")),
                field(subscriber, "status"),
                output::column(subscriber, "expires_at"),
            ]
        },
    );
    Ok(())
}

/// What he has in place of his plan, as a field of a request body.
fn in_place_of_plan(terms: Whole) -> Option<(String, Value)> {
    let terms = terms.fields();
    (!terms.is_empty()).then(|| ("terms".to_owned(), Value::Object(terms)))
}

/// The request body of what is set alike for new and known subscribers.
fn settings(plan: Option<String>, name: Option<String>, expires: Option<String>) -> Map<String, Value> {
    let expires = expires.map(|at| {
        if at == "never" {
            Value::Null
        } else {
            Value::from(at)
        }
    });
    [
        ("plan", plan.map(Value::from)),
        ("name", name.map(Value::from)),
        ("expires_at", expires),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The password from where people put it.
fn password(file: Option<&Path>) -> Result<Secret, Failure> {
    let what = "subscriber's password";
    Ask {
        what,
        file,
        flag: "--password-file",
        env: "HEADEND_SUBSCRIBER_PASSWORD",
    }
    .secret()
}

/// Changes one subscriber and says so.
async fn change(
    context: &Context,
    partner: &str,
    name: &str,
    what: &str,
    body: Value,
) -> Result<(), Failure> {
    let id = SUBSCRIBER.id(context, partner, name).await?;
    let changed = context
        .api
        .patch(&["partners", partner, "subscribers", &id], &body)
        .await?;
    context.done(&format!("{what} subscriber"), name, &changed);
    Ok(())
}
