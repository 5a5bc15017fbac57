//! Realms in user names.

use proptest::prelude::*;
use radius::nai::{LABEL_LEN_MAX, Nai, REALM_LEN_MAX, RealmError, Spelling, check_realm, same_realm};

/// Asserts what a user name is split into.
#[track_caller]
fn check(user_name: &str, user: &str, realm: &str, spelling: Spelling) {
    let nai = Nai {
        user,
        realm,
        spelling,
    };
    assert_eq!(Nai::parse(user_name), Ok(Some(nai)), "{user_name}");
}

#[test]
fn three_spellings_name_a_realm() {
    check("alice@isp.example", "alice", "isp.example", Spelling::Suffix);
    check("isp\\alice", "alice", "isp", Spelling::Prefix);
    check("alice%isp", "alice", "isp", Spelling::Percent);
}

#[test]
fn the_stronger_separator_counts_and_of_several_at_signs_the_last() {
    check("a@b@c", "a@b", "c", Spelling::Suffix);
    check("CORP\\alice@isp", "CORP\\alice", "isp", Spelling::Suffix);
    check("alice%home@isp", "alice%home", "isp", Spelling::Suffix);
    check("isp\\a\\b", "a\\b", "isp", Spelling::Prefix);
    check("isp\\a%b", "a%b", "isp", Spelling::Prefix);
}

#[test]
fn a_user_who_hides_his_name_keeps_his_realm() {
    check("@isp.example", "", "isp.example", Spelling::Suffix);
}

#[test]
fn a_name_without_a_separator_names_no_realm() {
    for plain in ["alice", "", "02:00:5e:00:00:01", "host/pc.isp.example"] {
        assert_eq!(Nai::parse(plain), Ok(None), "{plain}");
    }
}

#[test]
fn examples_of_the_standard_are_read_as_it_says() {
    // RFC 7542 section 2.10, and 2.11 for what it calls invalid.
    for valid in [
        "bob",
        "joe@example.com",
        "fred@foo-9.example.com",
        "jack@3rd.depts.example.com",
        "fred.smith@example.com",
        "fred_smith@example.com",
        "fred$@example.com",
        "fred=?#$&*+-/^smith@example.com",
        "nancy@eng.example.net",
        "eng.example.net!nancy@example.net",
        "eng%nancy@example.net",
        "@privatecorp.example.net",
        "alice@xn--tmonesimerkki-bfbb.example.net",
        "alice@tömönësimërkki.example.net",
    ] {
        assert!(Nai::parse(valid).is_ok(), "{valid}");
    }
    for (invalid, why) in [
        ("fred@example_9.com", RealmError::Character),
        ("fred@.com", RealmError::Label),
        ("fred@example..com", RealmError::Label),
        ("fred@", RealmError::Empty),
    ] {
        assert_eq!(Nai::parse(invalid), Err(why), "{invalid}");
    }
}

#[test]
fn realms_have_the_lengths_of_domain_names() {
    let label = "a".repeat(LABEL_LEN_MAX);
    assert_eq!(check_realm(&label), Ok(()));
    assert_eq!(check_realm(&format!("{label}a")), Err(RealmError::Label));
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!((longest.len(), check_realm(&longest)), (REALM_LEN_MAX, Ok(())));
    let len = longest.len() + 1;
    assert_eq!(
        check_realm(&format!("{longest}a")),
        Err(RealmError::TooLong { len })
    );
    assert_eq!(check_realm("-a"), Err(RealmError::Label));
    assert_eq!(check_realm("a-.b"), Err(RealmError::Label));
    assert_eq!(check_realm("a b"), Err(RealmError::Character));
}

#[test]
fn ascii_letters_of_a_realm_count_alike() {
    assert!(same_realm("ISP.Example", "isp.example"));
    assert!(!same_realm("isp.example", "isp.example."));
    assert!(!same_realm("Ö.example", "ö.example"), "only ASCII is folded");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_split_is_whole(text in "\\PC{0,40}") {
        crate::drive::nai(text.as_bytes());
    }

    #[test]
    fn a_realm_put_behind_a_name_is_found_again(user in "[a-z%\\\\@]{0,12}", realm in "[a-z]{1,9}(\\.[a-z0-9]{1,9}){0,3}") {
        let name = format!("{user}@{realm}");
        let nai = Nai { user: &user, realm: &realm, spelling: Spelling::Suffix };
        prop_assert_eq!(Nai::parse(&name), Ok(Some(nai)));
    }
}
