//! Decisions from inside: they survive encoding, the rings keep what they promise, the words are whole.

use super::format::{DECISION_OCTETS_MAX, encode};
use super::*;
use crate::authorization::Make;
use crate::counters::{Counters, Event};
use crate::directory::MarkKind;
use crate::password_hash::HashKind;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

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

/// Records a decision as a worker does.
fn record(recorder: &mut Recorder, decision: &Decision) {
    recorder.record(&format::draft_of(decision).expect("encodes"));
    recorder.flush();
}

/// Empty rings of the least size, and one worker's way in.
fn desk() -> (Arc<Decisions>, Counters, Recorder) {
    let (decisions, counters) = (Arc::new(Decisions::new(0)), Counters::default());
    let recorder = decisions.recorder(counters.lane());
    (decisions, counters, recorder)
}

/// A decision about a user in second `at_s`.
fn at(username: &str, at_s: i64) -> Decision {
    Decision {
        at_unix_us: at_s * 1_000_000,
        ..decision(username, Outcome::Accepted)
    }
}

/// The same about a name that no subscriber has.
fn stranger_at(username: &str, at_s: i64) -> Decision {
    Decision {
        subscriber: None,
        outcome: Outcome::Rejected(RejectReason::UnknownSubscriber),
        ..at(username, at_s)
    }
}

/// The seconds of the last decisions about a user of the nil partner.
fn seconds(decisions: &Decisions, username: &str) -> Vec<i64> {
    let recent = decisions.recent(PartnerId::from_bytes([0; 16]), username);
    recent.iter().map(|one| one.at_unix_us / 1_000_000).collect()
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
            dialect: Make::Mikrotik,
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
        Found::SignedWithOlderSecret,
        Found::UnsignedProxiedLimited,
        Found::UnsignedProxiedNeeded,
        Found::HeldOff {
            attempts: 7,
            left_s: 30,
        },
        Found::EapIdentityAsked,
        Found::EapOffered { method: 25 },
        Found::EapGoesOn { method: 21 },
        Found::EapNothingInCommon {
            wanted: 25,
            offered: 5,
        },
        Found::EapTooLong,
        Found::GtcMatch,
        Found::GtcMismatch,
        Found::EapPeerDisbelieves,
        Found::EapFragmentMalformed,
        Found::EapTlsAlert { alert: 48 },
        Found::EapTlsFailed {
            why: TlsFailure::CertificateRevoked,
        },
        Found::EapNoKeys,
        Found::EapOuterIdentity { username: name() },
        Found::EapInnerUnknown,
        Found::EapInnerMalformed,
        Found::EapInnerNothing,
        Found::EapChallengeDiffers,
        Found::EapCertificateMatch,
        Found::EapCertificateNames { names: name() },
        Found::EapCertificateNobody,
        Found::RealmHere { realm: name() },
        Found::RealmAway { realm: "*".into() },
        Found::RealmRefused { realm: name() },
        Found::HomeServerSaid {
            server: "home-1".into(),
            code: 2,
            waited_us: 12_345,
            servers: 2,
            attempts: 3,
        },
        Found::HomeServerSilent {
            server: "home-1".into(),
            waited_us: 5_000_000,
            servers: 1,
            attempts: 3,
        },
        Found::NoHomeServer,
        Found::HomeServersBusy,
        Found::ProxyLoop,
        Found::NotSentOn,
        Found::Marked {
            mark: MarkKind::CircuitId,
            value: name(),
            username: name(),
        },
        Found::NotMarked {
            mark: MarkKind::Mac,
            value: name(),
        },
        Found::NoLine,
        Found::NoDevice,
        Found::TwoDevices,
        Found::LineSuffices,
        Found::DeviceSuffices,
        Found::DeviceMismatch,
        Found::HashStored {
            method: WantsPassword::Chap,
            hash: HashKind::Argon2id,
        },
        Found::HashMatch {
            hash: HashKind::Bcrypt,
            remembered: true,
        },
        Found::HashMismatch {
            hash: HashKind::Ssha1,
        },
        Found::EapNobody,
    ]
}

/// A decision with one of every finding.
fn with_all_found() -> Decision {
    let mut all = decision("alice@demo", Outcome::Rejected(RejectReason::WrongPassword));
    all.calling_station = "02:00:5e:00:00:01".into();
    all.called_station = "pppoe".into();
    let steps = all_found().into_iter().map(|found| Observation {
        step: Step::Identify,
        found,
        ok: true,
    });
    all.steps.extend(steps);
    all
}

/// The octets of a decision.
fn octets_of(decision: &Decision) -> Vec<u8> {
    let mut octets = Vec::new();
    decision.encode_into(&mut octets).expect("encodes");
    octets
}

/// An Access-Accept for PAP as the pipeline makes it.
fn usual_accept() -> Decision {
    let mut accept = decision("user000001@isp.example", Outcome::Accepted);
    accept.calling_station = "02:00:5e:00:00:01".into();
    accept.called_station = "pppoe".into();
    let username = Name::from("user000001@isp.example");
    let plan = Found::Plan {
        plan: "home-100".into(),
        download_bps: Some(100_000_000),
        upload_bps: Some(20_000_000),
        dialect: Make::Mikrotik,
    };
    let nas = Found::Nas {
        address: accept.source.ip(),
        nas: accept.nas_name.clone(),
        partner: accept.partner_name.clone(),
    };
    let sent = Found::Sent {
        reply: ReplyKind::Accept,
        octets: 102,
    };
    let steps = [
        (Step::Source, nas),
        (Step::MessageAuthenticator, Found::Signed),
        (Step::Duplicate, Found::NotSeenBefore),
        (Step::Identify, Found::Subscriber { username }),
        (Step::Credential, Found::PapMatch),
        (Step::Admission, Found::Active),
        (Step::Authorization, plan),
        (Step::Reply, sent),
    ];
    let steps = steps.into_iter().map(|(step, found)| Observation {
        step,
        found,
        ok: true,
    });
    accept.steps.extend(steps);
    accept
}

#[test]
fn every_finding_has_words_and_survives_encoding() {
    let all = with_all_found();
    for Observation { found, .. } in &all.steps {
        let words = found.words();
        assert!(
            words.len() > 3 && !words.contains('\u{1b}') && !words.ends_with('.'),
            "{found:?}: {words:?}"
        );
    }
    assert_eq!(Decision::decode(&octets_of(&all)).expect("decodes"), all);
}

#[test]
fn an_accept_takes_less_than_200_octets_and_keeps_all_its_names() {
    let accept = usual_accept();
    let octets = octets_of(&accept);
    assert!(octets.len() < 200, "{}", octets.len());
    assert_eq!(Decision::decode(&octets).expect("decodes"), accept);
}

#[test]
fn decisions_of_format_1_are_still_read() {
    // Recorded from the program of 2026-11-21 before format 2; the input is what `with_all_found` builds.
    let recorded = include_bytes!("../../tests/vectors/decision/01-every-finding.format1");
    assert_eq!(recorded[0], 1);
    let mut read = Decision::decode(recorded).expect("decodes");
    let mut built = with_all_found();
    // Findings are only ever added at the end; what came later is not in the record.
    built.steps.truncate(read.steps.len());
    read.steps.sort_by_key(|noted| format!("{:?}", noted.found));
    built.steps.sort_by_key(|noted| format!("{:?}", noted.found));
    assert_eq!(read, built);
    let recorded = include_bytes!("../../tests/vectors/decision/02-accept-ipv6.format1");
    let read = Decision::decode(recorded).expect("decodes");
    let source = "[2001:db8::1]:50000".parse().expect("an address");
    assert_eq!(
        (read.source, read.outcome, &*read.username),
        (source, Outcome::Accepted, "bob@demo")
    );
    assert_eq!(
        read.steps.last().expect("a step").found.words(),
        "Access-Accept, 84 octets"
    );
    assert_eq!(Decision::decode(&octets_of(&read)).expect("decodes"), read);
}

#[test]
fn numbers_in_the_journal_stay_what_they_are() {
    // A change here means that journals written before are misread: give the format another number instead.
    assert_eq!(Outcome::Rejected(RejectReason::ReplyTooLong).number(), 27);
    assert_eq!(Outcome::Dropped(DropReason::NoReply).number(), 131);
    for number in 0..=u8::MAX {
        if let Some(outcome) = Outcome::of_number(number) {
            assert_eq!(outcome.number(), number);
        }
    }
    for (at, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(step as usize, at);
    }
    let number = |found: Found| postcard::to_stdvec(&found).expect("encodes")[0];
    assert_eq!(number(Found::Signed), 1);
    assert_eq!(number(Found::PapMatch), 15);
    assert_eq!(number(Found::Silent), 43);
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
        "realm *: decided by its home servers",
        "home server home-1 said Access-Accept after 12.3 ms (3 datagrams to 2 servers)",
        "home server home-1 said nothing in 5000.0 ms (3 datagrams)",
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
    let (decisions, _, mut recorder) = desk();
    for second in 0..20 {
        record(&mut recorder, &at("alice", second));
    }
    assert_eq!(seconds(&decisions, "alice"), [19, 18, 17, 16, 15, 14, 13, 12]);
    assert!(seconds(&decisions, "alicia").is_empty());
}

#[test]
fn the_rings_of_all_workers_are_looked_at() {
    let (decisions, counters, mut one) = desk();
    let mut other = decisions.recorder(counters.lane());
    record(&mut one, &at("alice", 1));
    record(&mut other, &at("alice", 2));
    record(&mut one, &at("alice", 3));
    assert_eq!(seconds(&decisions, "alice"), [3, 2, 1]);
    drop(other);
    record(&mut decisions.recorder(counters.lane()), &at("alice", 4));
    assert_eq!(
        seconds(&decisions, "alice"),
        [4, 3, 2, 1],
        "the ring that was left is used again"
    );
    assert_eq!(decisions.held().records, 4);
}

#[test]
fn one_name_at_two_partners_is_two_users() {
    let (decisions, _, mut recorder) = desk();
    let (one, other) = (PartnerId::from_bytes([1; 16]), PartnerId::from_bytes([2; 16]));
    let mut alice = decision("alice", Outcome::Accepted);
    alice.partner = one;
    record(&mut recorder, &alice);
    assert_eq!(decisions.recent(one, "alice").len(), 1);
    assert!(decisions.recent(other, "alice").is_empty());
}

#[test]
fn memory_keeps_its_bound() {
    let (decisions, _, mut recorder) = desk();
    for n in 0..10_000 {
        record(&mut recorder, &at(&format!("user-{n}"), n));
    }
    let held = decisions.held();
    let bound = DECISION_MEMORY_OCTETS_MIN as u64;
    assert!(held.octets <= bound && held.octets > bound / 2, "{held:?}");
    assert_eq!(seconds(&decisions, "user-9999"), [9_999]);
    assert!(seconds(&decisions, "user-0").is_empty());
}

#[test]
fn who_tries_all_the_time_and_who_tries_names_push_nobody_out() {
    let (decisions, _, mut recorder) = desk();
    for second in 0..8 {
        record(&mut recorder, &at("quiet", second * 3_600));
    }
    let later = 8 * 3_600;
    for n in 0..20_000 {
        record(&mut recorder, &at("retrying", later + n));
        record(&mut recorder, &stranger_at(&format!("guess-{n}"), later + n));
    }
    assert_eq!(seconds(&decisions, "quiet").len(), 8);
    assert_eq!(seconds(&decisions, "retrying").first(), Some(&(later + 19_999)));
    assert_eq!(seconds(&decisions, "retrying").len(), 8);
    assert_eq!(seconds(&decisions, "guess-19999").len(), 1);
}

#[test]
fn the_scribe_gets_each_decision_once_or_hears_how_many_it_missed() {
    let (decisions, _, mut recorder) = desk();
    let mut batch = Batch::default();
    let (mut got, mut lost) = (0, 0);
    for n in 0..5_000_i64 {
        record(&mut recorder, &at(&format!("user-{}", n % 7), n));
        if n % 900 == 0 {
            while decisions.read(&mut batch, 4_096) || batch.len() > 0 {
                assert!(batch.iter().all(|octets| Decision::decode(octets).is_ok()));
                (got, lost) = (got + batch.len() as u64, lost + batch.lost);
                batch.clear();
            }
        }
    }
    decisions.read(&mut batch, usize::MAX);
    (got, lost) = (got + batch.len() as u64, lost + batch.lost);
    assert_eq!(got + lost, 5_000);
    assert!(got > 1_000, "{got}");
}

#[test]
fn the_scribe_sleeps_until_something_is_recorded_and_ends_with_the_last_recorder() {
    let (decisions, counters, mut recorder) = desk();
    let scribe = {
        let decisions = Arc::clone(&decisions);
        std::thread::spawn(move || {
            let (mut batch, mut got) = (Batch::default(), 0);
            while decisions.wait() {
                decisions.gather(Duration::from_millis(1));
                decisions.read(&mut batch, usize::MAX);
                got += batch.len();
                batch.clear();
            }
            got
        })
    };
    let mut other = decisions.recorder(counters.lane());
    for n in 0..200 {
        record(
            if n % 2 == 0 { &mut recorder } else { &mut other },
            &at("alice", n),
        );
        if n % 50 == 0 {
            std::thread::yield_now();
        }
    }
    other.record(&format::draft_of(&at("alice", 200)).expect("encodes"));
    drop((recorder, other)); // what was not flushed yet is, now
    assert_eq!(scribe.join().expect("no panic"), 201);
}

#[test]
fn a_decision_with_too_many_steps_is_counted_as_lost() {
    let (decisions, counters, mut recorder) = desk();
    let mut endless = decision("alice", Outcome::Accepted);
    let found = Found::Suspended {
        reason: "x".repeat(10_000).into(),
    };
    let step = Observation {
        step: Step::Admission,
        found,
        ok: false,
    };
    endless.steps = vec![step; 9];
    record(&mut recorder, &endless);
    assert_eq!(counters.get(Event::DecisionLost), 1);
    assert_eq!(decisions.held().records, 0);
    let mut octets = Vec::new();
    assert!(endless.encode_into(&mut octets).is_err() && octets.is_empty());
    endless.steps.truncate(7);
    record(&mut recorder, &endless);
    assert_eq!(decisions.held().records, 1);
}

#[test]
fn the_longest_decision_fits_into_its_room() {
    let mut longest = decision(&"u".repeat(300), Outcome::Accepted);
    longest.calling_station = "c".repeat(300);
    longest.called_station = "d".repeat(300);
    longest.nas_name = "n".repeat(300).into();
    longest.partner_name = "p".repeat(300).into();
    longest.source = "[2001:db8::1]:50000".parse().expect("an address");
    let step = Observation {
        step: Step::Admission,
        found: Found::Silent,
        ok: false,
    };
    longest.steps = vec![step; 1_024];
    let draft = format::draft_of(&longest).expect("encodes");
    assert_eq!(
        encode(&draft, &mut [0; DECISION_OCTETS_MAX]),
        Some(DECISION_OCTETS_MAX)
    );
}

#[test]
fn a_foreign_format_is_named() {
    let error = Decision::decode(&[9, 1, 2, 3]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "a decision of format 9 cannot be read; this program reads formats 1 and 2"
    );
}

proptest! {
    #[test]
    fn decoding_octets_never_panics(octets: Vec<u8>, format in 0_u8..4) {
        let octets = [&[format], &octets[..]].concat();
        if let Ok(decoded) = Decision::decode(&octets) {
            // What decodes can be shown.
            let _words: Vec<_> = decoded.steps.iter().map(|step| step.found.words()).collect();
        }
    }

    #[test]
    fn a_damaged_decision_never_panics(at: prop::sample::Index, octet: u8, cut: prop::sample::Index) {
        let mut octets = octets_of(&usual_accept());
        let at = at.index(octets.len());
        octets[at] = octet;
        octets.truncate(1 + cut.index(octets.len()));
        if let Ok(decoded) = Decision::decode(&octets) {
            let _words: Vec<_> = decoded.steps.iter().map(|step| step.found.words()).collect();
        }
    }

    #[test]
    fn any_decision_survives_encoding(
        username in ".{0,60}",
        station in "\\PC{0,60}",
        names in ("[a-z]{1,40}", "[a-z]{1,40}"),
        ids: [[u8; 16]; 4],
        at_unix_us: i64,
        duration_us: u32,
        ipv6: bool,
        picked in proptest::collection::vec((0_usize..62, 0_usize..9, any::<bool>()), 0..12),
    ) {
        let all = all_found();
        let steps = picked.into_iter().map(|(found, step, ok)| Observation {
            step: Step::ALL[step],
            found: all[found].clone(),
            ok,
        });
        let written = Decision {
            id: DecisionId::from_bytes(ids[0]),
            at_unix_us,
            partner: PartnerId::from_bytes(ids[1]),
            partner_name: names.0.into(),
            nas: NasId::from_bytes(ids[2]),
            nas_name: names.1.into(),
            source: if ipv6 { "[2001:db8::1]:1" } else { "192.0.2.1:65535" }.parse().expect("an address"),
            username,
            subscriber: ipv6.then(|| SubscriberId::from_bytes(ids[3])),
            calling_station: station.clone(),
            called_station: station,
            outcome: Outcome::ChallengeSent,
            steps: steps.collect(),
            duration_us,
        };
        prop_assert_eq!(Decision::decode(&octets_of(&written)).expect("decodes"), written);
    }
}

#[test]
fn a_quota_that_is_used_up_is_told_in_words_and_survives_encoding() {
    let (allowed, left_s) = (500_000_000_000, 273_600);
    let mut both = decision("alice@demo", Outcome::Rejected(RejectReason::QuotaUsedUp));
    let found = [
        Found::QuotaThrottled { allowed, left_s },
        Found::QuotaUsedUp {
            allowed: 1_540_000,
            left_s: 17,
        },
    ];
    both.steps.extend(found.map(|found| Observation {
        step: Step::Admission,
        found,
        ok: true,
    }));
    let read = Decision::decode(&octets_of(&both)).expect("decodes");
    assert_eq!(read, both);
    let words: Vec<_> = read
        .steps
        .iter()
        .rev()
        .take(2)
        .map(|step| step.found.words())
        .collect();
    let expected = [
        "the quota of 1.5 MB is used up, the next period begins in 17 s",
        "active; the quota of 500 GB is used up, the plan's throttle holds for 3 d 4 h",
    ];
    assert_eq!(words, expected);
}
