//! What a run gave: counts, times, latencies. Never leaves anything out that went wrong.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::verdict::Verdict;

/// The longest latency that is told from longer ones.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Significant digits of a latency.
const LATENCY_DIGITS: u8 = 3;

/// How many replies were what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Genuine and expected.
    pub good: u64,
    /// Genuine, of another kind.
    pub other_code: u64,
    /// Wrong Response Authenticator.
    pub forged: u64,
    /// Wrong Message-Authenticator.
    pub bad_message_authenticator: u64,
    /// Without Message-Authenticator.
    pub unsigned: u64,
    /// No RADIUS.
    pub malformed: u64,
}

impl Verdicts {
    /// Counts one.
    pub fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Good => &mut self.good,
            Verdict::OtherCode => &mut self.other_code,
            Verdict::Forged => &mut self.forged,
            Verdict::BadMessageAuthenticator => &mut self.bad_message_authenticator,
            Verdict::Unsigned => &mut self.unsigned,
            Verdict::Malformed => &mut self.malformed,
        };
        *count += 1;
    }

    /// Both together.
    pub fn and(self, other: Verdicts) -> Verdicts {
        Verdicts {
            good: self.good + other.good,
            other_code: self.other_code + other.other_code,
            forged: self.forged + other.forged,
            bad_message_authenticator: self.bad_message_authenticator + other.bad_message_authenticator,
            unsigned: self.unsigned + other.unsigned,
            malformed: self.malformed + other.malformed,
        }
    }

    /// Replies that were not what they must be.
    pub fn bad(&self) -> u64 {
        self.other_code + self.forged + self.bad_message_authenticator + self.unsigned + self.malformed
    }
}

/// What a run gave.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Requests sent while the clock ran.
    pub sent: u64,
    /// Replies to them while the clock ran.
    pub answered: u64,
    /// Replies after it had stopped, but before they were given up.
    pub late: u64,
    /// Requests given up.
    pub lost: u64,
    /// Replies that belonged to no request in flight.
    pub strays: u64,
    /// Requests not sent because an older one still held their identifier.
    pub skipped: u64,
    /// What the replies were.
    pub verdicts: Verdicts,
    /// How long the clock ran.
    pub elapsed: Duration,
    /// Processor time of the generator while it ran, without turns that found nothing to do.
    pub generator: Duration,
    /// Processor time of judging the replies afterwards.
    pub judging: Duration,
    /// From the moment a request was to be sent to its reply, in nanoseconds; a request given up counts as that long.
    pub latency: Histogram<u64>,
    /// Whether all requests were used up before the time was.
    pub ran_dry: bool,
}

impl Tally {
    /// Replies a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// Processor time of the generator for one request, while the clock ran.
    pub fn generator_ns(&self) -> f64 {
        self.generator.as_nanos() as f64 / self.answered.max(1) as f64
    }

    /// Processor time of judging one reply.
    pub fn judging_ns(&self) -> f64 {
        let judged = self.verdicts.good + self.verdicts.bad();
        self.judging.as_nanos() as f64 / judged.max(1) as f64
    }

    /// A quantile of the latency.
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(quantile))
    }

    /// What went wrong.
    pub fn troubles(&self) -> Troubles {
        let verdicts = self.verdicts;
        Troubles {
            requests: self.sent + self.skipped,
            counts: [
                self.lost,
                self.skipped,
                self.strays,
                verdicts.other_code,
                verdicts.forged,
                verdicts.bad_message_authenticator,
                verdicts.unsigned,
                verdicts.malformed,
            ],
        }
    }
}

/// What went wrong in one run or in several; empty text when nothing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Requests that were to be sent.
    requests: u64,
    /// How many met what, in the order of [`TROUBLES`].
    counts: [u64; TROUBLES.len()],
}

/// What can go wrong, in words.
const TROUBLES: [&str; 8] = [
    "given up",
    "not sent because their identifier was in use",
    "replies that belonged to nothing in flight",
    "replies of another code",
    "replies with a wrong Response Authenticator",
    "replies with a wrong Message-Authenticator",
    "replies without Message-Authenticator",
    "malformed replies",
];

impl Troubles {
    /// Both together.
    pub fn and(self, other: Troubles) -> Troubles {
        let mut counts = self.counts;
        for (count, more) in counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        Troubles {
            requests: self.requests + other.requests,
            counts,
        }
    }

    /// Whether nothing went wrong.
    pub fn is_none(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = self.counts.iter().zip(TROUBLES).filter(|(count, _)| **count > 0);
        let told: Vec<String> = met.map(|(count, what)| format!("{count} {what}")).collect();
        match told.is_empty() {
            true => Ok(()),
            false => write!(f, "of {} requests {}", self.requests, told.join(", ")),
        }
    }
}

/// An empty histogram of latencies.
pub fn latencies() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, LATENCY_DIGITS)
        .unwrap_or_else(|_| unreachable!("the bounds are constants that the crate takes"));
    histogram.auto(false);
    histogram
}

/// Counts a latency; one beyond the longest counts as that.
pub fn record(histogram: &mut Histogram<u64>, latency_ns: u64) {
    histogram.saturating_record(latency_ns.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_of_several_runs_add_up_and_none_say_nothing() {
        let mut one = Troubles {
            requests: 10,
            ..Troubles::default()
        };
        assert!(one.is_none() && one.to_string().is_empty());
        one.counts[0] = 2;
        let both = one.and(one);
        assert_eq!(both.to_string(), "of 20 requests 4 given up");
    }
}
