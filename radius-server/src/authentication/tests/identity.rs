//! Who it is about: by name in any case, by line, by device, in the order of the NAS.

use super::*;
use crate::directory::{Identify, IdentifyBy, Mark, MarkKind};
use radius::Mac;

/// The MAC address of alice's device.
const MAC: &str = "00:1a:2b:3c:4d:5e";
/// Service-Type of a request for a device.
const CALL_CHECK: [u8; 4] = [0, 0, 0, 10];
/// The DSL Forum's Agent Circuit ID, as an attribute's value.
fn circuit_id(value: &str) -> Vec<u8> {
    let len = u8::try_from(value.len() + 2).expect("short");
    [&3561_u32.to_be_bytes()[..], &[1, len], value.as_bytes()].concat()
}

/// A desk whose NAS goes by these rules, and whose alice has these marks and this credential.
fn desk(rules: &[IdentifyBy], credential: Credential, marks: &[(MarkKind, Option<NasId>, &str)]) -> Desk {
    let desk = Desk::with(|nas, alice| {
        nas.identify = Identify::new(rules).expect("rules");
        alice.credential = credential;
    });
    let marks: Vec<Mark> = marks
        .iter()
        .map(|(kind, nas, value)| Mark {
            kind: *kind,
            nas: *nas,
            value: kind.read(value).expect("a value"),
        })
        .collect();
    desk.directory.marks_put(partner(), alice().id, &marks);
    desk
}

/// A desk that knows alice by her device alone.
fn mac_desk() -> Desk {
    desk(
        &[IdentifyBy::Mac, IdentifyBy::UserName],
        Credential::None,
        &[(MarkKind::Mac, None, MAC)],
    )
}

/// A desk that knows alice by her line alone.
fn line_desk(marks: &[(MarkKind, Option<NasId>, &str)]) -> Desk {
    desk(&[IdentifyBy::Line, IdentifyBy::UserName], Credential::None, marks)
}

/// A request from a port.
fn from_port(identifier: u8, port: &str) -> Vec<u8> {
    plain(identifier).build(|writer, secret| {
        writer.text(kind::USER_NAME, "dhcp").expect("room");
        writer.password(b"Radius", secret).expect("room");
        writer.text(kind::NAS_PORT_ID, port).expect("room");
    })
}

#[test]
fn a_device_is_recognised_in_every_spelling_and_with_every_usual_password() {
    let mut desk = mac_desk();
    let spellings = [
        "00:1a:2b:3c:4d:5e",
        "00-1A-2B-3C-4D-5E",
        "001a.2b3c.4d5e",
        "001A2B3C4D5E",
        "001a2b3c4d5e",
        "001a-2b3c-4d5e",
        "001a2b-3c4d5e",
        "00 1a 2b 3c 4d 5e",
    ];
    for (identifier, name) in (0..).zip(spellings) {
        let request = plain(identifier).pap(name, name);
        let answered = desk.ask(&request);
        let reply = answered.verified(&request);
        assert_eq!(reply.code(), Code::AccessAccept, "{name}");
        assert_eq!(reply.text(kind::USER_NAME), Some("alice@demo"), "{name}");
    }
    let words = "the MAC address of his device is his credential";
    for (identifier, password) in [
        (20, MAC),
        (21, ""),
        (22, std::str::from_utf8(SECRET).expect("text")),
    ] {
        let request = plain(identifier).pap("001a2b3c4d5e", password);
        let decision = desk.ask(&request).decision.expect("a decision");
        assert_eq!(decision.outcome, Outcome::Accepted, "{password}");
        assert!(
            decision
                .steps
                .iter()
                .any(|step| step.found.words().contains(words))
        );
    }
    let bare = plain(30).build(|writer, _| writer.text(kind::USER_NAME, MAC).expect("room"));
    desk.check(
        &bare,
        Outcome::Accepted,
        "subscriber alice@demo recognised by MAC address 00:1a:2b:3c:4d:5e",
    );
}

#[test]
fn a_device_with_another_password_is_refused() {
    let request = plain(1).pap(MAC, "a person typed this");
    mac_desk().check(
        &request,
        Outcome::Rejected(RejectReason::WrongPassword),
        "MAC authentication: the password is neither the MAC address nor the shared secret of the NAS",
    );
}

#[test]
fn a_device_that_answers_chap_makes_it_from_its_name() {
    let mut desk = mac_desk();
    for (identifier, password, code) in [
        (1, "001A2B3C4D5E", Code::AccessAccept),
        (2, "something else", Code::AccessReject),
    ] {
        let request = plain(identifier).build(|writer, _| {
            let response = digest(9, password, &[identifier; 16]);
            writer.text(kind::USER_NAME, "001A2B3C4D5E").expect("room");
            writer
                .attribute(kind::CHAP_PASSWORD, &[&[9], &response[..]].concat())
                .expect("room");
        });
        assert_eq!(desk.ask(&request).verified(&request).code(), code, "{password}");
    }
}

#[test]
fn call_check_takes_the_calling_station_and_a_name_that_contradicts_it_is_nobodys() {
    let mut desk = mac_desk();
    let call = |identifier, name: &str, calling: &str, check: bool| {
        plain(identifier).build(|writer, _| {
            writer.text(kind::USER_NAME, name).expect("room");
            writer.text(kind::CALLING_STATION_ID, calling).expect("room");
            if check {
                writer.attribute(kind::SERVICE_TYPE, &CALL_CHECK).expect("room");
            }
        })
    };
    desk.check(
        &call(1, "anything", "00-1A-2B-3C-4D-5E", true),
        Outcome::Accepted,
        "subscriber alice@demo recognised by MAC address 00:1a:2b:3c:4d:5e",
    );
    desk.check(
        &call(2, "anything", "00-1A-2B-3C-4D-5E", false),
        Outcome::Rejected(RejectReason::UnknownSubscriber),
        "the request is not made for a device: User-Name is no MAC address, and it is not a Call-Check with one in \
         Calling-Station-Id",
    );
    desk.check(
        &call(3, MAC, "02-00-00-00-00-01", true),
        Outcome::Rejected(RejectReason::UnknownSubscriber),
        "User-Name and Calling-Station-Id are different MAC addresses",
    );
    desk.check(
        &call(4, "02:00:00:00:00:01", "02-00-00-00-00-01", true),
        Outcome::Rejected(RejectReason::UnknownSubscriber),
        "no subscriber has MAC address 02:00:00:00:00:01",
    );
}

#[test]
fn a_nas_without_the_rule_knows_no_device() {
    let mut desk = Desk::with(|_, alice| alice.credential = Credential::None);
    let mac = Mac::parse(MAC.as_bytes()).expect("an address");
    desk.directory.marks_put(partner(), alice().id, &[Mark::mac(mac)]);
    let request = plain(1).pap(MAC, MAC);
    let unknown = Outcome::Rejected(RejectReason::UnknownSubscriber);
    desk.check(
        &request,
        unknown,
        "partner Demo ISP has no subscriber 00:1a:2b:3c:4d:5e",
    );
}

#[test]
fn a_line_is_recognised_and_is_the_credential_of_who_has_no_password() {
    let mut desk = line_desk(&[(MarkKind::CircuitId, None, "olt-1 eth 0/1:7")]);
    let request = plain(1).build(|writer, secret| {
        writer.text(kind::USER_NAME, "00:11:22:33:44:55").expect("room");
        writer.password(b"Radius", secret).expect("room");
        writer
            .attribute(kind::VENDOR_SPECIFIC, &circuit_id("olt-1 eth 0/1:7"))
            .expect("room");
    });
    let answered = desk.ask(&request);
    assert_eq!(
        answered.verified(&request).text(kind::USER_NAME),
        Some("alice@demo")
    );
    let decision = answered.decision.expect("a decision");
    assert_eq!(decision.subscriber, Some(alice().id));
    let words: Vec<_> = decision.steps.iter().map(|step| step.found.words()).collect();
    assert!(
        words.contains(&"subscriber alice@demo recognised by circuit id olt-1 eth 0/1:7".to_owned()),
        "{words:#?}"
    );
    assert!(
        words.iter().any(|found| found.contains("his credential")),
        "{words:#?}"
    );
}

#[test]
fn a_port_means_somebody_on_its_own_nas_and_vlans_stand_at_its_end() {
    let here = nas().id;
    let elsewhere = NasId::from_uuid(Uuid::from_u128(99));
    let mut desk = line_desk(&[(MarkKind::PortId, Some(here), "eth 0/1:7")]);
    desk.check(
        &from_port(1, "eth 0/1:7"),
        Outcome::Accepted,
        "subscriber alice@demo recognised by NAS-Port-Id eth 0/1:7",
    );
    let mut desk = line_desk(&[(MarkKind::Vlan, Some(here), "100.200")]);
    desk.check(
        &from_port(1, "ge-1/0/0.7:100-200"),
        Outcome::Accepted,
        "subscriber alice@demo recognised by VLAN 100.200",
    );
    let mut desk = line_desk(&[(MarkKind::Vlan, Some(elsewhere), "100.200")]);
    desk.check(
        &from_port(1, "eth0.100.200"),
        Outcome::Rejected(RejectReason::UnknownSubscriber),
        "no subscriber has NAS-Port-Id eth0.100.200",
    );
    let mut desk = line_desk(&[(MarkKind::Vlan, None, "100.200")]);
    desk.check(
        &from_port(1, "eth0.100.200"),
        Outcome::Accepted,
        "subscriber alice@demo recognised by VLAN 100.200",
    );
}

#[test]
fn who_has_a_password_must_know_it_on_his_own_line_too() {
    let marks = [(MarkKind::PortId, None, "eth 0/1:7")];
    let rules = [IdentifyBy::Line];
    let mut desk = desk(&rules, Credential::Clear(PASSWORD.into()), &marks);
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    desk.check(
        &from_port(1, "eth 0/1:7"),
        wrong,
        "PAP: the password differs from the stored one",
    );
    let right = plain(2).build(|writer, secret| {
        writer.text(kind::USER_NAME, "whatever").expect("room");
        writer.password(PASSWORD.as_bytes(), secret).expect("room");
        writer.text(kind::NAS_PORT_ID, "eth 0/1:7").expect("room");
    });
    desk.check(&right, Outcome::Accepted, "PAP: the password is the stored one");
}

#[test]
fn the_next_rule_is_tried_and_the_last_one_says_why_not() {
    let mut desk = line_desk(&[]);
    let request = plain(1).pap("alice@demo", "x");
    let decision = desk.check(
        &request,
        Outcome::Rejected(RejectReason::NoCredential),
        "the request carries no circuit id, remote id or NAS-Port-Id",
    );
    let names: Vec<_> = decision.steps.iter().map(|step| step.found.words()).collect();
    assert!(
        names.contains(&"subscriber alice@demo found".to_owned()),
        "{names:#?}"
    );
}

#[test]
fn a_line_whose_nas_has_another_secret_gets_no_answer() {
    let mut desk = line_desk(&[(MarkKind::PortId, None, "eth 0/1:7")]);
    let request = Ask {
        secret: b"some other secret",
        ..plain(1)
    }
    .build(|writer, secret| {
        writer.password(b"Radius", secret).expect("room");
        writer.text(kind::NAS_PORT_ID, "eth 0/1:7").expect("room");
    });
    let decision = desk.ask(&request).decision.expect("a decision");
    assert_eq!(
        decision.outcome,
        Outcome::Dropped(crate::decision::DropReason::SecretDiffers)
    );
}

#[test]
fn the_case_of_a_name_counts_until_the_partner_says_otherwise() {
    let mut desk = Desk::with(|_, alice| alice.username = "Alice@Demo".into());
    let request = |identifier| plain(identifier).pap("aLICE@dEMO", PASSWORD);
    let unknown = Outcome::Rejected(RejectReason::UnknownSubscriber);
    desk.check(
        &request(1),
        unknown,
        "partner Demo ISP has no subscriber aLICE@dEMO",
    );
    desk.directory.partner_fold_case(partner(), true);
    let answered = desk.ask(&request(2));
    let again = request(2);
    let reply = answered.verified(&again);
    assert_eq!(reply.code(), Code::AccessAccept);
    assert_eq!(reply.text(kind::USER_NAME), Some("Alice@Demo"));
    desk.directory.partner_fold_case(partner(), false);
    desk.check(
        &request(3),
        unknown,
        "partner Demo ISP has no subscriber aLICE@dEMO",
    );
}

#[test]
fn a_device_is_logged_in_by_eap_md5_with_its_address_as_password() {
    for (name, password, right) in [
        ("001a2b3c4d5e", "001a2b3c4d5e", true),
        ("00-1A-2B-3C-4D-5E", "00-1A-2B-3C-4D-5E", true),
        ("00-1A-2B-3C-4D-5E", "001a2b3c4d5e", false),
        ("00-1A-2B-3C-4D-5F", "00-1A-2B-3C-4D-5F", false),
    ] {
        let mut desk = mac_desk();
        let login = |desk: &mut Desk, from: u8| {
            let mut said = Vec::new();
            radius::eap::write_response(7, 1, &[name.as_bytes()], &mut said);
            let mut state: Option<Vec<u8>> = None;
            let mut outcome = None;
            for identifier in from..from + 2 {
                let request = signed(identifier).build(|writer, _| {
                    writer.text(kind::USER_NAME, name).expect("room");
                    writer.long(kind::EAP_MESSAGE, &said).expect("room");
                    if let Some(state) = &state {
                        writer.attribute(kind::STATE, state).expect("room");
                    }
                });
                let answered = desk.ask(&request);
                let reply = answered.verified(&request);
                state = reply.first(kind::STATE).map(<[u8]>::to_vec);
                let question = eap_of(&reply);
                if question[0] == EapCode::Request as u8 {
                    said = md5_response(&question, password);
                }
                outcome = answered.decision.map(|decision| decision.outcome);
            }
            outcome.expect("a decision")
        };
        assert_eq!(
            login(&mut desk, 1) == Outcome::Accepted,
            right,
            "{name} {password}"
        );
        // A NAS that does not go by devices has nobody of this name.
        let mut desk = desk_by_name();
        let unknown = Outcome::Rejected(RejectReason::UnknownSubscriber);
        assert_eq!(login(&mut desk, 1), unknown, "{name}");
    }
}

/// The same people behind a NAS that goes by names.
fn desk_by_name() -> Desk {
    desk(
        &[IdentifyBy::UserName],
        Credential::None,
        &[(MarkKind::Mac, None, MAC)],
    )
}
