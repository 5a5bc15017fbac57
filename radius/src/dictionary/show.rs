//! Octets to text: what a person sees of an attribute.
//!
//! Never shows a password, a key or what hides one. The other direction is [`super::encode`].

use std::fmt::Write;

use super::{DataType, Definition, Dictionary, Hiding, Oid};
use crate::attribute::{self, Tree, Value, kind};

impl Dictionary {
    /// An attribute as a line: `Acct-Session-Time = 17`, `User-Name = "nemo"`, `Attr-241 = 0x0102`.
    ///
    /// `vendor` 0 is the IETF; its Vendor-Specific shows what is inside, separated by commas. Secrets show as `REDACTED`,
    /// a value that is not of the attribute's type as hexadecimal octets.
    #[must_use]
    pub fn show(&self, vendor: u32, kind: u8, value: &[u8]) -> String {
        // What holds others is shown as those, as far as one attribute alone says what they are.
        if (vendor, kind) == (0, kind::VENDOR_SPECIFIC)
            && let Ok(len) = u8::try_from(attribute::HEADER_LEN + value.len())
        {
            let whole = [&[kind, len], value].concat();
            return Tree::decode(&whole, self).show(self).join(", ");
        }
        self.show_at(&Oid::of_number(vendor, kind), value)
    }

    /// The same for an attribute wherever it stands; attributes inside its value are not looked into.
    #[must_use]
    pub fn show_at(&self, oid: &Oid, value: &[u8]) -> String {
        let Some(definition) = self.by_oid(oid) else {
            return format!("Attr-{oid} = {}", hex(value));
        };
        if definition.flags.hiding != Hiding::None {
            return format!("{} = REDACTED", definition.name);
        }
        match definition.split_tag(value) {
            (Some(tag), rest) => show_tagged(definition, tag, rest),
            (None, value) => show_untagged(definition, value),
        }
    }

    /// The same for a value whose tag was split off.
    #[must_use]
    pub fn show_tagged(&self, oid: &Oid, tag: u8, value: &[u8]) -> String {
        match self.by_oid(oid) {
            Some(definition) if definition.flags.hiding == Hiding::None => {
                show_tagged(definition, tag, value)
            }
            _ => self.show_at(oid, value),
        }
    }
}

/// An attribute without tag.
fn show_untagged(definition: &Definition, value: &[u8]) -> String {
    let shown = show_value(definition, value).unwrap_or_else(|| hex(value));
    format!("{} = {shown}", definition.name)
}

/// A value; `None` when it is not of the attribute's type.
fn show_value(definition: &Definition, value: &[u8]) -> Option<String> {
    Some(match Value::read(definition.data_type, value)? {
        Value::Unsigned(number) => show_number(definition, number),
        Value::Signed(number) => match definition.value_name(u64::from(number.cast_unsigned())) {
            Some(name) => name.to_owned(),
            None => number.to_string(),
        },
        Value::Time(seconds) => seconds.to_string(),
        // In quotes, control characters escaped so that a line stays a line.
        Value::Text(text) => format!("{text:?}"),
        Value::Octets(octets) | Value::Tlv(octets) => hex(octets),
        Value::Ip(address) => address.to_string(),
        Value::Ipv6Prefix(prefix, bits) => format!("{prefix}/{bits}"),
        Value::Ipv4Prefix(prefix, bits) => format!("{prefix}/{bits}"),
        Value::Ifid(identifier) => {
            let group = |shift: u32| identifier >> shift & 0xffff;
            format!("{:x}:{:x}:{:x}:{:x}", group(48), group(32), group(16), group(0))
        }
        Value::Ether([a, b, c, d, e, f]) => {
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
    })
}

/// A number, by name if it has one.
fn show_number(definition: &Definition, number: u64) -> String {
    definition
        .value_name(number)
        .map_or_else(|| number.to_string(), str::to_owned)
}

/// A tagged attribute, the tag after its name: `Tunnel-Type:1 = VLAN`.
fn show_tagged(definition: &Definition, tag: u8, value: &[u8]) -> String {
    let shown = match (definition.data_type, value) {
        // Beside a tag there is room for three octets.
        (DataType::Integer, [a, b, c]) => show_number(definition, u32::from_be_bytes([0, *a, *b, *c]).into()),
        (DataType::Integer, other) => {
            return format!("{} = {}", definition.name, hex(&[&[tag], other].concat()));
        }
        (_, value) => show_value(definition, value).unwrap_or_else(|| hex(value)),
    };
    match tag {
        0 => format!("{} = {shown}", definition.name),
        tag => format!("{}:{tag} = {shown}", definition.name),
    }
}

/// Octets in hexadecimal: `0x0a1b`.
fn hex(value: &[u8]) -> String {
    let mut shown = String::with_capacity(2 + 2 * value.len());
    shown.push_str("0x");
    for octet in value {
        // Writing into a String does not fail.
        let _ = write!(shown, "{octet:02x}");
    }
    shown
}
