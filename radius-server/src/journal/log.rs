//! What a writer and its readers share: the list of segments, how far they are committed, and who wants to know.
//! It holds the directory's lock, decides which drained segments go, and does no reading or writing of records. Beside
//! it: `writer`, `reader`.

use super::disk::Disk;
use super::error::JournalError;
use super::mark::{KEPT_SEGMENTS_MAX, Mark};
use super::report::RecoveryReport;
use super::segment::SEGMENT_HEAD_LEN;
use super::writer::Options;
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Called with the new end after each commit.
type Hook = Box<dyn Fn(u64) + Send + Sync>;

/// How many gaps are told apart; beyond that a gap may be counted more than once.
const GAPS_KNOWN_MAX: usize = 4096;

/// How often the ages of kept segments are noted when nothing else changes: what a crash may add to their time.
const NOTE_EVERY: Duration = Duration::from_secs(10 * 60);

/// How often it is said that the disk is full and kept segments go.
const PRESSED_TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// The committed part of one journal.
pub(super) struct Log {
    /// The journal's directory.
    pub dir: PathBuf,
    /// Held for its `flock`.
    lock: File,
    /// The system calls.
    disk: Arc<dyn Disk>,
    /// How long drained segments are kept.
    keep: Duration,
    /// How many octets of them.
    keep_max: u64,
    /// Oldest first: drained ones, waiting ones, and at last the one that is written or was written last.
    segments: Mutex<VecDeque<Segment>>,
    /// What is done one at a time: noting how far the database is, and deleting what it has.
    releasing: Mutex<Releasing>,
    /// Next sequence number to be committed.
    committed: AtomicU64,
    /// Octets of all segments that the database does not have as a whole.
    backlog: AtomicU64,
    /// Octets of the others.
    kept: AtomicU64,
    /// Records from here on are wanted by somebody beside the database; `u64::MAX`: none.
    wanted_from: AtomicU64,
    /// Segments that went all the same, because the disk was full.
    wanted_gone: AtomicU64,
    /// When it was said that kept segments go because the disk is full.
    pressed_told_at: Mutex<Option<Instant>>,
    /// Records known to be lost from what was here at opening.
    missing: AtomicU64,
    /// Where the known gaps end, so that reading across one again does not count it again; at most [`GAPS_KNOWN_MAX`].
    gaps_known: Mutex<HashSet<u64>>,
    /// Signalled under `segments` after each commit.
    grown: Condvar,
    /// Called after each commit, on the writer's thread.
    hooks: RwLock<Vec<Hook>>,
}

/// What a release remembers for the next one.
struct Releasing {
    /// What the mark on disk says, as far as we know.
    noted: Mark,
    /// When it was written.
    noted_at: Instant,
    /// Writing it failed, and that was said.
    told: bool,
}

/// What is committed of one segment.
#[derive(Clone)]
pub(super) struct Segment {
    /// Sequence number of its first record.
    pub first_seq: u64,
    /// One more than the sequence number of its last committed record; `first_seq` when it has none.
    pub next_seq: u64,
    /// Octets up to the end of its last committed record.
    pub end: u64,
    /// Part of every checksum in it.
    pub salt: u64,
    /// Where it is, to delete it.
    pub path: PathBuf,
    /// Open for reading; stays readable when the file is deleted meanwhile.
    pub file: Arc<File>,
    /// Set when the database has all of it.
    pub drained: Option<Drained>,
}

/// How long a segment has been kept since the database has it.
///
/// Counted while the program runs, by the clock that nobody sets: a step of the time of day neither deletes a day's
/// segments at once nor keeps them for ever. Time in which no server runs does not count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    /// Since when, in this process.
    pub since: Instant,
    /// For how long, in earlier ones.
    pub before: Duration,
}

impl Drained {
    /// How long in all.
    fn age(self, now: Instant) -> Duration {
        self.before
            .saturating_add(now.saturating_duration_since(self.since))
    }
}

impl Segment {
    /// Tells whether nothing was committed to it.
    fn is_empty(&self) -> bool {
        self.end <= SEGMENT_HEAD_LEN
    }
}

impl Log {
    /// Starts from what recovery found.
    pub fn new(
        (dir, lock): (PathBuf, File),
        disk: Arc<dyn Disk>,
        options: &Options,
        (segments, noted): (VecDeque<Segment>, Mark),
        report: &RecoveryReport,
    ) -> Self {
        let log = Self {
            dir,
            lock,
            disk,
            keep: options.keep,
            keep_max: options.keep_max,
            segments: Mutex::new(VecDeque::new()),
            releasing: Mutex::new(Releasing {
                noted,
                noted_at: Instant::now(),
                told: false,
            }),
            committed: AtomicU64::new(report.next_seq),
            backlog: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            wanted_from: AtomicU64::new(u64::MAX),
            wanted_gone: AtomicU64::new(0),
            pressed_told_at: Mutex::new(None),
            missing: AtomicU64::new(report.missing_records),
            gaps_known: Mutex::new(report.gaps.iter().map(|gap| gap.to_seq).collect()),
            grown: Condvar::new(),
            hooks: RwLock::new(Vec::new()),
        };
        log.recount(&segments);
        *log.segments.lock() = segments;
        log
    }

    /// Next sequence number to be committed.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Octets that the database does not have yet.
    pub fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Octets that the database has and that are kept all the same.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Keeps what the database has from this record on, as long as the disk has room; `None`: nothing.
    pub fn want_from(&self, seq: Option<u64>) {
        self.wanted_from.store(seq.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Segments that had to go although they were wanted.
    pub fn wanted_gone(&self) -> u64 {
        self.wanted_gone.load(Ordering::Relaxed)
    }

    /// Octets committed from a record on; of the segment it is in, those behind `at`.
    pub fn octets_from(&self, seq: u64, at: impl Fn(&Segment) -> u64) -> u64 {
        let segments = self.segments.lock();
        let behind = segments.iter().rev().take_while(|segment| segment.next_seq > seq);
        behind
            .map(|segment| {
                let from = if segment.first_seq < seq {
                    at(segment)
                } else {
                    SEGMENT_HEAD_LEN
                };
                segment.end.saturating_sub(from)
            })
            .sum()
    }

    /// Records known to be lost from what was here at opening, or since.
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    /// Counts records a reader could not read, unless that gap is known; tells whether it is new.
    pub fn note_gap(&self, from_seq: u64, to_seq: u64) -> bool {
        let mut known = self.gaps_known.lock();
        let new = known.len() >= GAPS_KNOWN_MAX || known.insert(to_seq);
        if new {
            self.missing
                .fetch_add(to_seq.saturating_sub(from_seq), Ordering::Relaxed);
        }
        new
    }

    /// Makes a new segment the one that is written.
    pub fn push(&self, segment: Segment) {
        let mut segments = self.segments.lock();
        // A segment without a record has the name of its successor, whose file has taken its place.
        if segments.back().is_some_and(Segment::is_empty)
            && let Some(replaced) = segments.pop_back()
        {
            self.backlog.fetch_sub(replaced.end, Ordering::Relaxed);
        }
        self.backlog.fetch_add(segment.end, Ordering::Relaxed);
        segments.push_back(segment);
    }

    /// Shows readers what a commit made durable in the newest segment, and wakes whoever waits.
    pub fn publish(&self, end: u64, next_seq: u64) {
        {
            let mut segments = self.segments.lock();
            if let Some(active) = segments.back_mut() {
                self.backlog.fetch_add(end - active.end, Ordering::Relaxed);
                active.end = end;
                active.next_seq = next_seq;
            }
            self.committed.store(next_seq, Ordering::Release);
            self.grown.notify_all();
        }
        for hook in self.hooks.read().iter() {
            hook(next_seq);
        }
    }

    /// The oldest segment with a record at or after this sequence number.
    pub fn segment_with(&self, seq: u64) -> Option<Segment> {
        self.segments
            .lock()
            .iter()
            .find(|segment| !segment.is_empty() && segment.next_seq > seq)
            .cloned()
    }

    /// The sequence number of the oldest segment's first record.
    pub fn first_seq(&self) -> u64 {
        self.segments
            .lock()
            .front()
            .map_or_else(|| self.committed(), |segment| segment.first_seq)
    }

    /// Takes the database's word for how far it is, also when it is less far than before, as one that was restored
    /// from a backup; deletes what has been kept long enough. Returns how many segments were drained now.
    ///
    /// # Errors
    ///
    /// `Io` when a file cannot be deleted.
    pub fn release(&self, drained_seq: u64, now: Instant) -> Result<usize, JournalError> {
        let mut releasing = self.releasing.lock();
        let (newly, mark, gone) = {
            let mut segments = self.segments.lock();
            let newly = mark_drained(&mut segments, drained_seq, now);
            let gone = self.take_expired(&mut segments, now);
            self.recount(&segments);
            let kept = segments.iter().map_while(|segment| {
                let age = segment.drained?.age(now);
                Some((segment.first_seq, age))
            });
            let kept = kept.collect();
            (newly, Mark { drained_seq, kept }, gone)
        };
        // First the word, then the deed: what is gone without a mark would look lost.
        if !gone.is_empty() || releasing.is_worth_noting(&mark, now) {
            self.note(&mut releasing, mark, now);
        }
        self.delete(&gone)?;
        Ok(newly)
    }

    /// Deletes kept segments before their time, oldest first, until they gave back so many octets; returns how many
    /// segments that took. For a disk that is full.
    pub fn make_room(&self, octets: u64) -> usize {
        let mut gone = Vec::new();
        {
            let mut segments = self.segments.lock();
            let mut freed = 0;
            while freed < octets
                && segments.front().is_some_and(|oldest| oldest.drained.is_some())
                && let Some(oldest) = segments.pop_front()
            {
                freed += oldest.end;
                let wanted = self.wanted_from.load(Ordering::Relaxed) < oldest.next_seq;
                self.wanted_gone.fetch_add(u64::from(wanted), Ordering::Relaxed);
                gone.push(oldest);
            }
            self.recount(&segments);
        }
        if gone.is_empty() {
            return 0;
        }
        let mut told = self.pressed_told_at.lock();
        if told.is_none_or(|told| told.elapsed() >= PRESSED_TELL_EVERY) {
            *told = Some(Instant::now());
            let journal = self.dir.display();
            tracing::warn!(%journal, "the disk is full: journal segments that the database has go before their time");
        }
        if let Err(error) = self.delete(&gone) {
            tracing::warn!(journal = %self.dir.display(), %error, "a journal segment that the database has cannot be deleted");
        }
        gone.len()
    }

    /// Takes out the oldest drained segments that are too old or too many, up to the first that somebody wants.
    fn take_expired(&self, segments: &mut VecDeque<Segment>, now: Instant) -> Vec<Segment> {
        let drained = segments.iter().take_while(|segment| segment.drained.is_some());
        let (mut count, mut octets) = drained.fold((0, 0), |(count, octets), segment| {
            (count + 1, octets + segment.end)
        });
        let wanted_from = self.wanted_from.load(Ordering::Relaxed);
        let mut gone = Vec::new();
        while let Some(age) = segments
            .front()
            .filter(|oldest| oldest.next_seq <= wanted_from)
            .and_then(|oldest| oldest.drained)
            .map(|drained| drained.age(now))
            && (age >= self.keep || octets > self.keep_max || count > KEPT_SEGMENTS_MAX)
            && let Some(oldest) = segments.pop_front()
        {
            octets -= oldest.end;
            count -= 1;
            gone.push(oldest);
        }
        gone
    }

    /// Writes the mark; failing costs what its words say, and is said once.
    fn note(&self, releasing: &mut Releasing, mark: Mark, now: Instant) {
        let written = mark.write(self.disk.as_ref(), &self.dir);
        releasing.noted_at = now;
        match written {
            Ok(()) => {
                releasing.noted = mark;
                releasing.told = false;
            }
            Err(error) if !releasing.told => {
                releasing.told = true;
                let journal = self.dir.display();
                tracing::warn!(%journal, %error, "cannot note how far the database is: after a restart, what it has counts as waiting until it answers");
            }
            Err(_) => {}
        }
    }

    /// Deletes files of segments that are in the list no more.
    fn delete(&self, gone: &[Segment]) -> Result<(), JournalError> {
        let mut done = Ok(());
        for segment in gone {
            match self.disk.remove(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    done = Err(JournalError::io("delete the journal segment", &segment.path)(
                        error,
                    ));
                }
                _ => {}
            }
        }
        done
    }

    /// Counts the octets anew.
    fn recount(&self, segments: &VecDeque<Segment>) {
        let (mut backlog, mut kept) = (0, 0);
        for segment in segments {
            *(if segment.drained.is_some() {
                &mut kept
            } else {
                &mut backlog
            }) += segment.end;
        }
        self.backlog.store(backlog, Ordering::Relaxed);
        self.kept.store(kept, Ordering::Relaxed);
    }

    /// Blocks until more than this is committed, or until the time is over; returns how far it is.
    pub fn wait_beyond(&self, seq: u64, timeout: Duration) -> u64 {
        let deadline = Instant::now() + timeout;
        let mut segments = self.segments.lock();
        while self.committed() <= seq {
            if self.grown.wait_until(&mut segments, deadline).timed_out() {
                break;
            }
        }
        self.committed()
    }

    /// Adds somebody to call after each commit.
    pub fn add_hook(&self, hook: Hook) {
        self.hooks.write().push(hook);
    }
}

impl Releasing {
    /// Whether the mark on disk says too little: a segment more or fewer, or ages of long ago.
    fn is_worth_noting(&self, mark: &Mark, now: Instant) -> bool {
        let first_seqs = |mark: &'_ Mark| {
            mark.kept
                .iter()
                .map(|(first_seq, _)| *first_seq)
                .collect::<Vec<_>>()
        };
        let old = now.saturating_duration_since(self.noted_at) >= NOTE_EVERY;
        mark.drained_seq < self.noted.drained_seq
            || first_seqs(mark) != first_seqs(&self.noted)
            || (old && *mark != self.noted)
    }
}

/// Marks the segments whose records all lie below a sequence number, never the newest, and no others; returns how many
/// were not marked before.
fn mark_drained(segments: &mut VecDeque<Segment>, drained_seq: u64, now: Instant) -> usize {
    let older = segments.len().saturating_sub(1);
    let mut newly = 0;
    for segment in segments.iter_mut().take(older) {
        match (segment.next_seq <= drained_seq, segment.drained) {
            (true, None) => {
                segment.drained = Some(Drained {
                    since: now,
                    before: Duration::ZERO,
                });
                newly += 1;
            }
            (false, Some(_)) => segment.drained = None,
            _ => {}
        }
    }
    newly
}

impl Drop for Log {
    /// Releases the lock when the writer and the last reader are gone.
    ///
    /// Closing the file is not enough: a child that is being started at this moment still holds a copy of it.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.lock, rustix::fs::FlockOperation::Unlock);
    }
}
