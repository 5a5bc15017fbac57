//! The one writer of a journal: gathers a batch in memory, makes it durable at once, and takes it back if it cannot.
//! It never reads records and never deletes a segment with records. Opening: `recover`; a segment file: `segment`.

use super::disk::{Disk, RealDisk};
use super::error::{JournalError, Shortage};
use super::log::{Log, Segment};
use super::reader::Reader;
use super::record::{self, Kind, RECORD_PAYLOAD_LEN_MAX};
use super::recover;
use super::report::RecoveryReport;
use super::segment::{self, Header, SEGMENT_HEAD_LEN};
use super::spare::Spare;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Octets of a segment file, unless configured otherwise.
pub const SEGMENT_LEN: u64 = 16 * 1024 * 1024;

/// The smallest segment that makes sense; smaller configured ones are raised to it.
pub(super) const SEGMENT_LEN_MIN: u64 = 4096;

/// The largest segment; one is read into memory as a whole at opening.
pub(super) const SEGMENT_LEN_MAX: u64 = 1024 * 1024 * 1024;

/// Octets that may wait for the drain, unless configured otherwise.
pub const BACKLOG_LEN_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// How long segments are kept that the database has, unless configured otherwise.
pub const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How many octets of them, unless configured otherwise.
pub const KEEP_LEN_MAX: u64 = 1024 * 1024 * 1024;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Octets of a segment file; between 4 KiB and 1 GiB.
    pub segment_len: u64,
    /// Whether segments are filled with zeros ahead: a commit then waits for one write instead of two. A stream that nobody
    /// waits for saves the writing.
    pub zeros: bool,
    /// Octets that may wait for the drain before appending is refused; the disk holds up to two segments more.
    pub backlog_max: u64,
    /// How long a segment is kept after the database has all of it; counted while the program runs.
    pub keep: Duration,
    /// Octets of such segments that are kept at most, whatever their age; a full disk takes them earlier.
    pub keep_max: u64,
    /// The least sequence number the first new record may get; `None`: microseconds since 1970.
    ///
    /// The clock makes numbers unique even when the end of a journal, or all of it, was lost after the drain had
    /// noted how far it was: without it the next records would get numbers the drain believes to have seen.
    pub seq_floor: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_len: SEGMENT_LEN,
            zeros: true,
            backlog_max: BACKLOG_LEN_MAX,
            keep: KEEP,
            keep_max: KEEP_LEN_MAX,
            seq_floor: None,
        }
    }
}

impl Options {
    /// How the blank of a segment is made.
    const fn measure(&self) -> segment::Measure {
        segment::Measure {
            len: self.segment_len,
            zeros: self.zeros,
        }
    }
}

/// Appends to a journal. One thread owns it.
pub struct Writer {
    /// The next segment, made ahead; ends before the directory's lock is released.
    spare: Spare,
    /// What readers see.
    log: Arc<Log>,
    /// The system calls.
    disk: Arc<dyn Disk>,
    /// How the journal is kept.
    options: Options,
    /// The segment being written; `None` when a new one has to be made before anything can be committed.
    active: Option<Active>,
    /// Next sequence number to be committed.
    next_seq: u64,
    /// What the next new segment says it follows: `next_seq`, but for the jump to the clock at opening.
    follows: u64,
    /// Framed records that wait for the commit, their checksums not yet set.
    batch: Vec<u8>,
    /// How many they are.
    batch_records: u64,
}

/// The segment being written.
struct Active {
    /// Its file.
    file: Arc<File>,
    /// Its name, for errors.
    path: PathBuf,
    /// Part of every checksum in it.
    salt: u64,
    /// Octets committed so far.
    end: u64,
    /// Octets of the whole file.
    len: u64,
}

impl Active {
    /// Tells whether a batch still fits.
    fn has_room(&self, octets: usize) -> bool {
        self.end + octets as u64 <= self.len
    }
}

impl Writer {
    /// Opens the journal in a directory, which is made when it is missing; recovers what a crash left.
    ///
    /// A full disk does not keep it from opening: what is there can be read and drained, and commits are refused until
    /// there is space. Damage does not either; it is in the report.
    ///
    /// # Errors
    ///
    /// `Locked` when somebody has it open, `Version` when a newer program wrote it, `Io` when the directory cannot be
    /// read or written.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, RecoveryReport), JournalError> {
        Self::open_on(Arc::new(RealDisk), dir, options)
    }

    /// Opens it with other system calls underneath.
    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        mut options: Options,
    ) -> Result<(Self, RecoveryReport), JournalError> {
        options.segment_len = options.segment_len.clamp(SEGMENT_LEN_MIN, SEGMENT_LEN_MAX);
        let recovered = recover::recover(&disk, dir, &options)?;
        let next_seq = recovered.report.next_seq;
        let own_path = dir.join(segment::file_name(next_seq));
        let mut writer = Self {
            spare: Spare::default(),
            log: Arc::new(recovered.log),
            disk,
            options,
            active: None,
            next_seq,
            follows: recovered.follows,
            batch: Vec::new(),
            batch_records: 0,
        };
        let mut report = recovered.report;
        match writer.roll() {
            Ok(()) => recover::remove_empty(&recovered.empty, &own_path),
            // Without a new segment the empty ones stay: one of them may be what seals an abandoned batch.
            Err(error) if error.is_full() => report.full = true,
            Err(error) => return Err(error),
        }
        Ok((writer, report))
    }

    /// Adds a record to the batch; returns the sequence number it has once the batch is committed.
    ///
    /// # Errors
    ///
    /// `Full` when too much waits for the drain, `BatchFull` when the batch needs a commit first, `PayloadTooLarge`.
    /// The batch stays as it was.
    pub fn append(&mut self, kind: Kind, payload: &[u8]) -> Result<u64, JournalError> {
        let room = self.options.segment_len - SEGMENT_HEAD_LEN;
        let len = record::record_len(payload.len());
        if payload.len() > RECORD_PAYLOAD_LEN_MAX || len as u64 > room {
            return Err(JournalError::too_large(
                payload.len(),
                room - record::record_len(0) as u64,
            ));
        }
        let batch_len = self.batch.len() + len;
        if batch_len as u64 > room {
            return Err(JournalError::BatchFull {
                records: self.batch_records,
                octets: self.batch.len(),
                room,
            });
        }
        // The batch may need a new segment, which has a header.
        let used = self.log.backlog() + SEGMENT_HEAD_LEN + batch_len as u64;
        if used > self.options.backlog_max {
            let why = Shortage::Backlog {
                used: self.log.backlog(),
                allowed: self.options.backlog_max,
            };
            return Err(JournalError::Full {
                dir: self.log.dir.clone(),
                why,
            });
        }
        let seq = self.next_seq + self.batch_records;
        record::encode(seq, kind, self.batch_records == 0, payload, &mut self.batch);
        self.batch_records += 1;
        Ok(seq)
    }

    /// Makes the batch durable and shows it to readers; returns the next sequence number to be committed.
    ///
    /// # Errors
    ///
    /// `Full` or `Io`: the batch is forgotten, no reader sees anything of it, and it is not replayed after a restart.
    pub fn commit(&mut self) -> Result<u64, JournalError> {
        if self.batch.is_empty() {
            return Ok(self.next_seq);
        }
        let written = self.write_batch();
        let records = self.batch_records;
        self.rollback();
        let end = written?;
        self.next_seq += records;
        self.follows = self.next_seq;
        self.log.publish(end, self.next_seq);
        // Not before there is a record: a journal that takes none needs no second segment.
        self.spare.request(&self.disk, &self.log, self.options.measure());
        Ok(self.next_seq)
    }

    /// Forgets what was appended since the last commit.
    pub fn rollback(&mut self) {
        self.batch.clear();
        self.batch_records = 0;
    }

    /// Records appended since the last commit.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.batch_records
    }

    /// Gives a reader of what is committed.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.log))
    }

    /// Writes the batch and waits for the disk; returns where it ends.
    ///
    /// A batch never spans two segments, so that sealing one segment takes all of it back.
    fn write_batch(&mut self) -> Result<u64, JournalError> {
        if !self
            .active
            .as_ref()
            .is_some_and(|active| active.has_room(self.batch.len()))
        {
            self.roll()?;
        }
        let Some(active) = &mut self.active else {
            let missing = io::Error::other("there is no segment to write to");
            return Err(JournalError::io("commit a batch to", &self.log.dir)(missing));
        };
        record::checksum_batch(&mut self.batch, active.salt);
        let done = self
            .disk
            .write(&active.file, &self.batch, active.end)
            .and_then(|()| self.disk.sync_data(&active.file));
        match done {
            Ok(()) => {
                active.end += self.batch.len() as u64;
                Ok(active.end)
            }
            Err(source) => {
                let error = JournalError::io("commit a batch to the journal segment", &active.path)(source);
                self.abandon();
                Err(error)
            }
        }
    }

    /// Gives up the active segment after a failed write or sync, so that nothing of the failed batch is ever replayed.
    ///
    /// After a failed `fdatasync` nobody knows what is on disk, and asking again does not help: Linux reports the error
    /// once, marks the pages clean, and the next `fdatasync` on the same file returns success without having written
    /// them, while reads still show them from the page cache (Rebello et al., "Can Applications Recover from fsync
    /// Failures?", USENIX ATC 2020; PostgreSQL's "fsyncgate", <https://lwn.net/Articles/752063/>). So this file is not
    /// written again: not the same batch, not the next one. What was committed to it earlier had its own successful
    /// `fdatasync` and stays.
    ///
    /// Two things take the batch back, either is enough: the file is cut behind the last committed record, and a new
    /// segment is made whose header says where this one ends ([`Header::follows`]). If the disk refuses both, the new
    /// segment is tried again before anything else is committed. A process that dies before that succeeds may find the
    /// batch at its next start, as it may find one that was being written when it died: never acknowledged, sent again
    /// by the NAS, recognised by its session key.
    fn abandon(&mut self) {
        let Some(active) = self.active.take() else { return };
        let cut = self
            .disk
            .cut(&active.file, active.end)
            .and_then(|()| self.disk.sync_all(&active.file));
        if let Err(error) = cut {
            tracing::warn!(journal = %self.log.dir.display(), %error, "cannot cut a failed batch off its segment");
        }
        if let Err(error) = self.roll() {
            tracing::warn!(journal = %self.log.dir.display(), %error, "no new segment after a failed commit, trying again at the next one");
        }
    }

    /// Makes the spare, or a blank made now, the segment that is written from now on.
    fn roll(&mut self) -> Result<(), JournalError> {
        let header = Header {
            first_seq: self.next_seq,
            follows: self.follows,
            salt: random_salt(&self.log.dir)?,
        };
        let len = self.options.segment_len;
        let measure = self.options.measure();
        let blank = self.spare.take(self.disk.as_ref(), &self.log, measure)?;
        let (file, path) =
            segment::name(self.disk.as_ref(), &self.log.dir, blank, header).map_err(|refused| {
                if refused.named {
                    self.active = None;
                }
                refused.error
            })?;
        if let Some(full) = self.active.take() {
            // Only gives back the zeros behind the last record; recovery does it again if this fails.
            if let Err(error) = self.disk.cut(&full.file, full.end) {
                tracing::warn!(journal = %self.log.dir.display(), %error, "cannot cut a full segment to its length");
            }
        }
        let file = Arc::new(file);
        self.log.push(Segment {
            first_seq: self.next_seq,
            next_seq: self.next_seq,
            end: SEGMENT_HEAD_LEN,
            salt: header.salt,
            path: path.clone(),
            file: Arc::clone(&file),
            drained: None,
        });
        self.active = Some(Active {
            file,
            path,
            salt: header.salt,
            end: SEGMENT_HEAD_LEN,
            len,
        });
        Ok(())
    }
}

/// Draws the salt of a new segment.
fn random_salt(dir: &Path) -> Result<u64, JournalError> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt)
        .map_err(io::Error::other)
        .map_err(JournalError::io("draw a random salt for a segment of", dir))?;
    Ok(u64::from_le_bytes(salt))
}
