//! The directory of a journal: made durably, locked for one opener, listed.
//! It looks into no file. What the files mean: `recover`.

use super::disk::Disk;
use super::error::JournalError;
use super::segment;
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Makes the directory and what is missing above it, and waits until the new names are on disk.
pub(super) fn make(disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
    let missing = dir
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .count();
    fs::create_dir_all(dir).map_err(JournalError::io("create the journal directory", dir))?;
    for parent in dir.ancestors().skip(1).take(missing) {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        segment::sync_dir(disk, parent).map_err(JournalError::io(
            "make the journal's directory durable in",
            parent,
        ))?;
    }
    Ok(())
}

/// Takes the lock that keeps a second process, or a second opener in this one, out; dropping the file releases it.
///
/// The lock is the kernel's, not the file's existence: whatever kills the process releases it.
pub(super) fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(JournalError::io("open the journal's lock file", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked { dir: dir.to_owned() }),
        Err(errno) => Err(JournalError::io("lock the journal with", &path)(io::Error::from(
            errno,
        ))),
    }
}

/// What lies in a journal's directory.
pub(super) struct Listing {
    /// Segment files with the sequence number of their name, in no order.
    pub segments: Vec<(u64, PathBuf)>,
    /// Copies of damaged segments that were kept earlier.
    pub kept_copies: usize,
}

/// Lists the directory; removes segments whose making was interrupted.
pub(super) fn list(dir: &Path) -> Result<Listing, JournalError> {
    let mut listing = Listing {
        segments: Vec::new(),
        kept_copies: 0,
    };
    for entry in fs::read_dir(dir).map_err(JournalError::io("list the journal directory", dir))? {
        let path = entry
            .map_err(JournalError::io("list the journal directory", dir))?
            .path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(first_seq) = segment::first_seq_of(name) {
            listing.segments.push((first_seq, path));
        } else if name.ends_with(".corrupt") {
            listing.kept_copies += 1;
        } else if name.ends_with(".tmp") {
            fs::remove_file(&path).map_err(JournalError::io("remove the unfinished segment", &path))?;
        }
    }
    Ok(listing)
}
