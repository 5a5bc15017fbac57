//! Sessions that ended a short while ago: a record that arrives late must find them closed, not open them again.
//! Bounded in number and in time, by the times in the records. Who asks: `table`.

use super::session::Session;
use crate::id::SessionId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many ended sessions are remembered.
pub(super) const CLOSED_MAX: usize = 262_144;

/// How long they are remembered, in seconds; longer than a NAS keeps sending a record again.
pub(super) const CLOSED_KEPT_S: i64 = 2 * 60 * 60;

/// The ended sessions.
pub(super) struct ClosedMemory {
    /// All of them.
    sessions: HashMap<SessionId, Arc<Session>>,
    /// In the order they ended for us: when that was, by our clock, and which.
    order: VecDeque<(i64, SessionId)>,
    /// How many are remembered at most.
    max: usize,
}

impl ClosedMemory {
    /// Remembers none yet, and never more than `max`.
    pub fn new(max: usize) -> Self {
        Self {
            sessions: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// One of them.
    pub fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.sessions.get(&id)
    }

    /// One of them, to learn more about.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id).map(Arc::make_mut)
    }

    /// Takes one out that turned out to go on.
    pub fn remove(&mut self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.remove(&id)
    }

    /// Remembers one, and forgets the oldest beyond the bounds.
    pub fn insert(&mut self, session: Arc<Session>) {
        let now = ended_at(&session);
        self.order.push_back((now, session.id));
        self.sessions.insert(session.id, session);
        while let Some(&(ended, id)) = self.order.front()
            && (self.order.len() > self.max || ended < now.saturating_sub(CLOSED_KEPT_S))
        {
            self.order.pop_front();
            // One that was opened again and ended again stands there twice; the later place counts.
            if self
                .sessions
                .get(&id)
                .is_some_and(|session| ended_at(session) <= ended)
            {
                self.sessions.remove(&id);
            }
        }
    }
}

/// When a session ended for us, by our clock.
fn ended_at(session: &Session) -> i64 {
    session
        .closed
        .map_or(session.heard_unix_s, |closed| closed.heard_unix_s)
}
