//! A partner and its subscribers. Every NAS holds its own partner, so a lookup made for a NAS cannot reach another's.

use super::name::Name;
use super::subscriber::{Subscriber, SubscriberSpec};
use crate::id::{PartnerId, SubscriberId};
use arc_swap::{ArcSwap, Guard};
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An ISP or MSP in the directory.
pub struct Partner {
    /// Which one.
    id: PartnerId,
    /// What people call it.
    name: ArcSwap<Name>,
    /// Whether its subscribers may log in at all.
    active: AtomicBool,
    /// What the packet path reads: user name to subscriber.
    by_username: DashMap<Name, Arc<Subscriber>>,
    /// What writers read, to find the name a subscriber had before. Locked for every change, so changes are in order.
    by_id: Mutex<HashMap<SubscriberId, Arc<Subscriber>>>,
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the subscribers: a NAS is printed with its partner, and they may be a million.
        f.debug_struct("Partner")
            .field("id", &self.id)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Partner {
    /// A partner without subscribers.
    pub(super) fn new(id: PartnerId, name: &str, active: bool) -> Self {
        Self {
            id,
            name: ArcSwap::from_pointee(Name::from(name)),
            active: AtomicBool::new(active),
            by_username: DashMap::new(),
            by_id: Mutex::new(HashMap::new()),
        }
    }

    /// Which one.
    #[must_use]
    pub fn id(&self) -> PartnerId {
        self.id
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::clone(&self.name.load())
    }

    /// The same for a moment, without counting a reference: for the packet path.
    pub(crate) fn name_borrowed(&self) -> Guard<Arc<Name>> {
        self.name.load()
    }

    /// Whether its subscribers may log in.
    #[must_use]
    pub fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Renames it, stops it or starts it again; its subscribers stay.
    pub(super) fn change(&self, name: &str, active: bool) {
        if self.name.load().as_str() != name {
            self.name.store(Arc::new(Name::from(name)));
        }
        self.active.store(active, Ordering::Relaxed);
    }

    /// The subscriber with exactly this user name.
    #[must_use]
    pub fn subscriber(&self, username: &str) -> Option<Arc<Subscriber>> {
        self.by_username.get(username).map(|found| Arc::clone(&found))
    }

    /// The subscriber with this id.
    #[must_use]
    pub fn subscriber_by_id(&self, id: SubscriberId) -> Option<Arc<Subscriber>> {
        self.by_id.lock().get(&id).map(Arc::clone)
    }

    /// How many subscribers it has.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.by_id.lock().len()
    }

    /// Adds a subscriber or takes a newer one in place of the old; the new name works before the old one stops.
    pub(super) fn subscriber_put(&self, spec: SubscriberSpec) {
        let newer = Arc::new(spec);
        let mut by_id = self.by_id.lock();
        self.by_username
            .insert(newer.username.clone(), Arc::clone(&newer));
        if let Some(older) = by_id.insert(newer.id, Arc::clone(&newer))
            && older.username != newer.username
        {
            self.username_release(&older);
        }
    }

    /// Takes a subscriber out; one that is not there is not an error.
    pub(super) fn subscriber_remove(&self, id: SubscriberId) {
        let mut by_id = self.by_id.lock();
        if let Some(older) = by_id.remove(&id) {
            self.username_release(&older);
        }
    }

    /// Frees a user name, unless it belongs to another subscriber by now.
    fn username_release(&self, older: &Subscriber) {
        let username = older.username.as_str();
        self.by_username
            .remove_if(username, |_, held| held.id == older.id);
    }
}
