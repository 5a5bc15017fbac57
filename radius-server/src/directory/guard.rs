//! What a NAS is held to beside its signature: unsigned Proxy-State, a secret that is being replaced, requests a second.
//! The defaults restrict nobody who was not restricted before.

use super::certificate_name::CertificateName;
use super::nas::Require;
use radius::secret::SharedSecret;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a NAS is guarded, as the feeder hands it over.
#[derive(Clone, Debug)]
pub struct NasGuard {
    /// Whether an unsigned Access-Request may carry Proxy-State (CVE-2024-3596 hides its collision there).
    pub limit_proxy_state: Require,
    /// What `Auto` has learned in an earlier run; only ever adds to what was learned since the start.
    pub proxy_state_known: Option<ProxyState>,
    /// The secret it had before, while its replacement is being carried into the NAS.
    pub older_secret: Option<OlderSecret>,
    /// How many Access-Requests a second are taken from it; `None`: as many as it sends.
    pub request_rate: Option<RequestRate>,
    /// What its certificate must carry over TLS when it is none of our own authority's; `None`: anything.
    pub certificate_name: Option<CertificateName>,
}

impl Default for NasGuard {
    fn default() -> Self {
        Self {
            limit_proxy_state: Require::Auto,
            proxy_state_known: None,
            older_secret: None,
            request_rate: None,
            certificate_name: None,
        }
    }
}

/// What the first Access-Request of a NAS that tells has shown about Proxy-State.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyState {
    /// It does not need Proxy-State without a signature: the request had no Proxy-State, or was signed.
    Limited,
    /// It is a proxy that does not sign.
    Needed,
}

/// A secret that has been replaced and is still good.
#[derive(Clone, Debug)]
pub struct OlderSecret {
    /// The secret.
    pub secret: SharedSecret,
    /// Unix seconds from which it is good no longer.
    pub until_unix_s: i64,
}

/// Which of a NAS's secrets a request was made with; its reply is made with the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretAge {
    /// The one that is set.
    #[default]
    Current,
    /// The one before, within its time.
    Older,
}

/// Requests a second, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// Requests a second in the long run.
    pub per_s: NonZeroU32,
    /// Requests that may come at once after a pause.
    pub burst: NonZeroU32,
}

/// Nanoseconds of a second.
const NS_PER_S: u64 = 1_000_000_000;

impl RequestRate {
    /// Whether one more request may come at this moment. `owed_ns` is when those taken so far are worked off.
    ///
    /// One number, shared by all workers, without a lock: what is owed moves on by the time a request is worth, and never
    /// further than a burst ahead of the clock. A clock that is set back costs the NAS no more than that.
    pub(crate) fn admits(self, owed_ns: &AtomicU64, now_unix_us: i64) -> bool {
        let now = u64::try_from(now_unix_us)
            .unwrap_or_default()
            .saturating_mul(1_000);
        let each = NS_PER_S / u64::from(self.per_s.get());
        let burst = each.saturating_mul(u64::from(self.burst.get()));
        let taken = owed_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |owed| {
            let owed = if owed > now + burst { now } else { owed.max(now) };
            (owed + each <= now + burst).then_some(owed + each)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `asked` requests pass at a moment.
    fn passed(rate: RequestRate, owed: &AtomicU64, at_us: i64, asked: usize) -> usize {
        (0..asked).filter(|_| rate.admits(owed, at_us)).count()
    }

    /// A rate.
    fn rate(per_s: u32, burst: u32) -> RequestRate {
        RequestRate {
            per_s: NonZeroU32::new(per_s).expect("not zero"),
            burst: NonZeroU32::new(burst).expect("not zero"),
        }
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let (rate, owed, start) = (rate(100, 20), AtomicU64::new(0), 1_700_000_000_000_000);
        assert_eq!(passed(rate, &owed, start, 50), 20);
        assert_eq!(passed(rate, &owed, start + 100_000, 50), 10);
        assert_eq!(
            passed(rate, &owed, start + 10_000_000, 50),
            20,
            "no more than a burst is saved up"
        );
        let second: usize = (0..1_000)
            .map(|ms| passed(rate, &owed, start + 20_000_000 + ms * 1_000, 1))
            .sum();
        assert!(
            (119..=121).contains(&second),
            "{second}: a burst and what a second brings"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_shut_a_nas_out() {
        let (rate, owed, start) = (rate(10, 10), AtomicU64::new(0), 1_700_000_000_000_000);
        assert_eq!(passed(rate, &owed, start, 20), 10);
        assert_eq!(passed(rate, &owed, start - 3_600_000_000, 20), 10);
    }
}
