//! A worker's way out for decisions: into its ring, some at a time, after the replies have gone.
//! It allocates nothing once it is made. While somebody reads the ring, a thread of less urgency perhaps that the system does not
//! let run, decisions stay here; only when there is no more room does the worker wait for him.

use super::Draft;
use super::decisions::Decisions;
use super::format::{self, DECISION_OCTETS_MAX};
use super::ring::{Entry, Ring};
use crate::counters::{Event, Lane};
use std::sync::Arc;

/// Octets of decisions that are put into the ring together.
const STAGED_OCTETS: usize = 32 * 1024;
/// Decisions that are put into the ring together.
const STAGED_MAX: usize = 256;

/// See the module's words. Made by [`Decisions::recorder`].
pub struct Recorder {
    /// What all workers' rings belong to.
    decisions: Arc<Decisions>,
    /// This worker's.
    ring: Arc<Ring>,
    /// Where what was lost is counted.
    lane: Arc<Lane>,
    /// Decisions that wait to be put into the ring, encoded, one after the other.
    octets: Box<[u8]>,
    /// What is known about each.
    staged: Vec<Staged>,
}

/// A decision that waits to be put into the ring.
struct Staged {
    /// Hash of partner and user name.
    user: u64,
    /// When, in Unix seconds.
    at_unix_s: u32,
    /// Whether it is about a subscriber.
    subscriber: bool,
    /// Where its octets end; they begin where those before it end.
    end: usize,
}

impl Recorder {
    /// A way into this ring.
    pub(super) fn new(decisions: Arc<Decisions>, ring: Arc<Ring>, lane: Arc<Lane>) -> Self {
        decisions.bell().recorder_comes();
        Self {
            decisions,
            ring,
            lane,
            octets: vec![0; STAGED_OCTETS].into_boxed_slice(),
            staged: Vec::with_capacity(STAGED_MAX),
        }
    }

    /// Takes a decision; nobody sees it before [`Recorder::flush`], which happens by itself when many wait.
    pub fn record(&mut self, draft: &Draft) {
        if self.staged.len() == STAGED_MAX || self.octets.len() - self.staged_octets() < DECISION_OCTETS_MAX {
            self.flush();
        }
        let start = self.staged_octets();
        let Some(len) = format::encode(draft, &mut self.octets[start..]) else {
            self.lane.add(Event::DecisionLost);
            return;
        };
        let at_unix_s = draft.at_unix_us.div_euclid(1_000_000);
        self.staged.push(Staged {
            user: self.decisions.user_hash(draft.partner, draft.username.octets()),
            at_unix_s: u32::try_from(at_unix_s).unwrap_or_default(),
            subscriber: draft.subscriber.is_some(),
            end: start + len,
        });
    }

    /// Puts what was taken into the ring, for those who ask and for the scribe.
    pub fn flush(&mut self) {
        if !self.staged.is_empty() {
            let urgent = self.ring.append(self.entries());
            self.flushed(urgent);
        }
    }

    /// The same, unless somebody reads the ring just now; whoever calls this calls again soon.
    pub(crate) fn flush_unless_read(&mut self) {
        if !self.staged.is_empty()
            && let Some(urgent) = self.ring.try_append(self.entries())
        {
            self.flushed(urgent);
        }
    }

    /// What was taken.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut start = 0;
        self.staged.iter().map(move |staged| {
            let from = std::mem::replace(&mut start, staged.end);
            Entry {
                user: staged.user,
                at_unix_s: staged.at_unix_s,
                subscriber: staged.subscriber,
                octets: self.octets.get(from..staged.end).unwrap_or_default(),
            }
        })
    }

    /// What was taken is in the ring.
    fn flushed(&mut self, urgent: bool) {
        self.staged.clear();
        self.decisions.bell().recorded(urgent);
    }

    /// Octets that wait.
    fn staged_octets(&self) -> usize {
        self.staged.last().map_or(0, |last| last.end)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
        self.decisions.bell().recorder_goes();
    }
}
