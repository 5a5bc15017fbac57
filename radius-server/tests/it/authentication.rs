//! Authentication through real sockets: who gets in, who does not, who gets no answer, and what is remembered of it.

use crate::isp::{Isp, PASSWORD, eap_identity, eap_md5_response, id, nas, until};
use radius::{Code, SharedSecret, kind};
use radius_server::counters::Event;
use radius_server::decision::{Decision, DropReason, Outcome, RejectReason};
use radius_server::directory::Require;
use radius_server::journal::Kind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The decisions about a user of partner 1, once there are that many.
#[track_caller]
fn decisions(isp: &Isp, username: &str, count: usize) -> Vec<Arc<Decision>> {
    let recent = || isp.plane.decisions().recent(id(1), username);
    until("the decisions are there", || recent().len() >= count);
    assert_eq!(recent().len(), count);
    recent()
}

#[test]
fn pap_accepts_and_rejects_and_both_are_explained() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.1");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let accept = client.ask_auth(&client.pap(true, "alice@demo", PASSWORD));
    assert_eq!(accept.code(), Code::AccessAccept);
    assert_eq!(accept.view().vendor(14_988, 8), Some(&b"20M/100M"[..]));
    let reject = client.ask_auth(&client.pap(true, "alice@demo", "wrong horse"));
    assert_eq!(reject.code(), Code::AccessReject);

    let recent = decisions(&isp, "alice@demo", 2);
    let outcomes: Vec<_> = recent.iter().map(|decision| decision.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Rejected(RejectReason::WrongPassword), Outcome::Accepted]
    );
    let explained: Vec<_> = recent[0].steps.iter().map(|step| step.found.words()).collect();
    assert_eq!(
        explained,
        [
            "127.20.1.1 is NAS nas-10 of partner Demo ISP",
            "present and correct",
            "a new request",
            "subscriber alice@demo found",
            "PAP: the password differs from the stored one",
            "Access-Reject, 55 octets",
        ]
    );
    let stats = &isp.plane.directory().nas(id(10)).expect("there").stats;
    assert_eq!(stats.accepts.load(Ordering::Relaxed), 1);
    assert_eq!(stats.rejects.load(Ordering::Relaxed), 1);
    assert!(stats.last_packet_unix_ms.load(Ordering::Relaxed) > 0);
}

#[test]
fn chap_accepts_and_rejects() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.2");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    assert_eq!(
        client.ask_auth(&client.chap("alice@demo", PASSWORD)).code(),
        Code::AccessAccept
    );
    assert_eq!(
        client.ask_auth(&client.chap("alice@demo", "wrong horse")).code(),
        Code::AccessReject
    );
}

#[test]
fn eap_md5_goes_all_the_way() {
    // With several workers: the two halves may meet different ones.
    let isp = Isp::with(|config| config.auth_workers = 4);
    let client = isp.nas(10, "127.20.1.3");
    let other_port = isp.client("127.20.1.3");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    for (password, code, eap_code) in [
        (PASSWORD, Code::AccessAccept, 3),
        ("wrong", Code::AccessReject, 4),
    ] {
        let challenge = client.ask_auth(&client.eap("alice@demo", &eap_identity(9, "alice@demo"), None));
        assert_eq!(challenge.code(), Code::AccessChallenge);
        let state = challenge.view().first(kind::STATE).expect("a state").to_vec();
        let response = eap_md5_response(&challenge.eap(), password);
        let reply = other_port.ask_auth(&other_port.eap("alice@demo", &response, Some(&state)));
        assert_eq!((reply.code(), reply.eap()), (code, vec![eap_code, 10, 0, 4]));
    }
    let outcomes: Vec<_> = decisions(&isp, "alice@demo", 4)
        .iter()
        .map(|decision| decision.outcome.as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["wrong_password", "challenge_sent", "accepted", "challenge_sent"]
    );
}

#[test]
fn a_nas_with_another_secret_gets_no_answer_and_the_reason_is_named() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.4");
    let mut foreign = isp.client("127.20.1.4");
    foreign.secret = SharedSecret::new(b"what somebody typed by mistake");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    for signed in [true, false] {
        foreign.send_auth(&foreign.pap(signed, "alice@demo", PASSWORD));
    }
    assert_eq!(
        client.ask_auth(&client.status_server()).code(),
        Code::AccessAccept
    );
    let differs = Outcome::Dropped(DropReason::SecretDiffers);
    until("both are counted", || {
        isp.plane.counters().decisions(differs) == 2
    });
    foreign.check_nothing_came();
    for decision in decisions(&isp, "alice@demo", 2) {
        assert_eq!(decision.outcome, differs);
    }
    let stats = &isp.plane.directory().nas(id(10)).expect("there").stats;
    assert_eq!(stats.secret_differs.load(Ordering::Relaxed), 2);
}

#[test]
fn a_nas_set_to_sign_must_sign() {
    let isp = Isp::start();
    let client = isp.nas_with(10, "127.20.1.5", |nas| nas.message_authenticator = Require::Yes);
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    client.check_auth_silent(&[client.pap(false, "alice@demo", PASSWORD)]);
    assert_eq!(
        client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code(),
        Code::AccessAccept
    );
    let missing = Outcome::Dropped(DropReason::MessageAuthenticatorMissing);
    assert_eq!(decisions(&isp, "alice@demo", 2)[1].outcome, missing);
}

#[test]
fn auto_learns_that_a_nas_signs_and_remembers_it_through_a_change() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.6");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    assert_eq!(
        client.ask_auth(&client.pap(false, "alice@demo", PASSWORD)).code(),
        Code::AccessAccept
    );
    assert_eq!(
        client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code(),
        Code::AccessAccept
    );
    client.check_auth_silent(&[client.pap(false, "alice@demo", PASSWORD)]);
    isp.plane
        .directory()
        .nas_put(nas(10, "127.20.1.6"))
        .expect("taken");
    client.check_auth_silent(&[client.pap(false, "alice@demo", PASSWORD)]);
}

#[test]
fn status_server_is_answered_on_both_ports_and_only_when_signed() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.7");
    assert_eq!(
        client.ask_auth(&client.status_server()).code(),
        Code::AccessAccept
    );
    assert_eq!(
        client.ask_accounting(&client.status_server()).code(),
        Code::AccountingResponse
    );
    let mut forged = client.status_server();
    *forged.last_mut().expect("octets") ^= 1;
    client.check_auth_silent(&[forged.clone()]);
    client.check_accounting_silent(&[forged]);
    assert_eq!(isp.plane.counters().get(Event::AuthStatusServerRefused), 1);
    assert_eq!(isp.plane.counters().get(Event::AccountingStatusServerRefused), 1);
}

#[test]
fn a_retransmission_gets_the_same_octets_and_is_one_decision() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.8");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let request = client.pap(true, "alice@demo", PASSWORD);
    let first = client.ask_auth(&request);
    for _ in 0..5 {
        assert_eq!(client.ask_auth(&request).0, first.0);
    }
    assert_eq!(isp.plane.counters().get(Event::AuthDuplicate), 5);
    decisions(&isp, "alice@demo", 1);
    assert_eq!(isp.plane.counters().decisions(Outcome::Accepted), 1);
}

#[test]
fn a_change_of_the_directory_works_from_the_next_request_on() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.9");
    let directory = isp.plane.directory();
    let ask = || client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code();
    assert_eq!(ask(), Code::AccessReject);
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    assert_eq!(ask(), Code::AccessAccept);
    isp.subscriber(1, 100, "alice@demo", "another");
    assert_eq!(ask(), Code::AccessReject);
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    assert_eq!(ask(), Code::AccessAccept);
    directory.partner_put(id(1), "Demo ISP", false);
    assert_eq!(ask(), Code::AccessReject);
    directory.partner_put(id(1), "Demo ISP", true);
    assert_eq!(ask(), Code::AccessAccept);
    directory.subscriber_remove(id(1), id(100));
    assert_eq!(ask(), Code::AccessReject);
    directory.nas_remove(id(10));
    client.send_auth(&client.pap(true, "alice@demo", PASSWORD));
    until("it is a stranger now", || {
        isp.plane.unknown_sources().list().len() == 1
    });
    directory.nas_put(nas(10, "127.20.1.9")).expect("taken");
    assert_eq!(ask(), Code::AccessReject);
}

#[test]
fn two_partners_with_the_same_user_name_stay_apart() {
    let isp = Isp::start();
    isp.plane.directory().partner_put(id(2), "Other ISP", true);
    let ours = isp.nas(10, "127.20.1.10");
    let theirs = isp.nas_with(11, "127.20.1.11", |nas| nas.partner = id(2));
    isp.subscriber(1, 100, "alice", "ours");
    isp.subscriber(2, 200, "alice", "theirs");
    assert_eq!(
        ours.ask_auth(&ours.pap(true, "alice", "ours")).code(),
        Code::AccessAccept
    );
    assert_eq!(
        ours.ask_auth(&ours.pap(true, "alice", "theirs")).code(),
        Code::AccessReject
    );
    assert_eq!(
        theirs.ask_auth(&theirs.pap(true, "alice", "theirs")).code(),
        Code::AccessAccept
    );
    assert_eq!(
        theirs.ask_auth(&theirs.pap(true, "alice", "ours")).code(),
        Code::AccessReject
    );
    for (partner, subscriber) in [(1, 100), (2, 200)] {
        let recent = isp.plane.decisions().recent(id(partner), "alice");
        assert!(
            recent
                .iter()
                .all(|decision| decision.subscriber == Some(id(subscriber)))
        );
        assert!(recent.iter().all(|decision| decision.partner == id(partner)));
    }
}

#[test]
fn every_decision_reaches_the_journal_the_accepted_one_under_the_id_in_its_class() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.12");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let accept = client.ask_auth(&client.pap(true, "alice@demo", PASSWORD));
    let class = accept.view().first(kind::CLASS).expect("a class").to_vec();
    for _ in 0..20 {
        client.ask_auth(&client.pap(true, "mallory", "guess"));
    }
    let reader = isp.plane.decision_journal();
    let records = || reader.read_from(0, 1_000, 1_000_000).expect("readable");
    until("all are written", || records().len() == 21);
    let records = records();
    assert!(records.iter().all(|record| record.kind == Kind::Decision));
    let first = Decision::decode(&records[0].payload).expect("decodes");
    assert!(class.starts_with(&radius_server::class::head(first.id)));
    // They are counted after they are written.
    until("all are counted", || {
        isp.plane.counters().get(Event::DecisionRecorded) == 21
    });
    assert_eq!(isp.plane.decisions().recent(id(1), "mallory").len(), 8);
}

#[test]
fn decisions_made_before_a_shutdown_are_in_the_journal() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.13");
    client.ask_auth(&client.pap(true, "mallory", "guess"));
    isp.plane.shutdown();
    let records = isp
        .plane
        .decision_journal()
        .read_from(0, 10, 1_000_000)
        .expect("readable");
    assert_eq!(records.len(), 1);
}

#[test]
fn a_login_in_the_middle_of_a_session_does_not_split_it_and_the_one_after_it_begins_another() {
    // hostapd names its session in the Access-Request, and gives the port's next session the same name.
    let isp = Isp::start();
    let client = isp.nas(10, "127.20.1.14");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let login = || {
        let accept = client.ask_auth(&client.access(true, |writer| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.text(kind::ACCT_SESSION_ID, "port 7").expect("room");
            writer
                .password(PASSWORD.as_bytes(), &client.secret)
                .expect("room");
        }));
        accept.view().first(kind::CLASS).expect("a class").to_vec()
    };
    let account = |status, class: &[u8]| {
        client.ask_accounting(&client.accounting_of(status, Some("port 7"), 1_000, Some(class)));
        isp.plane
            .sessions()
            .list()
            .iter()
            .map(|session| session.id)
            .collect::<Vec<_>>()
    };
    let (start, stop, interim) = (1, 2, 3);
    let first = account(start, &login());
    assert_eq!(first.len(), 1);
    let again = login();
    assert_eq!(
        account(interim, &again),
        first,
        "re-authenticated: the same session"
    );
    assert_eq!(account(stop, &again), []);
    let second = account(start, &login());
    assert_eq!(second.len(), 1);
    assert_ne!(second, first, "logged in again: another session");
}
