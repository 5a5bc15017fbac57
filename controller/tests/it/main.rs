//! The binary seen from outside: its configuration, its files, and the real program with a real database.
//! Never reaches into a part below; those have tests of their own.

#![allow(
    clippy::print_stderr,
    reason = "a test says what it skipped, and how much it searched"
)]

mod apply_file;
mod backup;
mod certificate;
mod config;
mod dictionary;
mod docs;
mod forwarding;
mod import;
mod isolation;
mod journal;
mod planted;
mod process;
mod published;
mod schemathesis;
mod search;
mod server;
mod stand;
