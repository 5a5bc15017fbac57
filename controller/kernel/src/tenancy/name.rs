//! Names: the stable slug for machines, the display name for people.
//! Never looks anything up; whether a name is taken the database says.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The longest slug, in characters; it fits a DNS label.
pub const SLUG_CHARS_MAX: usize = 63;
/// The longest display name, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// What a client's name must not contain.
const CLIENT_NAME_FORBIDDEN: &str = "<>&;|`$";

/// A stable short name: `^[a-z0-9-]{1,63}$`, and not the spelling of a UUID, which paths take for an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slug(String);

/// The text is no slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to {SLUG_CHARS_MAX} of a-z, 0-9 and -, and not a UUID")]
pub struct NotASlug;

impl FromStr for Slug {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        let good = (1..=SLUG_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits);
        if good && Uuid::try_parse(text).is_err() {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASlug)
        }
    }
}

impl Slug {
    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name for people: 1 to 100 characters, no control characters, not only blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// The text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
pub struct NotAName;

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let good =
            (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName)
        }
    }
}

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A client's name: a [`Name`] that also travels safely through shells and pages of other systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName(Name);

/// The text is no client name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to {NAME_CHARS_MAX} characters, no control characters and none of < > & ; | ` $")]
pub struct NotAClientName;

impl FromStr for ClientName {
    type Err = NotAClientName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: Name = text.parse().map_err(|NotAName| NotAClientName)?;
        let forbidden = name
            .as_str()
            .contains(|character| CLIENT_NAME_FORBIDDEN.contains(character));
        if forbidden {
            Err(NotAClientName)
        } else {
            Ok(Self(name))
        }
    }
}

impl ClientName {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// How a path names an object: by its id or by its slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By id.
    Id(Uuid),
    /// By slug.
    Slug(Slug),
}

impl Key {
    /// Reads a path segment; `None` when it can name nothing.
    pub fn read(text: &str) -> Option<Self> {
        match Uuid::try_parse(text) {
            Ok(id) => Some(Self::Id(id)),
            Err(_) => text.parse().ok().map(Self::Slug),
        }
    }

    /// The id, when it is one.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Slug(_) => None,
        }
    }

    /// The slug, when it is one.
    pub fn slug(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Slug(slug) => Some(slug.as_str()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Slug(slug) => f.write_str(slug.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_dns_labels_in_lower_case() {
        for good in ["a", "isp-west", "0", "-", &"a".repeat(SLUG_CHARS_MAX)] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ISP",
            "isp_west",
            "isp west",
            "é",
            "a/b",
            "../a",
            "a'--",
            &"a".repeat(SLUG_CHARS_MAX + 1),
        ] {
            assert_eq!(bad.parse::<Slug>(), Err(NotASlug), "{bad}");
        }
    }

    #[test]
    fn a_slug_cannot_be_mistaken_for_an_id() {
        assert!("018f2f6e-0000-7000-8000-000000000000".parse::<Slug>().is_err());
        assert!("018f2f6e000070008000000000000000".parse::<Slug>().is_err());
    }

    #[test]
    fn client_names_refuse_what_shells_and_pages_interpret() {
        assert!("Müller Söhne".parse::<ClientName>().is_ok());
        assert!("x".repeat(NAME_CHARS_MAX).parse::<ClientName>().is_ok());
        for bad in [
            "a<b",
            "a>b",
            "a&b",
            "a;b",
            "a|b",
            "a`b",
            "a$b",
            "",
            "   ",
            "a\nb",
            &"x".repeat(NAME_CHARS_MAX + 1),
        ] {
            assert_eq!(bad.parse::<ClientName>(), Err(NotAClientName), "{bad:?}");
        }
        assert!("Smith & Sons".parse::<Name>().is_ok());
    }
}
