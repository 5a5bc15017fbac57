//! What differs between two answers to the same request.

use super::peer::hex;
use super::recorded;
use super::stream::{Mark, secret};
use radius::attribute::Tree;
use radius::dictionary::STANDARD;
use radius::password::reveal_pap;
use radius::{Code, MessageAuthenticator, View, salt};
use std::collections::BTreeMap;

/// What was answered: the kind of reply, and the values of each attribute in order.
struct Answer {
    code: Code,
    attributes: BTreeMap<String, Vec<String>>,
}

/// A difference between ours and theirs, in this order.
pub struct Difference<'c> {
    pub case: &'c str,
    pub marks: &'c [Mark],
    pub what: What,
}

/// What differs.
#[derive(Debug)]
pub enum What {
    /// The kind of reply, or whether there is one.
    Code([Option<Code>; 2]),
    /// The values of an attribute in a reply of this kind.
    Attribute(Code, String, [Vec<String>; 2]),
}

impl std::fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { case, marks, what } = self;
        write!(f, "{case} {marks:?}: {what:?}")
    }
}

impl Difference<'_> {
    pub fn has(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// Whether the kinds of reply are these.
    pub fn is_code(&self, ours: Option<Code>, theirs: Option<Code>) -> bool {
        matches!(self.what, What::Code(codes) if codes == [ours, theirs])
    }

    /// The values of this attribute in a reply of this kind, if that is what differs.
    pub fn values(&self, code: Code, name: &str) -> Option<[&[String]; 2]> {
        match &self.what {
            What::Attribute(of, what, [ours, theirs]) if (*of, what.as_str()) == (code, name) => {
                Some([ours, theirs])
            }
            _ => None,
        }
    }
}

/// Reads an answer, hidden values revealed and random ones masked; who answers must know the secret.
#[track_caller]
fn read(name: &str, marks: &[Mark], request: &[u8], octets: &[u8]) -> Answer {
    // What TLS agrees on is another secret each time; that both sides agree on the same is for eapol_test to say.
    let agreed = marks.contains(&Mark::Tunnel);
    let recorded = marks.contains(&Mark::Recorded);
    let secret = if recorded { recorded::secret() } else { secret() };
    let (reply, request) = (View::parse(octets).expect("a packet"), View::parse(request));
    let request = request.expect("only a packet is answered");
    assert!(
        secret.check_reply_authenticator(&reply, request.authenticator()),
        "{name}"
    );
    let signature = secret.check_message_authenticator(&reply, Some(request.authenticator()));
    assert_ne!(signature, MessageAuthenticator::Invalid, "{name}");
    let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let tree = Tree::decode(&octets[20..], &STANDARD);
    for ((oid, _, value), line) in tree.values().into_iter().zip(tree.show(&STANDARD)) {
        let (name, shown) = line.split_once(" = ").expect("a name and a value");
        let shown = match *oid.as_slice() {
            [80] => "valid".to_owned(),
            [24] => "some State".to_owned(),
            [25] if value.len() > 8 => "a Class of the server's own".to_owned(),
            [26, 311, 12] => {
                let mut room = [0; 128];
                hex(reveal_pap(&secret, request.authenticator(), value, &mut room).expect("hidden"))
            }
            [26, 311, 16 | 17] => {
                let mut room = [0; salt::HIDDEN_LEN_MAX];
                let key = salt::reveal(&secret, request.authenticator(), value, &mut room).expect("hidden");
                if agreed {
                    format!("a key of {} octets", key.len())
                } else {
                    hex(key)
                }
            }
            // How many rounds it took is between the libraries of TLS, and the Identifier counts them.
            [79] if agreed => format!("Code {}", value[0]),
            // Code, identifier, length and method: what follows is random.
            [79] => hex(&value[..value.len().min(5)]),
            [26, 311, 2] => ms_chap_error(value),
            _ => shown.to_owned(),
        };
        attributes.entry(name.to_owned()).or_default().push(shown);
    }
    Answer {
        code: reply.code(),
        attributes,
    }
}

/// MS-CHAP-Error without the challenge, which is random: identifier, then the text.
fn ms_chap_error(value: &[u8]) -> String {
    let (ident, text) = value.split_first().expect("an identifier");
    let text = String::from_utf8_lossy(text);
    let words: Vec<_> = text
        .split(' ')
        .map(|word| {
            if word.starts_with("C=") {
                "C=(random)"
            } else {
                word
            }
        })
        .collect();
    format!("{ident}: {}", words.join(" "))
}

/// A request and its answer.
pub type Exchange<'e> = (&'e [u8], Option<&'e [u8]>);

/// All that differs between the answers of ours and theirs.
pub fn differences<'c>(
    case: &'c str,
    marks: &'c [Mark],
    exchanges: [Exchange<'_>; 2],
) -> Vec<Difference<'c>> {
    let [ours, theirs] =
        exchanges.map(|(request, answer)| answer.map(|octets| read(case, marks, request, octets)));
    let difference = |what| Difference { case, marks, what };
    let codes = [&ours, &theirs].map(|answer| answer.as_ref().map(|answer| answer.code));
    let (Some(mut ours), Some(mut theirs), true) = (ours, theirs, codes[0] == codes[1]) else {
        return match codes {
            [None, None] => Vec::new(),
            codes => vec![difference(What::Code(codes))],
        };
    };
    let mut names: Vec<_> = ours
        .attributes
        .keys()
        .chain(theirs.attributes.keys())
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let values =
                [&mut ours, &mut theirs].map(|answer| answer.attributes.remove(&name).unwrap_or_default());
            (values[0] != values[1]).then(|| difference(What::Attribute(ours.code, name, values)))
        })
        .collect()
}
