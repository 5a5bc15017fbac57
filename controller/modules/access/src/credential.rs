//! What a row of radcheck says about a password, as the access plane takes it, and the other way round.
//! Never seals or opens anything; what it is given is clear.
//!
//! FreeRADIUS's attributes are taken as its own tools write them, so that its rows can be copied as they are.

use radius_server::directory::{Credential, Secret};
use radius_server::password_hash::{self, HashError, HashKind, PasswordHash};

/// The attribute of a password in the clear; what we store reversibly.
pub const CLEARTEXT_PASSWORD: &str = "Cleartext-Password";
/// The attribute of an Argon2id hash.
pub const ARGON2_PASSWORD: &str = "Argon2-Password";
/// The attribute of an NT hash.
pub const NT_PASSWORD: &str = "NT-Password";
/// The attribute of what crypt(3) makes.
pub const CRYPT_PASSWORD: &str = "Crypt-Password";

/// Every attribute that says something about a password. Of several that a user name has the first one here counts, and of
/// its rows the newest: what serves more methods stands first.
///
/// [`crate::store::roll`] names them, too.
pub const ATTRIBUTES: [&str; 10] = [
    CLEARTEXT_PASSWORD,
    "User-Password",
    NT_PASSWORD,
    ARGON2_PASSWORD,
    CRYPT_PASSWORD,
    "SSHA-Password",
    "SMD5-Password",
    "SHA-Password",
    "MD5-Password",
    "Password-With-Header",
];

/// The same as SQL takes it.
#[must_use]
pub fn attributes() -> Vec<String> {
    ATTRIBUTES.map(str::to_owned).to_vec()
}

/// A value is of no use. No variant holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// It is no hash, or one that would take too long.
    #[error("{attribute} cannot be used")]
    Hash {
        /// The attribute.
        attribute: &'static str,
        /// Why.
        #[source]
        source: HashError,
    },
    /// An NT hash has 16 octets.
    #[error("{attribute} is no NT hash: 32 hexadecimal digits, or base64 of 16 octets")]
    NtHash {
        /// The attribute.
        attribute: &'static str,
    },
    /// It is no text.
    #[error("{attribute} is no text")]
    NotText {
        /// The attribute.
        attribute: &'static str,
    },
    /// The attribute says nothing about passwords.
    #[error("the attribute says nothing about a password")]
    Attribute,
}

/// What an attribute with a clear value says.
///
/// # Errors
/// Why the value is of no use.
pub fn read(attribute: &str, value: &[u8]) -> Result<Credential, CredentialError> {
    let Some(attribute) = ATTRIBUTES.into_iter().find(|known| *known == attribute) else {
        return Err(CredentialError::Attribute);
    };
    if matches!(attribute, CLEARTEXT_PASSWORD | "User-Password") {
        return Ok(Credential::Clear(Secret::new(value)));
    }
    let text = std::str::from_utf8(value)
        .map_err(|_| CredentialError::NotText { attribute })?
        .trim();
    let digest = |kind| {
        PasswordHash::of_digest(kind, text)
            .map(Credential::Hash)
            .map_err(|source| CredentialError::Hash { attribute, source })
    };
    match attribute {
        NT_PASSWORD => nt(attribute, text),
        "SSHA-Password" => digest(HashKind::Ssha1),
        "SMD5-Password" => digest(HashKind::Smd5),
        "SHA-Password" => digest(HashKind::Sha1),
        "MD5-Password" => digest(HashKind::Md5),
        "Password-With-Header" => with_header(attribute, text),
        _ => PasswordHash::parse(text)
            .map(Credential::Hash)
            .map_err(|source| CredentialError::Hash { attribute, source }),
    }
}

/// An NT hash.
fn nt(attribute: &'static str, text: &str) -> Result<Credential, CredentialError> {
    password_hash::nt_hash(text)
        .map(Credential::NtHash)
        .ok_or(CredentialError::NtHash { attribute })
}

/// A value whose beginning says what it is: `{crypt}$6$...`, `{nt}...`, `{clear}...`, `{SSHA}...`; without one it is clear.
fn with_header(attribute: &'static str, text: &str) -> Result<Credential, CredentialError> {
    let Some((header, rest)) = text.strip_prefix('{').and_then(|behind| behind.split_once('}')) else {
        return Ok(Credential::Clear(Secret::from(text)));
    };
    let header = header.to_ascii_uppercase();
    let whole = match header.as_str() {
        "CLEAR" | "CLEARTEXT" => return Ok(Credential::Clear(Secret::from(rest))),
        "NT" | "NTHASH" | "X-NTHASH" | "X-NT" => return nt(attribute, rest),
        "CRYPT" | "ARGON2" => rest.to_owned(),
        _ => format!("{{{header}}}{rest}"),
    };
    // Of what stands behind a header FreeRADIUS reads digits, too.
    let parsed = match HashKind::of(&whole) {
        Some(kind @ (HashKind::Md5 | HashKind::Smd5 | HashKind::Sha1 | HashKind::Ssha1)) => {
            PasswordHash::of_digest(kind, rest)
        }
        _ => PasswordHash::parse(&whole),
    };
    parsed
        .map(Credential::Hash)
        .map_err(|source| CredentialError::Hash { attribute, source })
}

/// The attribute under which a credential is stored, and its value; `None` for no credential.
#[must_use]
pub fn write(credential: &Credential) -> Option<(&'static str, Vec<u8>)> {
    Some(match credential {
        Credential::None => return None,
        Credential::Clear(password) => (CLEARTEXT_PASSWORD, password.expose().to_vec()),
        Credential::NtHash(hash) => {
            let digits: String = hash.octets().iter().map(|octet| format!("{octet:02x}")).collect();
            (NT_PASSWORD, digits.into_bytes())
        }
        Credential::Hash(hash) => {
            let attribute = match hash.kind() {
                HashKind::Argon2id => ARGON2_PASSWORD,
                HashKind::Bcrypt | HashKind::Sha512Crypt | HashKind::Sha256Crypt | HashKind::Md5Crypt => {
                    CRYPT_PASSWORD
                }
                HashKind::Md5 => "MD5-Password",
                HashKind::Smd5 => "SMD5-Password",
                HashKind::Sha1 => "SHA-Password",
                HashKind::Ssha1 => "SSHA-Password",
            };
            (attribute, hash.expose().as_bytes().to_vec())
        }
    })
}

/// What people should know about a stored credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// `reversible`, `nt_hash`, `argon2id`, `bcrypt`, ...
    pub store: &'static str,
    /// The methods that work with it.
    pub methods: Vec<&'static str>,
    /// What a check costs, in words.
    pub check_cost: String,
}

/// Describes a credential; `None`: there is none.
#[must_use]
pub fn describe(credential: &Credential) -> Option<Described> {
    /// What carries the password itself.
    const CARRYING: [&str; 2] = ["PAP", "EAP-GTC"];
    match credential {
        Credential::None => None,
        Credential::Clear(_) => Some(Described {
            store: "reversible",
            methods: vec![
                "PAP",
                "CHAP",
                "MS-CHAP",
                "MS-CHAPv2",
                "EAP-MD5",
                "EAP-MSCHAPv2",
                "EAP-GTC",
            ],
            check_cost: "some microseconds; sealed at rest, clear in memory".to_owned(),
        }),
        Credential::NtHash(_) => Some(Described {
            store: "nt_hash",
            methods: vec!["PAP", "MS-CHAP", "MS-CHAPv2", "EAP-MSCHAPv2", "EAP-GTC"],
            check_cost: "some microseconds; who steals it can log in with MS-CHAP".to_owned(),
        }),
        Credential::Hash(hash) => Some(Described {
            store: hash.kind().as_str(),
            methods: CARRYING.to_vec(),
            check_cost: hash.cost(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radius::mschap::NtHash;

    #[test]
    fn rows_of_freeradius_are_read_as_they_are() {
        for (attribute, value, store) in [
            ("Cleartext-Password", "open sesame", "reversible"),
            ("User-Password", "open sesame", "reversible"),
            ("NT-Password", "0x8846f7eaee8fb117ad06bdd830b7586c", "nt_hash"),
            ("NT-Password", "8846F7EAEE8FB117AD06BDD830B7586C", "nt_hash"),
            (
                "Crypt-Password",
                "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
                "md5_crypt",
            ),
            ("MD5-Password", "54ef36ec71201fdf9d1423fd26f97f6b", "md5"),
            ("SMD5-Password", "OEuAlZfJKEc6Z58vD8ldPQECc2FsdA==", "smd5"),
            ("SHA-Password", "5bcaff7f22ff533ca099b3408ead876c0ebba9a7", "sha1"),
            ("SSHA-Password", "D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=", "ssha1"),
            (
                "Password-With-Header",
                "{ssha}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=",
                "ssha1",
            ),
            (
                "Password-With-Header",
                "{sha}5bcaff7f22ff533ca099b3408ead876c0ebba9a7",
                "sha1",
            ),
            (
                "Password-With-Header",
                "{crypt}$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
                "md5_crypt",
            ),
            (
                "Password-With-Header",
                "{nt}8846f7eaee8fb117ad06bdd830b7586c",
                "nt_hash",
            ),
            ("Password-With-Header", "{clear}open sesame", "reversible"),
            ("Password-With-Header", "open sesame", "reversible"),
        ] {
            let credential = read(attribute, value.as_bytes()).expect(value);
            assert_eq!(
                describe(&credential).expect("one").store,
                store,
                "{attribute} {value}"
            );
            let (attribute, value) = write(&credential).expect("one");
            assert_eq!(read(attribute, &value).expect("reads back"), credential);
        }
        let nt = read("NT-Password", b"8846f7eaee8fb117ad06bdd830b7586c").expect("a hash");
        assert_eq!(nt, Credential::NtHash(NtHash::of("password")));
    }

    #[test]
    fn what_is_of_no_use_says_so_and_not_what_it_is() {
        for (attribute, value) in [
            ("NT-Password", "secret"),
            ("Crypt-Password", "secret"),
            ("MD5-Password", "secret"),
            ("Password-With-Header", "{x}secret"),
            ("Framed-IP-Address", "secret"),
        ] {
            let refused = read(attribute, value.as_bytes()).expect_err(attribute);
            assert!(
                !format!("{refused} {refused:?}").contains("secret"),
                "{refused:?}"
            );
        }
    }
}
