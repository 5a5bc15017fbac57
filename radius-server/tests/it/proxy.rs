//! Logins that home servers decide: another server of ours, and FreeRADIUS, behind real sockets.

use crate::eapol::{self, Login, Papers};
use crate::isp::{Client, Isp, PASSWORD, eap_identity, eap_md5_response, id, until};
use radius::hop::Pass;
use radius::{Code, SharedSecret, kind};
use radius_server::decision::{DropReason, Outcome, RejectReason};
use radius_server::directory::{
    ANY_REALM, Balance, Decided, Health, HomePort, HomeServerSpec, Identify, IdentifyBy, Mark, MarkKind,
    RealmSpec, RealmsSpec, Require,
};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

/// Shared by us and home servers.
pub const HOME_SECRET: &[u8] = b"between us and home";

pub fn server(number: u128, auth: SocketAddr) -> HomeServerSpec {
    HomeServerSpec {
        id: id(number),
        name: format!("home-{number}").as_str().into(),
        auth: Some(auth),
        accounting: None,
        secret: SharedSecret::new(HOME_SECRET),
        require_message_authenticator: true,
        status_server: true,
        copy_accounting: false,
        tls: None,
    }
}

pub fn realm(number: u128, name: &str, decided: Decided, servers: &[u128]) -> RealmSpec {
    RealmSpec {
        id: id(number),
        name: name.into(),
        decided,
        strip: true,
        servers: servers.iter().map(|number| id(*number)).collect(),
        balance: Balance::FailOver,
        pass: Pass::All,
        accounting: true,
    }
}

impl Isp {
    /// Gives partner 1 these home servers, and the realm `away` to all of them.
    fn away(&self, servers: &[SocketAddr]) {
        self.away_with(servers, |_server| {});
    }

    /// The same with other settings of the servers.
    fn away_with(&self, servers: &[SocketAddr], change: impl Fn(&mut HomeServerSpec)) {
        let numbers: Vec<u128> = (1..=servers.len() as u128).collect();
        let spec = RealmsSpec {
            servers: numbers
                .iter()
                .zip(servers)
                .map(|(number, auth)| {
                    let mut server = server(*number, *auth);
                    change(&mut server);
                    server
                })
                .collect(),
            realms: vec![realm(50, "away", Decided::ByHomeServers, &numbers)],
        };
        self.plane.directory().realms_put(id(1), spec).expect("taken");
    }

    /// How a home server of partner 1 is.
    fn health(&self, place: usize) -> Health {
        let realms = self
            .plane
            .directory()
            .partner(id(1))
            .and_then(|partner| partner.realms());
        realms.expect("realms").servers()[place]
            .stats
            .port(HomePort::Auth)
            .health()
    }

    /// What was found about the last login of a user, in words.
    #[track_caller]
    fn explained(&self, username: &str) -> (Outcome, Vec<String>) {
        let recent = || self.plane.decisions().recent(id(1), username);
        until("the decision is there", || !recent().is_empty());
        let last = recent().remove(0);
        let words = last.steps.iter().map(|step| step.found.words()).collect();
        (last.outcome, words)
    }
}

/// A server of ours that others ask as NAS 127.0.0.1, with alice in it.
fn home() -> Isp {
    let home = Isp::start();
    home.nas_with(90, "127.0.0.1", |nas| {
        nas.secret = SharedSecret::new(HOME_SECRET);
        nas.message_authenticator = Require::Yes;
    });
    home.subscriber(1, 100, "alice", PASSWORD);
    home
}

#[test]
fn a_realm_is_decided_by_its_home_server_and_the_nas_sees_one_server() {
    let (home, isp) = (home(), Isp::start());
    let client = isp.nas(10, "127.21.1.1");
    isp.away(&[home.plane.auth_addrs()[0]]);
    let accept = client.ask_auth(&client.pap(true, "alice@away", PASSWORD));
    assert_eq!(accept.code(), Code::AccessAccept);
    assert_eq!(
        accept.view().vendor(14_988, 8),
        Some(&b"20M/100M"[..]),
        "the home's plan"
    );
    assert_eq!(
        accept.view().first(kind::PROXY_STATE),
        None,
        "our mark stays between us"
    );
    assert_eq!(
        client.ask_auth(&client.chap("alice@away", PASSWORD)).code(),
        Code::AccessAccept
    );
    let reject = client.ask_auth(&client.pap(true, "AWAY\\alice", "wrong horse"));
    assert_eq!(reject.code(), Code::AccessReject);

    let (outcome, words) = isp.explained("AWAY\\alice");
    assert_eq!(outcome, Outcome::Rejected(RejectReason::HomeServerRejected));
    assert!(
        words.contains(&"realm away: decided by its home servers".to_owned()),
        "{words:#?}"
    );
    let said = "home server home-1 said Access-Reject after ";
    assert!(words.iter().any(|words| words.starts_with(said)), "{words:#?}");
    let nas = isp.plane.directory().nas(id(10)).expect("there");
    assert_eq!(nas.stats.accepts.load(Ordering::Relaxed), 2);
}

#[test]
fn a_retransmission_gets_the_same_octets_and_reaches_no_home_server() {
    let (home, isp) = (home(), Isp::start());
    let client = isp.nas(10, "127.21.1.2");
    isp.away(&[home.plane.auth_addrs()[0]]);
    let request = client.pap(true, "alice@away", PASSWORD);
    let (first, again) = (client.ask_auth(&request), client.ask_auth(&request));
    assert_eq!(first.0, again.0);
    let asked = home.plane.directory().nas(id(90)).expect("there");
    assert_eq!(asked.stats.accepts.load(Ordering::Relaxed), 1);
}

#[test]
fn a_conversation_of_several_rounds_goes_through() {
    let (home, isp) = (home(), Isp::start());
    let client = isp.nas(10, "127.21.1.3");
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    // The first server never answers, so the second begins the conversation and must be the one that ends it.
    isp.away(&[
        silent.local_addr().expect("an address"),
        home.plane.auth_addrs()[0],
    ]);
    let challenge = client.ask_auth(&client.eap("alice@away", &eap_identity(1, "alice"), None));
    assert_eq!(challenge.code(), Code::AccessChallenge);
    let state = challenge.view().first(kind::STATE).expect("a State").to_vec();
    let response = eap_md5_response(&challenge.eap(), PASSWORD);
    let accept = client.ask_auth(&client.eap("alice@away", &response, Some(&state)));
    assert_eq!(accept.code(), Code::AccessAccept);
    until("the silent one is found out", || isp.health(0) != Health::Alive);
    assert_eq!(isp.health(1), Health::Alive);
}

#[test]
fn what_is_inside_tls_goes_to_the_home_server_also_when_we_offer_tls_ourselves() {
    if !eapol::is_installed() {
        return;
    }
    let (ours, theirs) = (Papers::new(), Papers::new());
    let (home, isp) = (theirs.isp(|_options| {}), ours.isp(|_options| {}));
    home.nas_with(1, "127.0.0.1", |nas| nas.secret = SharedSecret::new(HOME_SECRET));
    home.subscriber(1, 100, "alice", PASSWORD);
    isp.away(&[home.plane.auth_addrs()[0]]);
    for (eap, phase2) in [("TTLS", "auth=PAP"), ("PEAP", "auth=MSCHAPV2")] {
        let mut login = Login::new(&theirs, eap, Some(phase2), "1.3");
        login.lines.retain(|line| !line.starts_with("anonymous_identity"));
        login.line("anonymous_identity=\"anonymous@away\"".to_owned());
        let said = login.run(&isp, "alice", PASSWORD);
        assert!(said.ends_with("SUCCESS\n"), "{eap}: {said}");
        assert!(said.contains("MPPE keys OK: 1  mismatch: 0"), "{eap}: {said}");
        assert!(login.run(&isp, "alice", "wrong").ends_with("FAILURE\n"), "{eap}");
    }
    let (outcome, words) = isp.explained("anonymous@away");
    assert_eq!(outcome, Outcome::Rejected(RejectReason::HomeServerRejected));
    assert!(
        words.contains(&"realm away: decided by its home servers".to_owned()),
        "{words:#?}"
    );
    // And who is ours still meets our certificate.
    let mut login = Login::new(&ours, "TTLS", Some("auth=PAP"), "1.3");
    login.lines.retain(|line| !line.starts_with("anonymous_identity"));
    let said = login.run(&isp, "alice@demo", PASSWORD);
    assert!(said.ends_with("SUCCESS\n"), "{said}");
}

#[test]
fn a_request_that_comes_back_to_us_is_dropped_as_a_loop() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.4");
    isp.nas_with(91, "127.0.0.1", |nas| nas.secret = SharedSecret::new(HOME_SECRET));
    let spec = RealmsSpec {
        servers: vec![server(1, isp.plane.auth_addrs()[0])],
        realms: vec![RealmSpec {
            strip: false,
            ..realm(50, "away", Decided::ByHomeServers, &[1])
        }],
    };
    isp.plane.directory().realms_put(id(1), spec).expect("taken");
    client.send_auth(&client.pap(true, "alice@away", PASSWORD));
    let (outcome, _) = isp.explained("alice@away");
    assert_eq!(outcome, Outcome::Dropped(DropReason::ProxyLoop));
}

#[test]
fn realms_that_are_ours_or_refused_never_leave() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.5");
    isp.subscriber(1, 100, "alice", PASSWORD);
    isp.subscriber(1, 101, "bob@plain", PASSWORD);
    let ask = |username: &str| client.ask_auth(&client.pap(true, username, PASSWORD)).code();
    assert_eq!(
        ask("bob@plain"),
        Code::AccessAccept,
        "no realms: the name as it stands"
    );
    let spec = RealmsSpec {
        servers: Vec::new(),
        realms: vec![
            realm(50, "isp.example", Decided::Here, &[]),
            realm(51, ANY_REALM, Decided::Nowhere, &[]),
        ],
    };
    isp.plane.directory().realms_put(id(1), spec).expect("taken");
    assert_eq!(ask("alice@ISP.example"), Code::AccessAccept);
    assert_eq!(ask("alice"), Code::AccessAccept);
    assert_eq!(ask("bob@plain"), Code::AccessReject);
    // What was decided is noted behind the reply, and the login before is noted already.
    until("the refusal is explained", || {
        isp.explained("bob@plain").0 == Outcome::Rejected(RejectReason::RealmRefused)
    });
    isp.plane
        .directory()
        .realms_put(id(1), RealmsSpec::default())
        .expect("taken");
    assert_eq!(ask("bob@plain"), Code::AccessAccept);
}

#[test]
fn a_line_that_is_known_is_decided_here_whatever_realm_the_name_has() {
    let isp = Isp::start();
    let client = isp.nas_with(10, "127.21.1.9", |nas| {
        nas.identify = Identify::new(&[IdentifyBy::Line, IdentifyBy::UserName]).expect("rules");
    });
    isp.subscriber(1, 100, "line-7", PASSWORD);
    let mark = Mark {
        kind: MarkKind::PortId,
        nas: None,
        value: b"eth 7"[..].into(),
    };
    isp.plane.directory().marks_put(id(1), id(100), &[mark]);
    isp.away(&[]);
    let ask = |port: &str| {
        client.access(true, |writer| {
            writer.text(kind::USER_NAME, "alice@away").expect("room");
            writer
                .password(PASSWORD.as_bytes(), &client.secret)
                .expect("room");
            writer.text(kind::NAS_PORT_ID, port).expect("room");
        })
    };
    assert_eq!(client.ask_auth(&ask("eth 7")).code(), Code::AccessAccept);
    client.send_auth(&ask("eth 8"));
    until("the other is for the home servers", || {
        let recent = isp.plane.decisions().recent(id(1), "alice@away");
        recent
            .iter()
            .any(|one| one.outcome == Outcome::Dropped(DropReason::NoHomeServer))
    });
}

#[test]
fn without_a_living_home_server_there_is_no_answer_and_the_reason_is_kept() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.6");
    isp.away(&[]);
    client.send_auth(&client.pap(true, "alice@away", PASSWORD));
    let (outcome, _) = isp.explained("alice@away");
    assert_eq!(outcome, Outcome::Dropped(DropReason::NoHomeServer));
}

// -- FreeRADIUS -----------------------------------------------------------------------------------------------------

/// Debian's FreeRADIUS, on ports of its own.
pub struct Freeradius {
    child: Child,
    pub auth: SocketAddr,
    pub accounting: SocketAddr,
    dir: tempfile::TempDir,
}

impl Freeradius {
    /// Starts one that knows alice; `None` when it is not installed.
    pub fn start() -> Option<Self> {
        if !is_installed("freeradius") {
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let free = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let (one, other) = (free(), free());
        let (auth, accounting) = (one.local_addr(), other.local_addr());
        let (auth, accounting) = (auth.expect("an address"), accounting.expect("an address"));
        drop((one, other));
        let accounting_port = accounting.port();
        let path = dir.path().display();
        let secret = std::str::from_utf8(HOME_SECRET).expect("text");
        let port = auth.port();
        let conf = format!(
            r#"prefix = /usr
localstatedir = {path}
logdir = {path}
run_dir = {path}
confdir = {path}
libdir = /usr/lib/freeradius
name = home
log {{
    destination = stdout
}}
security {{
    reject_delay = 0
    status_server = yes
}}
proxy_requests = no
thread pool {{
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 2
}}
client us {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
    require_message_authenticator = yes
}}
modules {{
    pap {{
    }}
    chap {{
    }}
    mschap {{
        use_mppe = yes
    }}
    files {{
        usersfile = {path}/users
    }}
    detail {{
        filename = {path}/detail
        permissions = 0600
    }}
}}
server home {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting_port}
    }}
    accounting {{
        detail
    }}
    authorize {{
        chap
        mschap
        files
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
}}
"#
        );
        std::fs::write(dir.path().join("radiusd.conf"), conf).expect("written");
        std::fs::write(dir.path().join("dictionary"), "# Nothing of our own.\n").expect("written");
        let users = format!(
            "alice\tCleartext-Password := \"{PASSWORD}\"\n\tMessage-Authenticator = 0x00,\n\tSession-Timeout = 1800,\n\t\
             Framed-IP-Address = 192.0.2.7\n"
        );
        std::fs::write(dir.path().join("users"), users).expect("written");
        let child = Self::run(dir.path());
        let freeradius = Self {
            child,
            auth,
            accounting,
            dir,
        };
        freeradius.listens();
        Some(freeradius)
    }

    /// Starts the program with what is in a directory.
    fn run(dir: &Path) -> Child {
        let mut command = Command::new("freeradius");
        command.args(["-f", "-l", "stdout", "-d"]).arg(dir);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("starts")
    }

    /// Waits until it listens on both ports.
    fn listens(&self) {
        until("FreeRADIUS listens", || {
            let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
            [self.auth, self.accounting]
                .iter()
                .all(|addr| table.contains(&format!(":{:04X} ", addr.port())))
        });
    }

    /// Ends it as `kill -9` does, does something, and starts it again.
    pub fn while_away(&mut self, what: impl FnOnce()) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        what();
        self.child = Self::run(self.dir.path());
        self.listens();
    }

    /// What it wrote down of accounting.
    pub fn detail(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("detail")).unwrap_or_default()
    }
}

impl Drop for Freeradius {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Whether a program can be run; says so when not.
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run"
)]
pub fn is_installed(program: &str) -> bool {
    let run = Command::new(program)
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let installed = run.is_ok_and(|status| status.success());
    if !installed {
        eprintln!("skipped: {program} does not run here");
    }
    installed
}

/// An Access-Request by PAP, CHAP or MS-CHAPv2 must be answered so.
#[track_caller]
fn check_all(client: &Client, username: &str, password: &str, code: Code) {
    for (way, request) in [
        ("PAP", client.pap(true, username, password)),
        ("CHAP", client.chap(username, password)),
    ] {
        assert_eq!(client.ask_auth(&request).code(), code, "{way}");
    }
}

#[test]
fn freeradius_decides_as_home_server() {
    let Some(freeradius) = Freeradius::start() else {
        return;
    };
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.7");
    // Before 3.2.5 it signs only what it is told to, and no Access-Reject.
    isp.away_with(&[freeradius.auth], |server| {
        server.require_message_authenticator = false
    });
    check_all(&client, "alice@away", PASSWORD, Code::AccessAccept);
    check_all(&client, "alice@away", "wrong horse", Code::AccessReject);
    check_all(&client, "nobody@away", PASSWORD, Code::AccessReject);
    let accept = client.ask_auth(&client.pap(true, "alice@away", PASSWORD));
    assert_eq!(accept.view().u32(kind::SESSION_TIMEOUT), Some(1_800));
    assert_eq!(
        accept.view().ipv4(kind::FRAMED_IP_ADDRESS),
        Some([192, 0, 2, 7].into())
    );

    let guests = RealmsSpec {
        servers: vec![server(1, freeradius.auth)],
        realms: vec![RealmSpec {
            pass: Pass::Roaming,
            ..realm(50, "away", Decided::ByHomeServers, &[1])
        }],
    };
    isp.plane.directory().realms_put(id(1), guests).expect("taken");
    let accept = client.ask_auth(&client.pap(true, "alice@away", PASSWORD));
    assert_eq!(accept.view().u32(kind::SESSION_TIMEOUT), Some(1_800));
    assert_eq!(
        accept.view().ipv4(kind::FRAMED_IP_ADDRESS),
        None,
        "a guest brings no address"
    );
}

#[test]
fn freeradius_that_comes_back_is_found_by_status_server() {
    let Some(freeradius) = Freeradius::start() else {
        return;
    };
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.8");
    isp.away(&[freeradius.auth]);
    // It stands still: no answer, no refusal.
    let pid = i32::try_from(freeradius.child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    client.send_auth(&client.pap(true, "alice@away", PASSWORD));
    until("it is found silent", || isp.health(0) == Health::Zombie);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("goes on");
    until("it is found alive", || isp.health(0) == Health::Alive);
    // What it missed it answers late; what is asked now it answers now.
    let again = client.pap(true, "alice@away", PASSWORD);
    client.send_auth(&again);
    let identifier = again[1];
    until("the new request is answered", || {
        client.receive()[1] == identifier
    });
}
