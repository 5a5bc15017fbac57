//! An authentication worker: a batch of requests, their replies, the next batch; and, when it is behind, the newest first.

use super::backlog::{Backlog, OCTETS_MAX, REQUESTS_MAX};
use super::{BATCH, flush, rest};
use crate::authentication::Authenticator;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::Recorder;
use radius::PACKET_LEN_MAX;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use udp::{Datagram, Inbox, Outbox, Queue, Wait};

/// Full batches in a row after which a worker asks the kernel how much more waits.
const FULL_BATCHES: u32 = 8;
/// How long what waits in the socket may take, at the present pace, before the worker is behind: well below what any NAS
/// waits, so that nobody asks again before the order is changed.
const BEHIND: Duration = Duration::from_millis(200);
/// Octets of kernel memory that a waiting datagram takes at the least.
const DATAGRAM_KERNEL_OCTETS: u32 = 768;
/// Batches that are moved from the socket to the backlog at a time; a flood must not keep the worker from answering.
const DRAIN_BATCHES: usize = REQUESTS_MAX / BATCH;

/// See the module's words.
pub(crate) struct AuthWorker {
    /// Where datagrams come from and replies go.
    socket: Arc<UdpSocket>,
    /// Where they come into.
    inbox: Inbox,
    /// Who answers them.
    desk: Desk,
    /// What waits when it is behind.
    backlog: Backlog,
    /// Full batches in a row.
    full: u32,
    /// When the first of them was received.
    full_since: Instant,
}

/// Decides, writes the reply, records.
struct Desk {
    /// What decides.
    authenticator: Authenticator,
    /// Where decisions go.
    recorder: Recorder,
    /// Where replies are written.
    outbox: Outbox,
    /// Where it is counted.
    lane: Arc<Lane>,
    /// When the last decision was finished, which is when the next one began.
    clock: Instant,
}

impl AuthWorker {
    /// A worker that serves this socket.
    pub(crate) fn new(
        socket: Arc<UdpSocket>,
        authenticator: Authenticator,
        recorder: Recorder,
        lane: Arc<Lane>,
    ) -> Self {
        let now = Instant::now();
        Self {
            socket,
            inbox: Inbox::new(BATCH, PACKET_LEN_MAX),
            desk: Desk {
                authenticator,
                recorder,
                outbox: Outbox::new(BATCH, PACKET_LEN_MAX),
                lane,
                clock: now,
            },
            backlog: Backlog::new(REQUESTS_MAX, OCTETS_MAX, now),
            full: 0,
            full_since: now,
        }
    }

    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        self.desk.flush(&self.socket); // what a panic left
        while !stop.load(Ordering::Relaxed) {
            match self.inbox.receive(&self.socket, Wait::ForOne) {
                Ok(0) => self.full = 0,
                Ok(received) => {
                    let now = self.desk.now();
                    for datagram in self.inbox.datagrams() {
                        self.desk.serve(&datagram, now);
                    }
                    self.desk.flush(&self.socket);
                    if received < BATCH {
                        self.full = 0;
                    } else if self.is_behind(now) {
                        self.catch_up(stop);
                    }
                }
                Err(refused) => rest(&refused, &self.desk.lane),
            }
        }
    }

    /// After a full batch that was received at `now`: whether more waits than will be answered soon.
    fn is_behind(&mut self, now: Now) -> bool {
        if self.full == 0 {
            self.full_since = now.monotonic;
        }
        self.full += 1;
        if self.full < FULL_BATCHES {
            return false;
        }
        let served = std::mem::take(&mut self.full) * BATCH as u32;
        let took = self.desk.clock.saturating_duration_since(self.full_since);
        // A system that does not tell what waits has no backlog: requests are answered in the order they came.
        udp::queue(&self.socket).is_ok_and(|queue| behind(&queue, served, took))
    }

    /// Answers the newest first until nothing waits any more.
    fn catch_up(&mut self, stop: &AtomicBool) {
        self.desk.lane.add(Event::AuthBehind);
        while !stop.load(Ordering::Relaxed) {
            self.drain();
            self.answer_newest();
            count_dropped(&mut self.backlog, &self.desk.lane);
            if self.backlog.len() == 0 {
                return;
            }
        }
    }

    /// Moves what waits in the socket into the backlog, and serves at once what does not wait.
    fn drain(&mut self) {
        let now = self.desk.now();
        for _batch in 0..DRAIN_BATCHES {
            let received = match self.inbox.receive(&self.socket, Wait::No) {
                Ok(received) => received,
                Err(refused) => {
                    rest(&refused, &self.desk.lane);
                    0
                }
            };
            for datagram in self.inbox.datagrams() {
                if self.desk.authenticator.may_wait(datagram.octets, datagram.source) {
                    self.backlog.push(&datagram, now.monotonic);
                } else {
                    self.desk.serve(&datagram, now);
                }
            }
            self.desk.flush(&self.socket);
            if received < BATCH {
                return;
            }
        }
    }

    /// Answers a batch of the newest.
    fn answer_newest(&mut self) {
        let now = self.desk.now();
        for _place in 0..BATCH {
            let Some(datagram) = self.backlog.pop(now.monotonic) else {
                break;
            };
            self.desk.serve(&datagram, now);
        }
        self.desk.flush(&self.socket);
    }
}

impl Desk {
    /// The time, of which the next decision's duration is counted.
    fn now(&mut self) -> Now {
        let now = Now::read();
        self.clock = now.monotonic;
        now
    }

    /// Answers one datagram into the outbox and records what was decided.
    ///
    /// The record is made before the replies of the batch leave: it is one copy into memory that is there already, and
    /// the pipeline's draft would be overwritten by the next request. It delays the batch by less than a tenth.
    fn serve(&mut self, datagram: &Datagram<'_>, now: Now) {
        let Some(mut slot) = self.outbox.claim(datagram.source, datagram.local) else {
            self.lane.add(Event::SendError); // never: there are as many slots as datagrams in a batch
            return;
        };
        let verdict = self
            .authenticator
            .handle(datagram.octets, datagram.source, now, slot.octets());
        let reply = verdict.reply.map(<[u8]>::len);
        if let Some(decision) = verdict.decision {
            let clock = Instant::now();
            let took = clock.saturating_duration_since(self.clock).as_micros();
            self.clock = clock;
            decision.duration_us = u32::try_from(took).unwrap_or(u32::MAX);
            self.recorder.record(decision);
        }
        if let Some(len) = reply {
            slot.commit(len);
        }
    }

    /// Sends the replies.
    fn flush(&mut self, socket: &UdpSocket) {
        flush(&mut self.outbox, socket, &self.lane);
    }
}

/// Whether what waits in a socket is more than a worker will have answered soon that took so long for the last `served`; or
/// so much that the kernel will soon have no room.
fn behind(queue: &Queue, served: u32, took: Duration) -> bool {
    let waiting = queue.waiting_octets / DATAGRAM_KERNEL_OCTETS;
    queue.waiting_octets >= queue.room_octets / 2 || took * waiting / served.max(1) >= BEHIND
}

/// Counts what a backlog dropped.
fn count_dropped(backlog: &mut Backlog, lane: &Lane) {
    let dropped = backlog.take_dropped();
    for (event, count) in [
        (Event::AuthOverloadStale, dropped.stale),
        (Event::AuthOverloadNoRoom, dropped.no_room),
        (Event::AuthOverloadRepeated, dropped.repeated),
        (Event::AuthOverloadAnswered, dropped.answered),
    ] {
        if count > 0 {
            lane.add_many(event, count);
        }
    }
}
