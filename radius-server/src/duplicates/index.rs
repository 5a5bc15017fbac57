//! From a hash to the number of an entry: open addressing with linear probing, four octets a slot, at most half full.
//! It stores no keys; who asks says which number is meant, and what a number's hash is.

/// Numbers have so many bits; the highest bit of a slot says that it is taken.
pub(super) const NUMBER_MASK: u32 = u32::MAX >> 1;
/// Set in a slot that is taken.
const TAKEN: u32 = !NUMBER_MASK;
/// Slots of a new index.
const SLOTS_MIN: usize = 64;

/// See the module's words.
pub(super) struct Index {
    /// The slots; a power of two.
    slots: Box<[u32]>,
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
            if is_meant(self.number(slot)) {
                return Some(slot);
            }
            slot = self.after(slot);
        }
        None
    }

    /// The number in a slot that was found.
    pub(super) fn number(&self, slot: usize) -> u32 {
        self.slots[slot] & NUMBER_MASK
    }

    /// Puts another number of the same hash into a slot that was found.
    pub(super) fn replace(&mut self, slot: usize, number: u32) {
        self.slots[slot] = TAKEN | number;
    }

    /// Adds a number, making room when it gets tight.
    pub(super) fn insert(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            let larger = vec![0; self.slots.len() * 2].into_boxed_slice();
            let smaller = std::mem::replace(&mut self.slots, larger);
            for taken in smaller.iter().filter(|slot| **slot != 0) {
                self.place(hash_of(taken & NUMBER_MASK), *taken);
            }
        }
        self.place(hash, TAKEN | number);
        self.len += 1;
    }

    /// Empties a slot, and closes the gap: what stands behind it only because it was taken moves up.
    pub(super) fn remove(&mut self, slot: usize, hash_of: impl Fn(u32) -> u32) {
        let mask = self.slots.len() - 1;
        let (mut gap, mut at) = (slot, self.after(slot));
        while self.slots[at] != 0 {
            let home = self.home(hash_of(self.number(at)));
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
    fn place(&mut self, hash: u32, taken: u32) {
        let mut slot = self.home(hash);
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
                        index.insert(hash_of(number), number, hash_of);
                        known.insert(number, ());
                    }
                    (false, Some(slot)) => {
                        index.remove(slot, hash_of);
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
