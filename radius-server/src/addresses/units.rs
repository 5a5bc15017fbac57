//! What a pool gives, counted from 0: addresses, or prefixes of one length, in the order of its ranges and without what is
//! excluded. Pure numbers; who has which is the business of `pool`.

use super::range::{AddressRange, address, number};
use std::net::IpAddr;

/// One row of units without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// The first unit's address, without the bits behind the prefix.
    first: u128,
    /// How many there are.
    count: u32,
    /// How many are in the spans before.
    before: u32,
}

/// See the module's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// In order.
    spans: Box<[Span]>,
    /// Whether they are of IPv4.
    v4: bool,
    /// Bits of an address behind the prefix.
    shift: u32,
    /// How many there are.
    total: u32,
}

impl Units {
    /// Counts prefixes of `unit_len` bits that lie wholly in the ranges and touch nothing excluded; `None` when there are
    /// more than `max`, or a range is of another family.
    pub(super) fn new(
        v4: bool,
        unit_len: u8,
        ranges: &[AddressRange],
        excluded: &[AddressRange],
        max: u32,
    ) -> Option<Self> {
        let shift = if v4 { 32 } else { 128u32 }.checked_sub(u32::from(unit_len))?;
        let of_family = |range: &&AddressRange| range.first().is_ipv4() == v4;
        if ranges.iter().any(|range| !of_family(&range)) {
            return None;
        }
        let mut holes: Vec<(u128, u128)> = excluded
            .iter()
            .filter(of_family)
            .map(|range| {
                let (first, last) = range.numbers();
                (unit(first, shift), unit(last, shift))
            })
            .collect();
        holes.sort_unstable();
        let (mut spans, mut total) = (Vec::new(), 0u32);
        let mut add = |first: u128, last: u128| {
            let count = u32::try_from(last - first).ok()?.checked_add(1)?;
            spans.push(Span {
                first: unit_start(first, shift),
                count,
                before: total,
            });
            total = total.checked_add(count).filter(|total| *total <= max)?;
            Some(())
        };
        for range in ranges {
            let (first, last) = range.numbers();
            // A prefix that begins before the range, or ends behind it, is not wholly in it.
            let cut = u128::from(unit_start(unit(first, shift), shift) != first);
            let mut from = unit(first, shift).checked_add(cut)?;
            let whole = last
                .checked_add(1)
                .is_none_or(|behind| unit_start(unit(behind, shift), shift) == behind);
            let Some(to) = unit(last, shift).checked_sub(u128::from(!whole)) else {
                continue;
            };
            for &(low, high) in &holes {
                if high < from || low > to {
                    continue;
                }
                if low > from {
                    add(from, low - 1)?;
                }
                from = high.saturating_add(1);
            }
            if from <= to {
                add(from, to)?;
            }
        }
        Some(Self {
            spans: spans.into(),
            v4,
            shift,
            total,
        })
    }

    /// How many there are.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// The address of one; `None` beyond the last.
    pub(super) fn address(&self, unit: u32) -> Option<IpAddr> {
        let at = self
            .spans
            .partition_point(|span| span.before <= unit)
            .checked_sub(1)?;
        let span = self.spans.get(at)?;
        let within = unit - span.before;
        (within < span.count)
            .then(|| address(span.first + unit_start(u128::from(within), self.shift), self.v4))
    }

    /// Which one an address is; `None` when it is none of them, or has bits behind the prefix.
    pub(super) fn unit(&self, given: IpAddr) -> Option<u32> {
        if given.is_ipv4() != self.v4 {
            return None;
        }
        let given = number(given);
        if unit_start(unit(given, self.shift), self.shift) != given {
            return None;
        }
        self.spans.iter().find_map(|span| {
            let within = unit(given.checked_sub(span.first)?, self.shift);
            let within = u32::try_from(within).ok().filter(|within| *within < span.count)?;
            Some(span.before + within)
        })
    }

    /// Those that a network touches: none, one, or a row of them.
    pub(super) fn touched(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = u32> {
        let (first, last, same) = (number(first), number(last), first.is_ipv4() == self.v4);
        self.spans.iter().filter(move |_| same).flat_map(move |span| {
            let end = span.first + unit_start(u128::from(span.count), self.shift);
            let low = unit(first.max(span.first) - span.first, self.shift);
            let high = unit(last.min(end - 1).saturating_sub(span.first), self.shift);
            let meets = first < end && last >= span.first;
            let (low, high) = (u32::try_from(low).unwrap_or(0), u32::try_from(high).unwrap_or(0));
            (low..=high)
                .filter(move |_| meets)
                .map(|within| span.before + within)
        })
    }
}

/// The number of the prefix that an address is in; all addresses are in the one of no bits.
fn unit(address: u128, shift: u32) -> u128 {
    address.checked_shr(shift).unwrap_or(0)
}

/// The first address of a prefix.
fn unit_start(unit: u128, shift: u32) -> u128 {
    unit.checked_shl(shift).unwrap_or(0)
}
