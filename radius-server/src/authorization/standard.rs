//! What every make is told in the attributes of the RFCs. Each make calls what it takes, so that its file says all of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use radius::kind;

use super::sheet::Writer;
use super::terms::{Term, TerminationAction, Terms};

/// Microsoft's enterprise number: its DNS attributes are what most makes understand for PPP.
const MICROSOFT: u32 = 311;
/// `MS-Primary-DNS-Server` (RFC 2548 section 2.7.1).
const MS_PRIMARY_DNS_SERVER: u8 = 28;
/// `MS-Secondary-DNS-Server`.
const MS_SECONDARY_DNS_SERVER: u8 = 29;
/// Tunnel-Type VLAN (RFC 3580 section 3.31), behind tag 0.
const TUNNEL_TYPE_VLAN: [u8; 4] = [0, 0, 0, 13];
/// Tunnel-Medium-Type 802 (RFC 3580 section 3.31), behind tag 0.
const TUNNEL_MEDIUM_802: [u8; 4] = [0, 0, 0, 6];

/// Timeouts, what happens then, reports, and the pool of IPv4 addresses.
pub(super) fn write_session(terms: &Terms, sheet: &mut Writer) {
    if let Some(seconds) = terms.session_timeout_s {
        let words = format!("the session ends after {seconds} s");
        sheet.attribute(
            Term::SessionTimeout,
            kind::SESSION_TIMEOUT,
            &seconds.to_be_bytes(),
            words,
        );
    }
    if let Some(seconds) = terms.idle_timeout_s {
        let words = format!("the session ends when it was silent for {seconds} s");
        sheet.attribute(
            Term::IdleTimeout,
            kind::IDLE_TIMEOUT,
            &seconds.to_be_bytes(),
            words,
        );
    }
    if let Some(action) = terms.termination_action {
        let (number, words) = match action {
            TerminationAction::End => (0_u32, "at the end of its time the session ends"),
            TerminationAction::Ask => (1, "at the end of its time the NAS asks again"),
        };
        let (term, value) = (Term::TerminationAction, number.to_be_bytes());
        sheet.attribute(term, kind::TERMINATION_ACTION, &value, words.to_owned());
    }
    // With a spread it is each subscriber's own, and written into his reply.
    if let Some(seconds) = terms.interim_interval_s
        && terms.interim_spread_s.is_none_or(|spread| spread == 0)
    {
        let words = format!("the NAS reports what was used every {seconds} s");
        sheet.attribute(
            Term::Interim,
            kind::ACCT_INTERIM_INTERVAL,
            &seconds.to_be_bytes(),
            words,
        );
    }
    if let Some(pool) = &terms.pool {
        let words = format!("an IPv4 address out of the NAS's pool {pool}");
        sheet.attribute(Term::Pool, kind::FRAMED_POOL, pool.as_bytes(), words);
    }
}

/// The pool of IPv6 prefixes of the link (RFC 3162 section 2.6).
pub(super) fn write_ipv6_pool(terms: &Terms, sheet: &mut Writer) {
    if let Some(pool) = &terms.ipv6_pool {
        let words = ipv6_pool_words(pool);
        sheet.attribute(Term::Ipv6Pool, kind::FRAMED_IPV6_POOL, pool.as_bytes(), words);
    }
}

/// What a pool of prefixes of the link means.
pub(super) fn ipv6_pool_words(pool: &str) -> String {
    format!("an IPv6 prefix for the link out of the NAS's pool {pool}")
}

/// The pool of delegated prefixes (RFC 6911 section 3.4).
pub(super) fn write_delegated_pool(terms: &Terms, sheet: &mut Writer) {
    if let Some(pool) = &terms.delegated_pool {
        let (kind, words) = (kind::DELEGATED_IPV6_PREFIX_POOL, delegated_pool_words(pool));
        sheet.attribute(Term::DelegatedPool, kind, pool.as_bytes(), words);
    }
}

/// What a pool of delegated prefixes means.
pub(super) fn delegated_pool_words(pool: &str) -> String {
    format!("an IPv6 prefix to delegate out of the NAS's pool {pool}")
}

/// The first two DNS servers of each family.
pub(super) struct Dns {
    /// By IPv4.
    pub(super) v4: Vec<Ipv4Addr>,
    /// By IPv6.
    pub(super) v6: Vec<Ipv6Addr>,
}

impl Dns {
    /// Those of the terms.
    pub(super) fn of(terms: &Terms) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for server in &terms.dns {
            match server {
                IpAddr::V4(server) if v4.len() < 2 => v4.push(*server),
                IpAddr::V6(server) if v6.len() < 2 => v6.push(*server),
                _ => {}
            }
        }
        Self { v4, v6 }
    }

    /// Tells those of IPv4 in a vendor's attributes, the first and the second.
    pub(super) fn write_v4(&self, vendor: u32, kinds: [u8; 2], sheet: &mut Writer) {
        for (server, kind) in self.v4.iter().zip(kinds) {
            sheet.vendor(Term::Dns, vendor, kind, &server.octets(), words(server));
        }
    }

    /// Tells those of IPv4 as most makes hear them.
    pub(super) fn write_v4_microsoft(&self, sheet: &mut Writer) {
        self.write_v4(MICROSOFT, [MS_PRIMARY_DNS_SERVER, MS_SECONDARY_DNS_SERVER], sheet);
    }

    /// Tells those of IPv6 in a vendor's attributes, the first and the second.
    pub(super) fn write_v6(&self, vendor: u32, kinds: [u8; 2], sheet: &mut Writer) {
        for (server, kind) in self.v6.iter().zip(kinds) {
            sheet.vendor(Term::Dns, vendor, kind, &server.octets(), words(server));
        }
    }

    /// Tells those of IPv6 in DNS-Server-IPv6-Address (RFC 6911 section 3.2).
    pub(super) fn write_v6_standard(&self, sheet: &mut Writer) {
        for server in &self.v6 {
            let kind = kind::DNS_SERVER_IPV6_ADDRESS;
            sheet.attribute(Term::Dns, kind, &server.octets(), words(server));
        }
    }
}

/// What a DNS server means.
fn words(server: &impl std::fmt::Display) -> String {
    format!("a DNS server, {server}")
}

/// The VLAN, as RFC 3580 section 3.31 has it.
pub(super) fn write_vlan(terms: &Terms, sheet: &mut Writer) {
    let Some(vlan) = terms.vlan else { return };
    let words = || format!("put into VLAN {vlan}");
    sheet.attribute(Term::Vlan, kind::TUNNEL_TYPE, &TUNNEL_TYPE_VLAN, words());
    sheet.attribute(Term::Vlan, kind::TUNNEL_MEDIUM_TYPE, &TUNNEL_MEDIUM_802, words());
    let id = vlan.to_string();
    sheet.attribute(Term::Vlan, kind::TUNNEL_PRIVATE_GROUP_ID, id.as_bytes(), words());
}

/// A filter, by its name on the NAS.
pub(super) fn write_filter(terms: &Terms, sheet: &mut Writer) {
    if let Some(filter) = &terms.filter {
        let words = format!("held to the NAS's filter {filter}");
        sheet.attribute(Term::Filter, kind::FILTER_ID, filter.as_bytes(), words);
    }
}

/// A routing instance in a text of a vendor.
pub(super) fn write_vrf(terms: &Terms, vendor: u32, kind: u8, sheet: &mut Writer) {
    if let Some(vrf) = &terms.vrf {
        let words = format!("routed in {vrf}");
        sheet.vendor(Term::Vrf, vendor, kind, vrf.as_bytes(), words);
    }
}
