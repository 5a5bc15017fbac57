//! `headend pool`: addresses that are given centrally, how full pools are and when they will be.
//! Never gives an address; the access plane does.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::{POOL, id_of};
use crate::failure::Failure;
use crate::output::column;

/// What to do with pools.
#[derive(Subcommand)]
pub enum Command {
    /// List the pools of a partner, with how full they are
    List,
    /// Add a pool
    Create {
        /// How people call it
        name: String,
        /// What it gives: ipv4, prefix (64 bits), or delegated
        #[arg(long, value_parser = ["ipv4", "prefix", "delegated"], default_value = "ipv4")]
        kind: String,
        /// Bits of a delegated prefix [default: 56]
        #[arg(long, value_name = "BITS")]
        unit_len: Option<u8>,
        /// Where it takes addresses from: 10.0.0.0/24, 10.0.0.9-10.0.0.20; several times
        #[arg(long = "range", value_name = "RANGE", required = true)]
        ranges: Vec<String>,
        /// What of that it never gives; several times
        #[arg(long = "exclude", value_name = "RANGE")]
        excluded: Vec<String>,
        /// Seconds for which an address is kept for its subscriber after his session [default: 300]
        #[arg(long, value_name = "SECONDS")]
        hold: Option<u32>,
    },
    /// Show one pool
    Show {
        /// Name or id
        pool: String,
    },
    /// Change a pool; what is not named stays, and who has an address keeps it
    Set {
        /// Name or id
        pool: String,
        /// All ranges it takes addresses from; several times
        #[arg(long = "range", value_name = "RANGE")]
        ranges: Vec<String>,
        /// All it never gives; several times, "none" for nothing
        #[arg(long = "exclude", value_name = "RANGE")]
        excluded: Vec<String>,
        /// Seconds for which an address is kept for its subscriber after his session
        #[arg(long, value_name = "SECONDS")]
        hold: Option<u32>,
    },
    /// Remove a pool that no plan names
    Remove {
        /// Name or id
        pool: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let path = |id| ["partners", partner.as_str(), "pools", id];
        match self {
            Command::List => list(context, &partner).await?,
            Command::Create {
                name,
                kind,
                unit_len,
                ranges,
                excluded,
                hold,
            } => {
                let mut body = json!({ "name": name, "kind": kind, "ranges": ranges, "excluded": excluded });
                let given = [("unit_len", unit_len.map(u32::from)), ("hold_s", hold)];
                for (field, value) in given {
                    if let Some(value) = value {
                        body[field] = value.into();
                    }
                }
                let made = context.api.post(&["partners", &partner, "pools"], &body).await?;
                context.done("created pool", &name, &made);
            }
            Command::Show { pool } => {
                let id = POOL.id(context, &partner, &pool).await?;
                context.show_one(&context.api.get(&path(&id)).await?);
            }
            Command::Set {
                pool,
                ranges,
                excluded,
                hold,
            } => {
                let none = excluded == ["none"];
                let fields = [
                    ("ranges", (!ranges.is_empty()).then(|| json!(ranges))),
                    (
                        "excluded",
                        match (none, excluded.is_empty()) {
                            (true, _) => Some(json!([])),
                            (false, true) => None,
                            (false, false) => Some(json!(excluded)),
                        },
                    ),
                    ("hold_s", hold.map(Value::from)),
                ];
                let body: Map<String, Value> = fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect();
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend pool set --help lists what can be set"));
                }
                let id = POOL.id(context, &partner, &pool).await?;
                let changed = context.api.patch(&path(&id), &Value::Object(body)).await?;
                context.done("changed pool", &pool, &changed);
            }
            Command::Remove { pool } => {
                let found = POOL.find(context, &partner, &pool).await?;
                context.api.delete(&path(&id_of(&found)?), &[]).await?;
                context.done("removed pool", &pool, &found);
            }
        }
        Ok(())
    }
}

/// Lists the pools of a partner.
async fn list(context: &Context, partner: &str) -> Result<(), Failure> {
    let all = context.api.list(&["partners", partner, "pools"], &[]).await?;
    let headings = ["POOL", "KIND", "GIVEN", "TOTAL", "RESERVED", "DAYS_LEFT"];
    context.show_list(all, &headings, |pool| {
        ["name", "kind", "given", "total", "reserved", "days_left"]
            .map(|name| column(pool, name))
            .to_vec()
    });
    Ok(())
}
