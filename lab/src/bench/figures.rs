//! What was measured: samples by test, measure and subject; medians over rounds; what failed; what must be said beside.
//!
//! Never drops a sample and never invents one: what was not measured has no median.

use std::collections::BTreeMap;

use crate::load::tally::Troubles;

/// Where a sample belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Which test.
    test: String,
    /// What of it.
    measure: &'static str,
    /// Whose.
    subject: String,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Figures {
    /// By test, measure and subject; one sample a round.
    samples: BTreeMap<Key, Vec<f64>>,
    /// What went wrong at the generator's side, by test and subject.
    troubles: BTreeMap<(String, String), Troubles>,
    /// What was seen beside the figures and must be told.
    notes: Vec<String>,
    /// Tests that failed, and why.
    failures: Vec<String>,
}

impl Figures {
    /// Adds a sample.
    pub fn add(&mut self, test: &str, measure: &'static str, subject: &str, sample: f64) {
        let key = Key {
            test: test.to_owned(),
            measure,
            subject: subject.to_owned(),
        };
        self.samples.entry(key).or_default().push(sample);
    }

    /// Adds a note, once.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Adds what went wrong in a run.
    pub fn trouble(&mut self, test: &str, subject: &str, troubles: Troubles) {
        let sum = self
            .troubles
            .entry((test.to_owned(), subject.to_owned()))
            .or_default();
        *sum = sum.and(troubles);
    }

    /// What went wrong, a line for each test and subject that something did.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        let met = self.troubles.iter().filter(|(_, troubles)| !troubles.is_none());
        met.map(|((test, subject), troubles)| format!("{test}, {subject}: {troubles}"))
    }

    /// Adds a failure.
    pub fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// The notes.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The failures.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The median of a figure, and the smallest and largest sample.
    pub fn median(&self, test: &str, measure: &'static str, subject: &str) -> Option<Median> {
        let key = Key {
            test: test.to_owned(),
            measure,
            subject: subject.to_owned(),
        };
        let mut samples = self.samples.get(&key)?.clone();
        samples.sort_by(f64::total_cmp);
        let middle = samples.len() / 2;
        let median = match samples.len() % 2 {
            0 => f64::midpoint(samples[middle - 1], samples[middle]),
            _ => samples[middle],
        };
        Some(Median {
            value: median,
            least: *samples.first()?,
            most: *samples.last()?,
        })
    }

    /// Whether a test has any figure.
    pub fn has(&self, test: &str) -> bool {
        self.samples.keys().any(|key| key.test == test)
    }

    /// All figures as lines of text, for reading and for tools.
    pub fn lines(&self) -> String {
        self.samples
            .iter()
            .map(|(key, samples)| {
                let samples: Vec<String> = samples.iter().map(|sample| format!("{sample:.3}")).collect();
                format!(
                    "{}\t{}\t{}\t{}\n",
                    key.test,
                    key.measure,
                    key.subject,
                    samples.join(" ")
                )
            })
            .collect()
    }
}

/// The middle of some samples, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Median {
    /// The median.
    pub value: f64,
    /// The smallest sample.
    pub least: f64,
    /// The largest sample.
    pub most: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_and_what_was_not_measured_has_none() {
        let mut figures = Figures::default();
        for sample in [5.0, 1.0, 3.0] {
            figures.add("pap", "rate", "echo", sample);
        }
        let median = Median {
            value: 3.0,
            least: 1.0,
            most: 5.0,
        };
        assert_eq!(figures.median("pap", "rate", "echo"), Some(median));
        figures.add("pap", "rate", "echo", 4.0);
        assert_eq!(
            figures.median("pap", "rate", "echo").map(|is| is.value),
            Some(3.5)
        );
        assert_eq!(figures.median("pap", "rate", "headend"), None);
        assert!(figures.has("pap") && !figures.has("chap"));
    }
}
