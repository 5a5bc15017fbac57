//! Addresses that Headend itself gives: pools of IPv4 addresses, IPv6 prefixes and delegated prefixes, kept in memory.
//! Never asks a database: what was given before a restart comes back through [`Pool::restore`], and what was given since
//! is written down by whoever calls [`Pool::dirty`].
//!
//! - [`AddressRange`]: ranges of addresses as people write them; [`PoolSpec`]: what a pool is made from;
//! - [`Pool`]: one pool; `holding`: who has what of it;
//! - `units`: addresses counted from 0, so that a pool is a row of numbers.

mod holding;
mod pool;
mod range;
mod spec;
mod units;

#[cfg(test)]
mod tests;

pub use pool::Pool;
pub use range::{AddressRange, RangeError};
pub use spec::{LeaseRow, POOL_UNITS_MAX, PoolError, PoolKind, PoolSpec, Usage};
