//! `headend webhook`: which servers are told of a partner's events, and what they were told.
//! Never shows a secret twice: it is printed when it is made, alone on stdout.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::api_key::write_token;
use super::context::Context;
use super::lookup::{Collection, id_of};
use crate::failure::Failure;
use crate::output::{self, column};

/// Where webhooks are looked up by name.
const WEBHOOK: Collection = Collection {
    kind: "webhook",
    path: "webhooks",
    name: "name",
};

/// What to do with webhooks.
#[derive(Subcommand)]
pub enum Command {
    /// List the webhooks of a partner
    List,
    /// Add a webhook and print its secret, once
    Create {
        /// How people call it
        name: String,
        /// Where messages go: https
        #[arg(value_name = "URL")]
        at: String,
        /// Kind of event, such as subscriber.suspended; several times [default: all that you may read]
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// Write the secret to this file (mode 0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show one webhook
    Show {
        /// Name or id
        webhook: String,
    },
    /// Change a webhook; what is not named stays
    Set {
        /// Name or id
        webhook: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// Another place; what waits to be told goes there
        #[arg(long, value_name = "URL")]
        at: Option<String>,
        /// All kinds of events; several times
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// Whether messages go there
        #[arg(long)]
        enabled: Option<bool>,
    },
    /// Replace the secret: prints the new one, once; the former one signs as well for a while
    Rotate {
        /// Name or id
        webhook: String,
        /// For how many seconds the former one signs as well
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
        /// Write the new secret to this file (mode 0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Remove a webhook with the log of what it was told
    Remove {
        /// Name or id
        webhook: String,
    },
    /// List what a webhook was told, newest first
    Deliveries {
        /// Name or id
        webhook: String,
        /// Only those in this state: waiting, delivered or dead
        #[arg(long, value_parser = ["waiting", "delivered", "dead"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one delivery with what is sent
    Delivery {
        /// Name or id of the webhook
        webhook: String,
        /// Id of the delivery
        delivery: String,
    },
    /// Send once more: one delivery, or all that were given up
    Replay {
        /// Name or id
        webhook: String,
        /// Id of the delivery
        delivery: Option<String>,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let base = ["partners", partner.as_str(), "webhooks"];
        match self {
            Command::List => {
                let webhooks = context.api.list(&base, &[]).await?;
                let headings = ["NAME", "URL", "ENABLED", "REASON", "KINDS", "ID"];
                context.show_list(webhooks, &headings, |webhook| {
                    let kinds = webhook["kinds"].as_array().map_or(0, Vec::len);
                    let mut row = ["name", "url", "enabled", "disabled_reason"]
                        .map(|name| column(webhook, name))
                        .to_vec();
                    row.extend([kinds.to_string(), column(webhook, "id")]);
                    row
                });
            }
            Command::Create { name, at, kinds, out } => {
                let body = json!({ "name": name, "url": at, "kinds": kinds });
                let made = context.api.post(&base, &body).await?;
                hand_out(context, "created webhook", &name, made, out.as_deref())?;
            }
            Command::Show { webhook } => {
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                context.show_one(&context.api.get(&below(&base, &[&id])).await?);
            }
            Command::Set {
                webhook,
                name,
                at,
                kinds,
                enabled,
            } => {
                let fields = [
                    ("name", name.map(Value::from)),
                    ("url", at.map(Value::from)),
                    ("kinds", (!kinds.is_empty()).then(|| json!(kinds))),
                    ("enabled", enabled.map(Value::from)),
                ];
                let body: Map<String, Value> = fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect();
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend webhook set --help lists what can be set"));
                }
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                let changed = context
                    .api
                    .patch(&below(&base, &[&id]), &Value::Object(body))
                    .await?;
                context.done("changed webhook", &webhook, &changed);
            }
            Command::Rotate {
                webhook,
                overlap,
                out,
            } => {
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                let body = json!({ "overlap_s": overlap });
                let made = context.api.post(&below(&base, &[&id, "rotate"]), &body).await?;
                hand_out(
                    context,
                    "replaced the secret of webhook",
                    &webhook,
                    made,
                    out.as_deref(),
                )?;
            }
            Command::Remove { webhook } => {
                let found = WEBHOOK.find(context, &partner, &webhook).await?;
                context.api.delete(&below(&base, &[&id_of(&found)?]), &[]).await?;
                context.done("removed webhook", &webhook, &found);
            }
            Command::Deliveries {
                webhook,
                state,
                limit,
            } => {
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                let query: Vec<(&str, &str)> = state
                    .as_deref()
                    .map(|state| ("state", state))
                    .into_iter()
                    .collect();
                let told = context
                    .api
                    .list_some(&below(&base, &[&id, "deliveries"]), &query, limit)
                    .await?;
                let headings = [
                    "KIND", "STATE", "ATTEMPTS", "STATUS", "TOOK_MS", "TRIED_AT", "ERROR", "ID",
                ];
                context.show_list(told, &headings, |one| {
                    [
                        "kind", "state", "attempts", "status", "took_ms", "tried_at", "error", "id",
                    ]
                    .map(|name| column(one, name))
                    .to_vec()
                });
            }
            Command::Delivery { webhook, delivery } => {
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                let path = below(&base, &[&id, "deliveries", &delivery]);
                context.show_one(&context.api.get(&path).await?);
            }
            Command::Replay { webhook, delivery } => {
                let id = WEBHOOK.id(context, &partner, &webhook).await?;
                let path = match &delivery {
                    Some(delivery) => below(&base, &[&id, "deliveries", delivery, "replay"]),
                    None => below(&base, &[&id, "replay"]),
                };
                let again = context.api.post(&path, &json!({})).await?;
                context.done(
                    "deliveries that wait to be sent once more:",
                    &column(&again, "deliveries"),
                    &again,
                );
            }
        }
        Ok(())
    }
}

/// A path below another one.
fn below<'p>(base: &[&'p str], rest: &[&'p str]) -> Vec<&'p str> {
    base.iter().chain(rest).copied().collect()
}

/// Hands a new secret out: to its file, or alone on stdout.
fn hand_out(
    context: &Context,
    what: &str,
    name: &str,
    mut made: Value,
    out: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let secret = made["secret"].as_str().unwrap_or_default().to_owned();
    match out {
        Some(file) => {
            write_token(file, &secret)?;
            made["secret"] = "REDACTED".into();
            context.done(what, name, &made);
        }
        None if context.json => output::json(&made),
        None => output::line(&secret),
    }
    Ok(())
}
