//! The thread that runs the server: starts it, waits until it answers, starts it again when it dies, stops it.
//! Never gives up on a server that once ran: a full disk or a killed process heals when its cause is gone.
//!
//! The thread lives as long as the server shall, because the kernel tells the server to stop when the thread that
//! started it ends. That also covers our own kill -9.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::initdb::{Prepared, Wanted, prepare};
use super::log::Log;
use super::{SUPERUSER_ROLE, directory, leftover, options, spawn};
use crate::database::error::DatabaseError;

/// The first pause before a dead server is started again; doubles up to the last.
const RESTART_WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest pause before a dead server is started again.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(15);
/// A server that ran this long was healthy; the next pause is the first again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// How long a server may replay its log after a crash before it must answer.
const READY_WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// How often a starting server is asked.
const READY_ASK_EVERY: Duration = Duration::from_millis(20);
/// How long a fast shutdown may take to write its last checkpoint.
const STOP_FAST_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long an immediate shutdown may take before the process is killed.
const STOP_IMMEDIATE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often the log's size is looked at.
const LOG_LOOK_EVERY: Duration = Duration::from_secs(60);

/// What the supervisor knows of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Being started, or replaying its log.
    Starting,
    /// It answers.
    Ready {
        /// The postmaster's process id.
        pid: u32,
    },
    /// It died or cannot be started; another try follows.
    Down {
        /// What was seen.
        why: String,
    },
    /// Stopped on request.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("the database is starting"),
            Self::Ready { .. } => f.write_str("the database is running"),
            Self::Down { why } => write!(f, "the database is down and is being started again: {why}"),
            Self::Stopped => f.write_str("the database is stopped"),
        }
    }
}

/// An order to the supervisor.
#[derive(Debug)]
pub(super) enum Command {
    /// Stop the server and end; answered when it is gone.
    Stop(oneshot::Sender<()>),
    /// Stop the server and wait for [`Command::Resume`]; answered when it is gone.
    #[cfg(feature = "testing")]
    Hold(oneshot::Sender<()>),
    /// Start it again.
    #[cfg(feature = "testing")]
    Resume,
}

/// What connects the supervisor with its [`Cluster`](super::Cluster).
pub(super) struct Links {
    /// Answered once: where the socket is, or why there is none.
    pub(super) started: Option<oneshot::Sender<Result<PathBuf, DatabaseError>>>,
    /// Orders; closed when the last handle is gone, which means stop.
    pub(super) orders: mpsc::Receiver<Command>,
    /// Where the state is told.
    pub(super) reports: watch::Sender<State>,
}

/// The thread's whole life.
pub(super) fn run(wanted: &Wanted, mut links: Links) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let prepared = runtime
        .map_err(|source| DatabaseError::Spawn {
            program: "the supervisor of postgres".into(),
            source,
        })
        .and_then(|runtime| Server::prepare(wanted).map(|server| (runtime, server)));
    let ended = match prepared {
        Ok((runtime, server)) => runtime.block_on(supervise(&server, &mut links)),
        Err(error) => Ended::Failed(error),
    };
    // Here the data directory is free again: whoever waits for an answer may open it at once.
    links.reports.send_replace(State::Stopped);
    match (ended, links.started) {
        (Ended::Failed(error), Some(started)) => drop(started.send(Err(error))),
        (Ended::Stopped(Some(done)), _) => done.send(()).unwrap_or_default(),
        _ => {}
    }
}

/// Starts the server again and again until it shall stop, or until its first start has failed.
async fn supervise(server: &Server, links: &mut Links) -> Ended {
    let mut pause = RESTART_WAIT_MIN;
    let first = Instant::now();
    loop {
        let since = Instant::now();
        let ended = match server.run_once(links).await {
            Ended::Failed(error)
                if links.started.is_none()
                    || error.is_passing() && first.elapsed() < leftover::LEAVE_WAIT_MAX =>
            {
                pause = if since.elapsed() > HEALTHY_AFTER {
                    RESTART_WAIT_MIN
                } else {
                    pause
                };
                tracing::error!(%error, again_in = ?pause, "the database server is down");
                links.reports.send_replace(State::Down {
                    why: error.to_string(),
                });
                tokio::select! {
                    () = sleep(pause) => {
                        pause = (pause * 2).min(RESTART_WAIT_MAX);
                        continue;
                    }
                    order = links.orders.recv() => follow(order, links).await,
                }
            }
            ended => ended,
        };
        match ended {
            #[cfg(feature = "testing")]
            Ended::Held => {}
            ended => return ended,
        }
    }
}

/// Follows an order when there is no server running.
async fn follow(order: Option<Command>, links: &mut Links) -> Ended {
    links.reports.send_replace(State::Stopped);
    match order {
        None => Ended::Stopped(None),
        Some(Command::Stop(done)) => Ended::Stopped(Some(done)),
        #[cfg(feature = "testing")]
        Some(Command::Resume) => Ended::Held,
        #[cfg(feature = "testing")]
        Some(Command::Hold(done)) => {
            let _ = done.send(()); // nobody waits any more
            Box::pin(async move { follow(links.orders.recv().await, links).await }).await
        }
    }
}

/// How one run of the server ended.
enum Ended {
    /// As it was asked to, for good; by whom, when he waits for an answer.
    Stopped(Option<oneshot::Sender<()>>),
    /// As it was asked to, until it was asked to start again.
    #[cfg(feature = "testing")]
    Held,
    /// By itself, or it never came up.
    Failed(DatabaseError),
}

/// A data directory that only we use, and how to run it.
struct Server {
    /// Programs, user and directories.
    prepared: Prepared,
    /// Its log.
    log: Log,
    /// Held for as long as this lives: no other headend may use the data directory.
    _lock: Lock,
}

impl Server {
    /// Takes the data directory for us alone and makes it ready.
    fn prepare(wanted: &Wanted) -> Result<Self, DatabaseError> {
        let data_dir = directory::data_dir(&wanted.data_dir)?;
        let lock = Lock::take(&data_dir)?;
        let prepared = prepare(wanted, &data_dir)?;
        Ok(Self {
            prepared,
            log: Log::of(&data_dir),
            _lock: lock,
        })
    }

    /// Starts the server, serves orders while it runs, and says how it ended.
    async fn run_once(&self, links: &mut Links) -> Ended {
        links.reports.send_if_modified(|state| match state {
            State::Down { .. } => false, // says more than "starting" while one try follows another
            _ => std::mem::replace(state, State::Starting) != State::Starting,
        });
        let mark = self.log.mark();
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Ended::Failed(error),
        };
        let ready = tokio::select! {
            ready = self.ready() => ready,
            status = child.wait() => return Ended::Failed(self.died(status, mark)),
            order = links.orders.recv() => return self.obey(order, child, links).await,
        };
        if let Err(error) = ready {
            stop(&mut child).await;
            return Ended::Failed(error);
        }
        let pid = child.id().unwrap_or_default();
        tracing::info!(pid, major = self.prepared.binaries.major, data = %self.prepared.data.display(), "the database server is ready");
        links.reports.send_replace(State::Ready { pid });
        if let Some(started) = links.started.take() {
            let _ = started.send(Ok(self.prepared.socket_dir.clone())); // nobody waits: the closed orders end it
        }
        loop {
            tokio::select! {
                status = child.wait() => return Ended::Failed(self.died(status, mark)),
                order = links.orders.recv() => return self.obey(order, child, links).await,
                () = sleep(LOG_LOOK_EVERY) => self.bound_log(),
            }
        }
    }

    /// Starts the postmaster once no earlier one is left.
    fn spawn(&self) -> Result<Child, DatabaseError> {
        leftover::wait_until_left(&self.prepared.data)?;
        // Made again each time: whatever cleans /tmp may have taken it while the server was down.
        directory::claim(&self.prepared.socket_dir, &self.prepared.accounts.service)?;
        leftover::remove_locks(&self.prepared.data, &self.prepared.socket_dir);
        self.bound_log();
        let program = self.prepared.binaries.postgres();
        let log = self.log.open().map_err(|source| DatabaseError::Directory {
            doing: "write to",
            path: self.log.path().to_owned(),
            source,
        })?;
        let mut command = spawn::command(program.as_os_str(), &self.prepared.accounts);
        command
            .arg("-D")
            .arg(&self.prepared.data)
            .stdout(Stdio::null())
            .stderr(log);
        tokio::process::Command::from(command)
            .spawn()
            .map_err(|source| DatabaseError::Spawn { program, source })
    }

    /// Asks until the server answers a connection.
    async fn ready(&self) -> Result<(), DatabaseError> {
        let options = options(&self.prepared.socket_dir, SUPERUSER_ROLE, "postgres");
        let since = Instant::now();
        loop {
            let said = match timeout(READY_WAIT_MAX, PgConnection::connect_with(&options)).await {
                Ok(Ok(connection)) => {
                    let _ = connection.close().await; // it answered
                    return Ok(());
                }
                Ok(Err(error)) => error,
                Err(_) => sqlx::Error::PoolTimedOut,
            };
            let waited = since.elapsed();
            if !crate::error::is_outage(&said) || waited > READY_WAIT_MAX {
                return Err(DatabaseError::NotReady {
                    waited,
                    said: said.to_string(),
                    log: self.log.path().to_owned(),
                });
            }
            sleep(READY_ASK_EVERY).await;
        }
    }

    /// Stops the server as ordered, or because nobody is left to give orders.
    async fn obey(&self, order: Option<Command>, mut child: Child, links: &mut Links) -> Ended {
        links.reports.send_replace(State::Stopped);
        stop(&mut child).await;
        let _ = std::fs::remove_dir(&self.prepared.socket_dir); // tidy; it is made again at the next start
        follow(order, links).await
    }

    /// Why it ended by itself.
    fn died(&self, status: std::io::Result<ExitStatus>, mark: u64) -> DatabaseError {
        match status {
            Ok(status) => DatabaseError::Died {
                status,
                said: self.log.complaints(mark),
                log: self.log.path().to_owned(),
            },
            Err(source) => DatabaseError::Spawn {
                program: self.prepared.binaries.postgres(),
                source,
            },
        }
    }

    /// Keeps the log within its bound; a log is not worth failing for.
    fn bound_log(&self) {
        if let Err(error) = self.log.bound() {
            tracing::warn!(path = %self.log.path().display(), %error, "cannot set the database server's log aside");
        }
    }
}

/// Holds a data directory for this process alone.
struct Lock(File);

impl Lock {
    /// Takes it, if nobody else has.
    fn take(data_dir: &Path) -> Result<Self, DatabaseError> {
        let path = data_dir.join("postgres.lock");
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(|source| DatabaseError::Directory {
            doing: "create",
            path,
            source,
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(_) => Err(DatabaseError::InUse {
                path: data_dir.to_owned(),
            }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do: a child that another thread is just starting holds a copy until its exec.
        let _ = self.0.unlock();
    }
}

/// Fast shutdown, then immediate, then by force.
async fn stop(child: &mut Child) {
    for (signal, patience) in [
        (Signal::INT, STOP_FAST_WAIT_MAX),
        (Signal::QUIT, STOP_IMMEDIATE_WAIT_MAX),
    ] {
        if let Some(pid) = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, signal); // gone already: the wait below returns at once
        }
        if timeout(patience, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(
            ?signal,
            ?patience,
            "the database server does not stop; using more force"
        );
    }
    if let Err(error) = child.kill().await {
        tracing::error!(%error, "the database server cannot be killed");
    }
}
