//! Why a command failed: what, the details, what to do next, and the exit code that scripts see.
//! Never holds a secret. Printed once, by [`crate::cli::main`].

use std::fmt;

/// Exit codes; a script may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It could not be done.
    Failed = 1,
    /// Flags, file or configuration are wrong; nothing was tried.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// Not logged in, wrong password, no permission, set-up closed.
    Refused = 4,
    /// Nothing answers at the server's address.
    Unreachable = 5,
    /// It exists already, or something else stands in the way.
    Conflict = 6,
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// What scripts see.
    pub exit: Exit,
    /// What happened, in one line.
    pub title: String,
    /// One line each: the field, the reason, the request.
    pub details: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
}

impl Failure {
    /// A failure with its one line.
    pub fn new(exit: Exit, title: impl Into<String>) -> Failure {
        Failure {
            exit,
            title: title.into(),
            details: Vec::new(),
            next: None,
        }
    }

    /// Wrong flags or a wrong file.
    pub fn usage(title: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, title)
    }

    /// A local file that could not be read or written.
    pub fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
        let exit = if doing == "read" {
            Exit::Usage
        } else {
            Exit::Failed
        };
        Failure::new(exit, format!("cannot {doing} {}: {error}", path.display()))
    }

    /// One more line of detail.
    pub fn detail(mut self, line: impl Into<String>) -> Failure {
        self.details.push(line.into());
        self
    }

    /// What to do next.
    pub fn next(mut self, line: impl Into<String>) -> Failure {
        self.next = Some(line.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "headend: {}", self.title)?;
        for line in &self.details {
            write!(out, "\n  {line}")?;
        }
        match &self.next {
            Some(next) => write!(out, "\nnext: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
