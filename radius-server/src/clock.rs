//! The moment at which a datagram was received, read once by whoever received it and handed down.
//! Nothing below the sockets reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, as the two clocks tell it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For waiting and forgetting; never goes back.
    pub monotonic: Instant,
    /// Unix microseconds, for people and records; may jump.
    pub unix_us: i64,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_us = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Self {
            monotonic: Instant::now(),
            unix_us,
        }
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn unix_ms(&self) -> i64 {
        self.unix_us.div_euclid(1_000)
    }

    /// Unix seconds.
    #[must_use]
    pub const fn unix_s(&self) -> i64 {
        self.unix_us.div_euclid(1_000_000)
    }
}
