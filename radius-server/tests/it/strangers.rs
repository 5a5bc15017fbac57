//! What must never be answered: unknown sources, rubbish, packets for somebody else. All of it is counted.

use crate::isp::{Client, Isp, PASSWORD, id, until};
use radius::Code;
use radius_server::counters::Event;
use radius_server::unknown::PortKind;
use std::sync::atomic::Ordering;

/// Rubbish datagrams of one test.
const RUBBISH: usize = 5_000;

#[test]
fn an_unknown_source_is_dropped_counted_and_listed_until_it_is_admitted() {
    let isp = Isp::start();
    let stranger = isp.client("127.21.1.1");
    let request = stranger.access(true, |writer| {
        writer.text(radius::kind::USER_NAME, "alice@demo").expect("room");
        writer
            .text(radius::kind::NAS_IDENTIFIER, "bng-nobody-entered")
            .expect("room");
    });
    stranger.send_auth(&request);
    stranger.send_accounting(&stranger.accounting(1, Some("s1"), 0));
    let listed = || isp.plane.unknown_sources().list();
    until("both are counted", || {
        listed().first().is_some_and(|source| source.count == 2)
    });
    stranger.check_nothing_came();
    let source = listed().remove(0);
    assert_eq!(source.address.to_string(), "127.21.1.1");
    assert_eq!(source.nas_identifier.as_deref(), Some("bng-nobody-entered"));
    assert!(matches!(source.port, PortKind::Auth | PortKind::Accounting));
    assert_eq!(isp.plane.counters().get(Event::AuthUnknownSource), 1);
    assert_eq!(isp.plane.counters().get(Event::AccountingUnknownSource), 1);
    assert_eq!(isp.accounting_records(), 0);

    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let admitted = isp.nas(10, "127.21.1.1");
    isp.plane.unknown_sources().forget(source.address);
    assert_eq!(
        admitted
            .ask_auth(&admitted.pap(true, "alice@demo", PASSWORD))
            .code(),
        Code::AccessAccept
    );
    assert!(listed().is_empty());
}

/// Datagrams that are no valid request of this NAS: random octets, and good requests damaged in one place.
fn rubbish(client: &Client, seed: u64) -> Vec<Vec<u8>> {
    let mut state = seed;
    let mut next = move || {
        // SplitMix64 without its finish: enough to vary, the same in every run.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..RUBBISH)
        .map(|n| match n % 4 {
            0 => (0..next() % 200).map(|_| next() as u8).collect(),
            1 => {
                // A header that fits, and rubbish for attributes.
                let mut octets: Vec<u8> = (0..20 + next() % 200).map(|_| next() as u8).collect();
                octets[0] = [1, 4, 12, 2, 40, 99][next() % 6];
                let length = u16::try_from(octets.len()).expect("short").to_be_bytes();
                octets[2..4].copy_from_slice(&length);
                octets
            }
            2 => {
                let mut octets = client.eap("alice@demo", &[2, 1, 0, 5, 1], Some(&[1; 16]));
                octets.truncate(next() % octets.len());
                octets
            }
            _ => {
                // A signed request with one octet changed anywhere: the signature or the shape is wrong.
                let mut octets = client.pap(true, "alice@demo", PASSWORD);
                let at = 4 + next() % (octets.len() - 4);
                octets[at] ^= 1 + (next() % 255) as u8;
                octets
            }
        })
        .collect()
}

/// Whether a datagram could be an unsigned request that a NAS set to `yes` would still get no answer to.
fn check_port(
    isp: &Isp,
    client: &Client,
    rubbish: &[Vec<u8>],
    send: impl Fn(&[u8]),
    seen: Event,
    barrier: impl Fn(),
) {
    // Some at a time, so that the socket's buffer loses none and every one of them is really looked at.
    for some in rubbish.chunks(100) {
        let before = isp.plane.counters().get(seen);
        some.iter().for_each(|datagram| send(datagram));
        until("all were looked at", || {
            isp.plane.counters().get(seen) == before + some.len() as u64
        });
    }
    barrier();
    client.check_nothing_came();
}

#[test]
fn thousands_of_bad_datagrams_are_counted_and_never_answered() {
    let isp = Isp::start();
    let client = isp.nas_with(10, "127.21.1.2", |nas| {
        nas.message_authenticator = radius_server::directory::Require::Yes;
    });
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let rubbish = rubbish(&client, 42);
    let good_auth = || {
        assert_eq!(
            client.ask_auth(&client.status_server()).code(),
            Code::AccessAccept
        )
    };
    check_port(
        &isp,
        &client,
        &rubbish,
        |octets| client.send_auth(octets),
        Event::AuthDatagram,
        good_auth,
    );
    let good_accounting = || {
        client.ask_accounting(&client.accounting(3, Some("s1"), 1));
    };
    let seen = Event::AccountingDatagram;
    check_port(
        &isp,
        &client,
        &rubbish,
        |octets| client.send_accounting(octets),
        seen,
        good_accounting,
    );

    let counters = isp.plane.counters();
    for malformed in [
        counters.get(Event::AuthMalformed),
        counters.get(Event::AccountingMalformed),
    ] {
        assert!(malformed > RUBBISH as u64 / 4, "{malformed}");
    }
    let stats = &isp.plane.directory().nas(id(10)).expect("there").stats;
    assert!(stats.malformed.load(Ordering::Relaxed) > RUBBISH as u64 / 2);
    assert!(stats.secret_differs.load(Ordering::Relaxed) > RUBBISH as u64 / 8);
    assert_eq!(counters.get(Event::WorkerRestarted), 0);
    assert_eq!(isp.accounting_records(), 1);
    assert_eq!(
        client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code(),
        Code::AccessAccept
    );
}

#[test]
fn a_flood_of_unknown_sources_keeps_its_bound() {
    let isp = Isp::start();
    // Each of 127.0.0.0/8 is ours to send from; a few hundred show that each is its own entry.
    for n in 0..300 {
        let stranger = isp.client(&format!("127.22.{}.{}", n / 250, n % 250 + 1));
        stranger.send_auth(b"hello?");
    }
    until("all are counted", || {
        isp.plane.counters().get(Event::AuthUnknownSource) == 300
    });
    assert_eq!(isp.plane.unknown_sources().list().len(), 300);
}

#[test]
fn requests_for_the_other_port_are_not_answered() {
    let isp = Isp::start();
    let client = isp.nas(10, "127.21.1.3");
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    client.check_auth_silent(&[client.accounting(1, Some("s1"), 0)]);
    client.check_accounting_silent(&[client.pap(true, "alice@demo", PASSWORD)]);
    assert_eq!(isp.plane.counters().get(Event::AuthWrongCode), 1);
    assert_eq!(isp.plane.counters().get(Event::AccountingWrongCode), 1);
    assert!(isp.plane.decisions().recent(id(1), "alice@demo").is_empty());
}
