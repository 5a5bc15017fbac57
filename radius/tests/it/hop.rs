//! One hop of a proxy: what goes on, what comes back, and what must reach nobody else.

use proptest::prelude::*;
use radius::hop::{
    HopError, Mark, ONWARD_ATTRIBUTES_MAX, Onward, Pass, Side, back, genuine, hops, onward_access,
    onward_accounting, passed_here,
};
use radius::salt::{HIDDEN_LEN_MAX, Salt, hide, reveal};
use radius::{
    Authenticator, Code, MessageAuthenticator, PACKET_LEN_MAX, PapCheck, ReplyWriter, RequestWriter,
    SharedSecret, View, kind, password,
};

const NAS_AUTHENTICATOR: Authenticator = [0x11; 16];
const HOME_AUTHENTICATOR: Authenticator = [0x77; 16];
const MARK: Mark = *b"headend1request1";

fn nas() -> SharedSecret {
    SharedSecret::new(b"between NAS and us")
}

fn home() -> SharedSecret {
    SharedSecret::new(b"between us and home")
}

/// A request as a NAS sends it.
fn access(fill: impl FnOnce(&mut RequestWriter<'_>)) -> Vec<u8> {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::access(&mut buf, 9, NAS_AUTHENTICATOR).expect("room");
    writer.reserve_message_authenticator().expect("first");
    fill(&mut writer);
    writer.finish(&nas()).to_vec()
}

/// What goes on towards the home server.
fn sent_on(request: &[u8], user_name: Option<&str>) -> Result<Vec<u8>, HopError> {
    let (home, mut out) = (home(), [0; PACKET_LEN_MAX]);
    let onward = Onward {
        secret: &home,
        identifier: 200,
        authenticator: HOME_AUTHENTICATOR,
        mark: &MARK,
        user_name,
    };
    let view = View::parse(request).expect("a packet");
    onward_access(&view, &nas(), &onward, &mut out).map(<[u8]>::to_vec)
}

/// A reply as the home server writes it.
fn replied(code: Code, onward: &[u8], fill: impl FnOnce(&mut ReplyWriter<'_>)) -> Vec<u8> {
    let mut buf = [0; PACKET_LEN_MAX];
    let onward = View::parse(onward).expect("a packet");
    let mut writer = ReplyWriter::new(&mut buf, code, &onward).expect("a reply");
    writer.reserve_message_authenticator().expect("first");
    fill(&mut writer);
    writer.proxy_states(&onward).expect("room");
    writer.finish(&home()).to_vec()
}

/// What the NAS gets.
fn brought_back(reply: &[u8], request: &[u8], pass: Pass) -> Vec<u8> {
    let (home, mut out) = (home(), [0; PACKET_LEN_MAX]);
    let asked = Side {
        secret: &home,
        authenticator: &HOME_AUTHENTICATOR,
    };
    let reply = View::parse(reply).expect("a packet");
    assert!(genuine(&reply, asked, false));
    let request = View::parse(request).expect("a packet");
    back(&reply, asked, &request, &nas(), pass, &mut out)
        .expect("a reply")
        .to_vec()
}

fn kinds(packet: &[u8]) -> Vec<u8> {
    let view = View::parse(packet).expect("a packet");
    view.attributes().map(|attribute| attribute.kind).collect()
}

#[test]
fn a_password_is_hidden_anew_for_the_next_server() {
    for clear in ["s", "sixteen letters!", "more than sixteen letters in it"] {
        let request = access(|request| {
            request.text(kind::USER_NAME, "alice@isp").expect("room");
            request.password(clear.as_bytes(), &nas()).expect("room");
        });
        let on = sent_on(&request, None).expect("sent on");
        let view = View::parse(&on).expect("a packet");
        let hidden = view.first(kind::USER_PASSWORD).expect("a password");
        let check = |secret: SharedSecret| {
            password::check_pap(&secret, view.authenticator(), hidden, clear.as_bytes())
        };
        assert_eq!(check(home()), PapCheck::Match);
        assert_ne!(check(nas()), PapCheck::Match);
    }
}

#[test]
fn the_request_is_signed_for_the_next_server_and_marked_behind_the_marks_of_others() {
    let request = access(|request| {
        request.text(kind::USER_NAME, "alice@isp").expect("room");
        request.attribute(kind::PROXY_STATE, b"first").expect("room");
        request.attribute(kind::CLASS, b"x").expect("room");
    });
    let on = sent_on(&request, Some("alice")).expect("sent on");
    let view = View::parse(&on).expect("a packet");
    let signature = home().check_message_authenticator(&view, None);
    assert_eq!(signature, MessageAuthenticator::Valid);
    assert_eq!(
        view.attributes().next().map(|first| first.kind),
        Some(kind::MESSAGE_AUTHENTICATOR)
    );
    assert_eq!(
        (view.identifier(), view.authenticator()),
        (200, &HOME_AUTHENTICATOR)
    );
    assert_eq!(view.text(kind::USER_NAME), Some("alice"));
    // RFC 2865 section 5.33: ours comes after those that are there.
    let states: Vec<_> = view
        .attributes()
        .filter(|attribute| attribute.kind == kind::PROXY_STATE)
        .map(|attribute| attribute.value)
        .collect();
    assert_eq!(states, [&b"first"[..], &MARK]);
    assert_eq!(hops(&view), 2);
}

#[test]
fn a_request_that_comes_again_is_known_by_its_mark() {
    let request = access(|request| request.text(kind::USER_NAME, "alice@isp").expect("room"));
    let on = sent_on(&request, None).expect("sent on");
    let view = View::parse(&on).expect("a packet");
    assert!(passed_here(&view, b"headend1"));
    assert!(!passed_here(&view, b"headend2"));
    assert!(!passed_here(
        &View::parse(&request).expect("a packet"),
        b"headend1"
    ));
}

#[test]
fn the_challenge_of_chap_goes_along_when_the_authenticator_was_it() {
    let mut chap = [5; 17];
    chap[0] = 1;
    let request = access(|request| request.attribute(kind::CHAP_PASSWORD, &chap).expect("room"));
    let on = sent_on(&request, None).expect("sent on");
    let view = View::parse(&on).expect("a packet");
    assert_eq!(view.first(kind::CHAP_CHALLENGE), Some(&NAS_AUTHENTICATOR[..]));
    let request = access(|request| {
        request.attribute(kind::CHAP_PASSWORD, &chap).expect("room");
        request.attribute(kind::CHAP_CHALLENGE, b"its own").expect("room");
    });
    let on = sent_on(&request, None).expect("sent on");
    let challenges = kinds(&on)
        .into_iter()
        .filter(|kind| *kind == kind::CHAP_CHALLENGE);
    assert_eq!(challenges.count(), 1);
}

#[test]
fn what_has_no_room_for_a_mark_is_refused_and_so_is_a_password_of_impossible_length() {
    let full = access(
        |request| {
            while request.attribute(kind::REPLY_MESSAGE, &[b'x'; 20]).is_ok() {}
        },
    );
    assert!(matches!(sent_on(&full, None), Err(HopError::Write(_))));
    let odd = access(|request| request.attribute(kind::USER_PASSWORD, b"short").expect("room"));
    assert_eq!(sent_on(&odd, None), Err(HopError::Password));
}

#[test]
fn a_request_whose_mark_would_be_one_attribute_too_many_is_refused() {
    let of = |count: usize| {
        access(|request| {
            for _ in 1..count {
                request.attribute(kind::CLASS, b"").expect("room");
            }
        })
    };
    // Its own Message-Authenticator is replaced, so only the mark is added.
    let on = sent_on(&of(ONWARD_ATTRIBUTES_MAX - 1), None).expect("sent on");
    assert_eq!(kinds(&on).len(), ONWARD_ATTRIBUTES_MAX);
    let refused = Err(HopError::TooManyAttributes);
    assert_eq!(sent_on(&of(ONWARD_ATTRIBUTES_MAX), None), refused);
}

/// A reply with keys and a tunnel's password, hidden by the home server.
fn keys(on: &[u8]) -> Vec<u8> {
    let home = home();
    let mut room = [0; HIDDEN_LEN_MAX];
    let mut hidden = |number: u16, clear: &[u8]| {
        hide(&home, &HOME_AUTHENTICATOR, Salt::new(number), clear, &mut room)
            .expect("fits")
            .to_vec()
    };
    let (send, receive, tunnel) = (
        hidden(1, &[0xaa; 32]),
        hidden(2, &[0xbb; 32]),
        hidden(3, b"l2tp secret"),
    );
    let mut v1 = [0; password::PAP_LEN_MAX];
    let v1 = password::hide_pap(&home, &HOME_AUTHENTICATOR, &[0xcc; 24], &mut v1).expect("fits");
    replied(Code::AccessAccept, on, |reply| {
        let microsoft = kind::vendor::MICROSOFT;
        reply
            .vendor(microsoft, kind::microsoft::MPPE_SEND_KEY, &send)
            .expect("room");
        reply
            .vendor(microsoft, kind::microsoft::MPPE_RECV_KEY, &receive)
            .expect("room");
        reply
            .vendor(microsoft, kind::microsoft::CHAP_MPPE_KEYS, v1)
            .expect("room");
        reply
            .attribute(kind::TUNNEL_PASSWORD, &[&[1][..], &tunnel].concat())
            .expect("room");
        reply
            .ipv4(kind::FRAMED_IP_ADDRESS, [192, 0, 2, 7].into())
            .expect("room");
        reply.text(kind::CLASS, "home").expect("room");
    })
}

#[test]
fn keys_are_hidden_anew_for_the_nas_and_only_for_it() {
    let request = access(|request| {
        request.text(kind::USER_NAME, "alice@isp").expect("room");
        request
            .attribute(kind::PROXY_STATE, b"of another proxy")
            .expect("room");
    });
    let on = sent_on(&request, None).expect("sent on");
    let reply = brought_back(&keys(&on), &request, Pass::All);
    let view = View::parse(&reply).expect("a packet");
    assert!(nas().check_reply_authenticator(&view, &NAS_AUTHENTICATOR));
    assert_eq!(
        nas().check_message_authenticator(&view, Some(&NAS_AUTHENTICATOR)),
        MessageAuthenticator::Valid
    );
    assert_eq!(view.identifier(), 9);
    let mut room = [0; HIDDEN_LEN_MAX];
    let microsoft = |kind| view.vendor(kind::vendor::MICROSOFT, kind).expect("a key");
    for (number, clear) in [
        (kind::microsoft::MPPE_SEND_KEY, 0xaa),
        (kind::microsoft::MPPE_RECV_KEY, 0xbb),
    ] {
        let hidden = microsoft(number);
        assert_eq!(
            reveal(&nas(), &NAS_AUTHENTICATOR, hidden, &mut room),
            Some(&[clear; 32][..])
        );
        assert_ne!(
            reveal(&home(), &HOME_AUTHENTICATOR, hidden, &mut room),
            Some(&[clear; 32][..])
        );
    }
    let mut pap = [0; password::PAP_LEN_MAX];
    let v1 = password::reveal_pap(
        &nas(),
        &NAS_AUTHENTICATOR,
        microsoft(kind::microsoft::CHAP_MPPE_KEYS),
        &mut pap,
    );
    assert_eq!(v1.map(|keys| &keys[..24]), Some(&[0xcc; 24][..]));
    let tunnel = view.first(kind::TUNNEL_PASSWORD).expect("a tunnel's password");
    assert_eq!(tunnel[0], 1, "the tag stays in the clear");
    assert_eq!(
        reveal(&nas(), &NAS_AUTHENTICATOR, &tunnel[1..], &mut room),
        Some(&b"l2tp secret"[..])
    );
    let states: Vec<_> = view
        .attributes()
        .filter(|attribute| attribute.kind == kind::PROXY_STATE)
        .map(|attribute| attribute.value)
        .collect();
    assert_eq!(states, [&b"of another proxy"[..]], "ours is gone, theirs stays");
}

#[test]
fn a_key_that_cannot_be_revealed_stays_behind() {
    let request = access(|request| request.text(kind::USER_NAME, "alice@isp").expect("room"));
    let on = sent_on(&request, None).expect("sent on");
    let reply = replied(Code::AccessAccept, &on, |reply| {
        let microsoft = kind::vendor::MICROSOFT;
        reply
            .vendor(microsoft, kind::microsoft::MPPE_SEND_KEY, b"no key")
            .expect("room");
        reply.attribute(kind::TUNNEL_PASSWORD, b"").expect("room");
        reply.text(kind::CLASS, "home").expect("room");
    });
    assert_eq!(
        kinds(&brought_back(&reply, &request, Pass::All)),
        [kind::MESSAGE_AUTHENTICATOR, kind::CLASS]
    );
}

#[test]
fn a_guest_brings_keys_and_no_address() {
    let request = access(|request| request.text(kind::USER_NAME, "alice@isp").expect("room"));
    let on = sent_on(&request, None).expect("sent on");
    let reply = brought_back(&keys(&on), &request, Pass::Roaming);
    assert_eq!(
        kinds(&reply),
        [
            kind::MESSAGE_AUTHENTICATOR,
            kind::VENDOR_SPECIFIC,
            kind::VENDOR_SPECIFIC,
            kind::VENDOR_SPECIFIC,
            kind::CLASS
        ]
    );
}

#[test]
fn a_reply_is_genuine_only_when_signed_twice() {
    let request = access(|request| request.text(kind::USER_NAME, "alice@isp").expect("room"));
    let on = sent_on(&request, None).expect("sent on");
    let (secret, other) = (home(), nas());
    let side = |secret, authenticator| Side {
        secret,
        authenticator,
    };
    let good = replied(Code::AccessReject, &on, |_| {});
    let view = View::parse(&good).expect("a packet");
    assert!(genuine(&view, side(&secret, &HOME_AUTHENTICATOR), false));
    assert!(
        !genuine(&view, side(&other, &HOME_AUTHENTICATOR), true),
        "another secret"
    );
    assert!(
        !genuine(&view, side(&secret, &NAS_AUTHENTICATOR), true),
        "another request"
    );
    let mut buf = [0; PACKET_LEN_MAX];
    let asked = View::parse(&on).expect("a packet");
    let unsigned = ReplyWriter::new(&mut buf, Code::AccessAccept, &asked).expect("a reply");
    let view = View::parse(unsigned.finish(&secret)).expect("a packet");
    assert!(
        !genuine(&view, side(&secret, &HOME_AUTHENTICATOR), false),
        "unsigned"
    );
    assert!(genuine(&view, side(&secret, &HOME_AUTHENTICATOR), true));
}

#[test]
fn accounting_goes_on_with_the_time_it_waited_and_without_secrets() {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).expect("room");
    writer.u32(kind::ACCT_STATUS_TYPE, 2).expect("room");
    writer.text(kind::USER_NAME, "alice@isp").expect("room");
    writer.u32(kind::ACCT_DELAY_TIME, 3).expect("room");
    writer.attribute(kind::USER_PASSWORD, &[1; 16]).expect("room");
    writer.attribute(kind::TUNNEL_PASSWORD, &[1; 19]).expect("room");
    let request = writer.finish(&nas()).to_vec();
    let (secret, mut out) = (home(), [0; PACKET_LEN_MAX]);
    let onward = Onward {
        secret: &secret,
        identifier: 77,
        authenticator: [0; 16],
        mark: &MARK,
        user_name: None,
    };
    let view = View::parse(&request).expect("a packet");
    let on = onward_accounting(&view, &onward, 60, &mut out).expect("sent on");
    let view = View::parse(on).expect("a packet");
    assert!(secret.check_request_authenticator(&view));
    assert_eq!(view.u32(kind::ACCT_DELAY_TIME), Some(63));
    assert_eq!(
        kinds(on),
        [
            kind::ACCT_STATUS_TYPE,
            kind::USER_NAME,
            kind::ACCT_DELAY_TIME,
            kind::PROXY_STATE
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_attributes_go_on_and_come_back_as_whole_packets(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::drive::hop(&octets);
    }
}
