//! The directories of a private cluster: who owns them, who may enter, and what is said when that cannot be had.
//! Never changes permissions outside the data directory and the runtime directory.
//!
//! ```text
//! <data_dir>             0711  ours; the service user may pass through
//! <data_dir>/postgres    0700  the service user's: PostgreSQL's data directory
//! <runtime>/headend-<8>  0700  the service user's: the socket; short, because a socket path is limited to 107 bytes
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::account::{Account, Accounts};
use crate::database::error::DatabaseError;

/// Octets of `/.s.PGSQL.5432.lock`, the longest name below the socket directory.
const SOCKET_NAME_OCTETS: usize = 19;
/// The longest path a unix socket may have, without the closing NUL.
const SOCKET_PATH_OCTETS_MAX: usize = 107;

/// Makes the data directory, or checks that it is ours to write, and gives its real path.
///
/// # Errors
/// [`DatabaseError::Directory`] naming the directory and what the operating system said.
pub(crate) fn data_dir(path: &Path) -> Result<PathBuf, DatabaseError> {
    let failed = |doing: &'static str| {
        move |source: io::Error| DatabaseError::Directory {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    if !path.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .map_err(failed("create"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).map_err(failed("set the mode of"))?;
    }
    let path = path.canonicalize().map_err(failed("open"))?;
    let mode = fs::metadata(&path).map_err(failed("open"))?.permissions().mode();
    if rustix::process::geteuid().is_root() && mode & 0o011 != 0o011 {
        fs::set_permissions(&path, fs::Permissions::from_mode((mode | 0o011) & 0o7777))
            .map_err(failed("set the mode of"))?;
    }
    let probe = path.join(format!(".write-probe-{}", std::process::id()));
    let written = fs::write(&probe, [0; 4096]);
    let removed = fs::remove_file(&probe);
    written.and(removed).map_err(failed("write to"))?;
    Ok(path)
}

/// Makes a directory that only the service user may enter; it must not exist.
///
/// # Errors
/// [`DatabaseError::Directory`].
pub(crate) fn create_private(path: &Path, owner: &Account) -> Result<(), DatabaseError> {
    let made = fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .and_then(|()| hand_over(path, owner));
    made.map_err(|source| DatabaseError::Directory {
        doing: "create",
        path: path.to_owned(),
        source,
    })
}

/// Gives a directory to its owner unless it is his already.
fn hand_over(path: &Path, owner: &Account) -> io::Result<()> {
    let is = fs::symlink_metadata(path)?;
    if is.uid() == owner.uid {
        Ok(())
    } else {
        std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid))
    }
}

/// Makes or finds the directory of the socket: the same for the same data directory, in the first place that works.
///
/// # Errors
/// [`DatabaseError::NoRuntimeDirectory`] naming every place that was tried and why it did not do.
pub(crate) fn runtime_dir(data_dir: &Path, accounts: &Accounts) -> Result<PathBuf, DatabaseError> {
    let mut tried = Vec::new();
    for path in runtime_candidates(data_dir, accounts) {
        match claim(&path, &accounts.service) {
            Ok(()) => return Ok(path),
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(DatabaseError::NoRuntimeDirectory {
        tried: tried.join("; "),
    })
}

/// Where the socket's directory may be, best first.
fn runtime_candidates(data_dir: &Path, accounts: &Accounts) -> Vec<PathBuf> {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name = digest
        .iter()
        .take(4)
        .fold("headend-".to_owned(), |name, octet| format!("{name}{octet:02x}"));
    let session = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let system = (accounts.current.uid == 0).then(|| PathBuf::from("/run"));
    let places = system.or(session).into_iter().chain([PathBuf::from("/tmp")]);
    places.map(|place| place.join(&name)).collect()
}

/// Takes a directory into use: it must be a real directory and the service user's, because anyone may write to /tmp.
///
/// # Errors
/// [`DatabaseError::NotClaimed`].
pub(crate) fn claim(path: &Path, owner: &Account) -> Result<(), DatabaseError> {
    try_claim(path, owner).map_err(|reason| DatabaseError::NotClaimed {
        path: path.to_owned(),
        reason,
    })
}

/// The same, with the reason in words.
fn try_claim(path: &Path, owner: &Account) -> Result<(), String> {
    if path.as_os_str().len() + SOCKET_NAME_OCTETS > SOCKET_PATH_OCTETS_MAX {
        return Err(format!(
            "its path is longer than a socket's may be ({SOCKET_PATH_OCTETS_MAX} octets)"
        ));
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => hand_over(path, owner).map_err(|error| error.to_string())?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.to_string()),
    }
    let is = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !is.is_dir() || is.uid() != owner.uid {
        return Err(format!("it exists and is not a directory of {}", owner.name));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())
}

/// The first directory on the way to `path` that the service user may not enter.
///
/// Looks at permission bits only: call it to explain a refusal, not to predict one.
pub(crate) fn first_closed(path: &Path, account: &Account) -> Option<PathBuf> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    above
        .into_iter()
        .find(|dir| fs::metadata(dir).is_ok_and(|is| !may_enter(&is, account)))
        .map(Path::to_owned)
}

/// Whether the permission bits let this user pass through.
fn may_enter(directory: &fs::Metadata, account: &Account) -> bool {
    let bit = match directory {
        is if is.uid() == account.uid => 0o100,
        is if is.gid() == account.gid => 0o010,
        _ => 0o001,
    };
    directory.mode() & bit != 0
}

/// Replaces a file in a directory that its less privileged owner controls, and hands it to him.
///
/// Writes beside it and renames, so that a reader sees the old or the new file, and a symbolic link planted there is
/// replaced and not followed. Does nothing when the file already reads so, which also spares a full disk.
///
/// # Errors
/// What the operating system said.
pub(crate) fn replace_file(path: &Path, text: &str, owner: &Account) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let is = fs::symlink_metadata(path);
    if is.is_ok_and(|is| is.is_file()) && fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&unfinished); // of a start that was interrupted under the same process id
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    std::os::unix::fs::fchown(&file, Some(owner.uid), Some(owner.gid))?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
