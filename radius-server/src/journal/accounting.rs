//! The payload of an accounting record: the datagram as it came, and what was known about it then.
//! It does not look into the datagram. The record around it: `record`; who reads the datagram: `radius::accounting`.
//!
//! ```text
//!  0     1                9      25        41       42           58      59          63 or 75   65 or 77
//!  +-----+----------------+------+---------+--------+- - - - - - +-------+- - - - - -+----------+- - - - -
//!  | ver | received, µs   | nas  | partner | 0 or 1 | subscriber | 4 / 6 | address   | port     | packet
//!  +-----+----------------+------+---------+--------+- - - - - - +-------+- - - - - -+----------+- - - - -
//! ```
//!
//! Numbers are little endian; without a subscriber its 16 octets are missing. A version is never changed, only added:
//! a journal written by yesterday's program is drained by today's.

use crate::id::{NasId, PartnerId, SubscriberId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The only version there is.
const VERSION: u8 = 1;

/// One Accounting-Request that was verified, with what the server knew about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountingRecord<'a> {
    /// When it was received, in microseconds since 1970.
    pub received_unix_us: i64,
    /// The NAS that sent it.
    pub nas: NasId,
    /// The partner the NAS belongs to.
    pub partner: PartnerId,
    /// The subscriber its User-Name named at that moment.
    pub subscriber: Option<SubscriberId>,
    /// Where it came from; flow label and scope of an IPv6 address are not kept.
    pub source: SocketAddr,
    /// The datagram, exactly its Length octets.
    pub packet: &'a [u8],
}

/// Why a payload is no accounting record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It ends before its fields do.
    #[error("an accounting record of {len} octets ends inside its fields")]
    TooShort {
        /// Octets there are.
        len: usize,
    },
    /// It has a version we do not know.
    #[error("an accounting record has version {version}, known is {VERSION}")]
    Version {
        /// That version.
        version: u8,
    },
    /// A field that tells two shapes apart has another value.
    #[error("an accounting record has {value} as its {field}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u8,
    },
}

impl<'a> AccountingRecord<'a> {
    /// Writes it into a buffer, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&self.received_unix_us.to_le_bytes());
        out.extend_from_slice(self.nas.as_bytes());
        out.extend_from_slice(self.partner.as_bytes());
        match &self.subscriber {
            Some(subscriber) => {
                out.push(1);
                out.extend_from_slice(subscriber.as_bytes());
            }
            None => out.push(0),
        }
        match self.source.ip() {
            IpAddr::V4(address) => {
                out.push(4);
                out.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                out.push(6);
                out.extend_from_slice(&address.octets());
            }
        }
        out.extend_from_slice(&self.source.port().to_le_bytes());
        out.extend_from_slice(self.packet);
    }

    /// Reads it from a payload.
    ///
    /// # Errors
    ///
    /// When the payload is something else, or from a newer program.
    pub fn decode(payload: &'a [u8]) -> Result<Self, RecordError> {
        let mut fields = Fields {
            rest: payload,
            len: payload.len(),
        };
        let [version] = fields.take()?;
        if version != VERSION {
            return Err(RecordError::Version { version });
        }
        let received_unix_us = i64::from_le_bytes(fields.take()?);
        let nas = NasId::from_bytes(fields.take()?);
        let partner = PartnerId::from_bytes(fields.take()?);
        let subscriber = match fields.take()? {
            [0] => None,
            [1] => Some(SubscriberId::from_bytes(fields.take()?)),
            [value] => {
                return Err(RecordError::Field {
                    field: "subscriber mark",
                    value,
                });
            }
        };
        let address = match fields.take()? {
            [4] => IpAddr::V4(Ipv4Addr::from(fields.take::<4>()?)),
            [6] => IpAddr::V6(Ipv6Addr::from(fields.take::<16>()?)),
            [value] => {
                return Err(RecordError::Field {
                    field: "address family",
                    value,
                });
            }
        };
        let source = SocketAddr::new(address, u16::from_le_bytes(fields.take()?));
        Ok(Self {
            received_unix_us,
            nas,
            partner,
            subscriber,
            source,
            packet: fields.rest,
        })
    }
}

/// What is left of a payload.
struct Fields<'a> {
    /// The octets not read yet.
    rest: &'a [u8],
    /// How many there were at first.
    len: usize,
}

impl Fields<'_> {
    /// Takes the next field.
    fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], RecordError> {
        let (field, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(RecordError::TooShort { len: self.len })?;
        self.rest = rest;
        Ok(*field)
    }
}
