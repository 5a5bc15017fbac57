//! From a stream of octets to packets (RFC 6613 section 2.1): the Length field says where one ends. No I/O; bounded by two
//! packets of the longest kind. What a packet means is not asked here.

use radius::{HEADER_LEN, PACKET_LEN_MAX};

/// Octets kept: with less than a packet in it, there is always room for the rest of that packet and more.
const OCTETS_MAX: usize = 2 * PACKET_LEN_MAX;

/// A Length field that no packet can have: where the next packet begins is unknown, the connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Length field says {length} octets, {HEADER_LEN} to {PACKET_LEN_MAX} are allowed")]
pub struct BadLength {
    /// What it says.
    pub length: usize,
}

/// See the module's words.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a stream in pieces of these lengths and gives the packets that come out.
    fn packets(stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, BadLength> {
        let (mut frames, mut out, mut rest, mut at) = (Frames::default(), Vec::new(), stream, 0);
        while !rest.is_empty() {
            let piece = pieces.get(at % pieces.len().max(1)).copied().unwrap_or(1).max(1);
            at += 1;
            let room = frames.room();
            assert!(!room.is_empty());
            let count = piece.min(room.len()).min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            frames.filled(count);
            rest = &rest[count..];
            while let Some(packet) = frames.peek()? {
                out.push(packet.to_vec());
                frames.take();
            }
        }
        assert_eq!(frames.peek(), Ok(None));
        Ok(out)
    }

    /// A packet of so many octets, of which only the length is right.
    fn packet(length: usize, fill: u8) -> Vec<u8> {
        let mut packet = vec![fill; length];
        let [.., high, low] = length.to_be_bytes();
        packet[2..4].copy_from_slice(&[high, low]);
        packet
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_however_they_are_cut(
            lengths in prop::collection::vec(HEADER_LEN..=PACKET_LEN_MAX, 1..8),
            pieces in prop::collection::vec(1_usize..6_000, 1..8),
        ) {
            let sent: Vec<_> = (0_u8..).zip(&lengths).map(|(fill, length)| packet(*length, fill)).collect();
            prop_assert_eq!(packets(&sent.concat(), &pieces), Ok(sent));
        }

        #[test]
        fn any_stream_is_read_without_a_panic(
            stream in prop::collection::vec(any::<u8>(), 0..20_000), piece in 1_usize..9_000,
        ) {
            let _read = packets(&stream, &[piece]);
        }
    }

    #[test]
    fn a_length_no_packet_has_ends_it() {
        assert_eq!(packets(&[1, 0, 0, 19], &[4]), Err(BadLength { length: 19 }));
        assert_eq!(packets(&[1, 0, 16, 1], &[4]), Err(BadLength { length: 4_097 }));
    }
}
