//! A PostgreSQL of our own for FreeRADIUS, with the settings Headend gives its own one, so that both write as safely.
//!
//! Listens on a socket only, belongs to the database's system user when we are root, and ends with us.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, Daemon};
use crate::rundir;
use crate::wait::{self, Look};

/// Whose cluster it is when we are root.
const USER: &str = "postgres";
/// How long `initdb` or a start may take.
const START_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a bulk load may take.
const BULK_WAIT_MAX: Duration = Duration::from_secs(600);
/// Settings when Headend has not written its own; what it writes is taken over otherwise.
const SETTINGS_USUAL: &str = "jit = off\nwal_compression = lz4\nlog_timezone = 'UTC'\ntimezone = 'UTC'\n";
/// What of Headend's settings belongs to its own cluster only.
const NOT_OURS: [&str; 8] = [
    "#",
    "listen_addresses",
    "unix_socket",
    "port",
    "cluster_name",
    "include",
    "max_connections",
    "idle_in_transaction",
];

/// A cluster that runs.
#[derive(Debug)]
pub struct Cluster {
    /// Its directory, which also holds its socket.
    dir: PathBuf,
    /// The program.
    postgres: PathBuf,
    /// Its log.
    log: PathBuf,
    /// The process.
    daemon: Daemon,
}

impl Cluster {
    /// Makes it below a directory that its user can enter, and starts it.
    ///
    /// # Errors
    /// There is no PostgreSQL, or it does not start.
    pub fn start(below: &Path, headend_data: &Path, log: &Path, core: Option<usize>) -> Result<Cluster> {
        let bin = newest_binaries().context("no PostgreSQL server is installed")?;
        let dir = below.join("freeradius-db");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if rundir::is_root() {
            let (uid, gid) = user_ids(USER).with_context(|| format!("there is no user {USER}"))?;
            chown(&dir, Some(uid), Some(gid))
                .with_context(|| format!("cannot give {} away", dir.display()))?;
        }
        let data = dir.join("data");
        let mut initdb = as_user(&bin.join("initdb"), None);
        initdb.current_dir(&dir);
        initdb
            .args(["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "-k", "-D"])
            .arg(&data);
        let made = process::run(initdb, "", START_WAIT_MAX)?;
        ensure!(made.code() == 0, "initdb failed: {}", made.said());
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 100\n{}",
            dir.display(),
            settings_of(headend_data)
        );
        let conf = data.join("postgresql.conf");
        let written = fs::read_to_string(&conf).unwrap_or_default();
        fs::write(&conf, written + "\n" + &settings)
            .with_context(|| format!("cannot write {}", conf.display()))?;
        let postgres = bin.join("postgres");
        let daemon = spawn(&postgres, &dir, log, core)?;
        let cluster = Cluster {
            dir,
            postgres,
            log: log.to_owned(),
            daemon,
        };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Starts it anew, on a processor.
    ///
    /// # Errors
    /// It does not come back.
    pub fn restart(&mut self, core: Option<usize>) -> Result<()> {
        // SIGINT: PostgreSQL's fast shutdown, which does not wait for those who are connected.
        process::send(self.daemon.pid(), rustix::process::Signal::INT);
        self.daemon.stop()?;
        self.daemon = spawn(&self.postgres, &self.dir, &self.log, core)?;
        self.wait_until_ready()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Where its socket is.
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// Runs SQL; gives the rows as `a|b|c`.
    ///
    /// # Errors
    /// psql or the database refuses.
    pub fn sql(&self, query: &str) -> Result<String> {
        let finished = self.psql(&["-c", query])?;
        ensure!(finished.code() == 0, "psql failed: {}", finished.said());
        Ok(finished.out.trim().to_owned())
    }

    /// Runs a file of SQL.
    ///
    /// # Errors
    /// psql or the database refuses.
    pub fn sql_file(&self, path: &Path) -> Result<()> {
        let path = path
            .to_str()
            .with_context(|| format!("{} is not UTF-8", path.display()))?;
        let finished = self.psql(&["-f", path])?;
        ensure!(finished.code() == 0, "psql failed: {}", finished.said());
        Ok(())
    }

    /// Runs psql.
    fn psql(&self, words: &[&str]) -> Result<process::Finished> {
        let mut command = Command::new("psql");
        command
            .env("PGHOST", &self.dir)
            .env("PGUSER", USER)
            .env("PGDATABASE", USER);
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(words);
        process::run(command, "", BULK_WAIT_MAX)
    }

    /// Waits until it answers.
    fn wait_until_ready(&self) -> Result<()> {
        wait::until("FreeRADIUS's PostgreSQL to answer", START_WAIT_MAX, || {
            let asked = self.psql(&["-c", "SELECT 1"])?;
            Ok(match asked.code() {
                0 => Look::Found(()),
                _ => Look::Not(asked.said()),
            })
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        process::send(self.daemon.pid(), rustix::process::Signal::INT);
    }
}

/// Starts the server.
fn spawn(postgres: &Path, dir: &Path, log: &Path, core: Option<usize>) -> Result<Daemon> {
    let mut command = as_user(Path::new("setsid"), core);
    command
        .arg(postgres)
        .arg("-D")
        .arg(dir.join("data"))
        .current_dir(dir);
    Daemon::spawn("FreeRADIUS's PostgreSQL", command, log)
}

/// A program of PostgreSQL, which does not run as root. `setpriv` sets the death signal after it has changed the user.
fn as_user(program: &Path, core: Option<usize>) -> Command {
    let mut command = Command::new("setpriv");
    if rundir::is_root() {
        command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]);
    if let Some(core) = core {
        command.args(["taskset", "-c", &core.to_string()]);
    }
    command.arg(program).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// Headend's settings of its own cluster, as far as they say how it works and not where it is.
fn settings_of(headend_data: &Path) -> String {
    let Ok(text) = fs::read_to_string(headend_data.join("postgres/headend.conf")) else {
        return SETTINGS_USUAL.to_owned();
    };
    let shared = |line: &&str| !NOT_OURS.iter().any(|start| line.trim_start().starts_with(start));
    text.lines()
        .filter(shared)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The programs of the newest PostgreSQL where Debian puts them.
pub fn newest_binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// The numbers of a user and his group.
fn user_ids(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headends_settings_are_taken_over_but_for_where_its_cluster_is() -> Result<()> {
        let data = tempfile::tempdir()?;
        assert_eq!(settings_of(data.path()), SETTINGS_USUAL);
        fs::create_dir(data.path().join("postgres"))?;
        let text = "# ours\nlisten_addresses = ''\nport = 5432\nmax_wal_size = '4GB'\ninclude_if_exists = 'local.conf'\n";
        fs::write(data.path().join("postgres/headend.conf"), text)?;
        assert_eq!(settings_of(data.path()), "max_wal_size = '4GB'\n");
        Ok(())
    }
}
