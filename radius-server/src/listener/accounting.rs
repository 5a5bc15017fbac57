//! An accounting worker: whatever arrived while the disk was busy is made durable together, and answered then.
//!
//! It is never behind in the way authentication can be. A record is worth keeping however late it is, and one that is kept
//! may be answered however late: the NAS that still asks takes the answer, the one that gave up ignores it. So requests
//! are taken in the order they came and none is dropped here. The slower the disk, the larger the next batch; when the
//! disk refuses, the batch is held and tried again, nothing is acknowledged and nothing more is taken in: the socket's
//! buffer holds what comes, and what it has no room for was not acknowledged either, so the NAS sends it again.

use super::{BATCH, flush, rest};
use crate::accounting::{Accountant, BATCH_MAX, BATCH_OCTETS_MAX, Intake, Ledger, Origin};
use crate::clock::Now;
use crate::counters::Lane;
use crate::priority::Urgency;
use radius::PACKET_LEN_MAX;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use udp::{Inbox, Outbox, Wait};

/// Requests settled together while the worker keeps up.
const BATCH_USUAL: usize = 1_024;
/// Requests in a batch from which on the next one is let gather: a single NAS that asks now and then is answered at once.
const GATHER_MIN: usize = 8;
/// How long: about as long as a quick disk takes to sync, so that a record waits for one more sync at most, and a processor
/// is not spent on a sync a record.
const GATHER_WAIT: Duration = Duration::from_micros(300);
/// How long a batch that the disk refused is held before it is tried again.
const HELD_WAIT: Duration = Duration::from_millis(100);

/// See the module's words.
pub(crate) struct AccountingWorker {
    /// Where datagrams come from and responses go.
    socket: Arc<UdpSocket>,
    /// Where they come into.
    inbox: Inbox,
    /// Where responses are written.
    outbox: Outbox,
    /// One response being written.
    out: Box<[u8]>,
    /// What verifies and settles.
    accountant: Accountant,
    /// The journal and the sessions.
    ledger: Ledger,
    /// Where it is counted.
    lane: Arc<Lane>,
    /// Requests to be settled together next, at most.
    batch: usize,
}

impl AccountingWorker {
    /// A worker that serves this socket.
    pub(crate) fn new(
        socket: Arc<UdpSocket>,
        accountant: Accountant,
        ledger: Ledger,
        lane: Arc<Lane>,
    ) -> Self {
        let mut outbox = Outbox::new(BATCH, PACKET_LEN_MAX);
        outbox.couple(&socket);
        Self {
            socket,
            inbox: Inbox::new(BATCH, PACKET_LEN_MAX),
            outbox,
            out: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
            accountant,
            ledger,
            lane,
            batch: BATCH_USUAL,
        }
    }

    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        let mut urgency = Urgency::begin();
        self.accountant.abandon(); // what a panic left half done
        flush(&mut self.outbox, &self.socket, &self.lane);
        while !stop.load(Ordering::Relaxed) {
            let mut taken = 0;
            if self.accountant.waiting() == 0 {
                taken = self.take_in();
                urgency.note(taken < BATCH_USUAL, Instant::now());
            } else {
                std::thread::sleep(HELD_WAIT);
            }
            self.settle();
            if (GATHER_MIN..BATCH_USUAL).contains(&taken) {
                std::thread::sleep(GATHER_WAIT);
            }
        }
    }

    /// Takes in what waits in the socket, up to a full batch; waits only for the first. How many they were.
    fn take_in(&mut self) -> usize {
        let (mut wait, mut taken) = (Wait::ForOne, 0);
        // Counted by datagrams, not by what waits: a flood of rubbish must not keep the batch from its answers.
        while taken < self.batch && self.accountant.waiting_octets() < BATCH_OCTETS_MAX {
            let received = match self.inbox.receive(&self.socket, wait) {
                Ok(received) => received,
                Err(refused) => {
                    rest(&refused, &self.lane);
                    break;
                }
            };
            if received == 0 {
                break;
            }
            self.take_in_batch();
            taken += received;
            if received < BATCH {
                break;
            }
            wait = Wait::No;
        }
        self.batch = next_batch(self.batch, taken);
        taken
    }

    /// Takes in what is in the inbox, and answers at once what needs no disk.
    fn take_in_batch(&mut self) {
        let now = Now::read();
        for datagram in self.inbox.datagrams() {
            let origin = Origin {
                source: datagram.source,
                local: datagram.local,
            };
            let intake = self
                .accountant
                .take_in(datagram.octets, origin, now, &mut self.out);
            if let Intake::Reply(reply) = intake {
                put(&mut self.outbox, &self.socket, origin, reply, &self.lane);
            }
        }
        flush(&mut self.outbox, &self.socket, &self.lane);
    }

    /// Settles the batch and sends the responses; what the disk refused waits.
    fn settle(&mut self) {
        let (outbox, socket, lane) = (&mut self.outbox, &self.socket, &self.lane);
        self.accountant
            .settle(&self.ledger, Now::read(), &mut self.out, &mut |to, response| {
                put(outbox, socket, to, response, lane)
            });
        flush(outbox, socket, lane);
    }
}

/// Puts a response into the outbox, which is sent first when it is full.
fn put(outbox: &mut Outbox, socket: &UdpSocket, to: Origin, response: &[u8], lane: &Lane) {
    if outbox.is_full() {
        flush(outbox, socket, lane);
    }
    // There is a slot now, and each is as long as a packet may be.
    let _put = outbox.put(to.source, to.local, response);
}

/// How many requests to settle together after a batch of so many: twice as many when that batch was full, for then more
/// waits than one `fdatasync` served; the usual number when it was not.
fn next_batch(batch: usize, taken: usize) -> usize {
    if taken < batch {
        BATCH_USUAL
    } else {
        (batch * 2).min(BATCH_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_the_disk_is_slower_than_the_requests_and_shrink_after() {
        let full: Vec<_> = std::iter::successors(Some(BATCH_USUAL), |batch| Some(next_batch(*batch, *batch)))
            .take(5)
            .collect();
        assert_eq!(full, [1_024, 2_048, 4_096, 8_192, 8_192]);
        assert_eq!(next_batch(8_192, 8_191), BATCH_USUAL);
    }
}
