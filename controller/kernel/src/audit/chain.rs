//! What a hash of the chain covers: one line as text, always written the same way. Pure; knows no database.
//!
//! The text is one JSON object without spaces, its members in the order of `Head` and then `before` and `after`, which
//! stand as PostgreSQL writes `jsonb`. It begins with the chain's name, the line's place and the hash before it. The line's
//! hash is SHA-256 over exactly these octets, so that anybody can compute it of an export with `sha256sum`.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::error::Error;
use crate::id::PartnerId;

/// The name of the platform's own chain; those of partners have the partner's id.
pub const PLATFORM: &str = "platform";
/// Characters of a hash as text.
pub const HASH_CHARS: usize = 64;

/// A hash of the chain; prints in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first line.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of a line's text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits in small letters, which is how this prints.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != HASH_CHARS || text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return None;
        }
        let mut octets = [0; 32];
        for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        // `from_str_radix` takes a sign; printing it again does not.
        let read = Self(octets);
        (read.to_string() == text).then_some(read)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The name of a partner's chain, or of the platform's.
pub fn name(partner: Option<PartnerId>) -> String {
    partner.map_or_else(|| PLATFORM.to_owned(), |partner| partner.to_string())
}

/// A line as the database holds it, with `before` and `after` as text.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The line's id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Option<Uuid>,
    /// When.
    pub at: OffsetDateTime,
    /// What kind of actor.
    pub actor_kind: String,
    /// Which.
    pub actor_id: Option<Uuid>,
    /// As it was called then.
    pub actor_name: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub object_kind: String,
    /// To which.
    pub object_id: Option<String>,
    /// How people called it.
    pub object_label: Option<String>,
    /// What came of it.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// The object before, as PostgreSQL writes it.
    pub before: Option<String>,
    /// The object after, as PostgreSQL writes it.
    pub after: Option<String>,
    /// From where, as PostgreSQL writes it.
    pub source_ip: Option<String>,
    /// In which request.
    pub request_id: Option<Uuid>,
}

/// All of a line but `before` and `after`, in the order in which its text has them.
#[derive(Serialize)]
struct Head<'a> {
    /// Whose chain.
    chain: &'a str,
    /// The place in it.
    seq: i64,
    /// The hash of the line before.
    prev: String,
    /// See [`Row`]; the same for all further ones.
    id: Uuid,
    /// Whose line.
    partner: Option<Uuid>,
    /// UTC, six digits of a second.
    at: String,
    /// Kind of actor.
    actor_kind: &'a str,
    /// Which.
    actor_id: Option<Uuid>,
    /// Its name.
    actor_name: &'a str,
    /// What was done.
    action: &'a str,
    /// To what.
    object_kind: &'a str,
    /// To which.
    object_id: Option<&'a str>,
    /// Its name.
    object_label: Option<&'a str>,
    /// What came of it.
    outcome: &'a str,
    /// Why.
    reason: Option<&'a str>,
    /// From where.
    source_ip: Option<&'a str>,
    /// In which request.
    request_id: Option<Uuid>,
}

/// The text that a line's hash is computed of.
///
/// # Errors
/// [`Error::Internal`] when an instant cannot be written, which none of PostgreSQL's can be.
pub(super) fn text(chain: &str, seq: i64, previous: Hash, row: &Row) -> Result<String, Error> {
    let at = row
        .at
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
        ))
        .map_err(|source| Error::internal("writing the instant of an audit line", source))?;
    let head = Head {
        chain,
        seq,
        prev: previous.to_string(),
        id: row.id,
        partner: row.tenant_id,
        at,
        actor_kind: &row.actor_kind,
        actor_id: row.actor_id,
        actor_name: &row.actor_name,
        action: &row.action,
        object_kind: &row.object_kind,
        object_id: row.object_id.as_deref(),
        object_label: row.object_label.as_deref(),
        outcome: &row.outcome,
        reason: row.reason.as_deref(),
        source_ip: row.source_ip.as_deref(),
        request_id: row.request_id,
    };
    let mut text =
        serde_json::to_string(&head).map_err(|source| Error::internal("writing an audit line", source))?;
    text.truncate(text.len() - 1);
    for (name, value) in [("before", &row.before), ("after", &row.after)] {
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value.as_deref().unwrap_or("null"));
    }
    text.push('}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: Uuid::from_u128(1),
            tenant_id: Some(Uuid::from_u128(2)),
            at: OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(1_500),
            actor_kind: "user".to_owned(),
            actor_id: None,
            actor_name: "noc \"one\"".to_owned(),
            action: "nas.create".to_owned(),
            object_kind: "nas".to_owned(),
            object_id: None,
            object_label: Some("bras-1".to_owned()),
            outcome: "ok".to_owned(),
            reason: None,
            before: None,
            after: Some("{\"port\": 3799}".to_owned()),
            source_ip: Some("192.0.2.1/32".to_owned()),
            request_id: None,
        }
    }

    /// The text is a promise to everybody who holds an export: it changes with the export's format only.
    #[test]
    fn the_text_of_a_line_is_written_one_way() {
        let zeros = "0".repeat(HASH_CHARS);
        let expect = format!(
            "{{\"chain\":\"platform\",\"seq\":1,\"prev\":\"{zeros}\",\"id\":\"00000000-0000-0000-0000-000000000001\",\
             \"partner\":\"00000000-0000-0000-0000-000000000002\",\"at\":\"1970-01-01T00:00:00.001500Z\",\
             \"actor_kind\":\"user\",\"actor_id\":null,\"actor_name\":\"noc \\\"one\\\"\",\"action\":\"nas.create\",\
             \"object_kind\":\"nas\",\"object_id\":null,\"object_label\":\"bras-1\",\"outcome\":\"ok\",\"reason\":null,\
             \"source_ip\":\"192.0.2.1/32\",\"request_id\":null,\"before\":null,\"after\":{{\"port\": 3799}}}}"
        );
        assert_eq!(text(PLATFORM, 1, Hash::GENESIS, &row()).expect("a text"), expect);
    }

    #[test]
    fn a_hash_reads_back_and_nothing_else_reads() {
        let hash = Hash::of("abc");
        // FIPS 180-4, the example of one block.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hash.to_string().as_str(), Hash::read(text)), (text, Some(hash)));
        for wrong in [
            "",
            "ba78",
            &text.to_uppercase(),
            &text.replace("ba", "+a"),
            &"g".repeat(64),
        ] {
            assert_eq!(Hash::read(wrong), None, "{wrong}");
        }
    }
}
