//! `headend admission`: who may come in beside those who are in, by plan and for single subscribers.
//! Never decides about a login; the access plane does.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{self, PLAN, SUBSCRIBER, id_of};
use crate::failure::Failure;
use crate::place::{address, place};

/// What to do with it.
#[derive(Subcommand)]
pub enum Command {
    /// Show what a plan asks for, or what concerns one subscriber
    Show {
        /// Which
        #[command(flatten)]
        whose: Whose,
    },
    /// Change what a plan asks for; what is not named stays
    Plan {
        /// Slug or id
        plan: String,
        /// How many logins of a subscriber may be in at once; "any" for any number
        #[arg(long, value_name = "NUMBER")]
        simultaneous: Option<String>,
        /// What happens beyond that: reject, same-device (a device counts once), or replace (the oldest goes)
        #[arg(long, value_name = "WHAT", value_parser = ["reject", "same-device", "replace"])]
        on_collision: Option<String>,
        /// What the first login binds a subscriber to: mac, port or line; "none" for nothing
        #[arg(long, value_name = "WHAT", value_parser = ["mac", "port", "line", "none"])]
        bind: Option<String>,
        /// The pool of IPv4 addresses; "none" for none
        #[arg(long, value_name = "POOL")]
        ipv4_pool: Option<String>,
        /// The pool of prefixes; "none" for none
        #[arg(long, value_name = "POOL")]
        prefix_pool: Option<String>,
        /// The pool of delegated prefixes; "none" for none
        #[arg(long, value_name = "POOL")]
        delegated_pool: Option<String>,
    },
    /// Change which pools those at a site get addresses of, in place of their plan's; what is not named stays
    Site {
        /// The site
        #[arg(value_name = "CLIENT/SITE")]
        site: String,
        /// The pool of IPv4 addresses; "plan" for that of the plan
        #[arg(long, value_name = "POOL")]
        ipv4_pool: Option<String>,
        /// The pool of prefixes; "plan" for that of the plan
        #[arg(long, value_name = "POOL")]
        prefix_pool: Option<String>,
        /// The pool of delegated prefixes; "plan" for that of the plan
        #[arg(long, value_name = "POOL")]
        delegated_pool: Option<String>,
    },
    /// Change what is special about one subscriber; what is not named stays
    Subscriber {
        /// User name or id
        subscriber: String,
        /// How many logins of his may be in at once; "plan" for what his plan says
        #[arg(long, value_name = "NUMBER")]
        simultaneous: Option<String>,
        /// What happens beyond that; "plan" for what his plan says
        #[arg(long, value_name = "WHAT", value_parser = ["reject", "same-device", "replace", "plan"])]
        on_collision: Option<String>,
        /// Where he may come from: nas:NAME, port:NAS/PORT, vlan:100.200, vlan:NAS/100, mac:MAC; several times, "anywhere" for everywhere
        #[arg(long = "allow", value_name = "PLACE")]
        allowed: Vec<String>,
        /// An address or prefix that is his for good, such as 192.0.2.7, 2001:db8:1::/64 (prefix), delegated:2001:db8:0:100::/56; several times, "none" for none
        #[arg(long = "address", value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
}

/// A plan or a subscriber.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// A plan, by slug or id
    #[arg(long)]
    plan: Option<String>,
    /// A subscriber, by user name or id
    #[arg(long)]
    subscriber: Option<String>,
    /// A site, as CLIENT/SITE
    #[arg(long)]
    site: Option<String>,
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::Show { whose } => {
                if let Some(site) = whose.site {
                    let id = id_of(&lookup::site(context, &partner, &site).await?)?;
                    let path = ["partners", &partner, "sites", &id, "pools"];
                    context.show_one(&context.api.get(&path).await?);
                    return Ok(());
                }
                let (collection, name) = match (whose.plan, whose.subscriber) {
                    (Some(plan), _) => (&PLAN, plan),
                    (None, subscriber) => (&SUBSCRIBER, subscriber.unwrap_or_default()),
                };
                let id = collection.id(context, &partner, &name).await?;
                let path = ["partners", &partner, collection.path, &id, "admission"];
                context.show_one(&context.api.get(&path).await?);
            }
            Command::Plan {
                plan,
                simultaneous,
                on_collision,
                bind,
                ipv4_pool,
                prefix_pool,
                delegated_pool,
            } => {
                let fields = [
                    ("simultaneous", number(simultaneous.as_deref(), "any")?),
                    ("on_collision", word(on_collision.as_deref(), "")),
                    ("bind", word(bind.as_deref(), "none")),
                    ("ipv4_pool", named(ipv4_pool)),
                    ("prefix_pool", named(prefix_pool)),
                    ("delegated_pool", named(delegated_pool)),
                ];
                let id = PLAN.id(context, &partner, &plan).await?;
                let path = ["partners", &partner, PLAN.path, &id, "admission"];
                let changed = context.api.patch(&path, &body(fields)?).await?;
                context.done("changed who may come in by plan", &plan, &changed);
            }
            Command::Site {
                site,
                ipv4_pool,
                prefix_pool,
                delegated_pool,
            } => {
                let own = |name: Option<String>| {
                    name.map(|name| match name == "plan" {
                        true => Value::Null,
                        false => name.into(),
                    })
                };
                let fields = [
                    ("ipv4_pool", own(ipv4_pool)),
                    ("prefix_pool", own(prefix_pool)),
                    ("delegated_pool", own(delegated_pool)),
                ];
                let id = id_of(&lookup::site(context, &partner, &site).await?)?;
                let path = ["partners", &partner, "sites", &id, "pools"];
                let changed = context.api.patch(&path, &body(fields)?).await?;
                context.done("changed the pools of site", &site, &changed);
            }
            Command::Subscriber {
                subscriber,
                simultaneous,
                on_collision,
                allowed,
                addresses,
            } => {
                let fields = [
                    ("simultaneous", number(simultaneous.as_deref(), "plan")?),
                    ("on_collision", word(on_collision.as_deref(), "plan")),
                    ("allowed", many(&allowed, "anywhere", place)?),
                    ("addresses", many(&addresses, "none", address)?),
                ];
                let id = SUBSCRIBER.id(context, &partner, &subscriber).await?;
                let path = ["partners", &partner, SUBSCRIBER.path, &id, "admission"];
                let changed = context.api.patch(&path, &body(fields)?).await?;
                context.done("changed where and how often may come in", &subscriber, &changed);
            }
        }
        Ok(())
    }
}

/// The request body.
fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Result<Value, Failure> {
    let body: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    if body.is_empty() {
        return Err(
            Failure::usage("nothing to change").next("headend admission --help lists what can be set")
        );
    }
    Ok(Value::Object(body))
}

/// A number, or the word for none.
fn number(given: Option<&str>, none: &str) -> Result<Option<Value>, Failure> {
    match given {
        None => Ok(None),
        Some(word) if word == none => Ok(Some(Value::Null)),
        Some(text) => match text.parse::<u16>() {
            Ok(number) => Ok(Some(number.into())),
            Err(_) => Err(Failure::usage(format!(
                "{text} is neither a number nor \"{none}\""
            ))),
        },
    }
}

/// A word as the API takes it; the word for none empties.
fn word(given: Option<&str>, none: &str) -> Option<Value> {
    given.map(|word| match word == none {
        true => Value::Null,
        false => word.replace('-', "_").into(),
    })
}

/// A name; `none` empties.
fn named(given: Option<String>) -> Option<Value> {
    given.map(|name| if name == "none" { Value::Null } else { name.into() })
}

/// A list, of which one word says that it is empty.
fn many(
    given: &[String],
    none: &str,
    read: impl Fn(&str) -> Result<Value, Failure>,
) -> Result<Option<Value>, Failure> {
    match given {
        [] => Ok(None),
        [word] if word == none => Ok(Some(json!([]))),
        several => several
            .iter()
            .map(|text| read(text))
            .collect::<Result<Vec<_>, _>>()
            .map(|read| Some(read.into())),
    }
}
