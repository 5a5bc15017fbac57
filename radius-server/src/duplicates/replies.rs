//! The octets of answers, in a ring: a new one takes the place of the oldest. It grows by being copied into a larger one.

use radius::PACKET_LEN_MAX;
use std::num::NonZeroU64;

/// Octets of a new ring.
const OCTETS_MIN: usize = 16 * 1024;

/// See the module's words.
pub(super) struct Replies {
    /// The ring.
    octets: Box<[u8]>,
    /// Octets written since the start, those included that were left out at the end of the ring.
    head: u64,
    /// Octets it may have at most.
    octets_max: usize,
}

/// Where an answer is; it may be overwritten. In one word, because there are many: 48 bits of where, 16 of length.
#[derive(Clone, Copy)]
pub(super) struct Place(NonZeroU64);

impl Place {
    /// Where nothing is any more.
    pub(super) const GONE: Self = Self(NonZeroU64::MAX);

    /// Where `len` octets are before which `at` were written; [`Place::GONE`] after 256 TiB.
    fn new(at: u64, len: u16) -> Self {
        // One more, so that it is never zero.
        let word = at
            .checked_add(1)
            .filter(|at| *at < 1 << 48)
            .map(|at| at << 16 | u64::from(len));
        word.and_then(NonZeroU64::new).map_or(Self::GONE, Self)
    }

    /// How many octets were written before it.
    const fn at(self) -> u64 {
        (self.0.get() >> 16) - 1
    }

    /// Octets of the answer.
    pub(super) const fn len(self) -> usize {
        if self.0.get() == u64::MAX {
            0
        } else {
            self.0.get() as u16 as usize
        }
    }
}

impl Replies {
    /// An empty ring that may grow to so many octets.
    pub(super) fn new(octets_max: usize) -> Self {
        Self::of(OCTETS_MIN, octets_max)
    }

    /// Puts an answer in; no reply is longer than [`PACKET_LEN_MAX`], and what is longer is not kept.
    pub(super) fn put(&mut self, reply: &[u8]) -> Place {
        let Ok(len) = u16::try_from(reply.len()) else {
            return Place::GONE;
        };
        if reply.len() > PACKET_LEN_MAX {
            return Place::GONE;
        }
        let left = self.octets.len() - self.place(self.head);
        if reply.len() > left {
            self.head += left as u64;
        }
        let (at, place) = (self.head, self.place(self.head));
        self.octets[place..place + reply.len()].copy_from_slice(reply);
        self.head += reply.len() as u64;
        Place::new(at, len)
    }

    /// An answer; `None` when it is overwritten.
    pub(super) fn get(&self, place: Place) -> Option<&[u8]> {
        let age = self.head.checked_sub(place.at())?;
        let start = self.place(place.at());
        let octets = self.octets.get(start..start + place.len())?;
        (age <= self.octets.len() as u64).then_some(octets)
    }

    /// A larger ring, empty, when this one is too small to hold so many octets without overwriting them.
    pub(super) fn larger_for(&self, octets: usize) -> Option<Self> {
        // Half of it, because what is left out at its end and what nobody needs any more take room too.
        let too_small = octets * 2 > self.octets.len() && self.octets.len() < self.octets_max;
        too_small.then(|| Self::of(self.octets.len() * 2, self.octets_max))
    }

    /// An empty ring of so many octets, or of the most it may have.
    fn of(octets: usize, octets_max: usize) -> Self {
        Self {
            octets: vec![0; octets.min(octets_max)].into_boxed_slice(),
            head: 0,
            octets_max,
        }
    }

    /// Where in the ring a position is.
    const fn place(&self, position: u64) -> usize {
        // Smaller than the ring's length.
        (position % self.octets.len() as u64) as usize
    }
}
