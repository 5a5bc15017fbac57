//! Every noun of the command line against the real API.

use serde_json::Value;

use super::{SECRET, json};
use crate::stand::{PASSWORD, Place, Server};

/// Tables and JSON.
pub fn lists_and_single_objects_show(place: &Place) {
    let table = place.ok(&["plan", "list"]);
    let cells: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells[0][..4], ["PLAN", "NAME", "DOWN", "UP"]);
    assert_eq!(cells[1][..5], ["fiber-100", "Fiber", "100", "100M", "20M"]);
    let subscribers = json(&place.ok(&["subscriber", "list", "--json"]));
    let names: Vec<&str> = subscribers
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(
        place
            .ok(&["subscriber", "list", "--status", "suspended"])
            .contains("homes/main-street  suspended")
    );
    assert_eq!(
        json(&place.ok(&["nas", "show", "bras-1", "--json"]))["address"],
        "127.0.0.1"
    );
    assert!(!place.ok(&["nas", "show", "bras-1"]).contains(SECRET));
    assert!(place.ok(&["site", "list"]).contains("homes/main-street"));
    assert!(place.ok(&["user", "list"]).contains("tech@isp-west.example"));
    assert!(place.ok(&["role", "list"]).contains("noc-engineer"));
    assert!(place.ok(&["api-key", "list"]).contains("automation"));
    assert!(place.ok(&["partner", "show", "isp-west"]).contains("ISP West"));
}

/// Exit code 3 with a suggestion.
pub fn a_wrong_name_offers_close_ones(place: &Place) {
    assert!(
        place
            .fails(3, &["nas", "show", "bras-2"])
            .contains("next: did you mean bras-1?")
    );
    assert!(
        place
            .fails(3, &["subscriber", "show", "alise"])
            .contains("next: did you mean alice?")
    );
    assert!(
        place
            .fails(3, &["partner", "show", "isp-wset"])
            .contains("next: did you mean isp-west?")
    );
    assert!(
        place
            .fails(3, &["plan", "show", "zzz"])
            .contains("partner isp-west has no plan zzz")
    );
}

/// What a NAS is held to, and a secret that is replaced while it works.
fn a_nas_is_guarded(place: &Place) {
    let shown = || json(&place.ok(&["nas", "show", "lab", "--json"]));
    place.ok(&[
        "nas",
        "set",
        "lab",
        "--limit-proxy-state",
        "yes",
        "--request-rate",
        "500",
    ]);
    assert_eq!(
        (&shown()["limit_proxy_state"], &shown()["request_rate"]),
        (&"yes".into(), &500.into())
    );
    place.ok(&["nas", "set", "lab", "--request-rate", "none"]);
    assert_eq!(shown()["request_rate"], Value::Null);
    assert_eq!(shown()["posture"]["verdict"], "tight");
    assert!(place.ok(&["nas", "posture", "--all"]).contains("tight"));
    assert!(
        !place.ok(&["nas", "posture"]).contains("lab"),
        "nothing unsigned came"
    );
    assert_eq!(
        place
            .ok(&["nas", "tighten", "lab"])
            .lines()
            .next()
            .map(|line| line.starts_with("was tight already: NAS lab")),
        Some(true)
    );
    place.ok(&["nas", "set", "lab", "--require-message-authenticator", "auto"]);
    assert!(
        place
            .ok(&["nas", "tighten", "--all"])
            .contains("left as it is NAS lab")
    );
    place.fails(2, &["nas", "tighten"]);
    place.ok(&["nas", "set", "lab", "--require-message-authenticator", "yes"]);

    let newer = place.write("nas.newer", "quite another secret\n");
    let newer = newer.to_str().unwrap();
    let rotate = [
        "nas",
        "secret",
        "rotate",
        "lab",
        "--overlap",
        "12h",
        "--secret-file",
        newer,
    ];
    assert!(place.ok(&rotate).starts_with("replaced the secret of NAS lab"));
    assert!(shown()["older_secret_until"].is_string());
    assert!(place.ok(&["nas", "list"]).contains("not used"));
    let words = place.fails(6, &rotate);
    assert!(words.contains("headend nas secret end lab"), "{words}");
    place.ok(&["nas", "secret", "end", "lab"]);
    assert_eq!(shown()["older_secret_until"], Value::Null);
    place.fails(2, &["nas", "secret", "rotate", "lab", "--overlap", "7"]);
}

/// Each noun's verbs.
pub fn single_objects_are_made_changed_and_removed(place: &Place) {
    place.ok(&["plan", "add", "slow", "--download", "2.5M", "--upload", "512k"]);
    place.ok(&["plan", "set", "slow", "--idle-timeout", "600"]);
    assert_eq!(
        json(&place.ok(&["plan", "show", "slow", "--json"]))["download_bps"],
        2_500_000
    );
    let secret = place.path("nas.secret");
    let secret = secret.to_str().unwrap();
    let add = [
        "nas",
        "add",
        "lab",
        "--address",
        "192.0.2.0/24",
        "--type",
        "cisco",
        "--secret-file",
        secret,
    ];
    assert!(place.ok(&add).starts_with("created NAS lab ("));
    place.ok(&[
        "nas",
        "set",
        "lab",
        "--require-message-authenticator",
        "yes",
        "--description",
        "roof",
    ]);
    assert_eq!(
        json(&place.ok(&["nas", "show", "lab", "--json"]))["require_message_authenticator"],
        "yes"
    );
    a_nas_is_guarded(place);
    place.ok(&["nas", "remove", "lab"]);
    let add = [
        "subscriber",
        "add",
        "carol",
        "--plan",
        "slow",
        "--site",
        "homes/main-street",
        "--password-file",
        secret,
    ];
    place.ok(&add);
    place.ok(&["subscriber", "suspend", "carol", "--reason", "unpaid"]);
    assert_eq!(
        json(&place.ok(&["subscriber", "show", "carol", "--json"]))["status_reason"],
        "unpaid"
    );
    place.ok(&["subscriber", "restore", "carol"]);
    place.ok(&["subscriber", "set", "carol", "--expires", "2030-01-01T00:00:00Z"]);
    place.ok(&["subscriber", "set", "carol", "--expires", "never"]);
    assert_eq!(
        json(&place.ok(&["subscriber", "show", "carol", "--json"]))["expires_at"],
        Value::Null
    );
    place.ok(&["subscriber", "passwd", "carol", "--password-file", secret]);
    place.ok(&["subscriber", "remove", "carol"]);
    let key = place.ok(&[
        "api-key",
        "create",
        "reader",
        "--permission",
        "radius:subscribers:read",
    ]);
    assert!(key.starts_with("hek_"), "{key}");
    let reader = place.write("reader", &key);
    let reader = reader.to_str().unwrap();
    assert!(
        place
            .ok(&["subscriber", "list", "--token-file", reader])
            .contains("alice")
    );
    let words = place.fails(4, &["nas", "remove", "bras-1", "--token-file", reader]);
    assert!(
        words.contains("ask an administrator for a role with this permission"),
        "{words}"
    );
    // Whoever may not even look at sessions is refused the act itself, so that the audit has it.
    let any = "01890000-0000-8000-8000-000000000000";
    let disconnect = [
        "session",
        "disconnect",
        any,
        "--reason",
        "x",
        "--token-file",
        reader,
    ];
    let words = place.fails(4, &disconnect);
    assert!(words.contains("radius:sessions:disconnect"), "{words}");
    let trail = place.ok(&["audit", "list", "--action", "radius:sessions:disconnect"]);
    assert!(trail.contains("refused"), "{trail}");
    place.ok(&["api-key", "revoke", "reader"]);
    place.fails(4, &["subscriber", "list", "--token-file", reader]);
}

/// One case for each code.
pub fn exit_codes_tell_what_went_wrong(place: &Place, server: &Server) {
    place.fails(6, &["client", "create", "homes", "--name", "Again"]);
    place.fails(2, &["client", "create", "No Slug", "--name", "Bad"]);
    place.fails(3, &["client", "list", "--partner", "nobody"]);
    place.fails(2, &["subscriber", "list", "--status", "asleep"]);
    place.fails(2, &["apply", "-f", "/nowhere/isp.toml"]);
    // The tech of one partner reads there and writes nothing; another partner does not exist for him.
    place.ok(&["partner", "create", "isp-east", "--name", "ISP East"]);
    // With two partners one must be named; a login may remember which.
    let words = place.fails(2, &["client", "list"]);
    assert!(
        words.contains("which partner?\nnext: give --partner: isp-east, isp-west"),
        "{words}"
    );
    let login = [
        "login",
        "--email",
        "noc@example.net",
        "--url",
        &server.url,
        "--partner",
        "isp-west",
    ];
    let done = place
        .command(&login)
        .env("HEADEND_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    place.ok(&["client", "list"]);
    let tech = place.path("tech.toml");
    let login = ["login", "--email", "tech@isp-west.example", "--url", &server.url];
    let done = place
        .command(&login)
        .env("HEADEND_CREDENTIALS", &tech)
        .env("HEADEND_PASSWORD", "another long password")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let as_tech = |args: &[&str]| {
        place
            .command(args)
            .env("HEADEND_CREDENTIALS", &tech)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(as_tech(&["subscriber", "list"]), Some(0));
    assert_eq!(as_tech(&["subscriber", "remove", "alice"]), Some(4));
    assert_eq!(as_tech(&["subscriber", "list", "--partner", "isp-east"]), Some(3));
}
