//! From a packet of a connection to the pipelines and back. Logins are decided here and now; accounting is handed to the
//! [`super::ledger`], whose answer comes later. RADIUS/1.1 is turned into the packets the pipelines know, and back.
//! It writes no socket: what goes out is handed to whoever calls.

use super::flight::Flight;
use super::identity::Identity;
use super::ledger::{Answer, Entry, Inbox};
use super::{SECRET, Version};
use crate::authentication::Authenticator;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::Recorder;
use crate::directory::{Directory, Nas};
use radius::{Code, PACKET_LEN_MAX, SharedSecret, View, v11};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

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
        lane: Arc<Lane>,
    ) -> Self {
        let room = || vec![0; PACKET_LEN_MAX].into_boxed_slice();
        Self {
            directory,
            authenticator,
            recorder,
            ledger,
            lane,
            secret: SharedSecret::new(SECRET),
            out: room(),
            carried: room(),
        }
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
        if View::parse(packet).is_err() {
            return Handled::Malformed;
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
        let Some(token) = peer.flight.end(answer.identifier) else {
            return; // of an older connection from the same port
        };
        if let Some(response) = &answer.response {
            // No authenticator: an Accounting-Response hides nothing.
            self.send(peer.version, response, &[0; 16], token, write);
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
        let began = Instant::now();
        let mut out = std::mem::take(&mut self.out);
        let verdict = self
            .authenticator
            .handle_from(nas, packet, peer.address, now, &mut out);
        let reply = verdict.reply.map(<[u8]>::len);
        if let Some(draft) = verdict.decision {
            draft.duration_us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.recorder.record(draft);
        }
        if let (Some(len), Ok(request)) = (reply, View::parse(packet)) {
            self.send(peer.version, &out[..len], request.authenticator(), token, write);
        }
        self.out = out;
        Handled::Done
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
        if !peer.flight.begin(identifier, token) {
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

    /// Gives a reply to `write` in the version of its connection.
    fn send(
        &mut self,
        version: Version,
        reply: &[u8],
        request: &radius::Authenticator,
        token: u32,
        write: &mut dyn FnMut(&[u8]),
    ) {
        if version == Version::V10 {
            return write(reply);
        }
        let carried = View::parse(reply)
            .map_err(v11::CarryError::from)
            .and_then(|reply| v11::reply_out(&reply, request, token, &self.secret, &mut self.carried));
        match carried {
            Ok(reply) => write(reply),
            Err(_) => self.lane.add(Event::ReplyNotMade), // never: we wrote it, and it only gets shorter
        }
    }
}
