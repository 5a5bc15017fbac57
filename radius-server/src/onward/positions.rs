//! How far each target is, in one file beside the journal's segments: replaced as a whole, so that a crash leaves the old one or
//! the new one. Never the proof of a delivery: what was delivered after it was written is delivered again.
//!
//! ```text
//!  0        8         12      16      24            24 + 25 n
//!  +--------+---------+-------+-------+- - - - - - - - - - - - - - - - - - - - - - - - - - - -+-------+
//!  | magic  | version | n     | mark  | n times: kind, id, first seq that was not taken        | crc   |
//!  +--------+---------+-------+-------+- - - - - - - - - - - - - - - - - - - - - - - - - - - -+-------+
//! ```
//!
//! Numbers are little endian. The mark is what we put into Proxy-State, the same after a restart: a record that comes back then is
//! known, too.

use super::TARGETS_MAX;
use super::target::TargetId;
use radius::hop::MARK_OWNER_LEN;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file's name.
const FILE: &str = "forwarded";
/// How it begins.
const MAGIC: [u8; 8] = *b"HEADFWD\n";
/// The only version there is.
const VERSION: u32 = 1;
/// Octets before the targets.
const HEAD_LEN: usize = 24;
/// Octets of a target.
const ENTRY_LEN: usize = 25;
/// Positions kept: of every target served, and as many of targets that are not there now.
const POSITIONS_MAX: usize = 2 * TARGETS_MAX;
/// Octets of the largest file.
const LEN_MAX: usize = HEAD_LEN + POSITIONS_MAX * ENTRY_LEN + 4;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    /// What we put into Proxy-State; zeros: not drawn yet.
    pub mark: [u8; MARK_OWNER_LEN],
    /// By target: the first record it has not taken.
    pub positions: BTreeMap<TargetId, u64>,
}

/// The file and what it said when it was opened.
#[derive(Debug)]
pub(crate) struct Positions {
    /// Where it is.
    dir: PathBuf,
    /// What it said.
    pub(super) book: Book,
    /// It was there and could not be read.
    pub(super) damaged: bool,
}

impl Positions {
    /// Reads the file of an accounting journal.
    pub(crate) fn open(dir: &Path) -> Self {
        let read = read(&dir.join(FILE));
        let damaged = matches!(&read, Ok(octets) if Book::decode(octets).is_none())
            || matches!(&read, Err(error) if error.kind() != io::ErrorKind::NotFound);
        let book = read.ok().and_then(|octets| Book::decode(&octets));
        Self {
            dir: dir.to_owned(),
            book: book.unwrap_or_default(),
            damaged,
        }
    }

    /// The least position: the journal is wanted from there on.
    pub(crate) fn least(&self) -> Option<u64> {
        self.book.positions.values().copied().min()
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The system's; the file is as before then.
    pub(super) fn write(&self) -> io::Result<()> {
        let temporary = self.dir.join("forwarded.tmp");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&self.book.encode())?;
        file.sync_all()?;
        std::fs::rename(&temporary, self.dir.join(FILE))?;
        File::open(&self.dir)?.sync_all()
    }
}

/// Reads no more than the file may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?
        .take(LEN_MAX as u64 + 1)
        .read_to_end(&mut octets)?;
    Ok(octets)
}

impl Book {
    /// Its octets.
    fn encode(&self) -> Vec<u8> {
        let count = self.positions.len().min(POSITIONS_MAX);
        let mut octets = Vec::with_capacity(HEAD_LEN + count * ENTRY_LEN + 4);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        octets.extend_from_slice(&u32::try_from(count).unwrap_or(0).to_le_bytes());
        octets.extend_from_slice(&self.mark);
        for (target, position) in self.positions.iter().take(count) {
            let (kind, id) = match target {
                TargetId::Copy(server) => (0, server.as_bytes()),
                TargetId::Realm(realm) => (1, realm.as_bytes()),
            };
            octets.push(kind);
            octets.extend_from_slice(id);
            octets.extend_from_slice(&position.to_le_bytes());
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
        let whole = crc32c::crc32c(covered).to_le_bytes() == *crc
            && count <= POSITIONS_MAX
            && entries.len() == count * ENTRY_LEN;
        if !known || !whole {
            return None;
        }
        let entry = |entry: &[u8]| {
            let (kind, rest) = entry.split_first()?;
            let (id, seq) = rest.split_first_chunk::<16>()?;
            let target = match kind {
                0 => TargetId::Copy(crate::id::HomeServerId::from_bytes(*id)),
                1 => TargetId::Realm(crate::id::RealmId::from_bytes(*id)),
                _ => return None,
            };
            Some((target, u64::from_le_bytes(seq.try_into().ok()?)))
        };
        Some(Self {
            mark: head[16..24].try_into().ok()?,
            positions: entries
                .chunks_exact(ENTRY_LEN)
                .map(entry)
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn book() -> Book {
        Book {
            mark: *b"a mark 8",
            positions: [
                (TargetId::Copy(Uuid::from_u128(1).into()), 7),
                (TargetId::Realm(Uuid::from_u128(1).into()), u64::MAX),
            ]
            .into(),
        }
    }

    #[test]
    fn positions_are_read_as_they_were_written_and_not_at_all_when_an_octet_changed() {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Positions::open(dir.path());
        assert_eq!((&positions.book, positions.damaged), (&Book::default(), false));
        positions.book = book();
        positions.write().unwrap();
        let again = Positions::open(dir.path());
        assert_eq!((&again.book, again.least()), (&book(), Some(7)));
        let octets = book().encode();
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            assert_eq!(Book::decode(&changed), None, "octet {at}");
            assert_eq!(Book::decode(&octets[..at]), None, "cut at {at}");
        }
        std::fs::write(dir.path().join(FILE), &octets[1..]).unwrap();
        assert!(Positions::open(dir.path()).damaged);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _read = Book::decode(&octets);
            let crc = crc32c::crc32c(&octets).to_le_bytes();
            let _read = Book::decode(&[&octets[..], &crc].concat());
        }
    }
}
