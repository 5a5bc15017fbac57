//! The breaker of one line: after so many failures in a row nothing is sent for a while, then one call tries.
//! Never reads a clock and never waits; what counts as a failure is decided by [`super::failure`].
//!
//! ```text
//!            failures in a row                 the pause is over
//!   closed ---------------------> open ---------------------------> half-open (one call at a time)
//!     ^                            ^                                   |          |
//!     |                            +---------------- it failed --------+          |
//!     +---------------------------------------- it went well ---------------------+
//! ```

use std::time::{Duration, Instant};

/// Failures in a row that open it.
pub const FAILURES_MAX: u32 = 5;
/// How long it stays open.
pub const OPEN_WAIT: Duration = Duration::from_secs(60);

/// What of a call concerns the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server did its work, be it to refuse.
    Well,
    /// The server, or the way to it, did not work.
    Failed,
    /// Says nothing about the server: the call ended on our side.
    Nothing,
}

/// Where it stands, for people and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Calls pass.
    Closed,
    /// One call at a time passes, to see.
    HalfOpen,
    /// No call passes.
    Open,
}

impl State {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// A call that passed; to be given back with its verdict.
#[derive(Debug)]
#[must_use = "give it back with a verdict"]
pub struct Pass {
    /// The generation it passed in; a verdict of an older one changes nothing.
    generation: u64,
}

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open it.
    pub failures_max: u32,
    /// How long it stays open.
    pub open_wait: Duration,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            failures_max: FAILURES_MAX,
            open_wait: OPEN_WAIT,
        }
    }
}

/// The breaker.
#[derive(Debug)]
pub struct Breaker {
    /// Its rules.
    rules: BreakerRules,
    /// Failures in a row while closed.
    failures: u32,
    /// Until when nothing passes; `None`: closed.
    open_until: Option<Instant>,
    /// Whether the one call of a half-open breaker is under way.
    trying: bool,
    /// Counts changes of state, so that a call that began before one cannot speak for what came after.
    generation: u64,
    /// How often it has opened.
    opened: u64,
}

impl Breaker {
    /// A closed one.
    pub fn new(rules: BreakerRules) -> Self {
        Self {
            rules,
            failures: 0,
            open_until: None,
            trying: false,
            generation: 0,
            opened: 0,
        }
    }

    /// Lets a call pass.
    ///
    /// # Errors
    /// How long to wait, when it may not.
    pub fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        let pass = Pass {
            generation: self.generation,
        };
        match self.open_until {
            None => Ok(pass),
            Some(until) if now < until => Err(until - now),
            // Somebody tries already; how long he takes nobody knows.
            Some(_) if self.trying => Err(Duration::from_secs(1)),
            Some(_) => {
                self.trying = true;
                Ok(pass)
            }
        }
    }

    /// Takes a call back.
    pub fn settle(&mut self, now: Instant, pass: Pass, verdict: Verdict) {
        if pass.generation != self.generation {
            return;
        }
        let half_open = self.open_until.is_some();
        self.trying = false;
        match verdict {
            Verdict::Nothing => {}
            Verdict::Well => {
                self.failures = 0;
                if half_open {
                    self.open_until = None;
                    self.generation += 1;
                }
            }
            Verdict::Failed => {
                self.failures = self.failures.saturating_add(1);
                if half_open || self.failures >= self.rules.failures_max {
                    self.failures = 0;
                    self.open_until = Some(now + self.rules.open_wait);
                    self.generation += 1;
                    self.opened += 1;
                }
            }
        }
    }

    /// Where it stands.
    pub fn state(&self, now: Instant) -> State {
        match self.open_until {
            None => State::Closed,
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(BreakerRules::default()), Instant::now())
    }

    /// So many calls one after another, all with one verdict.
    fn calls(breaker: &mut Breaker, now: Instant, count: u32, verdict: Verdict) {
        for _ in 0..count {
            let pass = breaker.admit(now).expect("passes");
            breaker.settle(now, pass, verdict);
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_a_minute() {
        let (mut breaker, now) = breaker();
        calls(&mut breaker, now, FAILURES_MAX - 1, Verdict::Failed);
        calls(&mut breaker, now, 1, Verdict::Well);
        calls(&mut breaker, now, FAILURES_MAX - 1, Verdict::Failed);
        assert_eq!(breaker.state(now), State::Closed);
        calls(&mut breaker, now, 1, Verdict::Failed);
        assert_eq!(breaker.state(now), State::Open);
        assert_eq!(
            breaker.admit(now + OPEN_WAIT / 2).expect_err("is open"),
            OPEN_WAIT / 2
        );
        assert_eq!(breaker.opened(), 1);
    }

    #[test]
    fn after_the_pause_one_call_tries_and_decides() {
        let (mut breaker, now) = breaker();
        calls(&mut breaker, now, FAILURES_MAX, Verdict::Failed);
        let later = now + OPEN_WAIT;
        assert_eq!(breaker.state(later), State::HalfOpen);
        let first = breaker.admit(later).expect("one passes");
        breaker.admit(later).expect_err("one at a time");
        breaker.settle(later, first, Verdict::Failed);
        assert_eq!(breaker.state(later), State::Open);

        let later = later + OPEN_WAIT;
        let given_up = breaker.admit(later).expect("one passes");
        breaker.settle(later, given_up, Verdict::Nothing);
        let again = breaker.admit(later).expect("the next one may try");
        breaker.settle(later, again, Verdict::Well);
        assert_eq!(breaker.state(later), State::Closed);
        calls(&mut breaker, later, FAILURES_MAX - 1, Verdict::Failed);
        assert_eq!(breaker.state(later), State::Closed, "counts from the beginning");
    }

    #[test]
    fn a_call_from_before_it_opened_does_not_close_it() {
        let (mut breaker, now) = breaker();
        let slow = breaker.admit(now).expect("passes");
        calls(&mut breaker, now, FAILURES_MAX, Verdict::Failed);
        breaker.settle(now, slow, Verdict::Well);
        assert_eq!(breaker.state(now), State::Open);
    }

    proptest! {
        /// Whatever happens when: nothing passes while it is open, and never two at a time while it is half-open.
        #[test]
        fn nothing_passes_an_open_one(steps in prop::collection::vec((0u64..40, 0u8..4), 1..200)) {
            let (mut breaker, mut now) = breaker();
            let mut trying = Vec::new();
            for (seconds, what) in steps {
                now += Duration::from_secs(seconds);
                let before = breaker.state(now);
                match what {
                    0 => if let Ok(pass) = breaker.admit(now) {
                        prop_assert_ne!(before, State::Open);
                        if before == State::HalfOpen {
                            let generation = pass.generation;
                            prop_assert!(!trying.iter().any(|(pass, half): &(Pass, bool)| *half && pass.generation == generation));
                        }
                        trying.push((pass, before == State::HalfOpen));
                    },
                    _ => if !trying.is_empty() {
                        let (pass, _) = trying.remove(0);
                        let verdict = [Verdict::Nothing, Verdict::Well, Verdict::Failed][usize::from(what - 1)];
                        breaker.settle(now, pass, verdict);
                    },
                }
            }
        }
    }
}
