//! Other people's RADIUS over TLS, as it comes from Debian, with radclient behind it: radsecproxy and FreeRADIUS as clients
//! of ours. Each test says that it skips where a program is not installed; `lab/packages.sh` installs them.

use super::peer::{self, Identity};
use crate::isp::{Isp, PASSWORD, id, nas, until};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// The secret between radclient and the proxy.
const SECRET: &str = "testing123";

/// Says that a test is skipped, and why.
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run"
)]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether these programs are here; says so when one is not.
pub fn installed(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let runs = Command::new(program)
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let found = runs.is_ok();
        if !found {
            skipped(&format!("{program} is not installed"));
        }
        found
    })
}

/// A program that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Ports that the kernel gives to nobody who does not ask for one by its number: below those it draws from for connections
/// and for port 0 (32768 on, unless somebody set it otherwise).
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that nobody has, for TCP and for UDP, and that nobody gets by chance before it is used. One of those the
/// kernel draws from might be the other end of a connection a moment later, or connect to itself while nobody listens.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run beside each other begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in PORTS {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let number = begin.wrapping_add(step) % (PORTS.len() as u32);
        let port = PORTS.start + u16::try_from(number).expect("within the range");
        let both =
            TcpListener::bind(("127.0.0.1", port)).and_then(|_tcp| UdpSocket::bind(("127.0.0.1", port)));
        if both.is_ok() {
            return port;
        }
    }
    panic!("all of {PORTS:?} is taken");
}

/// Key, certificate and authority as files.
pub struct Pems {
    dir: TempDir,
}

impl Pems {
    pub fn of(identity: &Identity) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in [
            ("key.pem", &identity.key_pem),
            ("cert.pem", &identity.certificate_pem),
            ("ca.pem", &identity.authority_pem),
        ] {
            fs::write(dir.path().join(name), text).expect("written");
        }
        Self { dir }
    }

    /// Puts the certificate of this ISP's server beside them, for another server to show.
    pub fn server_of(&self, isp: &Isp) {
        for name in ["server.pem", "server-key.pem"] {
            fs::copy(isp.dir.path().join("radsec").join(name), self.path(name)).expect("copied");
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Asks with radclient, and gives what it said.
pub fn radclient(to: SocketAddr, command: &str, attributes: &str) -> String {
    let mut asking = Command::new("radclient")
        .args(["-x", "-r", "4", "-t", "5", &to.to_string(), command, SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("radclient");
    let mut stdin = asking.stdin.take().expect("open");
    stdin.write_all(attributes.as_bytes()).expect("written");
    drop(stdin);
    let said = asking.wait_with_output().expect("ended");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// Plays logins and accounting through a proxy that listens here.
#[track_caller]
fn check_through(isp: &Isp, auth: SocketAddr, accounting: SocketAddr) {
    // A proxy that has just been started may not listen yet.
    let pap = |password: &str| format!("User-Name = alice@demo, User-Password = \"{password}\"");
    until("the proxy answers", || {
        radclient(auth, "auth", &pap(PASSWORD)).contains("Received Access-Accept")
    });
    let accepted = radclient(auth, "auth", &pap(PASSWORD));
    assert!(accepted.contains("Received Access-Accept"), "{accepted}");
    let rejected = radclient(auth, "auth", &pap("wrong"));
    assert!(rejected.contains("Received Access-Reject"), "{rejected}");
    let chap = radclient(
        auth,
        "auth",
        &format!("User-Name = alice@demo, CHAP-Password = \"{PASSWORD}\""),
    );
    assert!(chap.contains("Received Access-Accept"), "{chap}");
    let mschap = radclient(
        auth,
        "auth",
        &format!("User-Name = alice@demo, MS-CHAP-Password = \"{PASSWORD}\""),
    );
    assert!(mschap.contains("Received Access-Accept"), "{mschap}");
    let before = isp.accounting_records();
    let start =
        "Acct-Status-Type = Start, Acct-Session-Id = s1, User-Name = alice@demo, NAS-IP-Address = 192.0.2.7";
    let response = radclient(accounting, "acct", start);
    assert!(response.contains("Received Accounting-Response"), "{response}");
    assert!(isp.accounting_records() > before);
}

/// An ISP with NAS 7 and a certificate for it.
fn isp() -> (Isp, Pems) {
    let isp = peer::start(|_config| {});
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let pems = Pems::of(&peer::issue(&isp, id(7)));
    (isp, pems)
}

#[test]
fn radsecproxy_brings_logins_and_accounting() {
    if !installed(&["radsecproxy", "radclient"]) {
        return;
    }
    let (isp, pems) = isp();
    let (port, server) = (free_port(), isp.plane.radsec_addrs()[0]);
    let file = |name: &str| pems.path(name).display().to_string();
    let config = format!(
        "ListenUDP 127.0.0.1:{port}\nLogLevel 3\n\
         tls ours {{\n CACertificateFile {}\n CertificateFile {}\n CertificateKeyFile {}\n}}\n\
         client 127.0.0.1 {{\n type udp\n secret {SECRET}\n}}\n\
         server headend {{\n host 127.0.0.1\n port {}\n type tls\n tls ours\n secret radsec\n \
         CertificateNameCheck off\n StatusServer on\n}}\n\
         realm * {{\n server headend\n accountingServer headend\n}}\n",
        file("ca.pem"),
        file("cert.pem"),
        file("key.pem"),
        server.port(),
    );
    let _proxy = start_radsecproxy(&pems, &config);
    let proxy = SocketAddr::from(([127, 0, 0, 1], port));
    check_through(&isp, proxy, proxy);
}

/// Starts Debian's radsecproxy with this configuration, which may name the files of `pems`.
pub fn start_radsecproxy(pems: &Pems, config: &str) -> Running {
    let path = pems.path("radsecproxy.conf");
    fs::write(&path, config).expect("written");
    let log = fs::File::create(pems.path("log")).expect("made");
    let proxy = Command::new("radsecproxy")
        .args(["-f", "-c"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    Running(proxy.expect("radsecproxy"))
}

/// Where Debian's FreeRADIUS has its dictionaries and modules.
pub const FREERADIUS: &str = "/usr/sbin/freeradius";

/// A configuration of FreeRADIUS that listens for UDP and sends everything to us over TLS.
pub fn freeradius_config(dir: &Path, port: u16, accounting: u16, server: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        r#"
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = {dir}
logdir = {dir}
run_dir = {dir}
max_request_time = 30
cleanup_delay = 5
max_requests = 1024
hostname_lookups = no
log {{
    destination = stderr
}}
security {{
    allow_vulnerable_openssl = yes
}}
thread pool {{
    start_servers = 2
    max_servers = 4
    min_spare_servers = 1
    max_spare_servers = 3
}}
client radclient {{
    ipaddr = 127.0.0.1
    secret = {SECRET}
}}
home_server headend {{
    type = auth+acct
    ipaddr = 127.0.0.1
    port = {server}
    proto = tcp
    secret = radsec
    status_check = status-server
    response_window = 10
    tls {{
        private_key_file = {dir}/key.pem
        certificate_file = {dir}/cert.pem
        ca_file = {dir}/ca.pem
        tls_min_version = "1.2"
        tls_max_version = "1.3"
        fragment_size = 8192
    }}
}}
home_server_pool headend {{
    type = fail-over
    home_server = headend
}}
realm headend {{
    auth_pool = headend
    acct_pool = headend
    nostrip
}}
proxy server {{
    default_fallback = no
}}
modules {{
    always ok {{
        rcode = ok
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting}
    }}
    authorize {{
        update control {{
            Proxy-To-Realm := headend
        }}
    }}
    authenticate {{
    }}
    preacct {{
        update control {{
            Proxy-To-Realm := headend
        }}
    }}
    accounting {{
        ok
    }}
}}
"#,
        server = server.port(),
    )
}

#[test]
fn freeradius_brings_logins_and_accounting() {
    if !installed(&[FREERADIUS, "radclient"]) {
        return;
    }
    let (isp, pems) = isp();
    let (port, accounting, server) = (free_port(), free_port(), isp.plane.radsec_addrs()[0]);
    let config = freeradius_config(pems.dir.path(), port, accounting, server);
    fs::write(pems.path("radiusd.conf"), config).expect("written");
    let log = fs::File::create(pems.path("log")).expect("made");
    let proxy = Command::new(FREERADIUS)
        .args(["-f", "-X", "-d"])
        .arg(pems.dir.path())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn();
    let _proxy = Running(proxy.expect("freeradius"));
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    check_through(&isp, at(port), at(accounting));
}
