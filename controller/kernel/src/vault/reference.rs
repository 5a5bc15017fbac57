//! A reference to a secret: where it is read when it is used. Never the secret itself, so it may be shown.

use std::fmt;
use std::str::FromStr;

/// What every reference begins with.
pub const PREFIX: &str = "vault:";
/// The longest reference, in octets.
pub const OCTETS_MAX: usize = 400;
/// The field that is meant when none is named.
const FIELD_DEFAULT: &str = "value";
/// Below which path of the platform's vault a partner's secrets are; his slug follows.
const PARTNERS: &str = "tenants";

/// Where a secret is: `vault:<path>` or `vault:<path>#<field>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The path below the engine's mount, part by part.
    parts: Vec<String>,
    /// The field of what is there.
    field: String,
}

/// The text is no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "use vault:PATH or vault:PATH#FIELD, such as vault:tenants/isp-west/netbox/token#value; each part of a path is of letters, \
     digits, dash, underscore and dot"
)]
pub struct NotAReference;

impl SecretRef {
    /// The path, part by part.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// The path as it is written.
    pub fn path(&self) -> String {
        self.parts.join("/")
    }

    /// The field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether it is within what this partner has in the platform's vault.
    pub fn is_of_partner(&self, slug: &str) -> bool {
        matches!(&self.parts[..], [root, whose, _, ..] if root == PARTNERS && whose == slug)
    }
}

/// What a path of the platform's vault must begin with for a partner.
pub fn partner_prefix(slug: &str) -> String {
    format!("{PARTNERS}/{slug}/")
}

impl FromStr for SecretRef {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix(PREFIX)
            .filter(|_| text.len() <= OCTETS_MAX)
            .ok_or(NotAReference)?;
        let (path, field) = rest.split_once('#').unwrap_or((rest, FIELD_DEFAULT));
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        match parts.iter().all(|part| is_word(part)) && is_word(field) {
            true => Ok(Self {
                parts,
                field: field.to_owned(),
            }),
            false => Err(NotAReference),
        }
    }
}

/// Whether it is one part of a path: plain, and nothing that means another place.
fn is_word(text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(plain) && !text.bytes().all(|octet| octet == b'.')
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}#{}", self.path(), self.field)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reference_is_a_path_and_a_field() {
        let found: SecretRef = "vault:tenants/isp-west/netbox/api-token"
            .parse()
            .expect("a reference");
        assert_eq!(
            (found.path().as_str(), found.field()),
            ("tenants/isp-west/netbox/api-token", "value")
        );
        assert_eq!(found.to_string(), "vault:tenants/isp-west/netbox/api-token#value");
        let found: SecretRef = "vault:x#api_token".parse().expect("a reference");
        assert_eq!((found.path().as_str(), found.field()), ("x", "api_token"));
    }

    #[test]
    fn nothing_but_plain_paths_is_taken() {
        for text in [
            "",
            "vault:",
            "vault:/x",
            "vault:x/",
            "vault:x//y",
            "vault:x/../y",
            "vault:..",
            "vault:./x",
            "vault:x#",
            "vault:x#a#b",
            "vault:x y",
            "vault:x%2fy",
            "vault:x?version=1",
            "Vault:x",
            "x",
            "vault:\u{e9}",
        ] {
            assert_eq!(text.parse::<SecretRef>(), Err(NotAReference), "{text}");
        }
        assert!(
            format!("vault:{}", "x".repeat(OCTETS_MAX))
                .parse::<SecretRef>()
                .is_err()
        );
    }

    #[test]
    fn a_partner_has_what_is_below_his_own_path() {
        for (text, his) in [
            ("vault:tenants/isp-west/netbox", true),
            ("vault:tenants/isp-west/a/b/c#d", true),
            ("vault:tenants/isp-west", false),
            ("vault:tenants/isp-west2/netbox", false),
            ("vault:tenants/isp-east/netbox", false),
            ("vault:platform/isp-west/netbox", false),
        ] {
            let found: SecretRef = text.parse().expect("a reference");
            assert_eq!(found.is_of_partner("isp-west"), his, "{text}");
        }
    }

    proptest! {
        /// Any text: refused, or a reference that reads back as itself and has no part that climbs.
        #[test]
        fn no_text_climbs(text in "(vault:)?[a-z0-9./#_%-]{0,30}") {
            if let Ok(found) = text.parse::<SecretRef>() {
                prop_assert_eq!(found.to_string().parse::<SecretRef>(), Ok(found.clone()));
                prop_assert!(found.parts().all(|part| !part.is_empty() && part != "." && part != ".."));
            }
        }
    }
}
