//! The NAS of the drill: a few of them, each in a thread of its own, that account without pause and remember everything.
//!
//! A [`Nas`] sends, sends again what is not acknowledged, and keeps the ledger; its datagrams are made in [`datagram`].
//! The threads never stop for what happens to the server. Whoever leads the round sets an [`Order`] and waits for
//! acknowledgements ([`Fleet::wait_acknowledged`]); never a line here judges what is stored.

mod datagram;
mod nas;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::dice::Dice;
use super::ledger::Account;
use crate::interrupt;
use crate::secret::Secret;

pub use datagram::{Digest, digest};
pub use nas::{Counts, Nas, Order};

/// How many NAS there are; half of them send a record again with the same octets, half with a new Acct-Delay-Time.
pub const NAS_COUNT: u8 = 4;
/// How long a NAS waits in its socket before it looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long a wait lasts before it looks whether somebody asked us to stop.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// The address of a NAS.
pub fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 18, 5, number + 1)
}

/// All NAS, running until dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The NAS and their sockets.
    members: Vec<Arc<Member>>,
    /// How far they are.
    progress: Arc<Progress>,
    /// Tells the threads to end.
    stop: Arc<AtomicBool>,
    /// The threads.
    threads: Vec<thread::JoinHandle<()>>,
}

/// One NAS, shared between its thread and whoever leads the round.
#[derive(Debug)]
struct Member {
    /// Bound to its address.
    socket: UdpSocket,
    /// What it does and remembers. Datagrams are taken out of the socket only while this is locked.
    nas: Mutex<Nas>,
}

/// Acknowledgements so far, over all NAS.
#[derive(Debug, Default)]
pub struct Progress {
    /// See [`Seen`].
    seen: Mutex<Seen>,
    /// Signalled when there are more.
    more: Condvar,
}

/// What [`Progress`] guards.
#[derive(Debug, Default)]
struct Seen {
    /// Acknowledged records.
    acknowledged: u64,
    /// When the first acknowledgement since [`Fleet::expect_first`] came.
    first: Option<Instant>,
}

impl Progress {
    /// Notes acknowledgements.
    fn add(&self, acknowledged: u64) {
        let mut seen = locked(&self.seen);
        seen.acknowledged += acknowledged;
        seen.first.get_or_insert_with(Instant::now);
        self.more.notify_all();
    }
}

impl Fleet {
    /// Starts the NAS; `run` makes their session ids unique.
    ///
    /// # Errors
    /// An address is not ours, or there are no threads.
    pub fn start(server: SocketAddr, secret: &Secret, run: &str, dice: &mut Dice) -> Result<Fleet> {
        let mut fleet = Fleet {
            members: Vec::new(),
            progress: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..NAS_COUNT {
            let own = address(number);
            let socket = UdpSocket::bind((own, 0)).with_context(|| format!("cannot send from {own}"))?;
            socket
                .set_read_timeout(Some(LOOK_EVERY))
                .context("cannot set a timeout")?;
            let nas = Nas::new(
                own,
                server,
                secret,
                format!("{run}-{number}"),
                number % 2 == 1,
                Dice::new(dice.roll()),
            );
            let member = Arc::new(Member {
                socket,
                nas: Mutex::new(nas),
            });
            fleet.members.push(Arc::clone(&member));
            let (stop, progress) = (Arc::clone(&fleet.stop), Arc::clone(&fleet.progress));
            let thread = thread::Builder::new().name(format!("drill-nas-{number}"));
            let thread = thread.spawn(move || play(&member, &progress, &stop));
            fleet.threads.push(thread.context("cannot start a NAS")?);
        }
        Ok(fleet)
    }

    /// Tells every NAS what to do from now on.
    pub fn order(&self, order: Order) {
        self.each(|nas| nas.order = order);
    }

    /// Has one NAS restart: it forgets its sessions and tells the server so.
    pub fn reboot(&self, number: usize) {
        if let Some(member) = self.members.get(number) {
            locked(&member.nas).reboot();
        }
    }

    /// Takes every datagram that is there already: after the server is dead, whatever it acknowledged is known then.
    pub fn catch_up(&self) {
        for member in &self.members {
            let acknowledged = locked(&member.nas).receive(&member.socket);
            if acknowledged > 0 {
                self.progress.add(acknowledged);
            }
        }
    }

    /// Acknowledged records so far.
    pub fn acknowledged(&self) -> u64 {
        locked(&self.progress.seen).acknowledged
    }

    /// Waits until so many records are acknowledged in all, or the time is over; gives whether they are.
    ///
    /// # Errors
    /// [`interrupt::Interrupted`] as soon as somebody asks us to stop.
    pub fn wait_acknowledged(&self, count: u64, deadline: Duration) -> Result<bool> {
        self.wait(deadline, |seen| seen.acknowledged >= count)
    }

    /// From now on the next acknowledgement is the first one.
    pub fn expect_first(&self) {
        locked(&self.progress.seen).first = None;
    }

    /// Waits for the first acknowledgement since [`Fleet::expect_first`]; gives when it came.
    ///
    /// # Errors
    /// [`interrupt::Interrupted`] as soon as somebody asks us to stop.
    pub fn wait_first(&self, deadline: Duration) -> Result<Option<Instant>> {
        self.wait(deadline, |seen| seen.first.is_some())?;
        Ok(locked(&self.progress.seen).first)
    }

    /// Waits for something about the acknowledgements.
    fn wait(&self, deadline: Duration, holds: impl Fn(&Seen) -> bool) -> Result<bool> {
        let until = Instant::now() + deadline;
        let mut seen = locked(&self.progress.seen);
        while !holds(&seen) {
            interrupt::check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let waited = self.progress.more.wait_timeout(seen, left.min(ASKED_EVERY));
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(true)
    }

    /// How many records wait for their acknowledgement.
    pub fn pending(&self) -> usize {
        self.members
            .iter()
            .map(|member| locked(&member.nas).pending())
            .sum()
    }

    /// The longest that a record waited for its acknowledgement since the last call; those that still wait do not count.
    pub fn take_slowest(&self) -> Duration {
        let mut slowest = Duration::ZERO;
        self.each(|nas| slowest = slowest.max(std::mem::take(&mut nas.slowest)));
        slowest
    }

    /// What all of them did so far.
    pub fn counts(&self) -> Counts {
        self.members
            .iter()
            .fold(Counts::default(), |sum, member| sum + locked(&member.nas).counts)
    }

    /// Whether some NAS sent these octets, and whether they were acknowledged since [`Fleet::turn_page`].
    pub fn fate(&self, packet: &[u8]) -> Option<bool> {
        let digest = datagram::digest(packet);
        self.members
            .iter()
            .find_map(|member| locked(&member.nas).fate(&digest))
    }

    /// Every acknowledged datagram since [`Fleet::turn_page`].
    pub fn acknowledged_datagrams(&self) -> BTreeSet<Digest> {
        let mut all = BTreeSet::new();
        for member in &self.members {
            let nas = locked(&member.nas);
            all.extend(
                nas.datagrams
                    .iter()
                    .filter(|(_, acked)| **acked)
                    .map(|(digest, _)| *digest),
            );
        }
        all
    }

    /// Begins to collect datagrams anew; nothing may wait for its acknowledgement.
    pub fn turn_page(&self) {
        self.each(Nas::turn_page);
    }

    /// The sessions of which something was told since the last call.
    pub fn take_touched(&self) -> Vec<Account> {
        let mut touched = Vec::new();
        self.each(|nas| touched.append(&mut nas.take_touched()));
        touched
    }

    /// Every session there ever was.
    pub fn accounts(&self) -> Vec<Account> {
        let mut all = Vec::new();
        for member in &self.members {
            all.extend(locked(&member.nas).accounts.values().cloned());
        }
        all
    }

    /// Does something to each NAS.
    fn each(&self, mut act: impl FnMut(&mut Nas)) {
        for member in &self.members {
            act(&mut locked(&member.nas));
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The life of a NAS.
fn play(member: &Member, progress: &Progress, stop: &AtomicBool) {
    let mut first_octet = [0; 1];
    while !stop.load(Ordering::Relaxed) {
        let acknowledged = locked(&member.nas).step(&member.socket, Instant::now());
        if acknowledged > 0 {
            progress.add(acknowledged);
        }
        // Only looks, so that nothing is ever out of the socket and not yet in the ledger.
        let _ = member.socket.peek_from(&mut first_octet);
    }
}

/// Locks something; a panic while it was locked ends the drill anyway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
