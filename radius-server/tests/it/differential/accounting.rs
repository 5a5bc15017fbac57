//! Accounting-Requests before both: what is answered, with which attributes, and what is not.

use super::Findings;
use super::compare::differences;
use super::explained::ACCOUNTING;
use super::freeradius::Freeradius;
use super::peer::{self, ADDRESSES, Asker};
use super::stream::{BESIDES, Case, Mark, Numbers, secret};
use radius::{Code, RequestWriter, SharedSecret, View, kind};

/// Requests the generator makes.
const GENERATED: usize = 400;
/// Where it begins.
const SEED: u64 = 0x0061_6363_6f75_6e74;
/// Acct-Status-Type of an interim update.
const INTERIM: u32 = 3;

/// A request in the making.
struct Draft {
    name: String,
    marks: Vec<Mark>,
    /// Acct-Status-Type.
    status: Option<u32>,
    signed: bool,
    secret: SharedSecret,
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Draft {
    /// An interim update of alice.
    fn new(name: &str) -> Self {
        Self {
            name: format!("accounting: {name}"),
            marks: vec![Mark::Accounting],
            status: Some(INTERIM),
            signed: false,
            secret: secret(),
            attributes: vec![
                (kind::USER_NAME, b"alice@demo".to_vec()),
                (kind::ACCT_SESSION_ID, b"8100000a".to_vec()),
                (kind::ACCT_SESSION_TIME, vec![0, 0, 1, 0]),
                (kind::ACCT_INPUT_OCTETS, vec![0, 1, 0, 0]),
            ],
        }
    }

    fn marked(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    fn without(mut self, kind: u8) -> Self {
        self.attributes.retain(|attribute| attribute.0 != kind);
        self
    }

    /// Writes it; `number` makes each another one.
    fn case(self, number: usize) -> Case {
        let mut buf = [0; 4_096];
        let identifier = u8::try_from(number % 128).expect("below 128");
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, identifier).expect("room");
        if self.signed {
            writer.reserve_message_authenticator().expect("room");
        }
        if let Some(status) = self.status {
            writer.u32(kind::ACCT_STATUS_TYPE, status).expect("room");
        }
        for (kind, value) in &self.attributes {
            // The writer makes a right one only.
            let kind = if *kind == kind::MESSAGE_AUTHENTICATOR {
                FORGED
            } else {
                *kind
            };
            writer.attribute(kind, value).expect("room");
        }
        writer
            .text(kind::CONNECT_INFO, &format!("request {number}"))
            .expect("room");
        let mut octets = writer.finish(&self.secret).to_vec();
        forge(&mut octets, &self.secret);
        Case {
            name: self.name,
            marks: self.marks,
            nas: 0,
            octets,
        }
    }
}

/// The type that becomes Message-Authenticator when a request is written.
const FORGED: u8 = 251;

/// Gives such attributes their type, and the request its authenticator (RFC 2866 section 3).
fn forge(octets: &mut [u8], secret: &SharedSecret) {
    use md5::{Digest, Md5};
    let mut at = 20;
    let mut any = false;
    while at < octets.len() {
        if octets[at] == FORGED {
            octets[at] = kind::MESSAGE_AUTHENTICATOR;
            any = true;
        }
        at += usize::from(octets[at + 1]);
    }
    if any {
        octets[4..20].fill(0);
        let digest = Md5::new()
            .chain_update(&octets)
            .chain_update(secret.octets())
            .finalize();
        octets[4..20].copy_from_slice(&digest);
    }
}

/// Requests that somebody thought of.
fn thought_of() -> Vec<Draft> {
    let mut drafts = Vec::new();
    for status in (0..=16).chain([200, u32::MAX]) {
        drafts.push(Draft {
            status: Some(status),
            ..Draft::new(&format!("Acct-Status-Type {status}"))
        });
    }
    let mut add = |draft: Draft| drafts.push(draft);
    let new = Draft::new;
    add(Draft {
        status: None,
        ..new("no Acct-Status-Type").marked(Mark::NoStatus)
    });
    add(Draft {
        status: None,
        ..new("Acct-Status-Type of two octets")
            .with(kind::ACCT_STATUS_TYPE, &[0, 1])
            .marked(Mark::BadValue)
            .marked(Mark::NoStatus)
    });
    add(new("two Acct-Status-Type").with(kind::ACCT_STATUS_TYPE, &[0, 0, 0, 2]));
    add(new("no Acct-Session-Id").without(kind::ACCT_SESSION_ID));
    add(new("Acct-Session-Id of no octets")
        .without(kind::ACCT_SESSION_ID)
        .with(kind::ACCT_SESSION_ID, b"")
        .marked(Mark::Empty));
    add(new("no User-Name").without(kind::USER_NAME));
    add(new("a name nobody has")
        .without(kind::USER_NAME)
        .with(kind::USER_NAME, b"mallory"));
    add(new("a name that is no text")
        .without(kind::USER_NAME)
        .with(kind::USER_NAME, &[0xff, 0xfe]));
    add(Draft {
        attributes: Vec::new(),
        ..new("a status and no more")
    });
    add(new("Proxy-State of three")
        .with(kind::PROXY_STATE, b"first")
        .with(kind::PROXY_STATE, &[0, 1, 2])
        .with(kind::PROXY_STATE, &[0xff; 253]));
    add(new("Proxy-State of no octets")
        .with(kind::PROXY_STATE, b"")
        .marked(Mark::Empty));
    add(new("Class").with(kind::CLASS, b"somebody's"));
    add(new("a State").with(kind::STATE, b"no place here"));
    add(new("a password, which must not be there").with(kind::USER_PASSWORD, &[7; 16]));
    add(new("EAP-Message, which must not be there")
        .with(kind::EAP_MESSAGE, &[2, 1, 0, 5, 1])
        .marked(Mark::Eap));
    add(new("attributes of a reply")
        .with(kind::REPLY_MESSAGE, b"hello")
        .with(kind::SESSION_TIMEOUT, &[0, 0, 0, 9]));
    add(Draft {
        signed: true,
        ..new("signed").marked(Mark::Signed)
    });
    add(new("a Message-Authenticator of zeros")
        .with(kind::MESSAGE_AUTHENTICATOR, &[0; 16])
        .marked(Mark::BadSignature));
    add(new("a Message-Authenticator of five octets")
        .with(kind::MESSAGE_AUTHENTICATOR, &[0; 5])
        .marked(Mark::BadSignature));
    add(Draft {
        secret: SharedSecret::new(b"somebody else's secret"),
        ..new("another secret").marked(Mark::OtherSecret)
    });
    add(new("an attribute of type 0")
        .with(0, b"zero")
        .marked(Mark::TypeZero));
    add(new("a type nobody knows").with(230, b"whatever").with(255, &[1]));
    add(new("a vendor nobody knows").with(26, &[0, 0xab, 0xcd, 0xef, 1, 6, 1, 2, 3, 4]));
    add(new("half a vendor's number")
        .with(26, &[0, 0])
        .marked(Mark::BadVendor));
    add(new("a vendor's length beyond the end")
        .with(26, &[0, 0, 0x3a, 0x8c, 8, 99, b'x'])
        .marked(Mark::BadVendor));
    add(new("an address of six octets")
        .with(kind::NAS_IP_ADDRESS, &[1; 6])
        .marked(Mark::BadValue));
    add(new("gigawords and octets of a router's").with(kind::ACCT_INPUT_GIGAWORDS, &[0, 0, 0, 7]));
    for many in [180, 230] {
        let mut draft = new(&format!("{many} attributes"));
        for number in 0..many {
            draft = draft.with(kind::REPLY_MESSAGE, &[b'a' + number % 26]);
        }
        add(draft);
    }
    drafts
}

/// Requests that are not what belongs on this port, or no packets.
fn spoilt(numbers: &mut Numbers) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut number = 0;
    let mut add = |name: &str, mark: Mark, change: &mut dyn FnMut(&mut Vec<u8>)| {
        number += 1;
        let mut case = Draft::new(name).marked(mark).case(number);
        change(&mut case.octets);
        cases.push(case);
    };
    add("an authenticator of zeros", Mark::OtherSecret, &mut |octets| {
        octets[4..20].fill(0)
    });
    add("one bit turned", Mark::OtherSecret, &mut |octets| octets[30] ^= 1);
    add("cut in an attribute", Mark::Malformed, &mut |octets| {
        octets.truncate(40)
    });
    add("a header and no more", Mark::Malformed, &mut |octets| {
        octets.truncate(20)
    });
    add("less than a header", Mark::Malformed, &mut |octets| {
        octets.truncate(19)
    });
    add("padding behind it", Mark::Accounting, &mut |octets| {
        octets.extend([0; 9])
    });
    for code in [0, 1, 2, 3, 5, 11, 13, 40, 43, 255] {
        add(&format!("Code {code}"), Mark::OtherCode, &mut |octets| {
            octets[0] = code
        });
    }
    for (identifier, signed) in [(60, true), (61, false)] {
        let mut buf = [0; 64];
        let mut writer = RequestWriter::status_server(&mut buf, identifier, numbers.octets()).expect("room");
        if signed {
            writer.reserve_message_authenticator().expect("room");
        }
        let octets = writer.finish(&secret()).to_vec();
        cases.push(Case {
            name: format!("Status-Server for accounting, signed: {signed}"),
            marks: vec![Mark::Status],
            nas: 0,
            octets,
        });
    }
    cases
}

/// A request that nobody thought of; one in four is damaged when it is written.
fn generated(numbers: &mut Numbers, number: usize) -> Case {
    let mut draft = Draft::new(&format!("generated {number}"));
    draft.status = Some(numbers.below(16) as u32);
    for _ in 0..numbers.below(10) {
        let (kind, value) = *numbers.pick(BESIDES);
        draft = draft.with(kind, value);
    }
    if numbers.one_in(8) {
        // A value nobody wrote: its own length, any type but those that decide whether it is answered.
        let kind = 1 + numbers.below(255) as u8;
        let decides = [
            kind::ACCT_STATUS_TYPE,
            kind::MESSAGE_AUTHENTICATOR,
            kind::PROXY_STATE,
            kind::VENDOR_SPECIFIC,
        ];
        if !decides.contains(&kind) {
            let value: Vec<u8> = (0..=numbers.below(20))
                .map(|_| numbers.octets::<1>()[0])
                .collect();
            draft = draft.with(kind, &value);
        }
    }
    if numbers.one_in(4) {
        draft.signed = true;
        draft.marks.push(Mark::Signed);
    }
    if numbers.one_in(10) {
        draft.secret = SharedSecret::new(&numbers.octets::<20>());
        draft.marks.push(Mark::OtherSecret);
    }
    let mut case = draft.case(number);
    if numbers.one_in(4) {
        let at = 2 + numbers.below(case.octets.len() - 2);
        case.octets[at] ^= 1 << numbers.below(8);
        case.marks.push(Mark::Damaged);
    }
    case
}

#[test]
fn accounting_is_answered_alike_but_for_what_is_explained() {
    let Some(freeradius) = Freeradius::start() else {
        return;
    };
    let isp = peer::ours();
    let askers = Asker::accounting(&isp, &freeradius, ADDRESSES[0]);
    let mut numbers = Numbers::new(SEED);
    let mut cases: Vec<_> = (0..)
        .zip(thought_of())
        .map(|(number, draft)| draft.case(number))
        .collect();
    cases.extend(spoilt(&mut numbers));
    cases.extend((0..GENERATED).map(|number| generated(&mut numbers, number)));
    let mut findings = Findings::new(ACCOUNTING);
    let (mut answered, mut silent) = (0, 0);
    let mut kept = None;
    for case in &cases {
        let answers = askers.each_ref().map(|asker| asker.ask(&case.octets));
        let exchanges = answers
            .each_ref()
            .map(|answer| (case.octets.as_slice(), answer.as_deref()));
        findings.note(&differences(&case.name, &case.marks, exchanges));
        match &answers[0] {
            Some(_) => answered += 1,
            None => silent += 1,
        }
        if let [Some(ours), Some(theirs)] = answers {
            kept = Some((case, [ours, theirs]));
        }
    }
    // The same octets again: both repeat what they said.
    let (case, said) = kept.expect("answered by both");
    for (asker, said) in askers.iter().zip(said) {
        let again = asker.ask(&case.octets).expect("a retransmission is answered");
        assert_eq!(again, said, "{}", case.name);
        assert_eq!(
            View::parse(&again).expect("a packet").code(),
            Code::AccountingResponse
        );
    }
    assert!(answered > 200 && silent > 50, "{answered} answered, {silent} not");
    findings.check();
}
