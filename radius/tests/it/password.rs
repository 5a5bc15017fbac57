//! PAP and CHAP: what matches, what does not, and what tells that the secrets differ.

use proptest::prelude::*;
use radius::mschap::NtHash;
use radius::password::{check_chap, check_pap, check_pap_nt_hash, hide_pap, reveal_pap};
use radius::{Authenticator, PapCheck, SharedSecret};

const REQUEST: Authenticator = [0x0f; 16];

/// Hides `clear` with one secret and checks it with another against `expected`.
#[track_caller]
fn check(clear: &[u8], hide_with: &[u8], check_with: &[u8], expected: &[u8]) -> PapCheck {
    let mut room = [0; 128];
    let hidden = hide_pap(&SharedSecret::new(hide_with), &REQUEST, clear, &mut room).unwrap();
    check_pap(&SharedSecret::new(check_with), &REQUEST, hidden, expected)
}

#[test]
fn passwords_of_every_length_match_themselves_and_no_other() {
    for len in 0..=128 {
        let clear = vec![b'p'; len];
        assert_eq!(check(&clear, b"s", b"s", &clear), PapCheck::Match, "{len}");
        assert_eq!(
            check(&clear, b"s", b"s", &[clear.as_slice(), b"x"].concat()),
            PapCheck::Mismatch,
            "{len}"
        );
        if len > 0 {
            assert_eq!(
                check(&clear, b"s", b"s", &clear[1..]),
                PapCheck::Mismatch,
                "{len}"
            );
        }
    }
}

#[test]
fn password_is_compared_with_its_nt_hash_as_with_itself() {
    let (secret, mut room) = (SharedSecret::new(b"s"), [0; 128]);
    for (clear, expected) in [
        ("clientPass".as_bytes(), PapCheck::Match),
        ("clientPasS".as_bytes(), PapCheck::Mismatch),
        (b"", PapCheck::Mismatch),
        (b"\xff\xfe", PapCheck::Garbled),
    ] {
        let hidden = hide_pap(&secret, &REQUEST, clear, &mut room).unwrap();
        let hash = NtHash::of("clientPass");
        assert_eq!(
            check_pap_nt_hash(&secret, &REQUEST, hidden, &hash),
            expected,
            "{clear:?}"
        );
    }
    assert_eq!(
        check_pap_nt_hash(&secret, &REQUEST, &[0; 17], &NtHash::of("")),
        PapCheck::Malformed
    );
}

#[test]
fn password_in_utf_8_is_text() {
    assert_eq!(
        check("пароль ключ".as_bytes(), b"s", b"s", b"other"),
        PapCheck::Mismatch
    );
}

#[test]
fn password_that_is_no_text_is_garbled_unless_it_matches() {
    for clear in [
        &b"\xff\xfe"[..],
        b"with\x07bell",
        b"nul\0inside",
        "c1 \u{85} control".as_bytes(),
    ] {
        assert_eq!(check(clear, b"s", b"s", b"other"), PapCheck::Garbled, "{clear:?}");
        assert_eq!(check(clear, b"s", b"s", clear), PapCheck::Match, "{clear:?}");
    }
}

#[test]
fn another_secret_garbles_practically_every_password() {
    // 2000 wrong secrets, and a chance of a few in a million each.
    for number in 0..2000_u32 {
        let wrong = number.to_be_bytes();
        assert_eq!(
            check(b"arctangent", b"xyzzy5461", &wrong, b"arctangent"),
            PapCheck::Garbled,
            "{number}"
        );
    }
}

#[test]
fn hidden_password_of_odd_length_is_malformed() {
    let secret = SharedSecret::new(b"s");
    for len in [0, 1, 15, 17, 31, 127, 129, 144, 253] {
        let hidden = vec![0; len];
        assert_eq!(
            check_pap(&secret, &REQUEST, &hidden, b"x"),
            PapCheck::Malformed,
            "{len}"
        );
        assert_eq!(
            reveal_pap(&secret, &REQUEST, &hidden, &mut [0; 128]),
            None,
            "{len}"
        );
    }
}

#[test]
fn password_above_128_octets_is_not_hidden() {
    assert_eq!(
        hide_pap(&SharedSecret::new(b"s"), &REQUEST, &[b'p'; 129], &mut [0; 128]),
        None
    );
}

#[test]
fn chap_password_of_odd_length_is_no_answer() {
    for len in [0, 1, 16, 18] {
        assert_eq!(check_chap(&vec![0; len], &REQUEST, b"x"), None, "{len}");
    }
    assert_eq!(check_chap(&[0; 17], &REQUEST, b"x"), Some(false));
}

#[test]
fn chap_response_is_right_for_its_challenge_only() {
    // MD5 over 0x2a, "secret", "challenge", computed with Python's hashlib.
    let digest = [
        0xe0, 0xec, 0x19, 0x41, 0xe1, 0xee, 0xdd, 0x79, 0xad, 0xa1, 0x64, 0x76, 0x80, 0x47, 0x4f, 0x79,
    ];
    let response = [&[0x2a][..], &digest].concat();
    assert_eq!(check_chap(&response, b"challenge", b"secret"), Some(true));
    assert_eq!(check_chap(&response, b"challengf", b"secret"), Some(false));
    assert_eq!(check_chap(&response, b"challenge", b"secreu"), Some(false));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_hidden_octets_get_an_answer(hidden in prop::collection::vec(any::<u8>(), 0..300), expected in "\\PC{0,140}") {
        let checked = check_pap(&SharedSecret::new(b"s"), &REQUEST, &hidden, expected.as_bytes());
        let well_formed = (16..=128).contains(&hidden.len()) && hidden.len() % 16 == 0;
        prop_assert_eq!(checked == PapCheck::Malformed, !well_formed);
    }
}
