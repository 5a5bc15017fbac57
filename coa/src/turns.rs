//! Of what is wanted of one session, one thing is asked at a time, and next comes the newest: two requests under way would
//! leave it to the network which of them holds in the end.
//! Never knows what it is that is wanted, and never asks for it.

use std::collections::HashMap;
use std::hash::Hash;

/// Who is asked about, and what waits behind it; as many as there are sessions that are asked about.
#[derive(Debug)]
pub struct Turns<K, T> {
    /// Each session that is asked about, with the newest of what waits.
    busy: HashMap<K, Option<T>>,
}

/// What becomes of something that is to be asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// It is asked now.
    Now(T),
    /// It waits; what waited in its place never will be asked.
    Waits(Option<T>),
}

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Self { busy: HashMap::new() }
    }
}

impl<K: Hash + Eq, T> Turns<K, T> {
    /// Wants something of a session.
    pub fn begin(&mut self, session: K, wanted: T) -> Turn<T> {
        match self.busy.get_mut(&session) {
            Some(waits) => Turn::Waits(waits.replace(wanted)),
            None => {
                self.busy.insert(session, None);
                Turn::Now(wanted)
            }
        }
    }

    /// What was asked is answered; what waits is asked now.
    pub fn over(&mut self, session: &K) -> Option<T> {
        let next = self.busy.get_mut(session)?.take();
        if next.is_none() {
            self.busy.remove(session);
        }
        next
    }

    /// How many sessions are asked about.
    pub fn len(&self) -> usize {
        self.busy.len()
    }

    /// Whether nobody is asked about.
    pub fn is_empty(&self) -> bool {
        self.busy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_newest_next() {
        let mut turns = Turns::default();
        assert_eq!(turns.begin(1, "slow"), Turn::Now("slow"));
        assert_eq!(turns.begin(1, "fast"), Turn::Waits(None));
        assert_eq!(turns.begin(1, "faster"), Turn::Waits(Some("fast")));
        assert_eq!(turns.begin(2, "slow"), Turn::Now("slow"), "another session");
        assert_eq!(turns.over(&1), Some("faster"));
        assert_eq!(turns.len(), 2, "it is asked now");
        assert_eq!(turns.over(&1), None);
        assert_eq!(turns.over(&1), None);
        assert_eq!(turns.len(), 1);
    }
}
