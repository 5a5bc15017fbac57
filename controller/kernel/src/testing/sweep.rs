//! Temporary directories that disappear with the test process, however it ends.
//! Never removes anything but the directory it made.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::database::private::{Durability, Wanted};
use crate::database::{DatabaseConfig, wanted};

/// Reads until the test process ends, waits until the last server has left the directory, and removes it.
const SCRIPT: &str = r#"cat >/dev/null
for try in $(seq 300); do [ -e "$1/postgres/postmaster.pid" ] || break; sleep 0.1; done
rm -rf -- "$1""#;

/// A directory that a server of another user can reach, removed when this process has ended.
#[derive(Debug)]
pub(super) struct SweptDir {
    /// Where it is.
    path: PathBuf,
    /// Its end closes with our process, by whatever death.
    _alive: ChildStdin,
    /// Who removes it.
    _sweeper: Child,
}

impl SweptDir {
    /// Makes a directory below the system's temporary one.
    pub(super) fn new() -> Self {
        let path = tempfile::Builder::new()
            .prefix("headend-test-")
            .tempdir()
            .expect("a temporary directory")
            .keep();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711))
            .expect("the directory is ours");
        let mut sweeper = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sweep"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .expect("a shell");
        let alive = sweeper.stdin.take().expect("a pipe was asked for");
        Self {
            path,
            _alive: alive,
            _sweeper: sweeper,
        }
    }

    /// What a server in this directory shall be like.
    pub(super) fn wanted(&self, connections: u32, durability: Durability) -> Wanted {
        let config = DatabaseConfig {
            max_connections: connections,
            ..DatabaseConfig::default()
        };
        let wanted = wanted(&config, &self.path, durability);
        Wanted {
            runtime_dir: Some(self.path.join("run")),
            ..wanted
        }
    }
}
