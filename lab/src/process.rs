//! Other people's programs: daemons that end with us, and commands that end by a deadline.
//!
//! Nothing started here outlives the lab: a [`Daemon`] is stopped when it is dropped, and `setpriv --pdeathsig` (util-linux,
//! on every Debian) has the kernel end it when the lab is killed. Daemons run in sessions of their own, so that Ctrl-C on
//! the terminal reaches the lab alone, which then stops everything in order, and so that the scheduler takes each for a
//! service and not for a part of the terminal's work.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{self, Look};

/// How long a daemon may take to end after SIGTERM before it is killed.
const STOP_WAIT_MAX: Duration = Duration::from_secs(20);
/// How many lines of a log are shown when something fails.
const TAIL_LINES: usize = 25;

/// A command, in a session of its own, whose process is told to terminate when the thread that starts it ends.
///
/// The kernel watches the *thread*, so start it from one that lives as long as the daemon shall.
pub fn ends_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", "setsid"]).arg(program);
    command
}

/// The same for a program that stays on one processor, with everything it starts.
pub fn ends_with_us_on(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = ends_with_us("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A program that runs until it is stopped.
#[derive(Debug)]
pub struct Daemon {
    /// What messages call it.
    name: String,
    /// The process.
    child: Child,
    /// Where its output goes.
    log: PathBuf,
    /// How it ended, once that is known.
    ended: Option<ExitStatus>,
}

impl Daemon {
    /// Starts a program; its output is appended to the log.
    ///
    /// # Errors
    /// The log cannot be opened or the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Daemon> {
        let out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open the log {}", log.display()))?;
        let err = out
            .try_clone()
            .with_context(|| format!("cannot open the log {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Daemon {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// It has ended: how, and the end of its log.
    pub fn check(&mut self) -> Result<()> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .with_context(|| format!("cannot look after {}", self.name))?;
        }
        match self.ended {
            None => Ok(()),
            Some(status) => bail!(
                "{} has ended ({status}); its log ends:\n{}",
                self.name,
                self.log_tail()
            ),
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Kills it the hard way and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended.is_none() {
            self.child
                .kill()
                .with_context(|| format!("cannot kill {}", self.name))?;
            self.ended = Some(
                self.child
                    .wait()
                    .with_context(|| format!("cannot wait for {}", self.name))?,
            );
        }
        Ok(())
    }

    /// Asks it to end and waits; kills it when it does not.
    ///
    /// # Errors
    /// It had to be killed.
    pub fn stop(&mut self) -> Result<()> {
        if self.child.try_wait().ok().flatten().is_some() || self.ended.is_some() {
            return Ok(());
        }
        let since = Instant::now();
        send(self.pid(), Signal::TERM);
        while since.elapsed() < STOP_WAIT_MAX {
            if let Some(status) = self
                .child
                .try_wait()
                .with_context(|| format!("cannot wait for {}", self.name))?
            {
                self.ended = Some(status);
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill()?;
        bail!(
            "{} did not end within {} s of SIGTERM and was killed",
            self.name,
            STOP_WAIT_MAX.as_secs()
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Whoever wants to know why it would not end calls `stop` himself.
        let _ = self.stop();
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Finished {
    /// Its exit code, or -1 when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Both outputs for a message, without empty lines at the ends.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.out.trim(), self.err.trim())
            .trim()
            .to_owned()
    }
}

/// Runs a command to its end, feeding it `input`.
///
/// # Errors
/// It cannot be started, does not end in time, or somebody asked us to stop.
pub fn run(mut command: Command, input: &str, deadline: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let mut stdin = child.stdin.take();
    if let Some(stdin) = stdin.as_mut() {
        // A program that does not read its input (and has ended) is none of our business.
        let _ = stdin.write_all(input.as_bytes());
    }
    drop(stdin);
    let out = child.stdout.take().map(collect);
    let err = child.stderr.take().map(collect);
    let ended = wait::until(&format!("{name} to end"), deadline, || {
        Ok(
            match child
                .try_wait()
                .with_context(|| format!("cannot wait for {name}"))?
            {
                Some(status) => Look::Found(status),
                None => Look::Not("still running".to_owned()),
            },
        )
    });
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (out, err) = (joined(out), joined(err));
    let status = ended.with_context(|| format!("{name} said: {out}{err}"))?;
    Ok(Finished { status, out, err })
}

/// Reads a pipe to its end in a thread of its own, so that a full pipe never stalls the program.
fn collect(mut pipe: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        let _ = pipe.read_to_end(&mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    })
}

/// What such a thread has read.
fn joined(reader: Option<thread::JoinHandle<String>>) -> String {
    reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
}

/// Sends a signal; a process that is gone already needs none.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process with this id is a lab that still runs: not gone, not a zombie, not a stranger with a used number.
pub fn is_lab(pid: u32) -> bool {
    name_of(pid).is_some_and(|name| name.starts_with("lab"))
}

/// The name of a process that runs.
pub fn name_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let state = rest.trim_start().chars().next()?;
    (!matches!(state, 'Z' | 'X')).then(|| name.to_owned())
}

/// The processes that a single-threaded process has started and that still run.
///
/// Asks the kernel for its own list: where people are not to see each other's processes, /proc cannot be listed.
///
/// # Errors
/// The process is gone, or the kernel keeps no such list.
pub fn children_of(parent: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect())
}

/// The last lines of a file, or why it cannot be read.
pub fn tail(path: &Path) -> String {
    let mut text = String::new();
    if let Err(error) = File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        return format!("(cannot read {}: {error})", path.display());
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Whether a program of this name is in PATH or where Debian keeps its daemons.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from));
    places
        .map(|place| place.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gives_its_outputs_and_code() -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo oops >&2; exit 3"]);
        let finished = run(command, "hello", Duration::from_secs(10))?;
        assert_eq!(
            (finished.out.as_str(), finished.err.as_str(), finished.code()),
            ("hello", "oops\n", 3)
        );
        Ok(())
    }

    #[test]
    fn a_command_that_hangs_is_ended_at_its_deadline() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let failed = run(command, "", Duration::from_millis(50));
        assert!(failed.is_err_and(|error| format!("{error:#}").contains("waited")));
    }

    #[test]
    fn a_dropped_daemon_is_gone() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut command = ends_with_us("sleep");
        command.arg("600");
        let daemon = Daemon::spawn("sleep", command, &dir.path().join("log"))?;
        let pid = daemon.pid();
        assert!(name_of(pid).is_some());
        drop(daemon);
        assert_eq!(name_of(pid), None);
        Ok(())
    }

    #[test]
    fn the_children_of_a_process_are_found() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut command = ends_with_us("sh");
        command.args(["-c", "sleep 600 & sleep 600 & wait"]);
        let daemon = Daemon::spawn("parent", command, &dir.path().join("log"))?;
        let children = wait::until("two children", Duration::from_secs(10), || {
            let children = children_of(daemon.pid())?;
            let asleep = children
                .iter()
                .filter(|pid| name_of(**pid).is_some_and(|name| name == "sleep"))
                .count();
            Ok(if asleep == 2 {
                Look::Found(children)
            } else {
                Look::Not(format!("{children:?}"))
            })
        })?;
        children.into_iter().for_each(|pid| send(pid, Signal::KILL));
        Ok(())
    }

    #[test]
    fn a_daemon_that_ended_shows_the_end_of_its_log() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such interface; exit 1"]);
        let mut daemon = Daemon::spawn("daemon", command, &dir.path().join("log"))?;
        let failed = wait::until("its end", Duration::from_secs(10), || {
            Ok(daemon
                .check()
                .map_or_else(Look::Found, |()| Look::Not("running".to_owned())))
        })?;
        assert!(failed.to_string().contains("no such interface"), "{failed}");
        Ok(())
    }
}
