//! Codecs of others read what ours writes, field by field: FreeRADIUS's through `radclient`, and pyrad. Each test says that
//! it skips where the program is not installed; `lab/packages.sh` installs them. `tshark` has a file of its own.
//!
//! Of RFC 8044 FreeRADIUS reads every type: integer, enum, time, text, string, concat, ifid, ipv4addr, ipv6addr, ipv6prefix,
//! ipv4prefix, integer64, tlv, vsa, extended, long-extended and evs; pyrad integer, time, text, string, both addresses,
//! ipv6prefix and vsa of the usual format; tshark the same and extended, as octets what it has no name for.

use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use radius::attribute::Tree;
use radius::dictionary::STANDARD;
use radius::salt::{self, Salt};
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View};

/// The secret both sides know.
const SECRET: &str = "xyzzy5461";
/// How long radclient is waited for.
const ASK_WAIT: Duration = Duration::from_secs(30);

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

/// Says that a test is skipped, and why.
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run"
)]
pub fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether a program can be run; says so when not.
fn is_installed(program: &str, args: &[&str]) -> bool {
    let run = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let installed = run.is_ok_and(|status| status.success());
    if !installed {
        skipped(&format!("{program} {} does not run here", args.join(" ")));
    }
    installed
}

/// What radclient shows of an Access-Accept with these attributes; `None` when it is not installed.
fn radclient_shows(attributes: impl FnOnce(&View<'_>) -> Vec<u8>) -> Option<Vec<String>> {
    if !is_installed("radclient", &["-v"]) {
        return None;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(ASK_WAIT)).unwrap();
    let mut asking = Command::new("radclient")
        .args(["-x", "-r", "1", "-t", "30"])
        .env("TZ", "UTC")
        .args([&socket.local_addr().unwrap().to_string(), "auth", SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    asking
        .stdin
        .take()
        .unwrap()
        .write_all(b"User-Name = \"nemo\"\n")
        .unwrap();
    let mut buf = [0; PACKET_LEN_MAX];
    let (len, from) = socket.recv_from(&mut buf).unwrap();
    let request = View::parse(&buf[..len]).unwrap();
    let mut reply = [0; PACKET_LEN_MAX];
    let mut writer = ReplyWriter::new(&mut reply, Code::AccessAccept, &request).unwrap();
    // It wants replies with EAP-Message signed.
    writer.reserve_message_authenticator().unwrap();
    writer.encoded(&attributes(&request)).unwrap();
    let reply = writer.finish(&SharedSecret::new(SECRET.as_bytes()));
    socket.send_to(reply, from).unwrap();
    let said = asking.wait_with_output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    let (_, received) = text
        .split_once("Received Access-Accept")
        .unwrap_or_else(|| panic!("radclient has no answer: {text}{errors}"));
    let lines = received.lines().skip(1);
    Some(
        lines
            .filter_map(|line| line.strip_prefix('\t'))
            .filter(|line| !line.starts_with("Message-Authenticator = "))
            .map(str::to_owned)
            .collect(),
    )
}

/// radclient shows what we show of the attributes that we wrote.
#[track_caller]
fn check_radclient(pairs: &[(&str, &str)]) {
    let attributes = encoded(pairs);
    let expected = Tree::decode(&attributes, &STANDARD).show(&STANDARD);
    assert!(expected.len() >= pairs.len(), "{expected:?}");
    if let Some(shown) = radclient_shows(|_| attributes) {
        assert_eq!(shown, expected);
    }
}

#[test]
fn freeradius_reads_the_plain_types_as_we_write_them() {
    check_radclient(&[
        ("Service-Type", "Framed-User"),
        ("Framed-Protocol", "PPP"),
        ("Framed-IP-Address", "192.0.2.1"),
        ("Framed-Route", "198.51.100.0/24 192.0.2.1 1"),
        ("Session-Timeout", "86400"),
        ("Class", "0x00ff"),
        ("Framed-Pool", "gold"),
        ("Acct-Interim-Interval", "300"),
        ("NAS-IPv6-Address", "2001:db8::1"),
        ("Framed-Interface-Id", "0:a:0:1"),
        ("Framed-IPv6-Prefix", "2001:db8:1::/48"),
        ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
        ("Framed-IPv6-Address", "2001:db8::3"),
        ("Framed-IPv6-Pool", "gold6"),
        ("PMIP6-Home-IPv4-HoA", "192.0.2.0/24"),
        ("MIP6-Feature-Vector", "4294967297"),
    ]);
    // It shows a time as a date, we as the number it is.
    if let Some(shown) = radclient_shows(|_| encoded(&[("Event-Timestamp", "1785542400")])) {
        assert_eq!(shown, ["Event-Timestamp = \"Aug  1 2026 00:00:00 UTC\""]);
    }
}

#[test]
fn freeradius_reads_vendors_of_every_format_as_we_write_them() {
    check_radclient(&[
        ("Mikrotik-Rate-Limit", "20M/50M"),
        ("Mikrotik-Recv-Limit", "17"),
        ("Cisco-AVPair", "ip:addr-pool=gold"),
        ("WISPr-Bandwidth-Max-Down", "50000000"),
        ("MS-Primary-DNS-Server", "192.0.2.53"),
        ("ADSL-Agent-Circuit-Id", "olt1 eth 1/1/3:100.7"),
        ("USR-Last-Number-Dialed-Out", "1"),
        ("Lucent-Max-Shared-Users", "2"),
        ("SN-VPN-Name", "red"),
        ("WiMAX-Release", "1.0"),
        ("WiMAX-MN-hHA-MIP4-SPI", "7"),
    ]);
}

#[test]
fn freeradius_reads_tags_as_we_write_them() {
    check_radclient(&[
        ("Tunnel-Type", ":1:VLAN"),
        ("Tunnel-Medium-Type", ":1:IEEE-802"),
        ("Tunnel-Private-Group-Id", ":1:250"),
        ("Tunnel-Type", ":31:L2TP"),
        ("Tunnel-Server-Endpoint", ":31:192.0.2.1"),
        ("Tunnel-Preference", ":31:5"),
    ]);
}

#[test]
fn freeradius_reads_extended_space_and_long_values_as_we_write_them() {
    // Two pieces; a third one FreeRADIUS 3.2.1 shows as an attribute of its own.
    let long = format!("0x{}", "ab".repeat(400));
    check_radclient(&[
        ("Frag-Status", "Fragmentation-Supported"),
        ("Proxy-State-Length", "7"),
        ("IP-Port-Limit", "512"),
        ("IP-Port-Ext-IPv4-Addr", "192.0.2.1"),
        ("IP-Port-Range-Start", "1024"),
        ("FreeRADIUS-802.1X-Anonce", "0x0102"),
        ("FreeRADIUS-802.1X-EAPoL-Key-Msg", &long),
    ]);
}

/// Octets that FreeRADIUS and we show alike, though neither has a name for all that is in there.
#[test]
fn freeradius_reads_what_the_other_types_of_rfc_8044_hold() {
    // concat: a value in two pieces (section 3.6), which we do not show.
    let long = vec![0x42; 253 + 9];
    let mut concat = Vec::new();
    for piece in long.chunks(253) {
        concat.extend([79, u8::try_from(2 + piece.len()).unwrap()]);
        concat.extend(piece);
    }
    if let Some(shown) = radclient_shows(|_| concat) {
        assert_eq!(shown, [format!("EAP-Message = 0x{}", "42".repeat(long.len()))]);
    }
    // evs: a vendor's own in extended space, short and long (sections 3.16 and 3.17).
    let evs = [&[241, 12, 26, 0, 0, 0, 1, 4][..], b"test"].concat();
    let long_evs = [&[245, 13, 26, 0, 0, 0, 0, 1, 4][..], b"test"].concat();
    // A vendor's attributes (section 3.14) of a vendor nobody knows.
    let vsa = [&[26, 12, 0, 1, 2, 3, 9, 6][..], b"what"].concat();
    for octets in [evs, long_evs, vsa] {
        let expected = Tree::decode(&octets, &STANDARD).show(&STANDARD);
        if let Some(shown) = radclient_shows(|_| octets) {
            assert_eq!(shown, expected);
        }
    }
}

#[test]
fn freeradius_reveals_the_tunnel_password_we_hide() {
    let secret = SharedSecret::new(SECRET.as_bytes());
    let shown = radclient_shows(|request| {
        let mut room = [0; salt::HIDDEN_LEN_MAX];
        let hidden = salt::hide(
            &secret,
            request.authenticator(),
            Salt::new(0x1234),
            b"arctangent",
            &mut room,
        );
        let hidden = hidden.unwrap();
        [&[69, u8::try_from(3 + hidden.len()).unwrap(), 1][..], hidden].concat()
    });
    if let Some(shown) = shown {
        assert_eq!(shown, ["Tunnel-Password:1 = \"arctangent\""]);
    }
}

/// Reads a packet with pyrad and prints its values, one a line.
const PYRAD: &str = r#"
import binascii, io, sys
from pyrad import dictionary, packet
words = dictionary.Dictionary(io.StringIO(sys.argv[1]))
read = packet.Packet(dict=words, packet=binascii.unhexlify(sys.argv[2]))
for name in sys.argv[3:]:
    for value in read[name]:
        print(name, '=', '0x' + value.hex() if isinstance(value, bytes) else value)
"#;

/// What both sides know in the test with pyrad: it knows neither tags, wide formats, numbers of
/// eight octets nor extended space, and Debian's version reads no interface identifier.
const PYRAD_WORDS: &str = "
ATTRIBUTE User-Name 1 string
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Class 25 octets
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Event-Timestamp 55 date
ATTRIBUTE NAS-IPv6-Address 95 ipv6addr
ATTRIBUTE Framed-IPv6-Prefix 97 ipv6prefix
VENDOR 3GPP 10415
BEGIN-VENDOR 3GPP
ATTRIBUTE 3GPP-RAT-Type 21 byte
END-VENDOR 3GPP
ATTRIBUTE Delegated-IPv6-Prefix 123 ipv6prefix
VENDOR Mikrotik 14988
BEGIN-VENDOR Mikrotik
ATTRIBUTE Mikrotik-Recv-Limit 1 integer
ATTRIBUTE Mikrotik-Rate-Limit 8 string
END-VENDOR Mikrotik
";

#[test]
fn pyrad_reads_what_it_knows_as_we_write_it() {
    if !is_installed("/usr/bin/python3", &["-c", "import pyrad.packet"]) {
        return;
    }
    let attributes = encoded(&[
        ("User-Name", "nemo"),
        ("Framed-IP-Address", "192.0.2.1"),
        ("Class", "0x00ff"),
        ("Session-Timeout", "86400"),
        ("Event-Timestamp", "1785542400"),
        ("NAS-IPv6-Address", "2001:db8::1"),
        ("Framed-IPv6-Prefix", "2001:db8:1::/64"),
        ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
        ("3GPP-RAT-Type", "250"),
        ("Mikrotik-Recv-Limit", "17"),
        ("Mikrotik-Rate-Limit", "20M/50M"),
    ]);
    let tree = Tree::decode(&attributes, &STANDARD);
    let expected: Vec<String> = tree
        .show(&STANDARD)
        .iter()
        .map(|line| line.replace('"', ""))
        .collect();
    let names = expected.iter().map(|line| line.split(" = ").next().unwrap());
    let [high, low] = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let packet = [&[2, 1, high, low][..], &[0; 16], &attributes].concat();
    let digits: String = packet.iter().map(|octet| format!("{octet:02x}")).collect();
    let said = Command::new("/usr/bin/python3")
        .args(["-c", PYRAD, PYRAD_WORDS, &digits])
        .args(names)
        .output()
        .unwrap();
    let shown = String::from_utf8(said.stdout).unwrap();
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(shown, expected, "{}", String::from_utf8_lossy(&said.stderr));
}
