//! The database schema of every module, as numbered forward-only steps embedded in the binary.
//! Never edits a merged step and never runs by itself: the kernel applies the steps at start, under a lock.
//!
//! One SQL schema a module (`kernel.*`, `access.*`). To change something, add the next number; each column says why it
//! is there. What follows: `kernel::database::migrate` applies them and grants the program's role what it needs.

/// Every step in order, checksummed; applying it twice changes nothing.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
