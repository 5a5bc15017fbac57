//! Requests a worker has seen in the last seconds, and what it answered: a retransmission gets the same octets again and
//! changes nothing (RFC 5080 section 2.2.2). Each worker has a table of its own; it takes `now` and never reads a clock.
//!
//! Three parts: the requests in the order they came, an index from a request to its place among them (`index`), and a ring
//! with the octets of the answers (`replies`). They grow with the load up to their bounds, together less than 12 MiB, and
//! are used again and again: once they have grown, a request allocates nothing.

mod index;
mod replies;

use foldhash::fast::RandomState;
use index::Index;
use radius::packet::Authenticator;
use replies::{Place, Replies};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an answer is kept. A NAS gives up on a request, or sends it anew, well within this.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(5);
/// Requests a worker remembers at a time; beyond it the oldest is forgotten early.
pub const DUPLICATES_MAX: usize = 65_536;
/// Octets of answers a worker remembers at a time; beyond it the oldest answer is forgotten early, and its request with it.
pub const REPLY_OCTETS_MAX: usize = 6 * 1024 * 1024;
/// Requests that are let go with each one that comes, when their time is over.
const EXPIRED_AT_ONCE: usize = 2;

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
    /// Entries in the order they came.
    entries: VecDeque<Entry>,
    /// Number of the entry at the front; entries are numbered round and round.
    front: Number,
    /// Request to the number of its newest entry.
    index: Index,
    /// The answers.
    replies: Replies,
    /// Octets of the answers that entries still have.
    reply_octets: usize,
    /// How many entries there may be.
    bound: usize,
    /// Turns a request into a number. SipHash costs more than the rest of a lookup; this one is seeded anew in each
    /// process, and only registered NAS come this far.
    hasher: RandomState,
    /// The moment from which entries count their time.
    epoch: Option<Instant>,
}

/// The number of an entry; wraps within [`index::NUMBER_MASK`].
type Number = u32;

/// One request.
struct Entry {
    /// Which.
    key: Key,
    /// Its Request Authenticator; another one is another request.
    authenticator: Authenticator,
    /// Hash of `key`.
    hash: u32,
    /// When it may be forgotten, in nanoseconds since the epoch.
    expires_ns: u64,
    /// Where the answer is; `None` while it is not known.
    reply: Option<Place>,
}

impl Duplicates {
    /// An empty table for up to `bound` requests (at least one, at most [`DUPLICATES_MAX`]).
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            front: 0,
            index: Index::new(),
            replies: Replies::new(REPLY_OCTETS_MAX),
            reply_octets: 0,
            bound: bound.clamp(1, DUPLICATES_MAX),
            hasher: RandomState::default(),
            epoch: None,
        }
    }

    /// What is known about a request.
    #[must_use]
    pub fn seen(&self, key: &Key, authenticator: &Authenticator, now: Instant) -> Seen<'_> {
        let known = self
            .find(key, self.hash(key))
            .and_then(|number| self.entry(number));
        match known {
            Some(entry) if entry.authenticator == *authenticator && entry.expires_ns > self.ns(now) => {
                match entry.reply {
                    None => Seen::InProgress,
                    Some(place) => self.replies.get(place).map_or(Seen::New, Seen::Answered),
                }
            }
            _ => Seen::New,
        }
    }

    /// Remembers a new request that is being worked on, in place of an older one of the same key.
    pub fn begin(&mut self, key: Key, authenticator: &Authenticator, now: Instant) {
        self.epoch.get_or_insert(now);
        let now_ns = self.ns(now);
        for _ in 0..EXPIRED_AT_ONCE {
            let full = self.entries.len() >= self.bound;
            if !full
                && self
                    .entries
                    .front()
                    .is_none_or(|oldest| oldest.expires_ns > now_ns)
            {
                break;
            }
            self.forget_oldest();
        }
        let hash = self.hash(&key);
        let number = self.front.wrapping_add(self.entries.len() as u32) & index::NUMBER_MASK;
        let older = self.find_slot(&key, hash);
        self.entries.push_back(Entry {
            key,
            authenticator: *authenticator,
            hash,
            expires_ns: now_ns + DUPLICATE_WINDOW.as_nanos() as u64,
            reply: None,
        });
        match older {
            Some(slot) => self.index.replace(slot, number),
            None => self.index.insert(hash, number),
        }
    }

    /// Remembers the answer to a request that was begun; empty: none, on purpose.
    pub fn answer(&mut self, key: &Key, reply: &[u8]) {
        let Some(at) = self.place_of(key) else { return };
        self.make_room(reply.len());
        let place = self.replies.put(reply);
        let older = self.entries[at].reply.replace(place);
        self.reply_octets += reply.len();
        self.reply_octets -= older.map_or(0, |older| older.len());
    }

    /// As [`Self::answer`], for an answer that comes when newer requests may have begun: only to the request of this
    /// authenticator, and only while it waits for one.
    pub fn answer_later(&mut self, key: &Key, authenticator: &Authenticator, reply: &[u8]) {
        if self.waits(key, authenticator) {
            self.answer(key, reply);
        }
    }

    /// As [`Self::forget`], with the care of [`Self::answer_later`].
    pub fn forget_later(&mut self, key: &Key, authenticator: &Authenticator) {
        if self.waits(key, authenticator) {
            self.forget(key);
        }
    }

    /// Whether the newest request of a key is this one, and has no answer yet.
    fn waits(&self, key: &Key, authenticator: &Authenticator) -> bool {
        let newest = self
            .find(key, self.hash(key))
            .and_then(|number| self.entry(number));
        newest.is_some_and(|entry| entry.authenticator == *authenticator && entry.reply.is_none())
    }

    /// Forgets a request that was begun and came to nothing, so that its retransmission is new.
    pub fn forget(&mut self, key: &Key) {
        if let Some(slot) = self.find_slot(key, self.hash(key)) {
            self.index.remove(slot);
        }
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

    /// The hash of a request.
    fn hash(&self, key: &Key) -> u32 {
        // The index needs some bits of it only.
        self.hasher.hash_one(key) as u32
    }

    /// Nanoseconds since the epoch.
    fn ns(&self, now: Instant) -> u64 {
        let since = self.epoch.map(|epoch| now.saturating_duration_since(epoch));
        since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The entry of a number.
    fn entry(&self, number: Number) -> Option<&Entry> {
        self.entries.get(place(self.front, number))
    }

    /// The number of a request's newest entry.
    fn find(&self, key: &Key, hash: u32) -> Option<Number> {
        self.find_slot(key, hash).map(|slot| self.index.number(slot))
    }

    /// Where in the index a request stands.
    fn find_slot(&self, key: &Key, hash: u32) -> Option<usize> {
        self.index.find(hash, |number| {
            self.entry(number).is_some_and(|entry| entry.key == *key)
        })
    }

    /// Where among the entries a request's newest one is.
    fn place_of(&self, key: &Key) -> Option<usize> {
        let last = self.entries.len().checked_sub(1)?;
        if self.entries[last].key == *key && self.entries[last].reply.is_none() {
            return Some(last); // a login is answered before the next one begins; a forgotten one may be, nobody finds it
        }
        let number = self.find(key, self.hash(key))?;
        Some(place(self.front, number)).filter(|at| *at <= last)
    }

    /// Lets the oldest entry go.
    fn forget_oldest(&mut self) {
        let Some(oldest) = self.entries.front() else {
            return;
        };
        // The key may belong to a newer entry by now, or to none.
        if let Some(slot) = self.index.find(oldest.hash, |number| number == self.front) {
            self.index.remove(slot);
        }
        let oldest = self.entries.pop_front();
        let reply = oldest.and_then(|oldest| oldest.reply);
        self.reply_octets -= reply.map_or(0, |reply| reply.len());
        self.front = self.front.wrapping_add(1) & index::NUMBER_MASK;
    }

    /// Gives the answers more room when another one would overwrite one of those that count.
    fn make_room(&mut self, octets: usize) {
        if let Some(mut larger) = self.replies.larger_for(self.reply_octets + octets) {
            self.reply_octets = 0;
            for entry in &mut self.entries {
                let kept = entry.reply.and_then(|place| self.replies.get(place));
                if let Some(reply) = kept {
                    entry.reply = Some(larger.put(reply));
                    self.reply_octets += reply.len();
                } else if entry.reply.is_some() {
                    entry.reply = Some(Place::GONE);
                }
            }
            self.replies = larger;
        }
    }
}

/// The place of entry `number` when the first one is number `front`.
const fn place(front: Number, number: Number) -> usize {
    (number.wrapping_sub(front) & index::NUMBER_MASK) as usize
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
    fn an_answer_that_comes_late_goes_to_its_own_request_only() {
        let (mut duplicates, now) = (Duplicates::new(10), Instant::now());
        duplicates.begin(key(1, 7), &[1; 16], now);
        duplicates.begin(key(2, 7), &[5; 16], now);
        duplicates.answer_later(&key(1, 7), &[1; 16], b"late");
        assert_eq!(
            duplicates.seen(&key(1, 7), &[1; 16], now),
            Seen::Answered(b"late")
        );
        duplicates.begin(key(1, 7), &[2; 16], now);
        duplicates.answer_later(&key(1, 7), &[1; 16], b"too late");
        duplicates.forget_later(&key(1, 7), &[1; 16]);
        assert_eq!(duplicates.seen(&key(1, 7), &[2; 16], now), Seen::InProgress);
        duplicates.forget_later(&key(2, 7), &[5; 16]);
        assert_eq!(duplicates.seen(&key(2, 7), &[5; 16], now), Seen::New);
    }

    #[test]
    fn the_table_keeps_its_bound_and_shrinks_its_use_with_the_load() {
        let (mut duplicates, start) = (Duplicates::new(100), Instant::now());
        for port in 0..1_000 {
            duplicates.begin(key(port, 0), &[0; 16], start);
        }
        assert_eq!((duplicates.len(), duplicates.index.len()), (100, 100));
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

    #[test]
    fn answers_beyond_the_room_for_them_are_forgotten_and_never_mixed_up() {
        let (mut duplicates, now) = (Duplicates::new(DUPLICATES_MAX), Instant::now());
        let reply = |port: u16| vec![port as u8; 400];
        for port in 0..40_000 {
            duplicates.begin(key(port, 0), &[0; 16], now);
            duplicates.answer(&key(port, 0), &reply(port));
        }
        let answered = (0..40_000).filter(|port| match duplicates.seen(&key(*port, 0), &[0; 16], now) {
            Seen::Answered(known) => known == reply(*port),
            _ => false,
        });
        let answered: Vec<_> = answered.collect();
        assert_eq!(answered.last(), Some(&39_999));
        assert_eq!(answered.len(), REPLY_OCTETS_MAX / 400, "all that fit");
        assert!(answered.is_sorted_by(|one, next| one + 1 == *next));
    }

    #[test]
    fn a_full_table_takes_less_than_12_mib() {
        let entries = DUPLICATES_MAX * size_of::<Entry>();
        let index = DUPLICATES_MAX * 2 * size_of::<u64>();
        assert!(entries + index + REPLY_OCTETS_MAX < 12 * 1024 * 1024);
    }

    #[test]
    fn numbers_that_wrap_are_still_told_apart() {
        let (mut duplicates, now) = (Duplicates::new(10), Instant::now());
        duplicates.front = index::NUMBER_MASK - 3;
        for port in 0..10 {
            duplicates.begin(key(port, 0), &[0; 16], now);
            duplicates.answer(&key(port, 0), &[port as u8]);
        }
        for port in 0..10 {
            let known = duplicates.seen(&key(port, 0), &[0; 16], now);
            assert_eq!(known, Seen::Answered(&[port as u8]));
        }
        duplicates.begin(key(11, 0), &[0; 16], now);
        assert_eq!(duplicates.seen(&key(0, 0), &[0; 16], now), Seen::New);
    }
}
