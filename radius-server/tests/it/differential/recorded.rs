//! What real NAS sent when it was recorded (`tests/recorded`), before both servers. A conversation of EAP cannot be played
//! again beyond its first packet: later ones answer a State that nobody gave out now, and both say so.

use super::Findings;
use super::compare::differences;
use super::explained::RECORDED;
use super::freeradius::Freeradius;
use super::peer::{ADDRESSES, Asker, Stored, User, ours_with};
use super::stream::Mark;
use radius::kind::microsoft;
use radius::kind::vendor::MICROSOFT;
use radius::{Code, SharedSecret, View, kind};
use radius_server::authentication::EapOptions;
use std::collections::BTreeMap;

/// Shared by all that were recorded, and everybody's password.
const SECRET: &str = "secretofthelabasrecorded";
/// The recording.
const LAB: &str = include_str!("../../recorded/lab.hex");
/// Who must be answered.
const KNOWN: (&str, &str) = ("probe", "x");

/// The secret of the NAS.
pub fn secret() -> SharedSecret {
    SharedSecret::new(SECRET.as_bytes())
}

/// A user with the password of all.
const fn user(name: &'static str) -> User {
    User {
        name,
        stored: Stored::Clear(SECRET),
        reply: &[("Session-Timeout", "86400"), ("Acct-Interim-Interval", "60")],
    }
}

/// Those who were there; peter was suspended, and mallory is nobody here.
const USERS: &[User] = &[
    user("alice"),
    user("bob"),
    user("carol"),
    user("home-01"),
    user("home-02"),
    user("home-03"),
    User {
        name: KNOWN.0,
        stored: Stored::Clear(KNOWN.1),
        reply: &[],
    },
];

/// One request.
struct Recorded {
    /// Who sent it.
    who: &'static str,
    /// Whether it went to the accounting port.
    accounting: bool,
    octets: Vec<u8>,
}

/// Reads the recording.
fn recorded() -> Vec<Recorded> {
    let lines = LAB.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let [who, port, digits] = words[..] else {
                panic!("three words: {line}")
            };
            let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
            Recorded {
                who,
                accounting: port == "acct",
                octets: (0..digits.len()).step_by(2).map(octet).collect(),
            }
        })
        .collect()
}

#[test]
fn what_was_recorded_is_answered_alike_but_for_what_is_explained() {
    let Some(freeradius) = Freeradius::with(None, USERS, SECRET.as_bytes()) else {
        return;
    };
    let isp = ours_with(EapOptions::default(), USERS, SECRET.as_bytes());
    let mut logins = [
        Asker::ours(&isp, ADDRESSES[0]),
        Asker::theirs(&isp, &freeradius, ADDRESSES[0]),
    ];
    let mut records = Asker::accounting(&isp, &freeradius, ADDRESSES[0]);
    for asker in logins.iter_mut().chain(&mut records) {
        asker.client.secret = secret();
        asker.known = KNOWN;
    }
    let mut findings = Findings::new(RECORDED);
    let mut answered: BTreeMap<_, usize> = BTreeMap::new();
    for request in recorded() {
        let mut octets = request.octets;
        let mut marks = vec![Mark::Recorded];
        let view = View::parse(&octets).expect("a packet");
        if view.first(kind::EAP_MESSAGE).is_some() {
            marks.push(Mark::Eap);
        }
        if view.first(kind::STATE).is_some() {
            // The answer to a question that was asked when it was recorded.
            marks.push(Mark::BadCredential);
        }
        let v1_response = view.vendor(MICROSOFT, microsoft::CHAP_RESPONSE);
        if v1_response.is_some() {
            marks.push(Mark::MsChap1);
        }
        // The upper half of Identifiers is for those that must be answered. radclient draws them; nothing of a login that is
        // not signed says which it was.
        if octets[1] >= 0x80 {
            let signed = view.first(kind::MESSAGE_AUTHENTICATOR).is_some();
            assert!(!request.accounting && !signed, "its Identifier cannot be changed");
            octets[1] &= 0x7f;
        }
        let askers = if request.accounting { &records } else { &logins };
        let answers = askers.each_ref().map(|asker| asker.ask(&octets));
        let exchanges = answers
            .each_ref()
            .map(|answer| (octets.as_slice(), answer.as_deref()));
        findings.note(&differences(request.who, &marks, exchanges));
        let code = answers[0]
            .as_ref()
            .map(|answer| View::parse(answer).expect("a packet").code());
        *answered
            .entry((request.who, code.map(|code| code as u8)))
            .or_default() += 1;
    }
    for (who, code) in [
        ("hostapd", Code::AccessChallenge),
        ("hostapd", Code::AccountingResponse),
        ("radclient", Code::AccessAccept),
        ("radclient", Code::AccessReject),
        ("bng", Code::AccessAccept),
        ("bng", Code::AccountingResponse),
    ] {
        let seen = answered.get(&(who, Some(code as u8)));
        assert!(seen.is_some(), "{who}, {code:?}: {answered:?}");
    }
    findings.check();
}
