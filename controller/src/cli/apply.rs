//! `headend apply`: makes partners and everything under them match a file.
//! Never writes before the whole file is checked and the whole plan is made; see [`crate::apply`].

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use crate::apply::{self, Options};
use crate::failure::Failure;
use crate::output;

/// What to apply, and how far.
#[derive(Args)]
pub struct Apply {
    /// The file; docs/apply.md describes it
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also remove subscribers, NAS and plans that the file does not name
    #[arg(long)]
    prune: bool,
    /// Also send the secrets and passwords of what exists already; they cannot be compared
    #[arg(long)]
    reset_secrets: bool,
}

impl Apply {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let file = apply::file::read(&self.file)?;
        let options = Options {
            prune: self.prune,
            reset_secrets: self.reset_secrets,
        };
        let plan = apply::plan::make(&context.api, &file, options).await?;
        if !context.json {
            for change in &plan.changes {
                output::line(&change.describe());
            }
        }
        if !self.dry_run {
            apply::run::execute(&context.api, &plan).await?;
        }
        if context.json {
            output::json(&plan.to_json(self.dry_run));
        } else {
            output::line(&plan.summary(self.dry_run));
            if let Some(note) = plan.uncompared_note() {
                output::note(&note);
            }
        }
        Ok(())
    }
}
