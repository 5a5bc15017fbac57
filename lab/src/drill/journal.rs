//! The journal as its files tell it, read by a second reader that shares no line with the first.
//!
//! What was acknowledged must be in these files with the very octets that were sent. The format is described in
//! `radius-server/src/journal/`; the drill reads it after a kill, when no server is there to ask. Never writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// How a segment begins.
const MAGIC: &[u8] = b"HEADJRN\n";
/// Octets of a segment before its first record.
const SEGMENT_HEAD_LEN: usize = 1024;
/// Octets of a record before its payload.
const RECORD_HEAD_LEN: usize = 17;
/// Octets of a record's head that its length counts.
const COUNTED_HEAD_LEN: usize = 9;

/// What lies in a journal's directory, oldest first.
#[derive(Debug)]
pub struct Journal {
    /// Its segments.
    pub segments: Vec<Segment>,
}

/// One segment file.
#[derive(Debug)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// The sequence number of its first record.
    pub first_seq: u64,
    /// The first sequence number that the segment before it does not have.
    pub follows: u64,
    /// Octets of the file.
    pub length: u64,
    /// Its good records, up to the first octet that is none.
    pub records: Vec<Record>,
}

/// One record.
#[derive(Debug)]
pub struct Record {
    /// Its sequence number.
    pub seq: u64,
    /// Where it ends in the file.
    pub end: u64,
    /// The datagram in it.
    pub packet: Vec<u8>,
}

impl Journal {
    /// Reads all segments in a directory; none when there is no directory yet.
    ///
    /// # Errors
    /// A file cannot be read, or is no segment.
    pub fn read(dir: &Path) -> Result<Journal> {
        let mut segments = Vec::new();
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Journal { segments }),
            other => other.with_context(|| format!("cannot list {}", dir.display()))?,
        };
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot list {}", dir.display()))?
                .path();
            if path.extension().is_none_or(|ending| ending != "seg") {
                continue;
            }
            match fs::read(&path) {
                // A server that runs may let go of a segment between the list and this; then it is in the database.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                read => {
                    let octets = read.with_context(|| format!("cannot read {}", path.display()))?;
                    segments.push(segment(path, &octets)?);
                }
            }
        }
        segments.sort_by_key(|segment| segment.first_seq);
        // What a segment says it follows ends the one before it: records beyond belong to a commit that failed.
        for later in (1..segments.len()).rev() {
            let bound = segments[later].follows;
            segments[later - 1].records.retain(|record| record.seq < bound);
        }
        Ok(Journal { segments })
    }

    /// One more than the sequence number of the newest record; 0 when there is none.
    pub fn next_seq(&self) -> u64 {
        self.records().last().map_or(0, |record| record.seq + 1)
    }

    /// Whether no record with this sequence number or a later one was ever in a segment that is gone.
    pub fn reaches_back_to(&self, seq: u64) -> bool {
        self.segments.first().is_some_and(|oldest| oldest.follows <= seq)
    }

    /// All records, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.segments.iter().flat_map(|segment| &segment.records)
    }
}

/// Reads one segment.
fn segment(path: PathBuf, octets: &[u8]) -> Result<Segment> {
    ensure!(
        octets.starts_with(MAGIC) && octets.len() >= SEGMENT_HEAD_LEN,
        "{} is no segment of a journal",
        path.display()
    );
    let field = |at: usize| number(octets, at).with_context(|| format!("{} ends early", path.display()));
    let (first_seq, follows, salt) = (field(16)?, field(24)?, field(32)?);
    let (mut at, mut records) = (SEGMENT_HEAD_LEN, Vec::<Record>::new());
    while let Some((seq, payload)) = record(&octets[at..], salt) {
        if records.last().is_some_and(|last| last.seq >= seq) {
            break;
        }
        at += RECORD_HEAD_LEN + payload.len();
        records.push(Record {
            seq,
            end: at as u64,
            packet: packet(payload).unwrap_or_default().to_vec(),
        });
    }
    Ok(Segment {
        path,
        first_seq,
        follows,
        length: octets.len() as u64,
        records,
    })
}

/// The record at the start of some octets: its sequence number and payload.
fn record(octets: &[u8], salt: u64) -> Option<(u64, &[u8])> {
    let word = |at: usize| Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?));
    let payload_len = usize::try_from(word(0)?).ok()?.checked_sub(COUNTED_HEAD_LEN)?;
    let covered = octets.get(8..RECORD_HEAD_LEN + payload_len)?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), covered);
    (checksum == word(4)?).then_some(())?;
    Some((
        number(octets, 8)?,
        octets.get(RECORD_HEAD_LEN..RECORD_HEAD_LEN + payload_len)?,
    ))
}

/// The datagram in the payload of an accounting record; `None` when it is not one of the version we know.
fn packet(payload: &[u8]) -> Option<&[u8]> {
    let (version, rest) = payload.split_first()?;
    (*version == 1).then_some(())?;
    // When it was received, NAS, partner.
    let (subscriber, rest) = rest.get(8 + 16 + 16..)?.split_first()?;
    let rest = rest.get(if *subscriber == 1 { 16 } else { 0 }..)?;
    let (family, rest) = rest.split_first()?;
    rest.get(if *family == 6 { 16 } else { 4 } + 2..)
}

/// A number of 64 bits.
fn number(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(octets.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment with these packets as records from a sequence number on.
    fn written(dir: &Path, first_seq: u64, follows: u64, packets: &[&[u8]]) -> Result<()> {
        let salt = 0x5a17_u64;
        let mut octets = vec![0; SEGMENT_HEAD_LEN];
        octets[..8].copy_from_slice(MAGIC);
        for (at, field) in [(16, first_seq), (24, follows), (32, salt)] {
            octets[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        for (seq, packet) in (first_seq..).zip(packets) {
            let mut payload = vec![1; 1];
            payload.extend_from_slice(&[0; 8 + 16 + 16 + 1]);
            payload.extend_from_slice(&[4, 127, 0, 0, 1, 7, 7]);
            payload.extend_from_slice(packet);
            let mut covered = seq.to_le_bytes().to_vec();
            covered.push(1);
            covered.extend_from_slice(&payload);
            let crc = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &covered);
            octets.extend_from_slice(&u32::try_from(covered.len())?.to_le_bytes());
            octets.extend_from_slice(&crc.to_le_bytes());
            octets.extend_from_slice(&covered);
        }
        octets.extend_from_slice(&[0; 64]);
        Ok(fs::write(dir.join(format!("{first_seq:016x}.seg")), octets)?)
    }

    #[test]
    fn packets_are_read_with_the_octets_they_were_written_with() -> Result<()> {
        let dir = tempfile::tempdir()?;
        written(dir.path(), 20, 12, &[b"three"])?;
        written(dir.path(), 10, 10, &[b"one", b"two"])?;
        let journal = Journal::read(dir.path())?;
        let packets: Vec<&[u8]> = journal.records().map(|record| record.packet.as_slice()).collect();
        assert_eq!(packets, [b"one".as_slice(), b"two", b"three"]);
        assert_eq!(journal.next_seq(), 21);
        assert!(journal.reaches_back_to(10) && !journal.reaches_back_to(9));
        Ok(())
    }

    #[test]
    fn a_record_that_a_later_segment_disowns_is_none() -> Result<()> {
        let dir = tempfile::tempdir()?;
        written(dir.path(), 10, 10, &[b"one", b"failed"])?;
        written(dir.path(), 12, 11, &[b"two"])?;
        let journal = Journal::read(dir.path())?;
        assert_eq!(
            journal.records().map(|record| record.seq).collect::<Vec<_>>(),
            [10, 12]
        );
        Ok(())
    }

    #[test]
    fn a_damaged_record_and_what_is_behind_it_is_not_read() -> Result<()> {
        let dir = tempfile::tempdir()?;
        written(dir.path(), 10, 10, &[b"one", b"two"])?;
        let path = dir.path().join(format!("{:016x}.seg", 10));
        let mut octets = fs::read(&path)?;
        let first_end = Journal::read(dir.path())?.segments[0].records[0].end;
        octets[usize::try_from(first_end)? + 20] ^= 1;
        fs::write(&path, octets)?;
        assert_eq!(Journal::read(dir.path())?.next_seq(), 11);
        Ok(())
    }

    #[test]
    fn no_directory_is_an_empty_journal() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert_eq!(Journal::read(&dir.path().join("none"))?.next_seq(), 0);
        Ok(())
    }
}
