//! How long changes take until they work: from the transaction that made one to the directory that has it.
//! Never reads a clock of ours against one of the database's: it adds up two spans, each measured by one clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the classes, in seconds, with their names; the last class has none.
pub const BOUNDS_S: [(f64, &str); 10] = [
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (5.0, "5"),
    (60.0, "60"),
];

/// How many changes took how long.
#[derive(Debug, Default)]
pub struct Latency {
    /// Changes by the first bound that they kept; the last place is for those that kept none.
    classes: [AtomicU64; BOUNDS_S.len() + 1],
    /// What they took together, microseconds.
    sum_us: AtomicU64,
}

impl Latency {
    /// Counts a change that was so old when it was read and in the directory so much later.
    pub fn count(&self, age_s: f64, since: Duration) {
        let took_s = age_s.max(0.0) + since.as_secs_f64();
        let class = BOUNDS_S.iter().position(|(bound, _)| took_s <= *bound);
        if let Some(counter) = self.classes.get(class.unwrap_or(BOUNDS_S.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let took_us = Duration::try_from_secs_f64(took_s).map_or(u64::MAX, |took| {
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
        });
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    /// How many changes kept each bound, the one without end last.
    pub fn cumulative(&self) -> [(&'static str, u64); BOUNDS_S.len() + 1] {
        let mut kept = 0;
        std::array::from_fn(|class| {
            kept += self.classes[class].load(Ordering::Relaxed);
            (BOUNDS_S.get(class).map_or("+Inf", |(_, name)| name), kept)
        })
    }

    /// What all changes took together, microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_in_every_class_that_it_kept() {
        let latency = Latency::default();
        latency.count(0.02, Duration::from_millis(4));
        latency.count(400.0, Duration::ZERO);
        // A clock that was set back while the transaction ran.
        latency.count(-3.0, Duration::from_millis(1));
        let kept = latency.cumulative();
        assert_eq!(kept[0], ("0.005", 1));
        assert_eq!(kept[1], ("0.01", 1));
        assert_eq!(kept[2], ("0.025", 2));
        assert_eq!(kept[9], ("60", 2));
        assert_eq!(kept[10], ("+Inf", 3));
        assert_eq!(latency.sum_us(), 400_025_000);
    }
}
