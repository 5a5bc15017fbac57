//! Text to octets: what an operator writes, as a whole attribute.
//!
//! Done when a plan or subscriber is stored or loaded, never per packet. The other direction is [`super::show`].

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{DataType, Definition};
use crate::attribute::{VALUE_LEN_MAX, kind};

/// Octets of the longest value inside Vendor-Specific.
const VENDOR_VALUE_LEN_MAX: usize = VALUE_LEN_MAX - 6;

/// The highest tag (RFC 2868 section 3.1).
const TAG_MAX: u8 = 0x1f;

/// The highest number beside a tag.
const TAGGED_INTEGER_MAX: u32 = 0x00ff_ffff;

/// Why a text is no value of an attribute. Values of secret attributes are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text has another shape than the attribute's.
    #[error("{attribute} takes {expected}{names}, found {found:?}")]
    Unreadable {
        /// The attribute's name.
        attribute: &'static str,
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
        attribute: &'static str,
        /// Octets it can hold.
        max: usize,
        /// Octets found.
        len: usize,
    },
    /// The attribute cannot be written from text.
    #[error("{attribute} cannot be set: it is made with the shared secret of the NAS")]
    Hidden {
        /// The attribute's name.
        attribute: &'static str,
    },
}

impl Definition {
    /// Appends the whole attribute, the Vendor-Specific header included, with the value that `text` says.
    ///
    /// # Errors
    /// A [`ValueError`]; `out` is then as it was.
    pub fn encode(&self, text: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut value = Vec::new();
        self.encode_value(text, &mut value)?;
        let max = if self.vendor == 0 {
            VALUE_LEN_MAX
        } else {
            VENDOR_VALUE_LEN_MAX
        };
        let too_long = ValueError::TooLong {
            attribute: self.name,
            max,
            len: value.len(),
        };
        if value.len() > max {
            return Err(too_long);
        }
        let length = u8::try_from(2 + value.len()).map_err(|_| too_long)?;
        if self.vendor != 0 {
            out.extend_from_slice(&[kind::VENDOR_SPECIFIC, length.saturating_add(6)]);
            out.extend_from_slice(&self.vendor.to_be_bytes());
        }
        out.extend_from_slice(&[self.kind, length]);
        out.extend_from_slice(&value);
        Ok(())
    }

    /// Appends the value alone.
    fn encode_value(&self, text: &str, value: &mut Vec<u8>) -> Result<(), ValueError> {
        let unreadable = || self.unreadable(text);
        let word = text.trim();
        match self.data_type {
            DataType::Integer => value.extend(self.number(word).ok_or_else(unreadable)?.to_be_bytes()),
            DataType::Integer64 => value.extend(parse::<u64>(word).ok_or_else(unreadable)?.to_be_bytes()),
            DataType::Text | DataType::SecretText => value.extend(text.as_bytes()),
            DataType::Octets => match word.strip_prefix("0x") {
                Some(digits) => value.extend(hex(digits).ok_or_else(unreadable)?),
                None => value.extend(text.as_bytes()),
            },
            DataType::Vsa => {
                value.extend(word.strip_prefix("0x").and_then(hex).ok_or_else(unreadable)?);
            }
            DataType::Ipv4 => value.extend(parse::<Ipv4Addr>(word).ok_or_else(unreadable)?.octets()),
            DataType::Ipv6 => value.extend(parse::<Ipv6Addr>(word).ok_or_else(unreadable)?.octets()),
            DataType::Ipv6Prefix => value.extend(ipv6_prefix(word).ok_or_else(unreadable)?),
            DataType::Time => value.extend(parse::<u32>(word).ok_or_else(unreadable)?.to_be_bytes()),
            DataType::Ifid => value.extend(ifid(word).ok_or_else(unreadable)?),
            DataType::TaggedInteger => {
                let (tag, word) = split_tag(word);
                let number = self.number(word).filter(|number| *number <= TAGGED_INTEGER_MAX);
                let [_, a, b, c] = number.ok_or_else(unreadable)?.to_be_bytes();
                value.extend([tag, a, b, c]);
            }
            DataType::TaggedText => {
                let (tag, text) = split_tag(text);
                // An untagged text may do without the tag octet unless its first octet would be taken for one.
                if tag != 0 || text.bytes().next().is_some_and(|first| first <= TAG_MAX) {
                    value.push(tag);
                }
                value.extend(text.as_bytes());
            }
            DataType::Hidden => return Err(ValueError::Hidden { attribute: self.name }),
        }
        Ok(())
    }

    /// Reads a value name, a decimal number or a hexadecimal one.
    fn number(&self, word: &str) -> Option<u32> {
        self.value_number(word).or_else(|| match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => parse(word),
        })
    }

    /// Says what the attribute takes and what was found.
    fn unreadable(&self, text: &str) -> ValueError {
        let mut names = String::new();
        for (name, _) in self.values {
            names.push_str(if names.is_empty() { " or one of " } else { ", " });
            names.push_str(name);
        }
        let expected = self.data_type.expected();
        ValueError::Unreadable {
            attribute: self.name,
            expected,
            names,
            found: text.to_owned(),
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
