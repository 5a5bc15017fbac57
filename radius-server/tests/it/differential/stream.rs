//! The requests: those somebody thought of, and those a seeded generator makes.

use super::peer::{Stored, USERS};
use crate::isp::{PASSWORD, SECRET};
use radius::mschap::{NtHash, v1, v2};
use radius::{Authenticator, RequestWriter, SharedSecret, View, kind};

/// Requests the generator makes.
const GENERATED: usize = 400;
/// Requests that it damages.
const DAMAGED: usize = 400;
/// Where it begins; a failure names the request, and the same number gives the same requests.
const SEED: u64 = 0x0048_6561_6465_6e64;

/// A request.
pub struct Case {
    /// What it is, in a failure.
    pub name: String,
    /// What it has that a difference may be explained by.
    pub marks: Vec<Mark>,
    /// Which of the NAS sends it.
    pub nas: usize,
    pub octets: Vec<u8>,
}

/// What a request has that a difference may be explained by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Pap,
    Chap,
    MsChap1,
    MsChap2,
    /// EAP-Message.
    Eap,
    /// A method inside TLS.
    Tunnel,
    /// EAP-TLS.
    Certificate,
    /// The name outside of the tunnel is another one.
    Anonymous,
    /// The certificate is in another name than the identity.
    OtherName,
    /// An Accounting-Request.
    Accounting,
    /// Recorded, with a secret of its own.
    Recorded,
    /// No Acct-Status-Type.
    NoStatus,
    /// Signed with Message-Authenticator, which accounting need not be.
    Signed,
    /// No credential.
    NoMethod,
    /// CHAP-Password beside another credential.
    TwoMethods,
    /// An attribute of type 0.
    TypeZero,
    /// No password is stored, or none that the method can use.
    Unfit,
    /// Nobody of this name.
    Unknown,
    /// No User-Name, or an empty one.
    NoName,
    /// Several User-Name.
    TwoNames,
    /// A User-Name that is no UTF-8.
    NotText,
    /// A User-Password of no octets.
    EmptyPassword,
    /// Not signed, and the password hidden with another secret.
    OtherSecret,
    /// A signature that is wrong.
    BadSignature,
    /// Not signed.
    Unsigned,
    /// A Status-Server.
    Status,
    /// Not a packet, by one of the rules of RFC 2865 section 3.
    Malformed,
    /// A vendor's attributes that contradict themselves.
    BadVendor,
    /// A value that is not of its attribute's type.
    BadValue,
    /// An attribute of no octets.
    Empty,
    /// A Code that is not for this port.
    OtherCode,
    /// Octets changed after all was written.
    Damaged,
    /// A credential that is not as long as it must be.
    BadCredential,
}

/// How somebody logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Pap,
    Chap,
    MsChap1,
    MsChap2,
    Nothing,
}

impl Method {
    const ALL: [Self; 5] = [Self::Pap, Self::Chap, Self::MsChap1, Self::MsChap2, Self::Nothing];

    const fn mark(self) -> Mark {
        match self {
            Self::Pap => Mark::Pap,
            Self::Chap => Mark::Chap,
            Self::MsChap1 => Mark::MsChap1,
            Self::MsChap2 => Mark::MsChap2,
            Self::Nothing => Mark::NoMethod,
        }
    }
}

/// The secret of every NAS.
pub fn secret() -> SharedSecret {
    SharedSecret::new(SECRET)
}

/// Numbers that look random and are the same every time (splitmix64).
pub struct Numbers(u64);

impl Numbers {
    /// Those that follow from this one.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below a bound that is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below the bound")
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }
}

/// A request in the making.
struct Draft {
    name: String,
    marks: Vec<Mark>,
    nas: usize,
    signed: bool,
    secret: SharedSecret,
    authenticator: Authenticator,
    /// Attributes with nothing of their own, before those of the method and after them.
    before: Vec<(u8, Vec<u8>)>,
    after: Vec<(u8, Vec<u8>)>,
    method: Method,
    username: Vec<u8>,
    password: Vec<u8>,
}

impl Draft {
    fn new(numbers: &mut Numbers, name: &str, method: Method, username: &[u8], password: &str) -> Self {
        Self {
            name: format!("{name}, {method:?}"),
            marks: vec![method.mark()],
            nas: 0,
            signed: true,
            secret: secret(),
            authenticator: numbers.octets(),
            before: Vec::new(),
            after: Vec::new(),
            method,
            username: username.to_vec(),
            password: password.into(),
        }
    }

    /// With what a difference may be explained by.
    fn marked(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    fn after(mut self, kind: u8, value: &[u8]) -> Self {
        self.after.push((kind, value.to_vec()));
        self
    }

    fn before(mut self, kind: u8, value: &[u8]) -> Self {
        self.before.push((kind, value.to_vec()));
        self
    }

    /// Writes it.
    fn case(self, identifier: u8) -> Case {
        let mut buf = [0; 4_096];
        let mut writer = RequestWriter::access(&mut buf, identifier, self.authenticator).expect("room");
        if self.signed {
            writer.reserve_message_authenticator().expect("room");
        }
        let put = |writer: &mut RequestWriter<'_>, attributes: &[(u8, Vec<u8>)]| {
            for (kind, value) in attributes {
                writer.attribute(*kind, value).expect("room");
            }
        };
        put(&mut writer, &self.before);
        if !self.marks.contains(&Mark::NoName) {
            writer.attribute(kind::USER_NAME, &self.username).expect("room");
        }
        let challenge: [u8; 16] = self.authenticator.map(|octet| octet.wrapping_add(1));
        let text = String::from_utf8_lossy(&self.password).into_owned();
        let microsoft = 311;
        match self.method {
            Method::Pap => writer.password(&self.password, &self.secret).expect("room"),
            Method::Chap => {
                let digest = crate::isp::md5_response(7, &text, &challenge);
                let value = [&[7][..], &digest].concat();
                writer.attribute(kind::CHAP_PASSWORD, &value).expect("room");
                writer.attribute(kind::CHAP_CHALLENGE, &challenge).expect("room");
            }
            Method::MsChap1 => {
                let [challenge, _] = *challenge.as_chunks::<8>().0 else {
                    unreachable!()
                };
                let response = v1::nt_response(&challenge, &NtHash::of(&text));
                let value = [&[7, 1][..], &[0; 24], &response].concat();
                writer.vendor(microsoft, 11, &challenge).expect("room");
                writer.vendor(microsoft, 1, &value).expect("room");
            }
            Method::MsChap2 => {
                let peer = challenge.map(|octet| !octet);
                let name = v2::without_domain(&self.username);
                let response = v2::nt_response(&challenge, &peer, name, &NtHash::of(&text));
                let value = [&[7, 0][..], &peer, &[0; 8], &response].concat();
                writer.vendor(microsoft, 11, &challenge).expect("room");
                writer.vendor(microsoft, 25, &value).expect("room");
            }
            Method::Nothing => {}
        }
        put(&mut writer, &self.after);
        let octets = writer.finish(&self.secret).to_vec();
        Case {
            name: self.name,
            marks: self.marks,
            nas: self.nas,
            octets,
        }
    }
}

/// The password of a user as he types it.
fn typed(stored: Stored) -> &'static str {
    match stored {
        Stored::Clear(password) | Stored::NtHashOf(password) => password,
        Stored::Hashed(..) | Stored::Nothing => "",
    }
}

/// Whether there is nothing that this method can be checked with.
const fn unfit(stored: Stored, method: Method) -> bool {
    match stored {
        Stored::Clear(_) => false,
        Stored::NtHashOf(_) => matches!(method, Method::Chap),
        Stored::Hashed(..) => !matches!(method, Method::Pap),
        Stored::Nothing => true,
    }
}

/// All requests.
pub fn cases() -> Vec<Case> {
    let mut numbers = Numbers(SEED);
    let mut drafts = thought_of(&mut numbers);
    for number in 0..GENERATED {
        drafts.push(generated(&mut numbers, number));
    }
    let identifiers = (0..128_u8).cycle();
    let mut cases: Vec<_> = drafts
        .into_iter()
        .zip(identifiers)
        .map(|(draft, identifier)| draft.case(identifier))
        .collect();
    cases.extend(spoilt(&mut numbers));
    for (number, identifier) in (0..DAMAGED).zip((0..128_u8).cycle()) {
        let case = generated(&mut numbers, number).case(identifier);
        cases.push(damaged(&mut numbers, case));
    }
    cases
}

/// Logins that somebody thought of.
fn thought_of(numbers: &mut Numbers) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for method in Method::ALL {
        for user in USERS {
            for (what, password) in [("right", typed(user.stored)), ("wrong", "wrong horse")] {
                let mut draft = Draft::new(
                    numbers,
                    &format!("{} with the {what} password", user.name),
                    method,
                    user.name.as_bytes(),
                    password,
                );
                if unfit(user.stored, method) {
                    draft = draft.marked(Mark::Unfit);
                }
                if method == Method::Pap && password.is_empty() {
                    draft = draft.marked(Mark::EmptyPassword);
                }
                drafts.push(draft);
            }
        }
        let mut add = |draft: Draft| drafts.push(draft);
        let mut alice = |what: &str| Draft::new(numbers, what, method, b"alice@demo", PASSWORD);
        add(Draft {
            username: b"alice@demonstration".to_vec(),
            ..alice("a longer name").marked(Mark::Unknown)
        });
        add(Draft {
            username: b"ALICE@DEMO".to_vec(),
            ..alice("a name in capitals").marked(Mark::Unknown)
        });
        add(Draft {
            username: b"alice@demo ".to_vec(),
            ..alice("a name with a space behind it").marked(Mark::Unknown)
        });
        add(Draft {
            username: vec![b'a'; 253],
            ..alice("the longest name").marked(Mark::Unknown)
        });
        add(Draft {
            username: vec![0xff, 0xfe, b'a'],
            ..alice("a name that is no text")
                .marked(Mark::NotText)
                .marked(Mark::Unknown)
        });
        for spelt in [
            "02005e100001",
            "02:00:5e:10:00:01",
            "0200.5e10.0001",
            "02-00-5E-10-00-01",
        ] {
            add(Draft {
                username: spelt.into(),
                password: spelt.into(),
                ..alice(&format!("the device as {spelt}")).marked(Mark::Unknown)
            });
        }
        add(alice("no name").marked(Mark::NoName));
        add(alice("two names")
            .after(kind::USER_NAME, b"bob")
            .marked(Mark::TwoNames));
        add(Draft {
            password: Vec::new(),
            ..alice("an empty password").marked(Mark::EmptyPassword)
        });
        add(Draft {
            password: [PASSWORD.as_bytes(), &[b'x'; 100]].concat(),
            ..alice("a long password that begins rightly")
        });
        add(Draft {
            signed: false,
            ..alice("not signed").marked(Mark::Unsigned)
        });
        add(Draft {
            signed: false,
            nas: 1,
            ..alice("not signed, where it must be").marked(Mark::Unsigned)
        });
        add(Draft {
            nas: 1,
            ..alice("signed, where it must be")
        });
        add(Draft {
            secret: SharedSecret::new(b"somebody else's secret"),
            ..alice("signed with another secret").marked(Mark::BadSignature)
        });
        add(Draft {
            secret: SharedSecret::new(b"somebody else's secret"),
            signed: false,
            ..alice("hidden with another secret")
                .marked(Mark::Unsigned)
                .marked(Mark::OtherSecret)
        });
        add(alice("Proxy-State everywhere")
            .before(kind::PROXY_STATE, b"first")
            .before(kind::PROXY_STATE, &[0, 1, 2])
            .after(kind::PROXY_STATE, b"first")
            .after(kind::PROXY_STATE, &[0xff; 253]));
        add(Draft {
            signed: false,
            ..alice("Proxy-State, not signed").marked(Mark::Unsigned)
        }
        .after(kind::PROXY_STATE, b"only"));
        add(alice("Proxy-State of no octets")
            .after(kind::PROXY_STATE, b"")
            .marked(Mark::Empty));
        add(alice("Class of no octets")
            .after(kind::CLASS, b"")
            .marked(Mark::Empty));
        add(alice("a vendor nobody knows").after(26, &[0, 0xab, 0xcd, 0xef, 1, 6, 1, 2, 3, 4]));
        add(alice("a vendor's length beyond the end")
            .after(26, &[0, 0, 0x3a, 0x8c, 8, 99, b'x'])
            .marked(Mark::BadVendor));
        add(alice("a vendor's length of nothing")
            .after(26, &[0, 0, 0x3a, 0x8c, 8, 0])
            .marked(Mark::BadVendor));
        add(alice("half a vendor's number")
            .after(26, &[0, 0])
            .marked(Mark::BadVendor));
        add(alice("several of a vendor in one").after(26, &[0, 0, 0, 9, 1, 3, b'a', 2, 3, b'b']));
        add(alice("a type nobody knows")
            .after(230, b"whatever")
            .after(255, b"\x01"));
        add(alice("an integer of two octets")
            .after(kind::NAS_PORT, &[0, 1])
            .marked(Mark::BadValue));
        add(alice("an address of six octets")
            .after(kind::NAS_IP_ADDRESS, &[1; 6])
            .marked(Mark::BadValue));
        add(alice("a prefix of 129 bits")
            .after(97, &[0, 129, 0x20, 1])
            .marked(Mark::BadValue));
        add(alice("a State of nobody's").after(kind::STATE, b"left over"));
        add(alice("a device's login").after(kind::SERVICE_TYPE, &10_u32.to_be_bytes()));
        add(alice("attributes of a reply")
            .before(kind::SESSION_TIMEOUT, &[0, 0, 0, 1])
            .after(kind::REPLY_MESSAGE, b"hello"));
    }
    let mut two = Draft::new(
        numbers,
        "PAP, and a CHAP that is wrong",
        Method::Pap,
        b"alice@demo",
        PASSWORD,
    );
    two = two.after(kind::CHAP_PASSWORD, &[1; 17]).marked(Mark::TwoMethods);
    drafts.push(two);
    let two = Draft::new(
        numbers,
        "MS-CHAP, and a CHAP that is wrong",
        Method::MsChap1,
        b"alice@demo",
        PASSWORD,
    );
    drafts.push(two.after(kind::CHAP_PASSWORD, &[1; 17]).marked(Mark::TwoMethods));
    let zero = Draft::new(
        numbers,
        "an attribute of type 0",
        Method::Pap,
        b"alice@demo",
        PASSWORD,
    );
    drafts.push(zero.after(0, b"zero").marked(Mark::TypeZero));
    for length in [1, 16, 18] {
        let draft = Draft::new(
            numbers,
            "CHAP of another length",
            Method::Nothing,
            b"alice@demo",
            "",
        );
        drafts.push(
            draft
                .after(kind::CHAP_PASSWORD, &vec![1; length])
                .marked(Mark::BadCredential),
        );
    }
    for length in [0, 1, 15, 17, 144] {
        let draft = Draft::new(
            numbers,
            "PAP of another length",
            Method::Nothing,
            b"alice@demo",
            "",
        );
        let draft = draft.after(kind::USER_PASSWORD, &vec![1; length]);
        drafts.push(draft.marked(if length == 0 {
            Mark::Empty
        } else {
            Mark::BadCredential
        }));
    }
    let identity = crate::isp::eap_identity(9, "alice@demo");
    let eap = |numbers: &mut Numbers, what: &str, packet: &[u8]| {
        let draft = Draft::new(numbers, what, Method::Nothing, b"alice@demo", "");
        draft.after(kind::EAP_MESSAGE, packet).marked(Mark::Eap)
    };
    drafts.push(Draft {
        signed: false,
        ..eap(numbers, "EAP, not signed", &identity).marked(Mark::Unsigned)
    });
    drafts.push(Draft {
        secret: SharedSecret::new(b"somebody else's secret"),
        ..eap(numbers, "EAP, signed with another secret", &identity).marked(Mark::BadSignature)
    });
    drafts.push(eap(numbers, "EAP-Start", b""));
    let strange: [(&str, &[u8]); 5] = [
        ("EAP, cut", &identity[..7]),
        ("half a header of EAP", &identity[..3]),
        (
            "an answer to no question of EAP",
            &[&[2, 9, 0, 22, 4, 16][..], &[1; 16]].concat(),
        ),
        ("a request of EAP", &[1, 9, 0, 6, 4, 0]),
        ("a Code of EAP nobody knows", &[9, 9, 0, 4]),
    ];
    for (what, packet) in strange {
        drafts.push(eap(numbers, what, packet).marked(Mark::BadCredential));
    }
    for (kind, length) in [(1, 49), (25, 49), (1, 51), (25, 51)] {
        let draft = Draft::new(
            numbers,
            "MS-CHAP of another length",
            Method::Nothing,
            b"alice@demo",
            "",
        );
        let inside = [&[0, 0, 1, 0x37, kind, 2 + length][..], &vec![1; length.into()]].concat();
        let challenge = [&[0, 0, 1, 0x37, 11, 18][..], &[1; 16]].concat();
        drafts.push(
            draft
                .after(26, &challenge)
                .after(26, &inside)
                .marked(Mark::BadCredential),
        );
    }
    drafts
}

/// Attributes that a generated request may have besides; nothing contradicts itself.
pub const BESIDES: &[(u8, &[u8])] = &[
    (kind::NAS_IP_ADDRESS, &[192, 0, 2, 1]),
    (kind::NAS_PORT, &[0xff; 4]),
    (kind::SERVICE_TYPE, &[0, 0, 0, 2]),
    (kind::SERVICE_TYPE, &[0, 0, 0, 10]),
    (kind::SERVICE_TYPE, &[0xde, 0xad, 0xbe, 0xef]),
    (kind::FRAMED_PROTOCOL, &[0, 0, 0, 1]),
    (kind::FRAMED_IP_ADDRESS, &[203, 0, 113, 9]),
    (kind::CALLING_STATION_ID, b"02-00-5E-10-00-01"),
    (kind::CALLED_STATION_ID, b"internet"),
    (kind::NAS_IDENTIFIER, b"bng-1"),
    (kind::NAS_PORT_ID, b"slot=1;vlan=100"),
    (kind::NAS_PORT_TYPE, &[0, 0, 0, 15]),
    (kind::ACCT_SESSION_ID, b"8100000a"),
    (kind::CONNECT_INFO, b"100M"),
    (kind::PROXY_STATE, b"one"),
    (kind::PROXY_STATE, b"two"),
    (kind::PROXY_STATE, &[0]),
    (kind::CLASS, b"old class"),
    (kind::STATE, b"old state"),
    (kind::NAS_IPV6_ADDRESS, &[0x20; 16]),
    (kind::SESSION_TIMEOUT, &[0, 0, 0, 1]),
    (199, b"nobody knows"),
    (26, &[0, 0, 0x3a, 0x8c, 10, 6, 192, 0, 2, 9]),
    (26, &[0, 0, 0x0d, 0xe9, 1, 6, b'o', b'l', b't', b'1']),
    (26, &[0, 0, 0, 9, 1, 8, b'a', b'=', b'b', b'c', b'd', b'e']),
    (26, &[0x7f, 1, 2, 3, 1, 3, 0]),
    (241, &[1, 0, 0, 0, 1]),
    (245, &[4, 0, 1, 2, 3]),
];

/// A login that nobody thought of.
fn generated(numbers: &mut Numbers, number: usize) -> Draft {
    let method = *numbers.pick(&Method::ALL);
    let user = numbers.pick(USERS);
    let mut draft = Draft::new(
        numbers,
        &format!("generated {number}: {}", user.name),
        method,
        user.name.as_bytes(),
        typed(user.stored),
    );
    if numbers.one_in(4) {
        draft.password = format!("guess {}", numbers.next()).into();
    }
    if numbers.one_in(6) {
        // Letters only, so that it stays text and nobody's name.
        draft
            .username
            .extend(numbers.octets::<3>().map(|octet| b'a' + octet % 26));
        draft.marks.push(Mark::Unknown);
    } else if unfit(user.stored, method) {
        draft.marks.push(Mark::Unfit);
    }
    if method == Method::Pap && draft.password.is_empty() {
        draft.marks.push(Mark::EmptyPassword);
    }
    if numbers.one_in(4) {
        draft.signed = false;
        draft.marks.push(Mark::Unsigned);
    }
    if numbers.one_in(8) {
        draft.nas = 1;
    }
    if numbers.one_in(10) {
        draft.secret = SharedSecret::new(&numbers.octets::<20>());
        draft.marks.push(if draft.signed {
            Mark::BadSignature
        } else {
            Mark::OtherSecret
        });
    }
    for _ in 0..numbers.below(8) {
        let (kind, value) = *numbers.pick(BESIDES);
        draft = if numbers.one_in(2) {
            draft.before(kind, value)
        } else {
            draft.after(kind, value)
        };
    }
    draft
}

/// A request with other octets here and there, or cut; its Identifier stays.
fn damaged(numbers: &mut Numbers, mut case: Case) -> Case {
    if numbers.one_in(8) {
        let kept = 2 + numbers.below(case.octets.len() - 2);
        case.octets.truncate(kept);
    }
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(case.octets.len());
        if at != 1 {
            let [octet] = numbers.octets();
            // Small ones contradict lengths and numbers more cleverly than any.
            case.octets[at] = if numbers.one_in(2) { octet } else { octet % 8 };
        }
    }
    case.name = format!("damaged {}", case.name);
    case.marks.push(Mark::Damaged);
    let kinds: Vec<_> = View::parse(&case.octets)
        .map(|packet| packet.attributes().map(|attribute| attribute.kind).collect())
        .unwrap_or_default();
    if kinds.contains(&0) {
        case.marks.push(Mark::TypeZero);
    }
    if kinds.contains(&kind::USER_PASSWORD) {
        case.marks.push(Mark::Pap);
    }
    if kinds.contains(&kind::CHAP_PASSWORD) && !case.marks.contains(&Mark::Chap) {
        case.marks.push(Mark::TwoMethods);
    }
    case
}

/// Requests that are no login, or no packet.
fn spoilt(numbers: &mut Numbers) -> Vec<Case> {
    let login = |numbers: &mut Numbers, identifier| {
        Draft::new(numbers, "", Method::Pap, b"alice@demo", PASSWORD).case(identifier)
    };
    let mut cases = Vec::new();
    let mut add = |name: &str, marks: &[Mark], octets: Vec<u8>| {
        cases.push(Case {
            name: name.into(),
            marks: marks.to_vec(),
            nas: 0,
            octets,
        });
    };
    let whole = |numbers: &mut Numbers, identifier| login(numbers, identifier).octets;

    let octets = whole(numbers, 1);
    add(
        "cut in an attribute",
        &[Mark::Malformed],
        octets[..octets.len() - 3].to_vec(),
    );
    let octets = whole(numbers, 2);
    add("a header and no more", &[Mark::Malformed], octets[..20].to_vec());
    let octets = whole(numbers, 3);
    add("less than a header", &[Mark::Malformed], octets[..19].to_vec());
    let mut octets = whole(numbers, 4);
    octets.extend([0; 9]);
    add("padding behind it", &[Mark::Pap], octets);
    let mut octets = whole(numbers, 5);
    octets[21] = 1;
    add("an attribute of one octet", &[Mark::Malformed], octets);
    let mut octets = whole(numbers, 6);
    octets[3] -= 1;
    add(
        "a length that cuts the last attribute",
        &[Mark::Malformed],
        octets,
    );
    for (identifier, code) in (10..).zip([0, 2, 3, 4, 11, 13, 40, 43, 255]) {
        let mut octets = whole(numbers, identifier);
        octets[0] = code;
        add(&format!("Code {code}"), &[Mark::OtherCode], octets);
    }
    for (identifier, (what, signed, secret)) in (30..).zip([
        ("signed", true, secret()),
        ("not signed", false, secret()),
        (
            "signed with another secret",
            true,
            SharedSecret::new(b"somebody else's secret"),
        ),
    ]) {
        let mut buf = [0; 128];
        let mut writer = RequestWriter::status_server(&mut buf, identifier, numbers.octets()).expect("room");
        let mut marks = vec![Mark::Status];
        if signed {
            writer.reserve_message_authenticator().expect("room");
        } else {
            marks.push(Mark::Unsigned);
        }
        if secret.octets() != SECRET {
            marks.push(Mark::BadSignature);
        }
        writer.attribute(kind::PROXY_STATE, b"back").expect("room");
        add(
            &format!("Status-Server, {what}"),
            &marks,
            writer.finish(&secret).to_vec(),
        );
    }
    let mut octets = whole(numbers, 40);
    octets[30] ^= 1;
    add("a signature with one bit turned", &[Mark::BadSignature], octets);
    cases
}
