//! Where a run keeps its files, and who cleans them up.
//!
//! ```text
//! lab/run/               git-ignored; one lab at a time holds lab/run/lock
//! lab/run/logs/          what every started program said; stays after the run
//! lab/run/headend        a wrapper with the credentials in its environment, for pasting
//! lab/run/*              secrets of this run, mode 0600; removed at its end
//! <state>/data           the server's data directory: in lab/run, or in /tmp where the database user cannot enter lab/run
//! /run/headend-lab-<pid> control sockets, whose paths must be short; root only
//! ```

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};

use crate::process;

/// How our directories outside the repository begin.
const NAME_PREFIX: &str = "headend-lab-";

/// The directories of a run; what is not for reading afterwards goes away with the value.
#[derive(Debug)]
pub struct RunDir {
    /// lab/run.
    pub dir: PathBuf,
    /// lab/run/logs.
    pub logs: PathBuf,
    /// The server's data directory; not made yet.
    pub data: PathBuf,
    /// For sockets with short paths and configurations of daemons.
    pub runtime: PathBuf,
    /// Held while the run lasts.
    _lock: File,
}

impl RunDir {
    /// Clears what the last run left and makes the directories of this one.
    ///
    /// # Errors
    /// Another lab runs in this checkout, or a directory cannot be made.
    pub fn prepare(root: &Path) -> Result<RunDir> {
        let dir = root.join("lab/run");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let lock = lock(&dir)?;
        clear(&dir)?;
        remove_stale();
        let logs = dir.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let name = format!("{NAME_PREFIX}{}", std::process::id());
        let runtime = private_dir(if is_root() { "/run" } else { "/tmp" }, &format!("{name}-run"))?;
        let state = if !is_root() || open_to_all(&dir) {
            dir.clone()
        } else {
            passable_dir("/tmp", &name)?
        };
        Ok(RunDir {
            dir,
            logs,
            data: state.join("data"),
            runtime,
            _lock: lock,
        })
    }

    /// The log of a program.
    pub fn log(&self, program: &str) -> PathBuf {
        self.logs.join(format!("{program}.log"))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let _ = clear(&self.dir);
        let _ = fs::remove_dir_all(&self.data);
        if let Some(state) = self.data.parent().filter(|state| *state != self.dir) {
            let _ = fs::remove_dir_all(state);
        }
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

/// Whether we may make namespaces and change users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes sure that no other lab works in this checkout.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "another lab runs in this checkout (it holds {}); stop it first",
            path.display()
        );
    }
    Ok(file)
}

/// Removes everything but logs and lock. Logs go when the next run begins writing its own.
fn clear(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let kept = path.ends_with("logs") || path.ends_with("lock");
        let removed = match (kept, path.is_dir()) {
            (true, _) => Ok(()),
            (false, true) => fs::remove_dir_all(&path),
            (false, false) => fs::remove_file(&path),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Removes the logs of the last run.
///
/// # Errors
/// They cannot be removed.
pub fn clear_logs(run: &RunDir) -> Result<()> {
    for path in fs::read_dir(&run.logs)?.flatten().map(|entry| entry.path()) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Removes directories of labs that were killed.
fn remove_stale() {
    let entries = ["/run", "/tmp"]
        .into_iter()
        .filter_map(|place| fs::read_dir(place).ok())
        .flatten()
        .flatten();
    for path in entries.map(|entry| entry.path()) {
        let owner = path.file_name().and_then(|name| name.to_str()).and_then(owner);
        if owner.is_some_and(|pid| !process::is_lab(pid)) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The process id in a name of ours.
fn owner(name: &str) -> Option<u32> {
    let rest = name.strip_prefix(NAME_PREFIX)?;
    rest.strip_suffix("-run").unwrap_or(rest).parse().ok()
}

/// Whether any user can get to a directory, which the database user has to.
fn open_to_all(dir: &Path) -> bool {
    dir.ancestors()
        .all(|dir| fs::metadata(dir).is_ok_and(|is| is.permissions().mode() & 0o001 != 0))
}

/// Makes a directory that only we may enter.
fn private_dir(place: &str, name: &str) -> Result<PathBuf> {
    make(place, name, 0o700)
}

/// Makes a directory that others may pass through but not list.
fn passable_dir(place: &str, name: &str) -> Result<PathBuf> {
    make(place, name, 0o711)
}

/// Makes a directory that must not exist.
fn make(place: &str, name: &str, mode: u32) -> Result<PathBuf> {
    let path = Path::new(place).join(name);
    fs::DirBuilder::new()
        .mode(mode)
        .create(&path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_have_an_owner() {
        assert_eq!(owner("headend-lab-12"), Some(12));
        assert_eq!(owner("headend-lab-12-run"), Some(12));
        assert_eq!(owner("headend-lab-x"), None);
        assert_eq!(owner("headend-1a2b3c4d"), None);
    }

    #[test]
    fn a_second_run_in_the_same_checkout_is_refused_and_nothing_secret_stays() -> Result<()> {
        let root = tempfile::tempdir()?;
        let first = RunDir::prepare(root.path())?;
        fs::write(first.dir.join("secret"), "x")?;
        fs::write(first.log("headend"), "said")?;
        let second = RunDir::prepare(root.path());
        assert!(second.is_err_and(|error| error.to_string().contains("another lab")));
        let (dir, runtime) = (first.dir.clone(), first.runtime.clone());
        drop(first);
        assert!(!dir.join("secret").exists() && !runtime.exists());
        assert!(dir.join("logs/headend.log").exists());
        Ok(())
    }
}
