//! One session: what is known of it, and how two readings of it become one.
//! It reads a packet that was verified, and decides nothing about tables. Where it lives: `table`.

use super::attributes::{Attributes, Told};
use super::counted::Counted;
use crate::class::{self, Login};
use crate::id::{NasId, PartnerId, SessionId, SubscriberId};
use crate::journal::AccountingRecord;
use radius::accounting::{Accounting, EVENT_SKEW_S_MAX, StatusType};
use radius::attribute::kind;
use radius::packet::View;
use std::net::{Ipv4Addr, SocketAddr};

/// What is known of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Derived from NAS, Acct-Session-Id and our class token; see [`SessionId::derive`].
    pub id: SessionId,
    /// The NAS it is on.
    pub nas: NasId,
    /// The partner of that NAS.
    pub partner: PartnerId,
    /// Whose it is; `None` while no record named a subscriber of the partner.
    pub subscriber: Option<SubscriberId>,
    /// Where the newest record came from.
    pub source: SocketAddr,
    /// When it began, by the clock of the NAS: the time of its Start; until one is seen, the earliest that a record's
    /// time less its Acct-Session-Time gives.
    pub started_unix_s: i64,
    /// Event time of the newest record.
    pub updated_unix_s: i64,
    /// When its first record was sent, by our clock: received less Acct-Delay-Time.
    pub heard_unix_s: i64,
    /// When its newest record was sent, by our clock.
    pub last_heard_unix_s: i64,
    /// Acct-Session-Time; never goes back.
    pub session_time_s: u32,
    /// What it used; never goes back.
    pub counted: Counted,
    /// A Start was seen.
    pub start_seen: bool,
    /// How it ended; `None` while it is open.
    pub closed: Option<Closed>,
    /// What the NAS said of it, octet for octet.
    pub attributes: Attributes,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When, by the clock of the NAS.
    pub at_unix_s: i64,
    /// When the record that says so was sent, by our clock.
    pub heard_unix_s: i64,
    /// What says so.
    pub cause: CloseCause,
}

/// What says that a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseCause {
    /// Its Stop, with Acct-Terminate-Cause if there was one. Final.
    Stop {
        /// Acct-Terminate-Cause.
        terminate_cause: Option<u32>,
    },
    /// An Accounting-On or -Off of its NAS. An inference: a later record of the session proves it wrong.
    NasRestarted,
    /// Its NAS spoke of others for long and of it no more. An inference, too.
    Silent,
}

impl CloseCause {
    /// Whether nobody said so: then a sign of life counts for more.
    #[must_use]
    pub const fn is_inferred(self) -> bool {
        matches!(self, Self::NasRestarted | Self::Silent)
    }
}

impl Session {
    /// Reads one Start, Interim or Stop as a session of its own, with its attributes beside it, where they lie; `None`
    /// for anything else, and without Acct-Session-Id.
    pub(super) fn of_record<'a>(
        record: &AccountingRecord<'_>,
        view: &View<'a>,
        accounting: &Accounting<'_>,
    ) -> Option<(Self, Told<'a>)> {
        let (event, heard) = times(record, accounting);
        let told = Told::of_packet(view, event);
        let acct_session_id = told
            .get(kind::ACCT_SESSION_ID)
            .filter(|value| !value.is_empty())?;
        let id = SessionId::derive(record.nas, acct_session_id, told.get(kind::CLASS));
        let session_time_s = accounting.session_time.unwrap_or(0);
        let start_seen = accounting.status == StatusType::Start;
        let closed = match accounting.status {
            StatusType::Start | StatusType::Interim => None,
            StatusType::Stop => Some(Closed {
                at_unix_s: event,
                heard_unix_s: heard,
                cause: CloseCause::Stop {
                    terminate_cause: accounting.terminate_cause,
                },
            }),
            _ => return None,
        };
        let session = Self {
            id,
            nas: record.nas,
            partner: record.partner,
            subscriber: record.subscriber,
            source: record.source,
            started_unix_s: if start_seen {
                event
            } else {
                event.saturating_sub(i64::from(session_time_s))
            },
            updated_unix_s: event,
            heard_unix_s: heard,
            last_heard_unix_s: heard,
            session_time_s,
            counted: Counted::of_record(
                accounting.octets_in,
                accounting.octets_out,
                accounting.session_time,
                accounting.gigawords,
            ),
            start_seen,
            closed,
            attributes: Attributes::new(),
        };
        Some((session, told))
    }

    /// Joins what another reading of the same session says: counters as [`Counted`] does, the start by the surer and
    /// earlier, attributes by the newer. In any order, any number of times, the result is the same; only a counter that
    /// fell is told surely when the records come as they were sent.
    pub fn merge(&mut self, other: &Self) {
        // Records of one session name one subscriber; should they not, the one created later counts, in any order.
        self.subscriber = self.subscriber.max(other.subscriber);
        if (self.updated_unix_s, self.source) < (other.updated_unix_s, other.source) {
            self.source = other.source;
        }
        let earlier = other.started_unix_s < self.started_unix_s;
        if (other.start_seen && !self.start_seen) || (other.start_seen == self.start_seen && earlier) {
            self.started_unix_s = other.started_unix_s;
        }
        self.start_seen |= other.start_seen;
        self.updated_unix_s = self.updated_unix_s.max(other.updated_unix_s);
        self.heard_unix_s = self.heard_unix_s.min(other.heard_unix_s);
        self.session_time_s = self.session_time_s.max(other.session_time_s);
        self.last_heard_unix_s = self.last_heard_unix_s.max(other.last_heard_unix_s);
        self.counted.merge(&other.counted);
        self.closed = match (self.closed, other.closed) {
            (Some(mine), Some(theirs)) => Some(mine.surer(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.attributes.merge(&other.attributes);
    }

    /// Tells whether it goes on, as far as is known.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// User-Name, if it is text.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.attribute(kind::USER_NAME)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Acct-Session-Id, as the NAS sent it.
    #[must_use]
    pub fn acct_session_id(&self) -> &[u8] {
        self.attribute(kind::ACCT_SESSION_ID).unwrap_or_default()
    }

    /// Which login of its Acct-Session-Id this is, when the NAS sends a Class of ours.
    pub(super) fn login(&self) -> Option<Login> {
        class::login(self.attribute(kind::CLASS)?)
    }

    /// Framed-IP-Address.
    #[must_use]
    pub fn framed_ip(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.attribute(kind::FRAMED_IP_ADDRESS)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    }

    /// The value of one kept attribute, as the NAS sent it.
    #[must_use]
    pub fn attribute(&self, kind: u8) -> Option<&[u8]> {
        self.attributes.get(kind)
    }

    /// Tells whether a reading proves that this session, thought to have ended with its NAS, goes on.
    pub(super) fn is_revived_by(&self, reading: &Self) -> bool {
        self.closed.is_some_and(|closed| {
            closed.cause.is_inferred() && reading.is_open() && reading.heard_unix_s > closed.heard_unix_s
        })
    }
}

impl Closed {
    /// The surer of two ends: a Stop before an inference, then the earlier.
    fn surer(self, other: Self) -> Self {
        let key = |end: &Self| {
            (
                end.cause.is_inferred(),
                end.at_unix_s,
                end.heard_unix_s,
                end.cause,
            )
        };
        if key(&other) < key(&self) { other } else { self }
    }
}

/// When a record's event happened by the clock of the NAS, and when it was first sent by ours.
pub(super) fn times(record: &AccountingRecord<'_>, accounting: &Accounting<'_>) -> (i64, i64) {
    /// Microseconds in a second.
    const US: i64 = 1_000_000;
    let received = record.received_unix_us.div_euclid(US);
    let delay = i64::from(accounting.delay_time.unwrap_or(0)).min(EVENT_SKEW_S_MAX);
    (accounting.event_time(received), received.saturating_sub(delay))
}
