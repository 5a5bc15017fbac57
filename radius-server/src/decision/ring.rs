//! One worker's flight recorder: the decisions it made last, found again by user, and read by the scribe.
//!
//! A worker writes, the scribe and explainers read; one lock, held for a few records at a time and hardly ever met. Each
//! record is linked to the one before it of the same bucket of users, newest first.
//!
//! Somebody who tries again and again must not push everybody else out, and neither must somebody who tries names. So
//! the ring has two logs, and each only ever displaces its own: *quiet* keeps the first eight decisions in a row about a
//! subscriber, *noisy* what comes behind them until he pauses for five minutes, and names no subscriber has.

use super::format::DECISION_OCTETS_MAX;
use super::log::{Log, NOWHERE};
use parking_lot::Mutex;

/// Decisions shown of each user.
pub const DECISIONS_PER_USER_MAX: usize = 8;
/// Whoever is not heard of for so long begins a new row.
const PAUSE_S: u32 = 300;
/// The part of the memory that the noisy get: one in so many.
const NOISY_SHARE: usize = 4;
/// Octets of memory for each bucket of users: two or three decisions.
const OCTETS_PER_BUCKET: usize = 512;
/// Records looked at with the lock held.
const LOOKED_AT_LOCKED: usize = 32;
/// Records of one log looked at to find those of one user; a crowded bucket may hide older ones.
const LOOKED_AT_MAX: usize = 4_096;

/// Index of the newest record of a bucket in the quiet log, in the noisy one, and of its [`Row`]; the fourth is spare and
/// keeps a bucket within one line of the cache.
type Bucket = [u64; 4];
/// Place in a bucket: how often its user came in a row.
const ROW: usize = 2;
/// Both logs, by their place in a bucket and in [`State::logs`].
const LOGS: [usize; 2] = [QUIET, NOISY];
/// The log of those who come now and then.
const QUIET: usize = 0;
/// The log of those who come all the time, and of strangers.
const NOISY: usize = 1;

/// See the module's words.
pub(super) struct Ring(Mutex<State>);

/// What the lock guards.
struct State {
    /// The quiet and the noisy log.
    logs: [Log; 2],
    /// Buckets of users; a power of two.
    buckets: Box<[Bucket]>,
}

/// What is to be recorded about one user.
pub(super) struct Entry<'a> {
    /// Hash of the partner and the user name.
    pub(super) user: u64,
    /// When, in Unix seconds.
    pub(super) at_unix_s: u32,
    /// Whether it is about a subscriber.
    pub(super) subscriber: bool,
    /// The encoded decision.
    pub(super) octets: &'a [u8],
}

impl Ring {
    /// An empty ring of about so many octets.
    pub(super) fn new(octets: usize) -> Self {
        let noisy = octets / NOISY_SHARE;
        let log = |octets| Log::new(octets, DECISION_OCTETS_MAX);
        Self(Mutex::new(State {
            logs: [log(octets - noisy), log(noisy)],
            // Zeros from the system, which become resident as they are written.
            buckets: vec![[0; 4]; (octets / OCTETS_PER_BUCKET).next_power_of_two()].into_boxed_slice(),
        }))
    }

    /// Records some decisions; whether the scribe ought to hurry.
    pub(super) fn append<'a>(&self, entries: impl Iterator<Item = Entry<'a>>) -> bool {
        self.0.lock().append_all(entries)
    }

    /// The same, unless somebody reads just now; `None` then, and nothing is recorded.
    pub(super) fn try_append<'a>(&self, entries: impl Iterator<Item = Entry<'a>>) -> Option<bool> {
        Some(self.0.try_lock()?.append_all(entries))
    }

    /// Gives the scribe the next records of each log as long as `take` wants more; how many it was too late for, and
    /// whether there are others.
    pub(super) fn read(&self, mut take: impl FnMut(&[u8]) -> bool) -> (u64, bool) {
        let mut state = self.0.lock();
        let (mut lost, mut more) = (0, false);
        for log in &mut state.logs {
            lost += log.take_lost();
            more |= log.read(&mut take);
        }
        (lost, more)
    }

    /// Whether there is anything the scribe has not had, or not heard of the loss of.
    pub(super) fn has_unread(&self) -> bool {
        self.0.lock().logs.iter().any(Log::has_unread)
    }

    /// Copies the last records of a user, newest first within each log; another user of the same hash may be among them.
    pub(super) fn copy_recent(&self, user: u64, out: &mut Vec<Vec<u8>>) {
        for which in LOGS {
            let mut at = {
                let state = self.0.lock();
                state.buckets[state.bucket_of(user)][which]
            };
            let (mut looked_at, mut found) = (0, 0);
            while at != NOWHERE && looked_at < LOOKED_AT_MAX && found < DECISIONS_PER_USER_MAX {
                let state = self.0.lock();
                for _ in 0..LOOKED_AT_LOCKED {
                    let Some(record) = state.logs[which].get(at) else {
                        at = NOWHERE;
                        break;
                    };
                    if record.tag == tag(user) && found < DECISIONS_PER_USER_MAX {
                        out.push(record.payload.to_vec());
                        found += 1;
                    }
                    looked_at += 1;
                    at = record.older;
                }
            }
        }
    }

    /// How many records there are, and how many octets they take.
    pub(super) fn held(&self) -> (u64, u64) {
        let state = self.0.lock();
        state
            .logs
            .iter()
            .map(Log::held)
            .fold((0, 0), |sum, held| (sum.0 + held.0, sum.1 + held.1))
    }
}

impl State {
    /// Records some decisions; whether the scribe ought to hurry.
    fn append_all<'a>(&mut self, entries: impl Iterator<Item = Entry<'a>>) -> bool {
        for entry in entries {
            self.append(&entry);
        }
        self.logs.iter().any(Log::reader_is_late)
    }

    /// Records one decision.
    fn append(&mut self, entry: &Entry<'_>) {
        let bucket = self.bucket_of(entry.user);
        let bucket = &mut self.buckets[bucket];
        let row = Row::of_word(bucket[ROW]).next(tag(entry.user), entry.at_unix_s);
        bucket[ROW] = row.word();
        let quiet = entry.subscriber && usize::from(row.length) <= DECISIONS_PER_USER_MAX;
        let which = if quiet { QUIET } else { NOISY };
        // A ring has room for the longest decision, so it is never refused.
        if let Some(at) = self.logs[which].append(tag(entry.user), bucket[which], entry.octets) {
            bucket[which] = at;
        }
    }

    /// The bucket of a user.
    fn bucket_of(&self, user: u64) -> usize {
        // Below the number of buckets.
        (user & (self.buckets.len() as u64 - 1)) as usize
    }
}

/// What tells users of one bucket apart: the half of the hash that did not choose the bucket.
const fn tag(user: u64) -> u32 {
    (user >> 32) as u32
}

/// How often the last user of a bucket came in a row, in eight octets.
#[derive(Clone, Copy)]
struct Row {
    /// When he came last, in Unix seconds.
    last_s: u32,
    /// Who, cut to 24 bits.
    tag: u32,
    /// How often without a pause.
    length: u8,
}

impl Row {
    /// Reads it from a bucket.
    const fn of_word(word: u64) -> Self {
        Self {
            last_s: (word >> 32) as u32,
            tag: (word >> 8) as u32 & 0xff_ffff,
            length: word as u8,
        }
    }

    /// Writes it into a bucket.
    const fn word(self) -> u64 {
        (self.last_s as u64) << 32 | (self.tag as u64) << 8 | self.length as u64
    }

    /// The row after another decision about this user.
    const fn next(self, tag: u32, now_s: u32) -> Self {
        let tag = tag & 0xff_ffff;
        let goes_on = self.tag == tag && now_s.abs_diff(self.last_s) <= PAUSE_S;
        Self {
            last_s: now_s,
            tag,
            length: if goes_on { self.length.saturating_add(1) } else { 1 },
        }
    }
}
