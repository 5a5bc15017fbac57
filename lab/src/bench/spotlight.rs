//! One subject is measured while the others stand still: a database that still writes what its server was asked a minute ago
//! would be charged to whoever is measured now.
//!
//! They are stopped as a terminal stops a job and go on where they were. Whoever kills the lab with SIGKILL just then has to
//! wake them (`kill -CONT`); they end then, because the kernel has told them to.

use anyhow::Result;
use rustix::process::Signal;

use super::subject::Subject;
use super::usage;
use crate::process;

/// While it lives, all subjects but one stand still.
#[derive(Debug)]
pub struct Spotlight {
    /// The processes that stand still.
    stopped: Vec<u32>,
}

impl Spotlight {
    /// Stops everybody but `subject`.
    ///
    /// # Errors
    /// A subject has ended.
    pub fn on(subject: &dyn Subject, all: &[&dyn Subject]) -> Result<Spotlight> {
        let mut spotlight = Spotlight { stopped: Vec::new() };
        for other in all.iter().filter(|other| other.kind() != subject.kind()) {
            for pid in usage::with_descendants(&other.roots()?) {
                spotlight.stopped.push(pid);
                process::send(pid, Signal::STOP);
            }
        }
        Ok(spotlight)
    }
}

impl Drop for Spotlight {
    fn drop(&mut self) {
        for pid in self.stopped.drain(..) {
            process::send(pid, Signal::CONT);
        }
    }
}
