//! A value as what it is: the data types of RFC 8044 and a few that vendors have, read without copying.
//!
//! Which attribute has which type is the dictionary's business; how one looks to people, `dictionary::show`'s.

use super::{Attributes, read_ipv4, read_ipv4_prefix, read_ipv6, read_ipv6_prefix};
use crate::dictionary::DataType;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A value of one of the data types. Types that are only containers on the way to a value have none of their own here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `integer`, `enum` (RFC 8044 sections 3.1, 3.2), and of vendors `byte` and `short`.
    Unsigned(u64),
    /// A vendor's `signed`.
    Signed(i32),
    /// `time` (section 3.3): seconds since 1970.
    Time(u32),
    /// `text` (section 3.4).
    Text(&'a str),
    /// `string` (section 3.5).
    Octets(&'a [u8]),
    /// `ifid` (section 3.7).
    Ifid(u64),
    /// `ipv4addr`, `ipv6addr` (sections 3.8, 3.9), and of vendors either.
    Ip(IpAddr),
    /// `ipv6prefix` (section 3.10): address, bits beyond the prefix zero, and its length in bits.
    Ipv6Prefix(Ipv6Addr, u8),
    /// `ipv4prefix` (section 3.11), likewise.
    Ipv4Prefix(Ipv4Addr, u8),
    /// A vendor's Ethernet address.
    Ether([u8; 6]),
    /// `tlv` (section 3.13): attributes, at least one, and nothing else.
    Tlv(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Reads a value; `None` when the octets are not of this type.
    ///
    /// IPv6 prefixes are read leniently (RFC 3162 section 2.3): as many octets as the sender cared to send, bits beyond the
    /// prefix ignored, because NAS differ.
    #[must_use]
    pub fn read(data_type: DataType, octets: &'a [u8]) -> Option<Self> {
        Some(match data_type {
            DataType::Integer => Value::Unsigned(u32::from_be_bytes(octets.try_into().ok()?).into()),
            DataType::Integer64 => Value::Unsigned(u64::from_be_bytes(octets.try_into().ok()?)),
            DataType::Short => Value::Unsigned(u16::from_be_bytes(octets.try_into().ok()?).into()),
            DataType::Byte => Value::Unsigned(u8::from_be_bytes(octets.try_into().ok()?).into()),
            DataType::Signed => Value::Signed(i32::from_be_bytes(octets.try_into().ok()?)),
            DataType::Time => Value::Time(u32::from_be_bytes(octets.try_into().ok()?)),
            DataType::Text => Value::Text(std::str::from_utf8(octets).ok()?),
            DataType::Ifid => Value::Ifid(u64::from_be_bytes(octets.try_into().ok()?)),
            DataType::Ipv4 => Value::Ip(read_ipv4(octets)?.into()),
            DataType::Ipv6 => Value::Ip(read_ipv6(octets)?.into()),
            DataType::Ip if octets.len() == 4 => Value::Ip(read_ipv4(octets)?.into()),
            DataType::Ip => Value::Ip(read_ipv6(octets)?.into()),
            DataType::Ipv6Prefix => {
                let (address, bits) = read_ipv6_prefix(octets)?;
                Value::Ipv6Prefix(address, bits)
            }
            DataType::Ipv4Prefix => {
                let (address, bits) = read_ipv4_prefix(octets)?;
                Value::Ipv4Prefix(address, bits)
            }
            DataType::Ether => Value::Ether(octets.try_into().ok()?),
            DataType::Tlv => Value::Tlv(Some(octets).filter(|octets| is_whole(octets))?),
            DataType::Octets
            | DataType::Vsa
            | DataType::Extended
            | DataType::LongExtended
            | DataType::Evs => Value::Octets(octets),
        })
    }
}

/// Whether octets are attributes, at least one, and nothing else.
pub(crate) fn is_whole(octets: &[u8]) -> bool {
    let lens = Attributes::new(octets).map(|attribute| super::HEADER_LEN + attribute.value.len());
    !octets.is_empty() && lens.sum::<usize>() == octets.len()
}
