//! Servers of others: where partners' URLs may lead, and the platform's vault.
//! Never holds a secret: of the vault it knows the files that have one.

use std::path::PathBuf;

use ipnet::IpNet;
use kernel::integration::PlatformVault;
use kernel::outbound::{LineRules, Place, Target};
use kernel::vault::{Credential, Login, VaultPlace};

use super::{ConfigError, Layers};

/// What the program may connect to when a partner names the place.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Networks partners' URLs may lead to beside what is public, at most 64. Default: none.
    pub allow: Vec<IpNet>,
}

/// The platform's vault: Vault or OpenBao.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Its URL. Default: none, and there is none.
    pub url: Target,
    /// Where its key-value engine (version 2) is mounted. Default: `secret`.
    pub mount: String,
    /// Its namespace. Default: none.
    pub namespace: Option<String>,
    /// Who we are to it: `token_file`, or `role_id` with `secret_id_file`. The files are read at each log-in.
    pub login: Login,
    /// PEM file with the only authorities believed there. Default: those of the machine.
    pub authority: Option<PathBuf>,
}

impl Vault {
    /// The same as the kernel wants it.
    ///
    /// # Errors
    /// When the file with the authorities cannot be read.
    pub fn platform(&self) -> std::io::Result<PlatformVault> {
        let authority = self.authority.as_ref().map(std::fs::read_to_string).transpose()?;
        Ok(PlatformVault {
            place: Place {
                base: self.url.clone(),
                authority,
                rules: LineRules::default(),
            },
            vault: VaultPlace {
                mount: self.mount.clone(),
                namespace: self.namespace.clone(),
                login: self.login.clone(),
            },
        })
    }

    /// The platform's vault, when there is one.
    pub(super) fn from_layers(layers: &Layers) -> Result<Option<Vault>, ConfigError> {
        let others = [
            "vault.mount",
            "vault.namespace",
            "vault.token_file",
            "vault.role_id",
            "vault.secret_id_file",
            "vault.authority",
        ];
        let Some(url) = layers.text("vault.url")? else {
            let alone = others.into_iter().find(|key| layers.given(key).is_some());
            return alone.map_or(Ok(None), |key| {
                Err(layers.refuse(key, "vault.url beside it: without it there is no vault"))
            });
        };
        let url = Target::parse(&url).map_err(|error| layers.refuse("vault.url", &error.to_string()))?;
        let credentials = (
            layers.path("vault.token_file")?,
            layers.text("vault.role_id")?,
            layers.path("vault.secret_id_file")?,
        );
        let login = match credentials {
            (Some(file), None, None) => Login::Token(Credential::File(file)),
            (None, Some(role_id), Some(file)) => Login::AppRole {
                role_id,
                secret_id: Credential::File(file),
            },
            _ => {
                let allowed = "vault.token_file beside it, or vault.role_id and vault.secret_id_file";
                return Err(layers.refuse("vault.url", allowed));
            }
        };
        Ok(Some(Vault {
            url,
            mount: layers.text("vault.mount")?.unwrap_or_else(|| "secret".to_owned()),
            namespace: layers.text("vault.namespace")?,
            login,
            authority: layers.path("vault.authority")?,
        }))
    }
}
