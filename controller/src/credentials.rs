//! The credentials file of one person: which server, which token, which partner by default.
//! Never holds a password. Written by `headend login`, mode 0600, removed by `headend logout`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::secret;

/// What `headend login` remembers.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The session token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The partner meant when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
}

/// Where the file is: `HEADEND_CREDENTIALS`, else below `XDG_CONFIG_HOME`, else below `~/.config`.
pub fn path() -> Option<PathBuf> {
    let given = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    given("HEADEND_CREDENTIALS")
        .or_else(|| given("XDG_CONFIG_HOME").map(|dir| dir.join("headend/credentials.toml")))
        .or_else(|| given("HOME").map(|home| home.join(".config/headend/credentials.toml")))
}

impl Credentials {
    /// Reads the file; nothing there is nothing remembered.
    ///
    /// # Errors
    /// When the file is there and cannot be read or understood.
    pub fn load() -> Result<Credentials, Failure> {
        let Some(path) = path() else {
            return Ok(Credentials::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|_| {
                Failure::usage(format!("{} is not a credentials file", path.display()))
                    .next("remove it and run headend login")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Credentials::default()),
            Err(error) => Err(Failure::file("read", &path, &error)),
        }
    }

    /// Writes the file and says where it is.
    ///
    /// # Errors
    /// When there is no place for it, or it cannot be written.
    pub fn store(&self) -> Result<PathBuf, Failure> {
        let path = path().ok_or_else(|| {
            Failure::usage("no place for the credentials file: neither HOME nor HEADEND_CREDENTIALS is set")
        })?;
        let text = toml::to_string(self).map_err(|error| Failure::usage(error.to_string()))?;
        secret::write_private(&path, &text).map_err(|error| Failure::file("write", &path, &error))?;
        Ok(path)
    }

    /// Removes the file, if it is there.
    ///
    /// # Errors
    /// When it is there and stays.
    pub fn forget(path: &Path) -> Result<(), Failure> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::file("remove", path, &error))
            }
            _ => Ok(()),
        }
    }
}
