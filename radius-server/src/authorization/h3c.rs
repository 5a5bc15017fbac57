//! H3C: Huawei's four numbers of bit/s under other numbers. *Input* is what comes from the subscriber.

use super::huawei::write_rates;
use super::make::Make;
use super::sheet::{Writer, policy};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// H3C's enterprise number.
const H3C: u32 = 25_506;
/// `H3C-Input-Average-Rate` and `H3C-Input-Peak-Rate`.
const INPUT: [u8; 2] = [2, 1];
/// `H3C-Output-Average-Rate` and `H3C-Output-Peak-Rate`.
const OUTPUT: [u8; 2] = [5, 4];
/// `H3C-VPN-Instance`.
const VPN_INSTANCE: u8 = 104;
/// `H3C-Client-Primary-DNS` and `H3C-Client-Secondary-DNS`.
const DNS_V4: [u8; 2] = [135, 136];
/// `H3C-User-Group`.
const USER_GROUP: u8 = 140;
/// `H3C-WEB-URL`.
const WEB_URL: u8 = 250;
/// `H3C-Subscriber-Profile`.
const SUBSCRIBER_PROFILE: u8 = 252;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    write_rates(terms, H3C, INPUT, OUTPUT, sheet);
    standard::write_ipv6_pool(terms, sheet);
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    dns.write_v4(H3C, DNS_V4, sheet);
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    standard::write_vrf(terms, H3C, VPN_INSTANCE, sheet);
    standard::write_filter(terms, sheet);
    if let Some(group) = &terms.address_list {
        let words = format!("put into the router's user group {group}");
        sheet.vendor(Term::AddressList, H3C, USER_GROUP, group.as_bytes(), words);
    }
    if let Some(url) = &terms.redirect_url {
        let words = format!("his first web page leads to {url}");
        sheet.vendor(Term::RedirectUrl, H3C, WEB_URL, url.as_bytes(), words);
    }
    let policy = policy(terms, Make::H3c);
    if let Some(name) = &policy.name {
        let words = format!("the router's subscriber profile {name}");
        sheet.vendor(Term::Policy, H3C, SUBSCRIBER_PROFILE, name.as_bytes(), words);
    }
    let why = "a subscriber profile holds for both directions";
    sheet.unsaid_policy(policy.down.as_deref().or(policy.up.as_deref()), why);
    sheet.unsaid(
        terms,
        Term::Priority,
        "it is part of the router's subscriber profile",
    );
}
