//! Passwords and shared secrets of one run: made at random, kept out of messages, written to files of mode 0600 only.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Characters of a secret; each carries 5 bits, so 26 of them carry 130.
const LENGTH: usize = 26;
/// Letters and digits that nobody mistakes for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A secret; printing it for debugging shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Draws a new one.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn random() -> Result<Secret> {
        let mut octets = [0; LENGTH];
        getrandom::fill(&mut octets).context("the operating system gives no random numbers")?;
        Ok(Secret(
            octets
                .iter()
                .map(|octet| char::from(ALPHABET[usize::from(octet % 32)]))
                .collect(),
        ))
    }

    /// Its text, for whoever must know it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// Writes a file that only its owner may read, in place of one that may be there.
///
/// # Errors
/// The file cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if path.exists() {
        std::fs::remove_file(path).with_context(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn two_secrets_differ_and_neither_is_printed() -> Result<()> {
        let (one, other) = (Secret::random()?, Secret::random()?);
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), LENGTH);
        assert_eq!(format!("{one:?}"), "REDACTED");
        Ok(())
    }

    #[test]
    fn a_secret_file_is_readable_by_its_owner_only_also_when_it_existed() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("secret");
        std::fs::write(&path, "old")?;
        write_file(&path, "new")?;
        assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path)?, "new");
        Ok(())
    }
}
