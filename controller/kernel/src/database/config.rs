//! Which database the program uses: its own, run and supervised by itself, or the one at a URL.
//! Never prints a URL; it may hold a password.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::DatabaseError;

/// How many connections the pool opens at most, when nothing is configured.
const CONNECTIONS_DEFAULT: u32 = 16;
/// One operation that waits for another, for example a page that reads while it writes, must not wait for ever.
const CONNECTIONS_MIN: u32 = 2;
/// More than any PostgreSQL is happy with; use a pooler for more.
const CONNECTIONS_MAX: u32 = 1000;

/// The `[database]` section of the configuration.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Your PostgreSQL, as the role the program works as: `postgres://headend_app:…@host/headend`. Not set: the
    /// program runs a private server in its data directory.
    pub url: Option<String>,
    /// The same database as the role that owns the schema; needed to bring the schema up to date at start.
    pub owner_url: Option<String>,
    /// Connections the pool opens at most, 2 to 1000; default 16.
    pub max_connections: u32,
    /// The operating system user the private server runs as when the program is root; default: `postgres`,
    /// `headend`, `nobody`, the first that exists.
    pub run_as: Option<String>,
    /// The directory of PostgreSQL's programs; default: the newest that is installed.
    pub bin_dir: Option<PathBuf>,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            owner_url: None,
            max_connections: CONNECTIONS_DEFAULT,
            run_as: None,
            bin_dir: None,
        }
    }
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.url.as_ref().map(|_| "REDACTED"))
            .field("owner_url", &self.owner_url.as_ref().map(|_| "REDACTED"))
            .field("max_connections", &self.max_connections)
            .field("run_as", &self.run_as)
            .field("bin_dir", &self.bin_dir)
            .finish()
    }
}

impl DatabaseConfig {
    /// Checks what can be checked without a database.
    pub(super) fn check(&self) -> Result<(), DatabaseError> {
        if !(CONNECTIONS_MIN..=CONNECTIONS_MAX).contains(&self.max_connections) {
            let reason = format!(
                "{} is not between {CONNECTIONS_MIN} and {CONNECTIONS_MAX}",
                self.max_connections
            );
            return Err(DatabaseError::Setting {
                setting: "database.max_connections",
                reason,
            });
        }
        if self.url.is_none() && self.owner_url.is_some() {
            let reason = "database.url is not set; set both, or none for the private database".to_owned();
            return Err(DatabaseError::Setting {
                setting: "database.owner_url",
                reason,
            });
        }
        Ok(())
    }

    /// How another program such as `psql` reaches this database, without opening it.
    ///
    /// # Errors
    /// [`DatabaseError::Setting`] when the URL is malformed, [`DatabaseError::Directory`] when the private database
    /// is not running or its directory cannot be read.
    pub fn connection_hint(&self, data_dir: &Path) -> Result<ConnectionHint, DatabaseError> {
        match &self.url {
            Some(url) => Ok(ConnectionHint::of(
                &super::external::parse("database.url", url)?,
                false,
            )),
            None => super::private::connection_hint(data_dir),
        }
    }
}

/// How another program reaches the database. Holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionHint {
    /// Host name, or the socket's directory.
    pub host: String,
    /// Port, or the number in the socket's name.
    pub port: u16,
    /// The role the program works as.
    pub user: String,
    /// The database.
    pub database: String,
    /// Whether it is the private server.
    pub private: bool,
}

impl ConnectionHint {
    /// Reads it off connection options.
    pub(super) fn of(options: &sqlx::postgres::PgConnectOptions, private: bool) -> Self {
        let socket = options.get_socket().map(|path| path.display().to_string());
        Self {
            host: socket.unwrap_or_else(|| options.get_host().to_owned()),
            port: options.get_port(),
            user: options.get_username().to_owned(),
            database: options
                .get_database()
                .unwrap_or_else(|| options.get_username())
                .to_owned(),
            private,
        }
    }
}

impl std::fmt::Display for ConnectionHint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "host {}, port {}, user {}, database {}",
            self.host, self.port, self.user, self.database
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_nowhere() {
        let url = Some("postgres://headend_app:hunter2@db/headend".to_owned());
        let config = DatabaseConfig {
            owner_url: url.clone(),
            url,
            ..DatabaseConfig::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
        let hint = config.connection_hint(Path::new("/nowhere")).expect("a hint");
        assert_eq!(
            hint.to_string(),
            "host db, port 5432, user headend_app, database headend"
        );
    }

    #[test]
    fn a_malformed_url_is_refused_without_repeating_it() {
        for url in [
            "hunter2",
            "mysql://u:hunter2@db/x",
            "postgres://u:hunter2@db:port/x",
            "postgres://u:hunter2@db/x?sslmode=hunter2",
        ] {
            let config = DatabaseConfig {
                url: Some(url.to_owned()),
                ..DatabaseConfig::default()
            };
            let error = config.connection_hint(Path::new("/nowhere")).expect_err(url);
            let mut shown = format!("{error} {error:?}");
            let mut source: Option<&dyn std::error::Error> = std::error::Error::source(&error);
            while let Some(inner) = source {
                shown.push_str(&inner.to_string());
                source = inner.source();
            }
            assert!(
                shown.contains("database.url") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let few = DatabaseConfig {
            max_connections: 1,
            ..DatabaseConfig::default()
        };
        assert!(
            few.check()
                .expect_err("too few")
                .to_string()
                .contains("database.max_connections")
        );
        let half = DatabaseConfig {
            owner_url: Some("postgres://o@db/x".into()),
            ..DatabaseConfig::default()
        };
        assert!(
            half.check()
                .expect_err("half a configuration")
                .to_string()
                .contains("database.owner_url")
        );
    }
}
