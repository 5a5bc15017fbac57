//! Packets out of a stream, however it is cut.

use proptest::prelude::*;
use radius::frames::{BadLength, Frames};
use radius::{HEADER_LEN, PACKET_LEN_MAX};

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
