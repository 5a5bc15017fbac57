//! What became of intents, and which of them this process has in hand.
//! Never stored: after a restart nothing is in hand, and the pick-up finds what was.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use kernel::id::IntentId;

/// What became of intents since the start.
#[derive(Debug, Default)]
pub struct IntentCounters {
    /// The NAS said yes.
    pub acknowledged: AtomicU64,
    /// The NAS said no.
    pub refused: AtomicU64,
    /// The NAS said nothing.
    pub silent: AtomicU64,
    /// It was never asked.
    pub failed: AtomicU64,
    /// Intents this process works on right now.
    under_way: Mutex<HashSet<IntentId>>,
}

impl IntentCounters {
    /// Takes an intent in hand; `false`: somebody here already has it.
    pub(in crate::app) fn take(&self, id: IntentId) -> bool {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id)
    }

    /// Lets go of an intent.
    pub(in crate::app) fn leave(&self, id: IntentId) {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    /// Counts an outcome.
    pub(super) fn count(&self, state: &str) {
        let counter = match state {
            "acknowledged" => &self.acknowledged,
            "refused" => &self.refused,
            "silent" => &self.silent,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
