//! All workers' rings: the last decisions, in memory, so that a login can be explained at once and without a debug mode.
//! What is not here any more is in the journal, and then in the database.

use super::bell::Bell;
use super::ring::{DECISIONS_PER_USER_MAX, Ring};
use super::{Decision, Recorder};
use crate::counters::Lane;
use crate::id::PartnerId;
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use std::cmp::Reverse;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// Octets of memory for the decisions of one worker unless configured otherwise: some 40,000 of them.
pub const DECISION_MEMORY_OCTETS: usize = 8 * 1024 * 1024;
/// The least that makes sense.
pub const DECISION_MEMORY_OCTETS_MIN: usize = 256 * 1024;
/// The most.
pub const DECISION_MEMORY_OCTETS_MAX: usize = 1024 * 1024 * 1024;
/// Octets copied out of a ring with its lock held.
const COPY_OCTETS: usize = 32 * 1024;

/// See the module's words.
pub struct Decisions {
    /// Octets of each ring.
    octets_each: usize,
    /// Turns a user into a number; seeded anew in each process, so that nobody can choose names that collide.
    hasher: RandomState,
    /// The rings handed out so far.
    rings: RwLock<Vec<Arc<Ring>>>,
    /// Wakes the scribe.
    bell: Bell,
}

/// How much is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Decisions.
    pub records: u64,
    /// Octets they take.
    pub octets: u64,
}

/// Encoded decisions on their way to the journal.
#[derive(Default)]
pub(crate) struct Batch {
    /// The octets, one after the other.
    octets: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// How many were overwritten before they could be read.
    pub(crate) lost: u64,
}

impl Default for Decisions {
    fn default() -> Self {
        Self::new(DECISION_MEMORY_OCTETS)
    }
}

impl Decisions {
    /// No ring yet; each will have about so many octets, [`DECISION_MEMORY_OCTETS_MIN`] to
    /// [`DECISION_MEMORY_OCTETS_MAX`].
    #[must_use]
    pub fn new(octets_each: usize) -> Self {
        Self {
            octets_each: octets_each.clamp(DECISION_MEMORY_OCTETS_MIN, DECISION_MEMORY_OCTETS_MAX),
            hasher: RandomState::default(),
            rings: RwLock::default(),
            bell: Bell::default(),
        }
    }

    /// A way in for one worker, with a ring of its own: a new one, or one whose worker has gone.
    #[must_use]
    pub fn recorder(self: &Arc<Self>, lane: Arc<Lane>) -> Recorder {
        let mut rings = self.rings.write();
        let left = rings
            .iter()
            .find(|ring| Arc::strong_count(ring) == 1)
            .map(Arc::clone);
        let ring = left.unwrap_or_else(|| {
            let ring = Arc::new(Ring::new(self.octets_each));
            rings.push(Arc::clone(&ring));
            ring
        });
        Recorder::new(Arc::clone(self), ring, lane)
    }

    /// The last decisions about a user name of a partner, newest first; subscriber or not.
    #[must_use]
    pub fn recent(&self, partner: PartnerId, username: &str) -> Vec<Arc<Decision>> {
        let user = self.user_hash(partner, username.as_bytes());
        let mut encoded = Vec::new();
        for ring in self.rings.read().iter() {
            ring.copy_recent(user, &mut encoded);
        }
        // Our own octets of this very process decode; should one not, the others still explain.
        let decoded = encoded.iter().filter_map(|octets| Decision::decode(octets).ok());
        let about_him =
            decoded.filter(|decision| decision.partner == partner && decision.username == username);
        let mut recent: Vec<_> = about_him.map(Arc::new).collect();
        recent.sort_by_key(|decision| Reverse((decision.at_unix_us, decision.id)));
        recent.truncate(DECISIONS_PER_USER_MAX);
        recent
    }

    /// How much is in memory, all workers together.
    #[must_use]
    pub fn held(&self) -> Held {
        self.rings
            .read()
            .iter()
            .map(|ring| ring.held())
            .fold(Held::default(), |sum, (records, octets)| Held {
                records: sum.records + records,
                octets: sum.octets + octets,
            })
    }

    /// Copies what the scribe has not had yet, up to about `octets_max`; whether there is more.
    pub(crate) fn read(&self, batch: &mut Batch, octets_max: usize) -> bool {
        let mut more = false;
        for ring in self.rings.read().iter() {
            loop {
                let until = octets_max.min(batch.octets.len() + COPY_OCTETS);
                if batch.octets.len() >= octets_max {
                    return true;
                }
                let (lost, left) = ring.read(|payload| {
                    batch.push(payload);
                    batch.octets.len() < until
                });
                batch.lost += lost;
                if !left {
                    break;
                }
            }
            more |= batch.octets.len() >= octets_max;
        }
        more
    }

    /// Waits until something is recorded; false when nothing is there and nobody will record any more.
    pub(crate) fn wait(&self) -> bool {
        self.bell
            .sleep_unless(|| self.has_unread() || self.bell.is_deserted());
        self.has_unread() || !self.bell.is_deserted()
    }

    /// Lets decisions gather for a while, unless they become many or nobody will record any more.
    pub(crate) fn gather(&self, wait: Duration) {
        if !self.bell.is_deserted() {
            self.bell.gather(wait);
        }
    }

    /// The hash of a user.
    pub(super) fn user_hash(&self, partner: PartnerId, username: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(partner.as_bytes());
        hasher.write(username);
        hasher.finish()
    }

    /// What wakes the scribe.
    pub(super) const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether there is anything the scribe has not had.
    fn has_unread(&self) -> bool {
        self.rings.read().iter().any(|ring| ring.has_unread())
    }
}

impl Batch {
    /// The encoded decisions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.octets.get(start..*end).unwrap_or_default())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Takes them out; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.ends.clear();
        self.lost = 0;
    }

    /// Adds one.
    fn push(&mut self, payload: &[u8]) {
        self.octets.extend_from_slice(payload);
        self.ends.push(self.octets.len());
    }
}
