//! Proofs of the shared secret: who gets one right, who does not, and what counts as none.

use radius::{Code, MessageAuthenticator, ReplyWriter, RequestWriter, SharedSecret, View, kind};

const SECRET: &[u8] = b"xyzzy5461";

/// A signed Accounting-Request, with or without Message-Authenticator.
fn accounting_request(with_message_authenticator: bool) -> Vec<u8> {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 9).unwrap();
    if with_message_authenticator {
        writer.reserve_message_authenticator().unwrap();
    }
    writer.u32(kind::ACCT_STATUS_TYPE, 1).unwrap();
    writer.text(kind::ACCT_SESSION_ID, "A0001").unwrap();
    writer.finish(&SharedSecret::new(SECRET)).to_vec()
}

/// An Access-Request, its attributes given encoded, with the Length field made right.
fn access_request(attributes: &[u8]) -> Vec<u8> {
    let mut octets = vec![1, 9, 0, u8::try_from(20 + attributes.len()).unwrap()];
    octets.extend([0x5a; 16]);
    octets.extend(attributes);
    octets
}

#[test]
fn request_authenticator_depends_on_the_secret() {
    let octets = accounting_request(false);
    let request = View::parse(&octets).unwrap();
    assert!(SharedSecret::new(SECRET).check_request_authenticator(&request));
    assert!(!SharedSecret::new(b"other").check_request_authenticator(&request));
    assert!(!SharedSecret::new(b"").check_request_authenticator(&request));
}

#[test]
fn request_authenticator_of_an_access_request_proves_nothing() {
    let mut octets = accounting_request(false);
    octets[0] = Code::AccessRequest as u8;
    assert!(!SharedSecret::new(SECRET).check_request_authenticator(&View::parse(&octets).unwrap()));
}

#[test]
fn request_is_no_reply() {
    let octets = accounting_request(false);
    let view = View::parse(&octets).unwrap();
    assert!(!SharedSecret::new(SECRET).check_reply_authenticator(&view, &[0; 16]));
}

#[test]
fn message_authenticator_of_a_signed_request_is_over_zeros() {
    //= https://www.rfc-editor.org/rfc/rfc5176#section-3.4
    //= type=test
    //# When the HMAC-MD5 message integrity check is calculated the
    //# Request Authenticator field and Message-Authenticator Attribute
    //# MUST each be considered to be sixteen octets of zero.
    let mut octets = accounting_request(true);
    let secret = SharedSecret::new(SECRET);
    assert_eq!(
        secret.check_message_authenticator(&View::parse(&octets).unwrap(), None),
        MessageAuthenticator::Valid
    );
    octets[4..20].fill(0);
    assert_eq!(
        secret.check_message_authenticator(&View::parse(&octets).unwrap(), None),
        MessageAuthenticator::Valid
    );
}

#[test]
fn message_authenticator_of_another_secret_is_invalid() {
    let octets = accounting_request(true);
    let request = View::parse(&octets).unwrap();
    let checked = SharedSecret::new(b"other").check_message_authenticator(&request, None);
    assert_eq!(checked, MessageAuthenticator::Invalid);
}

#[test]
fn message_authenticator_of_another_length_is_malformed() {
    let secret = SharedSecret::new(SECRET);
    for len in [0, 1, 15, 17, 253] {
        let attribute = [vec![80, len + 2], vec![0; usize::from(len)]].concat();
        let octets = if len < 200 {
            access_request(&attribute)
        } else {
            long_access_request(&attribute)
        };
        let view = View::parse(&octets).unwrap();
        assert_eq!(
            secret.check_message_authenticator(&view, None),
            MessageAuthenticator::Malformed,
            "{len}"
        );
    }
}

/// An Access-Request of more than 255 octets.
fn long_access_request(attributes: &[u8]) -> Vec<u8> {
    let mut octets = access_request(&[]);
    octets.extend(attributes);
    let [high, low] = u16::try_from(octets.len()).unwrap().to_be_bytes();
    (octets[2], octets[3]) = (high, low);
    octets
}

#[test]
fn two_message_authenticators_are_malformed_even_if_one_is_right() {
    let mut octets = accounting_request(true);
    let attribute = octets[20..38].to_vec();
    octets.extend(attribute);
    octets[3] += 18;
    let checked = SharedSecret::new(SECRET).check_message_authenticator(&View::parse(&octets).unwrap(), None);
    assert_eq!(checked, MessageAuthenticator::Malformed);
}

#[test]
fn message_authenticator_is_found_anywhere() {
    let secret = SharedSecret::new(SECRET);
    let octets =
        access_request(&[[1, 3, b'x'].as_slice(), &[80, 18], &[0; 16], &[5, 6, 0, 0, 0, 1]].concat());
    // RFC 2104 over the packet as it stands: key xyzzy5461, computed with Python's hmac.
    let digest = [
        0x35, 0x10, 0xf6, 0x8a, 0x2c, 0x2f, 0x8d, 0xd1, 0xbc, 0x13, 0x36, 0x8c, 0xe0, 0x59, 0xbe, 0xc7,
    ];
    let mut octets = octets;
    octets[25..41].copy_from_slice(&digest);
    let view = View::parse(&octets).unwrap();
    assert_eq!(
        secret.check_message_authenticator(&view, None),
        MessageAuthenticator::Valid
    );
}

#[test]
fn absent_message_authenticator_is_absent_in_requests_and_replies() {
    let secret = SharedSecret::new(SECRET);
    let octets = accounting_request(false);
    let request = View::parse(&octets).unwrap();
    assert_eq!(
        secret.check_message_authenticator(&request, None),
        MessageAuthenticator::Absent
    );
    let mut buf = [0; 64];
    let reply = ReplyWriter::new(&mut buf, Code::AccountingResponse, &request)
        .unwrap()
        .finish(&secret);
    let reply = View::parse(reply).unwrap();
    let checked = secret.check_message_authenticator(&reply, Some(request.authenticator()));
    assert_eq!(checked, MessageAuthenticator::Absent);
}

#[test]
fn message_authenticator_of_a_reply_needs_the_authenticator_of_its_request() {
    let secret = SharedSecret::new(SECRET);
    let octets = access_request(&[1, 3, b'x']);
    let request = View::parse(&octets).unwrap();
    for code in [
        Code::AccessAccept,
        Code::AccessReject,
        Code::AccessChallenge,
        Code::DisconnectNak,
        Code::CoaAck,
    ] {
        let mut buf = [0; 64];
        let mut writer = ReplyWriter::new(&mut buf, code, &request).unwrap();
        writer.reserve_message_authenticator().unwrap();
        writer.text(kind::REPLY_MESSAGE, "hello").unwrap();
        let reply = View::parse(writer.finish(&secret)).unwrap();
        let check = |request| secret.check_message_authenticator(&reply, request);
        assert_eq!(
            check(Some(request.authenticator())),
            MessageAuthenticator::Valid,
            "{code}"
        );
        assert_eq!(check(Some(&[0; 16])), MessageAuthenticator::Invalid, "{code}");
        assert_eq!(check(None), MessageAuthenticator::Invalid, "{code}");
    }
}

#[test]
fn secret_longer_than_a_digest_block_is_used_in_full() {
    let long = [b'k'; 100];
    let mut buf = [0; 64];
    let mut writer = RequestWriter::status_server(&mut buf, 1, [3; 16]).unwrap();
    writer.reserve_message_authenticator().unwrap();
    let octets = writer.finish(&SharedSecret::new(&long)).to_vec();
    let view = View::parse(&octets).unwrap();
    let check = |key: &[u8]| SharedSecret::new(key).check_message_authenticator(&view, None);
    assert_eq!(check(&long), MessageAuthenticator::Valid);
    assert_eq!(check(&long[..64]), MessageAuthenticator::Invalid);
    // Computed with Python's hmac.
    let digest = [
        0xd5, 0x63, 0x70, 0xcf, 0x20, 0xb4, 0xa9, 0x3c, 0xa7, 0x8f, 0xab, 0xc5, 0x36, 0xc3, 0x82, 0x08,
    ];
    assert_eq!(octets[22..], digest);
}

#[test]
fn secret_is_not_printed() {
    let shown = format!("{:?}", SharedSecret::new(SECRET));
    assert_eq!(shown, "SharedSecret(REDACTED)");
}

#[test]
fn equal_secrets_are_equal() {
    assert_eq!(SharedSecret::new(SECRET), SharedSecret::new(SECRET));
    assert_ne!(SharedSecret::new(SECRET), SharedSecret::new(b"xyzzy546"));
    assert_eq!(SharedSecret::new(SECRET).clone().octets(), SECRET);
}
