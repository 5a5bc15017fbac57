//! Looking at a journal from outside: its segments, its records, its damage. Reads files and nothing else.
//!
//! It takes no lock, writes nothing, and may look while a server writes: a segment that goes meanwhile was drained, and
//! what looks torn at the live end is believed when a second look sees the same. What the records mean: [`said`].

pub mod said;

use super::mark::Mark;
use super::record::{Kind, Record};
use super::scan::{self, Scanned};
use super::segment::{self, Header, HeaderFound, SEGMENT_HEAD_LEN, VERSION, read_tolerant};
use super::writer::SEGMENT_LEN_MAX;
use super::{JournalError, OwnedRecord};
use said::Said;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How often the live end is looked at until two looks agree.
const LOOKS_MAX: usize = 8;

/// Segments of one journal that are looked at.
const SEGMENTS_MAX: usize = 65_536;

/// What a journal's directory holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Its segments, oldest first.
    pub segments: Vec<SegmentFound>,
    /// Copies of damaged segments that were kept.
    pub copies: Vec<CopyFound>,
    /// Records below this are in the database, as far as the journal was told; it may have more. `None`: nothing was
    /// noted yet, or the note is damaged.
    pub drained_seq: Option<u64>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFound {
    /// The file.
    pub path: PathBuf,
    /// Octets of the file.
    pub octets: u64,
    /// Records that can be read.
    pub records: u64,
    /// The first of them.
    pub first: Option<Edge>,
    /// The last of them.
    pub last: Option<Edge>,
    /// What it is for.
    pub state: State,
    /// Octets behind its last record that are none: a batch being written, or one that a crash interrupted.
    pub torn_octets: u64,
    /// What is wrong with it, a sentence each.
    pub damage: Vec<String>,
}

/// The first or the last record of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Its sequence number.
    pub seq: u64,
    /// When it was received, in microseconds since 1970; `None` when the record does not say.
    pub at_unix_us: Option<i64>,
}

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The newest: written now, or when the server ended.
    Active,
    /// Full, and not yet in the database as a whole.
    Waiting,
    /// In the database, and kept for a while.
    Drained,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Drained => "drained",
        }
    }
}

/// A copy of a damaged segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFound {
    /// The file.
    pub path: PathBuf,
    /// Its octets.
    pub octets: u64,
}

impl Inspection {
    /// Tells whether nothing is damaged or missing, and no copy waits for somebody to look at it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.copies.is_empty() && self.segments.iter().all(|segment| segment.damage.is_empty())
    }
}

/// Looks at a journal, and shows every good record to `visit`, oldest first.
///
/// # Errors
///
/// `Io` when the directory or a file cannot be read at all, above all for want of the right to.
pub fn inspect(dir: &Path, visit: &mut dyn FnMut(&OwnedRecord)) -> Result<Inspection, JournalError> {
    // The mark first: what it calls drained may go while we look, and nothing else does.
    let drained_seq = Mark::read(dir).map(|mark| mark.drained_seq);
    let (heads, copies) = list(dir)?;
    let mut inspection = Inspection {
        copies,
        drained_seq,
        ..Inspection::default()
    };
    let mut expected = None;
    for (n, head) in heads.iter().enumerate() {
        let next = heads[n + 1..].iter().find_map(|next| next.header);
        let Some(found) = look_at(head, next, drained_seq.unwrap_or(0), &mut expected, visit)? else {
            // It went while we looked, so what is before the next one is no gap.
            expected = None;
            continue;
        };
        inspection.segments.push(found);
    }
    Ok(inspection)
}

/// The start of a segment file.
struct Head {
    /// The file.
    path: PathBuf,
    /// The number in its name.
    name_seq: u64,
    /// What it says about itself; `None` when that cannot be read.
    header: Option<Header>,
    /// What is wrong with it.
    damage: Vec<String>,
}

/// Lists the segments, oldest first, and the copies.
fn list(dir: &Path) -> Result<(Vec<Head>, Vec<CopyFound>), JournalError> {
    let doing = "list the journal directory";
    let (mut heads, mut copies) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(JournalError::io(doing, dir))? {
        let path = entry.map_err(JournalError::io(doing, dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(name_seq) = segment::first_seq_of(name) {
            if heads.len() < SEGMENTS_MAX {
                heads.extend(read_head(path, name_seq)?);
            }
        } else if name.ends_with(".corrupt") {
            let octets = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            copies.push(CopyFound { path, octets });
        }
    }
    heads.sort_by_key(|head| head.header.map_or(head.name_seq, |header| header.first_seq));
    copies.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((heads, copies))
}

/// Reads the start of a segment file; `None` when it has gone.
fn read_head(path: PathBuf, name_seq: u64) -> Result<Option<Head>, JournalError> {
    let Some(file) = open(&path)? else { return Ok(None) };
    let (octets, _) = read_tolerant(&file, 0, SEGMENT_HEAD_LEN as usize);
    let (header, damage) = match Header::decode(&octets) {
        HeaderFound::Ours {
            header,
            damaged: false,
        } => (Some(header), Vec::new()),
        HeaderFound::Ours {
            header,
            damaged: true,
        } => {
            let what = "one of the two copies of its header is unreadable; no record is lost by that";
            (Some(header), vec![what.to_owned()])
        }
        HeaderFound::Foreign { version } => {
            let what = format!("it has format version {version}, this program reads version {VERSION}");
            (None, vec![what])
        }
        HeaderFound::Lost => {
            let what = "both copies of its header are unreadable, so none of its records can be checked";
            (None, vec![what.to_owned()])
        }
    };
    Ok(Some(Head {
        path,
        name_seq,
        header,
        damage,
    }))
}

/// Opens a file for reading; `None` when it has gone.
fn open(path: &Path) -> Result<Option<File>, JournalError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::io("read the journal segment", path)(error)),
    }
}

/// Looks at one segment; `next` is the header of the one after it, `expected` the next number of those before it.
fn look_at(
    head: &Head,
    next: Option<Header>,
    drained_seq: u64,
    expected: &mut Option<u64>,
    visit: &mut dyn FnMut(&OwnedRecord),
) -> Result<Option<SegmentFound>, JournalError> {
    let Some(file) = open(&head.path)? else {
        return Ok(None);
    };
    let mut found = SegmentFound {
        path: head.path.clone(),
        octets: 0,
        records: 0,
        first: None,
        last: None,
        state: State::Waiting,
        torn_octets: 0,
        damage: head.damage.clone(),
    };
    let Some(header) = head.header else {
        found.octets = file.metadata().map_or(0, |metadata| metadata.len());
        return Ok(Some(found));
    };
    let bound = next.map_or(u64::MAX, |next| next.follows);
    let (octets, scanned, unreadable) = read_settled(&file, header, bound);
    let mut edges: Option<(OwnedRecord, OwnedRecord)> = None;
    scan::scan_each(&octets, header, bound, &mut |record: Record<'_>| {
        let record = record.to_owned();
        visit(&record);
        match &mut edges {
            Some((_, last)) => *last = record,
            None => edges = Some((record.clone(), record)),
        }
    });
    found.octets = octets.len() as u64;
    found.records = scanned.records;
    found.torn_octets = scanned.torn_octets;
    if let Some((first, last)) = &edges {
        (found.first, found.last) = (Some(edge(first)), Some(edge(last)));
    }
    found.state = match next {
        None => State::Active,
        Some(_) if scanned.next_seq.max(bound) <= drained_seq => State::Drained,
        Some(_) => State::Waiting,
    };
    note_damage(&mut found, header, &scanned, bound, unreadable, *expected);
    *expected = match (scanned.records, scanned.tail_lost) {
        (0, _) => Some(expected.unwrap_or(0).max(header.follows)),
        // Said of this segment already.
        (_, true) => Some(bound),
        (_, false) => Some(scanned.next_seq),
    };
    Ok(Some(found))
}

/// Puts what is wrong with a segment into sentences.
fn note_damage(
    found: &mut SegmentFound,
    header: Header,
    scanned: &Scanned,
    bound: u64,
    unreadable: u64,
    expected: Option<u64>,
) {
    if let Some(expected) = expected.filter(|expected| *expected < header.follows) {
        let last = header.follows - 1;
        let what = format!("records {expected} to {last}, which came before it, are in no segment");
        found.damage.push(what);
    }
    if unreadable > 0 {
        let what = format!("the disk cannot read {unreadable} of its octets");
        found.damage.push(what);
    }
    for hole in scanned.holes.iter().filter(|hole| hole.from_seq < hole.to_seq) {
        let (from, last) = (hole.from_seq, hole.to_seq - 1);
        let maybe = if hole.in_last_batch {
            " (in its last batch: never acknowledged, if the power was cut while it was written)"
        } else {
            ""
        };
        let what = format!("records {from} to {last} are unreadable{maybe}");
        found.damage.push(what);
    }
    if scanned.tail_lost {
        let (from, last) = (scanned.next_seq, bound - 1);
        let what = format!("records {from} to {last} are unreadable, up to its end");
        found.damage.push(what);
    }
}

/// Reads a segment until what looks torn or damaged at its live end looks the same twice: its octets, what they are, and
/// how many of them the disk could not read.
fn read_settled(file: &File, header: Header, bound: u64) -> (Vec<u8>, Scanned, u64) {
    let look = || {
        let (octets, unreadable) = read_whole(file);
        let scanned = scan::scan(&octets, header, bound);
        (octets, scanned, unreadable)
    };
    let mut now = look();
    for _ in 1..LOOKS_MAX {
        if bound != u64::MAX || (!now.1.is_damaged() && now.1.torn_octets == 0) {
            break;
        }
        let before = std::mem::replace(&mut now, look());
        if before.1 == now.1 {
            break;
        }
    }
    now
}

/// Reads a file that may be cut meanwhile; what the disk cannot read comes back as zeros, and is counted.
fn read_whole(file: &File) -> (Vec<u8>, u64) {
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    let len = usize::try_from(len.min(SEGMENT_LEN_MAX)).unwrap_or(usize::MAX);
    let mut octets = vec![0; len];
    let mut read = 0;
    while read < len {
        match file.read_at(&mut octets[read..], read as u64) {
            Ok(0) => {
                octets.truncate(read);
                break;
            }
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return read_tolerant(file, 0, len),
        }
    }
    (octets, 0)
}

/// A record as the edge of a segment.
fn edge(record: &OwnedRecord) -> Edge {
    Edge {
        seq: record.seq,
        at_unix_us: Said::read(record.kind, &record.payload)
            .ok()
            .map(|said| said.at_unix_us),
    }
}

/// The word for a kind of record.
#[must_use]
pub const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Accounting => "accounting",
        Kind::Decision => "decision",
    }
}
