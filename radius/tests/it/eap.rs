//! EAP packets and the EAP-MD5 method.

use proptest::prelude::*;
use radius::eap::{self, EapCode, EapError, EapView, md5, method};

/// Code, identifier, method, data.
type Read<'a> = (EapCode, u8, Option<u8>, &'a [u8]);

#[track_caller]
fn check(octets: &[u8], expected: Result<Read<'_>, EapError>) {
    let seen = EapView::parse(octets).map(|eap| (eap.code(), eap.identifier(), eap.method(), eap.data()));
    assert_eq!(seen, expected);
}

#[test]
fn identity_response_is_read() {
    let octets = b"\x02\x05\x00\x09\x01nemo";
    check(
        octets,
        Ok((EapCode::Response, 5, Some(method::IDENTITY), b"nemo")),
    );
    assert_eq!(EapView::parse(octets).unwrap().identity(), Some(&b"nemo"[..]));
}

#[test]
fn only_an_identity_response_has_an_identity() {
    for octets in [
        &b"\x01\x05\x00\x09\x01nemo"[..],
        b"\x02\x05\x00\x09\x04nemo",
        b"\x03\x05\x00\x04",
    ] {
        assert_eq!(EapView::parse(octets).unwrap().identity(), None);
    }
}

#[test]
fn success_and_failure_are_written_as_the_rfc_pictures_them() {
    let mut out = Vec::new();
    eap::write_success(7, &mut out);
    eap::write_failure(8, &mut out);
    assert_eq!(out, [3, 7, 0, 4, 4, 8, 0, 4]);
    check(&out[..4], Ok((EapCode::Success, 7, None, b"")));
    check(&out[4..], Ok((EapCode::Failure, 8, None, b"")));
}

#[test]
fn octets_after_length_are_padding() {
    //= https://www.rfc-editor.org/rfc/rfc3748#section-4
    //= type=test
    //# Octets outside the range of the Length field should be treated as
    //# Data Link Layer padding and MUST be ignored upon reception.
    check(
        b"\x02\x05\x00\x06\x03\x04\xff\xff",
        Ok((EapCode::Response, 5, Some(method::NAK), b"\x04")),
    );
}

#[test]
fn malformed_packets_are_refused() {
    check(b"", Err(EapError::TooShort { len: 0, needed: 4 }));
    check(b"\x02\x05\x00", Err(EapError::TooShort { len: 3, needed: 4 }));
    check(b"\x02\x05\x00\x03", Err(EapError::TooShort { len: 3, needed: 4 }));
    check(b"\x02\x05\x00\x04", Err(EapError::TooShort { len: 4, needed: 5 }));
    check(
        b"\x02\x05\x00\x06\x01",
        Err(EapError::BadLength {
            length: 6,
            present: 5,
        }),
    );
    check(b"\x05\x05\x00\x04", Err(EapError::UnknownCode { code: 5 }));
    check(b"\x00\x05\x00\x04", Err(EapError::UnknownCode { code: 0 }));
}

#[test]
fn debug_of_an_eap_packet_shows_no_data() {
    let shown = format!("{:?}", EapView::parse(b"\x02\x05\x00\x09\x01nemo").unwrap());
    assert!(!shown.contains("nemo") && !shown.contains("110"), "{shown}");
}

#[test]
fn md5_conversation_tells_the_right_password() {
    let challenge = [0x11; 16];
    let mut request = Vec::new();
    md5::write_challenge(9, &challenge, b"headend", &mut request);
    assert_eq!(
        request,
        [&[1, 9, 0, 29, 4, 16][..], &challenge, b"headend"].concat()
    );

    // MD5 over 0x09, "arctangent" and the challenge, computed with Python's hashlib.
    let digest = [
        0x5a, 0xb5, 0x11, 0xb0, 0xda, 0x72, 0xb5, 0xc5, 0x87, 0x32, 0x60, 0xc6, 0x91, 0x2c, 0x68, 0xd6,
    ];
    let mut response = Vec::new();
    eap::write_response(
        9,
        method::MD5_CHALLENGE,
        &[&[16], &digest, b"nemo"],
        &mut response,
    );
    let response = EapView::parse(&response).unwrap();
    let check =
        |identifier, password: &[u8]| md5::check_response(response.data(), identifier, &challenge, password);
    assert_eq!(check(9, b"arctangent"), Ok(true));
    assert_eq!(check(9, b"arctangenT"), Ok(false));
    assert_eq!(check(8, b"arctangent"), Ok(false));
}

#[test]
fn md5_response_without_a_digest_is_refused() {
    let check = |data: &[u8]| md5::check_response(data, 1, &[0; 16], b"x");
    assert_eq!(check(b""), Err(EapError::BadMd5Value { found: 0, present: 0 }));
    assert_eq!(
        check(&[15; 16]),
        Err(EapError::BadMd5Value {
            found: 15,
            present: 15
        })
    );
    assert_eq!(
        check(&[16; 16]),
        Err(EapError::BadMd5Value {
            found: 16,
            present: 15
        })
    );
    assert_eq!(check(&[16; 17]), Ok(false));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_packets_are_read_back(id: u8, kind: u8, data in prop::collection::vec(any::<u8>(), 0..2000), ask: bool) {
        let mut octets = b"before".to_vec();
        let write = if ask { eap::write_request } else { eap::write_response };
        write(id, kind, &[&data], &mut octets);
        let code = if ask { EapCode::Request } else { EapCode::Response };
        check(&octets[6..], Ok((code, id, Some(kind), &data)));
    }

    #[test]
    fn random_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(eap) = EapView::parse(&octets) {
            prop_assert!(eap.data().len() + 4 <= octets.len());
        }
    }
}
