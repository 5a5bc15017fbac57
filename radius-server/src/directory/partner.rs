//! A partner and its subscribers. Every NAS holds its own partner, so a lookup made for a NAS cannot reach another's.

use super::credential::{CredentialCounts, CredentialKind};
use super::index::{ById, ByUsername, Index, SHARDS};
use super::mark::{Mark, MarkKind, Marks};
use super::name::Name;
use super::quota::UsedUp;
use super::realm::{Realms, RealmsSpec};
use super::rejected::RejectMemory;
use super::subscriber::Subscriber;
use crate::admission::{Gate, SubscriberRules};
use crate::authorization::defaults::Defaults;
use crate::authorization::garden::Garden;
use crate::id::{NasId, PartnerId, SubscriberId};
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Octets of a user name that is looked for without regard to case: what an attribute holds.
const USERNAME_OCTETS_MAX: usize = 253;

/// An ISP or MSP in the directory.
pub struct Partner {
    /// Which one.
    id: PartnerId,
    /// What people call it.
    name: ArcSwap<Name>,
    /// Whether its subscribers may log in at all.
    active: AtomicBool,
    /// What the packet path reads.
    by_username: Index<ByUsername>,
    /// What writers read, to find the name a subscriber had before.
    by_id: Index<ById>,
    /// What else subscribers are recognised by.
    marks: Marks,
    /// Whether the case of a user name does not count.
    fold_case: AtomicBool,
    /// Locked for every change, so that changes are in order.
    writer: Mutex<()>,
    /// How many subscribers there are.
    count: AtomicUsize,
    /// What is stored of them.
    credentials: CredentialCounts,
    /// Who was rejected again and again, of all partners.
    rejects: Arc<RejectMemory>,
    /// Who is in, of all partners.
    gate: Arc<Gate>,
    /// Rules about single subscribers; read only for those who have some.
    rules: RwLock<HashMap<SubscriberId, Arc<SubscriberRules>>>,
    /// Who used up his quota; read only for those who did.
    used_up: RwLock<HashMap<SubscriberId, UsedUp>>,
    /// Whether it has realms or home servers at all; most have none, and pay one load for it.
    realms_known: AtomicBool,
    /// Its realms and home servers.
    realms: ArcSwap<Realms>,
    /// Where those without service are let in; read only when somebody would be turned away.
    garden: ArcSwapOption<Garden>,
    /// Whether it or its NAS have defaults; most have none, and pay one load for it.
    defaults_known: AtomicBool,
    /// What is given when neither a subscriber nor his plan says otherwise.
    defaults: ArcSwapOption<Defaults>,
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
    pub(super) fn new(
        id: PartnerId,
        name: &str,
        active: bool,
        rejects: Arc<RejectMemory>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            id,
            name: ArcSwap::from_pointee(Name::from(name)),
            active: AtomicBool::new(active),
            by_username: Index::default(),
            by_id: Index::default(),
            marks: Marks::default(),
            fold_case: AtomicBool::new(false),
            writer: Mutex::new(()),
            count: AtomicUsize::new(0),
            credentials: CredentialCounts::default(),
            rejects,
            gate,
            rules: RwLock::default(),
            used_up: RwLock::default(),
            realms_known: AtomicBool::new(false),
            realms: ArcSwap::default(),
            garden: ArcSwapOption::empty(),
            defaults_known: AtomicBool::new(false),
            defaults: ArcSwapOption::empty(),
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

    /// Its realms and home servers; `None` when it has none.
    #[must_use]
    pub fn realms(&self) -> Option<Arc<Realms>> {
        self.realms_known
            .load(Ordering::Acquire)
            .then(|| self.realms.load_full())
    }

    /// Where those without service are let in, if anywhere.
    #[must_use]
    pub fn garden(&self) -> Option<Arc<Garden>> {
        self.garden.load_full()
    }

    /// What is given when neither a subscriber nor his plan says otherwise; `None`: nothing.
    #[must_use]
    pub fn defaults(&self) -> Option<Arc<Defaults>> {
        self.defaults_known
            .load(Ordering::Acquire)
            .then(|| self.defaults.load_full())
            .flatten()
    }

    /// Replaces its defaults and those of its NAS.
    pub(super) fn defaults_put(&self, defaults: Defaults) {
        let known = !defaults.is_empty();
        if self
            .defaults
            .load()
            .as_deref()
            .is_none_or(|held| *held != defaults)
        {
            self.defaults.store(known.then(|| Arc::new(defaults)));
        }
        self.defaults_known.store(known, Ordering::Release);
    }

    /// Opens, changes or closes its garden.
    pub(super) fn garden_put(&self, garden: Option<Garden>) {
        let held = self.garden.load();
        if held.as_deref() != garden.as_ref() {
            self.garden.store(garden.map(Arc::new));
            // Whoever was turned away may be let in now, and the other way round.
            self.rejects.clear();
        }
    }

    /// Replaces its realms and home servers; what home servers did stays.
    pub(super) fn realms_put(&self, spec: RealmsSpec) {
        let _in_order = self.writer.lock();
        let realms = Realms::new(self.id, spec, Some(&self.realms.load()));
        let known = !realms.is_empty();
        self.realms.store(Arc::new(realms));
        self.realms_known.store(known, Ordering::Release);
    }

    /// Renames it, stops it or starts it again; its subscribers stay.
    pub(super) fn change(&self, name: &str, active: bool) {
        if self.name.load().as_str() != name {
            self.name.store(Arc::new(Name::from(name)));
        }
        if self.active.swap(active, Ordering::Relaxed) != active {
            self.rejects.clear();
        }
    }

    /// The subscriber with this user name: exactly this one, or else, if the partner wants it so, one that differs from it
    /// in the case of Latin letters only.
    #[must_use]
    pub fn subscriber(&self, username: &str) -> Option<Arc<Subscriber>> {
        let exact = self.by_username.get(username.as_bytes());
        if exact.is_none() && self.folds_case() {
            return self.subscriber_folded(username);
        }
        exact
    }

    /// The subscriber whose user name is this one but for its case.
    fn subscriber_folded(&self, username: &str) -> Option<Arc<Subscriber>> {
        let mut room = [0; USERNAME_OCTETS_MAX];
        let small = room.get_mut(..username.len())?;
        small.copy_from_slice(username.as_bytes());
        small.make_ascii_lowercase();
        // A name stored in small letters is found by itself.
        self.by_username
            .get(small)
            .or_else(|| self.by_id.get(&self.marks.find_folded(username)?))
    }

    /// The subscriber who has this mark, on one NAS or on any.
    #[must_use]
    pub fn subscriber_marked(
        &self,
        kind: MarkKind,
        nas: Option<NasId>,
        value: &[u8],
    ) -> Option<Arc<Subscriber>> {
        self.by_id.get(&self.marks.find(kind, nas, value)?)
    }

    /// What a subscriber is recognised by beside his user name.
    #[must_use]
    pub fn marks_of(&self, id: SubscriberId) -> Box<[Mark]> {
        self.marks.of(id)
    }

    /// Who has any of these.
    #[must_use]
    pub fn marked(&self) -> Vec<SubscriberId> {
        self.marks.marked()
    }

    /// Whether the case of a user name does not count.
    #[must_use]
    pub fn folds_case(&self) -> bool {
        self.fold_case.load(Ordering::Relaxed)
    }

    /// The subscriber with this id.
    #[must_use]
    pub fn subscriber_by_id(&self, id: SubscriberId) -> Option<Arc<Subscriber>> {
        self.by_id.get(&id)
    }

    /// How many subscribers it has.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// What is stored of most of its subscribers.
    pub(crate) fn usual_credential(&self) -> CredentialKind {
        self.credentials.most()
    }

    /// All its subscribers, a piece at a time and in no order. Nothing is locked between two pieces: who is changed
    /// meanwhile may be seen as he was or as he is, and who is neither added nor removed is seen once.
    pub fn subscriber_pieces(&self) -> impl Iterator<Item = Vec<Arc<Subscriber>>> {
        (0..SHARDS).map(|at| self.by_id.piece(at))
    }

    /// Who was rejected again and again.
    pub(crate) fn rejects(&self) -> &RejectMemory {
        &self.rejects
    }

    /// Who is in.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Rules about one subscriber alone.
    #[must_use]
    pub fn rules_of(&self, subscriber: &Subscriber) -> Option<Arc<SubscriberRules>> {
        if !subscriber.is_ruled() {
            return None;
        }
        self.rules.read().get(&subscriber.id).map(Arc::clone)
    }

    /// Who has rules of his own.
    #[must_use]
    pub fn ruled(&self) -> Vec<SubscriberId> {
        self.rules.read().keys().copied().collect()
    }

    /// Gives a subscriber rules of his own, or none; he need not be here yet.
    pub(super) fn rules_put(&self, id: SubscriberId, rules: Option<SubscriberRules>) {
        let _in_order = self.writer.lock();
        let ruled = rules.is_some();
        match rules {
            Some(rules) => drop(self.rules.write().insert(id, Arc::new(rules))),
            None => drop(self.rules.write().remove(&id)),
        }
        if let Some(subscriber) = self.by_id.get(&id) {
            if ruled && !subscriber.is_guarded() {
                self.gate.recount_later();
            }
            subscriber.set_ruled(ruled);
        }
    }

    /// That a subscriber used up his quota, if he did.
    #[must_use]
    pub fn used_up(&self, subscriber: &Subscriber) -> Option<UsedUp> {
        if !subscriber.is_used_up() {
            return None;
        }
        self.used_up.read().get(&subscriber.id).copied()
    }

    /// Who used up his quota.
    #[must_use]
    pub fn all_used_up(&self) -> Vec<SubscriberId> {
        self.used_up.read().keys().copied().collect()
    }

    /// Says that a subscriber used up his quota, or that he has not; he need not be here yet.
    pub(super) fn used_up_put(&self, id: SubscriberId, used_up: Option<UsedUp>) {
        let _in_order = self.writer.lock();
        let held = match used_up {
            Some(used_up) => self.used_up.write().insert(id, used_up),
            None => self.used_up.write().remove(&id),
        };
        if held == used_up {
            return;
        }
        if let Some(subscriber) = self.by_id.get(&id) {
            subscriber.set_used_up(used_up.is_some());
            // He may be let in now, and the other way round.
            self.rejects.forget_subscriber(self.id, &subscriber);
        }
    }

    /// Makes room for so many more subscribers.
    pub(super) fn subscribers_reserve(&self, more: usize) {
        self.by_username.reserve(more);
        self.by_id.reserve(more);
    }

    /// Lets the case of user names count, or not.
    pub(super) fn fold_case(&self, fold: bool) {
        let _in_order = self.writer.lock();
        if self.folds_case() == fold {
            return;
        }
        if fold {
            for subscriber in self.subscriber_pieces().flatten() {
                self.marks.fold(&subscriber);
            }
        } else {
            self.marks.unfold_all();
        }
        self.fold_case.store(fold, Ordering::Relaxed);
    }

    /// Gives a subscriber these marks and no others; false when he is not here.
    pub(super) fn marks_put(&self, id: SubscriberId, marks: &[Mark]) -> bool {
        let _in_order = self.writer.lock();
        let here = self.by_id.get(&id).is_some();
        if here {
            self.marks.put(id, marks);
        }
        here
    }

    /// Adds a subscriber or takes a newer one in place of the old; the new name works before the old one stops.
    pub(super) fn subscriber_put(&self, newer: Arc<Subscriber>) {
        let _in_order = self.writer.lock();
        newer.set_ruled(self.rules.read().contains_key(&newer.id));
        newer.set_used_up(self.used_up.read().contains_key(&newer.id));
        self.by_username.insert(Arc::clone(&newer));
        self.rejects.forget_subscriber(self.id, &newer);
        let older = self.by_id.insert(Arc::clone(&newer));
        let kind = older.as_ref().and_then(|older| older.credential_kind());
        self.credentials.change(kind, newer.credential_kind());
        if newer.is_guarded() && !older.as_ref().is_some_and(|older| older.is_guarded()) {
            self.gate.recount_later();
        }
        match older {
            Some(older) if older.username_octets() != newer.username_octets() => {
                self.username_release(&older)
            }
            Some(_) => {}
            None => drop(self.count.fetch_add(1, Ordering::Relaxed)),
        }
        if self.folds_case() {
            self.marks.fold(&newer);
        }
    }

    /// Takes a subscriber out; one that is not there is not an error.
    pub(super) fn subscriber_remove(&self, id: SubscriberId) {
        let _in_order = self.writer.lock();
        if let Some(older) = self.by_id.remove_if(&id, |_| true) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.credentials.change(older.credential_kind(), None);
            self.rejects.forget_subscriber(self.id, &older);
            self.marks.put(id, &[]);
            self.rules.write().remove(&id);
            self.used_up.write().remove(&id);
            self.username_release(&older);
        }
    }

    /// Frees a user name, unless it belongs to another subscriber by now.
    fn username_release(&self, older: &Subscriber) {
        self.by_username
            .remove_if(older.username_octets(), |held| held.id == older.id);
        if self.folds_case() {
            self.marks.unfold(older);
        }
    }
}
