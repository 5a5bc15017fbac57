//! A map that never holds more than its bound: what has not been touched for long goes first.
//! It is a second-chance clock, not an exact LRU: one bit an entry, no list to mend on a hit.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Entries that may be spared in a row before one goes whatever was touched; bounds the work of one insertion.
const SPARED_IN_A_ROW_MAX: usize = 8;

/// See the module's words. `K` is stored twice; make it cheap to copy.
pub(crate) struct BoundedMap<K, V> {
    /// The entries.
    entries: HashMap<K, Entry<V>>,
    /// Their keys in the order in which the clock's hand meets them.
    order: VecDeque<K>,
    /// How many entries there may be.
    bound: usize,
}

/// A value and whether it was touched since the hand passed.
struct Entry<V> {
    /// The value.
    value: V,
    /// Touched: spared once.
    touched: bool,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    /// An empty map for up to `bound` entries (at least one).
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            bound: bound.max(1),
        }
    }

    /// The value of a key, which counts as touched now.
    pub(crate) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        entry.touched = true;
        Some(&mut entry.value)
    }

    /// Adds a value under a key that is not there yet (an old value is replaced), making room first.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(entry) = self.entries.get_mut(&key) {
            *entry = Entry { value, touched: true };
            return;
        }
        if self.entries.len() >= self.bound {
            self.make_room();
        }
        self.order.push_back(key.clone());
        self.entries.insert(
            key,
            Entry {
                value,
                touched: false,
            },
        );
    }

    /// Takes an entry out. Costs a walk over the order, so it is not for the packet path.
    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.remove(key)?;
        self.order.retain(|ordered| ordered.borrow() != key);
        Some(entry.value)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Lets one entry go: the first under the hand that was not touched, but never spares more than a few.
    fn make_room(&mut self) {
        for spared in 0.. {
            let Some(key) = self.order.pop_front() else { return };
            match self.entries.get_mut(&key) {
                Some(entry) if entry.touched && spared < SPARED_IN_A_ROW_MAX => {
                    entry.touched = false;
                    self.order.push_back(key);
                }
                _ => {
                    self.entries.remove(&key);
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_its_bound() {
        let mut map = BoundedMap::new(3);
        for n in 0..100 {
            map.insert(n, n);
            assert!(map.len() <= 3 && map.order.len() == map.len());
        }
        assert!(map.get_mut(&99).is_some() && map.get_mut(&0).is_none());
    }

    #[test]
    fn what_is_touched_stays_longer() {
        let mut map = BoundedMap::new(3);
        map.insert("kept", 0);
        for n in ["a", "b", "c", "d", "e", "f"] {
            assert!(map.get_mut("kept").is_some(), "before {n}");
            map.insert(n, 0);
        }
    }

    #[test]
    fn an_insertion_ends_even_when_all_are_touched() {
        let mut map = BoundedMap::new(1000);
        (0..1000).for_each(|n| map.insert(n, n));
        (0..1000).for_each(|n| *map.get_mut(&n).expect("there") += 1);
        map.insert(1000, 0);
        assert_eq!(map.len(), 1000);
        assert!(map.get_mut(&SPARED_IN_A_ROW_MAX).is_none());
    }
}
