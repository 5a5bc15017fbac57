//! What a dictionary knows of one attribute, one value, one vendor.
//!
//! Where they come from: the tables the build step makes, or a file of the operator's; see [`super::Dictionary`].

use super::data_type::{DataType, Flags};
use super::oid::Oid;
use super::source::Format;
use std::borrow::Cow;

/// The highest tag (RFC 2868 section 3.1).
pub(super) const TAG_MAX: u8 = 0x1f;

/// What is known of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name, such as `Acct-Session-Time` or `Mikrotik-Rate-Limit`.
    pub name: Cow<'static, str>,
    /// Where it stands.
    pub oid: Oid,
    /// What its value looks like.
    pub data_type: DataType,
    /// How it is treated beyond that.
    pub flags: Flags,
    /// Names of its values.
    pub values: Cow<'static, [ValueName]>,
}

/// The name of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueName {
    /// The name.
    pub name: Cow<'static, str>,
    /// The number it stands for.
    pub number: u64,
}

/// A vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its enterprise number.
    pub number: u32,
    /// Its name, such as `Mikrotik`.
    pub name: Cow<'static, str>,
    /// How it packs its attributes.
    pub format: Format,
}

impl Definition {
    /// The vendor whose attribute it is; 0: the IETF's.
    #[must_use]
    pub fn vendor(&self) -> u32 {
        self.oid.vendor()
    }

    /// Splits the tag off a value (RFC 2868), when this attribute may have one and it does.
    ///
    /// A number always has the octet; before a text an octet above 0x1f is already part of it (section 3.3).
    #[must_use]
    pub fn split_tag<'v>(&self, value: &'v [u8]) -> (Option<u8>, &'v [u8]) {
        match value {
            [tag, rest @ ..]
                if self.flags.tagged && (*tag <= TAG_MAX || self.data_type == DataType::Integer) =>
            {
                (Some(*tag), rest)
            }
            untagged => (None, untagged),
        }
    }

    /// Names a value, in place of what the name stood for.
    pub(super) fn add_value(&mut self, added: ValueName) {
        let values = self.values.to_mut();
        values.retain(|value| !value.name.eq_ignore_ascii_case(&added.name));
        values.push(added);
    }

    /// The name of a value, such as `PPP` of Framed-Protocol 1. Of several names of one number the last one said counts.
    #[must_use]
    pub fn value_name(&self, number: u64) -> Option<&str> {
        let found = self.values.iter().rev().find(|value| value.number == number);
        found.map(|value| &*value.name)
    }

    /// The number of a named value, whatever its case.
    #[must_use]
    pub fn value_number(&self, name: &str) -> Option<u64> {
        let found = self
            .values
            .iter()
            .find(|value| value.name.eq_ignore_ascii_case(name));
        found.map(|value| value.number)
    }
}
