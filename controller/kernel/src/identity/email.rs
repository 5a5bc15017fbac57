//! An e-mail address as the name of an account.
//! Never checks that it receives mail; only that it is one address, bounded, and always spelled the same way.

use std::fmt;
use std::str::FromStr;

/// The longest address, in characters.
pub const EMAIL_CHARS_MAX: usize = 255;

/// An address in lower case: `local@domain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// The text is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address such as noc@isp.example, of at most {EMAIL_CHARS_MAX} characters")]
pub struct NotAnEmailAddress;

impl EmailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = NotAnEmailAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@').ok_or(NotAnEmailAddress)?;
        let odd = |character: char| {
            character.is_whitespace() || character.is_control() || "@<>()[],;:\\\"&|`$'".contains(character)
        };
        let wrong = local.is_empty()
            || domain.is_empty()
            || text.chars().count() > EMAIL_CHARS_MAX
            || local.chars().any(odd)
            || domain.chars().any(odd)
            || domain.starts_with('.')
            || domain.ends_with('.')
            || domain.contains("..");
        if wrong {
            Err(NotAnEmailAddress)
        } else {
            Ok(Self(text))
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(
            text.parse::<EmailAddress>()
                .ok()
                .as_ref()
                .map(EmailAddress::as_str),
            expect
        );
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        check("NOC@ISP.Example", Some("noc@isp.example"));
        check(" a+b@c ", Some("a+b@c"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "noc",
            "@isp.example",
            "noc@",
            "a b@c.example",
            "a@b@c",
            "a@.b",
            "a@b..c",
            "x'--@c",
            "a\u{0}@b",
        ] {
            check(text, None);
        }
        check(&format!("{}@isp.example", "a".repeat(EMAIL_CHARS_MAX)), None);
    }
}
