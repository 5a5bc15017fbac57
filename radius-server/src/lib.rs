//! The AAA server: answers RADIUS from memory, and writes what happened to a journal on disk.
//!
//! It never speaks SQL or HTTP, and between a datagram and its reply it waits for nothing but the disk (accounting
//! only). It is fed a [`directory`] and feeds out two journals; who fills the one and drains the other is not its
//! business.
//!
//! In the order a datagram travels:
//!
//! - [`plane`]: the whole server: opens the journals, binds the sockets, starts and joins the threads;
//! - [`unknown`]: the sources the directory does not know, counted so that somebody can admit them;
//! - [`duplicates`]: retransmissions, answered with the same octets;
//! - [`authentication`]: Access-Request and Status-Server to a reply and a decision; no I/O in it;
//! - [`admission`]: who may come in beside those who are in; [`addresses`]: the pools they get addresses of;
//! - [`authorization`]: what a subscriber gets, in the words of each make of NAS;
//! - [`password_hash`]: passwords of which only a hash is stored;
//! - [`later`]: what takes long, away from the workers;
//! - [`proxy`]: requests that home servers decide, sent on and brought back;
//! - [`onward`]: accounting out of the journal to home servers and to who gets copies;
//! - [`decision`]: what was decided and why, step by step; the last ones stay in memory, in one ring a worker;
//! - [`accounting`]: Accounting-Request to the journal, the session table and, only then, a response;
//! - [`journal`]: records that survive `kill -9`;
//! - [`sessions`]: who is online;
//! - [`radsec`]: the same over TLS, with connections and certificates;
//! - [`directory`]: partners, NAS and subscribers as the packet path needs them;
//! - [`pem`]: certificates and keys in files;
//! - [`priority`]: whose threads go first;
//! - [`counters`]: what all of this did so far.

pub mod accounting;
pub mod addresses;
pub mod admission;
pub mod authentication;
pub mod authorization;
mod bounded;
mod cause;
pub mod class;
pub mod clock;
pub mod counters;
pub mod decision;
pub mod directory;
mod drops;
pub mod duplicates;
mod gate;
pub mod id;
pub mod journal;
pub mod later;
mod listener;
pub mod onward;
mod overlap;
pub mod password_hash;
pub mod pem;
pub mod plane;
pub mod priority;
pub mod proxy;
pub mod radsec;
mod scribe;
pub mod sessions;
pub mod unknown;

pub use directory::Directory;
pub use id::{DecisionId, HomeServerId, NasId, PartnerId, PoolId, RealmId, SessionId, SubscriberId};
pub use plane::{Config, Plane, StartError};
