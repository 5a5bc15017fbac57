//! Jobs: what has to be done later, or outside of the transaction that wants it.
//! Never done by nobody and never, in the database, twice: a job is stored with the act that wants it, claimed with a lease,
//! and what it writes is committed together with its end.
//!
//! - [`job`] is one of them, and what a [`Worker`] answers;
//! - [`store`] is the queue: [`enqueue`] in the transaction of the act, the claim, the end; [`list`] is for people;
//! - [`runner`] claims and runs, turn by turn among partners, one at a time within a lane;
//! - [`cron`] reads when something is done again and again, [`schedule`] sees to it.
//!
//! What reaches outside the database is done at least once: a worker that is killed between the act and its note acts again.

pub mod cron;
pub mod job;
pub mod list;
pub mod runner;
pub mod schedule;
pub mod store;

use std::sync::Arc;

use tokio::sync::{Notify, watch};

pub use job::{Done, Failed, Job, NewJob, Worker, Working};
pub use schedule::{Missed, Schedule};
pub use store::enqueue;

use crate::database::Database;

/// The queue. Clones share it.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// Where it is.
    db: Database,
    /// Said when there is something new; others find it by looking.
    awake: Arc<Notify>,
}

impl Jobs {
    /// The queue of this database; nothing runs yet.
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self {
            db,
            awake: Arc::default(),
        }
    }

    /// Says that a job was committed, so that it need not wait for the next look.
    pub fn wake(&self) {
        self.awake.notify_one();
    }

    /// Runs jobs until told to stop; those under way are given a moment to end, and are otherwise done by somebody else later.
    pub async fn run(
        self,
        workers: Vec<Arc<dyn Worker>>,
        schedules: Vec<Schedule>,
        stopping: watch::Receiver<bool>,
    ) {
        let keeping = schedule::run(self.db.clone(), schedules, self.clone(), stopping.clone());
        tokio::join!(keeping, runner::run(self.db, workers, self.awake, stopping));
    }
}
