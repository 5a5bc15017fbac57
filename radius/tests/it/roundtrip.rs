//! What is written is read back, whatever it is.

use proptest::prelude::*;
use radius::{
    Code, HEADER_LEN, MessageAuthenticator, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View,
    kind, password,
};

/// Attributes that may be written by type and value.
fn attributes() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = any::<u8>().prop_filter("written by its own method", |kind| {
        *kind != kind::MESSAGE_AUTHENTICATOR
    });
    prop::collection::vec((kind, prop::collection::vec(any::<u8>(), 0..=253)), 0..14)
}

/// What a view holds, without the Message-Authenticator.
fn read_back(view: &View<'_>) -> Vec<(u8, Vec<u8>)> {
    view.attributes()
        .filter(|attribute| attribute.kind != kind::MESSAGE_AUTHENTICATOR)
        .map(|attribute| (attribute.kind, attribute.value.to_vec()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_requests_and_replies_are_read_back_and_verify(
        asked in attributes(), answered in attributes(),
        identifier in any::<u8>(), key in prop::collection::vec(any::<u8>(), 1..100),
        code in prop::sample::select(vec![Code::AccountingRequest, Code::CoaRequest, Code::DisconnectRequest]),
        with_message_authenticator in any::<bool>(),
    ) {
        let secret = SharedSecret::new(&key);
        let digest = if with_message_authenticator { MessageAuthenticator::Valid } else { MessageAuthenticator::Absent };

        let mut buf = [0xee; PACKET_LEN_MAX];
        let mut writer = RequestWriter::signed(&mut buf, code, identifier).unwrap();
        if with_message_authenticator {
            writer.reserve_message_authenticator().unwrap();
        }
        for (kind, value) in &asked {
            writer.attribute(*kind, value).unwrap();
        }
        let octets = writer.finish(&secret);
        let request = View::parse(octets).unwrap();
        prop_assert_eq!(request.octets(), octets);
        prop_assert_eq!((request.code(), request.identifier()), (code, identifier));
        prop_assert_eq!(read_back(&request), asked);
        prop_assert!(secret.check_request_authenticator(&request));
        prop_assert_eq!(secret.check_message_authenticator(&request, None), digest);

        let mut buf = [0xee; PACKET_LEN_MAX];
        let mut writer = ReplyWriter::new(&mut buf, Code::DisconnectAck, &request).unwrap();
        if with_message_authenticator {
            writer.reserve_message_authenticator().unwrap();
        }
        for (kind, value) in &answered {
            writer.attribute(*kind, value).unwrap();
        }
        let reply = View::parse(writer.finish(&secret)).unwrap();
        prop_assert_eq!(reply.identifier(), identifier);
        prop_assert_eq!(read_back(&reply), answered);
        prop_assert!(secret.check_reply_authenticator(&reply, request.authenticator()));
        prop_assert_eq!(secret.check_message_authenticator(&reply, Some(request.authenticator())), digest);
    }

    #[test]
    fn changing_any_octet_breaks_the_proof(
        asked in attributes(), at in any::<prop::sample::Index>(), flip in 1_u8..,
    ) {
        let secret = SharedSecret::new(b"xyzzy5461");
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
        writer.reserve_message_authenticator().unwrap();
        for (kind, value) in &asked {
            writer.attribute(*kind, value).unwrap();
        }
        let mut octets = writer.finish(&secret).to_vec();
        let at = at.index(octets.len());
        octets[at] ^= flip;
        if let Ok(changed) = View::parse(&octets) {
            prop_assert!(!secret.check_request_authenticator(&changed), "octet {at} is not covered");
            // The digest is over zeros in place of the authenticator, so it does not cover that one field.
            if !(4..HEADER_LEN).contains(&at) {
                prop_assert_ne!(secret.check_message_authenticator(&changed, None), MessageAuthenticator::Valid);
            }
        }
    }

    #[test]
    fn hidden_passwords_are_revealed(clear in prop::collection::vec(any::<u8>(), 0..=128), request: [u8; 16], key: [u8; 12]) {
        let secret = SharedSecret::new(&key);
        let (mut room, mut back) = ([0xee; 128], [0xee; 128]);
        let hidden = password::hide_pap(&secret, &request, &clear, &mut room).unwrap();
        prop_assert_eq!(hidden.len(), clear.len().next_multiple_of(16).max(16));
        let revealed = password::reveal_pap(&secret, &request, hidden, &mut back).unwrap();
        prop_assert_eq!(revealed.len(), hidden.len());
        prop_assert_eq!(&revealed[..clear.len()], &clear[..]);
        prop_assert!(revealed[clear.len()..].iter().all(|octet| *octet == 0));
        prop_assert_eq!(password::check_pap(&secret, &request, hidden, &clear), radius::PapCheck::Match);
    }

    #[test]
    fn long_values_are_put_together_again(value in prop::collection::vec(any::<u8>(), 0..3000)) {
        let secret = SharedSecret::new(b"xyzzy5461");
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::access(&mut buf, 1, [7; 16]).unwrap();
        writer.long(kind::EAP_MESSAGE, &value).unwrap();
        let view = View::parse(writer.finish(&secret)).unwrap();
        let mut back = Vec::new();
        view.concat(kind::EAP_MESSAGE, &mut back);
        prop_assert_eq!(back, value);
    }
}
