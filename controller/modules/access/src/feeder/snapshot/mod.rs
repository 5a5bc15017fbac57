//! The directory on local disk: a start from it takes a second where the database takes several, and needs no database.
//! Never trusted further than it can be proven: what is damaged, cut off, of another key, node or format is put aside with
//! one line in the log, and everything is loaded from the database.
//!
//! One file, `directory.snapshot` in the data directory, mode 0600, replaced as a whole:
//!
//! ```text
//! "HEADSNAP" | format, u16 | octets of the sealed key, u16 | sealed key
//! then chunks: octets, u32 | last?, u8 | sealed records
//! ```
//!
//! The key is the file's own, sealed with the master key; [`kernel::secrets::ChunkSealer`] proves that every chunk stands
//! where it stood and that none is missing. The first chunk says of which node, of which database and up to which change
//! it is ([`Origin`]), the next ones hold partners, NAS and plans, the rest subscribers. Numbers are big-endian.
//!
//! `record` is one record as octets, [`write`](write()) and [`read`](read()) the file. A snapshot is taken while changes
//! go on: it holds all of them up to its cursor and perhaps some beyond, which are read again and end in the same
//! directory.

mod read;
mod record;
mod write;

#[cfg(test)]
mod tests;

pub use read::{Restored, read};
pub use write::{Written, write};

use std::io;
use std::path::PathBuf;

use kernel::secrets::SecretError;
use uuid::Uuid;

use crate::store::change::{ChangeCursor, DatabaseId};

/// The file in the data directory.
pub const FILE: &str = "directory.snapshot";
/// What it starts with.
const MAGIC: [u8; 8] = *b"HEADSNAP";
/// The form of everything behind; another one is another file.
const FORMAT: u16 = 7;
/// What the file's key is sealed for.
const KEY_CONTEXT: &str = "access directory snapshot";
/// Octets of a sealed key at most; one takes 90.
const KEY_OCTETS_MAX: usize = 256;
/// A chunk is full at so many octets of records.
const CHUNK_OCTETS: usize = 256 * 1024;
/// Octets of a sealed chunk at most: the last record of a full one may be long.
const CHUNK_OCTETS_MAX: usize = CHUNK_OCTETS + 64 * 1024;

/// Where a snapshot comes from and how far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The node that wrote it.
    pub node: Uuid,
    /// The database it was read from.
    pub database: DatabaseId,
    /// Every change up to here is in it.
    pub cursor: ChangeCursor,
    /// The directory's version.
    pub version: u64,
    /// When the cursor was taken, by the database's clock.
    pub at_unix_s: i64,
    /// The fingerprint of the dictionary that the reply attributes in it were written with.
    pub dictionary: u64,
}

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read or written.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no snapshot, or one of another program.
    #[error("it is no snapshot of format {FORMAT}")]
    OtherFormat,
    /// Another node wrote it.
    #[error("node {node} wrote it")]
    OtherNode {
        /// Which one.
        node: Uuid,
    },
    /// Its key or one of its chunks does not open.
    #[error("it is sealed with another key, or it was changed")]
    Shut(#[from] SecretError),
    /// It ends early, goes on after its end, or holds something that cannot be.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
    /// While it was being written a plan changed that subscribers hold.
    #[error("a plan changed while it was being written")]
    Overtaken,
}
