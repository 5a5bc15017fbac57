//! The last decisions of every user, in memory, so that a login can be explained at once and without any debug mode.
//! They are kept as the octets that also go to the journal; a full table of 200,000 users takes about 400 MB.

use super::Decision;
use crate::bounded::BoundedMap;
use crate::directory::Name;
use crate::id::PartnerId;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Decisions kept of each user.
pub const DECISIONS_PER_USER_MAX: usize = 8;
/// Users of whom decisions are kept, all partners together.
pub const USERS_MAX: usize = 200_000;
/// Independent parts of the table, each with a lock of its own.
const SHARDS: usize = 16;

/// A user name as one partner's NAS sent it.
type User = (PartnerId, Name);
/// Encoded decisions of one user, in the order in which they were recorded.
type Recent = VecDeque<Arc<[u8]>>;

/// See the module's words.
pub struct Decisions {
    /// Which shard a user is in.
    hasher: RandomState,
    /// The table.
    shards: Box<[Mutex<BoundedMap<User, Recent>>]>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self::with_bound(USERS_MAX)
    }
}

impl Decisions {
    /// An empty table for about `users_max` users.
    #[must_use]
    pub fn with_bound(users_max: usize) -> Self {
        let each = users_max.div_ceil(SHARDS);
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(BoundedMap::new(each))).collect(),
        }
    }

    /// The last decisions about a user name of a partner, newest first; subscriber or not.
    #[must_use]
    pub fn recent(&self, partner: PartnerId, username: &str) -> Vec<Arc<Decision>> {
        let user = (partner, Name::from(username));
        let encoded: Vec<_> = match self.shard(&user).lock().get(&user) {
            Some(recent) => recent.iter().map(Arc::clone).collect(),
            None => return Vec::new(),
        };
        // Our own octets of this very process decode; should one not, the others still explain.
        let decoded = encoded.iter().filter_map(|octets| Decision::decode(octets).ok());
        let mut recent: Vec<_> = decoded.map(Arc::new).collect();
        // A worker records after it has replied, so another one may have recorded the next request before it.
        recent.sort_by_key(|decision| Reverse((decision.at_unix_us, decision.id)));
        recent
    }

    /// How many users it knows something about.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Adds a user's newest decision, already encoded; the ninth pushes the first out.
    pub(super) fn add(&self, partner: PartnerId, username: &str, encoded: Arc<[u8]>) {
        let user = (partner, Name::from(username));
        let mut shard = self.shard(&user).lock();
        match shard.get_mut(&user) {
            Some(recent) => {
                if recent.len() >= DECISIONS_PER_USER_MAX {
                    recent.pop_front();
                }
                recent.push_back(encoded);
            }
            None => shard.insert(user, VecDeque::from([encoded])),
        }
    }

    /// The shard a user is in.
    fn shard(&self, user: &User) -> &Mutex<BoundedMap<User, Recent>> {
        let hash = self.hasher.hash_one(user);
        // The remainder is below SHARDS, a small number, on every platform.
        &self.shards[(hash % SHARDS as u64) as usize]
    }
}
