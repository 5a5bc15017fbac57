//! PAP and CHAP, and what cannot be checked at all.

use super::*;
use radius::mschap::NtHash;

#[test]
fn a_right_password_is_accepted_with_the_plan() {
    let mut desk = Desk::new();
    let request = plain(7).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!((reply.code(), reply.identifier()), (Code::AccessAccept, 7));
    assert_eq!(reply.u32(kind::SESSION_TIMEOUT), Some(3_600));
    assert_eq!(reply.vendor(14_988, 8), Some(&b"20M/100M"[..]));
    let decision = answered.decision.as_ref().expect("a decision");
    let class = reply.first(kind::CLASS).expect("a class");
    assert!(class.starts_with(&crate::class::head(decision.id)));
}

#[test]
fn an_accept_explains_itself_step_by_step() {
    let mut desk = Desk::new();
    let decision = desk
        .ask(&plain(7).pap("alice@demo", PASSWORD))
        .decision
        .expect("a decision");
    assert_eq!(decision.outcome, Outcome::Accepted);
    let explained: Vec<_> = decision
        .steps
        .iter()
        .map(|step| format!("{}: {}", step.step.as_str(), step.found))
        .collect();
    assert_eq!(
        explained,
        [
            "source: 127.0.0.1 is NAS core-bng of partner Demo ISP",
            "message_authenticator: absent; not required (auto, never seen from this NAS)",
            "duplicate: a new request",
            "identify: subscriber alice@demo found",
            "credential: PAP: the password is the stored one",
            "admission: active",
            "authorization: plan home-100; 100 Mbit/s down, 20 Mbit/s up as Mikrotik-Rate-Limit",
            "reply: Access-Accept, 89 octets",
        ]
    );
    assert!(decision.steps.iter().all(|step| step.ok));
}

#[test]
fn a_wrong_password_is_rejected_and_no_secret_is_in_the_decision() {
    let mut desk = Desk::new();
    let request = plain(7).pap("alice@demo", "wrong horse");
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), Code::AccessReject);
    assert_eq!(reply.text(kind::REPLY_MESSAGE), Some("Login incorrect"));
    let decision = answered.decision.expect("a decision");
    assert_eq!(decision.outcome, Outcome::Rejected(RejectReason::WrongPassword));
    assert_eq!(
        decision.subscriber,
        Some(SubscriberId::from_uuid(Uuid::from_u128(3)))
    );
    let shown = format!("{decision:?}");
    for secret in ["horse", "core-bng secret", "the secret of"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_stranger_is_rejected_with_the_same_words_as_a_wrong_password() {
    let mut desk = Desk::new();
    let request = plain(7).pap("mallory", PASSWORD);
    let answered = desk.ask(&request);
    assert_eq!(
        answered.verified(&request).text(kind::REPLY_MESSAGE),
        Some("Login incorrect")
    );
    let words = "partner Demo ISP has no subscriber mallory";
    desk.check(
        &plain(8).pap("mallory", "x"),
        Outcome::Rejected(RejectReason::UnknownSubscriber),
        words,
    );
}

#[test]
fn chap_works_with_and_without_a_challenge_of_its_own() {
    let mut desk = Desk::new();
    let chap = |identifier: u8, password: &str, challenge: Option<&[u8]>| {
        let authenticator = [identifier; 16];
        let response = digest(9, password, challenge.unwrap_or(&authenticator));
        plain(identifier).build(|writer, _secret| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer
                .attribute(kind::CHAP_PASSWORD, &[&[9][..], &response].concat())
                .expect("room");
            if let Some(challenge) = challenge {
                writer.attribute(kind::CHAP_CHALLENGE, challenge).expect("room");
            }
        })
    };
    let matches = "CHAP: the response matches the stored password";
    desk.check(&chap(1, PASSWORD, None), Outcome::Accepted, matches);
    desk.check(
        &chap(2, PASSWORD, Some(b"a challenge of 26 octets..")),
        Outcome::Accepted,
        matches,
    );
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    desk.check(
        &chap(3, "wrong horse", None),
        wrong,
        "CHAP: the response was made from another password",
    );
}

#[test]
fn what_cannot_be_checked_is_rejected_and_said() {
    let mut desk = Desk::new();
    let nothing = plain(1).build(|writer, _| writer.text(kind::USER_NAME, "alice@demo").expect("room"));
    desk.check(
        &nothing,
        Outcome::Rejected(RejectReason::CredentialNotSent),
        "the request carries no User-Password, CHAP-Password, MS-CHAP response or EAP-Message",
    );
    let nameless = plain(3).build(|writer, secret| writer.password(b"x", secret).expect("room"));
    let no_name = Outcome::Rejected(RejectReason::NoUserName);
    desk.check(&nameless, no_name, "the request carries no User-Name");
    let binary = plain(4).build(|writer, _| writer.attribute(kind::USER_NAME, &[0xff, b'a']).expect("room"));
    assert_eq!(
        desk.check(&binary, no_name, "User-Name is not UTF-8 text")
            .username,
        "\u{fffd}a"
    );
}

#[test]
fn an_nt_hash_is_good_for_pap_and_eap_mschapv2_and_no_good_for_chap() {
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::NtHash(NtHash::of(PASSWORD)));
    let matches = "PAP: the password is the stored one";
    desk.check(&plain(1).pap("alice@demo", PASSWORD), Outcome::Accepted, matches);
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    let differs = "PAP: the password differs from the stored one";
    desk.check(&plain(2).pap("alice@demo", "wrong horse"), wrong, differs);
    let unfit = Outcome::Rejected(RejectReason::CredentialUnfit);
    let words = "an NT hash is stored for this subscriber: good for PAP and MS-CHAP, CHAP and EAP-MD5 need the password";
    let response = digest(9, PASSWORD, &[3; 16]);
    let chap = plain(3).build(|writer, _secret| {
        writer.text(kind::USER_NAME, "alice@demo").expect("room");
        writer
            .attribute(kind::CHAP_PASSWORD, &[&[9][..], &response].concat())
            .expect("room");
    });
    desk.check(&chap, unfit, words);
    let mschap = "EAP: EAP-MSCHAPv2 offered";
    desk.check(&signed(4).eap(&identity(1), None), Outcome::ChallengeSent, mschap);
}

#[test]
fn a_nas_with_another_secret_is_told_apart_when_an_nt_hash_is_stored() {
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::NtHash(NtHash::of(PASSWORD)));
    let request = Ask {
        secret: b"another secret",
        ..plain(1)
    }
    .pap("alice@demo", PASSWORD);
    let words = "PAP: the password decrypts to no text: the shared secret of the NAS differs from the one stored here";
    desk.check(&request, Outcome::Dropped(DropReason::SecretDiffers), words);
}

#[test]
fn a_subscriber_without_password_is_rejected_whatever_he_sends() {
    for credential in [Credential::None, Credential::Clear("".into())] {
        let mut desk = Desk::with(|_, subscriber| subscriber.credential = credential);
        let refused = Outcome::Rejected(RejectReason::NoCredential);
        let words = "no password is stored for this subscriber";
        desk.check(&plain(1).pap("alice@demo", ""), refused, words);
        let (replies, outcome) = desk.conversation("alice@demo", 2, super::nobody::wrong_answers);
        assert_eq!((replies.len(), outcome), (2, refused), "as nobody is");
    }
}
