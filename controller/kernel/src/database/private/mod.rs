//! The private cluster: PostgreSQL run by the program itself in its data directory, so that one box needs no database
//! administrator. Never listens on the network and never outlives the program.
//!
//! In the order a start meets them: [`binaries`] finds the programs, [`account`] decides who runs them, [`directory`]
//! makes room, [`initdb`] makes the data once, [`settings`] says how it behaves, [`leftover`] waits for an earlier
//! server to leave, [`spawn`] starts it so that it dies with us, [`supervisor`] keeps it running, [`log`] bounds what
//! it says, [`bootstrap`] creates roles and database.

mod account;
mod binaries;
mod bootstrap;
mod directory;
mod initdb;
mod leftover;
mod log;
mod settings;
mod spawn;
mod supervisor;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use binaries::MAJOR_MIN;
pub(crate) use initdb::Wanted;
pub(crate) use settings::{APP_ROLE, DATABASE, Durability, OWNER_ROLE, SUPERUSER_ROLE};
pub(crate) use supervisor::State;

use super::config::ConnectionHint;
use super::error::DatabaseError;
use supervisor::{Command, Links};

/// Orders that may wait for the supervisor; it takes one at a time.
const COMMANDS_MAX: usize = 4;

/// A running private cluster. When the last handle is gone it shuts down; when the process dies it does, too.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Orders to the supervisor.
    commands: mpsc::Sender<Command>,
    /// What the supervisor says of the server.
    state: watch::Receiver<State>,
    /// Where the socket is.
    socket_dir: PathBuf,
}

impl Cluster {
    /// Makes the cluster if there is none, starts it, and creates roles and database.
    ///
    /// # Errors
    /// Everything that can be wrong with a machine; see [`DatabaseError`].
    pub(crate) async fn start(wanted: Wanted) -> Result<Self, DatabaseError> {
        let (started, result) = oneshot::channel();
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let (reports, state) = watch::channel(State::Starting);
        let links = Links {
            started: Some(started),
            orders,
            reports,
        };
        // A thread of its own, and not one of a pool: the server is told to stop when the thread that started it ends.
        let thread = std::thread::Builder::new().name("postgres".to_owned());
        thread
            .spawn(move || supervisor::run(&wanted, links))
            .map_err(|_| DatabaseError::NoSupervisor)?;
        let socket_dir = result.await.map_err(|_| DatabaseError::NoSupervisor)??;
        let cluster = Self {
            commands,
            state,
            socket_dir,
        };
        bootstrap::run(&cluster).await?;
        Ok(cluster)
    }

    /// How to connect to a database of this cluster as one of its roles.
    pub(crate) fn options(&self, role: &str, database: &str) -> PgConnectOptions {
        options(&self.socket_dir, role, database)
    }

    /// Waits until the server is ready; at once when it is.
    ///
    /// # Errors
    /// What keeps it, in words, after `patience`.
    pub(crate) async fn wait_ready(&self, patience: Duration) -> Result<(), String> {
        if matches!(*self.state.borrow(), State::Ready { .. }) {
            return Ok(());
        }
        let mut state = self.state.clone();
        let ready = tokio::time::timeout(
            patience,
            state.wait_for(|state| matches!(state, State::Ready { .. })),
        )
        .await;
        match ready {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self.state.borrow().to_string()),
        }
    }

    /// Shuts the server down and waits until it is gone. Bounded: the supervisor uses more and more force.
    pub(crate) async fn stop(&self) {
        let (done, gone) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = gone.await; // an error means that the supervisor has ended, and the server with it
        }
    }
}

#[cfg(feature = "testing")]
impl Cluster {
    /// Stops the server until [`Cluster::resume`].
    pub(crate) async fn hold(&self) {
        let (done, held) = oneshot::channel();
        if self.commands.send(Command::Hold(done)).await.is_ok() {
            let _ = held.await;
        }
    }

    /// Starts a held server again; [`Cluster::wait_ready`] says when it is there.
    pub(crate) async fn resume(&self) {
        let _ = self.commands.send(Command::Resume).await;
    }

    /// Waits until the supervisor has seen that this process is gone.
    pub(crate) async fn wait_gone(&self, gone: u32) {
        let mut state = self.state.clone();
        let seen = state.wait_for(|state| !matches!(state, State::Ready { pid } if *pid == gone));
        let _ = seen.await; // an error means that the supervisor itself has ended
    }

    /// The process id of the running server.
    pub(crate) fn pid(&self) -> Option<u32> {
        match *self.state.borrow() {
            State::Ready { pid } => Some(pid),
            _ => None,
        }
    }
}

/// The directory of the newest PostgreSQL, or of the configured one.
///
/// # Errors
/// [`DatabaseError::NoBinaries`].
pub(super) fn programs(configured: Option<&Path>) -> Result<PathBuf, DatabaseError> {
    let searched = binaries::directories(configured);
    let found = binaries::installed(&searched);
    Ok(binaries::choose(&found, &searched, None)?.dir)
}

/// How another program reaches the private cluster of this data directory while it runs.
///
/// # Errors
/// [`DatabaseError::Directory`] when it does not run or may not be looked at.
pub(super) fn connection_hint(data_dir: &Path) -> Result<ConnectionHint, DatabaseError> {
    let path = data_dir.join("postgres").join("postmaster.pid");
    let unreadable = |source| DatabaseError::Directory {
        doing: "read (is headend running?)",
        path: path.clone(),
        source,
    };
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    // Line 5 of the file is the socket's directory; PostgreSQL documents the order in miscadmin.h.
    let socket_dir = text.lines().nth(4).filter(|line| !line.is_empty());
    let socket_dir =
        socket_dir.ok_or_else(|| unreadable(std::io::Error::other("no socket directory in it yet")))?;
    Ok(ConnectionHint::of(
        &options(Path::new(socket_dir), APP_ROLE, DATABASE),
        true,
    ))
}

/// Connection options over a socket, with nothing left to the environment.
fn options(socket_dir: &Path, role: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(settings::PORT)
        .username(role)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("headend")
}
