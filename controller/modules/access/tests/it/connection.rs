//! Ending a session of a NAS that reports over TLS: it is asked on its own connection, and by UDP when it says nothing there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use radius::attribute::kind;
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View};
use radius_server::NasId;
use radius_server::radsec::SECRET;
use radius_server::radsec::authority::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// How long it waits for what must come.
const WAIT: Duration = Duration::from_secs(10);

/// A NAS with a TLS connection to a node.
struct TlsNas(StreamOwned<ClientConnection, TcpStream>);

impl TlsNas {
    /// Connects with a certificate that the node's authority issues.
    fn connect(world: &World, id: &str) -> Self {
        let (now, dir) = (OffsetDateTime::now_utc(), world.dir.path().join("radsec"));
        let authority = Authority::open(&dir, now).expect("an authority");
        let id = NasId::from(Uuid::parse_str(id).expect("an id"));
        let issued = authority.issue(id, "bras", 30, now).expect("issued");
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(issued.authority_pem.as_bytes()).expect("PEM");
        roots.add(ca).expect("an authority");
        let chain = vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("PEM");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .expect("a pair");
        let name = ServerName::try_from("headend").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(world.plane.radsec_addrs()[0]).expect("connected");
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
        Self(StreamOwned::new(tls, socket))
    }

    fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).expect("sent");
        self.0.flush().expect("sent");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 20];
        self.0.read_exact(&mut packet).expect("a packet in time");
        packet.resize(usize::from(u16::from_be_bytes([packet[2], packet[3]])), 0);
        self.0.read_exact(&mut packet[20..]).expect("the rest of it");
        packet
    }

    /// Reports something about a session and waits until that is durable.
    fn account(&mut self, identifier: u8, report: &Report<'_>) {
        self.send(&report.packet(identifier, &SharedSecret::new(SECRET)));
        assert_eq!(self.receive()[0], Code::AccountingResponse as u8);
    }

    /// Waits to be told to end a session, and acknowledges it.
    fn told(&mut self) -> Vec<u8> {
        let request = self.receive();
        let (view, secret) = (
            View::parse(&request).expect("a packet"),
            SharedSecret::new(SECRET),
        );
        assert_eq!(view.code(), Code::DisconnectRequest);
        assert!(secret.check_request_authenticator(&view));
        let mut room = [0; PACKET_LEN_MAX];
        let reply = ReplyWriter::new(&mut room, Code::DisconnectAck, &view).expect("room");
        let reply = reply.finish(&secret).to_vec();
        self.send(&reply);
        request
    }
}

/// A node that listens for TLS, a NAS of it, and an open session of alice's that the NAS reported over TLS.
async fn scene(address: &str) -> (World, Isp, FakeNas, TlsNas, String) {
    let world = World::with_radsec().await;
    let isp = world.isp().await;
    let udp = FakeNas::at(address, "a secret of a NAS").await;
    let admitted = world.admit(&isp, "bras-1", &udp).await;
    world.subscriber(&isp, "alice", "open sesame").await;
    eventually(|| async { world.plane.directory().nas_by_source(udp.address()) }).await;
    let mut nas = TlsNas::connect(&world, admitted["id"].as_str().expect("an id"));
    nas.account(1, &Report::new(1, b"0081A2", now_s() - 60));
    let session = world.session_of(&isp, "alice").await;
    let session = session["id"].as_str().expect("an id").to_owned();
    (world, isp, udp, nas, session)
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

/// Asks to end a session; the intent.
async fn disconnect(world: &World, isp: &Isp, session: &str) -> Value {
    let path = format!("sessions/{session}/disconnect");
    world.post(isp, &path, &json!({ "reason": "a test" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nas_is_asked_on_its_own_connection_and_the_stop_there_proves_it() {
    let (world, isp, udp, mut nas, session) = scene("127.61.9.1").await;
    let told = tokio::task::spawn_blocking(move || {
        let request = nas.told();
        (nas, request)
    });
    let intent = disconnect(&world, &isp, &session).await;
    assert_eq!(
        (&intent["state"], &intent["attempts"]),
        (&json!("acknowledged"), &json!(1))
    );
    let (mut nas, request) = told.await.expect("told");
    let view = View::parse(&request).expect("a packet");
    assert_eq!(view.first(kind::ACCT_SESSION_ID), Some(&b"0081A2"[..]));
    let stop = Report::new(2, b"0081A2", now_s()).with(60, 1, 1).because(6);
    tokio::task::spawn_blocking(move || nas.account(2, &stop))
        .await
        .expect("reported");
    let path = format!("intents/{}", intent["id"].as_str().expect("an id"));
    eventually(|| async { Some(world.get(&isp, &path).await).filter(|now| now["state"] == "proven") }).await;
    drop(udp);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nas_that_says_nothing_on_its_connection_is_asked_by_udp_and_first_so_the_next_time() {
    let (world, isp, udp, nas, session) = scene("127.61.9.2").await;
    let (intent, _) = tokio::join!(
        disconnect(&world, &isp, &session),
        udp.told(Code::DisconnectNak, Some(503))
    );
    let path = format!("intents/{}", intent["id"].as_str().expect("an id"));
    let refused =
        eventually(|| async { Some(world.get(&isp, &path).await).filter(|now| now["state"] == "refused") });
    let refused = refused.await;
    assert!(refused["attempts"].as_i64().is_some_and(|attempts| attempts > 1));
    let (intent, _) = tokio::join!(
        disconnect(&world, &isp, &session),
        udp.told(Code::DisconnectNak, Some(503))
    );
    assert_eq!(
        (&intent["state"], &intent["attempts"]),
        (&json!("refused"), &json!(1))
    );
    drop(nas);
}
