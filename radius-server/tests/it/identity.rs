//! Who it is, by the tools of others: devices, lines and realms as radclient and eapol_test send them, and passwords of
//! which Debian's tools have made the hashes, before us and before FreeRADIUS.

use crate::differential::freeradius::Freeradius;
use crate::differential::peer::{ADDRESSES, Asker, Stored, User, ours_with};
use crate::eapol;
use crate::isp::{Isp, PASSWORD, SECRET, id, subscriber};
use crate::proxy::is_installed;
use radius::hop::Pass;
use radius::{Code, View};
use radius_server::authentication::EapOptions;
use radius_server::directory::{
    Balance, Credential, Decided, Identify, IdentifyBy, Mark, MarkKind, RealmSpec, RealmsSpec, SubscriberSpec,
};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The device of alice.
const MAC: &str = "00:1a:2b:3c:4d:5e";
/// It in the ways NAS write it.
const SPELLINGS: [&str; 10] = [
    "00:1a:2b:3c:4d:5e",
    "00:1A:2B:3C:4D:5E",
    "00-1A-2B-3C-4D-5E",
    "00-1a-2b-3c-4d-5e",
    "001a.2b3c.4d5e",
    "001A2B3C4D5E",
    "001a2b3c4d5e",
    "001a-2b3c-4d5e",
    "001A2B-3C4D5E",
    "001a:2b3c:4d5e",
];

/// What radclient shows of the answer to these attributes.
#[track_caller]
fn radclient(isp: &Isp, address: &str, attributes: &[(&str, &str)]) -> String {
    let mut asking = Command::new("radclient")
        .args(["-x", "-r", "1", "-t", "10", "-c", "1"])
        .arg(isp.plane.auth_addrs()[0].to_string())
        .args(["auth", std::str::from_utf8(SECRET).expect("text")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("radclient");
    let mut request = format!("Packet-Src-IP-Address = {address}\n");
    for (name, value) in attributes {
        request += &format!("{name} = \"{value}\"\n");
    }
    let mut input = asking.stdin.take().expect("piped");
    input.write_all(request.as_bytes()).expect("written");
    drop(input);
    let said = asking.wait_with_output().expect("ended");
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

/// Asserts that a request is accepted as alice's, or rejected.
#[track_caller]
fn check(isp: &Isp, address: &str, attributes: &[(&str, &str)], accepted: bool) {
    let said = radclient(isp, address, attributes);
    if accepted {
        assert!(said.contains("Received Access-Accept"), "{attributes:?}: {said}");
        let (_, reply) = said.split_once("Received Access-Accept").expect("accepted");
        assert!(
            reply.contains("User-Name = \"alice@demo\""),
            "{attributes:?}: {said}"
        );
    } else {
        assert!(said.contains("Received Access-Reject"), "{attributes:?}: {said}");
    }
}

/// Alice without a password, on a NAS that goes by these rules.
fn isp(address: &str, rules: &[IdentifyBy], marks: &[(MarkKind, &str)]) -> Isp {
    let isp = Isp::start();
    isp.nas_with(1, address, |nas| {
        nas.identify = Identify::new(rules).expect("rules")
    });
    let alice = SubscriberSpec {
        credential: Credential::None,
        ..subscriber(1, "alice@demo", "")
    };
    let directory = isp.plane.directory();
    directory.subscriber_put(id(1), alice).expect("taken");
    let marks: Vec<_> = marks
        .iter()
        .map(|(kind, value)| Mark {
            kind: *kind,
            nas: None,
            value: kind.read(value).expect("a value"),
        })
        .collect();
    directory.marks_put(id(1), id(1), &marks);
    isp
}

#[test]
fn radclient_logs_a_device_in_in_every_spelling() {
    if !is_installed("radclient") {
        return;
    }
    let address = "127.0.81.1";
    let isp = isp(address, &[IdentifyBy::Mac], &[(MarkKind::Mac, MAC)]);
    for name in SPELLINGS {
        check(
            &isp,
            address,
            &[("User-Name", name), ("User-Password", name)],
            true,
        );
        check(
            &isp,
            address,
            &[("User-Name", name), ("CHAP-Password", name)],
            true,
        );
        let call_check = [
            ("User-Name", "a switch"),
            ("Service-Type", "Call-Check"),
            ("Calling-Station-Id", name),
        ];
        check(&isp, address, &call_check, true);
        check(
            &isp,
            address,
            &[("User-Name", name), ("User-Password", "guess")],
            false,
        );
        check(
            &isp,
            address,
            &[("User-Name", name), ("CHAP-Password", "guess")],
            false,
        );
    }
    let other = [("User-Name", "001a2b3c4d5f"), ("User-Password", "001a2b3c4d5f")];
    check(&isp, address, &other, false);
}

#[test]
fn eapol_test_logs_a_device_in_by_eap_md5() {
    if !eapol::is_installed() {
        return;
    }
    let papers = eapol::Papers::new();
    let isp = isp(
        "127.0.0.1",
        &[IdentifyBy::Mac, IdentifyBy::UserName],
        &[(MarkKind::Mac, MAC)],
    );
    let login = eapol::Login::new(&papers, "MD5", None, "1.2").on(MAC);
    let port = isp.plane.auth_addrs()[0].port();
    for (name, password, ending) in SPELLINGS
        .map(|name| (name, name, "SUCCESS\n"))
        .into_iter()
        .chain([
            (MAC, "guess", "FAILURE\n"),
            ("001a2b3c4d5f", "001a2b3c4d5f", "FAILURE\n"),
        ])
    {
        let said = login.run_at(port, name, password);
        assert!(
            said.ends_with(ending),
            "{name} with {password}:\n{}",
            eapol::tail(&said)
        );
    }
}

#[test]
fn radclient_comes_from_a_line() {
    if !is_installed("radclient") {
        return;
    }
    let address = "127.0.81.2";
    let marks = [
        (MarkKind::CircuitId, "olt1/1/3:100.200"),
        (MarkKind::RemoteId, "ONT-4711"),
        (MarkKind::PortId, "xe-0/0/1:300-400"),
        (MarkKind::Vlan, "500.600"),
    ];
    let isp = isp(address, &[IdentifyBy::Line], &marks);
    let from = |name, value, accepted| {
        let request = [
            ("User-Name", "dhcp"),
            ("User-Password", "anything"),
            (name, value),
        ];
        check(&isp, address, &request, accepted);
    };
    from("ADSL-Agent-Circuit-Id", "olt1/1/3:100.200", true);
    from("ADSL-Agent-Remote-Id", "ONT-4711", true);
    from("NAS-Port-Id", "xe-0/0/1:300-400", true);
    from("NAS-Port-Id", "ae7.demux0:500-600", true);
    from("ADSL-Agent-Circuit-Id", "olt1/1/4:100.201", false);
    from("NAS-Port-Id", "xe-0/0/2:301-400", false);
}

#[test]
fn radclient_says_a_realm() {
    if !is_installed("radclient") {
        return;
    }
    let isp = Isp::start();
    isp.nas(1, "127.0.81.3");
    isp.subscriber(1, 1, "alice", PASSWORD);
    let realm = |number: u128, name: &str, decided| RealmSpec {
        id: id(number),
        name: name.into(),
        decided,
        strip: true,
        servers: Vec::new(),
        balance: Balance::FailOver,
        pass: Pass::All,
        accounting: false,
    };
    let realms = RealmsSpec {
        servers: Vec::new(),
        realms: vec![
            realm(1, "isp.example", Decided::Here),
            realm(2, "elsewhere.example", Decided::Nowhere),
        ],
    };
    isp.plane.directory().realms_put(id(1), realms).expect("taken");
    for (name, accepted) in [
        ("alice@isp.example", true),
        ("alice@ISP.example", true),
        ("isp.example\\\\alice", true),
        ("alice", true),
        ("alice@elsewhere.example", false),
        ("alice@unheard.example", false),
    ] {
        let said = radclient(
            &isp,
            "127.0.81.3",
            &[("User-Name", name), ("User-Password", PASSWORD)],
        );
        let expected = if accepted {
            "Received Access-Accept"
        } else {
            "Received Access-Reject"
        };
        assert!(said.contains(expected), "{name}: {said}");
    }
}

/// A hash that a tool makes of the password; `None` where it is not installed.
fn hash_of(tool: &[&str]) -> Option<String> {
    let (program, arguments) = tool.split_first()?;
    let made = Command::new(program)
        .args(arguments)
        .arg(PASSWORD)
        .output()
        .ok()?;
    assert!(made.status.success(), "{tool:?}: {made:?}");
    let said = String::from_utf8(made.stdout).expect("text");
    // htpasswd puts a name before it.
    Some(said.trim().trim_start_matches("name:").to_owned())
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run, and what the tools made"
)]
fn hashes_that_debians_tools_made_are_the_same_to_both() {
    const CRYPT: &str = "Crypt-Password";
    const HEADER: &str = "Password-With-Header";
    let tools: [(&str, &[&str]); 12] = [
        (CRYPT, &["mkpasswd", "-m", "sha-512"]),
        (CRYPT, &["mkpasswd", "-m", "sha-512", "-R", "5000"]),
        (CRYPT, &["mkpasswd", "-m", "sha-256"]),
        (CRYPT, &["mkpasswd", "-m", "md5"]),
        (CRYPT, &["mkpasswd", "-m", "bcrypt", "-R", "5"]),
        (CRYPT, &["mkpasswd", "-m", "bcrypt-a", "-R", "5"]),
        (CRYPT, &["htpasswd", "-nbB", "-C", "5", "name"]),
        (HEADER, &["htpasswd", "-nbs", "name"]),
        (CRYPT, &["openssl", "passwd", "-6"]),
        (CRYPT, &["openssl", "passwd", "-5"]),
        (CRYPT, &["openssl", "passwd", "-1"]),
        (HEADER, &["slappasswd", "-h", "{SSHA}", "-n", "-s"]),
    ];
    let mut users = vec![User {
        name: "bob",
        stored: Stored::Clear("x"),
        reply: &[],
    }];
    for (number, (attribute, tool)) in tools.iter().enumerate() {
        let Some(hash) = hash_of(tool) else {
            eprintln!("skipped: {} is not installed", tool[0]);
            continue;
        };
        eprintln!("{}: {hash}", tool.join(" "));
        users.push(User {
            // A test may keep what it made until it ends.
            name: format!("user-{number}").leak(),
            stored: Stored::Hashed(attribute, hash.leak()),
            reply: &[],
        });
    }
    let isp = ours_with(EapOptions::default(), &users, SECRET);
    let Some(freeradius) = Freeradius::with(None, &users, SECRET) else {
        return;
    };
    let askers = [
        Asker::ours(&isp, ADDRESSES[0]),
        Asker::theirs(&isp, &freeradius, ADDRESSES[0]),
    ];
    for user in users.iter().skip(1) {
        for (password, code) in [
            (PASSWORD, Code::AccessAccept),
            ("wrong horse", Code::AccessReject),
            ("", Code::AccessReject),
        ] {
            for (whose, asker) in ["ours", "theirs"].iter().zip(&askers) {
                let request = asker.client.pap(true, user.name, password);
                asker.client.send_auth(&request);
                let reply = asker.client.receive();
                let said = View::parse(&reply).expect("a packet").code();
                assert_eq!(
                    said, code,
                    "{whose}: {} {:?} with {password:?}",
                    user.name, user.stored
                );
            }
        }
    }
}
