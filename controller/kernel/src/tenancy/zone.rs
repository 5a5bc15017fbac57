//! The time zone of a partner: by whose clock its days and months begin.
//! Never computes a time; modules do, with the same tables, which are built in so that what holds does not depend on the machine.

use std::str::FromStr;

use jiff::tz::TimeZone;

/// Characters of a zone's name at most.
const ZONE_CHARS_MAX: usize = 64;

/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneName(String);

/// There is no such zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no time zone: use an IANA name such as Europe/Berlin, or UTC")]
pub struct NotAZone;

impl FromStr for ZoneName {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > ZONE_CHARS_MAX {
            return Err(NotAZone);
        }
        // One name however it is typed: names differ in more than their case.
        let zone = TimeZone::get(text).map_err(|_unknown| NotAZone)?;
        zone.iana_name().map(|name| Self(name.to_owned())).ok_or(NotAZone)
    }
}

impl ZoneName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_one_of_the_list_and_has_one_spelling() {
        let read = |text: &str| text.parse::<ZoneName>().map(|zone| zone.as_str().to_owned());
        assert_eq!(read("Europe/Berlin").as_deref(), Ok("Europe/Berlin"));
        assert_eq!(read("asia/kolkata").as_deref(), Ok("Asia/Kolkata"));
        assert_eq!(read("UTC").as_deref(), Ok("UTC"));
        for none in ["", "Berlin", "+02:00", "Mars/Olympus", "../etc/passwd"] {
            assert_eq!(read(none), Err(NotAZone), "{none}");
        }
    }
}
