//! One network namespace with a name, and the thread that lives in it.
//!
//! The thread is what makes it useful: a socket or a process made by it belongs to the namespace. It lives as long as the
//! [`Namespace`], because the kernel ends the daemons it started when it ends. Dropping the value removes the name; the
//! kernel removes the namespace, with the interfaces in it, when the last process has left.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use rtnetlink::NetworkNamespace;
use rustix::mount::{UnmountFlags, unmount};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process;

/// Where names of namespaces are, for `ip netns exec` and for us.
const NAMES_DIR: &str = "/run/netns";
/// How all names of ours begin.
const NAME_PREFIX: &str = "headend-lab-";

/// Work for the thread.
type Job = Box<dyn FnOnce() + Send>;

/// A network namespace that goes away with this value.
#[derive(Debug)]
pub struct Namespace {
    /// As `ip netns` shows it.
    name: String,
    /// The way to the thread; gone while the namespace is being removed.
    jobs: Option<mpsc::Sender<Job>>,
    /// The thread in the namespace.
    thread: Option<thread::JoinHandle<()>>,
}

impl Namespace {
    /// Makes a namespace for one role (`nas`, `cpe`) of one lab.
    ///
    /// # Errors
    /// Not root, or the kernel refuses.
    pub fn create(role: &str, pid: u32) -> Result<Namespace> {
        let name = format!("{NAME_PREFIX}{pid}-{role}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .context("cannot start a runtime")?;
        let made = runtime.block_on(NetworkNamespace::add(&name));
        made.map_err(|error| anyhow!("cannot make the network namespace {name}: {error}"))?;
        let mut namespace = Namespace {
            name,
            jobs: None,
            thread: None,
        };
        namespace.inhabit()?;
        Ok(namespace)
    }

    /// Starts the thread and waits until it is inside.
    fn inhabit(&mut self) -> Result<()> {
        let handle = self.handle()?;
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (entered, is_inside) = mpsc::channel();
        let work = move || {
            let result = move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network));
            let inside = result.is_ok();
            let _ = entered.send(result);
            while inside && let Ok(job) = inbox.recv() {
                job();
            }
        };
        let builder = thread::Builder::new().name(self.name.clone());
        self.thread = Some(
            builder
                .spawn(work)
                .context("cannot start a thread for a namespace")?,
        );
        is_inside
            .recv()
            .context("the thread of a namespace ended early")?
            .with_context(|| format!("cannot enter the network namespace {}", self.name))?;
        self.jobs = Some(jobs);
        Ok(())
    }

    /// Runs something inside, and gives what it returned.
    ///
    /// # Errors
    /// The thread has ended, which a panic in an earlier job does.
    pub fn enter<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = done.send(job());
        });
        let jobs = self
            .jobs
            .as_ref()
            .with_context(|| format!("nobody lives in namespace {}", self.name))?;
        jobs.send(job)
            .map_err(|_| anyhow!("the thread in namespace {} has ended", self.name))?;
        result
            .recv()
            .with_context(|| format!("the thread in namespace {} has ended", self.name))
    }

    /// An open handle on it, to move an interface there.
    ///
    /// # Errors
    /// The name is gone.
    pub fn handle(&self) -> Result<OwnedFd> {
        let path = path_of(&self.name);
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(file.into())
    }

    /// Its name, for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        remove(&self.name);
    }
}

/// Removes the namespaces of labs whose process is gone.
///
/// # Errors
/// The directory of names exists and cannot be read.
pub(super) fn remove_stale() -> Result<Vec<String>> {
    if !Path::new(NAMES_DIR).exists() {
        return Ok(Vec::new());
    }
    let names = fs::read_dir(NAMES_DIR).with_context(|| format!("cannot read {NAMES_DIR}"))?;
    let names = names
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let stale: Vec<String> = names
        .filter(|name| owner(name).is_some_and(|pid| !process::is_lab(pid)))
        .collect();
    for name in &stale {
        remove(name);
    }
    Ok(stale)
}

/// The process id in a name of ours.
fn owner(name: &str) -> Option<u32> {
    let (pid, _role) = name.strip_prefix(NAME_PREFIX)?.split_once('-')?;
    pid.parse().ok()
}

/// Takes a name away; whoever is still inside stays there until he leaves.
fn remove(name: &str) {
    let path = path_of(name);
    let _ = unmount(&path, UnmountFlags::DETACH);
    let _ = fs::remove_file(&path);
}

/// Where a name lives.
fn path_of(name: &str) -> PathBuf {
    Path::new(NAMES_DIR).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_have_an_owner() {
        assert_eq!(owner("headend-lab-4711-nas"), Some(4711));
        for foreign in ["blue", "headend-lab-", "headend-lab-x-nas", "headend-lab-4711"] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }
}
