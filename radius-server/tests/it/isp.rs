//! A small ISP to test against: a server on 127.0.0.1 with ports of its own, and NAS that speak to it through sockets.

use radius::eap::EapView;
use radius::{Authenticator, Code, MessageAuthenticator, RequestWriter, SharedSecret, View, kind};
use radius_server::directory::{
    CoaTarget, Credential, Identify, NasGuard, NasSpec, Plan, Require, ServiceState, SubscriberSpec,
};
use radius_server::journal::Options;
use radius_server::{Config, Directory, NasId, PartnerId, Plane, SubscriberId};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

/// The secret of every NAS, unless a test says otherwise.
pub const SECRET: &[u8] = b"a secret of sixteen octets or more";
/// The password of every subscriber, unless a test says otherwise.
pub const PASSWORD: &str = "correct horse";
/// How long a test waits for what must happen.
const WAIT: Duration = Duration::from_secs(10);

/// An id that is easy to read in a failure.
pub fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

/// A running server and the directory its journals are in.
pub struct Isp {
    pub plane: Plane,
    pub dir: TempDir,
}

impl Isp {
    /// A server with partner 1, one authentication worker and one address of each kind.
    pub fn start() -> Self {
        Self::with(|_config| {})
    }

    /// The same with another configuration.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let plane = prepare(dir.path(), change);
        plane.listen().expect("listens");
        Self { plane, dir }
    }

    /// Admits a NAS of partner 1 and gives it a socket.
    pub fn nas(&self, number: u128, address: &str) -> Client {
        self.nas_with(number, address, |_nas| {})
    }

    /// The same with other settings.
    pub fn nas_with(&self, number: u128, address: &str, change: impl FnOnce(&mut NasSpec)) -> Client {
        let mut spec = nas(number, address);
        change(&mut spec);
        self.plane.directory().nas_put(spec).expect("taken");
        self.client(address)
    }

    /// A socket on an address, NAS or not.
    pub fn client(&self, address: &str) -> Client {
        let socket = UdpSocket::bind((address.parse::<IpAddr>().expect("an address"), 0)).expect("a socket");
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
        let (auth, accounting) = (self.plane.auth_addrs()[0], self.plane.accounting_addrs()[0]);
        Client {
            socket,
            auth,
            accounting,
            secret: SharedSecret::new(SECRET),
            next: AtomicU8::new(0),
        }
    }

    /// Puts a subscriber into a partner.
    pub fn subscriber(&self, partner: u128, number: u128, username: &str, password: &str) {
        let spec = subscriber(number, username, password);
        self.plane
            .directory()
            .subscriber_put(id(partner), spec)
            .expect("taken");
    }

    /// Records in the accounting journal.
    pub fn accounting_records(&self) -> usize {
        let reader = self.plane.accounting_journal();
        reader
            .read_from(0, usize::MAX, usize::MAX)
            .expect("readable")
            .len()
    }
}

/// A server that does not listen yet.
pub fn prepare(dir: &Path, change: impl FnOnce(&mut Config)) -> Plane {
    let anywhere: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let small = Options {
        segment_len: 256 * 1024,
        ..Options::default()
    };
    let mut config = Config {
        auth: vec![anywhere],
        accounting: vec![anywhere],
        auth_workers: 1,
        accounting_journal: small.clone(),
        decision_journal: small,
        ..Config::new(dir)
    };
    change(&mut config);
    let directory = Arc::new(Directory::new());
    directory.partner_put(id(1), "Demo ISP", true);
    Plane::prepare(config, directory).expect("prepared")
}

/// A NAS of partner 1 at one address.
pub fn nas(number: u128, address: &str) -> NasSpec {
    let secret = SharedSecret::new(SECRET);
    NasSpec {
        id: id::<NasId>(number),
        partner: id::<PartnerId>(1),
        network: format!("{address}/32").parse().expect("a network"),
        name: format!("nas-{number}").into(),
        make: "mikrotik".into(),
        secret: secret.clone(),
        coa: CoaTarget { port: 3799, secret },
        message_authenticator: Require::Auto,
        message_authenticator_seen: false,
        guard: NasGuard::default(),
        identify: Identify::default(),
    }
}

/// A subscriber with a plan.
pub fn subscriber(number: u128, username: &str, password: &str) -> SubscriberSpec {
    SubscriberSpec {
        id: id::<SubscriberId>(number),
        username: username.into(),
        state: ServiceState::Active,
        expires_at_unix_s: None,
        credential: Credential::Clear(password.into()),
        plan: Arc::new(Plan::new(
            "home",
            Box::default(),
            Some(100_000_000),
            Some(20_000_000),
        )),
        reply: Box::default(),
    }
}

/// A NAS, or somebody who would like to be one.
pub struct Client {
    pub socket: UdpSocket,
    pub auth: SocketAddr,
    pub accounting: SocketAddr,
    pub secret: SharedSecret,
    next: AtomicU8,
}

impl Client {
    /// The next Identifier and an authenticator that nobody else uses.
    fn draw(&self) -> (u8, Authenticator) {
        (
            self.next.fetch_add(1, Ordering::Relaxed),
            Uuid::now_v7().into_bytes(),
        )
    }

    /// An Access-Request, signed or not.
    pub fn access(&self, signed: bool, fill: impl FnOnce(&mut RequestWriter<'_>)) -> Vec<u8> {
        let (identifier, authenticator) = self.draw();
        let mut octets = [0; 4_096];
        let mut writer = RequestWriter::access(&mut octets, identifier, authenticator).expect("room");
        if signed {
            writer.reserve_message_authenticator().expect("room");
        }
        fill(&mut writer);
        writer.finish(&self.secret).to_vec()
    }

    /// An Access-Request with PAP.
    pub fn pap(&self, signed: bool, username: &str, password: &str) -> Vec<u8> {
        self.access(signed, |writer| {
            writer.text(kind::USER_NAME, username).expect("room");
            writer.password(password.as_bytes(), &self.secret).expect("room");
        })
    }

    /// An Access-Request with CHAP.
    pub fn chap(&self, username: &str, password: &str) -> Vec<u8> {
        let challenge = Uuid::now_v7().into_bytes();
        self.access(true, |writer| {
            writer.text(kind::USER_NAME, username).expect("room");
            let response = md5_response(5, password, &challenge);
            writer
                .attribute(kind::CHAP_PASSWORD, &[&[5][..], &response].concat())
                .expect("room");
            writer.attribute(kind::CHAP_CHALLENGE, &challenge).expect("room");
        })
    }

    /// An Access-Request with EAP.
    pub fn eap(&self, username: &str, eap: &[u8], state: Option<&[u8]>) -> Vec<u8> {
        self.access(true, |writer| {
            writer.text(kind::USER_NAME, username).expect("room");
            writer.long(kind::EAP_MESSAGE, eap).expect("room");
            if let Some(state) = state {
                writer.attribute(kind::STATE, state).expect("room");
            }
        })
    }

    /// A signed Status-Server.
    pub fn status_server(&self) -> Vec<u8> {
        let (identifier, authenticator) = self.draw();
        let mut octets = [0; 64];
        let mut writer = RequestWriter::status_server(&mut octets, identifier, authenticator).expect("room");
        writer.reserve_message_authenticator().expect("room");
        writer.finish(&self.secret).to_vec()
    }

    /// An Accounting-Request about a session, or about the NAS when there is none.
    pub fn accounting(&self, status: u32, session: Option<&str>, octets_in: u32) -> Vec<u8> {
        self.accounting_of(status, session, octets_in, None)
    }

    /// The same with the Class that the login brought.
    pub fn accounting_of(
        &self,
        status: u32,
        session: Option<&str>,
        octets_in: u32,
        class: Option<&[u8]>,
    ) -> Vec<u8> {
        let (identifier, _) = self.draw();
        let mut octets = [0; 512];
        let mut writer =
            RequestWriter::signed(&mut octets, Code::AccountingRequest, identifier).expect("room");
        writer.u32(kind::ACCT_STATUS_TYPE, status).expect("room");
        if let Some(session) = session {
            writer.text(kind::ACCT_SESSION_ID, session).expect("room");
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer
                .u32(kind::ACCT_SESSION_TIME, octets_in / 1_000)
                .expect("room");
            writer.u32(kind::ACCT_INPUT_OCTETS, octets_in).expect("room");
        }
        if let Some(class) = class {
            writer.attribute(kind::CLASS, class).expect("room");
        }
        // Real NAS differ in time; without this, two alike requests would be one and its retransmission.
        writer
            .attribute(kind::CONNECT_INFO, Uuid::now_v7().as_bytes())
            .expect("room");
        writer.finish(&self.secret).to_vec()
    }

    /// Sends to the authentication port.
    pub fn send_auth(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.auth).expect("sent");
    }

    /// Sends to the accounting port.
    pub fn send_accounting(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.accounting).expect("sent");
    }

    /// The next datagram that comes.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        let mut octets = [0; 4_096];
        let (len, _) = self.socket.recv_from(&mut octets).expect("a reply in time");
        octets[..len].to_vec()
    }

    /// Asks and gives the reply, verified with this NAS's secret.
    #[track_caller]
    pub fn ask_auth(&self, request: &[u8]) -> Reply {
        self.send_auth(request);
        self.verified(request)
    }

    /// Asks and gives the response, verified with this NAS's secret.
    #[track_caller]
    pub fn ask_accounting(&self, request: &[u8]) -> Reply {
        self.send_accounting(request);
        self.verified(request)
    }

    /// The next datagram that comes, which must be the reply to this request.
    #[track_caller]
    pub fn verified(&self, request: &[u8]) -> Reply {
        let octets = self.receive();
        let (reply, request) = (
            View::parse(&octets).expect("a packet"),
            View::parse(request).expect("a packet"),
        );
        assert_eq!(reply.identifier(), request.identifier());
        assert!(
            self.secret
                .check_reply_authenticator(&reply, request.authenticator())
        );
        let signature = self
            .secret
            .check_message_authenticator(&reply, Some(request.authenticator()));
        if request.code() != Code::AccountingRequest {
            assert_eq!(signature, MessageAuthenticator::Valid);
        }
        Reply(octets)
    }

    /// Asserts that none of these gets an answer on the authentication port: what is sent after them is answered first.
    #[track_caller]
    pub fn check_auth_silent(&self, datagrams: &[Vec<u8>]) {
        datagrams.iter().for_each(|datagram| self.send_auth(datagram));
        assert_eq!(self.ask_auth(&self.status_server()).code(), Code::AccessAccept);
    }

    /// Asserts that none of these gets an answer on the accounting port. What comes after them is an accounting request
    /// that must be recorded, for those are answered in order.
    #[track_caller]
    pub fn check_accounting_silent(&self, datagrams: &[Vec<u8>]) {
        datagrams
            .iter()
            .for_each(|datagram| self.send_accounting(datagram));
        self.ask_accounting(&self.accounting(3, Some("after the silence"), 1));
    }

    /// Asserts that nothing has come; only after something proves that the server is done.
    #[track_caller]
    pub fn check_nothing_came(&self) {
        self.socket.set_nonblocking(true).expect("set");
        let came = self.socket.recv(&mut [0; 4_096]);
        assert_eq!(came.expect_err("nothing").kind(), std::io::ErrorKind::WouldBlock);
        self.socket.set_nonblocking(false).expect("set");
    }
}

/// A reply's octets.
pub struct Reply(pub Vec<u8>);

impl Reply {
    pub fn view(&self) -> View<'_> {
        View::parse(&self.0).expect("a packet")
    }

    pub fn code(&self) -> Code {
        self.view().code()
    }

    /// The EAP packet it carries.
    pub fn eap(&self) -> Vec<u8> {
        let mut eap = Vec::new();
        self.view().concat(kind::EAP_MESSAGE, &mut eap);
        eap
    }
}

/// MD5 over identifier, password and challenge (RFC 1994 section 4.1).
pub fn md5_response(identifier: u8, password: &str, challenge: &[u8]) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// An EAP identity response.
pub fn eap_identity(identifier: u8, username: &str) -> Vec<u8> {
    let mut eap = Vec::new();
    radius::eap::write_response(identifier, 1, &[username.as_bytes()], &mut eap);
    eap
}

/// An EAP-MD5 response to a challenge.
pub fn eap_md5_response(challenge: &[u8], password: &str) -> Vec<u8> {
    let asked = EapView::parse(challenge).expect("an EAP packet");
    let digest = md5_response(asked.identifier(), password, &asked.data()[1..17]);
    let mut eap = Vec::new();
    radius::eap::write_response(asked.identifier(), 4, &[&[16], &digest], &mut eap);
    eap
}

/// Waits for a condition.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(eventually(condition), "{what} did not come true in {WAIT:?}");
}

/// Waits for a condition; whether it came true in time.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() >= WAIT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
