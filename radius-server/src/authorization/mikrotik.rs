//! MikroTik RouterOS: one text says rate, burst and priority, with what the router *receives* first: the subscriber's upload.

use super::make::Make;
use super::sheet::{Writer, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// MikroTik's enterprise number.
const MIKROTIK: u32 = 14_988;
/// `Mikrotik-Group`: a profile of PPP or hotspot.
const GROUP: u8 = 3;
/// `Mikrotik-Rate-Limit`.
const RATE_LIMIT: u8 = 8;
/// `Mikrotik-Address-List`.
const ADDRESS_LIST: u8 = 19;
/// `Mikrotik-Delegated-IPv6-Pool`.
const DELEGATED_IPV6_POOL: u8 = 22;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    rate(terms, sheet);
    standard::write_ipv6_pool(terms, sheet);
    if let Some(pool) = &terms.delegated_pool {
        let words = standard::delegated_pool_words(pool);
        sheet.vendor(
            Term::DelegatedPool,
            MIKROTIK,
            DELEGATED_IPV6_POOL,
            pool.as_bytes(),
            words,
        );
    }
    let dns = Dns::of(terms);
    if !dns.v4.is_empty() {
        sheet.unsaid(
            terms,
            Term::Dns,
            "RouterOS takes IPv4 DNS servers from its PPP profile only; name one as policy",
        );
    }
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    standard::write_filter(terms, sheet);
    if let Some(list) = &terms.address_list {
        let words = format!("his address is put on the router's address list {list}");
        sheet.vendor(Term::AddressList, MIKROTIK, ADDRESS_LIST, list.as_bytes(), words);
    }
    let policy = policy(terms, Make::Mikrotik);
    if let Some(name) = &policy.name {
        let words = format!("the router's profile {name}");
        sheet.vendor(Term::Policy, MIKROTIK, GROUP, name.as_bytes(), words);
    }
    let why = "RouterOS knows one profile, for both directions";
    sheet.unsaid_policy(policy.down.as_deref().or(policy.up.as_deref()), why);
    sheet.unsaid(terms, Term::Vrf, "RouterOS takes no routing instance from RADIUS");
    let why = "RouterOS redirects by a firewall rule for an address list; name that list";
    sheet.unsaid(terms, Term::RedirectUrl, why);
}

/// `rx/tx burst-rx/tx threshold-rx/tx seconds/seconds priority`; what comes last may be left out.
fn rate(terms: &Terms, sheet: &mut Writer) {
    if !terms.says(Term::Rate) {
        return sheet.unsaid(
            terms,
            Term::Priority,
            "RouterOS hears a priority only behind a rate",
        );
    }
    let (up, down) = (terms.upload_bps, terms.download_bps);
    let mut text = format!("{}/{}", number(up), number(down));
    let mut words = format!(
        "{} up, {} down (the router receives the first)",
        said(up),
        said(down)
    );
    if let Some(burst) = &terms.burst {
        let threshold = |set: Option<u64>, rate: Option<u64>| number(set.or(rate));
        text.push_str(&format!(
            " {}/{} {}/{} {}/{}",
            number(Some(burst.upload_bps)),
            number(Some(burst.download_bps)),
            threshold(burst.upload_threshold_bps, up),
            threshold(burst.download_threshold_bps, down),
            burst.seconds,
            burst.seconds,
        ));
        let (up, down) = (speed(burst.upload_bps), speed(burst.download_bps));
        words.push_str(&format!("; for a moment {up} up, {down} down"));
    }
    if let Some(priority) = terms.priority {
        if terms.burst.is_none() {
            // The places before it must be filled; zeros are no burst.
            text.push_str(" 0/0 0/0 0/0");
        }
        text.push_str(&format!(" {priority}"));
        words.push_str(&format!("; priority {priority}"));
    }
    sheet.vendor(Term::Rate, MIKROTIK, RATE_LIMIT, text.as_bytes(), words);
}

/// One speed as RouterOS reads it: `M` and `k` are powers of ten there, and `0` means unlimited.
fn number(bps: Option<u64>) -> String {
    match bps {
        None => "0".into(),
        Some(bps) if bps.is_multiple_of(1_000_000) => format!("{}M", bps / 1_000_000),
        Some(bps) if bps.is_multiple_of(1_000) => format!("{}k", bps / 1_000),
        Some(bps) => bps.to_string(),
    }
}

/// One speed in words.
fn said(bps: Option<u64>) -> String {
    bps.map_or_else(|| "any speed".to_owned(), speed)
}
