//! A BNG reboots: everybody behind it logs in at once, on one processor, and starts accounting when let in.
//!
//! The simulated BNG does what real ones do: it sends again after a timeout, a few times, and when nobody answers the
//! subscriber's router dials again. Time to calm is when the last one is accounted for. Parameters are in the results.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use radius::{Code, SharedSecret};

use super::subject::{Place, Subject};
use super::{Bench, Test};
use crate::load::drive::stay_on;
use crate::load::port::{BATCH_LEN, Ports};
use crate::load::recipe::{self, Login, Method, Order, Recipe, Record, Sender};
use crate::load::route::{IDENTIFIERS, Shape, nas_address};
use crate::load::verdict::{Verdict, judge};
use crate::{interrupt, report};

/// Subscribers behind the BNG.
pub const SUBSCRIBERS: usize = 20_000;
/// The same in the short form.
pub const SUBSCRIBERS_QUICK: usize = 2_000;
/// When the BNG sends again.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// How often it sends one request at most.
pub const SENDS_MAX: u32 = 3;
/// When a router whose login nobody answered dials again.
pub const REDIAL: Duration = Duration::from_secs(5);
/// When the test is given up.
const CALM_WAIT_MAX: Duration = Duration::from_secs(180);
/// The name of the test in the figures.
pub const STORM: &str = "BNG reboot";

/// Every subject in turn, pinned.
///
/// # Errors
/// A subject has ended, or somebody asked us to stop.
pub fn all(bench: &mut Bench) -> Result<()> {
    if !bench.plan.wants(Test::Reboot) {
        return Ok(());
    }
    bench.stage.place(Place::Pinned)?;
    let most = if bench.plan.quick {
        SUBSCRIBERS_QUICK
    } else {
        SUBSCRIBERS
    };
    let count = most.min(bench.plan.subscribers);
    for round in 1..=bench.plan.rounds {
        for subject in bench.stage.subjects() {
            let title = subject.kind().title();
            let Some(accounting) = subject.accounting() else {
                continue;
            };
            let secret = bench.workshop.secret.clone();
            let ran = std::thread::scope(|scope| {
                let run = || {
                    if let Some(core) = Place::Pinned.generator_core() {
                        stay_on(core)?;
                    }
                    Bng::open(&secret, subject, accounting, count)?.reboot()
                };
                scope
                    .spawn(run)
                    .join()
                    .map_err(|_| anyhow::anyhow!("the simulated BNG panicked"))?
            });
            let calm = match ran {
                Ok(calm) => calm,
                Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
                Err(error) => {
                    bench.figures.fail(format!("{STORM}, {title}: {error:#}"));
                    continue;
                }
            };
            report::line(format!(
                "  round {round}, {title}: {count} online after {:.2} s (half after {:.2} s), {} sent again, {} dialled again, \
                 {} replies to earlier dials or not genuine",
                calm.all.as_secs_f64(),
                calm.half.as_secs_f64(),
                calm.resent,
                calm.redialled,
                calm.bad
            ));
            for (measure, value) in [
                ("calm s", calm.all.as_secs_f64()),
                ("half s", calm.half.as_secs_f64()),
                ("resent", calm.resent as f64),
                ("redialled", calm.redialled as f64),
            ] {
                bench.figures.add(STORM, measure, title, value);
            }
        }
    }
    Ok(())
}

/// What a storm came to.
#[derive(Debug, Default)]
struct Calm {
    /// When half of them were online.
    half: Duration,
    /// When all were.
    all: Duration,
    /// Requests that were sent again.
    resent: u64,
    /// Logins that were given up and begun anew.
    redialled: u64,
    /// Replies that did not answer what was sent last: to an earlier dial, not genuine, or rejects.
    bad: u64,
}

/// Where a subscriber is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for the answer to his login.
    LoggingIn,
    /// Let in; waits for the answer to the Start.
    Starting,
    /// His router waits before it dials again.
    Resting,
    /// Accounted for.
    Online,
}

/// One subscriber.
#[derive(Debug)]
struct Line {
    /// Where he is.
    stage: Stage,
    /// What was sent last.
    request: Vec<u8>,
    /// How often.
    sends: u32,
    /// Dials so far: a new dial is a new request.
    dials: usize,
}

/// A moment at which a line has to be looked at.
#[derive(Debug, Clone, Copy)]
struct Alarm {
    /// When.
    at: Duration,
    /// Which line.
    line: usize,
    /// Where it was then; an alarm for another stage or another send is old.
    stage: Stage,
    /// How often it had sent.
    sends: u32,
    /// How often it had dialled.
    dials: usize,
}

/// The simulated BNG. Each line has a port and an identifier of its own, so no two requests share one.
struct Bng<'s> {
    /// What it shares with the server.
    secret: &'s SharedSecret,
    /// Sockets for logins.
    logins: Ports,
    /// Sockets for accounting.
    starts: Ports,
    /// Everybody.
    lines: Vec<Line>,
    /// What to look at after [`TIMEOUT`], in order.
    timeouts: VecDeque<Alarm>,
    /// What to look at after [`REDIAL`], in order.
    redials: VecDeque<Alarm>,
    /// Makes logins.
    login: Login,
    /// Makes Starts.
    record: Record,
    /// How many are online.
    online: usize,
    /// What is counted.
    calm: Calm,
    /// When it began.
    began: Instant,
}

impl<'s> Bng<'s> {
    /// Opens the sockets and prepares every first login.
    fn open(
        secret: &'s SharedSecret,
        subject: &dyn Subject,
        accounting: std::net::SocketAddr,
        count: usize,
    ) -> Result<Bng<'s>> {
        let ports = count.div_ceil(IDENTIFIERS);
        let shape = Shape {
            nas: 1,
            ports: u16::try_from(ports).context("too many subscribers for one BNG")?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut bng = Bng {
            secret,
            logins: Ports::open(shape, subject.auth())?,
            starts: Ports::open(shape, accounting)?,
            lines: Vec::with_capacity(count),
            timeouts: VecDeque::with_capacity(2 * count),
            redials: VecDeque::new(),
            login: Login {
                method: Method::Pap,
                subscribers: count,
                order: Order::EachOnce,
                seed: recipe::fresh_seed()?,
            },
            record: Record {
                subscribers: count,
                interims: 0,
                cohort: count,
                seed: recipe::fresh_seed()?,
                began_unix_s: now.as_secs() as u32,
            },
            online: 0,
            calm: Calm::default(),
            began: Instant::now(),
        };
        for line in 0..count {
            let request = bng.request(line, Stage::LoggingIn, 0)?;
            bng.lines.push(Line {
                stage: Stage::LoggingIn,
                request,
                sends: 0,
                dials: 0,
            });
        }
        Ok(bng)
    }

    /// Everybody at once, until everybody is online.
    fn reboot(mut self) -> Result<Calm> {
        self.began = Instant::now();
        for first in (0..self.lines.len()).step_by(BATCH_LEN) {
            let last = (first + BATCH_LEN).min(self.lines.len());
            (first..last).for_each(|line| self.send(line));
        }
        while self.online < self.lines.len() {
            interrupt::check()?;
            let came = self.receive(Stage::LoggingIn)? + self.receive(Stage::Starting)?;
            self.ring()?;
            if self.began.elapsed() > CALM_WAIT_MAX {
                let (online, all) = (self.online, self.lines.len());
                bail!(
                    "{online} of {all} were online after {} s",
                    CALM_WAIT_MAX.as_secs()
                );
            }
            if came == 0 {
                self.starts.wait(Duration::from_micros(200))?;
            }
        }
        self.calm.all = self.began.elapsed();
        Ok(self.calm)
    }

    /// Sends what a line has to send and sets its alarm.
    fn send(&mut self, line: usize) {
        let now = self.began.elapsed();
        let it = &mut self.lines[line];
        it.sends += 1;
        let ports = if it.stage == Stage::LoggingIn {
            &mut self.logins
        } else {
            &mut self.starts
        };
        let outgoing = ports.outgoing(0, &it.request);
        ports.send(line / IDENTIFIERS, &[outgoing]);
        self.timeouts.push_back(Alarm {
            at: now + TIMEOUT,
            line,
            stage: it.stage,
            sends: it.sends,
            dials: it.dials,
        });
    }

    /// Takes the replies of one kind; gives how many came.
    fn receive(&mut self, stage: Stage) -> Result<usize> {
        let mut arrived: Vec<(usize, Vec<u8>)> = Vec::new();
        let ports = if stage == Stage::LoggingIn {
            &mut self.logins
        } else {
            &mut self.starts
        };
        for port in 0..ports.len() {
            ports.receive(port, |_, octets| {
                let identifier = usize::from(octets.get(1).copied().unwrap_or_default());
                arrived.push((port * IDENTIFIERS + identifier, octets.to_vec()));
            })?;
        }
        let count = arrived.len();
        for (line, reply) in arrived {
            self.answered(line, stage, &reply)?;
        }
        Ok(count)
    }

    /// Takes one reply.
    fn answered(&mut self, line: usize, stage: Stage, reply: &[u8]) -> Result<()> {
        let Some(it) = self.lines.get(line).filter(|it| it.stage == stage) else {
            return Ok(()); // the answer to a retransmission of something that is done
        };
        let expected = if stage == Stage::LoggingIn {
            Code::AccessAccept
        } else {
            Code::AccountingResponse
        };
        if judge(self.secret, &it.request, reply, expected) != Verdict::Good {
            self.calm.bad += 1;
            return Ok(());
        }
        if stage == Stage::LoggingIn {
            let request = self.request(line, Stage::Starting, it.dials)?;
            let it = &mut self.lines[line];
            (it.stage, it.request, it.sends) = (Stage::Starting, request, 0);
            self.send(line);
        } else {
            self.lines[line].stage = Stage::Online;
            self.online += 1;
            if self.online == self.lines.len().div_ceil(2) {
                self.calm.half = self.began.elapsed();
            }
        }
        Ok(())
    }

    /// Looks at the lines whose time has come.
    fn ring(&mut self) -> Result<()> {
        let now = self.began.elapsed();
        while let Some(alarm) = self.timeouts.pop_front_if(|alarm| alarm.at <= now) {
            let it = &mut self.lines[alarm.line];
            if (it.stage, it.sends, it.dials) != (alarm.stage, alarm.sends, alarm.dials) {
                continue; // it has been answered
            }
            if it.sends < SENDS_MAX {
                self.calm.resent += 1;
                self.send(alarm.line);
            } else {
                // A Start that nobody confirms leaves the session up on a real BNG; here the line dials anew, which is worse.
                it.stage = Stage::Resting;
                self.redials.push_back(Alarm {
                    at: now + REDIAL,
                    ..alarm
                });
            }
        }
        while let Some(alarm) = self.redials.pop_front_if(|alarm| alarm.at <= now) {
            let dials = alarm.dials + 1;
            let request = self.request(alarm.line, Stage::LoggingIn, dials)?;
            let it = &mut self.lines[alarm.line];
            *it = Line {
                stage: Stage::LoggingIn,
                request,
                sends: 0,
                dials,
            };
            self.calm.redialled += 1;
            self.send(alarm.line);
        }
        Ok(())
    }

    /// The request of a line; another one for each dial.
    fn request(&self, line: usize, stage: Stage, dials: usize) -> Result<Vec<u8>> {
        let sender = Sender {
            nas: nas_address(0),
            identifier: (line % IDENTIFIERS) as u8,
            secret: self.secret,
        };
        let mut room = [0; 512];
        let length = match stage {
            Stage::LoggingIn => self
                .login
                .write(dials * self.login.subscribers + line, sender, &mut room)?,
            _ => self
                .record
                .write(2 * dials * self.record.cohort + line, sender, &mut room)?,
        };
        Ok(room[..length].to_vec())
    }
}
