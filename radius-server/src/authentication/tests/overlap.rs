//! A NAS whose secret is being replaced: both are good until the older one's time ends.

use super::*;
use crate::directory::{NasGuard, OlderSecret, ProxyState, SecretAge};

/// The secret that [`SECRET`] has replaced.
const OLDER: &[u8] = b"the secret before that";

/// A desk whose NAS may use both for another hour.
fn desk() -> Desk {
    Desk::with(|nas, _| {
        nas.guard = NasGuard {
            older_secret: Some(OlderSecret {
                secret: SharedSecret::new(OLDER),
                until_unix_s: 1_700_003_600,
            }),
            ..NasGuard::default()
        }
    })
}

/// The same request made with the older secret.
fn older(ask: Ask) -> Ask {
    Ask { secret: OLDER, ..ask }
}

/// Whether a reply was made with this secret.
#[track_caller]
fn made_with(answered: &Answered, request: &[u8], secret: &[u8]) -> bool {
    let reply = View::parse(answered.reply.as_deref().expect("a reply")).expect("a packet");
    let request = View::parse(request).expect("a packet");
    SharedSecret::new(secret).check_reply_authenticator(&reply, request.authenticator())
}

#[test]
fn each_request_is_answered_with_the_secret_it_was_made_with() {
    let mut desk = desk();
    let with_older = older(signed(1)).pap("alice@demo", PASSWORD);
    let words =
        "present and correct, made with the secret this NAS had before; it is good until its time ends";
    desk.check(&with_older, Outcome::Accepted, words);
    assert!(made_with(&desk.ask(&with_older), &with_older, OLDER));
    let with_newer = signed(2).pap("alice@demo", PASSWORD);
    desk.check(&with_newer, Outcome::Accepted, "present and correct");
    assert!(made_with(&desk.ask(&with_newer), &with_newer, SECRET));
    let third = Ask {
        secret: b"a third secret",
        ..signed(3)
    };
    let third = third.pap("alice@demo", PASSWORD);
    let words = "present and wrong: the shared secret of the NAS differs from the one stored here";
    desk.check(&third, Outcome::Dropped(DropReason::SecretDiffers), words);
}

#[test]
fn the_older_secret_is_good_until_its_time_ends() {
    let mut desk = desk();
    desk.now.unix_us = 1_700_003_599_999_999;
    let (before, after) = (
        older(signed(1)).pap("alice@demo", PASSWORD),
        older(signed(2)).pap("alice@demo", PASSWORD),
    );
    assert!(desk.ask(&before).reply.is_some());
    desk.now.unix_us = 1_700_003_600_000_000;
    assert!(desk.ask(&after).reply.is_none());
}

#[test]
fn an_unsigned_password_tells_which_secret_hid_it() {
    let mut desk = desk();
    for (identifier, secret) in [(1, OLDER), (2, SECRET)] {
        let request = Ask {
            secret,
            ..plain(identifier)
        };
        let request = request.pap("alice@demo", PASSWORD);
        let answered = desk.ask(&request);
        assert!(made_with(&answered, &request, secret));
        let words = "PAP: the password is the stored one";
        let decision = answered.decision.expect("a decision");
        assert!(decision.steps.iter().any(|step| step.found.words() == words));
    }
    let wrong = older(plain(3)).pap("alice@demo", "something else");
    let answered = desk.ask(&wrong);
    assert!(
        made_with(&answered, &wrong, OLDER),
        "a wrong password is still text"
    );
    let third = Ask {
        secret: b"a third secret",
        ..plain(4)
    };
    assert!(desk.ask(&third.pap("alice@demo", PASSWORD)).reply.is_none());
}

#[test]
fn unsigned_chap_is_answered_with_the_secret_the_nas_used_last() {
    let mut desk = desk();
    let chap = |identifier: u8| {
        plain(identifier).build(|writer, _| {
            let mut response = vec![9];
            response.extend_from_slice(&digest(9, PASSWORD, &[identifier; 16]));
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.attribute(kind::CHAP_PASSWORD, &response).expect("room");
        })
    };
    for (identifier, secret) in [(1, OLDER), (3, SECRET)] {
        let proving = Ask {
            secret,
            ..plain(identifier)
        };
        desk.now.unix_us += 1_000_000;
        desk.ask(&proving.pap("alice@demo", PASSWORD));
        let request = chap(identifier + 1);
        assert!(made_with(&desk.ask(&request), &request, secret));
    }
    let stats = Arc::clone(&desk.directory.nas_list()[0].stats);
    assert_eq!(stats.secret_used_last(), SecretAge::Current);
    assert_eq!(stats.older_secret_used.load(Ordering::Relaxed), 1);
}

#[test]
fn a_proxy_that_began_unsigned_goes_on_and_another_nas_cannot_begin_to() {
    let proxied = |ask: Ask| {
        ask.build(|writer, secret| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.password(PASSWORD.as_bytes(), secret).expect("room");
            writer.attribute(kind::PROXY_STATE, b"one").expect("room");
        })
    };
    let mut proxy = Desk::new();
    let words =
        "absent; not required, though it carries Proxy-State (auto, this NAS is a proxy that never signed)";
    proxy.check(&proxied(plain(1)), Outcome::Accepted, words);
    proxy.check(&plain(2).pap("alice@demo", PASSWORD), Outcome::Accepted, "active");
    proxy.check(&proxied(plain(3)), Outcome::Accepted, words);
    let stats = Arc::clone(&proxy.directory.nas_list()[0].stats);
    assert_eq!(stats.proxy_state(), Some(ProxyState::Needed));
    assert_eq!(stats.unsigned.load(Ordering::Relaxed), 3);
    assert_eq!(stats.unsigned_proxied.load(Ordering::Relaxed), 2);

    let mut nas = Desk::new();
    nas.check(&plain(1).pap("alice@demo", PASSWORD), Outcome::Accepted, "active");
    let missing = Outcome::Dropped(DropReason::MessageAuthenticatorMissing);
    let words = "absent; required (it carries Proxy-State, and this NAS has shown that it does not need to)";
    nas.check(&proxied(plain(2)), missing, words);
    nas.check(&proxied(signed(3)), Outcome::Accepted, "present and correct");
}
