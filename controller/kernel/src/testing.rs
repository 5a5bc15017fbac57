//! Databases for tests, behind the cargo feature `testing`: fresh, migrated, private, gone with the test process.
//! Never part of the program: it panics where the program would return an error.
//!
//! [`TestDatabase`] is what nearly every test wants: a database of its own in a cluster that the whole test process
//! shares. [`TestCluster`] is a server of its own, for tests that take the database away and give it back.
//! [`authenticator`] is a passkey in software.

pub mod authenticator;
mod cluster;
mod database;
mod sweep;

pub use cluster::TestCluster;
pub use database::TestDatabase;
