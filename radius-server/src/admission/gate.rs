//! All accounts, and the one step in which a login is let in: where it may come from, what it is bound to, whether there is
//! a place, which addresses it gets. One lock an account's shard, held for that step.
//!
//! Locks are taken in one order: a shard of accounts, then the session table or one pool.

use super::account::{Account, Binding, Place};
use super::circumstances::Circumstances;
use super::given::Admitted;
use super::rules::{Bound, SubscriberRules};
use crate::addresses::{Pool, PoolKind};
use crate::class::Login;
use crate::clock::Now;
use crate::decision::{Finding, RejectReason};
use crate::directory::Subscriber;
use crate::id::{PartnerId, PoolId, SessionId, SubscriberId};
use crate::sessions::Sessions;
use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long an accepted login holds its place, and its addresses, without any record of its session. Longer than a NAS
/// takes to bring a session up and to have its Start answered after some retransmissions; a session whose Start is lost
/// altogether comes back into its place with its first interim record.
pub const PLACE_WAIT: Duration = Duration::from_secs(90);
/// Places of one account at most, those included that were lost to others and are being taken down.
pub const PLACES_MAX: usize = 4_096;
/// Errands that wait at most; what has no room is left again by the next sweep.
pub const ERRANDS_MAX: usize = 4_096;
/// How often places whose login never started, or whose session ended without a Stop of its own, are looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Locks over the accounts.
const SHARDS: usize = 64;

/// Something that others must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A session lost its place and is to be taken down.
    Disconnect {
        /// Whose.
        partner: PartnerId,
        /// Which.
        session: SessionId,
    },
    /// A subscriber is bound from now on, and that is to be written down.
    Bind {
        /// Whose.
        partner: PartnerId,
        /// Who.
        subscriber: SubscriberId,
        /// To what.
        bound: Bound,
    },
}

/// A login that asks to come in.
pub(crate) struct Entry<'e> {
    /// Whose subscriber.
    pub(crate) partner: PartnerId,
    /// Who.
    pub(crate) subscriber: &'e Subscriber,
    /// What is special about him.
    pub(crate) rules: Option<&'e SubscriberRules>,
    /// Where from.
    pub(crate) from: &'e Circumstances,
    /// Which login it will be.
    pub(crate) login: Login,
    /// The login of the open session that asks again.
    pub(crate) going_on: Option<Login>,
    /// Attributes of his own that name an address, so that no pool is asked.
    pub(crate) own_addresses: [bool; PoolKind::ALL.len()],
    /// When.
    pub(crate) now: Now,
    /// Whether it is only looked at: nothing changes then.
    pub(crate) only_look: bool,
}

/// Whom findings are told.
pub(crate) type Note<'n> = &'n mut dyn FnMut(Finding<'_>, bool);

/// The accounts of one lock.
pub(super) type Shard = Mutex<HashMap<SubscriberId, (PartnerId, Account), RandomState>>;

/// The pools of all partners.
pub(super) type Pools = HashMap<PoolId, (PartnerId, Arc<Pool>)>;

/// See the module's words.
pub struct Gate {
    /// All accounts.
    pub(super) shards: Box<[Shard]>,
    /// Finds a shard.
    pub(super) hasher: RandomState,
    /// Who is online.
    pub(super) sessions: OnceLock<Arc<Sessions>>,
    /// All pools; replaced as a whole.
    pub(super) pools: ArcSwap<Pools>,
    /// One change of the pools at a time.
    pub(super) pools_writer: Mutex<()>,
    /// What others must do.
    pub(super) errands: Mutex<VecDeque<Errand>>,
    /// Rules changed, so that sessions may count that did not before.
    pub(super) recount: AtomicBool,
    /// Logins that found no place.
    pub(super) full: AtomicU64,
    /// Places that were taken from somebody.
    pub(super) taken: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::default(),
            sessions: OnceLock::new(),
            pools: ArcSwap::default(),
            pools_writer: Mutex::default(),
            errands: Mutex::default(),
            recount: AtomicBool::new(false),
            full: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// Says who is online; the first one who says it counts.
    pub(crate) fn watch(&self, sessions: &Arc<Sessions>) {
        let _first = self.sessions.set(Arc::clone(sessions));
    }

    // -- a login

    /// Lets a login in, or says why not.
    pub(crate) fn enter(&self, entry: &Entry<'_>, note: Note<'_>) -> Result<Admitted, RejectReason> {
        let id = entry.subscriber.id;
        let mut shard = self.shard(id).lock();
        if entry.only_look {
            let mut account = shard
                .get(&id)
                .map(|(_, account)| account.clone())
                .unwrap_or_default();
            drop(shard);
            return self.decide(&mut account, entry, note);
        }
        let (_, account) = shard
            .entry(id)
            .or_insert_with(|| (entry.partner, Account::default()));
        let decided = self.decide(account, entry, note);
        if account.is_empty() {
            shard.remove(&id);
        }
        decided
    }

    /// The login of the session that is open on a NAS under this Acct-Session-Id.
    pub(crate) fn login_of(&self, nas: crate::id::NasId, acct_session_id: &[u8]) -> Option<Login> {
        self.sessions.get()?.login_of(nas, acct_session_id)
    }

    /// Gives a place back that no Access-Accept was written for.
    pub(crate) fn leave(&self, admitted: &Admitted, now: Now) {
        let mut shard = self.shard(admitted.subscriber).lock();
        if let Some((_, account)) = shard.get_mut(&admitted.subscriber) {
            account.settle(|place| {
                let his = place.login == admitted.login && place.session.is_none();
                if his {
                    self.free_all(place, now.monotonic);
                }
                his
            });
        }
    }

    // -- bindings

    /// What a subscriber is bound to, as the database has it. A binding that is not written down yet stays.
    pub fn bound_put(&self, partner: PartnerId, subscriber: SubscriberId, bound: Option<Bound>) {
        let mut shard = self.shard(subscriber).lock();
        let Some(to) = bound else {
            if let Some((_, account)) = shard.get_mut(&subscriber) {
                account.bound = account.bound.take().filter(|binding| !binding.saved);
                if account.is_empty() {
                    shard.remove(&subscriber);
                }
            }
            return;
        };
        let (_, account) = shard
            .entry(subscriber)
            .or_insert_with(|| (partner, Account::default()));
        account.bound = Some(Binding { to, saved: true });
    }

    /// Releases a subscriber: his next login binds him anew. What he was bound to.
    pub fn release(&self, subscriber: SubscriberId) -> Option<Bound> {
        let mut shard = self.shard(subscriber).lock();
        self.errands.lock().retain(
            |errand| !matches!(errand, Errand::Bind { subscriber: whose, .. } if *whose == subscriber),
        );
        let (_, account) = shard.get_mut(&subscriber)?;
        let bound = account.bound.take();
        if account.is_empty() {
            shard.remove(&subscriber);
        }
        bound.map(|binding| binding.to)
    }

    /// What a subscriber is bound to.
    #[must_use]
    pub fn bound(&self, subscriber: SubscriberId) -> Option<Bound> {
        let shard = self.shard(subscriber).lock();
        let (_, account) = shard.get(&subscriber)?;
        account.bound.as_ref().map(|binding| binding.to.clone())
    }

    /// How many places of a subscriber are sessions, and how many wait for one.
    #[must_use]
    pub fn places(&self, subscriber: SubscriberId) -> (usize, usize) {
        let shard = self.shard(subscriber).lock();
        let Some((_, account)) = shard.get(&subscriber) else {
            return (0, 0);
        };
        let open = account.counted().filter(|place| place.session.is_some()).count();
        (open, account.counted().count() - open)
    }

    // -- what others do

    /// Takes what others must do, oldest first.
    #[must_use]
    pub fn errands(&self) -> Vec<Errand> {
        self.errands.lock().drain(..).collect()
    }

    /// How often a login found no place, and how often a place was taken from somebody.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (
            self.full.load(Ordering::Relaxed),
            self.taken.load(Ordering::Relaxed),
        )
    }

    /// Leaves an errand, if there is room.
    pub(super) fn errand(&self, errand: Errand) -> bool {
        let mut errands = self.errands.lock();
        let room = errands.len() < ERRANDS_MAX;
        if room && !errands.contains(&errand) {
            errands.push_back(errand);
        }
        room
    }

    /// Has the session taken down of a place that was lost to another, once.
    pub(super) fn tell(&self, partner: PartnerId, place: &mut Place) {
        if let (true, false, Some(session)) = (place.evicted, place.told, place.session) {
            place.told = self.errand(Errand::Disconnect { partner, session });
        }
    }

    /// The lock over an account.
    pub(super) fn shard(&self, id: SubscriberId) -> &Shard {
        &self.shards[self.hasher.hash_one(id) as usize % SHARDS]
    }
}
