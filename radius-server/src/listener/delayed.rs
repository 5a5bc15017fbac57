//! Access-Rejects that wait before they are sent, so that who guesses passwords guesses slowly. They are sealed already: a
//! worker that has time sends those whose time has come, and no thread waits for one.
//!
//! All wait equally long from when their request came, however long the decision took: who asks must not see what was
//! compared. So they leave in the order they came. When there is no room a reject is sent at once.

use crate::duplicates::Key;
use radius::packet::Authenticator;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Rejects that wait in one line at a time; a worker has two.
const DELAYED_MAX: usize = 16_384;
/// Octets of them.
const DELAYED_OCTETS_MAX: usize = 2 * 1024 * 1024;

/// See the module's words.
pub(crate) struct Delayed<To = Destination> {
    /// How long each waits; zero: nobody waits.
    delay: Duration,
    /// Those that wait, in the order in which they will leave.
    entries: VecDeque<Entry<To>>,
    /// Their octets, one after the other.
    octets: VecDeque<u8>,
}

/// Which request a reject answers, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// To whom.
    pub(crate) to: SocketAddr,
    /// From which of our addresses, where that is not plain.
    pub(crate) from: Option<IpAddr>,
    /// The request among the duplicates.
    pub(crate) key: Key,
    /// And which of that key.
    pub(crate) authenticator: Authenticator,
}

/// One that waits.
struct Entry<To> {
    /// When it leaves.
    due: Instant,
    /// Where to.
    destination: To,
    /// Its length.
    len: usize,
}

impl<To> Delayed<To> {
    /// Nothing waits yet; each will wait so long.
    pub(crate) const fn new(delay: Duration) -> Self {
        Self {
            delay,
            entries: VecDeque::new(),
            octets: VecDeque::new(),
        }
    }

    /// Whether rejects wait at all.
    pub(crate) const fn is_on(&self) -> bool {
        !self.delay.is_zero()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps a reject of a request that came at `arrived`; false when there is no room. One that came before the last one
    /// leaves with it.
    pub(crate) fn keep(&mut self, reply: &[u8], destination: To, arrived: Instant) -> bool {
        if self.entries.len() >= DELAYED_MAX || self.octets.len() + reply.len() > DELAYED_OCTETS_MAX {
            return false;
        }
        self.octets.extend(reply);
        let (due, last) = (arrived + self.delay, self.entries.back().map(|last| last.due));
        self.entries.push_back(Entry {
            due: last.map_or(due, |last| last.max(due)),
            destination,
            len: reply.len(),
        });
        true
    }

    /// Takes out one whose time has come, into `room`; its length and where it goes. One that is longer than the room is
    /// cut, which never happens: no reply is longer than a packet.
    pub(crate) fn take_due(&mut self, now: Instant, room: &mut [u8]) -> Option<(usize, To)> {
        let entry = self.entries.pop_front_if(|entry| entry.due <= now)?;
        let len = entry.len.min(room.len());
        for (to, from) in room.iter_mut().zip(self.octets.drain(..entry.len)) {
            *to = from;
        }
        Some((len, entry.destination))
    }

    /// Lets all leave with the next call of [`Self::take_due`].
    pub(crate) fn hurry(&mut self, now: Instant) {
        for entry in &mut self.entries {
            entry.due = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second.
    const DELAY: Duration = Duration::from_secs(1);

    /// Where a reject goes.
    fn destination(identifier: u8) -> Destination {
        let to = ([127, 0, 0, 1], 1_000).into();
        Destination {
            to,
            from: None,
            key: Key {
                source: to,
                identifier,
            },
            authenticator: [identifier; 16],
        }
    }

    /// What leaves at a moment.
    fn leaving(delayed: &mut Delayed, now: Instant) -> Vec<(Vec<u8>, u8)> {
        let mut room = [0; 64];
        std::iter::from_fn(|| {
            let (len, destination) = delayed.take_due(now, &mut room)?;
            Some((room[..len].to_vec(), destination.key.identifier))
        })
        .collect()
    }

    #[test]
    fn each_leaves_when_its_time_has_come_as_it_was() {
        let (mut delayed, start) = (Delayed::new(DELAY), Instant::now());
        let half = start + DELAY / 2;
        assert!(delayed.keep(b"one", destination(1), start));
        assert!(delayed.keep(b"second", destination(2), half));
        assert!(leaving(&mut delayed, half).is_empty());
        assert_eq!(leaving(&mut delayed, start + DELAY), [(b"one".to_vec(), 1)]);
        assert_eq!(leaving(&mut delayed, half + DELAY), [(b"second".to_vec(), 2)]);
        assert!(delayed.is_empty());
    }

    #[test]
    fn one_that_took_long_to_decide_leaves_as_if_it_had_not() {
        let (mut delayed, start) = (Delayed::new(DELAY), Instant::now());
        // Kept after its time, and before the last one's.
        assert!(delayed.keep(b"slow", destination(1), start));
        assert_eq!(leaving(&mut delayed, start + DELAY * 2).len(), 1);
        assert!(delayed.keep(b"one", destination(2), start + DELAY));
        assert!(delayed.keep(b"slow", destination(3), start));
        assert!(leaving(&mut delayed, start + DELAY).is_empty());
        assert_eq!(leaving(&mut delayed, start + DELAY * 2).len(), 2);
    }

    #[test]
    fn there_is_room_for_so_many_and_for_so_many_octets() {
        let (mut delayed, start) = (Delayed::new(DELAY), Instant::now());
        let kept = (0..DELAYED_MAX + 5).filter(|_| delayed.keep(b"x", destination(1), start));
        assert_eq!(kept.count(), DELAYED_MAX);
        assert_eq!(leaving(&mut delayed, start + DELAY).len(), DELAYED_MAX);
        let long = [7; 4_096];
        let kept = (0..1_000).filter(|_| delayed.keep(&long, destination(1), start));
        assert_eq!(kept.count(), DELAYED_OCTETS_MAX / 4_096);
    }

    #[test]
    fn in_a_hurry_all_leave_at_once() {
        let (mut delayed, start) = (Delayed::new(DELAY), Instant::now());
        delayed.keep(b"one", destination(1), start);
        delayed.hurry(start);
        assert_eq!(leaving(&mut delayed, start).len(), 1);
        assert!(delayed.is_empty());
    }
}
