//! What a subscriber gets, said once in words that belong to no vendor, and translated for every make of NAS.
//! Nothing here is read or made between a datagram and its reply but octets: a plan is translated when it is fed.
//!
//! In the order a service takes:
//!
//! - [`Terms`]: what is given, seen from the subscriber: bit/s towards him and from him, pools, timeouts, names;
//!   [`window`]: when something else holds;
//! - [`Make`]: which dialect a NAS speaks; one file a make (`mikrotik`, `cisco`, ...), `standard` is what all share;
//! - [`Sheet`]: the terms of one plan as attributes for one make, each with what it stands for;
//! - [`garden`]: what somebody gets who is let in only to read why he has no service;
//! - [`defaults`]: what a NAS or a partner gives when nobody else says it;
//! - `compose`: all of it in the order of who wins: subscriber, service, plan, NAS, partner;
//! - [`change`]: what of it a session that goes on is told;
//! - [`preview`]: the same for people.
//!
//! The facts about the makes, and where they come from, are in `cases`, beside the cases that prove them.

mod accel;
pub mod change;
mod cisco;
pub(crate) mod compose;
pub mod defaults;
pub mod garden;
mod generic;
mod h3c;
mod huawei;
mod ikuai;
mod juniper;
mod make;
mod mikrotik;
mod nokia;
pub mod preview;
mod sheet;
mod standard;
mod terms;
pub mod window;
mod zte;

#[cfg(test)]
mod cases;

pub use make::Make;
pub use sheet::{Explained, Problem, Sheet, Unsaid};
pub use terms::{Burst, DNS_MAX, NAME_OCTETS_MAX, Policy, Term, TerminationAction, Terms, TermsError};
