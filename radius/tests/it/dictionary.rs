//! The dictionary: its tables are consistent, text becomes octets, octets become text, secrets stay secret.

use std::collections::BTreeSet;

use proptest::prelude::*;
use radius::dictionary::source::FILES_MAX;
use radius::dictionary::{Dictionary, DictionaryError, Hiding, Oid, STANDARD, ValueError};
use radius::{View, attribute, kind};

use crate::independent::skipped;

/// Encodes a value by attribute name.
#[track_caller]
fn encode(name: &str, text: &str) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    let definition = STANDARD
        .by_name(name)
        .unwrap_or_else(|| panic!("no attribute {name}"));
    STANDARD.encode(definition, text, &mut out).map(|()| out)
}

#[test]
fn names_and_numbers_are_unique_and_found_both_ways() {
    let (mut names, mut last) = (BTreeSet::new(), None);
    for definition in STANDARD.all() {
        assert!(
            names.insert(definition.name.to_ascii_lowercase()),
            "{} is there twice",
            definition.name
        );
        assert!(last < Some(definition.oid), "{} is out of order", definition.name);
        last = Some(definition.oid);
        assert_eq!(STANDARD.by_oid(&definition.oid), Some(definition));
        let shouted = definition.name.to_ascii_uppercase();
        assert_eq!(STANDARD.by_name(&shouted), Some(definition));
        assert_eq!(definition.oid.to_string().parse(), Ok(definition.oid));
    }
    assert!(names.len() > 3_000, "the tables shrank to {}", names.len());
}

#[test]
fn the_makes_an_isp_has_are_there() {
    for vendor in [
        "Mikrotik",
        "Cisco",
        "Juniper",
        "ERX",
        "Huawei",
        "Alcatel-Lucent-Service-Router",
        "ZTE",
        "Accel-PPP",
        "WISPr",
        "Microsoft",
        "ADSL-Forum",
        "Ruckus",
        "Aruba",
        "Cambium",
        "Calix",
        "Ericsson-AB",
        "H3C",
        "FreeRADIUS",
        "Ubiquiti",
    ] {
        let known = STANDARD.vendors().find(|known| known.name == vendor);
        let known = known.unwrap_or_else(|| panic!("no vendor {vendor}"));
        assert_eq!(STANDARD.vendor(known.number), Some(known));
        let attributes = STANDARD
            .all()
            .filter(|definition| definition.vendor() == known.number);
        assert!(attributes.count() > 0, "{vendor} has no attributes");
    }
}

#[test]
fn value_names_are_found_both_ways() {
    for definition in STANDARD.all() {
        for value in &*definition.values {
            let shouted = value.name.to_ascii_uppercase();
            assert_eq!(
                definition.value_number(&shouted),
                Some(value.number),
                "{}",
                definition.name
            );
            let name = definition.value_name(value.number).unwrap();
            assert_eq!(
                definition.value_number(name),
                Some(value.number),
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
        assert_eq!(
            STANDARD.by_number(0, number).map(|definition| &*definition.name),
            Some(name)
        );
    }
    let rate_limit = STANDARD.by_name("Mikrotik-Rate-Limit").unwrap();
    assert_eq!(
        rate_limit.oid,
        Oid::of_number(kind::vendor::MIKROTIK, kind::mikrotik::RATE_LIMIT)
    );
    let up = STANDARD.by_name("WISPr-Bandwidth-Max-Up").unwrap();
    assert_eq!(
        up.oid,
        Oid::of_number(kind::vendor::WISPR, kind::wispr::BANDWIDTH_MAX_UP)
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
    assert_eq!(STANDARD.show(0, 64, &[1, 0, 0, 13]), "Tunnel-Type:1 = VLAN");
    assert_eq!(STANDARD.show(0, 81, b"250"), "Tunnel-Private-Group-Id = \"250\"");
    assert_eq!(
        STANDARD.show(0, 81, b"\x02250"),
        "Tunnel-Private-Group-Id:2 = \"250\""
    );
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
    assert_eq!(
        STANDARD.show(0, 46, &17_u32.to_be_bytes()),
        "Acct-Session-Time = 17"
    );
    assert_eq!(
        STANDARD.show(0, 40, &3_u32.to_be_bytes()),
        "Acct-Status-Type = Interim-Update"
    );
    assert_eq!(
        STANDARD.show(0, 40, &99_u32.to_be_bytes()),
        "Acct-Status-Type = 99"
    );
    assert_eq!(STANDARD.show(0, 40, &[1]), "Acct-Status-Type = 0x01");
    assert_eq!(STANDARD.show(0, 1, b"nemo"), "User-Name = \"nemo\"");
    assert_eq!(STANDARD.show(0, 1, b"ne\nmo\0"), "User-Name = \"ne\\nmo\\0\"");
    assert_eq!(STANDARD.show(0, 1, b"\xff"), "User-Name = 0xff");
    assert_eq!(
        STANDARD.show(0, 8, &[192, 0, 2, 1]),
        "Framed-IP-Address = 192.0.2.1"
    );
    assert_eq!(STANDARD.show(0, 240, &[1, 2]), "Attr-240 = 0x0102");
    assert_eq!(
        STANDARD.show(14988, 8, b"1M/2M"),
        "Mikrotik-Rate-Limit = \"1M/2M\""
    );
    assert_eq!(STANDARD.show(99999, 3, b"\x07"), "Attr-26.99999.3 = 0x07");
    assert_eq!(
        STANDARD.show(0, 96, &[0, 0, 0, 10, 0, 0, 0, 1]),
        "Framed-Interface-Id = 0:a:0:1"
    );
    assert_eq!(
        STANDARD.show(0, 97, &[0, 32, 0x20, 0x01, 0x0d, 0xb8]),
        "Framed-IPv6-Prefix = 2001:db8::/32"
    );
    assert_eq!(STANDARD.show(0, 97, &[0, 129]), "Framed-IPv6-Prefix = 0x0081");
}

#[test]
fn vendor_specific_shows_what_is_inside() {
    let two = [&[0, 0, 0x3a, 0x8c, 8, 7][..], b"1M/2M", &[3, 4], b"ab"].concat();
    assert_eq!(
        STANDARD.show(0, 26, &two),
        "Mikrotik-Rate-Limit = \"1M/2M\", Mikrotik-Group = \"ab\""
    );
    assert_eq!(
        STANDARD.show(0, 26, &[0, 0, 0x3a, 0x8c, 8, 9, 1]),
        "Vendor-Specific = 0x00003a8c080901"
    );
    assert_eq!(STANDARD.show(0, 26, &[0, 0]), "Vendor-Specific = 0x0000");
}

#[test]
fn secrets_are_never_shown() {
    let secret = b"arctangent-arctangent";
    for definition in STANDARD.all() {
        let hides = definition.flags.hiding != Hiding::None;
        let shown = STANDARD.show_at(&definition.oid, secret);
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
        assert!(STANDARD.by_name(name).unwrap().flags.hiding.is_made(), "{name}");
    }
    assert_eq!(
        STANDARD.by_name("Mikrotik-Wireless-PSK").unwrap().flags.hiding,
        Hiding::Secret
    );
}

/// Encodes a value by attribute name of a dictionary with this file laid over.
#[track_caller]
fn encode_with(file: &str, name: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let dictionary = dictionary_of(file).unwrap();
    let definition = dictionary.by_name(name).unwrap();
    dictionary.encode(definition, text, &mut out).unwrap();
    out
}

/// A dictionary with one file laid over ours.
fn dictionary_of(file: &str) -> Result<Dictionary, DictionaryError> {
    let mut include = |_: &str, wanted: &str| match wanted {
        "other" => Ok(("other".to_owned(), "ATTRIBUTE Other 250 string".to_owned())),
        "self" => Ok(("self".to_owned(), "$INCLUDE self".to_owned())),
        _ => Err(format!("there is no file {wanted}")),
    };
    Dictionary::with([("test".to_owned(), file.to_owned())], &mut include)
}

#[test]
fn a_vendors_format_decides_how_its_attributes_stand() {
    // USR: four octets of type, no length. Lucent: two and one. Starent: two and two.
    assert_eq!(
        encode("USR-Last-Number-Dialed-Out", "1"),
        Ok(vec![26, 11, 0, 0, 0x01, 0xad, 0, 0, 0, 0x66, b'1'])
    );
    assert_eq!(
        encode("Lucent-Max-Shared-Users", "2"),
        Ok(vec![26, 13, 0, 0, 0x12, 0xee, 0, 2, 7, 0, 0, 0, 2])
    );
    assert_eq!(
        encode("SN-VPN-Name", "red"),
        Ok(b"\x1a\x0d\x00\x00\x1f\xe4\x00\x02\x00\x07red".to_vec())
    );
}

#[test]
fn a_wimax_value_goes_on_in_the_next_attribute() {
    let long = "x".repeat(300);
    let octets = encode_with(
        "VENDOR Longwinded 99999 format=1,1,c\nBEGIN-VENDOR Longwinded\nATTRIBUTE Long 1 string\nEND-VENDOR Longwinded",
        "Long",
        &long,
    );
    assert_eq!(octets[..9], [26, 255, 0, 1, 0x86, 0x9f, 1, 249, 0x80]);
    assert_eq!(octets[255..255 + 9], [26, 63, 0, 1, 0x86, 0x9f, 1, 57, 0]);
    assert_eq!(octets.len(), 255 + 63);
    assert_eq!(octets.iter().filter(|octet| **octet == b'x').count(), 300);
}

#[test]
fn attributes_stand_inside_others_and_in_extended_space() {
    assert_eq!(
        encode("WiMAX-Release", "1.0"),
        Ok(b"\x1a\x0e\x00\x00\x60\xb5\x01\x08\x00\x01\x051.0".to_vec())
    );
    assert_eq!(encode("Frag-Status", "1"), Ok(vec![241, 7, 1, 0, 0, 0, 1]));
    assert_eq!(
        encode("FreeRADIUS-802.1X-Anonce", "0x01"),
        Ok(vec![245, 10, 26, 0, 0, 0, 0x2c, 0x50, 1, 1])
    );
    let long = encode("DHCPv4-Options", &format!("0x{}", "ab".repeat(300))).unwrap();
    assert_eq!(
        (long[..4].to_vec(), long[255..259].to_vec()),
        (vec![245, 255, 4, 0x80], vec![245, 53, 4, 0])
    );
    assert_eq!(long.len(), 300 + 2 * 4);
}

#[test]
fn the_numbers_of_an_attribute_are_written_with_dots() {
    let rate = STANDARD.by_oid(&"26.14988.8".parse().unwrap()).unwrap();
    assert_eq!((&*rate.name, rate.vendor()), ("Mikrotik-Rate-Limit", 14988));
    for wrong in ["", "a", "1.", ".1", "1.2.3.4.5.6.7.8.9", "-1", "4294967296"] {
        assert!(wrong.parse::<Oid>().is_err(), "{wrong:?}");
    }
}

#[test]
fn an_operators_file_adds_a_vendor_values_and_types() {
    let file = "
        VENDOR Example 99999          # a comment
        BEGIN-VENDOR Example
        ATTRIBUTE Example-Speed 1 short array
        VALUE Example-Speed Fast 0x10
        ATTRIBUTE Example-More 2 tlv
        BEGIN-TLV Example-More
        ATTRIBUTE Example-Inside 3 ether
        END-TLV Example-More
        ATTRIBUTE Example-Key 4 octets[2] secret
        END-VENDOR Example
        VALUE Service-Type Example-Service 4711
        $INCLUDE other
    ";
    let dictionary = dictionary_of(file).unwrap();
    let shown = |oid: &str, value: &[u8]| dictionary.show_at(&oid.parse().unwrap(), value);
    assert_eq!(shown("26.99999.1", &[0, 16]), "Example-Speed = Fast");
    assert_eq!(shown("26.99999.4", &[1, 2]), "Example-Key = REDACTED");
    assert_eq!(
        shown("6", &4711_u32.to_be_bytes()),
        "Service-Type = Example-Service"
    );
    assert_eq!(shown("6", &2_u32.to_be_bytes()), "Service-Type = Framed-User");
    assert_eq!(shown("250", b"x"), "Other = \"x\"");
    assert_eq!(
        encode_with(file, "Example-Inside", "02:00:5e:00:00:01"),
        [26, 16, 0, 1, 0x86, 0x9f, 2, 10, 3, 8, 2, 0, 0x5e, 0, 0, 1]
    );
    assert_eq!(STANDARD.by_name("Example-Speed"), None);
}

#[test]
fn an_attribute_of_two_names_shows_the_last_and_has_its_values_under_both() {
    let file = "
        ATTRIBUTE Old-Name 250 integer
        ATTRIBUTE New-Name 250 integer
        VALUE Old-Name One 1
    ";
    let dictionary = dictionary_of(file).unwrap();
    assert_eq!(dictionary.show(0, 250, &[0, 0, 0, 1]), "New-Name = One");
    for name in ["Old-Name", "New-Name"] {
        assert_eq!(encode_with(file, name, "one"), [250, 6, 0, 0, 0, 1]);
    }
}

#[test]
fn a_fingerprint_changes_with_what_attributes_mean() {
    let of = |file: &str| dictionary_of(file).unwrap().fingerprint();
    let first = of("ATTRIBUTE A 250 integer");
    assert_eq!(first, of("# the same\nATTRIBUTE  A  250  integer"));
    assert_eq!(of(""), STANDARD.fingerprint());
    for other in [
        "",
        "ATTRIBUTE A 250 string",
        "ATTRIBUTE B 250 integer",
        "ATTRIBUTE A 250 integer\nVALUE A One 1",
        "ATTRIBUTE A 250 integer\nVENDOR V 9 format=2,2",
    ] {
        assert_ne!(first, of(other), "{other}");
    }
}

#[test]
fn what_means_nothing_here_is_noted_and_not_refused() {
    let file = "
        ATTRIBUTE My-Local 3000 integer
        VALUE My-Local One 1
        ATTRIBUTE My-Virtual 250 string virtual
        BEGIN-PROTOCOL RADIUS
        $INCLUDE- missing
        ATTRIBUTE My-Own 251 integer
        ATTRIBUTE User-Name 2 string
    ";
    let dictionary = dictionary_of(file).unwrap();
    assert_eq!(
        dictionary.notes(),
        [
            "test line 2: My-Local is never in a packet",
            "test line 4: My-Virtual is never in a packet",
            "test line 5: BEGIN-PROTOCOL RADIUS means nothing here",
            "test line 6: there is no file missing",
            "test line 8: User-Name has number 1 already, not 2",
        ]
    );
    assert!(dictionary.by_name("My-Local").is_none());
    assert!(dictionary.by_name("My-Own").is_some());
}

#[test]
fn files_without_end_are_refused() {
    let many = "$INCLUDE other\n".repeat(FILES_MAX);
    let refused = dictionary_of(&many).unwrap_err().to_string();
    assert_eq!(refused, "dictionary other: more than 1000 files are included");
}

/// FreeRADIUS's own tables are the largest there are; every line of them is understood.
#[test]
fn freeradius_tables_are_read_where_they_are_installed() {
    let root = std::path::Path::new("/usr/share/freeradius/dictionary");
    let read = |path: &std::path::Path| {
        let octets = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((
            path.display().to_string(),
            String::from_utf8_lossy(&octets).into_owned(),
        ))
    };
    let Ok(file) = read(root) else {
        skipped(&format!("{} is not there", root.display()));
        return;
    };
    let dictionary = Dictionary::with([file], &mut |from, wanted| {
        let beside = std::path::Path::new(from).parent().unwrap();
        read(&beside.join(wanted))
    });
    let dictionary = dictionary.unwrap_or_else(|error| panic!("{error}"));
    assert!(dictionary.all().count() > STANDARD.all().count());
}

#[test]
fn a_bad_file_is_refused_by_file_and_line() {
    for (file, why) in [
        (
            "ATTRIBUTE A 1",
            "dictionary test line 1: ATTRIBUTE begins no line of a dictionary, or words are missing",
        ),
        (
            "\nATTRIBUTE A 250 strange",
            "dictionary test line 2: strange is no data type",
        ),
        (
            "ATTRIBUTE A 241.256 string",
            "dictionary test line 1: no packet can carry attribute 241.256",
        ),
        (
            "ATTRIBUTE A 250 string wide",
            "dictionary test line 1: wide is no flag of an attribute",
        ),
        (
            "VALUE Nobody Knows 1",
            "dictionary test line 1: VALUE Knows belongs to Nobody, which no file defines",
        ),
        (
            "BEGIN-VENDOR Nobody",
            "dictionary test line 1: there is no VENDOR Nobody above",
        ),
        (
            "BEGIN-VENDOR Cisco",
            "dictionary test: BEGIN-VENDOR Cisco is never ended",
        ),
        (
            "END-VENDOR Cisco",
            "dictionary test line 1: there is no BEGIN-VENDOR Cisco above",
        ),
        (
            "BEGIN-TLV User-Name",
            "dictionary test line 1: User-Name is no tlv",
        ),
        (
            "BEGIN-VENDOR Cisco\nATTRIBUTE A 256 string",
            "dictionary test line 2: no packet can carry attribute 26.9.256",
        ),
        (
            "ATTRIBUTE A 26.9 vsa",
            "dictionary test line 1: no packet can carry attribute 26.9",
        ),
        (
            "VENDOR A 0",
            "dictionary test line 1: a vendor's number is from 1 to 4294967295",
        ),
        (
            "VENDOR A 5 format=3,1",
            "dictionary test line 1: format=3,1 is not format=<1, 2 or 4>,<0, 1 or 2>[,c]",
        ),
        (
            "$INCLUDE missing",
            "dictionary test line 1: there is no file missing",
        ),
        ("$INCLUDE self", "dictionary self: it includes itself"),
        (
            "ATTRIBUTE A 250.1.1.1.1.1.1.1.1 string",
            "dictionary test line 1: attribute 250.1.1.1.1.1.1.1.1 lies deeper than 8 numbers",
        ),
    ] {
        assert_eq!(dictionary_of(file).unwrap_err().to_string(), why, "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No file makes the reader panic, and what it takes it can show.
    #[test]
    fn any_file_is_read_or_refused(
        lines in prop::collection::vec(
            prop_oneof![
                "\\PC{0,40}",
                "(ATTRIBUTE|VALUE|VENDOR|BEGIN-VENDOR|END-VENDOR|BEGIN-TLV|END-TLV) [A-C] ([0-9]{1,3}|[A-C])( (string|integer|tlv|octets\\[[0-9]\\]))?( (has_tag|concat|encrypt=2))?",
            ],
            0..12,
        ),
    ) {
        if let Ok(dictionary) = dictionary_of(&lines.join("\n")) {
            for name in ["A", "B", "C"] {
                if let Some(definition) = dictionary.by_name(name) {
                    prop_assert!(dictionary.show_at(&definition.oid, b"\x01\x02\x03\x04").starts_with(name));
                }
            }
        }
    }

    /// Whatever is encoded is whole attributes; one that stands alone says its definition's number and shows the value.
    #[test]
    fn encoded_values_are_read_back(
        definition in prop::sample::select(STANDARD.all().collect::<Vec<_>>()),
        text in prop_oneof!["\\PC{0,60}", "[0-9]{1,12}", "0x([0-9a-f]{2}){0,9}", "[0-9a-f:]{2,12}/[0-9]{1,3}"],
    ) {
        let mut out = vec![1, 2];
        match STANDARD.encode(definition, &text, &mut out) {
            Err(_) => prop_assert_eq!(out, [1, 2]),
            Ok(()) => {
                let mut packet = vec![2, 0, 0, u8::try_from(18 + out.len()).unwrap()];
                packet.extend([0; 16]);
                packet.extend(&out[2..]);
                let view = View::parse(&packet).unwrap();
                prop_assert!(view.attributes().count() >= 1);
                if let [first] = definition.oid.as_slice() {
                    let value = view.first(u8::try_from(*first).unwrap()).unwrap();
                    prop_assert!(value.len() <= attribute::VALUE_LEN_MAX);
                    let shown = STANDARD.show_at(&definition.oid, value);
                    prop_assert!(shown.starts_with(&*definition.name), "{}", shown);
                }
            }
        }
    }
}
