//! `headend backup` and `headend restore`: everything a server keeps, in a directory, and back.
//! Never stops a running server to take one, never deletes what a restore takes the place of, and never holds the master
//! key unless it is asked to: who has both can read every secret.
//!
//! ```text
//! headend-20261122T015500Z/
//!   manifest.json        what is here, with a digest of each file; written last, so without it a backup is none
//!   database.dump        pg_dump's custom format, one consistent moment
//!   node-id              whose cursors and journals these are
//!   master.key           only with --with-master-key
//!   journal/accounting/  segments that the database did not have yet when the dump began, and later ones
//! ```
//!
//! The dump comes first and the journal after it. So what the dump does not have is in the journal, and what is in both is
//! carried over once: the cursor is in the dump. [`take`] makes one, [`restore`] brings it back, [`manifest`] is the list.

pub mod manifest;
pub mod restore;
pub mod take;

/// The dump's name in a backup.
const DUMP: &str = "database.dump";
/// The file that names a node, here and in a data directory.
const NODE_ID: &str = "node-id";
/// The file of the master key, here and in a data directory.
const MASTER_KEY: &str = "master.key";
/// The journal's directory in a backup.
const JOURNAL: &str = "journal";
/// The stream that is kept: explanations of logins are in the database within seconds, and are no proof of anything.
const ACCOUNTING: &str = "accounting";
