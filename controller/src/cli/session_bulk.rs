//! `headend session disconnect|reshape --nas ...` and `headend session bulk`: one thing that is wanted of many sessions.
//! Never begins without the fingerprint of a preview: what was looked at is what is asked for, or nothing.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use crate::failure::Failure;
use crate::output::{self, column, field};

/// Which sessions, and how.
#[derive(Args)]
pub struct Many {
    /// Sessions on this NAS, by name or id
    #[arg(long, value_name = "NAS")]
    nas: Option<String>,
    /// Sessions of those on this plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Sessions at this site
    #[arg(long, value_name = "CLIENT/SITE")]
    site: Option<String>,
    /// Sessions with an address out of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// All sessions of the partner
    #[arg(long)]
    all: bool,
    /// Only count them, and show the fingerprint to begin with
    #[arg(long)]
    preview: bool,
    /// Of the preview; other sessions are refused
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<String>,
    /// Sessions a second at most [default: 50]
    #[arg(long, value_name = "N")]
    per_s: Option<u16>,
}

impl Many {
    /// Counts them, or begins.
    pub async fn carry_out(
        self,
        context: &Context,
        partner: &str,
        verb: &str,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut selection = Map::new();
        let named = [
            ("nas", &self.nas),
            ("plan", &self.plan),
            ("site", &self.site),
            ("pool", &self.pool),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                selection.insert(name.to_owned(), json!(value));
            }
        }
        if self.all {
            selection.insert("all".to_owned(), json!(true));
        }
        if selection.is_empty() {
            return Err(Failure::usage(
                "which session? Give its id, a user name, or --nas, --plan, --site, --pool, --all",
            ));
        }
        let selection = Value::Object(selection);
        if self.preview {
            let preview = context
                .api
                .post(&["partners", partner, "session-bulks", "preview"], &selection)
                .await?;
            show_preview(context, &preview);
            return Ok(());
        }
        let Some(fingerprint) = self.fingerprint else {
            return Err(
                Failure::usage("many sessions are meant, and --fingerprint is missing")
                    .next(format!("look first: headend session {verb} ... --preview")),
            );
        };
        let mut body =
            json!({ "verb": verb, "selection": selection, "fingerprint": fingerprint, "reason": reason });
        if let Some(per_s) = self.per_s {
            body["per_s"] = json!(per_s);
        }
        let begun = context
            .api
            .post(&["partners", partner, "session-bulks"], &body)
            .await?;
        context.done(
            "began",
            &format!(
                "bulk {} over {} sessions",
                field(&begun, "id"),
                field(&begun, "total")
            ),
            &begun,
        );
        Ok(())
    }
}

/// What to do with bulks.
#[derive(Subcommand)]
pub enum Command {
    /// List bulks, newest first
    List,
    /// Show one, and what became of its sessions
    Show {
        /// Its id
        bulk: String,
        /// How many sessions at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Ask for no further session for now
    Pause {
        /// Its id
        bulk: String,
    },
    /// Go on with a paused one
    Resume {
        /// Its id
        bulk: String,
    },
    /// Ask for no further session ever; what was asked stands
    Abort {
        /// Its id
        bulk: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context, partner: &str) -> Result<(), Failure> {
        let (bulk, state) = match self {
            Self::List => {
                let bulks = context
                    .api
                    .list_some(&["partners", partner, "session-bulks"], &[], 100)
                    .await?;
                context.show_list(bulks, &HEADINGS, row);
                return Ok(());
            }
            Self::Show { bulk, limit } => {
                let path = ["partners", partner, "session-bulks", &bulk];
                let mut shown = context.api.get(&path).await?;
                let items = context
                    .api
                    .list_some(&[&path[..], &["sessions"]].concat(), &[], limit)
                    .await?;
                if context.json {
                    shown["sessions"] = Value::Array(items);
                    output::json(&shown);
                } else {
                    output::fields(&shown);
                    output::table(&ITEM_HEADINGS, &items.iter().map(item_row).collect::<Vec<_>>());
                }
                return Ok(());
            }
            Self::Pause { bulk } => (bulk, "paused"),
            Self::Resume { bulk } => (bulk, "running"),
            Self::Abort { bulk } => (bulk, "aborted"),
        };
        let path = ["partners", partner, "session-bulks", bulk.as_str()];
        let changed = context.api.patch(&path, &json!({ "state": state })).await?;
        context.done("changed bulk", &bulk, &changed);
        Ok(())
    }
}

/// What the columns of [`row`] are.
const HEADINGS: [&str; 8] = [
    "ID", "VERB", "STATE", "SESSIONS", "COUNTS", "BEGUN", "BY", "REASON",
];

/// A bulk as a row.
fn row(bulk: &Value) -> Vec<String> {
    vec![
        field(bulk, "id"),
        field(bulk, "verb"),
        field(bulk, "state"),
        field(bulk, "total"),
        counts(&bulk["counts"]),
        column(bulk, "created_at"),
        field(bulk, "created_by"),
        field(bulk, "reason"),
    ]
}

/// What the columns of [`item_row`] are.
const ITEM_HEADINGS: [&str; 5] = ["#", "SESSION", "STATE", "RUNG", "DETAIL"];

/// A session of a bulk as a row.
fn item_row(item: &Value) -> Vec<String> {
    let state = if item["skipped"].is_string() {
        "skipped".to_owned()
    } else {
        field(item, "state")
    };
    let detail = if item["skipped"].is_string() {
        field(item, "skipped")
    } else {
        field(item, "detail")
    };
    vec![
        field(item, "position"),
        field(item, "session_id"),
        state,
        field(item, "rung"),
        detail,
    ]
}

/// Numbers by name in one line: `proven 40, waiting 3`.
fn counts(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Shows what a bulk would be.
fn show_preview(context: &Context, preview: &Value) {
    if context.json {
        return output::json(preview);
    }
    output::line(&format!("{} sessions", field(preview, "total")));
    output::line(&format!("on:           {}", counts(&preview["by_nas"])));
    output::line(&format!("among them:   {}", field(preview, "sample")));
    output::line(&format!("fingerprint:  {}", field(preview, "fingerprint")));
}
