//! What time it is for logins, codes and keys: the machine's time, or in tests another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use time::{Duration, OffsetDateTime};

/// Tells the time. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How many seconds it is ahead of the machine's; 0 outside of tests.
    ahead_s: Arc<AtomicI64>,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + Duration::seconds(self.ahead_s.load(Ordering::Relaxed))
    }

    /// Now, of the clock that is never set back; for waits.
    pub fn instant(&self) -> Instant {
        let ahead_s = u64::try_from(self.ahead_s.load(Ordering::Relaxed)).unwrap_or(0);
        Instant::now() + std::time::Duration::from_secs(ahead_s)
    }

    /// Lets time pass at once, for tests.
    #[cfg(feature = "testing")]
    pub fn pass(&self, seconds: i64) {
        self.ahead_s.fetch_add(seconds, Ordering::Relaxed);
    }
}
