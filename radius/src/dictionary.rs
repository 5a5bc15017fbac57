//! Names for people: attribute names, data types and value names, both ways.
//!
//! Not used between a datagram and its reply: there attributes are numbers ([`crate::kind`]). Names are FreeRADIUS's, so
//! that its tables can be read. One file a vendor holds its table; `encode` turns text into octets, `show` octets into
//! text.

mod accel;
mod adsl_forum;
mod cisco;
mod data_type;
mod encode;
mod ietf;
mod microsoft;
mod mikrotik;
mod show;
mod wispr;

pub use data_type::DataType;
pub use encode::ValueError;
pub use show::show;

use crate::attribute::kind::vendor;

/// What is known of an attribute.
#[derive(Debug)]
pub struct Definition {
    /// Its name, such as `Acct-Session-Time` or `Mikrotik-Rate-Limit`.
    pub name: &'static str,
    /// The vendor's number; 0 for attributes of the IETF.
    pub vendor: u32,
    /// The type octet, of the attribute or of the vendor's sub-attribute.
    pub kind: u8,
    /// What its value looks like.
    pub data_type: DataType,
    /// Names of its values, by number.
    pub values: &'static [(&'static str, u32)],
}

impl Definition {
    /// An attribute whose values have no names.
    const fn new(vendor: u32, kind: u8, name: &'static str, data_type: DataType) -> Self {
        Self::with_values(vendor, kind, name, data_type, &[])
    }

    /// An attribute whose values have names.
    const fn with_values(
        vendor: u32,
        kind: u8,
        name: &'static str,
        data_type: DataType,
        values: &'static [(&'static str, u32)],
    ) -> Self {
        Definition {
            name,
            vendor,
            kind,
            data_type,
            values,
        }
    }

    /// The name of a value, such as `PPP` of Framed-Protocol 1.
    pub fn value_name(&self, number: u32) -> Option<&'static str> {
        self.values
            .iter()
            .find(|(_, value)| *value == number)
            .map(|(name, _)| *name)
    }

    /// The number of a named value, whatever its case.
    pub fn value_number(&self, name: &str) -> Option<u32> {
        self.values
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// Every table, the IETF's first; inside a table attributes are sorted by number.
static TABLES: &[(u32, &[Definition])] = &[
    (0, ietf::DEFINITIONS),
    (vendor::CISCO, cisco::DEFINITIONS),
    (vendor::MICROSOFT, microsoft::DEFINITIONS),
    (vendor::ADSL_FORUM, adsl_forum::DEFINITIONS),
    (vendor::WISPR, wispr::DEFINITIONS),
    (vendor::MIKROTIK, mikrotik::DEFINITIONS),
    (vendor::ACCEL, accel::DEFINITIONS),
];

/// Every definition there is.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    TABLES.iter().flat_map(|(_, table)| *table)
}

/// Finds an attribute by its name, whatever its case.
pub fn by_name(name: &str) -> Option<&'static Definition> {
    all().find(|definition| definition.name.eq_ignore_ascii_case(name))
}

/// Finds an attribute by its number; `vendor` 0 is the IETF.
pub fn by_number(vendor: u32, kind: u8) -> Option<&'static Definition> {
    let (_, table) = TABLES.iter().find(|(number, _)| *number == vendor)?;
    let at = table
        .binary_search_by_key(&kind, |definition| definition.kind)
        .ok()?;
    table.get(at)
}
