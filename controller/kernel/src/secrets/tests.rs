//! What a sealed value withstands, and what the key file must look like.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const CONTEXT: &str = "access.nas/0198c0de-0000-7000-8000-000000000001/secret";
const OTHER_ROW: &str = "access.nas/0198c0de-0000-7000-8000-000000000002/secret";

fn sealer(octet: u8) -> Sealer {
    Sealer::from_key([octet; KEY_OCTETS])
}

#[test]
fn what_was_sealed_opens_in_its_own_row() {
    let sealer = sealer(1);
    for clear in [&b""[..], b"testing123", &[0xff; 128], &[7; CLEAR_OCTETS_MAX]] {
        let sealed = sealer.seal(CONTEXT, clear).expect("seals");
        assert!(is_sealed(&sealed));
        assert_eq!(sealer.open(CONTEXT, &sealed).expect("opens").as_slice(), clear);
    }
}

#[test]
fn a_longest_password_fits_the_column_of_radcheck() {
    assert!(sealer(1).seal(CONTEXT, &[b'x'; 128]).expect("seals").len() <= 512);
}

#[test]
fn sealing_twice_gives_different_texts() {
    let sealer = sealer(1);
    assert_ne!(
        sealer.seal(CONTEXT, b"same").expect("seals"),
        sealer.seal(CONTEXT, b"same").expect("seals")
    );
}

#[test]
fn a_value_moved_to_another_row_does_not_open() {
    let sealer = sealer(1);
    let sealed = sealer.seal(CONTEXT, b"testing123").expect("seals");
    assert!(
        matches!(sealer.open(OTHER_ROW, &sealed), Err(SecretError::DoesNotOpen { context }) if context == OTHER_ROW)
    );
}

#[test]
fn no_octet_can_be_changed_unnoticed() {
    let sealer = sealer(1);
    let sealed = sealer.seal(CONTEXT, b"testing123").expect("seals");
    let octets = BASE64.decode(&sealed[PREFIX.len()..]).expect("base64");
    for at in 0..octets.len() {
        let mut changed = octets.clone();
        changed[at] ^= 1;
        let text = format!("{PREFIX}{}", BASE64.encode(&changed));
        match sealer.open(CONTEXT, &text) {
            Err(SecretError::ForeignKey { .. }) if at < KEY_ID_OCTETS => {}
            Err(SecretError::DoesNotOpen { .. }) if at >= KEY_ID_OCTETS => {}
            other => panic!("octet {at} changed: {other:?}"),
        }
    }
}

#[test]
fn another_key_is_named_by_its_id_and_not_by_its_octets() {
    let sealed = sealer(1).seal(CONTEXT, b"testing123").expect("seals");
    let error = sealer(2).open(CONTEXT, &sealed).expect_err("another key");
    let message = error.to_string();
    assert!(matches!(error, SecretError::ForeignKey { .. }));
    assert!(message.contains(&sealer(1).key_id().to_string()), "{message}");
    assert!(message.contains(&sealer(2).key_id().to_string()), "{message}");
    assert!(
        !message.contains("01010101") && !message.contains("testing123"),
        "{message}"
    );
}

#[test]
fn what_is_not_sealed_is_an_error_and_no_panic() {
    let short = format!(
        "{PREFIX}{}",
        BASE64.encode([0; KEY_ID_OCTETS + NONCE_OCTETS + TAG_OCTETS - 1])
    );
    for text in [
        "",
        "testing123",
        "sealed:1:",
        "sealed:1:####",
        "sealed:2:AAAA",
        &short,
    ] {
        assert!(
            matches!(sealer(1).open(CONTEXT, text), Err(SecretError::NotSealed { .. })),
            "{text}"
        );
    }
}

#[test]
fn more_than_the_bound_is_refused() {
    let clear = vec![0; CLEAR_OCTETS_MAX + 1];
    assert!(matches!(
        sealer(1).seal(CONTEXT, &clear),
        Err(SecretError::TooLong { .. })
    ));
}

#[test]
fn the_first_start_makes_a_key_file_for_its_owner_alone_and_the_second_finds_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Sealer::from_source(&KeySource::own(dir.path())).expect("creates");
    let file = dir.path().join("master.key");
    let mode = std::fs::metadata(&file).expect("the file").permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("lists").count(),
        1,
        "nothing unfinished stays behind"
    );
    let second = Sealer::from_source(&KeySource::own(dir.path())).expect("reads");
    let sealed = first.seal(CONTEXT, b"testing123").expect("seals");
    assert_eq!(
        second.open(CONTEXT, &sealed).expect("opens").as_slice(),
        b"testing123"
    );
}

#[test]
fn starts_at_the_same_time_agree_on_one_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let ids: Vec<KeyId> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    Sealer::from_source(&KeySource::own(dir.path()))
                        .expect("a key")
                        .key_id()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().expect("no panic"))
            .collect()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    Sealer::from_source(&KeySource::own(dir.path())).expect("creates");
    let file = dir.path().join("master.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    let error = Sealer::from_source(&KeySource::own(dir.path())).expect_err("exposed");
    assert!(
        matches!(error, SecretError::KeyExposed { mode: 0o640, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("chmod 600"));
}

#[test]
fn a_key_may_be_given_as_base64_or_hexadecimal_and_nothing_else() {
    let hexadecimal = "2a".repeat(KEY_OCTETS);
    let base64 = base64::engine::general_purpose::STANDARD.encode([0x2a; KEY_OCTETS]);
    let read = |text: &str| Sealer::from_source(&KeySource::Text(Zeroizing::new(text.to_owned())));
    assert_eq!(
        read(&hexadecimal).expect("hexadecimal").key_id(),
        sealer(0x2a).key_id()
    );
    assert_eq!(
        read(&format!(" {base64}\n")).expect("base64").key_id(),
        sealer(0x2a).key_id()
    );
    for text in ["", "hunter2-hunter2", &hexadecimal[2..], &"zz".repeat(KEY_OCTETS)] {
        let error = read(text).expect_err("no key");
        assert!(matches!(error, SecretError::KeyMalformed { .. }));
        assert!(
            text.is_empty() || !error.to_string().contains(text),
            "the error repeats the key"
        );
    }
}

#[test]
fn a_given_key_file_must_exist() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("credential");
    let error = Sealer::from_source(&KeySource::Given(missing.clone())).expect_err("missing");
    assert!(
        matches!(error, SecretError::KeyUnreadable { doing: "read", ref path, .. } if *path == missing),
        "{error}"
    );
    assert!(!missing.exists(), "a given key is never created");
}

#[test]
fn a_redacted_value_shows_nowhere() {
    let secret = Redacted::new("hunter2".to_owned());
    let shown = format!(
        "{secret:?} {secret} {}",
        serde_json::to_string(&secret).expect("serializes")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(secret.reveal(), "hunter2");
    assert!(
        !format!(
            "{:?} {:?}",
            sealer(0x2a),
            KeySource::Text(Zeroizing::new("2a2a".into()))
        )
        .contains("2a2a")
    );
}
