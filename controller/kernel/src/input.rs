//! Gathers what is wrong with the fields of one input, so that a caller learns all of it at once.
//! Never knows a rule; the types it parses into do.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::{Error, FieldError};

/// The verdict on one input, field by field.
#[derive(Debug, Default)]
pub struct Input {
    /// What is wrong so far.
    wrong: Vec<FieldError>,
}

impl Input {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a field; `None` and a note when it breaks its type's rule.
    pub fn parse<T>(&mut self, pointer: &str, text: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(rule) => {
                self.wrong(pointer, rule.to_string());
                None
            }
        }
    }

    /// Parses a field that may be absent; an absent one is not wrong.
    pub fn parse_optional<T>(&mut self, pointer: &str, text: Option<&str>) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        text.and_then(|text| self.parse(pointer, text))
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.wrong.push(FieldError::new(pointer, message));
    }

    /// Ends the examination.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every note.
    pub fn finish(self) -> Result<(), Error> {
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    /// The error with every note.
    pub fn into_error(self) -> Error {
        Error::Invalid { fields: self.wrong }
    }
}
