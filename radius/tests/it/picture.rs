//! Attributes that others encoded, as the dictionary and the tree see them: examples of RFCs, and what FreeRADIUS sends.

use radius::attribute::Tree;
use radius::dictionary::{Dictionary, STANDARD};
use radius::{HEADER_LEN, View};

use crate::vector::{lines, octets_of, vector};

/// A value of an example and the numbers on the way to it.
type Leaf = (Vec<u32>, Vec<u8>);

/// Reads the notation of RFC 6929 section 9: `241.2 { 1 23 45 } { 3 { 2 "foo" } }`. Which attributes hold others, and the
/// values.
fn notation(text: &str) -> (Vec<Vec<u32>>, Vec<Leaf>) {
    let (oid, data) = text.split_once(' ').expect("numbers and data");
    let path = oid.split('.').map(|number| number.parse().expect("a number"));
    let (mut holders, mut leaves) = (Vec::new(), Vec::new());
    let words: Vec<&str> = data.split_whitespace().collect();
    let used = data_of(&words, path.collect(), &mut holders, &mut leaves);
    assert_eq!(used, words.len(), "{text}");
    (holders, leaves)
}

/// Reads the data of one attribute; how many words that were.
fn data_of(words: &[&str], path: Vec<u32>, holders: &mut Vec<Vec<u32>>, leaves: &mut Vec<Leaf>) -> usize {
    let mut at = 0;
    if words[0] == "{" {
        holders.push(path.clone());
        while words.get(at) == Some(&"{") {
            let inner = [&path[..], &[words[at + 1].parse().expect("a type")]].concat();
            at += 2 + data_of(&words[at + 2..], inner, holders, leaves);
            assert_eq!(words[at], "}");
            at += 1;
        }
        return at;
    }
    let mut octets = Vec::new();
    while let Some(word) = words.get(at).filter(|word| **word != "}") {
        match word.strip_prefix('"') {
            Some(text) => octets.extend(text.trim_end_matches('"').bytes()),
            None => octets.push(u8::from_str_radix(word, 16).expect("hexadecimal")),
        }
        at += 1;
    }
    leaves.push((path, octets));
    at
}

/// A dictionary in which just these attributes hold others.
fn dictionary_of(holders: &[Vec<u32>], leaves: &[Leaf]) -> Dictionary {
    let mut file = String::new();
    let leaves = leaves.iter().map(|(path, _)| (path, "octets"));
    for (path, kind) in holders.iter().map(|path| (path, "tlv")).chain(leaves) {
        let numbers: Vec<String> = path.iter().map(u32::to_string).collect();
        file += &format!(
            "ATTRIBUTE Example-{} {} {kind}\n",
            numbers.join("-"),
            numbers.join(".")
        );
    }
    Dictionary::with([("example".to_owned(), file)], &mut |_, _| {
        Err("nothing".to_owned())
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Every example of RFC 6929 section 9 in a file is taken apart as it says, and put together to the RFC's octets.
#[track_caller]
fn check_examples(path: &str, count: usize) {
    let mut seen = 0;
    for (example, octets) in lines(path) {
        let octets = octets_of(&octets);
        let (holders, leaves) = notation(&example);
        let dictionary = dictionary_of(&holders, &leaves);
        let tree = Tree::decode(&octets, &dictionary);
        let values = tree.values().into_iter();
        let found: Vec<Leaf> = values
            .map(|(oid, tag, octets)| {
                assert_eq!(tag, None, "{example}");
                (oid.as_slice().to_vec(), octets.to_vec())
            })
            .collect();
        assert_eq!(found, leaves, "{example}");
        assert_eq!(tree.encode(&dictionary), octets, "{example}");
        if let [(path, value)] = &leaves[..] {
            let oid = radius::dictionary::Oid::new(path).unwrap();
            let definition = dictionary.by_oid(&oid).unwrap();
            let text: String = value.iter().map(|octet| format!("{octet:02x}")).collect();
            let mut written = Vec::new();
            let done = dictionary.encode(definition, &format!("0x{text}"), &mut written);
            assert_eq!((done, written), (Ok(()), octets), "{example}");
        }
        seen += 1;
    }
    assert_eq!(seen, count, "examples in {path}");
}

#[test]
fn extended_types_of_rfc_6929_are_read_and_written() {
    check_examples("rfc6929/9.1-extended-type.values", 8);
}

#[test]
fn long_extended_types_of_rfc_6929_are_read_and_written() {
    check_examples("rfc6929/9.2-long-extended-type.values", 10);
}

/// The lines of a packet, after checking that its attributes can be put together again.
#[track_caller]
fn shown(path: &str) -> Vec<String> {
    let octets = vector(path);
    let view = View::parse(&octets).unwrap();
    let attributes = &view.octets()[HEADER_LEN..];
    let tree = Tree::decode(attributes, &STANDARD);
    assert_eq!(tree.encode(&STANDARD), attributes);
    tree.show(&STANDARD)
}

#[test]
fn disconnect_requests_of_rfc_5176_are_read() {
    assert_eq!(
        shown("rfc5176/01-disconnect-request.hex"),
        ["User-Name = \"mchiba\""]
    );
    assert_eq!(
        shown("rfc5176/02-disconnect-request.hex"),
        ["Acct-Session-Id = \"90234567\""]
    );
    assert_eq!(
        shown("rfc5176/03-disconnect-request.hex"),
        ["Framed-IP-Address = 10.0.2.3"]
    );
}

/// What FreeRADIUS sends is shown as it was said there, and written from that text octet for octet.
#[track_caller]
fn check_freeradius(path: &str, skipped: &[&str], lines: &[&str]) {
    let found = shown(path);
    assert_eq!(found, lines, "{path}");
    let octets = vector(path);
    for line in lines {
        let (name, text) = line.split_once(" = ").unwrap();
        let (name, tag) = match name.split_once(':') {
            Some((name, tag)) => (name, format!(":{tag}:")),
            None => (name, String::new()),
        };
        if skipped.contains(&name) {
            continue;
        }
        let definition = STANDARD.by_name(name).unwrap_or_else(|| panic!("no {name}"));
        let mut written = Vec::new();
        let done = STANDARD.encode(
            definition,
            &format!("{tag}{}", text.trim_matches('"')),
            &mut written,
        );
        assert_eq!(done, Ok(()), "{line}");
        let is_there = octets[HEADER_LEN..]
            .windows(written.len())
            .any(|there| there == written);
        assert!(is_there, "{line} is written as {written:02x?}");
    }
}

#[test]
fn tunnels_are_as_freeradius_sends_them() {
    check_freeradius(
        "freeradius/05-tunnels.hex",
        &[],
        &[
            "User-Name = \"nemo\"",
            "Tunnel-Type:1 = VLAN",
            "Tunnel-Medium-Type:1 = IEEE-802",
            "Tunnel-Private-Group-Id:1 = \"250\"",
            "Tunnel-Type:2 = L2TP",
            "Tunnel-Server-Endpoint:2 = \"192.0.2.1\"",
            "Tunnel-Preference:2 = 5",
            "Tunnel-Client-Auth-Id = \"lac\"",
        ],
    );
}

#[test]
fn ipv6_attributes_are_as_freeradius_sends_them() {
    check_freeradius(
        "freeradius/06-ipv6.hex",
        &[],
        &[
            "User-Name = \"nemo\"",
            "NAS-IPv6-Address = 2001:db8::1",
            "Framed-Interface-Id = 0:a:0:1",
            "Framed-IPv6-Prefix = 2001:db8:1::/48",
            "Login-IPv6-Host = 2001:db8::2",
            "Framed-IPv6-Route = \"2001:db8:2::/48 2001:db8::1 1\"",
            "Framed-IPv6-Pool = \"gold\"",
            "Delegated-IPv6-Prefix = 2001:db8:100::/56",
            "Framed-IPv6-Address = 2001:db8::3",
        ],
    );
}

#[test]
fn vendors_of_every_format_are_as_freeradius_sends_them() {
    // It puts both WiMAX values into one attribute, we write one each.
    check_freeradius(
        "freeradius/07-vendors.hex",
        &["WiMAX-Release", "WiMAX-Accounting-Capabilities"],
        &[
            "User-Name = \"nemo\"",
            "Mikrotik-Rate-Limit = \"20M/50M\"",
            "Mikrotik-Recv-Limit = 17",
            "USR-Last-Number-Dialed-Out = \"1\"",
            "Lucent-Max-Shared-Users = 2",
            "SN-VPN-Name = \"red\"",
            "Cisco-AVPair = \"ip:addr-pool=gold\"",
            "WiMAX-Release = \"1.0\"",
            "WiMAX-Accounting-Capabilities = IP-Session-Based",
        ],
    );
}

#[test]
fn extended_space_is_as_freeradius_sends_it() {
    let key = format!("FreeRADIUS-802.1X-EAPoL-Key-Msg = 0x{}", "ab".repeat(300));
    check_freeradius(
        "freeradius/08-extended.hex",
        // It puts all TLVs into one attribute, we write one each.
        &[
            "IP-Port-Type",
            "IP-Port-Ext-IPv4-Addr",
            "IP-Port-Range-Start",
            "IP-Port-Range-End",
        ],
        &[
            "User-Name = \"nemo\"",
            "Frag-Status = Fragmentation-Supported",
            "Proxy-State-Length = 7",
            "IP-Port-Type = 1",
            "IP-Port-Ext-IPv4-Addr = 192.0.2.1",
            "IP-Port-Range-Start = 1024",
            "IP-Port-Range-End = 2047",
            &key,
        ],
    );
}
