//! Subscribers found by something that each of them carries: a name, an id. The table holds the subscribers and nothing
//! beside them; what is looked for is hashed once and compared where it stands.
//!
//! Readers wait for a writer of their own shard only, and no longer than one insertion. Writers are kept in order by
//! whoever owns the index.

use super::subscriber::Subscriber;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use parking_lot::RwLock;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Shards of an index; the more, the less a reader meets a writer and the shorter a growing table holds him up.
pub(super) const SHARDS: usize = 64;

/// How a subscriber's key is read out of him.
pub(super) trait Key {
    /// The key.
    type Of: Hash + Eq + ?Sized;

    /// Reads it.
    fn of(subscriber: &Subscriber) -> &Self::Of;
}

/// By user name.
pub(super) struct ByUsername;

impl Key for ByUsername {
    type Of = [u8];

    fn of(subscriber: &Subscriber) -> &[u8] {
        subscriber.username_octets()
    }
}

/// By id.
pub(super) struct ById;

impl Key for ById {
    type Of = crate::id::SubscriberId;

    fn of(subscriber: &Subscriber) -> &Self::Of {
        &subscriber.id
    }
}

/// One lock and its part of the subscribers, on a cache line of its own: two workers that read two shards share nothing.
#[repr(align(64))]
#[derive(Default)]
struct Shard(RwLock<HashTable<Arc<Subscriber>>>);

/// See the module's words.
pub(super) struct Index<K: Key> {
    /// All of it.
    shards: Box<[Shard; SHARDS]>,
    /// The hash and its key, drawn when the index was made: nobody outside can choose names that collide.
    hasher: RandomState,
    /// What is looked for.
    key: std::marker::PhantomData<fn() -> K>,
}

impl<K: Key> Default for Index<K> {
    fn default() -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| Shard::default())),
            hasher: RandomState::default(),
            key: std::marker::PhantomData,
        }
    }
}

impl<K: Key> Index<K> {
    /// The subscriber with this key.
    pub(super) fn get(&self, key: &K::Of) -> Option<Arc<Subscriber>> {
        let hash = self.hasher.hash_one(key);
        let table = self.shard(hash).0.read();
        table.find(hash, |held| K::of(held) == key).map(Arc::clone)
    }

    /// Puts a subscriber in, and gives back the one that had this key before.
    pub(super) fn insert(&self, newer: Arc<Subscriber>) -> Option<Arc<Subscriber>> {
        let key = K::of(&newer);
        let hash = self.hasher.hash_one(key);
        let mut table = self.shard(hash).0.write();
        if let Some(held) = table.find_mut(hash, |held| K::of(held) == key) {
            return Some(std::mem::replace(held, newer));
        }
        table.insert_unique(hash, newer, |held| self.hasher.hash_one(K::of(held)));
        None
    }

    /// Takes the subscriber with this key out if it is one that is meant.
    pub(super) fn remove_if(
        &self,
        key: &K::Of,
        meant: impl Fn(&Subscriber) -> bool,
    ) -> Option<Arc<Subscriber>> {
        let hash = self.hasher.hash_one(key);
        let mut table = self.shard(hash).0.write();
        let found = table.find_entry(hash, |held| K::of(held) == key && meant(held));
        found.ok().map(|entry| entry.remove().0)
    }

    /// Makes room for so many more, so that no table grows while they come in.
    pub(super) fn reserve(&self, more: usize) {
        // Shards are never quite even; an eighth more is room for chance.
        let each = (more + more / 8).div_ceil(SHARDS);
        for shard in self.shards.iter() {
            shard
                .0
                .write()
                .reserve(each, |held| self.hasher.hash_one(K::of(held)));
        }
    }

    /// Those in one of [`SHARDS`] pieces, copied, so that no lock is held while they are looked at.
    pub(super) fn piece(&self, at: usize) -> Vec<Arc<Subscriber>> {
        let shard = self.shards.get(at);
        shard.map_or_else(Vec::new, |shard| shard.0.read().iter().map(Arc::clone).collect())
    }

    /// The shard of a hash. Bits in the middle: the table uses those at both ends.
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[(hash >> 40) as usize % SHARDS]
    }
}
