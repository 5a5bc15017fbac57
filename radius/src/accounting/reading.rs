//! The single pass over the attributes of an Accounting-Request.
//!
//! Of an attribute that comes twice the first counts; one of the wrong length counts as absent, unless it came first:
//! then it hides a later one, as everywhere in [`crate::View`]. The result is [`super::Accounting`].

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Accounting, StatusType};
use crate::attribute::{kind, read_ipv4, read_ipv6, read_ipv6_prefix, read_u32};

/// Slots for the attributes that matter, each filled by the first that comes.
///
/// A slot is `Some(None)` when the first one was unreadable.
#[derive(Default)]
pub(super) struct Reading<'a> {
    /// Acct-Status-Type
    status: Slot<u32>,
    /// Acct-Session-Id
    session_id: Slot<&'a [u8]>,
    /// Acct-Multi-Session-Id
    multi_session_id: Slot<&'a [u8]>,
    /// Acct-Link-Count
    link_count: Slot<u32>,
    /// User-Name
    user_name: Slot<&'a str>,
    /// Class
    class: Slot<&'a [u8]>,
    /// Chargeable-User-Identity
    chargeable_user_identity: Slot<&'a [u8]>,
    /// NAS-IP-Address
    nas_ip: Slot<Ipv4Addr>,
    /// NAS-IPv6-Address
    nas_ipv6: Slot<Ipv6Addr>,
    /// NAS-Identifier
    nas_identifier: Slot<&'a str>,
    /// NAS-Port
    nas_port: Slot<u32>,
    /// NAS-Port-Id
    nas_port_id: Slot<&'a str>,
    /// NAS-Port-Type
    nas_port_type: Slot<u32>,
    /// Called-Station-Id
    called_station_id: Slot<&'a str>,
    /// Calling-Station-Id
    calling_station_id: Slot<&'a str>,
    /// Connect-Info
    connect_info: Slot<&'a str>,
    /// Service-Type
    service_type: Slot<u32>,
    /// Framed-Protocol
    framed_protocol: Slot<u32>,
    /// Framed-IP-Address
    framed_ip: Slot<Ipv4Addr>,
    /// Framed-IPv6-Address
    framed_ipv6: Slot<Ipv6Addr>,
    /// Framed-IPv6-Prefix
    framed_ipv6_prefix: Slot<(Ipv6Addr, u8)>,
    /// Framed-Interface-Id
    framed_interface_id: Slot<[u8; 8]>,
    /// Delegated-IPv6-Prefix
    delegated_ipv6_prefix: Slot<(Ipv6Addr, u8)>,
    /// Acct-Authentic
    authentic: Slot<u32>,
    /// Acct-Session-Time
    session_time: Slot<u32>,
    /// Acct-Input-Octets
    input_octets: Slot<u32>,
    /// Acct-Input-Gigawords
    input_gigawords: Slot<u32>,
    /// Acct-Output-Octets
    output_octets: Slot<u32>,
    /// Acct-Output-Gigawords
    output_gigawords: Slot<u32>,
    /// Acct-Input-Packets
    packets_in: Slot<u32>,
    /// Acct-Output-Packets
    packets_out: Slot<u32>,
    /// Acct-Terminate-Cause
    terminate_cause: Slot<u32>,
    /// Acct-Delay-Time
    delay_time: Slot<u32>,
    /// Event-Timestamp
    event_timestamp: Slot<u32>,
}

/// Nothing yet, an unreadable first value, or the first value.
type Slot<T> = Option<Option<T>>;

/// Fills a slot unless it is filled.
fn fill<'a, T>(slot: &mut Slot<T>, value: &'a [u8], read: impl FnOnce(&'a [u8]) -> Option<T>) {
    if slot.is_none() {
        *slot = Some(read(value));
    }
}

/// Reads text.
fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

impl<'a> Reading<'a> {
    /// Looks at the next attribute.
    pub(super) fn take(&mut self, kind: u8, value: &'a [u8]) {
        match kind {
            kind::ACCT_STATUS_TYPE => fill(&mut self.status, value, read_u32),
            kind::ACCT_SESSION_ID => fill(&mut self.session_id, value, Some),
            kind::ACCT_MULTI_SESSION_ID => fill(&mut self.multi_session_id, value, Some),
            kind::ACCT_LINK_COUNT => fill(&mut self.link_count, value, read_u32),
            kind::USER_NAME => fill(&mut self.user_name, value, text),
            kind::CLASS => fill(&mut self.class, value, Some),
            kind::CHARGEABLE_USER_IDENTITY => fill(&mut self.chargeable_user_identity, value, Some),
            kind::NAS_IP_ADDRESS => fill(&mut self.nas_ip, value, read_ipv4),
            kind::NAS_IPV6_ADDRESS => fill(&mut self.nas_ipv6, value, read_ipv6),
            kind::NAS_IDENTIFIER => fill(&mut self.nas_identifier, value, text),
            kind::NAS_PORT => fill(&mut self.nas_port, value, read_u32),
            kind::NAS_PORT_ID => fill(&mut self.nas_port_id, value, text),
            kind::NAS_PORT_TYPE => fill(&mut self.nas_port_type, value, read_u32),
            kind::CALLED_STATION_ID => fill(&mut self.called_station_id, value, text),
            kind::CALLING_STATION_ID => fill(&mut self.calling_station_id, value, text),
            kind::CONNECT_INFO => fill(&mut self.connect_info, value, text),
            kind::SERVICE_TYPE => fill(&mut self.service_type, value, read_u32),
            kind::FRAMED_PROTOCOL => fill(&mut self.framed_protocol, value, read_u32),
            kind::FRAMED_IP_ADDRESS => fill(&mut self.framed_ip, value, read_ipv4),
            kind::FRAMED_IPV6_ADDRESS => fill(&mut self.framed_ipv6, value, read_ipv6),
            kind::FRAMED_IPV6_PREFIX => fill(&mut self.framed_ipv6_prefix, value, read_ipv6_prefix),
            kind::FRAMED_INTERFACE_ID => fill(&mut self.framed_interface_id, value, |v| v.try_into().ok()),
            kind::DELEGATED_IPV6_PREFIX => fill(&mut self.delegated_ipv6_prefix, value, read_ipv6_prefix),
            kind::ACCT_AUTHENTIC => fill(&mut self.authentic, value, read_u32),
            kind::ACCT_SESSION_TIME => fill(&mut self.session_time, value, read_u32),
            kind::ACCT_INPUT_OCTETS => fill(&mut self.input_octets, value, read_u32),
            kind::ACCT_INPUT_GIGAWORDS => fill(&mut self.input_gigawords, value, read_u32),
            kind::ACCT_OUTPUT_OCTETS => fill(&mut self.output_octets, value, read_u32),
            kind::ACCT_OUTPUT_GIGAWORDS => fill(&mut self.output_gigawords, value, read_u32),
            kind::ACCT_INPUT_PACKETS => fill(&mut self.packets_in, value, read_u32),
            kind::ACCT_OUTPUT_PACKETS => fill(&mut self.packets_out, value, read_u32),
            kind::ACCT_TERMINATE_CAUSE => fill(&mut self.terminate_cause, value, read_u32),
            kind::ACCT_DELAY_TIME => fill(&mut self.delay_time, value, read_u32),
            kind::EVENT_TIMESTAMP => fill(&mut self.event_timestamp, value, read_u32),
            _ => {}
        }
    }

    /// Puts the counters together and hands the reading out; `None` without an Acct-Status-Type.
    pub(super) fn into_accounting(self) -> Option<Accounting<'a>> {
        Some(Accounting {
            status: StatusType::from(self.status.flatten()?),
            session_id: self.session_id.flatten(),
            multi_session_id: self.multi_session_id.flatten(),
            link_count: self.link_count.flatten(),
            user_name: self.user_name.flatten(),
            class: self.class.flatten(),
            chargeable_user_identity: self.chargeable_user_identity.flatten(),
            nas_ip: self.nas_ip.flatten(),
            nas_ipv6: self.nas_ipv6.flatten(),
            nas_identifier: self.nas_identifier.flatten(),
            nas_port: self.nas_port.flatten(),
            nas_port_id: self.nas_port_id.flatten(),
            nas_port_type: self.nas_port_type.flatten(),
            called_station_id: self.called_station_id.flatten(),
            calling_station_id: self.calling_station_id.flatten(),
            connect_info: self.connect_info.flatten(),
            service_type: self.service_type.flatten(),
            framed_protocol: self.framed_protocol.flatten(),
            framed_ip: self.framed_ip.flatten(),
            framed_ipv6: self.framed_ipv6.flatten(),
            framed_ipv6_prefix: self.framed_ipv6_prefix.flatten(),
            framed_interface_id: self.framed_interface_id.flatten(),
            delegated_ipv6_prefix: self.delegated_ipv6_prefix.flatten(),
            authentic: self.authentic.flatten(),
            session_time: self.session_time.flatten(),
            octets_in: octets(self.input_octets, self.input_gigawords),
            octets_out: octets(self.output_octets, self.output_gigawords),
            gigawords: self
                .input_gigawords
                .flatten()
                .or(self.output_gigawords.flatten())
                .is_some(),
            packets_in: self.packets_in.flatten(),
            packets_out: self.packets_out.flatten(),
            terminate_cause: self.terminate_cause.flatten(),
            delay_time: self.delay_time.flatten(),
            event_timestamp: self.event_timestamp.flatten(),
        })
    }
}

/// Low and high 32 bits of a counter as one number; `None` without the low ones.
fn octets(low: Slot<u32>, high: Slot<u32>) -> Option<u64> {
    //= https://www.rfc-editor.org/rfc/rfc2869#section-5.1
    //# This attribute indicates how many times the Acct-Input-Octets
    //# counter has wrapped around 2^32 over the course of this service
    //# being provided
    Some(u64::from(high.flatten().unwrap_or(0)) << 32 | u64::from(low.flatten()?))
}
