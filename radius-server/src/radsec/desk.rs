//! From a packet of a connection to the pipelines and back. Logins are decided here and now; accounting is handed to the
//! [`super::ledger`], whose answer comes later. RADIUS/1.1 is turned into the packets the pipelines know, and back.
//! It writes no socket: what goes out is handed to whoever calls.

use super::downlink::{Ask, Asked, Down, Downlinks};
use super::flight::{Flight, Waiting};
use super::identity::Identity;
use super::ledger::{Answer, Answers, Entry, Inbox};
use super::{SECRET, Version};
use crate::authentication::{self, Authenticator};
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::Recorder;
use crate::directory::{Directory, Nas};
use crate::id::NasId;
use crate::later::{self, Leaving};
use crate::listener::Delayed;
use radius::{Code, PACKET_LEN_MAX, SharedSecret, View, v11};
use rustls::pki_types::CertificateDer;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Names a connection for as long as the process runs.
pub(super) type ConnectionId = u64;

/// Whose connection it is, and what waits on it.
pub(super) struct Peer {
    /// Which connection.
    pub(super) connection: ConnectionId,
    /// From where it came.
    pub(super) address: SocketAddr,
    /// How its NAS is found.
    pub(super) identity: Identity,
    /// What is spoken on it.
    pub(super) version: Version,
    /// What waits for its answer.
    flight: Flight,
    /// RADIUS/1.1: what makes authenticators of this connection unlike others'.
    nonce: [u8; 8],
    /// RADIUS/1.1: requests so far.
    requests: u32,
    /// What we asked of it; boxed, because hardly any is asked anything.
    asked: Option<Box<Asked>>,
    /// The NAS as the directory has it, and as it is over TLS.
    nas: Option<(Arc<Nas>, Arc<Nas>)>,
}

impl Peer {
    /// A peer that has shown its certificate.
    pub(super) fn new(
        connection: ConnectionId,
        address: SocketAddr,
        identity: Identity,
        version: Version,
    ) -> Self {
        let mut nonce = connection.to_be_bytes();
        // Without randomness they still differ from connection to connection of this process.
        let _drawn = getrandom::fill(&mut nonce);
        Self {
            connection,
            address,
            identity,
            version,
            flight: Flight::default(),
            nonce,
            requests: 0,
            asked: None,
            nas: None,
        }
    }

    /// An authenticator for a request that brought none.
    fn authenticator(&mut self, token: u32) -> radius::Authenticator {
        self.requests = self.requests.wrapping_add(1);
        let mut authenticator = [0; 16];
        let (nonce, rest) = authenticator.split_at_mut(8);
        nonce.copy_from_slice(&self.nonce);
        let (to_token, to_count) = rest.split_at_mut(4);
        to_token.copy_from_slice(&token.to_be_bytes());
        to_count.copy_from_slice(&self.requests.to_be_bytes());
        authenticator
    }
}

/// Where an Access-Reject goes that waits.
struct Held {
    /// Down which connection.
    connection: ConnectionId,
    /// What is spoken on it.
    version: Version,
    /// What it answers.
    request: Waiting,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handled {
    /// It may be let go.
    Done,
    /// There is no room for it now; it must be shown again after an answer has come.
    Wait,
    /// It is no RADIUS.
    Malformed,
    /// The connection's NAS is gone.
    NoNas,
}

/// See the module's words.
pub(super) struct Desk {
    /// Who is which NAS.
    directory: Arc<Directory>,
    /// Decides logins.
    authenticator: Authenticator,
    /// Where decisions go.
    recorder: Recorder,
    /// Where accounting goes.
    ledger: Inbox,
    /// Where answers go that come later.
    answers: Arc<Answers>,
    /// Who hears what NAS answer to requests of ours.
    downlinks: Arc<Downlinks>,
    /// Access-Rejects that wait, of all connections.
    delayed: Delayed<Held>,
    /// Where it is counted.
    lane: Arc<Lane>,
    /// The secret of every connection.
    secret: SharedSecret,
    /// A reply being written.
    out: Box<[u8]>,
    /// A packet being turned from or into RADIUS/1.1.
    carried: Box<[u8]>,
}

impl Desk {
    /// A desk.
    pub(super) fn new(
        directory: Arc<Directory>,
        authenticator: Authenticator,
        recorder: Recorder,
        ledger: Inbox,
        answers: Arc<Answers>,
        downlinks: Arc<Downlinks>,
        lane: Arc<Lane>,
    ) -> Self {
        let room = || vec![0; PACKET_LEN_MAX].into_boxed_slice();
        Self {
            directory,
            authenticator,
            recorder,
            ledger,
            answers,
            downlinks,
            delayed: Delayed::new(Duration::ZERO),
            lane,
            secret: SharedSecret::new(SECRET),
            out: room(),
            carried: room(),
        }
    }

    /// The NAS of a connection now.
    pub(super) fn nas_id(&self, identity: Identity) -> Option<NasId> {
        identity.nas(&self.directory).map(|nas| nas.id)
    }

    /// Whether a certificate carries what the NAS of a connection states.
    pub(super) fn is_shown_by(&self, identity: Identity, certificate: &CertificateDer<'_>) -> bool {
        identity.is_shown_by(certificate, &self.directory)
    }

    /// Whether a connection still has a NAS.
    pub(super) fn knows(&self, identity: Identity) -> bool {
        identity.nas(&self.directory).is_some()
    }

    /// Handles a packet; a reply that needs no disk is given to `write` at once.
    pub(super) fn handle(
        &mut self,
        peer: &mut Peer,
        packet: &[u8],
        now: Now,
        write: &mut dyn FnMut(&[u8]),
    ) -> Handled {
        let Some(nas) = self.nas(peer) else {
            return Handled::NoNas;
        };
        let Ok(view) = View::parse(packet) else {
            return Handled::Malformed;
        };
        if is_down_answer(view.code()) {
            self.down_answered(peer, &nas, packet);
            return Handled::Done;
        }
        if peer.version == Version::V10 {
            let identifier = packet[1];
            let handled = self.dispatch(peer, nas, packet, identifier, 0, now, write);
            return self.counted(Event::RadsecRequest, handled);
        }
        let (Some(token), Some(identifier)) = (v11::token(packet), peer.flight.free()) else {
            return Handled::Wait;
        };
        let authenticator = peer.authenticator(token);
        let mut carried = std::mem::take(&mut self.carried);
        let made = v11::request_in(packet, identifier, authenticator, &self.secret, &mut carried);
        let handled = match made {
            Ok(request) => {
                let request = request.to_vec();
                self.carried = carried;
                self.dispatch(peer, nas, &request, identifier, token, now, write)
            }
            Err(_) => {
                self.carried = carried;
                Handled::Malformed
            }
        };
        self.counted(Event::RadsecRequestV11, handled)
    }

    /// Counts a request that was taken.
    fn counted(&self, event: Event, handled: Handled) -> Handled {
        if handled == Handled::Done {
            self.lane.add(event);
        }
        handled
    }

    /// Takes an answer of the ledger; a response is given to `write`.
    pub(super) fn answer(&mut self, peer: &mut Peer, answer: &Answer, write: &mut dyn FnMut(&[u8])) {
        let Some(request) = peer.flight.end(answer.identifier) else {
            return; // of an older connection from the same port
        };
        if let Some(response) = &answer.response {
            self.send(peer, response, request, write);
        }
    }

    /// Sends a request of ours down a connection, by way of `write`.
    pub(super) fn ask(&mut self, peer: &mut Peer, down: &Down, now: Instant, write: &mut dyn FnMut(&[u8])) {
        let is_its = self.nas(peer).is_some_and(|nas| nas.id == down.nas);
        let asked = peer.asked.get_or_insert_default();
        let (version, secret) = (peer.version, &self.secret);
        let octets = is_its.then(|| asked.ask(&down.packet, version, secret, now, &mut self.carried));
        match octets {
            Some(Ask::Send(octets)) => {
                write(octets);
                self.lane.add(Event::RadsecDownSent);
            }
            Some(Ask::Sent) => {}
            Some(Ask::Refused) | None => self.lane.add(Event::RadsecDownNotSent),
        }
    }

    /// Takes what a NAS answers to a request of ours.
    fn down_answered(&mut self, peer: &mut Peer, nas: &Nas, packet: &[u8]) {
        let (version, secret) = (peer.version, &self.secret);
        let asked = peer.asked.as_mut();
        match asked.and_then(|asked| asked.answered(packet, version, secret, &mut self.carried)) {
            Some(answer) => {
                self.lane.add(Event::RadsecDownAnswered);
                self.downlinks.answered(nas.id, answer);
            }
            None => self.lane.add(Event::RadsecDownUnasked),
        }
    }

    /// Hands decisions over; after replies are written.
    pub(super) fn flush(&mut self) {
        self.recorder.flush();
    }

    /// The NAS of a connection as it is over TLS now.
    fn nas(&self, peer: &mut Peer) -> Option<Arc<Nas>> {
        let current = peer.identity.nas(&self.directory)?;
        match &peer.nas {
            Some((known, over_tls)) if Arc::ptr_eq(known, &current) => Some(Arc::clone(over_tls)),
            _ => {
                let over_tls = Arc::new(current.over_tls(&self.secret));
                peer.nas = Some((current, Arc::clone(&over_tls)));
                Some(over_tls)
            }
        }
    }

    /// Hands a packet to its pipeline.
    #[expect(
        clippy::too_many_arguments,
        reason = "a packet, all that is known about it, and where replies go"
    )]
    fn dispatch(
        &mut self,
        peer: &mut Peer,
        nas: Arc<Nas>,
        packet: &[u8],
        identifier: u8,
        token: u32,
        now: Now,
        write: &mut dyn FnMut(&[u8]),
    ) -> Handled {
        if packet[0] == Code::AccountingRequest as u8 {
            return self.accounting(peer, nas, packet, identifier, token);
        }
        let request = Waiting {
            token,
            authenticator: packet
                .get(4..20)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or_default(),
            arrived: now.monotonic,
        };
        let began = Instant::now();
        let mut out = std::mem::take(&mut self.out);
        let verdict = self
            .authenticator
            .handle_from(nas, packet, peer.address, now, &mut out);
        let (reply, later) = (verdict.reply.map(<[u8]>::len), verdict.later);
        if let Some(draft) = verdict.decision {
            draft.duration_us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.recorder.record(draft);
        }
        if let Some(len) = reply {
            self.send(peer, &out[..len], request, write);
        }
        self.out = out;
        if let Some(leaving) = later {
            self.part(peer, leaving, identifier, request);
        }
        Handled::Done
    }

    /// Sends a request on its way whose answer comes later.
    fn part(&mut self, peer: &mut Peer, leaving: Leaving, identifier: u8, request: Waiting) {
        let key = *leaving.key();
        let way = Way {
            answers: Arc::clone(&self.answers),
            connection: peer.connection,
            identifier,
            answered: AtomicBool::new(false),
        };
        // An older request with this Identifier is of no interest any more: its peer has sent another one.
        peer.flight.end(identifier);
        peer.flight.begin(identifier, request);
        if let Err(draft) = leaving.go(Arc::new(way), None) {
            peer.flight.end(identifier);
            self.authenticator.nobody_takes(&key, &draft);
            self.recorder.record(&draft);
        }
    }

    /// Hands an Accounting-Request to the ledger.
    fn accounting(
        &mut self,
        peer: &mut Peer,
        nas: Arc<Nas>,
        packet: &[u8],
        identifier: u8,
        token: u32,
    ) -> Handled {
        let request = Waiting {
            token,
            authenticator: [0; 16], // an Accounting-Response hides nothing
            arrived: Instant::now(),
        };
        if !peer.flight.begin(identifier, request) {
            // RFC 6613 section 2.6.1: nothing is sent again on the connection on which it was sent.
            self.lane.add(Event::AccountingDuplicate);
            return Handled::Done;
        }
        let entry = Entry {
            connection: peer.connection,
            nas,
            source: peer.address,
            identifier,
            packet: packet.into(),
        };
        if self.ledger.put(entry) {
            return Handled::Done;
        }
        peer.flight.end(identifier);
        Handled::Wait
    }

    /// Gives a reply to `write` in the version of its connection; an Access-Reject when its time has come.
    fn send(&mut self, peer: &Peer, reply: &[u8], request: Waiting, write: &mut dyn FnMut(&[u8])) {
        if self.delayed.is_on() && authentication::is_reject(reply) {
            let held = Held {
                connection: peer.connection,
                version: peer.version,
                request,
            };
            if self.delayed.keep(reply, held, request.arrived) {
                return self.lane.add(Event::AuthRejectDelayed);
            }
            self.lane.add(Event::AuthRejectNotDelayed);
        }
        self.carry(peer.version, reply, request, write);
    }

    /// The same with Access-Rejects that wait so long before they are sent; zero: they do not.
    pub(super) fn delay_rejects(&mut self, delay: Duration) {
        self.delayed = Delayed::new(delay);
    }

    /// Whether Access-Rejects wait.
    pub(super) fn has_delayed(&self) -> bool {
        !self.delayed.is_empty()
    }

    /// Lets all that wait leave with the next call of [`Self::release`].
    pub(super) fn hurry(&mut self, now: Instant) {
        self.delayed.hurry(now);
    }

    /// Gives an Access-Reject whose time has come to `write`, as its connection speaks; false when there is none.
    pub(super) fn release(&mut self, now: Instant, write: &mut dyn FnMut(ConnectionId, &[u8])) -> bool {
        let mut out = std::mem::take(&mut self.out);
        let due = self.delayed.take_due(now, &mut out);
        if let Some((len, held)) = &due {
            self.carry(held.version, &out[..*len], held.request, &mut |octets| {
                write(held.connection, octets);
            });
        }
        self.out = out;
        due.is_some()
    }

    /// Gives a reply to `write` in this version.
    fn carry(&mut self, version: Version, reply: &[u8], request: Waiting, write: &mut dyn FnMut(&[u8])) {
        if version == Version::V10 {
            return write(reply);
        }
        let carried = View::parse(reply)
            .map_err(v11::CarryError::from)
            .and_then(|reply| {
                v11::reply_out(
                    &reply,
                    &request.authenticator,
                    request.token,
                    &self.secret,
                    &mut self.carried,
                )
            });
        match carried {
            Ok(reply) => write(reply),
            Err(_) => self.lane.add(Event::ReplyNotMade), // never: we wrote it, and it only gets shorter
        }
    }
}

/// Whether a packet answers what only we ask.
const fn is_down_answer(code: Code) -> bool {
    matches!(
        code,
        Code::DisconnectAck | Code::DisconnectNak | Code::CoaAck | Code::CoaNak
    )
}

/// The way back of a request whose answer comes later. Letting go of it says that there will be none.
struct Way {
    /// Where answers go.
    answers: Arc<Answers>,
    /// Whose it is.
    connection: ConnectionId,
    /// Which request.
    identifier: u8,
    /// Whether it was answered.
    answered: AtomicBool,
}

impl Way {
    /// Gives what became of the request.
    fn give(&self, response: Option<Box<[u8]>>) {
        self.answers.give(&mut vec![Answer {
            connection: self.connection,
            identifier: self.identifier,
            response,
        }]);
    }
}

impl later::Way for Way {
    fn send(&self, octets: &[u8], _to: SocketAddr, _from: Option<IpAddr>) -> bool {
        self.answered.store(true, Ordering::Relaxed);
        self.give(Some(octets.into()));
        true
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if !self.answered.load(Ordering::Relaxed) {
            self.give(None);
        }
    }
}
