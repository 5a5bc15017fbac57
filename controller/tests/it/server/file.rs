//! A file applied: shown, refused, done, done again, changed, pruned.

use super::{SECRET, json};
use crate::stand::Place;

/// The file that is applied; `PORT` is where the NAS listens for Disconnect-Requests.
const ISP: &str = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    [[partner.client]]
    slug = "homes"
    name = "Home subscribers"
    [[partner.site]]
    client = "homes"
    slug = "main-street"
    name = "Main Street"
    [[partner.plan]]
    slug = "fiber-100"
    name = "Fiber 100"
    download_bps = "100M"
    upload_bps = "20M"
    [[partner.nas]]
    name = "bras-1"
    address = "127.0.0.1"
    secret = { file = "nas.secret" }
    coa_port = PORT
    [[partner.user]]
    email = "tech@isp-west.example"
    name = "Tech"
    roles = ["read-only"]
    password = "another long password"
    [[partner.subscriber]]
    username = "alice"
    password = "wonderland"
    plan = "fiber-100"
    site = "homes/main-street"
    [[partner.subscriber]]
    username = "bob"
    password = "builder"
    plan = "fiber-100"
    site = "homes/main-street"
    status = "suspended"
    status_reason = "unpaid"
"#;

/// Dry run, mistakes, apply, nothing to change, change, prune, secrets.
pub fn a_file_is_applied_and_applied_again(place: &Place, coa_port: u16) {
    place.write("nas.secret", &format!("{SECRET}\n"));
    let text = ISP.replace("PORT", &coa_port.to_string());
    let file = place.write("isp.toml", &text);
    let apply = ["apply", "-f", file.to_str().unwrap()];
    // A dry run shows everything and changes nothing.
    let shown = place.ok(&[&apply[..], &["--dry-run"]].concat());
    assert!(
        shown.contains("+ site isp-west/homes/main-street\n+ plan isp-west/fiber-100\n"),
        "{shown}"
    );
    assert!(shown.ends_with("7 to add, 0 to change, 0 to remove\n"), "{shown}");
    assert_eq!(place.ok(&["client", "list", "--json"]).trim(), "[]");
    // A mistake anywhere stops everything before the first write.
    let broken = place.write(
        "broken.toml",
        &text.replace("site = \"homes/main-street\"", "site = \"homes/man-street\""),
    );
    let words = place.fails(2, &["apply", "-f", broken.to_str().unwrap()]);
    assert!(
        words.contains("there is no site \"homes/man-street\"; did you mean homes/main-street?"),
        "{words}"
    );
    assert_eq!(place.ok(&["client", "list", "--json"]).trim(), "[]");
    assert!(place.ok(&apply).ends_with("7 added, 0 changed, 0 removed\n"));
    let done = place.run(&apply);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "nothing to change\n"),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("secrets of 4 existing objects cannot be compared"),
        "{done:?}"
    );
    // A change shows what was and what will be; what the file does not name goes only with --prune.
    let changed = text
        .replace("\"100M\"", "\"200M\"")
        .replace("reason = \"unpaid\"", "reason = \"moved\"");
    let file = place.write(
        "changed.toml",
        &changed
            .replace("\"bob\"", "\"bobby\"")
            .replace("\"bobby\"", "\"bob\""),
    );
    let shown = place.ok(&["apply", "-f", file.to_str().unwrap()]);
    assert!(
        shown.contains("~ plan isp-west/fiber-100\n    download_bps: 100000000 -> 200000000\n"),
        "{shown}"
    );
    assert!(
        shown.contains("~ subscriber isp-west/bob\n    status_reason: \"unpaid\" -> \"moved\"\n"),
        "{shown}"
    );
    let alone = changed
        .split("    [[partner.subscriber]]\n    username = \"bob\"")
        .next()
        .unwrap()
        .to_owned();
    let file = place.write("alone.toml", &alone);
    assert_eq!(
        place.ok(&["apply", "-f", file.to_str().unwrap()]),
        "nothing to change\n"
    );
    let shown = place.ok(&["apply", "-f", file.to_str().unwrap(), "--prune", "--json"]);
    assert_eq!(
        (&json(&shown)["removed"], &json(&shown)["changes"][0]["name"]),
        (&1.into(), &"bob".into())
    );
    assert!(place.ok(&apply).ends_with("1 added, 1 changed, 0 removed\n"));
    // Secrets that cannot be compared are sent when asked for, and never shown.
    let shown = place.ok(&[&apply[..], &["--reset-secrets"]].concat());
    assert!(
        shown.contains("password: \"(not shown)\" -> \"(as in the file)\""),
        "{shown}"
    );
    assert!(
        !shown.contains("wonderland") && !shown.contains(SECRET),
        "{shown}"
    );
}

/// Home servers, realms and the identity policy: added, again, changed, pruned.
pub fn others_servers_are_applied(place: &Place) {
    let text = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    [partner.identity]
    identify = ["line", "user_name"]
    password_store = "argon2id"
    [[partner.home_server]]
    name = "shaper"
    address = "192.0.2.9"
    accounting_port = 1813
    copy_accounting = true
    secret = "between us and the shaper"
    [[partner.home_server]]
    name = "home"
    address = "192.0.2.10"
    auth_port = 1812
    secret = "between us and home"
    [[partner.realm]]
    name = "Away.example"
    home_servers = ["home"]
    strip = true
    [[partner.realm]]
    name = "*"
    decided = "nowhere"
"#;
    let apply = |text: &str, more: &[&str]| {
        let file = place.write("others.toml", text);
        place.run(&[&["apply", "-f", file.to_str().unwrap()], more].concat())
    };
    let done = apply(text, &["--dry-run"]);
    assert!(
        done.stdout.contains(
            "~ identity isp-west\n    identify: [\"user_name\"] -> [\"line\",\"user_name\"]\n    password_store: \
             \"reversible\" -> \"argon2id\"\n+ home_server isp-west/shaper\n+ home_server isp-west/home\n\
             + realm isp-west/away.example\n+ realm isp-west/*\n4 to add, 1 to change, 0 to remove\n"
        ),
        "{done:?}"
    );
    let done = apply(text, &[]);
    assert!(
        done.stdout.ends_with("4 added, 1 changed, 0 removed\n"),
        "{done:?}"
    );
    assert_eq!(apply(text, &[]).stdout, "nothing to change\n");
    let realms = json(&place.ok(&["realm", "list", "--json"]));
    assert_eq!(
        (
            &realms[1]["name"],
            &realms[1]["home_servers"],
            &realms[1]["accounting"]
        ),
        (&"away.example".into(), &serde_json::json!(["home"]), &true.into())
    );
    // A home server that nobody has stops everything.
    let done = apply(&text.replace("[\"home\"]", "[\"hom\"]"), &[]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.stderr
            .contains("there is no home_server \"hom\"; did you mean home?"),
        "{done:?}"
    );
    let changed = text
        .replace(
            "home_servers = [\"home\"]\n    strip = true",
            "accounting = false",
        )
        .replace(
            "[[partner.home_server]]\n    name = \"home\"",
            "[[partner.home_server]]\n    name = \"other\"",
        );
    let done = apply(&changed, &["--prune"]);
    assert!(
        done.stdout.contains(
            "+ home_server isp-west/other\n~ realm isp-west/away.example\n    accounting: true -> false\n    decided: \
             \"by_home_servers\" -> \"here\"\n    home_servers: [\"home\"] -> []\n- home_server isp-west/home\n"
        ),
        "{done:?}"
    );
    assert!(!done.stdout.contains("between us"), "{done:?}");
    // As it was: others start from a partner without any of this.
    for command in [
        ["realm", "remove", "away.example"],
        ["realm", "remove", "*"],
        ["home-server", "remove", "shaper"],
        ["home-server", "remove", "other"],
    ] {
        place.ok(&command);
    }
    place.ok(&[
        "identity",
        "set",
        "--identify",
        "user_name",
        "--password-store",
        "reversible",
    ]);
}

/// Pools, admission, defaults and the garden: added, again, changed, taken away.
pub fn addresses_and_admission_are_applied(place: &Place) {
    let text = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    defaults = { dns = ["192.0.2.53"] }
    [partner.garden]
    reasons = ["suspended"]
    terms = { filter = "unpaid" }
    [[partner.pool]]
    name = "homes"
    ranges = ["10.77.0.0/24"]
    [[partner.pool]]
    name = "roof"
    ranges = ["10.77.7.0/24"]
    [[partner.site]]
    client = "homes"
    slug = "main-street"
    name = "Main Street"
    pools = { ipv4_pool = "roof" }
    [[partner.plan]]
    slug = "fiber-100"
    name = "Fiber 100"
    [partner.plan.admission]
    simultaneous = 2
    ipv4_pool = "homes"
    [[partner.plan]]
    slug = "fiber-7"
    admission = { bind = "mac", ipv4_pool = "homes" }
    [[partner.subscriber]]
    username = "bob"
    password = "builder"
    plan = "fiber-100"
    site = "homes/main-street"
    [partner.subscriber.admission]
    allow = ["nas:bras-1", "mac:02-00-00-00-00-0A"]
    addresses = ["192.0.2.7"]
"#;
    let apply = |text: &str, more: &[&str]| {
        let file = place.write("addresses.toml", text);
        place.run(&[&["apply", "-f", file.to_str().unwrap()], more].concat())
    };
    let done = apply(text, &["--dry-run"]);
    for line in [
        "+ pool isp-west/homes\n+ pool isp-west/roof\n~ site pools isp-west/homes/main-street\n    ipv4_pool: null -> \"roof\"\n",
        "~ plan admission isp-west/fiber-100\n    ipv4_pool: null -> \"homes\"\n    simultaneous: null -> 2\n",
        "+ plan isp-west/fiber-7\n+ plan admission isp-west/fiber-7\n~ defaults isp-west\n    terms: {} -> {\"dns\":[\"192.0.2.53\"]}\n",
        "~ garden isp-west\n    reasons: [] -> [\"suspended\"]\n    terms: {} -> {\"filter\":\"unpaid\"}\n",
        "~ subscriber admission isp-west/bob\n    addresses: [] -> ",
    ] {
        assert!(done.stdout.contains(line), "{line}: {done:?}");
    }
    assert!(
        done.stdout.ends_with("4 to add, 5 to change, 0 to remove\n"),
        "{done:?}"
    );
    assert_eq!(
        json(&place.ok(&["pool", "list", "--json"])),
        serde_json::json!([])
    );
    let done = apply(text, &[]);
    assert!(
        done.stdout.ends_with("4 added, 5 changed, 0 removed\n"),
        "{done:?}"
    );
    assert_eq!(apply(text, &[]).stdout, "nothing to change\n");
    let site = json(&place.ok(&["admission", "show", "--site", "homes/main-street", "--json"]));
    assert_eq!(site["ipv4_pool"], "roof");
    // What nobody has, and what cannot become another, stop everything.
    let done = apply(&text.replace("ipv4_pool = \"roof\"", "ipv4_pool = \"rof\""), &[]);
    assert!(
        done.stderr
            .contains("there is no pool \"rof\"; did you mean roof?"),
        "{done:?}"
    );
    let done = apply(
        &text.replace(
            "name = \"roof\"\n    ranges",
            "name = \"roof\"\n    kind = \"prefix\"\n    ranges",
        ),
        &[],
    );
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("stays so; make another pool"), "{done:?}");
    // What is not named any more is taken away, and all of it goes as it came.
    let changed = text
        .replace("    simultaneous = 2\n", "")
        .replace("10.77.7.0/24", "10.77.8.0/24");
    let done = apply(&changed, &[]);
    assert_eq!(
        done.stdout,
        "~ pool isp-west/roof\n    ranges: [\"10.77.7.0/24\"] -> [\"10.77.8.0/24\"]\n\
         ~ plan admission isp-west/fiber-100\n    simultaneous: 2 -> null\n0 added, 2 changed, 0 removed\n",
        "{done:?}"
    );
    let nothing = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    defaults = {}
    garden = { reasons = [] }
    [[partner.site]]
    client = "homes"
    slug = "main-street"
    name = "Main Street"
    pools = {}
    [[partner.plan]]
    slug = "fiber-100"
    name = "Fiber 100"
    admission = {}
    [[partner.subscriber]]
    username = "bob"
    password = "builder"
    plan = "fiber-100"
    site = "homes/main-street"
    admission = {}
"#;
    let done = apply(nothing, &[]);
    assert!(
        done.stdout.ends_with("0 added, 5 changed, 0 removed\n"),
        "{done:?}"
    );
    assert_eq!(apply(nothing, &[]).stdout, "nothing to change\n");
    place.ok(&["plan", "remove", "fiber-7"]);
    place.ok(&["pool", "remove", "homes"]);
    place.ok(&["pool", "remove", "roof"]);
}
