//! Threads of their own for what takes long, and a bounded queue in front of them. They give way to whoever answers packets
//! at once, so a storm of slow logins makes slow logins slower and nothing else.

use super::{Finisher, FinisherKit, Handover, Pending};
use crate::counters::Event;
use crate::priority;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Requests that wait for a thread, at most.
pub(crate) const QUEUE_MAX: usize = 1_024;
/// How long a request may have waited before nobody answers it any more: its NAS has asked anew or given up, and work for
/// nobody keeps others waiting.
const STALE_WAIT: Duration = Duration::from_secs(5);
/// How long a thread waits for work before it looks whether it should stop.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Threads, at most.
const THREADS_MAX: usize = 8;

/// What is to be done with a request; it ends by giving it to the finisher.
pub(crate) type Job = Box<dyn FnOnce(Pending, &mut Finisher) + Send>;

/// See the module's words.
#[derive(Default)]
pub struct Pool {
    /// What waits, oldest first.
    queue: Mutex<VecDeque<(Pending, Job)>>,
    /// Rung when something comes.
    bell: Condvar,
}

impl Pool {
    /// A handover to this pool: `job` is done by one of its threads.
    pub(crate) fn handover(
        self: &Arc<Self>,
        job: impl FnOnce(Pending, &mut Finisher) + Send + 'static,
    ) -> Handover {
        let pool = Arc::clone(self);
        Box::new(move |pending| pool.take(pending, Box::new(job)))
    }

    /// Takes a request, or gives it back when too many wait.
    fn take(&self, pending: Pending, job: Job) -> Result<(), Pending> {
        let mut queue = self.queue.lock();
        if queue.len() >= QUEUE_MAX {
            return Err(pending);
        }
        queue.push_back((pending, job));
        drop(queue);
        self.bell.notify_one();
        Ok(())
    }

    /// How many threads it ought to have: half the processors.
    pub(crate) fn thread_count() -> usize {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        processors.div_ceil(2).min(THREADS_MAX)
    }

    /// Works until `stop` is set; what waits then is let go.
    pub(crate) fn run(&self, kit: &FinisherKit, stop: &AtomicBool) {
        let mut finisher = kit.finisher();
        while !stop.load(Ordering::Relaxed) {
            // As prompt as who fills the queue while it holds the lock; what takes long gives way.
            priority::be_prompt();
            let mut queue = self.queue.lock();
            if queue.is_empty() {
                self.bell.wait_for(&mut queue, IDLE_WAIT);
            }
            let next = queue.pop_front();
            drop(queue);
            let Some((pending, job)) = next else { continue };
            priority::give_way();
            if Instant::now().saturating_duration_since(pending.known.arrived.monotonic) > STALE_WAIT {
                finisher.lane.add(Event::LaterStale);
                continue;
            }
            job(pending, &mut finisher);
        }
        self.queue.lock().clear();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} waiting)", self.queue.lock().len())
    }
}
