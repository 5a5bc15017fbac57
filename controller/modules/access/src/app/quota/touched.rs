//! Whose usage or plan changed since somebody looked. Noted by the drain and by the rules; nobody's who has no quota.
//! Never lost by a crash for good: everybody is looked at once after a start.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use radius_server::Directory;
use uuid::Uuid;

/// Subscribers noted at most; beyond, everybody is looked at.
const TOUCHED_MAX: usize = 1_000_000;

/// Whose usage or plan changed.
pub struct Touched {
    /// Says who has a quota.
    directory: Arc<Directory>,
    /// Who.
    noted: Mutex<Noted>,
    /// Whether any plan has a quota: otherwise nobody need be noted.
    watching: AtomicBool,
}

impl std::fmt::Debug for Touched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Touched")
            .field("watching", &self.is_watching())
            .finish_non_exhaustive()
    }
}

/// Who is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// These.
    pub subscribers: HashSet<Uuid>,
    /// Everybody with one of these plans.
    pub plans: HashSet<Uuid>,
    /// Everybody.
    pub everybody: bool,
}

impl Touched {
    /// Nobody yet; who has a quota this directory says.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            noted: Mutex::default(),
            watching: AtomicBool::new(true),
        }
    }

    /// Whether anybody is to be noted for what he used.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// Says whether any plan has a quota.
    pub fn watch(&self, any: bool) {
        self.watching.store(any, Ordering::Relaxed);
    }

    /// Notes those of partners' subscribers whose plan has a quota.
    pub fn used(&self, subscribers: impl IntoIterator<Item = (Uuid, Uuid)>) {
        let with_quota = |(tenant, subscriber): &(Uuid, Uuid)| {
            let partner = self.directory.partner((*tenant).into());
            let held = partner.and_then(|partner| partner.subscriber_by_id((*subscriber).into()));
            held.is_some_and(|held| held.plan.at_quota().is_some())
        };
        let mut noted: Option<parking_lot::MutexGuard<'_, Noted>> = None;
        for (_, subscriber) in subscribers.into_iter().filter(with_quota) {
            noted
                .get_or_insert_with(|| self.noted.lock())
                .subscriber(subscriber);
        }
    }

    /// Notes one subscriber, whatever his plan is by now.
    pub fn subscriber(&self, subscriber: Uuid) {
        self.noted.lock().subscriber(subscriber);
    }

    /// Notes everybody who has a plan.
    pub fn plan(&self, plan: Uuid) {
        self.watch(true);
        self.noted.lock().plans.insert(plan);
    }

    /// Notes everybody.
    pub fn everybody(&self) {
        self.noted.lock().everybody = true;
    }

    /// Who was noted; nobody is any more.
    pub fn take(&self) -> Noted {
        std::mem::take(&mut *self.noted.lock())
    }

    /// Notes again whom nobody could look at.
    pub fn put_back(&self, taken: Noted) {
        let mut noted = self.noted.lock();
        noted.everybody |= taken.everybody;
        noted.plans.extend(taken.plans);
        for subscriber in taken.subscribers {
            noted.subscriber(subscriber);
        }
    }
}

impl Noted {
    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes one, or everybody when there are too many.
    fn subscriber(&mut self, subscriber: Uuid) {
        if self.subscribers.len() >= TOUCHED_MAX {
            self.subscribers = HashSet::new();
            self.everybody = true;
        }
        if !self.everybody {
            self.subscribers.insert(subscriber);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_noted_is_taken_once_and_may_be_put_back() {
        let touched = Touched::new(Arc::new(Directory::new()));
        let (alice, plan) = (Uuid::from_u128(1), Uuid::from_u128(2));
        touched.used([(plan, alice)]);
        assert!(
            touched.take().is_empty(),
            "the directory knows of no quota of his"
        );
        touched.subscriber(alice);
        touched.subscriber(alice);
        touched.plan(plan);
        let noted = touched.take();
        assert_eq!((noted.subscribers.len(), noted.plans.len()), (1, 1));
        assert!(touched.take().is_empty());
        touched.put_back(noted);
        assert!(touched.take().subscribers.contains(&alice));
    }

    #[test]
    fn everybody_is_not_everybody_one_by_one() {
        let touched = Touched::new(Arc::new(Directory::new()));
        touched.everybody();
        touched.subscriber(Uuid::from_u128(1));
        let noted = touched.take();
        assert!(noted.everybody && noted.subscribers.is_empty());
    }
}
