//! Where PostgreSQL's programs are: the distribution's versioned directories, then what PATH knows.
//! Never installs or downloads anything; what is missing is an error that says how to get it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::error::DatabaseError;

/// The oldest major version the schema and its policies are written for.
pub(crate) const MAJOR_MIN: u32 = 15;

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// The directory that holds `postgres` and `initdb`.
    pub(crate) dir: PathBuf,
    /// Its major version, which decides whether it can run a data directory.
    pub(crate) major: u32,
}

impl Binaries {
    /// The server program.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    /// The program that makes a data directory.
    pub(crate) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    /// Whether this build can compress its log with lz4; the faster choice where it exists.
    pub(crate) fn has_lz4(&self) -> bool {
        let output = Command::new(self.dir.join("pg_config"))
            .arg("--configure")
            .output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--with-lz4"))
    }
}

/// Picks the newest installed PostgreSQL, or the one whose major version an existing data directory has.
///
/// # Errors
/// [`DatabaseError::NoBinaries`] when none is new enough, [`DatabaseError::ForeignMajor`] when none fits the data.
pub(crate) fn choose(
    found: &[Binaries],
    searched: &[PathBuf],
    data: Option<(u32, &Path)>,
) -> Result<Binaries, DatabaseError> {
    let usable: Vec<&Binaries> = found
        .iter()
        .filter(|binaries| binaries.major >= MAJOR_MIN)
        .collect();
    let chosen = match data {
        Some((major, path)) => usable
            .iter()
            .find(|binaries| binaries.major == major)
            .ok_or_else(|| match usable.first() {
                Some(newest) => DatabaseError::ForeignMajor {
                    data: major,
                    installed: newest.major,
                    path: path.to_owned(),
                },
                None => no_binaries(found, searched),
            })?,
        None => usable.first().ok_or_else(|| no_binaries(found, searched))?,
    };
    Ok((*chosen).clone())
}

/// Says what was found and where was looked.
fn no_binaries(found: &[Binaries], searched: &[PathBuf]) -> DatabaseError {
    DatabaseError::NoBinaries {
        too_old: found.iter().map(|binaries| binaries.major).max(),
        searched: searched.to_vec(),
    }
}

/// Every PostgreSQL in these directories, newest first; of two equal ones the earlier directory wins.
pub(crate) fn installed(directories: &[PathBuf]) -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for dir in directories {
        if dir.join("initdb").exists()
            && let Some(major) = major_of(&dir.join("postgres"))
        {
            found.push(Binaries {
                dir: dir.clone(),
                major,
            });
        }
    }
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major)); // stable
    found
}

/// Where to look: the configured directory alone, else everywhere distributions put PostgreSQL.
pub(crate) fn directories(configured: Option<&Path>) -> Vec<PathBuf> {
    if let Some(dir) = configured {
        return vec![dir.to_owned()];
    }
    let mut all = children("/usr/lib/postgresql", "", "bin"); // Debian, Ubuntu
    all.extend(children("/usr", "pgsql-", "bin")); // PGDG on Red Hat
    all.extend(children("/usr/libexec", "postgresql", "")); // Alpine
    all.extend(["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    all.extend(from_pg_config());
    let mut seen = std::collections::HashSet::new();
    all.retain(|dir| dir.is_dir() && seen.insert(dir.clone()));
    all
}

/// The children of `parent` that start with `prefix`, with `below` appended.
fn children(parent: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(below))
        .collect()
}

/// Where the `pg_config` in PATH says the programs are.
fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim())).filter(|path| path.is_absolute())
}

/// Asks a `postgres` for its major version.
fn major_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, also `17devel` and `18beta1`.
pub(crate) fn parse_major(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
