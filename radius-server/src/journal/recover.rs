//! Opening a journal after whatever happened: which records are there, which must not be, which are lost.
//! It writes nothing into a segment: it cuts torn tails, keeps copies of damaged files, and reports. Reading one file
//! is in `scan`; what follows an opening, in `writer`.

use super::dir::{self, Listing};
use super::disk::Disk;
use super::error::JournalError;
use super::log::{Drained, Log, Segment};
use super::mark::Mark;
use super::report::{Damage, Gap, RecoveryReport};
use super::scan::{self, Scanned};
use super::segment::{Header, HeaderFound, SEGMENT_HEAD_LEN, VERSION, read_tolerant};
use super::writer::{Options, SEGMENT_LEN_MAX};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many copies of damaged segments are kept in one journal.
const KEPT_COPIES_MAX: usize = 64;

/// What the writer starts from.
pub(super) struct Recovered {
    /// The committed part, locked.
    pub log: Log,
    /// One more than the last record's sequence number: what the next segment follows.
    pub follows: u64,
    /// Segments without records, to be removed once there is a new one.
    pub empty: Vec<PathBuf>,
    /// What was found.
    pub report: RecoveryReport,
}

/// A segment file with a readable header.
struct Found {
    /// Where it is.
    path: PathBuf,
    /// Open for reading and cutting.
    file: Arc<File>,
    /// Octets of the file.
    len: u64,
    /// What it says about itself.
    header: Header,
    /// One copy of the header is damaged, so the file stays as it is.
    header_damaged: bool,
}

/// Opens the directory and finds out what is in it.
///
/// # Errors
///
/// `Locked`, `Version`, and `Io` when a file or the directory cannot be opened or made durable. Damage is no error.
pub(super) fn recover(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    options: &Options,
) -> Result<Recovered, JournalError> {
    dir::make(disk.as_ref(), dir)?;
    let lock = dir::lock(dir)?;
    let mut listing = dir::list(dir)?;
    let mark = Mark::read(dir).unwrap_or_default();
    let mut report = RecoveryReport {
        kept_copies: listing.kept_copies,
        ..RecoveryReport::default()
    };
    let mut seq_floor = options.seq_floor.unwrap_or_else(unix_micros);
    let found = open_segments(&mut listing, &mut report, &mut seq_floor)?;

    let mut chain = Chain::default();
    for (n, segment) in found.iter().enumerate() {
        // What a later segment says it follows ends this one, for ever: see `Writer::abandon`.
        let bound = found.get(n + 1).map_or(u64::MAX, |next| next.header.follows);
        if segment.header.first_seq < bound && bound <= mark.drained_seq {
            chain.add_drained(segment, bound, mark.age(segment.header.first_seq), &mut report);
            continue;
        }
        let scanned = read_segment(segment, bound, &mut listing.kept_copies, &mut report);
        chain.add(segment, &scanned, &mut report);
        if !segment.header_damaged && !scanned.is_damaged() && scanned.end < segment.len {
            cut(disk.as_ref(), segment, scanned.end);
        }
    }
    sync_newest(disk.as_ref(), &chain.segments)?;
    report.segments = chain.segments.len() - report.kept_segments;
    report.next_seq = chain.next_seq.max(seq_floor).max(1);
    report.first_seq = chain
        .segments
        .front()
        .map_or(report.next_seq, |oldest| oldest.first_seq);
    let follows = if chain.next_seq == 0 {
        report.next_seq
    } else {
        chain.next_seq
    };
    let log = Log::new(
        (dir.to_owned(), lock),
        Arc::clone(disk),
        options,
        (chain.segments, mark),
        &report,
    );
    Ok(Recovered {
        log,
        follows,
        empty: chain.empty,
        report,
    })
}

/// Removes segments without records, now that their successor is durable; `own` is the successor itself.
pub(super) fn remove_empty(empty: &[PathBuf], own: &Path) {
    for path in empty.iter().filter(|path| path.as_path() != own) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove an empty journal segment");
        }
    }
}

/// Opens every segment, oldest first; puts those without a readable header aside.
///
/// Raises `seq_floor` above every number that a segment's name or a lost segment may have used.
fn open_segments(
    listing: &mut Listing,
    report: &mut RecoveryReport,
    seq_floor: &mut u64,
) -> Result<Vec<Found>, JournalError> {
    let mut found = Vec::new();
    for (name_seq, path) in std::mem::take(&mut listing.segments) {
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let looked = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (file, metadata) = match looked {
            Ok(found) => found,
            Err(error) if is_ours_to_mend(&error) => {
                return Err(JournalError::io("open the journal segment", &path)(error));
            }
            Err(error) => {
                *seq_floor = (*seq_floor).max(name_seq.saturating_add(scan::records_max(SEGMENT_LEN_MAX)));
                tracing::error!(path = %path.display(), %error, "a journal segment cannot be opened and is put aside");
                let kept_as = set_aside(&path);
                let what = "it cannot be opened";
                report.add_damage(Damage { path, what, kept_as });
                continue;
            }
        };
        let len = metadata.len().min(SEGMENT_LEN_MAX);
        let (head, _) = read_tolerant(&file, 0, len.min(SEGMENT_HEAD_LEN) as usize);
        match Header::decode(&head) {
            HeaderFound::Ours { header, damaged } => {
                if damaged {
                    let kept_as = keep_copy(&path, &mut listing.kept_copies);
                    let what = "one of the two copies of its header is unreadable";
                    report.add_damage(Damage {
                        path: path.clone(),
                        what,
                        kept_as,
                    });
                }
                *seq_floor = (*seq_floor).max(header.first_seq);
                found.push(Found {
                    path,
                    file: Arc::new(file),
                    len,
                    header,
                    header_damaged: damaged,
                });
            }
            HeaderFound::Foreign { version } => {
                return Err(JournalError::Version {
                    path,
                    version,
                    known: VERSION,
                });
            }
            HeaderFound::Lost => {
                *seq_floor = (*seq_floor).max(name_seq.saturating_add(scan::records_max(len)));
                let kept_as = set_aside(&path);
                let what = "both copies of its header are unreadable, so none of its records can be checked";
                report.add_damage(Damage { path, what, kept_as });
            }
        }
    }
    found.sort_by_key(|segment| segment.header.first_seq);
    Ok(found)
}

/// Whether opening failed for want of something that has nothing to do with the file, so that another start may succeed.
fn is_ours_to_mend(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR | Errno::AGAIN)
    )
}

/// Reads one segment as a whole and notes its gaps.
fn read_segment(segment: &Found, bound: u64, copies: &mut usize, report: &mut RecoveryReport) -> Scanned {
    let (octets, unreadable) = read_tolerant(
        &segment.file,
        0,
        usize::try_from(segment.len).unwrap_or(usize::MAX),
    );
    let scanned = scan::scan(&octets, segment.header, bound);
    report.records += scanned.records;
    report.abandoned_records += scanned.abandoned;
    if !scanned.is_damaged() {
        report.torn_octets += scanned.torn_octets;
        return scanned;
    }
    let what = if unreadable > 0 {
        "the disk cannot read some of its sectors"
    } else {
        "octets between its records are not what was written"
    };
    let kept_as = keep_copy(&segment.path, copies);
    report.add_damage(Damage {
        path: segment.path.clone(),
        what,
        kept_as,
    });
    for hole in scanned.holes.iter().filter(|hole| hole.from_seq < hole.to_seq) {
        report.add_gap(Gap {
            from_seq: hole.from_seq,
            to_seq: hole.to_seq,
            path: segment.path.clone(),
            in_last_batch: hole.in_last_batch,
        });
    }
    scanned
}

/// The segments as they follow each other.
#[derive(Default)]
struct Chain {
    /// Those with records.
    segments: VecDeque<Segment>,
    /// Those without.
    empty: Vec<PathBuf>,
    /// One more than the newest record's sequence number, or what an empty segment says it follows; 0 at first.
    next_seq: u64,
}

impl Chain {
    /// Adds the next segment, and reports what is missing between it and the one before.
    fn add(&mut self, found: &Found, scanned: &Scanned, report: &mut RecoveryReport) {
        let Header {
            first_seq,
            follows,
            salt,
        } = found.header;
        if let Some(before) = self.segments.back()
            && self.next_seq < follows
        {
            let gap = Gap {
                from_seq: self.next_seq,
                to_seq: follows,
                path: before.path.clone(),
                in_last_batch: false,
            };
            report.add_gap(gap);
        }
        if scanned.records == 0 {
            self.next_seq = self.next_seq.max(follows);
            self.empty.push(found.path.clone());
            return;
        }
        self.next_seq = scanned.next_seq;
        self.segments.push_back(Segment {
            first_seq,
            next_seq: scanned.next_seq,
            end: scanned.end,
            salt,
            path: found.path.clone(),
            file: Arc::clone(&found.file),
            drained: None,
        });
    }

    /// Adds a segment whose records the database had when the mark was written: its successor says where it ends, and
    /// nobody reads it now. If the database says later that it has less, reading it takes care of damage.
    fn add_drained(&mut self, found: &Found, bound: u64, before: Duration, report: &mut RecoveryReport) {
        report.kept_segments += 1;
        self.next_seq = bound;
        self.segments.push_back(Segment {
            first_seq: found.header.first_seq,
            next_seq: bound,
            end: found.len,
            salt: found.header.salt,
            path: found.path.clone(),
            file: Arc::clone(&found.file),
            drained: Some(Drained {
                since: Instant::now(),
                before,
            }),
        });
    }
}

/// Cuts what is behind the last good record: zeros, a torn batch, or an abandoned one.
///
/// Failing is harmless: what is behind stays bounded by the next segment's header.
fn cut(disk: &dyn Disk, segment: &Found, end: u64) {
    if let Err(error) = disk.cut(&segment.file, end) {
        tracing::warn!(path = %segment.path.display(), %error, "cannot cut a journal segment to its length");
    }
}

/// Waits until what was read from the newest segment is on disk.
///
/// A process that was killed may have written a batch and not synced it. Reading found it in the page cache; before it
/// counts as committed it must be as durable as any other.
fn sync_newest(disk: &dyn Disk, segments: &VecDeque<Segment>) -> Result<(), JournalError> {
    let Some(newest) = segments.back() else {
        return Ok(());
    };
    disk.sync_all(&newest.file)
        .map_err(JournalError::io("make durable the journal segment", &newest.path))
}

/// Keeps a copy of a damaged segment beside it; the same one when it is found damaged again.
///
/// A second name costs no space and shows the same octets, since a damaged segment is never written or cut.
fn keep_copy(path: &Path, copies: &mut usize) -> Option<PathBuf> {
    let kept = path.with_extension("seg.corrupt");
    if kept.exists() {
        return Some(kept);
    }
    if *copies >= KEPT_COPIES_MAX {
        return None;
    }
    let linked = fs::hard_link(path, &kept).or_else(|_| fs::copy(path, &kept).map(|_| ()));
    *copies += 1;
    linked.ok().map(|()| kept)
}

/// Renames a segment of which nothing can be read.
fn set_aside(path: &Path) -> Option<PathBuf> {
    let kept = path.with_extension("seg.corrupt");
    fs::rename(path, &kept).ok().map(|()| kept)
}

/// Microseconds since 1970; 0 when the clock stands before.
fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}
