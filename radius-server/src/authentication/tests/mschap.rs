//! MS-CHAP of both versions: what is accepted and with which keys, what is refused and with which error.

use super::*;
use radius::kind::microsoft;
use radius::kind::vendor::MICROSOFT;
use radius::mschap::{NtHash, Response2, SessionKeys, mppe, v1, v2};
use radius::password::reveal_pap;
use radius::salt;

/// The challenge of the NAS.
const CHALLENGE: [u8; 16] = [0x21; 16];
/// The challenge of the peer.
const PEER_CHALLENGE: [u8; 16] = [0x43; 16];
/// PPP's identifier.
const IDENT: u8 = 77;

/// A request with these sub-attributes of Microsoft.
fn ask_with(identifier: u8, username: &str, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    plain(identifier).build(|writer, _secret| {
        writer.text(kind::USER_NAME, username).expect("room");
        for (kind, value) in attributes {
            writer.vendor(MICROSOFT, *kind, value).expect("room");
        }
    })
}

/// A login by version 1.
fn one(identifier: u8, username: &str, password: &str) -> Vec<u8> {
    let challenge = *CHALLENGE.first_chunk::<8>().expect("long enough");
    let nt_response = v1::nt_response(&challenge, &NtHash::of(password));
    let value = [&[IDENT, 1][..], &[0; 24], &nt_response].concat();
    let attributes = [
        (microsoft::CHAP_CHALLENGE, &challenge[..]),
        (microsoft::CHAP_RESPONSE, &value),
    ];
    ask_with(identifier, username, &attributes)
}

/// A login by version 2 of a peer that hashes `name`.
fn two_as(identifier: u8, username: &str, name: &str, password: &str) -> Vec<u8> {
    let nt_response = v2::nt_response(
        &CHALLENGE,
        &PEER_CHALLENGE,
        name.as_bytes(),
        &NtHash::of(password),
    );
    let value = [&[IDENT, 0][..], &PEER_CHALLENGE, &[0; 8], &nt_response].concat();
    let attributes = [
        (microsoft::CHAP_CHALLENGE, &CHALLENGE[..]),
        (microsoft::CHAP2_RESPONSE, &value),
    ];
    ask_with(identifier, username, &attributes)
}

/// A login by version 2.
fn two(identifier: u8, username: &str, password: &str) -> Vec<u8> {
    two_as(identifier, username, username, password)
}

/// One of Microsoft's attributes of a reply, as a number.
fn number(reply: &View<'_>, kind: u8) -> Option<u32> {
    let value = reply.vendor(MICROSOFT, kind)?;
    Some(u32::from_be_bytes(value.try_into().expect("four octets")))
}

/// The text of MS-CHAP-Error, whose identifier must be that of the response.
#[track_caller]
fn error_of(desk: &mut Desk, request: &[u8]) -> String {
    let answered = desk.ask(request);
    let reply = answered.verified(request);
    assert_eq!(reply.code(), Code::AccessReject);
    let error = reply
        .vendor(MICROSOFT, microsoft::CHAP_ERROR)
        .expect("an MS-CHAP-Error");
    assert_eq!(error[0], IDENT);
    String::from_utf8(error[1..].to_vec()).expect("text")
}

// -- Accepted

#[test]
fn version_2_is_accepted_with_the_proof_and_both_keys() {
    let mut desk = Desk::new();
    let request = two(1, "alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), Code::AccessAccept);
    assert_eq!(
        reply.u32(kind::SESSION_TIMEOUT),
        Some(3_600),
        "the plan's attributes, too"
    );

    let hash = NtHash::of(PASSWORD);
    let nt_response = v2::nt_response(&CHALLENGE, &PEER_CHALLENGE, b"alice@demo", &hash);
    let response = Response2 {
        ident: IDENT,
        peer_challenge: &PEER_CHALLENGE,
        nt_response: &nt_response,
    };
    let proof = v2::check(&CHALLENGE, &response, b"alice@demo", &hash).expect("it matches");
    let success = [&[IDENT][..], &proof.success()].concat();
    assert_eq!(
        reply.vendor(MICROSOFT, microsoft::CHAP2_SUCCESS),
        Some(&success[..])
    );

    let keys = SessionKeys::derive(&proof);
    let mut salts = Vec::new();
    for (kind, key) in [
        (microsoft::MPPE_SEND_KEY, &keys.send),
        (microsoft::MPPE_RECV_KEY, &keys.receive),
    ] {
        let hidden = reply.vendor(MICROSOFT, kind).expect("a key");
        let mut room = [0; salt::HIDDEN_LEN_MAX];
        let revealed = salt::reveal(&SharedSecret::new(SECRET), &[1; 16], hidden, &mut room);
        assert_eq!(revealed, Some(&key[..]));
        salts.push(&hidden[..2]);
    }
    assert_ne!(salts[0], salts[1]);
    assert_eq!(number(&reply, microsoft::MPPE_ENCRYPTION_POLICY), Some(1));
    assert_eq!(number(&reply, microsoft::MPPE_ENCRYPTION_TYPES), Some(6));
    let decision = answered.decision.as_ref().expect("a decision");
    let words = "MS-CHAPv2: the response matches the stored password";
    assert!(
        decision.steps.iter().any(|step| step.found.words() == words),
        "{decision:#?}"
    );
}

#[test]
fn version_1_is_accepted_with_its_keys_for_128_bits_only() {
    let mut desk = Desk::new();
    let request = one(1, "alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), Code::AccessAccept);
    let hidden = reply.vendor(MICROSOFT, microsoft::CHAP_MPPE_KEYS).expect("keys");
    let mut room = [0; 128];
    let keys = reveal_pap(&SharedSecret::new(SECRET), &[1; 16], hidden, &mut room).expect("whole blocks");
    assert_eq!(keys[..24], mppe::v1_keys(&NtHash::of(PASSWORD))[..]);
    assert_eq!(number(&reply, microsoft::MPPE_ENCRYPTION_TYPES), Some(4));
    assert_eq!(reply.vendor(MICROSOFT, microsoft::CHAP2_SUCCESS), None);
    let words = "MS-CHAP: the response matches the stored password";
    desk.check(&one(2, "alice@demo", PASSWORD), Outcome::Accepted, words);
}

#[test]
fn a_domain_before_the_name_is_not_hashed() {
    let mut desk = Desk::with(|_, alice| alice.username = "DEMO\\alice".into());
    let words = "MS-CHAPv2: the response matches the stored password";
    let request = two_as(1, "DEMO\\alice", "alice", PASSWORD);
    desk.check(&request, Outcome::Accepted, words);
    desk.check(&two(2, "DEMO\\alice", PASSWORD), Outcome::Accepted, words);
}

#[test]
fn a_stored_nt_hash_is_as_good_as_the_password() {
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::NtHash(NtHash::of(PASSWORD)));
    for (identifier, request) in [
        (1, one(1, "alice@demo", PASSWORD)),
        (2, two(2, "alice@demo", PASSWORD)),
    ] {
        let answered = desk.ask(&request);
        assert_eq!(
            answered.verified(&request).code(),
            Code::AccessAccept,
            "{identifier}"
        );
    }
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    let words = "MS-CHAP: the response was made from another password";
    desk.check(&one(3, "alice@demo", "wrong horse"), wrong, words);
}

#[test]
fn a_login_without_ms_chap_gets_none_of_its_attributes() {
    let mut desk = Desk::new();
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    let microsoft = reply
        .attributes()
        .filter_map(|attribute| attribute.vendor())
        .filter(|(vendor, _)| *vendor == MICROSOFT);
    assert_eq!(microsoft.count(), 0);
}

#[test]
fn policy_and_types_of_the_subscriber_replace_the_usual_ones() {
    let own = |kind: u8, value: u8| [26, 12, 0, 0, 1, 0x37, kind, 6, 0, 0, 0, value];
    let required = [
        own(microsoft::MPPE_ENCRYPTION_POLICY, 2),
        own(microsoft::MPPE_ENCRYPTION_TYPES, 4),
    ]
    .concat();
    let mut desk = Desk::with(|_, alice| alice.reply = required.into());
    let request = two(1, "alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(number(&reply, microsoft::MPPE_ENCRYPTION_POLICY), Some(2));
    assert_eq!(number(&reply, microsoft::MPPE_ENCRYPTION_TYPES), Some(4));
    assert!(reply.vendor(MICROSOFT, microsoft::MPPE_SEND_KEY).is_some());

    let none = own(microsoft::MPPE_ENCRYPTION_TYPES, 0);
    let mut desk = Desk::with(|_, alice| alice.reply = none.into());
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    for kind in [
        microsoft::MPPE_SEND_KEY,
        microsoft::MPPE_RECV_KEY,
        microsoft::MPPE_ENCRYPTION_POLICY,
    ] {
        assert_eq!(reply.vendor(MICROSOFT, kind), None, "{kind}");
    }
    assert!(
        reply.vendor(MICROSOFT, microsoft::CHAP2_SUCCESS).is_some(),
        "the proof is no key"
    );
}

// -- Refused

#[test]
fn a_wrong_password_may_be_tried_again_with_a_fresh_challenge() {
    let mut desk = Desk::new();
    let first = error_of(&mut desk, &two(1, "alice@demo", "wrong horse"));
    let (before, after) = first.split_at("E=691 R=1 C=".len());
    let (challenge, rest) = after.split_at(32);
    assert_eq!((before, rest), ("E=691 R=1 C=", " V=3 M=Login incorrect"));
    let second = error_of(&mut desk, &two(2, "alice@demo", "wrong horse"));
    assert!(!second.contains(challenge), "{challenge} was offered twice");

    let version_1 = error_of(&mut desk, &one(3, "alice@demo", "wrong horse"));
    assert_eq!(version_1.len(), "E=691 R=1 C=0123456789ABCDEF V=2".len());
    assert!(version_1.starts_with("E=691 R=1 C=") && version_1.ends_with(" V=2"));
}

#[test]
fn a_stranger_reads_the_same_as_a_wrong_password() {
    let mut desk = Desk::new();
    let mut shape = |request: &[u8]| {
        let error = error_of(&mut desk, request);
        let (code, rest) = error.split_once(" C=").expect("a challenge");
        (code.to_owned(), rest[32..].to_owned())
    };
    let wrong = shape(&two(1, "alice@demo", "wrong horse"));
    assert_eq!(shape(&two(2, "mallory", "wrong horse")), wrong);
}

#[test]
fn only_who_knows_the_password_learns_that_the_service_is_disabled() {
    for state in [
        ServiceState::Suspended { reason: "".into() },
        ServiceState::Terminated,
    ] {
        let mut desk = Desk::with(|_, alice| alice.state = state);
        for (identifier, request) in [
            (1, one(1, "alice@demo", PASSWORD)),
            (2, two(2, "alice@demo", PASSWORD)),
        ] {
            let error = error_of(&mut desk, &request);
            assert!(error.starts_with("E=647 R=0 "), "{identifier}: {error}");
        }
        let error = error_of(&mut desk, &two(3, "alice@demo", "guess"));
        assert!(error.starts_with("E=691 R=1 "), "{error}");
    }
    let mut desk = Desk::with(|_, alice| alice.expires_at_unix_s = Some(1_600_000_000));
    let error = error_of(&mut desk, &two(1, "alice@demo", PASSWORD));
    assert!(
        error.starts_with("E=647 R=0 ") && error.ends_with("M=Service expired, please contact your provider"),
        "{error}"
    );
}

#[test]
fn without_randomness_there_is_no_second_try() {
    let mut desk = Desk::new();
    desk.pipeline.entropy = no_entropy;
    let error = error_of(&mut desk, &two(1, "alice@demo", "wrong horse"));
    assert_eq!(
        error,
        "E=691 R=0 C=00000000000000000000000000000000 V=3 M=Login incorrect"
    );
}

#[test]
fn what_is_not_offered_is_refused_and_said() {
    let mut desk = Desk::new();
    let unsupported = Outcome::Rejected(RejectReason::UnsupportedMethod);
    let lan_manager = [&[IDENT, 0][..], &[7; 48]].concat();
    let attributes = [
        (microsoft::CHAP_CHALLENGE, &[1; 8][..]),
        (microsoft::CHAP_RESPONSE, &lan_manager),
    ];
    let request = ask_with(1, "alice@demo", &attributes);
    let error = error_of(&mut desk, &request);
    assert!(error.starts_with("E=691 R=0 "), "{error}");
    let words = "MS-CHAP: a LAN Manager response without an NT response, which is not accepted here";
    desk.check(&ask_with(2, "alice@demo", &attributes), unsupported, words);

    let changed = [&[7, IDENT][..], &[0; 66]].concat();
    let attributes = [(microsoft::CHAP2_CPW, &changed[..])];
    let error = error_of(&mut desk, &ask_with(3, "alice@demo", &attributes));
    assert!(error.starts_with("E=709 R=0 "), "{error}");
    let words = "MS-CHAP: the peer changes its password, which is not offered here";
    desk.check(&ask_with(4, "alice@demo", &attributes), unsupported, words);
}

#[test]
fn responses_and_challenges_of_another_length_are_malformed() {
    let mut desk = Desk::new();
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    let (short, long) = ([IDENT; 49], [IDENT; 51]);
    let one = "MS-CHAP: MS-CHAP-Response is not 50 octets long, or MS-CHAP-Challenge is not 8 octets long";
    let two =
        "MS-CHAPv2: MS-CHAP2-Response is not 50 octets long, or MS-CHAP-Challenge is not 16 octets long";
    let (eight, sixteen) = ([1; 8], [1; 16]);
    let response = [1; 50];
    let cases: [(u8, &[u8], &[u8], &str); 6] = [
        (microsoft::CHAP_RESPONSE, &short, &eight, one),
        (microsoft::CHAP_RESPONSE, &long, &eight, one),
        (microsoft::CHAP_RESPONSE, &response, &sixteen, one),
        (microsoft::CHAP2_RESPONSE, &short, &sixteen, two),
        (microsoft::CHAP2_RESPONSE, &[], &sixteen, two),
        (microsoft::CHAP2_RESPONSE, &response, &eight, two),
    ];
    for (identifier, (kind, value, challenge, words)) in (1..).zip(cases) {
        let attributes = [(kind, value), (microsoft::CHAP_CHALLENGE, challenge)];
        desk.check(&ask_with(identifier, "alice@demo", &attributes), wrong, words);
    }
}

#[test]
fn a_stored_password_that_is_no_text_is_named() {
    let latin = crate::directory::Secret::new(b"caf\xe9");
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::Clear(latin));
    let words = "MS-CHAP: the stored password is not UTF-8 text, so no response can be made from it";
    let unfit = Outcome::Rejected(RejectReason::CredentialUnfit);
    desk.check(&two(1, "alice@demo", "café"), unfit, words);
}

#[test]
fn a_subscriber_without_password_cannot_log_in_by_ms_chap() {
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::None);
    let refused = Outcome::Rejected(RejectReason::NoCredential);
    let words = "no password is stored for this subscriber";
    desk.check(&two(1, "alice@demo", ""), refused, words);
    desk.check(&one(2, "alice@demo", ""), refused, words);
}

#[test]
fn a_reply_that_does_not_fit_is_an_ms_chap_failure_too() {
    let mut desk = Desk::with(|_, alice| {
        let one = [&[kind::FRAMED_ROUTE, 255][..], &[b'x'; 253]].concat();
        alice.reply = one.repeat(20).into();
    });
    let error = error_of(&mut desk, &two(1, "alice@demo", PASSWORD));
    assert!(error.starts_with("E=649 R=0 "), "{error}");
}
