//! What can befall the private PostgreSQL: it freezes, or it is gone and does not come back.
//!
//! Only the cluster in the lab's own data directory is touched. Each mishap is a value; dropping it ends the mishap, so
//! that a failing step never leaves the next one with a broken database.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::process;
use crate::wait::{self, Look};

/// How long PostgreSQL may take to go.
const GONE_WAIT_MAX: Duration = Duration::from_secs(30);
/// A setting that no PostgreSQL knows, so that none starts with it.
const NONSENSE: &str =
    "# Put here by the lab to keep PostgreSQL down; it removes it again.\nkept_down_by_the_lab = on\n";

/// The private cluster of a server.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Its directory.
    dir: PathBuf,
}

impl Postgres {
    /// The cluster in a server's data directory.
    pub fn of(data: &Path) -> Postgres {
        Postgres {
            dir: data.join("postgres"),
        }
    }

    /// Stops every process of it where it stands. Connections stay open and nothing is answered.
    ///
    /// # Errors
    /// It is not running, or the kernel does not tell which processes it has.
    pub fn freeze(&self) -> Result<Frozen> {
        let postmaster = self.postmaster()?;
        let mut frozen = Frozen {
            pids: vec![postmaster],
        };
        // The postmaster first: then it can start no others while we count.
        process::send(postmaster, Signal::STOP);
        frozen.pids.extend(process::children_of(postmaster)?);
        for pid in &frozen.pids {
            process::send(*pid, Signal::STOP);
        }
        Ok(frozen)
    }

    /// Kills the postmaster; its backends notice and end by themselves.
    ///
    /// # Errors
    /// It is not running.
    pub fn kill(&self) -> Result<()> {
        process::send(self.postmaster()?, Signal::KILL);
        Ok(())
    }

    /// Kills one of its processes that is not the postmaster; `place` says which. Gives whether there was any.
    ///
    /// # Errors
    /// It is not running, or the kernel does not tell which processes it has.
    pub fn kill_one(&self, place: impl FnOnce(usize) -> usize) -> Result<bool> {
        let children = process::children_of(self.postmaster()?)?;
        let victim = children.get(place(children.len()));
        victim.iter().for_each(|pid| process::send(**pid, Signal::KILL));
        Ok(victim.is_some())
    }

    /// Kills every process of it at once and waits until they are gone; one that does not run needs none of it.
    ///
    /// # Errors
    /// A process does not go.
    pub fn kill_all(&self) -> Result<()> {
        let Ok(postmaster) = self.postmaster() else {
            return Ok(());
        };
        let mut pids = vec![postmaster];
        // Stopped first, so that it starts no others while we count.
        process::send(postmaster, Signal::STOP);
        pids.extend(process::children_of(postmaster).unwrap_or_default());
        for pid in &pids {
            process::send(*pid, Signal::KILL);
        }
        wait::until("PostgreSQL to be gone", GONE_WAIT_MAX, || {
            let left = pids.iter().find(|pid| process::name_of(**pid).is_some());
            Ok(left.map_or(Look::Found(()), |pid| {
                Look::Not(format!("process {pid} still runs"))
            }))
        })
    }

    /// Shuts it down and keeps it from starting: its settings are spoilt, as by a slip of an editor.
    ///
    /// # Errors
    /// It is not running, or does not go.
    pub fn keep_down(&self) -> Result<KeptDown> {
        let postmaster = self.postmaster()?;
        let spoilt = self.dir.join("local.conf");
        ensure!(
            !spoilt.exists(),
            "{} exists; this is not a cluster of the lab",
            spoilt.display()
        );
        fs::write(&spoilt, NONSENSE).with_context(|| format!("cannot write {}", spoilt.display()))?;
        let kept = KeptDown { spoilt };
        process::send(postmaster, Signal::INT);
        wait::until("PostgreSQL to shut down", GONE_WAIT_MAX, || {
            Ok(match process::name_of(postmaster) {
                None => Look::Found(()),
                Some(_) => Look::Not(format!("process {postmaster} still runs")),
            })
        })?;
        Ok(kept)
    }

    /// The process id of the postmaster.
    ///
    /// # Errors
    /// It is not running.
    pub fn postmaster(&self) -> Result<u32> {
        let path = self.dir.join("postmaster.pid");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        let pid = pid.with_context(|| format!("no process id in {}", path.display()))?;
        let name = process::name_of(pid).unwrap_or_default();
        ensure!(
            name.starts_with("postgres"),
            "process {pid} is {name:?} and not PostgreSQL"
        );
        Ok(pid)
    }
}

/// A PostgreSQL that stands still until this value goes.
#[derive(Debug)]
pub struct Frozen {
    /// Its processes, the postmaster first.
    pids: Vec<u32>,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.pids {
            process::send(*pid, Signal::CONT);
        }
    }
}

/// A PostgreSQL that is down until this value goes; then its supervisor can start it again.
#[derive(Debug)]
pub struct KeptDown {
    /// The file with the setting it does not know.
    spoilt: PathBuf,
}

impl Drop for KeptDown {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.spoilt);
    }
}
