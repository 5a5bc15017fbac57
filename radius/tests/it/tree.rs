//! The whole picture of a packet: every format is taken apart, nothing is lost, and together it is what came.

use proptest::prelude::*;
use radius::attribute::{Content, Tree};
use radius::dictionary::{Dictionary, STANDARD};

/// Takes attributes apart, checks that together they are the same again, and gives the lines people see.
#[track_caller]
fn shown(octets: &[u8]) -> Vec<String> {
    let tree = Tree::decode(octets, &STANDARD);
    assert_eq!(tree.encode(&STANDARD), octets, "{tree:?}");
    tree.show(&STANDARD)
}

/// A Vendor-Specific attribute.
fn vendor(number: u32, inside: &[u8]) -> Vec<u8> {
    let len = u8::try_from(6 + inside.len()).unwrap();
    [&[26, len][..], &number.to_be_bytes(), inside].concat()
}

#[test]
fn several_attributes_of_a_vendor_in_one_stay_together() {
    let octets = vendor(14988, b"\x08\x071M/2M\x03\x04ab");
    assert_eq!(
        shown(&octets),
        ["Mikrotik-Rate-Limit = \"1M/2M\"", "Mikrotik-Group = \"ab\""]
    );
    let tree = Tree::decode(&octets, &STANDARD);
    assert!(matches!(&tree.nodes()[0].content, Content::Inside(nodes) if nodes.len() == 2));
}

#[test]
fn wide_types_and_lengths_are_read_as_the_vendor_writes_them() {
    assert_eq!(
        shown(&vendor(429, b"\x00\x00\x00\x661")),
        ["USR-Last-Number-Dialed-Out = \"1\""]
    );
    assert_eq!(
        shown(&vendor(4846, b"\x00\x02\x07\0\0\0\x02")),
        ["Lucent-Max-Shared-Users = 2"]
    );
    assert_eq!(
        shown(&vendor(8164, b"\x00\x02\x00\x07red")),
        ["SN-VPN-Name = \"red\""]
    );
}

#[test]
fn a_wimax_value_is_joined_and_its_inside_shown() {
    let first = vendor(24757, b"\x01\x07\x80\x01\x051.");
    let last = vendor(24757, b"\x01\x04\x000");
    assert_eq!(
        shown(&[first.clone(), last].concat()),
        ["WiMAX-Release = \"1.0\""]
    );
    // A piece that promises another which does not come stays as it is.
    assert_eq!(shown(&first), ["Vendor-Specific = 0x000060b50107800105312e"]);
}

#[test]
fn extended_space_is_read() {
    assert_eq!(
        shown(&[241, 7, 1, 0, 0, 0, 1]),
        ["Frag-Status = Fragmentation-Supported"]
    );
    assert_eq!(
        shown(&[245, 10, 26, 0, 0, 0, 0x2c, 0x50, 1, 1]),
        ["FreeRADIUS-802.1X-Anonce = 0x01"]
    );
    let pieces = [&[245, 6, 4, 0x80, 0xab, 0xcd][..], &[245, 5, 4, 0, 0xef]].concat();
    assert_eq!(shown(&pieces), ["DHCPv4-Options = 0xabcdef"]);
    let definition = STANDARD.by_name("DHCPv4-Options").unwrap();
    let (text, mut three) = (format!("0x{}", "ab".repeat(600)), Vec::new());
    STANDARD.encode(definition, &text, &mut three).unwrap();
    assert_eq!(three.len(), 600 + 3 * 4);
    assert_eq!(shown(&three), [format!("DHCPv4-Options = {text}")]);
}

#[test]
fn long_values_are_joined_and_tags_are_split_off() {
    let rule = [&[92, 4][..], b"ab", &[92, 3], b"c"].concat();
    assert_eq!(shown(&rule), ["NAS-Filter-Rule = \"abc\""]);
    assert_eq!(shown(&[64, 6, 1, 0, 0, 13]), ["Tunnel-Type:1 = VLAN"]);
    assert_eq!(shown(b"\x51\x05250"), ["Tunnel-Private-Group-Id = \"250\""]);
    assert_eq!(shown(b"\x51\x06\x02250"), ["Tunnel-Private-Group-Id:2 = \"250\""]);
}

#[test]
fn what_nobody_knows_or_makes_no_sense_stays_as_it_came() {
    assert_eq!(shown(&[240, 3, 7]), ["Attr-240 = 0x07"]);
    assert_eq!(shown(&vendor(99999, &[3, 3, 7])), ["Attr-26.99999.3 = 0x07"]);
    assert_eq!(
        shown(&vendor(14988, &[8, 9, 1])),
        ["Vendor-Specific = 0x00003a8c080901"]
    );
    assert_eq!(shown(&[26, 4, 0, 0]), ["Vendor-Specific = 0x0000"]);
    assert_eq!(shown(&[241, 2]), ["Extended-Attribute-1 = 0x"]);
    assert_eq!(shown(&[245, 4, 4, 0x80]), ["Extended-Attribute-5 = 0x0480"]);
    assert_eq!(shown(&vendor(14988, &[])), ["Vendor-Specific = 0x00003a8c"]);
    assert_eq!(
        shown(&vendor(0, &[1, 3, 7])),
        ["Vendor-Specific = 0x00000000010307"]
    );
    // A reserved flag is not ours to forget.
    assert_eq!(shown(&[245, 5, 4, 0x01, 9]), ["Extended-Attribute-5 = 0x040109"]);
}

/// Attributes that are likely to meet every branch: vendors of every format, extended space, TLVs, tags.
fn attribute() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![26, 26, 26, 64, 69, 79, 81, 92, 241, 244, 245, 245, 246])
    ];
    let number = prop::sample::select(vec![14988_u32, 429, 4846, 8164, 24757, 9, 99999, 11344]);
    let value = prop::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..30);
    (kind, number, any::<bool>(), value).prop_map(|(kind, number, head, value)| {
        let mut octets = if head && kind == 26 {
            number.to_be_bytes().to_vec()
        } else {
            Vec::new()
        };
        octets.extend(value);
        [vec![kind, u8::try_from(2 + octets.len()).unwrap()], octets].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_attributes_are_the_same_again(attributes in prop::collection::vec(attribute(), 0..8)) {
        let octets = attributes.concat();
        for dictionary in [&STANDARD, &Dictionary::standard()] {
            let tree = Tree::decode(&octets, dictionary);
            prop_assert_eq!(tree.encode(dictionary), octets.clone());
            for line in tree.show(dictionary) {
                prop_assert!(!line.contains(['\n', '\r', '\0']), "{}", line);
            }
        }
    }
}
