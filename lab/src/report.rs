//! What people see: one line a step with a mark and the evidence, and a closing line.
//!
//! Never decides whether something passed; [`crate::scenario`] does.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// How a step ended.
#[derive(Debug)]
pub enum Ending {
    /// It holds; what was seen.
    Passed(String),
    /// It does not hold; what was seen instead, and logs.
    Failed(String),
    /// It was not tried; why.
    Skipped(String),
}

/// Counts endings while it prints them.
#[derive(Debug, Default)]
pub struct Report {
    /// Steps that hold.
    passed: u32,
    /// Steps that do not.
    failed: u32,
    /// Steps that were not tried.
    skipped: u32,
}

impl Report {
    /// Prints the line of a step.
    pub fn step(&mut self, number: &str, title: &str, took: Duration, ending: &Ending) {
        let (count, mark, colour, seen) = match ending {
            Ending::Passed(seen) => (&mut self.passed, "✓", "32", seen),
            Ending::Failed(seen) => (&mut self.failed, "✗", "31", seen),
            Ending::Skipped(why) => (&mut self.skipped, "-", "33", why),
        };
        *count += 1;
        let mark = if io::stdout().is_terminal() {
            format!("\x1b[{colour}m{mark}\x1b[0m")
        } else {
            mark.to_owned()
        };
        let skipped = if matches!(ending, Ending::Skipped(_)) {
            "skipped: "
        } else {
            ""
        };
        line(format!(
            "{mark} {number:<2} {title}: {skipped}{} ({:.1} s)",
            indented(seen),
            took.as_secs_f32()
        ));
    }

    /// Prints the closing line; gives whether nothing failed.
    pub fn close(&self, took: Duration) -> bool {
        let took = took.as_secs();
        line(format!(
            "scenario: {} passed, {} failed, {} skipped in {took} s",
            self.passed, self.failed, self.skipped
        ));
        self.failed == 0
    }
}

/// Prints a line; a reader who has gone away is no reason to stop before everything is cleaned up.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Shifts the lines after the first one to the right, under the text of the first.
fn indented(text: &str) -> String {
    text.trim().replace('\n', "\n     ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_failures_is_good_also_with_skipped_steps() {
        let mut report = Report::default();
        report.step("1", "a", Duration::ZERO, &Ending::Passed("seen".to_owned()));
        report.step("2", "b", Duration::ZERO, &Ending::Skipped("not root".to_owned()));
        assert!(report.close(Duration::ZERO));
        report.step("3", "c", Duration::ZERO, &Ending::Failed("not seen".to_owned()));
        assert!(!report.close(Duration::ZERO));
    }
}
