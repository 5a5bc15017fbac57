//! Start and end of the server: ports, threads, journals that somebody else has.

use crate::isp::{Isp, PASSWORD, prepare};
use radius::Code;
use radius_server::StartError;

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
    // Sources are spread by address and port; forty of them reach all four workers in all likelihood.
    for _ in 0..40 {
        let client = isp.client("127.24.1.2");
        assert_eq!(
            client.ask_auth(&client.pap(true, "alice@demo", PASSWORD)).code(),
            Code::AccessAccept
        );
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
