//! Headend as a subject: the real binary, its private PostgreSQL, subscribers put in by SQL as a migration would.
//!
//! Reached as an operator reaches it, but for the bulk of the subscribers: they go in as the database's superuser with
//! triggers off, the server is started anew and loads them. Never measured while that goes on.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{
    DOWNLOAD_MBPS, INTERIM_INTERVAL_S, Kind, NAS_COUNT, Place, SESSION_TIMEOUT_S, Subject, UPLOAD_MBPS,
};
use crate::headend::{Cli, Listen, Server};
use crate::load::people::{PASSWORD_FACTOR, PASSWORD_MODULUS};
use crate::load::route::nas_address;
use crate::process;
use crate::rundir::RunDir;
use crate::secret::{self, Secret};

/// How long a million subscribers may take to get into the database, or into the memory of the server.
const BULK_WAIT_MAX: Duration = Duration::from_secs(600);
/// What is looked for in the names of files that hold a copy of the directory.
const SNAPSHOT_NAME: &str = "snapshot";

/// A Headend that runs.
#[derive(Debug)]
pub struct Headend {
    /// The server.
    pub server: Server,
    /// Its platform administrator.
    pub admin: Cli,
    /// Subscribers in the database.
    pub subscribers: usize,
    /// Accounting records the drain had not carried over when the server started, as it counts them.
    records_behind: i64,
}

impl Headend {
    /// Starts it with an empty database and brings partner, plan, NAS and the first subscribers in.
    ///
    /// # Errors
    /// A step of it fails.
    pub fn start(binary: &Path, run: &RunDir, nas_secret: &Secret, subscribers: usize) -> Result<Headend> {
        let mut server = Server::new(binary, &run.data, listen()?, &run.log("headend"));
        server.core = Place::Pinned.server_core();
        server.ready_wait = BULK_WAIT_MAX;
        // What is measured is how fast it answers: a reject that waits on purpose says nothing about that.
        for name in [
            "HEADEND_RADIUS_REJECT_DELAY_MS",
            "HEADEND_RADIUS_REJECT_STORM_COUNT",
        ] {
            server.env.push((name.to_owned(), "0".to_owned()));
        }
        server.start()?;
        let admin = Cli::new(binary, &server.url(), &run.dir.join("admin.credentials.toml"));
        let mut headend = Headend {
            server,
            admin,
            subscribers: 0,
            records_behind: 0,
        };
        headend.found(run)?;
        headend.admit_nas(nas_secret)?;
        headend.grow(subscribers)?;
        Ok(headend)
    }

    /// First start, partner, client, site and plan, as an operator does it.
    fn found(&self, run: &RunDir) -> Result<()> {
        let (setup, isp) = (run.dir.join("setup.toml"), run.dir.join("isp.toml"));
        let password = Secret::random()?;
        let admin = format!(
            "[admin]\nemail = \"admin@bench.example\"\nname = \"Bench\"\npassword = \"{}\"\n",
            password.reveal()
        );
        secret::write_file(&setup, &admin)?;
        let data = text(&self.server.data)?;
        self.admin
            .done(&["setup", "-f", text(&setup)?, "--data-dir", data, "--login"])?;
        let desired = format!(
            "[[partner]]\nslug = \"bench\"\nname = \"Bench\"\n\
             [[partner.client]]\nslug = \"homes\"\nname = \"Homes\"\n\
             [[partner.site]]\nclient = \"homes\"\nslug = \"town\"\nname = \"Town\"\n\
             [[partner.plan]]\nslug = \"fibre\"\nname = \"Fibre\"\ndownload_bps = \"{DOWNLOAD_MBPS}M\"\n\
             upload_bps = \"{UPLOAD_MBPS}M\"\nsession_timeout_s = {SESSION_TIMEOUT_S}\n\
             interim_interval_s = {INTERIM_INTERVAL_S}\n"
        );
        fs::write(&isp, desired).with_context(|| format!("cannot write {}", isp.display()))?;
        self.admin.done(&["apply", "-f", text(&isp)?])?;
        Ok(())
    }

    /// Puts the NAS in, with a secret in the clear as a FreeRADIUS tool leaves it.
    fn admit_nas(&self, secret: &Secret) -> Result<()> {
        let first = nas_address(0);
        let query = format!(
            "SET session_replication_role = replica;
             INSERT INTO access.nas (id, tenant_id, nasname, address, shortname, type, secret)
             SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, t.id, host('{first}'::inet + n),
                    ('{first}'::inet + n)::cidr, 'bng-' || n + 1, 'mikrotik', '{}'
               FROM kernel.tenants t, generate_series(0, {NAS_COUNT} - 1) n WHERE t.slug = 'bench'",
            secret.reveal()
        );
        self.superuser(&query).map(drop)
    }

    /// Brings subscribers in until there are so many, and starts the server anew; gives how long that start took.
    ///
    /// # Errors
    /// There are more already, or the database refuses.
    pub fn grow(&mut self, subscribers: usize) -> Result<Duration> {
        ensure!(
            self.subscribers <= subscribers,
            "there are {} subscribers already, {subscribers} were asked for",
            self.subscribers
        );
        let (first, last) = (self.subscribers, subscribers.saturating_sub(1));
        let query = format!(
            "SET session_replication_role = replica;
             INSERT INTO access.subscribers (id, tenant_id, site_id, plan_id, username)
             SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, t.id, s.id, p.id,
                    'sub-' || lpad(n::text, 7, '0')
               FROM kernel.tenants t JOIN kernel.sites s ON s.tenant_id = t.id JOIN access.plans p ON p.tenant_id = t.id,
                    generate_series({first}, {last}) n WHERE t.slug = 'bench';
             INSERT INTO access.radcheck (tenant_id, subscriber_id, username, attribute, op, value)
             SELECT t.id, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'sub-' || lpad(n::text, 7, '0'),
                    'Cleartext-Password', ':=',
                    'wifi-' || lpad((n::bigint * {PASSWORD_FACTOR} % {PASSWORD_MODULUS})::text, 7, '0')
               FROM kernel.tenants t, generate_series({first}, {last}) n WHERE t.slug = 'bench'"
        );
        self.superuser(&query)?;
        // Done now, or the database does it by itself while the clock runs.
        for query in [
            "VACUUM (ANALYZE) access.subscribers",
            "VACUUM (ANALYZE) access.radcheck",
            "ANALYZE access.nas",
            "CHECKPOINT",
        ] {
            self.superuser(query)?;
        }
        self.subscribers = subscribers;
        self.restart(Load::Database)
    }

    /// Stops it and starts it again; gives how long it took from the start of the process until it was ready.
    ///
    /// # Errors
    /// It does not stop or does not come back.
    pub fn restart(&mut self, load: Load) -> Result<Duration> {
        self.server.stop()?;
        if load == Load::Database {
            forget_snapshots(&self.server.data)?;
        }
        let since = Instant::now();
        self.server.start()?;
        let took = since.elapsed();
        self.records_behind = 0;
        self.records_behind = self.recorded_not_drained()?;
        Ok(took)
    }

    /// How long the last start took to load the directory, as the server's log has it.
    ///
    /// # Errors
    /// The log does not say it.
    pub fn load_time(&self, load: Load) -> Result<Duration> {
        let line = self.server.last_said(match load {
            Load::Database => "directory loaded",
            Load::AsItIs => "directory restored",
        })?;
        let took = line.split_once("took_ms=").map(|(_, rest)| rest);
        let digits = took.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        let took = digits.and_then(|digits| digits.parse().ok());
        took.map(Duration::from_millis)
            .with_context(|| format!("no took_ms in {line:?}"))
    }

    /// The value of a metric; labels are part of the name.
    ///
    /// # Errors
    /// The page cannot be read, or has no such line.
    pub fn metric(&self, name: &str) -> Result<u64> {
        let (_, page) = self.server.page("/metrics")?;
        metric_in(&page, name).with_context(|| format!("/metrics has no {name}"))
    }

    /// Accounting records on disk less those in the database, both since the server started.
    fn recorded_not_drained(&self) -> Result<i64> {
        let (_, page) = self.server.page("/metrics")?;
        let get = |name: &str| metric_in(&page, name).unwrap_or_default() as i64;
        let recorded = get("radius_accounting_requests_total{result=\"recorded\"}");
        let drained = get("access_drain_records_total{stream=\"accounting\"}")
            + get("access_drain_poisoned_total{stream=\"accounting\"}");
        Ok(recorded - drained)
    }

    /// Runs SQL as the superuser of the private cluster.
    ///
    /// # Errors
    /// psql or the database refuses.
    pub fn superuser(&self, query: &str) -> Result<String> {
        let mut command = self.superuser_psql()?;
        command.args(["-v", "ON_ERROR_STOP=1", "-c", query]);
        let finished = process::run(command, "", BULK_WAIT_MAX)?;
        ensure!(finished.code() == 0, "psql failed: {}", finished.said());
        Ok(finished.out.trim().to_owned())
    }

    /// psql as the superuser of the private cluster, without a query.
    ///
    /// # Errors
    /// The server does not say where its database is.
    pub fn superuser_psql(&self) -> Result<Command> {
        let url = self
            .admin
            .done(&["db", "url", "--data-dir", text(&self.server.data)?])?;
        let parameter = |name: &str| {
            let from = url
                .split(['?', '&'])
                .find_map(|part| part.trim().strip_prefix(name));
            from.with_context(|| format!("{} in {url}", name.trim_end_matches('=')))
        };
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-d", "headend"]);
        command
            .env("PGHOST", parameter("host=")?)
            .env("PGPORT", parameter("port=")?);
        Ok(command)
    }
}

impl Subject for Headend {
    fn kind(&self) -> Kind {
        Kind::Headend
    }

    fn auth(&self) -> SocketAddr {
        self.server.listen.auth[0]
    }

    fn accounting(&self) -> Option<SocketAddr> {
        self.server.listen.accounting.first().copied()
    }

    fn roots(&self) -> Result<Vec<u32>> {
        Ok(vec![self.server.pid()?])
    }

    fn place(&mut self, place: Place) -> Result<()> {
        self.server.core = place.server_core();
        self.restart(Load::AsItIs).map(drop)
    }

    fn backlog(&self) -> Result<u64> {
        let behind = self.recorded_not_drained()? - self.records_behind;
        Ok(behind.try_into().unwrap_or_default())
    }
}

/// Where a start takes the directory from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// The database: copies on disk are removed first.
    Database,
    /// Wherever the server finds it.
    AsItIs,
}

/// Removes the server's own copies of the directory; gives whether there were any.
///
/// # Errors
/// One cannot be removed.
fn forget_snapshots(data: &Path) -> Result<()> {
    for path in snapshots(data) {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// The server's own copies of the directory.
pub fn snapshots(data: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| {
        fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let is_copy = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.contains(SNAPSHOT_NAME)
    };
    // PostgreSQL has directories of that name; what is in its own is none of our business.
    let below = entries(data).filter(|path| path.is_dir() && !path.ends_with("postgres"));
    let below: Vec<PathBuf> = below.flat_map(|dir| entries(&dir).collect::<Vec<_>>()).collect();
    entries(data).chain(below).filter(is_copy).collect()
}

/// The value of a metric in a page.
fn metric_in(page: &str, name: &str) -> Option<u64> {
    page.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// A path as an argument.
fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Free ports on the loopback interface.
fn listen() -> Result<Listen> {
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Ok(Listen {
        http,
        auth: vec![free_udp()?],
        accounting: vec![free_udp()?],
    })
}

/// A UDP port that nobody uses.
///
/// # Errors
/// There is none.
pub fn free_udp() -> Result<SocketAddr> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let page = "# TYPE a_total counter\na_total{x=\"1\"} 5\na_total{x=\"12\"} 7\nb 3\n";
        assert_eq!(metric_in(page, "a_total{x=\"1\"}"), Some(5));
        assert_eq!(metric_in(page, "a_total"), None);
        assert_eq!(metric_in(page, "b"), Some(3));
    }

    #[test]
    fn copies_of_the_directory_are_found_and_removed_and_the_database_is_left_alone() -> Result<()> {
        let data = tempfile::tempdir()?;
        for dir in ["postgres/pg_snapshots", "directory"] {
            fs::create_dir_all(data.path().join(dir))?;
        }
        for file in ["directory.snapshot", "directory/snapshot.1", "master.key"] {
            fs::write(data.path().join(file), "x")?;
        }
        assert_eq!(snapshots(data.path()).len(), 2);
        forget_snapshots(data.path())?;
        assert!(snapshots(data.path()).is_empty());
        assert!(
            data.path().join("postgres/pg_snapshots").exists() && data.path().join("master.key").exists()
        );
        Ok(())
    }
}
