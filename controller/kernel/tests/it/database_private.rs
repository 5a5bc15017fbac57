//! The private server: made once, healed when it dies, gone with the program, and clear about what keeps it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernel::database::{DatabaseConfig, DatabaseError};
use kernel::id::PartnerId;
use kernel::testing::TestCluster;
use kernel::{Database, Error, OpContext};

/// Names the data directory that [`holds_a_cluster_for_another_test`] shall use.
const HOLD_DIR: &str = "HEADEND_TEST_HOLD_DIR";
/// What it prints when the database is open.
const HOLDS: &str = "the cluster is held";

/// A data directory that the server's user can reach.
fn data_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).expect("chmod");
    dir
}

async fn open(data_dir: &Path) -> Result<Database, DatabaseError> {
    Database::open(&DatabaseConfig::default(), data_dir).await
}

async fn add_partner(database: &Database, slug: &str) -> Result<(), Error> {
    let mut tx = database.begin(&OpContext::system("test")).await?;
    sqlx::query("INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, $2, $2)")
        .bind(PartnerId::new())
        .bind(slug)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

async fn slugs(database: &Database) -> Result<Vec<String>, Error> {
    let mut tx = database.begin(&OpContext::system("test")).await?;
    Ok(
        sqlx::query_scalar("SELECT slug FROM kernel.tenants ORDER BY slug")
            .fetch_all(&mut *tx)
            .await?,
    )
}

/// Whether a process still runs; one that only waits to be buried does not.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn postmaster_pid(data_dir: &Path) -> u32 {
    let text = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).expect("it runs");
    text.lines()
        .next()
        .and_then(|line| line.trim().parse().ok())
        .expect("a process id")
}

#[tokio::test]
async fn the_first_start_makes_a_database_that_the_second_finds_again() {
    let dir = data_dir();
    std::fs::create_dir(dir.path().join("postgres.new")).expect("what a killed first start leaves behind");
    std::fs::write(dir.path().join("postgres.new/PG_VERSION"), "half").expect("writes");

    let database = open(dir.path()).await.expect("first start");
    add_partner(&database, "isp-west").await.expect("adds");
    let hint = DatabaseConfig::default()
        .connection_hint(dir.path())
        .expect("it runs");
    assert_eq!(hint, database.connection_hint());
    assert!(
        hint.private && hint.host.len() < 80 && Path::new(&hint.host).join(".s.PGSQL.5432").exists(),
        "{hint:?}"
    );
    let pid = postmaster_pid(dir.path());
    database.close().await;
    assert!(!alive(pid), "close waits until the server is gone");

    assert_eq!(
        std::fs::metadata(dir.path().join("postgres"))
            .expect("the data")
            .mode()
            & 0o777,
        0o700
    );
    assert!(!dir.path().join("postgres.new").exists());
    let database = open(dir.path()).await.expect("second start");
    assert_eq!(slugs(&database).await.expect("reads"), ["isp-west"]);
    database.close().await;
    assert!(
        DatabaseConfig::default().connection_hint(dir.path()).is_err(),
        "it does not run"
    );
}

#[tokio::test]
async fn nothing_listens_on_the_network_and_settings_hold() {
    let cluster = TestCluster::start().await;
    let mut tx = cluster
        .database()
        .begin(&OpContext::system("test"))
        .await
        .expect("begins");
    for (setting, expected) in [
        ("listen_addresses", ""),
        ("jit", "off"),
        ("data_checksums", "on"),
        ("TimeZone", "UTC"),
    ] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *tx)
            .await
            .expect(setting);
        assert_eq!(value, expected, "{setting}");
    }
    let user: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut *tx)
        .await
        .expect("reads");
    assert_eq!(user, "headend_app");
}

#[tokio::test]
async fn a_killed_server_is_started_again_and_operations_wait_for_it() {
    let cluster = TestCluster::start().await;
    add_partner(cluster.database(), "isp-west").await.expect("adds");
    let before = cluster.postmaster_pid().expect("it runs");
    cluster.kill_postmaster().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let found = loop {
        match slugs(cluster.database()).await {
            Ok(found) => break found,
            Err(Error::Unavailable { .. }) => assert!(Instant::now() < deadline, "it does not heal"),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(found, ["isp-west"]);
    cluster.wait_ready().await;
    assert_ne!(cluster.postmaster_pid().expect("it runs"), before);
}

#[tokio::test]
async fn while_the_database_is_away_operations_fail_soon_and_the_pool_survives() {
    let cluster = TestCluster::start().await;
    let op = OpContext::system("test");
    let many: Vec<_> = futures(cluster.database(), &op).await;
    drop(many); // the pool is full of connections that are about to die
    let under_way = cluster.database().begin(&op).await.expect("begins");
    cluster.stop().await;
    assert!(matches!(
        under_way.commit().await.map_err(Error::from),
        Err(Error::Unavailable { .. })
    ));
    let since = Instant::now();
    let refused = cluster.database().begin(&op).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(matches!(
        cluster.database().ping().await,
        Err(Error::Unavailable { .. })
    ));
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    cluster.start_again().await;
    cluster
        .database()
        .ping()
        .await
        .expect("the first operation afterwards works");
    assert_eq!(futures(cluster.database(), &op).await.len(), 8);
}

/// Eight transactions at once.
async fn futures(database: &Database, op: &OpContext) -> Vec<kernel::Tx> {
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(database.begin(op).await.expect("begins"));
    }
    begun
}

#[tokio::test]
async fn a_listener_comes_back_after_the_database_was_away() {
    let cluster = TestCluster::start().await;
    let mut listener = cluster.database().listener().await.expect("listens");
    listener.listen("access_directory").await.expect("listens");
    cluster.stop().await;
    cluster.start_again().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // None: connected again; an error would be a try that came too early.
        match tokio::time::timeout(Duration::from_secs(10), listener.try_recv())
            .await
            .expect("it notices")
        {
            Ok(None) => break,
            Ok(Some(other)) => panic!("{other:?}"),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
    add_partner(cluster.database(), "isp-west").await.expect("adds");
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.recv())
        .await
        .expect("in time")
        .expect("a notification");
    assert_eq!(heard.channel(), "access_directory");
}

#[tokio::test]
async fn a_second_headend_on_the_same_data_directory_is_refused() {
    let dir = data_dir();
    let first = open(dir.path()).await.expect("the first");
    let error = open(dir.path()).await.expect_err("the second");
    assert!(matches!(error, DatabaseError::InUse { .. }), "{error}");
    add_partner(&first, "isp-west")
        .await
        .expect("the first is not disturbed");
    first.close().await;
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
async fn holds_a_cluster_for_another_test() {
    let Some(dir) = std::env::var_os(HOLD_DIR) else {
        return;
    };
    let database = open(Path::new(&dir)).await.expect("opens");
    add_partner(&database, "isp-west").await.expect("adds");
    std::fs::write(PathBuf::from(dir).join("held"), HOLDS).expect("tells");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_server_does_not_outlive_a_killed_headend_and_the_next_one_waits_for_it() {
    let dir = data_dir();
    let mut holder = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "database_private::holds_a_cluster_for_another_test"])
        .env(HOLD_DIR, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(dir.path().join("held")).ok().as_deref() != Some(HOLDS) {
        assert!(
            Instant::now() < deadline && holder.try_wait().expect("waits").is_none(),
            "the holder did not open it"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = postmaster_pid(dir.path());
    holder.kill().expect("kill -9");
    holder.wait().expect("it is dead");
    let database = open(dir.path()).await.expect("the next start");
    assert!(!alive(before), "two servers in one data directory");
    assert_eq!(slugs(&database).await.expect("reads"), ["isp-west"]);
    database.close().await;
}

/// A directory with programs that say they are another PostgreSQL.
fn programs_of(version: &str) -> tempfile::TempDir {
    let dir = data_dir();
    for name in ["postgres", "initdb"] {
        let path = dir.path().join(name);
        std::fs::write(
            &path,
            format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"),
        )
        .expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    dir
}

async fn open_with_programs(bin_dir: &Path, data_dir: &Path) -> DatabaseError {
    let config = DatabaseConfig {
        bin_dir: Some(bin_dir.to_owned()),
        ..DatabaseConfig::default()
    };
    Database::open(&config, data_dir)
        .await
        .expect_err("it must not start")
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_the_way_out() {
    let dir = data_dir();
    open(dir.path()).await.expect("makes data").close().await;
    let major = std::fs::read_to_string(dir.path().join("postgres/PG_VERSION")).expect("reads");
    let programs = programs_of("99.1 (Debian 99.1-1)");
    let error = open_with_programs(programs.path(), dir.path()).await;
    let message = error.to_string();
    assert!(
        matches!(error, DatabaseError::ForeignMajor { installed: 99, .. }),
        "{message}"
    );
    for word in [major.trim(), "99", "pg_dumpall"] {
        assert!(message.contains(word), "{word} is missing: {message}");
    }
}

#[tokio::test]
async fn a_machine_without_postgresql_is_told_how_to_get_it() {
    let (dir, empty, old) = (data_dir(), data_dir(), programs_of("9.6.24"));
    for (programs, word) in [(&empty, "not installed;"), (&old, "only 9 is")] {
        let error = open_with_programs(programs.path(), dir.path()).await;
        let message = error.to_string();
        assert!(matches!(error, DatabaseError::NoBinaries { .. }), "{message}");
        assert!(
            message.contains(word) && message.contains("apt-get install postgresql-15"),
            "{message}"
        );
        assert!(
            message.contains(&programs.path().display().to_string()),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_directory_the_server_may_not_enter_is_named() {
    if !rustix::process::geteuid().is_root() {
        return; // only root runs the server as somebody else
    }
    let outer = data_dir();
    let closed = outer.path().join("closed");
    std::fs::create_dir(&closed).expect("creates");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    let error = open(&closed.join("data")).await.expect_err("not reachable");
    let message = error.to_string();
    assert!(
        matches!(&error, DatabaseError::NotTraversable { closed: found, .. } if *found == closed),
        "{message}"
    );
    assert!(
        message.contains(&format!("chmod o+x {}", closed.display())),
        "{message}"
    );
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o711)).expect("what the message says");
    open(&closed.join("data"))
        .await
        .expect("and it works")
        .close()
        .await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_is_named() {
    let dir = data_dir();
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("writes");
    for path in [file.clone(), file.join("data")] {
        let error = open(&path).await.expect_err("not a directory");
        assert!(matches!(&error, DatabaseError::Directory { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_service_user_is_named() {
    let dir = data_dir();
    let config = DatabaseConfig {
        run_as: Some("no-such-user-here".into()),
        ..DatabaseConfig::default()
    };
    match Database::open(&config, dir.path()).await {
        Err(error) => assert!(error.to_string().contains("no-such-user-here"), "{error}"),
        Ok(database) => {
            assert!(!rustix::process::geteuid().is_root(), "only root can choose");
            database.close().await;
        }
    }
}
