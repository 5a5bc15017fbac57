//! The same datagrams to Debian's FreeRADIUS and to ours, the same users in both; replies compared attribute by attribute.
//! Every difference must be one of [`EXPLAINED`], which is also what `docs/freeradius-differences.md` says.
//!
//! No clock decides that there is no answer: either server answers in order, so a login that must be answered follows each
//! request, and what has not come when that is answered does not come.

mod accounting;
mod compare;
mod explained;
pub mod freeradius;
pub mod peer;
mod recorded;
mod stream;
mod tunnels;

use compare::{Difference, differences};
use explained::{EXPLAINED, Explained};
use freeradius::Freeradius;
use peer::{ADDRESSES, Asker};
use radius::{Code, View, kind};
use std::collections::BTreeMap;
use stream::Mark;

use crate::isp::{Isp, PASSWORD, eap_identity, eap_md5_response};

/// What is known of the differences.
struct Findings {
    /// Those that are explained for these requests alone, each of which must be seen.
    own: &'static [Explained],
    /// How often each of them was seen.
    seen: Vec<usize>,
    /// Those that nobody explains.
    unexplained: Vec<String>,
}

impl Findings {
    /// Nothing was seen yet.
    fn new(own: &'static [Explained]) -> Self {
        Self {
            own,
            seen: vec![0; own.len()],
            unexplained: Vec::new(),
        }
    }

    fn note(&mut self, differences: &[Difference<'_>]) {
        for difference in differences {
            let is = |explained: &Explained| (explained.is)(difference);
            match self.own.iter().position(is) {
                Some(at) => self.seen[at] += 1,
                // What is so of every reply is explained once.
                None if EXPLAINED.iter().any(is) => {}
                None => self.unexplained.push(difference.to_string()),
            }
        }
    }

    /// Asserts that all differences are explained, and that none is explained that no longer is.
    #[track_caller]
    fn check(&self) {
        assert!(
            self.unexplained.is_empty(),
            "not explained:\n{}",
            self.unexplained.join("\n")
        );
        if !Freeradius::is_the_known_one() {
            return;
        }
        for (explained, seen) in self.own.iter().zip(&self.seen) {
            assert!(*seen > 0, "explained, but never seen: {}", explained.what);
        }
    }
}

/// Two steps of EAP-MD5, before both.
fn eap_md5(
    isp: &Isp,
    freeradius: &Freeradius,
    findings: &mut Findings,
    (username, password, marks): (&str, &str, &[Mark]),
) {
    let askers = [
        Asker::ours(isp, ADDRESSES[0]),
        Asker::theirs(isp, freeradius, ADDRESSES[0]),
    ];
    let asked = askers
        .each_ref()
        .map(|asker| asker.eap(username, &eap_identity(9, username), None));
    let challenges = [0, 1].map(|side| askers[side].ask(&asked[side]));
    let name = format!("EAP identity of {username}");
    let exchanges = [0, 1].map(|side| (asked[side].as_slice(), challenges[side].as_deref()));
    findings.note(&differences(&name, marks, exchanges));
    let replies = challenges
        .each_ref()
        .map(|octets| View::parse(octets.as_deref().expect("answered")).expect("a packet"));
    let questions = replies.each_ref().map(|reply| {
        let mut question = Vec::new();
        reply.concat(kind::EAP_MESSAGE, &mut question);
        question
    });
    const MD5: u8 = 4;
    if questions.iter().any(|question| question.get(4) != Some(&MD5)) {
        return;
    }
    let responses = [0, 1].map(|side| {
        let response = eap_md5_response(&questions[side], password);
        askers[side].eap(username, &response, replies[side].first(kind::STATE))
    });
    let answers = [0, 1].map(|side| askers[side].ask(&responses[side]));
    let name = format!("EAP-MD5 of {username} with {password}");
    let exchanges = [0, 1].map(|side| (responses[side].as_slice(), answers[side].as_deref()));
    findings.note(&differences(&name, marks, exchanges));
}

#[test]
fn freeradius_and_ours_answer_alike_but_for_what_is_explained() {
    let Some(freeradius) = Freeradius::start() else {
        return;
    };
    let isp = peer::ours();
    let ours = ADDRESSES.map(|address| Asker::ours(&isp, address));
    let theirs = ADDRESSES.map(|address| Asker::theirs(&isp, &freeradius, address));
    let mut findings = Findings::new(EXPLAINED);
    let mut kinds = BTreeMap::new();
    // Keys of either version of MS-CHAP, in replies of both sides.
    const MICROSOFT: u32 = 311;
    const MS_CHAP_MPPE_KEYS: u8 = 12;
    const MS_MPPE_SEND_KEY: u8 = 16;
    let mut keys = [0; 2];
    for case in stream::cases() {
        let answers = [&ours, &theirs].map(|askers| askers[case.nas].ask(&case.octets));
        let exchanges = answers
            .each_ref()
            .map(|answer| (case.octets.as_slice(), answer.as_deref()));
        findings.note(&differences(&case.name, &case.marks, exchanges));
        let replies = answers
            .iter()
            .flatten()
            .map(|octets| View::parse(octets).expect("a packet"));
        for (seen, key) in keys.iter_mut().zip([MS_CHAP_MPPE_KEYS, MS_MPPE_SEND_KEY]) {
            *seen += replies
                .clone()
                .filter(|reply| reply.vendor(MICROSOFT, key).is_some())
                .count();
        }
        let kind = answers[0].as_ref().map(|octets| octets[0]);
        *kinds.entry(kind).or_insert(0) += 1;
    }
    for known in [
        ("alice@demo", PASSWORD, &[Mark::Eap][..]),
        ("alice@demo", "wrong horse", &[Mark::Eap]),
        ("bob", "x", &[Mark::Eap]),
        ("zoë", "grüße, 世界", &[Mark::Eap]),
        ("nora", "only hashed", &[Mark::Eap]),
        ("nobody.home", "x", &[Mark::Eap, Mark::Unfit]),
        ("mallory", "x", &[Mark::Eap, Mark::Unknown]),
    ] {
        eap_md5(&isp, &freeradius, &mut findings, known);
    }
    findings.check();
    // Nothing was compared with nothing: there were enough of each kind.
    for (kind, least) in [
        (Some(Code::AccessAccept), 150),
        (Some(Code::AccessReject), 150),
        (None, 20),
    ] {
        let count = kinds.get(&kind.map(|code| code as u8));
        assert!(count > Some(&least), "{kind:?}: {count:?}");
    }
    assert!(keys.iter().all(|count| *count > 50), "{keys:?}");
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/freeradius-differences.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let page = explained::page();
    assert!(
        written == page,
        "docs/freeradius-differences.md should be:\n{page}"
    );
}
