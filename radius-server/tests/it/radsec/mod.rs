//! RADIUS over TLS from outside: NAS with certificates of our authority, of others and of nobody.

mod down;
mod homes;
mod links;
mod peer;
mod proxies;

use crate::isp::{Isp, PASSWORD, id, nas, until};
use peer::{Issuer, TlsNas, start};
use radius::{Code, SharedSecret, View, kind, v11};
use radius_server::counters::Event;
use radius_server::radsec::Version;
use rustls::version::{TLS12, TLS13};
use std::net::TcpStream;
use std::time::Duration;

/// An ISP with NAS 7 and a certificate for it.
fn isp_with_nas() -> (Isp, peer::Identity) {
    let isp = start(|_config| {});
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let identity = peer::issue(&isp, id(7));
    (isp, identity)
}

#[test]
fn a_nas_logs_in_and_accounts_over_every_version_of_tls() {
    let (isp, identity) = isp_with_nas();
    for (version, protocol) in [
        (&TLS12, Version::V10),
        (&TLS13, Version::V10),
        (&TLS13, Version::V11),
    ] {
        let mut nas = TlsNas::connect(&isp, &identity, version, protocol);
        assert_eq!(nas.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
        assert_eq!(nas.ask_pap("alice@demo", "wrong"), Code::AccessReject);
        assert_eq!(nas.ask_status_server(), Code::AccessAccept);
        let before = isp.accounting_records();
        assert_eq!(nas.ask_accounting("s1"), Code::AccountingResponse);
        assert_eq!(
            isp.accounting_records(),
            before + 1,
            "what is answered is on disk"
        );
    }
    let counters = isp.plane.counters();
    assert_eq!(counters.get(Event::RadsecOpened), 3);
    assert_eq!(counters.get(Event::RadsecRequest), 8);
    assert_eq!(counters.get(Event::RadsecRequestV11), 4);
    let stats = &isp.plane.directory().nas(id(7)).expect("there").stats;
    assert_eq!(stats.accepts.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert!(
        !stats.message_authenticator_seen(),
        "what it signs over TLS tells nothing about UDP"
    );
}

#[test]
fn nothing_is_signed_or_hidden_in_radius_1_1() {
    let (isp, identity) = isp_with_nas();
    let mut nas = TlsNas::connect(&isp, &identity, &TLS13, Version::V11);
    let reply = nas.ask(&peer::pap_v11(0x0102_0304, "alice@demo", PASSWORD));
    assert_eq!(v11::token(&reply), Some(0x0102_0304));
    assert_eq!(reply[1], 0);
    assert_eq!(reply[8..20], [0; 12]);
    let view = View::parse(&reply).expect("a packet");
    assert_eq!(view.code(), Code::AccessAccept);
    assert_eq!(view.first(kind::MESSAGE_AUTHENTICATOR), None);
}

#[test]
fn many_requests_of_one_connection_are_all_answered() {
    let (isp, identity) = isp_with_nas();
    let mut nas = TlsNas::connect(&isp, &identity, &TLS13, Version::V11);
    // More than there are Identifiers, all at once: tokens tell them apart.
    let count = 1_000;
    let requests: Vec<u8> = (0..count)
        .flat_map(|token| peer::accounting_v11(token, &format!("s{token}")))
        .collect();
    nas.send_while_reading(&requests);
    let mut tokens: Vec<u32> = (0..count)
        .map(|_| v11::token(&nas.receive()).expect("a token"))
        .collect();
    tokens.sort_unstable();
    assert_eq!(tokens, (0..count).collect::<Vec<u32>>());
    assert_eq!(isp.accounting_records(), count as usize);
}

#[test]
fn strangers_do_not_get_in() {
    let (isp, identity) = isp_with_nas();
    // A certificate of another authority of the same kind, for the same NAS; and none at all.
    let other = tempfile::tempdir().expect("a directory");
    let forged = Issuer::new(other.path()).issue(id(7));
    let forged = peer::Identity {
        authority_pem: identity.authority_pem.clone(),
        ..forged
    };
    for version in [&TLS12, &TLS13] {
        assert!(TlsNas::try_ask(&isp, Some(&forged), &identity, version).is_err());
        assert!(TlsNas::try_ask(&isp, None, &identity, version).is_err());
    }
    until("four refused handshakes", || {
        isp.plane.counters().get(Event::RadsecHandshakeFailed) == 4
    });
    // A good certificate of a NAS that does not exist.
    let nobody = peer::issue(&isp, id(8));
    assert!(TlsNas::try_ask(&isp, Some(&nobody), &identity, &TLS13).is_err());
    until("no NAS", || {
        isp.plane.counters().get(Event::RadsecClosedRevoked) == 1
    });
}

#[test]
fn a_revoked_certificate_ends_its_connection_and_opens_no_other() {
    let (isp, identity) = isp_with_nas();
    let newer = peer::issue(&isp, id(7));
    let mut nas = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    let mut spared = TlsNas::connect(&isp, &newer, &TLS13, Version::V10);
    assert_eq!(nas.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
    assert_eq!(spared.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
    peer::revoke(&isp, &identity.serial);
    until("its connection is closed", || {
        isp.plane.counters().get(Event::RadsecClosedRevoked) == 1
    });
    assert!(nas.try_receive().is_err());
    assert!(TlsNas::try_ask(&isp, Some(&identity), &identity, &TLS13).is_err());
    assert_eq!(
        spared.ask_pap("alice@demo", PASSWORD),
        Code::AccessAccept,
        "others go on"
    );
}

#[test]
fn a_nas_of_another_authority_is_known_by_its_address() {
    let other = tempfile::tempdir().expect("a directory");
    let issuer = Issuer::new(other.path());
    let ca = issuer.authority_path();
    let isp = start(move |config| config.files.client_ca = Some(ca));
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let identity = peer::Identity {
        authority_pem: peer::authority_pem(&isp),
        ..issuer.issue(id(999))
    };
    // It comes from 127.0.0.1, which is no NAS yet.
    assert!(TlsNas::try_ask(&isp, Some(&identity), &identity, &TLS13).is_err());
    isp.plane.directory().nas_put(nas(5, "127.0.0.1")).expect("taken");
    let mut client = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    assert_eq!(client.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
    // A list of what that authority has revoked is honoured, too; and a NAS that is gone has no connection.
    isp.plane.directory().nas_remove(id(5));
    assert!(client.try_ask_again("alice@demo").is_err());
}

#[test]
fn what_is_not_radius_ends_the_connection() {
    let (isp, identity) = isp_with_nas();
    let mut nas = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    nas.send(&[1, 1, 0, 19]);
    assert!(nas.try_receive().is_err());
    let mut nas = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    let mut broken = peer::pap(&SharedSecret::new(b"radsec"), 1, "alice@demo", PASSWORD);
    broken[21] = 255;
    nas.send(&broken);
    assert!(nas.try_receive().is_err());
    until("counted", || {
        isp.plane.counters().get(Event::RadsecClosedMalformed) == 2
    });
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let isp = start(|config| config.limits.connections_per_address = 2);
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    let identity = peer::issue(&isp, id(7));
    let mut one = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    let other = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    assert!(TlsNas::try_ask(&isp, Some(&identity), &identity, &TLS13).is_err());
    assert_eq!(isp.plane.counters().get(Event::RadsecAddressFull), 1);
    assert_eq!(one.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
    drop(other);
    until("there is room again", || {
        TlsNas::try_ask(&isp, Some(&identity), &identity, &TLS13).is_ok()
    });
}

/// A wait that is soon over, and long enough for a handshake on a machine that has much else to do.
const SHORT: Duration = Duration::from_secs(2);

#[test]
fn a_peer_that_does_not_begin_tls_is_ended() {
    let isp = start(|config| config.limits.handshake_wait = SHORT);
    let _silent = TcpStream::connect(isp.plane.radsec_addrs()[0]).expect("connected");
    let failed = || isp.plane.counters().get(Event::RadsecHandshakeFailed);
    until("no handshake", || failed() == 1);
}

#[test]
fn a_peer_that_says_nothing_is_ended() {
    let isp = start(|config| config.limits.idle_wait = SHORT);
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    let identity = peer::issue(&isp, id(7));
    let _idle = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    until("idle", || isp.plane.counters().get(Event::RadsecClosedIdle) == 1);
}

#[test]
fn a_peer_that_reads_nothing_is_ended() {
    let isp = start(|config| config.limits.stall_wait = SHORT);
    isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
    let identity = peer::issue(&isp, id(7));
    let mut deaf = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    deaf.send_until_stuck();
    until("stalled", || {
        isp.plane.counters().get(Event::RadsecClosedStalled) == 1
    });
}

#[test]
fn a_new_certificate_of_ours_is_shown_without_closing_anything() {
    let (isp, identity) = isp_with_nas();
    let mut older = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
    let first = older.server_certificate();
    peer::renew_server(&isp);
    until("the new certificate is shown", || {
        TlsNas::connect(&isp, &identity, &TLS13, Version::V10).server_certificate() != first
    });
    assert_eq!(older.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
}

#[test]
fn a_nas_of_another_authority_must_show_the_name_that_it_states() {
    let other = tempfile::tempdir().expect("a directory");
    let issuer = Issuer::new(other.path());
    let ca = issuer.authority_path();
    let isp = start(move |config| config.files.client_ca = Some(ca));
    isp.subscriber(1, 1, "alice@demo", PASSWORD);
    // Their authority names its NAS as ours does; to us that is a URI like any other.
    let identity = peer::Identity {
        authority_pem: peer::authority_pem(&isp),
        ..issuer.issue(id(999))
    };
    let states = |name: &str| {
        let mut spec = nas(5, "127.0.0.1");
        spec.guard.certificate_name = Some(name.parse().expect("a name"));
        isp.plane.directory().nas_put(spec).expect("taken");
    };
    let refused = || isp.plane.counters().get(Event::RadsecNoNas);
    for (count, wrong) in (1..).zip([
        "dns:bng.example",
        "uri:urn:headend:nas:other",
        "cn:another",
        "ip:127.0.0.1",
    ]) {
        states(wrong);
        assert!(
            TlsNas::try_ask(&isp, Some(&identity), &identity, &TLS13).is_err(),
            "{wrong}"
        );
        until("it is refused", || refused() == count);
    }
    let uri = format!("uri:urn:headend:nas:{}", uuid::Uuid::from_u128(999));
    for right in ["cn:bng", &uri] {
        states(right);
        let mut client = TlsNas::connect(&isp, &identity, &TLS13, Version::V10);
        assert_eq!(
            client.ask_pap("alice@demo", PASSWORD),
            Code::AccessAccept,
            "{right}"
        );
    }
    // A certificate of our own authority names the NAS itself, and need not carry what it states.
    states("dns:bng.example");
    let own = peer::issue(&isp, id(5));
    let mut client = TlsNas::connect(&isp, &own, &TLS13, Version::V10);
    assert_eq!(client.ask_pap("alice@demo", PASSWORD), Code::AccessAccept);
}

#[test]
fn rejects_wait_and_hold_nobody_up() {
    for version in [Version::V10, Version::V11] {
        let isp = peer::start_with(|config| config.reject_delay = Duration::from_secs(1));
        isp.plane.directory().nas_put(nas(7, "192.0.2.7")).expect("taken");
        isp.subscriber(1, 1, "alice@demo", PASSWORD);
        let identity = peer::issue(&isp, id(7));
        let mut client = TlsNas::connect(&isp, &identity, &TLS13, version);
        let secret = SharedSecret::new(b"radsec");
        let request = |token: u32, password: &str| match version {
            Version::V10 => peer::pap(&secret, token as u8, "alice@demo", password),
            Version::V11 => peer::pap_v11(token, "alice@demo", password),
        };
        // The wrong one first; the right one overtakes it.
        let (wrong, right) = (request(101, "wrong"), request(102, PASSWORD));
        client.send(&wrong);
        client.send(&right);
        for (asked, code) in [(&right, Code::AccessAccept), (&wrong, Code::AccessReject)] {
            let reply = client.receive();
            let view = View::parse(&reply).expect("a packet");
            assert_eq!(view.code(), code, "{version:?}");
            match version {
                Version::V10 => {
                    let asked = View::parse(asked).expect("a packet");
                    assert!(secret.check_reply_authenticator(&view, asked.authenticator()));
                }
                Version::V11 => assert_eq!(v11::token(&reply), v11::token(asked)),
            }
        }
        assert_eq!(isp.plane.counters().get(Event::AuthRejectDelayed), 1);
        // Who waits when it stops is told at once.
        client.send(&request(103, "wrong"));
        until("it waits", || {
            isp.plane.counters().get(Event::AuthRejectDelayed) == 2
        });
        isp.plane.shutdown();
        assert_eq!(client.receive()[0], Code::AccessReject as u8);
    }
}
