//! EAP-MD5 from identity to verdict, and every way in which it fails.

use super::*;

#[test]
fn eap_md5_challenges_and_accepts() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&identity(10), None);
    let challenged = desk.ask(&request);
    let challenge = challenged.verified(&request);
    assert_eq!(challenge.code(), Code::AccessChallenge);
    let state = challenge.first(kind::STATE).expect("a state").to_vec();
    let response = md5_response(&eap_of(&challenge), PASSWORD);
    assert_eq!(response[1], 11);

    let request = signed(2).eap(&response, Some(&state));
    let answered = desk.ask(&request);
    let accept = answered.verified(&request);
    assert_eq!(accept.code(), Code::AccessAccept);
    assert_eq!(eap_of(&accept), [EapCode::Success as u8, 11, 0, 4]);
    assert!(desk.conversations.is_empty());
}

/// Sends an identity and answers the challenge with what `respond` makes of it, under `state_of` its State.
#[track_caller]
fn check_eap(respond: impl FnOnce(&[u8]) -> Vec<u8>, keep_state: bool, reason: RejectReason, words: &str) {
    let mut desk = Desk::new();
    let request = signed(1).eap(&identity(10), None);
    let challenged = desk.ask(&request);
    let challenge = challenged.verified(&request);
    let state = if keep_state {
        challenge.first(kind::STATE).expect("a state").to_vec()
    } else {
        vec![0; 16]
    };
    let request = signed(2).eap(&respond(&eap_of(&challenge)), Some(&state));
    desk.check(&request, Outcome::Rejected(reason), words);
    let request = signed(3).eap(&identity(10), Some(&state));
    assert!(desk.ask(&request).reply.is_some(), "a new conversation can begin");
}

#[test]
fn eap_fails_for_each_reason_of_its_own() {
    let wrong = "EAP-MD5: the response was made from another password";
    check_eap(
        |eap| md5_response(eap, "wrong horse"),
        true,
        RejectReason::WrongPassword,
        wrong,
    );
    let none = "EAP: State names no open conversation (they are kept for 30 s)";
    check_eap(
        |eap| md5_response(eap, PASSWORD),
        false,
        RejectReason::EapFailed,
        none,
    );
    let nak = "EAP: the peer asks for PEAP; offered here: EAP-MSCHAPv2";
    check_eap(
        |eap| vec![2, eap[1], 0, 6, 3, 25],
        true,
        RejectReason::UnsupportedMethod,
        nak,
    );
    let method = "EAP: the peer answers with EAP-TLS, which was not offered";
    check_eap(
        |eap| vec![2, eap[1], 0, 6, 13, 0],
        true,
        RejectReason::EapFailed,
        method,
    );
    let malformed = "EAP: EAP-Message holds no packet that belongs here";
    check_eap(
        |_| vec![2, 11, 0, 200, 4],
        true,
        RejectReason::EapFailed,
        malformed,
    );
    check_eap(
        |eap| vec![2, eap[1], 0, 7, 4, 99, 1],
        true,
        RejectReason::EapFailed,
        malformed,
    );
    let other = "EAP: the answer belongs to another conversation";
    let shifted = |eap: &[u8]| {
        let mut response = md5_response(eap, PASSWORD);
        response[1] = response[1].wrapping_add(1);
        response
    };
    check_eap(shifted, true, RejectReason::EapFailed, other);
}

#[test]
fn an_eap_reject_carries_a_failure_and_no_message() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&[2, 77, 0, 6, 3, 25], None);
    let answered = desk.ask(&request);
    let reject = answered.verified(&request);
    assert_eq!(reject.code(), Code::AccessReject);
    assert_eq!(eap_of(&reject), [EapCode::Failure as u8, 77, 0, 4]);
    assert_eq!(reject.first(kind::REPLY_MESSAGE), None);
}

#[test]
fn a_challenge_answered_too_late_is_none() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&identity(10), None);
    let challenged = desk.ask(&request);
    let challenge = challenged.verified(&request);
    let state = challenge.first(kind::STATE).expect("a state").to_vec();
    desk.now.monotonic += CONVERSATION_WAIT + Duration::from_millis(1);
    let late = signed(2).eap(&md5_response(&eap_of(&challenge), PASSWORD), Some(&state));
    let words = "EAP: State names no open conversation (they are kept for 30 s)";
    desk.check(&late, Outcome::Rejected(RejectReason::EapFailed), words);
}

#[test]
fn without_randomness_there_is_no_challenge() {
    let mut desk = Desk::new();
    desk.pipeline.entropy = no_entropy;
    let request = signed(1).eap(&identity(10), None);
    let words = "EAP: the system gave no random octets for a challenge";
    desk.check(&request, Outcome::Dropped(DropReason::NoReply), words);
}

#[test]
fn an_empty_eap_message_is_answered_with_the_question_who_is_there() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&[], None);
    let answered = desk.ask(&request);
    let challenge = answered.verified(&request);
    assert_eq!(challenge.code(), Code::AccessChallenge);
    assert_eq!(eap_of(&challenge), [EapCode::Request as u8, 0, 0, 5, 1]);
    assert_eq!(challenge.first(kind::STATE), None, "nothing is kept about it");
    assert!(desk.conversations.is_empty());
}

#[test]
fn a_peer_that_refuses_a_method_is_offered_the_one_it_asks_for() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&identity(10), None);
    let challenged = desk.ask(&request);
    let challenge = challenged.verified(&request);
    let state = challenge.first(kind::STATE).expect("a state").to_vec();
    let nak = signed(2).eap(&[2, 11, 0, 7, 3, 13, 26], Some(&state));
    let offered = desk.ask(&nak);
    let offer = offered.verified(&nak);
    assert_eq!(EapView::parse(&eap_of(&offer)).expect("EAP").method(), Some(26));
    let state = offer.first(kind::STATE).expect("a state").to_vec();
    let again = signed(3).eap(&[2, 12, 0, 6, 3, 4], Some(&state));
    let words = "EAP: the peer asks for EAP-MD5; offered here: nothing";
    desk.check(&again, Outcome::Rejected(RejectReason::UnsupportedMethod), words);
}

#[test]
fn a_conversation_ends_after_its_rounds() {
    let mut desk = Desk::new();
    let request = signed(1).eap(&identity(10), None);
    let challenged = desk.ask(&request);
    let challenge = challenged.verified(&request);
    let state = challenge.first(kind::STATE).expect("a state").to_vec();
    let mut open = desk.conversations.take(&state, desk.now.monotonic).expect("open");
    open.rounds = CONVERSATION_ROUNDS_MAX;
    let state = desk.conversations.keep([2; 16], open, desk.now.monotonic);
    let request = signed(2).eap(&md5_response(&eap_of(&challenge), PASSWORD), Some(&state));
    let words = "EAP: the conversation took more than 64 rounds or 60 s";
    desk.check(&request, Outcome::Rejected(RejectReason::EapFailed), words);
}
