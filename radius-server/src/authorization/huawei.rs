//! Huawei ME60 and NetEngine: numbers of bit/s, an average and a peak each way. *Input* is what comes from the subscriber.

use super::make::Make;
use super::sheet::{Number, Writer, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// Huawei's enterprise number.
const HUAWEI: u32 = 2_011;
/// `Huawei-Input-Average-Rate` and `Huawei-Input-Peak-Rate`.
const INPUT: [u8; 2] = [2, 3];
/// `Huawei-Output-Average-Rate` and `Huawei-Output-Peak-Rate`.
const OUTPUT: [u8; 2] = [5, 6];
/// `Huawei-Qos-Profile-Name`.
const QOS_PROFILE_NAME: u8 = 31;
/// `Huawei-VPN-Instance`.
const VPN_INSTANCE: u8 = 94;
/// `Huawei-Primary-DNS` and `Huawei-Secondary-DNS`.
const DNS_V4: [u8; 2] = [135, 136];
/// `Huawei-HTTP-Redirect-URL`.
const HTTP_REDIRECT_URL: u8 = 140;
/// `Huawei-DNS-Server-IPv6-address`.
const DNS_SERVER_IPV6: u8 = 154;
/// `Huawei-Down-QOS-Profile-Name`.
const DOWN_QOS_PROFILE_NAME: u8 = 182;
/// `Huawei-Delegated-IPv6-Prefix-Pool`.
const DELEGATED_IPV6_PREFIX_POOL: u8 = 191;
/// `Huawei-User-Group-Name`.
const USER_GROUP_NAME: u8 = 251;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    write_rates(terms, HUAWEI, INPUT, OUTPUT, sheet);
    standard::write_ipv6_pool(terms, sheet);
    if let Some(pool) = &terms.delegated_pool {
        let (kind, words) = (DELEGATED_IPV6_PREFIX_POOL, standard::delegated_pool_words(pool));
        sheet.vendor(Term::DelegatedPool, HUAWEI, kind, pool.as_bytes(), words);
    }
    let dns = Dns::of(terms);
    dns.write_v4(HUAWEI, DNS_V4, sheet);
    dns.write_v6(HUAWEI, [DNS_SERVER_IPV6; 2], sheet);
    standard::write_vlan(terms, sheet);
    standard::write_vrf(terms, HUAWEI, VPN_INSTANCE, sheet);
    standard::write_filter(terms, sheet);
    if let Some(group) = &terms.address_list {
        let words = format!("put into the router's user group {group}");
        sheet.vendor(
            Term::AddressList,
            HUAWEI,
            USER_GROUP_NAME,
            group.as_bytes(),
            words,
        );
    }
    if let Some(url) = &terms.redirect_url {
        let words = format!("his first web page leads to {url}");
        sheet.vendor(
            Term::RedirectUrl,
            HUAWEI,
            HTTP_REDIRECT_URL,
            url.as_bytes(),
            words,
        );
    }
    let policy = policy(terms, Make::Huawei);
    for (name, kind) in [
        (&policy.name, QOS_PROFILE_NAME),
        (&policy.down, DOWN_QOS_PROFILE_NAME),
    ] {
        if let Some(name) = name {
            let words = format!(
                "the router's QoS profile {name}; a router that has none of this name turns him away"
            );
            sheet.vendor(Term::Policy, HUAWEI, kind, name.as_bytes(), words);
        }
    }
    let why = "the profile that is named for both directions holds for what comes from him";
    sheet.unsaid_policy(policy.up.as_deref(), why);
    sheet.unsaid(terms, Term::Priority, "it is part of the router's QoS profile");
}

/// An average and a peak each way; without a burst the peak is the average. H3C's are the same with other numbers.
pub(super) fn write_rates(terms: &Terms, vendor: u32, input: [u8; 2], output: [u8; 2], sheet: &mut Writer) {
    let directions = [
        (
            input,
            terms.upload_bps,
            terms.burst.map(|burst| burst.upload_bps),
            "up",
        ),
        (
            output,
            terms.download_bps,
            terms.burst.map(|burst| burst.download_bps),
            "down",
        ),
    ];
    for ([average, peak], rate, burst, direction) in directions {
        let Some(rate) = rate else { continue };
        let most = burst.unwrap_or(rate);
        for (kind, bps, which) in [(average, rate, "on average"), (peak, most, "at most")] {
            let words = format!("{} {direction} {which}", speed(bps));
            sheet.vendor_number(Term::Rate, vendor, kind, Number::bps(bps), words);
        }
    }
}
