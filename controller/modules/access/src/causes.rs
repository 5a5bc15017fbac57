//! An error with all its causes in one line, for a log or for an intent's words.
//! Never shortens one and never repeats one: each error of the house says only its own part.

use std::error::Error;
use std::fmt;

/// Prints as `what: because: because`.
pub struct Causes<'e>(pub &'e dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_said_once() {
        let inner = kernel::Error::not_found("plan", "x");
        let outer = kernel::Error::internal("reading a plan", inner);
        assert_eq!(
            Causes(&outer).to_string(),
            "internal error while reading a plan: there is no plan x"
        );
    }
}
