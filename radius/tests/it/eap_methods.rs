//! What the methods of EAP put into its packets: read, written, and refused.

use proptest::prelude::*;
use radius::eap::avp::{self, Avp, AvpError, Avps};
use radius::eap::mschapv2::{self, Said};
use radius::eap::peap::{self, Inner};
use radius::eap::tls::{Arrived, FragmentError, Fragments, MESSAGE_LEN_MAX, Reassembly};

use crate::drive;

// -- Fragments

/// Pushes fragments and asserts how the last one ends.
#[track_caller]
fn check_last(fragments: &[&[u8]], expect: FragmentError) {
    let mut reassembly = Reassembly::new(0);
    let (last, before) = fragments.split_last().unwrap();
    for fragment in before {
        assert_eq!(reassembly.push(fragment), Ok(Arrived::Part));
    }
    assert_eq!(reassembly.push(last), Err(expect));
}

#[test]
fn fragments_that_are_none_are_refused() {
    check_last(&[&[]], FragmentError::TooShort { len: 0 });
    check_last(&[&[0x80, 0, 0]], FragmentError::TooShort { len: 3 });
    check_last(&[&[0x20]], FragmentError::Start);
    check_last(&[&[1, 7]], FragmentError::Version { found: 1, wanted: 0 });
    check_last(&[&[0x40]], FragmentError::Empty);
    let other = FragmentError::OtherLength {
        announced: 3,
        found: 2,
    };
    check_last(&[&[0xc0, 0, 0, 0, 3, 1], &[0, 2]], other);
}

#[test]
fn a_flight_is_bounded_by_what_it_announces_and_by_what_comes() {
    let len = MESSAGE_LEN_MAX + 1;
    let [a, b, c, d] = u32::try_from(len).unwrap().to_be_bytes();
    check_last(&[&[0xc0, a, b, c, d, 1]], FragmentError::TooLong { len });
    let piece = [&[0x40][..], &[0; 1024]].concat();
    let mut reassembly = Reassembly::new(0);
    for _ in 0..MESSAGE_LEN_MAX / 1024 {
        assert_eq!(reassembly.push(&piece), Ok(Arrived::Part));
    }
    assert!(matches!(
        reassembly.push(&piece),
        Err(FragmentError::TooLong { .. })
    ));
}

#[test]
fn only_the_first_of_several_pieces_says_the_length() {
    let mut fragments = Fragments::new(vec![7; 250], 0, 100);
    let mut pieces = Vec::new();
    while !fragments.is_done() {
        let mut octets = Vec::new();
        fragments.next(&mut octets);
        pieces.push((octets[0], octets.len()));
    }
    assert_eq!(pieces, [(0xc0, 105), (0x40, 101), (0, 51)]);
}

// -- Pairs

#[test]
fn pairs_are_read_with_their_vendor_and_padding() {
    let octets = [
        0, 0, 0, 1, 0x40, 0, 0, 13, b'a', b'l', b'i', b'c', b'e', 0, 0, 0, // User-Name
        0, 0, 0, 11, 0xc0, 0, 0, 14, 0, 0, 1, 55, 1, 2, // MS-CHAP-Challenge, its padding missing
    ];
    let pairs: Vec<_> = Avps::new(&octets).map(Result::unwrap).collect();
    let name = Avp {
        code: 1,
        vendor: None,
        mandatory: true,
        data: b"alice",
    };
    let challenge = Avp {
        code: 11,
        vendor: Some(311),
        mandatory: true,
        data: &[1, 2],
    };
    assert_eq!(pairs, [name, challenge]);
}

#[test]
fn pairs_that_are_none_are_refused_and_end_the_row() {
    let mut short = Avps::new(&[0, 0, 0]);
    assert_eq!(short.next(), Some(Err(AvpError::TooShort { left: 3, needed: 8 })));
    assert_eq!(short.next(), None);
    for (length, octets) in [
        (7, [0, 0, 0, 1, 0, 0, 0, 7]),
        (9, [0, 0, 0, 1, 0, 0, 0, 9]),
        (8, [0, 0, 0, 1, 0x80, 0, 0, 8]),
    ] {
        let bad = AvpError::BadLength {
            code: 1,
            length,
            left: 8,
        };
        assert_eq!(Avps::new(&octets).next(), Some(Err(bad)));
    }
}

// -- EAP-MSCHAPv2 and PEAP

#[test]
fn a_response_of_mschapv2_is_read() {
    let mut data = vec![2, 9, 0, 59, 49];
    data.extend_from_slice(&[1; 16]);
    data.extend_from_slice(&[0; 8]);
    data.extend_from_slice(&[2; 24]);
    data.push(0);
    data.extend_from_slice(b"alice");
    let said = Said::Response {
        ident: 9,
        peer_challenge: &[1; 16],
        nt_response: &[2; 24],
        name: b"alice",
    };
    assert_eq!(Said::parse(&data), Some(said));
    assert_eq!(Said::parse(&data[..50]), None);
    data[4] = 48;
    assert_eq!(Said::parse(&data), None);
    assert_eq!(Said::parse(&[]), None);
    assert_eq!(Said::parse(&[3]), Some(Said::Success));
}

#[test]
fn a_challenge_of_mschapv2_is_written() {
    let mut data = Vec::new();
    mschapv2::write_challenge(9, &[5; 16], b"us", &mut data);
    assert_eq!(data, [&[1, 9, 0, 23, 16][..], &[5; 16], b"us"].concat());
}

#[test]
fn inside_peap_headers_are_left_out_but_for_the_result() {
    let identity = Inner::Method {
        method: 1,
        data: b"alice",
    };
    assert_eq!(Inner::parse(b"\x01alice"), Some(identity));
    assert_eq!(
        Inner::parse(b"\x02\x07\x00\x0a\x01alice"),
        Some(identity),
        "some leave them in"
    );
    for success in [true, false] {
        let mut octets = Vec::new();
        peap::write_result(7, success, &mut octets);
        octets[0] = 2; // as a peer answers
        assert_eq!(Inner::parse(&octets), Some(Inner::Result { success }));
        octets[10] = 9;
        assert_eq!(Inner::parse(&octets), None);
    }
    assert_eq!(Inner::parse(&[]), None);
}

proptest! {
    #[test]
    fn any_flight_in_any_pieces_is_the_same_again(
        flight in proptest::collection::vec(any::<u8>(), 1..5_000),
        len in 0_usize..2_000,
    ) {
        let mut fragments = Fragments::new(flight.clone(), 0, len);
        let mut reassembly = Reassembly::new(0);
        let mut whole = None;
        while !fragments.is_done() {
            prop_assert!(whole.is_none());
            let mut octets = Vec::new();
            fragments.next(&mut octets);
            if let Arrived::Whole(again) = reassembly.push(&octets).unwrap() {
                whole = Some(again.to_vec());
            }
        }
        prop_assert_eq!(whole, Some(flight));
    }

    #[test]
    fn any_pairs_are_the_same_again(
        pairs in proptest::collection::vec((any::<u32>(), any::<Option<u32>>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..10),
    ) {
        let mut octets = Vec::new();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(code, vendor, mandatory, data)| Avp { code: *code, vendor: *vendor, mandatory: *mandatory, data })
            .collect();
        for pair in &pairs {
            avp::write(pair, &mut octets);
        }
        let read: Result<Vec<_>, _> = Avps::new(&octets).collect();
        prop_assert_eq!(read, Ok(pairs));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        drive::eap(&octets);
        drive::fragments(&octets);
        drive::avps(&octets);
    }
}
