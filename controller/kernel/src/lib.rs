//! The kernel of the controller: partners, people, permissions, audit, secrets, the database, HTTP conventions.
//! Knows no capability: nothing of RADIUS, billing or devices is here, and no module is imported.
//!
//! The parts, in the order an operation meets them:
//! - [`http`] turns a request into an operation: who asks, for which partner, is he allowed to;
//! - [`op`] is that operation's context, carried through every layer below; [`id`] lists all typed ids;
//! - [`authz`] knows permissions and roles; [`identity`] knows people, their sessions and API keys;
//! - [`tenancy`] keeps partners, their clients and their sites;
//! - [`outbound`] is how servers of others are spoken to; [`vault`] reads secrets that are kept in one;
//! - [`integration`] is which systems of others a partner works with, and with which secrets;
//! - [`audit`] writes down who did what; [`events`] tells others of it; [`secrets`] seals what must not be read from a row;
//! - [`jobs`] does what has to be done later, [`workflows`] what takes several steps, [`webhooks`] tells servers of partners what happened;
//! - [`database`] runs or reaches PostgreSQL and opens transactions that see one partner only;
//! - [`input`] checks what a caller sent; [`error`] is the one error all of them speak.
//!
//! Start reading at [`op::OpContext`], then [`database::Database::begin`].

pub mod audit;
pub mod authz;
pub mod database;
pub mod error;
pub mod events;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod identity;
pub mod input;
pub mod integration;
pub mod jobs;
mod kernel;
pub mod op;
pub mod outbound;
pub mod secrets;
pub mod tenancy;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vault;
pub mod webhooks;
pub mod workflows;

pub use database::{Database, Tx};
pub use error::{BoxError, Error, FieldError, OnConstraint};
pub use kernel::Kernel;
pub use op::{Actor, ActorKind, OpContext};
