//! Two small disks for the data and for the journal, which can be filled, go read-only, and lose power.
//!
//! ext4 in files, mounted by loop devices. They are only made in a mount namespace of our own, so that nothing of them
//! outlives the drill, however it ends. `mount -o remount,abort` is ext4's own way to stand for a disk that fails: from
//! then on nothing more reaches the file; mounting anew then recovers what had been made durable, as after a power cut.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate};

use crate::process;
use crate::wait::{self, Look};

/// How long `mount` and its like may take.
const MOUNT_WAIT_MAX: Duration = Duration::from_secs(30);
/// Memory that the files may take in all.
const MEMORY: &str = "size=6g";
/// Octets of the data disk; only what is used takes memory.
const DATA_LEN: u64 = 4 << 30;
/// Octets of the journal's disk.
const JOURNAL_LEN: u64 = 128 << 20;
/// The first piece a disk is filled with; halved until nothing fits any more.
const FILL_LEN: u64 = 1 << 30;
/// The smallest piece.
const FILL_LEN_MIN: u64 = 4096;

/// One disk.
#[derive(Debug)]
pub struct Disk {
    /// The file with its octets.
    image: PathBuf,
    /// Where it is mounted.
    pub at: PathBuf,
    /// The file that fills it, while there is one.
    filling: Option<PathBuf>,
}

/// Both.
#[derive(Debug)]
pub struct Disks {
    /// For everything but the journal.
    pub data: Disk,
    /// For the journal.
    pub journal: Disk,
    /// Where the files are, in memory.
    memory: PathBuf,
}

impl Disks {
    /// Makes and mounts both below a directory.
    ///
    /// # Errors
    /// There are no loop devices or no ext4, or nothing may be mounted.
    pub fn make(below: &Path) -> Result<Disks> {
        let memory = below.join("disks");
        directory(&memory)?;
        mount(&["-t", "tmpfs", "-o", MEMORY, "drill"], &memory)?;
        let disk =
            |name: &str, length| Disk::make(memory.join(format!("{name}.img")), below.join(name), length);
        Ok(Disks {
            data: disk("data", DATA_LEN)?,
            journal: disk("journal", JOURNAL_LEN)?,
            memory,
        })
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        // The mount namespace goes with us anyway; this only empties the directories for whoever removes them.
        for at in [&self.data.at, &self.journal.at, &self.memory] {
            let _ = run("umount", &["--lazy"], at);
        }
    }
}

impl Disk {
    /// Makes the file, a file system in it, and mounts it.
    fn make(image: PathBuf, at: PathBuf, length: u64) -> Result<Disk> {
        let file = File::create(&image).with_context(|| format!("cannot make {}", image.display()))?;
        file.set_len(length)
            .with_context(|| format!("cannot make {}", image.display()))?;
        // No blocks set aside for root: full is to be full.
        run("mkfs.ext4", &["-q", "-F", "-m", "0"], &image)?;
        directory(&at)?;
        let disk = Disk {
            image,
            at,
            filling: None,
        };
        disk.mount()?;
        fs::set_permissions(&disk.at, fs::Permissions::from_mode(0o711))
            .with_context(|| format!("cannot open {} to the database's user", disk.at.display()))?;
        Ok(disk)
    }

    /// Fills it to the last block.
    ///
    /// # Errors
    /// Something else than the space is missing.
    pub fn fill(&mut self) -> Result<()> {
        let path = self.at.join("filling");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        self.filling = Some(path);
        let (mut filled, mut piece) = (0, FILL_LEN);
        while piece >= FILL_LEN_MIN {
            match fallocate(&file, FallocateFlags::empty(), filled, piece) {
                Ok(()) => filled += piece,
                Err(rustix::io::Errno::NOSPC) => piece /= 2,
                Err(errno) => return Err(errno).context("cannot fill a disk"),
            }
        }
        Ok(())
    }

    /// Gives the space back, for good: a power cut soon after must not bring the filling back.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn empty(&mut self) -> Result<()> {
        let Some(filling) = self.filling.take() else {
            return Ok(());
        };
        fs::remove_file(filling)
            .and_then(|()| File::open(&self.at)?.sync_all())
            .context("cannot empty a disk")
    }

    /// From now on nothing more is written to it; whoever tries gets an error.
    ///
    /// # Errors
    /// It cannot be remounted.
    pub fn cut_off(&self) -> Result<()> {
        run("mount", &["-o", "remount,abort"], &self.at)
    }

    /// Mounts it anew with what had reached it. Nobody may use it any more.
    ///
    /// # Errors
    /// It stays in use, or does not recover.
    pub fn replace(&self) -> Result<()> {
        wait::until("a disk to be free", MOUNT_WAIT_MAX, || {
            Ok(run("umount", &[], &self.at)
                .map_or_else(|error| Look::Not(format!("{error:#}")), |()| Look::Found(())))
        })?;
        self.mount()
    }

    /// Mounts it.
    fn mount(&self) -> Result<()> {
        let image = self.image.to_str().context("a path is not UTF-8")?;
        mount(&["-t", "ext4", "-o", "loop", image], &self.at)
    }
}

/// Makes a directory that others may pass through.
fn directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o711))
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Mounts something.
fn mount(what: &[&str], at: &Path) -> Result<()> {
    run("mount", what, at)
}

/// Runs a command of the system with a path as its last word.
fn run(program: &str, words: &[&str], path: &Path) -> Result<()> {
    let found = process::find(program).with_context(|| format!("{program} is not installed"))?;
    let mut command = Command::new(found);
    command.args(words).arg(path);
    let finished = process::run(command, "", MOUNT_WAIT_MAX)?;
    ensure!(
        finished.code() == 0,
        "{program} {} {} failed: {}",
        words.join(" "),
        path.display(),
        finished.said()
    );
    Ok(())
}
