//! Waiting for a condition with a deadline: the only place of the lab that sleeps.
//!
//! Never waits for a mere duration to pass. A wait that runs out says what it waited for and what it saw last.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// What a look at the world found.
pub enum Look<T> {
    /// The condition holds.
    Found(T),
    /// Not yet; this was seen instead.
    Not(String),
}

/// Looks until the condition holds.
///
/// # Errors
/// What the look itself fails with, [`interrupt::Interrupted`], or that the deadline passed and what was seen last.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<Look<T>>) -> Result<T> {
    let since = Instant::now();
    loop {
        interrupt::check()?;
        let seen = match look()? {
            Look::Found(value) => return Ok(value),
            Look::Not(seen) => seen,
        };
        if since.elapsed() >= deadline {
            bail!(
                "waited {} s for {what}; last seen: {seen}",
                deadline.as_secs_f32()
            );
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Lets `pause` pass in small steps; the pace of a live display and of simulated subscribers, never of a test.
///
/// # Errors
/// [`interrupt::Interrupted`] as soon as somebody asks us to stop.
pub fn pace(pause: Duration) -> Result<()> {
    let since = Instant::now();
    while since.elapsed() < pause {
        interrupt::check()?;
        thread::sleep(LOOK_EVERY.min(pause.saturating_sub(since.elapsed())));
    }
    interrupt::check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_is_returned() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            Ok(if looks == 3 {
                Look::Found(looks)
            } else {
                Look::Not(format!("look {looks}"))
            })
        });
        assert_eq!(found.ok(), Some(3));
    }

    #[test]
    fn a_wait_that_runs_out_says_what_it_saw_last() {
        let failed = until("a miracle", Duration::ZERO, || {
            Ok(Look::<()>::Not("an empty list".to_owned()))
        });
        let message = failed.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.contains("a miracle") && message.contains("an empty list"),
            "{message}"
        );
    }

    #[test]
    fn a_look_that_fails_ends_the_wait_at_once() {
        let failed = until::<()>("nothing", Duration::from_secs(60), || {
            bail!("the server has died")
        });
        assert_eq!(
            failed.err().map(|error| error.to_string()),
            Some("the server has died".to_owned())
        );
    }
}
