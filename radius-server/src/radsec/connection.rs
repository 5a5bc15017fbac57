//! One connection: its TLS, what came and was not read, what waits to be written, and when it has to end. It never waits;
//! [`super::server`] tells it when there is something to do. What it may hold is bounded: two packets that came, and
//! [`OUT_OCTETS_MAX`] of replies; while replies wait to be written, nothing more is read.

use super::Version;
use super::config::Limits;
use super::credentials::Credentials;
use super::desk::{ConnectionId, Desk, Handled, Peer};
use super::downlink::Down;
use super::identity::Identity;
use super::ledger::Answer;
use crate::clock::Now;
use crate::counters::Event;
use radius::frames::Frames;
use rustls::pki_types::UnixTime;
use rustls::{ProtocolVersion, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

/// Octets that may wait to be written: the responses to everything that can be in flight, and more.
const OUT_OCTETS_MAX: usize = 512 * 1024;
/// Reads of a connection before others have their turn.
const READS_AT_ONCE: usize = 16;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The peer closed it, or it broke.
    Peer,
    /// TLS did not come about.
    Handshake(String),
    /// Its certificate belongs to no NAS.
    NoNas,
    /// Its certificate does not carry the name that its NAS states.
    OtherName,
    /// It was silent for too long.
    Idle,
    /// Its peer does not read.
    Stalled,
    /// It brought what is not RADIUS.
    Malformed,
    /// Its certificate is no longer good, or its NAS is gone.
    Revoked,
}

impl End {
    /// What is counted.
    pub(super) const fn event(&self) -> Event {
        match self {
            Self::Peer => Event::RadsecClosedByPeer,
            Self::Handshake(_) => Event::RadsecHandshakeFailed,
            Self::NoNas | Self::OtherName => Event::RadsecNoNas,
            Self::Idle => Event::RadsecClosedIdle,
            Self::Stalled => Event::RadsecClosedStalled,
            Self::Malformed => Event::RadsecClosedMalformed,
            Self::Revoked => Event::RadsecClosedRevoked,
        }
    }

    /// In words.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Peer => "closed by the peer",
            Self::Handshake(why) => why,
            Self::NoNas => "the certificate belongs to no NAS",
            Self::OtherName => "the certificate does not carry the name that its NAS states (tls_name)",
            Self::Idle => "silent for too long",
            Self::Stalled => "the peer does not read",
            Self::Malformed => "it brought what is not RADIUS",
            Self::Revoked => "its certificate is no longer good, or its NAS is gone",
        }
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interest {
    /// For octets.
    pub(super) read: bool,
    /// For room to write.
    pub(super) write: bool,
}

/// See the module's words.
pub(super) struct Connection {
    /// Which one.
    id: ConnectionId,
    /// The socket, which never waits.
    stream: TcpStream,
    /// Its TLS.
    tls: ServerConnection,
    /// What came.
    frames: Frames,
    /// Who it is, after the handshake.
    peer: Option<Peer>,
    /// From where it came.
    address: SocketAddr,
    /// When it was opened.
    opened: Instant,
    /// When anything came last.
    heard: Instant,
    /// Since when something waits to be written.
    stuck: Option<Instant>,
    /// Whether a packet waits for room in the ledger.
    waits: bool,
    /// Whether replies came that had no room.
    overflowed: bool,
}

impl Connection {
    /// A connection that begins.
    ///
    /// # Errors
    /// What the system or TLS says.
    pub(super) fn new(
        id: ConnectionId,
        stream: TcpStream,
        address: SocketAddr,
        credentials: &Credentials,
        now: Instant,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut tls = ServerConnection::new(Arc::clone(&credentials.tls)).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(OUT_OCTETS_MAX));
        Ok(Self {
            id,
            stream,
            tls,
            frames: Frames::default(),
            peer: None,
            address,
            opened: now,
            heard: now,
            stuck: None,
            waits: false,
            overflowed: false,
        })
    }

    /// The socket.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// From where it came.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether its peer is not known yet.
    pub(super) fn is_stranger(&self) -> bool {
        self.peer.is_none()
    }

    /// Whether a packet waits for room in the ledger.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> Interest {
        let write = self.tls.wants_write();
        Interest {
            read: !self.waits && !write,
            write,
        }
    }

    /// Reads, handles and writes what can be without waiting.
    ///
    /// # Errors
    /// [`End`]: it is over.
    pub(super) fn pump(&mut self, desk: &mut Desk, credentials: &Credentials, now: Now) -> Result<(), End> {
        self.waits = false;
        for _read in 0..READS_AT_ONCE {
            self.handle_packets(desk, now)?;
            self.write_out(now.monotonic)?;
            if self.waits || self.tls.wants_write() {
                break; // what it sends meanwhile stays in the kernel, and then with the peer
            }
            let stranger = self.is_stranger();
            if !self.read_in(credentials, now)? {
                break;
            }
            if stranger && !self.shows_its_name(desk) {
                self.peer = None; // it was nobody's for a moment
                return Err(End::OtherName);
            }
        }
        self.handle_packets(desk, now)?;
        self.write_out(now.monotonic)
    }

    /// Writes an answer that took its time.
    ///
    /// # Errors
    /// [`End`]: it is over.
    pub(super) fn answer(&mut self, desk: &mut Desk, answer: &Answer) -> Result<(), End> {
        let (tls, overflowed) = (&mut self.tls, &mut self.overflowed);
        if let Some(peer) = &mut self.peer {
            desk.answer(peer, answer, &mut |reply| put(tls, reply, overflowed));
        }
        if self.overflowed {
            Err(End::Stalled)
        } else {
            Ok(())
        }
    }

    /// Writes a reply that had to wait.
    ///
    /// # Errors
    /// [`End`]: it is over.
    pub(super) fn write_late(&mut self, reply: &[u8], now: Instant) -> Result<(), End> {
        put(&mut self.tls, reply, &mut self.overflowed);
        if self.overflowed {
            return Err(End::Stalled);
        }
        self.write_out(now)
    }

    /// Sends a request of ours, when the peer reads what it is sent; else the request is sent again, or given up.
    ///
    /// # Errors
    /// [`End`]: it is over.
    pub(super) fn ask(&mut self, desk: &mut Desk, down: &Down, now: Instant) -> Result<(), End> {
        let (tls, overflowed) = (&mut self.tls, &mut self.overflowed);
        if let Some(peer) = &mut self.peer
            && self.stuck.is_none()
        {
            desk.ask(peer, down, now, &mut |request| put(tls, request, overflowed));
        }
        if self.overflowed {
            return Err(End::Stalled);
        }
        self.write_out(now)
    }

    /// Whether it has to end now.
    ///
    /// # Errors
    /// [`End`]: it has.
    pub(super) fn check(&self, limits: &Limits, now: Instant) -> Result<(), End> {
        let since = |then| now.saturating_duration_since(then);
        if self.is_stranger() && since(self.opened) > limits.handshake_wait {
            return Err(End::Handshake("TLS did not come about in time".into()));
        }
        if self.stuck.is_some_and(|stuck| since(stuck) > limits.stall_wait) {
            return Err(End::Stalled);
        }
        if !self.waits && self.stuck.is_none() && since(self.heard) > limits.idle_wait {
            return Err(End::Idle);
        }
        Ok(())
    }

    /// Whether its certificate is still good and still names a NAS.
    ///
    /// # Errors
    /// [`End::Revoked`].
    pub(super) fn check_certificate(&self, desk: &Desk, credentials: &Credentials) -> Result<(), End> {
        let Some(peer) = &self.peer else {
            return Ok(()); // the handshake will see
        };
        let identity = self.identity(credentials);
        if identity == Some(peer.identity) && desk.knows(peer.identity) && self.shows_its_name(desk) {
            Ok(())
        } else {
            Err(End::Revoked)
        }
    }

    /// Whether its certificate carries what its NAS states; so it is until there is a certificate.
    fn shows_its_name(&self, desk: &Desk) -> bool {
        let shown = self.tls.peer_certificates().and_then(<[_]>::first);
        let checked = self.peer.as_ref().zip(shown);
        checked.is_none_or(|(peer, shown)| desk.is_shown_by(peer.identity, shown))
    }

    /// Says good-bye, if the peer will hear it.
    pub(super) fn close(mut self) {
        self.tls.send_close_notify();
        while self.tls.wants_write() && self.tls.write_tls(&mut self.stream).is_ok_and(|len| len > 0) {}
    }

    /// Handles the packets that are complete.
    fn handle_packets(&mut self, desk: &mut Desk, now: Now) -> Result<(), End> {
        let Some(peer) = &mut self.peer else { return Ok(()) };
        while let Some(packet) = self.frames.peek().map_err(|_| End::Malformed)? {
            if self.tls.wants_write() && self.stuck.is_some() {
                return Ok(()); // the peer does not read; it gets no more until it does
            }
            let (tls, overflowed) = (&mut self.tls, &mut self.overflowed);
            match desk.handle(peer, packet, now, &mut |reply| put(tls, reply, overflowed)) {
                Handled::Done => self.frames.take(),
                Handled::Wait => {
                    self.waits = true;
                    return Ok(());
                }
                Handled::Malformed => return Err(End::Malformed),
                Handled::NoNas => return Err(End::Revoked),
            }
            if self.overflowed {
                return Err(End::Stalled);
            }
        }
        Ok(())
    }

    /// Reads once; false when nothing more is there.
    fn read_in(&mut self, credentials: &Credentials, now: Now) -> Result<bool, End> {
        if self.read_clear()? {
            return Ok(true);
        }
        match self.tls.read_tls(&mut self.stream) {
            Ok(0) => Err(End::Peer),
            Ok(_) => {
                self.heard = now.monotonic;
                self.process(credentials, now)?;
                Ok(true)
            }
            Err(error) if is_later(&error) => Ok(false),
            Err(_) => Err(End::Peer),
        }
    }

    /// Lets TLS work on what came; the first time it is established, learns who it is.
    fn process(&mut self, credentials: &Credentials, now: Now) -> Result<(), End> {
        if let Err(refused) = self.tls.process_new_packets() {
            // The alert tells the peer why.
            let _told = self.write_out(now.monotonic);
            return Err(match self.peer {
                None => End::Handshake(refused.to_string()),
                Some(_) => End::Peer,
            });
        }
        if self.peer.is_none() && !self.tls.is_handshaking() {
            let version = Version::negotiated(self.tls.alpn_protocol());
            if version == Version::V11 && self.tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
                //= https://www.rfc-editor.org/rfc/rfc9765#section-3.4
                //# Implementations of this specification MUST require TLS version 1.3 or
                //# later.
                return Err(End::Handshake("RADIUS/1.1 was asked for with TLS 1.2".into()));
            }
            let identity = self.identity(credentials).ok_or(End::NoNas)?;
            self.peer = Some(Peer::new(self.id, self.address, identity, version));
        }
        Ok(())
    }

    /// Whom its certificate names by what is believed now.
    fn identity(&self, credentials: &Credentials) -> Option<Identity> {
        let chain = self.tls.peer_certificates()?;
        let voucher = credentials.voucher(chain, UnixTime::now())?;
        Identity::of(voucher, chain.first()?, self.address.ip())
    }

    /// Who it is, after the handshake.
    pub(super) fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// Takes octets out of TLS; false when there are none.
    fn read_clear(&mut self) -> Result<bool, End> {
        let room = self.frames.room();
        if room.is_empty() {
            return Ok(false);
        }
        match self.tls.reader().read(room) {
            Ok(0) => Err(End::Peer),
            Ok(count) => {
                self.frames.filled(count);
                Ok(true)
            }
            Err(error) if is_later(&error) => Ok(false),
            Err(_) => Err(End::Peer),
        }
    }

    /// Writes what the socket takes.
    fn write_out(&mut self, now: Instant) -> Result<(), End> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(0) => return Err(End::Peer),
                Ok(_) => self.stuck = None,
                Err(error) if is_later(&error) => {
                    self.stuck.get_or_insert(now);
                    return Ok(());
                }
                Err(_) => return Err(End::Peer),
            }
        }
        self.stuck = None;
        Ok(())
    }
}

/// Puts a reply into TLS, whole or not at all.
fn put(tls: &mut ServerConnection, reply: &[u8], overflowed: &mut bool) {
    // Beyond the limit only a part is taken, and then the stream is of no use any more.
    *overflowed |= !matches!(tls.writer().write(reply), Ok(len) if len == reply.len());
}

/// Whether there is only nothing to do now.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
