//! `headend defaults`: what a NAS, or else its partner, gives when neither a subscriber nor his plan says otherwise.
//! Never hours or spread reports: those are a plan's.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::lookup::NAS;
use super::terms::Whole;
use crate::failure::Failure;

/// What to do with them.
#[derive(Subcommand)]
pub enum Command {
    /// Show the defaults of the partner, or of one NAS
    Show {
        /// The NAS, by name or id [default: the partner's]
        #[arg(long)]
        nas: Option<String>,
    },
    /// Change the defaults of the partner, or of one NAS; what is not named stays
    Set {
        /// The NAS, by name or id [default: the partner's]
        #[arg(long)]
        nas: Option<String>,
        /// What is given
        #[command(flatten)]
        terms: Box<Whole>,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let (nas, terms) = match self {
            Command::Show { nas } => (nas, None),
            Command::Set { nas, terms } => (nas, Some(terms.fields())),
        };
        let id = match &nas {
            Some(nas) => Some(NAS.id(context, &partner, nas).await?),
            None => None,
        };
        let path: Vec<&str> = match &id {
            Some(id) => vec!["partners", &partner, "nas", id, "defaults"],
            None => vec!["partners", &partner, "defaults"],
        };
        match terms {
            None => context.show_one(&context.api.get(&path).await?),
            Some(terms) if terms.is_empty() => {
                let help = "headend defaults set --help lists what can be set";
                return Err(Failure::usage("nothing to change").next(help));
            }
            Some(terms) => {
                let changed = context
                    .api
                    .patch(&path, &json!({"terms": Value::Object(terms)}))
                    .await?;
                let whose = nas.as_deref().unwrap_or(&partner);
                context.done("changed the defaults of", whose, &changed);
            }
        }
        Ok(())
    }
}
