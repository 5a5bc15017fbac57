//! Attributes: the type-length-value octets after the header, and those a vendor puts inside one.
//!
//! Between a datagram and its reply attributes are read as they stand, without a dictionary: [`Attribute`], [`kind`]. For
//! people, tools and proxies there is the whole picture: [`Value`] is a value as what it is, [`Tree`] all attributes of a
//! packet with what is inside them. Names and data types are in [`crate::dictionary`].

pub mod kind;
mod tree;
mod value;

pub use tree::{Content, Node, Tree};
pub use value::Value;
pub(crate) use value::is_whole;

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::packet::DecodeError;

/// Octets before an attribute's value: type and length.
pub(crate) const HEADER_LEN: usize = 2;

/// Octets of the longest value: the length octet counts itself and the type.
pub const VALUE_LEN_MAX: usize = 253;

/// One attribute of a packet, or one sub-attribute of a vendor.
///
/// ```text
///  0                   1                   2
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
/// |     Type      |    Length     |  Value ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
/// ```
///
/// `Debug` prints how long the value is, not the value, which may be a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The type octet; see [`kind`].
    pub kind: u8,
    /// The value, 0 to 253 octets.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Looks into a Vendor-Specific attribute: the vendor's number and its sub-attributes.
    ///
    /// `None` for any other type and for a value without room for the number. A vendor that does not use the common
    /// format (one octet type, one octet length) yields what can be read of it up to the first contradiction.
    ///
    /// ```text
    ///  0                   1                   2                   3
    ///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |   Type 26     |    Length     |          Vendor-Id
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ///        Vendor-Id (cont.)        |  Vendor type  | Vendor length |
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |  Value ...
    /// +-+-+-+-+-+-+
    /// ```
    pub fn vendor(&self) -> Option<(u32, Attributes<'a>)> {
        if self.kind != kind::VENDOR_SPECIFIC {
            return None;
        }
        let (number, inside) = self.value.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*number), Attributes::new(inside)))
    }
}

impl std::fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attribute")
            .field("kind", &self.kind)
            .field("value_len", &self.value.len())
            .finish()
    }
}

/// Iterates over encoded attributes; ends at the first octet that contradicts the format.
#[derive(Clone)]
pub struct Attributes<'a> {
    /// What has not been read yet.
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Reads attributes from their encoded form, for example a reply template.
    pub fn new(encoded: &'a [u8]) -> Self {
        Attributes { rest: encoded }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let [kind, length, after @ ..] = self.rest else {
            return None;
        };
        let value_len = usize::from(*length).checked_sub(HEADER_LEN)?;
        let (value, rest) = after.split_at_checked(value_len)?;
        self.rest = rest;
        Some(Attribute { kind: *kind, value })
    }
}

impl std::fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Checks that `octets` from `start` on are attributes and nothing else.
///
/// # Errors
/// The first attribute that is too short, reaches beyond the end, or is one too many.
pub(crate) fn check(octets: &[u8], start: usize, max: usize) -> Result<(), DecodeError> {
    let mut offset = start;
    let mut count = 0_usize;
    while let Some(rest) = octets.get(offset..)
        && let Some(&kind) = rest.first()
    {
        let room = rest.len();
        let Some(&length) = rest.get(1) else {
            return Err(DecodeError::AttributeOverrun {
                offset,
                kind,
                length: 0,
                room,
            });
        };
        if usize::from(length) < HEADER_LEN {
            return Err(DecodeError::BadAttributeLength { offset, kind, length });
        }
        if usize::from(length) > room {
            return Err(DecodeError::AttributeOverrun {
                offset,
                kind,
                length,
                room,
            });
        }
        count += 1;
        if count > max {
            return Err(DecodeError::TooManyAttributes { max });
        }
        offset += usize::from(length);
    }
    Ok(())
}

/// Reads an unsigned number of exactly four octets.
pub(crate) fn read_u32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Reads an IPv4 address of exactly four octets.
pub(crate) fn read_ipv4(value: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = value.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// Reads an IPv6 address of exactly sixteen octets.
pub fn read_ipv6(value: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = value.try_into().ok()?;
    Some(Ipv6Addr::from(octets))
}

/// Reads an IPv4 prefix (RFC 8044 section 3.11): reserved octet, length in bits, four octets.
///
/// `None` when the length exceeds 32. Bits beyond the prefix are cleared.
pub(crate) fn read_ipv4_prefix(value: &[u8]) -> Option<(Ipv4Addr, u8)> {
    let [_reserved, bits, a, b, c, d] = *value else {
        return None;
    };
    let mask = u32::MAX
        .checked_shl(32u32.checked_sub(u32::from(bits))?)
        .unwrap_or(0);
    Some((Ipv4Addr::from_bits(u32::from_be_bytes([a, b, c, d]) & mask), bits))
}

/// Reads an IPv6 prefix (RFC 3162 section 2.3): reserved octet, length in bits, as many octets as the sender cared to send.
///
/// `None` when the length exceeds 128 or more than sixteen octets follow. Bits beyond the prefix are cleared.
pub fn read_ipv6_prefix(value: &[u8]) -> Option<(Ipv6Addr, u8)> {
    let [_reserved, bits, prefix @ ..] = value else {
        return None;
    };
    if *bits > 128 || usize::from(*bits).div_ceil(8) > prefix.len() {
        return None;
    }
    let mut octets = [0; 16];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
    Some((Ipv6Addr::from_bits(u128::from_be_bytes(octets) & mask), *bits))
}
