//! The private server alone: roles and an empty database, no schema, nothing else of ours connected. For a restore.
//! Never brings a schema up to date and never works as the program's role; [`super::Database`] does both.

use std::path::{Path, PathBuf};

use super::config::{ConnectionHint, DatabaseConfig};
use super::error::DatabaseError;
use super::private::{self, Cluster, Durability};
use super::wanted;

/// A private server that was started for somebody else's work on it.
#[derive(Debug)]
pub struct BareServer {
    /// The server.
    cluster: Cluster,
}

impl BareServer {
    /// Makes the private server if there is none, and starts it.
    ///
    /// # Errors
    /// Everything that can be wrong with a machine; see [`DatabaseError`].
    pub async fn start(config: &DatabaseConfig, data_dir: &Path) -> Result<Self, DatabaseError> {
        config.check()?;
        let cluster = Cluster::start(wanted(config, data_dir, Durability::Full)).await?;
        Ok(Self { cluster })
    }

    /// How to reach its database as the superuser, who alone may load tables that row-level security is forced on.
    pub fn superuser(&self) -> ConnectionHint {
        let options = self.cluster.options(private::SUPERUSER_ROLE, private::DATABASE);
        ConnectionHint::of(&options, true)
    }

    /// Shuts it down and waits until it is gone.
    pub async fn stop(self) {
        self.cluster.stop().await;
    }
}

/// The directory of the newest PostgreSQL here, or of the one that is configured: `pg_dump` and `pg_restore` are beside
/// the server.
///
/// # Errors
/// [`DatabaseError::NoBinaries`].
pub fn programs(config: &DatabaseConfig) -> Result<PathBuf, DatabaseError> {
    private::programs(config.bin_dir.as_deref())
}

/// The role that a dump of the private server is made as.
pub const SUPERUSER: &str = private::SUPERUSER_ROLE;
