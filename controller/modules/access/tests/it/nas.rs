//! A NAS made of two sockets: one that asks, one that is told to end sessions.
//! Never changes what it sends again: an accounting report is repeated with the same octets, as a NAS does; a login is
//! tried once.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use radius::attribute::kind;
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long it waits for a reply that must come.
const REPLY_S_MAX: u64 = 60;

/// How long it waits for an acknowledgement before it reports again.
const RESEND_S: u64 = 2;
/// How often it reports.
const SENDS_MAX: usize = 8;

/// A NAS at one address.
pub struct FakeNas {
    /// Asks.
    socket: UdpSocket,
    /// Is told.
    coa: UdpSocket,
    /// The shared secret.
    secret: SharedSecret,
    /// The same as text.
    pub secret_text: String,
    /// Whether it signs its logins.
    pub signs: bool,
    /// Calling-Station-Id of its logins.
    pub station: &'static str,
    /// The next identifier.
    identifier: u8,
    /// Authenticators of what it was told.
    heard: Mutex<HashSet<Vec<u8>>>,
}

/// A reply, kept.
#[derive(Debug, Clone)]
pub struct Reply(Vec<u8>);

impl Reply {
    /// Its code.
    pub fn code(&self) -> Code {
        self.view().code()
    }

    /// As a packet.
    pub fn view(&self) -> View<'_> {
        View::parse(&self.0).expect("a packet")
    }
}

impl FakeNas {
    /// A NAS at this loopback address.
    pub async fn at(address: &str, secret: &str) -> Self {
        let ip: IpAddr = address.parse().expect("an address");
        Self {
            socket: UdpSocket::bind(SocketAddr::new(ip, 0)).await.expect("a socket"),
            coa: UdpSocket::bind(SocketAddr::new(ip, 0)).await.expect("a socket"),
            secret: SharedSecret::new(secret.as_bytes()),
            secret_text: secret.to_owned(),
            signs: true,
            station: "02-00-00-00-00-01",
            identifier: 0,
            heard: Mutex::default(),
        }
    }

    /// The same NAS once somebody has entered another secret.
    pub async fn again_with(&self, secret: &str) -> Self {
        Self::at(&self.address().to_string(), secret).await
    }

    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.socket.local_addr().expect("bound").ip()
    }

    /// Where it is told.
    pub fn coa_port(&self) -> u16 {
        self.coa.local_addr().expect("bound").port()
    }

    /// Tries a login with PAP; `None`: no reply within a fifth of a second.
    pub async fn login(&mut self, server: SocketAddr, username: &str, password: &str) -> Option<Reply> {
        self.login_within(Duration::from_millis(200), server, username, password)
            .await
    }

    /// The same, with so much patience: a slow hash is compared when there is time.
    pub async fn login_within(
        &mut self,
        patience: Duration,
        server: SocketAddr,
        username: &str,
        password: &str,
    ) -> Option<Reply> {
        self.identifier = self.identifier.wrapping_add(1);
        let mut authenticator = [7; 16];
        authenticator[0] = self.identifier;
        authenticator[1..5].copy_from_slice(&rand_octets());
        let mut buf = [0; PACKET_LEN_MAX];
        let mut request = RequestWriter::access(&mut buf, self.identifier, authenticator).expect("room");
        if self.signs {
            request.reserve_message_authenticator().expect("room");
        }
        request.text(kind::USER_NAME, username).expect("room");
        request.password(password.as_bytes(), &self.secret).expect("room");
        request.text(kind::NAS_IDENTIFIER, "test-nas").expect("room");
        request
            .text(kind::CALLING_STATION_ID, self.station)
            .expect("room");
        let octets = request.finish(&self.secret).to_vec();
        self.socket.send_to(&octets, server).await.expect("sent");
        // What was asked before may be answered only now.
        let asked = self.identifier;
        let reply = async {
            loop {
                let reply = self.reply(patience).await?;
                if reply.0.get(1) == Some(&asked) {
                    return Some(reply);
                }
            }
        };
        timeout(patience, reply).await.ok().flatten()
    }

    /// Reports something about a session and waits until that is durable.
    pub async fn account(&mut self, server: SocketAddr, report: &Report<'_>) {
        self.identifier = self.identifier.wrapping_add(1);
        let octets = report.packet(self.identifier, &self.secret);
        for _ in 0..SENDS_MAX {
            self.socket.send_to(&octets, server).await.expect("sent");
            if let Some(reply) = self.reply(Duration::from_secs(RESEND_S)).await {
                assert_eq!(reply.code(), Code::AccountingResponse);
                return;
            }
        }
        panic!("an accounting report was not acknowledged in {SENDS_MAX} tries");
    }

    /// Waits to be told to end a session, and answers with `code` and, if given, an Error-Cause. Changes it is deaf to.
    pub async fn told(&self, code: Code, error_cause: Option<u32>) -> Reply {
        self.told_to(Code::DisconnectRequest, code, error_cause).await
    }

    /// Waits to be told to change a session, and answers with `code` and, if given, an Error-Cause.
    pub async fn changed(&self, code: Code, error_cause: Option<u32>) -> Reply {
        self.told_to(Code::CoaRequest, code, error_cause).await
    }

    /// Waits to be told `what`, and answers with `code` and, if given, an Error-Cause.
    async fn told_to(&self, what: Code, code: Code, error_cause: Option<u32>) -> Reply {
        loop {
            let (request, from) = self.told_silently().await;
            // Sent again before the answer was heard: no other wish.
            let again = !self
                .heard
                .lock()
                .expect("unpoisoned")
                .insert(request.0[4..20].to_vec());
            if request.code() == what && !again {
                self.answer(&request, from, code, error_cause).await;
                return request;
            }
        }
    }

    /// Ends every session it is told to end, for as long as it is let.
    pub async fn obey(&self) -> ! {
        let mut buf = [0; PACKET_LEN_MAX];
        loop {
            let (len, from) = self.coa.recv_from(&mut buf).await.expect("received");
            let request = Reply(buf[..len].to_vec());
            self.answer(&request, from, Code::DisconnectAck, None).await;
        }
    }

    /// Answers what it was told.
    async fn answer(&self, request: &Reply, from: SocketAddr, code: Code, error_cause: Option<u32>) {
        let view = request.view();
        assert!(
            self.secret.check_request_authenticator(&view),
            "signed with the NAS's secret"
        );
        let mut buf = [0; PACKET_LEN_MAX];
        let mut reply = ReplyWriter::new(&mut buf, code, &view).expect("room");
        if let Some(cause) = error_cause {
            reply.u32(kind::ERROR_CAUSE, cause).expect("room");
        }
        let octets = reply.finish(&self.secret).to_vec();
        self.coa.send_to(&octets, from).await.expect("sent");
    }

    /// Waits to be told something, and says nothing.
    pub async fn told_silently(&self) -> (Reply, SocketAddr) {
        let mut buf = [0; PACKET_LEN_MAX];
        let received = timeout(Duration::from_secs(REPLY_S_MAX), self.coa.recv_from(&mut buf)).await;
        let (len, from) = received.expect("told in time").expect("received");
        (Reply(buf[..len].to_vec()), from)
    }

    /// Waits for a reply.
    async fn reply(&self, at_most: Duration) -> Option<Reply> {
        let mut buf = [0; PACKET_LEN_MAX];
        let (len, _) = timeout(at_most, self.socket.recv_from(&mut buf))
            .await
            .ok()?
            .ok()?;
        Some(Reply(buf[..len].to_vec()))
    }
}

/// One accounting report.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// 1 Start, 2 Stop, 3 Interim, 7 On, 8 Off.
    pub status: u32,
    /// Acct-Session-Id; empty: none is sent.
    pub session: &'a [u8],
    /// User-Name.
    pub username: &'a str,
    /// Event-Timestamp.
    pub at: u32,
    /// Acct-Session-Time.
    pub time: u32,
    /// Octets from the subscriber.
    pub octets_in: u64,
    /// Octets to the subscriber.
    pub octets_out: u64,
    /// Framed-IP-Address.
    pub framed_ip: Option<[u8; 4]>,
    /// Acct-Terminate-Cause.
    pub cause: Option<u32>,
    /// Class, as the login brought it; empty: none is sent.
    pub class: &'a [u8],
    /// Acct-Delay-Time; 0: none is sent.
    pub delay: u32,
    /// Its counters have 32 bits, and no Gigawords tell of the others.
    pub narrow: bool,
    /// What a vendor says beside: the value of Vendor-Specific; empty: nothing.
    pub vendor: &'a [u8],
}

impl<'a> Report<'a> {
    /// A report about a session of alice's.
    pub fn new(status: u32, session: &'a [u8], at: u32) -> Self {
        Self {
            status,
            session,
            username: "alice",
            at,
            time: 0,
            octets_in: 0,
            octets_out: 0,
            framed_ip: Some([100, 64, 0, 9]),
            cause: None,
            class: &[],
            delay: 0,
            narrow: false,
            vendor: &[],
        }
    }

    /// With a session time and counters.
    pub fn with(self, time: u32, octets_in: u64, octets_out: u64) -> Self {
        Self {
            time,
            octets_in,
            octets_out,
            ..self
        }
    }

    /// With a terminate cause.
    pub fn because(self, cause: u32) -> Self {
        Self {
            cause: Some(cause),
            ..self
        }
    }

    /// With the Class of a login.
    pub fn of_login(self, class: &'a [u8]) -> Self {
        Self { class, ..self }
    }

    /// The packet.
    pub fn packet(&self, identifier: u8, secret: &SharedSecret) -> Vec<u8> {
        let mut buf = [0; PACKET_LEN_MAX];
        let mut request = RequestWriter::signed(&mut buf, Code::AccountingRequest, identifier).expect("room");
        request.u32(kind::ACCT_STATUS_TYPE, self.status).expect("room");
        request.u32(kind::EVENT_TIMESTAMP, self.at).expect("room");
        if !self.class.is_empty() {
            request.attribute(kind::CLASS, self.class).expect("room");
        }
        request.text(kind::NAS_IDENTIFIER, "test-nas").expect("room");
        if !self.session.is_empty() {
            request
                .attribute(kind::ACCT_SESSION_ID, self.session)
                .expect("room");
            request.text(kind::USER_NAME, self.username).expect("room");
            request
                .text(kind::CALLING_STATION_ID, "02-00-00-00-00-01")
                .expect("room");
            request.text(kind::NAS_PORT_ID, "ge-0/0/1:100").expect("room");
            request.u32(kind::ACCT_SESSION_TIME, self.time).expect("room");
            for (low, high, octets) in [
                (
                    kind::ACCT_INPUT_OCTETS,
                    kind::ACCT_INPUT_GIGAWORDS,
                    self.octets_in,
                ),
                (
                    kind::ACCT_OUTPUT_OCTETS,
                    kind::ACCT_OUTPUT_GIGAWORDS,
                    self.octets_out,
                ),
            ] {
                request
                    .u32(low, u32::try_from(octets & 0xffff_ffff).expect("32 bits"))
                    .expect("room");
                if !self.narrow {
                    request
                        .u32(high, u32::try_from(octets >> 32).expect("32 bits"))
                        .expect("room");
                }
            }
        }
        if self.delay > 0 {
            request.u32(kind::ACCT_DELAY_TIME, self.delay).expect("room");
        }
        if let Some(address) = self.framed_ip {
            request
                .attribute(kind::FRAMED_IP_ADDRESS, &address)
                .expect("room");
        }
        if let Some(cause) = self.cause {
            request.u32(kind::ACCT_TERMINATE_CAUSE, cause).expect("room");
        }
        if !self.class.is_empty() {
            request.attribute(kind::CLASS, self.class).expect("room");
        }
        if !self.vendor.is_empty() {
            request
                .attribute(kind::VENDOR_SPECIFIC, self.vendor)
                .expect("room");
        }
        request.finish(secret).to_vec()
    }
}

/// Octets that differ from request to request.
fn rand_octets() -> [u8; 4] {
    let id = uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).into_bytes();
    [id[12], id[13], id[14], id[15]]
}
