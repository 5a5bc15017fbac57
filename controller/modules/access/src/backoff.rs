//! How long a task waits after a failure: doubling, bounded, back to the start after a success.
//! Never gives up and never decides what failed; it also says when a failure is worth a log line.

use std::time::Duration;

/// The first wait.
const WAIT_MS_MIN: u64 = 200;
/// The longest wait; a database that returns is noticed within this.
const WAIT_MS_MAX: u64 = 1_000;
/// Of consecutive failures the first is logged, then every this many.
const LOG_EVERY: u32 = 60;

/// The state of one task's retries.
#[derive(Debug, Default)]
pub struct Backoff {
    /// Failures since the last success.
    failures: u32,
}

impl Backoff {
    /// Notes a failure; how long to wait now.
    pub fn failed(&mut self) -> Duration {
        let wait = WAIT_MS_MIN
            .saturating_mul(1 << self.failures.min(10))
            .min(WAIT_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(wait)
    }

    /// Whether the failure just noted deserves a line in the log.
    #[must_use]
    pub fn worth_a_line(&self) -> bool {
        self.failures % LOG_EVERY == 1
    }

    /// Whether the last try failed, so that the wait should be kept.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.failures > 0
    }

    /// Notes a success; `true` when it ended a row of failures.
    pub fn succeeded(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..6).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_000, 1_000, 1_000]);
        assert!(backoff.succeeded());
        assert!(!backoff.succeeded());
        assert_eq!(backoff.failed().as_millis(), 200);
    }

    #[test]
    fn the_first_failure_is_told_and_then_few() {
        let mut backoff = Backoff::default();
        let told = (0..121).filter(|_| {
            backoff.failed();
            backoff.worth_a_line()
        });
        assert_eq!(told.count(), 3);
    }
}
