//! Where an attribute stands: the numbers on the way to it, as people write them with dots.
//!
//! ```text
//! 1                User-Name
//! 26.14988.8       vendor 14988, its attribute 8
//! 26.24757.1.2     inside attribute 1 of vendor 24757, number 2
//! 241.1            extended attribute 1 (RFC 6929)
//! 241.26.6527.5    vendor 6527 in extended space
//! ```

use super::source::DEPTH_MAX;
use crate::attribute::kind;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The numbers on the way to an attribute; at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid {
    /// How many there are.
    len: u8,
    /// They, and zeros behind.
    numbers: [u32; DEPTH_MAX],
}

impl Oid {
    /// For the generated tables: `len` numbers of `numbers`, zeros behind them.
    pub(super) const fn packed(len: u8, numbers: [u32; DEPTH_MAX]) -> Self {
        Oid { len, numbers }
    }

    /// Takes the numbers; `None` when there are none or too many.
    #[must_use]
    pub fn new(path: &[u32]) -> Option<Self> {
        let mut numbers = [0; DEPTH_MAX];
        numbers.get_mut(..path.len())?.copy_from_slice(path);
        let len = u8::try_from(path.len()).ok().filter(|len| *len > 0)?;
        Some(Oid { len, numbers })
    }

    /// An attribute of the IETF (`vendor` 0) or of a vendor.
    #[must_use]
    pub const fn of_number(vendor: u32, kind: u8) -> Self {
        // `as` is the only widening a const fn has.
        let mut numbers = [0; DEPTH_MAX];
        if vendor == 0 {
            numbers[0] = kind as u32;
            return Oid { len: 1, numbers };
        }
        numbers[0] = kind::VENDOR_SPECIFIC as u32;
        numbers[1] = vendor;
        numbers[2] = kind as u32;
        Oid { len: 3, numbers }
    }

    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.numbers.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The number of an attribute inside this one; `None` when that lies too deep.
    #[must_use]
    pub fn inside(&self, number: u32) -> Option<Self> {
        let mut inner = *self;
        *inner.numbers.get_mut(usize::from(self.len))? = number;
        inner.len += 1;
        Some(inner)
    }

    /// The vendor whose attribute this is, in Vendor-Specific or in extended space; 0: the IETF's.
    #[must_use]
    pub fn vendor(&self) -> u32 {
        let vendor_specific = u32::from(kind::VENDOR_SPECIFIC);
        match *self.as_slice() {
            [first, vendor, ..] if first == vendor_specific => vendor,
            [241..=246, second, vendor, ..] if second == vendor_specific => vendor,
            _ => 0,
        }
    }

    /// The last number: the type octet, or a vendor's wider type.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.as_slice().last().copied().unwrap_or_default()
    }
}

impl Ord for Oid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl PartialOrd for Oid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, number) in self.as_slice().iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{number}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

/// A text is no attribute number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attribute number is like 1, 26.14988.8 or 241.1")]
pub struct NotAnOid;

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|octet| octet.is_ascii_digit());
            digits.parse().ok().filter(|_| plain)
        };
        let numbers: Option<Vec<u32>> = text.split('.').take(DEPTH_MAX + 1).map(number).collect();
        numbers.and_then(|numbers| Oid::new(&numbers)).ok_or(NotAnOid)
    }
}
