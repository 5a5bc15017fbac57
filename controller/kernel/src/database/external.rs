//! Your own PostgreSQL, at `database.url`: reached, checked and brought up to date before anything uses it.
//! Never prints what is in the URL beyond host, port, user and database.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::config::{ConnectionHint, DatabaseConfig};
use super::error::DatabaseError;
use super::{migrate, role};

/// How long the first connection may take, a server that is just starting included.
const REACH_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a server that is just starting is asked again.
const REACH_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Reads a URL.
///
/// # Errors
/// [`DatabaseError::Setting`], without the URL.
pub(super) fn parse(setting: &'static str, url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let malformed = || {
        DatabaseError::Setting {
        setting,
        reason: "it must read postgres://user:password@host:port/database, with special characters in the password \
                 percent-encoded"
            .to_owned(),
    }
    };
    let known = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    // The parser's own message may repeat parts of the URL, so it is not kept.
    if known {
        PgConnectOptions::from_str(url).map_err(|_| malformed())
    } else {
        Err(malformed())
    }
}

/// Checks the database at the URL, brings it up to date when the owner's URL is given, and gives the options to work
/// with.
///
/// # Errors
/// [`DatabaseError::Unreachable`], [`DatabaseError::RoleTooPowerful`], [`DatabaseError::NotMigrated`] and its kin.
pub(super) async fn prepare(config: &DatabaseConfig, url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let app = parse("database.url", url)?.application_name("headend");
    let owner = config
        .owner_url
        .as_deref()
        .map(|url| parse("database.owner_url", url))
        .transpose()?;
    let mut connection = reach("database.url", &app).await?;
    let app_role = role::check(&mut connection).await?;
    match &owner {
        Some(owner) => {
            reach("database.owner_url", owner)
                .await?
                .close()
                .await
                .map_err(DatabaseError::statement("leaving"))?;
            migrate::run(owner, &app_role).await?;
            role::check(&mut connection).await?; // it may own what was just made
        }
        None => migrate::check(&mut connection).await?,
    }
    let _ = connection.close().await; // checked is checked; a failing goodbye changes nothing
    Ok(app)
}

/// Connects, with patience for a server that is just starting and none for one that is not there.
async fn reach(setting: &'static str, options: &PgConnectOptions) -> Result<PgConnection, DatabaseError> {
    let deadline = Instant::now() + REACH_WAIT_MAX;
    let failed = |reason: String| DatabaseError::Unreachable {
        setting,
        target: ConnectionHint::of(options, false).to_string(),
        reason,
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, PgConnection::connect_with(options)).await {
            Err(_) => return Err(failed(format!("no answer within {REACH_WAIT_MAX:?}"))),
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if is_starting(&error) && left > REACH_AGAIN_AFTER => {
                tokio::time::sleep(REACH_AGAIN_AFTER).await
            }
            Ok(Err(error)) => return Err(failed(reason(&error))),
        }
    }
}

/// Whether the server asks us to come back.
fn is_starting(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|database| database.code())
        .is_some_and(|code| code == "57P03")
}

/// Why it cannot be reached, in words; the driver's own "error communicating with database" says too little.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(io) => io.to_string(),
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some("28P01") => "the password is wrong or missing".to_owned(),
            Some("3D000") => {
                "there is no such database; create it: CREATE DATABASE headend OWNER headend_owner".to_owned()
            }
            _ => database.message().to_owned(),
        },
        other => other.to_string(),
    }
}
