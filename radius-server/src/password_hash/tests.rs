//! Hashes made by others: `openssl passwd` (OpenSSL 3.0), crypt(3) of Debian 12 through Perl, Python's hashlib.

use super::*;

/// The password of all hashes but one.
const PASSWORD: &[u8] = b"open sesame";

#[test]
fn hashes_of_others_verify_and_no_other_password_does() {
    for (text, kind) in [
        ("$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/", HashKind::Md5Crypt),
        (
            "$5$saltsalt$yrhPKxCqiWcCE9h0g86j6Ugz7SDFdFm.BjU.d8RaQnC",
            HashKind::Sha256Crypt,
        ),
        (
            "$6$saltsalt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1",
            HashKind::Sha512Crypt,
        ),
        (
            "$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/6wQWgQnGo7lLg/",
            HashKind::Sha512Crypt,
        ),
        (
            "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
            HashKind::Bcrypt,
        ),
        (
            "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
            HashKind::Bcrypt,
        ),
        ("{MD5}VO827HEgH9+dFCP9Jvl/aw==", HashKind::Md5),
        ("{SMD5}OEuAlZfJKEc6Z58vD8ldPQECc2FsdA==", HashKind::Smd5),
        ("{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=", HashKind::Sha1),
        ("{SSHA}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=", HashKind::Ssha1),
    ] {
        let hash = PasswordHash::parse(text).expect(text);
        assert_eq!(hash.kind(), kind, "{text}");
        assert!(hash.verify(PASSWORD), "{text}");
        assert!(!hash.verify(b"open sesamf"), "{text}");
        assert!(!hash.verify(b""), "{text}");
        assert_eq!(hash.expose(), text);
        assert!(!format!("{hash:?}").contains(&text[4..]), "{hash:?}");
        assert!(!hash.cost().is_empty());
    }
    let long = PasswordHash::parse("$1$x$g0A1itADwLmGkwEx7iYzl0").expect("a hash");
    assert!(long.verify(b"a much longer password than sixteen octets are"));
}

#[test]
fn a_hash_of_ours_verifies_and_says_what_it_costs() {
    let hash = PasswordHash::argon2id_salted(PASSWORD, &[7; 16]).expect("made");
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(hash.verify(PASSWORD));
    assert!(!hash.verify(b"open sesamf"));
    assert_eq!(
        hash.cost(),
        "Argon2id: 19 MiB of memory, 2 passes; some 42 ms the first time, then from memory"
    );
}

#[test]
fn freeradius_writes_digests_in_two_ways() {
    for (kind, value) in [
        (HashKind::Md5, "54ef36ec71201fdf9d1423fd26f97f6b"),
        (HashKind::Md5, "0x54ef36ec71201fdf9d1423fd26f97f6b"),
        (HashKind::Md5, "VO827HEgH9+dFCP9Jvl/aw=="),
        (HashKind::Md5, "{MD5}VO827HEgH9+dFCP9Jvl/aw=="),
        (HashKind::Smd5, "384b809597c928473a679f2f0fc95d3d010273616c74"),
        (HashKind::Sha1, "5bcaff7f22ff533ca099b3408ead876c0ebba9a7"),
        (
            HashKind::Ssha1,
            "0ffee3952427da2d9d9427e8c1a9908fa6323c13010273616c74",
        ),
        (HashKind::Ssha1, "D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ="),
    ] {
        let hash = PasswordHash::of_digest(kind, value).expect(value);
        assert_eq!(hash.kind(), kind);
        assert!(hash.verify(PASSWORD), "{value}");
    }
    let refused = PasswordHash::of_digest(HashKind::Sha1, "54ef36ec71201fdf9d1423fd26f97f6b");
    assert_eq!(refused, Err(HashError::Malformed { kind: HashKind::Sha1 }));
}

#[test]
fn what_would_keep_everybody_waiting_is_refused() {
    let digest = "e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1";
    for text in [
        format!("$6$rounds=999999999$saltsalt${digest}"),
        "$2b$31$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW".to_owned(),
        "$argon2id$v=19$m=1048576,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$uf7mZ1kZt4iKz7hJ0uBNeJ2cm7uhSxJUTvYF6JFzSPo"
            .to_owned(),
        "$argon2id$v=19$m=19456,t=200,p=1$BwcHBwcHBwcHBwcHBwcHBw$uf7mZ1kZt4iKz7hJ0uBNeJ2cm7uhSxJUTvYF6JFzSPo"
            .to_owned(),
    ] {
        let refused = PasswordHash::parse(&text).expect_err(&text);
        assert!(
            matches!(refused, HashError::TooCostly { .. }),
            "{text}: {refused}"
        );
        assert!(!refused.to_string().contains("salt"), "{refused}");
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    for text in [
        "",
        "open sesame",
        "$7$x$y",
        "$2x$05$abc",
        "ab1234567890.",
        "{X}abc",
    ] {
        assert_eq!(PasswordHash::parse(text), Err(HashError::Unknown), "{text}");
    }
    for text in [
        "$1$",
        "$1$salt$short",
        "$1$saltsaltsalt$9qMkHazuSy1Q8myEum7yb/",
        "$6$saltsalt",
        "$6$rounds=x$saltsalt$abc",
        "$5$salt:salt$yrhPKxCqiWcCE9h0g86j6Ugz7SDFdFm.BjU.d8RaQnC",
        "$2b$05$short",
        "$argon2id$v=19$m=19456,t=2,p=1",
        "{MD5}AAAA",
        "{MD5}OEuAlZfJKEc6Z58vD8ldPQECc2FsdA==",
        "{SSHA}W8r/fyL/UzygmbNAjq2HbA67qac=",
        "{SHA}not base64",
    ] {
        let refused = PasswordHash::parse(text).expect_err(text);
        assert!(
            matches!(refused, HashError::Malformed { .. }),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn two_hashes_of_one_password_differ() {
    let [one, other] = [(); 2].map(|()| PasswordHash::argon2id(PASSWORD).expect("random octets"));
    assert_ne!(one, other);
}

#[test]
fn an_nt_hash_is_read_in_two_ways() {
    let hash = NtHash::of("open sesame");
    let digits: String = hash.octets().iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(nt_hash(&digits), Some(hash.clone()));
    assert_eq!(nt_hash(&format!("0x{digits}")), Some(hash.clone()));
    assert_eq!(nt_hash(&STANDARD.encode(hash.octets())), Some(hash));
    assert_eq!(nt_hash("open sesame"), None);
}

#[test]
fn every_kind_has_its_place() {
    for (at, kind) in HashKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, at);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in r"(\$(argon2id|2b|6|5|1)\$|\{S?(MD5|SHA)\})?[ -~]{0,80}") {
        if let Ok(hash) = PasswordHash::parse(&text) {
            proptest::prop_assert_eq!(hash.expose(), text);
        }
    }
}
