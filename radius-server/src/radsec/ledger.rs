//! The thread that makes accounting durable that came over TLS: what arrived while the disk was busy is committed
//! together, and answered then, as on UDP. While the disk refuses, nothing is answered and nothing more is taken in; the
//! connections wait, and what they have no room for stays with the NAS.

use super::desk::ConnectionId;
use crate::accounting::{Accountant, BATCH_OCTETS_MAX, Intake, Ledger, Origin};
use crate::clock::Now;
use crate::directory::Nas;
use crate::priority;
use parking_lot::Mutex;
use radius::PACKET_LEN_MAX;
use rustix::event::{EventfdFlags, eventfd};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Requests that may wait for the thread; beyond it connections wait.
const WAITING_MAX: usize = 4_096;
/// Requests settled together at most.
const BATCH_MAX: usize = 1_024;
/// How long the thread waits for a request before it looks whether it should stop.
const RECEIVE_WAIT: Duration = Duration::from_millis(100);
/// How long a batch that the disk refused is held before it is tried again.
const HELD_WAIT: Duration = Duration::from_millis(100);

/// An Accounting-Request on its way to the disk.
pub(super) struct Entry {
    /// On which connection it came.
    pub(super) connection: ConnectionId,
    /// From which NAS, as it is over TLS.
    pub(super) nas: Arc<Nas>,
    /// From which address.
    pub(super) source: SocketAddr,
    /// Its Identifier.
    pub(super) identifier: u8,
    /// The packet.
    pub(super) packet: Box<[u8]>,
}

/// What became of one.
pub(super) struct Answer {
    /// On which connection it came.
    pub(super) connection: ConnectionId,
    /// Its Identifier.
    pub(super) identifier: u8,
    /// What to send; `None`: nothing, ever.
    pub(super) response: Option<Box<[u8]>>,
}

/// Where requests go in.
#[derive(Clone)]
pub(super) struct Inbox(SyncSender<Entry>);

impl Inbox {
    /// Takes a request; false when there is no room.
    pub(super) fn put(&self, entry: Entry) -> bool {
        self.0.try_send(entry).is_ok()
    }
}

/// Where answers come out: as many as requests went in, and no more.
pub(super) struct Answers {
    /// Those that were not fetched.
    waiting: Mutex<Vec<Answer>>,
    /// Rings when there are some.
    bell: OwnedFd,
}

impl Answers {
    /// Fetches all, and silences the bell.
    pub(super) fn fetch(&self) -> Vec<Answer> {
        // Silenced first: what is put in meanwhile rings again.
        let _silent = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        std::mem::take(&mut *self.waiting.lock())
    }

    /// What to wait on.
    pub(super) fn bell(&self) -> &OwnedFd {
        &self.bell
    }

    /// Gives answers out.
    pub(super) fn give(&self, answers: &mut Vec<Answer>) {
        if answers.is_empty() {
            return;
        }
        self.waiting.lock().append(answers);
        let _rung = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

/// See the module's words.
pub(crate) struct AccountingDesk {
    /// Where requests come from.
    inbox: Receiver<Entry>,
    /// Where answers go.
    answers: Arc<Answers>,
    /// What verifies and settles.
    accountant: Accountant,
    /// The journal and the sessions.
    ledger: Ledger,
    /// Which connection waits for which answer.
    waiting: HashMap<(SocketAddr, u8), ConnectionId>,
    /// One response being written.
    out: Box<[u8]>,
}

impl AccountingDesk {
    /// The thread's work, and both ends of it.
    pub(super) fn new(accountant: Accountant, ledger: Ledger) -> io::Result<(Self, Inbox, Arc<Answers>)> {
        let (sender, inbox) = sync_channel(WAITING_MAX);
        let answers = Arc::new(Answers {
            waiting: Mutex::default(),
            bell: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        });
        let desk = Self {
            inbox,
            answers: Arc::clone(&answers),
            accountant,
            ledger,
            waiting: HashMap::new(),
            out: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
        };
        Ok((desk, Inbox(sender), answers))
    }

    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        priority::be_prompt();
        self.accountant.abandon(); // what a panic left half done
        self.waiting.clear();
        while !stop.load(Ordering::Relaxed) {
            if self.accountant.waiting() == 0 {
                if !self.take_in() {
                    return;
                }
            } else {
                std::thread::sleep(HELD_WAIT);
            }
            self.settle();
        }
    }

    /// Takes in what waits, up to a full batch; waits only for the first. False when nothing will ever come again.
    fn take_in(&mut self) -> bool {
        let mut answers = Vec::new();
        match self.inbox.recv_timeout(RECEIVE_WAIT) {
            Ok(entry) => self.take_in_one(entry, &mut answers),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        let mut taken = 1;
        while taken < BATCH_MAX && self.accountant.waiting_octets() < BATCH_OCTETS_MAX {
            let Ok(entry) = self.inbox.try_recv() else { break };
            self.take_in_one(entry, &mut answers);
            taken += 1;
        }
        self.answers.give(&mut answers);
        true
    }

    /// Takes in one; what need not wait for the disk is answered at once.
    fn take_in_one(&mut self, entry: Entry, answers: &mut Vec<Answer>) {
        let Entry {
            connection,
            nas,
            source,
            identifier,
            packet,
        } = entry;
        let origin = Origin::from(source);
        let intake = self
            .accountant
            .take_in_from(nas, &packet, origin, Now::read(), &mut self.out);
        let response = match intake {
            Intake::Waiting => {
                self.waiting.insert((source, identifier), connection);
                return;
            }
            Intake::Reply(reply) => Some(reply.into()),
            Intake::Ignored => None,
        };
        answers.push(Answer {
            connection,
            identifier,
            response,
        });
    }

    /// Settles the batch and gives the responses out; what the disk refused waits.
    fn settle(&mut self) {
        let (waiting, mut answers) = (&mut self.waiting, Vec::new());
        let mut send = |to: Origin, response: &[u8]| {
            let identifier = response.get(1).copied().unwrap_or_default();
            if let Some(connection) = waiting.remove(&(to.source, identifier)) {
                answers.push(Answer {
                    connection,
                    identifier,
                    response: Some(response.into()),
                });
            }
        };
        self.accountant
            .settle(&self.ledger, Now::read(), &mut self.out, &mut send);
        self.answers.give(&mut answers);
    }
}
