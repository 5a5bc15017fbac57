//! accel-ppp, and VyOS, which uses it: the speeds in kbit/s as one text in Filter-Id, unless its shaper is set to hear them
//! elsewhere. Down stands first.

use super::make::Make;
use super::sheet::{Writer, kbps, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// accel-ppp's enterprise number.
const ACCEL: u32 = 55_999;
/// `Accel-VRF-Name`.
const VRF_NAME: u8 = 1;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    match (terms.download_bps, terms.upload_bps) {
        (Some(down), Some(up)) => {
            let value = format!("{}/{}", kbps(down), kbps(up));
            let words = format!("{} down, {} up, in kbit/s", speed(down), speed(up));
            sheet.attribute(Term::Rate, radius::kind::FILTER_ID, value.as_bytes(), words);
            let why = "Filter-Id carries the speeds for this make";
            sheet.unsaid(terms, Term::Filter, why);
        }
        _ => standard::write_filter(terms, sheet),
    }
    if let Some(pool) = &terms.ipv6_pool {
        let (kind, words) = (
            radius::kind::STATEFUL_IPV6_ADDRESS_POOL,
            standard::ipv6_pool_words(pool),
        );
        sheet.attribute(Term::Ipv6Pool, kind, pool.as_bytes(), words);
    }
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    dns.write_v4_microsoft(sheet);
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    standard::write_vrf(terms, ACCEL, VRF_NAME, sheet);
    let policy = policy(terms, Make::Accel);
    let named = policy
        .name
        .as_deref()
        .or(policy.down.as_deref())
        .or(policy.up.as_deref());
    sheet.unsaid_policy(named, "accel-ppp has no policies by name");
    sheet.unsaid(
        terms,
        Term::Burst,
        "the shaper of accel-ppp takes bursts from its own configuration",
    );
    sheet.unsaid(terms, Term::Priority, "accel-ppp has no priority");
    sheet.unsaid(
        terms,
        Term::AddressList,
        "name a pool whose addresses the firewall knows",
    );
    sheet.unsaid(
        terms,
        Term::RedirectUrl,
        "accel-ppp redirects by its own l4-redirect; name a pool or a vrf",
    );
}
