//! Both servers, with the same users, and somebody who asks both the same.

use super::freeradius::Freeradius;
use crate::isp::{Client, Isp, PASSWORD, SECRET, id, nas};
use radius::dictionary::STANDARD;
use radius::mschap::NtHash;
use radius::{Code, RequestWriter, SharedSecret, View, kind};
use radius_server::authentication::EapOptions;
use radius_server::directory::{Credential, Plan, Require, SubscriberSpec};
use radius_server::password_hash::PasswordHash;
use std::fmt::Write;
use std::sync::Arc;

/// The NAS that need not sign, and the one that must.
pub const ADDRESSES: [&str; 2] = ["127.26.1.1", "127.26.1.2"];

/// What is stored of a user.
#[derive(Clone, Copy, Debug)]
pub enum Stored {
    Clear(&'static str),
    NtHashOf(&'static str),
    /// A hash in this attribute of FreeRADIUS's.
    Hashed(&'static str, &'static str),
    Nothing,
}

/// A user that both know.
pub struct User {
    pub name: &'static str,
    pub stored: Stored,
    /// Attributes of the reply, by name and text.
    pub reply: &'static [(&'static str, &'static str)],
}

/// The users.
pub const USERS: &[User] = &[
    User {
        name: "alice@demo",
        stored: Stored::Clear(PASSWORD),
        reply: &[
            ("Session-Timeout", "3600"),
            ("Idle-Timeout", "600"),
            ("Framed-IP-Address", "192.0.2.7"),
            ("Framed-Pool", "gold"),
            ("Framed-Route", "198.51.100.0/24 192.0.2.7 1"),
            ("Framed-Route", "203.0.113.0/24 192.0.2.7 1"),
            ("Mikrotik-Rate-Limit", "20M/50M"),
            ("Mikrotik-Recv-Limit", "4000000000"),
            ("Cisco-AVPair", "ip:addr-pool=gold"),
            ("Cisco-AVPair", "ip:dns-servers=192.0.2.53"),
            ("WISPr-Bandwidth-Max-Down", "50000000"),
            ("Framed-IPv6-Prefix", "2001:db8:1::/64"),
            ("Delegated-IPv6-Prefix", "2001:db8:100::/56"),
            ("Framed-IPv6-Pool", "gold6"),
            ("Tunnel-Type", ":1:VLAN"),
            ("Tunnel-Medium-Type", ":1:IEEE-802"),
            ("Tunnel-Private-Group-Id", ":1:250"),
        ],
    },
    User {
        name: "bob",
        stored: Stored::Clear("x"),
        reply: &[("Reply-Message", "welcome"), ("Filter-Id", "basic")],
    },
    User {
        name: "zoë",
        stored: Stored::Clear("grüße, 世界"),
        reply: &[("Class", "0x00ff")],
    },
    User {
        name: "erin@isp.example",
        stored: Stored::Clear("sixteen octets!!"),
        reply: &[],
    },
    User {
        name: "ISP\\frank",
        stored: Stored::Clear("a password that is longer than one block of sixteen octets"),
        reply: &[("Framed-MTU", "1492")],
    },
    User {
        name: "02-00-5e-10-00-01",
        stored: Stored::Clear("02-00-5e-10-00-01"),
        reply: &[("Session-Timeout", "86400")],
    },
    User {
        name: "nora",
        stored: Stored::NtHashOf("only hashed"),
        reply: &[("Framed-Pool", "silver")],
    },
    User {
        name: "nobody.home",
        stored: Stored::Nothing,
        reply: &[],
    },
];

/// The user's reply attributes, encoded.
fn encoded(user: &User) -> Box<[u8]> {
    let mut out = Vec::new();
    for (name, text) in user.reply {
        let definition = STANDARD.by_name(name).expect("in the dictionary");
        STANDARD.encode(definition, text, &mut out).expect("encodes");
    }
    out.into()
}

/// Digits of octets.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _never_fails = write!(text, "{octet:02x}");
        text
    })
}

/// The users as FreeRADIUS's `files` reads them.
pub fn users_file(users: &[User]) -> String {
    let mut file = String::new();
    for user in users {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\"));
        let check = match user.stored {
            Stored::Clear(password) => format!("Cleartext-Password := {}", quoted(password)),
            Stored::NtHashOf(password) => {
                format!("NT-Password := 0x{}", hex(NtHash::of(password).octets()))
            }
            Stored::Hashed(attribute, hash) => format!("{attribute} := '{hash}'"),
            Stored::Nothing => String::new(),
        };
        let reply: Vec<_> = user.reply.iter().map(|(name, text)| row(name, text)).collect();
        let _never_fails = write!(file, "{} {check}\n{}\n\n", user.name, reply.join(",\n"));
    }
    file
}

/// An attribute of a reply as FreeRADIUS writes it: a tag belongs to the name there.
fn row(name: &str, text: &str) -> String {
    match text.strip_prefix(':').and_then(|text| text.split_once(':')) {
        Some((tag, text)) => format!("\t{name}:{tag} += \"{text}\""),
        None if text.starts_with("0x") => format!("\t{name} += {text}"),
        None => format!("\t{name} += \"{text}\""),
    }
}

/// A server of ours with the same users.
pub fn ours() -> Isp {
    ours_with(EapOptions::default(), USERS, SECRET)
}

/// The same with other methods of EAP, users, and secret.
pub fn ours_with(eap: EapOptions, users: &[User], secret: &[u8]) -> Isp {
    let isp = Isp::with(|config| config.eap = eap);
    let directory = isp.plane.directory();
    for (number, (address, must)) in (10..).zip(ADDRESSES.iter().zip([Require::No, Require::Yes])) {
        let mut spec = nas(number, address);
        spec.message_authenticator = must;
        spec.secret = SharedSecret::new(secret);
        spec.guard.limit_proxy_state = Require::No;
        directory.nas_put(spec).expect("taken");
    }
    for (number, user) in (100..).zip(users) {
        let credential = match user.stored {
            Stored::Clear(password) => Credential::Clear(password.into()),
            Stored::NtHashOf(password) => Credential::NtHash(NtHash::of(password)),
            Stored::Hashed(_, hash) => Credential::Hash(PasswordHash::parse(hash).expect("a hash")),
            Stored::Nothing => Credential::None,
        };
        let spec = SubscriberSpec {
            credential,
            plan: Arc::new(Plan::new("bare", Box::default(), None, None)),
            reply: encoded(user),
            ..crate::isp::subscriber(number, user.name, "")
        };
        directory.subscriber_put(id(1), spec).expect("taken");
    }
    isp
}

/// A NAS before one of the servers.
pub struct Asker {
    pub client: Client,
    /// Which kind of request must be answered.
    probe: Probe,
    /// Who logs in with it, and his password.
    pub known: (&'static str, &'static str),
    /// Identifiers of those that must be answered: the upper half.
    probes: std::cell::Cell<u8>,
}

/// A request that must be answered, so that one before it that is not answered by then will not be.
#[derive(Clone, Copy)]
enum Probe {
    Login,
    Record,
}

impl Asker {
    /// A NAS before ours.
    pub fn ours(isp: &Isp, address: &str) -> Self {
        Self {
            client: isp.client(address),
            probe: Probe::Login,
            known: ("bob", "x"),
            probes: std::cell::Cell::new(0),
        }
    }

    /// The same before FreeRADIUS.
    pub fn theirs(isp: &Isp, freeradius: &Freeradius, address: &str) -> Self {
        let mut asker = Self::ours(isp, address);
        asker.client.auth = freeradius.auth;
        asker
    }

    /// The same NAS before the accounting ports of both.
    pub fn accounting(isp: &Isp, freeradius: &Freeradius, address: &str) -> [Self; 2] {
        let mut askers = [Self::ours(isp, address), Self::ours(isp, address)];
        askers[0].client.auth = askers[0].client.accounting;
        askers[1].client.auth = freeradius.accounting;
        askers.iter_mut().for_each(|asker| asker.probe = Probe::Record);
        askers
    }

    /// A request with a packet of EAP, and the State that came with the one it answers.
    pub fn eap(&self, username: &str, packet: &[u8], state: Option<&[u8]>) -> Vec<u8> {
        self.client.eap(username, packet, state)
    }

    /// What a request with an Identifier below 128 is answered; `None`: nothing.
    pub fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let number = self.probes.get();
        self.probes.set(number.wrapping_add(1));
        let identifier = 0x80 | number;
        let mut buf = [0; 256];
        let authenticator = uuid::Uuid::now_v7().into_bytes();
        let (mut writer, expected) = match self.probe {
            Probe::Login => {
                let mut writer = RequestWriter::access(&mut buf, identifier, authenticator).expect("room");
                writer.reserve_message_authenticator().expect("room");
                writer
                    .password(self.known.1.as_bytes(), &self.client.secret)
                    .expect("room");
                (writer, Code::AccessAccept)
            }
            Probe::Record => {
                let mut writer =
                    RequestWriter::signed(&mut buf, Code::AccountingRequest, identifier).expect("room");
                writer.u32(kind::ACCT_STATUS_TYPE, 3).expect("room");
                writer
                    .attribute(kind::CONNECT_INFO, &authenticator)
                    .expect("room");
                (writer, Code::AccountingResponse)
            }
        };
        writer.text(kind::USER_NAME, self.known.0).expect("room");
        let probe = writer.finish(&self.client.secret);
        self.client.send_auth(request);
        self.client.send_auth(probe);
        let mut answer = None;
        loop {
            let octets = self.client.receive();
            let reply = View::parse(&octets).expect("a packet");
            if reply.identifier() == identifier {
                assert_eq!(reply.code(), expected);
                return answer;
            }
            assert_eq!(reply.identifier(), request[1]);
            assert_eq!(answer.replace(octets), None, "one answer");
        }
    }
}
