//! What a drill came to: counted while it runs, printed at its end, and written to `benches/` when asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::fleet::Counts;
use super::kind::Kind;

/// Where the numbers go, for programs.
const JSON_FILE: &str = "benches/drill.json";
/// Where they go, for people.
const TABLE_FILE: &str = "benches/DRILL.md";

/// See the module's words.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rounds, by kind.
    pub rounds: BTreeMap<Kind, u64>,
    /// What was done to whom, by words.
    pub blows: BTreeMap<&'static str, u64>,
    /// Journal records whose octets were compared with what was sent.
    pub journalled: u64,
    /// Sessions in the table at the end.
    pub sessions: u64,
    /// The longest that a record waited for its acknowledgement in a round that befell PostgreSQL alone.
    pub unfelt: Duration,
    /// Starts of the server after which the first acknowledgement was waited for.
    restarts: u64,
    /// From such a start to the first acknowledgement: the longest.
    slowest: Duration,
    /// All of them together.
    restarting: Duration,
}

impl Tally {
    /// Counts a blow.
    pub fn blow(&mut self, what: &'static str) {
        *self.blows.entry(what).or_default() += 1;
    }

    /// Counts a round.
    pub fn round(&mut self, kind: Kind) {
        *self.rounds.entry(kind).or_default() += 1;
    }

    /// Notes how long it took from the start of the server to its first acknowledgement.
    pub fn restart(&mut self, took: Duration) {
        self.restarts += 1;
        self.slowest = self.slowest.max(took);
        self.restarting += took;
    }

    /// Milliseconds from a start to the first acknowledgement, on average.
    fn restart_mean_ms(&self) -> u64 {
        let all = u64::try_from(self.restarting.as_millis()).unwrap_or(u64::MAX);
        all.checked_div(self.restarts).unwrap_or(0)
    }

    /// The numbers as JSON.
    pub fn json(&self, seed: u64, counts: Counts, took: Duration, skipped: &[(Kind, String)]) -> Value {
        let rounds: BTreeMap<&str, u64> = self
            .rounds
            .iter()
            .map(|(kind, count)| (kind.name(), *count))
            .collect();
        let skipped: BTreeMap<&str, &str> = skipped
            .iter()
            .map(|(kind, why)| (kind.name(), why.as_str()))
            .collect();
        json!({
            "seed": seed,
            "seconds": took.as_secs(),
            "rounds": self.rounds.values().sum::<u64>(),
            "rounds_by_kind": rounds,
            "skipped": skipped,
            "blows": self.blows,
            "records_sent": counts.sent,
            "records_acknowledged": counts.acknowledged,
            "datagrams_sent_again": counts.again,
            "nas_restarts": counts.reboots,
            "sessions_compared": self.sessions,
            "journal_records_compared": self.journalled,
            "restarts": self.restarts,
            "first_acknowledgement_after_restart_ms_max": u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
            "first_acknowledgement_after_restart_ms_mean": self.restart_mean_ms(),
            "acknowledgement_without_postgresql_ms_max": u64::try_from(self.unfelt.as_millis()).unwrap_or(u64::MAX),
            "records_lost": 0,
            "records_counted_twice": 0,
        })
    }

    /// The numbers for people.
    pub fn table(&self, seed: u64, counts: Counts, took: Duration) -> String {
        let mut text = String::new();
        let mut line = |what: &str, number: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {what} | {number} |");
        };
        line("what", "how many".to_owned());
        line("---", "---:".to_owned());
        line("rounds", self.rounds.values().sum::<u64>().to_string());
        line("records sent", counts.sent.to_string());
        line("records acknowledged", counts.acknowledged.to_string());
        line("datagrams sent again", counts.again.to_string());
        line("restarts of NAS", counts.reboots.to_string());
        for (what, number) in &self.blows {
            line(what, number.to_string());
        }
        line("sessions compared with `radacct`", self.sessions.to_string());
        line(
            "journal records compared octet by octet",
            self.journalled.to_string(),
        );
        line("**acknowledged records lost**", "**0**".to_owned());
        line("**records counted twice**", "**0**".to_owned());
        line(
            "restart to first acknowledgement, mean",
            format!("{} ms", self.restart_mean_ms()),
        );
        line(
            "restart to first acknowledgement, longest",
            format!("{} ms", self.slowest.as_millis()),
        );
        line(
            "slowest acknowledgement while PostgreSQL was dead, frozen or full",
            format!("{} ms", self.unfelt.as_millis()),
        );
        line("seed", seed.to_string());
        line("time", format!("{} s", took.as_secs()));
        text
    }

    /// Writes both files.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(
        &self,
        root: &Path,
        seed: u64,
        counts: Counts,
        took: Duration,
        skipped: &[(Kind, String)],
    ) -> Result<()> {
        let json = serde_json::to_string_pretty(&self.json(seed, counts, took, skipped))?;
        put(&root.join(JSON_FILE), &format!("{json}\n"))?;
        let mut text = format!(
            "# Crash drills\n\nWritten by `./lab/drill --rounds {} --write`; do not edit. What a round is and what is compared \
             after each: `lab/src/drill/mod.rs`.\nA difference ends the drill, so a table without zeros is never written.\n\n{}",
            self.rounds.values().sum::<u64>(),
            self.table(seed, counts, took)
        );
        text.push_str("\n| kind of round | rounds |\n| --- | ---: |\n");
        for (kind, number) in &self.rounds {
            let _ = writeln!(text, "| `{}`: {} | {number} |", kind.name(), kind.words());
        }
        for (kind, why) in skipped {
            let _ = writeln!(text, "| `{}`: skipped, {why} | 0 |", kind.name());
        }
        put(&root.join(TABLE_FILE), &text)
    }
}

/// Writes a file.
fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_written_for_programs_and_for_people() -> Result<()> {
        let root = tempfile::tempdir()?;
        fs::create_dir(root.path().join("benches"))?;
        let mut tally = Tally::default();
        tally.round(Kind::Kill);
        tally.round(Kind::Kill);
        tally.restart(Duration::from_millis(800));
        tally.restart(Duration::from_millis(400));
        let skipped = [(Kind::PowerCut, "mounting needs root".to_owned())];
        tally.write(
            root.path(),
            7,
            Counts::default(),
            Duration::from_secs(9),
            &skipped,
        )?;
        let json: Value = serde_json::from_str(&fs::read_to_string(root.path().join(JSON_FILE))?)?;
        assert_eq!(
            (&json["rounds"], &json["rounds_by_kind"]["kill"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(json["first_acknowledgement_after_restart_ms_max"], 800);
        assert_eq!(json["first_acknowledgement_after_restart_ms_mean"], 600);
        let table = fs::read_to_string(root.path().join(TABLE_FILE))?;
        assert!(
            table.contains("| rounds | 2 |") && table.contains("mounting needs root"),
            "{table}"
        );
        Ok(())
    }
}
