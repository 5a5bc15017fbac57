//! How fast decisions may go into the database: so many a second, and only while accounting has nothing to carry.
//! Never loses one for it: what waits is in the journal, and in memory for whoever asks about a login just now.
//!
//! Explanations are worth having; they must cost neither a login nor an accounting record. A storm of logins writes a
//! hundred thousand of them in a second, and the database would be busy with those just when sessions begin.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::DrainCounters;

/// Records a second, unless it is configured.
pub const RATE_USUAL: u32 = 2_000;
/// The longest that accounting may keep decisions waiting; behind it the journal of decisions would run full.
const YIELD_S_MAX: u64 = 30;
/// How often it is looked whether accounting is still behind.
const LOOK_MS: u64 = 100;
/// The most records in a batch, whatever the rate.
const BURST_MAX: u32 = 8_192;

/// The pace of one drain.
#[derive(Debug)]
pub struct Pace {
    /// Records a second; never 0.
    rate: u32,
    /// When the next batch may go.
    due: Instant,
    /// Who goes first.
    first: Arc<DrainCounters>,
}

impl Pace {
    /// So many records a second (one at least), after the drain that counts there.
    #[must_use]
    pub fn new(rate: u32, first: Arc<DrainCounters>) -> Self {
        Self {
            rate: rate.max(1),
            due: Instant::now(),
            first,
        }
    }

    /// Records in one batch at most: a second's worth.
    #[must_use]
    pub fn burst(&self) -> usize {
        usize::try_from(self.rate.min(BURST_MAX)).unwrap_or(1)
    }

    /// Waits until the next batch may go.
    pub async fn wait(&mut self) {
        sleep_until(self.due).await;
        let give_in = Instant::now() + Duration::from_secs(YIELD_S_MAX);
        while self.first.behind.load(Ordering::Relaxed) && Instant::now() < give_in {
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Notes that so many records went.
    pub fn spent(&mut self, records: u64) {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.due = Instant::now() + Duration::from_secs(1) * records / self.rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_at_most_a_second_and_never_huge() {
        let burst = |rate| Pace::new(rate, Arc::default()).burst();
        assert_eq!([burst(0), burst(2_000), burst(1_000_000)], [1, 2_000, 8_192]);
    }

    #[test]
    fn the_next_batch_is_due_when_the_rate_allows_it() {
        let mut pace = Pace::new(2_000, Arc::default());
        let before = Instant::now();
        pace.spent(1_000);
        assert!(pace.due >= before + Duration::from_millis(500));
        pace.spent(0);
        assert!(pace.due <= Instant::now());
    }
}
