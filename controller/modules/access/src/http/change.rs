//! A moment in a PATCH that can be emptied: absent leaves, `null` empties, RFC 3339 sets. For all other types the
//! kernel has `nullable`. Never knows which field it reads.

use serde::Deserializer;
use time::OffsetDateTime;

use crate::app::Change;

/// Reads a moment that is there; with `#[serde(default)]` an absent one stays `None`.
pub fn present_moment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Change<OffsetDateTime>, D::Error> {
    time::serde::rfc3339::option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// A body with one.
    #[derive(Deserialize)]
    struct Body {
        /// The moment.
        #[serde(default, deserialize_with = "present_moment")]
        moment: Change<OffsetDateTime>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        let read = |text| serde_json::from_str::<Body>(text).expect("a body");
        assert_eq!(read("{}").moment, None);
        assert_eq!(read(r#"{"moment": null}"#).moment, Some(None));
        let new_year = time::macros::datetime!(2027-01-01 0:00 UTC);
        assert_eq!(
            read(r#"{"moment": "2027-01-01T00:00:00Z"}"#).moment,
            Some(Some(new_year))
        );
    }
}
