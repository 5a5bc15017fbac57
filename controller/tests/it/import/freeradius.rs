//! Debian's FreeRADIUS on a port of its own, with rlm_sql on a PostgreSQL.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::people::SECRET;
use crate::stand::{Place, wait_until};

/// A running one.
pub struct Freeradius {
    /// Its process.
    child: Child,
    /// Where it takes logins.
    auth: SocketAddr,
}

impl Freeradius {
    /// Whether it can be started here.
    pub fn is_installed() -> bool {
        Path::new("/usr/sbin/freeradius").exists()
            && Path::new("/usr/lib/freeradius/rlm_sql_postgresql.so").exists()
    }

    /// Starts one on this database, and waits until it listens.
    pub fn start(place: &Place, url: &str) -> Freeradius {
        let dir = place.path("freeradius");
        std::fs::create_dir_all(&dir).unwrap();
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let auth = free.local_addr().unwrap();
        drop(free);
        std::fs::write(dir.join("radiusd.conf"), conf(&dir, auth, url)).unwrap();
        std::fs::write(dir.join("dictionary"), "# Nothing of our own.\n").unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let child = Command::new("/usr/sbin/freeradius")
            .args(["-f", "-l", "stdout", "-d"])
            .arg(&dir)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut freeradius = Freeradius { child, auth };
        wait_until("FreeRADIUS listens", || {
            if let Some(status) = freeradius.child.try_wait().unwrap() {
                panic!(
                    "FreeRADIUS ended with {status}: {}",
                    std::fs::read_to_string(dir.join("log")).unwrap()
                );
            }
            std::fs::read_to_string(dir.join("log"))
                .unwrap()
                .contains("Ready to process requests")
        });
        freeradius
    }

    /// Where it takes logins.
    pub fn auth(&self) -> SocketAddr {
        self.auth
    }
}

impl Drop for Freeradius {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A URL as the pairs that rlm_sql can add its own to.
fn pairs(url: &str) -> String {
    let (place, query) = url.split_once('?').expect("a query");
    let (user, place) = place
        .trim_start_matches("postgres://")
        .split_once('@')
        .expect("a user");
    let (host, database) = place.split_once('/').expect("a database");
    let port = host.rsplit(':').next().expect("a port");
    let socket = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("host="))
        .expect("a socket");
    format!("host={socket} port={port} dbname={database} user={user} options='-csearch_path=radius'")
}

/// The whole configuration: PAP out of SQL, groups read, nothing else.
fn conf(dir: &Path, auth: SocketAddr, url: &str) -> String {
    let (dir, port, database) = (dir.display(), auth.port(), pairs(url));
    format!(
        r#"prefix = /usr
localstatedir = {dir}
logdir = {dir}
run_dir = {dir}
confdir = {dir}
libdir = /usr/lib/freeradius
name = import
max_request_time = 30
correct_escapes = true
log {{
    destination = stdout
}}
security {{
    reject_delay = 0
    status_server = no
}}
proxy_requests = no
client here {{
    ipaddr = 127.0.0.1
    secret = "{SECRET}"
    require_message_authenticator = no
}}
modules {{
    expr {{
    }}
    expiration {{
    }}
    pap {{
        normalise = yes
    }}
    sql {{
        driver = "rlm_sql_postgresql"
        dialect = "postgresql"
        postgresql {{
            send_application_name = no
        }}
        radius_db = "{database}"
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
        read_groups = yes
        read_profiles = no
        delete_stale_sessions = no
        read_clients = no
        query_timeout = 10
        pool {{
            start = 1
            min = 1
            max = 4
            spare = 1
            uses = 0
            retry_delay = 1
            lifetime = 0
            idle_timeout = 0
        }}
        $INCLUDE /etc/freeradius/3.0/mods-config/sql/main/postgresql/queries.conf
    }}
}}
server import {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        sql
        expiration
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
}}
"#
    )
}
