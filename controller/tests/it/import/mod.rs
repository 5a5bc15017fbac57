//! Moving in, with the real program on both sides: Debian's FreeRADIUS on a database made by its own schema, and ours beside
//! it after `headend import`. Every user is asked of both, and every dump says what the live database said.

mod freeradius;
mod people;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use kernel::testing::TestDatabase;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stand::{Done, Place, Server, radclient, wait_until};
use freeradius::Freeradius;
use people::{PEOPLE, SECRET};

/// FreeRADIUS's schema as Debian ships it.
const SCHEMA: &str = "/etc/freeradius/3.0/mods-config/sql/main/postgresql/schema.sql";

/// FreeRADIUS's database.
struct Other {
    /// Keeps the database.
    _database: TestDatabase,
    /// Where it is, with the schema in which the tables are.
    url: String,
}

impl Other {
    /// Makes one with everybody in it.
    fn make(runtime: &tokio::runtime::Runtime) -> Other {
        let database = runtime.block_on(TestDatabase::new());
        let other = Other {
            url: format!("{}&options=-csearch_path%3Dradius", database.url("postgres")),
            _database: database,
        };
        other.sql("CREATE SCHEMA radius");
        let schema = std::fs::read_to_string(SCHEMA).expect("FreeRADIUS's schema");
        other.sql(&schema);
        other.sql(&people::rows());
        other
    }

    /// Runs SQL in it.
    #[track_caller]
    fn sql(&self, text: &str) {
        let done = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", text])
            .output()
            .expect("psql");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// What the report says of a kind: read, imported, updated, unchanged, refused.
fn figures(report: &Value, kind: &str) -> [u64; 5] {
    ["read", "imported", "updated", "unchanged", "refused"]
        .map(|figure| report["kinds"][kind][figure].as_u64().unwrap_or(0))
}

/// Runs an import and gives its report.
#[track_caller]
fn import(place: &Place, args: &[&str]) -> Value {
    let said = place.ok(&[&["import"][..], args, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The attributes of an answer that the import brought: the code, and what else is not made anew by each server.
fn answer(done: &Done) -> BTreeSet<String> {
    /// What each server makes by itself, or we always send.
    const OWN: [&str; 4] = [
        "Class",
        "Message-Authenticator",
        "Acct-Interim-Interval",
        "Reply-Message",
    ];
    let received = done
        .stdout
        .split_once("Received ")
        .map_or("", |(_, received)| received);
    let mut lines: BTreeSet<String> = received
        .lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .filter(|line| line.contains(" = ") && !OWN.iter().any(|own| line.starts_with(own)))
        .collect();
    let code = received.split(' ').next().unwrap_or_default().to_owned();
    if code != "Access-Accept" {
        // Debian's FreeRADIUS filters the attributes out of its rejects in a module that is not loaded here.
        lines.clear();
    }
    lines.insert(code);
    lines
}

/// Asks a server for a login.
fn login(server: std::net::SocketAddr, name: &str, password: &str) -> BTreeSet<String> {
    let attributes = format!(
        "User-Name = \"{name}\"\nUser-Password = \"{password}\"\nNAS-IP-Address = 127.0.0.1\nMessage-Authenticator = 0x00\n"
    );
    answer(&radclient(server, "auth", SECRET, &attributes))
}

#[test]
fn an_isp_moves_in_from_freeradius() {
    if !Freeradius::is_installed() {
        let mut out = std::io::stderr();
        writeln!(
            out,
            "skipped: FreeRADIUS with its PostgreSQL module is not installed"
        )
        .unwrap();
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let other = Other::make(&runtime);
    let place = Place::new();
    let server = place.serve(&[]);
    place.set_up();
    place.ok(&["client", "create", "homes", "--name", "Homes"]);
    place.ok(&["site", "create", "homes/main", "--name", "Main"]);
    let from = ["freeradius", "--dsn", &other.url];

    let trial = import(&place, &[&from[..], &["--dry-run"]].concat());
    assert_eq!(place.ok(&["subscriber", "list", "--json"]).trim(), "[]");
    assert_eq!(place.ok(&["nas", "list", "--json"]).trim(), "[]");
    let done = import(&place, &from);
    for kind in ["nas", "plan", "group", "subscriber", "session"] {
        assert_eq!(
            figures(&trial, kind),
            figures(&done, kind),
            "{kind}: {trial:#} {done:#}"
        );
    }
    let refused = PEOPLE.iter().filter(|one| one.refused).count() as u64;
    let all = PEOPLE.len() as u64;
    assert_eq!(
        figures(&done, "subscriber"),
        [all, all - refused, 0, 0, refused],
        "{done:#}"
    );
    assert_eq!(figures(&done, "nas"), [3, 2, 0, 0, 1], "{done:#}");
    assert_eq!(figures(&done, "session"), [4, 3, 0, 0, 1], "{done:#}");
    assert_eq!(figures(&done, "plan")[4], 0, "{done:#}");
    assert!(
        done["refused"]
            .to_string()
            .contains("no NAS has the address 192.0.2.99"),
        "{done:#}"
    );
    assert!(
        !done.to_string().contains("open sesame"),
        "a password is in the report"
    );

    everybody_is_answered_alike(&place, &server, &other, all - refused);
    a_session_goes_on(&place, &server);
    a_second_run_changes_nothing_until_told(&place, &other, &from);
    dumps_say_the_same(&place, &done);
    assert_eq!(server.end(Signal::INT), Some(0));
}

/// With the right password and with a wrong one, both servers say the same, attribute by attribute.
fn everybody_is_answered_alike(place: &Place, server: &Server, other: &Other, expected: u64) {
    wait_until("the access plane knows everybody", || {
        server.metric("radius_directory_subscribers") == expected
    });
    let freeradius = Freeradius::start(place, &other.url);
    for one in PEOPLE.iter().filter(|one| !one.refused) {
        for password in [one.password, "something else"] {
            let theirs = login(freeradius.auth(), one.name, password);
            let ours = login(server.auth, one.name, password);
            // Asked once: a second login may be one too many for who is held to a number of them.
            let accepted = one.accepted && password == one.password;
            assert_eq!(
                ours.contains("Access-Accept"),
                accepted,
                "{} {password}",
                one.name
            );
            assert_eq!(
                ours,
                theirs,
                "{} {password}\n{}",
                one.name,
                place.ok(&["radius", "explain", one.name])
            );
        }
    }
}

/// What was open goes on under the same id when its NAS tells us more, and ends once.
fn a_session_goes_on(place: &Place, server: &Server) {
    let list = |more: &[&str]| -> Value {
        let said = place.ok(&[&["session", "list", "--json"][..], more].concat());
        serde_json::from_str(&said).expect("sessions")
    };
    let open = list(&[]);
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open:#}");
    assert_eq!(
        (&open[0]["username"], &open[0]["nas"]),
        (&json!("clear"), &json!("bras-1")),
        "{open:#}"
    );
    let stop = "User-Name = clear\nAcct-Session-Id = s-open\nAcct-Status-Type = Stop\nNAS-IP-Address = 127.0.0.1\n\
        Acct-Session-Time = 90000\nAcct-Input-Octets = 5000\nAcct-Output-Octets = 6000\n";
    let said = radclient(server.accounting, "acct", SECRET, stop);
    assert!(said.stdout.contains("Accounting-Response"), "{said:?}");
    wait_until("the stop is in the database", || {
        let closed = list(&["--state", "closed"]);
        let closed = closed.as_array().expect("a list").iter();
        closed.filter(|one| one["id"] == open[0]["id"]).count() == 1
    });
    let closed = list(&["--state", "closed"]);
    let names: Vec<&str> = closed
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["acct_session_id"].as_str())
        .collect();
    // The same Acct-Session-Id had ended before: two sessions of one name are two.
    assert_eq!(
        names.iter().filter(|name| **name == "s-open").count(),
        2,
        "{closed:#}"
    );
}

/// What is here stays as it is; what differs is told, and taken over only with --update.
fn a_second_run_changes_nothing_until_told(place: &Place, other: &Other, from: &[&str]) {
    let again = import(place, from);
    for kind in ["nas", "plan", "group", "subscriber", "session"] {
        let [_, imported, updated, ..] = figures(&again, kind);
        assert_eq!((imported, updated), (0, 0), "{kind}: {again:#}");
    }
    other.sql("UPDATE radcheck SET value = 'another one' WHERE username = 'clear' AND attribute = 'Cleartext-Password'");
    let differs = import(place, from);
    assert!(
        differs["refused"]
            .to_string()
            .contains("he is here already, with another password"),
        "{differs:#}"
    );
    let told = import(place, &[from, &["--update"]].concat());
    assert_eq!(figures(&told, "subscriber")[2], 1, "{told:#}");
    let listed: Value = serde_json::from_str(&place.ok(&["import", "list", "--json"])).expect("imports");
    assert_eq!(listed.as_array().map(Vec::len), Some(4), "{listed:#}");
    assert!(
        listed[0]["finished_at"].is_string()
            && listed[0]["source"]
                .as_str()
                .is_some_and(|source| source.contains("FreeRADIUS"))
    );
    let audit = place.ok(&["audit", "list", "--action", "import.finish", "--json"]);
    let audit: Value = serde_json::from_str(&audit).expect("the audit");
    assert_eq!(audit.as_array().map(Vec::len), Some(4), "{audit:#}");
}

/// A dump of MySQL and one of PostgreSQL bring what the live database brought, to another partner; his NAS clash, of course.
fn dumps_say_the_same(place: &Place, live: &Value) {
    for (slug, dump) in [
        ("isp-mysql", people::mysql_dump()),
        ("isp-postgres", people::pg_dump()),
    ] {
        place.ok(&["partner", "create", slug, "--name", slug]);
        let file = place.write(&format!("{slug}.sql"), &dump);
        let refused = place.path("refused.tsv");
        let partner = ["--partner", slug];
        place.ok(&[&["client", "create", "homes", "--name", "Homes"][..], &partner].concat());
        place.ok(&[&["site", "create", "homes/main", "--name", "Main"][..], &partner].concat());
        let args = [
            "freeradius",
            "--dump",
            file.to_str().unwrap(),
            "--refused",
            refused.to_str().unwrap(),
        ];
        let done = import(place, &[&args[..], &partner].concat());
        for kind in ["plan", "group", "subscriber"] {
            assert_eq!(
                figures(&done, kind),
                figures(live, kind),
                "{slug} {kind}: {done:#}"
            );
        }
        assert_eq!(figures(&done, "nas"), [3, 0, 0, 0, 3], "{done:#}");
        assert_eq!(figures(&done, "session"), [4, 0, 0, 0, 4], "{done:#}");
        let listed = std::fs::read_to_string(&refused).expect("a list");
        assert_eq!(
            listed.lines().count() as u64,
            done["refused_count"].as_u64().unwrap(),
            "{listed}"
        );
        assert!(
            listed.contains("\tthe address 127.0.0.1/32 is already in use"),
            "{listed}"
        );
    }
}

#[test]
fn a_list_is_taken_in() {
    let place = Place::new();
    let server = place.serve(&[]);
    place.set_up();
    place.ok(&["client", "create", "homes", "--name", "Homes"]);
    place.ok(&["site", "create", "homes/main", "--name", "Main"]);
    place.ok(&["plan", "add", "fiber", "--download", "100M", "--upload", "20M"]);
    let file = place.write(
        "users.csv",
        "username,password,password_hash,plan,mac,expires_at,reply:Framed-IP-Address\r\n\
         ann,\"a, \"\"quoted\"\" one\",,fiber,00-1A-2B-3C-4D-01,2030-01-01,192.0.2.1\r\n\
         ben,,{SSHA}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=,,,,\r\n\
         cat,x,,fiber,001a.2b3c.4d01,,\r\n\
         dan,x,,nothing,,,\r\n\
         ann,x,,fiber,,,\r\n",
    );
    let args = ["csv", "-f", file.to_str().unwrap(), "--plan", "fiber"];
    let trial = import(&place, &[&args[..], &["--dry-run"]].concat());
    let done = import(&place, &args);
    assert_eq!(figures(&done, "subscriber"), [5, 2, 0, 0, 3], "{done:#}");
    assert_eq!(figures(&trial, "subscriber"), figures(&done, "subscriber"));
    let why = done["refused"].to_string();
    for reason in [
        "another subscriber is recognised by mac=00:1a:2b:3c:4d:01 already",
        "there is no plan nothing",
        "he comes twice",
    ] {
        assert!(why.contains(reason), "{reason}: {why}");
    }
    let ann: Value = serde_json::from_str(&place.ok(&["subscriber", "show", "ann", "--json"])).expect("ann");
    assert_eq!(
        (&ann["password_store"], &ann["identified_by"][0]),
        (&json!("reversible"), &json!("mac=00:1a:2b:3c:4d:01"))
    );
    assert_eq!(ann["expires_at"], "2030-01-01T00:00:00Z");
    let said = place.fails(
        2,
        &[
            "import",
            "csv",
            "-f",
            place.write("x.csv", "username,colour\n").to_str().unwrap(),
        ],
    );
    assert!(said.contains("there is no column \"colour\""), "{said}");
    assert_eq!(server.end(Signal::INT), Some(0));
}
