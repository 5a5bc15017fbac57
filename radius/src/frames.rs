//! From a stream of octets to packets (RFC 6613 section 2.1): the Length field says where one ends. No I/O; bounded by two
//! packets of the longest kind. What a packet means is not asked here; whoever reads from a connection does.

use crate::packet::{HEADER_LEN, PACKET_LEN_MAX};

/// Octets kept: with less than a packet in it, there is always room for the rest of that packet and more.
const OCTETS_MAX: usize = 2 * PACKET_LEN_MAX;

/// A Length field that no packet can have: where the next packet begins is unknown, the connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Length field says {length} octets, {HEADER_LEN} to {PACKET_LEN_MAX} are allowed")]
pub struct BadLength {
    /// What it says.
    pub length: usize,
}

/// See the module's words. `Debug` prints how much waits and nothing of it.
pub struct Frames {
    /// What came.
    octets: Box<[u8]>,
    /// Where the first packet begins that was not taken.
    start: usize,
    /// Where what came ends.
    end: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            octets: vec![0; OCTETS_MAX].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }
}

impl Frames {
    /// Where the next octets go; never empty after [`Self::peek`] has said that no packet is complete.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.octets.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.octets.get_mut(self.end..).unwrap_or_default()
    }

    /// So many octets were put into the room.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.octets.len());
    }

    /// The first packet, when all of it is here.
    ///
    /// # Errors
    /// [`BadLength`]; nothing can be read any more then.
    pub fn peek(&self) -> Result<Option<&[u8]>, BadLength> {
        let here = self.octets.get(self.start..self.end).unwrap_or_default();
        let [_code, _identifier, high, low, ..] = here else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) {
            return Err(BadLength { length });
        }
        Ok(here.get(..length))
    }

    /// Lets the first packet go.
    pub fn take(&mut self) {
        if let Ok(Some(packet)) = self.peek() {
            self.start += packet.len();
        }
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frames({} octets)", self.end - self.start)
    }
}
