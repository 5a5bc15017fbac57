//! The master key: where it comes from, how its file is made, and how it is named without being said.
//! Never replaces a key that exists and never accepts a key file of our own that others can read.

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::SecretError;

/// Octets of the master key: AES-256.
pub const KEY_OCTETS: usize = 32;
/// The key file's name in the data directory.
const FILE_NAME: &str = "master.key";
/// The longest key file that is read; a key takes 44 octets in base64 or 64 in hexadecimal.
const FILE_OCTETS_MAX: usize = 256;
/// The variable that holds the key itself.
const VARIABLE: &str = "HEADEND_MASTER_KEY";
/// The variable that names a file with the key, for example a systemd credential.
const FILE_VARIABLE: &str = "HEADEND_MASTER_KEY_FILE";

/// Names a master key: the first octets of a digest of it. Safe to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; super::KEY_ID_OCTETS]);

impl KeyId {
    /// The name of this key.
    pub(super) fn of(key: &[u8; KEY_OCTETS]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"headend master key id 1")
            .chain_update(key)
            .finalize();
        let mut id = [0; super::KEY_ID_OCTETS];
        id.iter_mut()
            .zip(digest.iter())
            .for_each(|(to, from)| *to = *from);
        Self(id)
    }

    /// As it stands in a sealed value.
    pub(super) const fn octets(self) -> [u8; super::KEY_ID_OCTETS] {
        self.0
    }
}

impl From<[u8; super::KEY_ID_OCTETS]> for KeyId {
    fn from(octets: [u8; super::KEY_ID_OCTETS]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Where the master key is.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Given as text, base64 or hexadecimal.
    Text(Zeroizing<String>),
    /// In a file that somebody else provides and guards; it must exist.
    Given(PathBuf),
    /// In our own file, created at the first start; only its owner may read it.
    Own(PathBuf),
}

impl KeySource {
    /// The variable, the file a variable names, or `master.key` in the data directory, in this order.
    pub fn from_environment(data_dir: &Path) -> Self {
        if let Ok(text) = std::env::var(VARIABLE) {
            return Self::Text(Zeroizing::new(text));
        }
        match std::env::var_os(FILE_VARIABLE) {
            Some(path) => Self::Given(path.into()),
            None => Self::own(data_dir),
        }
    }

    /// Our own file in this data directory.
    pub fn own(data_dir: &Path) -> Self {
        Self::Own(data_dir.join(FILE_NAME))
    }

    /// Reads the key; makes it first when it is our own and does not exist.
    pub(super) fn read(&self) -> Result<Zeroizing<[u8; KEY_OCTETS]>, SecretError> {
        match self {
            Self::Text(text) => parse(text).ok_or_else(|| SecretError::KeyMalformed {
                place: VARIABLE.to_owned(),
            }),
            Self::Given(path) => read_file(path, Others::Warned),
            Self::Own(path) => match path.try_exists() {
                Ok(true) => read_file(path, Others::Refused),
                Ok(false) => create_file(path).and_then(|()| read_file(path, Others::Refused)),
                Err(source) => Err(unreadable("read", path)(source)),
            },
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(REDACTED)"),
            Self::Given(path) => write!(f, "Given({})", path.display()),
            Self::Own(path) => write!(f, "Own({})", path.display()),
        }
    }
}

/// What happens when others than the owner can read a key file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// An error: the file is ours, nobody else has a reason to read it.
    Refused,
    /// A line in the log: whoever provides the file (a systemd credential, a mounted secret) decides its mode.
    Warned,
}

/// Reads a key file after looking at who else can.
fn read_file(path: &Path, others: Others) -> Result<Zeroizing<[u8; KEY_OCTETS]>, SecretError> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(unreadable("read", path))?;
    // Asked of the open file, so that nobody can exchange it between the question and the reading.
    let mode = file
        .metadata()
        .map_err(unreadable("read", path))?
        .permissions()
        .mode()
        & 0o7777;
    if mode & 0o077 != 0 {
        match others {
            Others::Refused => {
                return Err(SecretError::KeyExposed {
                    path: path.to_owned(),
                    mode,
                });
            }
            Others::Warned => {
                tracing::warn!(path = %path.display(), mode = format!("{mode:04o}"), "others can read the master key file")
            }
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(FILE_OCTETS_MAX + 1));
    file.take(FILE_OCTETS_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(unreadable("read", path))?;
    parse(&text).ok_or_else(|| SecretError::KeyMalformed {
        place: path.display().to_string(),
    })
}

/// Makes a key file that is either whole or not there, whatever happens in between, and that no other start replaces.
fn create_file(path: &Path) -> Result<(), SecretError> {
    let mut key = Zeroizing::new([0; KEY_OCTETS]);
    getrandom::fill(&mut *key).map_err(|source| SecretError::NoRandomness {
        reason: source.to_string(),
    })?;
    let text = Zeroizing::new(format!("{}\n", BASE64.encode(*key)));
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(|source| SecretError::NoRandomness {
        reason: source.to_string(),
    })?;
    let unfinished = path.with_extension(format!("key.{:016x}", u64::from_ne_bytes(suffix)));
    let made =
        write_new(&unfinished, text.as_bytes()).and_then(|()| match std::fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()), // another start was first: its key counts
            linked => linked,
        });
    let removed = std::fs::remove_file(&unfinished);
    made.and(removed)
        .and_then(|()| sync_directory_of(path))
        .map_err(unreadable("create", path))?;
    tracing::info!(path = %path.display(), "master key created; keep a copy of it apart from the backups of the database");
    Ok(())
}

/// Writes a new file that only its owner can read, and waits until it is on disk.
fn write_new(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

/// Makes a new name in a directory survive a power cut.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Names the file in an I/O error.
fn unreadable(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    let path = path.to_owned();
    move |source| SecretError::KeyUnreadable { doing, path, source }
}

/// Reads a key in either spelling.
fn parse(text: &str) -> Option<Zeroizing<[u8; KEY_OCTETS]>> {
    let text = text.trim();
    let octets = Zeroizing::new(match text.len() == 2 * KEY_OCTETS {
        true => from_hexadecimal(text)?,
        false => BASE64.decode(text).ok()?,
    });
    Some(Zeroizing::new(
        <[u8; KEY_OCTETS]>::try_from(octets.as_slice()).ok()?,
    ))
}

/// Two hexadecimal digits an octet.
fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| {
        char::from(octet)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}
