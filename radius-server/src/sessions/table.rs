//! All sessions, and what one accounting record does to them.
//! Readers never wait for more than one shard; the caller has made the record durable before. One session: `session`.

use super::attributes::Told;
use super::closed::{CLOSED_MAX, ClosedMemory};
use super::session::{CloseCause, Closed, Session, times};
use crate::class::Login;
use crate::id::{NasId, PartnerId, SessionId};
use crate::journal::AccountingRecord;
use dashmap::DashMap;
use dashmap::mapref::entry::{Entry, OccupiedEntry};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use radius::accounting::{Accounting, StatusType};
use radius::packet::View;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many sessions may be open at once.
pub const SESSIONS_MAX: usize = 4_000_000;

/// Who is online.
///
/// Locks are taken in one order: a session's shard of `open`, then `closed` or a shard of `by_nas` or `named`.
pub struct Sessions {
    /// The open ones.
    open: DashMap<SessionId, Arc<Session>, RandomState>,
    /// The open one of each name that a NAS gave, where its login is part of its id. The key is a hash of NAS and name;
    /// should two have the same, the later one counts and the session itself says that it is not the earlier.
    named: DashMap<u64, SessionId, RandomState>,
    /// The open ones of each NAS.
    by_nas: DashMap<NasId, HashSet<SessionId, RandomState>, RandomState>,
    /// The ones that ended a short while ago.
    closed: Mutex<ClosedMemory>,
    /// The last time each NAS said that it started or stops: a Start from before may arrive behind it. As many as there
    /// are NAS; taken only by a session that is new, with nothing else held but its shard of `open` and `closed`.
    restarted: DashMap<NasId, Closed, RandomState>,
    /// How many are open.
    count: AtomicUsize,
    /// How many may be open.
    max: usize,
    /// Hashes names; seeded anew in each process.
    hasher: RandomState,
}

/// What an accounting record did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// A session is open that was not.
    Opened(Arc<Session>),
    /// An open session is known better, or as well as before.
    Updated(Arc<Session>),
    /// A session ended with this record.
    Closed(Arc<Session>),
    /// The session had ended already; it stays so.
    Stale,
    /// The NAS started or stops: this many sessions ended with it.
    NasRestarted(usize),
    /// There are [`SESSIONS_MAX`] sessions; this one is not in the table, only in the journal.
    Full,
    /// The packet cannot be read.
    Unreadable,
    /// It reports no session: no Acct-Session-Id, or a status that is about something else.
    NotASession,
}

impl Applied {
    /// The session that the record is about, if it is open or has ended with it.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Opened(session) | Self::Updated(session) | Self::Closed(session) => Some(session),
            Self::Stale | Self::NasRestarted(_) | Self::Full | Self::Unreadable | Self::NotASession => None,
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_bounds(SESSIONS_MAX, CLOSED_MAX)
    }
}

impl Sessions {
    /// Nobody is online.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other bounds.
    pub(super) fn with_bounds(max: usize, closed_max: usize) -> Self {
        Self {
            open: DashMap::default(),
            named: DashMap::default(),
            by_nas: DashMap::default(),
            closed: Mutex::new(ClosedMemory::new(closed_max)),
            restarted: DashMap::default(),
            count: AtomicUsize::new(0),
            max,
            hasher: RandomState::default(),
        }
    }

    /// Takes in one accounting record, which must be durable already. Records may come in any order, and again.
    pub fn apply(&self, record: &AccountingRecord<'_>) -> Applied {
        let Ok(view) = View::parse(record.packet) else {
            return Applied::Unreadable;
        };
        let Some(accounting) = Accounting::read(&view) else {
            return Applied::NotASession;
        };
        if matches!(accounting.status, StatusType::On | StatusType::Off) {
            let (at_unix_s, heard_unix_s) = times(record, &accounting);
            let end = Closed {
                at_unix_s,
                heard_unix_s,
                cause: CloseCause::NasRestarted,
            };
            self.note_restart(record.nas, end);
            return Applied::NasRestarted(self.close_of_nas(record.nas, end));
        }
        Session::of_record(record, &view, &accounting).map_or(Applied::NotASession, |(reading, told)| {
            self.admit(reading, Some(&told))
        })
    }

    /// Takes in a session that was known before a restart, open or closed; what is known already is merged.
    pub fn restore(&self, session: Session) -> Applied {
        self.admit(session, None)
    }

    /// A session that is open, or ended a short while ago.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        let open = self.open.get(&id).map(|session| Arc::clone(&session));
        open.or_else(|| self.closed.lock().get(id).map(Arc::clone))
    }

    /// All open sessions, in no order.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        self.filtered(|_| true)
    }

    /// The open sessions of a partner, in no order; looks at all sessions.
    #[must_use]
    pub fn by_partner(&self, partner: PartnerId) -> Vec<Arc<Session>> {
        self.filtered(|session| session.partner == partner)
    }

    /// The open sessions of a user name of a partner, in no order; looks at all sessions.
    #[must_use]
    pub fn by_username(&self, partner: PartnerId, username: &str) -> Vec<Arc<Session>> {
        self.filtered(|session| session.partner == partner && session.username() == Some(username))
    }

    /// The open sessions of a NAS, in no order.
    #[must_use]
    pub fn by_nas(&self, nas: NasId) -> Vec<Arc<Session>> {
        let ids = self.ids_of_nas(nas);
        ids.iter()
            .filter_map(|id| self.open.get(id).map(|session| Arc::clone(&session)))
            .collect()
    }

    /// The login of the session that is open under this Acct-Session-Id, when a Class of ours named it.
    #[must_use]
    pub fn login_of(&self, nas: NasId, acct_session_id: &[u8]) -> Option<Login> {
        let id = *self.named.get(&self.name(nas, acct_session_id))?;
        let session = self.open.get(&id)?;
        let is_it = session.nas == nas && session.acct_session_id() == acct_session_id;
        session.login().filter(|_login| is_it)
    }

    /// Whether this session is open.
    #[must_use]
    pub fn is_open(&self, id: SessionId) -> bool {
        self.open.contains_key(&id)
    }

    /// How many sessions are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Brings one reading of a session together with what is known of it. What its packet told may stand beside the
    /// reading instead of in it: a session that goes on learns it in place.
    fn admit(&self, mut reading: Session, told: Option<&Told<'_>>) -> Applied {
        match self.open.entry(reading.id) {
            Entry::Occupied(mut known) => {
                let session = Arc::make_mut(known.get_mut());
                session.merge(&reading);
                if let Some(told) = told {
                    session.attributes.learn(told);
                }
                if known.get().is_open() {
                    return Applied::Updated(Arc::clone(known.get()));
                }
                let ended = Arc::clone(known.get());
                self.closed.lock().insert(Arc::clone(&ended));
                self.forget_open(&ended);
                known.remove();
                Applied::Closed(ended)
            }
            Entry::Vacant(free) => {
                if let Some(told) = told {
                    reading.attributes = told.to_attributes();
                }
                let mut closed = self.closed.lock();
                if let Some(known) = closed.get(reading.id)
                    && !known.is_revived_by(&reading)
                {
                    return self.learn_late(&mut closed, &reading);
                }
                // A restored session was open after all that the database knows of.
                if reading.is_open() && told.is_some() && closed.get(reading.id).is_none() {
                    reading.closed = self.ended_before(&reading);
                }
                if !reading.is_open() {
                    let ended = Arc::new(reading);
                    closed.insert(Arc::clone(&ended));
                    return Applied::Closed(ended);
                }
                if self.count() >= self.max {
                    return Applied::Full;
                }
                let opened = Arc::new(match closed.remove(reading.id) {
                    Some(known) => revived(&known, &reading),
                    None => reading,
                });
                drop(closed);
                self.by_nas.entry(opened.nas).or_default().insert(opened.id);
                if opened.login().is_some() {
                    self.named.insert(self.name_of(&opened), opened.id);
                }
                self.count.fetch_add(1, Ordering::Relaxed);
                free.insert(Arc::clone(&opened));
                Applied::Opened(opened)
            }
        }
    }

    /// Adds what a late record says to a session that has ended.
    fn learn_late(&self, closed: &mut ClosedMemory, reading: &Session) -> Applied {
        let Some(known) = closed.get_mut(reading.id) else {
            return Applied::Stale;
        };
        let was = known.closed.map(|end| end.cause);
        known.merge(reading);
        let is = known.closed.map(|end| end.cause);
        if was.is_some_and(CloseCause::is_inferred)
            && is != was
            && let Some(ended) = closed.get(reading.id).map(Arc::clone)
        {
            // The end was inferred; now the NAS itself says it, and it is remembered from now on.
            closed.insert(Arc::clone(&ended));
            return Applied::Closed(ended);
        }
        Applied::Stale
    }

    /// Ends every session of a NAS that was last heard of before the NAS said that it started or stops; returns how many.
    ///
    /// Our clock decides, not that of the NAS, which may be wrong after a reboot. An Accounting-On that arrives late,
    /// sent again with Acct-Delay-Time, leaves the sessions alone that began or went on meanwhile.
    fn close_of_nas(&self, nas: NasId, end: Closed) -> usize {
        let mut ended_count = 0;
        for id in self.ids_of_nas(nas) {
            let Entry::Occupied(known) = self.open.entry(id) else {
                continue;
            };
            if known.get().last_heard_unix_s > end.heard_unix_s {
                continue;
            }
            self.end(known, end);
            ended_count += 1;
        }
        ended_count
    }

    /// Notes that a NAS started or stops.
    fn note_restart(&self, nas: NasId, end: Closed) {
        let mut last = self.restarted.entry(nas).or_insert(end);
        if last.heard_unix_s < end.heard_unix_s {
            *last = end;
        }
    }

    /// The restart of its NAS that ended a session nobody had heard of yet, if there was one.
    fn ended_before(&self, reading: &Session) -> Option<Closed> {
        let last = *self.restarted.get(&reading.nas)?;
        (reading.last_heard_unix_s < last.heard_unix_s).then_some(last)
    }

    /// Ends a session of which nothing was heard after `heard_unix_s`; `false` when it was, or is not open.
    pub fn close_silent(&self, id: SessionId, at_unix_s: i64, heard_unix_s: i64) -> bool {
        let Entry::Occupied(known) = self.open.entry(id) else {
            return false;
        };
        if known.get().last_heard_unix_s > heard_unix_s {
            return false;
        }
        let cause = CloseCause::Silent;
        self.end(
            known,
            Closed {
                at_unix_s,
                heard_unix_s,
                cause,
            },
        );
        true
    }

    /// Ends an open session by inference.
    fn end(&self, mut known: OccupiedEntry<'_, SessionId, Arc<Session>>, end: Closed) {
        Arc::make_mut(known.get_mut()).closed = Some(end);
        let ended = known.remove();
        self.closed.lock().insert(Arc::clone(&ended));
        self.forget_open(&ended);
    }

    /// Takes a session that ended out of the index and the count.
    fn forget_open(&self, session: &Session) {
        if let Some(mut ids) = self.by_nas.get_mut(&session.nas) {
            ids.remove(&session.id);
        }
        self.by_nas.remove_if(&session.nas, |_, ids| ids.is_empty());
        self.named
            .remove_if(&self.name_of(session), |_, id| *id == session.id);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// The key of a session's name.
    fn name_of(&self, session: &Session) -> u64 {
        self.name(session.nas, session.acct_session_id())
    }

    /// The key of a name.
    fn name(&self, nas: NasId, acct_session_id: &[u8]) -> u64 {
        self.hasher.hash_one((nas, acct_session_id))
    }

    /// The ids of a NAS's open sessions, copied, so that no lock is held.
    fn ids_of_nas(&self, nas: NasId) -> Vec<SessionId> {
        self.by_nas
            .get(&nas)
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// The open sessions that a test picks.
    fn filtered(&self, wanted: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        self.open
            .iter()
            .filter(|session| wanted(session))
            .map(|session| Arc::clone(&session))
            .collect()
    }
}

/// A session that was thought to have ended with its NAS, and goes on.
///
/// After a Start it is another one that got the same Acct-Session-Id from a NAS that counts anew: nothing of the old
/// one's counters is its own.
fn revived(known: &Session, reading: &Session) -> Session {
    if reading.start_seen {
        return reading.clone();
    }
    let mut session = Session {
        closed: None,
        ..known.clone()
    };
    session.merge(reading);
    session
}
