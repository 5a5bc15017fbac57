//! Text to octets: what an operator writes, as a whole attribute.
//!
//! Done when a plan or subscriber is stored or loaded, never per packet. The other direction is [`super::show`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::definition::TAG_MAX;
use super::wrap::{DoesNotFit, wrap};
use super::{DataType, Definition, Dictionary};

/// The highest number beside a tag.
const TAGGED_INTEGER_MAX: u64 = 0x00ff_ffff;

/// Value names an error lists.
const NAMES_SHOWN_MAX: usize = 40;

/// Why a text is no value of an attribute. Values of secret attributes are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text has another shape than the attribute's.
    #[error("{attribute} takes {expected}{names}, found {found:?}")]
    Unreadable {
        /// The attribute's name.
        attribute: String,
        /// What it takes.
        expected: &'static str,
        /// The names it takes beside numbers, ready to be appended; empty when there are none.
        names: String,
        /// What was found.
        found: String,
    },
    /// The value is longer than an attribute can hold.
    #[error("{attribute} holds at most {max} octets, found {len}")]
    TooLong {
        /// The attribute's name.
        attribute: String,
        /// Octets it can hold.
        max: usize,
        /// Octets found.
        len: usize,
    },
    /// The attribute cannot be written from text.
    #[error("{attribute} cannot be set: it is made with the shared secret of the NAS")]
    Hidden {
        /// The attribute's name.
        attribute: String,
    },
}

impl Dictionary {
    /// Appends the whole attribute, whatever it stands in included, with the value that `text` says.
    ///
    /// # Errors
    /// A [`ValueError`]; `out` is then as it was.
    pub fn encode(&self, definition: &Definition, text: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut value = Vec::new();
        definition.encode_value(text, &mut value)?;
        let format = self.vendor(definition.vendor()).map(|vendor| vendor.format);
        wrap(definition, format.unwrap_or_default(), &value, out).map_err(|DoesNotFit { max }| {
            ValueError::TooLong {
                attribute: definition.name.to_string(),
                max,
                len: value.len(),
            }
        })
    }
}

impl Definition {
    /// Appends the value alone.
    fn encode_value(&self, text: &str, value: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.flags.hiding.is_made() {
            let attribute = self.name.to_string();
            return Err(ValueError::Hidden { attribute });
        }
        let before = value.len();
        let written = if self.flags.tagged {
            self.encode_tagged(text, value)
        } else {
            self.encode_plain(text, value)
        };
        let len = usize::from(self.flags.len);
        // Only octets have a length of their own in a dictionary; a text may be shorter.
        let fits = len == 0 || self.data_type != DataType::Octets || value.len() - before == len;
        written.filter(|()| fits).ok_or_else(|| {
            value.truncate(before);
            self.unreadable(text)
        })
    }

    /// A value with a tag (RFC 2868).
    fn encode_tagged(&self, text: &str, value: &mut Vec<u8>) -> Option<()> {
        if self.data_type == DataType::Integer {
            let (tag, word) = split_tag(text.trim());
            let number = self.number(word).filter(|number| *number <= TAGGED_INTEGER_MAX)?;
            let [_, a, b, c] = u32::try_from(number).ok()?.to_be_bytes();
            value.extend([tag, a, b, c]);
            return Some(());
        }
        let (tag, text) = split_tag(text);
        // An untagged text may do without the tag octet unless its first octet would be taken for one.
        if tag != 0 || text.bytes().next().is_some_and(|first| first <= TAG_MAX) {
            value.push(tag);
        }
        self.encode_plain(text, value)
    }

    /// A value without one.
    fn encode_plain(&self, text: &str, value: &mut Vec<u8>) -> Option<()> {
        let word = text.trim();
        match self.data_type {
            DataType::Integer => value.extend(u32::try_from(self.number(word)?).ok()?.to_be_bytes()),
            DataType::Integer64 => value.extend(self.number(word)?.to_be_bytes()),
            DataType::Byte => value.push(u8::try_from(self.number(word)?).ok()?),
            DataType::Short => value.extend(u16::try_from(self.number(word)?).ok()?.to_be_bytes()),
            DataType::Signed => match parse::<i32>(word) {
                Some(number) => value.extend(number.to_be_bytes()),
                None => value.extend(u32::try_from(self.value_number(word)?).ok()?.to_be_bytes()),
            },
            DataType::Text => value.extend(text.as_bytes()),
            DataType::Octets => match word.strip_prefix("0x") {
                Some(digits) => value.extend(hex(digits)?),
                None => value.extend(text.as_bytes()),
            },
            DataType::Tlv | DataType::Vsa | DataType::Extended | DataType::LongExtended | DataType::Evs => {
                value.extend(hex(word.strip_prefix("0x")?)?)
            }
            DataType::Ipv4 => value.extend(parse::<Ipv4Addr>(word)?.octets()),
            DataType::Ipv6 => value.extend(parse::<Ipv6Addr>(word)?.octets()),
            DataType::Ip => match parse::<IpAddr>(word)? {
                IpAddr::V4(address) => value.extend(address.octets()),
                IpAddr::V6(address) => value.extend(address.octets()),
            },
            DataType::Ipv6Prefix => value.extend(ipv6_prefix(word)?),
            DataType::Ipv4Prefix => value.extend(ipv4_prefix(word)?),
            DataType::Time => value.extend(parse::<u32>(word)?.to_be_bytes()),
            DataType::Ifid => value.extend(ifid(word)?),
            DataType::Ether => value.extend(ether(word)?),
        }
        Some(())
    }

    /// Reads a value name, a decimal number or a hexadecimal one.
    fn number(&self, word: &str) -> Option<u64> {
        self.value_number(word).or_else(|| match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => parse(word),
        })
    }

    /// Says what the attribute takes and what was found.
    fn unreadable(&self, text: &str) -> ValueError {
        let mut names = String::new();
        for value in self.values.iter().take(NAMES_SHOWN_MAX) {
            names.push_str(if names.is_empty() { " or one of " } else { ", " });
            names.push_str(&value.name);
        }
        if self.values.len() > NAMES_SHOWN_MAX {
            names.push_str(", …");
        }
        ValueError::Unreadable {
            attribute: self.name.to_string(),
            expected: self.data_type.expected(self.flags.tagged),
            names,
            found: match self.flags.hiding {
                super::Hiding::None => text.to_owned(),
                _ => "REDACTED".to_owned(),
            },
        }
    }
}

/// Parses a whole word.
fn parse<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

/// Reads pairs of hexadecimal digits.
fn hex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |digit: &u8| {
        char::from(*digit)
            .to_digit(16)
            .and_then(|nibble| u8::try_from(nibble).ok())
    };
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        })
        .collect()
}

/// Splits `:1:VLAN` into tag and rest; without a tag the tag is 0.
fn split_tag(text: &str) -> (u8, &str) {
    text.strip_prefix(':')
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(tag, rest)| Some((tag.parse().ok().filter(|tag| *tag <= TAG_MAX)?, rest)))
        .unwrap_or((0, text))
}

/// Reads `2001:db8::/56` into reserved octet, length and sixteen octets; bits beyond the length are cleared.
///
/// All sixteen are sent although fewer would do: some NAS take nothing else.
fn ipv6_prefix(word: &str) -> Option<[u8; 18]> {
    let (address, bits) = word.split_once('/').unwrap_or((word, "128"));
    let bits = bits.parse::<u8>().ok().filter(|bits| *bits <= 128)?;
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    let prefix = (parse::<Ipv6Addr>(address)?.to_bits() & mask).to_be_bytes();
    let mut value = [0; 18];
    let [_reserved, to_bits, to_prefix @ ..] = &mut value;
    *to_bits = bits;
    to_prefix.copy_from_slice(&prefix);
    Some(value)
}

/// Reads four groups of hexadecimal digits.
fn ifid(word: &str) -> Option<[u8; 8]> {
    let mut value = [0; 8];
    let mut groups = word.split(':');
    for to in value.chunks_exact_mut(2) {
        to.copy_from_slice(&u16::from_str_radix(groups.next()?, 16).ok()?.to_be_bytes());
    }
    groups.next().is_none().then_some(value)
}

/// Reads `192.0.2.0/24` into reserved octet, length and four octets; bits beyond the length are cleared.
fn ipv4_prefix(word: &str) -> Option<[u8; 6]> {
    let (address, bits) = word.split_once('/').unwrap_or((word, "32"));
    let bits = bits.parse::<u8>().ok().filter(|bits| *bits <= 32)?;
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    let [a, b, c, d] = (parse::<Ipv4Addr>(address)?.to_bits() & mask).to_be_bytes();
    Some([0, bits, a, b, c, d])
}

/// Reads six pairs of hexadecimal digits, with `:` or `-` between.
fn ether(word: &str) -> Option<[u8; 6]> {
    let mut value = [0; 6];
    let mut pairs = word.split([':', '-']);
    for to in &mut value {
        *to = u8::from_str_radix(pairs.next().filter(|pair| pair.len() == 2)?, 16).ok()?;
    }
    pairs.next().is_none().then_some(value)
}
