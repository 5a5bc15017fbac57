//! Which node this is: the key under which its journals' progress is kept in a database that several nodes may share.
//! Never says where the node is or what it may do. A lost file costs a replay of the journal, which changes nothing.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The file in the data directory.
const FILE: &str = "node-id";

/// Why the node has no id.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The file cannot be read or written.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} does not hold a UUID; remove it and the node gets a new id", .path.display())]
    Garbled {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads the node's id, or makes one at the first start.
///
/// # Errors
/// [`NodeError`].
pub fn node_id(data_dir: &Path) -> Result<Uuid, NodeError> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| NodeError::Garbled { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid::now_v7();
            write_durably(data_dir, &path, &format!("{id}\n")).map_err(|source| NodeError::Io {
                doing: "write",
                path,
                source,
            })?;
            Ok(id)
        }
        Err(source) => Err(NodeError::Io {
            doing: "read",
            path,
            source,
        }),
    }
}

/// Writes a file so that a power cut leaves all of it or nothing: an empty one would keep the next start from starting.
fn write_durably(dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_id() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = node_id(dir.path()).expect("made");
        assert_eq!(node_id(dir.path()).expect("read"), first);
    }

    #[test]
    fn an_id_whose_writing_was_interrupted_is_made_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("node-id.new"), "0197").expect("written");
        let made = node_id(dir.path()).expect("made");
        assert_eq!(node_id(dir.path()).expect("read"), made);
        assert!(!dir.path().join("node-id.new").exists());
    }

    #[test]
    fn a_garbled_file_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join(FILE), "bras-1").expect("written");
        assert!(matches!(node_id(dir.path()), Err(NodeError::Garbled { .. })));
    }
}
