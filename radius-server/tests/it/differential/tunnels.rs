//! Methods inside TLS, by eapol_test before both servers with the same certificates: how each login ends, whether both
//! sides agree on the keys, and what stands in the last reply. A relay stands between, so that octets are compared.

use super::Findings;
use super::compare::differences;
use super::explained::TUNNELS;
use super::freeradius::Freeradius;
use super::peer::{self, ADDRESSES, USERS};
use super::stream::Mark;
use crate::eapol::{INSIDE, Login, NAME, Papers, is_installed, tail};
use crate::isp::{PASSWORD, SECRET};
use radius::{Code, View};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the relay looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// What passed, in order.
#[derive(Default)]
struct Passed {
    requests: Vec<Vec<u8>>,
    replies: Vec<Vec<u8>>,
}

impl Passed {
    /// The last reply and the request it answers.
    fn last(&self) -> Option<(&[u8], &[u8])> {
        let reply = self.replies.last()?;
        let request = self
            .requests
            .iter()
            .rev()
            .find(|request| request[1] == reply[1])?;
        Some((request, reply))
    }
}

/// Runs `ask` with a port that stands for the server's, as a NAS; what it gives, and what passed.
fn relayed<T>(server: SocketAddr, ask: impl FnOnce(u16) -> T) -> (T, Passed) {
    let nas: IpAddr = ADDRESSES[0].parse().expect("an address");
    let (inner, outer) = (
        UdpSocket::bind("127.0.0.1:0").expect("a socket"),
        UdpSocket::bind((nas, 0)).expect("a socket"),
    );
    outer.connect(server).expect("connected");
    for socket in [&inner, &outer] {
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
    }
    let (passed, over, asker) = (
        Mutex::new(Passed::default()),
        AtomicBool::new(false),
        Mutex::new(None),
    );
    let goes_on = || !over.load(Ordering::Relaxed);
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut octets = [0; 4_096];
            while goes_on() {
                if let Ok((len, from)) = inner.recv_from(&mut octets) {
                    *asker.lock().expect("whole") = Some(from);
                    passed
                        .lock()
                        .expect("whole")
                        .requests
                        .push(octets[..len].to_vec());
                    outer.send(&octets[..len]).expect("sent");
                }
            }
        });
        scope.spawn(|| {
            let mut octets = [0; 4_096];
            while goes_on() {
                if let Ok(len) = outer.recv(&mut octets) {
                    passed.lock().expect("whole").replies.push(octets[..len].to_vec());
                    let asker = asker.lock().expect("whole").expect("somebody asked");
                    // Who asked may be gone.
                    let _sent = inner.send_to(&octets[..len], asker);
                }
            }
        });
        let said = ask(inner.local_addr().expect("an address").port());
        over.store(true, Ordering::Relaxed);
        said
    });
    (said, passed.into_inner().expect("whole"))
}

/// Who logs in, with what.
const LOGINS: [(&str, &str, &[Mark]); 6] = [
    (NAME, PASSWORD, &[]),
    (NAME, "wrong horse", &[]),
    ("nora", "only hashed", &[]),
    ("bob", "x", &[]),
    ("nobody.home", "x", &[Mark::Unfit]),
    ("mallory", "x", &[Mark::Unknown]),
];

/// One login before both.
fn compare(
    servers: [SocketAddr; 2],
    login: &Login<'_>,
    (identity, password): (&str, &str),
    (what, marks): (&str, &[Mark]),
    findings: &mut Findings,
) -> bool {
    let [(ours, our_packets), (theirs, their_packets)] =
        servers.map(|server| relayed(server, |port| login.run_at(port, identity, password)));
    let exchanges = [our_packets.last(), their_packets.last()];
    for (whose, said, last) in [("ours", &ours, exchanges[0]), ("theirs", &theirs, exchanges[1])] {
        let accepted = last.is_some_and(|(_, reply)| reply[0] == Code::AccessAccept as u8);
        let ending = if accepted { "SUCCESS\n" } else { "FAILURE\n" };
        assert!(said.ends_with(ending), "{whose}, {what}:\n{}", tail(said));
        let keys = "MPPE keys OK: 1  mismatch: 0";
        assert!(
            !accepted || said.contains(keys),
            "{whose}, {what}:\n{}",
            tail(said)
        );
    }
    let exchanges = exchanges.map(|last| {
        let (request, reply) = last.unwrap_or_else(|| panic!("{what}: no reply"));
        (request, Some(reply))
    });
    findings.note(&differences(what, marks, exchanges));
    let reply = View::parse(exchanges[0].1.expect("one")).expect("a packet");
    reply.code() == Code::AccessAccept
}

#[test]
fn methods_inside_tls_end_alike_before_both() {
    if !is_installed() {
        return;
    }
    let (papers, strangers) = (Papers::new(), Papers::new());
    papers.issue_client("alice", NAME, |_params| {});
    papers.issue_client("nobody", "mallory", |_params| {});
    strangers.issue_client("alice", NAME, |_params| {});
    for (from, to) in [("alice.pem", "stranger.pem"), ("alice.key", "stranger.key")] {
        std::fs::copy(strangers.path(from), papers.path(to)).expect("copied");
    }
    let Some(freeradius) = Freeradius::with(Some(papers.directory()), USERS, SECRET) else {
        return;
    };
    let isp = peer::ours_with(papers.options(), USERS, SECRET);
    let servers = [isp.plane.auth_addrs()[0], freeradius.auth];
    let mut findings = Findings::new(TUNNELS);
    let mut accepted = 0;
    for tls in ["1.2", "1.3"] {
        for (eap, phase2) in INSIDE {
            // The version of TLS has no part in what is inside, so the second sees the first two only.
            let logins = if tls == "1.2" { &LOGINS[..] } else { &LOGINS[..2] };
            for (identity, password, extra) in logins {
                let what = format!("{eap} {phase2} of {identity} with {password}, TLS {tls}");
                let login = Login::new(&papers, eap, Some(phase2), tls);
                let marks = [&[Mark::Eap, Mark::Tunnel, Mark::Anonymous][..], extra].concat();
                let who = (*identity, *password);
                accepted += usize::from(compare(servers, &login, who, (&what, &marks), &mut findings));
            }
        }
        for (certificate, identity) in [
            ("alice", NAME),
            ("alice", "bob"),
            ("nobody", NAME),
            ("stranger", NAME),
        ] {
            let what = format!("EAP-TLS of {identity} with the certificate {certificate}, TLS {tls}");
            let login = Login::with_certificate(&papers, certificate, tls);
            let mut marks = vec![Mark::Eap, Mark::Tunnel, Mark::Certificate];
            if identity != NAME {
                marks.push(Mark::OtherName);
            }
            accepted += usize::from(compare(
                servers,
                &login,
                (identity, ""),
                (&what, &marks),
                &mut findings,
            ));
        }
    }
    assert!(accepted >= 40, "{accepted}");
    findings.check();
}
