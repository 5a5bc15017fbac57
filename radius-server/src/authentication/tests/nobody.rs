//! Whether a name exists must not be seen from what comes back: a subscriber who fails and nobody get the same number of
//! replies with the same octets, but for what is random. Only the decision knows. How long a reply takes is `listener`'s:
//! it leaves when its delay is over, counted from the request.

use super::*;
use crate::password_hash::PasswordHash;
use radius::kind::microsoft;
use radius::kind::vendor::MICROSOFT;
use radius::mschap::NtHash;

/// A subscriber; a name as long as his that nobody has.
const NAMES: [&str; 2] = ["alice@demo", "cilea@demo"];

/// What somebody says to a question of EAP; `None`: no more.
type Peer = fn(question: &[u8]) -> Option<Vec<u8>>;

/// A reply without what is random: its kind, then its attributes.
type Masked = Vec<(u8, Vec<u8>)>;

/// Makes one.
fn masked(reply: &View<'_>) -> Masked {
    let mut shown = vec![(reply.code() as u8, Vec::new())];
    for attribute in reply.attributes() {
        let mut value = attribute.value.to_vec();
        match attribute.kind {
            kind::MESSAGE_AUTHENTICATOR | kind::STATE => value.fill(0),
            // Code, Identifier, length, method and what follows it are not random; challenges are.
            kind::EAP_MESSAGE => value.iter_mut().skip(6).for_each(|octet| *octet = 0),
            kind::VENDOR_SPECIFIC => {
                let text = String::from_utf8_lossy(&value).into_owned();
                let words = text.split(' ').filter(|word| !word.starts_with("C="));
                value = words.collect::<Vec<_>>().join(" ").into_bytes();
            }
            _ => {}
        }
        shown.push((attribute.kind, value));
    }
    shown
}

impl Desk {
    /// A desk where this is stored of alice, and the same of everybody unless it is nothing.
    fn storing(credential: &Credential) -> Self {
        let desk = Self::with(|_nas, alice| alice.credential = credential.clone());
        if *credential == Credential::None {
            for number in 7..9_u32 {
                let other = SubscriberSpec {
                    id: SubscriberId::from_uuid(Uuid::from_u128(number.into())),
                    username: format!("other-{number}").as_str().into(),
                    ..alice()
                };
                desk.directory.subscriber_put(partner(), other).expect("taken");
            }
        }
        desk
    }

    /// What one request is answered, and what the decision says.
    #[track_caller]
    fn answer(&mut self, request: &[u8]) -> (Masked, Outcome) {
        let answered = self.ask(request);
        let outcome = answered.decision.as_ref().expect("a decision").outcome;
        (masked(&answered.verified(request)), outcome)
    }

    /// What a conversation is answered, and what the last decision says.
    #[track_caller]
    pub(super) fn conversation(&mut self, username: &str, from: u8, peer: Peer) -> (Vec<Masked>, Outcome) {
        let mut replies = Vec::new();
        let mut said = Vec::new();
        radius::eap::write_response(10, 1, &[username.as_bytes()], &mut said);
        let mut state: Option<Vec<u8>> = None;
        for identifier in from.. {
            let request = signed(identifier).build(|writer, _| {
                writer.text(kind::USER_NAME, username).expect("room");
                writer.long(kind::EAP_MESSAGE, &said).expect("room");
                if let Some(state) = &state {
                    writer.attribute(kind::STATE, state).expect("room");
                }
            });
            let answered = self.ask(&request);
            let reply = answered.verified(&request);
            replies.push(masked(&reply));
            let next = (reply.code() == Code::AccessChallenge).then(|| peer(&eap_of(&reply)));
            state = reply.first(kind::STATE).map(<[u8]>::to_vec);
            match next.flatten() {
                Some(next) => said = next,
                None => return (replies, answered.decision.expect("a decision").outcome),
            }
        }
        unreachable!("it ends")
    }
}

/// An answer of a method to a question.
fn respond(question: &[u8], method: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    radius::eap::write_response(question[1], method, &[data], &mut out);
    out
}

/// Answers EAP-MD5 and EAP-MSCHAPv2 wrongly and to the end, and wants nothing else.
pub(super) fn wrong_answers(question: &[u8]) -> Option<Vec<u8>> {
    let response = [&[2, 5, 0, 59, 49][..], &[9; 49], b"alice"].concat();
    Some(match (question[4], question.get(5)) {
        (4, _) => respond(question, 4, &[&[16][..], &[9; 16]].concat()),
        (26, Some(1)) => respond(question, 26, &response),
        (26, Some(4)) => respond(question, 26, &[4]),
        _ => return None,
    })
}

/// The same, and takes no EAP-MD5.
fn wants_mschapv2(question: &[u8]) -> Option<Vec<u8>> {
    match question[4] {
        4 => Some(respond(question, 3, &[26])),
        _ => wrong_answers(question),
    }
}

/// Wants what is not offered.
fn wants_gtc(question: &[u8]) -> Option<Vec<u8>> {
    Some(respond(question, 3, &[6]))
}

/// Answers with nonsense.
fn nonsense(question: &[u8]) -> Option<Vec<u8>> {
    Some(respond(question, question[4], &[200, 1]))
}

/// Answers with another method.
fn another_method(question: &[u8]) -> Option<Vec<u8>> {
    Some(respond(question, 6, b"guess"))
}

/// What can be stored.
fn credentials() -> [(&'static str, Credential); 4] {
    let md5 = PasswordHash::parse("{MD5}X03MO1qnZdYdgyfeuILPmQ==").expect("a hash");
    [
        ("a password", Credential::Clear(PASSWORD.into())),
        ("an NT hash", Credential::NtHash(NtHash::of(PASSWORD))),
        ("a hash", Credential::Hash(md5)),
        ("nothing", Credential::None),
    ]
}

#[test]
fn eap_asks_nobody_what_it_asks_somebody() {
    let peers: [(&str, Peer); 5] = [
        ("wrong answers", wrong_answers),
        ("wrong answers of EAP-MSCHAPv2", wants_mschapv2),
        ("GTC wanted", wants_gtc),
        ("nonsense", nonsense),
        ("another method", another_method),
    ];
    for (stored, credential) in credentials() {
        for (what, peer) in peers {
            let mut desk = Desk::storing(&credential);
            let [(known, reason), (nobody, unknown)] =
                [1, 100].map(|from| desk.conversation(NAMES[usize::from(from / 100)], from, peer));
            assert_eq!(known, nobody, "{what}, {stored}");
            assert_eq!(
                known.last().expect("one")[0].0,
                Code::AccessReject as u8,
                "{what}, {stored}"
            );
            if what.starts_with("wrong") {
                assert_ne!(reason, unknown, "{what}, {stored}");
                assert_eq!(
                    unknown,
                    Outcome::Rejected(RejectReason::UnknownSubscriber),
                    "{stored}"
                );
            }
            let open = desk.conversations.len();
            assert_eq!(open, 0, "{what}, {stored}: nothing is left of either");
        }
    }
}

#[test]
fn nobody_passes_with_what_he_is_compared_with() {
    let mut desk = Desk::new();
    let right: Peer = |question| (question[4] == 4).then(|| md5_response(question, "nobody's password"));
    let (replies, outcome) = desk.conversation(NAMES[1], 1, right);
    assert_eq!(replies.len(), 2);
    assert_eq!(outcome, Outcome::Rejected(RejectReason::UnknownSubscriber));
}

#[test]
fn who_has_a_wrong_password_is_told_what_nobody_is_told() {
    type Fill = fn(&mut RequestWriter<'_>, &SharedSecret);
    let fills: [(&str, Fill); 9] = [
        ("PAP", |writer, secret| {
            writer.password(b"wrong", secret).expect("room")
        }),
        ("an empty password", |writer, secret| {
            writer.password(b"", secret).expect("room")
        }),
        ("no credential", |_, _| {}),
        ("CHAP", |writer, _| {
            writer.attribute(kind::CHAP_PASSWORD, &[1; 17]).expect("room")
        }),
        ("CHAP of another length", |writer, _| {
            writer.attribute(kind::CHAP_PASSWORD, &[1; 5]).expect("room");
        }),
        ("MS-CHAP", |writer, _| {
            response(
                writer,
                8,
                microsoft::CHAP_RESPONSE,
                &[&[7, 1][..], &[0; 24], &[3; 24]].concat(),
            )
        }),
        ("LAN Manager", |writer, _| {
            response(
                writer,
                8,
                microsoft::CHAP_RESPONSE,
                &[&[7, 0][..], &[3; 24], &[0; 24]].concat(),
            )
        }),
        ("MS-CHAPv2", |writer, _| {
            response(
                writer,
                16,
                microsoft::CHAP2_RESPONSE,
                &[&[7, 0][..], &[5; 48]].concat(),
            )
        }),
        ("a changed password", |writer, _| {
            response(
                writer,
                16,
                microsoft::CHAP2_CPW,
                &[&[7, 5][..], &[5; 66]].concat(),
            )
        }),
    ];
    for (stored, credential) in credentials() {
        for (what, fill) in fills {
            let mut desk = Desk::storing(&credential);
            let ask = |name, identifier| {
                signed(identifier).build(|writer, secret| {
                    writer.text(kind::USER_NAME, name).expect("room");
                    fill(writer, secret);
                })
            };
            let (known, _) = desk.answer(&ask(NAMES[0], 1));
            let (nobody, outcome) = desk.answer(&ask(NAMES[1], 2));
            assert_eq!(known, nobody, "{what}, {stored}");
            assert_eq!(outcome, Outcome::Rejected(RejectReason::UnknownSubscriber));
            let message = known.iter().find(|(kind, _)| *kind == kind::REPLY_MESSAGE);
            assert_eq!(message.expect("one").1, b"Login incorrect", "{what}, {stored}");
        }
    }
}

/// A response of Microsoft's and its challenge.
fn response(writer: &mut RequestWriter<'_>, challenge: usize, kind: u8, value: &[u8]) {
    writer
        .vendor(MICROSOFT, microsoft::CHAP_CHALLENGE, &[4; 16][..challenge])
        .expect("room");
    writer.vendor(MICROSOFT, kind, value).expect("room");
}

#[test]
fn a_partner_asks_nobody_for_what_most_of_its_subscribers_have() {
    let mut desk = Desk::storing(&Credential::NtHash(NtHash::of(PASSWORD)));
    let asked = |desk: &mut Desk, from: u8| {
        let (replies, _) = desk.conversation(NAMES[1], from, |_| None);
        let (_, octets) = replies[0]
            .iter()
            .find(|(kind, _)| *kind == kind::EAP_MESSAGE)
            .expect("EAP");
        octets[4]
    };
    assert_eq!(asked(&mut desk, 1), 26);
    let password = |number: u128| SubscriberSpec {
        id: SubscriberId::from_uuid(Uuid::from_u128(number)),
        username: format!("other-{number}").as_str().into(),
        ..alice()
    };
    for number in 7..9 {
        desk.directory
            .subscriber_put(partner(), password(number))
            .expect("taken");
    }
    assert_eq!(asked(&mut desk, 2), 4);
    // A change counts as one, and who goes is counted no more.
    let changed = SubscriberSpec {
        credential: Credential::NtHash(NtHash::of(PASSWORD)),
        ..password(7)
    };
    desk.directory.subscriber_put(partner(), changed).expect("taken");
    desk.directory.subscriber_remove(partner(), password(8).id);
    assert_eq!(asked(&mut desk, 3), 26);
}
