//! The CBOR (RFC 8949) that devices send: integers, octets, text, arrays, maps, all of known length.
//! Never allocates by what a length says, never goes deeper than `DEPTH_MAX`, and knows no floats and no streams: CTAP2
//! (section 8, canonical form) sends none where we look.

/// How deep items may lie in each other; CTAP2 says four, and some devices' attestations go one further.
const DEPTH_MAX: u8 = 8;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// An integer; -2^64 to 2^64-1 fit.
    Integer(i128),
    /// Octets.
    Octets(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// A list.
    Array(Vec<Item<'a>>),
    /// Pairs in the order they came; no key twice.
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// true, false, null, undefined and other simple values, by their number.
    Simple(u8),
}

/// It is no CBOR of the kind we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCbor;

impl<'a> Item<'a> {
    /// Reads one item from the front; answers what comes behind it, too.
    ///
    /// # Errors
    /// [`NotCbor`].
    pub fn read(octets: &'a [u8]) -> Result<(Self, &'a [u8]), NotCbor> {
        read(octets, DEPTH_MAX)
    }

    /// The value under an integer key of a map.
    pub fn at(&self, key: i128) -> Option<&Item<'a>> {
        self.find(|found| *found == Item::Integer(key))
    }

    /// The value under a text key of a map.
    pub fn named(&self, key: &str) -> Option<&Item<'a>> {
        self.find(|found| matches!(found, Item::Text(text) if *text == key))
    }

    /// It as octets.
    pub fn octets(&self) -> Option<&'a [u8]> {
        match self {
            Item::Octets(octets) => Some(octets),
            _ => None,
        }
    }

    /// It as an integer.
    pub fn integer(&self) -> Option<i128> {
        match self {
            Item::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The value under the key that is wanted.
    fn find(&self, wanted: impl Fn(&Item<'a>) -> bool) -> Option<&Item<'a>> {
        match self {
            Item::Map(pairs) => pairs.iter().find(|(key, _)| wanted(key)).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Reads an item that may hold items for `depth` more levels.
fn read(octets: &[u8], depth: u8) -> Result<(Item<'_>, &[u8]), NotCbor> {
    let (first, rest) = octets.split_first().ok_or(NotCbor)?;
    let (major, short) = (first >> 5, first & 0x1f);
    let (argument, rest) = argument(short, rest)?;
    match major {
        0 => Ok((Item::Integer(argument.into()), rest)),
        1 => Ok((Item::Integer(-1 - i128::from(argument)), rest)),
        2 => {
            let (octets, rest) = take(argument, rest)?;
            Ok((Item::Octets(octets), rest))
        }
        3 => {
            let (octets, rest) = take(argument, rest)?;
            let text = std::str::from_utf8(octets).map_err(|_| NotCbor)?;
            Ok((Item::Text(text), rest))
        }
        4 => array(argument, rest, depth.checked_sub(1).ok_or(NotCbor)?),
        5 => map(argument, rest, depth.checked_sub(1).ok_or(NotCbor)?),
        7 if short < 25 => Ok((Item::Simple(u8::try_from(argument).map_err(|_| NotCbor)?), rest)),
        // Tags, floats and the end of a stream.
        _ => Err(NotCbor),
    }
}

/// The number behind the first octet.
fn argument(short: u8, rest: &[u8]) -> Result<(u64, &[u8]), NotCbor> {
    let wide = match short {
        0..=23 => return Ok((short.into(), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return Err(NotCbor),
    };
    let (number, rest) = rest.split_at_checked(wide).ok_or(NotCbor)?;
    let number = number
        .iter()
        .fold(0, |number, octet| number << 8 | u64::from(*octet));
    Ok((number, rest))
}

/// As many octets as `length` says.
fn take(length: u64, rest: &[u8]) -> Result<(&[u8], &[u8]), NotCbor> {
    let length = usize::try_from(length).map_err(|_| NotCbor)?;
    rest.split_at_checked(length).ok_or(NotCbor)
}

/// A list of `count` items. Each takes an octet at least, so a count that lies ends with the octets.
fn array(count: u64, mut rest: &[u8], depth: u8) -> Result<(Item<'_>, &[u8]), NotCbor> {
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, behind) = read(rest, depth)?;
        items.push(item);
        rest = behind;
    }
    Ok((Item::Array(items), rest))
}

/// A map of `count` pairs.
fn map(count: u64, mut rest: &[u8], depth: u8) -> Result<(Item<'_>, &[u8]), NotCbor> {
    let mut pairs: Vec<(Item<'_>, Item<'_>)> = Vec::new();
    for _ in 0..count {
        let (key, behind) = read(rest, depth)?;
        // Keys are numbers or text where we look; whatever else is one would make comparing them costly.
        let plain = matches!(key, Item::Integer(_) | Item::Text(_));
        if !plain || pairs.len() >= PAIRS_MAX || pairs.iter().any(|(known, _)| *known == key) {
            return Err(NotCbor);
        }
        let (value, behind) = read(behind, depth)?;
        pairs.push((key, value));
        rest = behind;
    }
    Ok((Item::Map(pairs), rest))
}

/// Most pairs of a map; the largest that devices send have a dozen.
const PAIRS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: &[u8], expect: Result<Item<'_>, NotCbor>) {
        assert_eq!(Item::read(octets).map(|(item, _)| item), expect, "{octets:02x?}");
    }

    #[test]
    fn the_examples_of_the_standard_read_as_it_says() {
        check(&[0x00], Ok(Item::Integer(0)));
        check(&[0x18, 0x64], Ok(Item::Integer(100)));
        check(
            &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Ok(Item::Integer(u64::MAX.into())),
        );
        check(&[0x20], Ok(Item::Integer(-1)));
        check(&[0x39, 0x03, 0xe7], Ok(Item::Integer(-1000)));
        check(&[0x44, 1, 2, 3, 4], Ok(Item::Octets(&[1, 2, 3, 4])));
        check(&[0x64, 0x49, 0x45, 0x54, 0x46], Ok(Item::Text("IETF")));
        check(&[0xf5], Ok(Item::Simple(21)));
        check(
            &[0x83, 1, 2, 3],
            Ok(Item::Array(vec![
                Item::Integer(1),
                Item::Integer(2),
                Item::Integer(3),
            ])),
        );
        check(
            &[0xa2, 1, 2, 3, 4],
            Ok(Item::Map(vec![
                (Item::Integer(1), Item::Integer(2)),
                (Item::Integer(3), Item::Integer(4)),
            ])),
        );
    }

    #[test]
    fn lies_and_what_devices_do_not_send_are_refused() {
        check(&[], Err(NotCbor));
        check(&[0x18], Err(NotCbor));
        check(&[0x44, 1], Err(NotCbor));
        check(
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Err(NotCbor),
        );
        check(
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            Err(NotCbor),
        );
        check(&[0x9f, 0xff], Err(NotCbor)); // a stream
        check(&[0xc0, 0x60], Err(NotCbor)); // a tag
        check(&[0xf9, 0, 0], Err(NotCbor)); // a float
        check(&[0x61, 0xff], Err(NotCbor)); // no UTF-8
        check(&[0xa2, 1, 2, 1, 3], Err(NotCbor)); // a key twice
        check(&[0x81; 200], Err(NotCbor)); // too deep
    }

    proptest! {
        #[test]
        fn whatever_comes_it_neither_panics_nor_reads_beyond(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok((_, rest)) = Item::read(&octets) {
                prop_assert!(rest.len() < octets.len());
                prop_assert!(octets.ends_with(rest));
            }
        }
    }
}
