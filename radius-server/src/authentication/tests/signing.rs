//! Requests that must be signed, and those that need not.

use super::*;

#[test]
fn a_nas_that_signed_once_must_go_on_signing() {
    let mut desk = Desk::new();
    desk.check(&plain(1).pap("alice@demo", PASSWORD), Outcome::Accepted, "active");
    desk.check(
        &signed(2).pap("alice@demo", PASSWORD),
        Outcome::Accepted,
        "present and correct",
    );
    let missing = Outcome::Dropped(DropReason::MessageAuthenticatorMissing);
    let words = "absent; required (auto, this NAS has signed before)";
    desk.check(&plain(3).pap("alice@demo", PASSWORD), missing, words);
}

#[test]
fn signed_eap_does_not_prove_that_a_nas_signs_its_other_requests() {
    let mut desk = Desk::new();
    desk.check(
        &signed(1).eap(&identity(1), None),
        Outcome::ChallengeSent,
        "present and correct",
    );
    desk.check(&plain(2).pap("alice@demo", PASSWORD), Outcome::Accepted, "active");
}

#[test]
fn unsigned_eap_is_dropped() {
    let mut desk = Desk::with(|nas, _| nas.message_authenticator = Require::No);
    let missing = Outcome::Dropped(DropReason::MessageAuthenticatorMissing);
    let words = "absent; required (the request carries EAP, RFC 3579 section 3.1)";
    desk.check(&plain(1).eap(&identity(1), None), missing, words);
}

#[test]
fn proxy_state_comes_back_in_order_and_needs_a_signature() {
    let mut desk = Desk::with(|nas, _| nas.guard.limit_proxy_state = Require::Yes);
    let proxied = |ask: Ask| {
        ask.build(|writer, secret| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.password(PASSWORD.as_bytes(), secret).expect("room");
            writer.attribute(kind::PROXY_STATE, b"one").expect("room");
            writer.attribute(kind::PROXY_STATE, b"two").expect("room");
        })
    };
    let missing = Outcome::Dropped(DropReason::MessageAuthenticatorMissing);
    let words = "absent; required (it carries Proxy-State, and limit_proxy_state of this NAS is yes)";
    desk.check(&proxied(plain(1)), missing, words);
    let request = proxied(signed(2));
    let answered = desk.ask(&request);
    let states: Vec<_> = answered
        .verified(&request)
        .attributes()
        .filter(|attribute| attribute.kind == kind::PROXY_STATE)
        .map(|attribute| attribute.value)
        .collect();
    assert_eq!(states, [b"one", b"two"]);
}
