//! What recovery found when a journal was opened, for the log and for the operator.
//! Only facts and their words; the finding is done in `recover`.

use std::fmt;
use std::path::PathBuf;

/// How many gaps and damages a report lists; all are counted.
pub(super) const LISTED_MAX: usize = 64;

/// What was found at opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Segments with records that may have to be drained yet.
    pub segments: usize,
    /// Records in them that can be read.
    pub records: u64,
    /// Segments that the database had as a whole when it was last heard of; they are kept, and were not read.
    pub kept_segments: usize,
    /// Copies of damaged segments that an earlier opening kept; a person decides when they go.
    pub kept_copies: usize,
    /// Sequence number of the oldest record that is here; `next_seq` when there is none.
    pub first_seq: u64,
    /// Sequence number of the next record to be committed.
    pub next_seq: u64,
    /// Octets behind the last good record that were cut: a batch the crash interrupted, acknowledged to nobody.
    pub torn_octets: u64,
    /// Whole records of failed commits that were left out, as they must be.
    pub abandoned_records: u64,
    /// Records that were there once and cannot be read.
    pub missing_records: u64,
    /// Where they are missing; the first 64.
    pub gaps: Vec<Gap>,
    /// Segment files that are damaged; the first 64.
    pub damages: Vec<Damage>,
    /// There was no space for a new segment: commits are refused until there is.
    pub full: bool,
}

/// Records that are missing: `from_seq` is the first, `to_seq` the next that is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first missing sequence number.
    pub from_seq: u64,
    /// The first one after it that is not missing.
    pub to_seq: u64,
    /// The segment that should have them.
    pub path: PathBuf,
    /// The gap lies in the last batch of its segment, so it may be one that a power cut interrupted: then nothing in
    /// it was ever acknowledged.
    pub in_last_batch: bool,
}

/// A damaged segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: &'static str,
    /// The copy that was kept for examination; `None` when it could not be made.
    pub kept_as: Option<PathBuf>,
}

impl RecoveryReport {
    /// Tells whether nothing was damaged or lost; a torn tail and abandoned records are no damage.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.missing_records == 0 && self.gaps.is_empty() && self.damages.is_empty()
    }

    /// Adds a gap.
    pub(super) fn add_gap(&mut self, gap: Gap) {
        self.missing_records = self
            .missing_records
            .saturating_add(gap.to_seq.saturating_sub(gap.from_seq));
        if self.gaps.len() < LISTED_MAX {
            self.gaps.push(gap);
        }
    }

    /// Adds a damaged file.
    pub(super) fn add_damage(&mut self, damage: Damage) {
        if self.damages.len() < LISTED_MAX {
            self.damages.push(damage);
        }
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records in {} segments", self.records, self.segments)?;
        if self.kept_segments > 0 {
            write!(f, "; {} drained segments are kept", self.kept_segments)?;
        }
        if self.kept_copies > 0 {
            write!(
                f,
                "; {} copies of damaged segments are kept from before",
                self.kept_copies
            )?;
        }
        if self.torn_octets > 0 {
            write!(
                f,
                "; cut {} octets of a batch that a crash interrupted",
                self.torn_octets
            )?;
        }
        if self.abandoned_records > 0 {
            write!(
                f,
                "; left out {} records of failed commits",
                self.abandoned_records
            )?;
        }
        for gap in &self.gaps {
            let (from, to, path) = (gap.from_seq, gap.to_seq, gap.path.display());
            write!(
                f,
                "; RECORDS {from} TO {} ARE MISSING from {path}",
                to.saturating_sub(1)
            )?;
            if gap.in_last_batch {
                write!(
                    f,
                    " (in its last batch: never acknowledged, if the power was cut while it was written)"
                )?;
            }
        }
        for damage in &self.damages {
            write!(f, "; {} is damaged: {}", damage.path.display(), damage.what)?;
            if let Some(kept) = &damage.kept_as {
                write!(f, ", a copy is kept as {}", kept.display())?;
            }
        }
        if self.full {
            write!(
                f,
                "; NO SPACE for a new segment, nothing can be committed until there is"
            )?;
        }
        Ok(())
    }
}
