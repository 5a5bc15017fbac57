//! Which ports of a public address a record says are its session's: carrier-grade NAT. Five makes and an RFC have words for it.
//! Never guesses: a block without an address or an end is none.
//!
//! | who | vendor | how |
//! | --- | --- | --- |
//! | RFC 8045 | | IP-Port-Range 241.6: address 3, first 9, last 10; 8 says 1 given or 2 taken back |
//! | Huawei, netElastic | 2011, 54268 | address 161, first 162, last 163; of Huawei 165 says 1 taken back |
//! | H3C | 25506 | address 32, first 33, last 34 |
//! | Nokia (Alcatel-Lucent SR) | 6527 | 121, text: `192.0.2.1 2000-2063,4000-4063 router base` |
//!
//! The numbers are those of the vendors' dictionaries, which we ship (`radius/dictionaries/`), and of their attribute
//! references; no device of these makes was at hand.

use std::net::Ipv4Addr;

use radius::attribute::kind;
use radius::packet::View;

/// Blocks of one record at most; a NAS that says more has gone mad, and what it says first counts.
pub const BLOCKS_MAX: usize = 32;

/// Extended-Type-1 (RFC 6929), in which IP-Port-Range stands.
const EXTENDED_1: u8 = 241;
/// IP-Port-Range (RFC 8045 section 3.1.2).
const IP_PORT_RANGE: u8 = 6;
/// Huawei's number.
const HUAWEI: u32 = 2_011;
/// Nokia's, once Alcatel-Lucent's.
const NOKIA: u32 = 6_527;
/// `Alc-Nat-Port-Range`.
const NOKIA_PORT_RANGE: u8 = 121;
/// `HW-NAT-Port-Range-Update`: 0 added, 1 deleted, 3 another public address.
const HUAWEI_UPDATE: u8 = 165;

/// Makes that say a block in three attributes: their number, and where address, first and last port are.
const TRIPLES: [(u32, [u8; 3]); 3] = [
    (HUAWEI, [161, 162, 163]),
    (54_268, [161, 162, 163]),
    (25_506, [32, 33, 34]),
];

/// Ports of a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// The address.
    pub public: Ipv4Addr,
    /// The first port.
    pub first: u16,
    /// The last one.
    pub last: u16,
}

/// A block, and whether the session has it or has lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The block.
    pub block: Block,
    /// It was taken back.
    pub taken_back: bool,
}

/// What a record says of ports; nothing for nearly all of them.
#[must_use]
pub fn said(view: &View<'_>) -> Vec<Said> {
    let mut blocks = Vec::new();
    let mut triples = [Triple::default(); TRIPLES.len()];
    let mut huawei_update = None;
    for attribute in view.attributes() {
        match attribute.kind {
            EXTENDED_1 => blocks.extend(port_range(attribute.value)),
            kind::VENDOR_SPECIFIC => {
                for (vendor, kind, value) in vendor_values(attribute.value) {
                    if (vendor, kind) == (NOKIA, NOKIA_PORT_RANGE) {
                        nokia(value, &mut blocks);
                    } else if (vendor, kind) == (HUAWEI, HUAWEI_UPDATE) {
                        huawei_update = number(value);
                    }
                    for (triple, (_, kinds)) in triples
                        .iter_mut()
                        .zip(TRIPLES)
                        .filter(|(_, (number, _))| *number == vendor)
                    {
                        triple.take(&kinds, kind, value, &mut blocks);
                    }
                }
            }
            _ => {}
        }
    }
    blocks.truncate(BLOCKS_MAX);
    // Huawei says of the whole record what became of its block.
    if huawei_update == Some(1) {
        blocks.iter_mut().for_each(|said| said.taken_back = true);
    }
    blocks
}

/// Three attributes that come one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Triple {
    /// The address.
    public: Option<Ipv4Addr>,
    /// The first port.
    first: Option<u32>,
    /// The last one.
    last: Option<u32>,
}

impl Triple {
    /// Takes one of them; when all three are there they are a block, and the address stays for the next ports.
    fn take(&mut self, kinds: &[u8; 3], kind: u8, value: &[u8], blocks: &mut Vec<Said>) {
        match kinds.iter().position(|known| *known == kind) {
            Some(0) => self.public = address(value),
            Some(1) => self.first = number(value),
            Some(2) => self.last = number(value),
            _ => return,
        }
        if let (Some(public), Some(first), Some(last)) = (self.public, self.first, self.last) {
            (self.first, self.last) = (None, None);
            push(blocks, public, first, last, false);
        }
    }
}

/// Adds a block, if it is one.
fn push(blocks: &mut Vec<Said>, public: Ipv4Addr, first: u32, last: u32, taken_back: bool) {
    let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else {
        return;
    };
    if first <= last && !public.is_unspecified() && blocks.len() < BLOCKS_MAX {
        let block = Block { public, first, last };
        blocks.push(Said { block, taken_back });
    }
}

/// Four octets as an address.
fn address(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

/// Four octets as a number.
fn number(value: &[u8]) -> Option<u32> {
    <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes)
}

/// The attributes inside of one Vendor-Specific; what does not add up ends it.
fn vendor_values(value: &[u8]) -> impl Iterator<Item = (u32, u8, &[u8])> {
    let (vendor, mut rest) = match value.split_first_chunk::<4>() {
        Some((vendor, rest)) => (u32::from_be_bytes(*vendor), rest),
        None => (0, &[][..]),
    };
    std::iter::from_fn(move || {
        let (kind, value, behind) = type_length_value(rest)?;
        rest = behind;
        Some((vendor, kind, value))
    })
}

/// The first of several types, lengths and values, and what is behind it.
fn type_length_value(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, len], behind) = octets.split_first_chunk::<2>()?;
    let (value, behind) = behind.split_at_checked(usize::from(len).checked_sub(2)?)?;
    Some((kind, value, behind))
}

/// IP-Port-Range (RFC 8045 section 3.1.2), the value of an attribute of the first extended space.
fn port_range(value: &[u8]) -> Option<Said> {
    let (&extended, mut rest) = value.split_first()?;
    if extended != IP_PORT_RANGE {
        return None;
    }
    let (mut public, mut first, mut last, mut taken_back) = (None, None, None, false);
    while let Some((kind, value, behind)) = type_length_value(rest) {
        rest = behind;
        match kind {
            3 => public = address(value),
            8 => taken_back = number(value) == Some(2),
            9 => first = number(value),
            10 => last = number(value),
            _ => {}
        }
    }
    let mut blocks = Vec::new();
    push(&mut blocks, public?, first?, last?, taken_back);
    blocks.pop()
}

/// `192.0.2.1 2000-2063,4000-4063 router base`.
fn nokia(value: &[u8], blocks: &mut Vec<Said>) {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let (Some(address), Some(ranges)) = (words.next(), words.next()) else {
        return;
    };
    let Ok(public) = address.parse::<Ipv4Addr>() else {
        return;
    };
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
            push(blocks, public, first, last, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret};

    use super::*;

    fn packet(attributes: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).expect("room");
        for (kind, value) in attributes {
            writer.attribute(*kind, value).expect("room");
        }
        writer.finish(&SharedSecret::new(b"x")).to_vec()
    }

    fn told(attributes: &[(u8, Vec<u8>)]) -> Vec<Said> {
        said(&View::parse(&packet(attributes)).expect("a packet"))
    }

    fn vendor(number: u32, inside: &[(u8, &[u8])]) -> (u8, Vec<u8>) {
        let mut value = number.to_be_bytes().to_vec();
        for (kind, octets) in inside {
            value.extend_from_slice(&[*kind, u8::try_from(octets.len() + 2).expect("short")]);
            value.extend_from_slice(octets);
        }
        (kind::VENDOR_SPECIFIC, value)
    }

    fn block(first: u16, last: u16) -> Said {
        let block = Block {
            public: Ipv4Addr::new(192, 0, 2, 1),
            first,
            last,
        };
        Said {
            block,
            taken_back: false,
        }
    }

    const PUBLIC: [u8; 4] = [192, 0, 2, 1];

    #[test]
    fn makes_that_say_it_in_three_attributes() {
        for (number, [address, first, last]) in TRIPLES {
            let (from, to) = (2_000_u32.to_be_bytes(), 2_063_u32.to_be_bytes());
            let together = vendor(number, &[(address, &PUBLIC), (first, &from), (last, &to)]);
            assert_eq!(told(&[together]), [block(2_000, 2_063)], "{number}");
            let apart = [
                vendor(number, &[(last, &to)]),
                vendor(number, &[(address, &PUBLIC)]),
                vendor(number, &[(first, &from)]),
            ];
            assert_eq!(told(&apart), [block(2_000, 2_063)], "{number}, in another order");
            let other = vendor(9, &[(address, &PUBLIC), (first, &from), (last, &to)]);
            assert_eq!(told(&[other]), [], "a vendor that means something else");
            let half = vendor(number, &[(address, &PUBLIC), (first, &from)]);
            assert_eq!(told(&[half]), [], "no end");
        }
    }

    #[test]
    fn huawei_says_when_it_takes_a_block_back() {
        let (from, to) = (2_000_u32.to_be_bytes(), 2_063_u32.to_be_bytes());
        for (update, taken_back) in [(0_u32, false), (1, true), (3, false)] {
            let update = update.to_be_bytes();
            let said = vendor(
                HUAWEI,
                &[(161, &PUBLIC), (162, &from), (163, &to), (165, &update)],
            );
            let expected = Said {
                taken_back,
                ..block(2_000, 2_063)
            };
            assert_eq!(told(&[said]), [expected]);
        }
    }

    #[test]
    fn nokia_says_several_ranges_in_one_text() {
        for (text, expected) in [
            ("192.0.2.1 2000-2063 router base", &[block(2_000, 2_063)][..]),
            (
                "192.0.2.1 2000-2063,4000-4063 router base",
                &[block(2_000, 2_063), block(4_000, 4_063)][..],
            ),
            ("192.0.2.1 2063-2000 router base", &[][..]),
            ("192.0.2.1 2000-70000 router base", &[][..]),
            ("192.0.2.1", &[][..]),
            ("somewhere 2000-2063", &[][..]),
        ] {
            let said = vendor(NOKIA, &[(NOKIA_PORT_RANGE, text.as_bytes())]);
            assert_eq!(told(&[said]), expected, "{text}");
        }
    }

    #[test]
    fn ip_port_range_says_whether_it_is_given_or_taken_back() {
        let tlv = |kind: u8, number: u32| [&[kind, 6][..], &number.to_be_bytes()].concat();
        for (alloc, taken_back) in [(1, false), (2, true)] {
            let value = [
                vec![IP_PORT_RANGE],
                tlv(1, 2),
                tlv(8, alloc),
                tlv(9, 2_000),
                tlv(10, 2_063),
                tlv(3, u32::from(Ipv4Addr::from(PUBLIC))),
            ]
            .concat();
            let expected = Said {
                taken_back,
                ..block(2_000, 2_063)
            };
            assert_eq!(told(&[(EXTENDED_1, value)]), [expected]);
        }
        let limit = [vec![5], tlv(9, 2_000), tlv(10, 2_063), tlv(3, 1)].concat();
        assert_eq!(told(&[(EXTENDED_1, limit)]), [], "IP-Port-Limit-Info is no block");
    }

    #[test]
    fn a_record_has_no_more_blocks_than_it_may() {
        let ranges: Vec<String> = (0..20).map(|n| format!("{}-{}", n * 10, n * 10 + 9)).collect();
        let text = format!("192.0.2.1 {} base", ranges.join(","));
        let said = vendor(NOKIA, &[(NOKIA_PORT_RANGE, text.as_bytes())]);
        assert_eq!(told(&[said.clone(), said.clone(), said]).len(), BLOCKS_MAX);
    }

    proptest! {
        #[test]
        fn no_attribute_makes_it_panic_and_every_block_is_one(
            values in prop::collection::vec((0..6_usize, prop::collection::vec(any::<u8>(), 0..80)), 0..8)
        ) {
            let attributes: Vec<_> = values
                .into_iter()
                .map(|(who, rest)| match [HUAWEI, 54_268, 25_506, NOKIA, 9].get(who) {
                    Some(vendor) => (kind::VENDOR_SPECIFIC, [vendor.to_be_bytes().to_vec(), rest].concat()),
                    None => (EXTENDED_1, [vec![IP_PORT_RANGE], rest].concat()),
                })
                .collect();
            let blocks = told(&attributes);
            prop_assert!(blocks.len() <= BLOCKS_MAX);
            prop_assert!(blocks.iter().all(|said| said.block.first <= said.block.last));
        }
    }
}
