//! `headend radius certificate` on a data directory without a server.

use serde_json::Value;

use crate::stand::{Place, is_private};

/// The id of a NAS.
const NAS: &str = "0190b5c4-0000-7000-8000-000000000001";
/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

/// Arguments of `radius certificate` on the place's data directory.
fn args<'a>(dir: &'a str, verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [
        &["radius", "certificate", verb, "--data-dir", dir, "--url", NOBODY],
        more,
    ]
    .concat()
}

#[test]
fn certificates_are_issued_listed_and_revoked_without_a_server() {
    let place = Place::new();
    let (dir, out) = (place.data_dir(), place.path("out"));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::create_dir(&out).unwrap();
    let (dir, out) = (dir.to_str().unwrap(), out.to_str().unwrap());
    let list = |place: &Place| -> Value {
        serde_json::from_str(&place.ok(&args(dir, "list", &["--json"]))).unwrap()
    };
    // Only who issues makes the authority.
    let refused = place.fails(3, &args(dir, "list", &[]));
    assert!(refused.contains("there is no certificate authority"), "{refused}");

    let said = place.ok(&args(dir, "issue", &[NAS, "--out", out, "--json"]));
    let said: Value = serde_json::from_str(&said).unwrap();
    let key = said["key"].as_str().unwrap();
    assert!(is_private(key.as_ref()));
    assert!(
        std::fs::read_to_string(key)
            .unwrap()
            .contains("BEGIN PRIVATE KEY")
    );
    for name in ["certificate", "ca"] {
        let pem = std::fs::read_to_string(said[name].as_str().unwrap()).unwrap();
        assert!(pem.contains("BEGIN CERTIFICATE"), "{name}");
    }
    assert!(is_private(&place.data_dir().join("radsec/ca-key.pem")));
    let listed = list(&place);
    assert_eq!(listed[0]["serial"], said["serial"]);
    assert_eq!(
        (&listed[0]["nas"], &listed[0]["state"]),
        (&Value::from(NAS), &Value::from("good"))
    );

    let serial = said["serial"].as_str().unwrap();
    let revoked = place.ok(&args(dir, "revoke", &[serial]));
    assert!(revoked.contains(serial), "{revoked}");
    assert_eq!(list(&place)[0]["state"], "revoked");
    place.fails(3, &args(dir, "revoke", &[serial]));
}

#[test]
fn a_name_needs_a_server_and_a_certificate_that_cannot_be_written_is_revoked() {
    let place = Place::new();
    std::fs::create_dir_all(place.data_dir()).unwrap();
    let dir = place.data_dir();
    let dir = dir.to_str().unwrap();
    place.fails(5, &args(dir, "issue", &["bng-1", "--partner", "isp-west"]));
    let file = place.write("file", "where a directory should be");
    let failed = place.fails(1, &args(dir, "issue", &[NAS, "--out", file.to_str().unwrap()]));
    assert!(failed.contains("revoked again"), "{failed}");
    let listed = place.ok(&args(dir, "list", &["--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["state"], "revoked");
}
