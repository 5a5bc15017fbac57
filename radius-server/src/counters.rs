//! What the server did since it started, as a closed set of counts. No label ever comes from a packet.
//! Each worker counts in a lane of its own, so that no two processors fight over a cache line; readers add the lanes.

use crate::decision::{DropReason, Outcome, RejectReason};
use crate::drops::SocketDrops;
use crate::unknown::PortKind;
use parking_lot::Mutex;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Labels of a sample: names and values, both fixed.
pub type Labels = &'static [(&'static str, &'static str)];

/// One number with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Metric name, `<area>_<thing>_total`.
    pub name: &'static str,
    /// What it is split by.
    pub labels: Labels,
    /// The count.
    pub value: u64,
}

/// Declares the plain events: what happened, the metric's name, its labels.
macro_rules! events {
    ($($(#[$doc:meta])* $event:ident = $name:literal { $($label:literal : $value:literal),* };)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $event,)* }

        /// Name and labels of every event, in the order of the enum.
        const EVENTS: &[(&str, Labels)] = &[$(($name, &[$(($label, $value)),*]),)*];
    };
}

events! {
    /// A datagram on the authentication port; not those that were dropped because a worker was behind.
    AuthDatagram = "radius_datagrams_total" { "port": "auth" };
    /// A datagram on the accounting port.
    AccountingDatagram = "radius_datagrams_total" { "port": "accounting" };
    /// From an address that is no NAS.
    AuthUnknownSource = "radius_unknown_source_total" { "port": "auth" };
    /// From an address that is no NAS.
    AccountingUnknownSource = "radius_unknown_source_total" { "port": "accounting" };
    /// From an address that is no NAS, and not noted in the list of unknown sources: too many came in that second.
    UnknownSourceNotNoted = "radius_unknown_source_not_noted_total" {};
    /// An Access-Request dropped because its NAS sent more a second than it may.
    AuthRateLimited = "radius_rate_limited_total" { "port": "auth" };
    /// An Access-Reject that was answered from memory, because of too many before it.
    AuthRejectSuppressed = "radius_rejects_suppressed_total" {};
    /// An Access-Reject that waits before it is sent.
    AuthRejectDelayed = "radius_rejects_delayed_total" { "sent": "later" };
    /// An Access-Reject that should have waited and was sent at once, because too many wait already.
    AuthRejectNotDelayed = "radius_rejects_delayed_total" { "sent": "at_once" };
    /// Not RADIUS.
    AuthMalformed = "radius_malformed_total" { "port": "auth" };
    /// Not RADIUS.
    AccountingMalformed = "radius_malformed_total" { "port": "accounting" };
    /// RADIUS, but a code that does not belong on this port.
    AuthWrongCode = "radius_wrong_code_total" { "port": "auth" };
    /// RADIUS, but a code that does not belong on this port.
    AccountingWrongCode = "radius_wrong_code_total" { "port": "accounting" };
    /// Answered (or left unanswered) before.
    AuthDuplicate = "radius_duplicates_total" { "port": "auth" };
    /// Answered before, or being written right now.
    AccountingDuplicate = "radius_duplicates_total" { "port": "accounting" };
    /// A Status-Server that was answered.
    AuthStatusServer = "radius_status_server_total" { "port": "auth", "answered": "yes" };
    /// A Status-Server that was answered.
    AccountingStatusServer = "radius_status_server_total" { "port": "accounting", "answered": "yes" };
    /// A Status-Server that was not signed, or wrongly.
    AuthStatusServerRefused = "radius_status_server_total" { "port": "auth", "answered": "no" };
    /// A Status-Server that was not signed, or wrongly.
    AccountingStatusServerRefused = "radius_status_server_total" { "port": "accounting", "answered": "no" };
    /// An Accounting-Request on disk and answered.
    AccountingRecorded = "radius_accounting_requests_total" { "result": "recorded" };
    /// An Accounting-Request made with another secret.
    AccountingSecretDiffers = "radius_accounting_requests_total" { "result": "secret_differs" };
    /// An Accounting-Request without Acct-Status-Type.
    AccountingNoStatusType = "radius_accounting_requests_total" { "result": "no_status_type" };
    /// A worker that was behind, and answered the newest first until it was not.
    AuthBehind = "radius_overload_total" { "port": "auth" };
    /// Dropped by a worker that was behind: it had waited longer than a NAS waits.
    AuthOverloadStale = "radius_overload_dropped_total" { "port": "auth", "reason": "stale" };
    /// Dropped by a worker that was behind: the oldest, to make room.
    AuthOverloadNoRoom = "radius_overload_dropped_total" { "port": "auth", "reason": "no_room" };
    /// Dropped by a worker that was behind: a newer request of that source and Identifier waits, which is answered.
    AuthOverloadRepeated = "radius_overload_dropped_total" { "port": "auth", "reason": "repeated" };
    /// Dropped by a worker that was behind: answered twice a moment ago.
    AuthOverloadAnswered = "radius_overload_dropped_total" { "port": "auth", "reason": "answered" };
    /// An Accounting-Request that could not be made durable at once; it is held, unanswered, and tried again.
    AccountingNotDurable = "radius_accounting_requests_total" { "result": "not_durable" };
    /// A batch that reached the disk.
    AccountingCommit = "radius_accounting_commits_total" { "result": "durable" };
    /// A batch that did not.
    AccountingCommitFailed = "radius_accounting_commits_total" { "result": "failed" };
    /// A decision that no journal took, or that was overwritten in memory before the scribe came to it.
    DecisionLost = "radius_decisions_lost_total" {};
    /// A decision on disk.
    DecisionRecorded = "radius_decisions_recorded_total" {};
    /// The system refused to give a datagram.
    ReceiveError = "radius_receive_errors_total" {};
    /// The system refused to take a reply.
    SendError = "radius_send_errors_total" {};
    /// A reply that no buffer could hold.
    ReplyNotMade = "radius_replies_not_made_total" {};
    /// A request whose answer was to come later and that waited so long that nobody needs the answer any more.
    LaterStale = "radius_later_total" { "result": "stale" };
    /// A worker that panicked and was started again: a bug, and never expected.
    WorkerRestarted = "radius_worker_restarts_total" {};
    /// A TLS connection that showed the certificate of a NAS.
    RadsecOpened = "radius_radsec_connections_total" { "result": "opened" };
    /// A connection that was refused: there are as many as there may be.
    RadsecFull = "radius_radsec_connections_total" { "result": "full" };
    /// A connection that was refused: its address has as many as it may have.
    RadsecAddressFull = "radius_radsec_connections_total" { "result": "address_full" };
    /// A connection on which TLS did not come about, or not in time.
    RadsecHandshakeFailed = "radius_radsec_connections_total" { "result": "handshake_failed" };
    /// A connection whose certificate is good and belongs to no NAS.
    RadsecNoNas = "radius_radsec_connections_total" { "result": "no_nas" };
    /// An open connection that its peer closed, or lost.
    RadsecClosedByPeer = "radius_radsec_closed_total" { "reason": "peer" };
    /// An open connection that was silent for too long.
    RadsecClosedIdle = "radius_radsec_closed_total" { "reason": "idle" };
    /// An open connection whose peer did not read what it had asked for.
    RadsecClosedStalled = "radius_radsec_closed_total" { "reason": "stalled" };
    /// An open connection that brought what is not RADIUS.
    RadsecClosedMalformed = "radius_radsec_closed_total" { "reason": "malformed" };
    /// An open connection whose certificate is no longer good, or whose NAS is gone.
    RadsecClosedRevoked = "radius_radsec_closed_total" { "reason": "revoked" };
    /// A request over TLS.
    RadsecRequest = "radius_radsec_requests_total" { "version": "1.0" };
    /// A request over TLS without digests (RFC 9765).
    RadsecRequestV11 = "radius_radsec_requests_total" { "version": "1.1" };
    /// A request of ours that went down the connection of a NAS.
    RadsecDownSent = "radius_radsec_down_total" { "what": "sent" };
    /// A request of ours that did not: its connection has gone, its NAS does not read, or too many wait for their answer.
    RadsecDownNotSent = "radius_radsec_down_total" { "what": "not_sent" };
    /// An answer to one.
    RadsecDownAnswered = "radius_radsec_down_total" { "what": "answered" };
    /// A packet that looks like one and answers nothing that was asked.
    RadsecDownUnasked = "radius_radsec_down_total" { "what": "unasked" };
}

/// Number of plain events.
const EVENT_COUNT: usize = EVENTS.len();
/// Places for outcomes: accepted, challenge sent, each reject reason, each drop reason.
const OUTCOME_COUNT: usize = 2 + RejectReason::ALL.len() + DropReason::ALL.len();

/// Labels of every outcome, in the order of their places.
const OUTCOMES: [Labels; OUTCOME_COUNT] = [
    &[("outcome", "accepted"), ("reason", "")],
    &[("outcome", "challenged"), ("reason", "")],
    &[("outcome", "rejected"), ("reason", "no_user_name")],
    &[("outcome", "rejected"), ("reason", "unknown_subscriber")],
    &[("outcome", "rejected"), ("reason", "wrong_password")],
    &[("outcome", "rejected"), ("reason", "no_credential")],
    &[("outcome", "rejected"), ("reason", "credential_not_sent")],
    &[("outcome", "rejected"), ("reason", "suspended")],
    &[("outcome", "rejected"), ("reason", "terminated")],
    &[("outcome", "rejected"), ("reason", "expired")],
    &[("outcome", "rejected"), ("reason", "partner_suspended")],
    &[("outcome", "rejected"), ("reason", "unsupported_method")],
    &[("outcome", "rejected"), ("reason", "eap_failed")],
    &[("outcome", "rejected"), ("reason", "reply_too_long")],
    &[("outcome", "rejected"), ("reason", "credential_unfit")],
    &[("outcome", "rejected"), ("reason", "tls_failed")],
    &[("outcome", "rejected"), ("reason", "certificate_refused")],
    &[("outcome", "rejected"), ("reason", "home_server_rejected")],
    &[("outcome", "rejected"), ("reason", "realm_refused")],
    &[("outcome", "rejected"), ("reason", "too_many_sessions")],
    &[("outcome", "rejected"), ("reason", "not_allowed_here")],
    &[("outcome", "rejected"), ("reason", "bound_elsewhere")],
    &[("outcome", "rejected"), ("reason", "binding_not_sent")],
    &[("outcome", "rejected"), ("reason", "pool_exhausted")],
    &[("outcome", "rejected"), ("reason", "address_in_use")],
    &[("outcome", "rejected"), ("reason", "quota_used_up")],
    &[("outcome", "dropped"), ("reason", "secret_differs")],
    &[
        ("outcome", "dropped"),
        ("reason", "message_authenticator_missing"),
    ],
    &[
        ("outcome", "dropped"),
        ("reason", "message_authenticator_malformed"),
    ],
    &[("outcome", "dropped"), ("reason", "no_reply")],
    &[("outcome", "dropped"), ("reason", "busy")],
    &[("outcome", "dropped"), ("reason", "home_server_silent")],
    &[("outcome", "dropped"), ("reason", "no_home_server")],
    &[("outcome", "dropped"), ("reason", "proxy_loop")],
    &[("outcome", "dropped"), ("reason", "not_sent_on")],
];

/// Labels of what the kernel dropped.
const DROPS: [Labels; 2] = [&[("port", "auth")], &[("port", "accounting")]];

/// The place of an outcome.
const fn outcome_place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Accepted => 0,
        Outcome::ChallengeSent => 1,
        Outcome::Rejected(reason) => 2 + reason as usize,
        Outcome::Dropped(reason) => 2 + RejectReason::ALL.len() + reason as usize,
    }
}

/// One worker's counts. Only that worker's thread adds to them.
pub struct Lane {
    /// Plain events.
    events: [AtomicU64; EVENT_COUNT],
    /// Decisions by outcome.
    outcomes: [AtomicU64; OUTCOME_COUNT],
}

impl Lane {
    /// All zero.
    fn new() -> Self {
        Self {
            events: std::array::from_fn(|_| AtomicU64::new(0)),
            outcomes: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Counts one more. A lane belongs to one thread: adding needs no lock of the bus then.
    pub(crate) fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    /// Counts several more.
    pub(crate) fn add_many(&self, event: Event, count: u64) {
        add(&self.events[event as usize], count);
    }

    /// Counts a decision.
    pub(crate) fn decided(&self, outcome: Outcome) {
        add(&self.outcomes[outcome_place(outcome)], 1);
    }
}

/// Adds to a count that only one thread writes and any may read.
fn add(count: &AtomicU64, more: u64) {
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(more),
        Ordering::Relaxed,
    );
}

/// Whether accounting reaches the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalState {
    /// It does.
    Writing,
    /// It does not, and no Accounting-Request is answered until it does again.
    Stopped {
        /// Unix milliseconds at which it stopped.
        since_unix_ms: i64,
        /// Why, with what to do.
        why: String,
    },
}

/// All lanes together.
pub struct Counters {
    /// The lanes handed out.
    lanes: Mutex<Vec<Arc<Lane>>>,
    /// Whether accounting reaches the disk.
    accounting_journal: Mutex<JournalState>,
    /// Whether decisions reach the disk.
    decision_journal: Mutex<JournalState>,
    /// What the kernel had no room for.
    socket_drops: SocketDrops,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            lanes: Mutex::default(),
            accounting_journal: Mutex::new(JournalState::Writing),
            decision_journal: Mutex::new(JournalState::Writing),
            socket_drops: SocketDrops::default(),
        }
    }
}

impl Counters {
    /// A new lane for one worker.
    #[must_use]
    pub fn lane(&self) -> Arc<Lane> {
        let lane = Arc::new(Lane::new());
        self.lanes.lock().push(Arc::clone(&lane));
        lane
    }

    /// How often something happened.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        self.lanes
            .lock()
            .iter()
            .map(|lane| lane.events[event as usize].load(Ordering::Relaxed))
            .sum()
    }

    /// How often it ended like this.
    #[must_use]
    pub fn decisions(&self, outcome: Outcome) -> u64 {
        let place = outcome_place(outcome);
        self.lanes
            .lock()
            .iter()
            .map(|lane| lane.outcomes[place].load(Ordering::Relaxed))
            .sum()
    }

    /// Counts what the kernel drops for this socket, for as long as it is open.
    pub(crate) fn watch_drops(&self, port: PortKind, socket: &Arc<UdpSocket>) {
        self.socket_drops.watch(port, socket);
    }

    /// Every number, zero or not, always in the same order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Sample> {
        let lanes = self.lanes.lock();
        let sum = |of: &dyn Fn(&Lane) -> u64| lanes.iter().map(|lane| of(lane)).sum::<u64>();
        let events = EVENTS.iter().enumerate().map(|(at, (name, labels))| Sample {
            name,
            labels,
            value: sum(&|lane| lane.events[at].load(Ordering::Relaxed)),
        });
        let outcomes = OUTCOMES.iter().enumerate().map(|(at, labels)| Sample {
            name: "radius_decisions_total",
            labels,
            value: sum(&|lane| lane.outcomes[at].load(Ordering::Relaxed)),
        });
        let (auth, accounting) = self.socket_drops.totals();
        let drops = DROPS
            .into_iter()
            .zip([auth, accounting])
            .map(|(labels, value)| Sample {
                name: "radius_socket_drops_total",
                labels,
                value,
            });
        events.chain(outcomes).chain(drops).collect()
    }

    /// Whether accounting reaches the disk, with the reason when it does not.
    #[must_use]
    pub fn accounting_journal(&self) -> JournalState {
        self.accounting_journal.lock().clone()
    }

    /// Whether decisions reach the disk, with the reason when they do not.
    #[must_use]
    pub fn decision_journal(&self) -> JournalState {
        self.decision_journal.lock().clone()
    }

    /// Notes the accounting journal's state; true when it was another one before.
    pub(crate) fn accounting_journal_is(&self, now_unix_ms: i64, stopped: Option<String>) -> bool {
        change(&mut self.accounting_journal.lock(), now_unix_ms, stopped)
    }

    /// Notes the decision journal's state; true when it was another one before.
    pub(crate) fn decision_journal_is(&self, now_unix_ms: i64, stopped: Option<String>) -> bool {
        change(&mut self.decision_journal.lock(), now_unix_ms, stopped)
    }
}

/// Changes a state; an older stop keeps its time and takes the newer reason. True when it starts or stops.
fn change(state: &mut JournalState, now_unix_ms: i64, stopped: Option<String>) -> bool {
    match (&mut *state, stopped) {
        (JournalState::Writing, None) => false,
        (JournalState::Stopped { why, .. }, Some(newer)) => {
            *why = newer;
            false
        }
        (JournalState::Writing, Some(why)) => {
            *state = JournalState::Stopped {
                since_unix_ms: now_unix_ms,
                why,
            };
            true
        }
        (JournalState::Stopped { .. }, None) => {
            *state = JournalState::Writing;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_place_and_label() {
        let rejected = RejectReason::ALL.map(Outcome::Rejected);
        let dropped = DropReason::ALL.map(Outcome::Dropped);
        for outcome in rejected.into_iter().chain(dropped) {
            assert_eq!(OUTCOMES[outcome_place(outcome)][1].1, outcome.as_str());
        }
    }

    #[test]
    fn lanes_add_up() {
        let counters = Counters::default();
        let (one, other) = (counters.lane(), counters.lane());
        one.add(Event::SendError);
        other.add_many(Event::SendError, 2);
        other.decided(Outcome::Accepted);
        assert_eq!(counters.get(Event::SendError), 3);
        assert_eq!(counters.decisions(Outcome::Accepted), 1);
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.len(), EVENT_COUNT + OUTCOME_COUNT + DROPS.len());
        let sent = snapshot
            .iter()
            .find(|sample| sample.name == "radius_send_errors_total")
            .expect("there");
        assert_eq!(sent.value, 3);
    }

    #[test]
    fn a_journal_that_stops_keeps_its_time_and_reports_once() {
        let counters = Counters::default();
        assert!(counters.accounting_journal_is(5, Some("no space".into())));
        assert!(!counters.accounting_journal_is(9, Some("no space left".into())));
        let stopped = JournalState::Stopped {
            since_unix_ms: 5,
            why: "no space left".into(),
        };
        assert_eq!(counters.accounting_journal(), stopped);
        assert!(counters.accounting_journal_is(10, None));
        assert_eq!(counters.accounting_journal(), JournalState::Writing);
    }
}
