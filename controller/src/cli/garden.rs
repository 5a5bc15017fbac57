//! `headend garden`: where a partner lets in those without service, to read why.
//! Never opens one that a NAS of the partner would leave open; the server refuses it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::terms::Whole;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with it.
#[derive(Subcommand)]
pub enum Command {
    /// Show where those without service are let in, and what each make of NAS in use does with it
    Show,
    /// Open the garden, or change it as a whole
    Set {
        /// For which reasons somebody is let in
        #[arg(long, value_name = "REASONS", value_delimiter = ',', required = true, value_parser = ["suspended", "expired", "quota"])]
        reasons: Vec<String>,
        /// What is given there
        #[command(flatten)]
        terms: Box<Whole>,
    },
    /// Close the garden: who has no service is turned away
    Remove,
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", &partner, "garden"];
        match self {
            Command::Show => show(context, &context.api.get(&path).await?),
            Command::Set { reasons, terms } => {
                let body = json!({"reasons": reasons, "terms": Value::Object(terms.fields())});
                let changed = context.api.put(&path, &body).await?;
                context.done("opened the garden of", &partner, &changed);
            }
            Command::Remove => {
                context.api.delete(&path, &[]).await?;
                context.done("closed the garden of", &partner, &Value::Null);
            }
        }
        Ok(())
    }
}

/// Shows a garden.
fn show(context: &Context, garden: &Value) {
    if context.json {
        return output::json(garden);
    }
    output::line(&format!("reasons:  {}", field(garden, "reasons")));
    output::fields(&garden["terms"]);
    let makes = garden["makes"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = makes
        .iter()
        .map(|make| {
            ["make", "nas", "confined", "needs"]
                .map(|name| field(make, name))
                .into()
        })
        .collect();
    output::table(&["MAKE", "NAS", "CONFINED", "NEEDS ONE OF"], &rows);
}
