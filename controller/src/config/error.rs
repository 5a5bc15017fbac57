//! What can be wrong with a configuration, in words that name the place, what stands there and what may.
//! Never shows a secret. Next: [`super::layers`].

use std::path::PathBuf;

use super::layers::Source;

/// A configuration that is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key nobody knows.
    #[error("{place}: unknown key {key}; {known}")]
    UnknownKey {
        /// Where it stands.
        place: Source,
        /// The key with its table.
        key: String,
        /// The closest known keys, or all of them.
        known: String,
    },
    /// A value that is not allowed.
    #[error("{place}: {key}: found {found}, allowed: {allowed}")]
    Value {
        /// Where it stands.
        place: Source,
        /// The key with its table.
        key: &'static str,
        /// What was found, REDACTED where it may hold a password.
        found: String,
        /// What would be allowed.
        allowed: String,
    },
    /// No data directory, and no home to put one in.
    #[error("no data directory: neither HOME nor XDG_DATA_HOME is set; give --data-dir or HEADEND_DATA_DIR")]
    NoDataDir,
}
