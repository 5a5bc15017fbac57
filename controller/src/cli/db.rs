//! `headend db`: the database behind a server on this machine, with the tools of PostgreSQL.
//! Never goes around row security: it connects as the role the program itself uses.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, Stdio};

use clap::{Args, Subcommand};

use super::serve::Serve;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output;

/// The tool.
const PSQL: &str = "psql";

/// What to do with the database.
#[derive(Subcommand)]
pub enum Command {
    /// Open psql; tables are found without their schema, as FreeRADIUS's tools expect
    Psql(Psql),
    /// Print the connection URL, without a password
    Url(Serve),
}

/// `headend db psql`
#[derive(Args)]
pub struct Psql {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// Arguments for psql
    #[arg(last = true, value_name = "PSQL ARGS")]
    args: Vec<String>,
}

/// Where a database is, as libpq's variables say it.
struct Target {
    /// Variables of libpq.
    env: Vec<(&'static str, String)>,
}

impl Command {
    /// Does it; psql takes this process over.
    pub fn run(self, partner: Option<&str>) -> Result<(), Failure> {
        match self {
            Command::Url(server) => {
                let target = Target::of(&server)?;
                let get = |name| target.get(name).unwrap_or_default();
                let (user, database) = (get("PGUSER"), get("PGDATABASE"));
                let (host, port) = (get("PGHOST"), get("PGPORT"));
                output::line(&format!("postgres://{user}@/{database}?host={host}&port={port}"));
                Ok(())
            }
            Command::Psql(psql) => {
                let target = Target::of(&psql.server)?;
                let scope = match partner {
                    Some(partner) => format!("-c app.tenant_id={}", target.partner_id(partner)?),
                    None => "-c app.scope=platform".to_owned(),
                };
                let error = target.psql(&scope).args(&psql.args).exec();
                Err(no_psql(&error))
            }
        }
    }
}

impl Target {
    /// The database of the server with this configuration.
    fn of(server: &Serve) -> Result<Target, Failure> {
        let config = server.configuration()?;
        match &config.database.url {
            Some(url) => Target::from_url(url),
            None => Target::private(&config),
        }
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
        let env = vec![
            ("PGHOST", hint.host),
            ("PGPORT", hint.port.to_string()),
            ("PGUSER", hint.user),
            ("PGDATABASE", hint.database),
        ];
        Ok(Target { env })
    }

    /// The database of a URL, which may carry a password and must therefore not become an argument.
    fn from_url(text: &str) -> Result<Target, Failure> {
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
    fn get(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// psql on this database, seeing what `scope` allows.
    fn psql(&self, scope: &str) -> Process {
        let mut process = Process::new(PSQL);
        process.envs(self.env.iter().map(|(name, value)| (*name, value.as_str())));
        process.env("PGOPTIONS", format!("-c search_path=access,kernel {scope}"));
        process
    }

    /// The id of a partner, which row security goes by.
    fn partner_id(&self, partner: &str) -> Result<String, Failure> {
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let missing = || {
            Failure::new(Exit::NotFound, format!("there is no partner {partner}"))
                .next("headend partner list")
        };
        if partner.is_empty() || !partner.bytes().all(sound) {
            return Err(missing());
        }
        let mut child = self
            .psql("-c app.scope=platform")
            .args(["-XqtA", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| no_psql(&error))?;
        let query =
            format!("SELECT id FROM kernel.tenants WHERE slug = '{partner}' OR id::text = '{partner}';\n");
        if let Some(mut stdin) = child.stdin.take() {
            // A psql that could not connect has closed it, and says why itself.
            drop(stdin.write_all(query.as_bytes()));
        }
        let answer = child.wait_with_output().map_err(|error| no_psql(&error))?;
        if !answer.status.success() {
            return Err(Failure::new(
                Exit::Unreachable,
                "psql could not ask the database for the partner",
            ));
        }
        let id = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        uuid::Uuid::try_parse(&id).map(|_| id).map_err(|_| missing())
    }
}

/// The failure when psql cannot be started.
fn no_psql(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot start psql: {error}"))
        .next("install PostgreSQL's client (postgresql-client)")
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
