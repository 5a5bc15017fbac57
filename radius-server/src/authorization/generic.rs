//! Every make that has no file of its own: the RFCs' attributes, and WISPr's for the speeds, which most understand.

use super::make::Make;
use super::sheet::{Number, Writer, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// The Wi-Fi Alliance's enterprise number.
const WISPR: u32 = 14_122;
/// `WISPr-Redirection-URL`.
const REDIRECTION_URL: u8 = 4;
/// `WISPr-Bandwidth-Max-Up`: bit/s from the subscriber, 32 bits.
const BANDWIDTH_MAX_UP: u8 = 7;
/// `WISPr-Bandwidth-Max-Down`: bit/s to the subscriber, 32 bits.
const BANDWIDTH_MAX_DOWN: u8 = 8;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    let directions = [
        (BANDWIDTH_MAX_UP, terms.upload_bps, "up"),
        (BANDWIDTH_MAX_DOWN, terms.download_bps, "down"),
    ];
    for (kind, bps, direction) in directions {
        if let Some(bps) = bps {
            let words = format!("{} {direction}", speed(bps));
            sheet.vendor_number(Term::Rate, WISPR, kind, Number::bps(bps), words);
        }
    }
    standard::write_ipv6_pool(terms, sheet);
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    dns.write_v4_microsoft(sheet);
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    filter(terms, sheet);
    if let Some(url) = &terms.redirect_url {
        let words = format!("his first web page leads to {url}");
        sheet.vendor(Term::RedirectUrl, WISPR, REDIRECTION_URL, url.as_bytes(), words);
    }
    sheet.unsaid(terms, Term::Burst, "WISPr has no burst");
    sheet.unsaid(terms, Term::Priority, "WISPr has no priority");
    sheet.unsaid(terms, Term::Vrf, "no RFC has an attribute for it");
    sheet.unsaid(terms, Term::AddressList, "no RFC has an attribute for it");
}

/// Filter-Id is all there is for a name; a filter is one, else the policy.
fn filter(terms: &Terms, sheet: &mut Writer) {
    let policy = policy(terms, Make::Generic);
    match (&terms.filter, &policy.name) {
        (None, Some(name)) => {
            let words = format!("the NAS's policy {name}");
            sheet.attribute(Term::Policy, radius::kind::FILTER_ID, name.as_bytes(), words);
        }
        (Some(_), name) => {
            standard::write_filter(terms, sheet);
            sheet.unsaid_policy(name.as_deref(), "Filter-Id names the filter already");
        }
        (None, None) => {}
    }
    let why = "Filter-Id is one name, for both directions";
    sheet.unsaid_policy(policy.down.as_deref().or(policy.up.as_deref()), why);
}
