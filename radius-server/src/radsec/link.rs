//! The other direction: one connection of ours to a RADIUS server that speaks TLS, for proxying. It connects when there is
//! something to send, sends what waited, keeps itself alive with Status-Server, and connects again after a loss, less and
//! less often. Packets go in and come out as on UDP, made with the secret `radsec`; whether RADIUS/1.1 is spoken on the wire
//! nobody sees. Who asked what, and whether a reply is to be believed, is the caller's business.
//!
//! It never waits and starts no thread: the caller waits on [`Link::socket`] (see [`Link::wants_write`]) or for
//! [`Link::deadline`], whichever is first, and calls [`Link::pump`].

use super::credentials::CredentialError;
use super::{SECRET, Version, provider};
use crate::pem;
use radius::frames::Frames;
use radius::{PACKET_LEN_MAX, RequestWriter, SharedSecret, View, v11};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// Identifiers there are, and requests that can wait for their answer.
const IDENTIFIERS: usize = 256;
/// Octets that may wait to be written: everything that can be in flight.
const OUT_OCTETS_MAX: usize = IDENTIFIERS * PACKET_LEN_MAX;
/// How long a connection may take to be established, TLS included.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long after the last octet of the peer it is asked whether it is there.
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(30);
/// How long after that it may stay silent before the connection is lost.
const SILENT_WAIT: Duration = Duration::from_secs(10);
/// How long a request waits for its answer before its Identifier is free again.
const REPLY_WAIT: Duration = Duration::from_secs(30);
/// How long the first wait after a loss is; each further one is twice as long.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);
/// The longest of them.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(60);
/// Reads before others have their turn.
const READS_AT_ONCE: usize = 16;

/// Who we are towards a server, and whom we believe.
#[derive(Clone)]
pub struct Credentials(Arc<ClientConfig>);

/// Which files they are in.
#[derive(Debug, Clone)]
pub struct Files {
    /// Our certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// Our key, as PEM.
    pub key: PathBuf,
    /// The authorities of the server, as PEM.
    pub authorities: PathBuf,
}

/// A certificate with its chain, and its key.
type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Files {
    /// Reads the authorities.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub(crate) fn roots(&self) -> Result<RootCertStore, CredentialError> {
        Ok(pem::authorities(&self.authorities)?)
    }

    /// Reads our certificate and key.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub(crate) fn pair(&self) -> Result<Pair, CredentialError> {
        Ok((
            pem::certificates(&self.certificate, "certificate")?,
            pem::private_key(&self.key)?,
        ))
    }
}

impl Credentials {
    /// Reads the files. With `v11`, RADIUS/1.1 is offered beside RADIUS/1.0.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn load(files: &Files, v11: bool) -> Result<Self, CredentialError> {
        let (roots, (chain, key)) = (files.roots()?, files.pair()?);
        Self::new(roots, chain, key, v11).map_err(|source| CredentialError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })
    }

    /// The same of what was read before.
    ///
    /// # Errors
    /// What rustls says of a certificate that does not go with its key, or of authorities of which it knows none.
    pub(crate) fn new(
        roots: RootCertStore,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        v11: bool,
    ) -> Result<Self, rustls::Error> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_webpki_verifier(verifier))
            .and_then(|builder| builder.with_client_auth_cert(chain, key))?;
        config.alpn_protocols = vec![Version::ALPN_V10.to_vec()];
        if v11 {
            config.alpn_protocols.insert(0, Version::ALPN_V11.to_vec());
        }
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The server could not be reached a moment ago, and is not tried again yet.
    #[error("there is no connection, and it is too early to try again")]
    Down,
    /// It cannot be carried.
    #[error("it is no request that can be carried")]
    Malformed,
}

/// A request that waits for its answer.
struct Sent {
    /// The packet, as it was given.
    packet: Box<[u8]>,
    /// RADIUS/1.1: its token.
    token: u32,
    /// Since when.
    since: Instant,
    /// Whether it is on its way; else it waits for the connection.
    is_out: bool,
    /// Whether it is ours, to see whether the server is there.
    is_keep_alive: bool,
}

/// What exists only while there is a connection.
struct Live {
    /// The socket, which never waits.
    stream: TcpStream,
    /// Its TLS.
    tls: ClientConnection,
    /// What came.
    frames: Frames,
    /// When it was begun.
    begun: Instant,
    /// When anything came last.
    heard: Instant,
    /// What is spoken, once TLS is there.
    version: Option<Version>,
}

/// See the module's words.
pub struct Link {
    /// Where the server is.
    address: SocketAddr,
    /// What its certificate must be for.
    name: ServerName<'static>,
    /// Who we are.
    credentials: Credentials,
    /// The secret of every connection.
    secret: SharedSecret,
    /// The connection.
    live: Option<Live>,
    /// When the next one may be begun.
    retry_at: Option<Instant>,
    /// How long the wait after the next loss is.
    retry_wait: Duration,
    /// What waits for an answer, by Identifier.
    waiting: Box<[Option<Sent>; IDENTIFIERS]>,
    /// RADIUS/1.1: the last token.
    token: u32,
    /// Replies so far, for salts.
    replies: u16,
    /// A packet being carried over.
    room: Box<[u8]>,
    /// Why there is no connection.
    trouble: Option<Box<str>>,
    /// Connections that came about.
    opened: u64,
    /// Connections that did not, or were lost.
    lost: u64,
}

impl Link {
    /// A link to a server; it does not connect yet. `name` is what the server's certificate must be for: a DNS name, or an
    /// address.
    #[must_use]
    pub fn new(address: SocketAddr, name: ServerName<'static>, credentials: Credentials) -> Self {
        Self {
            address,
            name,
            credentials,
            secret: SharedSecret::new(SECRET),
            live: None,
            retry_at: None,
            retry_wait: RECONNECT_WAIT,
            waiting: Box::new([const { None }; IDENTIFIERS]),
            token: 0,
            replies: 0,
            room: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
            trouble: None,
            opened: 0,
            lost: 0,
        }
    }

    /// Why there is no connection; `None` when there is one, or none was lost since the last one came about.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How many connections came about, and how many did not or were lost.
    #[must_use]
    pub const fn tally(&self) -> (u64, u64) {
        (self.opened, self.lost)
    }

    /// Newer certificates; from the next connection on.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// Whether requests reach the server now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.version.is_some())
    }

    /// What is spoken; `None` while nothing is.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.live.as_ref().and_then(|live| live.version)
    }

    /// The socket to wait on, when there is one.
    #[must_use]
    pub fn socket(&self) -> Option<&TcpStream> {
        self.live.as_ref().map(|live| &live.stream)
    }

    /// Whether to wait for room to write on it, beside waiting for octets.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.tls.wants_write())
    }

    /// When [`Self::pump`] has something to do even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.live {
            None => self.retry_at.filter(|_| self.waiting.iter().any(Option::is_some)),
            Some(live) if live.version.is_none() => Some(live.begun + CONNECT_WAIT),
            Some(live) if self.waiting.iter().flatten().any(|sent| sent.is_keep_alive) => {
                Some(live.heard + KEEP_ALIVE_WAIT + SILENT_WAIT)
            }
            Some(live) => Some(live.heard + KEEP_ALIVE_WAIT),
        }
    }

    /// Takes a request, made with the secret `radsec`; connects if need be. Call [`Self::pump`] afterwards. Another request
    /// under an Identifier that waits takes the older one's place: whoever sends it has given up on the older one.
    ///
    /// # Errors
    /// [`NotTaken`]. The same octets again are taken in silence: nothing is lost on a connection, so nothing is sent again.
    pub fn send(&mut self, packet: &[u8], now: Instant) -> Result<(), NotTaken> {
        let request = View::parse(packet).map_err(|_| NotTaken::Malformed)?;
        if request.code().is_reply() {
            return Err(NotTaken::Malformed);
        }
        let place = usize::from(request.identifier());
        if self.waiting[place]
            .as_ref()
            .is_some_and(|older| *older.packet == *packet)
        {
            return Ok(());
        }
        if self.live.is_none() {
            if self.retry_at.is_some_and(|at| now < at) {
                return Err(NotTaken::Down);
            }
            self.connect(now);
        }
        self.put(place, packet, false, now);
        self.send_waiting();
        Ok(())
    }

    /// Reads, writes, and does what time demands; replies are given to `take`.
    pub fn pump(&mut self, now: Instant, take: &mut dyn FnMut(&[u8])) {
        if self.live.is_none()
            && self.retry_at.is_none_or(|at| now >= at)
            && self.waiting.iter().any(Option::is_some)
        {
            self.connect(now);
        }
        if let Err(why) = self.pump_live(now, take) {
            self.lose(&why, now);
        }
        for place in self.waiting.iter_mut() {
            let old = |sent: &Sent| now.saturating_duration_since(sent.since) >= REPLY_WAIT;
            if place.as_ref().is_some_and(old) {
                *place = None;
            }
        }
    }

    /// Notes a request.
    fn put(&mut self, place: usize, packet: &[u8], is_keep_alive: bool, now: Instant) {
        self.token = self.token.wrapping_add(1);
        self.waiting[place] = Some(Sent {
            packet: packet.into(),
            token: self.token,
            since: now,
            is_out: false,
            is_keep_alive,
        });
    }

    /// Begins a connection.
    fn connect(&mut self, now: Instant) {
        let begun = || -> io::Result<Live> {
            let socket = Socket::new(
                Domain::for_address(self.address),
                Type::STREAM,
                Some(Protocol::TCP),
            )?;
            socket.set_nonblocking(true)?;
            socket.set_tcp_nodelay(true)?;
            match socket.connect(&self.address.into()) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
                Err(error) => return Err(error),
            }
            let config = Arc::clone(&self.credentials.0);
            let mut tls = ClientConnection::new(config, self.name.clone()).map_err(io::Error::other)?;
            tls.set_buffer_limit(Some(OUT_OCTETS_MAX));
            Ok(Live {
                stream: socket.into(),
                tls,
                frames: Frames::default(),
                begun: now,
                heard: now,
                version: None,
            })
        };
        match begun() {
            Ok(live) => self.live = Some(live),
            Err(error) => self.lose(&error.to_string(), now),
        }
    }

    /// The connection is gone: what was on its way is not answered any more.
    fn lose(&mut self, why: &str, now: Instant) {
        let (was_open, first) = (self.is_open(), self.trouble.is_none());
        self.live = None;
        self.trouble = Some(why.into());
        self.lost += 1;
        self.retry_at = Some(now + self.retry_wait);
        self.retry_wait = (self.retry_wait * 2).min(RECONNECT_WAIT_MAX);
        for place in self.waiting.iter_mut() {
            // What waited for the connection goes out with the next one, unless it takes too long.
            if place
                .as_ref()
                .is_some_and(|sent| sent.is_out || sent.is_keep_alive)
            {
                *place = None;
            }
        }
        if was_open {
            info!(server = %self.address, why, "a TLS connection to a RADIUS server was lost");
        } else if first {
            warn!(server = %self.address, why, "no TLS connection to a RADIUS server; trying again, less and less often");
        } else {
            debug!(server = %self.address, why, "no TLS connection to a RADIUS server");
        }
    }

    /// The work on a connection that is there.
    fn pump_live(&mut self, now: Instant, take: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        for _read in 0..READS_AT_ONCE {
            self.write_out()?;
            let Some(live) = &mut self.live else { return Ok(()) };
            match live.tls.read_tls(&mut live.stream) {
                Ok(0) => return Err("closed by the server".into()),
                Ok(_) => live.heard = now,
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error.to_string()),
            }
            live.tls
                .process_new_packets()
                .map_err(|error| error.to_string())?;
            if live.version.is_none() && !live.tls.is_handshaking() {
                live.version = Some(established(live)?);
                self.retry_wait = RECONNECT_WAIT;
                self.trouble = None;
                self.opened += 1;
                info!(server = %self.address, version = ?self.version(), "a TLS connection to a RADIUS server");
                self.send_waiting();
            }
            self.read_packets(take)?;
        }
        self.keep_alive(now)?;
        self.write_out()
    }

    /// Reads what TLS has, and gives replies out.
    fn read_packets(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        loop {
            let Some(live) = &mut self.live else { return Ok(()) };
            if let Some(packet) = live.frames.peek().map_err(|error| error.to_string())? {
                let packet = packet.to_vec();
                live.frames.take();
                self.reply(&packet, take)?;
                continue;
            }
            match live.tls.reader().read(live.frames.room()) {
                Ok(0) => return Err("closed by the server".into()),
                Ok(count) => live.frames.filled(count),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Gives a reply out, as it would have come over UDP; what nobody has asked for is let go.
    fn reply(&mut self, packet: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let view = View::parse(packet).map_err(|error| error.to_string())?;
        let is_v11 = self.version() == Some(Version::V11);
        let place = if is_v11 {
            let token = v11::token(packet);
            self.waiting.iter().position(|sent| {
                sent.as_ref()
                    .is_some_and(|sent| sent.is_out && Some(sent.token) == token)
            })
        } else {
            Some(usize::from(view.identifier()))
        };
        let secret = &self.secret;
        // RADIUS/1.0: a late reply to an older request under this Identifier says nothing about this one.
        let answered = |sent: &mut Sent| {
            let asked = View::parse(&sent.packet);
            let this = |asked: View<'_>| secret.check_reply_authenticator(&view, asked.authenticator());
            sent.is_out && (is_v11 || asked.is_ok_and(this))
        };
        let Some(sent) = place.and_then(|place| self.waiting[place].take_if(answered)) else {
            return Ok(());
        };
        if sent.is_keep_alive {
            return Ok(());
        }
        if !is_v11 {
            take(packet);
            return Ok(());
        }
        self.replies = self.replies.wrapping_add(16);
        let request = View::parse(&sent.packet).map_err(|error| error.to_string())?;
        match v11::reply_in(packet, &request, &self.secret, self.replies, &mut self.room) {
            Ok(reply) => take(reply),
            Err(error) => debug!(server = %self.address, %error, "a reply cannot be carried"),
        }
        Ok(())
    }

    /// Puts into TLS what waits for the connection.
    fn send_waiting(&mut self) {
        let Some(live) = &mut self.live else { return };
        let Some(version) = live.version else { return };
        for place in self.waiting.iter_mut() {
            let Some(sent) = place.as_mut().filter(|sent| !sent.is_out) else {
                continue;
            };
            sent.is_out = true;
            let out = match (version, View::parse(&sent.packet)) {
                (Version::V10, _) => Some(&*sent.packet),
                (Version::V11, Ok(request)) => {
                    v11::request_out(&request, sent.token, &self.secret, &mut self.room).ok()
                }
                (Version::V11, Err(_)) => None,
            };
            // It fits: as many packets as there are Identifiers do. One that cannot be carried has no answer.
            let written = out.map(|out| live.tls.writer().write_all(out));
            if !matches!(written, Some(Ok(()))) {
                *place = None;
            }
        }
    }

    /// Asks a server that says nothing whether it is there, and gives up one that does not answer.
    fn keep_alive(&mut self, now: Instant) -> Result<(), String> {
        let Some(live) = &self.live else { return Ok(()) };
        let silent = now.saturating_duration_since(live.heard);
        if live.version.is_none() {
            let waited = now.saturating_duration_since(live.begun);
            return if waited < CONNECT_WAIT {
                Ok(())
            } else {
                Err("it did not come about in time".into())
            };
        }
        let asked = self.waiting.iter().flatten().any(|sent| sent.is_keep_alive);
        if silent >= KEEP_ALIVE_WAIT + SILENT_WAIT && asked {
            return Err("the server says nothing any more".into());
        }
        if silent < KEEP_ALIVE_WAIT || asked {
            return Ok(());
        }
        let Some(place) = self.waiting.iter().position(Option::is_none) else {
            return Ok(());
        };
        let identifier = u8::try_from(place).map_err(|error| error.to_string())?;
        let packet = self
            .status_server(identifier)
            .map_err(|error| error.to_string())?;
        self.put(place, &packet, true, now);
        self.send_waiting();
        Ok(())
    }

    /// A Status-Server.
    fn status_server(&self, identifier: u8) -> Result<Vec<u8>, radius::WriteError> {
        let mut authenticator = [0; 16];
        // On a connection it need not be unpredictable; TLS says who answers.
        let _drawn = getrandom::fill(&mut authenticator);
        let mut octets = [0; 64];
        let mut writer = RequestWriter::status_server(&mut octets, identifier, authenticator)?;
        writer.reserve_message_authenticator()?;
        Ok(writer.finish(&self.secret).to_vec())
    }

    /// Writes what the socket takes.
    fn write_out(&mut self) -> Result<(), String> {
        let Some(live) = &mut self.live else { return Ok(()) };
        while live.tls.wants_write() {
            match live.tls.write_tls(&mut live.stream) {
                Ok(0) => return Err("closed by the server".into()),
                Ok(_) => {}
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

/// What is spoken on a connection that is established.
fn established(live: &Live) -> Result<Version, String> {
    let version = Version::negotiated(live.tls.alpn_protocol());
    if version == Version::V11 && live.tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err("the server speaks RADIUS/1.1 with TLS 1.2, which is not allowed".into());
    }
    Ok(version)
}

/// Whether there is only nothing to do now. A socket that is not connected yet says so in its own way.
fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected
    )
}
