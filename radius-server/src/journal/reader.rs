//! Reading back what is committed, and letting go of what the database has.
//! It never sees an uncommitted octet and never lets go of the segment being written. The other side: `writer`.

use super::error::JournalError;
use super::log::{Log, Segment};
use super::record::{self, OwnedRecord, RECORD_LEN_MAX, Record};
use super::segment::{SEGMENT_HEAD_LEN, read_tolerant};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Octets read from a segment at once; holds the largest record.
const READ_LEN: usize = 262_144;
const _: () = assert!(READ_LEN >= RECORD_LEN_MAX);

/// Reads a journal; each clone remembers where it was, so give each task its own.
///
/// All calls read files and may block; on an async runtime use its threads for blocking work.
pub struct Reader {
    /// What the writer shows.
    log: Arc<Log>,
    /// Where the last read ended, so that the next one need not search.
    place: Mutex<Place>,
}

/// A place in a segment.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The segment, by its first sequence number.
    segment: u64,
    /// The next record there has this sequence number or a higher one.
    seq: u64,
    /// Its offset.
    at: u64,
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self {
            log: Arc::clone(&self.log),
            place: Mutex::new(*self.place.lock()),
        }
    }
}

impl Reader {
    /// Starts reading what a writer shows.
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            place: Mutex::new(Place::default()),
        }
    }

    /// Returns committed records from a sequence number on, in order; none means that no more are committed.
    ///
    /// At most `max_records`, and payloads of at most `max_bytes` together, but one record if there is one. Numbers may
    /// jump: continue at the last one plus one. What is damaged is skipped, counted and logged.
    ///
    /// # Errors
    ///
    /// `Ahead` when the number lies beyond everything this journal ever committed.
    pub fn read_from(
        &self,
        seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<OwnedRecord>, JournalError> {
        let committed = self.committed_seq();
        if seq > committed {
            return Err(JournalError::Ahead {
                dir: self.log.dir.clone(),
                asked: seq,
                committed,
            });
        }
        let mut basket = Basket {
            records: Vec::new(),
            room: max_bytes,
            max_records,
        };
        let mut next = seq;
        while !basket.is_full()
            && let Some(segment) = self.log.segment_with(next)
        {
            next = self.read_segment(&segment, next, &mut basket);
        }
        Ok(basket.records)
    }

    /// The sequence number of the oldest record that may still be here, released ones included.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.log.first_seq()
    }

    /// The next sequence number to be committed: every record below it is durable.
    #[must_use]
    pub fn committed_seq(&self) -> u64 {
        self.log.committed()
    }

    /// Blocks until [`Self::committed_seq`] is above `seq` or the time is over; returns what it is then.
    #[must_use]
    pub fn wait_beyond(&self, seq: u64, timeout: Duration) -> u64 {
        self.log.wait_beyond(seq, timeout)
    }

    /// Calls `hook` with the new [`Self::committed_seq`] after each commit.
    ///
    /// It runs on the writer's thread, before anybody is answered: it should wake somebody and do nothing else.
    pub fn on_commit(&self, hook: Box<dyn Fn(u64) + Send + Sync>) {
        self.log.add_hook(hook);
    }

    /// Takes the word that the database has every record below a sequence number; returns how many segments it has as
    /// a whole and had not before.
    ///
    /// They wait for nobody any more, are kept for [`Options::keep`](super::Options::keep) within
    /// [`Options::keep_max`](super::Options::keep_max), and then deleted: by this call, so call it also when nothing
    /// is new. The segment being written always stays. A lower number than before counts, too: the database was
    /// restored from a backup, and what it has lost waits again, as far as it is still here.
    ///
    /// # Errors
    ///
    /// `Io` when a file cannot be deleted. It is not read again by this process; after a restart it is there again.
    pub fn release(&self, upto_seq: u64) -> Result<usize, JournalError> {
        self.release_at(upto_seq, Instant::now())
    }

    /// The same at another time, by the clock that nobody sets.
    pub(super) fn release_at(&self, upto_seq: u64, now: Instant) -> Result<usize, JournalError> {
        self.log.release(upto_seq, now)
    }

    /// Keeps records from this one on although the database has them, whatever [`Options::keep`](super::Options::keep)
    /// says; `None`: no more. Whoever wants them bounds it. A full disk takes them all the same: see [`Self::wanted_gone`].
    pub fn want_from(&self, seq: Option<u64>) {
        self.log.want_from(seq);
    }

    /// Segments that were deleted although [`Self::want_from`] wanted them.
    #[must_use]
    pub fn wanted_gone(&self) -> u64 {
        self.log.wanted_gone()
    }

    /// Octets of records that are committed from this one on; exact where this reader stands, else by whole segments.
    #[must_use]
    pub fn octets_from(&self, seq: u64) -> u64 {
        self.log.octets_from(seq, |segment| self.place_in(segment, seq))
    }

    /// Octets of the segments that wait to be released.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        self.log.backlog()
    }

    /// Octets of the segments that were released and are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.log.kept()
    }

    /// Records that were committed once and cannot be read, as far as opening or reading found out.
    #[must_use]
    pub fn missing_records(&self) -> u64 {
        self.log.missing()
    }

    /// Takes records from one segment; returns the sequence number to continue with.
    fn read_segment(&self, segment: &Segment, seq: u64, basket: &mut Basket) -> u64 {
        let mut next = seq;
        let mut at = self.place_in(segment, seq);
        while at < segment.end {
            let octets = read(segment, at, READ_LEN);
            let mut used = 0;
            while let Some(found) = record::parse(&octets[used..], segment.salt) {
                if found.seq >= segment.next_seq {
                    // Of a failed commit that could not be cut off.
                    return segment.next_seq.max(next);
                }
                if found.seq >= next {
                    if !basket.take(found) {
                        self.remember(segment, next, at + used as u64);
                        return next;
                    }
                    next = found.seq + 1;
                }
                used += found.len;
            }
            // A record that reaches beyond what was read starts the next stretch; one that is not even good there is
            // damaged.
            at += used as u64;
            if used == 0 {
                match self.skip_damage(segment, at, next) {
                    Some(good) => at = good,
                    None => return segment.next_seq.max(next),
                }
            }
        }
        self.remember(segment, next, at);
        next
    }

    /// Finds the next good record behind damage: its offset. Notes the gap either way.
    fn skip_damage(&self, segment: &Segment, at: u64, next: u64) -> Option<u64> {
        let octets = read(segment, at, usize::MAX);
        let next = next.max(segment.first_seq);
        let good = record::resync(&octets, 1, segment.salt, next);
        let behind = good
            .and_then(|good| record::parse(&octets[good..], segment.salt))
            .filter(|found| found.seq < segment.next_seq);
        let to_seq = behind.map_or(segment.next_seq, |found| found.seq);
        if next < to_seq && self.log.note_gap(next, to_seq) {
            let path = segment.path.display();
            tracing::error!(%path, from_seq = next, to_seq, "journal records are unreadable, going on behind them");
        }
        behind.and(good).map(|good| at + good as u64)
    }

    /// Where to start looking for a sequence number in a segment.
    fn place_in(&self, segment: &Segment, seq: u64) -> u64 {
        let place = *self.place.lock();
        if place.segment == segment.first_seq && place.seq <= seq {
            place.at
        } else {
            SEGMENT_HEAD_LEN
        }
    }

    /// Remembers where the next read is likely to start.
    fn remember(&self, segment: &Segment, seq: u64, at: u64) {
        *self.place.lock() = Place {
            segment: segment.first_seq,
            seq,
            at,
        };
    }
}

/// Reads up to `len` committed octets of a segment.
fn read(segment: &Segment, at: u64, len: usize) -> Vec<u8> {
    let committed = usize::try_from(segment.end - at).unwrap_or(usize::MAX);
    read_tolerant(&segment.file, at, committed.min(len)).0
}

/// What one read gathers, within its bounds.
struct Basket {
    /// The records so far.
    records: Vec<OwnedRecord>,
    /// Octets of payload that still fit.
    room: usize,
    /// How many records are wanted.
    max_records: usize,
}

impl Basket {
    /// Tells whether not even an empty record would be taken.
    fn is_full(&self) -> bool {
        self.records.len() >= self.max_records || (self.room == 0 && !self.records.is_empty())
    }

    /// Takes a record, unless that would break a bound; the first one may be larger than `room`.
    fn take(&mut self, record: Record<'_>) -> bool {
        let fits = record.payload.len() <= self.room || self.records.is_empty();
        if self.records.len() >= self.max_records || !fits {
            // Nothing larger may overtake it.
            self.room = 0;
            return false;
        }
        self.room = self.room.saturating_sub(record.payload.len());
        self.records.push(record.to_owned());
        true
    }
}
