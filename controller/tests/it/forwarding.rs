//! Accounting that goes on to Debian's FreeRADIUS while our server is killed in the middle: what was acknowledged to the NAS
//! arrives, at most more than once.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::stand::{Place, radclient, wait_until};

/// Shared by all.
const SECRET: &str = "a secret of sixteen octets or more";

/// A FreeRADIUS that writes accounting down.
struct Freeradius {
    child: Child,
    accounting: SocketAddr,
    dir: tempfile::TempDir,
}

impl Freeradius {
    fn start() -> Freeradius {
        let dir = tempfile::tempdir().unwrap();
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let accounting = free.local_addr().unwrap();
        drop(free);
        let (path, port) = (dir.path().display(), accounting.port());
        let conf = format!(
            "prefix = /usr\nlocalstatedir = {path}\nlogdir = {path}\nrun_dir = {path}\nconfdir = {path}\n\
             libdir = /usr/lib/freeradius\nname = taker\nlog {{\n destination = stdout\n}}\n\
             security {{\n status_server = yes\n}}\nproxy_requests = no\n\
             thread pool {{\n start_servers = 1\n max_servers = 2\n min_spare_servers = 1\n max_spare_servers = 2\n}}\n\
             client us {{\n ipaddr = 127.0.0.1\n secret = \"{SECRET}\"\n}}\n\
             modules {{\n detail {{\n  filename = {path}/detail\n  permissions = 0600\n }}\n}}\n\
             server taker {{\n listen {{\n  type = acct\n  ipaddr = 127.0.0.1\n  port = {port}\n }}\n\
             accounting {{\n  detail\n }}\n}}\n"
        );
        std::fs::write(dir.path().join("radiusd.conf"), conf).unwrap();
        std::fs::write(dir.path().join("dictionary"), "# Nothing of our own.\n").unwrap();
        let mut command = Command::new("freeradius");
        command.args(["-f", "-l", "stdout", "-d"]).arg(dir.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command
            .spawn()
            .expect("freeradius is needed for this test: apt-get install freeradius");
        let wanted = format!(":{port:04X} ");
        wait_until("FreeRADIUS listens", || {
            std::fs::read_to_string("/proc/net/udp").is_ok_and(|table| table.contains(&wanted))
        });
        Freeradius {
            child,
            accounting,
            dir,
        }
    }

    /// How often it wrote a session down.
    fn count(&self, session: &str) -> usize {
        let line = format!("Acct-Session-Id = \"{session}\"");
        read(&self.dir.path().join("detail")).matches(&line).count()
    }
}

impl Drop for Freeradius {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A file's text; none while it is not there.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Sends a Start of each session and waits until all are acknowledged.
#[track_caller]
fn account(to: SocketAddr, sessions: &[String]) {
    let requests: Vec<String> = sessions
        .iter()
        .map(|session| {
            format!("Acct-Status-Type = Start\nAcct-Session-Id = \"{session}\"\nUser-Name = \"alice\"\n")
        })
        .collect();
    let done = radclient(to, "acct", SECRET, &requests.join("\n"));
    assert_eq!(done.code, 0, "{done:?}");
}

/// Names of sessions.
fn sessions(word: &str) -> Vec<String> {
    (0..60).map(|number| format!("{word}-{number}.")).collect()
}

#[test]
fn what_was_acknowledged_reaches_freeradius_although_the_server_is_killed() {
    let (place, freeradius) = (Place::new(), Freeradius::start());
    let first = place.serve(&[]);
    place.set_up();
    let secret = place.write("secret", SECRET);
    let secret = secret.to_str().unwrap();
    place.ok(&[
        "nas",
        "add",
        "bras-1",
        "--address",
        "127.0.0.1",
        "--secret-file",
        secret,
    ]);
    let port = freeradius.accounting.port().to_string();
    place.ok(&[
        "home-server",
        "add",
        "shaper",
        "--address",
        "127.0.0.1",
        "--accounting-port",
        &port,
        "--copy-accounting",
        "yes",
        "--secret-file",
        secret,
    ]);
    wait_until("the copies are served", || {
        place.ok(&["home-server", "list"]).contains("copy:up to date")
    });
    let (before, after) = (sessions("before"), sessions("after"));
    account(first.accounting, &before);
    first.end(Signal::KILL);

    let second = place.serve(&[]);
    account(second.accounting, &after);
    let all: Vec<&String> = before.iter().chain(&after).collect();
    wait_until("FreeRADIUS has every record", || {
        all.iter().all(|session| freeradius.count(session) > 0)
    });
    // What was on its way, or was delivered since positions were noted, may have come twice; what came after the kill did not.
    for session in &after {
        assert_eq!(freeradius.count(session), 1, "{session}");
    }

    // The figures say the same, by id.
    let (_, metrics) = second.page("/metrics");
    let line = |name: &str, more: &str| {
        let mut lines = metrics.lines();
        let found = lines.find(|line| line.starts_with(name) && line.contains(more));
        let found = found.unwrap_or_else(|| panic!("no {name} with {more} in\n{metrics}"));
        found.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(line("access_forwarding_delivered_total{", "to=\"copy\"") >= 60);
    assert!(line("access_home_server_replies_total{", "port=\"accounting\"") >= 60);
    assert_eq!(line("access_home_server_state{", "state=\"alive\""), 1);
    assert_eq!(line("access_forwarding_skipped_total{", "to=\"copy\""), 0);
    assert!(metrics.contains("# TYPE access_directory_change_seconds histogram\n"));
    assert_eq!(second.end(Signal::TERM), Some(0));
}
