//! The dictionary: its tables are consistent, text becomes octets, octets become text, secrets stay secret.

use std::collections::BTreeSet;

use proptest::prelude::*;
use radius::dictionary::{self, DataType, ValueError, by_name, by_number, show};
use radius::{View, attribute, kind};

/// Encodes a value by attribute name.
#[track_caller]
fn encode(name: &str, text: &str) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    by_name(name)
        .unwrap_or_else(|| panic!("no attribute {name}"))
        .encode(text, &mut out)
        .map(|()| out)
}

#[test]
fn names_and_numbers_are_unique_and_found_both_ways() {
    let mut names = BTreeSet::new();
    for definition in dictionary::all() {
        assert!(
            names.insert(definition.name.to_ascii_lowercase()),
            "{} is there twice",
            definition.name
        );
        let found = by_number(definition.vendor, definition.kind).unwrap();
        assert_eq!(found.name, definition.name, "tables must be sorted by number");
        assert_eq!(
            by_name(&definition.name.to_ascii_uppercase()).unwrap().name,
            definition.name
        );
    }
    assert!(names.len() > 200, "the tables shrank to {}", names.len());
}

#[test]
fn value_names_are_unique_and_found_both_ways() {
    for definition in dictionary::all() {
        for (name, number) in definition.values {
            assert_eq!(definition.value_name(*number), Some(*name), "{}", definition.name);
            assert_eq!(
                definition.value_number(&name.to_ascii_lowercase()),
                Some(*number),
                "{}",
                definition.name
            );
        }
    }
}

#[test]
fn numbers_in_the_code_are_the_dictionarys() {
    let pairs = [
        (kind::USER_NAME, "User-Name"),
        (kind::FRAMED_POOL, "Framed-Pool"),
        (kind::SESSION_TIMEOUT, "Session-Timeout"),
        (kind::ACCT_INTERIM_INTERVAL, "Acct-Interim-Interval"),
        (kind::EVENT_TIMESTAMP, "Event-Timestamp"),
        (kind::MESSAGE_AUTHENTICATOR, "Message-Authenticator"),
        (kind::CHARGEABLE_USER_IDENTITY, "Chargeable-User-Identity"),
        (kind::NAS_IPV6_ADDRESS, "NAS-IPv6-Address"),
        (kind::DELEGATED_IPV6_PREFIX, "Delegated-IPv6-Prefix"),
        (kind::FRAMED_IPV6_ADDRESS, "Framed-IPv6-Address"),
        (kind::ERROR_CAUSE, "Error-Cause"),
        (kind::ACCT_MULTI_SESSION_ID, "Acct-Multi-Session-Id"),
        (kind::NAS_PORT_ID, "NAS-Port-Id"),
    ];
    for (number, name) in pairs {
        assert_eq!(by_number(0, number).map(|definition| definition.name), Some(name));
    }
    let rate_limit = by_name("Mikrotik-Rate-Limit").unwrap();
    assert_eq!(
        (rate_limit.vendor, rate_limit.kind),
        (kind::vendor::MIKROTIK, kind::mikrotik::RATE_LIMIT)
    );
    let up = by_name("WISPr-Bandwidth-Max-Up").unwrap();
    assert_eq!(
        (up.vendor, up.kind),
        (kind::vendor::WISPR, kind::wispr::BANDWIDTH_MAX_UP)
    );
}

#[test]
fn text_becomes_whole_attributes() {
    assert_eq!(
        encode("Session-Timeout", "86400"),
        Ok(vec![27, 6, 0, 1, 0x51, 0x80])
    );
    assert_eq!(encode("session-timeout", " 0x10 "), Ok(vec![27, 6, 0, 0, 0, 16]));
    assert_eq!(encode("Framed-Protocol", "ppp"), Ok(vec![7, 6, 0, 0, 0, 1]));
    assert_eq!(encode("Framed-Pool", "gold"), Ok(b"\x58\x06gold".to_vec()));
    assert_eq!(
        encode("Framed-IP-Address", "198.51.100.7"),
        Ok(vec![8, 6, 198, 51, 100, 7])
    );
    assert_eq!(encode("Class", "0x00ff"), Ok(vec![25, 4, 0, 0xff]));
    assert_eq!(encode("Class", "gold"), Ok(b"\x19\x06gold".to_vec()));
    assert_eq!(encode("Event-Timestamp", "256"), Ok(vec![55, 6, 0, 0, 1, 0]));
    assert_eq!(
        encode("Framed-Interface-Id", "0:a:0:1"),
        Ok(vec![96, 10, 0, 0, 0, 0xa, 0, 0, 0, 1])
    );
    let prefix = [&[97, 20, 0, 48, 0x20, 0x01, 0x0d, 0xb8, 0, 1][..], &[0; 10]].concat();
    assert_eq!(encode("Framed-IPv6-Prefix", "2001:db8:1::ffff/48"), Ok(prefix));
    let address = [&[168, 18, 0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[1]].concat();
    assert_eq!(encode("Framed-IPv6-Address", "2001:db8::1"), Ok(address));
}

#[test]
fn text_becomes_whole_vendor_attributes() {
    let rate = [&[26, 15, 0, 0, 0x3a, 0x8c, 8, 9][..], b"20M/50M"].concat();
    assert_eq!(encode("Mikrotik-Rate-Limit", "20M/50M"), Ok(rate));
    let up = vec![26, 12, 0, 0, 0x37, 0x2a, 7, 6, 0x01, 0x31, 0x2d, 0];
    assert_eq!(encode("WISPr-Bandwidth-Max-Up", "20000000"), Ok(up));
}

#[test]
fn tags_are_taken_from_the_text() {
    assert_eq!(encode("Tunnel-Type", "VLAN"), Ok(vec![64, 6, 0, 0, 0, 13]));
    assert_eq!(encode("Tunnel-Type", ":1:VLAN"), Ok(vec![64, 6, 1, 0, 0, 13]));
    assert_eq!(
        encode("Tunnel-Private-Group-Id", "250"),
        Ok(b"\x51\x05250".to_vec())
    );
    assert_eq!(
        encode("Tunnel-Private-Group-Id", ":31:250"),
        Ok(b"\x51\x06\x1f250".to_vec())
    );
    assert_eq!(
        encode("Tunnel-Private-Group-Id", ":32:250"),
        Ok(b"\x51\x09:32:250".to_vec())
    );
    assert_eq!(show(0, 64, &[1, 0, 0, 13]), "Tunnel-Type:1 = VLAN");
    assert_eq!(show(0, 81, b"250"), "Tunnel-Private-Group-Id = \"250\"");
    assert_eq!(show(0, 81, b"\x02250"), "Tunnel-Private-Group-Id:2 = \"250\"");
}

#[test]
fn text_that_fits_no_value_says_what_would() {
    let message = |name: &str, text: &str| encode(name, text).unwrap_err().to_string();
    assert_eq!(
        message("Session-Timeout", "1h"),
        "Session-Timeout takes a number from 0 to 4294967295, found \"1h\""
    );
    assert_eq!(
        message("Termination-Action", "Maybe"),
        "Termination-Action takes a number from 0 to 4294967295 or one of Default, RADIUS-Request, found \"Maybe\""
    );
    assert_eq!(
        message("Framed-Pool", &"x".repeat(254)),
        "Framed-Pool holds at most 253 octets, found 254"
    );
    assert_eq!(
        message("Mikrotik-Address-List", &"x".repeat(248)),
        "Mikrotik-Address-List holds at most 247 octets, found 248"
    );
    assert_eq!(
        message("User-Password", "x"),
        "User-Password cannot be set: it is made with the shared secret of the NAS"
    );
}

#[test]
fn bad_texts_are_refused() {
    for (name, text) in [
        ("Session-Timeout", "-1"),
        ("Session-Timeout", "4294967296"),
        ("Session-Timeout", ""),
        ("Framed-IP-Address", "198.51.100"),
        ("Framed-IPv6-Prefix", "2001:db8::/129"),
        ("Framed-IPv6-Prefix", "2001:db8::/x"),
        ("Framed-Interface-Id", "1:2:3"),
        ("Framed-Interface-Id", "1:2:3:4:5"),
        ("Class", "0x0"),
        ("Class", "0xzz"),
        ("Vendor-Specific", "text"),
        ("Tunnel-Type", "16777216"),
        ("Event-Timestamp", "yesterday"),
    ] {
        assert!(
            matches!(encode(name, text), Err(ValueError::Unreadable { .. })),
            "{name} = {text}"
        );
    }
}

#[test]
fn octets_become_lines() {
    assert_eq!(show(0, 46, &17_u32.to_be_bytes()), "Acct-Session-Time = 17");
    assert_eq!(
        show(0, 40, &3_u32.to_be_bytes()),
        "Acct-Status-Type = Interim-Update"
    );
    assert_eq!(show(0, 40, &99_u32.to_be_bytes()), "Acct-Status-Type = 99");
    assert_eq!(show(0, 40, &[1]), "Acct-Status-Type = 0x01");
    assert_eq!(show(0, 1, b"nemo"), "User-Name = \"nemo\"");
    assert_eq!(show(0, 1, b"ne\nmo\0"), "User-Name = \"ne\\nmo\\0\"");
    assert_eq!(show(0, 1, b"\xff"), "User-Name = 0xff");
    assert_eq!(show(0, 8, &[192, 0, 2, 1]), "Framed-IP-Address = 192.0.2.1");
    assert_eq!(show(0, 241, &[1, 2]), "Attr-241 = 0x0102");
    assert_eq!(show(14988, 8, b"1M/2M"), "Mikrotik-Rate-Limit = \"1M/2M\"");
    assert_eq!(show(99999, 3, b"\x07"), "Attr-26.99999.3 = 0x07");
    assert_eq!(
        show(0, 96, &[0, 0, 0, 10, 0, 0, 0, 1]),
        "Framed-Interface-Id = 0:a:0:1"
    );
    assert_eq!(
        show(0, 97, &[0, 32, 0x20, 0x01, 0x0d, 0xb8]),
        "Framed-IPv6-Prefix = 2001:db8::/32"
    );
    assert_eq!(show(0, 97, &[0, 129]), "Framed-IPv6-Prefix = 0x0081");
}

#[test]
fn vendor_specific_shows_what_is_inside() {
    let two = [&[0, 0, 0x3a, 0x8c, 8, 7][..], b"1M/2M", &[3, 4], b"ab"].concat();
    assert_eq!(
        show(0, 26, &two),
        "Mikrotik-Rate-Limit = \"1M/2M\", Mikrotik-Group = \"ab\""
    );
    assert_eq!(
        show(0, 26, &[0, 0, 0x3a, 0x8c, 8, 9, 1]),
        "Vendor-Specific = 0x00003a8c080901"
    );
    assert_eq!(show(0, 26, &[0, 0]), "Vendor-Specific = 0x0000");
}

#[test]
fn secrets_are_never_shown() {
    let secret = b"arctangent-arctangent";
    for definition in dictionary::all() {
        let hides = matches!(definition.data_type, DataType::Hidden | DataType::SecretText);
        let shown = show(definition.vendor, definition.kind, secret);
        assert_eq!(
            shown == format!("{} = REDACTED", definition.name),
            hides,
            "{shown}"
        );
    }
    for name in [
        "User-Password",
        "CHAP-Password",
        "EAP-Message",
        "Tunnel-Password",
        "MS-MPPE-Recv-Key",
        "MS-CHAP2-Response",
    ] {
        assert_eq!(by_name(name).unwrap().data_type, DataType::Hidden, "{name}");
    }
    assert_eq!(
        by_name("Mikrotik-Wireless-PSK").unwrap().data_type,
        DataType::SecretText
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is encoded is one attribute that says its definition's number and shows the value again.
    #[test]
    fn encoded_values_are_read_back(
        definition in prop::sample::select(dictionary::all().collect::<Vec<_>>()),
        text in prop_oneof!["\\PC{0,60}", "[0-9]{1,12}", "0x([0-9a-f]{2}){0,9}", "[0-9a-f:]{2,12}/[0-9]{1,3}"],
    ) {
        let mut out = vec![1, 2];
        match definition.encode(&text, &mut out) {
            Err(_) => prop_assert_eq!(out, [1, 2]),
            Ok(()) => {
                let mut packet = vec![2, 0, 0, u8::try_from(18 + out.len()).unwrap()];
                packet.extend([0; 16]);
                packet.extend(&out[2..]);
                let view = View::parse(&packet).unwrap();
                prop_assert_eq!(view.attributes().count(), 1);
                let value = match definition.vendor {
                    0 => view.first(definition.kind),
                    vendor => view.vendor(vendor, definition.kind),
                };
                prop_assert!(value.is_some_and(|value| value.len() <= attribute::VALUE_LEN_MAX));
                let shown = show(definition.vendor, definition.kind, value.unwrap_or_default());
                prop_assert!(shown.contains(" = "), "{}", shown);
            }
        }
    }
}
