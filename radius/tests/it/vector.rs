//! Vectors of others: packets made by people who never saw this code.

use std::net::Ipv4Addr;
use std::path::Path;

use radius::{
    Code, MessageAuthenticator, PapCheck, ReplyWriter, RequestWriter, SharedSecret, View, kind, password,
};

/// The secret of the examples in RFC 2865 and RFC 5997.
const SECRET: &[u8] = b"xyzzy5461";

/// The text of a vector.
#[track_caller]
fn text_of(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads hexadecimal octets.
#[track_caller]
pub fn octets_of(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).expect("hexadecimal"))
        .collect()
}

/// Reads a vector: hexadecimal octets after comment lines.
#[track_caller]
pub fn vector(path: &str) -> Vec<u8> {
    let text = text_of(path);
    let octets: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    octets_of(&octets.join(" "))
}

/// Reads the lines `name = octets` of a file.
#[track_caller]
pub fn lines(path: &str) -> Vec<(String, String)> {
    let text = text_of(path);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, octets)| (name.to_owned(), octets.to_owned()))
        .collect()
}

/// Reads one of the numbers of an example: `name = octets`.
#[track_caller]
pub fn value<const N: usize>(path: &str, name: &str) -> [u8; N] {
    let text = text_of(path);
    let found = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(found, _)| found.trim() == name);
    let (_, octets) = found.unwrap_or_else(|| panic!("no {name} in {path}"));
    octets_of(octets).try_into().expect("as many octets as asked for")
}

#[test]
fn every_vector_is_read_by_a_test_and_says_where_it_comes_from() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = |dir: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(dir).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let sources: String = files(&here.join("it"))
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .collect();
    let folders = files(&here.join("vectors"));
    let vectors: Vec<_> = folders
        .iter()
        .filter(|path| path.is_dir())
        .flat_map(|dir| files(dir))
        .collect();
    assert!(vectors.len() > 30, "{vectors:?}");
    for path in vectors {
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("# "), "{} says nothing", path.display());
        let name = path.strip_prefix(here.join("vectors")).expect("below");
        let name = name.to_str().expect("text");
        assert!(sources.contains(&format!("\"{name}\"")), "no test reads {name}");
    }
}

#[test]
fn pap_example_of_rfc_2865_is_understood() {
    let octets = vector("rfc2865/01-access-request.hex");
    let request = View::parse(&octets).unwrap();
    assert_eq!((request.code(), request.identifier()), (Code::AccessRequest, 0));
    assert_eq!(request.text(kind::USER_NAME), Some("nemo"));
    assert_eq!(
        request.ipv4(kind::NAS_IP_ADDRESS),
        Some(Ipv4Addr::new(192, 168, 1, 16))
    );
    assert_eq!(request.u32(kind::NAS_PORT), Some(3));
    assert_eq!(request.attributes().count(), 4);
    let hidden = request.first(kind::USER_PASSWORD).unwrap();
    let check = |secret: &[u8], password: &[u8]| {
        password::check_pap(
            &SharedSecret::new(secret),
            request.authenticator(),
            hidden,
            password,
        )
    };
    assert_eq!(check(SECRET, b"arctangent"), PapCheck::Match);
    assert_eq!(check(SECRET, b"arctangenT"), PapCheck::Mismatch);
    assert_eq!(check(b"xyzzy5462", b"arctangent"), PapCheck::Garbled);
}

#[test]
fn pap_example_of_rfc_2865_is_written_octet_for_octet() {
    let expected = vector("rfc2865/01-access-request.hex");
    let secret = SharedSecret::new(SECRET);
    let authenticator = *View::parse(&expected).unwrap().authenticator();
    let mut buf = [0; 128];
    let mut writer = RequestWriter::access(&mut buf, 0, authenticator).unwrap();
    writer.text(kind::USER_NAME, "nemo").unwrap();
    writer.password(b"arctangent", &secret).unwrap();
    writer
        .ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 168, 1, 16))
        .unwrap();
    writer.u32(kind::NAS_PORT, 3).unwrap();
    assert_eq!(writer.finish(&secret), expected);
}

#[test]
fn other_pap_examples_of_rfc_2865_are_understood() {
    for (path, password) in [
        ("rfc2865/03-access-request.hex", "challenge"),
        ("rfc2865/04-access-request.hex", "99101462"),
    ] {
        let octets = vector(path);
        let request = View::parse(&octets).unwrap();
        let hidden = request.first(kind::USER_PASSWORD).unwrap();
        let secret = SharedSecret::new(SECRET);
        let check = password::check_pap(&secret, request.authenticator(), hidden, password.as_bytes());
        assert_eq!(check, PapCheck::Match, "{path}");
    }
}

#[test]
fn chap_example_of_rfc_2865_is_understood() {
    let octets = vector("rfc2865/02-access-request.hex");
    let request = View::parse(&octets).unwrap();
    let chap = request.first(kind::CHAP_PASSWORD).unwrap();
    assert_eq!(
        password::check_chap(chap, request.authenticator(), b"arctangent"),
        Some(true)
    );
    assert_eq!(
        password::check_chap(chap, request.authenticator(), b"arctangenT"),
        Some(false)
    );
    assert_eq!(
        password::check_chap(chap, b"another challenge", b"arctangent"),
        Some(false)
    );
}

#[test]
fn replies_of_the_rfcs_and_of_freeradius_verify_against_their_requests_and_no_other() {
    let pairs = [
        ("rfc2865/01-access-request.hex", "rfc2865/01-access-accept.hex"),
        ("rfc2865/02-access-request.hex", "rfc2865/02-access-accept.hex"),
        ("rfc2865/03-access-request.hex", "rfc2865/03-access-challenge.hex"),
        ("rfc2865/04-access-request.hex", "rfc2865/04-access-reject.hex"),
        ("rfc5997/01-status-server.hex", "rfc5997/01-access-accept.hex"),
        (
            "rfc5997/02-status-server.hex",
            "rfc5997/02-accounting-response.hex",
        ),
        ("rfc5997/03-status-server.hex", "rfc5997/03-access-accept.hex"),
        (
            "freeradius/01-access-request.hex",
            "freeradius/01-access-accept.hex",
        ),
        (
            "freeradius/02-access-request.hex",
            "freeradius/02-access-reject.hex",
        ),
        (
            "freeradius/03-access-request.hex",
            "freeradius/03-access-accept.hex",
        ),
        (
            "freeradius/04-access-request.hex",
            "freeradius/04-access-reject.hex",
        ),
    ];
    let secret = SharedSecret::new(SECRET);
    for (request_path, _) in pairs {
        let request = vector(request_path);
        let request = View::parse(&request).unwrap();
        for (right_request_path, reply_path) in pairs {
            let reply = vector(reply_path);
            let reply = View::parse(&reply).unwrap();
            let expected = request_path == right_request_path;
            let verified = secret.check_reply_authenticator(&reply, request.authenticator());
            assert_eq!(verified, expected, "{reply_path} for {request_path}");
        }
    }
}

#[test]
fn accept_of_rfc_2865_is_written_octet_for_octet() {
    let request = vector("rfc2865/02-access-request.hex");
    let request = View::parse(&request).unwrap();
    let mut buf = [0; 128];
    let mut writer = ReplyWriter::new(&mut buf, Code::AccessAccept, &request).unwrap();
    writer.u32(kind::SERVICE_TYPE, 2).unwrap();
    writer.u32(kind::FRAMED_PROTOCOL, 1).unwrap();
    writer
        .ipv4(kind::FRAMED_IP_ADDRESS, Ipv4Addr::new(255, 255, 255, 254))
        .unwrap();
    writer.u32(kind::FRAMED_ROUTING, 2).unwrap();
    writer
        .encoded(&[13, 6, 0, 0, 0, 1, 12, 6, 0, 0, 0x05, 0xdc])
        .unwrap();
    assert_eq!(
        writer.finish(&SharedSecret::new(SECRET)),
        vector("rfc2865/02-access-accept.hex")
    );
}

#[test]
fn message_authenticators_of_rfc_5997_are_valid_only_under_their_secret() {
    for path in [
        "rfc5997/01-status-server.hex",
        "rfc5997/02-status-server.hex",
        "rfc5997/03-status-server.hex",
    ] {
        let octets = vector(path);
        let request = View::parse(&octets).unwrap();
        let check = |secret: &[u8]| SharedSecret::new(secret).check_message_authenticator(&request, None);
        assert_eq!(check(SECRET), MessageAuthenticator::Valid, "{path}");
        assert_eq!(check(b"xyzzy5462"), MessageAuthenticator::Invalid, "{path}");
    }
}

#[test]
fn status_server_of_rfc_5997_is_written_octet_for_octet() {
    let expected = vector("rfc5997/01-status-server.hex");
    let authenticator = *View::parse(&expected).unwrap().authenticator();
    let mut buf = [0; 64];
    let mut writer = RequestWriter::status_server(&mut buf, 218, authenticator).unwrap();
    writer.reserve_message_authenticator().unwrap();
    assert_eq!(writer.finish(&SharedSecret::new(SECRET)), expected);
}
