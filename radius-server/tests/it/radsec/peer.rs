//! A NAS that speaks RADIUS over TLS, by rustls's client; and those who give it certificates.

use crate::isp::{Isp, until};
use radius::{Code, RequestWriter, SharedSecret, View, kind};
use radius_server::NasId;
use radius_server::radsec::authority::{Authority, Issued};
use radius_server::radsec::config::Files;
use radius_server::radsec::{Config, Limits, SECRET, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a peer waits for what must come.
const WAIT: Duration = Duration::from_secs(10);

/// An ISP that listens for RADIUS over TLS on a port of its own.
pub fn start(change: impl FnOnce(&mut Config)) -> Isp {
    start_all(change, |_config| {})
}

/// The same with another configuration of everything else.
pub fn start_with(change: impl FnOnce(&mut radius_server::Config)) -> Isp {
    start_all(|_config| {}, change)
}

/// The same with another configuration of both.
fn start_all(change: impl FnOnce(&mut Config), other: impl FnOnce(&mut radius_server::Config)) -> Isp {
    Isp::with(|config| {
        other(config);
        let mut radsec = Config {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            files: Files {
                authority: config.journal_dir.join("radsec"),
                certificate: None,
                client_ca: None,
                crl: None,
            },
            limits: Limits::default(),
        };
        change(&mut radsec);
        config.radsec = Some(radsec);
    })
}

/// What a NAS shows, and what it believes.
#[derive(Clone)]
pub struct Identity {
    pub serial: String,
    pub key_pem: String,
    pub certificate_pem: String,
    pub authority_pem: String,
}

impl From<Issued> for Identity {
    fn from(issued: Issued) -> Self {
        Self {
            serial: issued.serial.clone(),
            key_pem: issued.key_pem.to_string(),
            certificate_pem: issued.certificate_pem.clone(),
            authority_pem: issued.authority_pem,
        }
    }
}

/// An authority.
pub struct Issuer(Authority);

impl Issuer {
    pub fn new(dir: &Path) -> Self {
        Self(Authority::open(&dir.join("radsec"), OffsetDateTime::now_utc()).expect("an authority"))
    }

    pub fn issue(&self, nas: NasId) -> Identity {
        let issued = self.0.issue(nas, "bng", 30, OffsetDateTime::now_utc());
        issued.expect("issued").into()
    }

    pub fn authority_path(&self) -> PathBuf {
        self.0.certificate_path()
    }
}

/// A certificate of the ISP's own authority.
pub fn issue(isp: &Isp, nas: NasId) -> Identity {
    Issuer::new(isp.dir.path()).issue(nas)
}

/// Takes a certificate of it back.
pub fn revoke(isp: &Isp, serial: &str) {
    let Issuer(authority) = Issuer::new(isp.dir.path());
    let revoked = authority.revoke(|one| one.serial == serial, OffsetDateTime::now_utc());
    assert_eq!(revoked.expect("revoked").len(), 1);
}

/// Makes the server's own certificate anew.
pub fn renew_server(isp: &Isp) {
    let Issuer(authority) = Issuer::new(isp.dir.path());
    let (certificate, _key) = authority.server_paths(OffsetDateTime::now_utc()).expect("there");
    std::fs::remove_file(certificate).expect("removed");
    authority.server_paths(OffsetDateTime::now_utc()).expect("made");
}

/// The certificate by which a NAS knows this ISP.
pub fn authority_pem(isp: &Isp) -> String {
    std::fs::read_to_string(Issuer::new(isp.dir.path()).authority_path()).expect("there")
}

/// An Access-Request with PAP.
pub fn pap(secret: &SharedSecret, identifier: u8, username: &str, password: &str) -> Vec<u8> {
    let mut octets = [0; 512];
    let authenticator = Uuid::now_v7().into_bytes();
    let mut writer = RequestWriter::access(&mut octets, identifier, authenticator).expect("room");
    writer.text(kind::USER_NAME, username).expect("room");
    writer.password(password.as_bytes(), secret).expect("room");
    writer.finish(secret).to_vec()
}

/// An Accounting-Request, Interim-Update.
pub fn accounting(identifier: u8, session: &str) -> Vec<u8> {
    let mut octets = [0; 256];
    let mut writer = RequestWriter::signed(&mut octets, Code::AccountingRequest, identifier).expect("room");
    writer.u32(kind::ACCT_STATUS_TYPE, 3).expect("room");
    writer.text(kind::ACCT_SESSION_ID, session).expect("room");
    writer
        .attribute(kind::CONNECT_INFO, Uuid::now_v7().as_bytes())
        .expect("room");
    writer.finish(&SharedSecret::new(SECRET)).to_vec()
}

/// A RADIUS/1.1 packet, put together by hand.
pub fn packet_v11(code: Code, token: u32, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut packet = vec![code as u8, 0, 0, 0];
    packet.extend_from_slice(&token.to_be_bytes());
    packet.extend_from_slice(&[0; 12]);
    for (kind, value) in attributes {
        packet.push(*kind);
        packet.push(u8::try_from(2 + value.len()).expect("short"));
        packet.extend_from_slice(value);
    }
    let [.., high, low] = packet.len().to_be_bytes();
    packet[2..4].copy_from_slice(&[high, low]);
    packet
}

/// A RADIUS/1.1 Access-Request with PAP.
pub fn pap_v11(token: u32, username: &str, password: &str) -> Vec<u8> {
    let attributes = [
        (kind::USER_NAME, username.as_bytes()),
        (kind::USER_PASSWORD, password.as_bytes()),
    ];
    packet_v11(Code::AccessRequest, token, &attributes)
}

/// A RADIUS/1.1 Accounting-Request, Interim-Update.
pub fn accounting_v11(token: u32, session: &str) -> Vec<u8> {
    let attributes = [
        (kind::ACCT_STATUS_TYPE, &[0, 0, 0, 3][..]),
        (kind::ACCT_SESSION_ID, session.as_bytes()),
    ];
    packet_v11(Code::AccountingRequest, token, &attributes)
}

/// A NAS with a connection.
pub struct TlsNas {
    stream: StreamOwned<ClientConnection, TcpStream>,
    version: Version,
    secret: SharedSecret,
    next: u32,
}

impl TlsNas {
    /// Connects; both sides must like each other.
    #[track_caller]
    pub fn connect(
        isp: &Isp,
        identity: &Identity,
        tls: &'static SupportedProtocolVersion,
        version: Version,
    ) -> Self {
        let mut nas = Self::open(isp, Some(identity), identity, tls, version).expect("connected");
        nas.stream.flush().expect("a handshake");
        while nas.stream.conn.is_handshaking() {
            nas.stream
                .conn
                .complete_io(&mut nas.stream.sock)
                .expect("a handshake");
        }
        let opened = || {
            isp.plane
                .counters()
                .get(radius_server::counters::Event::RadsecOpened)
        };
        until("it is opened", || opened() > 0);
        nas
    }

    /// Connects and asks for Status-Server, showing perhaps nothing.
    pub fn try_ask(
        isp: &Isp,
        identity: Option<&Identity>,
        believes: &Identity,
        tls: &'static SupportedProtocolVersion,
    ) -> io::Result<Vec<u8>> {
        let mut nas = Self::open(isp, identity, believes, tls, Version::V10)?;
        let request = nas.status_server();
        nas.stream.write_all(&request)?;
        nas.stream.flush()?;
        nas.try_receive()
    }

    fn open(
        isp: &Isp,
        identity: Option<&Identity>,
        believes: &Identity,
        tls: &'static SupportedProtocolVersion,
        version: Version,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(isp.plane.radsec_addrs()[0])?;
        stream.set_read_timeout(Some(WAIT))?;
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(believes.authority_pem.as_bytes()).expect("PEM");
        roots.add(authority).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[tls])
            .expect("a version")
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain =
                    vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        };
        config.alpn_protocols = match version {
            Version::V10 => vec![],
            Version::V11 => vec![b"radius/1.1".to_vec(), b"radius/1.0".to_vec()],
        };
        let name = ServerName::try_from("headend").expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Self {
            stream: StreamOwned::new(client, stream),
            version,
            secret: SharedSecret::new(SECRET),
            next: 0,
        })
    }

    /// The certificate the server has shown.
    pub fn server_certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().expect("shown")[0].to_vec()
    }

    #[track_caller]
    pub fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).expect("sent");
        self.stream.flush().expect("sent");
    }

    /// Sends more than fits at once, from another thread's point of view: the kernel's buffers hold what comes back.
    #[track_caller]
    pub fn send_while_reading(&mut self, octets: &[u8]) {
        for piece in octets.chunks(8_192) {
            self.send(piece);
        }
    }

    /// Asks for what has long answers and reads none of them, until nothing more can be sent.
    pub fn send_until_stuck(&mut self) {
        let request = self.status_server();
        self.stream
            .sock
            .set_write_timeout(Some(Duration::from_millis(500)))
            .expect("set");
        let many = request.repeat(200);
        while self.stream.write_all(&many).is_ok() && self.stream.flush().is_ok() {}
    }

    /// The next packet.
    pub fn try_receive(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = vec![0; 20];
        self.stream.read_exact(&mut packet)?;
        let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        packet.resize(length, 0);
        self.stream.read_exact(&mut packet[20..])?;
        Ok(packet)
    }

    #[track_caller]
    pub fn receive(&mut self) -> Vec<u8> {
        self.try_receive().expect("a reply in time")
    }

    /// Asks, and gives the reply, which must be the reply to this request.
    #[track_caller]
    pub fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request);
        let reply = self.receive();
        let (asked, answered) = (
            View::parse(request).expect("a packet"),
            View::parse(&reply).expect("a packet"),
        );
        match self.version {
            Version::V10 => {
                assert_eq!(asked.identifier(), answered.identifier());
                assert!(
                    self.secret
                        .check_reply_authenticator(&answered, asked.authenticator())
                );
            }
            Version::V11 => assert_eq!(request[4..8], reply[4..8]),
        }
        reply
    }

    #[track_caller]
    fn code(&mut self, request: &[u8]) -> Code {
        View::parse(&self.ask(request)).expect("a packet").code()
    }

    fn draw(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    #[track_caller]
    pub fn ask_pap(&mut self, username: &str, password: &str) -> Code {
        let next = self.draw();
        let request = match self.version {
            Version::V10 => pap(&self.secret, next as u8, username, password),
            Version::V11 => pap_v11(next, username, password),
        };
        self.code(&request)
    }

    /// Asks once more on this connection.
    pub fn try_ask_again(&mut self, username: &str) -> io::Result<Vec<u8>> {
        let request = pap(&self.secret, 99, username, "any");
        self.stream.write_all(&request)?;
        self.stream.flush()?;
        self.try_receive()
    }

    fn status_server(&mut self) -> Vec<u8> {
        let next = self.draw();
        if self.version == Version::V11 {
            return packet_v11(Code::StatusServer, next, &[]);
        }
        let mut octets = [0; 64];
        let authenticator = Uuid::now_v7().into_bytes();
        let mut writer = RequestWriter::status_server(&mut octets, next as u8, authenticator).expect("room");
        writer.reserve_message_authenticator().expect("room");
        writer.finish(&self.secret).to_vec()
    }

    #[track_caller]
    pub fn ask_status_server(&mut self) -> Code {
        let request = self.status_server();
        self.code(&request)
    }

    #[track_caller]
    pub fn ask_accounting(&mut self, session: &str) -> Code {
        let next = self.draw();
        if self.version == Version::V11 {
            return self.code(&accounting_v11(next, session));
        }
        self.code(&accounting(next as u8, session))
    }
}
