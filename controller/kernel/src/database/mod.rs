//! PostgreSQL: the private cluster or the one at a URL, its schema, and transactions that see one partner only.
//! Never holds a query of its own beyond what opening needs; those live in each module's `store/`.
//!
//! `config` says which database, `private` runs one, `external` reaches yours, `foreign` reads somebody else's, `migrate` brings the schema up to date,
//! `bare` is the private server alone, `role` refuses a role that row-level security does not hold, `turn` lets one change of
//! a partner wait for another, `error` says why there is none.
//! Start at [`Database::open`], then [`Database::begin`].

pub mod bare;
mod config;
mod error;
mod external;
pub mod foreign;
pub(crate) mod migrate;
pub(crate) mod private;
mod role;
mod turn;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool};
use tokio::time::{sleep, timeout};

pub use config::{ConnectionHint, DatabaseConfig};
pub use error::DatabaseError;

use crate::error::{Error, is_outage};
use crate::id::PartnerId;
use crate::op::OpContext;
use private::{Cluster, Durability, Wanted};
use turn::Turn;

/// A transaction that sees what the operation it was begun for may see. Rolls back when dropped.
pub type Tx = sqlx::Transaction<'static, sqlx::Postgres>;

/// How long an operation waits for a free connection, or for a new one.
const ACQUIRE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long an operation waits for the private server while that is being started again.
const RESTART_PATIENCE: Duration = Duration::from_secs(2);
/// How long a beginning may take in all; a database that swallows what it is sent must not swallow the operation.
const BEGIN_WAIT_MAX: Duration = Duration::from_secs(8);
/// The pause before a stale connection's replacement is tried.
const STALE_WAIT: Duration = Duration::from_millis(10);
/// How long the health check waits.
const PING_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long operations under way may finish before the pool is closed over their heads.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(10);
/// Listeners that may exist at the same time.
const LISTENERS_MAX: u32 = 4;
/// Unused connections are closed after this time.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
/// Connections are replaced after this time, which spreads them again after a failover.
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 60);

/// The database, reached or run by us. Clones share one pool and one server.
#[derive(Debug, Clone)]
pub struct Database {
    /// Shared by all clones.
    inner: Arc<Inner>,
}

/// What clones share.
#[derive(Debug)]
struct Inner {
    /// Connections as the program's role.
    pool: PgPool,
    /// Connections of listeners, apart, so that they do not take those of operations, and are asked before use.
    listeners: PgPool,
    /// The private server; `None` when it is yours.
    cluster: Option<Arc<Cluster>>,
    /// How others reach it.
    hint: ConnectionHint,
    /// How many connections there may be.
    connections_max: u32,
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Open ones.
    pub open: u32,
    /// Open ones that nobody uses.
    pub idle: u32,
    /// As many as there may be.
    pub max: u32,
}

impl Database {
    /// Starts the private server or reaches yours, brings the schema up to date, and checks the program's role.
    ///
    /// # Errors
    /// [`DatabaseError`], whose message says what to do.
    pub async fn open(config: &DatabaseConfig, data_dir: &Path) -> Result<Self, DatabaseError> {
        config.check()?;
        match &config.url {
            Some(url) => {
                let options = external::prepare(config, url).await?;
                Self::pooled(options, config.max_connections, None).await
            }
            None => Self::open_private(wanted(config, data_dir, Durability::Full)).await,
        }
    }

    /// Runs a private server.
    pub(crate) async fn open_private(wanted: Wanted) -> Result<Self, DatabaseError> {
        let connections = wanted.connections;
        let cluster = Arc::new(Cluster::start(wanted).await?);
        migrate::run(
            &cluster.options(private::OWNER_ROLE, private::DATABASE),
            private::APP_ROLE,
        )
        .await?;
        let options = cluster.options(private::APP_ROLE, private::DATABASE);
        Self::pooled(options, connections, Some(cluster)).await
    }

    /// Opens a pool and checks the role it works as.
    pub(crate) async fn pooled(
        options: PgConnectOptions,
        connections_max: u32,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Self, DatabaseError> {
        let hint = ConnectionHint::of(&options, cluster.is_some());
        // Every statement at debug would drown everything else; slow ones are warned about by default.
        let options = match "trace".parse() {
            Ok(level) => options.log_statements(level),
            Err(_) => options,
        };
        let pooling = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_WAIT_MAX)
            .idle_timeout(IDLE_MAX)
            .max_lifetime(LIFETIME_MAX);
        let listeners = pooling
            .clone()
            .max_connections(LISTENERS_MAX)
            .connect_lazy_with(options.clone());
        // A stale connection shows itself at BEGIN, which is tried again; asking each time would cost a round trip.
        let pool = pooling
            .max_connections(connections_max)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        let mut connection = pool
            .acquire()
            .await
            .map_err(DatabaseError::statement("connecting as the program's role"))?;
        role::check(&mut connection).await?;
        drop(connection);
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                listeners,
                cluster,
                hint,
                connections_max,
            }),
        })
    }

    /// Begins a transaction that sees what `op` may see: one partner's rows, or all of them for the platform. One
    /// round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] within eight seconds when the database does not answer.
    pub async fn begin(&self, op: &OpContext) -> Result<Tx, Error> {
        if let Some(cluster) = &self.inner.cluster {
            cluster
                .wait_ready(RESTART_PATIENCE)
                .await
                // Why it is down is for our log: it names paths and ports of this machine.
                .map_err(|why| Error::Unavailable {
                    what: "the database does not answer; it is being started again".to_owned(),
                    source: why.into(),
                })?;
        }
        // In a task of its own: were the caller gone in the middle of BEGIN, the connection would go back to the pool
        // with a transaction open, and with it the next operation's work into this one's partner.
        let beginning = tokio::spawn(begin_on(self.inner.pool.clone(), begin_statement(op.partner)));
        let tx = match timeout(BEGIN_WAIT_MAX, beginning).await {
            Ok(Ok(begun)) => begun.map_err(Error::from)?,
            Ok(Err(source)) => {
                return Err(Error::Internal {
                    doing: "beginning a transaction",
                    source: source.into(),
                });
            }
            Err(source) => {
                return Err(Error::Unavailable {
                    what: "the database does not answer".to_owned(),
                    source: source.into(),
                });
            }
        };
        match op.yields {
            true => turn::take(tx, op.partner, Turn::Shared).await,
            false => Ok(tx),
        }
    }

    /// Begins a transaction during which no other operation that [yields](OpContext::yields) changes anything of the same
    /// partner, on this server or another. It keeps a connection, and the change itself needs one more: bound how many
    /// there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer, or when others are at work for too long.
    pub async fn begin_alone(&self, op: &OpContext) -> Result<Tx, Error> {
        let looking = OpContext {
            yields: false,
            ..op.clone()
        };
        turn::take(self.begin(&looking).await?, op.partner, Turn::Alone).await
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] within two seconds when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let begun = timeout(PING_WAIT_MAX, self.begin(&OpContext::system("ping"))).await;
        let tx = begun.map_err(|source| Error::Unavailable {
            what: "the database does not answer".to_owned(),
            source: source.into(),
        })??;
        Ok(tx.rollback().await?)
    }

    /// A connection that receives notifications. It comes back by itself after the database was away; what was
    /// notified meanwhile is lost. So use `try_recv`, look at the tables after each `Ok(None)` and each error, and
    /// pause after an error before the next call. At most four at the same time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn listener(&self) -> Result<PgListener, Error> {
        Ok(PgListener::connect_with(&self.inner.listeners).await?)
    }

    /// How another program such as `psql` reaches this database.
    pub fn connection_hint(&self) -> ConnectionHint {
        self.inner.hint.clone()
    }

    /// How many connections there are.
    pub fn pool_size(&self) -> PoolSize {
        let pool = &self.inner.pool;
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        PoolSize {
            open: pool.size(),
            idle,
            max: self.inner.connections_max,
        }
    }

    /// Lets operations under way finish, closes the pool, and shuts the private server down. Bounded.
    pub async fn close(self) {
        self.close_pool().await;
        if let Some(cluster) = &self.inner.cluster {
            cluster.stop().await;
        }
    }

    /// Closes the pool alone.
    pub(crate) async fn close_pool(&self) {
        let both = async { tokio::join!(self.inner.pool.close(), self.inner.listeners.close()) };
        if timeout(CLOSE_WAIT_MAX, both).await.is_err() {
            tracing::warn!(waited = ?CLOSE_WAIT_MAX, "operations still hold database connections; closing without them");
        }
    }

    /// The private server, for the test harness.
    #[cfg(feature = "testing")]
    pub(crate) fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.inner.cluster.as_ref()
    }
}

/// What a private server shall be like.
pub(crate) fn wanted(config: &DatabaseConfig, data_dir: &Path, durability: Durability) -> Wanted {
    Wanted {
        data_dir: data_dir.to_owned(),
        run_as: config.run_as.clone(),
        bin_dir: config.bin_dir.clone(),
        runtime_dir: None,
        connections: config.max_connections,
        durability,
    }
}

/// Begins, and tries again while the pool hands out connections that died with an earlier server.
async fn begin_on(pool: PgPool, statement: String) -> Result<Tx, sqlx::Error> {
    let deadline = Instant::now() + ACQUIRE_WAIT_MAX;
    loop {
        match pool.begin_with(AssertSqlSafe(statement.clone())).await {
            Err(error) if is_stale(&error) && Instant::now() < deadline => sleep(STALE_WAIT).await,
            begun => return begun,
        }
    }
}

/// Whether a connection died while nobody used it; nothing has happened on it yet, so another one will do.
fn is_stale(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind as Kind;
    match error {
        sqlx::Error::Io(io) => matches!(
            io.kind(),
            Kind::UnexpectedEof | Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted
        ),
        sqlx::Error::Database(database) => {
            is_outage(error) && database.code().is_some_and(|code| code.starts_with("57P"))
        }
        _ => false,
    }
}

/// BEGIN and the two settings that row-level security reads. Both are always set, so that neither can be left over
/// from anything else. A partner's id is a parsed UUID: it cannot carry anything into the statement.
fn begin_statement(partner: Option<PartnerId>) -> String {
    match partner {
        Some(partner) => format!("BEGIN; SET LOCAL app.tenant_id = '{partner}'; SET LOCAL app.scope = ''"),
        None => "BEGIN; SET LOCAL app.tenant_id = ''; SET LOCAL app.scope = 'platform'".to_owned(),
    }
}
