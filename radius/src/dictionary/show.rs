//! Octets to text: what a person sees of an attribute.
//!
//! Never shows a password, a key or what hides one. The other direction is [`super::encode`].

use std::fmt::Write;

use super::{DataType, Definition, by_number};
use crate::attribute::{Attribute, kind, read_ipv4, read_ipv6, read_ipv6_prefix, read_u32};

/// An attribute as a line: `Acct-Session-Time = 17`, `User-Name = "nemo"`, `Attr-241 = 0x0102`.
///
/// `vendor` 0 is the IETF; its Vendor-Specific shows what is inside, separated by commas. Secrets show as `REDACTED`,
/// a value that is not of the attribute's type as hexadecimal octets.
pub fn show(vendor: u32, kind: u8, value: &[u8]) -> String {
    let Some(definition) = by_number(vendor, kind) else {
        return match vendor {
            0 => format!("Attr-{kind} = {}", hex(value)),
            vendor => format!("Attr-{}.{vendor}.{kind} = {}", kind::VENDOR_SPECIFIC, hex(value)),
        };
    };
    match definition.data_type {
        DataType::Vsa => show_vendor(definition, value),
        DataType::TaggedInteger | DataType::TaggedText => show_tagged(definition, value),
        _ => {
            let shown = show_value(definition, value).unwrap_or_else(|| hex(value));
            format!("{} = {shown}", definition.name)
        }
    }
}

/// A value of a plain type; `None` when it is not of that type.
fn show_value(definition: &Definition, value: &[u8]) -> Option<String> {
    Some(match definition.data_type {
        DataType::Integer => show_number(definition, read_u32(value)?),
        DataType::Integer64 => u64::from_be_bytes(value.try_into().ok()?).to_string(),
        DataType::Text => show_text(value)?,
        DataType::Ipv4 => read_ipv4(value)?.to_string(),
        DataType::Ipv6 => read_ipv6(value)?.to_string(),
        DataType::Ipv6Prefix => {
            let (prefix, bits) = read_ipv6_prefix(value)?;
            format!("{prefix}/{bits}")
        }
        DataType::Time => read_u32(value)?.to_string(),
        DataType::Ifid => {
            let identifier = u64::from_be_bytes(value.try_into().ok()?);
            let group = |shift: u32| identifier >> shift & 0xffff;
            format!("{:x}:{:x}:{:x}:{:x}", group(48), group(32), group(16), group(0))
        }
        DataType::SecretText | DataType::Hidden => "REDACTED".to_owned(),
        DataType::Octets | DataType::Vsa | DataType::TaggedInteger | DataType::TaggedText => return None,
    })
}

/// A number, by name if it has one.
fn show_number(definition: &Definition, number: u32) -> String {
    definition
        .value_name(number)
        .map_or_else(|| number.to_string(), str::to_owned)
}

/// A text in quotes, control characters escaped so that a line stays a line.
fn show_text(value: &[u8]) -> Option<String> {
    Some(format!("{:?}", std::str::from_utf8(value).ok()?))
}

/// A tagged attribute, the tag after its name: `Tunnel-Type:1 = VLAN`.
fn show_tagged(definition: &Definition, value: &[u8]) -> String {
    let (tag, rest) = match value {
        [tag, rest @ ..] if *tag <= 0x1f || definition.data_type == DataType::TaggedInteger => (*tag, rest),
        untagged => (0, untagged),
    };
    let shown = match (definition.data_type, rest) {
        (DataType::TaggedInteger, [a, b, c]) => show_number(definition, u32::from_be_bytes([0, *a, *b, *c])),
        (DataType::TaggedText, text) => show_text(text).unwrap_or_else(|| hex(text)),
        _ => return format!("{} = {}", definition.name, hex(value)),
    };
    match tag {
        0 => format!("{} = {shown}", definition.name),
        tag => format!("{}:{tag} = {shown}", definition.name),
    }
}

/// What a vendor put into a Vendor-Specific attribute, or its octets if that is not of the usual format.
fn show_vendor(definition: &Definition, value: &[u8]) -> String {
    let octets = || format!("{} = {}", definition.name, hex(value));
    let Some((vendor, inside)) = (Attribute {
        kind: definition.kind,
        value,
    })
    .vendor() else {
        return octets();
    };
    let encoded_len: usize = inside.clone().map(|attribute| 2 + attribute.value.len()).sum();
    if vendor == 0 || encoded_len == 0 || encoded_len + 4 != value.len() {
        return octets();
    }
    let shown: Vec<_> = inside
        .map(|attribute| show(vendor, attribute.kind, attribute.value))
        .collect();
    shown.join(", ")
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
