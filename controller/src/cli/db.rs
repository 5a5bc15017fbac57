//! `headend db`: the database behind a server on this machine, with the tools of PostgreSQL.
//! Never goes around row security: it connects as the role the program itself uses.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, Stdio};

use clap::{Args, Subcommand};

use super::serve::Serve;
use crate::failure::{Exit, Failure};
use crate::libpq::Target;
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

impl Command {
    /// Does it; psql takes this process over.
    pub fn run(self, partner: Option<&str>) -> Result<(), Failure> {
        match self {
            Command::Url(server) => {
                let target = Target::of(&server.configuration()?)?;
                let get = |name| target.get(name).unwrap_or_default();
                let (user, database) = (get("PGUSER"), get("PGDATABASE"));
                let (host, port) = (get("PGHOST"), get("PGPORT"));
                output::line(&format!("postgres://{user}@/{database}?host={host}&port={port}"));
                Ok(())
            }
            Command::Psql(psql) => {
                let target = Target::of(&psql.server.configuration()?)?;
                let scope = match partner {
                    Some(partner) => format!("-c app.tenant_id={}", partner_id(&target, partner)?),
                    None => "-c app.scope=platform".to_owned(),
                };
                let error = psql_on(&target, &scope).args(&psql.args).exec();
                Err(no_psql(&error))
            }
        }
    }
}

/// psql on a database, seeing what `scope` allows.
fn psql_on(target: &Target, scope: &str) -> Process {
    let mut process = target.program(PSQL);
    process.env("PGOPTIONS", format!("-c search_path=access,kernel {scope}"));
    process
}

/// The id of a partner, which row security goes by.
fn partner_id(target: &Target, partner: &str) -> Result<String, Failure> {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let missing = || {
        Failure::new(Exit::NotFound, format!("there is no partner {partner}")).next("headend partner list")
    };
    if partner.is_empty() || !partner.bytes().all(sound) {
        return Err(missing());
    }
    let mut child = psql_on(target, "-c app.scope=platform")
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

/// The failure when psql cannot be started.
fn no_psql(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot start psql: {error}"))
        .next("install PostgreSQL's client (postgresql-client)")
}
