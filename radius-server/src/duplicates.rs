//! Requests a worker has seen in the last seconds, and what it answered: a retransmission gets the same octets again and
//! changes nothing (RFC 5080 section 2.2.2). Each worker has a table of its own; it takes `now` and never reads a clock.

use radius::packet::Authenticator;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an answer is kept. A NAS gives up on a request, or sends it anew, well within this.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(5);
/// Requests a worker remembers at a time; beyond it the oldest is forgotten early.
pub const DUPLICATES_MAX: usize = 65_536;

/// Which request: source and identifier, of which a NAS has one in flight at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// Where it came from, port included.
    pub source: SocketAddr,
    /// Its Identifier.
    pub identifier: u8,
}

/// What is known about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen<'a> {
    /// Nothing: it is new.
    New,
    /// It is being worked on; an answer may come.
    InProgress,
    /// It was answered so; empty: it was left unanswered on purpose, and is again.
    Answered(&'a [u8]),
}

/// See the module's words.
pub struct Duplicates {
    /// Entries in the order they came; their buffers are used again, so that a steady load allocates nothing.
    entries: VecDeque<Entry>,
    /// Number of the entry at the front; entries are numbered for ever.
    front: u64,
    /// Request to the number of its entry.
    by_key: HashMap<Key, u64>,
    /// How many entries there may be.
    bound: usize,
}

/// One request.
struct Entry {
    /// Which.
    key: Key,
    /// Its Request Authenticator; another one is another request.
    authenticator: Authenticator,
    /// When it may be forgotten.
    expires: Instant,
    /// Whether `reply` is the answer, as opposed to not known yet.
    answered: bool,
    /// The answer.
    reply: Vec<u8>,
}

impl Duplicates {
    /// An empty table for up to `bound` requests (at least one).
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            front: 0,
            by_key: HashMap::new(),
            bound: bound.max(1),
        }
    }

    /// What is known about a request.
    #[must_use]
    pub fn seen(&self, key: &Key, authenticator: &Authenticator, now: Instant) -> Seen<'_> {
        match self.entry(key) {
            Some(entry) if entry.authenticator == *authenticator && entry.expires > now => {
                if entry.answered {
                    Seen::Answered(&entry.reply)
                } else {
                    Seen::InProgress
                }
            }
            _ => Seen::New,
        }
    }

    /// Remembers a new request that is being worked on, in place of an older one of the same key.
    pub fn begin(&mut self, key: Key, authenticator: &Authenticator, now: Instant) {
        let mut entry = self.recycled(now).unwrap_or_else(|| Entry {
            key,
            authenticator: *authenticator,
            expires: now,
            answered: false,
            reply: Vec::new(),
        });
        entry.key = key;
        entry.authenticator = *authenticator;
        entry.expires = now + DUPLICATE_WINDOW;
        entry.answered = false;
        entry.reply.clear();
        let number = self.front + self.entries.len() as u64;
        self.entries.push_back(entry);
        self.by_key.insert(key, number);
    }

    /// Remembers the answer to a request that was begun; empty: none, on purpose.
    pub fn answer(&mut self, key: &Key, reply: &[u8]) {
        if let Some(number) = self.by_key.get(key)
            && let Some(entry) = index(*number, self.front).and_then(|at| self.entries.get_mut(at))
        {
            entry.answered = true;
            entry.reply.clear();
            entry.reply.extend_from_slice(reply);
        }
    }

    /// Forgets a request that was begun and came to nothing, so that its retransmission is new.
    pub fn forget(&mut self, key: &Key) {
        self.by_key.remove(key);
    }

    /// How many requests it remembers, those that time out at the next insertion included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it remembers nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a request.
    fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(index(*self.by_key.get(key)?, self.front)?)
    }

    /// The oldest entry, taken out to be used again: when it has expired, or when there must not be more.
    fn recycled(&mut self, now: Instant) -> Option<Entry> {
        let full = self.entries.len() >= self.bound;
        if !full && self.entries.front()?.expires > now {
            return None;
        }
        let oldest = self.entries.pop_front()?;
        // The key may belong to a newer entry by now, or to none.
        if self.by_key.get(&oldest.key) == Some(&self.front) {
            self.by_key.remove(&oldest.key);
        }
        self.front += 1;
        Some(oldest)
    }
}

/// The place of entry `number` when the first one is number `front`.
fn index(number: u64, front: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(front)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request from 127.0.0.1 port 1000 + `port`.
    fn key(port: u16, identifier: u8) -> Key {
        Key {
            source: ([127, 0, 0, 1], 1000 + port).into(),
            identifier,
        }
    }

    #[test]
    fn an_answered_request_is_answered_alike_until_it_expires() {
        let (mut duplicates, start) = (Duplicates::new(10), Instant::now());
        assert_eq!(duplicates.seen(&key(1, 7), &[1; 16], start), Seen::New);
        duplicates.begin(key(1, 7), &[1; 16], start);
        assert_eq!(duplicates.seen(&key(1, 7), &[1; 16], start), Seen::InProgress);
        duplicates.answer(&key(1, 7), b"yes");
        let late = start + DUPLICATE_WINDOW - Duration::from_millis(1);
        assert_eq!(
            duplicates.seen(&key(1, 7), &[1; 16], late),
            Seen::Answered(b"yes")
        );
        assert_eq!(
            duplicates.seen(&key(1, 7), &[1; 16], start + DUPLICATE_WINDOW),
            Seen::New
        );
    }

    #[test]
    fn another_authenticator_port_or_identifier_is_another_request() {
        let (mut duplicates, now) = (Duplicates::new(10), Instant::now());
        duplicates.begin(key(1, 7), &[1; 16], now);
        assert_eq!(duplicates.seen(&key(1, 7), &[2; 16], now), Seen::New);
        assert_eq!(duplicates.seen(&key(2, 7), &[1; 16], now), Seen::New);
        assert_eq!(duplicates.seen(&key(1, 8), &[1; 16], now), Seen::New);
    }

    #[test]
    fn a_newer_request_of_the_same_key_outlives_the_older_one() {
        let (mut duplicates, now) = (Duplicates::new(2), Instant::now());
        duplicates.begin(key(1, 7), &[1; 16], now);
        duplicates.begin(key(1, 7), &[2; 16], now);
        duplicates.answer(&key(1, 7), b"second");
        duplicates.begin(key(9, 9), &[3; 16], now); // pushes the first one out, not the second
        assert_eq!(
            duplicates.seen(&key(1, 7), &[2; 16], now),
            Seen::Answered(b"second")
        );
    }

    #[test]
    fn a_forgotten_request_is_new_again() {
        let (mut duplicates, now) = (Duplicates::new(10), Instant::now());
        duplicates.begin(key(1, 7), &[1; 16], now);
        duplicates.forget(&key(1, 7));
        assert_eq!(duplicates.seen(&key(1, 7), &[1; 16], now), Seen::New);
    }

    #[test]
    fn the_table_keeps_its_bound_and_shrinks_its_use_with_the_load() {
        let (mut duplicates, start) = (Duplicates::new(100), Instant::now());
        for port in 0..1_000 {
            duplicates.begin(key(port, 0), &[0; 16], start);
        }
        assert_eq!((duplicates.len(), duplicates.by_key.len()), (100, 100));
        assert_eq!(duplicates.seen(&key(999, 0), &[0; 16], start), Seen::InProgress);
        assert_eq!(duplicates.seen(&key(899, 0), &[0; 16], start), Seen::New);
        let mut steady = Duplicates::new(100);
        for second in 0..1_000 {
            steady.begin(
                key(second, 0),
                &[0; 16],
                start + Duration::from_secs(u64::from(second)),
            );
        }
        assert!(steady.len() <= 6, "{}", steady.len());
    }
}
