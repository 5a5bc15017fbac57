//! Hands a finished decision over: into memory for those who ask now, and towards the journal for those who ask later.
//! A worker calls it after the reply has gone; it never waits, and what the scribe cannot take is counted.

use super::{Decision, Decisions};
use crate::counters::{Event, Lane};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

/// One worker's way out for decisions.
pub(crate) struct Recorder {
    /// The table in memory.
    decisions: Arc<Decisions>,
    /// The scribe's bounded queue of encoded decisions.
    queue: SyncSender<Arc<[u8]>>,
    /// Where what was lost is counted.
    lane: Arc<Lane>,
    /// Reused for encoding.
    scratch: Vec<u8>,
}

impl Recorder {
    /// A way out to this table and this queue.
    pub(crate) fn new(decisions: Arc<Decisions>, queue: SyncSender<Arc<[u8]>>, lane: Arc<Lane>) -> Self {
        Self {
            decisions,
            queue,
            lane,
            scratch: Vec::new(),
        }
    }

    /// Hands one decision over.
    pub(crate) fn record(&mut self, decision: &Decision) {
        self.scratch.clear();
        if decision.encode_into(&mut self.scratch).is_err() {
            self.lane.add(Event::DecisionLost);
            return;
        }
        let encoded: Arc<[u8]> = Arc::from(self.scratch.as_slice());
        self.decisions
            .add(decision.partner, &decision.username, Arc::clone(&encoded));
        match self.queue.try_send(encoded) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.lane.add(Event::DecisionLost),
        }
    }
}
