//! Logins that home servers decide, reached by TLS: another server of ours, radsecproxy and FreeRADIUS as Debian has them.

use super::peer;
use super::proxies::{FREERADIUS, Pems, free_port, installed, start_radsecproxy};
use crate::isp::{
    Client, Isp, PASSWORD, SECRET as UDP_SECRET, eap_identity, eap_md5_response, id, nas, until,
};
use radius::hop::Pass;
use radius::{Code, SharedSecret, kind};
use radius_server::counters::Event;
use radius_server::directory::{
    Balance, Decided, HomeIdentity, HomePort, HomeServer, HomeServerSpec, HomeTls, RealmSpec, RealmsSpec,
};
use radius_server::radsec::SECRET;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use zeroize::Zeroizing;

/// A home server that knows the NAS 90 by a certificate of its authority, and alice.
fn home() -> (Isp, HomeTls) {
    let home = peer::start(|_config| {});
    home.plane
        .directory()
        .nas_put(nas(90, "192.0.2.90"))
        .expect("taken");
    home.subscriber(1, 100, "alice", PASSWORD);
    let tls = shown(&peer::issue(&home, id(90)));
    (home, tls)
}

/// What it takes to reach a server that shows a certificate for `headend`, by what its authority gave us.
fn shown(identity: &peer::Identity) -> HomeTls {
    HomeTls {
        name: "headend".into(),
        authorities: Some(identity.authority_pem.as_str().into()),
        identity: Some(HomeIdentity {
            certificate: identity.certificate_pem.as_str().into(),
            key: Zeroizing::new(identity.key_pem.as_str().into()),
        }),
    }
}

/// An ISP whose realm `away` is decided by this server, and a NAS of it.
fn away(nas_address: &str, server: SocketAddr, tls: HomeTls) -> (Isp, Client) {
    let isp = Isp::with(|config| config.authority = Some(config.journal_dir.join("radsec")));
    let client = isp.nas(10, nas_address);
    realms_put(&isp, server, tls);
    (isp, client)
}

fn realms_put(isp: &Isp, server: SocketAddr, tls: HomeTls) {
    let spec = RealmsSpec {
        servers: vec![HomeServerSpec {
            id: id(1),
            name: "home-1".into(),
            auth: Some(server),
            accounting: None,
            secret: SharedSecret::new(SECRET),
            // Over TLS nobody need sign.
            require_message_authenticator: true,
            status_server: true,
            copy_accounting: false,
            tls: Some(Arc::new(tls)),
        }],
        realms: vec![RealmSpec {
            id: id(50),
            name: "away".into(),
            decided: Decided::ByHomeServers,
            strip: true,
            servers: vec![id(1)],
            balance: Balance::FailOver,
            pass: Pass::All,
            accounting: true,
        }],
    };
    isp.plane.directory().realms_put(id(1), spec).expect("taken");
}

/// The home server as the directory has it.
fn held(isp: &Isp) -> Arc<HomeServer> {
    let partner = isp.plane.directory().partner(id(1)).expect("there");
    Arc::clone(&partner.realms().expect("realms").servers()[0])
}

/// Logs in by PAP and CHAP, well and badly; the first is sent again until a server that was just started listens.
#[track_caller]
fn check_logins(client: &Client) {
    check_login(
        client,
        &client.pap(true, "alice@away", PASSWORD),
        Code::AccessAccept,
    );
    check_login(client, &client.chap("alice@away", PASSWORD), Code::AccessAccept);
    check_login(
        client,
        &client.pap(true, "alice@away", "wrong"),
        Code::AccessReject,
    );
    check_login(client, &client.chap("alice@away", "wrong"), Code::AccessReject);
}

/// Asks until there is an answer, as a NAS would.
#[track_caller]
fn check_login(client: &Client, request: &[u8], code: Code) {
    let wait = std::time::Duration::from_secs(1);
    client.socket.set_read_timeout(Some(wait)).expect("a timeout");
    let mut reply = None;
    until("an answer", || {
        client.send_auth(request);
        let mut octets = [0; 4_096];
        reply = client
            .socket
            .recv_from(&mut octets)
            .ok()
            .map(|(len, _)| octets[..len].to_vec());
        reply.is_some()
    });
    // It may have been answered more than once.
    client.socket.set_nonblocking(true).expect("set");
    while client.socket.recv(&mut [0; 4_096]).is_ok() {}
    client.socket.set_nonblocking(false).expect("set");
    assert_eq!(reply.expect("there")[0], code as u8);
}

#[test]
fn a_home_server_of_ours_decides_over_radius_1_1() {
    let (home, tls) = home();
    let (isp, client) = away("127.22.1.1", home.plane.radsec_addrs()[0], tls);
    let accept = client.ask_auth(&client.pap(true, "alice@away", PASSWORD));
    assert_eq!(accept.code(), Code::AccessAccept);
    assert_eq!(accept.view().vendor(14_988, 8), Some(&b"20M/100M"[..]));
    check_logins(&client);
    let challenge = client.ask_auth(&client.eap("alice@away", &eap_identity(1, "alice"), None));
    assert_eq!(challenge.code(), Code::AccessChallenge);
    let state = challenge.view().first(kind::STATE).expect("a State").to_vec();
    let response = eap_md5_response(&challenge.eap(), PASSWORD);
    let accept = client.ask_auth(&client.eap("alice@away", &response, Some(&state)));
    assert_eq!(accept.code(), Code::AccessAccept);
    let counters = home.plane.counters();
    assert_eq!(counters.get(Event::RadsecRequest), 0);
    assert!(counters.get(Event::RadsecRequestV11) >= 7);
    let server = held(&isp);
    let stats = server.stats.port(HomePort::Auth);
    assert_eq!(
        stats.links_open.load(Ordering::Relaxed),
        1,
        "one connection is enough"
    );
    assert_eq!(stats.links_opened.load(Ordering::Relaxed), 1);
    assert_eq!(stats.link_trouble(), None);
}

#[test]
fn a_certificate_for_another_name_is_not_believed_and_it_is_said_why() {
    let (home, tls) = home();
    let wrong = HomeTls {
        name: "radius.example".into(),
        ..tls.clone()
    };
    let (isp, client) = away("127.22.1.3", home.plane.radsec_addrs()[0], wrong);
    client.send_auth(&client.pap(true, "alice@away", PASSWORD));
    let trouble = || held(&isp).stats.port(HomePort::Auth).link_trouble();
    until("it is said", || trouble().is_some());
    let said = trouble().expect("there");
    assert!(said.contains("not valid for name"), "{said}");
    assert_eq!(home.plane.counters().get(Event::RadsecRequestV11), 0);
    // The right name is tried at once: it is another connection.
    realms_put(&isp, home.plane.radsec_addrs()[0], tls);
    check_logins(&client);
    assert_eq!(trouble(), None);
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let (home, tls) = home();
    let (isp, client) = away("127.22.1.4", home.plane.radsec_addrs()[0], tls);
    check_logins(&client);
    let server = held(&isp);
    let stats = server.stats.port(HomePort::Auth);
    // Without its NAS it has no use for the connection. Who asks now may be answered late, and asks from a port of his own.
    home.plane.directory().nas_remove(id(90));
    let unlucky = isp.client("127.22.1.4");
    unlucky.send_auth(&unlucky.pap(true, "alice@away", PASSWORD));
    until("it is lost", || stats.links_lost.load(Ordering::Relaxed) > 0);
    home.plane
        .directory()
        .nas_put(nas(90, "192.0.2.90"))
        .expect("taken");
    check_logins(&client);
    assert_eq!(stats.links_open.load(Ordering::Relaxed), 1);
}

#[test]
fn a_server_that_is_gone_holds_nobody_up() {
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let (_home, tls) = home();
    let (isp, client) = away("127.22.1.5", gone.expect("an address"), tls);
    isp.subscriber(1, 101, "bob", PASSWORD);
    client.send_auth(&client.pap(true, "alice@away", PASSWORD));
    let bob = client.ask_auth(&client.pap(true, "bob", PASSWORD));
    assert_eq!(bob.code(), Code::AccessAccept);
    let server = held(&isp);
    until("it is counted", || {
        server
            .stats
            .port(HomePort::Auth)
            .links_lost
            .load(Ordering::Relaxed)
            > 0
    });
    assert!(server.stats.port(HomePort::Auth).link_trouble().is_some());
}

// -- Others ---------------------------------------------------------------------------------------------------------

#[test]
fn radsecproxy_takes_logins_of_a_realm() {
    if !installed(&["radsecproxy"]) {
        return;
    }
    // Behind the proxy is our own server again, over UDP; it lends the proxy its certificate.
    let (home, tls) = home();
    home.plane
        .directory()
        .nas_put(nas(5, "127.0.0.1"))
        .expect("taken");
    let pems = Pems::of(&peer::issue(&home, id(90)));
    pems.server_of(&home);
    let (port, auth) = (free_port(), home.plane.auth_addrs()[0]);
    let config = format!(
        "ListenTLS 127.0.0.1:{port}\nListenUDP 127.0.0.1:{}\nLogLevel 3\n\
         tls ours {{\n CACertificateFile {ca}\n CertificateFile {cert}\n CertificateKeyFile {key}\n}}\n\
         client 127.0.0.1 {{\n type tls\n tls ours\n secret radsec\n CertificateNameCheck off\n}}\n\
         server behind {{\n host 127.0.0.1\n port {}\n type udp\n secret \"{}\"\n}}\n\
         realm * {{\n server behind\n}}\n",
        free_port(),
        auth.port(),
        std::str::from_utf8(UDP_SECRET).expect("text"),
        ca = pems.path("ca.pem").display(),
        cert = pems.path("server.pem").display(),
        key = pems.path("server-key.pem").display(),
    );
    let _proxy = start_radsecproxy(&pems, &config);
    let (isp, client) = away("127.22.1.6", ([127, 0, 0, 1], port).into(), tls);
    check_logins(&client);
    let server = held(&isp);
    assert!(server.stats.port(HomePort::Auth).replies.load(Ordering::Relaxed) >= 4);
}

#[test]
fn freeradius_takes_logins_of_a_realm() {
    if !installed(&[FREERADIUS]) {
        return;
    }
    let (home, tls) = home();
    let pems = Pems::of(&peer::issue(&home, id(90)));
    pems.server_of(&home);
    let (port, _server) = super::links::start_freeradius(&pems, "alice");
    // Nothing configured but its name: it shows a certificate of our own authority, and takes one.
    let tls = HomeTls {
        authorities: None,
        identity: None,
        ..tls
    };
    let authority = home.dir.path().join("radsec");
    let isp = Isp::with(|config| config.authority = Some(authority));
    let client = isp.nas(10, "127.22.1.7");
    realms_put(&isp, ([127, 0, 0, 1], port).into(), tls);
    check_login(
        &client,
        &client.pap(true, "alice@away", PASSWORD),
        Code::AccessAccept,
    );
    check_login(
        &client,
        &client.pap(true, "alice@away", "wrong"),
        Code::AccessReject,
    );
    check_login(
        &client,
        &client.pap(true, "nobody@away", PASSWORD),
        Code::AccessReject,
    );
    let server = held(&isp);
    assert_eq!(
        server
            .stats
            .port(HomePort::Auth)
            .unverified
            .load(Ordering::Relaxed),
        0
    );
}
