//! `headend audit`: who did what, when, from where, with what outcome.
//! Never changes a line; nobody can.

use clap::Subcommand;

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to ask the audit.
#[derive(Subcommand)]
pub enum Command {
    /// List audit lines, newest first
    List {
        /// Only this action, such as nas.create
        #[arg(long)]
        action: Option<String>,
        /// Only by this actor, by name
        #[arg(long)]
        actor: Option<String>,
        /// Only on this object, by id
        #[arg(long)]
        object: Option<String>,
        /// Lines of the platform instead of a partner
        #[arg(long)]
        platform: bool,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Command::List {
            action,
            actor,
            object,
            platform,
            limit,
        } = self;
        let filter: Vec<(&str, &str)> = [("action", &action), ("actor", &actor), ("object", &object)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        let lines = if platform {
            context.api.list_some(&["audit"], &filter, limit).await?
        } else {
            let partner = context.partner().await?;
            context
                .api
                .list_some(&["partners", &partner, "audit"], &filter, limit)
                .await?
        };
        context.show_list(
            lines,
            &["AT", "ACTOR", "ACTION", "OBJECT", "OUTCOME", "REASON"],
            |line| {
                let object = match field(line, "object.label") {
                    none if none == "-" => field(line, "object.id"),
                    label => label,
                };
                let kind = field(line, "object.kind");
                vec![
                    output::column(line, "at"),
                    field(line, "actor.name"),
                    field(line, "action"),
                    if kind == "-" {
                        object
                    } else {
                        format!("{kind} {object}")
                    },
                    field(line, "outcome"),
                    field(line, "reason"),
                ]
            },
        );
        Ok(())
    }
}
