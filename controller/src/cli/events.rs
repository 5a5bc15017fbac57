//! `headend events`: what happened, and what happens now.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, column};

/// What to do with events.
#[derive(Subcommand)]
pub enum Command {
    /// List what happened, newest first
    List {
        /// Which of it.
        #[command(flatten)]
        which: Which,
        /// How many at most, 200 of them
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Show what happens as it happens, until interrupted
    Tail {
        /// Which of it.
        #[command(flatten)]
        which: Which,
    },
    /// List what can happen
    Kinds,
}

/// Which events.
#[derive(Args)]
pub struct Which {
    /// Only of this kind, such as subscriber.suspended; several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only about things of this kind, such as subscriber
    #[arg(long, value_name = "KIND")]
    subject_kind: Option<String>,
    /// Only about the thing with this id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Of all partners and the platform
    #[arg(long)]
    platform: bool,
}

impl Which {
    /// The path below the API, and what is asked there.
    async fn asked(&self, context: &Context) -> Result<(Vec<String>, Vec<(&'static str, String)>), Failure> {
        let mut path = Vec::new();
        if !self.platform {
            path.extend(["partners".to_owned(), context.partner().await?]);
        }
        path.push("events".to_owned());
        let query = [
            ("kinds", (!self.kinds.is_empty()).then(|| self.kinds.join(","))),
            ("subject_kind", self.subject_kind.clone()),
            ("subject_id", self.subject.clone()),
        ];
        let query = query.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok((path, query.collect()))
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List { which, limit } => {
                let (path, mut query) = which.asked(context).await?;
                query.push(("limit", limit.to_string()));
                let found = context.api.query(&borrowed(&path), &pairs(&query)).await?;
                let events = found.as_array().cloned().unwrap_or_default();
                context.show_list(events, &["AT", "KIND", "SUBJECT", "BY", "CHANGED"], row);
            }
            Command::Tail { which } => tail(context, &which).await?,
            Command::Kinds => {
                let kinds = context.api.get(&["events", "kinds"]).await?;
                let kinds = kinds.as_array().cloned().unwrap_or_default();
                context.show_list(kinds, &["KIND", "NEEDS", "MEANS"], |kind| {
                    ["name", "permission", "description"]
                        .map(|name| column(kind, name))
                        .to_vec()
                });
            }
        }
        Ok(())
    }
}

/// Shows events as they come. A stream ends now and then; the next one goes on where it ended.
async fn tail(context: &Context, which: &Which) -> Result<(), Failure> {
    let (mut path, query) = which.asked(context).await?;
    path.push("stream".to_owned());
    let mut last = None;
    loop {
        let mut stream = context
            .api
            .events(&borrowed(&path), &pairs(&query), last.as_deref())
            .await?;
        while let Some(event) = stream.next().await? {
            last = Some(event["position"].to_string());
            match context.json {
                true => output::line(&event.to_string()),
                false => output::line(&row(&event).join("  ")),
            }
        }
    }
}

/// One line of an event.
fn row(event: &Value) -> Vec<String> {
    let changed = match event["data"].get("after") {
        Some(after) => after.to_string(),
        None => String::new(),
    };
    let mut row = ["at", "kind", "subject.label", "actor.name"]
        .map(|name| column(event, name))
        .to_vec();
    row.push(output::cell(&Value::String(changed)));
    row
}

/// A path as the client takes it.
fn borrowed(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// A query as the client takes it.
fn pairs<'q>(query: &'q [(&'static str, String)]) -> Vec<(&'q str, &'q str)> {
    query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
