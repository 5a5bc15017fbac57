//! What both ports do first: whose datagram is it, and is it RADIUS at all? And what both answer alike: Status-Server.
//! Nothing here tells a request's fate beyond that; whoever is turned away is counted and gets no answer.

use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::directory::{Directory, Nas, bump};
use crate::overlap;
use crate::unknown::{PortKind, UnknownSources};
use radius::{Code, MessageAuthenticator, ReplyWriter, SharedSecret, View, WriteError};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Attributes a packet may have unless configured otherwise; real ones have 10 to 40. FreeRADIUS's bound is the same.
pub const ATTRIBUTES_USUAL_MAX: usize = 200;
/// Datagrams of unknown sources that a worker notes in a second; what is beyond is counted only.
const UNKNOWN_NOTES_PER_S_MAX: u32 = 1_000;

/// The way in of one worker.
pub(crate) struct Gate {
    /// Who may come in.
    directory: Arc<Directory>,
    /// Who may not, yet.
    unknown: Arc<UnknownSources>,
    /// Where it is counted.
    pub(crate) lane: Arc<Lane>,
    /// Which port this is.
    port: PortKind,
    /// Attributes a packet may have.
    attributes_max: usize,
    /// The second in which unknown sources were noted last, and how often in it.
    noted: Cell<(i64, u32)>,
}

/// The events of one port.
pub(crate) struct PortEvents {
    /// Any datagram.
    datagram: Event,
    /// From an unknown source.
    unknown_source: Event,
    /// Not RADIUS.
    malformed: Event,
    /// A code that does not belong here.
    pub(crate) wrong_code: Event,
    /// A retransmission.
    pub(crate) duplicate: Event,
    /// A Status-Server answered.
    status_server: Event,
    /// A Status-Server refused.
    status_server_refused: Event,
}

/// The events of the authentication port.
const AUTH: PortEvents = PortEvents {
    datagram: Event::AuthDatagram,
    unknown_source: Event::AuthUnknownSource,
    malformed: Event::AuthMalformed,
    wrong_code: Event::AuthWrongCode,
    duplicate: Event::AuthDuplicate,
    status_server: Event::AuthStatusServer,
    status_server_refused: Event::AuthStatusServerRefused,
};

/// The events of the accounting port.
const ACCOUNTING: PortEvents = PortEvents {
    datagram: Event::AccountingDatagram,
    unknown_source: Event::AccountingUnknownSource,
    malformed: Event::AccountingMalformed,
    wrong_code: Event::AccountingWrongCode,
    duplicate: Event::AccountingDuplicate,
    status_server: Event::AccountingStatusServer,
    status_server_refused: Event::AccountingStatusServerRefused,
};

impl Gate {
    /// The way in at one port.
    pub(crate) fn new(
        directory: Arc<Directory>,
        unknown: Arc<UnknownSources>,
        lane: Arc<Lane>,
        port: PortKind,
    ) -> Self {
        Self {
            directory,
            unknown,
            lane,
            port,
            attributes_max: ATTRIBUTES_USUAL_MAX,
            noted: Cell::new((0, 0)),
        }
    }

    /// Takes packets with so many attributes; never more than [`radius::ATTRIBUTES_MAX`].
    pub(crate) fn attributes_max(&mut self, max: usize) {
        self.attributes_max = max;
    }

    /// The events of this port.
    pub(crate) const fn events(&self) -> &'static PortEvents {
        match self.port {
            PortKind::Auth => &AUTH,
            PortKind::Accounting => &ACCOUNTING,
        }
    }

    /// Whether a source is a NAS at all.
    pub(crate) fn knows(&self, source: SocketAddr) -> bool {
        self.directory.nas_by_source(source.ip()).is_some()
    }

    /// The NAS a datagram comes from and the packet it is; `None` when there is no such NAS, or it is no packet.
    pub(crate) fn admit<'d>(
        &self,
        datagram: &'d [u8],
        source: SocketAddr,
        now: Now,
    ) -> Option<(Arc<Nas>, View<'d>)> {
        let events = self.events();
        self.lane.add(events.datagram);
        let Some(nas) = self.directory.nas_by_source(source.ip()) else {
            self.lane.add(events.unknown_source);
            if self.may_note(now.unix_s()) {
                self.unknown.note(source.ip(), self.port, datagram, now.unix_ms());
            } else {
                self.lane.add(Event::UnknownSourceNotNoted);
            }
            return None;
        };
        let request = self.open(&nas, datagram, now)?;
        Some((nas, request))
    }

    /// The packet that a known NAS has sent; `None` when it is none.
    pub(crate) fn open<'d>(&self, nas: &Nas, datagram: &'d [u8], now: Now) -> Option<View<'d>> {
        bump(&nas.stats.requests);
        if let Some(rate) = nas.request_rate
            && datagram.first() == Some(&(Code::AccessRequest as u8))
            && !rate.admits(&nas.stats.rate_owed_ns, now.unix_us)
        {
            self.lane.add(Event::AuthRateLimited);
            bump(&nas.stats.rate_limited);
            return None;
        }
        let Ok(request) = View::parse_at_most(datagram, self.attributes_max) else {
            self.lane.add(self.events().malformed);
            bump(&nas.stats.malformed);
            return None;
        };
        nas.stats
            .last_packet_unix_ms
            .store(now.unix_ms(), Ordering::Relaxed);
        Some(request)
    }

    /// Whether an unknown source may be noted now: the list is for people, and a flood must not make its lock a bottleneck.
    fn may_note(&self, now_unix_s: i64) -> bool {
        let (second, count) = self.noted.get();
        let count = if second == now_unix_s { count + 1 } else { 1 };
        self.noted
            .set((now_unix_s, count.min(UNKNOWN_NOTES_PER_S_MAX + 1)));
        count <= UNKNOWN_NOTES_PER_S_MAX
    }

    /// Answers a Status-Server into `out`; `None` when it is not signed with our secret.
    pub(crate) fn status_server<'b>(
        &self,
        nas: &Nas,
        request: &View<'_>,
        now: Now,
        out: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        // RFC 5997 section 3 makes Message-Authenticator mandatory here: anybody could forge the packet otherwise.
        let (signature, age) = overlap::signature(nas, request, now);
        if signature != MessageAuthenticator::Valid {
            self.lane.add(self.events().status_server_refused);
            if signature == MessageAuthenticator::Invalid {
                bump(&nas.stats.secret_differs);
            }
            return None;
        }
        let code = match self.port {
            PortKind::Auth => Code::AccessAccept,
            PortKind::Accounting => Code::AccountingResponse,
        };
        match signed_reply(nas.secret_of(age), code, request, out) {
            Ok(reply) => {
                self.lane.add(self.events().status_server);
                Some(reply)
            }
            Err(_) => {
                self.lane.add(Event::ReplyNotMade);
                None
            }
        }
    }
}

/// A signed reply that says nothing but "yes".
pub(crate) fn signed_reply<'b>(
    secret: &SharedSecret,
    code: Code,
    request: &View<'_>,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let mut reply = ReplyWriter::new(out, code, request)?;
    reply.reserve_message_authenticator()?;
    reply.proxy_states(request)?;
    Ok(reply.finish(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counters;
    use crate::directory::{CoaTarget, Identify, NasGuard, NasSpec, RequestRate, Require};
    use radius::{RequestWriter, kind};
    use std::num::NonZeroU32;
    use std::time::Instant;
    use uuid::Uuid;

    /// The source of the NAS.
    const NAS: &str = "192.0.2.1:40000";

    /// A way in for one NAS with this guard.
    fn gate(guard: NasGuard) -> (Gate, Arc<UnknownSources>, Counters) {
        let (directory, unknown, counters) =
            (Arc::new(Directory::new()), Arc::default(), Counters::default());
        directory.partner_put(Uuid::from_u128(1).into(), "Demo ISP", true);
        let secret = SharedSecret::new(b"the secret of core-bng");
        let nas = NasSpec {
            id: Uuid::from_u128(2).into(),
            partner: Uuid::from_u128(1).into(),
            network: "192.0.2.1/32".parse().expect("a network"),
            name: "core-bng".into(),
            make: "mikrotik".into(),
            secret: secret.clone(),
            coa: CoaTarget { port: 3799, secret },
            message_authenticator: Require::Auto,
            message_authenticator_seen: false,
            guard,
            identify: Identify::default(),
        };
        directory.nas_put(nas).expect("taken");
        let gate = Gate::new(directory, Arc::clone(&unknown), counters.lane(), PortKind::Auth);
        (gate, unknown, counters)
    }

    /// The moment of a Unix second.
    fn second(unix_s: i64) -> Now {
        Now {
            monotonic: Instant::now(),
            unix_us: unix_s * 1_000_000,
        }
    }

    /// An Access-Request with so many attributes.
    fn request(attributes: usize) -> Vec<u8> {
        let mut octets = [0; 4_096];
        let mut writer = RequestWriter::access(&mut octets, 1, [7; 16]).expect("room");
        for _ in 0..attributes {
            writer.attribute(kind::PROXY_STATE, b"x").expect("room");
        }
        writer
            .finish(&SharedSecret::new(b"the secret of core-bng"))
            .to_vec()
    }

    /// Whether a datagram of the NAS is let in.
    fn admitted(gate: &Gate, datagram: &[u8], now: Now) -> bool {
        gate.admit(datagram, NAS.parse().expect("an address"), now)
            .is_some()
    }

    #[test]
    fn a_packet_with_too_many_attributes_is_not_let_in() {
        let (mut gate, _, counters) = gate(NasGuard::default());
        assert!(admitted(&gate, &request(ATTRIBUTES_USUAL_MAX), second(1)));
        assert!(!admitted(&gate, &request(ATTRIBUTES_USUAL_MAX + 1), second(1)));
        gate.attributes_max(16);
        assert!(admitted(&gate, &request(16), second(1)));
        assert!(!admitted(&gate, &request(17), second(1)));
        assert_eq!(counters.get(Event::AuthMalformed), 2);
    }

    #[test]
    fn requests_beyond_the_rate_of_a_nas_are_dropped_and_status_server_is_not() {
        let two = NonZeroU32::new(2).expect("not zero");
        let (gate, _, counters) = gate(NasGuard {
            request_rate: Some(RequestRate {
                per_s: two,
                burst: two,
            }),
            ..NasGuard::default()
        });
        let passed = |now| (0..5).filter(|_| admitted(&gate, &request(1), now)).count();
        assert_eq!((passed(second(1)), passed(second(2))), (2, 2));
        assert_eq!(counters.get(Event::AuthRateLimited), 6);
        let mut status_server = request(1);
        status_server[0] = Code::StatusServer as u8;
        assert!(admitted(&gate, &status_server, second(2)));
    }

    #[test]
    fn a_flood_of_unknown_sources_is_counted_and_noted_up_to_a_bound() {
        let (gate, unknown, counters) = gate(NasGuard::default());
        for _ in 0..UNKNOWN_NOTES_PER_S_MAX + 5 {
            let stranger = "192.0.2.9:1".parse().expect("an address");
            assert!(gate.admit(&request(1), stranger, second(1)).is_none());
        }
        assert_eq!(
            counters.get(Event::AuthUnknownSource),
            u64::from(UNKNOWN_NOTES_PER_S_MAX) + 5
        );
        assert_eq!(counters.get(Event::UnknownSourceNotNoted), 5);
        assert_eq!(unknown.list()[0].count, u64::from(UNKNOWN_NOTES_PER_S_MAX));
        let stranger = "192.0.2.9:1".parse().expect("an address");
        assert!(gate.admit(&request(1), stranger, second(2)).is_none());
        assert_eq!(unknown.list()[0].count, u64::from(UNKNOWN_NOTES_PER_S_MAX) + 1);
    }
}
