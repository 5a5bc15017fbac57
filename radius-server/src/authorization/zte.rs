//! ZTE: numbers of bit/s, one each way, seen from the subscriber.

use super::make::Make;
use super::sheet::{Number, Writer, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// ZTE's enterprise number.
const ZTE: u32 = 3_902;
/// `ZTE-Client-DNS-Pri` and `ZTE-Client-DNS-Sec`.
const DNS_V4: [u8; 2] = [1, 2];
/// `ZTE-QoS-Profile-Down`.
const QOS_PROFILE_DOWN: u8 = 82;
/// `ZTE-Rate-Ctrl-SCR-Down`.
const RATE_CTRL_SCR_DOWN: u8 = 83;
/// `ZTE-Rate-Ctrl-SCR-Up`.
const RATE_CTRL_SCR_UP: u8 = 89;
/// `ZTE-QOS-Profile-Up`.
const QOS_PROFILE_UP: u8 = 94;
/// `ZTE-VPN-ID`.
const VPN_ID: u8 = 190;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    let directions = [
        (RATE_CTRL_SCR_DOWN, terms.download_bps, "down"),
        (RATE_CTRL_SCR_UP, terms.upload_bps, "up"),
    ];
    for (kind, bps, direction) in directions {
        if let Some(bps) = bps {
            let words = format!("{} {direction}", speed(bps));
            sheet.vendor_number(Term::Rate, ZTE, kind, Number::bps(bps), words);
        }
    }
    let policy = policy(terms, Make::Zte);
    for (kind, name) in [(QOS_PROFILE_DOWN, &policy.down), (QOS_PROFILE_UP, &policy.up)] {
        if let Some(name) = name.as_ref().or(policy.name.as_ref()) {
            let words = format!("the router's QoS profile {name}");
            sheet.vendor(Term::Policy, ZTE, kind, name.as_bytes(), words);
        }
    }
    standard::write_ipv6_pool(terms, sheet);
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    dns.write_v4(ZTE, DNS_V4, sheet);
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    standard::write_vrf(terms, ZTE, VPN_ID, sheet);
    standard::write_filter(terms, sheet);
    sheet.unsaid(terms, Term::Burst, "it is part of the router's QoS profile");
    sheet.unsaid(terms, Term::Priority, "it is part of the router's QoS profile");
    sheet.unsaid(terms, Term::AddressList, "name a pool, a vrf or a filter");
    sheet.unsaid(terms, Term::RedirectUrl, "name a pool, a vrf or a filter");
}
