//! Who was rejected again and again a moment ago: a CPE with a wrong password asks for ever, and somebody who guesses asks
//! fast. After so many rejects within a window, further attempts of that name from that station are answered from memory,
//! without a look at the credential, until a hold ends; the first that is rejected after it begins the next hold at once.
//! A change of the subscriber ends it, and so does one of the partner.
//!
//! The table is an array that never grows. A name has one bucket, found by a hash with a seed that is drawn anew in each
//! process, with room for four stations; a fifth takes the place of one that is not held, or is not remembered. So nobody
//! can push out another one's entry but by meeting it by chance. Nothing is locked: a bucket is read and written as single
//! words, and two workers that meet in one miscount by one at most.
//!
//! While nobody is held, a login pays one comparison.

use super::subscriber::Subscriber;
use crate::decision::RejectReason;
use crate::id::PartnerId;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Buckets of the table: 65,536 stations, 1 MiB, taken with the first reject that counts.
const BUCKETS: usize = 16_384;
/// Stations of a name that are remembered at a time.
const WAYS: usize = 4;
/// Of the attempts that are answered from memory one in so many is recorded.
pub(crate) const RECORDED_ONE_IN: u16 = 100;

/// When somebody is held off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectRules {
    /// After so many rejects; 0: never.
    pub rejects: u16,
    /// Within so many seconds.
    pub window_s: u32,
    /// For so many seconds.
    pub hold_s: u32,
}

impl RejectRules {
    /// Nobody is held off.
    pub const OFF: Self = Self {
        rejects: 0,
        window_s: 0,
        hold_s: 0,
    };
}

/// See the module's words.
pub struct RejectMemory {
    /// See [`RejectRules::rejects`].
    rejects: AtomicU16,
    /// See [`RejectRules::window_s`].
    window_s: AtomicU32,
    /// See [`RejectRules::hold_s`].
    hold_s: AtomicU32,
    /// The Unix second from which nobody is held.
    held_until_s: AtomicU32,
    /// The table.
    buckets: OnceLock<Box<[Bucket]>>,
    /// Finds a name's bucket.
    hasher: RandomState,
}

/// The stations of one name, in one line of the processor's cache.
#[derive(Default)]
#[repr(align(64))]
struct Bucket {
    /// In no order.
    ways: [Way; WAYS],
}

/// One name from one station.
#[derive(Default)]
struct Way {
    /// Whose: 32 bits of the name's hash, 32 of the station's; 0: nobody's.
    tag: AtomicU64,
    /// What happened, see [`State`].
    state: AtomicU64,
}

/// What happened, in one word: 32 bits of Unix seconds, 16 of count, 8 of reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// When the first reject of the window was, or when the hold began.
    since_s: u32,
    /// How many rejects there were; while he is held, also attempts that were answered from memory.
    count: u16,
    /// Why, as its place among all reasons.
    reason: u8,
}

/// Somebody, as he is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whom {
    /// His bucket.
    bucket: usize,
    /// Never 0.
    tag: u64,
}

/// Somebody who is held off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldOff {
    /// Why he was rejected last.
    pub(crate) reason: RejectReason,
    /// Attempts of his since the hold began, this one included.
    pub(crate) attempts: u16,
    /// Seconds for which he still is.
    pub(crate) left_s: u32,
}

impl Default for RejectMemory {
    fn default() -> Self {
        Self {
            rejects: AtomicU16::new(0),
            window_s: AtomicU32::new(0),
            hold_s: AtomicU32::new(0),
            held_until_s: AtomicU32::new(0),
            buckets: OnceLock::new(),
            hasher: RandomState::default(),
        }
    }
}

impl RejectMemory {
    /// Sets when somebody is held off; who is held stays so for the time it was said.
    pub fn set_rules(&self, rules: RejectRules) {
        self.rejects.store(rules.rejects, Ordering::Relaxed);
        self.window_s.store(rules.window_s, Ordering::Relaxed);
        self.hold_s.store(rules.hold_s, Ordering::Relaxed);
    }

    /// When somebody is held off.
    #[must_use]
    pub fn rules(&self) -> RejectRules {
        RejectRules {
            rejects: self.rejects.load(Ordering::Relaxed),
            window_s: self.window_s.load(Ordering::Relaxed),
            hold_s: self.hold_s.load(Ordering::Relaxed),
        }
    }

    /// Whether anybody is ever held off.
    pub(crate) fn is_on(&self) -> bool {
        self.rejects.load(Ordering::Relaxed) > 0
    }

    /// Whether anybody may be held now; for the packet path to ask first.
    pub(crate) fn any(&self, now_unix_s: i64) -> bool {
        seconds(now_unix_s) < self.held_until_s.load(Ordering::Relaxed)
    }

    /// Somebody: a name of a partner, from a station (empty: it was not said).
    pub(crate) fn whom(&self, partner: PartnerId, username: &str, station: &[u8]) -> Whom {
        let name = self.hasher.hash_one((partner.as_bytes(), username));
        let station = self.hasher.hash_one(station);
        Whom {
            bucket: name as usize % BUCKETS,
            tag: (name >> 32) << 32 | (station & u64::from(u32::MAX)).max(1),
        }
    }

    /// Whether he is held off now; one more attempt of his then.
    pub(crate) fn held(&self, whom: Whom, now_unix_s: i64) -> Option<HeldOff> {
        let rules = self.rules();
        let way = self.way_of(whom)?;
        let word = way.state.load(Ordering::Acquire);
        let state = State::of(word);
        let left_s = rules.hold_left_s(state, seconds(now_unix_s))?;
        // Another one may have taken the place in between.
        if way.tag.load(Ordering::Acquire) != whom.tag {
            return None;
        }
        let attempts = state.count.saturating_sub(rules.rejects).saturating_add(1);
        let more = State {
            count: state.count.saturating_add(1),
            ..state
        };
        // Whoever is first counts; the other one is not worth a second try.
        let _counted = way
            .state
            .compare_exchange(word, more.word(), Ordering::AcqRel, Ordering::Relaxed);
        Some(HeldOff {
            reason: RejectReason::ALL.get(usize::from(state.reason)).copied()?,
            attempts,
            left_s,
        })
    }

    /// Notes that he was rejected; true when he is held off from now on.
    pub(crate) fn note(&self, whom: Whom, reason: RejectReason, now_unix_s: i64) -> bool {
        let (rules, now_s) = (self.rules(), seconds(now_unix_s));
        if rules.rejects == 0 {
            return false;
        }
        let buckets = self
            .buckets
            .get_or_init(|| (0..BUCKETS).map(|_| Bucket::default()).collect());
        let bucket = &buckets[whom.bucket];
        let Some(way) = bucket
            .way_of(whom)
            .or_else(|| bucket.taken_by(whom, rules, now_s))
        else {
            return false; // four stations of this name are held off already
        };
        let word = way.state.load(Ordering::Acquire);
        let (after, begins) = State::of(word).rejected(rules, reason, now_s);
        let noted = way
            .state
            .compare_exchange(word, after.word(), Ordering::AcqRel, Ordering::Relaxed);
        let begins = begins && noted.is_ok();
        if begins {
            self.held_until_s
                .fetch_max(now_s.saturating_add(rules.hold_s), Ordering::Relaxed);
        }
        begins
    }

    /// Forgets a name from all stations, because what is known about it has changed.
    pub(super) fn forget(&self, partner: PartnerId, username: &str) {
        let Some(buckets) = self.buckets.get() else {
            return;
        };
        let whom = self.whom(partner, username, b"");
        for way in &buckets[whom.bucket].ways {
            if way.tag.load(Ordering::Acquire) >> 32 == whom.tag >> 32 {
                way.state.store(0, Ordering::Release);
            }
        }
    }

    /// The same for a subscriber.
    pub(super) fn forget_subscriber(&self, partner: PartnerId, subscriber: &Subscriber) {
        if self.buckets.get().is_some() {
            self.forget(partner, subscriber.username().as_ref());
        }
    }

    /// Forgets everybody.
    pub(super) fn clear(&self) {
        for way in self
            .buckets
            .get()
            .into_iter()
            .flatten()
            .flat_map(|bucket| &bucket.ways)
        {
            way.state.store(0, Ordering::Release);
        }
    }

    /// Where somebody is remembered.
    fn way_of(&self, whom: Whom) -> Option<&Way> {
        self.buckets.get()?[whom.bucket].way_of(whom)
    }
}

impl RejectRules {
    /// For how many seconds a state still holds somebody off; `None`: it does not.
    fn hold_left_s(self, state: State, now_s: u32) -> Option<u32> {
        let held = self.rejects > 0 && state.count >= self.rejects;
        // A clock that was set back ends it: better to look once too often.
        let passed = now_s.checked_sub(state.since_s).filter(|_| held)?;
        self.hold_s.checked_sub(passed).filter(|left| *left > 0)
    }
}

impl Bucket {
    /// Where somebody is remembered.
    fn way_of(&self, whom: Whom) -> Option<&Way> {
        self.ways
            .iter()
            .find(|way| way.tag.load(Ordering::Acquire) == whom.tag)
    }

    /// The place of the one whose time is longest ago, given to somebody else; `None` when all four are held off.
    fn taken_by(&self, whom: Whom, rules: RejectRules, now_s: u32) -> Option<&Way> {
        let state = |way: &Way| State::of(way.state.load(Ordering::Relaxed));
        let free = |way: &&Way| rules.hold_left_s(state(way), now_s).is_none();
        let way = self
            .ways
            .iter()
            .filter(free)
            .min_by_key(|way| state(way).since_s)?;
        // In this order: who finds the new tag must not find the old state.
        way.state.store(0, Ordering::Release);
        way.tag.store(whom.tag, Ordering::Release);
        Some(way)
    }
}

impl State {
    /// What a word says.
    const fn of(word: u64) -> Self {
        Self {
            since_s: (word >> 32) as u32,
            count: (word >> 16) as u16,
            reason: word as u8,
        }
    }

    /// As a word.
    const fn word(self) -> u64 {
        (self.since_s as u64) << 32 | (self.count as u64) << 16 | self.reason as u64
    }

    /// After one more reject, and whether a hold begins with it.
    fn rejected(self, rules: RejectRules, reason: RejectReason, now_s: u32) -> (Self, bool) {
        let reason = reason as u8;
        if rules.hold_left_s(self, now_s).is_some() {
            return (self, false); // two workers at once: the hold has begun
        }
        let passed = now_s.checked_sub(self.since_s);
        let was_held = self.count >= rules.rejects;
        // A hold that ended within the last window goes on at once; a window that ended begins anew.
        let lately = rules
            .window_s
            .saturating_add(if was_held { rules.hold_s } else { 0 });
        let goes_on = passed.is_some_and(|passed| passed < lately) && self.count > 0;
        let count = match (goes_on, was_held) {
            (true, true) => rules.rejects,
            (true, false) => self.count + 1,
            (false, _) => 1,
        };
        let begins = count >= rules.rejects;
        let since_s = if goes_on && !begins { self.since_s } else { now_s };
        let after = Self {
            since_s,
            count,
            reason,
        };
        (after, begins)
    }
}

/// Unix seconds in 32 bits, good until 2106.
fn seconds(unix_s: i64) -> u32 {
    u32::try_from(unix_s).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// Three rejects within a minute hold for half a minute.
    const RULES: RejectRules = RejectRules {
        rejects: 3,
        window_s: 60,
        hold_s: 30,
    };
    /// Some moment.
    const START: i64 = 1_700_000_000;

    /// A memory with the rules.
    fn memory() -> RejectMemory {
        let memory = RejectMemory::default();
        memory.set_rules(RULES);
        memory
    }

    /// A partner.
    fn partner(number: u128) -> PartnerId {
        Uuid::from_u128(number).into()
    }

    /// Rejects somebody so often, and says whether a hold began.
    fn reject(memory: &RejectMemory, whom: Whom, times: usize, at: i64) -> bool {
        (0..times).fold(false, |began, _| {
            memory.note(whom, RejectReason::WrongPassword, at) || began
        })
    }

    #[test]
    fn so_many_rejects_within_the_window_hold_him_off_for_a_while() {
        let memory = memory();
        let alice = memory.whom(partner(1), "alice", b"02-00");
        assert!(!reject(&memory, alice, 2, START));
        assert!(!memory.any(START) && memory.held(alice, START).is_none());
        assert!(reject(&memory, alice, 1, START + 10));
        assert!(memory.any(START + 39) && !memory.any(START + 40));
        let held = HeldOff {
            reason: RejectReason::WrongPassword,
            attempts: 1,
            left_s: 30,
        };
        assert_eq!(memory.held(alice, START + 10), Some(held));
        let held = HeldOff {
            attempts: 2,
            left_s: 1,
            ..held
        };
        assert_eq!(memory.held(alice, START + 39), Some(held));
        assert_eq!(memory.held(alice, START + 40), None);
    }

    #[test]
    fn the_first_reject_after_a_hold_begins_the_next_one_and_a_pause_forgives() {
        let memory = memory();
        let alice = memory.whom(partner(1), "alice", b"");
        reject(&memory, alice, 3, START);
        assert!(reject(&memory, alice, 1, START + 30));
        assert!(memory.held(alice, START + 59).is_some());
        assert!(
            !reject(&memory, alice, 2, START + 30 + 90),
            "a window after that hold"
        );
        let bob = memory.whom(partner(1), "bob", b"");
        reject(&memory, bob, 2, START);
        assert!(!reject(&memory, bob, 2, START + 60), "the window has ended");
    }

    #[test]
    fn another_station_name_or_partner_is_somebody_else() {
        let memory = memory();
        let alice = memory.whom(partner(1), "alice", b"02-00");
        reject(&memory, alice, 3, START);
        for (number, name, station) in [
            (1, "alice", &b"02-01"[..]),
            (1, "alicia", b"02-00"),
            (2, "alice", b"02-00"),
        ] {
            let other = memory.whom(partner(number), name, station);
            assert!(memory.held(other, START).is_none(), "{number} {name} {station:?}");
        }
        assert!(memory.held(alice, START).is_some());
    }

    #[test]
    fn a_change_forgets_him_from_every_station_and_nobody_else() {
        let memory = memory();
        let whom = |name, station| memory.whom(partner(1), name, station);
        for (name, station) in [("alice", &b"a"[..]), ("alice", b"b"), ("bob", b"a")] {
            reject(&memory, whom(name, station), 3, START);
        }
        memory.forget(partner(1), "alice");
        assert!(memory.held(whom("alice", b"a"), START).is_none());
        assert!(memory.held(whom("alice", b"b"), START).is_none());
        assert!(memory.held(whom("bob", b"a"), START).is_some());
        memory.clear();
        assert!(memory.held(whom("bob", b"a"), START).is_none());
    }

    #[test]
    fn who_is_held_off_is_not_pushed_out_by_other_stations() {
        let memory = memory();
        let station = |number: u32| memory.whom(partner(1), "alice", &number.to_be_bytes());
        reject(&memory, station(0), 3, START);
        for number in 1..10_000 {
            reject(&memory, station(number), 1, START + 1);
        }
        assert!(memory.held(station(0), START + 2).is_some());
        for number in 1..4 {
            reject(&memory, station(number), 3, START + 2);
        }
        assert!(
            !reject(&memory, station(5), 3, START + 3),
            "no room, so it is looked at each time"
        );
    }

    #[test]
    fn without_rules_nothing_is_remembered_and_no_memory_is_taken() {
        let memory = RejectMemory::default();
        let alice = memory.whom(partner(1), "alice", b"");
        assert!(!reject(&memory, alice, 1_000, START));
        assert!(memory.buckets.get().is_none());
        memory.forget(partner(1), "alice");
        memory.clear();
    }

    #[test]
    fn the_table_takes_a_mebibyte() {
        assert_eq!(BUCKETS * size_of::<Bucket>(), 1024 * 1024);
    }
}
