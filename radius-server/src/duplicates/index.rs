//! From a hash to the number of an entry: open addressing with linear probing, at most half full.
//! It stores no keys; who asks says whether a number of this hash is the one that is meant.
//!
//! A slot is one word: 32 bits of hash, so that nobody looks at an entry in vain, a bit that says that it is taken, and 31
//! bits of number.

/// Numbers have so many bits.
pub(super) const NUMBER_MASK: u32 = u32::MAX >> 1;
/// Set in a slot that is taken.
const TAKEN: u64 = 1 << 31;
/// Slots of a new index.
const SLOTS_MIN: usize = 64;

/// See the module's words.
pub(super) struct Index {
    /// The slots; a power of two.
    slots: Box<[u64]>,
    /// How many are taken.
    len: usize,
}

impl Index {
    /// An empty index.
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; SLOTS_MIN].into_boxed_slice(),
            len: 0,
        }
    }

    /// How many numbers are in it.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The slot of the number of this hash that is meant.
    pub(super) fn find(&self, hash: u32, is_meant: impl Fn(u32) -> bool) -> Option<usize> {
        let mut slot = self.home(hash);
        // Half of the slots are free, so this ends.
        while self.slots[slot] != 0 {
            if hash_in(self.slots[slot]) == hash && is_meant(self.number(slot)) {
                return Some(slot);
            }
            slot = self.after(slot);
        }
        None
    }

    /// The number in a slot that was found.
    pub(super) fn number(&self, slot: usize) -> u32 {
        self.slots[slot] as u32 & NUMBER_MASK
    }

    /// Puts another number of the same hash into a slot that was found.
    pub(super) fn replace(&mut self, slot: usize, number: u32) {
        self.slots[slot] = taken(hash_in(self.slots[slot]), number);
    }

    /// Adds a number, making room when it gets tight.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            let larger = vec![0; self.slots.len() * 2].into_boxed_slice();
            let smaller = std::mem::replace(&mut self.slots, larger);
            for taken in smaller.iter().filter(|slot| **slot != 0) {
                self.place(*taken);
            }
        }
        self.place(taken(hash, number));
        self.len += 1;
    }

    /// Empties a slot, and closes the gap: what stands behind it only because it was taken moves up.
    pub(super) fn remove(&mut self, slot: usize) {
        let mask = self.slots.len() - 1;
        let (mut gap, mut at) = (slot, self.after(slot));
        while self.slots[at] != 0 {
            let home = self.home(hash_in(self.slots[at]));
            let (from_home, from_gap) = (at.wrapping_sub(home) & mask, at.wrapping_sub(gap) & mask);
            if from_home >= from_gap {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = 0;
        self.len -= 1;
    }

    /// Puts a taken slot's content where its hash belongs.
    fn place(&mut self, taken: u64) {
        let mut slot = self.home(hash_in(taken));
        while self.slots[slot] != 0 {
            slot = self.after(slot);
        }
        self.slots[slot] = taken;
    }

    /// The slot at which a hash belongs.
    const fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    /// The next slot, round and round.
    const fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

/// The content of a slot that is taken.
const fn taken(hash: u32, number: u32) -> u64 {
    (hash as u64) << 32 | TAKEN | number as u64
}

/// The hash in a slot that is taken.
const fn hash_in(taken: u64) -> u32 {
    (taken >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Hashes from a small set, so that they meet; compared with a map that cannot be wrong.
        #[test]
        fn it_finds_what_was_put_in_and_not_what_was_taken_out(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..400), 1..1_000),
            spread in 1_u32..70,
        ) {
            let hash_of = |number: u32| (number % spread).wrapping_mul(0x9e37_79b9) >> 20;
            let (mut index, mut known) = (Index::new(), BTreeMap::new());
            for (put, number) in steps {
                let found = index.find(hash_of(number), |other| other == number);
                prop_assert_eq!(found.is_some(), known.contains_key(&number));
                match (put, found) {
                    (true, None) => {
                        index.insert(hash_of(number), number);
                        known.insert(number, ());
                    }
                    (false, Some(slot)) => {
                        index.remove(slot);
                        known.remove(&number);
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), known.len());
            }
            for number in 0..400 {
                let found = index.find(hash_of(number), |other| other == number);
                prop_assert_eq!(found.is_some(), known.contains_key(&number));
            }
        }
    }
}
