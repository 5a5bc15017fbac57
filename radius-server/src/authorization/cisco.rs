//! Cisco IOS XE with ISG: no number for a speed that every release takes; policies and services of the router by name.
//! *In* and *out* are the router's: in is what comes from the subscriber.

use super::make::Make;
use super::sheet::{Writer, policy, vendor};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};
use radius::{Attribute, kind};

/// Cisco's enterprise number.
const CISCO: u32 = 9;
/// `Cisco-AVPair`.
const AV_PAIR: u8 = 1;
/// `Cisco-Account-Info`; `A` and a name starts that service.
const ACCOUNT_INFO: u8 = 250;
/// `Cisco-Command-Code`, in a CoA-Request: an octet that says what, then the name of a service.
const COMMAND_CODE: u8 = 252;
/// Starts a service.
const START: u8 = 0x0b;
/// Stops one.
const STOP: u8 = 0x0c;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    let policy = policy(terms, Make::Cisco);
    let pair = |sheet: &mut Writer, term: Term, text: String, words: String| {
        sheet.vendor(term, CISCO, AV_PAIR, text.as_bytes(), words);
    };
    if let Some(up) = &policy.up {
        let words = format!("the router's policy {up} for what comes from him");
        pair(sheet, Term::Policy, format!("ip:sub-qos-policy-in={up}"), words);
    }
    if let Some(down) = &policy.down {
        let words = format!("the router's policy {down} for what goes to him");
        pair(
            sheet,
            Term::Policy,
            format!("ip:sub-qos-policy-out={down}"),
            words,
        );
    }
    if let Some(name) = &policy.name {
        let words = format!("the ISG service {name} is started");
        sheet.vendor(
            Term::Policy,
            CISCO,
            ACCOUNT_INFO,
            format!("A{name}").as_bytes(),
            words,
        );
    }
    if policy.up.is_none() && policy.down.is_none() && policy.name.is_none() {
        let why = "the router takes no number: give the plan a policy for cisco (its name may contain {down} and {up})";
        sheet.unsaid(terms, Term::Rate, why);
    }
    standard::write_ipv6_pool(terms, sheet);
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    if !dns.v4.is_empty() {
        let servers: Vec<String> = dns.v4.iter().map(ToString::to_string).collect();
        let words = format!("the DNS servers {}", servers.join(" and "));
        pair(
            sheet,
            Term::Dns,
            format!("ip:dns-servers={}", servers.join(" ")),
            words,
        );
    }
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    if let Some(vrf) = &terms.vrf {
        pair(
            sheet,
            Term::Vrf,
            format!("ip:vrf-id={vrf}"),
            format!("routed in {vrf}"),
        );
    }
    standard::write_filter(terms, sheet);
    sheet.unsaid(terms, Term::Burst, "it is part of the router's policy");
    sheet.unsaid(terms, Term::Priority, "it is part of the router's policy");
    let why = "an ISG service redirects; name it as policy";
    sheet.unsaid(terms, Term::RedirectUrl, why);
    sheet.unsaid(
        terms,
        Term::AddressList,
        "ISG has no lists of addresses; name a service as policy",
    );
}

/// The service that a login starts by this attribute.
pub(super) fn started_by<'a>(attribute: &Attribute<'a>) -> Option<&'a [u8]> {
    let head = [0, 0, 0, 9, ACCOUNT_INFO];
    let value = attribute.value.strip_prefix(&head)?;
    let name = value.get(1..)?.strip_prefix(b"A")?;
    Some(name).filter(|_| attribute.kind == kind::VENDOR_SPECIFIC)
}

/// The command that starts or stops a service of a session that goes on.
pub(super) fn service(name: &[u8], starts: bool) -> Vec<u8> {
    let command = [&[if starts { START } else { STOP }], name].concat();
    vendor(CISCO, COMMAND_CODE, &command)
}
