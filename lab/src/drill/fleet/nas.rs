//! One NAS: its sessions, what it still has to deliver, and its memory of all it ever sent.
//!
//! Sends a record until it is acknowledged, as RFC 2866 section 4.1 asks of a NAS, only faster. An acknowledgement counts
//! when its authenticator proves that the server knows the secret, whichever of the sendings of the record it answers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Add;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use radius::{Authenticator, Code, PACKET_LEN_MAX, SharedSecret, View};
use rustix::net::{RecvFlags, recvfrom};

use super::datagram::{self, Content, Digest};
use crate::drill::dice::Dice;
use crate::drill::ledger::{Account, Cause, Tale, Usage};
use crate::secret::Secret;

/// Records that may wait for their acknowledgement: fewer than there are identifiers, so that a late acknowledgement
/// still finds what it answers.
const PENDING_MAX: usize = 96;
/// Sessions a NAS keeps open.
const SESSIONS_OPEN: u64 = 40;
/// How long a NAS waits for an acknowledgement before it sends again.
const RESEND_WAIT: Duration = Duration::from_millis(150);
/// The same in a storm.
const STORM_WAIT: Duration = Duration::from_millis(40);
/// Acknowledged datagrams kept for sending them once more in a storm.
const ECHOES_MAX: usize = 64;
/// By how much its clock is behind. So a restart, which the server dates by the later of both clocks, lies behind every
/// session of before, whatever second they share.
const CLOCK_BEHIND_S: u32 = 600;
/// How long a restart takes, whole seconds. Long enough for what it had sent to reach the server or be lost: a record that
/// waited in the server's socket while its NAS restarted is a sign of life from after the restart to the server.
const BOOT_S: u32 = 2;

/// What a NAS is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// New records a second; 0 only delivers what is there.
    pub rate: u32,
    /// Fills its datagrams.
    pub fat: bool,
    /// Sends everything several times, and what was acknowledged once more.
    pub storm: bool,
}

/// What it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records sent.
    pub sent: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Datagrams sent beyond the first of a record.
    pub again: u64,
    /// Restarts.
    pub reboots: u64,
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            sent: self.sent + other.sent,
            acknowledged: self.acknowledged + other.acknowledged,
            again: self.again + other.again,
            reboots: self.reboots + other.reboots,
        }
    }
}

/// See the module's words.
#[derive(Debug)]
pub struct Nas {
    /// What to do.
    pub order: Order,
    /// What it did.
    pub counts: Counts,
    /// The longest that a record waited for its acknowledgement, since somebody set it to zero.
    pub slowest: Duration,
    /// Every session, by Acct-Session-Id.
    pub accounts: BTreeMap<String, Account>,
    /// What was sent lately, and whether it was acknowledged.
    pub datagrams: HashMap<Digest, bool>,
    /// What was sent before that; a copy of it may still be under way.
    before: HashSet<Digest>,
    /// Its address.
    address: Ipv4Addr,
    /// Where it sends to.
    server: SocketAddr,
    /// The shared secret.
    secret: SharedSecret,
    /// What its session ids begin with.
    prefix: String,
    /// Sends again with a new Acct-Delay-Time and identifier, else with the same octets.
    says_delay: bool,
    /// Its chance.
    dice: Dice,
    /// Sessions that are open.
    open: Vec<Open>,
    /// How many it ever had.
    sessions: u64,
    /// Records that wait for their acknowledgement, by a number of their own.
    pending: BTreeMap<u64, Pending>,
    /// The number of the next one.
    next_pending: u64,
    /// What was sent with an identifier last.
    flights: Vec<Option<Flight>>,
    /// The next identifier.
    identifier: u8,
    /// Acknowledged a short while ago.
    echoes: VecDeque<Vec<u8>>,
    /// Sessions told about since somebody asked.
    touched: BTreeSet<String>,
    /// Records it may begin by now; whole ones are spent.
    allowance: f64,
    /// When it last got some.
    allowed_at: Option<Instant>,
}

/// An open session.
#[derive(Debug)]
struct Open {
    /// Acct-Session-Id.
    id: String,
    /// What it used.
    usage: Usage,
}

/// A record that is not acknowledged.
#[derive(Debug)]
struct Pending {
    /// Its session and number there; none is the Accounting-On.
    told: Option<Told>,
    /// When it happened.
    happened_unix_s: u32,
    /// Filled up.
    fat: bool,
    /// Its octets as sent last.
    datagram: Vec<u8>,
    /// Its identifier as sent last; of no meaning before it was.
    identifier: u8,
    /// When it was sent first.
    begun: Instant,
    /// How often it was sent.
    sends: u32,
    /// When it is sent again.
    due: Instant,
}

/// Whole seconds of a time, as Acct-Delay-Time has them.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// What a pending record says.
#[derive(Debug, Clone)]
struct Told {
    /// Acct-Session-Id.
    session: String,
    /// User-Name.
    username: String,
    /// Its number in the account.
    number: u32,
    /// What it says.
    tale: Tale,
}

/// A datagram that was sent.
#[derive(Debug)]
struct Flight {
    /// Of which pending record.
    pending: u64,
    /// Its authenticator.
    authenticator: Authenticator,
    /// Its digest.
    digest: Digest,
}

impl Nas {
    /// A NAS that has just been switched on.
    pub fn new(
        address: Ipv4Addr,
        server: SocketAddr,
        secret: &Secret,
        prefix: String,
        says_delay: bool,
        dice: Dice,
    ) -> Nas {
        Nas {
            order: Order::default(),
            counts: Counts::default(),
            slowest: Duration::ZERO,
            accounts: BTreeMap::new(),
            datagrams: HashMap::new(),
            before: HashSet::new(),
            address,
            server,
            secret: SharedSecret::new(secret.reveal().as_bytes()),
            prefix,
            says_delay,
            dice,
            open: Vec::new(),
            sessions: 0,
            pending: BTreeMap::new(),
            next_pending: 0,
            flights: (0..=u8::MAX).map(|_| None).collect(),
            identifier: 0,
            echoes: VecDeque::new(),
            touched: BTreeSet::new(),
            allowance: 0.0,
            allowed_at: None,
        }
    }

    /// Takes acknowledgements, sends what is due, begins what the order allows; gives how many records were acknowledged.
    pub fn step(&mut self, socket: &UdpSocket, now: Instant) -> u64 {
        let acknowledged = self.receive(socket);
        self.send_again(socket, now);
        self.begin(socket, now);
        acknowledged
    }

    /// Takes every datagram that is there; gives how many records were acknowledged.
    pub fn receive(&mut self, socket: &UdpSocket) -> u64 {
        let mut room = [0; PACKET_LEN_MAX];
        let mut acknowledged = 0;
        while let Ok((_, length, _)) = recvfrom(socket, &mut room, RecvFlags::DONTWAIT) {
            acknowledged += u64::from(self.hear(room.get(..length).unwrap_or_default()));
        }
        self.counts.acknowledged += acknowledged;
        acknowledged
    }

    /// Takes one datagram; gives whether it acknowledged a record that waited for it.
    pub fn hear(&mut self, datagram: &[u8]) -> bool {
        let Ok(reply) = View::parse(datagram) else {
            return false;
        };
        let Some(Some(flight)) = self.flights.get(usize::from(reply.identifier())) else {
            return false;
        };
        let ours = reply.code() == Code::AccountingResponse
            && self
                .secret
                .check_reply_authenticator(&reply, &flight.authenticator);
        if !ours {
            return false;
        }
        if let Some(acknowledged) = self.datagrams.get_mut(&flight.digest) {
            *acknowledged = true;
        }
        let Some(pending) = self.pending.remove(&flight.pending) else {
            return false; // a later sending of what was acknowledged already, or of a session lost in a restart
        };
        self.slowest = self.slowest.max(pending.begun.elapsed());
        if let Some(told) = &pending.told {
            self.touched.insert(told.session.clone());
            if let Some(account) = self.accounts.get_mut(&told.session) {
                account.acknowledge(told.number);
            }
        }
        self.echoes.push_back(pending.datagram);
        if self.echoes.len() > ECHOES_MAX {
            self.echoes.pop_front();
        }
        true
    }

    /// Forgets all sessions and what was to be delivered, and has an Accounting-On to deliver once it is up again.
    pub fn reboot(&mut self) {
        self.counts.reboots += 1;
        // Also those whose end it had not delivered: the server may still have them open.
        let waiting = std::mem::take(&mut self.pending).into_values();
        let waiting = waiting.filter_map(|pending| Some(pending.told?.session));
        let open = self.open.drain(..).map(|session| session.id);
        for session in open.chain(waiting).collect::<BTreeSet<String>>() {
            if let Some(account) = self.accounts.get_mut(&session) {
                account.reboot();
            }
            self.touched.insert(session);
        }
        self.echoes.clear();
        let number = self.wait_for(None);
        if let Some(starting) = self.pending.get_mut(&number) {
            let up = starting.begun + Duration::from_secs(u64::from(BOOT_S));
            (starting.begun, starting.due) = (up, up);
            starting.happened_unix_s += BOOT_S;
        }
    }

    /// How many records wait for their acknowledgement.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether this was sent, and whether it was acknowledged since [`Nas::turn_page`].
    pub fn fate(&self, digest: &Digest) -> Option<bool> {
        let known = self.datagrams.get(digest).copied();
        known.or_else(|| self.before.contains(digest).then_some(false))
    }

    /// Begins to collect datagrams anew; those of before are remembered once more, so that a copy of one that is still
    /// under way is no stranger.
    pub fn turn_page(&mut self) {
        self.before = std::mem::take(&mut self.datagrams).into_keys().collect();
        self.echoes.clear();
    }

    /// The sessions told about since the last call.
    pub fn take_touched(&mut self) -> Vec<Account> {
        let touched = std::mem::take(&mut self.touched);
        touched
            .iter()
            .filter_map(|session| self.accounts.get(session).cloned())
            .collect()
    }

    /// Sends again what has waited long enough.
    fn send_again(&mut self, socket: &UdpSocket, now: Instant) {
        let due: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.due <= now)
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            self.send(socket, number, now);
        }
    }

    /// Sends something once more that was acknowledged a while ago.
    fn echo(&mut self, socket: &UdpSocket) {
        if let Some(echo) = self.echoes.get(self.dice.place(self.echoes.len())) {
            self.counts.again += 1;
            let _ = socket.send_to(echo, self.server);
        }
    }

    /// Begins new records, as many as the rate allows.
    fn begin(&mut self, socket: &UdpSocket, now: Instant) {
        let since = self
            .allowed_at
            .replace(now)
            .map_or(Duration::ZERO, |at| now.duration_since(at));
        self.allowance += since.as_secs_f64() * f64::from(self.order.rate);
        self.allowance = self.allowance.min(f64::from(self.order.rate) / 50.0 + 1.0);
        // A NAS that has just started tells that first.
        let starting = self.pending.values().any(|pending| pending.told.is_none());
        while self.order.rate > 0 && !starting && self.allowance >= 1.0 && self.pending.len() < PENDING_MAX {
            self.allowance -= 1.0;
            let told = self.tell();
            let number = self.wait_for(Some(told));
            self.send(socket, number, now);
            if self.order.storm {
                self.echo(socket);
            }
        }
    }

    /// Lets something happen to a session.
    fn tell(&mut self) -> Told {
        let few = self.dice.below(SESSIONS_OPEN) >= self.open.len() as u64;
        if self.open.is_empty() || few {
            return self.log_in();
        }
        let place = self.dice.place(self.open.len());
        let ends = self.dice.chance(20);
        let cause = Cause::OF_STOPS[self.dice.place(Cause::OF_STOPS.len())];
        let (seconds, octets_in, octets_out) = (
            self.dice.between(1, 300),
            self.dice.between(1, 1 << 33),
            self.dice.between(1, 1 << 34),
        );
        let session = &mut self.open[place];
        session.usage.seconds += u32::try_from(seconds).unwrap_or(1);
        session.usage.octets_in += octets_in;
        session.usage.octets_out += octets_out;
        let (id, usage) = (session.id.clone(), session.usage);
        if ends {
            self.open.swap_remove(place);
            self.say(id, Tale::Stop(usage, cause))
        } else {
            self.say(id, Tale::Interim(usage))
        }
    }

    /// Begins a session.
    fn log_in(&mut self) -> Told {
        self.sessions += 1;
        let id = format!("{}-{}", self.prefix, self.sessions);
        let username = format!("user-{}", self.dice.below(1000));
        self.open.push(Open {
            id: id.clone(),
            usage: Usage::default(),
        });
        self.accounts
            .insert(id.clone(), Account::new(id.clone(), self.address, username));
        self.say(id, Tale::Start)
    }

    /// Enters a record into the ledger.
    fn say(&mut self, session: String, tale: Tale) -> Told {
        self.touched.insert(session.clone());
        let address = self.address;
        let account = self
            .accounts
            .entry(session.clone())
            .or_insert_with(|| Account::new(session.clone(), address, String::new()));
        Told {
            username: account.username.clone(),
            number: account.tell(tale),
            session,
            tale,
        }
    }

    /// Puts a record among those that wait; it is due at once.
    fn wait_for(&mut self, told: Option<Told>) -> u64 {
        let number = self.next_pending;
        self.next_pending += 1;
        self.counts.sent += 1;
        let now = Instant::now();
        let pending = Pending {
            told,
            happened_unix_s: self.clock(),
            fat: self.order.fat,
            datagram: Vec::new(),
            identifier: 0,
            begun: now,
            sends: 0,
            due: now,
        };
        self.pending.insert(number, pending);
        number
    }

    /// Sends a pending record, for the first time or again.
    fn send(&mut self, socket: &UdpSocket, number: u64, now: Instant) {
        let (storm, says_delay) = (self.order.storm, self.says_delay);
        let identifier = self.free_identifier();
        let Some(pending) = self.pending.get_mut(&number) else {
            return;
        };
        if pending.datagram.is_empty() || says_delay {
            self.identifier = identifier;
            let content = Content {
                nas: self.address,
                identifier,
                told: pending
                    .told
                    .as_ref()
                    .map(|told| (told.session.as_str(), told.username.as_str(), told.tale)),
                happened_unix_s: pending.happened_unix_s,
                // True and in whole seconds: sessions heard of since would outlive an Accounting-On that exaggerates.
                delay_s: says_delay.then(|| whole_seconds(now.saturating_duration_since(pending.begun))),
                fat: pending.fat,
            };
            // Everything fits; a test says so for the longest.
            let Ok(datagram) = datagram::build(&content, &self.secret) else {
                return;
            };
            let digest = datagram::digest(&datagram);
            let authenticator = View::parse(&datagram).map(|view| *view.authenticator());
            if let Some(flight) = self.flights.get_mut(usize::from(identifier))
                && let Ok(authenticator) = authenticator
            {
                *flight = Some(Flight {
                    pending: number,
                    authenticator,
                    digest,
                });
            }
            self.datagrams.insert(digest, false);
            pending.datagram = datagram;
            pending.identifier = identifier;
        }
        let copies = if storm { self.dice.between(2, 4) } else { 1 };
        for _ in 0..copies {
            // A full socket buffer loses it, as a network would.
            let _ = socket.send_to(&pending.datagram, self.server);
        }
        self.counts.again += copies - u64::from(pending.sends == 0);
        pending.sends += 1;
        pending.due = now + if storm { STORM_WAIT } else { RESEND_WAIT };
    }

    /// The next identifier that no waiting record was sent with last; there is one, for fewer wait than there are.
    fn free_identifier(&self) -> u8 {
        let taken = |identifier: &u8| {
            let flight = self
                .flights
                .get(usize::from(*identifier))
                .and_then(Option::as_ref);
            let pending = flight.and_then(|flight| self.pending.get(&flight.pending));
            pending.is_some_and(|pending| pending.identifier == *identifier && pending.sends > 0)
        };
        let next = self.identifier.wrapping_add(1);
        (0..=u8::MAX)
            .map(|step| next.wrapping_add(step))
            .find(|identifier| !taken(identifier))
            .unwrap_or(next)
    }

    /// Seconds since 1970 by its own clock.
    fn clock(&self) -> u32 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        now - CLOCK_BEHIND_S
    }
}
