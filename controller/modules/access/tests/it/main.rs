//! The access module from outside: its API, the packets its feeder makes possible, the rows its drain leaves.
//! Never looks into a private field: a test asks over HTTP, over UDP, or in the database.
//!
//! [`world`] is a whole node in the test's process; [`nas`] a NAS made of two sockets; [`journal`] a journal without one.

mod admission;
mod bulk;
mod connection;
mod disconnect;
mod drain;
mod feed;
mod guard;
mod identity;
mod import;
mod journal;
mod nas;
mod outage;
mod passwords;
mod plans;
mod ports;
mod quota;
mod realm;
mod reshape;
mod restore;
mod routes;
mod sealed;
mod silence;
mod snapshot;
mod usage;
mod world;
