//! Requests on their way to home servers: which server, with which Identifier, when again, when another one, and what came
//! back. Never opens a socket, reads a clock or draws randomness it was not handed: it is fed datagrams and `now`, and drained
//! of transmits and events.
//!
//! One [`Forward`] becomes one [`Event`]. A request is sent, sent again with the same octets, sent to the next server of its
//! realm when the first stays silent for [`Timing::response_window`], and given up after [`Timing::give_up`], which is as
//! long as a worker absorbs what a NAS sends again; from then on a retransmission of the NAS is a new request, and finds those
//! servers first that answer.

use super::affinity::Affinity;
use super::health::{Patient, Turn};
use super::slots::{Slot, Slots};
use super::transport::Route;
use crate::authentication::Entropy;
use crate::clock::Now;
use crate::directory::{Balance, Health, HomePort, HomeServer, Realm, bump};
use crate::id::HomeServerId;
use radius::hop::{self, HopError, MARK_OWNER_LEN, Onward, Side};
use radius::{Authenticator, Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, View, kind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Requests under way at a time, to all servers together.
pub const IN_FLIGHT_MAX: usize = 8_192;
/// Proxies a request may have passed; more is a circle.
pub const HOPS_MAX: usize = 10;
/// TLS connections to one server at a time; a further one is used only when all Identifiers of those before it wait.
const LINKS_MAX: u8 = 4;
/// How long a server that nobody asks is remembered.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// When things happen.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Wait before a request is sent again; doubled each time.
    pub retransmit: Duration,
    /// How long a server may take before the next one is asked.
    pub response_window: Duration,
    /// After this it is over.
    pub give_up: Duration,
    /// Silence after which a server is a zombie.
    pub silence: Duration,
    /// How long it is one before it counts as dead.
    pub zombie: Duration,
    /// Between two Status-Servers to one that is not alive.
    pub probe_interval: Duration,
    /// How long a Status-Server may take.
    pub probe_wait: Duration,
    /// Answers in a row that show that a dead one lives.
    pub revive_answers: u8,
    /// How long one that does not know Status-Server stays dead.
    pub revive_after: Duration,
}

impl Timing {
    /// For logins: somebody waits.
    pub const LOGIN: Self = Self {
        retransmit: Duration::from_millis(1_500),
        response_window: Duration::from_millis(3_000),
        give_up: Duration::from_millis(5_000),
        silence: Duration::from_millis(4_000),
        zombie: Duration::from_secs(20),
        probe_interval: Duration::from_secs(5),
        probe_wait: Duration::from_secs(2),
        revive_answers: 3,
        revive_after: Duration::from_secs(60),
    };

    /// For accounting that is on our disk already: nobody waits.
    pub const ACCOUNTING: Self = Self {
        retransmit: Duration::from_secs(2),
        response_window: Duration::from_secs(10),
        give_up: Duration::from_secs(30),
        ..Self::LOGIN
    };
}

/// A request to be sent on.
#[derive(Debug)]
pub struct Forward {
    /// The request as the NAS sent it.
    pub packet: Box<[u8]>,
    /// The secret it came with; accounting out of the journal has none and needs none.
    pub nas: SharedSecret,
    /// Its realm, which names the servers.
    pub realm: Arc<Realm>,
    /// What stands in place of User-Name; `None`: what the NAS sent.
    pub user_name: Option<Box<str>>,
    /// By what [`Balance::Spread`] chooses: the same for everything about one user at one station.
    pub key: u64,
    /// Unix microseconds at which it was received here.
    pub received_unix_us: i64,
}

/// Names a request from [`Engine::start`] to its [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(u64);

/// Octets to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Whom they are for.
    pub server: Arc<HomeServer>,
    /// By which way.
    pub to: Route,
    /// Out of which of our sockets.
    pub lane: u8,
    /// What; the same octets each time.
    pub octets: Arc<[u8]>,
}

/// The end of a request.
#[derive(Debug)]
pub struct Event {
    /// Which.
    pub id: ExchangeId,
    /// What was asked; its owner may want it back.
    pub forward: Forward,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Debug)]
pub struct Outcome {
    /// The server that answered, or the last one that did not.
    pub server: Arc<HomeServer>,
    /// What it said.
    pub answer: Answer,
    /// Servers that were asked.
    pub servers: u8,
    /// Datagrams sent, to all of them.
    pub attempts: u8,
    /// From the first datagram to that server to its answer, or to the end.
    pub waited: Duration,
}

/// What a home server said.
#[derive(Debug)]
pub enum Answer {
    /// A verified reply.
    Reply {
        /// Its octets.
        octets: Box<[u8]>,
        /// The Request Authenticator of what it answers.
        authenticator: Authenticator,
    },
    /// Nothing that could be verified.
    Silent,
}

/// Why a request is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// No server of the realm lives, or none is there for such requests.
    #[error("no home server of the realm lives")]
    NoServer,
    /// It came from here.
    #[error("the request was sent on from here before, or passed {HOPS_MAX} proxies")]
    Loop,
    /// Too many are under way.
    #[error("too many requests wait for home servers")]
    Full,
    /// It cannot be written for the next server.
    #[error("the request cannot be sent on")]
    Hop(#[from] HopError),
    /// The system gave no random octets.
    #[error("the system gave no random octets")]
    NoRandomness,
}

// -- Engine ---------------------------------------------------------------------------------------------------------

/// All requests under way to one port of all home servers. Iterated maps are ordered: the same input is the same run.
#[derive(Debug)]
pub struct Engine {
    port: HomePort,
    timing: Timing,
    /// Marks what we send on; the same on both ports, different on every start.
    owner: [u8; MARK_OWNER_LEN],
    entropy: Entropy,
    lanes: u8,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    homes: BTreeMap<HomeServerId, Home>,
    slots: BTreeMap<Route, Slots<Holder>>,
    affinity: Affinity,
    timers: BTreeSet<(Instant, Timer)>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    started: u64,
}

/// Who waits for an answer under an Identifier.
#[derive(Clone, Copy, Debug)]
enum Holder {
    Exchange(ExchangeId),
    Probe(HomeServerId),
}

/// What a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Exchange(ExchangeId),
    Home(HomeServerId),
}

/// A request under way.
#[derive(Debug)]
struct Exchange {
    forward: Forward,
    /// Whether it belongs to a conversation that only one server knows.
    bound: bool,
    began: Instant,
    tried: Vec<HomeServerId>,
    attempts: u8,
    leg: Leg,
}

/// A request to one server.
#[derive(Debug)]
struct Leg {
    server: Arc<HomeServer>,
    to: Route,
    slot: Slot,
    authenticator: Authenticator,
    octets: Arc<[u8]>,
    began: Instant,
    wait: Duration,
    due: Instant,
}

/// What is known of a server.
#[derive(Debug)]
struct Home {
    server: Arc<HomeServer>,
    patient: Patient,
    probe: Option<Probe>,
    next_probe: Instant,
    timer: Option<Instant>,
    last_used: Instant,
}

/// A Status-Server under way.
#[derive(Debug)]
struct Probe {
    to: Route,
    slot: Slot,
    authenticator: Authenticator,
    sent: Instant,
}

impl Engine {
    /// An empty one for this port, with so many sockets to send from.
    #[must_use]
    pub fn new(
        port: HomePort,
        timing: Timing,
        owner: [u8; MARK_OWNER_LEN],
        lanes: u8,
        entropy: Entropy,
    ) -> Self {
        Self {
            port,
            timing,
            owner,
            entropy,
            lanes,
            exchanges: BTreeMap::new(),
            homes: BTreeMap::new(),
            slots: BTreeMap::new(),
            affinity: Affinity::default(),
            timers: BTreeSet::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            started: 0,
        }
    }

    /// Sends a request on.
    ///
    /// Poll [`Self::poll_transmit`] and [`Self::poll_timeout`] afterwards.
    ///
    /// # Errors
    /// [`StartError`]; nothing is sent then.
    pub fn start(&mut self, forward: Forward, now: Now) -> Result<ExchangeId, StartError> {
        let (leg, bound) = self.first_leg(&forward, now)?;
        let id = ExchangeId(self.started);
        self.started += 1;
        let exchange = Exchange {
            bound,
            began: now.monotonic,
            tried: vec![leg.server.spec.id],
            attempts: 1,
            forward,
            leg,
        };
        self.timers.insert((exchange.leg.due, Timer::Exchange(id)));
        self.hold(&exchange.leg, Holder::Exchange(id));
        self.exchanges.insert(id, exchange);
        Ok(id)
    }

    /// Checks a request, chooses the server and writes what it gets.
    fn first_leg(&mut self, forward: &Forward, now: Now) -> Result<(Leg, bool), StartError> {
        if self.exchanges.len() >= IN_FLIGHT_MAX {
            return Err(StartError::Full);
        }
        let request = View::parse(&forward.packet).map_err(|_| StartError::Full)?;
        if hop::passed_here(&request, &self.owner) || hop::hops(&request) >= HOPS_MAX {
            return Err(StartError::Loop);
        }
        let state = request.first(kind::STATE);
        let known = state.and_then(|state| self.affinity.server(forward.realm.id, state));
        let bound = known.and_then(|id| {
            let server = forward.realm.servers.iter().find(|server| server.spec.id == id);
            server.map(Arc::clone)
        });
        let server = match &bound {
            Some(server) => Arc::clone(server),
            None => self
                .choose(&forward.realm, forward.key, &[], now.monotonic)
                .ok_or(StartError::NoServer)?,
        };
        let leg = self.leg(forward, server, now)?;
        Ok((leg, bound.is_some()))
    }

    /// The best server of a realm that was not tried: alive before zombie, then as the realm shares its work.
    fn choose(
        &mut self,
        realm: &Realm,
        key: u64,
        tried: &[HomeServerId],
        now: Instant,
    ) -> Option<Arc<HomeServer>> {
        let mut best: Option<((Health, u64), &Arc<HomeServer>)> = None;
        for (place, server) in (0_u64..).zip(&realm.servers) {
            if server.addr(self.port).is_none() || tried.contains(&server.spec.id) {
                continue;
            }
            let health = self.home(server, now).patient.health();
            if health == Health::Dead {
                continue;
            }
            let rank = match realm.balance {
                Balance::FailOver => place,
                Balance::Spread => u64::MAX - weight(key, server.spec.id),
            };
            if best.is_none_or(|(least, _)| (health, rank) < least) {
                best = Some(((health, rank), server));
            }
        }
        best.map(|(_, server)| Arc::clone(server))
    }

    /// What is known of a server, which may have new settings.
    fn home(&mut self, server: &Arc<HomeServer>, now: Instant) -> &mut Home {
        let port = self.port;
        let home = self.homes.entry(server.spec.id).or_insert_with(|| {
            server.stats.port(port).health_is(Health::Alive);
            Home {
                server: Arc::clone(server),
                patient: Patient::new(server.spec.status_server, now),
                probe: None,
                next_probe: now,
                timer: None,
                last_used: now,
            }
        });
        if !Arc::ptr_eq(&home.server, server) {
            if home.server.addr(port) != server.addr(port) || home.server.spec.tls != server.spec.tls {
                home.patient = Patient::new(server.spec.status_server, now);
                server.stats.port(port).health_is(Health::Alive);
            }
            home.patient.asks(server.spec.status_server);
            home.server = Arc::clone(server);
        }
        home.last_used = now;
        home
    }

    /// Writes a request for a server and sends it.
    fn leg(&mut self, forward: &Forward, server: Arc<HomeServer>, now: Now) -> Result<Leg, StartError> {
        let to = server.route(self.port).ok_or(StartError::NoServer)?;
        let mut authenticator = Authenticator::default();
        let mut mark = [0; hop::MARK_LEN];
        let (owner, number) = mark.split_at_mut(MARK_OWNER_LEN);
        owner.copy_from_slice(&self.owner);
        if !(self.entropy)(&mut authenticator) || !(self.entropy)(number) {
            return Err(StartError::NoRandomness);
        }
        // Held by nobody until it is written: a request that cannot be has taken no Identifier.
        let slot = self.free_slot(to).ok_or(StartError::Full)?;
        let onward = Onward {
            secret: &server.spec.secret,
            identifier: slot.identifier(),
            authenticator,
            mark: &mark,
            user_name: forward.user_name.as_deref(),
        };
        let mut room = [0; PACKET_LEN_MAX];
        let written = match View::parse(&forward.packet) {
            Ok(request) if self.port == HomePort::Accounting => {
                let waited_us = now.unix_us.saturating_sub(forward.received_unix_us).max(0);
                let delay_s = u32::try_from(waited_us / 1_000_000).unwrap_or(u32::MAX);
                hop::onward_accounting(&request, &onward, delay_s, &mut room)
            }
            Ok(request) => hop::onward_access(&request, &forward.nas, &onward, &mut room),
            Err(_) => Err(HopError::Password), // never: it was parsed before
        };
        let octets: Arc<[u8]> = match written {
            Ok(octets) => octets.into(),
            Err(error) => {
                self.free(to, slot);
                return Err(error.into());
            }
        };
        if self.port == HomePort::Accounting {
            authenticator.copy_from_slice(octets.get(4..20).unwrap_or(&[0; 16]));
        }
        bump(&server.stats.port(self.port).requests);
        if self.home(&server, now.monotonic).patient.asked(now.monotonic) {
            self.rearm(server.spec.id);
        }
        let wait = self.timing.retransmit;
        let leg = Leg {
            to,
            slot,
            authenticator,
            octets,
            began: now.monotonic,
            wait,
            due: now.monotonic + wait.min(self.timing.response_window),
            server,
        };
        self.transmit(&leg);
        Ok(leg)
    }

    /// Takes an Identifier towards an address; its holder is set by [`Self::hold`].
    fn free_slot(&mut self, to: Route) -> Option<Slot> {
        let mut first = [0; 2];
        // Unguessable at best; without randomness requests are not sent at all.
        let _drawn = (self.entropy)(&mut first);
        let lanes = self.lanes;
        let slots = self.slots.entry(to).or_insert_with(|| match to {
            Route::Udp(_) => Slots::new(lanes, u16::from_be_bytes(first)),
            Route::Tls(_) => Slots::packed(lanes.min(LINKS_MAX), u16::from_be_bytes(first)),
        });
        slots.take(Holder::Exchange(ExchangeId(u64::MAX)))
    }

    /// Says who waits under a leg's Identifier.
    fn hold(&mut self, leg: &Leg, holder: Holder) {
        if let Some(slots) = self.slots.get_mut(&leg.to) {
            slots.set(leg.slot, holder);
        }
    }

    /// Lets an Identifier go.
    fn free(&mut self, to: Route, slot: Slot) {
        if let Some(slots) = self.slots.get_mut(&to) {
            slots.free(slot);
        }
    }

    /// Queues the octets of a leg.
    fn transmit(&mut self, leg: &Leg) {
        self.transmits.push_back(Transmit {
            server: Arc::clone(&leg.server),
            to: leg.to,
            lane: leg.slot.lane(),
            octets: Arc::clone(&leg.octets),
        });
    }

    /// Takes what came into a socket. What answers nothing is counted where it is known whose it is, and dropped.
    ///
    /// Poll [`Self::poll_event`] and [`Self::poll_timeout`] afterwards.
    pub fn handle_datagram(&mut self, from: Route, lane: u8, octets: &[u8], now: Now) {
        let Ok(reply) = View::parse(octets) else { return };
        let slot = Slot::of(lane, reply.identifier());
        let holder = self.slots.get(&from).and_then(|slots| slots.holder(slot));
        match holder {
            Some(Holder::Exchange(id)) => self.exchange_answered(id, &reply, now),
            Some(Holder::Probe(id)) => self.probe_answered(id, &reply, now),
            None => {}
        }
    }

    /// A reply that may be to this request.
    fn exchange_answered(&mut self, id: ExchangeId, reply: &View<'_>, now: Now) {
        let Some(exchange) = self.exchanges.get(&id) else {
            return;
        };
        let leg = &exchange.leg;
        let side = Side {
            secret: &leg.server.spec.secret,
            authenticator: &leg.authenticator,
        };
        let stats = leg.server.stats.port(self.port);
        let (expected, unsigned_taken) = match self.port {
            HomePort::Auth => (
                matches!(
                    reply.code(),
                    Code::AccessAccept | Code::AccessReject | Code::AccessChallenge
                ),
                !leg.server.spec.wants_signed_replies(),
            ),
            HomePort::Accounting => (reply.code() == Code::AccountingResponse, true),
        };
        if !expected || !hop::genuine(reply, side, unsigned_taken) {
            bump(&stats.unverified);
            return;
        }
        let waited = now.monotonic.saturating_duration_since(leg.began);
        bump(&stats.replies);
        let rtt_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        stats.rtt_us.fetch_add(rtt_us, Ordering::Relaxed);
        stats.last_reply_unix_ms.store(now.unix_ms(), Ordering::Relaxed);
        let (server, authenticator) = (Arc::clone(&leg.server), leg.authenticator);
        if reply.code() == Code::AccessChallenge
            && let Some(state) = reply.first(kind::STATE)
        {
            self.affinity
                .remember(exchange.forward.realm.id, state, server.spec.id);
        }
        self.lives(&server, now.monotonic);
        let octets = reply.octets().into();
        self.end(
            id,
            Answer::Reply {
                octets,
                authenticator,
            },
            now.monotonic,
        );
    }

    /// A reply that may be to a Status-Server.
    fn probe_answered(&mut self, id: HomeServerId, reply: &View<'_>, now: Now) {
        let Some(home) = self.homes.get_mut(&id) else {
            return;
        };
        let Some(probe) = &home.probe else { return };
        let side = Side {
            secret: &home.server.spec.secret,
            authenticator: &probe.authenticator,
        };
        // It answered a signed question; that it is the one we asked is what its authenticator proves.
        if !hop::genuine(reply, side, true) {
            bump(&home.server.stats.port(self.port).unverified);
            return;
        }
        let (to, slot, server) = (probe.to, probe.slot, Arc::clone(&home.server));
        home.probe = None;
        // One answer is followed up at once: the sooner it is known to live, the better.
        home.next_probe = now.monotonic + self.timing.probe_interval / 8;
        let stats = server.stats.port(self.port);
        stats.last_reply_unix_ms.store(now.unix_ms(), Ordering::Relaxed);
        self.free(to, slot);
        self.lives(&server, now.monotonic);
    }

    /// A server gave a sign of life.
    fn lives(&mut self, server: &Arc<HomeServer>, now: Instant) {
        let (port, timing) = (self.port, self.timing);
        let Some(home) = self.homes.get_mut(&server.spec.id) else {
            return;
        };
        let turn = home.patient.answered(now, &timing);
        note(turn, &home.server, port);
        self.rearm(server.spec.id);
    }

    /// Does what is due: sends again, asks another server, gives up, asks who lives.
    ///
    /// Poll [`Self::poll_transmit`], [`Self::poll_event`] and [`Self::poll_timeout`] afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(at, timer)) = self.timers.first()
            && at <= now.monotonic
        {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Exchange(id) => self.exchange_due(id, now),
                Timer::Home(id) => self.home_due(id, now),
            }
        }
    }

    /// A request whose wait is over.
    fn exchange_due(&mut self, id: ExchangeId, now: Now) {
        let timing = self.timing;
        let Some(exchange) = self.exchanges.get(&id) else {
            return;
        };
        let (began, leg_began) = (exchange.began, exchange.leg.began);
        let server = Arc::clone(&exchange.leg.server);
        let since = |then: Instant| now.monotonic.saturating_duration_since(then);
        if since(began) >= timing.give_up {
            bump(&server.stats.port(self.port).silences);
            self.end(id, Answer::Silent, now.monotonic);
            return;
        }
        if since(leg_began) >= timing.response_window && self.another_server(id, now) {
            return;
        }
        self.send_again(id, now);
    }

    /// Sends the same octets to the same server.
    fn send_again(&mut self, id: ExchangeId, now: Now) {
        let timing = self.timing;
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return;
        };
        let over = exchange.began + timing.give_up;
        let window = exchange.leg.began + timing.response_window;
        let leg = &mut exchange.leg;
        leg.wait *= 2;
        leg.due = (now.monotonic + leg.wait).min(over);
        if now.monotonic < window {
            leg.due = leg.due.min(window);
        }
        exchange.attempts = exchange.attempts.saturating_add(1);
        let transmit = Transmit {
            server: Arc::clone(&leg.server),
            to: leg.to,
            lane: leg.slot.lane(),
            octets: Arc::clone(&leg.octets),
        };
        bump(&leg.server.stats.port(self.port).retransmissions);
        self.timers.insert((leg.due, Timer::Exchange(id)));
        self.transmits.push_back(transmit);
    }

    /// Asks the next server of the realm, if there is one.
    fn another_server(&mut self, id: ExchangeId, now: Now) -> bool {
        let Some(mut exchange) = self.exchanges.remove(&id) else {
            return false;
        };
        let next = if exchange.bound {
            None
        } else {
            self.choose(
                &exchange.forward.realm,
                exchange.forward.key,
                &exchange.tried,
                now.monotonic,
            )
        };
        let leg = next.and_then(|server| self.leg(&exchange.forward, server, now).ok());
        let moved = leg.is_some();
        if let Some(leg) = leg {
            bump(&exchange.leg.server.stats.port(self.port).silences);
            self.free(exchange.leg.to, exchange.leg.slot);
            exchange.tried.push(leg.server.spec.id);
            exchange.attempts = exchange.attempts.saturating_add(1);
            exchange.leg = leg;
            exchange.leg.due = exchange.leg.due.min(exchange.began + self.timing.give_up);
            self.hold(&exchange.leg, Holder::Exchange(id));
            self.timers.insert((exchange.leg.due, Timer::Exchange(id)));
        }
        self.exchanges.insert(id, exchange);
        moved
    }

    /// A server whose time has come.
    fn home_due(&mut self, id: HomeServerId, now: Now) {
        let (port, timing) = (self.port, self.timing);
        let Some(home) = self.homes.get_mut(&id) else {
            return;
        };
        home.timer = None;
        let turn = home.patient.look(now.monotonic, &timing);
        note(turn, &home.server, port);
        if turn.is_some() {
            home.next_probe = now.monotonic;
        }
        if now.monotonic.saturating_duration_since(home.last_used) >= FORGET_AFTER {
            self.forget(id);
            return;
        }
        let missed = home
            .probe
            .as_ref()
            .filter(|probe| now.monotonic.saturating_duration_since(probe.sent) >= timing.probe_wait)
            .map(|probe| (probe.to, probe.slot));
        if let Some((to, slot)) = missed {
            home.probe = None;
            home.patient.missed();
            self.free(to, slot);
        }
        self.probe_if_due(id, now);
        self.rearm(id);
    }

    /// Asks a server that is not alive whether it is.
    fn probe_if_due(&mut self, id: HomeServerId, now: Now) {
        let Some(home) = self.homes.get(&id) else { return };
        let server = Arc::clone(&home.server);
        let wanted = home.patient.health() != Health::Alive
            && server.spec.status_server
            && home.probe.is_none()
            && home.next_probe <= now.monotonic;
        if !wanted {
            return;
        }
        if let Some(home) = self.homes.get_mut(&id) {
            home.next_probe = now.monotonic + self.timing.probe_interval;
        }
        let Some(to) = server.route(self.port) else { return };
        let mut authenticator = Authenticator::default();
        let slot = (self.entropy)(&mut authenticator)
            .then(|| self.free_slot(to))
            .flatten();
        let Some(slot) = slot else { return };
        let mut room = [0; 64];
        let written = status_server(&server, slot.identifier(), authenticator, &mut room);
        let Some(octets) = written else {
            self.free(to, slot);
            return;
        };
        if let Some(slots) = self.slots.get_mut(&to) {
            slots.set(slot, Holder::Probe(id));
        }
        bump(&server.stats.port(self.port).probes);
        self.transmits.push_back(Transmit {
            server,
            to,
            lane: slot.lane(),
            octets,
        });
        if let Some(home) = self.homes.get_mut(&id) {
            home.probe = Some(Probe {
                to,
                slot,
                authenticator,
                sent: now.monotonic,
            });
        }
    }

    /// Sets the next time a server is looked at.
    fn rearm(&mut self, id: HomeServerId) {
        let timing = self.timing;
        let Some(home) = self.homes.get_mut(&id) else {
            return;
        };
        if let Some(at) = home.timer.take() {
            self.timers.remove(&(at, Timer::Home(id)));
        }
        let probe = match &home.probe {
            Some(probe) => Some(probe.sent + timing.probe_wait),
            None if home.patient.health() != Health::Alive && home.server.spec.status_server => {
                Some(home.next_probe)
            }
            None => None,
        };
        let due = [probe, home.patient.due(&timing)].into_iter().flatten().min();
        // One that is alive is only looked at to be forgotten.
        let at = due.unwrap_or(home.last_used + FORGET_AFTER);
        home.timer = Some(at);
        self.timers.insert((at, Timer::Home(id)));
    }

    /// Forgets a server that nobody asks any more.
    fn forget(&mut self, id: HomeServerId) {
        if let Some(home) = self.homes.remove(&id) {
            if let Some(probe) = home.probe {
                self.free(probe.to, probe.slot);
            }
            if let Some(to) = home.server.route(self.port)
                && self.slots.get(&to).is_some_and(Slots::is_empty)
            {
                self.slots.remove(&to);
            }
        }
    }

    /// Ends a request.
    fn end(&mut self, id: ExchangeId, answer: Answer, now: Instant) {
        let Some(exchange) = self.exchanges.remove(&id) else {
            return;
        };
        let leg = exchange.leg;
        self.timers.remove(&(leg.due, Timer::Exchange(id)));
        self.free(leg.to, leg.slot);
        self.events.push_back(Event {
            id,
            outcome: Outcome {
                answer,
                servers: u8::try_from(exchange.tried.len()).unwrap_or(u8::MAX),
                attempts: exchange.attempts,
                waited: now.saturating_duration_since(leg.began),
                server: leg.server,
            },
            forward: exchange.forward,
        });
    }

    /// The next octets to send. Poll until `None` after [`Self::start`] and [`Self::handle_timeout`].
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next request that ended. Poll until `None` after [`Self::handle_datagram`] and [`Self::handle_timeout`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next, and why. Poll again after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.timers.first().map(|(at, timer)| {
            let why = match timer {
                Timer::Exchange(_) => "a home server owes an answer",
                Timer::Home(_) => "a home server is looked at",
            };
            (*at, why)
        })
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// How a server is; `None` when it is not known.
    #[must_use]
    pub fn health(&self, id: HomeServerId) -> Option<Health> {
        self.homes.get(&id).map(|home| home.patient.health())
    }
}

/// Writes a turn of a server's health where everybody can read it, and says it once.
fn note(turn: Option<Turn>, server: &HomeServer, port: HomePort) {
    let Some(Turn { from, to }) = turn else { return };
    server.stats.port(port).health_is(to);
    let (name, port) = (server.spec.name.as_str(), port.as_str());
    if to == Health::Alive {
        tracing::info!(
            home_server = name,
            port,
            was = from.as_str(),
            "a home server answers again"
        );
    } else {
        tracing::warn!(
            home_server = name,
            port,
            is = to.as_str(),
            "a home server does not answer"
        );
    }
}

/// A signed Status-Server (RFC 5997).
fn status_server(
    server: &HomeServer,
    identifier: u8,
    authenticator: Authenticator,
    room: &mut [u8],
) -> Option<Arc<[u8]>> {
    let mut writer = RequestWriter::status_server(room, identifier, authenticator).ok()?;
    writer.reserve_message_authenticator().ok()?;
    Some(writer.finish(&server.spec.secret).into())
}

/// How much a server is wanted for a key (highest random weight): when one goes, only its own keys move.
fn weight(key: u64, server: HomeServerId) -> u64 {
    let (high, low) = server.as_uuid().as_u64_pair();
    let mut mixed = key ^ high.rotate_left(17) ^ low;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
