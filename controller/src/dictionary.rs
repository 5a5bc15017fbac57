//! An operator's own dictionary files, laid over what the program knows of attributes.
//! Only finds and reads files; what a line means is `radius::dictionary`'s business. Nothing is kept: the caller hands
//! the dictionary on to whoever needs it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use radius::dictionary::source::{FILE_LEN_MAX, FILES_MAX};
use radius::dictionary::{Dictionary, DictionaryError};

use crate::failure::Failure;

/// The file that names all others by `$INCLUDE`; when it is there, no other is looked for.
const ROOT_FILE: &str = "dictionary";

/// Why an operator's dictionaries are not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The directory cannot be read.
    #[error("cannot list the dictionary directory {}: {source}", path.display())]
    List {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing in it looks like a dictionary.
    #[error(
        "the dictionary directory {} holds neither a file dictionary nor any named *.dictionary or dictionary.*",
        path.display()
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// There are too many.
    #[error("the dictionary directory {} holds {found} dictionaries, {FILES_MAX} are allowed", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// How many.
        found: usize,
    },
    /// One of its files cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A line makes no sense.
    #[error(transparent)]
    Line(#[from] DictionaryError),
}

/// A command that was given a dictionary directory and cannot use it.
pub fn refused(error: LoadError) -> Failure {
    Failure::usage(error.to_string())
}

/// The built-in dictionaries, and over them those of a directory, if one is given.
///
/// # Errors
/// The first [`LoadError`]; one in a line names the file and the line.
pub fn load(dir: Option<&Path>) -> Result<Arc<Dictionary>, LoadError> {
    let Some(dir) = dir else {
        return Ok(Arc::default());
    };
    let mut files = Vec::new();
    for path in roots(dir)? {
        files.push(read(&path).map_err(LoadError::Unreadable)?);
    }
    let dictionary = Dictionary::with(files, &mut |from, wanted| {
        // A path of its own stays what it is.
        let beside = Path::new(from).parent().unwrap_or(Path::new(""));
        read(&beside.join(wanted))
    })?;
    Ok(Arc::new(dictionary))
}

/// The files to begin with: the root file, or every dictionary in the order of their names.
fn roots(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let root = dir.join(ROOT_FILE);
    if root.is_file() {
        return Ok(vec![root]);
    }
    let list = |source| LoadError::List {
        path: dir.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.is_file() && is_dictionary(&path) {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(LoadError::Empty { path: dir.to_owned() });
    }
    if found.len() > FILES_MAX {
        return Err(LoadError::TooMany {
            path: dir.to_owned(),
            found: found.len(),
        });
    }
    found.sort();
    Ok(found)
}

/// Whether a file is called like a dictionary. What editors and package managers leave behind is not.
fn is_dictionary(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let leftover = [
        "~",
        ".bak",
        ".orig",
        ".swp",
        ".dpkg-old",
        ".dpkg-dist",
        ".dpkg-new",
    ];
    let named = name.ends_with(".dictionary") || name.starts_with("dictionary.");
    named && !name.starts_with('.') && !leftover.iter().any(|end| name.ends_with(end))
}

/// Reads one file, no further than a dictionary may be long.
fn read(path: &Path) -> Result<(String, String), String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read {shown}: {error}");
    // Before it is opened: a pipe would never let go.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(format!("cannot read {shown}: it is no file"));
    }
    let mut octets = Vec::new();
    // One more than allowed, so that the reader sees that it is too long.
    let bound = u64::try_from(FILE_LEN_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(path).map_err(cannot)?;
    file.take(bound).read_to_end(&mut octets).map_err(cannot)?;
    let text = String::from_utf8(octets).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(at)
            .filter(|octet| **octet == b'\n')
            .count()
            + 1;
        format!("cannot read {shown}: line {line} is not UTF-8")
    })?;
    Ok((shown.to_string(), text))
}
