//! A small BNG twin: subscribers that log in, are accounted, log out, and can be disconnected. Deterministic but for the
//! authenticators and session ids.
//!
//! It behaves as a MikroTik does where that matters to a server: unsigned PAP and CHAP, Framed-IP-Address from a pool of
//! its own, Gigawords, an acknowledged Disconnect before the Stop. Never judges the server; it counts ([`Counters`]), and
//! the scenario compares. The work of one subscriber is in [`session`], Disconnect-Requests in [`das`], packets in [`wire`].

mod das;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::secret::Secret;
use session::Line;
use wire::Wire;

/// How often a subscriber is looked at.
const TICK: Duration = Duration::from_millis(100);

/// The NAS to play.
#[derive(Debug, Clone)]
pub struct Bng {
    /// Its address; the source of everything it sends.
    pub address: Ipv4Addr,
    /// Where it takes Disconnect-Requests.
    pub coa_port: u16,
    /// The secret it shares with the server.
    pub secret: Secret,
    /// The server, for Access-Requests.
    pub auth: SocketAddr,
    /// The server, for Accounting-Requests.
    pub accounting: SocketAddr,
}

/// One simulated subscriber.
#[derive(Debug, Clone)]
pub struct Twin {
    /// User-Name.
    pub username: String,
    /// What his router sends.
    pub password: Secret,
    /// CHAP, else PAP.
    pub chap: bool,
    /// How long he stays before he logs out by himself.
    pub stays: Duration,
    /// How long he stays away after a session, or after a refused login.
    pub away: Duration,
    /// Time between interim updates.
    pub interim: Duration,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Access-Accepts.
    pub accepted: AtomicU64,
    /// Access-Rejects.
    pub rejected: AtomicU64,
    /// Accounting-Responses.
    pub accounted: AtomicU64,
    /// Requests that were never answered.
    pub unanswered: AtomicU64,
    /// Sessions ended by a Disconnect-Request.
    pub disconnected: AtomicU64,
    /// Disconnect-Requests refused, because nobody is there or the sender cannot prove himself.
    pub refused: AtomicU64,
}

/// The lines of a BNG, shared between its two threads.
type Lines = Arc<Mutex<Vec<Line>>>;

/// A running simulation; it logs everybody out when it goes.
#[derive(Debug)]
pub struct Simulator {
    /// What happened so far.
    pub counters: Arc<Counters>,
    /// The subscribers.
    lines: Lines,
    /// Tells the threads to end.
    stop: Arc<AtomicBool>,
    /// The threads.
    threads: Vec<thread::JoinHandle<()>>,
}

impl Simulator {
    /// Starts to play.
    ///
    /// # Errors
    /// The address or the port for Disconnect-Requests is taken.
    pub fn start(bng: Bng, twins: Vec<Twin>) -> Result<Simulator> {
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        let lines = twins.into_iter().map(|twin| Line::new(twin, now)).collect();
        let lines: Lines = Arc::new(Mutex::new(lines));
        let das = das::Das::bind(&bng, Arc::clone(&lines), Arc::clone(&counters))?;
        let wire = Wire::bind(&bng, Arc::clone(&counters))?;
        let mut simulator = Simulator {
            counters,
            lines: Arc::clone(&lines),
            stop: Arc::clone(&stop),
            threads: Vec::new(),
        };
        let stopped = Arc::clone(&stop);
        simulator.spawn("das", move || das.run(&stopped))?;
        simulator.spawn("subscribers", move || play(wire, &lines, &stop))?;
        Ok(simulator)
    }

    /// How many subscribers are online.
    pub fn online(&self) -> usize {
        locked(&self.lines).iter().filter(|line| line.is_online()).count()
    }

    /// The Acct-Session-Id of a subscriber who is online.
    pub fn session_of(&self, username: &str) -> Option<String> {
        locked(&self.lines)
            .iter()
            .find(|line| line.username() == username)?
            .session_id()
    }

    /// Octets a second that a subscriber who is online receives.
    pub fn down_octets_per_s(&self, username: &str) -> Option<u64> {
        locked(&self.lines)
            .iter()
            .find(|line| line.username() == username)?
            .down_octets_per_s()
    }

    /// A counter's value.
    pub fn count(&self, of: impl Fn(&Counters) -> &AtomicU64) -> u64 {
        of(&self.counters).load(Ordering::Relaxed)
    }

    /// Starts a thread that is joined when the simulation goes.
    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(format!("nas-{name}")).spawn(work);
        self.threads
            .push(thread.context("cannot start a thread of the simulated BNG")?);
        Ok(())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Looks at each subscriber in turn until told to stop; then logs everybody out, as a BNG does that is shut down.
fn play(mut wire: Wire, lines: &Lines, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let count = locked(lines).len();
        for port in 0..count {
            session::step(&mut wire, lines, port, Instant::now());
        }
        thread::sleep(TICK);
    }
    session::all_out(&mut wire, lines);
}

/// Locks the lines. A panic while they were locked leaves them as they were, which is good enough to log out.
fn locked(lines: &Lines) -> MutexGuard<'_, Vec<Line>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
