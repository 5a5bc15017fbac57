//! A range of addresses as people write it: `10.0.0.0/24`, `10.0.0.10-10.0.0.99`, `2001:db8::/40`, or one address.
//! Never knows whose it is.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Both ends are part of it, and of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    /// The lowest.
    first: IpAddr,
    /// The highest.
    last: IpAddr,
}

/// Why a text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// It is neither an address, nor a network, nor two addresses with `-` between them.
    #[error(
        "it is neither an address, nor a network such as 10.0.0.0/24, nor two addresses with - between them"
    )]
    Unreadable,
    /// The second address is of another family or below the first.
    #[error("its second address is of another family, or below the first")]
    Backwards,
}

impl AddressRange {
    /// From one address to another.
    ///
    /// # Errors
    /// [`RangeError::Backwards`].
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, RangeError> {
        if first.is_ipv4() != last.is_ipv4() || last < first {
            return Err(RangeError::Backwards);
        }
        Ok(Self { first, last })
    }

    /// The lowest.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether both have an address in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4() && self.first <= other.last && other.first <= self.last
    }

    /// Both ends as numbers.
    pub(super) fn numbers(&self) -> (u128, u128) {
        (number(self.first), number(self.last))
    }
}

/// A network: all of it. An IPv4 network of more than two addresses without its first and last, which are no host's.
impl From<IpNet> for AddressRange {
    fn from(net: IpNet) -> Self {
        let net = net.trunc();
        let (first, last) = (number(net.addr()), number(net.broadcast()));
        let v4 = net.addr().is_ipv4();
        let inner = u128::from(v4 && net.prefix_len() < 31);
        Self {
            first: address(first + inner, v4),
            last: address(last - inner, v4),
        }
    }
}

impl FromStr for AddressRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(net.into());
        }
        let one = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| RangeError::Unreadable);
        match text.split_once('-') {
            Some((first, last)) => Self::new(one(first)?, one(last)?),
            None => one(text).map(|only| Self {
                first: only,
                last: only,
            }),
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// An address as a number.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The other way round; the number of an IPv4 address is within 32 bits.
pub(super) fn address(number: u128, v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}
