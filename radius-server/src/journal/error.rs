//! What can go wrong with a journal, told to whoever has to act: the operator of the disk, or the caller.
//! It carries no payload. Where the errors arise: `writer`, `reader`, `recover`.

use super::record::RECORD_PAYLOAD_LEN_MAX;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A refusal of the journal. After any of them the journal stays usable; the next call tries anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// There is no room for more; nothing of the refused batch (commit) or record (append) is kept.
    #[error("journal {} cannot grow: {why}", dir.display())]
    Full {
        /// The journal's directory.
        dir: PathBuf,
        /// Whether our own bound or the disk said no.
        why: Shortage,
    },
    /// The batch is as large as a segment; commit it, then append the same record again.
    #[error(
        "the batch already holds {records} records in {octets} octets, a segment takes {room}; commit first"
    )]
    BatchFull {
        /// Records in the batch.
        records: u64,
        /// Octets in the batch.
        octets: usize,
        /// Octets a segment has for records.
        room: u64,
    },
    /// One payload is larger than a record may be.
    #[error("a record of {len} octets was refused, {allowed} are allowed")]
    PayloadTooLarge {
        /// Octets of the payload.
        len: usize,
        /// At most [`RECORD_PAYLOAD_LEN_MAX`]; less when segments are configured smaller than that.
        allowed: usize,
    },
    /// Another process, or another part of this one, has the journal open.
    #[error("journal {} is in use by another process: `fuser {}` names it", dir.display(), dir.join("lock").display())]
    Locked {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// A segment was written by a version of the program that this one does not know.
    #[error("journal segment {} has format version {version}, this program reads version {known}: start the newer program and let it drain the journal first", path.display())]
    Version {
        /// The segment file.
        path: PathBuf,
        /// The version it carries.
        version: u32,
        /// The version we write.
        known: u32,
    },
    /// A reader asked for records beyond everything this journal ever committed: it is not the journal the cursor
    /// belongs to.
    #[error("record {asked} was asked for, but the journal in {} ends before {committed}: it was replaced by another one", dir.display())]
    Ahead {
        /// The journal's directory.
        dir: PathBuf,
        /// The sequence number asked for.
        asked: u64,
        /// The next sequence number the journal will commit.
        committed: u64,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done, as the words after "cannot".
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl JournalError {
    /// Tells whether waiting helps: room comes back when the drain lets segments go or the disk is cleaned.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Puts a system error into its words, for use with `map_err`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if is_no_space(&source) {
                let dir = path.parent().map_or_else(|| path.clone(), Path::to_owned);
                return Self::Full {
                    dir,
                    why: Shortage::Disk { doing },
                };
            }
            Self::Io { doing, path, source }
        }
    }

    /// Refuses a payload.
    pub(super) fn too_large(len: usize, room: u64) -> Self {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Self::PayloadTooLarge {
            len,
            allowed: RECORD_PAYLOAD_LEN_MAX.min(room),
        }
    }
}

/// Tells a disk without space, or a user without quota, from every other error.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Why a journal cannot grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The bound on what may wait for the drain is reached; look at the drain and at the database.
    Backlog {
        /// Octets waiting.
        used: u64,
        /// Octets that may wait.
        allowed: u64,
    },
    /// The file system has no space, or the user no quota.
    Disk {
        /// What was being done, as the words after "cannot".
        doing: &'static str,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backlog { used, allowed } => {
                write!(
                    f,
                    "{used} octets wait to be drained into the database, {allowed} are allowed"
                )
            }
            Self::Disk { doing } => write!(f, "no space left on the disk to {doing}"),
        }
    }
}
