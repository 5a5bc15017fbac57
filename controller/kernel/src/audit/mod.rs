//! The audit: who did what, when, from where, on which object, with what outcome.
//! Never holds a secret, never changes a line, and never lets an act commit without its line.
//!
//! An act and its line share one transaction ([`record`]); what was refused or failed has nothing to share and gets a
//! transaction of its own ([`record_alone`]). [`entry`] is what a line is made of, [`store`] all its SQL.

pub mod entry;
pub mod store;

pub use entry::{Entry, Outcome};
pub use store::{Filter, Line, list, record, record_alone};
