//! iKuai: Roaring Penguin's two attributes, whose numbers are eight times the speed, and signed. Beyond 268 Mbit/s they would
//! be negative: such a plan is refused, and one that is there already is said as the fastest there is.

use super::make::Make;
use super::sheet::{Number, Writer, policy, speed};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// Roaring Penguin's enterprise number.
const ROARING_PENGUIN: u32 = 10_055;
/// `RP-Upstream-Speed-Limit`.
const UPSTREAM_SPEED_LIMIT: u8 = 1;
/// `RP-Downstream-Speed-Limit`.
const DOWNSTREAM_SPEED_LIMIT: u8 = 2;
/// What one bit/s is said as: kbit/s (of 1024) times 8192.
const TIMES: u64 = 8;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    let directions = [
        (UPSTREAM_SPEED_LIMIT, terms.upload_bps, "up"),
        (DOWNSTREAM_SPEED_LIMIT, terms.download_bps, "down"),
    ];
    for (kind, bps, direction) in directions {
        if let Some(bps) = bps {
            let number = Number {
                value: bps.saturating_mul(TIMES),
                most: i32::MAX.unsigned_abs(),
                unit: "eighths of bit/s",
            };
            let words = format!("{} {direction}, times eight", speed(bps));
            sheet.vendor_number(Term::Rate, ROARING_PENGUIN, kind, number, words);
        }
    }
    standard::write_ipv6_pool(terms, sheet);
    standard::write_delegated_pool(terms, sheet);
    let dns = Dns::of(terms);
    dns.write_v4_microsoft(sheet);
    dns.write_v6_standard(sheet);
    standard::write_vlan(terms, sheet);
    standard::write_filter(terms, sheet);
    let policy = policy(terms, Make::Ikuai);
    let named = policy
        .name
        .as_deref()
        .or(policy.down.as_deref())
        .or(policy.up.as_deref());
    sheet.unsaid_policy(named, "iKuai has no policies by name");
    for term in [
        Term::Burst,
        Term::Priority,
        Term::Vrf,
        Term::AddressList,
        Term::RedirectUrl,
    ] {
        sheet.unsaid(terms, term, "iKuai has no attribute for it");
    }
}
