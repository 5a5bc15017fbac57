//! All connections, and the loop of the thread that serves them: it waits for whichever has something to do. The only
//! file here that waits.

use super::CredentialError;
use super::config::{Config, Limits};
use super::connection::{Connection, End, Interest};
use super::credentials::{Credentials, LOOK_WAIT, Watch};
use super::desk::{ConnectionId, Desk};
use super::downlink::Downlinks;
use super::ledger::{AccountingDesk, Answers};
use crate::accounting::{Accountant, Ledger};
use crate::authentication::Authenticator;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::Recorder;
use crate::directory::Directory;
use crate::priority;
use arc_swap::ArcSwap;
use rustix::event::epoll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::Timespec;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// How long the loop waits before it looks whether it should stop.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};
/// The same while Access-Rejects wait to be sent.
const DELAYED_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};
/// How often connections are looked at that say nothing.
const CHECK_WAIT: Duration = Duration::from_secs(1);
/// How often certificates of open connections are looked at when no file has changed: they end by themselves, too.
const CERTIFICATE_WAIT: Duration = Duration::from_secs(60);
/// Connections accepted before others have their turn.
const ACCEPTS_AT_ONCE: usize = 32;
/// Events taken with one system call.
const EVENTS_AT_ONCE: usize = 256;
/// Descriptors that are for everything else: journals, database, HTTP.
const DESCRIPTORS_KEPT: u64 = 512;
/// How long the loop rests after the system refused a connection, so that it does not spin.
const REFUSED_WAIT: Duration = Duration::from_millis(10);
/// What the bell of the ledger is called in the loop, and that of requests of ours; listeners follow, then connections.
const BELL: u64 = 0;
/// See [`BELL`].
const DOWN_BELL: u64 = 1;
/// The first listener.
const LISTENER_FIRST: u64 = 2;
/// The first name of a connection.
const CONNECTION_FIRST: ConnectionId = 1_024;

/// Sockets that listen and files that were read, before anything runs.
pub(crate) struct Listeners {
    /// The sockets.
    sockets: Vec<TcpListener>,
    /// The files.
    watch: Watch,
    /// What a peer may take of us.
    limits: Limits,
}

impl Listeners {
    /// Reads the files and binds the sockets; `None` when there is nothing to listen on.
    ///
    /// # Errors
    /// [`ListenError`].
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, ListenError> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let watch = Watch::begin(config.files.clone()).map_err(ListenError::Credentials)?;
        let bind = |addr: &SocketAddr| {
            let bound = TcpListener::bind(addr).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            bound.map_err(|source| ListenError::Bind { addr: *addr, source })
        };
        let mut limits = config.limits.clone();
        limits.connections = descriptors_for(limits.connections);
        Ok(Some(Self {
            sockets: config.listen.iter().map(bind).collect::<Result<_, _>>()?,
            watch,
            limits,
        }))
    }

    /// Where they listen, port 0 resolved.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        self.sockets.iter().flat_map(TcpListener::local_addr).collect()
    }
}

/// Why nothing listens.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// The files.
    Credentials(CredentialError),
    /// A socket.
    Bind {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// What the server is made of beside its sockets.
pub(crate) struct Parts {
    /// Who is which NAS.
    pub(crate) directory: Arc<Directory>,
    /// Decides logins.
    pub(crate) authenticator: Authenticator,
    /// Where decisions go.
    pub(crate) recorder: Recorder,
    /// Where connections and logins are counted.
    pub(crate) lane: Arc<Lane>,
    /// Verifies and settles accounting.
    pub(crate) accountant: Accountant,
    /// The journal and the sessions.
    pub(crate) ledger: Ledger,
    /// Requests of ours to NAS.
    pub(crate) downlinks: Arc<Downlinks>,
    /// How long an Access-Reject waits before it is sent.
    pub(crate) reject_delay: Duration,
}

/// See the module's words.
pub(crate) struct Server {
    /// What may be listened on.
    sockets: Vec<TcpListener>,
    /// What a peer may take of us.
    limits: Limits,
    /// What is believed now.
    credentials: Arc<ArcSwap<Credentials>>,
    /// Handles packets.
    desk: Desk,
    /// Answers that took their time.
    answers: Arc<Answers>,
    /// Requests of ours to NAS.
    downlinks: Arc<Downlinks>,
    /// Rings when there are some.
    down_bell: Arc<OwnedFd>,
    /// Where it is counted.
    lane: Arc<Lane>,
    /// Open connections.
    open: HashMap<ConnectionId, (Connection, Interest)>,
    /// How many each address has.
    by_address: HashMap<IpAddr, usize>,
    /// How many have shown no certificate yet.
    strangers: usize,
    /// The next connection's name.
    next: ConnectionId,
    /// What certificates were last checked against.
    checked: Arc<Credentials>,
    /// When.
    checked_at: Instant,
}

/// What looks after the files.
pub(crate) struct Files(Watch);

impl Files {
    /// Looks until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        priority::give_way();
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            if looked.elapsed() >= LOOK_WAIT {
                self.0.look();
                looked = Instant::now();
            }
        }
    }
}

impl Server {
    /// The work of the three threads.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(crate) fn new(listeners: Listeners, parts: Parts) -> io::Result<(Self, AccountingDesk, Files)> {
        let Listeners {
            sockets,
            watch,
            limits,
        } = listeners;
        let (accounting, inbox, answers) = AccountingDesk::new(parts.accountant, parts.ledger)?;
        let credentials = watch.current();
        let lane = Arc::clone(&parts.lane);
        let down_bell = parts.downlinks.hang_bell()?;
        let mut server = Self {
            sockets,
            limits,
            checked: credentials.load_full(),
            checked_at: Instant::now(),
            credentials,
            desk: Desk::new(
                parts.directory,
                parts.authenticator,
                parts.recorder,
                inbox,
                Arc::clone(&answers),
                Arc::clone(&parts.downlinks),
                parts.lane,
            ),
            answers,
            downlinks: parts.downlinks,
            down_bell,
            lane,
            open: HashMap::new(),
            by_address: HashMap::new(),
            strangers: 0,
            next: CONNECTION_FIRST,
        };
        server.desk.delay_rejects(parts.reject_delay);
        Ok((server, accounting, Files(watch)))
    }

    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        priority::be_prompt();
        // What a panic left: connections whose state nobody knows.
        self.open.clear();
        self.downlinks.all_closed();
        self.by_address.clear();
        self.strangers = 0;
        let epoll = loop {
            match self.prepare() {
                Ok(epoll) => break epoll,
                Err(_) if stop.load(Ordering::Relaxed) => return,
                Err(_) => {
                    self.lane.add(Event::ReceiveError);
                    std::thread::sleep(REFUSED_WAIT);
                }
            }
        };
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut checked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            events.clear();
            let wait = if self.desk.has_delayed() {
                &DELAYED_WAIT
            } else {
                &WAIT
            };
            if epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(wait)).is_err() {
                continue; // a signal
            }
            let now = Now::read();
            self.release(&epoll, now.monotonic);
            for event in &events {
                match event.data.u64() {
                    BELL => self.answer(&epoll, now),
                    DOWN_BELL => self.ask(&epoll, now),
                    listener if listener < CONNECTION_FIRST => self.accept(&epoll, listener, now),
                    connection => self.pump(&epoll, connection, now),
                }
            }
            self.desk.flush();
            if checked.elapsed() >= CHECK_WAIT {
                self.check(now);
                checked = Instant::now();
            }
        }
        // Nobody will be here to send them later.
        let now = Instant::now();
        self.desk.hurry(now);
        self.release(&epoll, now);
        self.downlinks.all_closed();
        for (_id, (connection, _interest)) in self.open.drain() {
            connection.close();
        }
    }

    /// Makes what the loop waits on.
    fn prepare(&self) -> io::Result<OwnedFd> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let name = epoll::EventData::new_u64;
        epoll::add(&epoll, self.answers.bell(), name(BELL), epoll::EventFlags::IN)?;
        epoll::add(&epoll, &*self.down_bell, name(DOWN_BELL), epoll::EventFlags::IN)?;
        for (at, socket) in (LISTENER_FIRST..).zip(&self.sockets) {
            epoll::add(&epoll, socket, name(at), epoll::EventFlags::IN)?;
        }
        Ok(epoll)
    }

    /// Accepts who knocks at a listener.
    fn accept(&mut self, epoll: &OwnedFd, listener: u64, now: Now) {
        let place = usize::try_from(listener - LISTENER_FIRST).unwrap_or(usize::MAX);
        for _accept in 0..ACCEPTS_AT_ONCE {
            let Some(socket) = self.sockets.get(place) else {
                return;
            };
            match socket.accept() {
                Ok((stream, address)) => self.begin(epoll, stream, address, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.lane.add(Event::ReceiveError);
                    return std::thread::sleep(REFUSED_WAIT);
                }
            }
        }
    }

    /// Begins a connection, unless there are too many.
    fn begin(&mut self, epoll: &OwnedFd, stream: TcpStream, address: SocketAddr, now: Now) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let here = self.by_address.get(&address.ip()).copied().unwrap_or_default();
        let refused =
            if self.open.len() >= self.limits.connections || self.strangers >= self.limits.handshakes {
                Some(Event::RadsecFull)
            } else if here >= self.limits.connections_per_address {
                Some(Event::RadsecAddressFull)
            } else {
                None
            };
        if let Some(event) = refused {
            self.lane.add(event);
            debug!(%address, "a TLS connection was refused, there are too many");
            return;
        }
        let id = self.next;
        let begun = Connection::new(id, stream, address, &self.credentials.load(), now.monotonic);
        let Ok(connection) = begun else {
            return self.lane.add(Event::ReceiveError);
        };
        let interest = connection.interest();
        let data = epoll::EventData::new_u64(id);
        if epoll::add(epoll, connection.stream().as_fd(), data, flags(interest)).is_err() {
            return self.lane.add(Event::ReceiveError);
        }
        self.next += 1;
        self.strangers += 1;
        *self.by_address.entry(address.ip()).or_default() += 1;
        self.open.insert(id, (connection, interest));
    }

    /// Lets a connection do what it can.
    fn pump(&mut self, epoll: &OwnedFd, id: ConnectionId, now: Now) {
        let Some((connection, _)) = self.open.get_mut(&id) else {
            return;
        };
        let stranger = connection.is_stranger();
        let pumped = connection.pump(&mut self.desk, &self.credentials.load(), now);
        if stranger && let Some(peer) = connection.peer() {
            self.strangers -= 1;
            self.lane.add(Event::RadsecOpened);
            if let Some(nas) = self.desk.nas_id(peer.identity) {
                self.downlinks.opened(id, nas, peer.address, peer.identity);
            }
            info!(address = %peer.address, version = ?peer.version, nas = ?peer.identity, "a TLS connection of a NAS");
        }
        match pumped {
            Ok(()) => self.settle(epoll, id),
            Err(end) => self.end(id, &end),
        }
    }

    /// Tells the system what a connection waits for now.
    fn settle(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        let Some((connection, interest)) = self.open.get_mut(&id) else {
            return;
        };
        let wanted = connection.interest();
        if wanted == *interest {
            return;
        }
        *interest = wanted;
        let data = epoll::EventData::new_u64(id);
        if epoll::modify(epoll, connection.stream().as_fd(), data, flags(wanted)).is_err() {
            self.end(id, &End::Peer);
        }
    }

    /// Sends the answers of the ledger, and lets those go on that waited for room in it.
    fn answer(&mut self, epoll: &OwnedFd, now: Now) {
        let answers = self.answers.fetch();
        let mut touched = Vec::new();
        for answer in &answers {
            let Some((connection, _)) = self.open.get_mut(&answer.connection) else {
                continue; // it has gone; the NAS will ask again on another one
            };
            match connection.answer(&mut self.desk, answer) {
                Ok(()) => touched.push(answer.connection),
                Err(end) => self.end(answer.connection, &end),
            }
        }
        let waiting = self.open.iter().filter(|(_, (connection, _))| connection.waits());
        touched.extend(waiting.map(|(id, _)| *id));
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            self.pump(epoll, id, now);
        }
    }

    /// Sends the Access-Rejects whose time has come; those of connections that have gone are of no use to anybody.
    fn release(&mut self, epoll: &OwnedFd, now: Instant) {
        let mut touched = Vec::new();
        let (desk, open) = (&mut self.desk, &mut self.open);
        while desk.release(now, &mut |id, reply| {
            if let Some((connection, _)) = open.get_mut(&id) {
                touched.push((id, connection.write_late(reply, now)));
            }
        }) {}
        for (id, written) in touched {
            match written {
                Ok(()) => self.settle(epoll, id),
                Err(end) => self.end(id, &end),
            }
        }
    }

    /// Sends requests of ours down the connections they are for.
    fn ask(&mut self, epoll: &OwnedFd, now: Now) {
        for down in self.downlinks.fetch(&self.down_bell) {
            let Some((connection, _)) = self.open.get_mut(&down.connection) else {
                self.lane.add(Event::RadsecDownNotSent); // it has gone; whoever asks will ask again
                continue;
            };
            match connection.ask(&mut self.desk, &down, now.monotonic) {
                Ok(()) => self.settle(epoll, down.connection),
                Err(end) => self.end(down.connection, &end),
            }
        }
    }

    /// Ends what has to end.
    fn check(&mut self, now: Now) {
        let credentials = self.credentials.load_full();
        let newer = !Arc::ptr_eq(&credentials, &self.checked)
            || now.monotonic.saturating_duration_since(self.checked_at) >= CERTIFICATE_WAIT;
        if newer {
            self.checked = Arc::clone(&credentials);
            self.checked_at = now.monotonic;
        }
        let ended: Vec<(ConnectionId, End)> = self
            .open
            .iter()
            .filter_map(|(id, (connection, _))| {
                let mut found = connection.check(&self.limits, now.monotonic);
                if newer && found.is_ok() {
                    found = connection.check_certificate(&self.desk, &credentials);
                }
                found.err().map(|end| (*id, end))
            })
            .collect();
        for (id, end) in ended {
            self.end(id, &end);
        }
    }

    /// Ends a connection.
    fn end(&mut self, id: ConnectionId, end: &End) {
        let Some((connection, _)) = self.open.remove(&id) else {
            return;
        };
        self.downlinks.closed(id);
        let address = connection.address();
        if let Some(here) = self.by_address.get_mut(&address.ip()) {
            *here -= 1;
            if *here == 0 {
                self.by_address.remove(&address.ip());
            }
        }
        if connection.is_stranger() {
            self.strangers -= 1;
            // Whoever closes before TLS came about has failed, too.
            let failed = matches!(end, End::Peer).then_some(Event::RadsecHandshakeFailed);
            self.lane.add(failed.unwrap_or(end.event()));
        } else {
            self.lane.add(end.event());
        }
        info!(%address, why = end.words(), "a TLS connection ended");
        connection.close();
    }
}

/// Asks the system for descriptors for so many connections, and gives back for how many there are: connections must not
/// take those that the journal needs.
fn descriptors_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(DESCRIPTORS_KEPT);
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else {
        return connections;
    };
    let raised = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let asked = Rlimit {
        current: Some(raised),
        ..limit
    };
    let granted = setrlimit(Resource::Nofile, asked).map_or(current, |()| raised);
    let room = granted.saturating_sub(DESCRIPTORS_KEPT).max(granted / 2);
    let possible = usize::try_from(room).unwrap_or(usize::MAX).min(connections);
    if possible < connections {
        warn!(
            asked = connections,
            possible,
            "fewer TLS connections than configured: the limit of open files (LimitNOFILE) is too low"
        );
    }
    possible
}

/// What the system is told.
fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    if interest.read {
        flags |= epoll::EventFlags::IN;
    }
    if interest.write {
        flags |= epoll::EventFlags::OUT;
    }
    flags
}
