//! A run: sends by a window or by a schedule, collects replies, times them.
//!
//! - [`Pace::Window`] keeps so many requests in flight: as fast as the server answers. Finds its saturation.
//! - [`Pace::Schedule`] sends at fixed moments, whatever comes back, and counts latency from the moment a request *was to
//!   be* sent: a server that stalls is charged for everybody who would have waited (no coordinated omission).
//!
//! One thread, on a processor of its own when it is told so. Never judges a reply while the clock runs.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use hdrhistogram::Histogram;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use udp::Outgoing;

use super::arena::Arena;
use super::flight::Flight;
use super::port::{BATCH_LEN, Ports};
use super::replies::Replies;
use super::route::Route;
use super::tally::{self, Tally, Verdicts};
use crate::interrupt;

/// How often overdue requests and Ctrl-C are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the generator waits for a reply before it looks at its schedule again.
const WAIT_MAX: Duration = Duration::from_millis(1);

/// The niceness of a generator on a processor of its own.
const UNDISTURBED: i32 = -20;

/// When requests leave.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Whenever fewer than so many are in flight.
    Window(usize),
    /// So many a second, at fixed moments.
    Schedule(f64),
}

/// What the generator does when there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Looks again: exact times, a whole processor.
    Spin,
    /// Sleeps up to a millisecond: leaves the processor to the server.
    Sleep,
}

/// A run.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    /// What is sent.
    pub arena: &'a Arena,
    /// Where to.
    pub server: SocketAddr,
    /// When.
    pub pace: Pace,
    /// What to do in between.
    pub idle: Idle,
    /// How long the clock runs.
    pub length: Duration,
    /// When a request is given up.
    pub give_up: Duration,
    /// On which processor.
    pub core: Option<usize>,
}

/// The two moments between which the clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It starts.
    Begin,
    /// It stops.
    End,
}

/// Runs; `on_edge` is called at both ends of the timed window, by the generator's thread.
///
/// # Errors
/// A socket cannot be opened, the processor is not there, or somebody asked us to stop.
pub fn drive(orders: Orders<'_>, replies: &mut Replies, on_edge: impl FnMut(Edge) + Send) -> Result<Tally> {
    replies.prepare(orders.arena.len());
    let mut tally = thread::scope(|scope| {
        let run = || {
            if let Some(core) = orders.core {
                stay_on(core)?;
                go_undisturbed();
            }
            Run::open(orders, replies)?.run(on_edge)
        };
        let ran = scope.spawn(run).join();
        ran.unwrap_or_else(|_| Err(anyhow!("the generator panicked")))
    })?;
    (tally.verdicts, tally.judging) = replies.judge(orders.arena);
    Ok(tally)
}

/// Keeps this thread on one processor.
///
/// # Errors
/// There is no such processor.
pub fn stay_on(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on processor {core}"))
}

/// Lets nobody but the kernel interrupt this thread for long: what it misses would count as latency of the server. Where
/// that is not allowed, the figures are as good as the machine is idle.
fn go_undisturbed() {
    let _as_good_as_idle = udp::share(udp::Share::Nice(UNDISTURBED));
}

/// Processor time of this thread.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or_default(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// A run under way.
struct Run<'a> {
    /// What to do.
    orders: Orders<'a>,
    /// The sockets.
    ports: Ports,
    /// What is in flight.
    flight: Flight,
    /// Requests that leave together, all from one port.
    batch: Vec<Outgoing<'a>>,
    /// Whose they are.
    batch_port: usize,
    /// The next request.
    next: usize,
    /// What came back.
    replies: &'a mut Replies,
    /// When the clock started.
    began: Instant,
    /// What is counted.
    counts: Counts,
}

/// What is counted while a run is under way.
struct Counts {
    /// See [`Tally`].
    sent: u64,
    /// See [`Tally`].
    answered: u64,
    /// See [`Tally`].
    lost: u64,
    /// See [`Tally`].
    strays: u64,
    /// See [`Tally`].
    skipped: u64,
    /// See [`Tally`].
    latency: Histogram<u64>,
}

impl<'a> Run<'a> {
    /// Opens the sockets.
    fn open(orders: Orders<'a>, replies: &'a mut Replies) -> Result<Run<'a>> {
        let shape = orders.arena.shape;
        Ok(Run {
            orders,
            ports: Ports::open(shape, orders.server)?,
            flight: Flight::new(shape),
            batch: Vec::with_capacity(BATCH_LEN),
            batch_port: 0,
            next: 0,
            replies,
            began: Instant::now(),
            counts: Counts {
                sent: 0,
                answered: 0,
                lost: 0,
                strays: 0,
                skipped: 0,
                latency: tally::latencies(),
            },
        })
    }

    /// Runs to the end.
    fn run(mut self, mut on_edge: impl FnMut(Edge)) -> Result<Tally> {
        on_edge(Edge::Begin);
        let used = thread_time();
        self.began = Instant::now();
        let busy = self.timed()?;
        let elapsed = self.began.elapsed();
        // A generator that spins uses its processor up; what counts are the turns in which it sent or received.
        let generator = thread_time().saturating_sub(used).min(busy);
        on_edge(Edge::End);
        let (sent, answered) = (self.counts.sent, self.counts.answered);
        self.collect_the_rest()?;
        Ok(Tally {
            sent,
            answered,
            late: self.counts.answered - answered,
            lost: self.counts.lost,
            strays: self.counts.strays,
            skipped: self.counts.skipped,
            verdicts: Verdicts::default(),
            elapsed,
            generator,
            judging: Duration::ZERO,
            latency: self.counts.latency,
            ran_dry: self.next >= self.orders.arena.len(),
        })
    }

    /// While the clock runs; gives how long the turns took in which something was sent or received.
    fn timed(&mut self) -> Result<Duration> {
        let (mut looked, mut busy) = (Duration::ZERO, Duration::ZERO);
        loop {
            let now = self.began.elapsed();
            let dry = self.next >= self.orders.arena.len();
            if now >= self.orders.length || (dry && self.flight.len() == 0) {
                return Ok(busy);
            }
            let before = self.next;
            self.send_due(now);
            let came = self.receive()?;
            if came > 0 || self.next > before {
                busy += self.began.elapsed().saturating_sub(now);
            }
            if now >= looked + LOOK_EVERY {
                looked = now;
                self.look_around(now)?;
            }
            if came == 0 && self.orders.idle == Idle::Sleep {
                self.ports.wait(self.nap(now))?;
            }
        }
    }

    /// How long nothing needs to be sent.
    fn nap(&self, now: Duration) -> Duration {
        match self.orders.pace {
            Pace::Window(_) => WAIT_MAX,
            Pace::Schedule(rate) => due_at(self.next, rate).saturating_sub(now).min(WAIT_MAX),
        }
    }

    /// Sends what may leave now.
    fn send_due(&mut self, now: Duration) {
        let most = match self.orders.pace {
            Pace::Window(window) => window.saturating_sub(self.flight.len()),
            Pace::Schedule(rate) => due_by(now, rate).saturating_sub(self.next),
        };
        // No more than a batch or two between two looks at the replies, or a window that opens at once would wait for itself.
        for _ in 0..most.min(2 * BATCH_LEN) {
            if self.next >= self.orders.arena.len() {
                break;
            }
            let since = match self.orders.pace {
                Pace::Window(_) => now,
                Pace::Schedule(rate) => due_at(self.next, rate),
            };
            self.enqueue(since);
        }
        self.flush();
    }

    /// Puts the next request into the batch.
    fn enqueue(&mut self, since: Duration) {
        let number = self.next;
        self.next += 1;
        let arena: &'a Arena = self.orders.arena;
        let (octets, route) = arena.request(number);
        if usize::from(route.port) != self.batch_port || self.batch.len() == BATCH_LEN {
            self.flush();
            self.batch_port = usize::from(route.port);
        }
        if self.flight.depart(route, number as u32, since.as_nanos() as u64) {
            self.batch.push(self.ports.outgoing(route.nas, octets));
            self.counts.sent += 1;
        } else {
            self.counts.skipped += 1;
            if matches!(self.orders.pace, Pace::Schedule(_)) {
                // Somebody would have waited for this one, too.
                tally::record(&mut self.counts.latency, self.orders.give_up.as_nanos() as u64);
            }
        }
    }

    /// Sends the batch.
    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.ports.send(self.batch_port, &self.batch);
            self.batch.clear();
        }
    }

    /// Takes what has come to all ports that something is in flight from; gives how many.
    fn receive(&mut self) -> Result<usize> {
        let Run {
            ports,
            flight,
            replies,
            counts,
            orders,
            began,
            ..
        } = self;
        let mut all = 0;
        for port in 0..ports.len() {
            while flight.of_port(port) > 0 {
                let mut now_ns = 0;
                let came = ports.receive(port, |nas, octets| {
                    if now_ns == 0 {
                        now_ns = began.elapsed().as_nanos() as u64;
                    }
                    let route = Route {
                        port: port as u16,
                        nas,
                        identifier: octets.get(1).copied().unwrap_or_default(),
                    };
                    match flight.land(route) {
                        Some(landed) => {
                            counts.answered += 1;
                            tally::record(&mut counts.latency, now_ns.saturating_sub(landed.since_ns));
                            replies.keep(orders.arena, landed.request, octets);
                        }
                        None => counts.strays += 1,
                    }
                })?;
                all += came;
                if came < BATCH_LEN {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Gives up what is overdue, and looks whether somebody wants us to stop.
    fn look_around(&mut self, now: Duration) -> Result<()> {
        interrupt::check()?;
        let overdue = now.saturating_sub(self.orders.give_up).as_nanos() as u64;
        let (counts, give_up) = (&mut self.counts, self.orders.give_up.as_nanos() as u64);
        self.flight.give_up(overdue, |_| {
            counts.lost += 1;
            tally::record(&mut counts.latency, give_up);
        });
        Ok(())
    }

    /// Waits for what is still in flight when the clock has stopped.
    fn collect_the_rest(&mut self) -> Result<()> {
        while self.flight.len() > 0 {
            if self.receive()? == 0 {
                self.ports.wait(WAIT_MAX)?;
            }
            let now = self.began.elapsed();
            self.look_around(now)?;
        }
        Ok(())
    }
}

/// When a request of a schedule is to be sent.
fn due_at(number: usize, rate: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / rate)
}

/// How many requests of a schedule are to be sent until a moment.
fn due_by(now: Duration, rate: f64) -> usize {
    (now.as_secs_f64() * rate) as usize + 1
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use radius::{Code, ReplyWriter, SharedSecret, View};

    use super::*;
    use crate::load::recipe::{Login, Method, Order};
    use crate::load::route::Shape;

    /// Octets of the server's receive buffer.
    const RECEIVE_BUFFER_OCTETS: usize = 4 << 20;

    /// Answers requests with what `alter` makes of a genuine accept, until none comes for a while.
    fn serve(
        secret: SharedSecret,
        mut alter: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static,
    ) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("bound");
        // Room for what comes while a busy machine does something else.
        udp::set_receive_buffer(&socket, RECEIVE_BUFFER_OCTETS).expect("a buffer");
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        thread::spawn(move || {
            let (mut room, mut count) = ([0; 1_024], 0);
            while let Ok((len, from)) = socket.recv_from(&mut room) {
                let view = View::parse(&room[..len]).expect("a request");
                let mut out = [0; 512];
                let mut reply = ReplyWriter::new(&mut out, Code::AccessAccept, &view).expect("room");
                reply.reserve_message_authenticator().expect("room");
                for octets in alter(count, reply.finish(&secret).to_vec()) {
                    socket.send_to(&octets, from).expect("sent");
                }
                count += 1;
            }
        });
        address
    }

    fn arena(shape: Shape, count: usize) -> Arena {
        let login = Login {
            method: Method::Pap,
            subscribers: 50,
            order: Order::EachOnce,
            seed: 1,
        };
        Arena::build(&login, &SharedSecret::new(b"between us"), shape, 0, count, None).expect("built")
    }

    fn orders(arena: &Arena, server: SocketAddr, pace: Pace) -> Orders<'_> {
        Orders {
            arena,
            server,
            pace,
            idle: Idle::Sleep,
            length: Duration::from_secs(60),
            give_up: Duration::from_millis(300),
            core: None,
        }
    }

    #[test]
    fn every_request_is_answered_once_and_judged_in_both_paces_and_with_many_nas() -> Result<()> {
        // As many identifiers as requests: a schedule waits for nobody, and would leave out what comes round too soon.
        for shape in [Shape { nas: 1, ports: 8 }, Shape { nas: 20, ports: 2 }] {
            for pace in [Pace::Window(32), Pace::Schedule(20_000.0)] {
                let server = serve(SharedSecret::new(b"between us"), |_, reply| vec![reply]);
                let arena = arena(shape, 2_000);
                let patient = Orders {
                    give_up: Duration::from_secs(30),
                    ..orders(&arena, server, pace)
                };
                let tally = drive(patient, &mut Replies::default(), |_| {})?;
                assert_eq!(
                    (tally.sent, tally.answered, tally.verdicts.good),
                    (2_000, 2_000, 2_000)
                );
                assert!(tally.troubles().is_none(), "{}", tally.troubles());
                assert!(tally.ran_dry && tally.latency.len() == 2_000);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_lost_sent_twice_or_forged_is_counted_as_that() -> Result<()> {
        let server = serve(SharedSecret::new(b"between us"), |count, mut reply| match count {
            10 => vec![],
            20 => vec![reply.clone(), reply],
            30 => {
                reply[25] ^= 1;
                vec![reply]
            }
            _ => vec![reply],
        });
        let arena = arena(Shape { nas: 1, ports: 1 }, 100);
        let tally = drive(
            orders(&arena, server, Pace::Window(8)),
            &mut Replies::default(),
            |_| {},
        )?;
        assert_eq!(
            (tally.sent, tally.answered, tally.lost, tally.strays),
            (100, 99, 1, 1)
        );
        assert_eq!((tally.verdicts.good, tally.verdicts.forged), (98, 1));
        Ok(())
    }

    #[test]
    fn an_identifier_that_comes_round_while_in_flight_is_skipped_and_not_reused() -> Result<()> {
        // The first request is never answered; its identifier is due again 256 requests later, before it is given up.
        let server = serve(SharedSecret::new(b"between us"), |count, reply| match count {
            0 => vec![],
            _ => vec![reply],
        });
        let arena = arena(Shape { nas: 1, ports: 1 }, 300);
        let slow = Orders {
            give_up: Duration::from_secs(2),
            ..orders(&arena, server, Pace::Window(64))
        };
        let tally = drive(slow, &mut Replies::default(), |_| {})?;
        assert_eq!((tally.skipped, tally.lost, tally.verdicts.good), (1, 1, 298));
        Ok(())
    }

    #[test]
    fn both_edges_of_the_window_are_told_once_each() -> Result<()> {
        let server = serve(SharedSecret::new(b"between us"), |_, reply| vec![reply]);
        let arena = arena(Shape { nas: 1, ports: 1 }, 10);
        let mut edges = Vec::new();
        drive(
            orders(&arena, server, Pace::Window(4)),
            &mut Replies::default(),
            |edge| edges.push(edge),
        )?;
        assert_eq!(edges, [Edge::Begin, Edge::End]);
        Ok(())
    }
}
