//! Starts that fail, and a server that is killed: each says one clear sentence, and nothing is left half done.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::stand::{PASSWORD, Place};

/// Ports that nobody has.
const ANY: [&str; 6] = [
    "--http-listen",
    "127.0.0.1:0",
    "--radius-auth",
    "127.0.0.1:0",
    "--radius-accounting",
    "127.0.0.1:0",
];

/// The words of a server that does not start; it must not have made a database.
#[track_caller]
fn refused(place: &Place, code: i32, args: &[&str]) -> String {
    let data_dir = place.data_dir();
    let base = [
        "serve",
        "--data-dir",
        data_dir.to_str().unwrap(),
        "--log-format",
        "json",
    ];
    let words = place.fails(code, &[&base[..], args].concat());
    assert!(!data_dir.join("headend.addr").exists() && !data_dir.join("setup-token").exists());
    words
}

#[test]
fn a_taken_http_port_is_told_before_a_database_is_made() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let words = refused(
        &place,
        1,
        &["--http-listen", &addr, "--radius-auth", "127.0.0.1:0"],
    );
    assert!(
        words.contains(&format!("headend: cannot listen on TCP {addr} for the API")),
        "{words}"
    );
    assert!(
        words.contains("next: another program has the port: ss -ltnp"),
        "{words}"
    );
    let left: Vec<_> = std::fs::read_dir(place.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["headend.lock"]);
}

#[test]
fn a_taken_radius_port_is_told_before_a_database_is_made() {
    let place = Place::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let words = refused(
        &place,
        1,
        &["--http-listen", "127.0.0.1:0", "--radius-accounting", &addr],
    );
    assert!(
        words.contains(&format!("cannot listen on UDP {addr} for accounting")),
        "{words}"
    );
    assert!(words.contains("or change radius.accounting"), "{words}");
}

#[test]
fn a_data_directory_that_cannot_be_made_is_told() {
    let place = Place::new();
    let file = place.write("a-file", "");
    let below = file.join("data");
    let words = place.fails(
        1,
        &[&["serve", "--data-dir", below.to_str().unwrap()][..], &ANY].concat(),
    );
    assert!(
        words.contains(&format!("cannot make the data directory {}", below.display())),
        "{words}"
    );
    assert!(words.contains("next: give another --data-dir"), "{words}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_told() {
    let place = Place::new();
    std::fs::create_dir(place.data_dir()).unwrap();
    std::fs::set_permissions(place.data_dir(), std::fs::Permissions::from_mode(0o511)).unwrap();
    // For root no mode is an obstacle, so root meets one that is: /proc takes no files from anybody.
    let (dir, what) = if rustix::process::geteuid().is_root() {
        ("/proc".to_owned(), "the data directory /proc")
    } else {
        (place.data_dir().display().to_string(), "the data directory")
    };
    let words = place.fails(1, &[&["serve", "--data-dir", &dir][..], &ANY].concat());
    assert!(
        words.starts_with("headend: cannot ") && words.contains(what),
        "{words}"
    );
    assert!(words.contains("next: "), "{words}");
}

#[test]
fn a_database_that_does_not_answer_is_told_without_its_password() {
    let place = Place::new();
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://headend_app:hunter2@127.0.0.1:{gone}/headend");
    let words = refused(&place, 1, &[&ANY[..], &["--database-url", &url]].concat());
    assert!(
        words.contains("cannot open the database") && words.contains("database.url"),
        "{words}"
    );
    assert!(!words.contains("hunter2"), "{words}");
}

#[test]
fn a_wrong_configuration_is_a_usage_error() {
    let place = Place::new();
    let words = refused(&place, 2, &["--http-listen", "localhost"]);
    assert!(
        words.contains("flag --http-listen: http.listen: found \"localhost\", allowed: an IP address"),
        "{words}"
    );
    let file = place.write("headend.toml", "[http]\nlissten = \"127.0.0.1:1\"\n");
    let words = place.fails(2, &["config", "check", "--config", file.to_str().unwrap()]);
    assert!(
        words.contains("headend.toml:2: unknown key http.lissten; did you mean http.listen?"),
        "{words}"
    );
    assert_eq!(
        place.fails(2, &["nonsense"]).lines().next(),
        Some("error: unrecognized subcommand 'nonsense'")
    );
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let place = Place::new();
    let file = place.write(
        "headend.toml",
        "data_dir = \"/srv\"\n[database]\nurl = \"postgres://u:hunter2@db/x\"\n",
    );
    let file = file.to_str().unwrap();
    let said = place.ok(&["config", "check", "--config", file]);
    assert_eq!(said.trim(), format!("configuration is valid: {file}"));
    let shown = place.ok(&["config", "show", "--config", file]);
    assert!(
        shown.contains(&format!("data_dir = \"/srv\"  # {file}:1")) && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let place = Place::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = place.fails(5, &["partner", "list", "--url", &format!("http://{gone}")]);
    assert!(
        words.contains(&format!("cannot reach the server at http://{gone}")),
        "{words}"
    );
    let data_dir = place.data_dir();
    let file = place.write(
        "setup.toml",
        "[admin]\nemail = \"a@example.net\"\npassword = \"x\"\n",
    );
    let args = [
        "setup",
        "-f",
        file.to_str().unwrap(),
        "--data-dir",
        data_dir.to_str().unwrap(),
    ];
    assert!(place.fails(5, &args).contains("no server has started on"));
    let words = place.fails(5, &["db", "psql", "--data-dir", data_dir.to_str().unwrap()]);
    assert!(words.contains("no private database to reach in"), "{words}");
}

#[test]
fn a_killed_server_comes_back_with_everything_and_a_second_one_is_kept_out() {
    let place = Place::new();
    let first = place.serve(&[]);
    // A second server on the same directory would write the same journal.
    let words = place.fails(
        1,
        &[
            &["serve", "--data-dir", place.data_dir().to_str().unwrap()][..],
            &ANY,
        ]
        .concat(),
    );
    assert!(
        words.contains(&format!("is in use by another headend (process {})", first.pid())),
        "{words}"
    );
    place.set_up();
    first.end(Signal::KILL);
    // What a killed server leaves does not stop the next one, and set-up stays closed.
    assert!(place.data_dir().join("headend.addr").exists());
    let second = place.serve(&[]);
    assert!(second.said[0].starts_with("headend ready: "), "{:?}", second.said);
    assert!(!place.data_dir().join("setup-token").exists());
    // The port is another one, so the session's server must be named; the session itself has survived.
    let password = place.write("password", &format!("{PASSWORD}\n"));
    let login = [
        "login",
        "--email",
        "noc@example.net",
        "--url",
        &second.url,
        "--password-file",
        password.to_str().unwrap(),
    ];
    place.ok(&login);
    assert!(place.ok(&["partner", "list"]).contains("isp-west"));
    assert_eq!(second.end(Signal::TERM), Some(0));
    assert!(!place.data_dir().join("headend.addr").exists());
}
