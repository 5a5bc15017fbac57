//! Servers of an earlier run that are still leaving: our own kill -9 makes them shut down, which takes a moment.
//! Never starts a second server beside one, and never removes the lock files of one that lives.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::database::error::DatabaseError;

/// How long an earlier server may take to write its last checkpoint.
pub(super) const LEAVE_WAIT_MAX: Duration = Duration::from_secs(60);
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

/// The processes of PostgreSQL that work in this data directory: the postmaster and its children.
fn processes(data: &Path) -> Vec<u32> {
    let listed = fs::read_dir("/proc").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect()
    });
    // A hardened machine may not let us list processes. The postmaster is then known by its lock file, which it removes
    // last; children that outlive a killed one are caught by PostgreSQL itself, see `DatabaseError::is_passing`.
    processes_among(listed.unwrap_or_default(), data)
}

/// Those of them, and of the one in the lock file, that do.
fn processes_among(mut pids: Vec<u32>, data: &Path) -> Vec<u32> {
    let locked_by = postmaster_pid(data);
    pids.extend(locked_by.filter(|pid| !pids.contains(pid)));
    pids.retain(|pid| is_postgres(*pid) && works_in(*pid, data, locked_by));
    pids
}

/// Whether a process works there. Where we may not look (a container without the right to), its lock file decides.
fn works_in(pid: u32, data: &Path, locked_by: Option<u32>) -> bool {
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(directory) => directory == data,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => locked_by == Some(pid),
        Err(_) => false, // it went while we looked
    }
}

/// Whether a process is one of PostgreSQL's, and more than a zombie, which holds nothing any more.
fn is_postgres(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(" (postgres) ") && !stat.contains(") Z ")
}

/// The process id in the data directory's lock file.
fn postmaster_pid(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_server_is_found_by_its_directory_and_where_processes_cannot_be_listed_by_its_lock_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().canonicalize().expect("it is there").join("data");
        fs::create_dir(&data).expect("creates");
        let program = dir.path().join("postgres");
        fs::copy("/bin/sleep", &program).expect("a program of that name");
        let mut server = Command::new(&program)
            .arg("60")
            .current_dir(&data)
            .spawn()
            .expect("starts");
        let pid = server.id();
        assert_eq!(processes_among(vec![1, pid], &data), [pid]);
        assert_eq!(
            processes_among(vec![1, pid], dir.path()),
            [0; 0],
            "it works elsewhere"
        );
        assert_eq!(processes_among(Vec::new(), &data), [0; 0], "nothing tells of it");
        fs::write(data.join("postmaster.pid"), format!("{pid}\n/data\n")).expect("writes");
        assert_eq!(processes_among(Vec::new(), &data), [pid]);
        server.kill().expect("kills");
        assert_eq!(wait_for_none(&data), [0; 0], "a zombie holds nothing");
        server.wait().expect("buries");
        fs::write(data.join("postmaster.pid"), format!("{}\n", std::process::id())).expect("writes");
        assert_eq!(
            processes_among(Vec::new(), &data),
            [0; 0],
            "the number now belongs to another program"
        );
    }

    /// Looks until nobody is there, or for as long as a killed process may take to die.
    fn wait_for_none(data: &Path) -> Vec<u32> {
        let since = Instant::now();
        loop {
            let there = processes_among(Vec::new(), data);
            if there.is_empty() || since.elapsed() > Duration::from_secs(10) {
                return there;
            }
        }
    }
}
