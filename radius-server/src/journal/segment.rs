//! One segment file: its name, its header, and how it comes into the world.
//! It knows nothing of batches or recovery. Records inside: `record`; who makes segments: `writer`, ahead of need `spare`.
//!
//! ```text
//! <first_seq as 16 hex digits>.seg
//!  0        8         12    16          24         32      36          512          1024
//!  +--------+---------+-----+-----------+----------+-------+- - - - - -+------------+- - - - -+ - - - -
//!  | magic  | version | 0   | first_seq | follows  | salt… | crc       | same again | records | zeros
//!  +--------+---------+-----+-----------+----------+-------+- - - - - -+------------+- - - - -+ - - - -
//! ```
//!
//! The header stands there twice, one sector apart, because without its salt no record of the file can be checked.

use super::disk::Disk;
use super::error::JournalError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Octets before the first record.
pub(super) const SEGMENT_HEAD_LEN: u64 = 1024;

/// The format this program writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;

/// How every segment begins.
const MAGIC: [u8; 8] = *b"HEADJRN\n";

/// Where the second copy of the header stands.
const SECOND_COPY_AT: usize = 512;

/// Octets of one copy of the header.
const COPY_LEN: usize = 44;

/// Zeros to fill a new segment with; a quarter of a mebibyte a write.
static ZEROS: [u8; 262_144] = [0; 262_144];

/// Octets of zeros that are on their way to the disk at a time: a commit that waits for the same disk meanwhile waits
/// for no more than these.
const SYNC_EVERY: u64 = 1024 * 1024;

/// Only the program itself reads a journal: payloads say who was where.
const FILE_MODE: u32 = 0o600;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Sequence number of its first record; also its file name.
    pub first_seq: u64,
    /// The journal's next sequence number when the segment was made, before it was raised to the clock.
    ///
    /// This is where the segment before it ends, for ever: a record there with this number or a higher one belongs to
    /// a batch whose commit failed, and is not replayed; fewer records there than this says are lost ones.
    pub follows: u64,
    /// Random; part of every checksum in the file.
    pub salt: u64,
}

impl Header {
    /// The octets before the first record.
    fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(COPY_LEN);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&[0; 4]);
        for field in [self.first_seq, self.follows, self.salt] {
            copy.extend_from_slice(&field.to_le_bytes());
        }
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        let mut head = vec![0; SEGMENT_HEAD_LEN as usize];
        head[..COPY_LEN].copy_from_slice(&copy);
        head[SECOND_COPY_AT..SECOND_COPY_AT + COPY_LEN].copy_from_slice(&copy);
        head
    }

    /// Reads the first of the two copies that is whole; says whether both were.
    pub fn decode(octets: &[u8]) -> HeaderFound {
        let first = Self::decode_copy(octets);
        let second = octets.get(SECOND_COPY_AT..).and_then(Self::decode_copy);
        let damaged = first.is_none() || first != second;
        match first.or(second) {
            Some((VERSION, header)) => HeaderFound::Ours { header, damaged },
            Some((version, _)) => HeaderFound::Foreign { version },
            None => HeaderFound::Lost,
        }
    }

    /// Reads one copy: its version and its fields.
    fn decode_copy(octets: &[u8]) -> Option<(u32, Self)> {
        let copy = octets.get(..COPY_LEN)?;
        let (covered, crc) = copy.split_at(COPY_LEN - 4);
        if covered[..8] != MAGIC || crc32c::crc32c(covered).to_le_bytes() != crc {
            return None;
        }
        let field = |at: usize| Some(u64::from_le_bytes(covered.get(at..at + 8)?.try_into().ok()?));
        let version = u32::from_le_bytes(covered.get(8..12)?.try_into().ok()?);
        Some((
            version,
            Self {
                first_seq: field(16)?,
                follows: field(24)?,
                salt: field(32)?,
            },
        ))
    }
}

/// What the first octets of a segment file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFound {
    /// A header of ours; `damaged` when one of its copies is.
    Ours {
        /// The fields.
        header: Header,
        /// One copy is unreadable or differs.
        damaged: bool,
    },
    /// A whole header of another version.
    Foreign {
        /// That version.
        version: u32,
    },
    /// No copy is whole: no record of the file can be checked.
    Lost,
}

/// The file name of the segment that starts with this sequence number.
pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:016x}.seg")
}

/// The sequence number in a segment's file name; `None` when it is not one.
pub(super) fn first_seq_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// A segment to be: zero-filled and durable, under a temporary name that recovery removes.
pub(super) struct Blank {
    /// The file.
    file: File,
    /// Its temporary name.
    pub path: PathBuf,
}

/// How a blank is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Octets of the file.
    pub len: u64,
    /// Whether zeros are written into it and not only space reserved: then a commit changes no metadata, and `fdatasync`
    /// waits for one write.
    pub zeros: bool,
}

/// Makes a blank; `stop` ends it early, with `Interrupted`. Whatever keeps it from being whole, no file is left behind.
///
/// See [`Measure::zeros`] for what is in it.
pub(super) fn blank(
    disk: &dyn Disk,
    path: PathBuf,
    measure: Measure,
    stop: &AtomicBool,
) -> Result<Blank, JournalError> {
    match fill(disk, &path, measure, stop) {
        Ok(file) => Ok(Blank { file, path }),
        Err(source) => {
            // Give the space back; a leftover is removed at the next opening too.
            let _ = disk.remove(&path);
            Err(JournalError::io("create the journal segment", &path)(source))
        }
    }
}

/// Makes a blank the segment of this header: durable, under its final name.
///
/// It gets its header under the temporary name, so that a segment with its final name is always whole.
///
/// # Errors
///
/// [`NameError::named`] decides whether the segment before this one may still be written.
pub(super) fn name(
    disk: &dyn Disk,
    dir: &Path,
    blank: Blank,
    header: Header,
) -> Result<(File, PathBuf), NameError> {
    let Blank {
        file,
        path: temporary,
    } = blank;
    let path = dir.join(file_name(header.first_seq));
    let refused = |error, named| {
        // Whatever name it has, it is no spare any more: its header may be half there.
        let _ = disk.remove(&temporary);
        NameError { error, named }
    };
    disk.write(&file, &header.encode(), 0)
        .and_then(|()| disk.sync_data(&file))
        .map_err(JournalError::io(
            "write the header of the journal segment",
            &temporary,
        ))
        .map_err(|error| refused(error, false))?;
    disk.rename(&temporary, &path)
        .map_err(JournalError::io("rename the new journal segment to", &path))
        .map_err(|error| refused(error, true))?;
    sync_dir(disk, dir)
        .map_err(JournalError::io(
            "make the name of the new segment durable in",
            dir,
        ))
        .map_err(|error| NameError { error, named: true })?;
    Ok((file, path))
}

/// Why there is no new segment.
pub(super) struct NameError {
    /// What to tell the caller.
    pub error: JournalError,
    /// Whether the file may have its final name already. If so, recovery may find it and take its `follows` for the end
    /// of the segment before it, so that one must not be written any more.
    pub named: bool,
}

/// Makes a whole file that reads as zeros and waits until it is on disk, [`SYNC_EVERY`] octets at a time.
fn fill(
    disk: &dyn Disk,
    path: &Path,
    Measure { len, zeros }: Measure,
    stop: &AtomicBool,
) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(path)?;
    disk.reserve(&file, len)?;
    // A file system that cannot reserve leaves the file short; then the zeros make its length.
    if !zeros && file.metadata()?.len() >= len {
        disk.sync_all(&file)?;
        return Ok(file);
    }
    let (mut at, mut synced) = (0, 0);
    while at < len {
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let chunk = usize::try_from(len - at).unwrap_or(usize::MAX).min(ZEROS.len());
        disk.write(&file, &ZEROS[..chunk], at)?;
        at += chunk as u64;
        if at - synced >= SYNC_EVERY && at < len {
            disk.sync_data(&file)?;
            synced = at;
        }
    }
    disk.sync_all(&file)?;
    Ok(file)
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    disk.sync_all(&File::open(dir)?)
}

/// Reads a stretch of a file that may lie on bad sectors: what cannot be read comes back as zeros, and is counted.
pub(super) fn read_tolerant(file: &File, offset: u64, len: usize) -> (Vec<u8>, u64) {
    /// The smallest stretch given up at once.
    const SECTOR_LEN: usize = 4096;
    let mut octets = vec![0; len];
    if file.read_exact_at(&mut octets, offset).is_ok() {
        return (octets, 0);
    }
    let mut unreadable = 0;
    for (n, sector) in octets.chunks_mut(SECTOR_LEN).enumerate() {
        if file
            .read_exact_at(sector, offset + (n * SECTOR_LEN) as u64)
            .is_err()
        {
            sector.fill(0);
            unreadable += sector.len() as u64;
        }
    }
    (octets, unreadable)
}
