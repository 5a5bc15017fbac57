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
