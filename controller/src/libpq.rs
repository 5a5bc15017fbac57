//! Where a database is, as the variables that libpq and all of PostgreSQL's programs read.
//! Never puts a password into an argument, where other processes could read it.

use std::process::Command as Process;

use kernel::database::ConnectionHint;

use crate::config::Config;
use crate::failure::{Exit, Failure};

/// Where a database is, as libpq's variables say it.
pub struct Target {
    /// Variables of libpq.
    env: Vec<(&'static str, String)>,
}

impl Target {
    /// The database of the server with this configuration; the private one only while it runs.
    ///
    /// # Errors
    /// There is none to reach, or its URL is none.
    pub fn of(config: &Config) -> Result<Target, Failure> {
        match &config.database.url {
            Some(url) => Target::from_url(url),
            None => Target::private(config),
        }
    }

    /// A database that a hint leads to.
    pub fn at(hint: ConnectionHint) -> Target {
        let env = vec![
            ("PGHOST", hint.host),
            ("PGPORT", hint.port.to_string()),
            ("PGUSER", hint.user),
            ("PGDATABASE", hint.database),
        ];
        Target { env }
    }

    /// The same database, reached as another role.
    #[must_use]
    pub fn as_role(mut self, role: &str) -> Target {
        self.env
            .retain(|(name, _)| !matches!(*name, "PGUSER" | "PGPASSWORD"));
        self.env.push(("PGUSER", role.to_owned()));
        self
    }

    /// Starts one of PostgreSQL's programs with these variables in place of its own.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Process {
        let mut process = Process::new(program);
        process.envs(self.env.iter().map(|(name, value)| (*name, value.as_str())));
        process
    }

    /// The private cluster of a running server.
    fn private(config: &Config) -> Result<Target, Failure> {
        let hint = crate::serve::database_config(config)
            .connection_hint(&config.data_dir)
            .map_err(|error| {
                let shown = format!("no private database to reach in {}", config.data_dir.display());
                Failure::new(Exit::Unreachable, shown)
                    .detail(error.to_string())
                    .next("start headend serve, or give the --data-dir of the running one")
            })?;
        Ok(Target::at(hint))
    }

    /// The database of a URL, which may carry a password and must therefore not become an argument.
    ///
    /// # Errors
    /// It is no URL.
    pub fn from_url(text: &str) -> Result<Target, Failure> {
        let url = reqwest::Url::parse(text).map_err(|_| Failure::usage("database.url is no URL"))?;
        let plain = |text: &str| percent_decoded(text);
        let mut env = vec![
            ("PGUSER", plain(url.username())),
            ("PGDATABASE", plain(url.path().trim_start_matches('/'))),
        ];
        env.extend(
            url.host_str()
                .filter(|host| !host.is_empty())
                .map(|host| ("PGHOST", plain(host))),
        );
        env.extend(url.port().map(|port| ("PGPORT", port.to_string())));
        env.extend(url.password().map(|password| ("PGPASSWORD", plain(password))));
        for (name, value) in url.query_pairs() {
            let variable = match name.as_ref() {
                "host" => "PGHOST",
                "port" => "PGPORT",
                "user" => "PGUSER",
                "password" => "PGPASSWORD",
                "dbname" => "PGDATABASE",
                "sslmode" => "PGSSLMODE",
                "sslrootcert" => "PGSSLROOTCERT",
                "sslcert" => "PGSSLCERT",
                "sslkey" => "PGSSLKEY",
                _ => continue,
            };
            env.retain(|(known, _)| *known != variable);
            env.push((variable, value.into_owned()));
        }
        env.retain(|(_, value)| !value.is_empty());
        Ok(Target { env })
    }

    /// One of the variables.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A piece of a URL in the clear.
fn percent_decoded(text: &str) -> String {
    let octets = text.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let hex = octets
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match (octets[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(octet)) => {
                out.push(octet);
                at += 3;
            }
            (octet, _) => {
                out.push(octet);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_url_becomes_variables_and_no_argument() {
        let target =
            Target::from_url("postgres://app:p%40ss@db.example:5433/headend?sslmode=require").unwrap();
        let read = [
            "PGUSER",
            "PGPASSWORD",
            "PGHOST",
            "PGPORT",
            "PGDATABASE",
            "PGSSLMODE",
        ]
        .map(|name| target.get(name));
        let expected = ["app", "p@ss", "db.example", "5433", "headend", "require"].map(Some);
        assert_eq!(read, expected);
    }

    #[test]
    fn a_socket_directory_may_be_a_parameter() {
        let target = Target::from_url("postgres://app@localhost/headend?host=/run/pg").unwrap();
        assert_eq!(target.get("PGHOST"), Some("/run/pg"));
    }
}
