//! Why the server does not start or stopped early: one sentence each, and what to do next.
//! Never holds a secret. Parts below name themselves; what they say is shown as detail.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::failure::{Exit, Failure};

/// What keeps the server from running.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error("cannot {doing} the data directory {}", path.display())]
    DataDir {
        /// What was tried.
        doing: &'static str,
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another server has it.
    #[error("the data directory {} is in use by another headend (process {holder})", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other one.
        holder: String,
    },
    /// An address is taken or not ours.
    #[error("cannot listen on {proto} {addr} for {what}")]
    Listen {
        /// TCP or UDP.
        proto: &'static str,
        /// Where.
        addr: SocketAddr,
        /// For what.
        what: &'static str,
        /// The key that says so.
        key: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A part does not start.
    #[error("cannot {doing}")]
    Part {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl ServeError {
    /// The error of a part.
    pub fn part<E: Into<Box<dyn StdError + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> ServeError {
        move |source| ServeError::Part {
            doing,
            source: source.into(),
        }
    }

    /// What to do next, where it is not part of what a part says.
    fn next(&self) -> Option<String> {
        use std::io::ErrorKind;
        match self {
            ServeError::DataDir { source, .. } => Some(match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "make room on that disk, then start again".to_owned()
                }
                ErrorKind::ReadOnlyFilesystem => "mount it writable, or give another --data-dir".to_owned(),
                ErrorKind::PermissionDenied => {
                    "give it to the user the server runs as (chown), or give another --data-dir".to_owned()
                }
                _ => "give another --data-dir, or mend this one".to_owned(),
            }),
            ServeError::InUse { .. } => {
                Some("stop the other one, or give this one a --data-dir of its own".to_owned())
            }
            ServeError::Listen {
                proto,
                addr,
                key,
                source,
                ..
            } => Some(match source.kind() {
                ErrorKind::AddrInUse => {
                    let flag = if *proto == "TCP" { "-ltnp" } else { "-lunp" };
                    format!(
                        "another program has the port: ss {flag} 'sport = :{}' shows which; or change {key}",
                        addr.port()
                    )
                }
                ErrorKind::AddrNotAvailable => {
                    format!("this machine does not have {}; change {key}", addr.ip())
                }
                ErrorKind::PermissionDenied => {
                    format!("ports under 1024 need the right to them; change {key}")
                }
                _ => format!("change {key}"),
            }),
            ServeError::Part { .. } => None,
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        let mut failure = Failure::new(Exit::Failed, error.to_string());
        let mut inner = StdError::source(&error);
        while let Some(cause) = inner {
            let text = cause.to_string();
            // Some parts repeat their cause; once is enough.
            if failure.details.last().is_none_or(|last| !last.contains(&text)) {
                failure = failure.detail(text);
            }
            inner = cause.source();
        }
        failure.next = error.next();
        failure
    }
}
