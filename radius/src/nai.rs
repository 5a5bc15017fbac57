//! User names that name a realm: the network access identifier (RFC 7542) and the two older spellings.
//!
//! Splits, and says what is malformed; never decides which realm is whose. Realms are compared without regard to the case
//! of ASCII letters, as domain names are ([`same_realm`]); the user's part is compared as it stands.
//!
//! | spelling | user | realm |
//! | --- | --- | --- |
//! | `alice@isp.example` | `alice` | `isp.example` |
//! | `isp\alice` | `alice` | `isp` |
//! | `alice%isp.example` | `alice` | `isp.example` |
//!
//! Of several separators `@` counts before `\`, and `\` before `%`; of several `@` the last one counts, so that
//! `alice@home@roaming.example` reaches the realm that its last proxy knows, and of several `\` the first.

/// Octets of the longest realm: what a domain name may have.
pub const REALM_LEN_MAX: usize = 253;

/// Octets of the longest part of a realm between two dots.
pub const LABEL_LEN_MAX: usize = 63;

/// How a user name names its realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `user@realm`: the only one RFC 7542 knows.
    Suffix,
    /// `realm\user`: what Windows sends.
    Prefix,
    /// `user%realm`: where `@` was taken.
    Percent,
}

/// A user name in two parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nai<'a> {
    /// The part before or behind the realm; empty when the user hides his name (RFC 7542 section 2.4).
    pub user: &'a str,
    /// The realm as it was written.
    pub realm: &'a str,
    /// How it was written.
    pub spelling: Spelling,
}

/// Why the realm of a user name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmError {
    /// Nothing stands where the realm should.
    #[error("the realm is empty")]
    Empty,
    /// It is longer than [`REALM_LEN_MAX`].
    #[error("the realm has {len} octets, {REALM_LEN_MAX} are the most")]
    TooLong {
        /// Its octets.
        len: usize,
    },
    /// A part between two dots is empty, longer than [`LABEL_LEN_MAX`], or begins or ends with a hyphen.
    #[error("a part of the realm between dots is empty, too long, or begins or ends with a hyphen")]
    Label,
    /// A character stands in it that no realm has.
    #[error("a realm has letters, digits, hyphens, dots, and no other ASCII character")]
    Character,
}

impl<'a> Nai<'a> {
    /// Splits a user name; `None` when it names no realm.
    ///
    /// # Errors
    /// [`RealmError`] when there is a separator, and no realm where one should be.
    pub fn parse(user_name: &'a str) -> Result<Option<Self>, RealmError> {
        let Some(nai) = Self::split(user_name) else {
            return Ok(None);
        };
        check_realm(nai.realm)?;
        Ok(Some(nai))
    }

    /// Splits a user name whatever the realm looks like.
    #[must_use]
    pub fn split(user_name: &'a str) -> Option<Self> {
        if let Some((user, realm)) = user_name.rsplit_once('@') {
            return Some(Self {
                user,
                realm,
                spelling: Spelling::Suffix,
            });
        }
        if let Some((realm, user)) = user_name.split_once('\\') {
            return Some(Self {
                user,
                realm,
                spelling: Spelling::Prefix,
            });
        }
        let (user, realm) = user_name.rsplit_once('%')?;
        Some(Self {
            user,
            realm,
            spelling: Spelling::Percent,
        })
    }
}

impl std::fmt::Debug for Nai<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who was where stays out of logs; where he belongs need not.
        f.debug_struct("Nai")
            .field("realm", &self.realm)
            .field("spelling", &self.spelling)
            .finish_non_exhaustive()
    }
}

/// Checks a realm: parts of letters, digits and hyphens between dots (RFC 7542 section 2.2), characters beyond ASCII
/// included. One part alone is taken, too, against the RFC: `isp\alice` is common.
///
/// # Errors
/// The first rule it breaks.
pub fn check_realm(realm: &str) -> Result<(), RealmError> {
    if realm.is_empty() {
        return Err(RealmError::Empty);
    }
    if realm.len() > REALM_LEN_MAX {
        return Err(RealmError::TooLong { len: realm.len() });
    }
    let allowed = |character: char| {
        !character.is_ascii() && !character.is_control()
            || character.is_ascii_alphanumeric()
            || matches!(character, '-' | '.')
    };
    if !realm.chars().all(allowed) {
        return Err(RealmError::Character);
    }
    let label_fits = |label: &str| {
        (1..=LABEL_LEN_MAX).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if realm.split('.').all(label_fits) {
        Ok(())
    } else {
        Err(RealmError::Label)
    }
}

/// Whether two realms are one: ASCII letters count alike whatever their case (RFC 7542 section 2.4, RFC 4343).
#[must_use]
pub fn same_realm(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
