//! Datagrams that are no RADIUS packet, each with the reason it is refused for.

use proptest::prelude::*;
use radius::{ATTRIBUTES_MAX, Code, DecodeError, PACKET_LEN_MAX, View};

use crate::drive;

/// A datagram of `len` octets whose header claims `length`, followed by attributes.
fn datagram(code: u8, length: u16, attributes: &[u8]) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut octets = vec![code, 7, high, low];
    octets.extend([0xaa; 16]);
    octets.extend(attributes);
    octets
}

/// A datagram whose Length field is right.
fn packet(attributes: &[u8]) -> Vec<u8> {
    datagram(1, u16::try_from(20 + attributes.len()).unwrap(), attributes)
}

#[track_caller]
fn check(datagram: &[u8], expected: Result<usize, DecodeError>) {
    assert_eq!(View::parse(datagram).map(|view| view.octets().len()), expected);
}

#[test]
fn datagram_shorter_than_a_header_is_refused() {
    for len in 0..20 {
        check(&packet(&[])[..len], Err(DecodeError::TooShort { len }));
    }
    check(&packet(&[]), Ok(20));
}

#[test]
fn length_field_below_20_is_refused() {
    //= https://www.rfc-editor.org/rfc/rfc2865#section-3
    //= type=test
    //# The minimum length is 20 and maximum length is 4096.
    for length in [0, 1, 19] {
        let error = DecodeError::BadLength {
            length: usize::from(length),
            datagram: 20,
        };
        check(&datagram(1, length, &[]), Err(error));
    }
}

#[test]
fn length_field_beyond_the_datagram_is_refused() {
    check(
        &datagram(1, 21, &[]),
        Err(DecodeError::BadLength {
            length: 21,
            datagram: 20,
        }),
    );
}

#[test]
fn packet_of_4096_octets_is_read_and_of_4097_is_refused() {
    // 15 attributes of 255 octets and one of 251 make 4076 octets.
    let mut attributes: Vec<u8> = (0..15)
        .flat_map(|_| [vec![26, 255], vec![0; 253]].concat())
        .collect();
    attributes.extend([vec![26, 251], vec![0; 249]].concat());
    check(&packet(&attributes), Ok(PACKET_LEN_MAX));
    attributes.push(0);
    check(
        &packet(&attributes),
        Err(DecodeError::BadLength {
            length: 4097,
            datagram: 4097,
        }),
    );
}

#[test]
fn octets_after_length_are_ignored() {
    //= https://www.rfc-editor.org/rfc/rfc2865#section-3
    //= type=test
    //# Octets outside the range of the Length field MUST be treated as
    //# padding and ignored on reception.
    check(&datagram(1, 20, &[0; 5000]), Ok(20));
    check(&datagram(1, 26, &[5, 6, 0, 0, 0, 3, 99]), Ok(26));
}

#[test]
fn only_known_codes_are_read() {
    let known = [1, 2, 3, 4, 5, 11, 12, 40, 41, 42, 43, 44, 45];
    for code in 0..=255 {
        let expected = if known.contains(&code) {
            Ok(20)
        } else {
            Err(DecodeError::UnknownCode { code })
        };
        check(&datagram(code, 20, &[]), expected);
        assert_eq!(
            Code::try_from(code).map(|known| known as u8).ok(),
            known.contains(&code).then_some(code)
        );
    }
}

#[test]
fn attribute_length_of_0_or_1_is_refused() {
    for length in [0, 1] {
        let error = DecodeError::BadAttributeLength {
            offset: 26,
            kind: 1,
            length,
        };
        check(&packet(&[5, 6, 0, 0, 0, 3, 1, length]), Err(error));
    }
}

#[test]
fn attribute_of_2_octets_has_an_empty_value() {
    let octets = packet(&[1, 2]);
    assert_eq!(View::parse(&octets).unwrap().first(1), Some(&[][..]));
}

#[test]
fn attribute_beyond_the_packet_is_refused() {
    let error = DecodeError::AttributeOverrun {
        offset: 20,
        kind: 1,
        length: 4,
        room: 3,
    };
    check(&packet(&[1, 4, b'x']), Err(error));
    // The octet is in the datagram but not in the packet.
    check(&datagram(1, 23, &[1, 4, b'x', b'y']), Err(error));
}

#[test]
fn single_octet_after_the_last_attribute_is_refused() {
    check(
        &packet(&[1, 3, b'x', 2]),
        Err(DecodeError::AttributeOverrun {
            offset: 23,
            kind: 2,
            length: 0,
            room: 1,
        }),
    );
}

#[test]
fn more_attributes_than_the_bound_are_refused() {
    let attributes = [33, 2].repeat(ATTRIBUTES_MAX);
    check(&packet(&attributes), Ok(20 + attributes.len()));
    let attributes = [33, 2].repeat(ATTRIBUTES_MAX + 1);
    check(
        &packet(&attributes),
        Err(DecodeError::TooManyAttributes { max: ATTRIBUTES_MAX }),
    );
}

#[test]
fn vendor_attributes_of_odd_formats_are_read_up_to_the_contradiction() {
    // Vendor 9: a good sub-attribute, then one that reaches beyond; vendor 10: no room for a number; vendor 14988: good.
    let octets = packet(
        &[
            &[26, 11, 0, 0, 0, 9, 1, 3, b'a', 2, 9][..],
            &[26, 5, 0, 0, 0],
            &[26, 6, 0, 0, 0, 9],
            &[26, 9, 0, 0, 0x3a, 0x8c, 8, 3, b'1'],
        ]
        .concat(),
    );
    let view = View::parse(&octets).unwrap();
    assert_eq!(view.vendor(9, 1), Some(&b"a"[..]));
    assert_eq!(view.vendor(9, 2), None);
    assert_eq!(view.vendor(14988, 8), Some(&b"1"[..]));
    assert_eq!(view.vendor(14988, 1), None);
    assert_eq!(drive::packet(&octets), Ok(()));
}

#[test]
fn values_of_another_shape_are_absent() {
    let octets = packet(&[5, 5, 0, 0, 3, 1, 4, 0xff, 0xfe]);
    let view = View::parse(&octets).unwrap();
    assert_eq!((view.u32(5), view.ipv4(5), view.text(1)), (None, None, None));
    assert_eq!(view.first(1), Some(&[0xff, 0xfe][..]));
}

#[test]
fn debug_of_a_view_shows_no_attribute() {
    let octets = packet(&[1, 6, b'n', b'e', b'm', b'o']);
    let view = View::parse(&octets).unwrap();
    let shown = format!("{view:?} {:?}", view.attributes());
    assert!(!shown.contains("nemo") && !shown.contains("110"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_datagrams_are_read_or_refused(datagram in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = drive::packet(&datagram);
    }

    /// Random attributes under a header that is right get much further than random octets.
    #[test]
    fn random_attributes_are_read_or_refused(
        code in prop::sample::select(vec![1_u8, 2, 4, 5, 11, 12, 40, 43]),
        attributes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        wrong in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut encoded = Vec::new();
        for (kind, value) in &attributes {
            encoded.extend([*kind, u8::try_from(value.len() + 2).unwrap()]);
            encoded.extend(value);
        }
        let mut octets = packet(&encoded);
        octets[0] = code;
        prop_assert_eq!(drive::packet(&octets), Ok(()));
        if let Some((index, octet)) = wrong {
            let at = index.index(octets.len());
            octets[at] = octet;
            let _ = drive::packet(&octets);
        }
    }
}
