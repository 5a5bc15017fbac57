//! Starts a program of PostgreSQL so that it cannot outlive us: the one place with unsafe code in this crate.
//! Never inherits our environment, terminal or process group.

#![expect(
    unsafe_code,
    reason = "pre_exec is unsafe; what runs in it makes two system calls and allocates nothing"
)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use super::account::Accounts;

/// A command that runs as the service user and gets SIGINT (for a server: fast shutdown) when the calling **thread**
/// ends. Spawn it from a thread that lives as long as the child shall.
pub(super) fn command(program: &OsStr, accounts: &Accounts) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs([
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ])
        .current_dir("/")
        .stdin(Stdio::null())
        // Ctrl-C at a terminal must reach us alone: we stop the server when we no longer need it.
        .process_group(0);
    if accounts.switch() {
        command.uid(accounts.service.uid).gid(accounts.service.gid);
    }
    let parent = getpid();
    let die_with_parent = move || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::INT))?;
        // Had the parent ended before the line above, no signal would ever come.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(
                rustix::io::Errno::SRCH.raw_os_error(),
            ))
        }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure calls prctl(2) and getppid(2)
    // directly, takes no lock, allocates nothing, and touches no memory but its own copy of a process id. The standard
    // library runs it after changing the user, which would otherwise reset the death signal.
    unsafe { command.pre_exec(die_with_parent) };
    command
}
