//! The next segment, made ahead by a thread of its own, so that a commit that rolls over does not wait for 16 MiB.
//! At most one, in the making or made. It gives no segment a header or a name; that is the writer's: `segment::name`.
//!
//! A failure waits here until the writer needs the segment, and is then only a reason to try again at once: nobody tries
//! in between, so a full disk is not asked again and again.

use super::disk::Disk;
use super::error::JournalError;
use super::log::Log;
use super::segment::{self, Blank, Measure};
use crate::priority;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The name of the thread.
pub(super) const THREAD: &str = "journal-spare";

/// The name of the file until it is a segment; recovery removes what ends in `.tmp`.
const FILE: &str = "spare.tmp";

/// The spare of one writer; dropping it ends the thread, waits for it, and removes the file.
#[derive(Default)]
pub(super) struct Spare {
    /// The thread that makes it, or has made it.
    making: Option<JoinHandle<Result<Blank, JournalError>>>,
    /// Set when nobody will want it any more.
    stop: Arc<AtomicBool>,
}

impl Spare {
    /// Has one made, unless there is one, or it is being made, or making it has failed.
    pub fn request(&mut self, disk: &Arc<dyn Disk>, log: &Arc<Log>, measure: Measure) {
        if self.making.is_some() {
            return;
        }
        let (disk, log, stop) = (Arc::clone(disk), Arc::clone(log), Arc::clone(&self.stop));
        let dir = log.dir.clone();
        let work = move || {
            priority::give_way();
            make(disk.as_ref(), &log, measure, &stop)
        };
        match thread::Builder::new().name(THREAD.to_owned()).spawn(work) {
            Ok(making) => self.making = Some(making),
            Err(error) => {
                tracing::warn!(journal = %dir.display(), %error, "no thread to make the next journal segment ahead; a commit will make it");
            }
        }
    }

    /// Takes the spare, waiting for it when it is still being made; without one, or when making it failed, makes it now.
    ///
    /// # Errors
    ///
    /// Why it could not be made now.
    pub fn take(&mut self, disk: &dyn Disk, log: &Log, measure: Measure) -> Result<Blank, JournalError> {
        match self.making.take().map(JoinHandle::join) {
            Some(Ok(Ok(blank))) => return Ok(blank),
            Some(Ok(Err(error))) => {
                tracing::debug!(journal = %log.dir.display(), %error, "the next journal segment could not be made ahead");
            }
            Some(Err(_panic)) => {
                tracing::error!(journal = %log.dir.display(), "the thread that makes journal segments ahead panicked");
            }
            None => {}
        }
        make(disk, log, measure, &AtomicBool::new(false))
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Ok(blank))) = self.making.take().map(JoinHandle::join) {
            // A leftover is removed at the next opening too.
            let _ = std::fs::remove_file(&blank.path);
        }
    }
}

/// Makes a blank. On a full disk what is only kept goes first, oldest first, as much as it takes.
fn make(disk: &dyn Disk, log: &Log, measure: Measure, stop: &AtomicBool) -> Result<Blank, JournalError> {
    let path = Path::new(&log.dir).join(FILE);
    loop {
        match segment::blank(disk, path.clone(), measure, stop) {
            Err(full) if full.is_full() && log.make_room(measure.len) > 0 => {}
            done => return done,
        }
    }
}
