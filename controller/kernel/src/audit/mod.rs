//! The audit: who did what, when, from where, on which object, with what outcome.
//! Never holds a secret, never changes a line, and never lets an act commit without its line.
//!
//! An act and its line share one transaction ([`record`]); what was refused or failed has nothing to share and gets a
//! transaction of its own ([`record_alone`]). Committed lines are chained within a second ([`seal`]): one chain for each
//! partner and one for the platform ([`chain`] says what a hash covers). [`export`] hands a chain out, and [`verify`] finds
//! what was done to it, without this program's help. [`entry`] is what a line is made of, [`store`] the SQL of lines.

pub mod chain;
pub mod entry;
pub mod export;
pub mod seal;
pub mod store;
pub mod verify;

pub use entry::{Entry, Outcome};
pub use store::{Filter, Line, list, record, record_alone};
