//! EAP conversations that wait for their second half, by the State we gave out. Shared by all workers, because a NAS may
//! send the answer from another port. Bounded in number and in time; each is used once.

use crate::id::{NasId, SubscriberId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the peer may take to answer.
pub const CONVERSATION_WAIT: Duration = Duration::from_secs(30);
/// Conversations that may be open at a time; beyond it the oldest is dropped and its peer begins anew.
pub const CONVERSATIONS_MAX: usize = 65_536;

/// What State holds: unguessable octets, nothing else.
pub(crate) type State = [u8; 16];

/// A challenge that was sent and not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// The NAS it goes through.
    pub(super) nas: NasId,
    /// Who says he is there.
    pub(super) subscriber: SubscriberId,
    /// EAP Identifier of the challenge; the answer repeats it.
    pub(super) identifier: u8,
    /// The challenge.
    pub(super) challenge: [u8; 16],
}

/// See the module's words.
pub struct Conversations {
    /// The open ones.
    table: Mutex<Table>,
    /// How many there may be.
    bound: usize,
}

/// What the lock protects.
#[derive(Default)]
struct Table {
    /// The open ones.
    open: HashMap<State, Conversation>,
    /// Their states and ends, in the order in which they began; those that were answered are still in here.
    order: VecDeque<(State, Instant)>,
}

impl Default for Conversations {
    fn default() -> Self {
        Self::with_bound(CONVERSATIONS_MAX)
    }
}

impl Conversations {
    /// An empty table for up to `bound` conversations (at least one).
    #[must_use]
    pub fn with_bound(bound: usize) -> Self {
        Self {
            table: Mutex::default(),
            bound: bound.max(1),
        }
    }

    /// How many are open, those included that time out at the next one's beginning.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.lock().open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps a conversation, after letting go of those that waited too long.
    pub(super) fn begin(&self, state: State, conversation: Conversation, now: Instant) {
        let mut table = self.table.lock();
        // The order holds answered ones too, so it is what is bounded; each insertion pays for what it lets go.
        while let Some((oldest, ends)) = table.order.front().copied()
            && (ends <= now || table.order.len() >= self.bound)
        {
            table.order.pop_front();
            table.open.remove(&oldest);
        }
        table.order.push_back((state, now + CONVERSATION_WAIT));
        table.open.insert(state, conversation);
    }

    /// Takes the conversation out that a State names; one that waited too long is none.
    pub(super) fn take(&self, state: &[u8], now: Instant) -> Option<Conversation> {
        let state = State::try_from(state).ok()?;
        let mut table = self.table.lock();
        // The order is by end, so everything that has ended stands at its front.
        while let Some((oldest, ends)) = table.order.front().copied()
            && ends <= now
        {
            table.order.pop_front();
            table.open.remove(&oldest);
        }
        table.open.remove(&state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conversation.
    fn conversation() -> Conversation {
        Conversation {
            nas: NasId::from_bytes([1; 16]),
            subscriber: SubscriberId::from_bytes([2; 16]),
            identifier: 3,
            challenge: [4; 16],
        }
    }

    #[test]
    fn a_conversation_is_used_once() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        conversations.begin([1; 16], conversation(), now);
        assert_eq!(conversations.take(&[1; 16], now), Some(conversation()));
        assert_eq!(conversations.take(&[1; 16], now), None);
    }

    #[test]
    fn it_ends_after_its_wait() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        conversations.begin([1; 16], conversation(), now);
        conversations.begin([2; 16], conversation(), now + Duration::from_secs(1));
        assert_eq!(conversations.take(&[1; 16], now + CONVERSATION_WAIT), None);
        assert_eq!(
            conversations.take(&[2; 16], now + CONVERSATION_WAIT),
            Some(conversation())
        );
    }

    #[test]
    fn the_table_keeps_its_bound() {
        let (conversations, now) = (Conversations::with_bound(10), Instant::now());
        for n in 0..100 {
            conversations.begin([n; 16], conversation(), now);
        }
        assert_eq!(conversations.len(), 10);
        assert!(conversations.take(&[99; 16], now).is_some());
        assert!(conversations.take(&[0; 16], now).is_none());
    }

    #[test]
    fn a_state_of_another_length_is_none_of_ours() {
        assert_eq!(Conversations::default().take(&[1; 15], Instant::now()), None);
    }
}
