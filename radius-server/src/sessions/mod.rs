//! The session table: who is online, as the NAS tell it. In memory only; the journal is what lasts.
//! It never talks to a NAS or a database, reads no clock, and is changed only by records that are durable already.
//!
//! - `session`: what is known of one session, and how two readings of it become one;
//! - `counted`: what it used, out of counters that may wrap or begin anew;
//! - `attributes`: what the NAS said of it, octet for octet; `derive`: its id, the same on every node;
//! - `closed`: sessions that ended a short while ago, so that a late record does not open them again;
//! - `table`: all of them, and what one accounting record does to them.
//!
//! UDP loses, repeats and reorders, so the state of a session must not depend on the order its records came in. It does
//! not: a record is read as a session of its own, and [`Session::merge`] joins two of them by greatest, least and newest
//! only, which is commutative, associative and idempotent. A counter that falls is the exception ([`Counted`]): of
//! records that overtook each other around the fall some may go uncounted, and none is counted twice.

mod attributes;
mod closed;
mod counted;
mod derive;
mod session;
mod table;

#[cfg(test)]
mod tests;

pub use attributes::Attributes;
pub use counted::{Counted, Step, WRAP_OCTETS_PER_S_MAX};
pub use derive::session_id;
pub use session::{CloseCause, Closed, Session};
pub use table::{Applied, SESSIONS_MAX, Sessions};
