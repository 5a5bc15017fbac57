//! `module.toml`: what this module is called, offers, needs and asks permission for; checked at every start.
//! Never grants anything: the kernel's list of permissions is the only one, this must fit into it.

use std::collections::BTreeSet;

use kernel::authz::Permission;
use serde::Deserialize;

/// The file, as it was when this was built.
const TEXT: &str = include_str!("../module.toml");

/// What the module declares.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name, and the prefix of its metrics.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The database schema it owns.
    pub schema: String,
    /// What others may ask of it.
    pub provides: Vec<String>,
    /// What it needs from others.
    pub consumes: Vec<String>,
    /// The permissions its routes ask for.
    pub permissions: Vec<String>,
}

/// Why the declaration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no TOML, or has unknown or missing keys.
    #[error("module.toml of the access module cannot be read")]
    Unreadable(#[from] toml::de::Error),
    /// It was not changed along with the crate.
    #[error("module.toml says {found}, this is {expected}")]
    Differs {
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// It asks for a permission nobody can have.
    #[error("module.toml asks for the permission {name}, which the kernel does not know")]
    UnknownPermission {
        /// The permission.
        name: String,
    },
    /// A route asks for a permission that is not declared, or one is declared that no route asks for.
    #[error("the permissions in module.toml and those of the routes differ: {difference}")]
    Permissions {
        /// In what.
        difference: String,
    },
}

impl Manifest {
    /// Reads the declaration and checks it against this crate and the permissions its routes ask for.
    ///
    /// # Errors
    /// [`ManifestError`], each a mistake made before this was built.
    pub fn load(asked: &BTreeSet<&'static str>) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(TEXT)?;
        let (found, expected) = (
            format!("{} {}", manifest.name, manifest.version),
            format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        );
        if found != expected {
            return Err(ManifestError::Differs { found, expected });
        }
        if let Some(name) = manifest
            .permissions
            .iter()
            .find(|name| name.parse::<Permission>().is_err())
        {
            return Err(ManifestError::UnknownPermission { name: name.clone() });
        }
        let declared: BTreeSet<&str> = manifest.permissions.iter().map(String::as_str).collect();
        let differing: Vec<&str> = declared.symmetric_difference(asked).copied().collect();
        if !differing.is_empty() {
            return Err(ManifestError::Permissions {
                difference: differing.join(", "),
            });
        }
        Ok(manifest)
    }
}
