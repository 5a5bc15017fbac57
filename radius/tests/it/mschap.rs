//! MS-CHAP of both versions: the examples of the standards, what FreeRADIUS answers, and what does not match.

use proptest::prelude::*;
use radius::mschap::{
    Failure, FailureCode, NtHash, Response, Response2, SessionKeys, Version, failure, mppe,
};
use radius::mschap::{response, v1, v2};
use radius::password::reveal_pap;
use radius::{Authenticator, SharedSecret, View, kind, salt};

use crate::drive;
use crate::vector::{value, vector};

/// Microsoft's number.
const MICROSOFT: u32 = kind::vendor::MICROSOFT;
/// The secret of all recorded packets.
const SECRET: &[u8] = b"xyzzy5461";
/// The example of version 2.
const V2: &str = "rfc2759/9.2-hash-example.values";
/// The example of version 1.
const V1: &str = "rfc2433/b.2-hash-example.values";

/// The challenges of [`V2`] with a response made for this name.
fn check_v2(hashed_name: &[u8], sent_name: &[u8]) -> bool {
    let (challenge, peer_challenge) = (value(V2, "AuthenticatorChallenge"), value(V2, "PeerChallenge"));
    let hash = NtHash::of("clientPass");
    let nt_response = v2::nt_response(&challenge, &peer_challenge, hashed_name, &hash);
    let response = Response2 {
        ident: 1,
        peer_challenge: &peer_challenge,
        nt_response: &nt_response,
    };
    v2::check(&challenge, &response, sent_name, &hash).is_some()
}

// -- Examples of the standards

#[test]
fn version_1_answers_as_in_rfc_2433() {
    let hash = NtHash::of("MyPw");
    assert_eq!(*hash.octets(), value(V1, "NtPasswordHash"));
    let (challenge, response) = (value(V1, "Challenge"), value(V1, "NtChallengeResponse"));
    assert_eq!(v1::nt_response(&challenge, &hash), response);
    assert!(v1::check(&challenge, &response, &hash));
    assert!(!v1::check(&challenge, &response, &NtHash::of("MyPW")));
    assert!(!v1::check(&[0; 8], &response, &hash));
}

#[test]
fn version_2_answers_as_in_rfc_2759() {
    let (challenge, peer_challenge) = (value(V2, "AuthenticatorChallenge"), value(V2, "PeerChallenge"));
    let hash = NtHash::of("clientPass");
    assert_eq!(*hash.octets(), value(V2, "PasswordHash"));
    let nt_response = value(V2, "NT-Response");
    assert_eq!(
        v2::nt_response(&challenge, &peer_challenge, b"User", &hash),
        nt_response
    );
    let response = Response2 {
        ident: 1,
        peer_challenge: &peer_challenge,
        nt_response: &nt_response,
    };
    let proof = v2::check(&challenge, &response, b"User", &hash).expect("it matches");
    assert_eq!(proof.success(), value(V2, "AuthenticatorResponse"));
    for (name, password) in [(&b"User"[..], "clientpass"), (b"user", "clientPass")] {
        assert!(v2::check(&challenge, &response, name, &NtHash::of(password)).is_none());
    }
}

#[test]
fn keys_of_version_2_are_those_of_rfc_3079() {
    let path = "rfc3079/3.5.3-128-bit-key.values";
    let (challenge, peer_challenge) = (
        value(path, "AuthenticatorChallenge"),
        value(path, "PeerChallenge"),
    );
    let response = Response2 {
        ident: 1,
        peer_challenge: &peer_challenge,
        nt_response: &value(path, "NT-Response"),
    };
    let proof = v2::check(&challenge, &response, b"User", &NtHash::of("clientPass")).expect("it matches");
    assert_eq!(*SessionKeys::derive(&proof).send, value(path, "SendStartKey128"));
}

#[test]
fn key_of_version_1_is_the_double_hash_of_rfc_3079() {
    let path = "rfc3079/2.5.3-128-bit-key.values";
    let hash = NtHash::of("clientPass");
    assert_eq!(*hash.octets(), value(path, "PasswordHash"));
    let keys = mppe::v1_keys(&hash);
    assert_eq!(keys[..8], [0; 8]);
    assert_eq!(keys[8..], value::<16>(path, "PasswordHashHash"));
}

// -- What FreeRADIUS answers

#[test]
fn accept_of_version_2_is_what_freeradius_sends() {
    let (request, reply) = (
        vector("freeradius/01-access-request.hex"),
        vector("freeradius/01-access-accept.hex"),
    );
    let (request, reply) = (View::parse(&request).unwrap(), View::parse(&reply).unwrap());
    let of = |view: &View<'_>, kind| view.vendor(MICROSOFT, kind).unwrap().to_vec();
    let value = of(&request, kind::microsoft::CHAP2_RESPONSE);
    let response = Response2::parse(&value).unwrap();
    let challenge = response::challenge(&request).unwrap();
    let name = request.first(kind::USER_NAME).unwrap();
    let proof = v2::check(challenge, &response, name, &NtHash::of("clientPass")).expect("it matches");
    let success = [&[response.ident][..], &proof.success()].concat();
    assert_eq!(of(&reply, kind::microsoft::CHAP2_SUCCESS), success);

    let (secret, keys) = (SharedSecret::new(SECRET), SessionKeys::derive(&proof));
    for (kind, key) in [
        (kind::microsoft::MPPE_SEND_KEY, keys.send),
        (kind::microsoft::MPPE_RECV_KEY, keys.receive),
    ] {
        let hidden = of(&reply, kind);
        let mut room = [0; salt::HIDDEN_LEN_MAX];
        let revealed = salt::reveal(&secret, request.authenticator(), &hidden, &mut room);
        assert_eq!(revealed, Some(&key[..]));
        let number = u16::from_be_bytes([hidden[0], hidden[1]]);
        let mut out = [0; salt::HIDDEN_LEN_MAX];
        let ours = salt::hide(
            &secret,
            request.authenticator(),
            salt::Salt::new(number),
            &*key,
            &mut out,
        );
        assert_eq!(ours, Some(&hidden[..]));
    }
}

#[test]
fn accept_of_version_1_is_what_freeradius_sends() {
    let (request, reply) = (
        vector("freeradius/03-access-request.hex"),
        vector("freeradius/03-access-accept.hex"),
    );
    let (request, reply) = (View::parse(&request).unwrap(), View::parse(&reply).unwrap());
    let value = request.vendor(MICROSOFT, kind::microsoft::CHAP_RESPONSE).unwrap();
    let nt_response = Response::parse(value).unwrap().nt_response.unwrap();
    let hash = NtHash::of("MyPw");
    assert!(v1::check(
        response::challenge(&request).unwrap(),
        nt_response,
        &hash
    ));
    let hidden = reply.vendor(MICROSOFT, kind::microsoft::CHAP_MPPE_KEYS).unwrap();
    let mut room = [0; 128];
    let keys = reveal_pap(
        &SharedSecret::new(SECRET),
        request.authenticator(),
        hidden,
        &mut room,
    );
    let padded = [&mppe::v1_keys(&hash)[..], &[0; 8]].concat();
    assert_eq!(keys, Some(&padded[..]));
}

#[test]
fn failures_read_like_those_of_freeradius() {
    let from = |path: &str| {
        let reply = vector(path);
        let reply = View::parse(&reply).unwrap();
        let error = reply.vendor(MICROSOFT, kind::microsoft::CHAP_ERROR).unwrap();
        (
            error[0],
            String::from_utf8(error[1..].to_vec()).unwrap().to_uppercase(),
        )
    };
    for (path, version, challenge_len) in [
        ("freeradius/02-access-reject.hex", Version::Two, 16),
        ("freeradius/04-access-reject.hex", Version::One, 8),
    ] {
        let (ident, text) = from(path);
        let (_, after) = text.split_once("C=").unwrap();
        let digits = &after.as_bytes()[..challenge_len * 2];
        let mut challenge = [0; 16];
        for (octet, pair) in challenge.iter_mut().zip(digits.chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        let failure = Failure {
            ident,
            version,
            code: FailureCode::Authentication,
            retry: true,
            challenge,
            message: "AUTHENTICATION REJECTED",
        };
        let mut out = [0; failure::FAILURE_LEN_MAX];
        assert_eq!(failure.write(&mut out), [&[ident][..], text.as_bytes()].concat());
    }
}

// -- Names, hashes, failures

#[test]
fn name_is_hashed_without_its_domain_or_else_whole() {
    //= https://www.rfc-editor.org/rfc/rfc2759#section-4
    //= type=test
    //# When computing
    //# the NT-Response field contents, only the user name is used, without
    //# any associated Windows NT domain name.
    assert!(check_v2(b"johndoe", b"BIGCO\\johndoe"));
    assert!(check_v2(b"BIGCO\\johndoe", b"BIGCO\\johndoe"));
    assert!(check_v2(b"bob@isp.example", b"bob@isp.example"));
    assert!(!check_v2(b"bob", b"bob@isp.example"));
    assert!(!check_v2(b"JOHNDOE", b"BIGCO\\johndoe"));
    assert!(check_v2(b"", b"BIGCO\\"));
}

#[test]
fn passwords_beyond_ascii_are_hashed_as_windows_does() {
    // MD4 over UTF-16 in little-endian octets, made with Python's codec and an MD4 of its own.
    for (password, hash) in [
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("пароль", "507e3ee80df7db7c1fdd8d50ae8db606"),
        ("key \u{1f511}", "32ac36b9d8ad345e0d94f00921fbf855"),
    ] {
        assert_eq!(NtHash::from_hex(hash), Some(NtHash::of(password)), "{password}");
    }
}

#[test]
fn hash_is_read_from_its_digits_and_from_nothing_else() {
    let hash = NtHash::of("clientPass");
    for text in [
        "44EBBA8D5312B8D611474411F56989AE",
        "44ebba8d5312b8d611474411f56989ae",
        "0x44ebba8d5312b8d611474411f56989ae",
    ] {
        assert_eq!(NtHash::from_hex(text).as_ref(), Some(&hash), "{text}");
    }
    for text in [
        "",
        "44",
        "44EBBA8D5312B8D611474411F56989A",
        "44EBBA8D5312B8D611474411F56989AEE",
        "44EBBA8D5312B8D611474411F56989AG",
        "44EBBA8D5312B8D611474411F56989AE00",
    ] {
        assert_eq!(NtHash::from_hex(text), None, "{text}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let hash = NtHash::of("clientPass");
    assert_eq!(format!("{hash:?}"), "REDACTED");
}

#[test]
fn lan_manager_response_alone_is_no_nt_response() {
    let mut value = [7; 50];
    value[1] = 0;
    assert_eq!(
        Response::parse(&value),
        Some(Response {
            ident: 7,
            nt_response: None
        })
    );
    value[1] = 1;
    assert_eq!(Response::parse(&value).unwrap().nt_response, Some(&[7; 24]));
}

#[test]
fn responses_of_another_length_are_refused() {
    for len in (0..120).filter(|len| *len != 50) {
        let value = vec![0; len];
        assert_eq!(Response::parse(&value), None, "{len}");
        assert_eq!(Response2::parse(&value), None, "{len}");
    }
}

#[test]
fn failure_too_long_for_an_attribute_is_cut_between_characters() {
    let failure = Failure {
        ident: 9,
        version: Version::Two,
        code: FailureCode::AccountDisabled,
        retry: false,
        challenge: [0xab; 16],
        message: &"é".repeat(200),
    };
    let mut out = [0; failure::FAILURE_LEN_MAX];
    let written = failure.write(&mut out);
    let text = std::str::from_utf8(&written[1..]).expect("whole characters");
    assert!(text.starts_with("E=647 R=0 C=ABABABABABABABABABABABABABABABAB V=3 M=é"));
    assert!(written.len() >= failure::FAILURE_LEN_MAX - 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_peer_that_knows_the_password_always_proves_it(
        challenge: [u8; 16],
        peer_challenge: [u8; 16],
        name in "[a-z@.]{0,40}",
        password in ".{0,40}",
        other in ".{0,40}",
    ) {
        let hash = NtHash::of(&password);
        let nt_response = v2::nt_response(&challenge, &peer_challenge, name.as_bytes(), &hash);
        let response = Response2 { ident: 0, peer_challenge: &peer_challenge, nt_response: &nt_response };
        prop_assert!(v2::check(&challenge, &response, name.as_bytes(), &hash).is_some());
        let other = NtHash::of(&other);
        prop_assert_eq!(v2::check(&challenge, &response, name.as_bytes(), &other).is_some(), other == hash);
    }

    /// Microsoft's attributes of about the right length, in any combination, get further than random octets.
    #[test]
    fn random_microsoft_attributes_are_read_or_refused(
        attributes in prop::collection::vec(
            (
                prop::sample::select(vec![1_u8, 2, 11, 12, 16, 17, 25, 26, 27]),
                prop::sample::select(vec![0_usize, 1, 8, 16, 18, 34, 49, 50, 51, 242]),
                any::<u8>(),
            ),
            0..8,
        ),
        authenticator: Authenticator,
    ) {
        let mut octets = [&[1, 7, 0, 0][..], &authenticator].concat();
        for (kind, len, fill) in attributes {
            octets.extend([26, u8::try_from(len + 8).unwrap(), 0, 0, 1, 0x37, kind, u8::try_from(len + 2).unwrap()]);
            octets.extend(vec![fill; len]);
        }
        let [.., high, low] = octets.len().to_be_bytes();
        octets[2] = high;
        octets[3] = low;
        prop_assert_eq!(drive::packet(&octets), Ok(()));
    }
}
