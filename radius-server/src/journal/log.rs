//! What a writer and its readers share: the list of segments, how far they are committed, and who wants to know.
//! It holds the directory's lock and does no reading or writing of records. Beside it: `writer`, `reader`.

use super::report::RecoveryReport;
use super::segment::SEGMENT_HEAD_LEN;
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Called with the new end after each commit.
type Hook = Box<dyn Fn(u64) + Send + Sync>;

/// How many gaps are told apart; beyond that a gap may be counted more than once.
const GAPS_KNOWN_MAX: usize = 4096;

/// The committed part of one journal.
pub(super) struct Log {
    /// The journal's directory.
    pub dir: PathBuf,
    /// Held for its `flock`.
    lock: File,
    /// Oldest first; the last one is where the writer writes, or wrote last.
    segments: Mutex<VecDeque<Segment>>,
    /// Next sequence number to be committed.
    committed: AtomicU64,
    /// Octets of all segments that hold something committed.
    backlog: AtomicU64,
    /// Records known to be lost from what was here at opening.
    missing: AtomicU64,
    /// Where the known gaps end, so that reading across one again does not count it again; at most [`GAPS_KNOWN_MAX`].
    gaps_known: Mutex<HashSet<u64>>,
    /// Signalled under `segments` after each commit.
    grown: Condvar,
    /// Called after each commit, on the writer's thread.
    hooks: RwLock<Vec<Hook>>,
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
}

impl Segment {
    /// Tells whether nothing was committed to it.
    fn is_empty(&self) -> bool {
        self.end <= SEGMENT_HEAD_LEN
    }
}

impl Log {
    /// Starts from what recovery found.
    pub fn new(dir: PathBuf, lock: File, segments: VecDeque<Segment>, report: &RecoveryReport) -> Self {
        let backlog = segments.iter().map(|segment| segment.end).sum();
        Self {
            dir,
            lock,
            segments: Mutex::new(segments),
            committed: AtomicU64::new(report.next_seq),
            backlog: AtomicU64::new(backlog),
            missing: AtomicU64::new(report.missing_records),
            gaps_known: Mutex::new(report.gaps.iter().map(|gap| gap.to_seq).collect()),
            grown: Condvar::new(),
            hooks: RwLock::new(Vec::new()),
        }
    }

    /// Next sequence number to be committed.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Octets that wait to be released.
    pub fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
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

    /// Takes the segments out whose records all lie below this sequence number; never the newest.
    pub fn take_below(&self, seq: u64) -> Vec<Segment> {
        let mut segments = self.segments.lock();
        let mut taken = Vec::new();
        while segments.len() > 1
            && segments.front().is_some_and(|oldest| oldest.next_seq <= seq)
            && let Some(oldest) = segments.pop_front()
        {
            self.backlog.fetch_sub(oldest.end, Ordering::Relaxed);
            taken.push(oldest);
        }
        taken
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

impl Drop for Log {
    /// Releases the lock when the writer and the last reader are gone.
    ///
    /// Closing the file is not enough: a child that is being started at this moment still holds a copy of it.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.lock, rustix::fs::FlockOperation::Unlock);
    }
}
