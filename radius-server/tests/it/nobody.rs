//! Whether a name exists must not be seen inside a tunnel either: eapol_test sees as many packets when a name is nobody's as
//! when the password is wrong.

use crate::eapol::{INSIDE, Login, NAME, Papers, is_installed, tail};
use crate::isp::{Isp, id, until};
use radius_server::decision::{Outcome, RejectReason};

/// As long as the name of somebody, and nobody's.
const NOBODY: &str = "cilea@demo";

#[test]
fn nobody_is_asked_inside_a_tunnel_as_often_as_somebody() {
    if !is_installed() {
        return;
    }
    let papers = Papers::new();
    let isp = Isp::with(|config| config.eap = papers.options());
    isp.nas(1, "127.0.0.1");
    isp.subscriber(1, 1, NAME, crate::isp::PASSWORD);
    let port = isp.plane.auth_addrs()[0].port();
    for tls in ["1.2", "1.3"] {
        for (eap, phase2) in INSIDE {
            let what = format!("{eap} {phase2}, TLS {tls}");
            let login = Login::new(&papers, eap, Some(phase2), tls);
            let packets = [NAME, NOBODY].map(|name| {
                let said = login.run_at(port, name, "wrong horse");
                assert!(said.ends_with("FAILURE\n"), "{what}, {name}:\n{}", tail(&said));
                said.matches("Received RADIUS message").count()
            });
            assert_eq!(packets[0], packets[1], "{what}");
            assert!(packets[0] > 3, "{what}: {packets:?}");
        }
    }
    let unknown = Outcome::Rejected(RejectReason::UnknownSubscriber);
    until("the last of them to be recorded as nobody's", || {
        let recent = isp.plane.decisions().recent(id(1), NOBODY);
        recent.first().is_some_and(|last| last.outcome == unknown)
    });
}
