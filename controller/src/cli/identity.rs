//! `headend identity`: how a partner's subscribers are told apart, and how their passwords are stored.
//! Never changes what is stored already.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::context::Context;
use crate::failure::Failure;

/// What to do with it.
#[derive(Subcommand)]
pub enum Command {
    /// Show how a partner's subscribers are told apart
    Show,
    /// Change how a partner's subscribers are told apart; what is not named stays
    Set {
        /// By what they are recognised, in order, behind NAS that say nothing else: user-name, line, mac
        #[arg(long, value_name = "RULES", value_delimiter = ',')]
        identify: Vec<String>,
        /// Whether the case of user names counts: exact, or fold when Alice is alice
        #[arg(long, value_name = "HOW", value_parser = ["exact", "fold"])]
        username_case: Option<String>,
        /// How passwords of new subscribers are stored: reversible for every method, argon2id for PAP only
        #[arg(long, value_name = "HOW", value_parser = ["reversible", "argon2id"])]
        password_store: Option<String>,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = ["partners", &partner, "identity-policy"];
        match self {
            Command::Show => context.show_one(&context.api.get(&path).await?),
            Command::Set {
                identify,
                username_case,
                password_store,
            } => {
                let fields = [
                    ("identify", rules(&identify)),
                    ("username_case", username_case.map(Value::from)),
                    ("password_store", password_store.map(Value::from)),
                ];
                let body: Map<String, Value> = fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect();
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend identity set --help lists what can be set"));
                }
                let changed = context.api.patch(&path, &Value::Object(body)).await?;
                context.done("changed how subscribers are told apart of", &partner, &changed);
            }
        }
        Ok(())
    }
}

/// Rules as the API takes them; `partner` empties them, none at all says nothing.
pub fn rules(words: &[String]) -> Option<Value> {
    match words {
        [] => None,
        [partner] if partner == "partner" => Some(Value::Null),
        words => Some(json!(
            words
                .iter()
                .map(|word| word.replace('-', "_"))
                .collect::<Vec<_>>()
        )),
    }
}
