//! Which server asked the question that an answer belongs to: what follows an Access-Challenge goes to the server that sent
//! it, for no other knows the conversation. Remembered by State, within a bound; the oldest is forgotten first.

use crate::id::{HomeServerId, RealmId};
use std::collections::{HashMap, VecDeque};

/// Conversations remembered.
pub(super) const AFFINITY_MAX: usize = 16_384;

/// A conversation: realm and State.
type Key = (RealmId, Box<[u8]>);

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Affinity {
    /// Who asked.
    servers: HashMap<Key, HomeServerId>,
    /// Oldest first.
    order: VecDeque<Key>,
}

impl Affinity {
    /// Remembers who sent this State.
    pub(super) fn remember(&mut self, realm: RealmId, state: &[u8], server: HomeServerId) {
        let key: Key = (realm, state.into());
        if self.servers.insert(key.clone(), server).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > AFFINITY_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.servers.remove(&oldest);
        }
    }

    /// Who sent this State.
    pub(super) fn server(&self, realm: RealmId, state: &[u8]) -> Option<HomeServerId> {
        self.servers.get(&(realm, state.into())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_oldest_conversation_is_forgotten_first() {
        let mut affinity = Affinity::default();
        let (realm, server) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        for n in 0..=AFFINITY_MAX {
            affinity.remember(realm, &n.to_be_bytes(), server);
        }
        assert_eq!(affinity.server(realm, &0_usize.to_be_bytes()), None);
        assert_eq!(affinity.server(realm, &1_usize.to_be_bytes()), Some(server));
        assert_eq!(affinity.order.len(), AFFINITY_MAX);
    }
}
