//! On which line a request came in: what an access node says about the port of a subscriber who never types a name.
//!
//! Circuit and remote id are octets, not text: relays put numbers in there. Never decides whether any of it is to be
//! believed; a NAS can say what it likes, and so can whoever can forge DHCP option 82 towards it.

use std::fmt;

use crate::attribute::kind::vendor::{ADSL_FORUM, CISCO, REDBACK};
use crate::attribute::kind::{self, adsl_forum, cisco, redback};
use crate::packet::View;

/// Where a request says its subscriber is attached. What is not said, or is empty, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// Agent Circuit ID: the port, as the access node names it (RFC 4679 section 3.3.1, DSL Forum TR-101).
    ///
    /// From ADSL-Agent-Circuit-Id (26.3561.1), else Redback's Agent-Circuit-Id (26.2352.97), else Cisco's
    /// `circuit-id-tag=` in cisco-avpair (26.9.1).
    pub circuit_id: Option<&'a [u8]>,
    /// Agent Remote ID: the subscriber's end, as the access node names it (RFC 4679 section 3.3.2).
    ///
    /// From ADSL-Agent-Remote-Id (26.3561.2), else Redback's Agent-Remote-Id (26.2352.96), else Cisco's `remote-id-tag=`.
    pub remote_id: Option<&'a [u8]>,
    /// NAS-Port-Id: the port, as the NAS names it (RFC 2869 section 5.17); it means something within that NAS only.
    pub port_id: Option<&'a [u8]>,
    /// The VLANs in the port's name.
    pub vlans: Option<Vlans>,
}

impl<'a> Line<'a> {
    /// Reads all of it in one pass over the attributes.
    pub fn of(request: &View<'a>) -> Self {
        let mut line = Self::default();
        // The DSL Forum's own attributes win over a vendor's, wherever they stand.
        let mut vendors = Self::default();
        for attribute in request.attributes() {
            if attribute.kind == kind::NAS_PORT_ID {
                set(&mut line.port_id, attribute.value);
            }
            let Some((vendor, inside)) = attribute.vendor() else {
                continue;
            };
            for inside in inside {
                match (vendor, inside.kind) {
                    (ADSL_FORUM, adsl_forum::AGENT_CIRCUIT_ID) => set(&mut line.circuit_id, inside.value),
                    (ADSL_FORUM, adsl_forum::AGENT_REMOTE_ID) => set(&mut line.remote_id, inside.value),
                    (REDBACK, redback::AGENT_CIRCUIT_ID) => set(&mut vendors.circuit_id, inside.value),
                    (REDBACK, redback::AGENT_REMOTE_ID) => set(&mut vendors.remote_id, inside.value),
                    (CISCO, cisco::AV_PAIR) => {
                        if let Some(value) = inside.value.strip_prefix(b"circuit-id-tag=") {
                            set(&mut vendors.circuit_id, value);
                        } else if let Some(value) = inside.value.strip_prefix(b"remote-id-tag=") {
                            set(&mut vendors.remote_id, value);
                        }
                    }
                    _ => {}
                }
            }
        }
        Self {
            circuit_id: line.circuit_id.or(vendors.circuit_id),
            remote_id: line.remote_id.or(vendors.remote_id),
            vlans: line.port_id.and_then(Vlans::at_end_of),
            ..line
        }
    }
}

/// Takes a value unless there is one, or it is empty.
fn set<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) {
    if place.is_none() && !value.is_empty() {
        *place = Some(value);
    }
}

/// The VLAN tags of a subscriber: service and customer VLAN (IEEE 802.1ad), or the one of a single-tagged port.
///
/// Written `100.200`, or `200` when there is no outer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vlans {
    /// The service VLAN, outside; `None` on a single-tagged port.
    pub outer: Option<u16>,
    /// The customer VLAN.
    pub inner: u16,
}

/// The last VLAN there can be; 0 and 4095 are reserved (IEEE 802.1Q table 9-2).
const VLAN_MAX: u16 = 4_094;
/// Octets of [`Vlans::octets`].
pub const VLANS_LEN: usize = 4;

impl Vlans {
    /// Reads the normal form: `100.200`, or `200`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (rest, inner) = number_at_end(text)?;
        match rest.split_last() {
            None => Some(Self { outer: None, inner }),
            Some((b'.', rest)) => match number_at_end(rest)? {
                (b"", outer) => Some(Self {
                    outer: Some(outer),
                    inner,
                }),
                _ => None,
            },
            Some(_) => None,
        }
    }

    /// Finds the tags at the end of a port's name, as BNGs write them: `eth0.100.200` (accel-ppp, Linux),
    /// `1/1/1:100.200` (Nokia), `ge-1/0/0.7:100-200` (Juniper), `0/0/1/100.200` (Cisco), `slot=1;vlan=200`.
    ///
    /// Two numbers from 1 to 4094 with `.` or `-` between them are both tags; else the last number is one, if something
    /// stands before it that sets it off: `.`, `:`, `/`, `-`, `=` or a space. A slot and a port that look like tags are
    /// taken for tags; what a NAS means by them its operator knows.
    pub fn at_end_of(port: &[u8]) -> Option<Self> {
        let (rest, inner) = number_at_end(port)?;
        let (before, rest) = rest.split_last()?;
        let single = Self { outer: None, inner };
        if matches!(before, b'.' | b'-')
            && let Some((rest, outer)) = number_at_end(rest)
            && rest.last().is_none_or(|octet| sets_off(*octet))
        {
            return Some(Self {
                outer: Some(outer),
                ..single
            });
        }
        sets_off(*before).then_some(single)
    }

    /// The tags as octets of a fixed length: outer (0 for none) and inner, big-endian.
    pub fn octets(&self) -> [u8; VLANS_LEN] {
        let [a, b] = self.outer.unwrap_or_default().to_be_bytes();
        let [c, d] = self.inner.to_be_bytes();
        [a, b, c, d]
    }

    /// The other way round.
    pub fn from_octets([a, b, c, d]: [u8; VLANS_LEN]) -> Self {
        let outer = u16::from_be_bytes([a, b]);
        Self {
            outer: (outer != 0).then_some(outer),
            inner: u16::from_be_bytes([c, d]),
        }
    }
}

impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            write!(f, "{outer}.")?;
        }
        write!(f, "{}", self.inner)
    }
}

/// Whether an octet separates a VLAN from what stands before it.
const fn sets_off(octet: u8) -> bool {
    matches!(octet, b'.' | b':' | b'/' | b'-' | b'=' | b' ')
}

/// The VLAN that a text ends in, and what stands before it; `None` when it ends in none. No leading zeros: a VLAN has one
/// spelling.
fn number_at_end(text: &[u8]) -> Option<(&[u8], u16)> {
    let digits = text
        .iter()
        .rev()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (rest, digits) = text.split_at_checked(text.len() - digits)?;
    if digits.starts_with(b"0") {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u16>().ok()?;
    (1..=VLAN_MAX).contains(&number).then_some((rest, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::HEADER_LEN;
    use crate::{RequestWriter, SharedSecret};
    use proptest::prelude::*;

    /// A request with these attributes, vendors' as (vendor, kind, value).
    fn request(plain: &[(u8, &[u8])], vendors: &[(u32, u8, &[u8])]) -> Vec<u8> {
        let mut octets = [0; 1024];
        let mut writer = RequestWriter::access(&mut octets, 1, [7; 16]).expect("room");
        for (kind, value) in plain {
            writer.attribute(*kind, value).expect("room");
        }
        for (vendor, kind, value) in vendors {
            let inside_len = u8::try_from(HEADER_LEN + value.len()).expect("short");
            let inside = [&vendor.to_be_bytes()[..], &[*kind, inside_len], value].concat();
            writer.attribute(kind::VENDOR_SPECIFIC, &inside).expect("room");
        }
        writer.finish(&SharedSecret::new(b"a secret")).to_vec()
    }

    /// Asserts what is read of a request.
    #[track_caller]
    fn check(datagram: &[u8], circuit_id: Option<&str>, remote_id: Option<&str>) {
        let line = Line::of(&View::parse(datagram).expect("a packet"));
        assert_eq!(line.circuit_id, circuit_id.map(str::as_bytes));
        assert_eq!(line.remote_id, remote_id.map(str::as_bytes));
    }

    #[test]
    fn circuit_and_remote_id_are_read_from_the_dsl_forum_and_from_vendors() {
        check(
            &request(&[], &[(3561, 1, b"olt-1 eth 0/1:7"), (3561, 2, b"cpe-9")]),
            Some("olt-1 eth 0/1:7"),
            Some("cpe-9"),
        );
        check(
            &request(&[], &[(2352, 97, b"port 7"), (2352, 96, b"cpe-9")]),
            Some("port 7"),
            Some("cpe-9"),
        );
        let (circuit, remote) = (&b"circuit-id-tag=port 7"[..], &b"remote-id-tag=cpe-9"[..]);
        check(
            &request(&[], &[(9, 1, b"client-mac=x"), (9, 1, circuit), (9, 1, remote)]),
            Some("port 7"),
            Some("cpe-9"),
        );
    }

    #[test]
    fn the_dsl_forums_win_over_a_vendors_and_empty_ones_do_not_count() {
        check(
            &request(&[], &[(2352, 97, b"theirs"), (3561, 1, b""), (3561, 1, b"ours")]),
            Some("ours"),
            None,
        );
        check(&request(&[], &[]), None, None);
    }

    #[test]
    fn the_port_gives_itself_and_its_vlans() {
        let datagram = request(&[(kind::NAS_PORT_ID, b"1/1/1:100.200")], &[]);
        let line = Line::of(&View::parse(&datagram).expect("a packet"));
        assert_eq!(line.port_id, Some(&b"1/1/1:100.200"[..]));
        assert_eq!(line.vlans.expect("tags").to_string(), "100.200");
    }

    #[test]
    fn vlans_stand_at_the_end_of_a_ports_name() {
        for (port, vlans) in [
            ("eth0.100.200", Some("100.200")),
            ("1/1/1:100.200", Some("100.200")),
            ("ge-1/0/0.7:100-200", Some("100.200")),
            ("0/0/1/100.200", Some("100.200")),
            ("100.200", Some("100.200")),
            ("eth0.100", Some("100")),
            ("ge-1/0/0.100", Some("100")),
            ("slot=1;vlan=200", Some("200")),
            ("olt-1 xpon 0/1/0:7", Some("7")),
            ("eth0", None),
            ("eth0.0", None),
            ("eth0.4095", None),
            ("eth0.0100", None),
            ("200", None),
            ("", None),
            ("eth0.100.", None),
        ] {
            let found = Vlans::at_end_of(port.as_bytes()).map(|vlans| vlans.to_string());
            assert_eq!(found.as_deref(), vlans, "{port}");
        }
    }

    proptest! {
        #[test]
        fn vlans_read_back_as_they_were_written(outer in prop::option::of(1..=VLAN_MAX), inner in 1..=VLAN_MAX) {
            let vlans = Vlans { outer, inner };
            prop_assert_eq!(Vlans::parse(vlans.to_string().as_bytes()), Some(vlans));
            prop_assert_eq!(Vlans::from_octets(vlans.octets()), vlans);
        }

        #[test]
        fn no_text_breaks_a_reader_and_what_is_read_has_one_spelling(text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(vlans) = Vlans::parse(&text) {
                prop_assert_eq!(vlans.to_string().into_bytes(), text.clone());
            }
            let _found = Vlans::at_end_of(&text);
            if let Some(mac) = crate::Mac::parse(&text) {
                prop_assert_eq!(crate::Mac::parse(mac.to_string().as_bytes()), Some(mac));
            }
        }
    }
}
