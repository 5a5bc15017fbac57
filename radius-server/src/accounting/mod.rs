//! An Accounting-Request becomes a durable record, then a change of the session table, and only then a response.
//! Nothing is answered that is not on disk: the NAS keeps what we could not, and sends it again.
//!
//! Requests are taken in one by one ([`Accountant::take_in`]) and settled together ([`Accountant::settle`]), so that one
//! `fdatasync` serves all that arrived while the last one ran. No socket and no clock here; `now` is handed in.

mod settlement;
#[cfg(test)]
mod tests;

pub use settlement::Ledger;

use crate::authentication::subscriber_of;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::directory::{Directory, Nas, SecretAge, Subscriber, bump};
use crate::duplicates::{DUPLICATES_MAX, Duplicates, Key, Seen};
use crate::gate::Gate;
use crate::journal::AccountingRecord;
use crate::overlap;
use crate::unknown::{PortKind, UnknownSources};
use radius::{Code, MessageAuthenticator, StatusType, View, kind};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// Accounting-Requests settled together at most.
pub const BATCH_MAX: usize = 8_192;
/// Octets of journal records settled together at most, but for what one more round of the socket brings.
pub const BATCH_OCTETS_MAX: usize = 4 * 1024 * 1024;

/// Where a request came from, and where its response goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who sent it.
    pub source: SocketAddr,
    /// Which of our addresses it was sent to, when there is a choice; the response leaves from there.
    pub local: Option<IpAddr>,
}

impl From<SocketAddr> for Origin {
    fn from(source: SocketAddr) -> Self {
        Self { source, local: None }
    }
}

/// What became of a datagram on the accounting port.
#[derive(Debug, PartialEq, Eq)]
pub enum Intake<'a> {
    /// Nothing to send.
    Ignored,
    /// To be sent at once: a Status-Server, or a retransmission of what is on disk.
    Reply(&'a [u8]),
    /// It waits to be settled.
    Waiting,
}

/// The accounting pipeline of one worker.
pub struct Accountant {
    /// Whose datagram is it?
    gate: Gate,
    /// What it answered in the last seconds, and what waits.
    duplicates: Duplicates,
    /// What waits to be settled.
    waiting: Vec<Waiting>,
    /// Their journal records, one after the other; used again for each batch, so that a request allocates nothing.
    payloads: Vec<u8>,
    /// One record being encoded.
    scratch: Vec<u8>,
}

/// A request that waits to be settled.
struct Waiting {
    /// Where its journal record stands in `payloads`.
    payload: Range<usize>,
    /// Who sent it.
    nas: Arc<Nas>,
    /// Whom it is about, when his places are counted.
    guarded: Option<Arc<Subscriber>>,
    /// Which request it is.
    key: Key,
    /// Which of our addresses it was sent to.
    local: Option<IpAddr>,
    /// Whether it was signed, and the response must be.
    signed: bool,
    /// Which of the NAS's secrets it was made with.
    secret_age: SecretAge,
    /// Whether it is on disk.
    durable: bool,
    /// Whether the disk refused it once; it is tried again.
    held: bool,
    /// Whether no disk will ever take it.
    hopeless: bool,
}

impl Accountant {
    /// A pipeline that reads this directory and counts in this lane.
    #[must_use]
    pub fn new(directory: Arc<Directory>, unknown: Arc<UnknownSources>, lane: Arc<Lane>) -> Self {
        Self {
            gate: Gate::new(directory, unknown, lane, PortKind::Accounting),
            duplicates: Duplicates::new(DUPLICATES_MAX),
            waiting: Vec::new(),
            payloads: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Takes packets with so many attributes at most.
    #[must_use]
    pub fn with_attributes_max(mut self, max: usize) -> Self {
        self.gate.attributes_max(max);
        self
    }

    /// How many requests wait to be settled; at [`BATCH_MAX`] it is time. Those that still do after [`Self::settle`] were
    /// refused by the disk: settle again later, and take nothing in until then.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many octets of journal records wait to be settled; at [`BATCH_OCTETS_MAX`] it is time.
    #[must_use]
    pub fn waiting_octets(&self) -> usize {
        self.payloads.len()
    }

    /// Takes in one datagram; a reply that needs no disk is written into `out`.
    pub fn take_in<'a>(
        &'a mut self,
        datagram: &[u8],
        origin: impl Into<Origin>,
        now: Now,
        out: &'a mut [u8],
    ) -> Intake<'a> {
        let origin = origin.into();
        let Some((nas, request)) = self.gate.admit(datagram, origin.source, now) else {
            return Intake::Ignored;
        };
        self.request(nas, &request, origin, now, out)
    }

    /// The same for a packet of a NAS that is known by something else than its address: by its certificate.
    pub(crate) fn take_in_from<'a>(
        &'a mut self,
        nas: Arc<Nas>,
        datagram: &[u8],
        origin: Origin,
        now: Now,
        out: &'a mut [u8],
    ) -> Intake<'a> {
        match self.gate.open(&nas, datagram, now) {
            Some(request) => self.request(nas, &request, origin, now, out),
            None => Intake::Ignored,
        }
    }

    /// Takes in a packet of a NAS.
    fn request<'a>(
        &'a mut self,
        nas: Arc<Nas>,
        request: &View<'_>,
        origin: Origin,
        now: Now,
        out: &'a mut [u8],
    ) -> Intake<'a> {
        match request.code() {
            Code::AccountingRequest => self.accounting_request(nas, request, origin, now),
            Code::StatusServer => self
                .gate
                .status_server(&nas, request, now, out)
                .map_or(Intake::Ignored, Intake::Reply),
            _ => self.ignore(self.gate.events().wrong_code),
        }
    }

    /// Verifies an Accounting-Request and puts it among those that wait, unless it is there or was answered already.
    fn accounting_request(
        &mut self,
        nas: Arc<Nas>,
        request: &View<'_>,
        origin: Origin,
        now: Now,
    ) -> Intake<'_> {
        let Some((secret_age, signed)) = self.verified(&nas, request, now) else {
            return Intake::Ignored;
        };
        let key = Key {
            source: origin.source,
            identifier: request.identifier(),
        };
        let authenticator = request.authenticator();
        match self.duplicates.seen(&key, authenticator, now.monotonic) {
            Seen::New => {}
            Seen::InProgress => return self.ignore(self.gate.events().duplicate),
            Seen::Answered(_) => return self.repeat(&key, authenticator, now),
        }
        let status = request.u32(kind::ACCT_STATUS_TYPE).map(StatusType::from);
        if status.is_none() {
            // The table of RFC 2866 section 5.13 demands one; without it nobody can tell what the record means.
            return self.ignore(Event::AccountingNoStatusType);
        }
        self.duplicates.begin(key, authenticator, now.monotonic);
        let subscriber = subscriber_of(&nas, request);
        let record = AccountingRecord {
            received_unix_us: now.unix_us,
            nas: nas.id,
            partner: nas.partner.id(),
            subscriber: subscriber.as_ref().map(|subscriber| subscriber.id),
            source: origin.source,
            packet: request.octets(),
        };
        record.encode(&mut self.scratch);
        let start = self.payloads.len();
        self.payloads.extend_from_slice(&self.scratch);
        let payload = start..self.payloads.len();
        self.waiting.push(Waiting {
            payload,
            nas,
            guarded: subscriber.filter(|subscriber| subscriber.is_guarded()),
            key,
            local: origin.local,
            signed,
            secret_age,
            durable: false,
            held: false,
            hopeless: false,
        });
        Intake::Waiting
    }

    /// Which secret a request was made with: `None` when it was none of ours, else also whether it carries a
    /// Message-Authenticator.
    fn verified(&self, nas: &Nas, request: &View<'_>, now: Now) -> Option<(SecretAge, bool)> {
        let age = overlap::request_authenticator(nas, request, now);
        let secret = nas.secret_of(age.unwrap_or_default());
        let event = match (age, secret.check_message_authenticator(request, None)) {
            (None, _) => Event::AccountingSecretDiffers,
            (Some(age), MessageAuthenticator::Absent) => return Some((age, false)),
            (Some(age), MessageAuthenticator::Valid) => return Some((age, true)),
            (_, MessageAuthenticator::Invalid) => Event::AccountingSecretDiffers,
            (_, MessageAuthenticator::Malformed) => Event::AccountingMalformed,
        };
        self.gate.lane.add(event);
        bump(if event == Event::AccountingSecretDiffers {
            &nas.stats.secret_differs
        } else {
            &nas.stats.malformed
        });
        None
    }

    /// Answers a retransmission with the octets that answered it before.
    fn repeat(&self, key: &Key, authenticator: &radius::Authenticator, now: Now) -> Intake<'_> {
        self.gate.lane.add(self.gate.events().duplicate);
        match self.duplicates.seen(key, authenticator, now.monotonic) {
            Seen::Answered(reply) if !reply.is_empty() => Intake::Reply(reply),
            _ => Intake::Ignored,
        }
    }

    /// Counts and says nothing.
    fn ignore(&self, event: Event) -> Intake<'_> {
        self.gate.lane.add(event);
        Intake::Ignored
    }
}
