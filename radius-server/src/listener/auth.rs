//! An authentication worker: a batch of requests, their replies, the next batch; and, when it is behind, the newest first.

use super::backlog::{Backlog, NAS_WAIT, OCTETS_MAX, REQUESTS_MAX};
use super::delayed::{Delayed, Destination};
use super::{BATCH, RECEIVE_WAIT, RELEASE_WAIT, flush, rest};
use crate::authentication::Authenticator;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::{Draft, Recorder};
use crate::later::{HeldReject, Leaving, Way};
use crate::priority;
use radius::{Authenticator as RequestAuthenticator, HEADER_LEN, PACKET_LEN_MAX};
use std::net::{IpAddr, SocketAddr, UdpSocket};
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
    /// Whether it waits for a datagram no longer than [`RELEASE_WAIT`].
    impatient: bool,
}

/// Decides, writes the reply, records.
struct Desk {
    /// What decides.
    authenticator: Authenticator,
    /// Where decisions go.
    recorder: Recorder,
    /// Where replies are written.
    outbox: Outbox,
    /// Access-Rejects that wait.
    delayed: Delayed,
    /// Those that were made elsewhere; their requests came earlier than what is answered at once, so they have a line of
    /// their own.
    delayed_elsewhere: Delayed,
    /// One of them, on its way out.
    room: Box<[u8]>,
    /// Those made elsewhere for which there was no room.
    overflown: Vec<HeldReject>,
    /// The way back for answers that come later.
    way: Arc<dyn Way>,
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
        let (now, mut outbox) = (Instant::now(), Outbox::new(BATCH, PACKET_LEN_MAX));
        outbox.couple(&socket);
        let way: Arc<dyn Way> = Arc::clone(&socket) as _;
        Self {
            socket,
            inbox: Inbox::new(BATCH, PACKET_LEN_MAX),
            desk: Desk {
                authenticator,
                recorder,
                outbox,
                delayed: Delayed::new(Duration::ZERO),
                delayed_elsewhere: Delayed::new(Duration::ZERO),
                room: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
                overflown: Vec::new(),
                way,
                lane,
                clock: now,
            },
            backlog: Backlog::new(REQUESTS_MAX, OCTETS_MAX, NAS_WAIT, now),
            full: 0,
            full_since: now,
            impatient: false,
        }
    }

    /// The same with Access-Rejects that wait so long before they are sent; zero: they do not.
    pub(crate) fn with_reject_delay(mut self, delay: Duration) -> Self {
        self.desk.delayed = Delayed::new(delay);
        self.desk.delayed_elsewhere = Delayed::new(delay);
        if self.desk.delayed.is_on() {
            self.desk.authenticator.hold_rejects();
        }
        self
    }

    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        priority::be_prompt();
        self.desk.flush(&self.socket); // what a panic left
        while !stop.load(Ordering::Relaxed) {
            self.wait_no_longer_than_rejects();
            match self.inbox.receive(&self.socket, Wait::ForOne) {
                Ok(0) => {
                    self.full = 0;
                    self.desk.recorder.flush(); // what a reader kept from the ring
                    self.desk.release(&self.socket, Instant::now());
                }
                Ok(received) => {
                    let now = self.desk.now();
                    for datagram in self.inbox.datagrams() {
                        self.desk.serve(&datagram, now);
                    }
                    self.desk.flush(&self.socket);
                    self.desk.release(&self.socket, now.monotonic);
                    if received < BATCH {
                        self.full = 0;
                    } else if self.is_behind(now) {
                        self.catch_up(stop);
                    }
                }
                Err(refused) => rest(&refused, &self.desk.lane),
            }
        }
        self.desk.release_all(&self.socket);
    }

    /// Has the socket wait for a datagram only as long as no reject is due. The system is asked when that changes.
    fn wait_no_longer_than_rejects(&mut self) {
        let impatient = !self.desk.delayed.is_empty() || !self.desk.delayed_elsewhere.is_empty();
        if impatient != self.impatient {
            let wait = if impatient { RELEASE_WAIT } else { RECEIVE_WAIT };
            // One that cannot be told is asked again with the next datagram; rejects are late until then.
            if self.socket.set_read_timeout(Some(wait)).is_ok() {
                self.impatient = impatient;
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
            self.desk.release(&self.socket, self.desk.clock);
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

    /// Answers one datagram into the outbox and takes down what was decided, for [`Self::flush`] to hand over.
    fn serve(&mut self, datagram: &Datagram<'_>, now: Now) {
        let Some(mut slot) = self.outbox.claim(datagram.source, datagram.local) else {
            self.lane.add(Event::SendError); // never: there are as many slots as datagrams in a batch
            return;
        };
        let verdict = self
            .authenticator
            .handle(datagram.octets, datagram.source, now, slot.octets());
        if let Some(leaving) = verdict.later {
            return self.send_away(leaving, datagram.local);
        }
        let (reply, held) = (verdict.reply.map(<[u8]>::len), verdict.held);
        if let Some(draft) = verdict.decision {
            take_down(draft, &mut self.clock, &mut self.recorder);
        }
        let Some(len) = reply else { return };
        if let (Some(key), Some(reject)) = (held, slot.octets().get(..len)) {
            let authenticator = authenticator_of(datagram.octets);
            let destination = Destination {
                to: datagram.source,
                from: datagram.local,
                key,
                authenticator,
            };
            if self.delayed.keep(reject, destination, now.monotonic) {
                self.lane.add(Event::AuthRejectDelayed);
                return; // the slot is free again
            }
            self.lane.add(Event::AuthRejectNotDelayed);
            self.authenticator.sent(&key, &authenticator, reject);
        }
        slot.commit(len);
    }

    /// Sends the rejects whose time has come, and keeps those that were made elsewhere.
    fn release(&mut self, socket: &UdpSocket, now: Instant) {
        if !self.delayed.is_on() {
            return;
        }
        for made in self.authenticator.held_elsewhere() {
            let destination = Destination {
                to: made.to,
                from: made.from,
                key: made.key,
                authenticator: made.authenticator,
            };
            let kept = self
                .delayed_elsewhere
                .keep(&made.reply, destination, made.arrived);
            if kept {
                self.lane.add(Event::AuthRejectDelayed);
            } else {
                self.lane.add(Event::AuthRejectNotDelayed);
                self.overflown.push(made);
            }
        }
        while let Some(made) = self.overflown.pop() {
            self.authenticator
                .sent(&made.key, &made.authenticator, &made.reply);
            post(
                &mut self.outbox,
                socket,
                &self.lane,
                (made.to, made.from),
                &made.reply,
            );
        }
        while let Some((len, destination)) = self
            .delayed
            .take_due(now, &mut self.room)
            .or_else(|| self.delayed_elsewhere.take_due(now, &mut self.room))
        {
            let reject = self.room.get(..len).unwrap_or_default();
            self.authenticator
                .sent(&destination.key, &destination.authenticator, reject);
            let whither = (destination.to, destination.from);
            post(&mut self.outbox, socket, &self.lane, whither, reject);
        }
        flush(&mut self.outbox, socket, &self.lane);
    }

    /// Sends all rejects that wait: nobody will be here to do it later.
    fn release_all(&mut self, socket: &UdpSocket) {
        let now = Instant::now();
        self.delayed.hurry(now);
        self.delayed_elsewhere.hurry(now);
        self.release(socket, now);
    }

    /// Hands a request over whose answer comes later; when nobody has room, that is the decision.
    fn send_away(&mut self, leaving: Leaving, local: Option<IpAddr>) {
        let key = *leaving.key();
        if let Err(mut refused) = leaving.go(Arc::clone(&self.way), local) {
            self.authenticator.nobody_takes(&key, &refused);
            take_down(&mut refused, &mut self.clock, &mut self.recorder);
        }
    }

    /// Sends the replies, and only then hands the decisions over.
    fn flush(&mut self, socket: &UdpSocket) {
        flush(&mut self.outbox, socket, &self.lane);
        self.recorder.flush_unless_read();
    }
}

/// Puts a reply into the outbox, which is emptied when it is full.
fn post(
    outbox: &mut Outbox,
    socket: &UdpSocket,
    lane: &Lane,
    (to, from): (SocketAddr, Option<IpAddr>),
    reply: &[u8],
) {
    if outbox.is_full() {
        flush(outbox, socket, lane);
    }
    if !outbox.put(to, from, reply) {
        lane.add(Event::SendError); // never: a slot is free, and as long as a packet
    }
}

/// The Request Authenticator of a datagram that was handled.
fn authenticator_of(datagram: &[u8]) -> RequestAuthenticator {
    let header = datagram
        .get(4..HEADER_LEN)
        .and_then(|octets| octets.first_chunk());
    header.copied().unwrap_or_default()
}

/// Takes down what was decided since `clock`, which is when the next decision begins.
fn take_down(draft: &mut Draft, clock: &mut Instant, recorder: &mut Recorder) {
    let now = Instant::now();
    let took = now.saturating_duration_since(*clock).as_micros();
    *clock = now;
    draft.duration_us = u32::try_from(took).unwrap_or(u32::MAX);
    recorder.record(draft);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counters;
    use crate::decision::Decisions;
    use crate::directory::{CoaTarget, Directory, Identify, NasGuard, NasSpec, Require};
    use radius::{RequestWriter, SharedSecret, kind};
    use udp::{queue, set_receive_buffer};
    use uuid::Uuid;

    /// Memory for decisions.
    const DECISION_OCTETS: usize = 256 * 1024;
    /// The secret of the NAS, which is 127.0.0.1.
    const SECRET: &[u8] = b"the secret of core-bng";

    /// A worker that has not begun yet, with a receive buffer of so many octets.
    fn worker(receive_buffer_octets: usize) -> (AuthWorker, Arc<Counters>) {
        let (directory, counters) = (Arc::new(Directory::new()), Arc::new(Counters::default()));
        directory.partner_put(Uuid::from_u128(1).into(), "Demo ISP", true);
        let secret = SharedSecret::new(SECRET);
        let nas = NasSpec {
            id: Uuid::from_u128(2).into(),
            partner: Uuid::from_u128(1).into(),
            network: "127.0.0.1/32".parse().expect("a network"),
            name: "core-bng".into(),
            make: "mikrotik".into(),
            secret: secret.clone(),
            coa: CoaTarget { port: 3799, secret },
            message_authenticator: Require::Auto,
            message_authenticator_seen: false,
            guard: NasGuard::default(),
            identify: Identify::default(),
        };
        directory.nas_put(nas).expect("taken");
        let lane = counters.lane();
        let authenticator = Authenticator::new(
            directory,
            Arc::default(),
            Arc::default(),
            Arc::default(),
            Arc::clone(&lane),
            |octets| getrandom::fill(octets).is_ok(),
        );
        let recorder = Arc::new(Decisions::new(DECISION_OCTETS)).recorder(Arc::clone(&lane));
        let address = "127.0.0.1:0".parse().expect("an address");
        let group = super::super::bind(address, 1, receive_buffer_octets).expect("bound");
        let socket = Arc::new(group.sockets.into_iter().next().expect("one"));
        (AuthWorker::new(socket, authenticator, recorder, lane), counters)
    }

    /// An Access-Request about somebody nobody knows: it is rejected.
    fn request(identifier: u8) -> Vec<u8> {
        let mut octets = [0; 256];
        let authenticator = Uuid::now_v7().into_bytes();
        let mut writer = RequestWriter::access(&mut octets, identifier, authenticator).expect("room");
        writer.text(kind::USER_NAME, "nobody@demo").expect("room");
        writer.finish(&SharedSecret::new(SECRET)).to_vec()
    }

    /// A socket of the NAS with room for all answers.
    fn client() -> UdpSocket {
        let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
        set_receive_buffer(&client, 1024 * 1024).expect("set");
        client
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout");
        client
    }

    /// Identifiers of the next `count` answers.
    fn answers(client: &UdpSocket, count: usize) -> Vec<u8> {
        let mut octets = [0; 4_096];
        let mut next = |_at| client.recv(&mut octets).map(|_len| octets[1]).expect("an answer");
        (0..count).map(&mut next).collect()
    }

    #[test]
    fn a_worker_that_stalled_answers_everybody_once_and_the_newest_first() {
        // Requests come until its socket is nearly full, before it begins: as long a stall as can be.
        let (mut worker, counters) = worker(768 * 1024);
        worker.backlog = Backlog::new(
            REQUESTS_MAX,
            OCTETS_MAX,
            Duration::from_secs(3_600),
            Instant::now(),
        );
        let server = worker.socket.local_addr().expect("an address");
        let (mut clients, mut sent) = (Vec::new(), 0_usize);
        let (room, mut waiting) = (queue(&worker.socket).expect("known").room_octets, 0);
        while waiting < room / 100 * 85 {
            if sent % 256 == 0 {
                clients.push(client());
            }
            clients[sent / 256]
                .send_to(&request(sent as u8), server)
                .expect("sent");
            sent += 1;
            waiting = queue(&worker.socket).expect("known").waiting_octets;
        }
        // The last one asks again and again.
        let (impatient, again) = (client(), request(9));
        for _ in 0..3 {
            impatient.send_to(&again, server).expect("sent");
        }
        assert_eq!(udp::receive_drops(&worker.socket).expect("known"), 0);

        let stop = Arc::new(AtomicBool::new(false));
        let running = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                worker.run(&stop);
                worker
            }
        });
        // The first ones come as they were sent, until it knows that it is behind; all others come newest first.
        let in_order: Vec<u8> = (0..=255).collect();
        assert_eq!(answers(&clients[0], 256), in_order);
        assert_eq!(FULL_BATCHES as usize * BATCH, 256);
        for (at, client) in clients.iter().enumerate().skip(1) {
            let count = (sent - 256 * at).min(256);
            let newest_first: Vec<u8> = (0..count).rev().map(|identifier| identifier as u8).collect();
            assert_eq!(answers(client, count), newest_first, "client {at}");
        }
        assert_eq!(answers(&impatient, 1), [9]);
        stop.store(true, Ordering::Relaxed);
        let worker = running.join().expect("ended");
        assert_eq!((counters.get(Event::AuthBehind), worker.backlog.len()), (1, 0));
        assert_eq!(counters.get(Event::AuthOverloadRepeated), 2);
        let dropped = [
            Event::AuthOverloadStale,
            Event::AuthOverloadNoRoom,
            Event::AuthOverloadAnswered,
        ];
        assert_eq!(dropped.map(|event| counters.get(event)), [0; 3]);
        assert_eq!(
            counters.get(Event::AuthDatagram),
            sent as u64 + 1,
            "each is handled once"
        );
        impatient.set_nonblocking(true).expect("set");
        assert!(impatient.recv(&mut [0; 1]).is_err(), "one answer is enough");
    }

    #[test]
    fn a_reject_waits_its_time_and_retransmissions_meanwhile_are_absorbed() {
        const DELAY: Duration = Duration::from_millis(300);
        let (worker, counters) = worker(768 * 1024);
        let mut worker = worker.with_reject_delay(DELAY);
        let server = worker.socket.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let running = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || worker.run(&stop)
        });
        let (client, first) = (client(), request(1));
        let began = Instant::now();
        for _ in 0..3 {
            client.send_to(&first, server).expect("sent");
        }
        assert_eq!(answers(&client, 1), [1]);
        assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());
        // It is known now, so it is answered again at once: long before another one has waited.
        let (other, again) = (request(2), Instant::now());
        client.send_to(&other, server).expect("sent");
        client.send_to(&first, server).expect("sent");
        assert_eq!(answers(&client, 2), [1, 2]);
        assert!(again.elapsed() >= DELAY);
        // Who stops sends what waits.
        client.send_to(&request(3), server).expect("sent");
        while counters.get(Event::AuthRejectDelayed) < 3 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        running.join().expect("ended");
        assert_eq!(answers(&client, 1), [3]);
        assert_eq!(counters.get(Event::AuthDuplicate), 3);
        assert_eq!(counters.get(Event::AuthRejectNotDelayed), 0);
    }

    #[test]
    fn only_requests_of_a_nas_wait() {
        let (worker, _counters) = worker(65_536);
        let (nas, stranger) = (
            "127.0.0.1:1".parse().expect("an address"),
            "127.0.0.2:1".parse().expect("an address"),
        );
        let may_wait = |octets: &[u8], source| worker.desk.authenticator.may_wait(octets, source);
        let (mut status_server, request) = (request(1), request(1));
        status_server[0] = 12;
        assert!(may_wait(&request, nas));
        assert!(!may_wait(&request, stranger));
        assert!(!may_wait(&request[..19], nas));
        assert!(!may_wait(&status_server, nas));
    }

    #[test]
    fn behind_is_a_matter_of_time_or_of_room() {
        let queue = |waiting_octets| Queue {
            waiting_octets,
            room_octets: 32 * 1024 * 1024,
            drops: 0,
        };
        let (served, fast, slow) = (256, Duration::from_millis(2), Duration::from_millis(200));
        assert!(!behind(&queue(0), served, slow));
        assert!(!behind(&queue(8 * 1024 * 1024), served, fast), "some 80 ms");
        assert!(behind(&queue(16 * 1024 * 1024), served, fast), "half full");
        assert!(!behind(&queue(128 * 1024), served, slow));
        assert!(behind(&queue(256 * 1024), served, slow), "more than 200 ms");
    }
}
