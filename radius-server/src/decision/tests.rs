//! Decisions from inside: they survive encoding, the table keeps its bounds, the words are whole.

use super::*;
use crate::directory::RateDialect;
use proptest::prelude::*;
use std::sync::Arc;

/// A decision about a user.
fn decision(username: &str, outcome: Outcome) -> Decision {
    Decision {
        id: DecisionId::from_bytes([7; 16]),
        at_unix_us: 1_700_000_000_000_000,
        partner_name: "Demo ISP".into(),
        nas_name: "core-bng".into(),
        source: "127.0.0.1:40000".parse().expect("an address"),
        username: username.into(),
        subscriber: Some(SubscriberId::from_bytes([9; 16])),
        outcome,
        duration_us: 12,
        ..Decision::blank()
    }
}

/// Puts a decision into a table as the recorder does.
fn add(decisions: &Decisions, partner: PartnerId, decision: &Decision) {
    let mut octets = Vec::new();
    decision.encode_into(&mut octets).expect("encodes");
    decisions.add(partner, &decision.username, Arc::from(octets));
}

/// One of every finding, to look at its words.
fn all_found() -> Vec<Found> {
    let name = || Name::from("core-bng");
    let address = "127.0.0.1".parse().expect("an address");
    vec![
        Found::Nas {
            address,
            nas: name(),
            partner: "Demo ISP".into(),
        },
        Found::Signed,
        Found::UnsignedNotRequired,
        Found::UnsignedNeverSeen,
        Found::UnsignedRequired,
        Found::UnsignedSeenBefore,
        Found::UnsignedProxied,
        Found::UnsignedEap,
        Found::SignedWithOtherSecret,
        Found::SignatureMalformed,
        Found::NotSeenBefore,
        Found::Subscriber { username: name() },
        Found::NoSubscriber {
            username: "bo\u{1b}b".into(),
            partner: name(),
        },
        Found::NoUserName,
        Found::UserNameNotText,
        Found::PapMatch,
        Found::PapMismatch,
        Found::PapGarbled,
        Found::PapMalformed,
        Found::ChapMatch,
        Found::ChapMismatch,
        Found::ChapMalformed,
        Found::EapMd5Challenge,
        Found::EapMd5Match,
        Found::EapMd5Mismatch,
        Found::EapNak { wanted: 25 },
        Found::EapUnexpectedMethod { method: 99 },
        Found::EapMalformed,
        Found::EapNoConversation,
        Found::EapOtherConversation,
        Found::EapNoRandomness,
        Found::MsChap,
        Found::NothingStored,
        Found::NothingSent,
        Found::Active,
        Found::ActiveFor { left_s: 90_000 },
        Found::Suspended {
            reason: "invoice 42".into(),
        },
        Found::Terminated,
        Found::Expired { ago_s: 61 },
        Found::PartnerSuspended { partner: name() },
        Found::Plan {
            plan: name(),
            download_bps: Some(100_000_000),
            upload_bps: Some(1_500_000),
            dialect: RateDialect::Mikrotik,
        },
        Found::ReplyTooLong,
        Found::Sent {
            reply: ReplyKind::Accept,
            octets: 84,
        },
        Found::Silent,
        Found::MsChapMatch,
        Found::MsChapMismatch,
        Found::MsChapMalformed,
        Found::MsChapLanManager,
        Found::MsChapPasswordChange,
        Found::MsChapPasswordNotText,
        Found::MsChap2Match,
        Found::MsChap2Mismatch,
        Found::MsChap2Malformed,
        Found::NtHashStored,
    ]
}

#[test]
fn every_finding_has_words_and_survives_encoding() {
    let mut all = decision("alice@demo", Outcome::Rejected(RejectReason::WrongPassword));
    for found in all_found() {
        let words = found.words();
        assert!(
            words.len() > 3 && !words.contains('\u{1b}') && !words.ends_with('.'),
            "{found:?}: {words:?}"
        );
        all.note(Step::Identify, found, true);
    }
    let mut octets = Vec::new();
    all.encode_into(&mut octets).expect("encodes");
    assert_eq!(Decision::decode(&octets).expect("decodes"), all);
}

/// Decisions in journals outlive the program that wrote them: a variant that moves makes them say something else.
#[test]
fn findings_keep_the_numbers_they_are_encoded_with() {
    for (number, found) in all_found().into_iter().enumerate() {
        let mut octets = Vec::new();
        octets = postcard::to_extend(&found, octets).expect("encodes");
        assert_eq!(usize::from(octets[0]), number, "{found:?}");
    }
    let of = |number: u8| postcard::from_bytes::<Found>(&[number]).expect("decodes");
    assert_eq!(
        (of(31), of(32), of(33)),
        (Found::MsChap, Found::NothingStored, Found::NothingSent)
    );
}

#[test]
fn the_sentences_read_like_an_explanation() {
    let words: Vec<_> = all_found().iter().map(Found::words).collect();
    for sentence in [
        "127.0.0.1 is NAS core-bng of partner Demo ISP",
        "absent; not required (auto, never seen from this NAS)",
        "EAP: the peer refuses EAP-MD5 and asks for PEAP; offered here: EAP-MD5",
        "active; expires in 1 d 1 h",
        "plan core-bng; 100 Mbit/s down, 1500 kbit/s up as Mikrotik-Rate-Limit",
        "Access-Accept, 84 octets",
    ] {
        assert!(
            words.iter().any(|words| words == sentence),
            "{sentence} is not in {words:#?}"
        );
    }
}

#[test]
fn reply_messages_do_not_tell_a_wrong_name_from_a_wrong_password() {
    let message = RejectReason::WrongPassword.reply_message();
    assert_eq!(RejectReason::UnknownSubscriber.reply_message(), message);
    assert_eq!(RejectReason::NoCredential.reply_message(), message);
    assert_eq!(RejectReason::CredentialUnfit.reply_message(), message);
}

#[test]
fn reasons_are_listed_in_their_own_order() {
    for (at, reason) in RejectReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, at);
    }
    for (at, reason) in DropReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, at);
    }
}

#[test]
fn the_last_eight_are_kept_newest_first() {
    let decisions = Decisions::with_bound(100);
    let partner = PartnerId::from_bytes([1; 16]);
    for at in 0..20 {
        let mut one = decision("alice", Outcome::Accepted);
        one.at_unix_us = at;
        add(&decisions, partner, &one);
    }
    let times: Vec<_> = decisions
        .recent(partner, "alice")
        .iter()
        .map(|one| one.at_unix_us)
        .collect();
    assert_eq!(times, [19, 18, 17, 16, 15, 14, 13, 12]);
}

#[test]
fn one_name_at_two_partners_is_two_users() {
    let decisions = Decisions::with_bound(100);
    let (one, other) = (PartnerId::from_bytes([1; 16]), PartnerId::from_bytes([2; 16]));
    add(&decisions, one, &decision("alice", Outcome::Accepted));
    assert_eq!(decisions.recent(one, "alice").len(), 1);
    assert!(decisions.recent(other, "alice").is_empty());
}

#[test]
fn the_table_keeps_its_bound() {
    let decisions = Decisions::with_bound(64);
    for n in 0..10_000 {
        add(
            &decisions,
            PartnerId::from_bytes([1; 16]),
            &decision(&format!("user-{n}"), Outcome::Accepted),
        );
    }
    assert!(decisions.user_count() <= 64, "{}", decisions.user_count());
}

#[test]
fn a_foreign_format_is_named() {
    let error = Decision::decode(&[9, 1, 2, 3]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "a decision of format 9 cannot be read; this program reads format 1"
    );
}

#[test]
fn lossy_text_is_cut_between_characters() {
    let mut text = String::from("what was there before");
    put_lossy(&mut text, &[b'a', 0xff, b'b', 0xc3, 0xa9], 6);
    assert_eq!(text, "a\u{fffd}b");
}

proptest! {
    #[test]
    fn decoding_octets_never_panics(octets: Vec<u8>) {
        if let Ok(decoded) = Decision::decode(&octets) {
            // What decodes can be shown.
            let _words: Vec<_> = decoded.steps.iter().map(|step| step.found.words()).collect();
        }
    }
}
