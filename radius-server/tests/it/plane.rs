//! Start and end of the server: ports, threads, journals that somebody else has.

use crate::isp::{Isp, PASSWORD, prepare};
use radius::Code;
use radius_server::StartError;
use radius_server::counters::Event;

#[test]
fn a_taken_port_is_refused_by_name_also_when_several_workers_share_it() {
    for workers in [1, 3] {
        let isp = Isp::with(|config| config.auth_workers = workers);
        let taken = isp.plane.auth_addrs()[0];
        let dir = tempfile::tempdir().expect("a directory");
        let second = prepare(dir.path(), |config| {
            config.auth = vec![taken];
            config.auth_workers = workers;
        });
        let refused = second.listen().expect_err("refused");
        assert!(
            matches!(refused, StartError::Bind { addr, .. } if addr == taken),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(&taken.to_string()));
        assert!(second.accounting_addrs().is_empty(), "nothing listens");
    }
}

#[test]
fn an_address_that_is_not_ours_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let plane = prepare(dir.path(), |config| {
        config.accounting = vec!["192.0.2.1:0".parse().expect("an address")]
    });
    assert!(
        matches!(plane.listen(), Err(StartError::Bind { addr, .. }) if addr.ip().to_string() == "192.0.2.1")
    );
}

#[test]
fn a_journal_in_use_is_refused() {
    let isp = Isp::start();
    let config = radius_server::Config::new(isp.dir.path());
    let refused = radius_server::Plane::prepare(config, std::sync::Arc::default())
        .err()
        .expect("refused");
    assert!(
        matches!(
            refused,
            StartError::Journal {
                stream: "accounting",
                ..
            }
        ),
        "{refused:?}"
    );
}

#[test]
fn it_listens_once_and_again_after_a_shutdown() {
    let isp = Isp::with(|config| config.auth_workers = 2);
    assert!(matches!(isp.plane.listen(), Err(StartError::AlreadyListening)));
    isp.plane.shutdown();
    isp.plane.shutdown();
    assert!(isp.plane.auth_addrs().is_empty());
    isp.plane.listen().expect("listens again");
    let client = isp.nas(10, "127.24.1.1");
    assert_eq!(
        client.ask_auth(&client.status_server()).code(),
        Code::AccessAccept
    );
    client.ask_accounting(&client.accounting(1, Some("s1"), 0));
}

#[test]
fn every_worker_of_a_shared_port_answers() {
    let isp = Isp::with(|config| config.auth_workers = 4);
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let _admitted = isp.nas(10, "127.24.1.2");
    // One NAS with one port is spread by its authenticators; forty requests reach all four workers in all likelihood.
    let client = isp.client("127.24.1.2");
    for _ in 0..40 {
        assert_eq!(
            client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code(),
            Code::AccessAccept
        );
    }
}

#[test]
fn a_retransmission_meets_the_worker_that_answered_the_first_one() {
    let isp = Isp::with(|config| config.auth_workers = 4);
    isp.subscriber(1, 100, "alice@demo", PASSWORD);
    let client = isp.nas(10, "127.24.1.4");
    for n in 1..=20 {
        let request = client.pap(true, "alice@demo", PASSWORD);
        let first = client.ask_auth(&request);
        assert_eq!(client.ask_auth(&request).0, first.0);
        assert_eq!(isp.plane.counters().get(Event::AuthDuplicate), n);
    }
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked_also_when_all_are_listened_on() {
    let everywhere = "0.0.0.0:0".parse().expect("an address");
    let isp = Isp::with(|config| {
        (config.auth, config.accounting) = (vec![everywhere], vec![everywhere]);
        config.auth_workers = 2;
    });
    let mut client = isp.nas(10, "127.24.1.5");
    for server in ["127.0.0.7", "127.9.9.9"] {
        client.auth.set_ip(server.parse().expect("an address"));
        client.accounting.set_ip(server.parse().expect("an address"));
        // Connected, as some NAS are: whatever comes from another address is not heard.
        client.socket.connect(client.auth).expect("connected");
        client.ask_auth(&client.status_server());
        client.socket.connect(client.accounting).expect("connected");
        client.ask_accounting(&client.accounting(1, Some(server), 0));
    }
}

#[test]
fn what_the_kernel_drops_is_among_the_numbers() {
    let isp = Isp::start();
    for port in ["auth", "accounting"] {
        let sample =
            isp.plane.counters().snapshot().into_iter().find(|sample| {
                sample.name == "radius_socket_drops_total" && sample.labels == [("port", port)]
            });
        assert_eq!(sample.expect("there").value, 0);
    }
}

#[test]
fn ipv6_is_served_beside_ipv4() {
    let isp = Isp::with(|config| config.auth.push("[::1]:0".parse().expect("an address")));
    let mut spec = crate::isp::nas(10, "127.24.1.3");
    spec.network = "::1/128".parse().expect("a network");
    isp.plane.directory().nas_put(spec).expect("taken");
    let mut client = isp.client("::1");
    client.auth = isp.plane.auth_addrs()[1];
    assert_eq!(
        client.ask_auth(&client.status_server()).code(),
        Code::AccessAccept
    );
}
