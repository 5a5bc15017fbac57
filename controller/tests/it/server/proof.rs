//! The audit held against a file, and a second factor shown by somebody else's program (`oathtool`).

use std::process::{Command, Stdio};

use super::json;
use crate::stand::{PASSWORD, Place, Server};

/// An export verifies without the server, by `sha256sum` as well; what somebody did to it is named.
pub fn the_audit_is_verified_without_the_server(place: &Place) {
    let file = place.path("audit.ndjson");
    let file = file.to_str().unwrap();
    place.ok(&["audit", "export", "-o", file]);
    let nowhere = ["audit", "verify", "-f", file, "--url", "http://127.0.0.1:1"];
    let said = place.ok(&nowhere);
    assert!(
        said.contains("lines of the chain of ") && said.contains("from the beginning"),
        "{said}"
    );
    let kept = said
        .lines()
        .last()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        place
            .ok(&["audit", "verify", "--expect", &kept])
            .contains("from the beginning")
    );
    assert!(
        place
            .ok(&["audit", "verify", "--platform"])
            .contains("of the chain of platform")
    );

    let text = std::fs::read_to_string(file).unwrap();
    let third = text.lines().nth(3).unwrap();
    let (hash, line) = (&third[9..73], &third[82..third.len() - 1]);
    let raw = place.write("line", line);
    let summed = Command::new("sha256sum").arg(&raw).output().unwrap();
    assert!(
        String::from_utf8(summed.stdout).unwrap().starts_with(hash),
        "{third}"
    );

    let forged = place.write(
        "forged.ndjson",
        &text.replacen("\"outcome\":\"ok\"", "\"outcome\":\"failed\"", 1),
    );
    let done = place.run(&["audit", "verify", "-f", forged.to_str().unwrap()]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.stdout.contains("the line is not as it was written"),
        "{done:?}"
    );
    let without: String = text
        .lines()
        .filter(|line| *line != third)
        .map(|line| format!("{line}\n"))
        .collect();
    let without = place.write("without.ndjson", &without);
    let done = place.run(&["audit", "verify", "--json", "-f", without.to_str().unwrap()]);
    assert_eq!(done.code, 1, "{done:?}");
    let told = json(&done.stdout);
    assert_eq!(told["whole"], false);
    assert_eq!(
        told["faults"][0]["what"],
        "the line at 3 before this one was removed"
    );
}

/// Begins a second factor, confirms it and logs in with it, by the codes of another program.
pub fn a_telephone_is_wanted_beside_the_password(place: &Place, server: &Server) {
    let begun = place.command(&["second-factor", "begin", "--json"]);
    let begun = json(&with(begun, "HEADEND_PASSWORD", PASSWORD));
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let code = |later: &str| {
        let shown = Command::new("oathtool")
            .args(["--totp", "-b", "-N", later, &secret])
            .output()
            .unwrap();
        assert!(shown.status.success(), "{shown:?}");
        String::from_utf8(shown.stdout).unwrap().trim().to_owned()
    };
    // The step before is good for longest: a code lives until its next step ends.
    let confirm = place.command(&["second-factor", "confirm"]);
    let printed = with(confirm, "HEADEND_CODE", &code("now"));
    let backup = printed.lines().nth(1).unwrap().to_owned();
    assert_eq!(printed.lines().count(), 11, "{printed}");

    let password = place.write("password", PASSWORD);
    let login = [
        "login",
        "--email",
        "noc@example.net",
        "--url",
        &server.url,
        "--password-file",
        password.to_str().unwrap(),
    ];
    assert!(place.fails(2, &login).contains("no code given"));
    let used = place.write("code", "000000");
    let wrong = [&login[..], &["--code-file", used.to_str().unwrap()]].concat();
    assert!(
        place
            .fails(4, &wrong)
            .contains("the code is wrong, has expired, or was used before")
    );
    // The one that confirmed has counted; the telephone's clock may be half a minute fast.
    let next = with(place.command(&login), "HEADEND_CODE", &code("now + 30 seconds"));
    assert!(next.contains("logged in to "), "{next}");
    let prove = place.command(&["prove"]);
    assert_eq!(with(prove, "HEADEND_CODE", &backup).trim(), "proven");
    assert_eq!(
        json(&place.ok(&["second-factor", "show", "--json"]))["backup_codes_left"],
        9
    );
    let remaining = printed.lines().nth(2).unwrap();
    let remove = place.command(&["second-factor", "remove"]);
    assert_eq!(
        with(remove, "HEADEND_CODE", remaining).trim(),
        "second factor removed"
    );
    assert!(place.ok(&login).contains("logged in to "));
}

/// Runs a command with one more variable; what it printed.
#[track_caller]
fn with(mut command: Command, name: &str, value: &str) -> String {
    let done = command.env(name, value).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}
