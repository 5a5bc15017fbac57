//! RADIUS/1.1: what is taken off comes on again, and the other way round.

use proptest::prelude::*;
use radius::v11::{CarryError, reply_in, reply_out, request_in, request_out, token};
use radius::{
    Code, MessageAuthenticator, PACKET_LEN_MAX, PapCheck, ReplyWriter, RequestWriter, SharedSecret, View,
    kind, password,
};

/// The secret inside.
fn secret() -> SharedSecret {
    SharedSecret::new(b"radsec")
}

/// An Access-Request, signed, with a hidden password and without CHAP-Challenge.
fn access_request() -> Vec<u8> {
    let mut octets = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::access(&mut octets, 7, [5; 16]).unwrap();
    writer.reserve_message_authenticator().unwrap();
    writer.text(kind::USER_NAME, "nemo").unwrap();
    writer.password(b"arctangent", &secret()).unwrap();
    writer.attribute(kind::CHAP_PASSWORD, &[1; 17]).unwrap();
    writer.attribute(kind::PROXY_STATE, b"a").unwrap();
    writer.finish(&secret()).to_vec()
}

#[test]
fn a_request_goes_out_in_the_clear() {
    let request = access_request();
    let mut out = [0; PACKET_LEN_MAX];
    let packet = request_out(&View::parse(&request).unwrap(), 0x0a0b_0c0d, &secret(), &mut out).unwrap();
    assert_eq!(packet[0..2], [1, 0]);
    assert_eq!(token(packet), Some(0x0a0b_0c0d));
    assert_eq!(packet[8..20], [0; 12]);
    let packet = View::parse(packet).unwrap();
    let attributes: Vec<(u8, &[u8])> = packet.attributes().map(|one| (one.kind, one.value)).collect();
    let expected: Vec<(u8, &[u8])> = vec![
        (kind::USER_NAME, b"nemo"),
        (kind::USER_PASSWORD, b"arctangent"),
        (kind::CHAP_PASSWORD, &[1; 17]),
        (kind::PROXY_STATE, b"a"),
        (kind::CHAP_CHALLENGE, &[5; 16]), // else nobody could check the CHAP-Password
    ];
    assert_eq!(attributes, expected);
}

#[test]
fn a_request_that_came_is_signed_and_hidden_inside() {
    let mut out = [0; PACKET_LEN_MAX];
    let request = access_request();
    let packet = request_out(&View::parse(&request).unwrap(), 9, &secret(), &mut out)
        .unwrap()
        .to_vec();
    let mut inside = [0; PACKET_LEN_MAX];
    let request = request_in(&packet, 200, [8; 16], &secret(), &mut inside).unwrap();
    let request = View::parse(request).unwrap();
    assert_eq!((request.identifier(), *request.authenticator()), (200, [8; 16]));
    assert_eq!(
        secret().check_message_authenticator(&request, None),
        MessageAuthenticator::Valid
    );
    let hidden = request.first(kind::USER_PASSWORD).unwrap();
    assert_eq!(
        password::check_pap(&secret(), &[8; 16], hidden, b"arctangent"),
        PapCheck::Match
    );
}

#[test]
fn an_accounting_request_that_came_proves_the_secret_inside() {
    let packet = [&[4, 0, 0, 26][..], &[0; 16], &[40, 6, 0, 0, 0, 1]].concat();
    let mut inside = [0; PACKET_LEN_MAX];
    let request = request_in(&packet, 1, [8; 16], &secret(), &mut inside).unwrap();
    assert!(secret().check_request_authenticator(&View::parse(request).unwrap()));
}

#[test]
fn keys_and_tunnel_passwords_are_revealed_and_hidden_again() {
    // What a peer sends in RADIUS/1.1: an MPPE key of 32 octets, MS-CHAP's keys, and a tagged password.
    let key = [&[26, 40, 0, 0, 1, 55, 17, 34][..], &[3; 32]].concat();
    let keys = [&[26, 40, 0, 0, 1, 55, 12, 34][..], &[4; 32]].concat();
    let tunnel = [&[69, 9, 1][..], b"secret"].concat();
    let attributes = [key, keys, tunnel].concat();
    let length = u8::try_from(20 + attributes.len()).unwrap();
    let packet = [&[2, 0, 0, length, 0, 0, 0, 5][..], &[0; 12], &attributes].concat();
    let request = access_request();
    let request = View::parse(&request).unwrap();
    let (mut inside, mut out) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
    let reply = reply_in(&packet, &request, &secret(), 1, &mut inside).unwrap();
    let reply = View::parse(reply).unwrap();
    assert!(secret().check_reply_authenticator(&reply, request.authenticator()));
    let signature = secret().check_message_authenticator(&reply, Some(request.authenticator()));
    assert_eq!(signature, MessageAuthenticator::Valid);
    assert!(
        !reply
            .octets()
            .windows(6)
            .any(|window| window == b"secret" || window == [3; 6])
    );
    let again = reply_out(&reply, request.authenticator(), 5, &secret(), &mut out).unwrap();
    assert_eq!(again, packet);
}

#[test]
fn what_was_hidden_with_another_secret_is_not_carried() {
    let request = access_request();
    let request = View::parse(&request).unwrap();
    let mut octets = [0; PACKET_LEN_MAX];
    let mut writer = ReplyWriter::new(&mut octets, Code::AccessAccept, &request).unwrap();
    writer.attribute(kind::TUNNEL_PASSWORD, &[1, 2, 3, 4]).unwrap();
    let reply = writer.finish(&secret()).to_vec();
    let mut out = [0; PACKET_LEN_MAX];
    let refused = reply_out(
        &View::parse(&reply).unwrap(),
        request.authenticator(),
        1,
        &secret(),
        &mut out,
    );
    assert_eq!(
        refused,
        Err(CarryError::Hidden {
            kind: kind::TUNNEL_PASSWORD
        })
    );
}

#[test]
fn requests_and_replies_are_not_taken_for_each_other() {
    let request = access_request();
    let request = View::parse(&request).unwrap();
    let mut out = [0; PACKET_LEN_MAX];
    let code = Code::AccessRequest;
    let wrong = Err(CarryError::WrongCode { code });
    assert_eq!(reply_out(&request, &[0; 16], 1, &secret(), &mut out), wrong);
    let accept = [&[2, 0, 0, 20][..], &[0; 16]].concat();
    let code = Code::AccessAccept;
    assert_eq!(
        request_in(&accept, 1, [0; 16], &secret(), &mut out),
        Err(CarryError::WrongCode { code })
    );
}

proptest! {
    #[test]
    fn any_packet_is_carried_or_refused(packet in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::drive::v11(&packet);
    }

    #[test]
    fn any_attributes_come_back_the_same(
        code in prop::sample::select(vec![1_u8, 2, 3, 4, 11, 12, 40, 43]),
        attributes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..100)), 0..8),
    ) {
        let mut packet = [&[code, 0, 0, 0][..], &[0; 16]].concat();
        for (kind, value) in &attributes {
            packet.extend([*kind, u8::try_from(2 + value.len()).unwrap()]);
            packet.extend_from_slice(value);
        }
        let [.., high, low] = packet.len().to_be_bytes();
        packet[2..4].copy_from_slice(&[high, low]);
        crate::drive::v11(&packet);
    }
}
