//! A server of its own, for tests that take the database away.
//! Never shared between tests; starting one takes a second or two.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::sweep::SweptDir;
use crate::database::Database;
use crate::database::private::{Cluster, Durability};

/// Connections of its pool.
const POOL_CONNECTIONS: u32 = 16;
/// How long a server may take to be ready again.
const READY_WAIT_MAX: Duration = Duration::from_secs(60);

/// A private server with a migrated database, which can be stopped, killed and started again.
#[derive(Debug)]
pub struct TestCluster {
    /// The database as the program has it.
    database: Database,
    /// Its server.
    cluster: Arc<Cluster>,
    /// Its data; dropped after the server.
    _dir: SweptDir,
}

impl TestCluster {
    /// Starts a server and brings its database up to date. It does not wait for the disk, as tests want it.
    pub async fn start() -> Self {
        Self::start_with(Durability::None).await
    }

    /// The same with the settings the program itself has, waiting for the disk included: for measurements.
    pub async fn start_durable() -> Self {
        Self::start_with(Durability::Full).await
    }

    /// Starts a server that waits for the disk or does not.
    async fn start_with(durability: Durability) -> Self {
        let dir = SweptDir::new();
        let database = Database::open_private(dir.wanted(POOL_CONNECTIONS, durability))
            .await
            .expect("a private database starts");
        let cluster = Arc::clone(database.cluster().expect("it is private"));
        Self {
            database,
            cluster,
            _dir: dir,
        }
    }

    /// The database as the program has it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Takes the database away: a clean shutdown that lasts until [`TestCluster::start_again`].
    pub async fn stop(&self) {
        self.cluster.hold().await;
    }

    /// Gives it back; returns when it answers.
    pub async fn start_again(&self) {
        self.cluster.resume().await;
        self.wait_ready().await;
    }

    /// Kills the server with SIGKILL, as the kernel would when memory runs out, and waits until the supervisor has seen
    /// it; that one starts it again by itself. Connections may go on for an instant, until their backends notice.
    pub async fn kill_postmaster(&self) {
        let pid = self.cluster.pid().expect("the server is running");
        let process = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(process, Signal::KILL).expect("the server is ours");
        self.cluster.wait_gone(pid).await;
    }

    /// The running server's process id.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.cluster.pid()
    }

    /// Waits until the server answers.
    pub async fn wait_ready(&self) {
        self.cluster
            .wait_ready(READY_WAIT_MAX)
            .await
            .expect("the database is ready");
    }
}
