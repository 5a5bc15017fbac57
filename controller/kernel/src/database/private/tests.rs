//! The parts of a private cluster that need no server: choosing programs, settings, directories, leftovers.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::account::{Account, Accounts};
use super::binaries::{Binaries, choose, parse_major};
use super::settings::{self, Durability};
use super::{directory, leftover};
use crate::database::error::DatabaseError;

fn current() -> Account {
    let uid = rustix::process::geteuid().as_raw();
    Account {
        name: "me".into(),
        uid,
        gid: rustix::process::getegid().as_raw(),
    }
}

fn installed(majors: &[u32]) -> Vec<Binaries> {
    majors
        .iter()
        .map(|major| Binaries {
            dir: PathBuf::from(format!("/opt/{major}/bin")),
            major: *major,
        })
        .collect()
}

#[test]
fn the_version_is_read_however_it_is_packaged() {
    for (text, major) in [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
        ("postgres (PostgreSQL) 17devel\n", Some(17)),
        ("postgres (PostgreSQL) 18beta1\n", Some(18)),
        ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
        ("postgres: not found\n", None),
        ("", None),
    ] {
        assert_eq!(parse_major(text), major, "{text}");
    }
}

#[test]
fn the_newest_programs_make_new_data_and_old_data_keeps_its_own() {
    let found = installed(&[17, 15, 14]);
    assert_eq!(choose(&found, &[], None).expect("one").major, 17);
    assert_eq!(
        choose(&found, &[], Some((15, Path::new("/data"))))
            .expect("one")
            .major,
        15
    );
    let error = choose(&found, &[], Some((16, Path::new("/data")))).expect_err("none fits");
    assert!(
        matches!(
            error,
            DatabaseError::ForeignMajor {
                data: 16,
                installed: 17,
                ..
            }
        ),
        "{error}"
    );
    let error = choose(&installed(&[14, 13]), &[], None).expect_err("none is new enough");
    assert!(
        matches!(
            error,
            DatabaseError::NoBinaries {
                too_old: Some(14),
                ..
            }
        ),
        "{error}"
    );
    let error = choose(&[], &[], Some((15, Path::new("/data")))).expect_err("none at all");
    assert!(
        matches!(error, DatabaseError::NoBinaries { too_old: None, .. }),
        "{error}"
    );
}

#[test]
fn a_socket_directory_with_a_quote_stays_one_setting() {
    let text = settings::postgresql_conf(Path::new("/run/it's"), 16, true, 2_048, Durability::Full);
    assert!(
        text.contains("unix_socket_directories = '/run/it''s'\n"),
        "{text}"
    );
    assert!(
        text.contains("max_connections = 36\n") && text.contains("wal_compression = lz4\n"),
        "{text}"
    );
    assert!(
        !text.contains("fsync"),
        "what is durable is left at PostgreSQL's default: {text}"
    );
    assert!(text.contains("shared_buffers = '256MB'\n"), "{text}");
}

#[test]
fn a_server_of_tests_stays_small_whatever_the_machine_has() {
    let text = settings::postgresql_conf(Path::new("/run"), 16, true, 65_536, Durability::None);
    assert!(
        text.contains("shared_buffers = '32MB'\n") && !text.contains("max_wal_size"),
        "{text}"
    );
}

#[test]
fn each_user_may_act_as_each_role_once() {
    let root = Account {
        name: "root".into(),
        uid: 0,
        gid: 0,
    };
    let service = Account {
        name: "postgres".into(),
        uid: 106,
        gid: 114,
    };
    let text = settings::pg_ident_conf(&Accounts {
        current: root,
        service,
    });
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(
        lines.contains(&"headend \"root\" headend_app")
            && lines.contains(&"headend \"postgres\" headend_owner"),
        "{text}"
    );
    assert!(
        settings::pg_hba_conf()
            .lines()
            .all(|line| line.starts_with('#') || line.starts_with("local "))
    );
}

#[test]
fn somebody_elses_directory_is_not_taken_for_the_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let stranger = Account {
        name: "stranger".into(),
        uid: current().uid + 1,
        gid: 1,
    };
    let taken = dir.path().join("taken");
    std::fs::create_dir(&taken).expect("creates");
    assert!(matches!(
        directory::claim(&taken, &stranger),
        Err(DatabaseError::NotClaimed { .. })
    ));
    let link = dir.path().join("link");
    symlink(dir.path(), &link).expect("links");
    assert!(matches!(
        directory::claim(&link, &current()),
        Err(DatabaseError::NotClaimed { .. })
    ));
    directory::claim(&taken, &current()).expect("his own");
    let mode = std::fs::metadata(&taken).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[test]
fn a_socket_path_that_is_too_long_is_refused_before_postgresql_sees_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = directory::claim(&dir.path().join("x".repeat(100)), &current()).expect_err("too long");
    assert!(error.to_string().contains("107"), "{error}");
}

#[test]
fn a_link_planted_in_the_place_of_a_settings_file_is_replaced_and_not_followed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (victim, file) = (dir.path().join("victim"), dir.path().join("pg_hba.conf"));
    std::fs::write(&victim, "precious").expect("writes");
    symlink(&victim, &file).expect("links");
    directory::replace_file(&file, "local\n", &current()).expect("replaces");
    assert_eq!(std::fs::read_to_string(&victim).expect("reads"), "precious");
    assert_eq!(std::fs::read_to_string(&file).expect("reads"), "local\n");
    assert!(!std::fs::symlink_metadata(&file).expect("there").is_symlink());
}

#[test]
fn the_first_closed_directory_is_the_one_that_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod")
    };
    let (outer, inner) = (dir.path().join("outer"), dir.path().join("outer/inner"));
    std::fs::create_dir_all(inner.join("data")).expect("creates");
    open(dir.path(), 0o711);
    let stranger = Account {
        name: "stranger".into(),
        uid: current().uid + 1,
        gid: current().gid + 1,
    };
    for (outer_mode, inner_mode, expect) in [
        (0o711, 0o711, None),
        (0o711, 0o700, Some(&inner)),
        (0o700, 0o700, Some(&outer)),
    ] {
        open(&outer, 0o700);
        open(&inner, inner_mode);
        open(&outer, outer_mode);
        assert_eq!(
            directory::first_closed(&inner.join("data"), &stranger).as_ref(),
            expect
        );
    }
}

#[test]
fn lock_files_of_a_killed_server_go_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, run) = (dir.path().join("data"), dir.path().join("run"));
    for path in [&data, &run] {
        std::fs::create_dir(path).expect("creates");
    }
    for path in [
        data.join("postmaster.pid"),
        data.join("PG_VERSION"),
        run.join(".s.PGSQL.5432.lock"),
        run.join("other"),
    ] {
        std::fs::write(path, "1\n").expect("writes");
    }
    leftover::wait_until_left(&data).expect("nobody works there");
    leftover::remove_locks(&data, &run);
    assert!(!data.join("postmaster.pid").exists() && !run.join(".s.PGSQL.5432.lock").exists());
    assert!(data.join("PG_VERSION").exists() && run.join("other").exists());
}
