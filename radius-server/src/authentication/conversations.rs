//! EAP conversations that wait for their next half, by the State we gave out. Shared by all workers and by the pool, because
//! a NAS may send the answer from another port. Bounded in number and in time; each State is used once.
//!
//! Those inside TLS take some 40 KiB each, so they have a table and a bound of their own.

use super::eap::{EapServer, Question, Tunnel};
use crate::id::{NasId, SubscriberId};
use crate::later::Pool;
use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the peer may take to answer.
pub const CONVERSATION_WAIT: Duration = Duration::from_secs(30);
/// How long a conversation may take from its beginning.
pub const CONVERSATION_TIME_MAX: Duration = Duration::from_secs(60);
/// Rounds of one conversation; a long chain of certificates in small pieces takes half of them.
pub const CONVERSATION_ROUNDS_MAX: u16 = 64;
/// Conversations that may be open at a time; beyond it the oldest is dropped and its peer begins anew.
pub const CONVERSATIONS_MAX: usize = 65_536;
/// Conversations inside TLS that may be open at a time; beyond it the oldest is dropped.
pub const TUNNELS_MAX: usize = 4_096;

/// What State holds: unguessable octets, of which one bit says in which table.
pub(crate) type State = [u8; 16];
/// The bit of the first octet that says: inside TLS.
const IN_TUNNELS: u8 = 1;

/// A question that was sent and not answered yet.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// The NAS it goes through.
    pub(super) nas: NasId,
    /// Whom the outer identity names, if anybody.
    pub(super) outer: Option<SubscriberId>,
    /// EAP Identifier of the question; the answer repeats it.
    pub(super) identifier: u8,
    /// When it began.
    pub(super) began: Instant,
    /// How many questions were sent.
    pub(super) rounds: u16,
    /// Methods the peer refused, as bits.
    pub(super) refused: u8,
    /// What was asked.
    pub(super) stage: Stage,
}

/// What was asked last.
#[derive(Debug)]
pub(crate) enum Stage {
    /// A question about a password.
    Question(Question),
    /// Whether the peer would begin with TLS in this method.
    Offered(super::eap::EapMethod),
    /// To go on inside TLS.
    Tunnel(Box<Tunnel>),
}

/// See the module's words. It also knows what is offered at all, and who works on what takes long.
pub struct Conversations {
    /// The open ones.
    table: Mutex<Table>,
    /// Those inside TLS.
    tunnels: Mutex<Table>,
    /// What is offered.
    server: ArcSwap<EapServer>,
    /// Who works on TLS.
    pool: Arc<Pool>,
}

/// What a lock protects.
struct Table {
    /// The open ones.
    open: HashMap<State, Conversation>,
    /// Their states and ends, in the order in which they were asked; some that were answered are still in here.
    order: VecDeque<(State, Instant)>,
    /// How many there may be.
    bound: usize,
}

impl Default for Conversations {
    fn default() -> Self {
        Self::with_bound(CONVERSATIONS_MAX)
    }
}

impl Conversations {
    /// An empty table for up to `bound` conversations (at least one), without TLS and with a pool nobody works in.
    #[must_use]
    pub fn with_bound(bound: usize) -> Self {
        Self {
            table: Table::new(bound),
            tunnels: Table::new(bound.min(TUNNELS_MAX)),
            server: ArcSwap::default(),
            pool: Arc::default(),
        }
    }

    /// An empty table, what is offered, and who works on what takes long.
    pub(crate) fn new(server: EapServer, pool: Arc<Pool>) -> Self {
        Self {
            server: ArcSwap::from_pointee(server),
            pool,
            ..Self::default()
        }
    }

    /// Offers this from now on; who is in the middle of something goes on with what he began.
    pub(crate) fn offer(&self, server: EapServer) {
        self.server.store(Arc::new(server));
    }

    /// What is offered.
    pub(super) fn server(&self) -> Guard<Arc<EapServer>> {
        self.server.load()
    }

    /// Who works on what takes long.
    pub(super) const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// How many are open, those included that time out at the next one's beginning.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.lock().open.len() + self.tunnels.lock().open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps a conversation, after letting go of those that waited too long, and says under which State.
    pub(super) fn keep(&self, random: State, conversation: Conversation, now: Instant) -> State {
        let mut state = random;
        let in_tunnels = matches!(conversation.stage, Stage::Tunnel(_));
        state[0] = state[0] & !IN_TUNNELS | u8::from(in_tunnels);
        self.table_of(&state).lock().keep(state, conversation, now);
        state
    }

    /// Takes the conversation out that a State names; one that waited too long is none.
    pub(super) fn take(&self, state: &[u8], now: Instant) -> Option<Conversation> {
        let state = State::try_from(state).ok()?;
        let mut table = self.table_of(&state).lock();
        table.expire(now);
        table.open.remove(&state)
    }

    /// Whether a State names a conversation that is open; one that waited too long is none.
    pub(super) fn knows(&self, state: &[u8], now: Instant) -> bool {
        let Ok(state) = State::try_from(state) else {
            return false;
        };
        let mut table = self.table_of(&state).lock();
        table.expire(now);
        table.open.contains_key(&state)
    }

    /// The table that a State is in.
    const fn table_of(&self, state: &State) -> &Mutex<Table> {
        if state[0] & IN_TUNNELS == 0 {
            &self.table
        } else {
            &self.tunnels
        }
    }
}

impl Table {
    /// An empty one.
    fn new(bound: usize) -> Mutex<Self> {
        Mutex::new(Self {
            open: HashMap::new(),
            order: VecDeque::new(),
            bound: bound.max(1),
        })
    }

    /// Lets go of those that waited too long; the order is by end, so they stand at its front.
    fn expire(&mut self, now: Instant) {
        while let Some((oldest, ends)) = self.order.front().copied()
            && ends <= now
        {
            self.order.pop_front();
            self.open.remove(&oldest);
        }
    }

    /// Keeps one more, in place of the oldest when there are too many.
    fn keep(&mut self, state: State, conversation: Conversation, now: Instant) {
        self.expire(now);
        while self.open.len() >= self.bound
            && let Some((oldest, _)) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        // Those that were answered go before they outnumber those that are open; each pays for its own way out.
        if self.order.len() >= self.bound * 2 {
            let open = &self.open;
            self.order.retain(|(state, _)| open.contains_key(state));
        }
        self.order.push_back((state, now + CONVERSATION_WAIT));
        self.open.insert(state, conversation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conversation.
    fn conversation(now: Instant) -> Conversation {
        Conversation {
            nas: NasId::from_bytes([1; 16]),
            outer: None,
            identifier: 3,
            began: now,
            rounds: 1,
            refused: 0,
            stage: Stage::Question(Question::Md5([4; 16])),
        }
    }

    #[test]
    fn a_conversation_is_used_once() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        let state = conversations.keep([1; 16], conversation(now), now);
        assert!(conversations.knows(&state, now) && !conversations.knows(&[7; 16], now));
        assert!(
            conversations
                .take(&state, now)
                .is_some_and(|open| open.identifier == 3)
        );
        assert!(!conversations.knows(&state, now));
        assert!(conversations.take(&state, now).is_none());
    }

    #[test]
    fn it_ends_after_its_wait() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        let first = conversations.keep([2; 16], conversation(now), now);
        let second = conversations.keep([4; 16], conversation(now), now + Duration::from_secs(1));
        assert!(conversations.take(&first, now + CONVERSATION_WAIT).is_none());
        assert!(conversations.take(&second, now + CONVERSATION_WAIT).is_some());
    }

    #[test]
    fn the_table_keeps_its_bound() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        let states: Vec<_> = (0..100)
            .map(|n| conversations.keep([n * 2; 16], conversation(now), now))
            .collect();
        assert_eq!(conversations.len(), 10);
        assert!(conversations.take(&states[99], now).is_some());
        assert!(conversations.take(&states[0], now).is_none());
    }

    #[test]
    fn conversations_of_many_rounds_push_nobody_out() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        let quiet = conversations.keep([2; 16], conversation(now), now);
        for n in 0..200 {
            let state = conversations.keep([n | 2; 16], conversation(now), now);
            if state != quiet {
                assert!(conversations.take(&state, now).is_some());
            }
        }
        assert!(conversations.table.lock().order.len() <= 20);
    }

    #[test]
    fn a_state_of_another_length_is_none_of_ours() {
        assert!(Conversations::default().take(&[1; 15], Instant::now()).is_none());
    }
}
