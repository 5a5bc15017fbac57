//! All SQL of the access module, one file a resource; the only place that knows a table or a column.
//! Never decides anything and never sees HTTP: it takes a transaction and an operation, and gives rows.
//!
//! Row-level security already confines a transaction to the partner of its operation; each query names the partner
//! as well, so that the right index is used and a platform transaction cannot wander. Functions are noun first:
//! `nas_fetch`, `subscriber_list`. Who calls: [`crate::app`] for people, [`crate::feeder`] and [`crate::drain`] for
//! the access plane.

pub mod accounting;
pub mod admission;
pub mod bulk;
pub mod capability;
pub mod change;
pub mod copy;
pub mod cursor;
pub mod decision;
pub mod defaults;
pub mod directory;
pub mod garden;
pub mod identity_policy;
pub mod import;
pub mod intent;
pub mod mark;
mod merge;
pub mod nas;
pub mod partition;
pub mod plan;
pub mod pool;
pub mod port_block;
pub mod quota;
pub mod radcheck;
pub mod realm;
pub mod refused;
pub mod roll;
pub mod search;
pub mod session;
pub mod silence;
pub mod site_pools;
pub mod subscriber;
pub mod usage;

pub use kernel::database::Tx;

/// One page of a list: which rows, and how many there are in all.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// How many rows the whole list has.
    pub total: i64,
}

/// Where a page starts and how long it is, as SQL wants it.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Rows in the page at most.
    pub limit: i64,
    /// Rows before the page.
    pub offset: i64,
}
