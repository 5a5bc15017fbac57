//! What a pool is made from, and what is said about it. Never says who has what; that is `pool`.

use super::range::AddressRange;
use crate::directory::Name;
use crate::id::{PoolId, SubscriberId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Addresses or prefixes of one pool, at most; memory is taken by those that were ever given.
pub const POOL_UNITS_MAX: u32 = 1 << 22;

/// What a pool gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Framed-IP-Address (RFC 2865 section 5.8).
    Ipv4,
    /// Framed-IPv6-Prefix (RFC 3162 section 2.3).
    Prefix,
    /// Delegated-IPv6-Prefix (RFC 4818).
    Delegated,
}

impl PoolKind {
    /// Every kind; its place is its number.
    pub const ALL: [Self; 3] = [Self::Ipv4, Self::Prefix, Self::Delegated];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Prefix => "prefix",
            Self::Delegated => "delegated",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn of_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a prefix may have this many bits.
    #[must_use]
    pub const fn takes(self, unit_len: u8) -> bool {
        match self {
            Self::Ipv4 => unit_len == 32,
            Self::Prefix => unit_len == 64,
            Self::Delegated => unit_len >= 32 && unit_len <= 64,
        }
    }
}

/// A pool as the feeder hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Which one.
    pub id: PoolId,
    /// What people call it.
    pub name: Name,
    /// What it gives.
    pub kind: PoolKind,
    /// Bits of what it gives: 32 for IPv4, 64 for a prefix, 32 to 64 for a delegated one.
    pub unit_len: u8,
    /// Where it takes them from.
    pub ranges: Vec<AddressRange>,
    /// What of that it never gives.
    pub excluded: Vec<AddressRange>,
    /// Seconds for which an address is kept for whom it was given to, after his session.
    pub hold_s: u32,
}

/// Why there can be no such pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A prefix of this kind has another length.
    #[error(
        "a pool of this kind gives addresses of 32 bits, prefixes of 64, or delegated prefixes of 32 to 64"
    )]
    Length,
    /// Too many addresses, or of another family.
    #[error("its ranges are of another family, or have more than {POOL_UNITS_MAX} addresses or prefixes")]
    Ranges,
    /// None is left.
    #[error("its ranges hold not one address or prefix that is not excluded")]
    Empty,
}

/// How much of a pool is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All it could give.
    pub total: u32,
    /// Given now.
    pub live: u32,
    /// Kept for somebody: static assignments that are not in use.
    pub reserved: u32,
}

/// What stands in the database about one address that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Of which pool.
    pub pool: PoolId,
    /// The address, or the first of a prefix.
    pub address: IpAddr,
    /// To whom.
    pub subscriber: SubscriberId,
    /// A digest of his device.
    pub device: u64,
    /// Whether he has it now.
    pub live: bool,
}
