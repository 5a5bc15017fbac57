//! Requests of ours down the connections that NAS have opened: our own NAS in both versions, and FreeRADIUS as Debian has it.

use super::peer::{self, TlsNas};
use super::proxies::{FREERADIUS, Pems, Running, free_port, freeradius_config, installed, radclient};
use crate::isp::{Isp, PASSWORD, id, nas, until};
use parking_lot::Mutex;
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, kind, v11};
use radius_server::NasId;
use radius_server::counters::Event;
use radius_server::radsec::{SECRET, Version};
use rustls::version::TLS13;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What NAS have answered.
type Heard = Arc<Mutex<Vec<(NasId, Vec<u8>)>>>;

/// An ISP with NAS 7, a certificate for it, and what is answered.
fn isp() -> (Isp, peer::Identity, Heard) {
    let isp = peer::start(|_config| {});
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let (identity, heard) = (peer::issue(&isp, id(7)), Heard::default());
    let hears = Arc::clone(&heard);
    let listener = move |nas, octets: &[u8]| hears.lock().push((nas, octets.to_vec()));
    isp.plane.downlinks().listen(Box::new(listener));
    (isp, identity, heard)
}

/// A Disconnect-Request as session control makes it.
fn disconnect(identifier: u8, username: &str) -> Vec<u8> {
    let mut octets = [0; 256];
    let mut writer = RequestWriter::signed(&mut octets, Code::DisconnectRequest, identifier).expect("room");
    writer.reserve_message_authenticator().expect("room");
    writer.text(kind::USER_NAME, username).expect("room");
    writer.finish(&SharedSecret::new(SECRET)).to_vec()
}

/// Somewhere else than any connection comes from.
fn elsewhere() -> SocketAddr {
    "198.51.100.9:1".parse().expect("an address")
}

#[test]
fn a_request_goes_down_and_its_answer_comes_up_in_both_versions() {
    for version in [Version::V10, Version::V11] {
        let (isp, identity, heard) = isp();
        let mut client = TlsNas::connect(&isp, &identity, &TLS13, version);
        assert_eq!(client.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
        let downlinks = isp.plane.downlinks();
        until("it is reached", || downlinks.reaches(id(7), elsewhere()));
        assert!(!downlinks.reaches(id(8), elsewhere()));
        let request = disconnect(9, "alice@demo");
        assert!(downlinks.send(id(7), elsewhere(), &request));
        assert!(downlinks.send(id(7), elsewhere(), &request), "again is no fault");
        let asked = client.receive();
        let view = View::parse(&asked).expect("a packet");
        assert_eq!(
            (view.code(), view.text(kind::USER_NAME)),
            (Code::DisconnectRequest, Some("alice@demo"))
        );
        // An answer to nothing, then the right one, then that once more.
        let (nothing, ack) = match version {
            Version::V10 => (ack(&disconnect(10, "bob")), ack(&asked)),
            Version::V11 => {
                assert_eq!(view.first(kind::MESSAGE_AUTHENTICATOR), None);
                let token = v11::token(&asked).expect("a token");
                let ack = |token| peer::packet_v11(Code::DisconnectAck, token, &[]);
                (ack(token + 1), ack(token))
            }
        };
        for answer in [&nothing, &ack, &ack] {
            client.send(answer);
        }
        until("it is heard", || !heard.lock().is_empty());
        // What came first was handled first.
        assert_eq!(client.ask_status_server(), Code::AccessAccept);
        let heard = heard.lock();
        let [(from, octets)] = &heard[..] else {
            panic!("{version:?}: heard {} times", heard.len());
        };
        let (answer, request) = (
            View::parse(octets).expect("a packet"),
            View::parse(&request).expect("a packet"),
        );
        assert_eq!(
            (*from, answer.code(), answer.identifier()),
            (id(7), Code::DisconnectAck, 9)
        );
        let secret = SharedSecret::new(SECRET);
        assert!(secret.check_reply_authenticator(&answer, request.authenticator()));
        let counters = isp.plane.counters();
        assert_eq!(
            counters.get(Event::RadsecDownSent),
            1,
            "what was sent is not sent again"
        );
        assert_eq!(counters.get(Event::RadsecDownAnswered), 1);
        assert_eq!(counters.get(Event::RadsecDownUnasked), 2);
    }
}

/// The answer to a request over RADIUS/1.0.
fn ack(request: &[u8]) -> Vec<u8> {
    let mut octets = [0; PACKET_LEN_MAX];
    let request = View::parse(request).expect("a packet");
    let writer = ReplyWriter::new(&mut octets, Code::DisconnectAck, &request).expect("room");
    writer.finish(&SharedSecret::new(SECRET)).to_vec()
}

#[test]
fn a_nas_that_has_gone_is_not_reached_and_one_that_comes_again_is() {
    let (isp, identity, _heard) = isp();
    let downlinks = isp.plane.downlinks();
    assert!(!downlinks.send(id(7), elsewhere(), &disconnect(1, "alice@demo")));
    let first = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    until("it is reached", || downlinks.reaches(id(7), elsewhere()));
    drop(first);
    until("it is not", || !downlinks.reaches(id(7), elsewhere()));
    let mut second = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    until("it is again", || downlinks.reaches(id(7), elsewhere()));
    assert!(downlinks.send(id(7), elsewhere(), &disconnect(1, "alice@demo")));
    assert_eq!(second.receive()[0], Code::DisconnectRequest as u8);
    isp.plane.shutdown();
    assert!(!downlinks.reaches(id(7), elsewhere()));
}

#[test]
fn freeradius_that_brought_logins_takes_a_disconnect_on_the_same_connection() {
    if !installed(&[FREERADIUS, "radclient"]) {
        return;
    }
    let (isp, identity, heard) = isp();
    let pems = Pems::of(&identity);
    let (port, accounting, server) = (free_port(), free_port(), isp.plane.radsec_addrs()[0]);
    // It may be asked about sessions, and refuses those of bob.
    let coa = "    nonblock = yes\n    recv_coa {\n        virtual_server = coa\n    }\n    tls {";
    let answers = "server coa {\n    recv-coa {\n        if (&User-Name == \"bob\") {\n            reject\n        }\n        else {\n            ok\n        }\n    }\n    send-coa {\n        ok\n    }\n}\nserver default {";
    let config = freeradius_config(&pems.path(""), port, accounting, server)
        .replacen("type = auth+acct", "type = auth+acct+coa", 1)
        .replacen("    tls {", coa, 1)
        .replacen("server default {", answers, 1)
        .replacen(
            "always ok {",
            "always reject {\n        rcode = reject\n    }\n    always ok {",
            1,
        );
    fs::write(pems.path("radiusd.conf"), config).expect("written");
    let log = fs::File::create(pems.path("log")).expect("made");
    let radiusd = Command::new(FREERADIUS)
        .args(["-fxx", "-l", "stdout", "-d"])
        .arg(pems.path(""))
        .stdout(log)
        .stderr(Stdio::null())
        .spawn();
    let _running = Running(radiusd.expect("freeradius"));
    let login = format!("User-Name = alice@demo, User-Password = \"{PASSWORD}\"");
    let proxy = SocketAddr::from(([127, 0, 0, 1], port));
    until("a login comes through", || {
        radclient(proxy, "auth", &login).contains("Received Access-Accept")
    });
    let downlinks = isp.plane.downlinks();
    for (identifier, username, code) in [
        (1, "alice@demo", Code::DisconnectAck),
        (2, "bob", Code::DisconnectNak),
    ] {
        let request = disconnect(identifier, username);
        assert!(downlinks.send(id(7), elsewhere(), &request));
        until("it answers", || heard.lock().len() == usize::from(identifier));
        let (from, octets) = heard.lock()[usize::from(identifier) - 1].clone();
        let answer = View::parse(&octets).expect("a packet");
        assert_eq!(
            (from, answer.code(), answer.identifier()),
            (id(7), code, identifier)
        );
    }
}
