//! The scribe: one thread that carries decisions from the workers' rings to their journal, some at a time, so that no packet
//! waits for a disk. What the disk refuses is counted and let go: a decision explains, it does not bill.

use crate::cause::chain;
use crate::clock::Now;
use crate::counters::{Counters, Event, Lane};
use crate::decision::{Batch, Decisions};
use crate::journal::{JournalError, Kind, Writer};
use crate::priority;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// How long decisions gather between two commits; with the commit itself they are on disk within 200 ms.
const GATHER_WAIT: Duration = Duration::from_millis(100);
/// Octets of decisions committed together, about.
const BATCH_OCTETS: usize = 1024 * 1024;

/// The thread's belongings.
pub(crate) struct Scribe {
    /// Where decisions come from.
    pub(crate) decisions: Arc<Decisions>,
    /// Where they go.
    pub(crate) journal: Arc<Mutex<Writer>>,
    /// Where it is said whether the journal takes anything.
    pub(crate) counters: Arc<Counters>,
    /// Where it is counted.
    pub(crate) lane: Arc<Lane>,
}

impl Scribe {
    /// Writes until all workers have gone and everything is written.
    pub(crate) fn run(&self) {
        // Workers wait for nobody but for whoever reads their ring; so reading is prompt, and writing is not.
        priority::be_prompt();
        let mut batch = Batch::default();
        while self.decisions.wait() {
            self.decisions.gather(GATHER_WAIT);
            loop {
                batch.clear();
                let more = self.decisions.read(&mut batch, BATCH_OCTETS);
                self.lane.add_many(Event::DecisionLost, batch.lost);
                priority::give_way();
                let failure = self.write(&batch).err();
                self.report(failure);
                priority::be_prompt();
                if !more {
                    break;
                }
            }
        }
    }

    /// Appends and commits a batch.
    fn write(&self, batch: &Batch) -> Result<(), JournalError> {
        let mut journal = self.journal.lock();
        journal.rollback();
        for (at, decision) in batch.iter().enumerate() {
            if let Err(refused) = self.append(&mut journal, decision) {
                self.lane.add_many(Event::DecisionLost, (batch.len() - at) as u64);
                // What was appended before may still be kept; the refusal is the news either way.
                self.commit(&mut journal).ok();
                return Err(refused);
            }
        }
        self.commit(&mut journal)
    }

    /// Appends one decision, committing first when the batch takes no more.
    fn append(&self, journal: &mut Writer, decision: &[u8]) -> Result<(), JournalError> {
        match journal.append(Kind::Decision, decision) {
            Err(JournalError::BatchFull { .. }) => {
                self.commit(journal)?;
                journal.append(Kind::Decision, decision).map(|_seq| ())
            }
            appended => appended.map(|_seq| ()),
        }
    }

    /// Commits what was appended and counts it, as written or as lost.
    fn commit(&self, journal: &mut Writer) -> Result<(), JournalError> {
        let records = journal.pending();
        let committed = journal.commit();
        let event = if committed.is_ok() {
            Event::DecisionRecorded
        } else {
            Event::DecisionLost
        };
        self.lane.add_many(event, records);
        committed.map(|_next| ())
    }

    /// Says once that decisions are not kept, and once that they are again.
    fn report(&self, failure: Option<JournalError>) {
        let why = failure.as_ref().map(|failure| chain(failure));
        let stopped = why.clone();
        if self.counters.decision_journal_is(Now::read().unix_ms(), why) {
            match stopped {
                Some(error) => warn!(
                    error,
                    "decisions are kept in memory only: their journal cannot be written"
                ),
                None => info!("decisions are kept again: their journal can be written"),
            }
        }
    }
}
