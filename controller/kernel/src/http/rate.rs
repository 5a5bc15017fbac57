//! How often somebody may ask: a bucket for each person or key, and one for each partner.
//! Never waits, and takes nothing out for what it refuses; a bucket knows no clock but the `now` it is given.
//!
//! A bucket is one instant, the time at which it would be full again (the generic cell rate algorithm), so that one that
//! is full again need not be kept. Of this process only: behind a balancer each server counts for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::error::Error;
use crate::id::PartnerId;
use crate::identity::Settings;

/// How many requests fit into the bucket.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// How many of them are left.
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// In how many seconds it is full again.
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// The most buckets that are kept; those who ask meanwhile share one.
const BUCKETS_MAX: usize = 65_536;
/// A bucket holds what flows into it in so many seconds.
const BURST_S: u32 = 4;

/// How often somebody may ask, in requests a second; 0: as often as he likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub u32);

impl Rate {
    /// The time a request takes out of the bucket; `None`: no bucket.
    fn cost(self) -> Option<Duration> {
        (self.0 > 0).then(|| Duration::from_secs(1) / self.0)
    }

    /// How many fit into the bucket.
    fn burst(self) -> u32 {
        self.0.saturating_mul(BURST_S)
    }
}

/// Where somebody stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// How many fit into the bucket.
    limit: u32,
    /// How many are left.
    remaining: u32,
    /// How long until it is full again.
    full_in: Duration,
    /// How long to wait, when there was none left.
    pub wait: Option<Duration>,
}

/// The buckets of all callers and of all partners; shared by all routes.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Each person or key.
    callers: Arc<Buckets>,
    /// All those of a partner together.
    partners: Arc<Buckets>,
}

impl Limits {
    /// As it is set.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            callers: Arc::new(Buckets::new(settings.rate_caller)),
            partners: Arc::new(Buckets::new(settings.rate_partner)),
        }
    }

    /// Counts a request of a person or a key.
    pub(super) fn count_caller(&self, caller: Uuid, standing: &mut Option<Standing>) -> Result<(), Error> {
        count(&self.callers, caller, standing)
    }

    /// Counts a request in a partner.
    pub(super) fn count_partner(
        &self,
        partner: PartnerId,
        standing: &mut Option<Standing>,
    ) -> Result<(), Error> {
        count(&self.partners, partner.as_uuid(), standing)
    }
}

/// Takes one out of a bucket, and keeps what is nearer to its end for the caller to see.
fn count(buckets: &Buckets, who: Uuid, standing: &mut Option<Standing>) -> Result<(), Error> {
    *standing = Standing::nearer(*standing, buckets.take(Instant::now(), who));
    match standing.and_then(|standing| standing.wait) {
        Some(retry_after) => Err(Error::TooManyRequests { retry_after }),
        None => Ok(()),
    }
}

/// Buckets of one kind.
#[derive(Debug)]
pub(super) struct Buckets {
    /// How fast they fill.
    rate: Rate,
    /// When each would be full again; bounded by [`BUCKETS_MAX`].
    full_at: Mutex<HashMap<Uuid, Instant>>,
}

impl Buckets {
    /// All of them full.
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            full_at: Mutex::default(),
        }
    }

    /// Takes one request out of a bucket; `None`: there is no limit.
    pub(super) fn take(&self, now: Instant, who: Uuid) -> Option<Standing> {
        let cost = self.rate.cost()?;
        let depth = cost * self.rate.burst();
        let mut buckets = self.full_at.lock();
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&who) {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let crowded = buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&who);
        // Who finds no place shares the bucket of all such: a bound is not a way around the limit.
        let bucket = buckets
            .entry(if crowded { Uuid::nil() } else { who })
            .or_insert(now);
        let after = (*bucket).max(now) + cost;
        let missing = after.saturating_duration_since(now);
        if missing > depth {
            return Some(Standing {
                limit: self.rate.burst(),
                remaining: 0,
                full_in: missing.saturating_sub(cost),
                wait: Some(missing - depth),
            });
        }
        *bucket = after;
        let left = (depth - missing).as_nanos() / cost.as_nanos();
        Some(Standing {
            limit: self.rate.burst(),
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            full_in: missing,
            wait: None,
        })
    }
}

impl Standing {
    /// The one that is nearer to its end.
    pub(super) fn nearer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if (other.wait, one.remaining) > (one.wait, other.remaining) {
                other
            } else {
                one
            }),
            (one, other) => one.or(other),
        }
    }

    /// Says so in the headers of an answer.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let whole = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(whole(self.full_in)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many in a row are let through.
    fn in_a_row(buckets: &Buckets, now: Instant, who: Uuid) -> usize {
        (0..10_000)
            .take_while(|_| {
                buckets
                    .take(now, who)
                    .is_some_and(|standing| standing.wait.is_none())
            })
            .count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (buckets, now, who) = (Buckets::new(Rate(10)), Instant::now(), Uuid::now_v7());
        assert_eq!(in_a_row(&buckets, now, who), 40);
        let refused = buckets.take(now, who).expect("a limit");
        assert_eq!(refused.wait, Some(Duration::from_millis(100)));
        assert_eq!(in_a_row(&buckets, now + Duration::from_millis(100), who), 1);
        assert_eq!(in_a_row(&buckets, now + Duration::from_secs(2), who), 19);
        assert_eq!(in_a_row(&buckets, now + Duration::from_secs(60), who), 40);
    }

    #[test]
    fn each_has_a_bucket_of_his_own_and_zero_is_no_limit() {
        let (buckets, now) = (Buckets::new(Rate(1)), Instant::now());
        assert_eq!(in_a_row(&buckets, now, Uuid::now_v7()), 4);
        assert_eq!(in_a_row(&buckets, now, Uuid::now_v7()), 4);
        assert_eq!(Buckets::new(Rate(0)).take(now, Uuid::now_v7()), None);
    }

    #[test]
    fn buckets_stay_within_their_bound_and_those_who_find_no_place_share_one() {
        let (buckets, now) = (Buckets::new(Rate(1)), Instant::now());
        let filled = (0..BUCKETS_MAX).filter(|_| buckets.take(now, Uuid::now_v7()).is_some());
        assert_eq!(filled.count(), BUCKETS_MAX);
        let late: usize = (0..8)
            .map(|_| in_a_row(&buckets, now, Uuid::now_v7()).min(1))
            .sum();
        assert_eq!(late, 1, "the first of them empties what they share");
        assert!(buckets.full_at.lock().len() <= BUCKETS_MAX + 1);
        // A while later all the others are full again, and forgotten.
        assert_eq!(
            in_a_row(&buckets, now + Duration::from_secs(9), Uuid::now_v7()),
            4
        );
        assert_eq!(buckets.full_at.lock().len(), 1);
    }

    #[test]
    fn the_nearer_end_is_told() {
        let (one, other, now) = (Buckets::new(Rate(1)), Buckets::new(Rate(100)), Instant::now());
        let who = Uuid::now_v7();
        let told = Standing::nearer(one.take(now, who), other.take(now, who)).expect("a limit");
        assert_eq!((told.limit, told.remaining), (4, 3));
        let told = Standing::nearer(other.take(now, who), None).expect("a limit");
        assert_eq!((told.limit, told.remaining), (400, 398));
    }
}
