//! Octets over IPv6, which only three makes of NAS count apart, each in attributes of its own.
//! Never adds them to anything: Acct-Input-Octets and Acct-Output-Octets have them already.
//!
//! | make | vendor | input: octets, Gigawords | output: octets, Gigawords |
//! | --- | --- | --- | --- |
//! | Juniper (ERX) | 4874 | 151, 155 | 152, 156 |
//! | Huawei | 2011 | 144, 148 | 145, 149 |
//! | Nokia (Alcatel-Lucent SR) | 6527 | 195, 196 | 198, 199 |
//!
//! The numbers are those of FreeRADIUS's dictionaries, which we ship (`radius/dictionaries/`).

use radius::attribute::kind;
use radius::packet::View;

/// Where a make puts its counters.
struct Make {
    /// Its number.
    vendor: u32,
    /// Of the low and the high half from the subscriber, then to the subscriber.
    kinds: [u8; 4],
}

/// Those that count.
const MAKES: [Make; 3] = [
    Make {
        vendor: 4_874,
        kinds: [151, 155, 152, 156],
    },
    Make {
        vendor: 2_011,
        kinds: [144, 148, 145, 149],
    },
    Make {
        vendor: 6_527,
        kinds: [195, 196, 198, 199],
    },
];

/// Octets over IPv6 from and to the subscriber since the session began; `None` when the NAS does not say both.
#[must_use]
pub fn octets6(view: &View<'_>) -> Option<(u64, u64)> {
    let mut halves = [None; 4];
    for attribute in view.attributes() {
        if attribute.kind != kind::VENDOR_SPECIFIC {
            continue;
        }
        let Some((vendor, mut rest)) = attribute.value.split_first_chunk::<4>() else {
            continue;
        };
        let vendor = u32::from_be_bytes(*vendor);
        let Some(make) = MAKES.iter().find(|make| make.vendor == vendor) else {
            continue;
        };
        // Several may share one attribute; what does not add up ends it.
        while let Some((&[kind, len], behind)) = rest.split_first_chunk::<2>() {
            let Some((value, behind)) = usize::from(len)
                .checked_sub(2)
                .and_then(|len| behind.split_at_checked(len))
            else {
                break;
            };
            rest = behind;
            if let Some(place) = make.kinds.iter().position(|known| *known == kind) {
                halves[place] = halves[place].or(value.try_into().ok().map(u32::from_be_bytes));
            }
        }
    }
    let whole =
        |low: Option<u32>, high: Option<u32>| Some(u64::from(high.unwrap_or(0)) << 32 | u64::from(low?));
    let [low_in, high_in, low_out, high_out] = halves;
    whole(low_in, high_in).zip(whole(low_out, high_out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret};

    use super::*;

    fn packet(values: &[Vec<u8>]) -> Vec<u8> {
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).expect("room");
        for value in values {
            writer.attribute(kind::VENDOR_SPECIFIC, value).expect("room");
        }
        writer.finish(&SharedSecret::new(b"x")).to_vec()
    }

    fn told(values: &[Vec<u8>]) -> Option<(u64, u64)> {
        octets6(&View::parse(&packet(values)).expect("a packet"))
    }

    fn vendor(vendor: u32, attributes: &[(u8, u32)]) -> Vec<u8> {
        let mut value = vendor.to_be_bytes().to_vec();
        for (kind, number) in attributes {
            value.extend_from_slice(&[*kind, 6]);
            value.extend_from_slice(&number.to_be_bytes());
        }
        value
    }

    #[test]
    fn each_make_tells_both_directions() {
        for (number, [low_in, high_in, low_out, high_out]) in
            MAKES.iter().map(|make| (make.vendor, make.kinds))
        {
            let one_each: Vec<_> = [(low_in, 5), (high_in, 1), (low_out, 7), (high_out, 2)]
                .iter()
                .map(|one| vendor(number, &[*one]))
                .collect();
            assert_eq!(told(&one_each), Some(((1 << 32) + 5, (2 << 32) + 7)), "{number}");
            let together = vendor(number, &[(low_out, 7), (99, 1), (low_in, 5)]);
            assert_eq!(told(&[together]), Some((5, 7)), "{number}");
            assert_eq!(
                told(&[vendor(number, &[(low_in, 5)])]),
                None,
                "one direction only"
            );
        }
        assert_eq!(
            told(&[vendor(9, &[(151, 1), (152, 1)])]),
            None,
            "a vendor that means something else"
        );
    }

    proptest! {
        #[test]
        fn no_vendor_attribute_makes_it_panic(
            values in prop::collection::vec((0..3_usize, prop::collection::vec(any::<u8>(), 0..60)), 0..6)
        ) {
            let values: Vec<_> = values
                .into_iter()
                .map(|(make, rest)| [MAKES[make].vendor.to_be_bytes().to_vec(), rest].concat())
                .collect();
            let _ = told(&values);
        }
    }
}
