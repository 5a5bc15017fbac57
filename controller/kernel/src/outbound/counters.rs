//! What is counted of a line. Never labelled with anything a partner can write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ways a call ends, as [`super::CallError::word`] says them, the good one first.
pub const OUTCOMES: [&str; 14] = [
    "ok",
    "refused_target",
    "breaker_open",
    "paused",
    "busy",
    "no_connection",
    "timed_out",
    "broken",
    "too_long",
    "redirected",
    "too_many_requests",
    "server_error",
    "refused",
    "not_built",
];

/// The counters of one line.
#[derive(Debug, Default)]
pub struct LineCounters {
    /// Calls by how they ended, in the order of [`OUTCOMES`].
    ended: [AtomicU64; OUTCOMES.len()],
    /// Attempts that reached the protocol.
    attempts: AtomicU64,
    /// Attempts beyond the first.
    repeated: AtomicU64,
    /// Time calls took, in microseconds.
    took_us: AtomicU64,
}

impl LineCounters {
    /// Notes the end of a call; `None`: it went well.
    pub(super) fn ended(&self, word: Option<&'static str>, took: Duration) {
        let word = word.unwrap_or("ok");
        let at = OUTCOMES.iter().position(|outcome| *outcome == word);
        if let Some(counter) = at.and_then(|at| self.ended.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.took_us.fetch_add(took, Ordering::Relaxed);
    }

    /// Notes an attempt.
    pub(super) fn attempted(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a repetition.
    pub(super) fn repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls by how they ended.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES
            .into_iter()
            .zip(&self.ended)
            .map(|(word, count)| (word, count.load(Ordering::Relaxed)))
    }

    /// Attempts that reached the protocol.
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Attempts beyond the first.
    pub fn repetitions(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Time all calls took, in microseconds.
    pub fn took_us(&self) -> u64 {
        self.took_us.load(Ordering::Relaxed)
    }
}
