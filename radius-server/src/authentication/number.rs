//! Ids for decisions: UUIDv7 (RFC 9562 section 5.7), with microseconds where the standard leaves room for them.
//! They need to be unique and to sort by time, not to be secret, so one random seed a worker is enough.

use crate::id::DecisionId;
use uuid::Builder;

/// A worker's source of decision ids.
pub(super) struct DecisionNumbers {
    /// State of a SplitMix64 generator, whose 2^64 steps visit every number once.
    state: u64,
}

impl DecisionNumbers {
    /// A source that begins at a random place.
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The id of a decision made at this time.
    pub(super) fn next(&mut self, now_unix_us: i64) -> DecisionId {
        let now_us = now_unix_us.unsigned_abs();
        // Thousandths of a millisecond in 12 bits (RFC 9562 section 6.2, method 3).
        let fraction = (now_us % 1_000 * 4_096 / 1_000) as u16;
        let mut rest = [0; 10];
        rest[..2].copy_from_slice(&fraction.to_be_bytes());
        rest[2..].copy_from_slice(&self.step().to_be_bytes());
        DecisionId::from_uuid(Builder::from_unix_timestamp_millis(now_us / 1_000, &rest).into_uuid())
    }

    /// SplitMix64's next number.
    fn step(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_version_7_unique_and_sort_by_microsecond() {
        let mut numbers = DecisionNumbers::new(42);
        let ids: Vec<_> = (0..1_000)
            .map(|us| numbers.next(1_700_000_000_000_000 + us * 10))
            .collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.as_uuid().get_version_num() == 7));
        let same_time: BTreeSet<_> = (0..1_000).map(|_| numbers.next(1_700_000_000_000_000)).collect();
        assert_eq!(same_time.len(), 1_000);
    }
}
