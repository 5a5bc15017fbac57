//! Wireshark's dissector, through `tshark`, reads captures of packets that our writers made: every attribute's number,
//! length, octets and shown value, the password revealed, the authenticators found right. What is expected comes from our
//! own decoder. Skips, and says so, where tshark is not installed; `lab/packages.sh` installs it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::independent::skipped;
use radius::attribute::{Attribute, Tree, Value};
use radius::dictionary::{DataType, STANDARD};
use radius::password::reveal_pap;
use radius::salt::{self, Salt};
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, kind};

/// The secret both sides know.
const SECRET: &str = "xyzzy5461";

fn secret() -> SharedSecret {
    SharedSecret::new(SECRET.as_bytes())
}

/// A packet on its way to or from a server.
struct Sent {
    /// The server's port.
    port: u16,
    /// Whether the server sent it.
    is_reply: bool,
    octets: Vec<u8>,
}

/// A capture file: header, then IPv4 packets without anything below.
fn capture(packets: &[Sent]) -> Vec<u8> {
    const NAS_PORT: u16 = 50_001;
    const LINK_TYPE_RAW: u32 = 101;
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_be_bytes());
    file.extend([0, 2, 0, 4]);
    file.extend([0; 8]);
    file.extend(65_535_u32.to_be_bytes());
    file.extend(LINK_TYPE_RAW.to_be_bytes());
    for (number, sent) in (0_u32..).zip(packets) {
        let udp_len = u16::try_from(8 + sent.octets.len()).unwrap();
        let ip_len = 20 + udp_len;
        for header in [number, 0, ip_len.into(), ip_len.into()] {
            file.extend(header.to_be_bytes());
        }
        let (nas, server) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let ends = if sent.is_reply {
            [server, nas]
        } else {
            [nas, server]
        };
        file.extend([0x45, 0]);
        file.extend(ip_len.to_be_bytes());
        // Identification, fragment, time to live, UDP, no checksum.
        file.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        file.extend(ends.concat());
        let (from, to) = if sent.is_reply {
            (sent.port, NAS_PORT)
        } else {
            (NAS_PORT, sent.port)
        };
        for header in [from, to, udp_len, 0] {
            file.extend(header.to_be_bytes());
        }
        file.extend(&sent.octets);
    }
    file
}

/// Attributes by name and text, encoded.
#[track_caller]
fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in pairs {
        let definition = STANDARD.by_name(name).unwrap_or_else(|| panic!("no {name}"));
        let done = STANDARD.encode(definition, text, &mut out);
        assert_eq!(done, Ok(()), "{name} = {text}");
    }
    out
}

/// A request that some writer makes.
fn request(port: u16, begin: impl FnOnce(&mut [u8]) -> Vec<u8>) -> Sent {
    Sent {
        port,
        is_reply: false,
        octets: begin(&mut [0; PACKET_LEN_MAX]),
    }
}

/// An Access-Request, signed.
fn access(identifier: u8, fill: impl FnOnce(&mut RequestWriter<'_>)) -> Sent {
    request(1812, |buf| {
        let authenticator = [identifier.wrapping_mul(37); 16];
        let mut writer = RequestWriter::access(buf, identifier, authenticator).unwrap();
        writer.reserve_message_authenticator().unwrap();
        fill(&mut writer);
        writer.finish(&secret()).to_vec()
    })
}

/// A request whose authenticator proves the secret.
fn signed(port: u16, code: Code, identifier: u8, pairs: &[(&str, &str)]) -> Sent {
    request(port, |buf| {
        let mut writer = RequestWriter::signed(buf, code, identifier).unwrap();
        writer.encoded(&encoded(pairs)).unwrap();
        writer.finish(&secret()).to_vec()
    })
}

/// The reply to a request.
fn reply(to: &Sent, code: Code, attributes: &[u8]) -> Sent {
    let request = View::parse(&to.octets).unwrap();
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = ReplyWriter::new(&mut buf, code, &request).unwrap();
    if to.port == 1812 {
        writer.reserve_message_authenticator().unwrap();
    }
    writer.proxy_states(&request).unwrap();
    writer.encoded(attributes).unwrap();
    Sent {
        port: to.port,
        is_reply: true,
        octets: writer.finish(&secret()).to_vec(),
    }
}

/// What the tests write: a login with its reply, and so on.
fn packets() -> Vec<Sent> {
    let login = access(1, |writer| {
        writer.text(1, "nemo@example.net").unwrap();
        writer
            .password(b"arctangent of 32 or more octets", &secret())
            .unwrap();
        let more = encoded(&[
            ("NAS-IP-Address", "192.0.2.1"),
            ("NAS-Port", "4294967295"),
            ("Service-Type", "Framed-User"),
            ("Framed-Protocol", "PPP"),
            ("NAS-Identifier", "bng-1"),
            ("NAS-Port-Type", "PPPoEoQinQ"),
            ("NAS-Port-Id", "slot=1;port=2;vlan=100"),
            ("NAS-IPv6-Address", "2001:db8::1"),
            ("Calling-Station-Id", "02-00-5E-10-00-01"),
            ("Called-Station-Id", "internet"),
            ("Connect-Info", "CONNECT 54Mbps 802.11a"),
            ("Mikrotik-Host-IP", "192.0.2.9"),
            ("Mikrotik-Realm", "example.net"),
            ("Cisco-AVPair", "client-mac-address=0200.5e10.0001"),
            ("Cisco-NAS-Port", "0/0/1/100.7"),
            ("WISPr-Location-ID", "isocc=us,cc=1,ac=408,network=ACME"),
            ("ADSL-Agent-Circuit-Id", "olt1 eth 1/1/3:100.7"),
            ("ADSL-Agent-Remote-Id", "customer 17"),
            ("Proxy-State", "0x00010203"),
            ("Proxy-State", "0xfffefd"),
        ]);
        writer.encoded(&more).unwrap();
    });
    let mut accept = encoded(&[
        ("Framed-IP-Address", "203.0.113.7"),
        ("Framed-IP-Netmask", "255.255.255.255"),
        ("Framed-Route", "198.51.100.0/24 203.0.113.7 1"),
        ("Filter-Id", "gold"),
        ("Framed-MTU", "1492"),
        ("Class", "0x00ff00ff"),
        ("Session-Timeout", "86400"),
        ("Idle-Timeout", "600"),
        ("Acct-Interim-Interval", "300"),
        ("Framed-Pool", "gold"),
        ("Framed-Interface-Id", "0:a:0:1"),
        ("Framed-IPv6-Prefix", "2001:db8:1::/64"),
        ("Framed-IPv6-Pool", "gold6"),
        ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
        ("Framed-IPv6-Address", "2001:db8::3"),
        ("DNS-Server-IPv6-Address", "2001:db8::53"),
        ("Tunnel-Type", ":1:VLAN"),
        ("Tunnel-Medium-Type", ":1:IEEE-802"),
        ("Tunnel-Private-Group-Id", ":1:250"),
        ("Tunnel-Server-Endpoint", ":31:192.0.2.1"),
        ("Tunnel-Preference", ":31:5"),
        ("Reply-Message", "Grüße, 世界"),
        ("Mikrotik-Rate-Limit", "20M/50M 40M/100M 10M/25M 8/8"),
        ("Mikrotik-Recv-Limit", "4000000000"),
        ("Mikrotik-Total-Limit-Gigawords", "7"),
        ("Mikrotik-Address-List", "paid"),
        ("Cisco-AVPair", "ip:addr-pool=gold"),
        ("Cisco-AVPair", "ip:dns-servers=192.0.2.53 192.0.2.54"),
        ("Cisco-Account-Info", "QU;20000000;D;100000000"),
        ("WISPr-Bandwidth-Max-Up", "20000000"),
        ("WISPr-Bandwidth-Max-Down", "100000000"),
        ("WISPr-Session-Terminate-Time", "2026-12-31T23:59:59+01:00"),
        ("MS-Primary-DNS-Server", "192.0.2.53"),
        ("MS-Secondary-DNS-Server", "192.0.2.54"),
        ("MS-MPPE-Encryption-Policy", "2"),
        ("MS-MPPE-Encryption-Types", "6"),
    ]);
    let mut room = [0; salt::HIDDEN_LEN_MAX];
    let asked = View::parse(&login.octets).unwrap();
    let hidden = salt::hide(
        &secret(),
        asked.authenticator(),
        Salt::new(0x1234),
        b"tunnel secret",
        &mut room,
    );
    let hidden = hidden.unwrap();
    accept.extend([69, u8::try_from(3 + hidden.len()).unwrap(), 1]);
    accept.extend(hidden);
    let accept = reply(&login, Code::AccessAccept, &accept);

    // Two attributes' worth of EAP: an EAP-Response of an unknown method.
    let eap = [&[2, 9, 0x01, 0x90, 25][..], &[0xab; 395]].concat();
    let asking = access(2, |writer| {
        writer.text(1, "anonymous").unwrap();
        writer.long(79, &eap).unwrap();
        writer.attribute(24, b"\x00\x01state").unwrap();
    });
    let challenge = reply(
        &asking,
        Code::AccessChallenge,
        &[
            &[79, 8, 1, 10, 0, 6, 25, 0x20][..],
            &encoded(&[("State", "0x0102"), ("Session-Timeout", "30")]),
        ]
        .concat(),
    );
    let refused = access(3, |writer| {
        writer.text(1, "nobody").unwrap();
        writer.password(b"", &secret()).unwrap();
    });
    let reject = reply(&refused, Code::AccessReject, &encoded(&[("Reply-Message", "no")]));
    let long = format!("0x{}", "cd".repeat(400));
    let extended = access(4, |writer| {
        let more = encoded(&[
            ("Frag-Status", "Fragmentation-Supported"),
            ("Proxy-State-Length", "7"),
            ("IP-Port-Limit", "512"),
            ("FreeRADIUS-802.1X-EAPoL-Key-Msg", &long),
        ]);
        writer.encoded(&more).unwrap();
    });
    let account = signed(
        1813,
        Code::AccountingRequest,
        5,
        &[
            ("Acct-Status-Type", "Interim-Update"),
            ("Acct-Session-Id", "8100000a"),
            ("User-Name", "nemo@example.net"),
            ("Acct-Delay-Time", "3"),
            ("Acct-Input-Octets", "4294967295"),
            ("Acct-Output-Octets", "17"),
            ("Acct-Input-Gigawords", "3"),
            ("Acct-Output-Gigawords", "40"),
            ("Acct-Input-Packets", "123456789"),
            ("Acct-Output-Packets", "987654321"),
            ("Acct-Session-Time", "86400"),
            ("Acct-Authentic", "RADIUS"),
            ("Event-Timestamp", "1785542400"),
            ("Framed-IP-Address", "203.0.113.7"),
            ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
            ("Acct-Multi-Session-Id", "m-1"),
            ("Acct-Terminate-Cause", "NAS-Reboot"),
        ],
    );
    let accounted = reply(&account, Code::AccountingResponse, &[]);
    let change = signed(
        3799,
        Code::CoaRequest,
        6,
        &[
            ("Acct-Session-Id", "8100000a"),
            ("User-Name", "nemo@example.net"),
            ("Mikrotik-Rate-Limit", "1M/1M"),
            ("Session-Timeout", "60"),
        ],
    );
    let changed = reply(&change, Code::CoaAck, &[]);
    let cut = signed(
        3799,
        Code::DisconnectRequest,
        7,
        &[("Acct-Session-Id", "8100000a")],
    );
    let not_cut = reply(
        &cut,
        Code::DisconnectNak,
        &encoded(&[("Error-Cause", "Session-Context-Not-Found")]),
    );
    vec![
        login, accept, asking, challenge, refused, reject, extended, account, accounted, change, changed,
        cut, not_cut,
    ]
}

/// A packet as tshark reads it.
#[derive(Default, Debug)]
struct Read {
    code: String,
    identifier: String,
    length: String,
    /// What it says of a reply's authenticator; it checks no other.
    authentic: Option<bool>,
    attributes: Vec<ReadAttribute>,
    /// Code, Identifier and Length of the EAP packet joined from its pieces.
    eap: Vec<String>,
}

/// An attribute as tshark reads it.
#[derive(Default, Debug)]
struct ReadAttribute {
    /// The short form, value last.
    label: String,
    octets: Vec<u8>,
    length: String,
    /// Type, extended type, vendor, vendor's type.
    path: Vec<u32>,
    tag: Option<u8>,
    name: String,
    shown: String,
    value: Vec<u8>,
}

/// What stands in quotes behind a name in a line of XML.
fn quoted(line: &str, name: &str) -> Option<String> {
    let (_, after) = line.split_once(&format!(" {name}=\""))?;
    let (text, _) = after.split_once('"')?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&#x27;", "'");
    Some(text.replace("&amp;", "&"))
}

/// Octets of digits; every line that is asked has them.
fn octets_of(line: &str) -> Vec<u8> {
    let digits = quoted(line, "value").unwrap_or_default();
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Takes tshark's words on a packet, one field a line, apart.
fn read(packet: &str) -> Read {
    let mut read = Read::default();
    for line in packet.lines() {
        let Some(name) = quoted(line, "name") else {
            continue;
        };
        let shown = quoted(line, "show").unwrap_or_default();
        let label = quoted(line, "showname").unwrap_or_default();
        match name.as_str() {
            "radius.code" => read.code = shown,
            "radius.id" => read.identifier = shown,
            "radius.length" => read.length = shown,
            "radius.authenticator.valid" => read.authentic = Some(shown == "1"),
            "eap.code" | "eap.id" | "eap.len" => read.eap.push(shown),
            "radius.avp" => read.attributes.push(ReadAttribute {
                label,
                octets: octets_of(line),
                ..ReadAttribute::default()
            }),
            field if field.starts_with("radius.") => {
                let Some(attribute) = read.attributes.last_mut() else {
                    continue;
                };
                match field {
                    "radius.avp.length" => attribute.length = shown,
                    "radius.avp.type"
                    | "radius.avp.extended_type"
                    | "radius.avp.vendor_id"
                    | "radius.avp.vendor_type" => attribute.path.push(shown.parse().unwrap()),
                    field if field.starts_with("radius.avp.") => {}
                    field if field.ends_with(".tag") => attribute.tag = octets_of(line).first().copied(),
                    _ => {
                        attribute.name = label.split(": ").next().unwrap().trim_end_matches(':').to_owned();
                        attribute.shown = shown;
                        attribute.value = octets_of(line);
                    }
                }
            }
            _ => {}
        }
    }
    read
}

/// Packets as tshark reads them that knows this secret; `None` when it is not installed.
fn tshark_reads(packets: &[Sent], secret: &str) -> Option<Vec<Read>> {
    let runs = Command::new("tshark")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !runs.is_ok_and(|status| status.success()) {
        skipped("tshark -v does not run here");
        return None;
    }
    let mut child = Command::new("tshark")
        .args(["-n", "-r", "-", "-T", "pdml"])
        .args(["-o", "radius.validate_authenticator:TRUE"])
        .args(["-o", &format!("radius.shared_secret:{secret}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Smaller than a pipe, so this does not wait for a reader that waits for us.
    child.stdin.take().unwrap().write_all(&capture(packets)).unwrap();
    let said = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{errors}");
    let text = String::from_utf8(said.stdout).unwrap();
    Some(text.split("<packet>").skip(1).map(read).collect())
}

/// How tshark shows a value; `None` for those it shows in a way of its own, whose octets are compared anyway.
fn tshark_shows(value: &Value<'_>) -> Option<String> {
    let with_colons = |octets: &[u8]| {
        let digits: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        digits.join(":")
    };
    Some(match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Text(text) => (*text).to_owned(),
        Value::Octets(octets) => with_colons(octets),
        Value::Ip(address) => address.to_string(),
        Value::Ifid(identifier) => with_colons(&identifier.to_be_bytes()),
        _ => return None,
    })
}

/// An attribute read by tshark must be what our decoder takes it for.
#[track_caller]
fn check_attribute(read: &ReadAttribute, ours: &Attribute<'_>, request: &View<'_>) {
    let label = &read.label;
    let length = u8::try_from(2 + ours.value.len()).unwrap();
    let octets = [&[ours.kind, length], ours.value].concat();
    assert_eq!(read.octets, octets, "{label}");
    assert_eq!(read.length, length.to_string(), "{label}");
    assert_eq!(read.path[0], u32::from(ours.kind), "{label}");
    // Its pieces are joined elsewhere.
    if matches!(ours.kind, kind::EAP_MESSAGE | 245 | 246) {
        return;
    }
    let tree = Tree::decode(&octets, &STANDARD);
    let values = tree.values();
    let [(oid, tag, value)] = values.as_slice() else {
        panic!("not one value: {values:?}");
    };
    if read.name == "Unknown-Attribute" {
        // Younger than this tshark: its octets, which end with what we found in there.
        assert!(oid.as_slice().starts_with(&read.path), "{label}");
        assert!(read.value.ends_with(value), "{label}");
        return;
    }
    assert_eq!(read.path, oid.as_slice(), "{label}");
    assert_eq!(read.tag, *tag, "{label}");
    assert_eq!(read.value, *value, "{label}");
    let definition = STANDARD.by_oid(oid).unwrap();
    match ours.kind {
        kind::USER_PASSWORD => {
            let mut room = [0; 128];
            let clear = reveal_pap(&secret(), request.authenticator(), ours.value, &mut room).unwrap();
            let padding = clear.iter().rev().take_while(|octet| **octet == 0).count();
            assert_eq!(read.shown.as_bytes(), &clear[..clear.len() - padding], "{label}");
            assert_eq!(read.name, definition.name);
            return;
        }
        // It says so itself: encrypted.
        kind::TUNNEL_PASSWORD => return assert_eq!(read.name, "Tunnel-Password (encrypted)"),
        _ => assert_eq!(read.name, definition.name),
    }
    // Beside a tag there is room for three octets.
    let widened = [&[0], *value].concat();
    let whole = match (tag, definition.data_type) {
        (Some(_), DataType::Integer) => widened.as_slice(),
        _ => value,
    };
    let value = Value::read(definition.data_type, whole).unwrap_or_else(|| panic!("no {label}"));
    if let Value::Ipv6Prefix(prefix, bits) = value {
        assert!(label.ends_with(&format!("val={prefix}/{bits}")), "{label}");
    } else if matches!(value, Value::Octets(octets) if read.shown.as_bytes() == octets) {
        // Its dictionary says text where ours does not promise that it is.
    } else if let Some(shown) = tshark_shows(&value) {
        assert_eq!(read.shown, shown, "{label}");
    }
}

/// The octets of pieces that tshark does not join, or joins out of sight.
fn pieces_of(read: &Read, kind: u8) -> Vec<u8> {
    let path = [u32::from(kind)];
    let pieces = read
        .attributes
        .iter()
        .filter(|attribute| attribute.path.starts_with(&path));
    // Type and length; of a long extended attribute extended type and flags, too.
    let head = if kind == kind::EAP_MESSAGE { 2 } else { 4 };
    pieces.flat_map(|piece| piece.octets[head..].to_vec()).collect()
}

#[test]
fn tshark_reads_what_we_write_field_by_field() {
    let packets = packets();
    let Some(reads) = tshark_reads(&packets, SECRET) else {
        return;
    };
    assert_eq!(reads.len(), packets.len());
    let mut request = None;
    let mut compared = 0;
    for (read, sent) in reads.iter().zip(&packets) {
        let ours = View::parse(&sent.octets).unwrap();
        assert_eq!(read.code, (ours.code() as u8).to_string());
        assert_eq!(read.identifier, ours.identifier().to_string());
        assert_eq!(read.length, sent.octets.len().to_string());
        assert_eq!(read.authentic, sent.is_reply.then_some(true), "{ours:?}");
        if !sent.is_reply {
            request = Some(ours);
        }
        let attributes: Vec<_> = ours.attributes().collect();
        assert_eq!(read.attributes.len(), attributes.len(), "{read:?}");
        for (read, ours) in read.attributes.iter().zip(&attributes) {
            check_attribute(read, ours, request.as_ref().unwrap());
            compared += 1;
        }
        let tree = Tree::decode(&sent.octets[20..], &STANDARD);
        for (oid, _, value) in tree.values() {
            match *oid.as_slice() {
                [79] => {
                    assert_eq!(pieces_of(read, kind::EAP_MESSAGE), value);
                    let length = u16::from_be_bytes([value[2], value[3]]).to_string();
                    assert_eq!(read.eap, [value[0].to_string(), value[1].to_string(), length]);
                }
                [245, 26, vendor, number] => {
                    let [first, ..] = read
                        .attributes
                        .iter()
                        .filter(|read| read.path[0] == 245)
                        .collect::<Vec<_>>()[..]
                    else {
                        panic!("{read:?}");
                    };
                    assert_eq!(first.path, [245, 26, vendor, number]);
                    let head = [&vendor.to_be_bytes()[..], &[u8::try_from(number).unwrap()]].concat();
                    assert_eq!(pieces_of(read, 245), [&head, value].concat());
                }
                _ => {}
            }
        }
    }
    assert!(compared > 100, "{compared} attributes compared");
}

#[test]
fn tshark_finds_every_reply_forged_that_is_signed_with_another_secret() {
    let packets = packets();
    let Some(reads) = tshark_reads(&packets, "another") else {
        return;
    };
    for (read, sent) in reads.iter().zip(&packets) {
        assert_eq!(read.authentic, sent.is_reply.then_some(false));
    }
}
