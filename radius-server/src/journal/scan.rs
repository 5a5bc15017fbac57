//! Reading one whole segment: its good records, the holes between them, and what its end is.
//! Pure: octets in, facts out. What is done about them: `recover`; who only looks: `inspect`.

use super::record::{self, RECORD_HEAD_LEN, Record};
use super::segment::{Header, SEGMENT_HEAD_LEN};

/// What one segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Good records.
    pub records: u64,
    /// One more than the last one's sequence number.
    pub next_seq: u64,
    /// Octets up to the end of the last good record.
    pub end: u64,
    /// Damage between good records; the first [`HOLES_MAX`].
    pub holes: Vec<Hole>,
    /// Whole records behind the end that belong to a failed commit.
    pub abandoned: u64,
    /// Octets behind the end that are neither zero nor a record.
    pub torn_octets: u64,
    /// The end is torn and the segment after it says that there were more records.
    pub tail_lost: bool,
}

/// Octets that are no record, with good records behind them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// The sequence number that was expected there.
    pub from_seq: u64,
    /// The one that came.
    pub to_seq: u64,
    /// No batch begins behind it.
    pub in_last_batch: bool,
}

/// How many holes of one segment are told apart.
pub(super) const HOLES_MAX: usize = 1024;

impl Scanned {
    /// Tells whether the file must be left as it is, for somebody to look at.
    pub fn is_damaged(&self) -> bool {
        self.tail_lost || !self.holes.is_empty()
    }
}

/// The most records that a segment of this length can hold.
pub(super) fn records_max(segment_len: u64) -> u64 {
    segment_len / RECORD_HEAD_LEN as u64
}

/// Reads a segment; records with sequence numbers of `bound` or more belong to a failed commit.
pub(super) fn scan(octets: &[u8], header: Header, bound: u64) -> Scanned {
    scan_each(octets, header, bound, &mut |_| {})
}

/// The same, and shows every good record to `visit`, in order.
pub(super) fn scan_each(
    octets: &[u8],
    header: Header,
    bound: u64,
    visit: &mut dyn FnMut(Record<'_>),
) -> Scanned {
    let mut at = SEGMENT_HEAD_LEN as usize;
    let mut found = Scanned {
        next_seq: header.first_seq,
        end: SEGMENT_HEAD_LEN,
        ..Scanned::default()
    };
    // A record's first octets are never all zero, so none starts behind the last octet that is something else.
    let used = octets
        .iter()
        .rposition(|&octet| octet != 0)
        .map_or(0, |last| last + 1);
    while at < octets.len() {
        let here = record::parse(&octets[at..], header.salt).filter(|here| here.seq >= found.next_seq);
        let Some(here) = here else {
            if at >= used {
                break;
            }
            match record::resync(octets, at, header.salt, found.next_seq) {
                Some(next) if seq_at(octets, next, header.salt).is_some_and(|seq| seq < bound) => at = next,
                _ => break,
            }
            continue;
        };
        if here.seq >= bound {
            found.abandoned = count_records(&octets[at..], header.salt);
            return found;
        }
        note_hole(&mut found, at, here.seq);
        visit(here);
        if here.batch_first {
            found.holes.iter_mut().for_each(|hole| hole.in_last_batch = false);
        }
        at += here.len;
        found.records += 1;
        found.next_seq = here.seq + 1;
        found.end = at as u64;
    }
    found.torn_octets = (used as u64).saturating_sub(found.end);
    found.tail_lost = bound != u64::MAX && found.next_seq < bound && found.torn_octets > 0;
    found
}

/// Notes a hole when a record does not follow right behind the last one, or not with the next number.
fn note_hole(found: &mut Scanned, at: usize, seq: u64) {
    let follows = found.end == at as u64 && found.next_seq == seq;
    if follows {
        return;
    }
    if found.holes.len() < HOLES_MAX {
        found.holes.push(Hole {
            from_seq: found.next_seq,
            to_seq: seq,
            in_last_batch: true,
        });
    } else if let Some(last) = found.holes.last_mut() {
        // Too many to tell apart: the last one stands for all that follow.
        last.to_seq = seq;
    }
}

/// The sequence number of the good record at an offset.
fn seq_at(octets: &[u8], at: usize, salt: u64) -> Option<u64> {
    record::parse(octets.get(at..)?, salt).map(|found| found.seq)
}

/// Counts the good records that follow each other from the start of a buffer.
fn count_records(mut octets: &[u8], salt: u64) -> u64 {
    let mut count = 0;
    while let Some(found) = record::parse(octets, salt) {
        octets = &octets[found.len..];
        count += 1;
    }
    count
}
