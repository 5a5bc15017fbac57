//! The system calls of the journal, behind a trait so that tests can make any one of them fail.
//! No format and no policy here. Who calls: `segment`, `spare`, `writer`, `log` and `mark`.

use rustix::fs::FallocateFlags;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a journal asks of the disk, from whichever of its threads. Each call either did what it says or returns an error and may have done any part.
pub(super) trait Disk: Send + Sync {
    /// Reserves space for the first `len` octets of a file.
    fn reserve(&self, file: &File, len: u64) -> io::Result<()>;
    /// Writes all octets at an offset.
    fn write(&self, file: &File, octets: &[u8], offset: u64) -> io::Result<()>;
    /// Waits until the octets written so far would survive a power cut; the file's size must not have changed.
    fn sync_data(&self, file: &File) -> io::Result<()>;
    /// The same, for the file's size and times too; for a directory: its entries.
    fn sync_all(&self, file: &File) -> io::Result<()>;
    /// Cuts a file to a length.
    fn cut(&self, file: &File, len: u64) -> io::Result<()>;
    /// Gives a file its final name, replacing what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file's name away; whoever has it open keeps it.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The real one.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
            // Some file systems cannot; writing the zeros finds out about space just as well, only later.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    fn write(&self, file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(octets, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        rustix::fs::fdatasync(file).map_err(io::Error::from)
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        rustix::fs::fsync(file).map_err(io::Error::from)
    }

    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        rustix::fs::ftruncate(file, len).map_err(io::Error::from)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
