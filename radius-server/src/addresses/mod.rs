//! Addresses that Headend itself gives: pools of IPv4 addresses, IPv6 prefixes and delegated prefixes, kept in memory.
//! Never asks a database: what was given before a restart comes back through [`Pool::restore`], and what was given since
//! is written down by whoever calls [`Pool::dirty`].
//!
//! - [`range`]: ranges of addresses as people write them; - [`pool`]: one pool, and who has what of it;
//! - `units`: addresses counted from 0, so that a pool is a row of numbers.

mod pool;
mod range;
mod units;

#[cfg(test)]
mod tests;

pub use pool::{LeaseRow, POOL_RANGES_MAX, POOL_UNITS_MAX, Pool, PoolError, PoolKind, PoolSpec, Usage};
pub use range::{AddressRange, RangeError};
