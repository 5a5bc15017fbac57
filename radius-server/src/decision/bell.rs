//! How workers wake the scribe, at the price of reading one shared octet a batch: they ring when it sleeps with nothing
//! to do, and when it rests between two commits while a ring fills up.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The scribe is at work, or has been woken.
const AWAKE: u8 = 0;
/// It sleeps until there is anything.
const IDLE: u8 = 1;
/// It lets decisions gather, and is woken when they are many.
const GATHERING: u8 = 2;

/// See the module's words.
#[derive(Default)]
pub(super) struct Bell {
    /// What the scribe does.
    state: AtomicU8,
    /// How many recorders there are that may still ring.
    recorders: AtomicUsize,
    /// Whether it was rung since the scribe slept last.
    rung: Mutex<bool>,
    /// Wakes the scribe.
    wake: Condvar,
}

impl Bell {
    /// Says that something was recorded; `urgent` when a ring fills up.
    pub(super) fn recorded(&self, urgent: bool) {
        // Relaxed is enough: a scribe that falls asleep says so before it looks into the rings once more, and whoever
        // recorded after that look has taken a ring's lock from it.
        let state = self.state.load(Ordering::Relaxed);
        if state == IDLE || (state == GATHERING && urgent) {
            self.ring();
        }
    }

    /// One more recorder.
    pub(super) fn recorder_comes(&self) {
        self.recorders.fetch_add(1, Ordering::Relaxed);
    }

    /// One recorder less; the last one wakes the scribe.
    pub(super) fn recorder_goes(&self) {
        self.recorders.fetch_sub(1, Ordering::Release);
        self.ring();
    }

    /// Whether nobody will record any more.
    pub(super) fn is_deserted(&self) -> bool {
        self.recorders.load(Ordering::Acquire) == 0
    }

    /// Sleeps until something is recorded, unless `is_there` sees it once the bell listens.
    pub(super) fn sleep_unless(&self, is_there: impl FnOnce() -> bool) {
        self.state.store(IDLE, Ordering::Relaxed);
        if !is_there() {
            let mut rung = self.rung.lock();
            while !*rung {
                self.wake.wait(&mut rung);
            }
        }
        self.wake_up();
    }

    /// Lets decisions gather, unless they become many or the last recorder goes.
    pub(super) fn gather(&self, wait: Duration) {
        self.state.store(GATHERING, Ordering::Relaxed);
        let until = Instant::now() + wait;
        {
            let mut rung = self.rung.lock();
            while !*rung && !self.wake.wait_until(&mut rung, until).timed_out() {}
        }
        self.wake_up();
    }

    /// Rings.
    fn ring(&self) {
        let mut rung = self.rung.lock();
        // So that the others need not. Not after `rung`: the scribe may sleep again by then, and must not be taken for
        // awake.
        self.state.store(AWAKE, Ordering::Relaxed);
        *rung = true;
        drop(rung);
        self.wake.notify_one();
    }

    /// The scribe is awake; what was rung is heard.
    fn wake_up(&self) {
        let mut rung = self.rung.lock();
        self.state.store(AWAKE, Ordering::Relaxed);
        *rung = false;
    }
}
