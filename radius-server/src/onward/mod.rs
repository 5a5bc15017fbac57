//! Accounting onwards: records that are in our journal already go to home servers of their realm, and to whoever gets a copy of
//! all of a partner's accounting (a shaper, an analysis). Never delays an acknowledgement, never holds the journal for ever,
//! and never decides what a record means.
//!
//! The queue is the journal itself; a target has nothing of its own but a position in it. In the order a record travels:
//!
//! - [`target`]: who gets what;
//! - `sheet`: a stretch of the journal, read once for all who stand there;
//! - `courier`: what one target has not acknowledged yet, and when it is asked again;
//! - `positions`: how far each target is, on disk;
//! - `dispatch`: the thread that moves records, octets and time; on top of [`crate::proxy::Engine`].
//!
//! What holds, whatever happens:
//!
//! - a record counts as delivered when a verified Accounting-Response of the target came, and not before;
//! - a position is on disk within [`SAVE_EVERY`]; a `kill -9` repeats what was delivered since, and loses nothing;
//! - records of one session go out one after the other, in the order of the journal;
//! - what a target has not taken within [`AGE_MAX`], or when more than [`OCTETS_MAX`] of journal wait for it, is passed over,
//!   counted and told. Until then the journal keeps it, unless the disk is full: acknowledging comes first.

mod courier;
mod dispatch;
mod positions;
mod sheet;
pub mod target;

pub(crate) use dispatch::Dispatch;
pub(crate) use positions::Positions;
pub use target::TargetId;

use crate::id::PartnerId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// Targets served, of all partners; further ones get nothing, and that is told.
pub const TARGETS_MAX: usize = 1_024;
/// How old a record may become before a target that does not take it is not asked any more.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of the journal may wait for a target.
pub const OCTETS_MAX: u64 = 1024 * 1024 * 1024;
/// Records a second sent to one target at most; what has gathered while it was away does not fall upon it at once.
pub const PACE_PER_S: u32 = 5_000;
/// How often positions are written down, when they moved.
pub const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How one target is doing. Counts are since the process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub partner: PartnerId,
    /// The first record it has not taken.
    pub position: u64,
    /// Octets of the journal that were not looked through for it yet, and of records that wait for its answer.
    pub behind_octets: u64,
    /// When the oldest record was received that waits for it, in microseconds since 1970; `None`: nothing waits.
    pub since_unix_us: Option<i64>,
    /// Records that wait for its answer.
    pub waiting: usize,
    /// Records it acknowledged.
    pub delivered: u64,
    /// Records passed over because they were too old or too many.
    pub skipped: u64,
    /// Records that cannot be sent on: they went in a circle, or have no room for what a proxy adds.
    pub unsendable: u64,
    /// How often the disk was full and part of the journal went before this target had it.
    pub gaps: u64,
}

/// What the thread tells of its targets.
#[derive(Debug, Default)]
pub struct Onward {
    /// By target, as of the last turn.
    reports: Mutex<BTreeMap<TargetId, Report>>,
}

impl Onward {
    /// How one target is doing; `None` when nothing goes there.
    #[must_use]
    pub fn report(&self, target: TargetId) -> Option<Report> {
        self.reports.lock().get(&target).cloned()
    }

    /// How all are doing.
    #[must_use]
    pub fn reports(&self) -> Vec<(TargetId, Report)> {
        let reports = self.reports.lock();
        reports.iter().map(|(id, report)| (*id, report.clone())).collect()
    }
}
