//! Where somebody may come from, and which address is his, as people write both: `nas:bng-1`, `vlan:100.200`, `192.0.2.7`.
//! Never looks a name up. The command line and the apply file read them here.

use serde_json::{Value, json};

use crate::failure::Failure;

/// A place as the API takes it.
pub fn place(text: &str) -> Result<Value, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "{text} is no place: nas:NAME, port:NAS/PORT, vlan:100.200 or mac:MAC"
        ))
    };
    let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
    Ok(match kind {
        "nas" => json!({ "kind": "nas", "nas": rest }),
        "mac" => json!({ "kind": "mac", "value": rest }),
        "port" | "vlan" => match rest.split_once('/') {
            Some((nas, value)) => json!({ "kind": kind, "nas": nas, "value": value }),
            None => json!({ "kind": kind, "value": rest }),
        },
        _ => return Err(wrong()),
    })
}

/// An address as the API takes it.
pub fn address(text: &str) -> Result<Value, Failure> {
    let (kind, net) = match text.strip_prefix("delegated:") {
        Some(net) => ("delegated", net),
        None if text.contains(':') => ("prefix", text),
        None => ("ipv4", text),
    };
    let net = match net.contains('/') {
        true => net.to_owned(),
        false => format!("{net}/32"),
    };
    Ok(json!({ "kind": kind, "address": net }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_addresses_are_read_as_people_write_them() {
        assert_eq!(
            place("nas:bng-1").ok(),
            Some(json!({ "kind": "nas", "nas": "bng-1" }))
        );
        let port = json!({ "kind": "port", "nas": "bng-1", "value": "ge-0/0/1" });
        assert_eq!(place("port:bng-1/ge-0/0/1").ok(), Some(port));
        assert_eq!(
            place("vlan:100.200").ok(),
            Some(json!({ "kind": "vlan", "value": "100.200" }))
        );
        assert!(place("bng-1").is_err());
        assert_eq!(
            address("192.0.2.7").ok(),
            Some(json!({ "kind": "ipv4", "address": "192.0.2.7/32" }))
        );
        assert_eq!(
            address("delegated:2001:db8::/56").ok(),
            Some(json!({ "kind": "delegated", "address": "2001:db8::/56" }))
        );
    }
}
