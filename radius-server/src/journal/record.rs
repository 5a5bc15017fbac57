//! One record in a segment file: its framing, its checksum, and the search for the next good one after damage.
//! Pure functions over octets: no file, no clock. The file around it: `segment`.
//!
//! ```text
//!  0      4      8              16     17
//!  +------+------+--------------+------+- - - - - - -+
//!  | len  | crc  | seq          | kind | payload     |      little endian; len = 9 + octets of payload, never 0
//!  +------+------+--------------+------+- - - - - - -+
//! ```
//!
//! `crc` is CRC-32C over the segment's salt, `seq`, `kind` and the payload. The highest bit of `kind` marks the first
//! record of a batch, so that recovery can tell a batch that power cut short from damage to one that was finished.

/// The largest payload: an Accounting-Request is 4 KiB at most, a decision a little more.
pub const RECORD_PAYLOAD_LEN_MAX: usize = 65_536;

/// Octets before the payload.
pub(super) const RECORD_HEAD_LEN: usize = 17;

/// The largest record.
pub(super) const RECORD_LEN_MAX: usize = RECORD_HEAD_LEN + RECORD_PAYLOAD_LEN_MAX;

/// Octets of `seq` and `kind`, which `len` counts besides the payload.
const COUNTED_HEAD_LEN: usize = 9;

/// Set in the kind octet of the first record of a batch.
const BATCH_FIRST: u8 = 0x80;

/// What a payload is.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An Accounting-Request, as [`AccountingRecord`](super::AccountingRecord).
    Accounting = 1,
    /// An authentication decision, in postcard.
    Decision = 2,
}

impl TryFrom<u8> for Kind {
    type Error = u8;

    fn try_from(octet: u8) -> Result<Self, u8> {
        match octet {
            1 => Ok(Self::Accounting),
            2 => Ok(Self::Decision),
            other => Err(other),
        }
    }
}

/// A record that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its sequence number; rises, and is never used twice.
    pub seq: u64,
    /// What the payload is.
    pub kind: Kind,
    /// The octets, as they were appended.
    pub payload: Box<[u8]>,
}

/// A record where it lies in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Its sequence number.
    pub seq: u64,
    /// What the payload is.
    pub kind: Kind,
    /// Whether a batch begins with it.
    pub batch_first: bool,
    /// The octets, as they were appended.
    pub payload: &'a [u8],
    /// Octets of the whole record, head included.
    pub len: usize,
}

impl Record<'_> {
    /// Copies it out of the buffer.
    pub fn to_owned(self) -> OwnedRecord {
        OwnedRecord {
            seq: self.seq,
            kind: self.kind,
            payload: self.payload.into(),
        }
    }
}

/// Octets a payload takes in a segment.
pub(super) const fn record_len(payload_len: usize) -> usize {
    RECORD_HEAD_LEN + payload_len
}

/// Appends a record to a batch; its checksum is set by [`checksum_batch`], once the segment is known.
pub(super) fn encode(seq: u64, kind: Kind, batch_first: bool, payload: &[u8], batch: &mut Vec<u8>) {
    debug_assert!(
        payload.len() <= RECORD_PAYLOAD_LEN_MAX,
        "the writer checks the bound"
    );
    let len = u32::try_from(COUNTED_HEAD_LEN + payload.len()).unwrap_or(u32::MAX);
    batch.extend_from_slice(&len.to_le_bytes());
    batch.extend_from_slice(&[0; 4]);
    batch.extend_from_slice(&seq.to_le_bytes());
    batch.push(kind as u8 | if batch_first { BATCH_FIRST } else { 0 });
    batch.extend_from_slice(payload);
}

/// Sets the checksum of every record of a batch for the segment with this salt.
pub(super) fn checksum_batch(batch: &mut [u8], salt: u64) {
    let mut rest = batch;
    while let Some(len) = framed_len(rest) {
        let (record, after) = rest.split_at_mut(len);
        let crc = checksum(salt, &record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        rest = after;
    }
}

/// Reads the record at the start of a buffer; `None` when there is none, or a damaged one.
pub(super) fn parse(octets: &[u8], salt: u64) -> Option<Record<'_>> {
    let len = framed_len(octets)?;
    let record = &octets[..len];
    let stored = u32::from_le_bytes(record[4..8].try_into().ok()?);
    if checksum(salt, &record[8..]) != stored {
        return None;
    }
    let kind = record[16];
    Some(Record {
        seq: seq_at(record)?,
        kind: Kind::try_from(kind & !BATCH_FIRST).ok()?,
        batch_first: kind & BATCH_FIRST != 0,
        payload: &record[RECORD_HEAD_LEN..],
        len,
    })
}

/// Finds the next good record at or after `from` whose sequence number is at least `seq_min`: where it starts.
///
/// Tries every octet, since damage may have hit a length. A good record is one whose checksum matches, and the salt in
/// the checksum keeps octets that a peer placed inside a packet from passing for one. The sequence number is looked at
/// first: only numbers that could have been reached by here are worth a checksum.
pub(super) fn resync(octets: &[u8], from: usize, salt: u64, seq_min: u64) -> Option<usize> {
    let reachable = (octets.len() / RECORD_HEAD_LEN) as u64;
    let seq_max = seq_min.saturating_add(reachable);
    (from..octets.len().saturating_sub(RECORD_HEAD_LEN - 1)).find(|&at| {
        let rest = &octets[at..];
        seq_at(rest).is_some_and(|seq| (seq_min..=seq_max).contains(&seq)) && parse(rest, salt).is_some()
    })
}

/// The whole length of the record at the start of a buffer, if its length field is possible and the buffer holds it.
fn framed_len(octets: &[u8]) -> Option<usize> {
    let counted = u32::from_le_bytes(octets.get(..4)?.try_into().ok()?) as usize;
    let possible = (COUNTED_HEAD_LEN..=COUNTED_HEAD_LEN + RECORD_PAYLOAD_LEN_MAX).contains(&counted);
    let len = counted + (RECORD_HEAD_LEN - COUNTED_HEAD_LEN);
    (possible && len <= octets.len()).then_some(len)
}

/// The sequence number field of the record at the start of a buffer.
fn seq_at(octets: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(octets.get(8..16)?.try_into().ok()?))
}

/// CRC-32C over the salt and what the checksum of a record covers.
fn checksum(salt: u64, covered: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), covered)
}
