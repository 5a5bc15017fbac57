//! The first minutes: set-up, login, health.

use serde_json::Value;

use super::json;
use crate::stand::{PASSWORD, Place, Server, is_private};

/// A link and a token file while set-up is open; a wrong token opens nothing, the right one works once.
pub fn set_up_works_once(place: &Place, server: &Server) {
    let link = &server.said[0];
    assert!(
        link.starts_with(&format!(
            "set-up link (once, closes for ever): {}/setup#hst_",
            server.url
        )),
        "{link}"
    );
    let token = place.data_dir().join("setup-token");
    assert!(is_private(&token));
    assert!(link.ends_with(std::fs::read_to_string(&token).unwrap().trim()));
    // The link leads to a page that loads only what is here; its token stands behind '#', which browsers keep.
    let (status, page) = server.page("/setup");
    assert_eq!(status, 200);
    for file in ["/setup.css", "/setup.js"] {
        assert!(page.contains(file), "{file} is not in {page}");
        assert_eq!(server.page(file).0, 200, "{file}");
    }
    assert!(!page.contains("hst_"));
    // A wrong token opens nothing, and the right one is still good after it.
    let wrong = place.write("wrong", &format!("hst_{}", "A".repeat(43)));
    let file = place.write(
        "early.toml",
        "[admin]\nemail = \"a@example.net\"\npassword = \"long enough password\"\n",
    );
    let args = [
        "setup",
        "-f",
        file.to_str().unwrap(),
        "--url",
        &server.url,
        "--setup-token-file",
        wrong.to_str().unwrap(),
    ];
    place.fails(4, &args);
    let good = place.write("good", &std::fs::read_to_string(&token).unwrap());
    place.set_up();
    assert!(!token.exists());
    let key = place.path("token");
    assert!(is_private(&key) && std::fs::read_to_string(&key).unwrap().starts_with("hek_"));
    // The same token, kept by somebody, is worth nothing now.
    let args = [
        "setup",
        "-f",
        file.to_str().unwrap(),
        "--url",
        &server.url,
        "--setup-token-file",
        good.to_str().unwrap(),
    ];
    assert!(place.fails(4, &args).contains("set-up is closed"));
    let args = [
        "setup",
        "-f",
        file.to_str().unwrap(),
        "--data-dir",
        place.data_dir().to_str().unwrap(),
    ]
    .map(str::to_owned);
    assert!(
        place
            .fails(4, &args.each_ref().map(String::as_str))
            .contains("set-up is closed")
    );
}

/// Sessions, refusals, and the key for automation.
pub fn logging_in_and_out(place: &Place, server: &Server) {
    assert!(is_private(&place.path("credentials.toml")));
    let who = place.ok(&["whoami"]);
    assert!(
        who.starts_with("noc@example.net at ") && who.contains("platform: platform-admin"),
        "{who}"
    );
    place.ok(&["logout"]);
    assert!(!place.path("credentials.toml").exists());
    let words = place.fails(4, &["partner", "list", "--url", &server.url]);
    assert!(words.contains("next: log in with headend login"), "{words}");
    // No password is a usage error, a wrong one a refusal; neither is an argument.
    let login = ["login", "--email", "noc@example.net", "--url", &server.url];
    assert!(place.fails(2, &login).contains("no password given"));
    let wrong = place.write("wrong", "not this one\n");
    let words = place.fails(
        4,
        &[&login[..], &["--password-file", wrong.to_str().unwrap()]].concat(),
    );
    assert!(
        words.contains("wrong e-mail address or password") && !words.contains("not this one"),
        "{words}"
    );
    let done = place
        .command(&login)
        .env("HEADEND_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    // The key that set-up wrote is worth a login to a program.
    let key = place.path("token");
    let who = place.ok(&["whoami", "--token-file", key.to_str().unwrap(), "--json"]);
    assert_eq!(json(&who)["user"]["kind"], "api_key");
}

/// Health, readiness, metrics, the API's description.
pub fn the_server_says_how_it_is(server: &Server) {
    assert_eq!(server.page("/healthz").0, 200);
    let (status, body) = server.page("/readyz");
    assert_eq!(
        (status, json(&body)["ready"].clone()),
        (200, Value::Bool(true)),
        "{body}"
    );
    assert_eq!(server.metric("headend_up"), 1);
    assert_eq!(server.page("/nothing").0, 404);
    assert_eq!(
        json(&server.page("/api/public/v1/openapi.json").1)["openapi"],
        "3.1.0"
    );
}
