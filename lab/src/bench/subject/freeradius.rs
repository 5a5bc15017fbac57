//! Debian's FreeRADIUS, set up by us for speed: only the modules that the work needs, no debug, no logs of requests.
//!
//! Everything it reads is in a directory of this run; Debian's own configuration is not touched, but for FreeRADIUS's
//! schema and queries, which are used as shipped. Never starts the system's service.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::cluster::Cluster;
use super::headend::free_udp;
use super::{DOWNLOAD_MBPS, INTERIM_INTERVAL_S, Kind, Place, SESSION_TIMEOUT_S, Subject, UPLOAD_MBPS};
use crate::load::people::{self, PASSWORD_FACTOR, PASSWORD_MODULUS};
use crate::process::{self, Daemon};
use crate::rundir::RunDir;
use crate::secret::Secret;
use crate::wait::{self, Look};

/// Where Debian puts FreeRADIUS's own SQL.
const SHIPPED_SQL: &str = "/etc/freeradius/3.0/mods-config/sql/main/postgresql";
/// How long it may take to read a users file.
const READY_WAIT_MAX: Duration = Duration::from_secs(120);
/// Threads that work on requests with a users file, where there is more than one processor. On a single one it is started
/// with `-s`: one thread for everything costs a quarter less than handing each request over.
const THREADS_FILES: usize = 4;
/// Threads with PostgreSQL, each with a connection: enough to hide a round trip or a commit, few enough not to fight.
const THREADS_SQL: usize = 16;
/// Octets of its receive buffers: what the system grants without privileges on most machines that serve RADIUS; as Headend's.
const RECEIVE_BUFFER_OCTETS: usize = 4 << 20;
/// Seconds for which a reply is kept for retransmissions.
const CLEANUP_DELAY_S: u32 = 2;
/// Its niceness where it shares a processor with its database: that of Headend's threads which answer packets.
const NICENESS: &str = "-10";
/// Class of every accept: as long as Headend's.
const CLASS: &str = "0x00112233445566778899aabbccddeeff";

/// A FreeRADIUS that runs.
#[derive(Debug)]
pub struct Freeradius {
    /// The process; first, so that it ends before its database does.
    daemon: Daemon,
    /// On a users file, or on PostgreSQL.
    kind: Kind,
    /// Its configuration.
    raddb: PathBuf,
    /// What it says.
    log: PathBuf,
    /// How many threads it was told to have, if it was; 0: everything in one.
    told: Option<usize>,
    /// Where it takes Access-Requests.
    auth: SocketAddr,
    /// Where it takes Accounting-Requests.
    accounting: SocketAddr,
    /// Its database.
    cluster: Option<Cluster>,
}

impl Freeradius {
    /// The program, when it is installed.
    pub fn program() -> Option<PathBuf> {
        process::find("freeradius").or_else(|| process::find("radiusd"))
    }

    /// Sets it up and starts it, pinned.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        kind: Kind,
        run: &RunDir,
        secret: &Secret,
        subscribers: usize,
        told: Option<usize>,
    ) -> Result<Freeradius> {
        let name = if kind == Kind::FreeradiusSql {
            "freeradius-sql"
        } else {
            "freeradius-files"
        };
        let raddb = run.runtime.join(name);
        fs::create_dir_all(&raddb).with_context(|| format!("cannot make {}", raddb.display()))?;
        let core = Place::Pinned.server_core();
        let cluster = match kind {
            Kind::FreeradiusSql => {
                let below = run.data.parent().unwrap_or(&run.dir);
                let cluster = Cluster::start(below, &run.data, &run.log("freeradius-postgresql"), core)?;
                fill(&cluster, subscribers)?;
                Some(cluster)
            }
            _ => {
                write(&raddb.join("users"), &users_file(subscribers))?;
                None
            }
        };
        let (auth, accounting) = (free_udp()?, free_udp()?);
        let store = cluster.as_ref().map(Cluster::socket_dir);
        write(
            &raddb.join("radiusd.conf"),
            &radiusd_conf(&raddb, auth, accounting, secret, store, told),
        )?;
        write(&raddb.join("dictionary"), "# Nothing of our own.\n")?;
        let log = run.log(name);
        let mut freeradius = Freeradius {
            daemon: spawn(&raddb, &log, core, is_single(kind, Place::Pinned, told))?,
            kind,
            raddb,
            log,
            told,
            auth,
            accounting,
            cluster,
        };
        freeradius.wait_until_ready()?;
        Ok(freeradius)
    }

    /// Waits until both sockets are open: then it has read everything.
    fn wait_until_ready(&mut self) -> Result<()> {
        let port = self.accounting.port();
        wait::until("FreeRADIUS to listen", READY_WAIT_MAX, || {
            self.daemon.check()?;
            let wanted = format!(":{port:04X} ");
            let open = fs::read_to_string("/proc/net/udp")
                .unwrap_or_default()
                .contains(&wanted);
            Ok(match open {
                true => Look::Found(()),
                false => Look::Not("its port is closed".to_owned()),
            })
        })
    }
}

impl Subject for Freeradius {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn auth(&self) -> SocketAddr {
        self.auth
    }

    fn accounting(&self) -> Option<SocketAddr> {
        self.cluster.is_some().then_some(self.accounting)
    }

    fn roots(&self) -> Result<Vec<u32>> {
        let database = self.cluster.as_ref().map(Cluster::pid);
        Ok([Some(self.daemon.pid()), database]
            .into_iter()
            .flatten()
            .collect())
    }

    fn place(&mut self, place: Place) -> Result<()> {
        self.daemon.stop()?;
        if let Some(cluster) = &mut self.cluster {
            cluster.restart(place.server_core())?;
        }
        let single = is_single(self.kind, place, self.told);
        self.daemon = spawn(&self.raddb, &self.log, place.server_core(), single)?;
        self.wait_until_ready()
    }
}

/// Whether one thread does everything.
fn is_single(kind: Kind, place: Place, told: Option<usize>) -> bool {
    told.map_or(kind == Kind::FreeradiusFiles && place == Place::Pinned, |told| {
        told == 0
    })
}

/// Starts the program in the foreground.
fn spawn(raddb: &Path, log: &Path, core: Option<usize>, single: bool) -> Result<Daemon> {
    let program = Freeradius::program().context("FreeRADIUS is not installed")?;
    let mut command = match core {
        None => process::ends_with_us(program),
        Some(core) => {
            let mut command = process::ends_with_us_on(core, "nice");
            command.args(["-n", NICENESS]).arg(program);
            command
        }
    };
    command
        .args([if single { "-s" } else { "-f" }, "-l", "stdout", "-d"])
        .arg(raddb);
    Daemon::spawn("FreeRADIUS", command, log)
}

/// Writes a file.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The reply of every accept, as `attribute operator value`: what Headend sends, too.
fn reply() -> [(&'static str, String); 5] {
    [
        ("Message-Authenticator", "0x00".to_owned()),
        ("Class", CLASS.to_owned()),
        ("Session-Timeout", SESSION_TIMEOUT_S.to_string()),
        ("Acct-Interim-Interval", INTERIM_INTERVAL_S.to_string()),
        ("Mikrotik-Rate-Limit", format!("{UPLOAD_MBPS}M/{DOWNLOAD_MBPS}M")),
    ]
}

/// The users file; rlm_files looks names up in a hash table.
fn users_file(subscribers: usize) -> String {
    let reply: Vec<String> = reply()
        .iter()
        .map(|(attribute, value)| match attribute.starts_with("Mikrotik") {
            true => format!("\t{attribute} = \"{value}\""),
            false => format!("\t{attribute} = {value}"),
        })
        .collect();
    let reply = reply.join(",\n");
    (0..subscribers).fold(String::new(), |mut text, number| {
        let (name, password) = (people::name(number), people::password(number));
        let _infallible = writeln!(text, "{name}\tCleartext-Password := \"{password}\"\n{reply}\n");
        text
    })
}

/// FreeRADIUS's schema as shipped, and the subscribers.
fn fill(cluster: &Cluster, subscribers: usize) -> Result<()> {
    cluster.sql_file(&Path::new(SHIPPED_SQL).join("schema.sql"))?;
    let last = subscribers.saturating_sub(1);
    let mut query = format!(
        "INSERT INTO radcheck (username, attribute, op, value)
         SELECT 'sub-' || lpad(n::text, 7, '0'), 'Cleartext-Password', ':=',
                'wifi-' || lpad((n::bigint * {PASSWORD_FACTOR} % {PASSWORD_MODULUS})::text, 7, '0')
           FROM generate_series(0, {last}) n;"
    );
    for (attribute, value) in reply() {
        let _infallible = writeln!(
            query,
            "INSERT INTO radreply (username, attribute, op, value)
             SELECT 'sub-' || lpad(n::text, 7, '0'), '{attribute}', '=', '{value}' FROM generate_series(0, {last}) n;"
        );
    }
    cluster.sql(&query)?;
    for query in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        cluster.sql(query)?;
    }
    Ok(())
}

/// The whole configuration.
fn radiusd_conf(
    raddb: &Path,
    auth: SocketAddr,
    accounting: SocketAddr,
    secret: &Secret,
    database: Option<&Path>,
    told: Option<usize>,
) -> String {
    let usual = if database.is_some() {
        THREADS_SQL
    } else {
        THREADS_FILES
    };
    let threads = told.unwrap_or(usual).max(1);
    let (raddb, secret) = (raddb.display(), secret.reveal());
    let (store, store_module, accounting_modules) = match database {
        None => (
            "files",
            "files {\n        usersfile = ${confdir}/users\n    }".to_owned(),
            "ok",
        ),
        Some(socket) => ("sql", sql_module(socket, threads), "sql"),
    };
    let listen = |kind: &str, address: SocketAddr| {
        let (ip, port) = (address.ip(), address.port());
        format!(
            "listen {{\n        type = {kind}\n        ipaddr = {ip}\n        port = {port}\n        recv_buff = {RECEIVE_BUFFER_OCTETS}\n    }}"
        )
    };
    format!(
        r#"# Written by lab/bench. What an expert leaves: only what the work needs.
prefix = /usr
localstatedir = {raddb}
logdir = {raddb}
run_dir = {raddb}
confdir = {raddb}
libdir = /usr/lib/freeradius
name = bench
max_request_time = 30
# Retransmissions are answered from memory for so many seconds, as RFC 5080 wants; Headend does the same.
cleanup_delay = {CLEANUP_DELAY_S}
max_requests = 262144
hostname_lookups = no
log {{
    destination = stdout
    auth = no
    auth_badpass = no
    auth_goodpass = no
}}
security {{
    allow_core_dumps = no
    max_attributes = 200
    reject_delay = 0
    status_server = no
}}
proxy_requests = no
thread pool {{
    start_servers = {threads}
    max_servers = {threads}
    min_spare_servers = 1
    max_spare_servers = {threads}
    max_queue_size = 65536
    max_requests_per_server = 0
    auto_limit_acct = no
}}
client loopback {{
    ipaddr = 127.0.0.0/8
    secret = "{secret}"
    require_message_authenticator = no
    nas_type = other
}}
modules {{
    always ok {{
        rcode = ok
    }}
    expr {{
    }}
    pap {{
        normalise = no
    }}
    chap {{
    }}
    mschap {{
        use_mppe = yes
        require_encryption = no
        require_strong = no
        with_ntdomain_hack = no
    }}
    {store_module}
}}
server bench {{
    {listen_auth}
    {listen_accounting}
    authorize {{
        chap
        mschap
        {store}
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type CHAP {{
            chap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
    }}
    preacct {{
        update request {{
            &Acct-Unique-Session-Id := "%{{md5:%{{User-Name}},%{{Acct-Session-ID}},%{{NAS-IP-Address}},%{{NAS-Identifier}},%{{NAS-Port-ID}},%{{NAS-Port}}}}"
        }}
    }}
    accounting {{
        {accounting_modules}
    }}
}}
"#,
        listen_auth = listen("auth", auth),
        listen_accounting = listen("acct", accounting),
    )
}

/// rlm_sql on PostgreSQL with its own queries. Groups and profiles are switched off: nobody is in one.
fn sql_module(socket: &Path, threads: usize) -> String {
    format!(
        r#"sql {{
        driver = "rlm_sql_postgresql"
        dialect = "postgresql"
        postgresql {{
            send_application_name = no
        }}
        radius_db = "host={} dbname=postgres user=postgres"
        acct_table1 = "radacct"
        acct_table2 = "radacct"
        postauth_table = "radpostauth"
        authcheck_table = "radcheck"
        groupcheck_table = "radgroupcheck"
        authreply_table = "radreply"
        groupreply_table = "radgroupreply"
        usergroup_table = "radusergroup"
        client_table = "nas"
        group_attribute = "SQL-Group"
        read_groups = no
        read_profiles = no
        delete_stale_sessions = no
        read_clients = no
        query_timeout = 10
        pool {{
            start = {threads}
            min = {threads}
            max = {threads}
            spare = 0
            uses = 0
            retry_delay = 1
            lifetime = 0
            idle_timeout = 0
            max_retries = 5
        }}
        $INCLUDE {SHIPPED_SQL}/queries.conf
    }}"#,
        socket.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_file_holds_everybody_with_his_password_and_the_reply() {
        let text = users_file(3);
        assert_eq!(text.matches("Cleartext-Password").count(), 3);
        assert!(text.contains(&format!(
            "sub-0000002\tCleartext-Password := \"{}\"",
            people::password(2)
        )));
        assert!(text.contains("Mikrotik-Rate-Limit = \"20M/100M\"\n"));
    }
}
