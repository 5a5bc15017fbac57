//! `headend secret`: how old the secrets are that are shown to systems of others. Never shows one.

use clap::Subcommand;
use serde_json::Value;

use super::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// What to do with them.
#[derive(Subcommand)]
pub enum Command {
    /// List them, the oldest first
    Report {
        /// Fail when one is older than so many days
        #[arg(long, value_name = "DAYS")]
        max_age: Option<i64>,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Command::Report { max_age } = self;
        let partner = context.partner().await?;
        let Value::Array(all) = context.api.get(&["partners", &partner, "secrets"]).await? else {
            return Ok(());
        };
        let overdue = all
            .iter()
            .filter(|one| max_age.is_some_and(|max| one["age_days"].as_i64().is_some_and(|age| age > max)))
            .count();
        let headings = ["SYSTEM", "NAME", "AGE_DAYS", "SET_AT", "REFERENCE"];
        context.show_list(all, &headings, |one| {
            ["system", "name", "age_days", "set_at", "reference"]
                .map(|name| field(one, name))
                .to_vec()
        });
        match overdue {
            0 => Ok(()),
            count => {
                let max = max_age.unwrap_or_default();
                let what = format!("{count} of them are older than {max} days");
                Err(Failure::new(Exit::Failed, what)
                    .next("headend integration secret SYSTEM NAME replaces one"))
            }
        }
    }
}
