//! Requests on their way: signed once, sent, sent again with the same octets, and ended by an answer or by silence.
//! Never opens a socket and never reads a clock: it is fed datagrams and `now`, and drained of transmits and events.
//!
//! [`crate::driver`] moves the octets; a test moves the clock. One exchange is one Identifier towards one NAS.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use radius::attribute::kind;
use radius::{
    Authenticator, Code, MessageAuthenticator, PACKET_LEN_MAX, RequestWriter, SharedSecret, View, WriteError,
};

use self::lane::{Lanes, Waiting};
use crate::counters::Counters;

mod lane;

pub use self::lane::{Pace, WAITING_MAX};

/// Identifiers that are remembered after their exchange, at most; looked through for an answer that nobody waits for.
const GIVEN_BACK_MAX: usize = 256;
/// The shortest wait between two transmissions.
const WAIT_LEAST: Duration = Duration::from_millis(1);

/// What is asked of a NAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// End the session (RFC 5176 section 2.1).
    Disconnect,
    /// Change what the session may (RFC 5176 section 2.2).
    Change,
}

impl Verb {
    /// The code of the request.
    const fn request(self) -> Code {
        match self {
            Self::Disconnect => Code::DisconnectRequest,
            Self::Change => Code::CoaRequest,
        }
    }

    /// What a reply of `code` says, if it answers this verb.
    const fn answered_by(self, code: Code) -> Option<bool> {
        match (self, code) {
            (Self::Disconnect, Code::DisconnectAck) => Some(true),
            (Self::Disconnect, Code::DisconnectNak) => Some(false),
            (Self::Change, Code::CoaAck) => Some(true),
            (Self::Change, Code::CoaNak) => Some(false),
            _ => None,
        }
    }
}

/// By which way a request reaches a NAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Datagrams to its address and dynamic-authorization port.
    Udp(SocketAddr),
    /// Down a connection that the NAS itself has opened.
    Connection {
        /// Which NAS.
        nas: NasKey,
        /// Where the session's records came from; of several connections of a NAS it tells which.
        seen_from: SocketAddr,
    },
}

/// A NAS as those know it who carry requests down its connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NasKey(pub [u8; 16]);

impl fmt::Debug for NasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(addr) => write!(f, "{addr}"),
            Self::Connection { nas, .. } => write!(f, "NAS {nas:?} on its own connection"),
        }
    }
}

/// What shares Identifiers: one of 256 tells a request apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    /// Everything to an address.
    Udp(SocketAddr),
    /// Everything to a NAS, over all its connections.
    Nas(NasKey),
}

impl Way {
    /// What its requests share Identifiers with.
    const fn lane(self) -> Lane {
        match self {
            Self::Udp(addr) => Lane::Udp(addr),
            Self::Connection { nas, .. } => Lane::Nas(nas),
        }
    }
}

/// Where a request goes and which secret signs it.
#[derive(Debug, Clone)]
pub struct Target {
    /// By which way.
    pub way: Way,
    /// Shared with it; prints as REDACTED.
    pub secret: SharedSecret,
}

/// One thing to ask of one NAS.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whom.
    pub target: Target,
    /// What.
    pub verb: Verb,
    /// Encoded attributes: what names the session (see [`crate::dialect::Make::identification`]), then, of a change, what it
    /// is to be from now on.
    pub attributes: Vec<u8>,
}

/// When to send again and when to give up (RFC 5080 section 2.2.1).
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Wait before the first retransmission (IRT).
    pub initial: Duration,
    /// Longest wait between two transmissions (MRT).
    pub longest: Duration,
    /// Datagrams sent at most, the first one included (MRC).
    pub attempts_max: u8,
    /// Time after which it is over whatever the count (MRD).
    pub give_up: Duration,
    /// The same for a request down a connection: nothing is lost there, so who says nothing has no mind to.
    pub connection_give_up: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(2),
            longest: Duration::from_secs(16),
            attempts_max: 5,
            give_up: Duration::from_secs(30),
            connection_give_up: Duration::from_secs(5),
        }
    }
}

/// Names an exchange from [`Exchanges::start`] to its [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(u64);

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub to: Way,
    /// What; the same octets each time (RFC 5176 section 2.3).
    pub octets: Box<[u8]>,
}

/// The end of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which.
    pub id: ExchangeId,
    /// How it ended.
    pub outcome: Outcome,
}

/// What a NAS said, or that it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It claims to have done it. Proof is something else.
    Ack,
    /// It refused.
    Nak {
        /// Why, when it says so; [`crate::error_cause_name`] has the words.
        error_cause: Option<u32>,
    },
    /// Nothing that could be verified came back in time.
    Silent,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What was said.
    pub answer: Answer,
    /// Datagrams sent.
    pub attempts: u8,
    /// First transmission to answer; `None` when silent.
    pub rtt: Option<Duration>,
    /// First transmission to the end, answered or not.
    pub waited: Duration,
}

/// Why a request was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// So much waits for this NAS that nothing more is taken.
    #[error("{WAITING_MAX} requests to {way} wait for their turn already")]
    TooManyWaiting {
        /// The NAS.
        way: Way,
    },
    /// The attributes do not fit a packet.
    #[error("cannot write the request to {way}")]
    Write {
        /// The NAS.
        way: Way,
        /// What did not fit.
        #[source]
        source: WriteError,
    },
}

// -- Exchanges ------------------------------------------------------------------------------------------------------

/// All exchanges of one node. Ordered maps and a seeded generator: the same input is the same run.
#[derive(Debug)]
pub struct Exchanges {
    timing: Timing,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    /// The same by when they are due.
    due: BTreeSet<(Instant, ExchangeId)>,
    /// Which exchange holds an Identifier towards a NAS.
    holders: BTreeMap<(Lane, u8), ExchangeId>,
    /// Who waits for his turn towards which NAS.
    lanes: Lanes,
    /// Identifiers that were given back a short while ago, the oldest first: what comes for one of them is late.
    given_back: VecDeque<(Lane, u8)>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counters: Counters,
    random: SplitMix64,
    started: u64,
}

/// One request under way.
#[derive(Debug)]
struct Exchange {
    verb: Verb,
    target: Target,
    identifier: u8,
    /// The Request Authenticator; a reply is verified against it.
    authenticator: Authenticator,
    octets: Box<[u8]>,
    first_sent: Instant,
    /// The wait that ends at `due`, without its jitter.
    wait: Duration,
    due: Instant,
    attempts: u8,
}

impl Exchanges {
    /// An empty table. `seed` decides identifiers and jitter; draw it from the operating system outside of tests.
    pub fn new(seed: u64, timing: Timing, pace: Pace) -> Self {
        Self {
            timing,
            exchanges: BTreeMap::new(),
            due: BTreeSet::new(),
            holders: BTreeMap::new(),
            lanes: Lanes::new(pace),
            given_back: VecDeque::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            random: SplitMix64(seed),
            started: 0,
        }
    }

    /// Takes a request. It is sent when its turn towards its NAS has come: at once, unless as much is under way there as
    /// [`Pace`] allows. `unix_s` is now, too, by the calendar; what it is when the request is sent becomes its Event-Timestamp
    /// and stays.
    ///
    /// Poll [`Self::poll_transmit`] and [`Self::poll_timeout`] afterwards.
    ///
    /// # Errors
    /// [`StartError::TooManyWaiting`] when [`WAITING_MAX`] others wait, [`StartError::Write`] when the attributes do not fit.
    /// Nothing is queued then.
    pub fn start(&mut self, request: Request, now: Instant, unix_s: u32) -> Result<ExchangeId, StartError> {
        let way = request.target.way;
        // What would not fit later does not fit now, either.
        encode(&request, 0, unix_s).map_err(|source| StartError::Write { way, source })?;
        let id = ExchangeId(self.started);
        let waiting = Waiting {
            id,
            request,
            since: now,
            unix_s,
        };
        if !self.lanes.take(way.lane(), waiting) {
            return Err(StartError::TooManyWaiting { way });
        }
        self.started += 1;
        self.send_whose_turn_it_is(now);
        Ok(id)
    }

    /// Sends everything whose turn has come.
    fn send_whose_turn_it_is(&mut self, now: Instant) {
        while let Some((lane, waiting)) = self.lanes.next(now) {
            self.send(lane, waiting, now);
        }
    }

    /// Signs a request and queues its first transmission.
    fn send(&mut self, lane: Lane, waiting: Waiting, now: Instant) {
        let Waiting {
            id,
            request,
            since,
            unix_s,
        } = waiting;
        let waited_s = now.saturating_duration_since(since).as_secs();
        let unix_s = unix_s.saturating_add(u32::try_from(waited_s).unwrap_or(u32::MAX));
        // Fewer than 256 are under way in a lane, and what fitted when it was taken fits still.
        let Some((identifier, octets)) = self
            .free_identifier(lane)
            .and_then(|identifier| Some((identifier, encode(&request, identifier, unix_s).ok()?)))
        else {
            self.lanes.ended(lane);
            let outcome = Outcome {
                answer: Answer::Silent,
                attempts: 0,
                rtt: None,
                waited: Duration::ZERO,
            };
            self.events.push_back(Event { id, outcome });
            return;
        };
        let mut authenticator = Authenticator::default();
        authenticator.copy_from_slice(&octets[4..20]);
        let wait = self.timing.initial;
        let due = now + self.random.jitter(wait);
        let to = request.target.way;
        let exchange = Exchange {
            verb: request.verb,
            target: request.target,
            identifier,
            authenticator,
            octets: octets.clone(),
            first_sent: now,
            wait,
            due,
            attempts: 1,
        };
        self.holders.insert((lane, identifier), id);
        self.due.insert((due, id));
        self.exchanges.insert(id, exchange);
        self.transmits.push_back(Transmit { to, octets });
    }

    /// An identifier in `lane` that nobody holds, starting from a random one so that a late answer to an earlier
    /// request rarely meets a new one (and never verifies when it does).
    fn free_identifier(&mut self, lane: Lane) -> Option<u8> {
        let start = self.random.next().to_le_bytes()[0];
        (0..=u8::MAX)
            .map(|step| start.wrapping_add(step))
            .find(|id| !self.holders.contains_key(&(lane, *id)))
    }

    /// Takes what a socket received. What completes nothing is counted and dropped.
    ///
    /// Poll [`Self::poll_transmit`], [`Self::poll_event`] and [`Self::poll_timeout`] afterwards: an answer makes room for a
    /// request that waits.
    pub fn handle_datagram(&mut self, src: SocketAddr, octets: &[u8], now: Instant) {
        self.handle(Lane::Udp(src), octets, now);
    }

    /// Takes what a NAS said on a connection of its own, as [`Self::handle_datagram`] takes a datagram.
    pub fn handle_carried(&mut self, nas: NasKey, octets: &[u8], now: Instant) {
        self.handle(Lane::Nas(nas), octets, now);
    }

    /// Takes a packet that came by some way.
    fn handle(&mut self, lane: Lane, octets: &[u8], now: Instant) {
        let Ok(reply) = View::parse(octets) else {
            self.counters.malformed += 1;
            return;
        };
        let holder = self.holders.get(&(lane, reply.identifier())).copied();
        let Some((id, exchange)) = holder.and_then(|id| Some((id, self.exchanges.get(&id)?))) else {
            match self.given_back.contains(&(lane, reply.identifier())) {
                true => self.counters.late += 1,
                false => self.counters.unsolicited += 1,
            }
            return;
        };
        let Some(done) = exchange.verb.answered_by(reply.code()) else {
            self.counters.unexpected_code += 1;
            return;
        };
        if !exchange.vouches_for(&reply) {
            self.counters.forged += 1;
            return;
        }
        let answer = if done {
            Answer::Ack
        } else {
            Answer::Nak {
                error_cause: reply.u32(kind::ERROR_CAUSE),
            }
        };
        self.end(id, answer, now);
    }

    /// Sends again what is due and gives up what is over.
    ///
    /// Poll [`Self::poll_transmit`], [`Self::poll_event`] and [`Self::poll_timeout`] afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            self.resend_or_give_up(id, now);
        }
        self.send_whose_turn_it_is(now);
    }

    /// One exchange whose wait is over.
    fn resend_or_give_up(&mut self, id: ExchangeId, now: Instant) {
        let timing = self.timing;
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return;
        };
        let elapsed = now.saturating_duration_since(exchange.first_sent);
        let give_up = match exchange.target.way {
            Way::Udp(_) => timing.give_up,
            Way::Connection { .. } => timing.connection_give_up,
        };
        if exchange.attempts >= timing.attempts_max || elapsed >= give_up {
            self.end(id, Answer::Silent, now);
            return;
        }
        exchange.attempts += 1;
        exchange.wait = (exchange.wait * 2).min(timing.longest);
        let left = give_up.saturating_sub(elapsed);
        // Never now: a clock that stands still must not make this a loop.
        let wait = self.random.jitter(exchange.wait).min(left).max(WAIT_LEAST);
        exchange.due = now + wait;
        self.due.insert((exchange.due, id));
        self.transmits.push_back(Transmit {
            to: exchange.target.way,
            octets: exchange.octets.clone(),
        });
    }

    /// Ends an exchange and frees its identifier.
    fn end(&mut self, id: ExchangeId, answer: Answer, now: Instant) {
        let Some(exchange) = self.exchanges.remove(&id) else {
            return;
        };
        let lane = exchange.target.way.lane();
        self.due.remove(&(exchange.due, id));
        self.holders.remove(&(lane, exchange.identifier));
        self.given_back.push_back((lane, exchange.identifier));
        if self.given_back.len() > GIVEN_BACK_MAX {
            self.given_back.pop_front();
        }
        self.lanes.ended(lane);
        let waited = now.saturating_duration_since(exchange.first_sent);
        let rtt = (answer != Answer::Silent).then_some(waited);
        self.events.push_back(Event {
            id,
            outcome: Outcome {
                answer,
                attempts: exchange.attempts,
                rtt,
                waited,
            },
        });
        self.send_whose_turn_it_is(now);
    }

    /// The next datagram to send. Poll until `None` after every other call.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next exchange that ended. Poll until `None` after [`Self::handle_datagram`] and [`Self::handle_timeout`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next, and why. Poll again after every other call.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let due = self.due.first().and_then(|(at, id)| {
            let exchange = self.exchanges.get(id)?;
            let last = exchange.attempts >= self.timing.attempts_max;
            Some((
                *at,
                if last {
                    "give up on a silent NAS"
                } else {
                    "send a request again"
                },
            ))
        });
        let turn = self.lanes.next_at().map(|at| (at, "send a request that waits"));
        [due, turn].into_iter().flatten().min()
    }

    /// Exchanges under way.
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// Requests that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.lanes.waiting()
    }

    /// What was dropped so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

impl Exchange {
    /// Whether the reply comes from someone who knows the secret and has seen this very request.
    fn vouches_for(&self, reply: &View<'_>) -> bool {
        let secret = &self.target.secret;
        secret.check_reply_authenticator(reply, &self.authenticator)
            && matches!(
                secret.check_message_authenticator(reply, Some(&self.authenticator)),
                MessageAuthenticator::Valid | MessageAuthenticator::Absent
            )
    }
}

/// The signed request: Message-Authenticator first, then Event-Timestamp, then what names the session.
fn encode(request: &Request, identifier: u8, unix_s: u32) -> Result<Box<[u8]>, WriteError> {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::signed(&mut buf, request.verb.request(), identifier)?;
    writer.reserve_message_authenticator()?;
    writer.u32(kind::EVENT_TIMESTAMP, unix_s)?;
    writer.encoded(&request.attributes)?;
    Ok(writer.finish(&request.target.secret).into())
}

// -- Randomness -----------------------------------------------------------------------------------------------------

/// SplitMix64: small, seeded, good enough to spread identifiers and retransmissions; nothing secret depends on it.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// `wait` give or take a tenth (RAND of RFC 5080 section 2.2.1), so that many exchanges do not beat in step.
    fn jitter(&mut self, wait: Duration) -> Duration {
        let percent = 90 + u32::try_from(self.next() % 21).unwrap_or_default();
        wait * percent / 100
    }
}

#[cfg(test)]
mod tests;
