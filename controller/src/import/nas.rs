//! Rows of FreeRADIUS's `nas` as the API takes them.
//! Never looks a name up: only an address says whose a packet is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::table::Row;

/// Characters a name may have.
const NAME_CHARS_MAX: usize = 63;

/// A NAS as it is sent.
pub struct Nas {
    /// Its address or network, as the source spells it.
    pub address: String,
    /// How it will be called.
    pub name: String,
    /// Its make.
    pub make: String,
    /// The body.
    pub body: Value,
}

/// A row as it is sent; `taken` holds the names that came before. Several may have one name in FreeRADIUS, here none: the
/// second gets its address behind it.
pub fn of(row: &Row, taken: &mut BTreeSet<String>) -> Result<Nas, &'static str> {
    let address = row.said("nasname").ok_or("it has no address")?.trim();
    let host = address.split('/').next().unwrap_or(address);
    if host.parse::<IpAddr>().is_err() {
        return Err("its nasname is no address; give it the address its packets come from");
    }
    let secret = row.said("secret").ok_or("it has no secret")?;
    let behind = address.replace([':', '/'], "-");
    let given: String = row
        .said("shortname")
        .unwrap_or("nas")
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') => letter,
            _ => '-',
        })
        .collect();
    let mut name: String = given.chars().take(NAME_CHARS_MAX).collect();
    if row.said("shortname").is_none() || !taken.insert(name.clone()) {
        let room = NAME_CHARS_MAX.saturating_sub(behind.len() + 1);
        name = format!("{}-{behind}", given.chars().take(room).collect::<String>());
        taken.insert(name.clone());
    }
    let make = row.said("type").unwrap_or("other").trim().to_owned();
    let body = json!({
        "nasname": address,
        "name": name,
        "type": make,
        "ports": row.said("ports").and_then(|ports| ports.parse::<i32>().ok()),
        "secret": secret,
        "server": row.said("server"),
        "community": row.said("community"),
        "description": row.said("description"),
    });
    Ok(Nas {
        address: address.to_owned(),
        name,
        make,
        body,
    })
}
