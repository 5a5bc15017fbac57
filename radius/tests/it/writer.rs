//! Writers: what they refuse, and that a refusal leaves the packet as it was.

use radius::{
    ATTRIBUTES_MAX, Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, WriteError, kind,
};

/// An Access-Request to answer, with two Proxy-States.
fn request() -> Vec<u8> {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::access(&mut buf, 200, [9; 16]).unwrap();
    writer.attribute(kind::PROXY_STATE, b"first").unwrap();
    writer.text(kind::USER_NAME, "nemo").unwrap();
    writer.attribute(kind::PROXY_STATE, b"").unwrap();
    writer.attribute(kind::PROXY_STATE, b"third").unwrap();
    writer.finish(&secret()).to_vec()
}

fn secret() -> SharedSecret {
    SharedSecret::new(b"xyzzy5461")
}

#[test]
fn proxy_states_are_echoed_in_order() {
    //= https://www.rfc-editor.org/rfc/rfc2865#section-2
    //= type=test
    //# If any Proxy-State attributes were present in the Access-Request,
    //# they MUST be copied unmodified and in order into the response packet.
    let request = request();
    let request = View::parse(&request).unwrap();
    let mut buf = [0; 128];
    let mut writer = ReplyWriter::new(&mut buf, Code::AccessReject, &request).unwrap();
    writer.text(kind::REPLY_MESSAGE, "no").unwrap();
    writer.proxy_states(&request).unwrap();
    let reply = View::parse(writer.finish(&secret())).unwrap();
    let seen: Vec<_> = reply
        .attributes()
        .map(|attribute| (attribute.kind, attribute.value))
        .collect();
    let expected: [(u8, &[u8]); 4] = [(18, b"no"), (33, b"first"), (33, b""), (33, b"third")];
    assert_eq!(seen, expected);
}

#[test]
fn message_authenticator_comes_first_or_not_at_all() {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    writer.text(kind::USER_NAME, "nemo").unwrap();
    assert_eq!(writer.reserve_message_authenticator(), Err(WriteError::NotFirst));
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    writer.reserve_message_authenticator().unwrap();
    assert_eq!(writer.reserve_message_authenticator(), Err(WriteError::NotFirst));
}

#[test]
fn message_authenticator_is_not_written_by_hand() {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    let template = [&[80, 18][..], &[0; 16]].concat();
    assert_eq!(
        writer.attribute(80, &[0; 16]),
        Err(WriteError::MessageAuthenticator)
    );
    assert_eq!(writer.long(80, &[0; 100]), Err(WriteError::MessageAuthenticator));
    assert_eq!(writer.encoded(&template), Err(WriteError::MessageAuthenticator));
    assert_eq!(writer.written(), 20);
}

#[test]
fn buffer_without_room_for_a_header_is_refused() {
    for len in 0..20 {
        let mut buf = vec![0; len];
        let error = RequestWriter::access(&mut buf, 1, [0; 16]).err();
        assert_eq!(
            error,
            Some(WriteError::Full {
                needed: 20,
                room: len
            })
        );
    }
    assert!(RequestWriter::access(&mut [0; 20], 1, [0; 16]).is_ok());
}

#[test]
fn full_packet_refuses_more_and_stays_whole() {
    let mut buf = [0; 30];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    writer.text(kind::USER_NAME, "nemo").unwrap();
    assert_eq!(
        writer.u32(kind::NAS_PORT, 1),
        Err(WriteError::Full { needed: 6, room: 4 })
    );
    assert_eq!(
        writer.vendor(9, 1, b""),
        Err(WriteError::Full { needed: 8, room: 4 })
    );
    assert_eq!(
        writer.long(kind::EAP_MESSAGE, b"abc"),
        Err(WriteError::Full { needed: 5, room: 4 })
    );
    assert_eq!(
        writer.encoded(&[1, 5, 0, 0, 0]),
        Err(WriteError::Full { needed: 5, room: 4 })
    );
    writer.text(kind::FILTER_ID, "ab").unwrap();
    let view = View::parse(writer.finish(&secret())).unwrap();
    assert_eq!((view.octets().len(), view.attributes().count()), (30, 2));
}

#[test]
fn packet_never_outgrows_4096_octets() {
    let mut buf = vec![0; 10_000];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    assert_eq!(
        writer.long(kind::EAP_MESSAGE, &[7; 4096]),
        Err(WriteError::Full {
            needed: 4130,
            room: 4076
        })
    );
    for _ in 0..15 {
        writer.attribute(kind::CLASS, &[0; 253]).unwrap();
    }
    assert_eq!(
        writer.attribute(kind::CLASS, &[0; 250]),
        Err(WriteError::Full {
            needed: 252,
            room: 251
        })
    );
    writer.attribute(kind::CLASS, &[0; 249]).unwrap();
    assert_eq!(
        View::parse(writer.finish(&secret())).unwrap().octets().len(),
        PACKET_LEN_MAX
    );
}

#[test]
fn packet_never_has_more_attributes_than_are_read() {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    writer.reserve_message_authenticator().unwrap();
    writer.encoded(&[25, 2].repeat(ATTRIBUTES_MAX - 2)).unwrap();
    let too_many = |adding: usize, present: usize| Err(WriteError::TooManyAttributes { adding, present });
    assert_eq!(
        writer.long(kind::EAP_MESSAGE, &[7; 254]),
        too_many(2, ATTRIBUTES_MAX - 1)
    );
    assert_eq!(writer.encoded(&[25, 2, 25, 2]), too_many(2, ATTRIBUTES_MAX - 1));
    writer.attribute(kind::CLASS, b"").unwrap();
    assert_eq!(writer.u32(kind::NAS_PORT, 1), too_many(1, ATTRIBUTES_MAX));
    assert_eq!(writer.vendor(9, 1, b""), too_many(1, ATTRIBUTES_MAX));
    writer.encoded(&[]).unwrap();
    let view = View::parse(writer.finish(&secret())).unwrap();
    assert_eq!(view.attributes().count(), ATTRIBUTES_MAX);
}

#[test]
fn value_longer_than_an_attribute_is_refused() {
    let mut buf = [0; 1024];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    assert_eq!(
        writer.attribute(1, &[0; 254]),
        Err(WriteError::ValueTooLong { len: 254, max: 253 })
    );
    assert_eq!(
        writer.vendor(9, 1, &[0; 248]),
        Err(WriteError::ValueTooLong { len: 248, max: 247 })
    );
    assert_eq!(
        writer.password(&[0; 129], &secret()),
        Err(WriteError::ValueTooLong { len: 129, max: 128 })
    );
    writer.attribute(1, &[0; 253]).unwrap();
    writer.vendor(9, 1, &[0; 247]).unwrap();
    let view = View::parse(writer.finish(&secret())).unwrap();
    assert_eq!(
        (view.first(1).unwrap().len(), view.vendor(9, 1).unwrap().len()),
        (253, 247)
    );
}

#[test]
fn malformed_template_is_refused() {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::access(&mut buf, 1, [0; 16]).unwrap();
    for (template, offset) in [
        (&[1][..], 0),
        (&[1, 1], 0),
        (&[1, 3, 0, 2, 0], 3),
        (&[1, 3, 0, 2, 5, 0], 3),
    ] {
        assert_eq!(
            writer.encoded(template),
            Err(WriteError::Malformed { offset }),
            "{template:?}"
        );
    }
    writer.encoded(&[]).unwrap();
    assert_eq!(writer.written(), 20);
}

#[test]
fn each_writer_writes_its_own_kinds_only() {
    let request = request();
    let request = View::parse(&request).unwrap();
    let mut buf = [0; 128];
    for code in (0..=255).filter_map(|code| Code::try_from(code).ok()) {
        let signed = matches!(
            code,
            Code::AccountingRequest | Code::DisconnectRequest | Code::CoaRequest
        );
        assert_eq!(RequestWriter::signed(&mut buf, code, 1).is_ok(), signed, "{code}");
        assert_eq!(
            ReplyWriter::new(&mut buf, code, &request).is_ok(),
            code.is_reply(),
            "{code}"
        );
    }
}

#[test]
fn password_needs_a_random_authenticator() {
    let mut buf = [0; 128];
    let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
    let error = WriteError::WrongCode {
        code: Code::AccountingRequest,
    };
    assert_eq!(writer.password(b"secret", &secret()), Err(error));
}
