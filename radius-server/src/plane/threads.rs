//! The server's threads: started by name, stopped and joined together. A worker that panics is started again on the
//! spot, counted and logged: one packet that meets a bug must not silence a whole port.

use super::StartError;
use crate::counters::{Counters, Event};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use tracing::error;

/// Running threads; dropping it stops them.
pub(super) struct Threads {
    /// Tells the workers to stop.
    stop: Arc<AtomicBool>,
    /// In the order in which they are joined.
    handles: Vec<JoinHandle<()>>,
    /// Where restarts are counted.
    counters: Arc<Counters>,
}

impl Threads {
    /// None yet.
    pub(super) fn new(counters: &Arc<Counters>) -> Self {
        Self {
            stop: Arc::default(),
            handles: Vec::new(),
            counters: Arc::clone(counters),
        }
    }

    /// Starts a thread that runs until it is told to stop, or until those started before it have gone.
    pub(super) fn start(
        &mut self,
        name: String,
        mut run: impl FnMut(&AtomicBool) + Send + 'static,
    ) -> Result<(), StartError> {
        let (stop, lane, thread) = (Arc::clone(&self.stop), self.counters.lane(), name.clone());
        let guarded = move || {
            while catch_unwind(AssertUnwindSafe(|| run(&stop))).is_err() {
                lane.add(Event::WorkerRestarted);
                error!(
                    thread,
                    "a RADIUS thread panicked and was started again; this is a bug, please report it"
                );
            }
        };
        let handle = Builder::new().name(name.clone()).spawn(guarded);
        self.handles
            .push(handle.map_err(|source| StartError::Thread { name, source })?);
        Ok(())
    }

    /// Stops and joins all.
    pub(super) fn stop(mut self) {
        self.stop_and_join();
    }

    /// Tells the workers to stop and waits for every thread.
    fn stop_and_join(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                error!("a RADIUS thread had panicked");
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop_and_join();
    }
}
