//! Requests of ours to NAS, down the connections that they opened (reverse CoA): a NAS behind NAT can be reached by no other
//! way. [`Downlinks`] is shared: whoever has a request leaves it here, the thread that owns the connections sends it, and
//! what the NAS says is given to whoever listens. It never waits for an answer and sends nothing twice by itself.
//!
//! Bounded: [`REQUESTS_MAX`] requests wait to be sent, [`IN_FLIGHT_MAX`] of one connection for their answer.

use super::Version;
use super::desk::ConnectionId;
use super::identity::Identity;
use crate::id::NasId;
use parking_lot::Mutex;
use radius::{SharedSecret, View, v11};
use rustix::event::{EventfdFlags, eventfd};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests that may wait to be sent.
pub const REQUESTS_MAX: usize = 1_024;
/// Requests of one connection that may wait for their answer.
pub const IN_FLIGHT_MAX: usize = 256;
/// How long a request waits for its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// What is done with an answer: which NAS, and the packet as it would have come over UDP, made with the secret `radsec`.
pub type Listener = Box<dyn Fn(NasId, &[u8]) + Send + Sync>;

/// See the module's words.
#[derive(Default)]
pub struct Downlinks {
    /// Connections that NAS have open.
    open: Mutex<HashMap<ConnectionId, Open>>,
    /// What waits to be sent.
    queue: Mutex<VecDeque<Down>>,
    /// Wakes the thread; `None` until it runs.
    bell: Mutex<Option<Arc<OwnedFd>>>,
    /// Who hears the answers.
    listener: Mutex<Option<Arc<Listener>>>,
}

/// A connection that a NAS has open.
#[derive(Clone, Copy)]
struct Open {
    /// Whose it was when it was opened.
    nas: NasId,
    /// From where it came.
    address: SocketAddr,
    /// Whether its certificate names the NAS, wherever it is; else the address does.
    by_id: bool,
}

/// A request on its way.
pub(super) struct Down {
    /// Which connection it is for.
    pub(super) connection: ConnectionId,
    /// Which NAS that must be.
    pub(super) nas: NasId,
    /// The packet, made with the secret `radsec`.
    pub(super) packet: Box<[u8]>,
}

impl Downlinks {
    /// Whether a NAS can be reached by a connection of its own. `seen_from` is where the session's records came from: of
    /// several connections the one from there is meant, else one from that address, else, when certificates name the NAS, the
    /// newest.
    #[must_use]
    pub fn reaches(&self, nas: NasId, seen_from: SocketAddr) -> bool {
        self.connection(nas, seen_from).is_some()
    }

    /// Sends a request, made with the secret `radsec`, down the connection that [`Self::reaches`] means; false when there is
    /// none, or too many requests wait. The same octets again go out only on another connection than before.
    pub fn send(&self, nas: NasId, seen_from: SocketAddr, packet: &[u8]) -> bool {
        let Some(connection) = self.connection(nas, seen_from) else {
            return false;
        };
        let mut queue = self.queue.lock();
        if queue.len() >= REQUESTS_MAX {
            return false;
        }
        queue.push_back(Down {
            connection,
            nas,
            packet: packet.into(),
        });
        drop(queue);
        if let Some(bell) = &*self.bell.lock() {
            let _rung = rustix::io::write(&**bell, &1_u64.to_ne_bytes());
        }
        true
    }

    /// Has answers given to this one from now on; it must not wait.
    pub fn listen(&self, listener: Listener) {
        *self.listener.lock() = Some(Arc::new(listener));
    }

    /// The connection that a request goes down.
    fn connection(&self, nas: NasId, seen_from: SocketAddr) -> Option<ConnectionId> {
        let open = self.open.lock();
        let fit = |open: &Open| match () {
            () if open.nas != nas => None,
            () if open.address == seen_from => Some(2),
            () if open.address.ip() == seen_from.ip().to_canonical() => Some(1),
            () => open.by_id.then_some(0),
        };
        let ranked = open.iter().filter_map(|(id, open)| Some((fit(open)?, *id)));
        ranked.max().map(|(_, id)| id)
    }

    // -- for the thread that owns the connections

    /// A connection is there; beyond what [`super::Limits`] allows there are none.
    pub(super) fn opened(&self, id: ConnectionId, nas: NasId, address: SocketAddr, identity: Identity) {
        let by_id = matches!(identity, Identity::Id(_));
        let open = Open { nas, address, by_id };
        self.open.lock().insert(id, open);
    }

    /// A connection is gone.
    pub(super) fn closed(&self, id: ConnectionId) {
        self.open.lock().remove(&id);
    }

    /// No connection is there.
    pub(super) fn all_closed(&self) {
        self.open.lock().clear();
    }

    /// Makes what [`Self::send`] rings.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(super) fn hang_bell(&self) -> io::Result<Arc<OwnedFd>> {
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        *self.bell.lock() = Some(Arc::clone(&bell));
        Ok(bell)
    }

    /// Takes what waits to be sent, and silences the bell.
    pub(super) fn fetch(&self, bell: &OwnedFd) -> VecDeque<Down> {
        // Silenced first: what is put in meanwhile rings again.
        let _silent = rustix::io::read(bell, &mut [0_u8; 8]);
        std::mem::take(&mut *self.queue.lock())
    }

    /// Gives an answer out.
    pub(super) fn answered(&self, nas: NasId, packet: &[u8]) {
        let listener = self.listener.lock().clone();
        if let Some(listener) = listener {
            listener(nas, packet);
        }
    }
}

impl fmt::Debug for Downlinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Downlinks({} open)", self.open.lock().len())
    }
}

/// What one connection has sent down and waits for.
#[derive(Default)]
pub(super) struct Asked {
    /// Those that wait, oldest first.
    waiting: Vec<Sent>,
    /// RADIUS/1.1: the last token.
    token: u32,
}

/// What becomes of a request that is to go down.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask<'o> {
    /// These octets go.
    Send(&'o [u8]),
    /// Nothing goes: these went already, and are not lost.
    Sent,
    /// Nothing goes: it is no request, or too many wait.
    Refused,
}

/// A request that went down.
struct Sent {
    /// The packet, made with the secret `radsec`.
    packet: Box<[u8]>,
    /// RADIUS/1.1: its token.
    token: u32,
    /// When it went.
    at: Instant,
}

impl Asked {
    /// Notes a request and gives the octets that go down.
    pub(super) fn ask<'o>(
        &mut self,
        packet: &'o [u8],
        version: Version,
        secret: &SharedSecret,
        now: Instant,
        room: &'o mut [u8],
    ) -> Ask<'o> {
        self.waiting
            .retain(|sent| now.saturating_duration_since(sent.at) < ANSWER_WAIT);
        // RFC 6613 section 2.6.1: nothing is sent again on the connection on which it was sent.
        if self.waiting.iter().any(|sent| *sent.packet == *packet) {
            return Ask::Sent;
        }
        let Ok(request) = View::parse(packet) else {
            return Ask::Refused;
        };
        // An older one under this Identifier has been given up.
        self.waiting
            .retain(|sent| sent.packet.get(1) != Some(&request.identifier()));
        if self.waiting.len() >= IN_FLIGHT_MAX {
            return Ask::Refused;
        }
        self.token = self.token.wrapping_add(1);
        let octets = match version {
            Version::V10 => packet,
            Version::V11 => match v11::request_out(&request, self.token, secret, room) {
                Ok(octets) => octets,
                Err(_) => return Ask::Refused,
            },
        };
        self.waiting.push(Sent {
            packet: packet.into(),
            token: self.token,
            at: now,
        });
        Ask::Send(octets)
    }

    /// What came, as it would have come over UDP, when it answers something; whether it is the right answer is seen by whoever
    /// asked.
    pub(super) fn answered<'o>(
        &mut self,
        packet: &'o [u8],
        version: Version,
        secret: &SharedSecret,
        room: &'o mut [u8],
    ) -> Option<&'o [u8]> {
        let reply = View::parse(packet).ok()?;
        let token = v11::token(packet);
        let answers = |sent: &Sent| match version {
            Version::V11 => Some(sent.token) == token,
            Version::V10 => View::parse(&sent.packet).is_ok_and(|request| {
                request.identifier() == reply.identifier()
                    && secret.check_reply_authenticator(&reply, request.authenticator())
            }),
        };
        let place = self.waiting.iter().position(answers)?;
        let sent = self.waiting.remove(place);
        match version {
            Version::V10 => Some(packet),
            Version::V11 => {
                let request = View::parse(&sent.packet).ok()?;
                // It hides nothing that would need a salt.
                v11::reply_in(packet, &request, secret, 0, room).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radsec::SECRET;
    use proptest::prelude::*;
    use radius::{Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, kind};
    use uuid::Uuid;

    fn nas(number: u128) -> NasId {
        Uuid::from_u128(number).into()
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn the_connection_of_the_session_is_meant_then_one_of_its_address_then_any_that_names_the_nas() {
        let downlinks = Downlinks::default();
        let named = |id, from| downlinks.opened(id, nas(7), at(from), Identity::Id(nas(7)));
        named(1, "192.0.2.1:1000");
        named(2, "192.0.2.1:2000");
        named(3, "192.0.2.3:1000");
        downlinks.opened(
            4,
            nas(8),
            at("192.0.2.8:1"),
            Identity::Address(at("192.0.2.8:1").ip()),
        );
        let check = |number, from, expect| {
            assert_eq!(
                downlinks.connection(nas(number), at(from)),
                expect,
                "{number} {from}"
            );
        };
        check(7, "192.0.2.1:1000", Some(1));
        check(7, "192.0.2.1:9", Some(2));
        check(7, "192.0.2.3:9", Some(3));
        check(7, "198.51.100.1:9", Some(3));
        check(8, "192.0.2.8:9", Some(4));
        check(8, "192.0.2.1:1000", None);
        check(9, "192.0.2.1:1000", None);
        downlinks.closed(3);
        check(7, "198.51.100.1:9", Some(2));
        downlinks.all_closed();
        check(7, "192.0.2.1:1000", None);
        assert!(!downlinks.send(nas(7), at("192.0.2.1:1000"), &[]));
    }

    #[test]
    fn so_many_wait_to_be_sent_and_no_more() {
        let downlinks = Downlinks::default();
        downlinks.opened(1, nas(7), at("192.0.2.1:1"), Identity::Id(nas(7)));
        let sent = (0..REQUESTS_MAX + 9).filter(|_| downlinks.send(nas(7), at("192.0.2.1:1"), &[1]));
        assert_eq!(sent.count(), REQUESTS_MAX);
        let bell = downlinks.hang_bell().expect("a descriptor");
        assert_eq!(downlinks.fetch(&bell).len(), REQUESTS_MAX);
    }

    /// A Disconnect-Request.
    fn request(identifier: u8, session: &str) -> Vec<u8> {
        let mut octets = [0; 256];
        let mut writer =
            RequestWriter::signed(&mut octets, Code::DisconnectRequest, identifier).expect("room");
        writer.reserve_message_authenticator().expect("room");
        writer.text(kind::ACCT_SESSION_ID, session).expect("room");
        writer.finish(&SharedSecret::new(SECRET)).to_vec()
    }

    /// The answer to it.
    fn reply(request: &[u8], secret: &[u8]) -> Vec<u8> {
        let mut octets = [0; 256];
        let request = View::parse(request).expect("a packet");
        let writer = ReplyWriter::new(&mut octets, Code::DisconnectAck, &request).expect("room");
        writer.finish(&SharedSecret::new(secret)).to_vec()
    }

    #[test]
    fn an_answer_is_matched_in_both_versions_and_the_same_goes_down_once() {
        let (secret, now) = (SharedSecret::new(SECRET), Instant::now());
        let (mut room, mut other) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
        let mut asked = Asked::default();
        let first = request(7, "s1");
        assert_eq!(
            asked.ask(&first, Version::V10, &secret, now, &mut room),
            Ask::Send(&first[..])
        );
        assert_eq!(
            asked.ask(&first, Version::V10, &secret, now, &mut room),
            Ask::Sent,
            "again"
        );
        let forged = reply(&first, b"other");
        assert_eq!(asked.answered(&forged, Version::V10, &secret, &mut room), None);
        let ack = reply(&first, SECRET);
        assert_eq!(
            asked.answered(&ack, Version::V10, &secret, &mut room),
            Some(&ack[..])
        );
        assert_eq!(
            asked.answered(&ack, Version::V10, &secret, &mut room),
            None,
            "once"
        );

        let Ask::Send(down) = asked.ask(&first, Version::V11, &secret, now, &mut room) else {
            panic!("not sent");
        };
        let down = down.to_vec();
        assert_eq!(
            (down[0], v11::token(&down)),
            (Code::DisconnectRequest as u8, Some(2))
        );
        let view = View::parse(&down).expect("a packet");
        assert_eq!(view.first(kind::MESSAGE_AUTHENTICATOR), None);
        let up = v11::reply_out(
            &View::parse(&ack).expect("a packet"),
            &[0; 16],
            2,
            &secret,
            &mut other,
        )
        .expect("carried")
        .to_vec();
        let carried = asked
            .answered(&up, Version::V11, &secret, &mut room)
            .expect("matched");
        assert_eq!(carried, &ack[..], "as over UDP");
    }

    #[test]
    fn another_request_takes_the_place_of_one_with_its_identifier_and_old_ones_go() {
        let (secret, now) = (SharedSecret::new(SECRET), Instant::now());
        let mut room = [0; PACKET_LEN_MAX];
        let mut asked = Asked::default();
        for session in ["s1", "s2"] {
            asked.ask(&request(7, session), Version::V10, &secret, now, &mut room);
        }
        assert_eq!(asked.waiting.len(), 1);
        for identifier in 0..=255 {
            asked.ask(
                &request(identifier, "many"),
                Version::V10,
                &secret,
                now,
                &mut room,
            );
        }
        assert_eq!(asked.waiting.len(), IN_FLIGHT_MAX);
        let later = now + ANSWER_WAIT;
        asked.ask(&request(9, "late"), Version::V10, &secret, later, &mut room);
        assert_eq!(asked.waiting.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_up_answers_nothing_that_was_not_asked(
            octets in prop::collection::vec(any::<u8>(), 0..80), v11: bool,
        ) {
            let secret = SharedSecret::new(SECRET);
            let mut room = [0; PACKET_LEN_MAX];
            let version = if v11 { Version::V11 } else { Version::V10 };
            let mut asked = Asked::default();
            prop_assert_eq!(asked.answered(&octets, version, &secret, &mut room), None);
            let mut other = [0; PACKET_LEN_MAX];
            asked.ask(&request(1, "s"), Version::V10, &secret, Instant::now(), &mut other);
            prop_assert_eq!(asked.answered(&octets, Version::V10, &secret, &mut room), None);
        }
    }
}
