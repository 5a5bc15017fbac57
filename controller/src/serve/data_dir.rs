//! The data directory: made, proven writable, and held by one server at a time.
//! Never changes what it finds there but the mode of the directory itself.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::ServeError;

/// Passable for the user of the private PostgreSQL, readable for nobody else.
const MODE: u32 = 0o711;
/// Held by the server that runs on the directory; holds its process id.
const LOCK_FILE: &str = "headend.lock";
/// Written and removed to see whether there is room and right.
const PROBE_FILE: &str = ".headend-probe";
/// As much as a start needs at least.
const PROBE_LEN: usize = 64 * 1024;

/// A data directory that is ours until dropped.
#[derive(Debug)]
pub struct DataDir {
    /// Where.
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if needed, proves that it can be written, and takes it.
    ///
    /// # Errors
    /// [`ServeError::DataDir`] with what could not be done, [`ServeError::InUse`] when another server has it.
    pub fn take(path: &Path) -> Result<DataDir, ServeError> {
        let failed = |doing| {
            let path = path.to_owned();
            move |source| ServeError::DataDir { doing, path, source }
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(MODE)
            .create(path)
            .map_err(failed("make"))?;
        let mode = std::fs::metadata(path)
            .map_err(failed("read"))?
            .permissions()
            .mode()
            & 0o777;
        if mode != MODE {
            std::fs::set_permissions(path, Permissions::from_mode(MODE))
                .map_err(failed("set the mode of"))?;
        }
        probe(path).map_err(failed("write to"))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK_FILE))
            .map_err(failed("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                drop(lock.read_to_string(&mut holder));
                return Err(ServeError::InUse {
                    path: path.to_owned(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(errno) => return Err(failed("lock")(errno.into())),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .map_err(failed("lock"))?;
        writeln!(lock, "{}", std::process::id()).map_err(failed("lock"))?;
        Ok(DataDir {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes and removes a small file, so that a full or read-only disk shows before anything else is done.
fn probe(path: &Path) -> io::Result<()> {
    let file = path.join(PROBE_FILE);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut probe| probe.write_all(&[0; PROBE_LEN]).and_then(|()| probe.sync_all()));
    let removed = std::fs::remove_file(&file);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::DataDir;
    use crate::serve::error::ServeError;

    #[test]
    fn a_new_directory_is_passable_and_not_readable_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(&dir.path().join("a/b")).unwrap();
        assert_eq!(
            std::fs::metadata(taken.path()).unwrap().permissions().mode() & 0o777,
            0o711
        );
    }

    #[test]
    fn a_directory_is_taken_once_and_free_again_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::take(dir.path()).unwrap();
        let second = DataDir::take(dir.path());
        let own = std::process::id().to_string();
        assert!(matches!(second, Err(ServeError::InUse { holder, .. }) if holder == own));
        drop(first);
        assert!(DataDir::take(dir.path()).is_ok());
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            DataDir::take(file.path()),
            Err(ServeError::DataDir { .. })
        ));
    }
}
