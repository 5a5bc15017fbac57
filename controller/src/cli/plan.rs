//! `headend plan`: rates and limits that subscribers share.
//! Never decides how a NAS is told; that is the access module's.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{PLAN, id_of};
use super::terms::Given;
use crate::apply::rate;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with plans.
#[derive(Subcommand)]
pub enum Command {
    /// List the plans of a partner
    List,
    /// Add a plan
    Add {
        /// Stable short name: a-z, 0-9 and -
        slug: String,
        /// What it gives
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Show one plan
    Show {
        /// Slug or id
        plan: String,
    },
    /// Change a plan; what is not named stays
    Set {
        /// Slug or id
        plan: String,
        /// What it gives
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Remove a plan that no subscriber has
    Remove {
        /// Slug or id
        plan: String,
    },
}

/// What can be said about a plan.
#[derive(Args)]
pub struct Settings {
    /// What people read [default: the slug]
    #[arg(long)]
    name: Option<String>,
    /// Towards the subscriber, in bit/s, or with k, M, G such as 100M
    #[arg(long, value_name = "RATE", value_parser = rate::parse)]
    download: Option<u64>,
    /// From the subscriber
    #[arg(long, value_name = "RATE", value_parser = rate::parse)]
    upload: Option<u64>,
    /// Session-Timeout in seconds
    #[arg(long, value_name = "SECONDS")]
    session_timeout: Option<u32>,
    /// Idle-Timeout in seconds
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u32>,
    /// Acct-Interim-Interval in seconds, at least 60
    #[arg(long, value_name = "SECONDS")]
    interim_interval: Option<u32>,
    /// Name of an address pool on the NAS
    #[arg(long, value_name = "POOL")]
    framed_pool: Option<String>,
    /// Whatever else it gives
    #[command(flatten)]
    given: Given,
}

impl Settings {
    /// The request body.
    fn body(self) -> Map<String, Value> {
        let terms = self.given.fields();
        [
            ("name", self.name.map(Value::from)),
            ("download_bps", self.download.map(Value::from)),
            ("upload_bps", self.upload.map(Value::from)),
            ("session_timeout_s", self.session_timeout.map(Value::from)),
            ("idle_timeout_s", self.idle_timeout.map(Value::from)),
            ("interim_interval_s", self.interim_interval.map(Value::from)),
            ("framed_pool", self.framed_pool.map(Value::from)),
            ("terms", (!terms.is_empty()).then_some(Value::Object(terms))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = |id| ["partners", partner.as_str(), "plans", id];
        match self {
            Command::List => {
                let plans = context.api.list(&["partners", &partner, "plans"], &[]).await?;
                let headings = [
                    "PLAN",
                    "NAME",
                    "DOWN",
                    "UP",
                    "SESSION_TIMEOUT",
                    "IDLE_TIMEOUT",
                    "INTERIM",
                    "POOL",
                ];
                context.show_list(plans, &headings, row);
            }
            Command::Add { slug, settings } => {
                let mut body = settings.body();
                body.entry("name").or_insert_with(|| json!(slug));
                body.insert("slug".to_owned(), json!(slug));
                let made = context
                    .api
                    .post(&["partners", &partner, "plans"], &Value::Object(body))
                    .await?;
                context.done("created plan", &slug, &made);
            }
            Command::Show { plan } => context.show_one(&PLAN.find(context, &partner, &plan).await?),
            Command::Set { plan, settings } => {
                let body = settings.body();
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend plan set --help lists what can be set"));
                }
                let id = PLAN.id(context, &partner, &plan).await?;
                let changed = context.api.patch(&path(&id), &Value::Object(body)).await?;
                context.done("changed plan", &plan, &changed);
            }
            Command::Remove { plan } => {
                let found = PLAN.find(context, &partner, &plan).await?;
                context.api.delete(&path(&id_of(&found)?), &[]).await?;
                context.done("removed plan", &plan, &found);
            }
        }
        Ok(())
    }
}

/// A plan as a row.
fn row(plan: &Value) -> Vec<String> {
    vec![
        field(plan, "slug"),
        field(plan, "name"),
        output::rate(plan, "download_bps"),
        output::rate(plan, "upload_bps"),
        field(plan, "session_timeout_s"),
        field(plan, "idle_timeout_s"),
        field(plan, "interim_interval_s"),
        field(plan, "framed_pool"),
    ]
}
