//! The configuration: what is allowed, what is refused and in which words, and which layer wins.

use std::path::{Path, PathBuf};

use headend::config::{Config, Flag, LogFormat};

/// A configuration from a file's text, variables and flags.
fn load(text: &str, env: &[(&str, &str)], flags: &[Flag]) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let env = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let shown = file.path().display().to_string();
    Config::load(Some(file.path()), &env, flags).map_err(|error| error.to_string().replace(&shown, "FILE"))
}

/// The sentence for a file that is not accepted.
#[track_caller]
fn refused(text: &str, expect: &str) {
    assert_eq!(load(text, &[], &[]).map(|_| ()), Err(expect.to_owned()));
}

#[test]
fn every_default_is_as_documented() {
    let config = load("data_dir = \"/srv/headend\"", &[], &[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.radius.auth[0].to_string(), "0.0.0.0:1812");
    assert_eq!(config.radius.accounting[0].to_string(), "0.0.0.0:1813");
    assert_eq!(config.radius.journal_dir, Path::new("/srv/headend/journal"));
    assert_eq!(config.database.max_connections, 16);
    assert_eq!(config.log.format, LogFormat::Auto);
    assert!(config.database.url.is_none() && config.http.public_url.is_none());
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let file =
        "[http]\nlisten = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"\n[database]\nmax_connections = 3\n";
    let env = [
        ("HEADEND_HTTP_LISTEN", "127.0.0.1:2"),
        ("HEADEND_LOG_FILTER", "debug"),
    ];
    let flag = Flag {
        path: "http.listen",
        name: "--http-listen",
        values: vec!["127.0.0.1:3".to_owned()],
    };
    let config = load(file, &env, &[flag]).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.log.filter, "debug");
    assert_eq!(config.database.max_connections, 3);
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let config = load(
        "[database]\nmax_connections = 3",
        &[("HEADEND_DATABASE_MAX_CONNECTIONS", "")],
        &[],
    );
    assert_eq!(config.unwrap().database.max_connections, 3);
}

#[test]
fn a_variable_may_hold_several_addresses() {
    let env = [("HEADEND_RADIUS_AUTH", "127.0.0.1:1812, [::1]:1812")];
    assert_eq!(load("", &env, &[]).unwrap().radius.auth.len(), 2);
}

#[test]
fn an_unknown_key_is_refused_with_the_closest_known_one() {
    refused(
        "[http]\nlissten = \"127.0.0.1:1\"",
        "FILE:2: unknown key http.lissten; did you mean http.listen?",
    );
    refused(
        "datadir = \"/x\"",
        "FILE:1: unknown key datadir; did you mean data_dir?",
    );
}

#[test]
fn an_unknown_table_is_refused() {
    let sentence = load("[nothing]\nx = 1", &[], &[]).map(|_| ()).unwrap_err();
    assert!(
        sentence.starts_with("FILE:1: unknown key [nothing]; known are data_dir, http.listen,"),
        "{sentence}"
    );
}

#[test]
fn a_wrong_value_is_refused_with_line_key_found_and_allowed() {
    refused(
        "\n[http]\nlisten = \"localhost\"",
        "FILE:3: http.listen: found \"localhost\", allowed: an IP address and a port, such as 127.0.0.1:8080 or \
         [::1]:8080",
    );
    refused(
        "[database]\nmax_connections = 1",
        "FILE:2: database.max_connections: found 1, allowed: a whole number from 2 to 1000",
    );
    refused(
        "[log]\nformat = \"xml\"",
        "FILE:2: log.format: found \"xml\", allowed: auto, human or json",
    );
    refused(
        "[log]\nformat = true",
        "FILE:2: log.format: found a boolean, allowed: text in quotes",
    );
    refused(
        "data_dir = \"\"",
        "FILE:1: data_dir: found \"\", allowed: text that is not empty, or no such line",
    );
}

#[test]
fn listening_addresses_are_bounded_and_different() {
    let allowed =
        "allowed: 1 to 16 different addresses with a port, such as [\"0.0.0.0:1812\", \"[::]:1812\"]";
    refused(
        "[radius]\nauth = []",
        &format!("FILE:2: radius.auth: found [], {allowed}"),
    );
    let twice = "[radius]\nauth = [\"127.0.0.1:1812\", \"127.0.0.1:1812\"]";
    assert!(load(twice, &[], &[]).unwrap_err().ends_with(allowed));
    let same = "[radius]\nauth = [\"127.0.0.1:1812\"]\naccounting = [\"127.0.0.1:1812\"]";
    assert!(
        load(same, &[], &[])
            .unwrap_err()
            .contains("127.0.0.1:1812 is in both")
    );
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let sentence = load("", &[("HEADEND_RADIUS_AUTH_WORKERS", "many")], &[])
        .map(|_| ())
        .unwrap_err();
    let expected = "environment variable HEADEND_RADIUS_AUTH_WORKERS: radius.auth_workers: found \"many\", allowed: \
                    a whole number from 0 to 64";
    assert_eq!(sentence, expected);
    let flag = Flag {
        path: "http.listen",
        name: "--http-listen",
        values: vec!["x".to_owned()],
    };
    assert!(
        load("", &[], &[flag])
            .unwrap_err()
            .starts_with("flag --http-listen: http.listen: found \"x\"")
    );
}

#[test]
fn a_database_url_never_shows() {
    let wrong = load("[database]\nurl = \"mysql://u:hunter2@db/x\"", &[], &[])
        .map(|_| ())
        .unwrap_err();
    assert!(
        wrong.starts_with("FILE:2: database.url: found REDACTED") && !wrong.contains("hunter2"),
        "{wrong}"
    );
    let shown = load("[database]\nurl = \"postgres://u:hunter2@db/x\"", &[], &[])
        .unwrap()
        .show();
    assert!(
        shown.contains("url = \"postgres://u:REDACTED@db/x\"") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn an_owner_without_a_database_is_refused() {
    let sentence = load("[database]\nowner_url = \"postgres://o@db/x\"", &[], &[])
        .map(|_| ())
        .unwrap_err();
    assert!(
        sentence.contains("database.owner_url") && sentence.contains("database.url beside it"),
        "{sentence}"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let sentence = load("[http]\nlisten = ", &[], &[]).map(|_| ()).unwrap_err();
    assert!(sentence.starts_with("FILE:2: not TOML: "), "{sentence}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let path = PathBuf::from("/nowhere/headend.toml");
    let sentence = Config::load(Some(&path), &|_| None, &[])
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        sentence.starts_with("cannot read the configuration file /nowhere/headend.toml: "),
        "{sentence}"
    );
}

#[test]
fn what_is_shown_is_a_valid_file_with_its_sources() {
    let config = load("data_dir = \"/srv\"\n[log]\nfilter = \"warn\"", &[], &[]).unwrap();
    let shown = config.show();
    assert!(
        shown.contains("listen = \"127.0.0.1:8080\"  # default\n"),
        "{shown}"
    );
    assert!(
        shown
            .lines()
            .any(|line| line.starts_with("filter = \"warn\"  # ") && line.ends_with(":3")),
        "{shown}"
    );
    let again = load(&shown, &[], &[]).unwrap();
    assert_eq!(
        (again.log.filter.as_str(), again.data_dir.as_path()),
        ("warn", Path::new("/srv"))
    );
}
