//! What happens on the wire, and what people and tools see of it.

use super::nas::Nas;
use super::{SECRET, json};
use crate::stand::{Place, Server, radclient, wait_until};

/// FreeRADIUS's own client logs in; explain says why it went as it did.
pub fn logins_are_answered_and_explained(place: &Place, server: &Server) {
    wait_until("the access plane knows both subscribers", || {
        server.metric("radius_directory_subscribers") == 2
    });
    let login = |name: &str, password: &str| {
        let attributes =
            format!("User-Name = {name}\nUser-Password = {password}\nMessage-Authenticator = 0x00\n");
        radclient(server.auth, "auth", SECRET, &attributes)
    };
    let accepted = login("alice", "wonderland");
    assert!(accepted.stdout.contains("Access-Accept"), "{accepted:?}");
    assert!(login("alice", "wrong").stdout.contains("Access-Reject"));
    assert!(login("bob", "builder").stdout.contains("Access-Reject"));
    let told = place.ok(&["radius", "explain", "alice"]);
    let first = told.lines().next().unwrap();
    assert!(
        first.contains("Access-Reject: ") && first.contains("(wrong_password, nas bras-1, "),
        "{told}"
    );
    assert!(told.contains("\n  FAIL  credential "), "{told}");
    assert!(told.contains("Access-Accept"), "{told}");
    assert!(
        place
            .ok(&["radius", "explain", "bob"])
            .contains("(suspended, nas bras-1, ")
    );
    let decisions = json(&place.ok(&["radius", "explain", "alice", "--json", "--limit", "1"]));
    assert_eq!(
        (decisions.as_array().map(Vec::len), &decisions[0]["reason"]),
        (Some(1), &"wrong_password".into())
    );
    let words = place.fails(3, &["radius", "explain", "alicia"]);
    assert!(words.contains("did you mean alice?"), "{words}");
    assert_eq!(
        json(&place.ok(&["nas", "show", "bras-1", "--json"]))["health"]["accepts"],
        1
    );
}

/// A yes alone is no proof; a stop is.
pub fn sessions_are_ended_with_proof(place: &Place, server: &Server, nas: &Nas) {
    let account = |status: &str, more: &str| {
        let attributes = format!(
            "User-Name = alice\nAcct-Session-Id = s-1\nAcct-Status-Type = {status}\nNAS-IP-Address = 127.0.0.1\n\
             Framed-IP-Address = 100.64.0.7\n{more}"
        );
        radclient(server.accounting, "acct", SECRET, &attributes)
    };
    assert!(account("Start", "").stdout.contains("Accounting-Response"));
    let sessions = json(&place.ok(&["session", "list", "--username", "alice", "--json"]));
    let id = sessions[0]["id"].as_str().unwrap().to_owned();
    assert!(place.ok(&["session", "list"]).contains("100.64.0.7"));
    assert_eq!(
        json(&place.ok(&["session", "show", &id, "--json"]))["state"],
        "open"
    );
    assert!(
        place
            .fails(3, &["session", "disconnect", "alicia", "--reason", "x"])
            .contains("did you mean alice?")
    );
    // A yes of the NAS alone is no proof.
    nas.answer_next();
    let done = place.run(&["session", "disconnect", &id, "--reason", "test", "--wait", "3"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("acknowledged in "), "{done:?}");
    assert!(
        done.stderr.contains("acknowledged but not proven in 3 s"),
        "{done:?}"
    );
    // The stop is the proof, and it comes after the answer here as it does in life.
    nas.answer_next();
    let mut child = place.command(&["session", "disconnect", "alice", "--reason", "test"]);
    let child = child
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    nas.wait_for_answers(2);
    let stop = "Acct-Session-Time = 17\nAcct-Input-Octets = 1000\nAcct-Output-Octets = 5000\nAcct-Terminate-Cause = Admin-Reset\n";
    assert!(account("Stop", stop).stdout.contains("Accounting-Response"));
    let done = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("asked bras-1: disconnect alice ({id})"));
    assert!(
        lines[1].starts_with("acknowledged in ") && lines[1].ends_with(" ms after 1 attempt"),
        "{text}"
    );
    assert!(lines[2].starts_with("proven: accounting stop arrived"), "{text}");
    assert!(
        place
            .ok(&["session", "list", "--state", "closed"])
            .contains("0:00:17  1.0 kB  5.0 kB  closed")
    );
}

/// radacct as FreeRADIUS names it, behind row security.
pub fn tools_of_freeradius_read_the_database(place: &Place) {
    let data_dir = place.data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let query = "SELECT username, acctsessionid, acctinputoctets, acctterminatecause FROM radacct";
    let psql = |partner: &str| {
        let base = [
            "db",
            "psql",
            "--data-dir",
            data_dir,
            "--partner",
            partner,
            "--",
            "-XqtA",
            "-c",
            query,
        ];
        place.run(&base)
    };
    wait_until("the session is in radacct", || {
        psql("isp-west").stdout == "alice|s-1|1000|Admin-Reset\n"
    });
    // Row security holds for the tool as well: the other partner's database is empty.
    assert_eq!((psql("isp-east").code, psql("isp-east").stdout.as_str()), (0, ""));
    assert_eq!(psql("nobody").code, 3);
    let count =
        "SELECT count(*) FROM radcheck WHERE value LIKE '%wonderland%' OR value NOT LIKE 'sealed:1:%'";
    let clear = place.ok(&["db", "psql", "--data-dir", data_dir, "--", "-XqtA", "-c", count]);
    assert_eq!(clear.trim(), "0");
    assert!(
        place
            .ok(&["db", "url", "--data-dir", data_dir])
            .starts_with("postgres://headend_app@/headend?host=/")
    );
}

/// Who did what, refusals included.
pub fn the_audit_names_everybody(place: &Place) {
    let lines = place.ok(&["audit", "list", "--limit", "200"]);
    assert!(
        lines
            .lines()
            .any(|line| line.contains("nas.create") && line.contains("bras-1")),
        "{lines}"
    );
    assert!(
        lines.contains("tech@isp-west.example") && lines.contains("refused"),
        "{lines}"
    );
    let platform = json(&place.ok(&[
        "audit",
        "list",
        "--platform",
        "--action",
        "setup.complete",
        "--json",
    ]));
    assert_eq!(platform[0]["outcome"], "ok");
}
