//! A database of its own for each test, in one cluster for the whole test process.
//! Never shows a test what another one wrote.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;

use super::sweep::SweptDir;
use crate::database::private::{APP_ROLE, Cluster, DATABASE, Durability, OWNER_ROLE, SUPERUSER_ROLE};
use crate::database::{Database, migrate};
use crate::id::PartnerId;
use crate::op::OpContext;

/// Connections of one test's pool.
const POOL_CONNECTIONS: u32 = 8;
/// Connections of all tests that run at the same time.
const CLUSTER_CONNECTIONS: u32 = 400;

/// What all tests of this process share.
static SHARED: OnceCell<Shared> = OnceCell::const_new();

/// The shared cluster.
#[derive(Debug)]
struct Shared {
    /// Its server; ends with the process.
    cluster: Arc<Cluster>,
    /// Databases that are no longer needed.
    unneeded: mpsc::Sender<String>,
    /// Numbers the databases.
    count: AtomicU32,
    /// Its data; removed after the process has ended.
    _dir: SweptDir,
}

impl Shared {
    /// Starts the cluster and brings the database that all others are copied from up to date.
    async fn start() -> Self {
        let dir = SweptDir::new();
        let cluster = Cluster::start(dir.wanted(CLUSTER_CONNECTIONS, Durability::None))
            .await
            .expect("a private database starts");
        migrate::run(&cluster.options(OWNER_ROLE, DATABASE), APP_ROLE)
            .await
            .expect("the schema is applied");
        let (unneeded, names) = mpsc::channel();
        let options = cluster.options(SUPERUSER_ROLE, "postgres");
        std::thread::Builder::new()
            .name("drop-databases".into())
            .spawn(move || drop_databases(&options, &names))
            .expect("a thread");
        Self {
            cluster: Arc::new(cluster),
            unneeded,
            count: AtomicU32::new(0),
            _dir: dir,
        }
    }
}

/// Drops databases whose test has ended; what is left at the end goes with the cluster.
fn drop_databases(options: &PgConnectOptions, names: &mpsc::Receiver<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for name in names {
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let dropped: Result<(), sqlx::Error> = runtime.block_on(async {
            let mut connection = PgConnection::connect_with(options).await?;
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
            connection.close().await
        });
        drop(dropped); // the process may be ending, and the cluster with it
    }
}

/// A fresh, migrated database of its own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// The database as the program has it.
    database: Database,
    /// Its name.
    name: String,
    /// Where it is.
    shared: &'static Shared,
}

impl TestDatabase {
    /// Makes a database; the first one in a process takes a second or two, the others some ten milliseconds.
    pub async fn new() -> Self {
        let shared = SHARED.get_or_init(Shared::start).await;
        let name = format!("test_{}", shared.count.fetch_add(1, Ordering::Relaxed));
        let statement = format!("CREATE DATABASE {name} TEMPLATE {DATABASE} OWNER {OWNER_ROLE}");
        let mut connection = connect(&shared.cluster.options(SUPERUSER_ROLE, "postgres")).await;
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .expect("a copy of the database");
        connection.close().await.expect("nothing is pending");
        let options = shared.cluster.options(APP_ROLE, &name);
        let database = Database::pooled(options, POOL_CONNECTIONS, None)
            .await
            .expect("a pool");
        Self {
            database,
            name,
            shared,
        }
    }

    /// The database as the program has it: as the role that row-level security holds.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Makes a partner whose slug and name are `slug`.
    pub async fn partner(&self, slug: &str) -> PartnerId {
        let id = PartnerId::new();
        let mut tx = self
            .database
            .begin(&OpContext::system("test"))
            .await
            .expect("begins");
        sqlx::query!(
            "INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, $2, $2)",
            id.as_uuid(),
            slug
        )
        .execute(&mut *tx)
        .await
        .expect("a partner");
        tx.commit().await.expect("commits");
        id
    }

    /// A connection as the schema's owner; row-level security holds him, too.
    pub async fn owner(&self) -> PgConnection {
        connect(&self.owner_options()).await
    }

    /// A connection that sees everything, for assertions across partners.
    pub async fn superuser(&self) -> PgConnection {
        connect(&self.shared.cluster.options(SUPERUSER_ROLE, &self.name)).await
    }

    /// How to connect as the program's role.
    pub fn app_options(&self) -> PgConnectOptions {
        self.shared.cluster.options(APP_ROLE, &self.name)
    }

    /// How to connect as the schema's owner.
    pub fn owner_options(&self) -> PgConnectOptions {
        self.shared.cluster.options(OWNER_ROLE, &self.name)
    }

    /// The URL of this database for any role, for tests of [`DatabaseConfig::url`](crate::database::DatabaseConfig::url).
    pub fn url(&self, role: &str) -> String {
        let hint = self.database.connection_hint();
        format!(
            "postgres://{role}@localhost:{}/{}?host={}&sslmode=disable",
            hint.port, self.name, hint.host
        )
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = self.shared.unneeded.send(std::mem::take(&mut self.name)); // no receiver: the process is ending
    }
}

/// Connects, or fails the test.
async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options)
        .await
        .expect("the database answers")
}
