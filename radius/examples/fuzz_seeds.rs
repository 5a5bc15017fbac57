//! Writes the seeds of the fuzzer's corpora: `cargo run -p radius --example fuzz_seeds`.
//!
//! Run again after adding a seed here; files the fuzzer added itself stay. `good-*` must decode and `bad-*` must not,
//! which `tests/it/corpus.rs` checks.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use radius::{
    Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, WriteError, dictionary::STANDARD,
    eap, kind,
};

/// The secret the fuzz target knows.
const SECRET: &[u8] = b"xyzzy5461";

/// A named sample.
type Seed = (&'static str, Vec<u8>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("../fuzz/corpus/packet");
    std::fs::create_dir_all(&corpus)?;
    for (name, octets) in [access()?, accounting()?, dynamic()?, odd()?, bad()?].concat() {
        std::fs::write(corpus.join(name), octets)?;
    }
    for (target, seeds) in [
        ("attributes", attributes()),
        ("dictionary", dictionaries()),
        ("v11", v11()),
        ("stream", stream()),
        ("hop", hops()),
        ("nai", names()),
    ] {
        let corpus = root.join("../fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        for (name, octets) in seeds {
            std::fs::write(corpus.join(name), octets)?;
        }
    }
    for folder in std::fs::read_dir(root.join("tests/vectors"))? {
        let folder = folder?.path();
        let Some(source) = folder
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|_| folder.is_dir())
        else {
            continue;
        };
        for vector in std::fs::read_dir(&folder)? {
            let vector = vector?.path();
            let packet = vector.extension().is_some_and(|kind| kind == "hex");
            let Some(stem) = vector
                .file_stem()
                .and_then(|name| name.to_str())
                .filter(|_| packet)
            else {
                continue;
            };
            let text = std::fs::read_to_string(&vector)?;
            let digits = text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .flat_map(str::split_whitespace);
            let octets: Vec<u8> = digits
                .map(|octet| u8::from_str_radix(octet, 16))
                .collect::<Result<_, _>>()?;
            std::fs::write(corpus.join(format!("good-{source}-{stem}")), octets)?;
        }
    }
    Ok(())
}

/// An Access-Request with a Message-Authenticator.
fn access_request(
    write: impl FnOnce(&mut RequestWriter<'_>) -> Result<(), WriteError>,
) -> Result<Vec<u8>, WriteError> {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::access(&mut buf, 1, [0x5a; 16])?;
    writer.reserve_message_authenticator()?;
    write(&mut writer)?;
    Ok(writer.finish(&SharedSecret::new(SECRET)).to_vec())
}

/// An Accounting-, CoA- or Disconnect-Request.
fn signed(
    code: Code,
    write: impl FnOnce(&mut RequestWriter<'_>) -> Result<(), WriteError>,
) -> Result<Vec<u8>, WriteError> {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::signed(&mut buf, code, 1)?;
    write(&mut writer)?;
    Ok(writer.finish(&SharedSecret::new(SECRET)).to_vec())
}

/// Attributes by name and text, encoded.
fn named(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in pairs {
        if let Some(definition) = STANDARD.by_name(name) {
            // A pair the dictionary refuses is left out; the seeds are only a start.
            let _ = STANDARD.encode(definition, text, &mut out);
        }
    }
    out
}

/// A header whose Length field is right, then octets as they are.
fn raw(code: u8, attributes: &[u8]) -> Vec<u8> {
    let [.., high, low] = (20 + attributes.len()).to_be_bytes();
    [&[code, 1, high, low][..], &[0x5a; 16], attributes].concat()
}

/// Logins and what is answered.
fn access() -> Result<Vec<Seed>, WriteError> {
    let mut identity = Vec::new();
    eap::write_response(3, eap::method::IDENTITY, &[b"nemo@isp.example"], &mut identity);
    let mut md5 = Vec::new();
    eap::write_response(
        4,
        eap::method::MD5_CHALLENGE,
        &[&[16], &[0x77; 16], b"nemo"],
        &mut md5,
    );
    let mut tls = Vec::new();
    eap::write_response(5, eap::method::TLS, &[&[0xc0], &[0x16; 900]], &mut tls);
    let pap = access_request(|writer| {
        writer.text(kind::USER_NAME, "nemo")?;
        writer.password(b"arctangent", &SharedSecret::new(SECRET))?;
        writer.text(kind::CALLING_STATION_ID, "02:00:5e:00:00:01")?;
        writer.vendor(kind::vendor::ADSL_FORUM, 1, b"olt1 eth 1/1/3:100.7")
    })?;
    let mut buf = [0; PACKET_LEN_MAX];
    let mut accept = Vec::new();
    if let Ok(request) = View::parse(&pap) {
        let mut writer = ReplyWriter::new(&mut buf, Code::AccessAccept, &request)?;
        writer.reserve_message_authenticator()?;
        writer.encoded(&named(&[
            ("Service-Type", "Framed-User"),
            ("Session-Timeout", "86400"),
            ("Framed-Pool", "gold"),
            ("Mikrotik-Rate-Limit", "20M/50M"),
            ("WISPr-Bandwidth-Max-Down", "50000000"),
            ("Cisco-AVPair", "ip:addr-pool=gold"),
            ("MS-Primary-DNS-Server", "192.0.2.53"),
            ("Accel-VRF-Name", "isp-west"),
            ("Framed-IPv6-Prefix", "2001:db8:1::/64"),
            ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
            ("Framed-Interface-Id", "0:0:0:1"),
            ("Tunnel-Type", ":1:VLAN"),
            ("Tunnel-Private-Group-Id", ":1:250"),
        ]))?;
        accept = writer.finish(&SharedSecret::new(SECRET)).to_vec();
    }
    Ok(vec![
        ("good-access-request-pap", pap),
        ("good-access-accept", accept),
        (
            "good-access-request-chap",
            access_request(|writer| {
                writer.text(kind::USER_NAME, "flopsy")?;
                writer.attribute(kind::CHAP_PASSWORD, &[0x16; 17])?;
                writer.attribute(kind::CHAP_CHALLENGE, &[0x33; 16])
            })?,
        ),
        (
            "good-access-request-proxied",
            access_request(|writer| {
                writer.text(kind::USER_NAME, "nemo")?;
                writer.attribute(kind::PROXY_STATE, b"1")?;
                writer.attribute(kind::PROXY_STATE, b"")
            })?,
        ),
        (
            "good-eap-identity",
            access_request(|writer| writer.long(kind::EAP_MESSAGE, &identity))?,
        ),
        (
            "good-eap-md5",
            access_request(|writer| writer.long(kind::EAP_MESSAGE, &md5))?,
        ),
        (
            "good-eap-tls-in-pieces",
            access_request(|writer| writer.long(kind::EAP_MESSAGE, &tls))?,
        ),
        (
            "good-eap-short",
            access_request(|writer| writer.long(kind::EAP_MESSAGE, &[2, 5, 0, 4]))?,
        ),
    ])
}

/// Accounting records.
fn accounting() -> Result<Vec<Seed>, WriteError> {
    let record = |status: u32, more: &[(&str, &str)]| {
        signed(Code::AccountingRequest, |writer| {
            writer.u32(kind::ACCT_STATUS_TYPE, status)?;
            writer.text(kind::ACCT_SESSION_ID, "8100A1FF")?;
            writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
            writer.encoded(&named(more))
        })
    };
    Ok(vec![
        (
            "good-accounting-start",
            record(1, &[("User-Name", "nemo"), ("Framed-IP-Address", "198.51.100.7")])?,
        ),
        (
            "good-accounting-interim-gigawords",
            record(
                3,
                &[
                    ("Acct-Input-Octets", "4294967295"),
                    ("Acct-Input-Gigawords", "3"),
                    ("Acct-Output-Octets", "17"),
                    ("Acct-Session-Time", "3600"),
                    ("Event-Timestamp", "1800000000"),
                ],
            )?,
        ),
        (
            "good-accounting-stop",
            record(
                2,
                &[
                    ("Acct-Terminate-Cause", "User-Request"),
                    ("Acct-Delay-Time", "5"),
                    ("Class", "0x68643100ff"),
                ],
            )?,
        ),
        ("good-accounting-on", record(7, &[("NAS-Identifier", "bng-1")])?),
        (
            "good-accounting-without-a-clock",
            record(1, &[("Event-Timestamp", "77")])?,
        ),
        (
            "good-accounting-tunnel",
            record(9, &[("Acct-Tunnel-Connection", "t1")])?,
        ),
        (
            "good-accounting-ipv6",
            signed(Code::AccountingRequest, |writer| {
                writer.u32(kind::ACCT_STATUS_TYPE, 1)?;
                writer.attribute(kind::NAS_IPV6_ADDRESS, &Ipv6Addr::LOCALHOST.octets())?;
                writer.attribute(
                    kind::FRAMED_IPV6_PREFIX,
                    &[0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0],
                )?;
                writer.attribute(kind::DELEGATED_IPV6_PREFIX, &[0, 129, 0x20])
            })?,
        ),
    ])
}

/// Disconnect and CoA.
fn dynamic() -> Result<Vec<Seed>, WriteError> {
    let disconnect = signed(Code::DisconnectRequest, |writer| {
        writer.reserve_message_authenticator()?;
        writer.text(kind::USER_NAME, "nemo")?;
        writer.text(kind::ACCT_SESSION_ID, "8100A1FF")?;
        writer.u32(kind::EVENT_TIMESTAMP, 1_800_000_000)
    })?;
    let mut buf = [0; PACKET_LEN_MAX];
    let mut nak = Vec::new();
    if let Ok(request) = View::parse(&disconnect) {
        let mut writer = ReplyWriter::new(&mut buf, Code::DisconnectNak, &request)?;
        writer.reserve_message_authenticator()?;
        writer.u32(kind::ERROR_CAUSE, 503)?;
        nak = writer.finish(&SharedSecret::new(SECRET)).to_vec();
    }
    let coa = signed(Code::CoaRequest, |writer| {
        writer.vendor(kind::vendor::MIKROTIK, 8, b"1M/2M")
    })?;
    Ok(vec![
        ("good-disconnect-request", disconnect),
        ("good-disconnect-nak", nak),
        ("good-coa-request", coa),
    ])
}

/// Packets that are well-formed and strange.
fn odd() -> Result<Vec<Seed>, WriteError> {
    let longest: Vec<u8> = (0..15)
        .flat_map(|_| [vec![26, 255], vec![0; 253]].concat())
        .collect();
    let every_kind: Vec<u8> = (0..=255)
        .step_by(2)
        .flat_map(|kind| [kind, 6, 0, 0, 0, 13])
        .collect();
    Ok(vec![
        ("good-empty", raw(1, &[])),
        ("good-padded", [raw(1, &[1, 3, b'x']), vec![0xff; 9]].concat()),
        (
            "good-4096-octets",
            raw(2, &[longest, vec![25, 251], vec![0; 249]].concat()),
        ),
        ("good-255-attributes", raw(1, &[33, 2].repeat(255))),
        ("good-every-second-kind", raw(2, &every_kind)),
        (
            "good-two-message-authenticators",
            raw(
                1,
                &[vec![80, 18], vec![0; 16], vec![80, 18], vec![0; 16]].concat(),
            ),
        ),
        ("good-short-message-authenticator", raw(1, &[80, 3, 0])),
        (
            "good-empty-values",
            raw(1, &[1, 2, 2, 2, 3, 2, 26, 2, 79, 2, 97, 2]),
        ),
        (
            "good-control-characters",
            raw(1, b"\x01\x08a\nb\r\0c\x0b\x04\xff\xfe"),
        ),
        ("good-vendor-zero", raw(2, &[26, 9, 0, 0, 0, 0, 26, 3, 0])),
        (
            "good-vendor-unknown",
            raw(2, &[26, 9, 0xff, 0xff, 0xff, 0xff, 1, 3, 0]),
        ),
        (
            "good-vendor-contradiction",
            raw(2, &[26, 11, 0, 0, 0, 9, 1, 3, b'a', 2, 9]),
        ),
        (
            "good-vendor-nested-secret",
            raw(2, &[26, 10, 0, 0, 1, 0x37, 17, 4, 1, 2]),
        ),
        (
            "good-tags",
            raw(2, &[64, 6, 0x20, 0, 0, 13, 81, 3, 0x1f, 81, 2, 69, 3, 1]),
        ),
    ])
}

/// Datagrams the decoder must refuse.
fn bad() -> Result<Vec<Seed>, WriteError> {
    let with_length = |length: u16, len: usize| {
        let [high, low] = length.to_be_bytes();
        [vec![1, 1, high, low], vec![0; len.saturating_sub(4)]].concat()
    };
    Ok(vec![
        ("bad-nothing", Vec::new()),
        ("bad-one-octet", vec![1]),
        ("bad-19-octets", vec![1; 19]),
        ("bad-length-0", with_length(0, 20)),
        ("bad-length-19", with_length(19, 20)),
        ("bad-length-beyond", with_length(21, 20)),
        ("bad-length-4097", with_length(4097, 4097)),
        ("bad-length-65535", with_length(u16::MAX, 4096)),
        ("bad-code-0", raw(0, &[])),
        ("bad-code-6", raw(6, &[])),
        ("bad-code-255", raw(255, &[])),
        ("bad-attribute-length-0", raw(1, &[1, 0])),
        ("bad-attribute-length-1", raw(1, &[1, 3, b'x', 1, 1])),
        ("bad-attribute-overrun", raw(1, &[1, 4, b'x'])),
        ("bad-attribute-half-header", raw(1, &[1, 3, b'x', 2])),
        ("bad-256-attributes", raw(1, &[33, 2].repeat(256))),
        ("bad-text", b"GET / HTTP/1.1\r\nHost: aaa\r\n\r\n".to_vec()),
    ])
}

/// Attributes of every shape, and some that only look like one.
fn attributes() -> Vec<Seed> {
    let vendor = |number: u32, inside: &[u8]| {
        let [.., len] = (6 + inside.len()).to_be_bytes();
        [&[26, len][..], &number.to_be_bytes(), inside].concat()
    };
    let long = |name: &str| named(&[(name, &"x".repeat(600))]);
    vec![
        (
            "seed-plain",
            named(&[
                ("User-Name", "nemo"),
                ("Framed-IP-Address", "192.0.2.1"),
                ("Delegated-IPv6-Prefix", "2001:db8::/56"),
            ]),
        ),
        (
            "seed-tags",
            named(&[("Tunnel-Type", ":1:VLAN"), ("Tunnel-Private-Group-Id", ":1:250")]),
        ),
        ("seed-concat", long("NAS-Filter-Rule")),
        (
            "seed-concat-uneven",
            [&[92, 4][..], b"ab", &[92, 2], &[92, 3], b"c"].concat(),
        ),
        ("seed-vendor", vendor(14988, b"\x08\x071M/2M\x03\x04ab")),
        ("seed-vendor-contradiction", vendor(14988, &[8, 9, 1])),
        ("seed-vendor-empty", vendor(14988, &[])),
        ("seed-vendor-zero", vendor(0, &[1, 3, 7])),
        ("seed-vendor-4-0", named(&[("USR-Last-Number-Dialed-Out", "1")])),
        ("seed-vendor-2-1", named(&[("Lucent-Max-Shared-Users", "2")])),
        ("seed-vendor-2-2", named(&[("SN-VPN-Name", "red")])),
        ("seed-wimax-tlv", named(&[("WiMAX-Release", "1.0")])),
        (
            "seed-wimax-in-pieces",
            [
                vendor(24757, b"\x01\x07\x80\x01\x051."),
                vendor(24757, b"\x01\x04\x000"),
            ]
            .concat(),
        ),
        ("seed-wimax-unfinished", vendor(24757, b"\x01\x07\x80\x01\x051.")),
        ("seed-extended", named(&[("Frag-Status", "1")])),
        ("seed-extended-empty", vec![241, 2, 245, 2, 245, 3, 4]),
        ("seed-extended-tlv", vec![241, 9, 5, 1, 6, 192, 0, 2, 1]),
        ("seed-long-extended", long("DHCPv4-Options")),
        (
            "seed-long-extended-uneven",
            [
                &[245, 6, 4, 0x80, 0xab, 0xcd][..],
                &[245, 4, 4, 0x80, 245, 5, 4, 0, 0xef],
            ]
            .concat(),
        ),
        ("seed-long-extended-reserved", vec![245, 5, 4, 0x01, 9]),
        ("seed-evs", vec![241, 9, 26, 0, 0, 0x19, 0x7f, 5, 1]),
        ("seed-evs-long", named(&[("FreeRADIUS-802.1X-Anonce", "0x01")])),
    ]
}

/// Dictionary files, good and bad.
fn dictionaries() -> Vec<Seed> {
    let texts: [(&'static str, &str); 26] = [
        ("good-empty", ""),
        ("good-comment", "# nothing\n\n   # at all\n"),
        (
            "good-vendor",
            "VENDOR Example 99999\nBEGIN-VENDOR Example\nATTRIBUTE Example-Speed 1 integer\nVALUE Example-Speed Fast 0x10\nEND-VENDOR Example\n",
        ),
        (
            "good-format-4-0",
            "VENDOR Wide 99998 format=4,0\nBEGIN-VENDOR Wide\nATTRIBUTE Wide-Name 0x10001 string\nEND-VENDOR Wide\n",
        ),
        (
            "good-format-2-2",
            "VENDOR Wide 99998 format=2,2\nBEGIN-VENDOR Wide\nATTRIBUTE Wide-Name 300 string\nEND-VENDOR Wide\n",
        ),
        (
            "good-format-continued",
            "VENDOR Long 99997 format=1,1,c\nBEGIN-VENDOR Long\nATTRIBUTE Long-Tlv 1 tlv\nBEGIN-TLV Long-Tlv\nATTRIBUTE Long-Inner 2 string\nEND-TLV Long-Tlv\nEND-VENDOR Long\n",
        ),
        (
            "good-flags",
            "ATTRIBUTE A 240 string has_tag,encrypt=2\nATTRIBUTE B 239 octets[6] array,secret\nATTRIBUTE C 238 string concat\n",
        ),
        (
            "good-types",
            "ATTRIBUTE A 240 ipaddr\nATTRIBUTE B 239 ipv6prefix\nATTRIBUTE C 238 ether\nATTRIBUTE D 237 combo-ip\nATTRIBUTE E 236 ifid\nATTRIBUTE F 235 signed\nATTRIBUTE G 234 integer64\n",
        ),
        (
            "good-extended",
            "ATTRIBUTE Ext 241 extended\nATTRIBUTE Evs 241.26 evs\nATTRIBUTE Inner 241.200 tlv\nATTRIBUTE Inmost 241.200.1 ipaddr\nVENDOR V 99996\nBEGIN-VENDOR V parent=Evs\nATTRIBUTE V-One 1 string\nEND-VENDOR V\n",
        ),
        (
            "good-include",
            "$INCLUDE 1\n$INCLUDE- 9\n%%\nATTRIBUTE A 240 string\n$INCLUDE 2\n%%\nVALUE A B 3\nATTRIBUTE A 240 integer\n",
        ),
        (
            "good-skipped",
            "ATTRIBUTE Auth-Type 1000 integer\nVALUE Auth-Type PAP 1\nATTRIBUTE V 200 string virtual\nBEGIN-PROTOCOL RADIUS\n",
        ),
        (
            "good-two-names",
            "ATTRIBUTE A 240 integer\nATTRIBUTE B 240 integer\nVALUE A One 1\nVALUE B Two 2\nATTRIBUTE User-Name 2 string\n",
        ),
        (
            "good-oid",
            "ATTRIBUTE A 26.9.201 string\nATTRIBUTE B 241.201 integer\n",
        ),
        ("bad-word", "ATRIBUTE A 1 string\n"),
        ("bad-number", "ATTRIBUTE A one string\n"),
        ("bad-number-deep", "ATTRIBUTE A 240.1.1.1.1.1.1.1.1 string\n"),
        ("bad-number-wide", "ATTRIBUTE A 26.9.256 string\n"),
        ("bad-number-vendor", "ATTRIBUTE A 26.9 vsa\n"),
        ("bad-type", "ATTRIBUTE A 240 strange\n"),
        ("bad-flag", "ATTRIBUTE A 240 string wide\n"),
        ("bad-format", "VENDOR A 5 format=3,1\n"),
        ("bad-open", "VENDOR A 5\nBEGIN-VENDOR A\n"),
        ("bad-close", "END-VENDOR A\n"),
        ("bad-value", "VALUE Nobody Knows 1\n"),
        ("bad-include", "$INCLUDE 1\n"),
        ("bad-include-self", "$INCLUDE 1\n%%\n$INCLUDE 1\n"),
    ];
    let seed = |(name, text): (&'static str, &str)| (name, text.as_bytes().to_vec());
    texts.into_iter().map(seed).collect()
}

/// A RADIUS/1.1 packet.
fn packet_v11(code: u8, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut packet = vec![code, 0, 0, 0, 1, 2, 3, 4];
    packet.extend_from_slice(&[0; 12]);
    for (kind, value) in attributes {
        packet.extend([*kind, u8::try_from(2 + value.len()).unwrap_or_default()]);
        packet.extend_from_slice(value);
    }
    let [.., high, low] = packet.len().to_be_bytes();
    packet[2..4].copy_from_slice(&[high, low]);
    packet
}

/// A RADIUS/1.1 Access-Request that ends with these octets.
fn packet_ending(end: &[u8]) -> Vec<u8> {
    let mut packet = packet_v11(1, &[]);
    packet.extend_from_slice(end);
    let [.., high, low] = packet.len().to_be_bytes();
    packet[2..4].copy_from_slice(&[high, low]);
    packet
}

/// Packets of RADIUS/1.1.
fn v11() -> Vec<Seed> {
    let key = [&[0, 0, 1, 55, 16, 34][..], &[7; 32]].concat();
    let chap_keys = [&[0, 0, 1, 55, 12, 34][..], &[7; 32]].concat();
    let bad_vendor = [&[0, 0, 1, 55, 16, 35][..], &[7; 32]].concat();
    vec![
        ("good-pap", packet_v11(1, &[(1, b"nemo"), (2, b"arctangent")])),
        ("good-pap-zeros", packet_v11(1, &[(1, b"nemo"), (2, b"arc\0\0")])),
        ("good-chap", packet_v11(1, &[(1, b"nemo"), (3, &[1; 17])])),
        (
            "good-signed-anyway",
            packet_v11(1, &[(80, &[0; 16]), (1, b"nemo")]),
        ),
        ("good-status-server", packet_v11(12, &[])),
        (
            "good-accounting",
            packet_v11(4, &[(40, &[0, 0, 0, 1]), (44, b"s1")]),
        ),
        ("good-disconnect", packet_v11(40, &[(44, b"s1")])),
        ("good-accept-keys", packet_v11(2, &[(26, &key), (26, &chap_keys)])),
        (
            "good-accept-tunnel",
            packet_v11(2, &[(69, b"\x01secret"), (69, b"")]),
        ),
        ("good-accept-other-vendor", packet_v11(2, &[(26, &bad_vendor)])),
        (
            "good-challenge",
            packet_v11(11, &[(24, b"state"), (79, &[1, 2, 0, 5, 1])]),
        ),
        ("bad-empty", Vec::new()),
        ("bad-short", vec![1; 19]),
        (
            "bad-length",
            vec![1, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        ("bad-code", packet_v11(99, &[])),
        ("bad-attribute", packet_ending(&[1, 1])),
        ("bad-overrun", packet_ending(&[1, 9])),
        ("bad-password", packet_v11(1, &[(2, &[b'x'; 129])])),
        ("bad-tunnel-password", packet_v11(2, &[(69, &[b'x'; 253])])),
        (
            "bad-key",
            packet_v11(2, &[(26, &[&[0, 0, 1, 55, 16, 249][..], &[7; 247]].concat())]),
        ),
        (
            "bad-chap-keys",
            packet_v11(2, &[(26, &[&[0, 0, 1, 55, 12, 249][..], &[7; 247]].concat())]),
        ),
    ]
}

/// Streams: the first octet says how they are cut.
fn stream() -> Vec<Seed> {
    let packets = [
        packet_v11(1, &[(1, b"nemo")]),
        packet_v11(4, &[(44, &[b's'; 253][..]); 15]),
        packet_v11(12, &[]),
    ]
    .concat();
    vec![
        ("one-by-one", [&[0][..], &packets].concat()),
        ("in-pieces", [&[7][..], &packets, &packets].concat()),
        ("at-once", [&[255][..], &packets, &packets, &packets].concat()),
        ("bad-length", [&[3][..], &packets, &[1, 1, 0, 19, 0]].concat()),
        ("incomplete", [&[3][..], &packets, &[1, 1, 1, 0]].concat()),
    ]
}

/// Attributes that a hop must hide anew, leave out or keep.
fn hops() -> Vec<Seed> {
    let hidden = [
        &[kind::VENDOR_SPECIFIC, 58, 0, 0, 1, 55, 16, 52, 0x80, 1][..],
        &[9; 48],
    ]
    .concat();
    let tunnel = [&[kind::TUNNEL_PASSWORD, 21, 1, 0x80, 2][..], &[7; 16]].concat();
    let password = [&[kind::USER_PASSWORD, 18][..], &[5; 16]].concat();
    let states = [&[kind::PROXY_STATE, 4, 1, 2][..], &[kind::PROXY_STATE, 2]].concat();
    let continued = vec![kind::VENDOR_SPECIFIC, 10, 0, 0, 0x60, 0xb5, 5, 4, 0x80, 1];
    let two = vec![kind::VENDOR_SPECIFIC, 14, 0, 0, 1, 55, 7, 4, 0, 1, 16, 4, 9, 9];
    vec![
        ("seed-mppe-key", hidden),
        ("seed-tunnel-password", tunnel),
        ("seed-password", password),
        ("seed-proxy-states", states),
        ("seed-wimax-continued", continued),
        ("seed-two-in-one", two),
        ("seed-chap", [&[kind::CHAP_PASSWORD, 19][..], &[1; 17]].concat()),
    ]
}

/// User names with realms in every spelling, and without.
fn names() -> Vec<Seed> {
    vec![
        ("seed-suffix", b"alice@isp.example".to_vec()),
        ("seed-prefix", b"isp\\alice".to_vec()),
        ("seed-percent", b"alice%isp".to_vec()),
        ("seed-all", b"corp\\alice%home@isp.example".to_vec()),
        ("seed-hidden", b"@isp.example".to_vec()),
        ("seed-empty-realm", b"alice@".to_vec()),
        ("seed-plain", b"alice".to_vec()),
        ("seed-utf8", "alice@tömönësimërkki.example".as_bytes().to_vec()),
    ]
}
