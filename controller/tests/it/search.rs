//! Anyone is found by anything, and nobody who was removed.

use serde_json::Value;

use crate::stand::Place;

/// What a text finds: kinds and titles.
#[track_caller]
fn found(place: &Place, text: &str) -> Vec<(String, String)> {
    let hits: Value = serde_json::from_str(&place.ok(&["search", text, "--json"])).unwrap();
    let text = |hit: &Value, name: &str| hit[name].as_str().unwrap().to_owned();
    let hits = hits.as_array().unwrap().iter();
    hits.map(|hit| (text(hit, "kind"), text(hit, "title"))).collect()
}

#[test]
fn anyone_is_found_by_anything() {
    let place = Place::new();
    let _server = place.serve(&[]);
    place.set_up();
    let secret = place.write("secret", "a secret of some length");
    let secret = secret.to_str().unwrap();
    place.ok(&["client", "create", "acme", "--name", "Acme Müller"]);
    place.ok(&[
        "site",
        "create",
        "acme/main",
        "--name",
        "Main",
        "--address",
        "12 Elm Street",
    ]);
    place.ok(&["plan", "add", "home-100", "--download", "100M", "--upload", "20M"]);
    place.ok(&[
        "nas",
        "add",
        "bng-1",
        "--address",
        "127.9.9.1",
        "--secret-file",
        secret,
    ]);
    for (name, shown, mac) in [
        ("user000123@isp", "Alice O'Brien", "00:1a:2b:3c:4d:5e"),
        ("bob@isp", "Bob", "00:1a:2b:3c:4d:5f"),
    ] {
        let mark = format!("mac={mac}");
        place.ok(&[
            "subscriber",
            "add",
            name,
            "--name",
            shown,
            "--site",
            "acme/main",
            "--plan",
            "home-100",
            "--password-file",
            secret,
            "--identify-by",
            &mark,
        ]);
    }
    let one = |kind: &str, title: &str| vec![(kind.to_owned(), title.to_owned())];
    for text in [
        "user000123@isp",
        "USER0001",
        "123",
        "alice",
        "brien",
        "00-1A-2B-3C-4D-5E",
        "001a.2b3c.4d5e",
    ] {
        assert_eq!(found(&place, text), one("subscriber", "user000123@isp"), "{text}");
    }
    assert_eq!(found(&place, "müller"), one("client", "Acme Müller"));
    assert_eq!(found(&place, "elm"), one("site", "Main"));
    assert_eq!(found(&place, "bng"), one("nas", "bng-1"));
    assert_eq!(found(&place, "127.9.9.1"), one("nas", "bng-1"));
    assert_eq!(found(&place, "home"), one("plan", "home-100"));
    for nothing in ["zz", "isp", "%", "_", "lice", "' OR true --"] {
        assert_eq!(found(&place, nothing), [], "{nothing}");
    }
    place.ok(&["subscriber", "set", "bob@isp", "--name", "Robert"]);
    assert_eq!(found(&place, "robert"), one("subscriber", "bob@isp"));
    place.ok(&["subscriber", "remove", "bob@isp"]);
    assert_eq!(found(&place, "robert"), []);
    assert!(place.fails(2, &["search", ""]).contains("/q"));
}
