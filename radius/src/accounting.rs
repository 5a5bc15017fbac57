//! One typed reading of an Accounting-Request (RFC 2866 and its extensions).
//!
//! Reads what is there and judges nothing: a NAS that sends nonsense is the reader's problem, with the raw packet at hand.
//! Next: `radius-server` turns these readings into sessions.

mod reading;

use std::net::{Ipv4Addr, Ipv6Addr};

use self::reading::Reading;
use crate::packet::View;

/// Seconds by which a NAS may be wrong about an event before we trust our own clock more: 7 days.
pub const EVENT_SKEW_S_MAX: i64 = 7 * 24 * 60 * 60;

/// What an Accounting-Request reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusType {
    /// A session began.
    Start,
    /// A session ended.
    Stop,
    /// A session goes on: Interim-Update.
    Interim,
    /// The NAS started: no session of before exists any more.
    On,
    /// The NAS is about to stop: no session will exist any more.
    Off,
    /// Tunnel-Start (9) and the like, which we acknowledge without acting.
    Other(u32),
}

impl From<u32> for StatusType {
    fn from(number: u32) -> Self {
        match number {
            1 => StatusType::Start,
            2 => StatusType::Stop,
            3 => StatusType::Interim,
            7 => StatusType::On,
            8 => StatusType::Off,
            other => StatusType::Other(other),
        }
    }
}

impl StatusType {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            StatusType::Start => 1,
            StatusType::Stop => 2,
            StatusType::Interim => 3,
            StatusType::On => 7,
            StatusType::Off => 8,
            StatusType::Other(number) => number,
        }
    }
}

/// What an Accounting-Request says.
///
/// Texts are `None` also when they are not UTF-8, numbers and addresses also when they are not of their length; of an
/// attribute that comes twice the first counts. The octets as they came are in the [`View`].
///
/// `Debug` is for tests: it shows who was where, which has no place in a log above `debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounting<'a> {
    /// Acct-Status-Type.
    pub status: StatusType,
    /// Acct-Session-Id as it came: some NAS put binary octets into it.
    pub session_id: Option<&'a [u8]>,
    /// Acct-Multi-Session-Id as it came.
    pub multi_session_id: Option<&'a [u8]>,
    /// Acct-Link-Count: how many links the multi-link session has had.
    pub link_count: Option<u32>,
    /// User-Name.
    pub user_name: Option<&'a str>,
    /// Class as it came; the first one.
    pub class: Option<&'a [u8]>,
    /// Chargeable-User-Identity as it came.
    pub chargeable_user_identity: Option<&'a [u8]>,

    /// NAS-IP-Address: what the NAS calls itself, not where the packet came from.
    pub nas_ip: Option<Ipv4Addr>,
    /// NAS-IPv6-Address: what the NAS calls itself, not where the packet came from.
    pub nas_ipv6: Option<Ipv6Addr>,
    /// NAS-Identifier.
    pub nas_identifier: Option<&'a str>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<&'a str>,
    /// NAS-Port-Type; names are in [`crate::dictionary`].
    pub nas_port_type: Option<u32>,
    /// Called-Station-Id.
    pub called_station_id: Option<&'a str>,
    /// Calling-Station-Id.
    pub calling_station_id: Option<&'a str>,
    /// Connect-Info.
    pub connect_info: Option<&'a str>,

    /// Service-Type.
    pub service_type: Option<u32>,
    /// Framed-Protocol.
    pub framed_protocol: Option<u32>,
    /// Framed-IP-Address.
    pub framed_ip: Option<Ipv4Addr>,
    /// Framed-IPv6-Address (RFC 6911).
    pub framed_ipv6: Option<Ipv6Addr>,
    /// Framed-IPv6-Prefix: prefix and length in bits.
    pub framed_ipv6_prefix: Option<(Ipv6Addr, u8)>,
    /// Framed-Interface-Id.
    pub framed_interface_id: Option<[u8; 8]>,
    /// Delegated-IPv6-Prefix: prefix and length in bits.
    pub delegated_ipv6_prefix: Option<(Ipv6Addr, u8)>,

    /// Acct-Authentic: who said yes, 1 RADIUS, 2 the NAS itself, 3 another.
    pub authentic: Option<u32>,
    /// Acct-Session-Time, in seconds.
    pub session_time: Option<u32>,
    /// Octets received from the subscriber since the session began.
    ///
    /// `Acct-Input-Octets` (RFC 2866 section 5.3) + 2^32 x `Acct-Input-Gigawords` (RFC 2869 section 5.1).
    /// `None` in a Start. From a NAS that sends no Gigawords this wraps at 4 GiB.
    pub octets_in: Option<u64>,
    /// Octets sent to the subscriber since the session began; see [`Accounting::octets_in`].
    pub octets_out: Option<u64>,
    /// Whether the NAS says how often its counters wrapped: Gigawords of either direction are there, be they 0.
    pub gigawords: bool,
    /// Acct-Input-Packets, modulo 2^32.
    pub packets_in: Option<u32>,
    /// Acct-Output-Packets, modulo 2^32.
    pub packets_out: Option<u32>,
    /// Acct-Terminate-Cause, in a Stop; names are in [`crate::dictionary`].
    pub terminate_cause: Option<u32>,
    /// Acct-Delay-Time: seconds the NAS has been trying to send this record.
    pub delay_time: Option<u32>,
    /// Event-Timestamp: seconds since 1970 by the clock of the NAS.
    pub event_timestamp: Option<u32>,
}

impl<'a> Accounting<'a> {
    /// Reads an Accounting-Request in one pass.
    ///
    /// `None` without a well-formed Acct-Status-Type: such a record reports nothing. The kind of packet is not checked.
    pub fn read(view: &View<'a>) -> Option<Self> {
        let mut reading = Reading::default();
        for attribute in view.attributes() {
            reading.take(attribute.kind, attribute.value);
        }
        reading.into_accounting()
    }

    /// When it happened, in seconds since 1970, for a packet received at `received_unix_s`.
    ///
    /// Event-Timestamp; without it, our clock less Acct-Delay-Time. A value more than [`EVENT_SKEW_S_MAX`] away from
    /// our clock is a NAS without a clock, and ours counts; [`Accounting::event_time_skewed`] tells.
    pub fn event_time(&self, received_unix_s: i64) -> i64 {
        self.claimed_time(received_unix_s)
            .filter(|claimed| !skewed(*claimed, received_unix_s))
            .unwrap_or(received_unix_s)
    }

    /// Whether the NAS claims a time so far from ours that [`Accounting::event_time`] ignores it.
    pub fn event_time_skewed(&self, received_unix_s: i64) -> bool {
        self.claimed_time(received_unix_s)
            .is_some_and(|claimed| skewed(claimed, received_unix_s))
    }

    /// When it happened as far as the NAS says, in seconds since 1970.
    fn claimed_time(&self, received_unix_s: i64) -> Option<i64> {
        match (self.event_timestamp, self.delay_time) {
            (Some(timestamp), _) => Some(i64::from(timestamp)),
            (None, Some(delay)) => Some(received_unix_s.saturating_sub(i64::from(delay))),
            (None, None) => None,
        }
    }
}

/// Whether a claimed time is too far from ours to be believed.
fn skewed(claimed_unix_s: i64, received_unix_s: i64) -> bool {
    claimed_unix_s.abs_diff(received_unix_s) > EVENT_SKEW_S_MAX.unsigned_abs()
}
