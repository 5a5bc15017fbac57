//! Dumps as the three tools write them, and texts that are none.

use super::*;

/// What a dump's rows say: table, line, values; of broken ones why.
fn read(text: &str) -> Vec<String> {
    let mut dump = Dump::new(text.as_bytes());
    let mut out = Vec::new();
    while let Some(item) = dump.next_row().expect("a dump") {
        out.push(match item {
            Ok(row) => {
                let pairs: Vec<String> = row
                    .columns
                    .iter()
                    .zip(&row.values)
                    .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("NULL")))
                    .collect();
                format!("{}:{} {}", row.table.name(), row.line, pairs.join(" "))
            }
            Err(broken) => format!("{}:{} broken: {}", broken.table.name(), broken.line, broken.why),
        });
    }
    out
}

#[test]
fn mysqldump_is_read() {
    let text = r#"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
DROP TABLE IF EXISTS `radcheck`;
CREATE TABLE `radcheck` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `attribute` varchar(64) NOT NULL DEFAULT '',
  `op` char(2) NOT NULL DEFAULT '==',
  `value` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `username` (`username`(32))
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;
LOCK TABLES `radcheck` WRITE;
/*!40000 ALTER TABLE `radcheck` DISABLE KEYS */;
INSERT INTO `radcheck` VALUES (1,'bob','Cleartext-Password',':=','it\'s; a (test)\\,'),(2,'eve','NT-Password',':=',''),
(-3,'x',NULL,'=','a''b');
INSERT INTO `other` VALUES (1,'a;b');
INSERT IGNORE INTO `radcheck` (`username`, `value`) VALUES (_binary 'me','1.5');
UNLOCK TABLES;
"#;
    assert_eq!(
        read(text),
        [
            "radcheck:15 id=1 username=bob attribute=Cleartext-Password op=:= value=it's; a (test)\\,",
            "radcheck:15 id=2 username=eve attribute=NT-Password op=:= value=",
            "radcheck:16 id=-3 username=x attribute=NULL op== value=a'b",
            "radcheck:18 username=me value=1.5",
        ]
    );
}

#[test]
fn pg_dump_is_read() {
    let text = "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET client_encoding = 'UTF8';\n\
        CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $_$ BEGIN; 'x; END $_$;\n\
        CREATE TABLE public.radreply (\n    id integer NOT NULL,\n    username text DEFAULT ''::text NOT NULL,\n    value text,\n    CONSTRAINT c CHECK ((id > -1))\n);\n\
        COPY public.other (id) FROM stdin;\nCOPY public.radcheck (x) FROM stdin;\n\\.\n\n\
        COPY public.radcheck (id, username, value) FROM stdin;\n1\tbob\ta\\tb\n2\tev\\\\e\t\\N\n3\ttoo few\n\\.\n\n\
        INSERT INTO public.radreply VALUES (7, 'c:\\dir', E'a\\'b');\n";
    assert_eq!(
        read(text),
        [
            "radcheck:18 id=1 username=bob value=a\tb",
            "radcheck:19 id=2 username=ev\\e value=NULL",
            "radcheck:20 broken: the row has 2 values for 3 columns",
            "radreply:23 id=7 username=c:\\dir value=a'b",
        ]
    );
}

#[test]
fn what_is_no_dump_says_where() {
    for (text, line, why) in [
        ("INSERT INTO radcheck VALUES (1);", 1, "before its columns"),
        ("\n\nINSERT INTO radcheck (id) VALUES ('a", 3, "does not end"),
        ("INSERT INTO radcheck (id) VALUES (1;", 1, "does not end"),
        ("/* x", 1, "does not end"),
        ("COPY radcheck FROM stdin;\n1\n", 2, "names no columns"),
    ] {
        let mut dump = Dump::new(text.as_bytes());
        let error = loop {
            match dump.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{text} was read"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(
            error.starts_with(&format!("line {line}: ")) && error.contains(why),
            "{text}: {error}"
        );
    }
}

/// Quotes a value as mysqldump does.
fn quoted(value: &str) -> String {
    let mut out = String::from("'");
    for letter in value.chars() {
        match letter {
            '\'' | '\\' | '"' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

proptest::proptest! {
    #[test]
    fn what_mysqldump_writes_is_read(values in proptest::collection::vec("[^\0]{0,12}", 1..9)) {
        let rows: Vec<String> = values.iter().map(|value| format!("({})", quoted(value))).collect();
        let text = format!("CREATE TABLE `radcheck` (`value` text);\nINSERT INTO `radcheck` VALUES {};", rows.join(","));
        let mut dump = Dump::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(row) = dump.next_row().expect("a dump") {
            found.push(row.expect("a row").get("value").expect("a value").to_owned());
        }
        proptest::prop_assert_eq!(found, values);
    }

    #[test]
    fn any_text_is_a_dump_or_none(text in "(INSERT|COPY|CREATE TABLE|radcheck|VALUES|FROM stdin|[(),;'`\"$\\\\/*\n-]| |[a-z0-9]){0,40}") {
        let mut dump = Dump::new(text.as_bytes());
        while let Ok(Some(_)) = dump.next_row() {}
    }
}
