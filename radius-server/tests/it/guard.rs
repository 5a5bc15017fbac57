//! What protects the server and its NAS, through sockets: two secrets while one is replaced, rejects that wait, rejects in
//! numbers, and `radclient` of FreeRADIUS as a NAS of each secret.

use crate::isp::{Client, Isp, PASSWORD, SECRET, until};
use radius::{Code, SharedSecret};
use radius_server::counters::Event;
use radius_server::directory::{NasGuard, NasSpec, OlderSecret, RejectRules};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The secret that [`SECRET`] has replaced.
const OLDER: &[u8] = b"what it was before";

/// Both secrets are good.
fn both(nas: &mut NasSpec) {
    nas.guard = NasGuard {
        older_secret: Some(OlderSecret {
            secret: SharedSecret::new(OLDER),
            until_unix_s: i64::MAX,
        }),
        ..NasGuard::default()
    };
}

/// The same NAS with another secret entered.
fn with_secret(isp: &Isp, address: &str, secret: &[u8]) -> Client {
    let mut client = isp.client(address);
    client.secret = SharedSecret::new(secret);
    client
}

#[test]
fn a_nas_is_served_with_the_secret_it_has_and_status_server_and_accounting_are_too() {
    let isp = Isp::start();
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let newer = isp.nas_with(1, "127.0.71.1", both);
    let older = with_secret(&isp, "127.0.71.1", OLDER);
    for nas in [&newer, &older] {
        let login = nas.pap(true, "alice@demo", PASSWORD);
        assert_eq!(nas.ask_auth(&login).code(), Code::AccessAccept);
        let unsigned = nas.pap(false, "alice@demo", "wrong");
        nas.send_auth(&unsigned); // it has signed: dropped
        assert_eq!(nas.ask_auth(&nas.status_server()).code(), Code::AccessAccept);
        let start = nas.accounting(1, Some("one"), 0);
        assert_eq!(nas.ask_accounting(&start).code(), Code::AccountingResponse);
    }
    let third = with_secret(&isp, "127.0.71.1", b"a third one");
    third.send_auth(&third.pap(true, "alice@demo", PASSWORD));
    third.send_accounting(&third.accounting(1, Some("one"), 0));
    newer.check_auth_silent(&[]);
    newer.check_accounting_silent(&[]);
    third.check_nothing_came();
    assert_eq!(isp.plane.counters().get(Event::AccountingSecretDiffers), 1);
}

#[test]
fn accepts_do_not_wait_for_rejects_and_eap_failures_wait_too() {
    let delay = Duration::from_millis(400);
    let isp = Isp::with(|config| config.reject_delay = delay);
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let nas = isp.nas(1, "127.0.71.2");
    let began = Instant::now();
    let wrong = nas.pap(true, "alice@demo", "wrong");
    // A Nak to no question.
    let nobody = nas.eap("nobody", &[2, 77, 0, 6, 3, 25], None);
    nas.send_auth(&wrong);
    nas.send_auth(&nobody);
    // Sent after them, and answered before them.
    let right = nas.pap(true, "alice@demo", PASSWORD);
    assert_eq!(nas.ask_auth(&right).code(), Code::AccessAccept);
    assert_eq!(nas.verified(&wrong).code(), Code::AccessReject);
    assert_eq!(nas.verified(&nobody).code(), Code::AccessReject);
    assert!(began.elapsed() >= delay);
    let decision = &isp.plane.decisions().recent(crate::isp::id(1), "alice@demo")[1];
    assert!(decision.duration_us < 400_000, "the wait is not counted as work");
}

#[test]
fn a_cpe_that_asks_for_ever_is_answered_without_being_looked_at() {
    let isp = Isp::with(|config| {
        config.reject_rules = RejectRules {
            rejects: 5,
            window_s: 60,
            hold_s: 60,
        }
    });
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let nas = isp.nas(1, "127.0.71.3");
    for _ in 0..205 {
        let reply = nas.ask_auth(&nas.pap(true, "alice@demo", "wrong"));
        assert_eq!(reply.code(), Code::AccessReject);
    }
    let counters = isp.plane.counters();
    assert_eq!(counters.get(Event::AuthRejectSuppressed), 200);
    until("what was decided to be recorded", || {
        counters.get(Event::DecisionRecorded) == 5 + 2
    });
    isp.subscriber(1, 1, "alice@demo", "wrong");
    let reply = nas.ask_auth(&nas.pap(true, "alice@demo", "wrong"));
    assert_eq!(reply.code(), Code::AccessAccept, "his password is that now");
}

/// What radclient shows when it logs alice in with this secret; `None` where it is not installed.
fn radclient(isp: &Isp, secret: &[u8]) -> Option<String> {
    let secret = std::str::from_utf8(secret).expect("text");
    let mut asking = Command::new("radclient")
        .args(["-x", "-r", "1", "-t", "5", "-c", "1"])
        .args([&isp.plane.auth_addrs()[0].to_string(), "auth", secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let request = format!(
        "User-Name = \"alice@demo\"\nUser-Password = \"{PASSWORD}\"\nPacket-Src-IP-Address = 127.0.71.4\n\
         Message-Authenticator = 0x00\n"
    );
    let mut input = asking.stdin.take().expect("piped");
    input.write_all(request.as_bytes()).expect("written");
    drop(input);
    let said = asking.wait_with_output().expect("ended");
    Some(String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr))
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run"
)]
fn radclient_believes_the_replies_to_either_secret() {
    let isp = Isp::start();
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    isp.nas_with(1, "127.0.71.4", both);
    for secret in [SECRET, OLDER] {
        let Some(said) = radclient(&isp, secret) else {
            return eprintln!("skipped: radclient is not installed");
        };
        // It drops what does not verify with its secret, and says so.
        assert!(said.contains("Received Access-Accept"), "{said}");
        assert!(!said.contains("authenticator"), "{said}");
    }
}
