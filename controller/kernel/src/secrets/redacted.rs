//! A value that is carried but not shown: in logs, errors and replies it reads REDACTED.
//! Never hides a value from its holder; [`Redacted::reveal`] is the word to search for in a review.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is shown instead of the value.
const SHOWN: &str = "REDACTED";

/// Carries a `T` that Debug, Display and Serialize do not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Hides the value from here on.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, where it is used.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value, for its new holder.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> std::fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SHOWN)
    }
}

impl<T> std::fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SHOWN)
    }
}

impl<T> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SHOWN)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Redacted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
