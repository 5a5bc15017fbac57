//! `headend quota`: what a plan gives in a period, and what holds for whoever used it up.
//! Never counts anything and never decides when a period begins; the server does. How a subscriber stands is
//! `headend subscriber quota`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::lookup::PLAN;
use super::terms::Whole;
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with it.
#[derive(Subcommand)]
pub enum Command {
    /// Show the quota of a plan
    Show {
        /// Slug or id
        plan: String,
    },
    /// Give a plan a quota, or another one as a whole
    Set {
        /// Slug or id
        plan: String,
        /// What it is
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Take the quota of a plan away: whoever used it up has full service again
    Remove {
        /// Slug or id
        plan: String,
    },
}

/// What can be said about a quota.
#[derive(Args)]
pub struct Settings {
    /// Octets in a period, or with k, M, G, T (thousands) such as 500G
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    octets: u64,
    /// How often it begins anew, by the clock of the partner
    #[arg(long, value_name = "HOW", value_parser = ["day", "week", "month"])]
    period: String,
    /// On which day: of the month, its last where it has none such; of the week, 1 is Monday
    #[arg(long, value_name = "DAY", default_value_t = 1)]
    reset_day: u8,
    /// What counts, seen from the subscriber
    #[arg(long, value_name = "WHAT", default_value = "both", value_parser = ["down", "up", "both"])]
    count: String,
    /// Per cent at which it is told of
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "80,100")]
    tell_at: Vec<u8>,
    /// What holds for whoever used it up; throttle wants a rate or something else that is given then
    #[arg(long, value_name = "WHAT", value_parser = ["throttle", "garden", "reject"])]
    then: String,
    /// With throttle: what is given in place of the plan's
    #[command(flatten)]
    throttle: Box<Whole>,
}

impl Settings {
    /// The request body.
    fn body(self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("octets".to_owned(), json!(self.octets));
        body.insert("period".to_owned(), json!(self.period));
        body.insert("reset_day".to_owned(), json!(self.reset_day));
        body.insert("counted".to_owned(), json!(self.count));
        body.insert("thresholds".to_owned(), json!(self.tell_at));
        body.insert("on_used_up".to_owned(), json!(self.then));
        body.insert("throttle".to_owned(), Value::Object(self.throttle.fields()));
        body
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let (Command::Show { plan } | Command::Set { plan, .. } | Command::Remove { plan }) = &self;
        let (plan, id) = (plan.clone(), PLAN.id(context, &partner, plan).await?);
        let path = ["partners", partner.as_str(), "plans", &id, "quota"];
        match self {
            Command::Show { .. } => context.show_one(&context.api.get(&path).await?),
            Command::Set { settings, .. } => {
                let changed = context.api.put(&path, &Value::Object(settings.body())).await?;
                context.done("changed the quota of", &plan, &changed);
            }
            Command::Remove { .. } => {
                context.api.delete(&path, &[]).await?;
                context.done("removed the quota of", &plan, &Value::Null);
            }
        }
        Ok(())
    }
}

/// Shows how a subscriber stands.
pub fn show(context: &Context, username: &str, quota: &Value) {
    if context.json {
        return output::json(quota);
    }
    let told = |name: &str| output::octets(quota, name);
    let percent = |of: &Value, name: &str| match (of["used"].as_u64(), of[name].as_u64()) {
        (Some(used), Some(all)) if all > 0 => format!("{} %", u128::from(used) * 100 / u128::from(all)),
        _ => "-".to_owned(),
    };
    let state = match field(quota, "state").as_str() {
        "used_up" => format!(
            "used up since {}: {}",
            output::column(quota, "used_up_at"),
            field(quota, "on_used_up")
        ),
        "held" => format!(
            "used up, but nobody is punished while the accounting of {} is stale",
            field(quota, "held_by")
        ),
        other => other.to_owned(),
    };
    output::line(&format!("{username} on {}: {state}", field(quota, "plan")));
    output::line(&format!(
        "used     {} of {} ({}; counts {})",
        told("used"),
        told("allowed"),
        percent(quota, "allowed"),
        field(quota, "counted")
    ));
    output::line(&format!(
        "left     {} (plan {}, on top {})",
        told("left"),
        told("octets"),
        told("topped_up")
    ));
    output::line(&format!(
        "period   {} from {} to {} ({})",
        field(quota, "period"),
        output::column(quota, "began_at"),
        output::column(quota, "resets_at"),
        field(quota, "time_zone")
    ));
    let rows = |list: &str, columns: &[&str]| -> Vec<Vec<String>> {
        let items = quota[list].as_array().map_or(&[][..], Vec::as_slice);
        let row = |item: &Value| columns.iter().map(|name| output::column(item, name)).collect();
        items.iter().map(row).collect()
    };
    let sessions = rows("sessions", &["nas", "heard_at", "stale", "session_id"]);
    if !sessions.is_empty() {
        output::table(&["NAS", "HEARD", "STALE", "SESSION"], &sessions);
    }
    let topups = rows("topups", &["at", "octets", "by", "reason"]);
    if !topups.is_empty() {
        output::table(&["TOPPED UP", "OCTETS", "BY", "REASON"], &topups);
    }
    let steps = rows("steps", &["at", "step", "used", "allowed", "why"]);
    if !steps.is_empty() {
        output::table(&["AT", "STEP", "USED", "ALLOWED", "WHY"], &steps);
    }
}

/// Octets as people write them: 500G, 1.5T, 1000000; thousands, as networks count.
///
/// # Errors
/// In words, when it is none.
pub fn octets(text: &str) -> Result<u64, String> {
    let refused =
        || format!("\"{text}\" is no number of octets: write one, or with k, M, G or T such as 500G");
    let number = text.trim().trim_end_matches(['b', 'B']);
    let (digits, unit) = match number.char_indices().last() {
        Some((at, 'k' | 'K')) => (&number[..at], 1_000_u128),
        Some((at, 'm' | 'M')) => (&number[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&number[..at], 1_000_000_000),
        Some((at, 't' | 'T')) => (&number[..at], 1_000_000_000_000),
        _ => (number, 1),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |digits: &str| digits.len() <= 18 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !numeric(whole) || !numeric(part) || (digits.contains('.') && part.is_empty()) {
        return Err(refused());
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).map_err(|_| refused())?);
    let all: u128 = format!("{whole}{part}").parse().map_err(|_| refused())?;
    let scaled = all.checked_mul(unit).ok_or_else(refused)?;
    match scaled % scale {
        0 => u64::try_from(scaled / scale)
            .ok()
            .filter(|octets| *octets > 0)
            .ok_or_else(refused),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::octets;

    #[test]
    fn octets_are_in_thousands_and_never_rounded() {
        let read: Vec<Option<u64>> = ["500G", "500GB", "1.5T", "64000", "0.001k", "1 G", " 2M "]
            .iter()
            .map(|text| octets(text).ok())
            .collect();
        let expected = [
            Some(500_000_000_000),
            Some(500_000_000_000),
            Some(1_500_000_000_000),
            Some(64_000),
            Some(1),
            None,
            Some(2_000_000),
        ];
        assert_eq!(read, expected);
        for none in [
            "",
            "G",
            "-1G",
            "1.G",
            "0",
            "0.5",
            "1.0001k0",
            "99999999999999999999T",
            "1Gi",
        ] {
            assert!(octets(none).is_err(), "{none}");
        }
    }
}
