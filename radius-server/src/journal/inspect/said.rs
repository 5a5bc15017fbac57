//! What one record says, for people: who, where, when, what. Never a password or a key: the dictionary hides them.

use super::super::{AccountingRecord, Kind};
use crate::decision::Decision;
use crate::id::{NasId, PartnerId, SubscriberId};
use radius::accounting::{Accounting, StatusType};
use radius::attribute::{Tree, kind};
use radius::dictionary::STANDARD;
use radius::{HEADER_LEN, View};
use std::fmt::Write;
use std::net::SocketAddr;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When the datagram was received, in microseconds since 1970.
    pub at_unix_us: i64,
    /// `Start`, `Interim`, `Stop`, `On`, `Off`, or how a login ended.
    pub what: String,
    /// The NAS.
    pub nas: NasId,
    /// What the NAS calls itself (NAS-Identifier, else its address), or its name in a decision.
    pub nas_name: Option<String>,
    /// The NAS's partner.
    pub partner: PartnerId,
    /// The subscriber, when he was known.
    pub subscriber: Option<SubscriberId>,
    /// Where the datagram came from.
    pub source: SocketAddr,
    /// User-Name.
    pub user: Option<String>,
    /// Acct-Session-Id.
    pub session: Option<String>,
    /// Octets from the subscriber.
    pub octets_in: Option<u64>,
    /// Octets to the subscriber.
    pub octets_out: Option<u64>,
}

impl Said {
    /// Reads a record's payload.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in words.
    pub fn read(kind: Kind, payload: &[u8]) -> Result<Self, String> {
        match kind {
            Kind::Accounting => Self::accounting(payload),
            Kind::Decision => Self::decision(payload),
        }
    }

    /// Reads an accounting record.
    fn accounting(payload: &[u8]) -> Result<Self, String> {
        let record = AccountingRecord::decode(payload).map_err(|error| error.to_string())?;
        let view = View::parse(record.packet).map_err(|error| error.to_string())?;
        let read = Accounting::read(&view);
        let said = |kind| view.first(kind).filter(|value| !value.is_empty()).map(text);
        let address = || view.ipv4(kind::NAS_IP_ADDRESS).map(|address| address.to_string());
        let octets = |of: fn(&Accounting<'_>) -> Option<u64>| read.as_ref().and_then(of);
        Ok(Self {
            at_unix_us: record.received_unix_us,
            what: read
                .as_ref()
                .map_or_else(|| "no status type".to_owned(), |read| status_word(read.status)),
            nas: record.nas,
            nas_name: said(kind::NAS_IDENTIFIER).or_else(address),
            partner: record.partner,
            subscriber: record.subscriber,
            source: record.source,
            user: said(kind::USER_NAME),
            session: said(kind::ACCT_SESSION_ID),
            octets_in: octets(|read| read.octets_in),
            octets_out: octets(|read| read.octets_out),
        })
    }

    /// Reads a decision.
    fn decision(payload: &[u8]) -> Result<Self, String> {
        let decision = Decision::decode(payload).map_err(|error| error.to_string())?;
        Ok(Self {
            at_unix_us: decision.at_unix_us,
            what: decision.outcome.as_str().to_owned(),
            nas: decision.nas,
            nas_name: Some(decision.nas_name.to_string()).filter(|name| !name.is_empty()),
            partner: decision.partner,
            subscriber: decision.subscriber,
            source: decision.source,
            user: Some(decision.username).filter(|name| !name.is_empty()),
            session: None,
            octets_in: None,
            octets_out: None,
        })
    }
}

/// All a record holds, a line each: every attribute by its name, or every step of a decision.
///
/// # Errors
///
/// Why it cannot be read, in words.
pub fn lines(kind: Kind, payload: &[u8]) -> Result<Vec<String>, String> {
    match kind {
        Kind::Accounting => {
            let record = AccountingRecord::decode(payload).map_err(|error| error.to_string())?;
            let view = View::parse(record.packet).map_err(|error| error.to_string())?;
            let attributes = view.octets().get(HEADER_LEN..).unwrap_or_default();
            Ok(Tree::decode(attributes, &STANDARD).show(&STANDARD))
        }
        Kind::Decision => {
            let decision = Decision::decode(payload).map_err(|error| error.to_string())?;
            let step = |step: &crate::decision::Observation| {
                let mark = if step.ok { "ok" } else { "FAIL" };
                format!("{} {mark}: {}", step.step.as_str(), step.found)
            };
            Ok(decision.steps.iter().map(step).collect())
        }
    }
}

/// The word for what an Accounting-Request reports.
fn status_word(status: StatusType) -> String {
    match status {
        StatusType::Start => "Start",
        StatusType::Stop => "Stop",
        StatusType::Interim => "Interim",
        StatusType::On => "On",
        StatusType::Off => "Off",
        StatusType::Other(number) => return number.to_string(),
    }
    .to_owned()
}

/// Octets as text, or in hexadecimal when they are none.
fn text(octets: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(octets) {
        return text.to_owned();
    }
    let mut shown = "0x".to_owned();
    for octet in octets {
        // Writing into a String does not fail.
        let _ = write!(shown, "{octet:02x}");
    }
    shown
}
