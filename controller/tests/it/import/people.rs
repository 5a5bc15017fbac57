//! Everybody FreeRADIUS knows in these tests, as SQL for a live database and as text in the forms of the two dumps.
//! The dumps are written here in those forms: a MySQL server is not needed to read what one would have written.

use std::fmt::Write as _;

/// The secret of the NAS.
pub const SECRET: &str = "a-long-shared-secret";

/// Somebody.
pub struct Somebody {
    /// His user name.
    pub name: &'static str,
    /// The password he types.
    pub password: &'static str,
    /// Whether that lets him in.
    pub accepted: bool,
    /// Whether the import leaves him out.
    pub refused: bool,
    /// Rows of radcheck.
    check: &'static [(&'static str, &'static str, &'static str)],
    /// Rows of radreply.
    reply: &'static [(&'static str, &'static str, &'static str)],
    /// His groups.
    groups: &'static [&'static str],
}

/// Somebody whose password is `open sesame` and stored so.
const fn stored(
    name: &'static str,
    check: &'static [(&'static str, &'static str, &'static str)],
) -> Somebody {
    Somebody {
        name,
        password: "open sesame",
        accepted: true,
        refused: false,
        check,
        reply: &[],
        groups: &[],
    }
}

/// Everybody. Hashes are of `open sesame`, made by `openssl passwd` and Python's hashlib.
pub const PEOPLE: &[Somebody] = &[
    Somebody {
        reply: &[
            ("Framed-IP-Address", ":=", "192.0.2.7"),
            ("Framed-Route", "+=", "198.51.100.0/24 192.0.2.7 1"),
            ("Framed-Route", "+=", "203.0.113.0/24 192.0.2.7 1"),
        ],
        groups: &["Gold 100"],
        ..stored(
            "clear",
            &[
                ("Cleartext-Password", ":=", "open sesame"),
                ("Simultaneous-Use", ":=", "1"),
            ],
        )
    },
    stored(
        "crypt-512",
        &[(
            "Crypt-Password",
            ":=",
            "$6$abcdefgh$CkjGkP7IIgZVUCNlt.Vi53LOYJLXZ5KzdpzEYCj01XGruA1hxZYJqccTU2zz68oJwAGsd1iPty5F7dHIatUTy/",
        )],
    ),
    stored(
        "crypt-md5",
        &[("Crypt-Password", ":=", "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/")],
    ),
    stored(
        "md5",
        &[("MD5-Password", ":=", "54ef36ec71201fdf9d1423fd26f97f6b")],
    ),
    stored(
        "smd5",
        &[("SMD5-Password", ":=", "OEuAlZfJKEc6Z58vD8ldPQECc2FsdA==")],
    ),
    stored(
        "sha",
        &[("SHA-Password", ":=", "5bcaff7f22ff533ca099b3408ead876c0ebba9a7")],
    ),
    stored(
        "ssha",
        &[("SSHA-Password", ":=", "D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=")],
    ),
    stored(
        "header",
        &[(
            "Password-With-Header",
            ":=",
            "{ssha}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=",
        )],
    ),
    Somebody {
        password: "password",
        ..stored("nt", &[("NT-Password", ":=", "8846f7eaee8fb117ad06bdd830b7586c")])
    },
    Somebody {
        groups: &["silver"],
        reply: &[("Idle-Timeout", "=", "77")],
        ..stored(
            "o'brien@isp.example",
            &[("Cleartext-Password", ":=", "open sesame")],
        )
    },
    stored(
        "later",
        &[
            ("Cleartext-Password", ":=", "open sesame"),
            ("Expiration", ":=", "Jan 01 2020"),
        ],
    )
    .no(),
    stored(
        "off",
        &[
            ("Cleartext-Password", ":=", "open sesame"),
            ("Auth-Type", ":=", "Reject"),
        ],
    )
    .no(),
    Somebody {
        groups: &["disabled", "Gold 100"],
        ..stored("disabled", &[("Cleartext-Password", ":=", "open sesame")]).no()
    },
    Somebody {
        reply: &[("Reply-Message", "=", "hello")],
        ..stored("nothing", &[]).no()
    },
    Somebody {
        refused: true,
        ..stored("everybody", &[("Auth-Type", ":=", "Accept")])
    },
    Somebody {
        refused: true,
        ..stored("broken", &[("NT-Password", ":=", "not a hash")])
    },
];

impl Somebody {
    /// The same, who is not let in.
    const fn no(self) -> Self {
        Self {
            accepted: false,
            ..self
        }
    }
}

/// radgroupcheck and radgroupreply: group, attribute, operator, value.
const GROUP_CHECK: &[[&str; 4]] = &[["disabled", "Auth-Type", ":=", "Reject"]];
const GROUP_REPLY: &[[&str; 4]] = &[
    ["Gold 100", "Session-Timeout", ":=", "3600"],
    ["Gold 100", "Mikrotik-Rate-Limit", "=", "20M/100M"],
    ["Gold 100", "Filter-Id", "=", "gold"],
    ["silver", "Idle-Timeout", ":=", "600"],
    ["silver", "Framed-Pool", "=", "pool-s"],
    ["silver", "Mikrotik-Rate-Limit", "=", "5M/10M 10M/20M 4M/8M 10/10"],
];

/// NAS: nasname, shortname, type. One has a name in place of an address.
const NAS: &[[&str; 3]] = &[
    ["127.0.0.1", "bras-1", "mikrotik"],
    ["192.0.2.0/28", "bras-1", "mikrotik"],
    ["bras.example.net", "bras-2", "mikrotik"],
];

/// Sessions: id, unique id, user, NAS, start, stop (or nothing), seconds, octets in.
const SESSIONS: &[[&str; 8]] = &[
    [
        "s-open",
        "u1",
        "clear",
        "127.0.0.1",
        "2026-11-20 10:00:00",
        "",
        "3600",
        "1000",
    ],
    // A NAS that counts from 1 after each reboot has had the same id before.
    [
        "s-open",
        "u2",
        "clear",
        "127.0.0.1",
        "2026-03-01 10:00:00",
        "2026-03-02 10:00:00",
        "86400",
        "5000000000",
    ],
    [
        "s-2",
        "u3",
        "gone",
        "192.0.2.3",
        "2025-12-31 23:00:00",
        "2026-01-01 01:00:00",
        "7200",
        "2000",
    ],
    [
        "s-3",
        "u4",
        "clear",
        "192.0.2.99",
        "2026-01-01 00:00:00",
        "2026-01-01 01:00:00",
        "3600",
        "3000",
    ],
];

/// A name as FreeRADIUS writes and finds it: what it does not hold for safe stands as hexadecimal digits.
fn written(name: &str) -> String {
    name.replace('\'', "=27")
}

/// All tables: name, columns, rows; an empty moment is NULL.
fn tables() -> Vec<(&'static str, &'static str, Vec<Vec<String>>)> {
    let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let rows_of = |pick: fn(&Somebody) -> &'static [(&'static str, &'static str, &'static str)]| {
        let rows = PEOPLE.iter().flat_map(|one| {
            pick(one)
                .iter()
                .map(|(attribute, op, value)| own(&[&written(one.name), attribute, op, value]))
        });
        rows.collect::<Vec<_>>()
    };
    let member = PEOPLE.iter().flat_map(|one| {
        one.groups
            .iter()
            .enumerate()
            .map(|(at, group)| own(&[&written(one.name), group, &at.to_string()]))
    });
    let groups = |rows: &[[&str; 4]]| rows.iter().map(|row| own(row)).collect::<Vec<_>>();
    let nas = NAS
        .iter()
        .map(|[address, name, make]| own(&[address, name, make, SECRET, "a NAS"]));
    let sessions = SESSIONS.iter().map(|row| own(row));
    vec![
        (
            "nas",
            "nasname, shortname, type, secret, description",
            nas.collect(),
        ),
        (
            "radacct",
            "acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctstoptime, acctsessiontime, acctinputoctets",
            sessions.collect(),
        ),
        (
            "radcheck",
            "username, attribute, op, value",
            rows_of(|one| one.check),
        ),
        (
            "radgroupcheck",
            "groupname, attribute, op, value",
            groups(GROUP_CHECK),
        ),
        (
            "radgroupreply",
            "groupname, attribute, op, value",
            groups(GROUP_REPLY),
        ),
        (
            "radreply",
            "username, attribute, op, value",
            rows_of(|one| one.reply),
        ),
        ("radusergroup", "username, groupname, priority", member.collect()),
    ]
}

/// As SQL for a live database.
pub fn rows() -> String {
    let mut out = String::from("SET timezone = 'UTC';\n");
    for (table, columns, rows) in tables() {
        for row in rows {
            let values: Vec<String> = row
                .iter()
                .map(|value| match value.as_str() {
                    "" => "NULL".to_owned(),
                    value => format!("'{}'", value.replace('\'', "''")),
                })
                .collect();
            let _infallible = writeln!(
                out,
                "INSERT INTO {table} ({columns}) VALUES ({});",
                values.join(", ")
            );
        }
    }
    out
}

/// In the form of mysqldump: a table and all its rows in one statement each, columns named by the table alone.
pub fn mysql_dump() -> String {
    let mut out = String::from(
        "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n",
    );
    for (table, columns, rows) in tables() {
        let columns: Vec<String> = columns
            .split(", ")
            .map(|name| format!("  `{name}` varchar(253) DEFAULT NULL,\n"))
            .collect();
        let _infallible = writeln!(
            out,
            "DROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` (\n  `id` int NOT NULL AUTO_INCREMENT,\n{}  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\nLOCK TABLES `{table}` WRITE;",
            columns.concat()
        );
        let rows: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                let values: Vec<String> = row
                    .iter()
                    .map(|value| match value.as_str() {
                        "" => "NULL".to_owned(),
                        value => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
                    })
                    .collect();
                format!("({},{})", at + 1, values.join(","))
            })
            .collect();
        let _infallible = writeln!(
            out,
            "INSERT INTO `{table}` VALUES {};\nUNLOCK TABLES;",
            rows.join(",")
        );
    }
    out
}

/// In the form of pg_dump.
pub fn pg_dump() -> String {
    let mut out = String::from("--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n");
    for (table, columns, rows) in tables() {
        let _infallible = writeln!(out, "COPY public.{table} ({columns}) FROM stdin;");
        for row in rows {
            let values: Vec<String> = row
                .iter()
                .map(|value| match value.as_str() {
                    "" => "\\N".to_owned(),
                    value => value.replace('\\', "\\\\"),
                })
                .collect();
            let _infallible = writeln!(out, "{}", values.join("\t"));
        }
        out.push_str("\\.\n\n");
    }
    out
}
