//! What a power cut leaves at the end of a journal: octets behind the last acknowledged record that are cut off, garbled,
//! zeroed, or old. Never touches an octet of a record that somebody was told is safe.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};

use super::dice::Dice;
use super::journal::{Journal, Record, Segment};

/// Octets that are garbled at most; more than a batch of the drill has.
const GARBLED_MAX: u64 = 64 * 1024;
/// What a disk writes whole.
const SECTOR_LEN: u64 = 512;

/// Damages the end of the newest segment; gives what was done, or nothing when there is no segment.
///
/// `promised` tells the records that must stay: those somebody was told of.
///
/// # Errors
/// The file cannot be written.
pub fn tear(
    journal: &Journal,
    promised: impl Fn(&Record) -> bool,
    dice: &mut Dice,
) -> Result<Option<String>> {
    let Some(segment) = journal.segments.last() else {
        return Ok(None);
    };
    let safe = safe_end(segment, promised);
    let end = segment.records.last().map_or(safe, |record| record.end).max(safe);
    let file = OpenOptions::new().write(true).open(&segment.path);
    let file = file.with_context(|| format!("cannot open {}", segment.path.display()))?;
    let failed = || format!("cannot damage {}", segment.path.display());
    let behind = segment.length.saturating_sub(safe).min(GARBLED_MAX);
    let done = match dice.below(4) {
        0 => {
            let length = safe + dice.below(end - safe + 1);
            file.set_len(length).with_context(failed)?;
            format!("cut to {length} octets")
        }
        1 => {
            let from = safe + dice.below(behind);
            let octets = noise(dice, 1 + dice.clone().below(safe + behind - from));
            file.write_all_at(&octets, from).with_context(failed)?;
            format!("{} octets garbled at {from}", octets.len())
        }
        2 => {
            let sector = safe.next_multiple_of(SECTOR_LEN);
            file.write_all_at(&[0; SECTOR_LEN as usize], sector)
                .with_context(failed)?;
            format!("sector at {sector} zeroed")
        }
        _ => {
            let old = stale(segment, dice)?;
            file.write_all_at(&old, end).with_context(failed)?;
            format!("{} stale octets at {end}", old.len())
        }
    };
    Ok(Some(format!(
        "{done} (last acknowledged record ends at {safe}, last record at {end}, of {})",
        segment.length
    )))
}

/// Where the last record ends that must stay; behind the head when there is none.
fn safe_end(segment: &Segment, promised: impl Fn(&Record) -> bool) -> u64 {
    let last = segment.records.iter().rev().find(|record| promised(record));
    // The head of a segment was synced before anything was written behind it.
    last.map_or(1024, |record| record.end)
}

/// Random octets.
fn noise(dice: &mut Dice, length: u64) -> Vec<u8> {
    (0..length).map(|_| dice.roll().to_le_bytes()[0]).collect()
}

/// The beginning of a record that stands elsewhere in the segment, whole or not: blocks may be old ones.
fn stale(segment: &Segment, dice: &mut Dice) -> Result<Vec<u8>> {
    let octets =
        std::fs::read(&segment.path).with_context(|| format!("cannot read {}", segment.path.display()))?;
    let place = dice.place(segment.records.len());
    let from = place
        .checked_sub(1)
        .and_then(|before| segment.records.get(before));
    let from = from.map_or(1024, |record| record.end);
    let to = segment.records.get(place).map_or(from + 64, |record| record.end);
    let to = from + 1 + dice.below(to.saturating_sub(from));
    let range = usize::try_from(from)?..usize::try_from(to)?.min(octets.len());
    Ok(octets.get(range).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octet_of_an_acknowledged_record_is_touched() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("1.seg");
        let (acknowledged, length) = (2_000_u64, 8_000_u64);
        let record = |seq, end, packet: &[u8]| Record {
            seq,
            end,
            packet: packet.to_vec(),
        };
        for seed in 0..200 {
            let whole: Vec<u8> = (0..length)
                .map(|at| u8::try_from(at % 251).unwrap_or(0) | 1)
                .collect();
            std::fs::write(&path, &whole)?;
            let segment = Segment {
                path: path.clone(),
                first_seq: 1,
                follows: 1,
                length,
                records: vec![record(1, acknowledged, b"yes"), record(2, 3_000, b"no")],
            };
            let journal = Journal {
                segments: vec![segment],
            };
            let told = tear(&journal, |record| record.packet == b"yes", &mut Dice::new(seed))?;
            let after = std::fs::read(&path)?;
            let safe = usize::try_from(acknowledged)?;
            assert!(
                after.len() >= safe && after[..safe] == whole[..safe],
                "{seed}: {told:?}"
            );
        }
        Ok(())
    }
}
