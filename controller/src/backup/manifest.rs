//! What is in a backup: a line a file, with its digest. Written last and read first.
//! Never follows a name out of the backup.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::failure::{Exit, Failure};

/// The file's name.
pub const FILE: &str = "manifest.json";
/// The only format there is.
pub const FORMAT: u32 = 1;
/// The longest manifest that is read: some hundred thousand segments.
const OCTETS_MAX: u64 = 64 << 20;
/// Octets read at a time.
const PIECE_OCTETS: usize = 256 * 1024;

/// A backup's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that took it.
    pub headend: String,
    /// When the dump began, RFC 3339, UTC.
    pub taken_at: String,
    /// Names the master key that its secrets are sealed with, without saying it.
    pub master_key: String,
    /// Its files but this one, by name.
    pub files: Vec<Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path below the backup, with `/`.
    pub path: String,
    /// Its octets.
    pub octets: u64,
    /// SHA-256 of them, hexadecimal.
    pub sha256: String,
}

impl Entry {
    /// Describes the file at `path` below `root`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(root: &Path, path: &str) -> io::Result<Entry> {
        let mut file = File::open(root.join(path))?;
        let (mut digest, mut octets) = (Sha256::new(), 0);
        let mut piece = vec![0; PIECE_OCTETS];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            digest.update(&piece[..read]);
            octets += read as u64;
        }
        let sha256 = digest
            .finalize()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        Ok(Entry {
            path: path.to_owned(),
            octets,
            sha256,
        })
    }
}

impl Manifest {
    /// Writes it into a backup, durably.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(root.join(FILE))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()
    }

    /// Reads a backup's list and holds every file against it.
    ///
    /// # Errors
    /// It is no backup, of a format from a later version, or a file is missing or other than it was.
    pub fn check(root: &Path) -> Result<Manifest, Failure> {
        let path = root.join(FILE);
        let mut text = String::new();
        File::open(&path)
            .and_then(|file| file.take(OCTETS_MAX).read_to_string(&mut text))
            .map_err(|error| {
                Failure::file("read", &path, &error).next("a directory without a manifest is no whole backup")
            })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{} is not a backup's list: {error}", path.display())))?;
        if manifest.format != FORMAT {
            return Err(Failure::usage(format!(
                "{} has format {}; this program reads format {FORMAT}",
                path.display(),
                manifest.format
            )));
        }
        for entry in &manifest.files {
            let inside = Path::new(&entry.path)
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            if !inside {
                return Err(Failure::usage(format!(
                    "{} names {}, which is not in it",
                    path.display(),
                    entry.path
                )));
            }
            let found = Entry::of(root, &entry.path)
                .map_err(|error| Failure::file("read", &root.join(&entry.path), &error))?;
            if found != *entry {
                return Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "{} is not what it was when the backup was taken",
                        root.join(&entry.path).display()
                    ),
                )
                .detail(format!("{} octets then, {} now", entry.octets, found.octets))
                .next("nothing was changed; use another backup"));
            }
        }
        Ok(manifest)
    }

    /// Whether a file is in it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|entry| entry.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(dir: &Path) -> Manifest {
        std::fs::write(dir.join("database.dump"), b"rows").unwrap();
        let manifest = Manifest {
            format: FORMAT,
            headend: "0".to_owned(),
            taken_at: "2026-11-22T00:00:00Z".to_owned(),
            master_key: "00000000".to_owned(),
            files: vec![Entry::of(dir, "database.dump").unwrap()],
        };
        manifest.write(dir).unwrap();
        manifest
    }

    #[test]
    fn what_is_as_it_was_is_taken_and_what_is_not_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = backup(dir.path());
        assert_eq!(Manifest::check(dir.path()).unwrap(), manifest);
        assert_eq!(
            manifest.files[0].sha256,
            "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e"
        );
        std::fs::write(dir.path().join("database.dump"), b"rowz").unwrap();
        let refused = Manifest::check(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("database.dump"), "{refused}");
        std::fs::remove_file(dir.path().join("database.dump")).unwrap();
        assert!(Manifest::check(dir.path()).is_err());
    }

    #[test]
    fn a_name_that_leads_out_of_the_backup_is_refused() {
        for path in ["../etc/passwd", "/etc/passwd", "journal/../../x"] {
            let dir = tempfile::tempdir().unwrap();
            let mut manifest = backup(dir.path());
            manifest.files[0].path = path.to_owned();
            std::fs::remove_file(dir.path().join(FILE)).unwrap();
            manifest.write(dir.path()).unwrap();
            let refused = Manifest::check(dir.path()).unwrap_err().to_string();
            assert!(refused.contains("not in it"), "{refused}");
        }
    }

    #[test]
    fn a_later_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = backup(dir.path());
        manifest.format += 1;
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        manifest.write(dir.path()).unwrap();
        assert!(Manifest::check(dir.path()).is_err());
    }
}
