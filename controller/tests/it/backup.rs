//! A backup is taken beside a running server, everything is wiped, and the restore brings all of it back: what the
//! database had, what only the journal had, and secrets that still open.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::stand::{Place, Server, radclient, wait_until};

/// What the NAS shares.
const SECRET: &str = "a secret of sixteen octets or more";

/// Every command here names the data directory.
fn with<'a>(data: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--data-dir", data]].concat()
}

/// A server with a NAS, a subscriber and a line in the audit.
fn small_isp(place: &Place) -> Server {
    let server = place.serve(&[]);
    place.set_up();
    let secret = place.write("secret", SECRET);
    let password = place.write("password", "open sesame");
    place.ok(&[
        "nas",
        "add",
        "bng-1",
        "--address",
        "127.0.0.1",
        "--secret-file",
        secret.to_str().unwrap(),
    ]);
    place.ok(&["plan", "add", "home", "--download", "100M", "--upload", "20M"]);
    place.ok(&["client", "create", "acme", "--name", "Acme"]);
    place.ok(&["site", "create", "acme/hq", "--name", "HQ"]);
    place.ok(&[
        "subscriber",
        "add",
        "alice",
        "--site",
        "acme/hq",
        "--plan",
        "home",
        "--password-file",
        password.to_str().unwrap(),
    ]);
    server
}

/// Asks a server, which has another port after each start, with the key that the set-up made.
fn ask(place: &Place, server: &Server, args: &[&str]) -> String {
    let token = place.path("token");
    let who = [
        "--url",
        &server.url,
        "--token-file",
        token.to_str().unwrap(),
        "--partner",
        "isp-west",
    ];
    place.ok(&[args, &who[..]].concat())
}

/// Tells a Start of each session; returns when all are acknowledged.
fn account(server: &Server, sessions: &[String]) {
    for session in sessions {
        let start = format!(
            "User-Name=alice,Acct-Status-Type=Start,Acct-Session-Id={session},NAS-IP-Address=127.0.0.1"
        );
        let said = radclient(server.accounting, "acct", SECRET, &start);
        assert!(said.stdout.contains("Accounting-Response"), "{said:?}");
    }
}

/// The Acct-Session-Ids that the database has.
fn sessions(place: &Place, server: &Server) -> Vec<String> {
    let listed: Value = serde_json::from_str(&ask(place, server, &["session", "list", "--json"])).unwrap();
    let mut names: Vec<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["acct_session_id"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// What can be compared of a server: objects as the API shows them, without what it only remembers while it runs.
fn picture(place: &Place, server: &Server) -> Vec<Value> {
    [
        &["subscriber", "show", "alice", "--json"][..],
        &["nas", "list", "--json"],
        &["plan", "list", "--json"],
        &["user", "list", "--json"],
        &["api-key", "list", "--json"],
    ]
    .map(|args| {
        let mut shown: Value = serde_json::from_str(&ask(place, server, args)).unwrap();
        for object in shown.as_array_mut().into_iter().flatten() {
            object["health"].take();
            object["last_used_at"].take();
        }
        shown
    })
    .to_vec()
}

/// Takes a backup and says where it is.
fn back_up(place: &Place, more: &[&str]) -> PathBuf {
    let (data, to) = (place.data_dir(), place.path("backups"));
    let args = [&["backup", "--to", to.to_str().unwrap()], more].concat();
    let said = place.ok(&with(data.to_str().unwrap(), &args));
    PathBuf::from(said.trim())
}

/// Whether alice gets in with her password, at a NAS whose secret came out of the backup.
fn logs_in(server: &Server) -> bool {
    let login = "User-Name=alice,User-Password=\"open sesame\"";
    radclient(server.auth, "auth", SECRET, login)
        .stdout
        .contains("Access-Accept")
}

#[test]
fn everything_comes_back_after_a_wipe() {
    let place = Place::new();
    let server = small_isp(&place);
    let before: Vec<String> = (0..20).map(|n| format!("before-{n:02}")).collect();
    account(&server, &before);
    wait_until("the database has them", || sessions(&place, &server).len() == 20);
    let (shown, key) = (picture(&place, &server), place.data_dir().join("master.key"));
    let backup = back_up(&place, &[]);
    assert!(!backup.join("master.key").exists());
    for (name, mode) in [("database.dump", 0o600), ("manifest.json", 0o600), ("", 0o700)] {
        use std::os::unix::fs::PermissionsExt as _;
        let found = std::fs::metadata(backup.join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    server.end(Signal::KILL);
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_dir_all(place.data_dir()).unwrap();

    // Without its key a backup is refused, and nothing is made.
    let data = place.data_dir();
    let from = ["restore", "--from", backup.to_str().unwrap()];
    let refused = place.fails(4, &with(data.to_str().unwrap(), &from));
    assert!(refused.contains("master key"), "{refused}");
    put_key(&key, &kept);
    place.ok(&with(data.to_str().unwrap(), &from));
    let server = place.serve(&[]);
    assert_eq!(picture(&place, &server), shown);
    assert_eq!(sessions(&place, &server), before);
    assert!(logs_in(&server));
    let restored = "SELECT count(*) FROM kernel.audit WHERE action = 'backup.restored'";
    let psql = [
        "db",
        "psql",
        "--data-dir",
        data.to_str().unwrap(),
        "--",
        "-XAtc",
        restored,
    ];
    assert_eq!(place.ok(&psql).trim(), "1");
    let verified = ask(&place, &server, &["audit", "verify"]);
    assert!(!verified.contains("WRONG"), "{verified}");
    server.end(Signal::TERM);

    // What is there is not restored over, unless it may be moved aside.
    let refused = place.fails(6, &with(data.to_str().unwrap(), &from));
    assert!(refused.contains("--replace"), "{refused}");
    place.ok(&with(
        data.to_str().unwrap(),
        &[&from[..], &["--replace"]].concat(),
    ));
    let aside = std::fs::read_dir(&data).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("postgres.before-")
    });
    assert_eq!(aside.count(), 1);
    let server = place.serve(&[]);
    assert_eq!(sessions(&place, &server), before);
    server.end(Signal::TERM);
}

#[test]
fn what_only_the_journal_had_comes_back_once() {
    let place = Place::new();
    let server = small_isp(&place);
    // The drain stands still, so these are acknowledged and in the journal alone.
    let postgres = postmaster(&place);
    rustix::process::kill_process(postgres, Signal::STOP).unwrap();
    let waiting: Vec<String> = (0..20).map(|n| format!("waiting-{n:02}")).collect();
    account(&server, &waiting);
    rustix::process::kill_process(postgres, Signal::CONT).unwrap();
    let backup = back_up(&place, &["--with-master-key"]);
    wait_until("the database has them", || sessions(&place, &server).len() == 20);
    server.end(Signal::KILL);
    std::fs::remove_dir_all(place.data_dir()).unwrap();
    let data = place.data_dir();
    place.ok(&with(
        data.to_str().unwrap(),
        &["restore", "--from", backup.to_str().unwrap()],
    ));
    let server = place.serve(&[]);
    wait_until("the journal is carried over", || {
        sessions(&place, &server) == waiting
    });
    assert!(logs_in(&server));
    server.end(Signal::TERM);
}

#[test]
fn a_running_server_and_a_changed_backup_are_refused() {
    let place = Place::new();
    let server = small_isp(&place);
    let backup = back_up(&place, &["--with-master-key"]);
    let data = place.data_dir();
    let from = ["restore", "--replace", "--from", backup.to_str().unwrap()];
    let refused = place.fails(1, &with(data.to_str().unwrap(), &from));
    assert!(refused.contains("in use"), "{refused}");
    server.end(Signal::TERM);
    let dump = backup.join("database.dump");
    let mut octets = std::fs::read(&dump).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&dump, octets).unwrap();
    let refused = place.fails(1, &with(data.to_str().unwrap(), &from));
    assert!(refused.contains("not what it was"), "{refused}");
    assert!(data.join("postgres").exists(), "nothing was moved");
}

/// Puts a key where a server finds it.
fn put_key(path: &Path, key: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, key).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The private PostgreSQL's first process.
fn postmaster(place: &Place) -> rustix::process::Pid {
    let text = std::fs::read_to_string(place.data_dir().join("postgres/postmaster.pid")).unwrap();
    let number = text.lines().next().unwrap().trim().parse().unwrap();
    rustix::process::Pid::from_raw(number).unwrap()
}
