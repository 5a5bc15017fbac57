//! The file `drained`: how far the database was when it last said so, and how long what it has is being kept.
//! A convenience, never a proof: the database's own cursor decides what is carried and replayed. A lost or damaged mark
//! costs nothing but time: what is kept counts as waiting until the database speaks, and is kept anew from then on.
//!
//! ```text
//!  0        8         12      16            24 + 16 n
//!  +--------+---------+-------+-------------+- - - - - - - - - - - - - - - - - - - - - - - - -+-------+
//!  | magic  | version | n     | drained_seq | n times: first_seq of a segment, its age in s   | crc   |
//!  +--------+---------+-------+-------------+- - - - - - - - - - - - - - - - - - - - - - - - -+-------+
//! ```

use super::disk::Disk;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Drained segments that may be kept, whatever their octets.
pub(super) const KEPT_SEGMENTS_MAX: usize = 16_384;

/// The file's name.
pub(super) const FILE: &str = "drained";

/// How it begins.
const MAGIC: [u8; 8] = *b"HEADDRN\n";

/// The only version there is.
const VERSION: u32 = 1;

/// Octets before the segments.
const HEAD_LEN: usize = 24;

/// Octets of a segment.
const ENTRY_LEN: usize = 16;

/// Octets of the largest mark.
const LEN_MAX: usize = HEAD_LEN + KEPT_SEGMENTS_MAX * ENTRY_LEN + 4;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Records below this were in the database.
    pub drained_seq: u64,
    /// Segments below it, oldest first, by their first sequence number, and how long each had been kept while a server ran.
    pub kept: Vec<(u64, Duration)>,
}

impl Mark {
    /// Reads the mark of a journal; `None` when there is none that is whole.
    pub fn read(dir: &Path) -> Option<Self> {
        let mut octets = Vec::new();
        let file = File::open(dir.join(FILE)).ok()?;
        file.take(LEN_MAX as u64 + 1).read_to_end(&mut octets).ok()?;
        Self::decode(&octets)
    }

    /// Replaces the mark of a journal, so that a crash leaves the old one or the new one.
    pub fn write(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let temporary = dir.join("drained.tmp");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        disk.write(&file, &self.encode(), 0)?;
        disk.sync_all(&file)?;
        disk.rename(&temporary, &dir.join(FILE))
    }

    /// How long a segment had been kept.
    pub fn age(&self, first_seq: u64) -> Duration {
        self.kept
            .binary_search_by_key(&first_seq, |(known, _)| *known)
            .map_or(Duration::ZERO, |at| self.kept[at].1)
    }

    /// Its octets.
    fn encode(&self) -> Vec<u8> {
        let kept = &self.kept[..self.kept.len().min(KEPT_SEGMENTS_MAX)];
        let mut octets = Vec::with_capacity(HEAD_LEN + kept.len() * ENTRY_LEN + 4);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        octets.extend_from_slice(&u32::try_from(kept.len()).unwrap_or(0).to_le_bytes());
        octets.extend_from_slice(&self.drained_seq.to_le_bytes());
        for (first_seq, age) in kept {
            octets.extend_from_slice(&first_seq.to_le_bytes());
            octets.extend_from_slice(&age.as_secs().to_le_bytes());
        }
        let crc = crc32c::crc32c(&octets);
        octets.extend_from_slice(&crc.to_le_bytes());
        octets
    }

    /// Reads the octets.
    fn decode(octets: &[u8]) -> Option<Self> {
        let (covered, crc) = octets.split_last_chunk::<4>()?;
        let (head, entries) = covered.split_at_checked(HEAD_LEN)?;
        let known = head.starts_with(&MAGIC) && head[8..12] == VERSION.to_le_bytes();
        let count = u32::from_le_bytes(head[12..16].try_into().ok()?) as usize;
        let whole = crc32c::crc32c(covered).to_le_bytes() == *crc && entries.len() == count * ENTRY_LEN;
        if !known || !whole {
            return None;
        }
        let number = |octets: &[u8]| octets.try_into().map_or(0, u64::from_le_bytes);
        let kept = entries
            .chunks_exact(ENTRY_LEN)
            .map(|entry| (number(&entry[..8]), Duration::from_secs(number(&entry[8..]))))
            .collect();
        Some(Self {
            drained_seq: number(&head[16..24]),
            kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_not_at_all_when_an_octet_changed() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Mark {
            drained_seq: 77,
            kept: vec![(1, Duration::from_secs(9)), (40, Duration::ZERO)],
        };
        assert_eq!(Mark::read(dir.path()), None);
        mark.write(&RealDisk, dir.path()).unwrap();
        assert_eq!(Mark::read(dir.path()).as_ref(), Some(&mark));
        let octets = mark.encode();
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            assert_eq!(Mark::decode(&changed), None, "octet {at}");
            assert_eq!(Mark::decode(&octets[..at]), None, "cut at {at}");
        }
    }
}
