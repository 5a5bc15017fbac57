//! The thread that keeps what goes to home servers: it owns an [`Engine`], its sockets and the requests that wait, moves octets
//! and time between them, and answers each NAS when its home server has spoken. Workers hand requests over and go on.
//!
//! Bounded: [`QUEUE_MAX`] requests wait to be taken, [`super::engine::IN_FLIGHT_MAX`] wait for home servers.

use super::engine::{Answer, Engine, ExchangeId, Forward, Outcome, StartError, Timing};
use super::transport::Transport;
use super::ways::Ways;
use crate::authentication::{Asked, Clerk};
use crate::clock::Now;
use crate::counters::Event;
use crate::decision::{self, DropReason, Found, RejectReason, ReplyKind, Step};
use crate::directory::{HomePort, bump};
use crate::later::{Finisher, FinisherKit, Handover, Pending};
use crate::priority;
use parking_lot::Mutex;
use radius::hop::{self, Side};
use radius::{Code, View};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Requests that wait to be taken over, at most.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// How long it sleeps at most, to see that it should stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Where workers leave requests for home servers.
#[derive(Default)]
pub struct Desk {
    /// What waits to be taken over.
    queue: Mutex<VecDeque<(Pending, Forward)>>,
    /// Wakes the thread; `None` until it runs.
    bell: Mutex<Option<Arc<super::transport::Bell>>>,
}

impl Desk {
    /// A handover to this desk.
    pub(crate) fn handover(self: &Arc<Self>, forward: Forward) -> Handover {
        let desk = Arc::clone(self);
        Box::new(move |pending| desk.take(pending, forward))
    }

    /// Takes a request, or gives it back when too many wait.
    fn take(&self, pending: Pending, forward: Forward) -> Result<(), Pending> {
        let mut queue = self.queue.lock();
        if queue.len() >= QUEUE_MAX {
            return Err(pending);
        }
        queue.push_back((pending, forward));
        let first = queue.len() == 1;
        drop(queue);
        if first && let Some(bell) = &*self.bell.lock() {
            bell.ring();
        }
        Ok(())
    }

    /// Serves until `stop` is set; what waits then is let go. `authority` is where our own authority is, for home servers that
    /// are reached by TLS and believe it.
    pub(crate) fn run(&self, kit: &FinisherKit, authority: Option<&Path>, stop: &AtomicBool) {
        priority::be_prompt();
        let mut owner = [0; hop::MARK_OWNER_LEN];
        let _marked = (kit.entropy)(&mut owner); // without randomness the engine sends nothing on
        let ways = match Ways::open(HomePort::Auth, authority.map(Path::to_owned)) {
            Ok(ways) => ways,
            Err(error) => {
                tracing::error!(%error, "no sockets towards home servers; requests of their realms are not answered");
                return self.refuse_all(stop);
            }
        };
        *self.bell.lock() = Some(ways.bell());
        let mut shift = Shift {
            engine: Engine::new(HomePort::Auth, Timing::LOGIN, owner, Ways::LANES, kit.entropy),
            ways,
            waiting: HashMap::new(),
            finisher: kit.finisher(),
        };
        while !stop.load(Ordering::Relaxed) {
            shift.turn(self);
        }
        *self.bell.lock() = None;
        self.queue.lock().clear();
    }

    /// Lets everything go that comes, until `stop` is set.
    fn refuse_all(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.queue.lock().clear();
            std::thread::sleep(LOOK_UP);
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Desk({} waiting)", self.queue.lock().len())
    }
}

/// What the thread owns.
struct Shift {
    /// What is under way.
    engine: Engine,
    /// The sockets and connections.
    ways: Ways,
    /// Who waits for what.
    waiting: HashMap<ExchangeId, Pending>,
    /// Answers them.
    finisher: Finisher,
}

impl Shift {
    /// Once around: sleep until something happens, and see to it.
    fn turn(&mut self, desk: &Desk) {
        let due = self.engine.poll_timeout().map(|(at, _why)| at);
        let sleep = due.map_or(LOOK_UP, |at| {
            at.saturating_duration_since(Now::read().monotonic).min(LOOK_UP)
        });
        if desk.queue.lock().is_empty() {
            self.ways.wait(sleep);
        }
        let now = Now::read();
        let engine = &mut self.engine;
        self.ways.receive(&mut |arrival| {
            engine.handle_datagram(arrival.from, arrival.lane, arrival.octets, now);
        });
        self.engine.handle_timeout(now);
        // Answers first: they make room.
        self.answer();
        let arrived = std::mem::take(&mut *desk.queue.lock());
        for (pending, forward) in arrived {
            match self.engine.start(forward, now) {
                Ok(id) => drop(self.waiting.insert(id, pending)),
                Err(why) => self.refuse(pending, why),
            }
        }
        while let Some(transmit) = self.engine.poll_transmit() {
            self.ways.send(&transmit);
        }
    }

    /// Answers everybody whose home server has spoken, or has not.
    fn answer(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            let Some(pending) = self.waiting.remove(&event.id) else {
                continue;
            };
            let (outcome, pass) = (event.outcome, event.forward.realm.pass);
            self.finisher.finish_with(pending, |clerk, asked, out| {
                note(clerk, &outcome);
                let Answer::Reply {
                    octets,
                    authenticator,
                } = &outcome.answer
                else {
                    return silent(clerk, DropReason::HomeServerSilent);
                };
                let side = Side {
                    secret: &outcome.server.spec.secret,
                    authenticator,
                };
                let reply = View::parse(octets).ok()?;
                match hop::back(&reply, side, &asked.request, asked.secret(), pass, out) {
                    Ok(written) => {
                        let (code, len) = (reply.code(), written.len());
                        sent(clerk, asked, code, len);
                        Some(len)
                    }
                    Err(_) => {
                        clerk.lane.add(Event::ReplyNotMade);
                        silent(clerk, DropReason::NoReply)
                    }
                }
            });
        }
    }

    /// Ends a request that could not be sent on.
    fn refuse(&mut self, pending: Pending, why: StartError) {
        self.finisher.finish_with(pending, |clerk, _asked, _out| {
            let (found, reason) = match why {
                StartError::NoServer => (Found::NoHomeServer, DropReason::NoHomeServer),
                StartError::Loop => (Found::ProxyLoop, DropReason::ProxyLoop),
                StartError::Full => (Found::HomeServersBusy, DropReason::Busy),
                StartError::Hop(_) => (Found::NotSentOn, DropReason::NotSentOn),
                StartError::NoRandomness => (Found::NotSentOn, DropReason::NoReply),
            };
            clerk.draft.note(Step::HomeServer, found, false);
            silent(clerk, reason)
        });
    }
}

/// Notes which server said what, and how long it took.
fn note(clerk: &mut Clerk<'_>, outcome: &Outcome) {
    let server = outcome.server.spec.name.as_str();
    let waited_us = u32::try_from(outcome.waited.as_micros()).unwrap_or(u32::MAX);
    let (found, ok) = match &outcome.answer {
        Answer::Reply { octets, .. } => (
            Found::HomeServerSaid {
                server,
                code: octets.first().copied().unwrap_or_default(),
                waited_us,
                servers: outcome.servers,
                attempts: outcome.attempts,
            },
            true,
        ),
        Answer::Silent => (
            Found::HomeServerSilent {
                server,
                waited_us,
                servers: outcome.servers,
                attempts: outcome.attempts,
            },
            false,
        ),
    };
    clerk.draft.note(Step::HomeServer, found, ok);
}

/// Notes that nothing goes out, on purpose.
fn silent(clerk: &mut Clerk<'_>, reason: DropReason) -> Option<usize> {
    clerk.draft.outcome = decision::Outcome::Dropped(reason);
    clerk.draft.note(Step::Reply, Found::Silent, false);
    None
}

/// Notes what goes out.
fn sent(clerk: &mut Clerk<'_>, asked: &Asked<'_>, code: Code, len: usize) {
    let (outcome, reply) = match code {
        Code::AccessAccept => {
            bump(&asked.nas.stats.accepts);
            (decision::Outcome::Accepted, ReplyKind::Accept)
        }
        Code::AccessChallenge => (decision::Outcome::ChallengeSent, ReplyKind::Challenge),
        _ => {
            bump(&asked.nas.stats.rejects);
            let reason = RejectReason::HomeServerRejected;
            (decision::Outcome::Rejected(reason), ReplyKind::Reject)
        }
    };
    clerk.draft.outcome = outcome;
    let octets = u16::try_from(len).unwrap_or(u16::MAX);
    clerk.draft.note(Step::Reply, Found::Sent { reply, octets }, true);
}
