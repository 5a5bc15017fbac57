//! The one error that application layers of the kernel and of every module speak.
//! Never knows HTTP: `http/problem.rs` translates it, and only what a caller may read goes into a message.
//!
//! [`OnConstraint`] turns the violation of a named constraint into the sentence a person can act on.

use std::time::Duration;

use crate::authz::Permission;

/// Any error that can travel between threads; where an enum would only repeat what the source says.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's input breaks a rule; each field says which.
    #[error("{}", FieldError::sentence(.fields))]
    Invalid {
        /// What is wrong, field by field.
        fields: Vec<FieldError>,
    },
    /// There is no such object, or it is another partner's, which is the same thing.
    #[error("there is no {kind} {key}")]
    NotFound {
        /// What was looked for, as people call it: "subscriber".
        kind: &'static str,
        /// By what it was looked for.
        key: String,
    },
    /// The operation does not fit what already exists.
    #[error("{message}")]
    Conflict {
        /// What it clashed with: "subscriber".
        kind: &'static str,
        /// The sentence for the caller.
        message: String,
    },
    /// The actor is known and may not do this.
    #[error("this needs the permission {}", .permission.as_str())]
    Forbidden {
        /// What he lacks.
        permission: Permission,
    },
    /// No credential, or one that is unknown, expired or revoked; which of them is not said.
    #[error("sign in or send a valid API key")]
    Unauthenticated,
    /// Asked too often.
    #[error("too many attempts; try again in {} s", .retry_after.as_secs().max(1))]
    TooManyRequests {
        /// How long the caller shall wait.
        retry_after: Duration,
    },
    /// Something this operation needs is away; trying again later makes sense.
    #[error("{what}")]
    Unavailable {
        /// What is away, as a sentence: "the database does not answer".
        what: String,
        /// What was seen.
        source: BoxError,
    },
    /// A defect or a broken invariant; the caller learns only that it happened.
    #[error("internal error while {doing}")]
    Internal {
        /// What was being done: "reading a subscriber".
        doing: &'static str,
        /// What was seen; for the log, never for the caller.
        source: BoxError,
    },
}

/// One broken rule of the caller's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Which field: a JSON pointer such as `/username`, empty for the whole body.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldError {
    /// Names a field and what is wrong with it.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// All of them in one line, for logs and terminals.
    fn sentence(fields: &[Self]) -> String {
        let lines: Vec<String> = fields
            .iter()
            .map(|field| format!("{}: {}", field.pointer, field.message))
            .collect();
        if lines.is_empty() {
            "the input is not valid".to_owned()
        } else {
            lines.join("; ")
        }
    }
}

impl Error {
    /// The input breaks one rule.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            fields: vec![FieldError::new(pointer, message)],
        }
    }

    /// There is no such object, or it is another partner's.
    pub fn not_found(kind: &'static str, key: impl std::fmt::Display) -> Self {
        Self::NotFound {
            kind,
            key: key.to_string(),
        }
    }

    /// The operation does not fit what already exists.
    pub fn conflict(kind: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            kind,
            message: message.into(),
        }
    }

    /// A defect while `doing` something; a database that is away stays [`Error::Unavailable`].
    pub fn internal(doing: &'static str, source: impl Into<BoxError>) -> Self {
        match source.into().downcast::<sqlx::Error>() {
            Ok(source) if is_outage(&source) => Self::from(*source),
            Ok(source) => Self::Internal { doing, source },
            Err(source) => Self::Internal { doing, source },
        }
    }

    /// The database error inside, if that is what happened.
    fn database(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        match self {
            Self::Internal { source, .. } => source.downcast_ref::<sqlx::Error>()?.as_database_error(),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        match is_outage(&source) {
            true => Self::Unavailable {
                what: "the database does not answer".to_owned(),
                source: Box::new(source),
            },
            false => Self::Internal {
                doing: "running a database statement",
                source: Box::new(source),
            },
        }
    }
}

/// Whether the database is away or busy, as opposed to the statement being wrong.
pub(crate) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| is_outage_code(&code)),
        _ => false,
    }
}

/// SQLSTATEs that say "not now": connection exceptions (08), resources such as disk and slots (53), operator
/// intervention such as a shutdown (57P), a standby that takes no writes (25006), lost races (40).
fn is_outage_code(code: &str) -> bool {
    ["08", "53", "57P", "25006", "40"]
        .iter()
        .any(|prefix| code.starts_with(prefix))
}

/// Turns the violation of one named constraint into an error of its own.
pub trait OnConstraint<T> {
    /// Maps a violation of `constraint` (a unique index, a foreign key, a check) by `error`; all else passes
    /// through. May be chained for several constraints.
    ///
    /// # Errors
    /// What `error` makes, or the original as [`Error`].
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T, Error>;
}

impl<T, E: Into<Error>> OnConstraint<T> for Result<T, E> {
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T, Error> {
        self.map_err(|found| {
            let found: Error = found.into();
            let violated = found
                .database()
                .is_some_and(|database| database.constraint() == Some(constraint));
            if violated { error() } else { found }
        })
    }
}
