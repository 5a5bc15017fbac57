//! What became of intents, which of them this process has in hand, whose turn it is, and how long proofs take.
//! Never stored: after a restart nothing is in hand, and [`super::watch`] finds what was.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use coa::Turns;
use coa::turns::Turn;
use kernel::id::IntentId;
use radius_server::SessionId;
use radius_server::authorization::Make;

use super::Asking;
use crate::store::intent::Proof;

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
    /// Accounting showed the opposite of what the NAS had said.
    pub contradicted: AtomicU64,
    /// Somebody has to look at it.
    pub operator: AtomicU64,
    /// Proofs by what a session that goes on reports.
    pub proofs: ProofTimes,
    /// Intents this process works on right now.
    under_way: Mutex<HashSet<IntentId>>,
    /// Whose turn it is.
    turns: Mutex<Turns<SessionId, Asking>>,
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

    /// Waits for the turn of a session, or has it.
    pub(super) fn turn(&self, asking: Asking) -> Turn<Asking> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.begin(asking.session, asking)
    }

    /// A turn is over; who is next.
    pub(super) fn turn_over(&self, session: SessionId) -> Option<Asking> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.over(&session)
    }

    /// Counts what was said, or what it came to.
    pub(super) fn count(&self, state: &str) {
        let counter = match state {
            "acknowledged" => &self.acknowledged,
            "refused" => &self.refused,
            "silent" => &self.silent,
            "contradicted" => &self.contradicted,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How long proofs took, make by make.
#[derive(Debug, Default)]
pub struct ProofTimes([ProofTime; Make::ALL.len()]);

/// How long they took for one make.
#[derive(Debug, Default)]
pub struct ProofTime {
    /// How many.
    pub count: AtomicU64,
    /// Together, milliseconds.
    pub waited_ms: AtomicU64,
}

impl ProofTimes {
    /// Counts one.
    pub(crate) fn add(&self, proof: &Proof) {
        let time = &self.0[Make::of_type(&proof.make) as usize];
        time.count.fetch_add(1, Ordering::Relaxed);
        let waited_ms = u64::try_from(proof.waited_ms).unwrap_or(0);
        time.waited_ms.fetch_add(waited_ms, Ordering::Relaxed);
    }

    /// Those of one make: how many, and how long together.
    #[must_use]
    pub fn of(&self, make: Make) -> (u64, u64) {
        let time = &self.0[make as usize];
        (
            time.count.load(Ordering::Relaxed),
            time.waited_ms.load(Ordering::Relaxed),
        )
    }
}
