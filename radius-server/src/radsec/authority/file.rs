//! The authority's files: written whole or not at all, keys for the owner only, one writer at a time. New files belong to
//! whoever the directory belongs to, so that root may issue a certificate for a server that does not run as root.

use super::AuthorityError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file that is locked while others change.
const LOCK: &str = "lock";

/// A directory of such files.
pub(super) struct Kept {
    /// Where.
    dir: PathBuf,
    /// Whose new files are: user and group.
    owner: (u32, u32),
}

impl Kept {
    /// The directory, made when it is missing; its parent's owner is its owner.
    pub(super) fn open(dir: &Path) -> Result<Self, AuthorityError> {
        let failed = |doing, source| AuthorityError::File {
            doing,
            path: dir.to_owned(),
            source,
        };
        if !dir.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|source| failed("make", source))?;
            let parent = dir.parent().unwrap_or(dir);
            let owner = fs::metadata(parent).map_err(|source| failed("look at what is above", source))?;
            give(dir, (owner.uid(), owner.gid())).map_err(|source| failed("give away", source))?;
        }
        let found = fs::metadata(dir).map_err(|source| failed("look at", source))?;
        Ok(Self {
            dir: dir.to_owned(),
            owner: (found.uid(), found.gid()),
        })
    }

    /// Where a file is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Waits until nobody else changes the files; until what it gives back is dropped, nobody does.
    pub(super) fn lock(&self) -> Result<File, AuthorityError> {
        let path = self.path(LOCK);
        let locked = || -> io::Result<File> {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)?;
            give(&path, self.owner)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        locked().map_err(|source| AuthorityError::File {
            doing: "lock",
            path: path.clone(),
            source,
        })
    }

    /// A text.
    pub(super) fn read(&self, name: &str) -> Result<String, AuthorityError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|source| AuthorityError::File {
            doing: "read",
            path,
            source,
        })
    }

    /// Writes what anybody may read who may enter the directory.
    pub(super) fn write(&self, name: &str, octets: &[u8]) -> Result<(), AuthorityError> {
        self.replace(name, octets, 0o644)
    }

    /// Writes a key.
    pub(super) fn write_secret(&self, name: &str, text: String) -> Result<(), AuthorityError> {
        self.replace(name, Zeroizing::new(text).as_bytes(), 0o600)
    }

    /// A file is not what we wrote.
    pub(super) fn damaged(&self, name: &str, why: &dyn std::fmt::Display) -> AuthorityError {
        AuthorityError::Damaged {
            path: self.path(name),
            why: why.to_string(),
        }
    }

    /// Puts a file in place of the older one at once.
    fn replace(&self, name: &str, octets: &[u8], mode: u32) -> Result<(), AuthorityError> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let replaced = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .mode(mode)
                .open(&new)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(octets)?;
            file.sync_all()?;
            give(&new, self.owner)?;
            fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        replaced().map_err(|source| AuthorityError::File {
            doing: "write",
            path: path.clone(),
            source,
        })
    }
}

/// Gives a file to somebody, unless it is his.
fn give(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if (found.uid(), found.gid()) == (user, group) {
        return Ok(());
    }
    chown(path, Some(user), Some(group))
}
