//! Connections of ours to RADIUS servers that speak TLS: our own, radsecproxy and FreeRADIUS as Debian has them.

use super::peer::{self, Issuer, pap};
use super::proxies::{FREERADIUS, Pems, Running, free_port, installed, start_radsecproxy};
use crate::isp::{Isp, PASSWORD, SECRET as UDP_SECRET, id, nas, until};
use radius::{Code, SharedSecret, View};
use radius_server::radsec::link::{Credentials, Files, Link, NotTaken};
use radius_server::radsec::{SECRET, Version};
use rustls::pki_types::ServerName;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A link to a server, by these files.
fn link(to: SocketAddr, pems: &Pems, v11: bool) -> Link {
    let files = Files {
        certificate: pems.path("cert.pem"),
        key: pems.path("key.pem"),
        authorities: pems.path("ca.pem"),
    };
    let credentials = Credentials::load(&files, v11).expect("credentials");
    Link::new(to, ServerName::try_from("headend").expect("a name"), credentials)
}

/// Sends, as soon as it is taken, and gives the reply.
#[track_caller]
fn ask(link: &mut Link, request: &[u8]) -> Vec<u8> {
    let mut reply = None;
    until("a reply", || {
        // Not taken while a server that has just been started is not tried again; the same again is taken in silence.
        let _taken = link.send(request, Instant::now());
        link.pump(Instant::now(), &mut |packet| reply = Some(packet.to_vec()));
        reply.is_some()
    });
    let reply = reply.expect("there");
    let (asked, answered) = (
        View::parse(request).expect("a packet"),
        View::parse(&reply).expect("a packet"),
    );
    let secret = SharedSecret::new(SECRET);
    assert!(secret.check_reply_authenticator(&answered, asked.authenticator()));
    reply
}

/// Logs in well and badly. Each request has an Identifier of its own: FreeRADIUS drops, without a word, a request whose Identifier
/// is that of one it has just answered and not cleaned up yet, and nothing is sent twice on a connection.
#[track_caller]
fn check_logins(link: &mut Link) {
    let secret = SharedSecret::new(SECRET);
    let code = |reply: Vec<u8>| View::parse(&reply).expect("a packet").code();
    assert_eq!(
        code(ask(link, &pap(&secret, 1, "alice@demo", PASSWORD))),
        Code::AccessAccept
    );
    assert_eq!(
        code(ask(link, &pap(&secret, 2, "alice@demo", "wrong"))),
        Code::AccessReject
    );
    assert_eq!(
        code(ask(link, &pap(&secret, 3, "alice@demo", PASSWORD))),
        Code::AccessAccept
    );
}

/// An ISP with NAS 7, a subscriber, and a certificate for the NAS.
fn isp() -> (Isp, Pems) {
    let isp = peer::start(|_config| {});
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let pems = Pems::of(&peer::issue(&isp, id(7)));
    (isp, pems)
}

#[test]
fn a_link_speaks_both_versions_with_our_own_server() {
    let (isp, pems) = isp();
    for (v11, version) in [(false, Version::V10), (true, Version::V11)] {
        let mut link = link(isp.plane.radsec_addrs()[0], &pems, v11);
        check_logins(&mut link);
        assert_eq!(link.version(), Some(version));
        let accounting = peer::accounting(7, "s1");
        let response = ask(&mut link, &accounting);
        assert_eq!(
            View::parse(&response).expect("a packet").code(),
            Code::AccountingResponse
        );
    }
}

#[test]
fn requests_that_came_before_the_connection_go_out_with_it() {
    let (isp, pems) = isp();
    let mut link = link(isp.plane.radsec_addrs()[0], &pems, true);
    let secret = SharedSecret::new(SECRET);
    let now = Instant::now();
    for identifier in 0..=255 {
        let request = pap(&secret, identifier, "alice@demo", PASSWORD);
        assert_eq!(link.send(&request, now), Ok(()));
        assert_eq!(link.send(&request, now), Ok(()), "the same again is the same");
    }
    let other = pap(&secret, 9, "alice@demo", PASSWORD);
    assert_eq!(
        link.send(&other, now),
        Ok(()),
        "another takes the older one's place"
    );
    let mut identifiers = Vec::new();
    until("all are answered", || {
        link.pump(Instant::now(), &mut |packet| identifiers.push(packet[1]));
        identifiers.len() == 256
    });
    identifiers.sort_unstable();
    assert_eq!(identifiers, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn a_server_that_is_not_there_is_tried_less_and_less_often() {
    let (isp, pems) = isp();
    // Somebody has the port, and nobody listens on it any more.
    let gone = TcpListener::bind("127.0.0.1:0")
        .and_then(|gone| gone.local_addr())
        .expect("an address");
    let mut link = link(gone, &pems, true);
    let request = pap(&SharedSecret::new(SECRET), 1, "alice@demo", PASSWORD);
    let mut now = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..3 {
        assert_eq!(link.send(&request, now), Ok(()));
        until("it is refused", || {
            link.pump(now, &mut |_| {});
            link.socket().is_none()
        });
        let other = pap(&SharedSecret::new(SECRET), 2, "alice@demo", PASSWORD);
        assert_eq!(link.send(&other, now), Err(NotTaken::Down));
        let retry_at = link.deadline().expect("it will be tried again");
        waits.push(retry_at.duration_since(now).as_secs());
        now = retry_at;
    }
    assert_eq!(waits, [1, 2, 4]);
    drop(isp);
}

#[test]
fn a_server_that_somebody_else_vouches_for_is_not_believed() {
    let (isp, pems) = isp();
    let other = tempfile::tempdir().expect("a directory");
    let pretender = Issuer::new(other.path());
    fs::copy(pretender.authority_path(), pems.path("ca.pem")).expect("copied");
    let mut link = link(isp.plane.radsec_addrs()[0], &pems, true);
    let request = pap(&SharedSecret::new(SECRET), 1, "alice@demo", PASSWORD);
    let now = Instant::now();
    assert_eq!(link.send(&request, now), Ok(()));
    until("it is not believed", || {
        link.pump(now, &mut |_| panic!("nobody answers"));
        link.socket().is_none()
    });
    assert!(!link.is_open());
}

#[test]
fn a_silent_server_is_asked_whether_it_is_there() {
    let (isp, pems) = isp();
    let mut link = link(isp.plane.radsec_addrs()[0], &pems, true);
    check_logins(&mut link);
    let status_servers = || {
        isp.plane
            .counters()
            .get(radius_server::counters::Event::AuthStatusServer)
    };
    let later = Instant::now() + Duration::from_secs(31);
    link.pump(later, &mut |_| {});
    until("it is asked", || status_servers() == 1);
    until("it has answered, and nobody hears of it", || {
        link.pump(later, &mut |_| panic!("nobody asked"));
        link.deadline()
            .is_some_and(|at| at > later + Duration::from_secs(29))
    });
    assert!(link.is_open());
}

#[test]
fn a_link_speaks_with_radsecproxy() {
    if !installed(&["radsecproxy"]) {
        return;
    }
    let (isp, pems) = isp();
    pems.server_of(&isp);
    // Behind the proxy is our own server again, over UDP.
    isp.plane.directory().nas_put(nas(5, "127.0.0.1")).expect("taken");
    let (port, auth) = (free_port(), isp.plane.auth_addrs()[0]);
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
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    until("it listens", || TcpStream::connect(server).is_ok());
    let mut link = link(server, &pems, true);
    check_logins(&mut link);
    assert_eq!(link.version(), Some(Version::V10));
}

/// A configuration of FreeRADIUS that listens for TLS and knows one user.
fn freeradius_config(dir: &str, port: u16, username: &str) -> String {
    format!(
        r#"
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = {dir}
logdir = {dir}
run_dir = {dir}
max_requests = 1024
log {{
    destination = stderr
}}
security {{
    allow_vulnerable_openssl = yes
}}
thread pool {{
    start_servers = 2
    max_servers = 4
    min_spare_servers = 1
    max_spare_servers = 3
}}
clients radsec {{
    client headend {{
        ipaddr = 127.0.0.1
        proto = tls
        secret = radsec
    }}
}}
modules {{
    pap {{
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
        proto = tcp
        clients = radsec
        tls {{
            private_key_file = {dir}/server-key.pem
            certificate_file = {dir}/server.pem
            ca_file = {dir}/ca.pem
            require_client_cert = yes
            tls_min_version = "1.2"
            tls_max_version = "1.3"
        }}
    }}
    authorize {{
        if (&User-Name == "{username}") {{
            update control {{
                &Cleartext-Password := "{PASSWORD}"
            }}
        }}
        pap
    }}
    authenticate {{
        pap
    }}
}}
"#
    )
}

/// Starts Debian's FreeRADIUS with a TLS listener that shows the server's certificate, and one user.
pub fn start_freeradius(pems: &Pems, username: &str) -> (u16, Running) {
    let port = free_port();
    let dir = pems.path("").display().to_string();
    fs::write(
        pems.path("radiusd.conf"),
        freeradius_config(dir.trim_end_matches('/'), port, username),
    )
    .expect("written");
    let log = fs::File::create(pems.path("log")).expect("made");
    let radiusd = Command::new(FREERADIUS)
        // Not -X: it has one thread then, and refuses TLS.
        .args(["-fxx", "-l", "stdout", "-d", dir.trim_end_matches('/')])
        .stdout(log)
        .stderr(Stdio::null())
        .spawn();
    let radiusd = Running(radiusd.expect("freeradius"));
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    until("it listens", || TcpStream::connect(server).is_ok());
    (port, radiusd)
}

#[test]
fn a_link_speaks_with_freeradius() {
    if !installed(&[FREERADIUS]) {
        return;
    }
    let (isp, pems) = isp();
    pems.server_of(&isp);
    let (port, _server) = start_freeradius(&pems, "alice@demo");
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let mut link = link(server, &pems, true);
    check_logins(&mut link);
}
