//! Identifiers towards one address: one octet a socket, so several sockets (RFC 2865 section 2.5). They are used in turn, so
//! that one that was let go comes into use again as late as can be: a late answer then meets nobody.

use std::collections::BTreeMap;

/// Requests one socket can tell apart.
const PER_LANE: u16 = 256;

/// Which socket and which Identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u16);

impl Slot {
    /// The slot of a datagram that came into this socket.
    pub(super) fn of(lane: u8, identifier: u8) -> Self {
        Self(u16::from(lane) * PER_LANE + u16::from(identifier))
    }

    /// Which socket.
    pub(super) fn lane(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// Which Identifier.
    pub(super) fn identifier(self) -> u8 {
        self.0.to_be_bytes()[1]
    }
}

/// Who holds which slot.
#[derive(Debug)]
pub(super) struct Slots<Holder> {
    /// Those that are held.
    held: BTreeMap<Slot, Holder>,
    /// Where the search begins.
    next: u16,
    /// How many there are.
    count: u16,
    /// How many the search goes around in before it looks at the next as many: all of them, or those of one lane.
    around: u16,
}

impl<Holder: Copy> Slots<Holder> {
    /// All free, over so many sockets.
    pub(super) fn new(lanes: u8, first: u16) -> Self {
        let count = u16::from(lanes.max(1)) * PER_LANE;
        Self {
            held: BTreeMap::new(),
            next: first % count,
            count,
            around: count,
        }
    }

    /// The same, using a further lane only when those before it are full.
    pub(super) fn packed(lanes: u8, first: u16) -> Self {
        let mut slots = Self::new(lanes, first);
        slots.around = PER_LANE;
        slots
    }

    /// Takes a free one.
    pub(super) fn take(&mut self, holder: Holder) -> Option<Slot> {
        let around = self.around;
        let free = (0..self.count)
            .map(|step| Slot(step / around * around + (self.next + step) % around))
            .find(|slot| !self.held.contains_key(slot))?;
        self.next = (free.0 + 1) % self.count;
        self.held.insert(free, holder);
        Some(free)
    }

    /// Says who holds one that was taken.
    pub(super) fn set(&mut self, slot: Slot, holder: Holder) {
        if let Some(held) = self.held.get_mut(&slot) {
            *held = holder;
        }
    }

    /// Who holds one.
    pub(super) fn holder(&self, slot: Slot) -> Option<Holder> {
        self.held.get(&slot).copied()
    }

    /// Lets one go.
    pub(super) fn free(&mut self, slot: Slot) {
        self.held.remove(&slot);
    }

    /// Whether nobody holds any.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_in_turn_and_none_twice() {
        let mut slots = Slots::new(2, 500);
        let all: Vec<_> = std::iter::from_fn(|| slots.take(())).collect();
        assert_eq!(all.len(), 512);
        assert_eq!((all[0].lane(), all[0].identifier()), (1, 244));
        slots.free(all[3]);
        slots.free(all[1]);
        assert_eq!(slots.take(()), Some(all[1]), "the next in turn");
        assert_eq!(Slot::of(all[7].lane(), all[7].identifier()), all[7]);
    }

    #[test]
    fn packed_slots_use_a_lane_up_before_the_next_and_its_identifiers_in_turn() {
        let mut slots = Slots::packed(2, 200);
        let all: Vec<_> = std::iter::from_fn(|| slots.take(())).collect();
        assert_eq!(all.len(), 512);
        assert!(all[..256].iter().all(|slot| slot.lane() == 0));
        assert!(all[256..].iter().all(|slot| slot.lane() == 1));
        slots.free(all[300]);
        slots.free(all[9]);
        slots.free(all[11]);
        let again = [slots.take(()), slots.take(()), slots.take(())];
        assert_eq!(again, [Some(all[9]), Some(all[11]), Some(all[300])]);
    }
}
