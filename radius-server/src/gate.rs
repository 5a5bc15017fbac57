//! What both ports do first: whose datagram is it, and is it RADIUS at all? And what both answer alike: Status-Server.
//! Nothing here tells a request's fate beyond that; whoever is turned away is counted and gets no answer.

use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::directory::{Directory, Nas, bump};
use crate::unknown::{PortKind, UnknownSources};
use radius::{Code, MessageAuthenticator, ReplyWriter, View, WriteError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
        }
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
            self.unknown.note(source.ip(), self.port, datagram, now.unix_ms());
            return None;
        };
        bump(&nas.stats.requests);
        let Ok(request) = View::parse(datagram) else {
            self.lane.add(events.malformed);
            bump(&nas.stats.malformed);
            return None;
        };
        nas.stats
            .last_packet_unix_ms
            .store(now.unix_ms(), Ordering::Relaxed);
        Some((nas, request))
    }

    /// Answers a Status-Server into `out`; `None` when it is not signed with our secret.
    pub(crate) fn status_server<'b>(
        &self,
        nas: &Nas,
        request: &View<'_>,
        out: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        // RFC 5997 section 3 makes Message-Authenticator mandatory here: anybody could forge the packet otherwise.
        let signature = nas.secret.check_message_authenticator(request, None);
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
        match signed_reply(nas, code, request, out) {
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
    nas: &Nas,
    code: Code,
    request: &View<'_>,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let mut reply = ReplyWriter::new(out, code, request)?;
    reply.reserve_message_authenticator()?;
    reply.proxy_states(request)?;
    Ok(reply.finish(&nas.secret))
}
