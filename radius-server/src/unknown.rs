//! Sources that the directory does not know: counted and listed, because the most common cause of a "RADIUS timeout" is
//! a NAS that nobody entered. They get no answer. Nothing a stranger sends is kept beside the name he claims.

use crate::bounded::BoundedMap;
use parking_lot::Mutex;
use radius::attribute::kind;
use radius::packet::View;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Unknown sources remembered at a time; the ones silent for longest go first.
pub const UNKNOWN_SOURCES_MAX: usize = 4_096;
/// Octets of a claimed NAS-Identifier that are kept.
const NAS_IDENTIFIER_OCTETS_MAX: usize = 64;

/// Which port a datagram came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    /// The authentication port.
    Auth,
    /// The accounting port.
    Accounting,
}

impl PortKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Accounting => "accounting",
        }
    }
}

/// A source that is no NAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSource {
    /// Its address.
    pub address: IpAddr,
    /// Unix milliseconds of its first datagram (since it was last forgotten).
    pub first_seen_unix_ms: i64,
    /// Unix milliseconds of its last.
    pub last_seen_unix_ms: i64,
    /// Datagrams from it.
    pub count: u64,
    /// Where the last one came to.
    pub port: PortKind,
    /// What it calls itself: unproven, and free of control characters. `None` when it sent no NAS-Identifier.
    pub nas_identifier: Option<String>,
}

/// See the module's words.
pub struct UnknownSources {
    /// By address.
    table: Mutex<BoundedMap<IpAddr, UnknownSource>>,
}

impl Default for UnknownSources {
    fn default() -> Self {
        Self {
            table: Mutex::new(BoundedMap::new(UNKNOWN_SOURCES_MAX)),
        }
    }
}

impl UnknownSources {
    /// All of them, the most recent first.
    #[must_use]
    pub fn list(&self) -> Vec<UnknownSource> {
        let mut all: Vec<_> = self
            .table
            .lock()
            .iter()
            .map(|(_, source)| source.clone())
            .collect();
        all.sort_unstable_by_key(|source| (std::cmp::Reverse(source.last_seen_unix_ms), source.address));
        all
    }

    /// Forgets a source, because it has been admitted.
    pub fn forget(&self, address: IpAddr) {
        self.table.lock().remove(&address.to_canonical());
    }

    /// Notes a datagram from an address that is no NAS.
    pub(crate) fn note(&self, address: IpAddr, port: PortKind, datagram: &[u8], now_unix_ms: i64) {
        let address = address.to_canonical();
        let claimed = claimed_identifier(datagram);
        let mut table = self.table.lock();
        match table.get_mut(&address) {
            Some(source) => {
                source.last_seen_unix_ms = now_unix_ms;
                source.count += 1;
                source.port = port;
                if claimed.is_some() {
                    source.nas_identifier = claimed;
                }
            }
            None => table.insert(
                address,
                UnknownSource {
                    address,
                    first_seen_unix_ms: now_unix_ms,
                    last_seen_unix_ms: now_unix_ms,
                    count: 1,
                    port,
                    nas_identifier: claimed,
                },
            ),
        }
    }
}

/// The NAS-Identifier of a datagram that may be anything, fit to be shown.
fn claimed_identifier(datagram: &[u8]) -> Option<String> {
    let view = View::parse(datagram).ok()?;
    let mut shown = String::from_utf8_lossy(view.first(kind::NAS_IDENTIFIER)?).into_owned();
    shown.retain(|character| !character.is_control());
    shown.truncate(shown.floor_char_boundary(NAS_IDENTIFIER_OCTETS_MAX));
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// An address.
    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    #[test]
    fn a_source_is_counted_and_listed_newest_first() {
        let unknown = UnknownSources::default();
        unknown.note(address(1), PortKind::Auth, b"", 10);
        unknown.note(address(2), PortKind::Auth, b"", 20);
        unknown.note(address(1), PortKind::Accounting, b"", 30);
        let all = unknown.list();
        assert_eq!(
            all.iter().map(|source| source.address).collect::<Vec<_>>(),
            [address(1), address(2)]
        );
        assert_eq!(
            (all[0].count, all[0].first_seen_unix_ms, all[0].last_seen_unix_ms),
            (2, 10, 30)
        );
        assert_eq!(all[0].port, PortKind::Accounting);
    }

    #[test]
    fn the_table_keeps_its_bound_and_a_busy_source() {
        let unknown = UnknownSources::default();
        for number in 0..20_000 {
            unknown.note(address(number), PortKind::Auth, b"", i64::from(number));
            unknown.note(address(u32::MAX), PortKind::Auth, b"", i64::from(number));
        }
        assert_eq!(unknown.list().len(), UNKNOWN_SOURCES_MAX);
        let busy = unknown
            .list()
            .into_iter()
            .find(|source| source.address == address(u32::MAX));
        assert_eq!(busy.expect("kept").count, 20_000);
    }

    #[test]
    fn what_it_calls_itself_is_cleaned_and_cut() {
        let mut datagram = vec![1, 7, 0, 0];
        datagram.extend_from_slice(&[0; 16]);
        let name = format!("core\u{1b}[2J{}", "x".repeat(100));
        datagram.extend_from_slice(&[32, u8::try_from(name.len() + 2).expect("short")]);
        datagram.extend_from_slice(name.as_bytes());
        let length = u16::try_from(datagram.len()).expect("short");
        datagram[2..4].copy_from_slice(&length.to_be_bytes());
        let claimed = claimed_identifier(&datagram).expect("there");
        assert!(claimed.starts_with("core[2Jxx") && claimed.len() == NAS_IDENTIFIER_OCTETS_MAX);
    }

    #[test]
    fn an_admitted_source_is_forgotten_and_may_come_back() {
        let unknown = UnknownSources::default();
        unknown.note(address(1), PortKind::Auth, b"", 10);
        unknown.forget(address(1));
        assert!(unknown.list().is_empty());
        unknown.note(address(1), PortKind::Auth, b"", 20);
        assert_eq!(unknown.list()[0].count, 1);
    }
}
