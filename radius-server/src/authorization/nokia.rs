//! Nokia 7750 SR: profiles of the router by short names, and speeds in kbit/s that override their first queue.
//! *Ingress* is what comes from the subscriber. A subscriber is made only for whom `Alc-Subsc-ID-Str` is said: `compose` does.

use super::make::Make;
use super::sheet::{Writer, kbps, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// The enterprise number of TiMetra, which made the 7750 SR.
pub(super) const NOKIA: u32 = 6_527;
/// `Alc-Primary-Dns` and `Alc-Secondary-Dns`.
const DNS_V4: [u8; 2] = [9, 10];
/// `Alc-Subsc-ID-Str`.
pub(super) const SUBSC_ID_STR: u8 = 11;
/// Octets of `Alc-Subsc-ID-Str` that every release takes.
pub(super) const SUBSC_ID_OCTETS_MAX: usize = 32;
/// `Alc-Subsc-Prof-Str`.
const SUBSC_PROF_STR: u8 = 12;
/// `Alc-SLA-Prof-Str`.
const SLA_PROF_STR: u8 = 13;
/// Octets of the name of a profile; a longer one makes the set-up of the subscriber fail.
const PROFILE_OCTETS_MAX: usize = 16;
/// `Alc-Ipv6-Primary-Dns` and `Alc-Ipv6-Secondary-Dns`.
const DNS_V6: [u8; 2] = [105, 106];
/// `Alc-Subscriber-QoS-Override`.
const SUBSCRIBER_QOS_OVERRIDE: u8 = 126;
/// `Alc-Delegated-IPv6-Pool`.
const DELEGATED_IPV6_POOL: u8 = 131;
/// `Alc-Subscriber-Filter`.
const SUBSCRIBER_FILTER: u8 = 134;
/// `Alc-Portal-Url`.
const PORTAL_URL: u8 = 177;
/// `Alc-SLAAC-IPv6-Pool`.
const SLAAC_IPV6_POOL: u8 = 181;
/// Octets of the name of a pool.
const POOL_OCTETS_MAX: usize = 32;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    for (direction, rate, words) in [("i", terms.upload_bps, "up"), ("e", terms.download_bps, "down")] {
        if let Some(bps) = rate {
            let value = format!("{direction}:q:1:pir={}", kbps(bps));
            let words = format!(
                "{} {words}, in the first queue of the router's SLA profile",
                speed(bps)
            );
            sheet.vendor(
                Term::Rate,
                NOKIA,
                SUBSCRIBER_QOS_OVERRIDE,
                value.as_bytes(),
                words,
            );
        }
    }
    profiles(terms, sheet);
    if let Some(pool) = &terms.ipv6_pool {
        let words = standard::ipv6_pool_words(pool);
        sheet.vendor_text(
            Term::Ipv6Pool,
            NOKIA,
            SLAAC_IPV6_POOL,
            pool,
            POOL_OCTETS_MAX,
            words,
        );
    }
    if let Some(pool) = &terms.delegated_pool {
        let words = standard::delegated_pool_words(pool);
        sheet.vendor_text(
            Term::DelegatedPool,
            NOKIA,
            DELEGATED_IPV6_POOL,
            pool,
            POOL_OCTETS_MAX,
            words,
        );
    }
    let dns = Dns::of(terms);
    dns.write_v4(NOKIA, DNS_V4, sheet);
    dns.write_v6(NOKIA, DNS_V6, sheet);
    standard::write_vlan(terms, sheet);
    if let Some(filter) = &terms.filter {
        let words = format!("held to the router's filter {filter}");
        sheet.vendor(Term::Filter, NOKIA, SUBSCRIBER_FILTER, filter.as_bytes(), words);
    }
    if let Some(url) = &terms.redirect_url {
        let words = format!("the portal is {url}");
        sheet.vendor(Term::RedirectUrl, NOKIA, PORTAL_URL, url.as_bytes(), words);
    }
    sheet.unsaid(terms, Term::Burst, "it is part of the router's SLA profile");
    sheet.unsaid(terms, Term::Priority, "it is part of the router's SLA profile");
    sheet.unsaid(
        terms,
        Term::Vrf,
        "the router's own configuration says in which service a subscriber is",
    );
    sheet.unsaid(
        terms,
        Term::AddressList,
        "the router has no lists of addresses; name a filter",
    );
}

/// `subscriber profile/SLA profile`, or the SLA profile alone.
fn profiles(terms: &Terms, sheet: &mut Writer) {
    let policy = policy(terms, Make::Nokia);
    if let Some(name) = &policy.name {
        let (subscriber, sla) = name
            .split_once('/')
            .map_or((None, &**name), |(one, two)| (Some(one), two));
        if let Some(profile) = subscriber {
            let words = format!("the router's subscriber profile {profile}");
            sheet.vendor_text(
                Term::Policy,
                NOKIA,
                SUBSC_PROF_STR,
                profile,
                PROFILE_OCTETS_MAX,
                words,
            );
        }
        let words = format!("the router's SLA profile {sla}");
        sheet.vendor_text(Term::Policy, NOKIA, SLA_PROF_STR, sla, PROFILE_OCTETS_MAX, words);
    }
    let why = "a SLA profile holds for both directions";
    sheet.unsaid_policy(policy.down.as_deref().or(policy.up.as_deref()), why);
}
