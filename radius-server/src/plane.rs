//! The whole server: its journals, tables and threads. It wires and decides nothing.
//!
//! The order at start: fill the directory, [`Plane::prepare`], restore the open sessions, [`Plane::replay`] what the
//! journal knows beyond them, [`Plane::listen`].

mod certificates;
mod config;
mod threads;

pub use crate::gate::ATTRIBUTES_USUAL_MAX;
pub use config::{AUTH_WORKERS_MAX, Config, RECEIVE_BUFFER_OCTETS, REJECT_DELAY_MAX};

use crate::accounting::{Accountant, Ledger};
use crate::admission;
use crate::authentication::{Authenticator, Conversations, EapError, EapServer, Hashed};
use crate::counters::{Counters, Lane};
use crate::decision::Decisions;
use crate::directory::Directory;
use crate::journal::{self, AccountingRecord, JournalError, Kind, RecoveryReport, Writer};
use crate::later::{FinisherKit, Pool};
use crate::listener::{self, AccountingWorker, AuthWorker};
use crate::onward::{Dispatch, Onward, Positions};
use crate::pem::Looks;
use crate::proxy::Desk;
use crate::radsec::{self, Downlinks, ListenError, Listeners};
use crate::scribe::Scribe;
use crate::sessions::Sessions;
use crate::unknown::{PortKind, UnknownSources};
use parking_lot::Mutex;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use threads::Threads;
use tracing::{info, warn};
use udp::Group;

/// Journal records read at a time by [`Plane::replay`].
const REPLAY_RECORDS: usize = 4_096;
/// Octets of journal records read at a time by [`Plane::replay`].
const REPLAY_OCTETS: usize = 4 * 1024 * 1024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A journal could not be opened.
    #[error("cannot open the {stream} journal")]
    Journal {
        /// Which one.
        stream: &'static str,
        /// Why.
        #[source]
        source: JournalError,
    },
    /// An address could not be listened on.
    #[error("cannot listen on UDP {addr}; `ss -ulnp` shows who does")]
    Bind {
        /// Which one.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// RADIUS over TLS has no certificates.
    #[error("cannot listen for RADIUS over TLS")]
    Credentials(#[source] radsec::CredentialError),
    /// An address could not be listened on for RADIUS over TLS.
    #[error("cannot listen on TCP {addr}; `ss -tlnp` shows who does")]
    BindTls {
        /// Which one.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// EAP's certificates are of no use.
    #[error("EAP cannot be offered as configured in [eap]")]
    Eap(#[source] EapError),
    /// A thread could not be started.
    #[error("cannot start thread {name}")]
    Thread {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It listens already.
    #[error("the access plane listens already")]
    AlreadyListening,
}

/// What was found in the journals when they were opened.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// In the accounting journal.
    pub accounting: RecoveryReport,
    /// In the decision journal.
    pub decisions: RecoveryReport,
}

/// What [`Plane::replay`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Accounting records applied to the session table.
    pub records: u64,
    /// Records that could not be read; they stay in the journal.
    pub undecodable: u64,
    /// The first sequence number that was not replayed.
    pub next_seq: u64,
}

/// See the module's words. Dropping it stops the threads, as [`Plane::shutdown`] does.
pub struct Plane {
    /// How it was configured.
    config: Config,
    /// What it knows.
    directory: Arc<Directory>,
    /// Who is online.
    sessions: Arc<Sessions>,
    /// What was decided lately.
    decisions: Arc<Decisions>,
    /// Who asks in vain.
    unknown: Arc<UnknownSources>,
    /// What it did.
    counters: Arc<Counters>,
    /// EAP conversations.
    conversations: Arc<Conversations>,
    /// Who does what takes long.
    pool: Arc<Pool>,
    /// Passwords that only a hash is stored of.
    hashed: Arc<Hashed>,
    /// What EAP's files looked like before they were read.
    eap_files: Looks,
    /// Requests that home servers decide.
    desk: Arc<Desk>,
    /// How far accounting was sent on.
    onward: Arc<Onward>,
    /// What had been committed when the journal was opened.
    committed_at_open: u64,
    /// Requests of ours to NAS, down their TLS connections.
    downlinks: Arc<Downlinks>,
    /// The accounting journal.
    accounting_writer: Arc<Mutex<Writer>>,
    /// Reads it.
    accounting_reader: journal::Reader,
    /// The decision journal.
    decision_writer: Arc<Mutex<Writer>>,
    /// Reads it.
    decision_reader: journal::Reader,
    /// What was found in them.
    recovery: Recovery,
    /// The threads, while there are any.
    running: Mutex<Option<Running>>,
}

/// What exists only while it listens.
struct Running {
    /// The threads.
    threads: Threads,
    /// Where authentication is listened for, port 0 resolved.
    auth: Vec<SocketAddr>,
    /// Where accounting is listened for, port 0 resolved.
    accounting: Vec<SocketAddr>,
    /// Where RADIUS over TLS is listened for, port 0 resolved.
    radsec: Vec<SocketAddr>,
}

impl Plane {
    /// Opens the journals, recovering what a crash left, and builds everything else; listens to nothing yet.
    ///
    /// # Errors
    /// [`StartError::Journal`] and [`StartError::Eap`].
    pub fn prepare(config: Config, directory: Arc<Directory>) -> Result<Self, StartError> {
        directory.rejects().set_rules(config.reject_rules);
        let eap_files = config.eap.looks();
        let (eap, pool) = (
            EapServer::load(&config.eap).map_err(StartError::Eap)?,
            Arc::new(Pool::default()),
        );
        let open = |stream: &'static str, options: &journal::Options| {
            Writer::open(&config.journal_dir.join(stream), options.clone())
                .map_err(|source| StartError::Journal { stream, source })
        };
        let (accounting_writer, accounting) = open("accounting", &config.accounting_journal)?;
        let (decision_writer, decisions) = open("decisions", &config.decision_journal)?;
        for (stream, found) in [("accounting", &accounting), ("decisions", &decisions)] {
            if found.is_sound() {
                info!(stream, %found, "journal opened");
            } else {
                warn!(stream, %found, "journal opened with damage");
            }
        }
        let accounting_reader = accounting_writer.reader();
        // What is to be sent on still stays, from before the first segment is let go.
        accounting_reader.want_from(Positions::open(&config.journal_dir.join("accounting")).least());
        Ok(Self {
            decisions: Arc::new(Decisions::new(config.decision_memory_octets)),
            config,
            directory,
            sessions: Arc::default(),
            unknown: Arc::default(),
            counters: Arc::default(),
            conversations: Arc::new(Conversations::new(eap, Arc::clone(&pool))),
            hashed: Arc::new(Hashed::new(Arc::clone(&pool), system_entropy)),
            pool,
            eap_files,
            desk: Arc::default(),
            onward: Arc::default(),
            committed_at_open: accounting_reader.committed_seq(),
            accounting_reader,
            downlinks: Arc::default(),
            accounting_writer: Arc::new(Mutex::new(accounting_writer)),
            decision_reader: decision_writer.reader(),
            decision_writer: Arc::new(Mutex::new(decision_writer)),
            recovery: Recovery {
                accounting,
                decisions,
            },
            running: Mutex::new(None),
        })
    }

    /// Applies the accounting records from a sequence number on to the session table; 0 is all there are.
    ///
    /// # Errors
    /// What the journal's reader says; what was applied before stays applied, and may be applied again.
    pub fn replay(&self, from_seq: u64) -> Result<Replayed, JournalError> {
        let mut replayed = Replayed {
            next_seq: from_seq,
            ..Replayed::default()
        };
        loop {
            let records =
                self.accounting_reader
                    .read_from(replayed.next_seq, REPLAY_RECORDS, REPLAY_OCTETS)?;
            let Some(last) = records.last() else {
                return Ok(replayed);
            };
            replayed.next_seq = last.seq + 1;
            for record in &records {
                match AccountingRecord::decode(&record.payload) {
                    Ok(accounting) if record.kind == Kind::Accounting => {
                        self.sessions.apply(&accounting);
                        replayed.records += 1;
                    }
                    Ok(_) | Err(_) => replayed.undecodable += 1,
                }
            }
        }
    }

    /// Binds the sockets and starts the threads; when it returns, datagrams are answered.
    ///
    /// # Errors
    /// [`StartError::Bind`] when an address is taken or not ours, [`StartError::Thread`], or
    /// [`StartError::AlreadyListening`]; nothing listens then that did not before.
    pub fn listen(&self) -> Result<(), StartError> {
        let mut running = self.running.lock();
        if running.is_some() {
            return Err(StartError::AlreadyListening);
        }
        // Whoever is online holds his place before the first login asks for one.
        self.directory.gate().watch(&self.sessions);
        self.directory.gate().recount(&self.directory);
        let auth = self.bind_all(&self.config.auth, self.config.auth_worker_count())?;
        let accounting = self.bind_all(&self.config.accounting, 1)?;
        let local = |groups: &[Group]| {
            groups
                .iter()
                .flat_map(|group| group.sockets.first())
                .flat_map(UdpSocket::local_addr)
                .collect()
        };
        let radsec = self.open_radsec()?;
        let radsec_addrs = radsec.as_ref().map(Listeners::addrs).unwrap_or_default();
        self.check_receive_buffers(auth.iter().chain(&accounting));
        let (auth_addrs, accounting_addrs): (Vec<_>, Vec<_>) = (local(&auth), local(&accounting));
        let sockets = |groups: Vec<Group>| groups.into_iter().flat_map(|group| group.sockets);
        let threads = self.start(sockets(auth), sockets(accounting), radsec)?;
        info!(auth = ?auth_addrs, accounting = ?accounting_addrs, radsec = ?radsec_addrs, "RADIUS listens");
        *running = Some(Running {
            threads,
            auth: auth_addrs,
            accounting: accounting_addrs,
            radsec: radsec_addrs,
        });
        Ok(())
    }

    /// Opens the sockets of all addresses of one kind.
    fn bind_all(&self, addrs: &[SocketAddr], each: usize) -> Result<Vec<Group>, StartError> {
        let bind = |addr: &SocketAddr| {
            listener::bind(*addr, each, self.config.receive_buffer_octets)
                .map_err(|source| StartError::Bind { addr: *addr, source })
        };
        addrs.iter().map(bind).collect()
    }

    /// Says once when the system gives smaller receive buffers than configured.
    fn check_receive_buffers<'g>(&self, groups: impl Iterator<Item = &'g Group>) {
        let (asked, granted) = (
            self.config.receive_buffer_octets,
            groups.map(|group| group.receive_buffer_octets).min(),
        );
        if let Some(granted) = granted.filter(|granted| *granted < asked) {
            warn!(
                asked,
                granted,
                "receive buffers are smaller than configured, a burst of requests may be dropped: give the program \
                 CAP_NET_ADMIN, or raise the system's limit with `sysctl -w net.core.rmem_max={asked}`"
            );
        }
    }

    /// Starts one worker a socket, and the scribe.
    fn start(
        &self,
        auth: impl Iterator<Item = UdpSocket>,
        accounting: impl Iterator<Item = UdpSocket>,
        radsec: Option<Listeners>,
    ) -> Result<Threads, StartError> {
        let mut threads = Threads::new(&self.counters);
        for (at, socket) in auth.enumerate() {
            let mut worker = self.auth_worker(socket);
            threads.start(format!("radius-auth-{at}"), move |stop| worker.run(stop))?;
        }
        for (at, socket) in accounting.enumerate() {
            let mut worker = self.accounting_worker(socket);
            threads.start(format!("radius-acct-{at}"), move |stop| worker.run(stop))?;
        }
        let (desk, kit) = (Arc::clone(&self.desk), self.finisher_kit());
        let authority = self.config.authority.clone();
        threads.start("radius-proxy".into(), move |stop| {
            desk.run(&kit, authority.as_deref(), stop);
        })?;
        let mut dispatch = self.dispatch();
        threads.start("radius-onward".into(), move |stop| dispatch.run(stop))?;
        for at in 0..Pool::thread_count() {
            let (pool, kit) = (Arc::clone(&self.pool), self.finisher_kit());
            threads.start(format!("radius-later-{at}"), move |stop| pool.run(&kit, stop))?;
        }
        if let Some(listeners) = radsec {
            self.start_radsec(listeners, &mut threads)?;
        }
        let (eap, conversations) = (self.config.eap.clone(), Arc::clone(&self.conversations));
        let mut known = self.eap_files.clone();
        threads.start("radius-eap-files".into(), move |stop| {
            certificates::watch(&eap, &mut known, &conversations, stop);
        })?;
        let directory = Arc::clone(&self.directory);
        threads.start("radius-admission".into(), move |stop| {
            admission::run(&directory, stop)
        })?;
        // When the last worker has gone with its recorder, the scribe finishes and goes.
        let scribe = Scribe {
            decisions: Arc::clone(&self.decisions),
            journal: Arc::clone(&self.decision_writer),
            counters: Arc::clone(&self.counters),
            lane: self.counters.lane(),
        };
        threads.start("radius-scribe".into(), move |_stop| scribe.run())?;
        Ok(threads)
    }

    /// What threads need that answer later.
    fn finisher_kit(&self) -> FinisherKit {
        FinisherKit {
            decisions: Arc::clone(&self.decisions),
            sessions: Arc::clone(&self.sessions),
            counters: Arc::clone(&self.counters),
            entropy: system_entropy,
        }
    }

    /// What sends accounting on, where the last one stopped.
    fn dispatch(&self) -> Dispatch {
        Dispatch {
            directory: Arc::clone(&self.directory),
            reader: self.accounting_reader.clone(),
            positions: Positions::open(&self.config.journal_dir.join("accounting")),
            onward: Arc::clone(&self.onward),
            authority: self.config.authority.clone(),
            entropy: system_entropy,
            base: self.committed_at_open,
        }
    }

    /// A worker for one authentication socket.
    fn auth_worker(&self, socket: UdpSocket) -> AuthWorker {
        let (lane, socket) = (self.counters.lane(), Arc::new(socket));
        self.counters.watch_drops(PortKind::Auth, &socket);
        let (authenticator, recorder) = (
            self.authenticator(&lane),
            self.decisions.recorder(Arc::clone(&lane)),
        );
        AuthWorker::new(socket, authenticator, recorder, lane)
            .with_reject_delay(self.config.reject_delay.min(REJECT_DELAY_MAX))
    }

    /// An authentication pipeline that counts in this lane.
    fn authenticator(&self, lane: &Arc<Lane>) -> Authenticator {
        Authenticator::new(
            Arc::clone(&self.directory),
            Arc::clone(&self.unknown),
            Arc::clone(&self.conversations),
            Arc::clone(&self.sessions),
            Arc::clone(lane),
            system_entropy,
        )
        .with_attributes_max(self.config.attributes_max)
        .with_hashed(Arc::clone(&self.hashed))
        .with_desk(Arc::clone(&self.desk))
    }

    /// A worker for one accounting socket.
    fn accounting_worker(&self, socket: UdpSocket) -> AccountingWorker {
        let (lane, socket) = (self.counters.lane(), Arc::new(socket));
        self.counters.watch_drops(PortKind::Accounting, &socket);
        AccountingWorker::new(socket, self.accountant(&lane), self.ledger(), lane)
    }

    /// An accounting pipeline that counts in this lane.
    fn accountant(&self, lane: &Arc<Lane>) -> Accountant {
        Accountant::new(
            Arc::clone(&self.directory),
            Arc::clone(&self.unknown),
            Arc::clone(lane),
        )
        .with_attributes_max(self.config.attributes_max)
    }

    /// The durable side of accounting.
    fn ledger(&self) -> Ledger {
        Ledger {
            journal: Arc::clone(&self.accounting_writer),
            sessions: Arc::clone(&self.sessions),
            counters: Arc::clone(&self.counters),
        }
    }

    /// Opens what RADIUS over TLS needs, when it is wanted.
    fn open_radsec(&self) -> Result<Option<Listeners>, StartError> {
        let Some(config) = &self.config.radsec else {
            return Ok(None);
        };
        Listeners::open(config).map_err(|error| match error {
            ListenError::Credentials(source) => StartError::Credentials(source),
            ListenError::Bind { addr, source } => StartError::BindTls { addr, source },
        })
    }

    /// Starts the threads of RADIUS over TLS.
    fn start_radsec(&self, listeners: Listeners, threads: &mut Threads) -> Result<(), StartError> {
        let name = "radsec";
        let lane = self.counters.lane();
        let parts = radsec::Parts {
            directory: Arc::clone(&self.directory),
            authenticator: self.authenticator(&lane),
            recorder: self.decisions.recorder(Arc::clone(&lane)),
            lane,
            accountant: self.accountant(&self.counters.lane()),
            ledger: self.ledger(),
            downlinks: Arc::clone(&self.downlinks),
            reject_delay: self.config.reject_delay.min(REJECT_DELAY_MAX),
        };
        let made = radsec::Server::new(listeners, parts);
        let (mut server, mut accounting, mut files) = made.map_err(|source| StartError::Thread {
            name: name.into(),
            source,
        })?;
        threads.start(name.into(), move |stop| server.run(stop))?;
        threads.start(format!("{name}-acct"), move |stop| accounting.run(stop))?;
        threads.start(format!("{name}-files"), move |stop| files.run(stop))
    }

    /// Stops listening and waits for the threads; decisions made so far are in their journal then. Safe to call twice.
    pub fn shutdown(&self) {
        if let Some(running) = self.running.lock().take() {
            running.threads.stop();
            info!("RADIUS stopped");
        }
    }

    /// What it knows.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Who is online.
    #[must_use]
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// What was decided lately.
    #[must_use]
    pub fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    /// Who asks in vain.
    #[must_use]
    pub fn unknown_sources(&self) -> &Arc<UnknownSources> {
        &self.unknown
    }

    /// The way to NAS that opened TLS connections.
    #[must_use]
    pub fn downlinks(&self) -> &Arc<Downlinks> {
        &self.downlinks
    }

    /// What it did.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// How far accounting was sent on.
    #[must_use]
    pub fn onward(&self) -> &Arc<Onward> {
        &self.onward
    }

    /// A reader of the accounting journal.
    #[must_use]
    pub fn accounting_journal(&self) -> journal::Reader {
        self.accounting_reader.clone()
    }

    /// A reader of the decision journal.
    #[must_use]
    pub fn decision_journal(&self) -> journal::Reader {
        self.decision_reader.clone()
    }

    /// What was found in the journals when they were opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Where authentication is listened for; empty while it is not.
    #[must_use]
    pub fn auth_addrs(&self) -> Vec<SocketAddr> {
        self.running
            .lock()
            .as_ref()
            .map(|running| running.auth.clone())
            .unwrap_or_default()
    }

    /// Where RADIUS over TLS is listened for; empty while it is not.
    #[must_use]
    pub fn radsec_addrs(&self) -> Vec<SocketAddr> {
        self.running
            .lock()
            .as_ref()
            .map(|running| running.radsec.clone())
            .unwrap_or_default()
    }

    /// Where accounting is listened for; empty while it is not.
    #[must_use]
    pub fn accounting_addrs(&self) -> Vec<SocketAddr> {
        self.running
            .lock()
            .as_ref()
            .map(|running| running.accounting.clone())
            .unwrap_or_default()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// The system's randomness.
fn system_entropy(octets: &mut [u8]) -> bool {
    getrandom::fill(octets).is_ok()
}
