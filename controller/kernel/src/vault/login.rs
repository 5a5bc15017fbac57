//! Who we are to a vault: a token, or a role with its secret. Read when it is needed, so that a file that was replaced
//! counts from the next login on.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::VaultError;
use crate::secrets::Redacted;

/// The longest credential, in octets.
const CREDENTIAL_OCTETS_MAX: usize = 4096;

/// A secret we show, or the file that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Itself.
    Text(Redacted<Zeroizing<String>>),
    /// In a file, a line.
    File(PathBuf),
}

impl Credential {
    /// The secret.
    ///
    /// # Errors
    /// [`VaultError::NoCredential`].
    pub fn read(&self) -> Result<Zeroizing<String>, VaultError> {
        use std::io::Read as _;
        let path = match self {
            Self::Text(text) => return Ok(text.reveal().clone()),
            Self::File(path) => path,
        };
        let missing = |source| VaultError::NoCredential {
            path: path.display().to_string(),
            source,
        };
        let mut text = Zeroizing::new(String::with_capacity(CREDENTIAL_OCTETS_MAX + 1));
        std::fs::File::open(path)
            .and_then(|file| {
                file.take(CREDENTIAL_OCTETS_MAX as u64 + 1)
                    .read_to_string(&mut text)
            })
            .map_err(|source| missing(Some(source)))?;
        let found = Zeroizing::new(text.trim().to_owned());
        match (1..=CREDENTIAL_OCTETS_MAX).contains(&found.len()) {
            true => Ok(found),
            false => Err(missing(None)),
        }
    }
}

/// How we log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// With a token somebody made for us.
    Token(Credential),
    /// As a role: an id anybody may know and a secret.
    AppRole {
        /// The role's id.
        role_id: String,
        /// Its secret.
        secret_id: Credential,
    },
}

impl Login {
    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::AppRole { .. } => "approle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_is_needed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let credential = Credential::File(path.clone());
        assert!(matches!(
            credential.read(),
            Err(VaultError::NoCredential { source: Some(_), .. })
        ));
        for (content, read) in [("one\n", Some("one")), ("  two ", Some("two")), ("\n", None)] {
            std::fs::write(&path, content).expect("writes");
            assert_eq!(credential.read().ok().as_deref().map(String::as_str), read);
        }
        std::fs::write(&path, "x".repeat(CREDENTIAL_OCTETS_MAX + 1)).expect("writes");
        assert!(credential.read().is_err());
    }

    #[test]
    fn a_credential_is_not_shown() {
        let login = Login::AppRole {
            role_id: "role".to_owned(),
            secret_id: Credential::Text(Redacted::new(Zeroizing::new("hush".to_owned()))),
        };
        assert!(!format!("{login:?}").contains("hush"));
    }
}
