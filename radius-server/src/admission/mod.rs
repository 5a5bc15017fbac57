//! Who may come in beside those who are in: how many at once, from where, with which device, under which address. One step
//! under one lock, in memory, so that no two logins of an account can both take the last place, and none can slip in
//! between an Access-Accept and its Accounting-Start.
//!
//! It knows no packet and no database. A subscriber whose plan and who himself ask for none of this never comes here.
//!
//! - [`rules`]: what plans and subscribers ask for;
//! - `circumstances`: what a request says about where it comes from;
//! - `account`: the places of one subscriber, and what he is bound to;
//! - [`gate`]: all accounts; what is to be written down or done elsewhere, it leaves as [`Errand`]s; `entering` is the step,
//!   `hearing` what accounting does to places, `pools` where addresses come from;
//! - `given`: what an Access-Accept carries of it.
//!
//! An accepted login holds a place. Its Start makes the place the session's; without one the place is free again after
//! [`PLACE_WAIT`]. A session that ends frees it; whether a session is still open is asked of the session table whenever it
//! matters, so that a Stop, an Accounting-Off and a reaper all count at once.

mod account;
mod circumstances;
mod entering;
pub mod gate;
mod given;
mod hearing;
mod pools;
pub mod rules;
#[cfg(test)]
mod tests;

pub(crate) use circumstances::Circumstances;
pub(crate) use gate::Entry;
pub use gate::{ERRANDS_MAX, Errand, Gate, PLACE_WAIT, PLACES_MAX, SWEEP_EVERY};
pub(crate) use given::Admitted;
pub(crate) use hearing::run;
pub(crate) use rules::pool_of;
pub use rules::{Allowed, AllowedKind, BindBy, Bound, Collision, PlanRules, StaticAddress, SubscriberRules};
