//! Rows of radcheck as FreeRADIUS's tools write them, each kind of password: what logs in there logs in here, and what does not
//! does not. FreeRADIUS itself, as Debian has it, is asked the same.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kernel::OpContext;
use radius::Code;
use serde_json::json;

use crate::identity::draft;
use crate::nas::FakeNas;
use crate::world::World;

/// The password of everybody.
const PASSWORD: &str = "open sesame";
/// Where the NAS is.
const ADDRESS: &str = "127.64.7.1";
/// Its secret.
const SECRET: &str = "a secret of a NAS";
/// How long either server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer is waited for.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Attribute and value.
const ROWS: [(&str, &str); 20] = [
    ("Cleartext-Password", PASSWORD),
    ("NT-Password", "eddcf896aaf1f0c3f83d4daa964f17bf"),
    ("NT-Password", "0xEDDCF896AAF1F0C3F83D4DAA964F17BF"),
    ("Crypt-Password", "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/"),
    (
        "Crypt-Password",
        "$6$saltsalt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1",
    ),
    ("MD5-Password", "54ef36ec71201fdf9d1423fd26f97f6b"),
    ("MD5-Password", "VO827HEgH9+dFCP9Jvl/aw=="),
    ("SMD5-Password", "OEuAlZfJKEc6Z58vD8ldPQECc2FsdA=="),
    ("SHA-Password", "5bcaff7f22ff533ca099b3408ead876c0ebba9a7"),
    ("SHA-Password", "W8r/fyL/UzygmbNAjq2HbA67qac="),
    ("SSHA-Password", "D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ="),
    (
        "SSHA-Password",
        "0ffee3952427da2d9d9427e8c1a9908fa6323c13010273616c74",
    ),
    ("Password-With-Header", "{clear}open sesame"),
    ("Password-With-Header", "{cleartext}open sesame"),
    ("Password-With-Header", "{nt}eddcf896aaf1f0c3f83d4daa964f17bf"),
    ("Password-With-Header", "{md5}54ef36ec71201fdf9d1423fd26f97f6b"),
    (
        "Password-With-Header",
        "{sha}5bcaff7f22ff533ca099b3408ead876c0ebba9a7",
    ),
    (
        "Password-With-Header",
        "{ssha}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=",
    ),
    (
        "Password-With-Header",
        "{SSHA}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=",
    ),
    (
        "Password-With-Header",
        "{crypt}$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
    ),
];

/// The user name of a row.
fn username(number: usize) -> String {
    format!("user-{number}")
}

/// Debian's FreeRADIUS; ends with the test.
struct Freeradius {
    child: Child,
    auth: SocketAddr,
}

impl Drop for Freeradius {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Freeradius {
    /// One with these rows; `None` when it is not installed.
    fn start(dir: &Path) -> Option<Self> {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let auth = free.local_addr().expect("an address");
        drop(free);
        let (path, port) = (dir.display(), auth.port());
        let conf = format!(
            "prefix = /usr\nlocalstatedir = {path}\nlogdir = {path}\nrun_dir = {path}\nconfdir = {path}\n\
             libdir = /usr/lib/freeradius\nname = rows\ncorrect_escapes = true\nlog {{\n destination = stdout\n}}\n\
             security {{\n reject_delay = 0\n}}\nproxy_requests = no\n\
             client nas {{\n ipaddr = {ADDRESS}\n secret = \"{SECRET}\"\n}}\n\
             modules {{\n pap {{\n }}\n files {{\n  usersfile = {path}/users\n }}\n}}\n\
             server rows {{\n listen {{\n  type = auth\n  ipaddr = 127.0.0.1\n  port = {port}\n }}\n\
             authorize {{\n  files\n  pap\n }}\n authenticate {{\n  Auth-Type PAP {{\n   pap\n  }}\n }}\n}}\n"
        );
        let mut users = String::new();
        for (number, (attribute, value)) in ROWS.iter().enumerate() {
            let name = username(number);
            let _never_fails = writeln!(users, "{name} {attribute} := '{value}'\n");
        }
        for (name, text) in [
            ("radiusd.conf", conf.as_str()),
            ("users", users.as_str()),
            ("dictionary", "# Nothing of our own.\n"),
        ] {
            std::fs::write(dir.join(name), text).expect("written");
        }
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let child = Command::new("/usr/sbin/freeradius")
            .args(["-f", "-s", "-l", "stdout", "-d"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, auth })
    }
}

/// The first reply that comes.
async fn code(nas: &mut FakeNas, server: SocketAddr, login: (&str, &str)) -> Code {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let reply = nas.login_within(ANSWER_WAIT, server, login.0, login.1).await;
        if let Some(reply) = reply {
            return reply.code();
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no reply about {}",
            login.0
        );
    }
}

#[tokio::test]
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run, and what each row gave"
)]
async fn rows_of_radcheck_log_in_as_they_do_at_freeradius() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(freeradius) = Freeradius::start(dir.path()) else {
        return eprintln!("skipped: freeradius is not installed");
    };
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at(ADDRESS, SECRET).await;
    world.admit(&isp, "bras-1", &nas).await;
    for number in 0..ROWS.len() {
        world
            .post(&isp, "subscribers", &draft(&username(number), &json!({})))
            .await;
    }
    let op = OpContext::system("test").in_partner(isp.id);
    let mut tx = world.kernel.db.begin(&op).await.expect("begins");
    for (number, (attribute, value)) in ROWS.iter().enumerate() {
        sqlx::query(
            "INSERT INTO access.radcheck (tenant_id, username, attribute, op, value) VALUES ($1, $2, $3, ':=', $4)",
        )
        .bind(isp.id.as_uuid())
        .bind(username(number))
        .bind(attribute)
        .bind(value)
        .execute(&mut *tx)
        .await
        .expect("inserted");
    }
    tx.commit().await.expect("commits");
    // Until the directory has them, nobody has a password.
    let first = username(0);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while code(&mut nas, world.auth(), (&first, PASSWORD)).await != Code::AccessAccept {
        assert!(tokio::time::Instant::now() < deadline, "the rows were not read");
    }
    for (number, (attribute, value)) in ROWS.iter().enumerate() {
        let name = username(number);
        for (password, expected) in [
            (PASSWORD, Code::AccessAccept),
            ("open barley", Code::AccessReject),
        ] {
            let login = (name.as_str(), password);
            let theirs = code(&mut nas, freeradius.auth, login).await;
            let ours = code(&mut nas, world.auth(), login).await;
            assert_eq!(
                [ours, theirs],
                [expected; 2],
                "ours, theirs: {attribute} {value} with {password}"
            );
        }
        eprintln!("{attribute} := {value}: accepted and rejected by both");
    }
}
