//! Secrets that are planted everywhere a secret can go in, and a search of everything that comes out: what commands print,
//! what the server logs at its most talkative, its pages, its audit, a dump of its database, every file it keeps.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::stand::{Done, Place, radclient, wait_until};

/// What is planted. No two are alike, so that what is found says where it came from.
const PLANTED: [(&str, &str); 9] = [
    ("the administrator's password", "planted-admin-31f0aa"),
    ("a user's password", "planted-user-77c1b2"),
    ("a NAS's secret", "planted-nas-secret-0d9e13"),
    ("a subscriber's password", "planted-subscriber-5a24c7"),
    ("a home server's secret", "planted-home-server-91be60"),
    ("an integration's token", "planted-integration-e8d3f4"),
    (
        "a password that was wrong at the API",
        "planted-wrong-login-2cc9d5",
    ),
    (
        "a password that was wrong at a NAS",
        "planted-wrong-radius-b61e0f",
    ),
    (
        "an integration's password that was replaced",
        "planted-replaced-4f7a88",
    ),
];

/// One of them.
fn planted(what: &str) -> &'static str {
    PLANTED
        .iter()
        .find(|(name, _)| *name == what)
        .map(|(_, secret)| *secret)
        .unwrap()
}

/// The places that were searched, and what was found.
#[derive(Default)]
struct Search {
    /// How many places.
    places: usize,
    /// How many octets.
    octets: usize,
    /// What was found where.
    found: Vec<String>,
}

impl Search {
    /// Searches one place.
    fn look(&mut self, place: &str, octets: &[u8]) {
        self.places += 1;
        self.octets += octets.len();
        for (what, secret) in PLANTED {
            if contains(octets, secret.as_bytes()) {
                self.found.push(format!("{what} in {place}"));
            }
        }
    }

    /// Searches what a command printed.
    fn command(&mut self, place: &Place, args: &[&str]) -> Done {
        let done = place.run(args);
        let name = format!("headend {}", args.join(" "));
        self.look(&format!("{name} (stdout)"), done.stdout.as_bytes());
        self.look(&format!("{name} (stderr)"), done.stderr.as_bytes());
        done
    }

    /// Searches every file below a directory.
    fn files(&mut self, dir: &Path) {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.files(&path);
            } else if kind.is_file() {
                // A file of PostgreSQL may go while it is looked for.
                if let Ok(octets) = std::fs::read(&path) {
                    self.look(&path.display().to_string(), &octets);
                }
            }
        }
    }
}

/// Whether these octets are in those.
fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = octets[from..].iter().position(|octet| *octet == wanted[0]) {
        if octets[from + at..].starts_with(wanted) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// A NetBox that refuses everybody, and gives back what it was shown in its answer. Answers until it is told to stop.
fn tactless_server() -> (u16, Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        for stream in listener.incoming() {
            if told.load(Ordering::SeqCst) {
                return;
            }
            let Ok(mut stream) = stream else { continue };
            let mut request = vec![0; 4096];
            let Ok(len) = stream.read(&mut request) else {
                continue;
            };
            let body = String::from_utf8_lossy(&request[..len]).into_owned();
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (port, stop, thread)
}

#[test]
fn what_is_planted_is_found_nowhere() {
    let place = Place::new();
    let config = place.write(
        "headend.toml",
        "[outbound]\nallow = [\"127.0.0.0/8\"]\n[http]\nstep_up_s = 0\n[log]\nfilter = \"debug,kernel=trace,access=trace,radius_server=trace,headend=trace\"\n",
    );
    let server = place.serve(&["--config", config.to_str().unwrap()]);
    let mut search = Search::default();
    let data_dir = place.data_dir();
    let data_dir = data_dir.to_str().unwrap();

    // In: set-up, people, a file applied, an integration.
    let admin = planted("the administrator's password");
    let setup = place.write(
        "setup.toml",
        &format!(
            "[admin]\nemail = \"noc@example.net\"\nname = \"NOC\"\npassword = \"{admin}\"\n\
             [partner]\nslug = \"isp-west\"\nname = \"ISP West\"\n"
        ),
    );
    let setup = setup.to_str().unwrap();
    let done = search.command(&place, &["setup", "-f", setup, "--data-dir", data_dir, "--login"]);
    assert_eq!(done.code, 0, "{done:?}");
    let isp = format!(
        r#"
        [[partner]]
        slug = "isp-west"
        name = "ISP West"
        [[partner.client]]
        slug = "homes"
        name = "Homes"
        [[partner.site]]
        client = "homes"
        slug = "main"
        name = "Main"
        [[partner.plan]]
        slug = "fiber"
        name = "Fiber"
        download_bps = "100M"
        upload_bps = "20M"
        [[partner.nas]]
        name = "bras"
        address = "127.0.0.1"
        secret = "{nas}"
        [[partner.user]]
        email = "tech@isp-west.example"
        name = "Tech"
        roles = ["read-only"]
        password = "{user}"
        [[partner.subscriber]]
        username = "alice"
        password = "{subscriber}"
        plan = "fiber"
        site = "homes/main"
        [[partner.home_server]]
        name = "home"
        address = "192.0.2.10"
        auth_port = 1812
        secret = "{home}"
        "#,
        nas = planted("a NAS's secret"),
        user = planted("a user's password"),
        subscriber = planted("a subscriber's password"),
        home = planted("a home server's secret"),
    );
    let isp = place.write("isp.toml", &isp);
    let isp = isp.to_str().unwrap();
    for more in [&["--dry-run"][..], &[], &[]] {
        let done = search.command(&place, &[&["apply", "-f", isp][..], more].concat());
        assert_eq!(done.code, 0, "{done:?}");
    }
    let (port, stop, tactless) = tactless_server();
    let url = format!("http://127.0.0.1:{port}");
    let done = search.command(
        &place,
        &["integration", "set", "netbox", "--at", &url, "--enable"],
    );
    assert_eq!(done.code, 0, "{done:?}");
    for what in [
        "an integration's password that was replaced",
        "an integration's token",
    ] {
        let file = place.write("secret", planted(what));
        let file = file.to_str().unwrap();
        let done = search.command(
            &place,
            &["integration", "secret", "netbox", "token", "--secret-file", file],
        );
        assert_eq!(done.code, 0, "{done:?}");
        // Refused, by an answer that has the token in it.
        let done = search.command(&place, &["integration", "test", "netbox"]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains("does not take what was shown"), "{done:?}");
    }

    // What goes wrong says more than what goes well.
    let wrong = place.write("wrong", planted("a password that was wrong at the API"));
    let wrong = wrong.to_str().unwrap();
    let elsewhere = place.path("nobody.toml");
    let login = ["login", "--email", "noc@example.net", "--password-file", wrong];
    let mut command = place.command(&login);
    command
        .env("HEADEND_CREDENTIALS", elsewhere)
        .env("HEADEND_URL", &server.url);
    let done = Done::from(command.output().unwrap());
    assert_eq!(done.code, 4, "{done:?}");
    search.look("headend login (stderr)", done.stderr.as_bytes());
    for long in ["x\ny", ""] {
        let file = place.write("bad", &format!("{}{long}", planted("an integration's token")));
        let bad = [
            "integration",
            "secret",
            "netbox",
            if long.is_empty() { "password" } else { "token" },
            "--secret-file",
            file.to_str().unwrap(),
        ];
        let done = search.command(&place, &bad);
        assert_ne!(done.code, 0, "{done:?}");
    }
    let nas = planted("a NAS's secret");
    wait_until("the subscriber logs in", || {
        let right = planted("a subscriber's password");
        let attributes = format!("User-Name = \"alice\", User-Password = \"{right}\"\n");
        radclient(server.auth, "auth", nas, &attributes).code == 0
    });
    let attributes = format!(
        "User-Name = \"alice\", User-Password = \"{}\"\n",
        planted("a password that was wrong at a NAS")
    );
    assert_ne!(radclient(server.auth, "auth", nas, &attributes).code, 0);
    // A NAS whose secret differs.
    radclient(server.auth, "auth", "another-secret", &attributes);
    let session = "User-Name = \"alice\", Acct-Status-Type = Start, Acct-Session-Id = \"s-1\", NAS-IP-Address = 127.0.0.1\n";
    assert_eq!(radclient(server.accounting, "acct", nas, session).code, 0);
    wait_until("both decisions are in the database", || {
        let count = "SELECT count(*) FROM radpostauth";
        let psql = ["db", "psql", "--data-dir", data_dir, "--", "-XqtA", "-c", count];
        place.ok(&psql).trim().parse().is_ok_and(|count: u32| count >= 2)
    });

    // Out: what the API shows.
    for args in [
        &["integration", "list"][..],
        &["integration", "show", "netbox"],
        &["secret", "report"],
        &["nas", "list"],
        &["nas", "show", "bras"],
        &["nas", "posture", "--all"],
        &["subscriber", "list"],
        &["subscriber", "show", "alice"],
        &["home-server", "list"],
        &["user", "list"],
        &["api-key", "list"],
        &["session", "list"],
        &["radius", "explain", "alice"],
        &["audit", "list"],
        &["whoami"],
    ] {
        search.command(&place, args);
        let done = search.command(&place, &[args, &["--json"]].concat());
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
    }
    search.command(&place, &["config", "show", "--config", config.to_str().unwrap()]);
    for page in ["/metrics", "/healthz", "/readyz", "/api/public/v1/openapi.json"] {
        search.look(page, server.page(page).1.as_bytes());
    }
    // Every row of every table, as the program's own role sees them on the platform; partitions through their table.
    let tables = "SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
                  WHERE nspname IN ('kernel', 'access') AND relkind IN ('r', 'p') AND NOT relispartition";
    let psql = |query: &str| place.ok(&["db", "psql", "--data-dir", data_dir, "--", "-XqtA", "-c", query]);
    let tables = psql(tables);
    assert!(tables.lines().count() > 40, "{tables}");
    for table in tables.lines() {
        search.look(table, psql(&format!("SELECT * FROM {table}")).as_bytes());
    }

    // And what is left on disk: the log, the journal, the snapshot, all files of PostgreSQL, its log ahead included.
    assert_eq!(server.end(Signal::INT), Some(0));
    stop.store(true, Ordering::SeqCst);
    drop(std::net::TcpStream::connect(("127.0.0.1", port)));
    tactless.join().unwrap();
    search.look("serve.log", &std::fs::read(place.path("serve.log")).unwrap());
    search.files(&place.data_dir());
    eprintln!(
        "{} secrets searched for in {} places, {} octets",
        PLANTED.len(),
        search.places,
        search.octets
    );
    assert!(
        search.places > 200,
        "{} places are too few to believe this test",
        search.places
    );
    assert_eq!(search.found, Vec::<String>::new());
}

#[test]
fn the_search_finds_what_is_there() {
    let mut search = Search::default();
    search.look("here", b"xx planted-planted-nas-secret-0d9e13");
    search.look("there", b"planted-nas-secret-0d9e1");
    assert_eq!(search.found, ["a NAS's secret in here"]);
}
