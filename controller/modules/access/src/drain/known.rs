//! What the drain remembers of sessions it has carried: where the row is, and what has been said that stays.
//! Never decides anything about a row: forgetting all of it costs time, and nothing else.
//!
//! What the NAS said first stays, so a column that has been said once needs no second look; the database is told only
//! what is not known to have been said. Another node may say more in the meantime, never less.

use std::collections::HashMap;
use std::mem;

use time::OffsetDateTime;
use uuid::Uuid;

use super::ports::Block;
use crate::store::accounting::SessionRow;

/// Sessions remembered at most. At 37 octets and a hash table's slack that is 70 MiB when as many are online at one node;
/// 100,000 take 7.
const SESSIONS_MAX: usize = 1_048_576;

/// Blocks of ports remembered at most: 16 MiB. Full, all of them are forgotten, and asked for once more.
const PORTS_MAX: usize = 262_144;

/// What of a session has been said, one bit for each column that stays as it was said first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said(u16);

impl Said {
    /// What a row says.
    #[must_use]
    pub fn by(row: &SessionRow<'_>) -> Self {
        let said = [
            row.subscriber.is_some(),
            row.username.is_some(),
            row.nas_identifier.is_some(),
            row.nas_port.is_some(),
            row.nas_port_type.is_some(),
            row.authentic.is_some(),
            row.connect_info_start.is_some(),
            row.called_station.is_some(),
            row.calling_station.is_some(),
            row.service_type.is_some(),
            row.framed_protocol.is_some(),
            row.framed_interface_id.is_some(),
            row.class.is_some(),
            row.start_seen,
        ];
        Self(
            said.iter()
                .rev()
                .fold(0, |bits, said| bits << 1 | u16::from(*said)),
        )
    }

    /// Whether all that the other says has been said.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

/// What is remembered of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its settled start, half the place of its row.
    pub started: OffsetDateTime,
    /// What the row holds at least.
    pub said: Said,
}

/// The sessions: those met lately, and those met before. Full, the earlier ones are forgotten together.
#[derive(Debug)]
pub struct Known {
    /// Sessions remembered at most.
    sessions_max: usize,
    /// Met since the last change.
    lately: HashMap<Uuid, Session>,
    /// Met before it.
    before: HashMap<Uuid, Session>,
    /// Blocks of ports that the table has as a session's, still open, and since when.
    ports: HashMap<(Uuid, Block), OffsetDateTime>,
}

impl Default for Known {
    fn default() -> Self {
        Self::of(SESSIONS_MAX)
    }
}

impl Known {
    /// Room for so many sessions.
    #[must_use]
    pub fn of(sessions_max: usize) -> Self {
        Self {
            sessions_max,
            lately: HashMap::new(),
            before: HashMap::new(),
            ports: HashMap::new(),
        }
    }

    /// What is known of a session.
    pub fn find(&mut self, id: Uuid) -> Option<Session> {
        if let Some(session) = self.lately.get(&id) {
            return Some(*session);
        }
        let session = self.before.remove(&id)?;
        self.put(id, session);
        Some(session)
    }

    /// Notes that the table has this of a session, beside all it had.
    pub fn learn(&mut self, id: Uuid, started: OffsetDateTime, said: Said) {
        let before = self.find(id).map_or(Said::default(), |session| session.said);
        let said = Said(before.0 | said.0);
        self.put(id, Session { started, said });
    }

    /// Forgets one that is over; a late record of it is carried as a new one.
    pub fn forget(&mut self, id: Uuid) {
        self.lately.remove(&id);
        self.before.remove(&id);
    }

    /// Whether the table has this block as the session's since then or earlier, and it was not taken back.
    #[must_use]
    pub fn has_ports(&self, id: Uuid, block: Block, since: OffsetDateTime) -> bool {
        self.ports.get(&(id, block)).is_some_and(|known| *known <= since)
    }

    /// Notes that it has, or that it was taken back.
    pub fn learn_ports(&mut self, id: Uuid, block: Block, since: Option<OffsetDateTime>) {
        let Some(since) = since else {
            self.ports.remove(&(id, block));
            return;
        };
        if self.ports.len() >= PORTS_MAX {
            self.ports.clear();
        }
        let known = self.ports.entry((id, block)).or_insert(since);
        *known = since.min(*known);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::of(self.sessions_max);
    }

    /// Puts a session among the latest.
    fn put(&mut self, id: Uuid, session: Session) {
        let half = self.sessions_max / 2;
        if self.lately.len() >= half && !self.lately.contains_key(&id) {
            self.before = mem::take(&mut self.lately);
        }
        if half > 0 {
            self.lately.insert(id, session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_adds_up() {
        let (one, two) = (Said(0b01), Said(0b10));
        let mut known = Known::default();
        known.learn(Uuid::nil(), OffsetDateTime::UNIX_EPOCH, one);
        known.learn(Uuid::nil(), OffsetDateTime::UNIX_EPOCH, two);
        let said = known.find(Uuid::nil()).expect("known").said;
        assert!(said.covers(one) && said.covers(two) && !one.covers(two));
    }

    #[test]
    fn memory_is_bounded_and_who_is_met_again_stays() {
        let (mut known, half) = (Known::of(64), 32_u128);
        for number in 0..3 * half {
            known.learn(Uuid::from_u128(number), OffsetDateTime::UNIX_EPOCH, Said(1));
            assert!(known.find(Uuid::nil()).is_some());
        }
        assert!(known.lately.len() + known.before.len() <= 64);
        assert_eq!(known.find(Uuid::from_u128(1)), None);
    }
}
