//! Your own PostgreSQL: refused when it would be unsafe, and clear about what is missing, without the password.

use std::time::{Duration, Instant};

use kernel::database::{DatabaseConfig, DatabaseError};
use kernel::testing::{TestCluster, TestDatabase};
use kernel::{Database, OpContext};
use sqlx::{AssertSqlSafe, Connection as _};

async fn open(url: String, owner_url: Option<String>) -> Result<Database, DatabaseError> {
    let config = DatabaseConfig {
        url: Some(url),
        owner_url,
        max_connections: 2,
        ..DatabaseConfig::default()
    };
    Database::open(&config, std::path::Path::new("/nonexistent")).await
}

/// An empty database beside the test's own, and the URL of a role there.
async fn empty_database(test: &TestDatabase) -> impl Fn(&str) -> String {
    let mut superuser = test.superuser().await;
    let name: String = sqlx::query_scalar("SELECT current_database() || '_empty'")
        .fetch_one(&mut superuser)
        .await
        .expect("reads");
    sqlx::raw_sql(AssertSqlSafe(format!(
        "CREATE DATABASE {name} OWNER headend_owner"
    )))
    .execute(&mut superuser)
    .await
    .expect("creates");
    let url = test.url("ROLE");
    let own = url
        .split_once("5432/")
        .and_then(|(_, rest)| rest.split_once('?'))
        .expect("a database")
        .0
        .to_owned();
    move |role| {
        url.replace(&format!("/{own}?"), &format!("/{name}?"))
            .replace("ROLE", role)
    }
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_by_its_owner_and_used_by_the_program() {
    let test = TestDatabase::new().await;
    let url = empty_database(&test).await;
    let error = open(url("headend_app"), None)
        .await
        .expect_err("nobody may make the schema");
    assert!(
        matches!(error, DatabaseError::NotMigrated { applied: 0, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("database.owner_url"), "{error}");
    for _ in 0..2 {
        let database = open(url("headend_app"), Some(url("headend_owner")))
            .await
            .expect("opens");
        assert!(!database.connection_hint().private);
        database.ping().await.expect("answers");
        database.close().await;
    }
    let without_owner = open(url("headend_app"), None).await.expect("the schema is there");
    without_owner.ping().await.expect("answers");
    without_owner.close().await;
}

#[tokio::test]
async fn nodes_that_start_together_take_turns() {
    let test = TestDatabase::new().await;
    let url = empty_database(&test).await;
    let start = || open(url("headend_app"), Some(url("headend_owner")));
    let (one, two, three) = tokio::join!(start(), start(), start());
    for database in [one, two, three] {
        database.expect("opens").close().await;
    }
}

#[tokio::test]
async fn a_role_that_could_see_every_partner_is_refused_with_the_statements_that_help() {
    let test = TestDatabase::new().await;
    for (role, why) in [
        ("postgres", "is a superuser"),
        ("headend_owner", "owns the tables"),
    ] {
        let error = open(test.url(role), Some(test.url("headend_owner")))
            .await
            .expect_err(role);
        let message = error.to_string();
        assert!(
            matches!(error, DatabaseError::RoleTooPowerful { .. }),
            "{message}"
        );
        for words in [
            role,
            why,
            "CREATE ROLE headend_app LOGIN NOSUPERUSER NOBYPASSRLS",
            "database.owner_url",
        ] {
            assert!(message.contains(words), "{words} is missing: {message}");
        }
    }
}

#[tokio::test]
async fn a_role_that_bypasses_row_level_security_or_may_become_one_that_does_is_refused() {
    let cluster = TestCluster::start().await;
    let hint = cluster.database().connection_hint();
    let url = |role: &str| {
        format!(
            "postgres://{role}@localhost/headend?host={}&sslmode=disable",
            hint.host
        )
    };
    let cases = [
        (
            "ALTER ROLE headend_app BYPASSRLS",
            "bypasses row-level security",
            "ALTER ROLE headend_app NOBYPASSRLS",
        ),
        (
            "GRANT postgres TO headend_app",
            "may become postgres",
            "REVOKE postgres FROM headend_app",
        ),
        (
            "GRANT headend_owner TO headend_app",
            "owns the tables",
            "REVOKE headend_owner FROM headend_app",
        ),
    ];
    let mut superuser = sqlx::PgConnection::connect(&url("postgres"))
        .await
        .expect("the superuser");
    for (make, why, undo) in cases {
        sqlx::raw_sql(make).execute(&mut superuser).await.expect(make);
        let error = open(url("headend_app"), None).await.expect_err(make);
        assert!(error.to_string().contains(why), "{make}: {error}");
        sqlx::raw_sql(undo).execute(&mut superuser).await.expect(undo);
    }
    open(url("headend_app"), None)
        .await
        .expect("all is undone")
        .close()
        .await;
}

#[tokio::test]
async fn a_schema_from_a_newer_program_is_left_alone() {
    let test = TestDatabase::new().await;
    let mut superuser = test.superuser().await;
    sqlx::raw_sql(
        "INSERT INTO public._sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999999, 'from the future', true, '', 0)",
    )
    .execute(&mut superuser)
    .await
    .expect("inserts");
    for owner in [None, Some(test.url("headend_owner"))] {
        let error = open(test.url("headend_app"), owner).await.expect_err("newer");
        assert!(
            matches!(error, DatabaseError::SchemaNewer { step: 999_999 }),
            "{error}"
        );
    }
}

/// Opens a database that is not there, and gives what is said, which never holds the password.
async fn unreachable(url: &str) -> String {
    let since = Instant::now();
    let error = open(url.to_owned(), None).await.expect_err("unreachable");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    let said = format!("{error} {error:?}");
    assert!(
        matches!(
            error,
            DatabaseError::Unreachable {
                setting: "database.url",
                ..
            }
        ),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "the password is shown: {said}");
    error.to_string()
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_the_password() {
    let refused = unreachable("postgres://headend_app:hunter2@127.213.4.1:1/headend").await;
    for words in [
        "127.213.4.1",
        "port 1",
        "user headend_app",
        "database headend",
        "refused",
    ] {
        assert!(refused.contains(words), "{words} is missing: {refused}");
    }
    let no_socket =
        unreachable("postgres://headend_app:hunter2@localhost/headend?host=/nonexistent/run").await;
    assert!(no_socket.contains("/nonexistent/run"), "{no_socket}");
    let no_name = unreachable("postgres://headend_app:hunter2@db.invalid/headend").await;
    assert!(no_name.contains("db.invalid"), "{no_name}");
}

#[tokio::test]
async fn a_server_that_never_answers_does_not_hold_the_start_for_ever() {
    let silent = tokio::net::TcpListener::bind("127.213.4.2:0")
        .await
        .expect("binds");
    let port = silent.local_addr().expect("bound").port();
    let said = unreachable(&format!(
        "postgres://headend_app:hunter2@127.213.4.2:{port}/headend?sslmode=disable"
    ))
    .await;
    assert!(said.contains("no answer within 5s"), "{said}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_on_a_server_that_does_is_said_so() {
    let test = TestDatabase::new().await;
    let hint = test.database().connection_hint();
    let said = unreachable(&format!(
        "postgres://headend_app:hunter2@localhost/nowhere?host={}&sslmode=disable",
        hint.host
    ))
    .await;
    assert!(said.contains("there is no such database"), "{said}");
}

#[tokio::test]
async fn the_pool_of_your_own_database_survives_its_restart() {
    let cluster = TestCluster::start().await;
    let hint = cluster.database().connection_hint();
    let url = format!(
        "postgres://headend_app@localhost/headend?host={}&sslmode=disable",
        hint.host
    );
    let database = open(url, None).await.expect("opens");
    let op = OpContext::system("test");
    drop((
        database.begin(&op).await.expect("begins"),
        database.begin(&op).await.expect("begins"),
    ));
    cluster.stop().await;
    let since = Instant::now();
    let refused = database.begin(&op).await;
    assert!(
        matches!(refused, Err(kernel::Error::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    cluster.start_again().await;
    drop((
        database.begin(&op).await.expect("begins"),
        database.begin(&op).await.expect("begins"),
    ));
    database.close().await;
}
