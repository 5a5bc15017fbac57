//! Servers of an earlier run that are still leaving: our own kill -9 makes them shut down, which takes a moment.
//! Never starts a second server beside one, and never removes the lock files of one that lives.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::database::error::DatabaseError;

/// How long an earlier server may take to write its last checkpoint.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(60);
/// After this long it is asked once more, in case the kernel's signal never reached it.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until no server works in this data directory, then removes the lock files it may have left behind.
///
/// # Errors
/// [`DatabaseError::PreviousStays`] naming its process ids.
pub(crate) fn wait_until_left(data: &Path) -> Result<(), DatabaseError> {
    let since = Instant::now();
    let mut asked = false;
    loop {
        let there = processes(data);
        let waited = since.elapsed();
        if there.is_empty() {
            return Ok(());
        }
        if waited > LEAVE_WAIT_MAX {
            return Err(DatabaseError::PreviousStays {
                pids: there,
                path: data.to_owned(),
                waited,
            });
        }
        if !asked && waited > ASK_AGAIN_AFTER {
            asked = true;
            tracing::warn!(pids = ?there, "an earlier database server is still running; asking it to stop");
            there.iter().for_each(|pid| interrupt(*pid));
        }
        sleep(LOOK_EVERY);
    }
}

/// Removes the lock files of a server that was killed.
///
/// PostgreSQL would refuse to start while the process id in them belongs to any other process of the same user, which
/// after a restart of a container is likely. The shared memory it checks as well is not touched.
pub(crate) fn remove_locks(data: &Path, socket_dir: &Path) {
    let _ = fs::remove_file(data.join("postmaster.pid"));
    let Ok(entries) = fs::read_dir(socket_dir) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".s.PGSQL."))
    {
        let _ = fs::remove_file(entry.path());
    }
}

/// Asks a server for a fast shutdown.
fn interrupt(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::INT);
    }
}

/// The processes of PostgreSQL whose working directory is this data directory: the postmaster and its children.
fn processes(data: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let locked_by = postmaster_pid(data);
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| is_postgres(*pid) && works_in(*pid, data, locked_by))
        .collect()
}

/// Whether a process works there. Where we may not look (a container without the right to), its lock file decides.
fn works_in(pid: u32, data: &Path, locked_by: Option<u32>) -> bool {
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(directory) => directory == data,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => locked_by == Some(pid),
        Err(_) => false, // gone, or a zombie that holds nothing any more
    }
}

/// Whether a process is one of PostgreSQL's.
fn is_postgres(pid: u32) -> bool {
    fs::read_to_string(PathBuf::from(format!("/proc/{pid}/comm"))).is_ok_and(|name| name.trim() == "postgres")
}

/// The process id in the data directory's lock file.
fn postmaster_pid(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid"))
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
}
