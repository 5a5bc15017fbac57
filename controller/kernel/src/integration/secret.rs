//! What is shown to a system to be let in: kept sealed, or as a reference that is read at use.
//! Never given back to who asks the API, never in the audit, never in a log.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::connection::ConnectError;
use super::settings::{Integration, VaultAuth};
use super::system::System;
use super::{Integrations, VAULTS_MAX, store};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::PartnerId;
use crate::op::OpContext;
use crate::outbound::{LineKey, Place};
use crate::secrets::Redacted;
use crate::vault::reference::partner_prefix;
use crate::vault::{Credential, Freshness, Login, SecretRef, Vault, VaultPlace};

/// The longest secret, in octets.
const SECRET_OCTETS_MAX: usize = 8 * 1024;

/// A secret as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretShown {
    /// The system's word for it.
    pub name: String,
    /// Where it is read at use; `None`: it is kept here, sealed.
    pub reference: Option<String>,
    /// Since when it is what it is here.
    pub set_at: OffsetDateTime,
}

/// A secret to be set.
#[derive(Debug, Clone)]
pub enum NewSecret {
    /// To be sealed and kept here.
    Value(Redacted<Zeroizing<String>>),
    /// To be read at use.
    Reference(String),
}

/// How old a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretAge {
    /// Of which system.
    pub system: System,
    /// The secret.
    pub secret: SecretShown,
}

/// A secret as it is stored.
pub(super) struct SecretRow {
    /// The system's word for it.
    pub name: String,
    /// The sealed value.
    pub sealed: Option<String>,
    /// Or the reference.
    pub reference: Option<String>,
}

/// Secrets of one system, read for a call.
pub struct Secrets {
    /// By the system's word.
    values: BTreeMap<String, Zeroizing<String>>,
    /// How fresh those are that were read elsewhere.
    pub freshness: BTreeMap<String, Freshness>,
}

impl Secrets {
    /// A secret.
    pub fn get(&self, name: &str) -> Option<&Zeroizing<String>> {
        self.values.get(name)
    }
}

/// The context a secret is sealed for.
pub(super) fn context(partner: PartnerId, system: System, name: &str) -> String {
    format!("integration:{partner}:{system}:{name}")
}

impl Integrations {
    /// Sets a secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the system is not configured or has no such secret; [`Error::Invalid`].
    pub async fn secret_put(
        &self,
        op: &OpContext,
        system: System,
        name: &str,
        new: NewSecret,
    ) -> Result<SecretShown, Error> {
        let partner = op.require_partner()?;
        let name = known(system, name)?;
        let mut tx = self.db.begin(op).await?;
        let (sealed, reference) = match &new {
            NewSecret::Value(value) => {
                check_value(value.reveal())?;
                let context = context(partner, system, name);
                let sealed = self.sealer.seal(&context, value.reveal().as_bytes())?;
                (Some(sealed), None)
            }
            NewSecret::Reference(text) => {
                let reference: SecretRef = text.parse().map_err(|rule: crate::vault::NotAReference| {
                    Error::invalid("/reference", rule.to_string())
                })?;
                if system == System::Vault {
                    let why = "a vault's own credential cannot be kept in a vault";
                    return Err(Error::invalid("/reference", why));
                }
                let slug = store::partner_slug_in_tx(&mut tx, op).await?;
                let own = store::integration_fetch_in_tx(&mut tx, op, System::Vault).await?;
                let own = own.is_some_and(|vault| vault.enabled);
                if !own && self.platform.is_none() {
                    let why =
                        "there is no vault: configure the integration vault, or ask the platform's operator";
                    return Err(Error::invalid("/reference", why));
                }
                if !own && !reference.is_of_partner(&slug) {
                    let why = format!(
                        "in the platform's vault yours are below {}",
                        partner_prefix(&slug)
                    );
                    return Err(Error::invalid("/reference", why));
                }
                (None, Some(reference.to_string()))
            }
        };
        let row = SecretRow {
            name: name.to_owned(),
            sealed,
            reference,
        };
        if store::integration_fetch_in_tx(&mut tx, op, system)
            .await?
            .is_none()
        {
            return Err(Error::not_found("integration", system));
        }
        let set_at = store::secret_put_in_tx(&mut tx, op, system, &row).await?;
        let entry = Entry::ok("integration.secret.set", "integration")
            .object(system, system.name())
            .after(json!({ "name": name, "reference": row.reference }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(SecretShown {
            name: row.name,
            reference: row.reference,
            set_at,
        })
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn secret_remove(&self, op: &OpContext, system: System, name: &str) -> Result<(), Error> {
        let name = known(system, name)?;
        let mut tx = self.db.begin(op).await?;
        if !store::secret_delete_in_tx(&mut tx, op, system, name).await? {
            return Err(Error::not_found("secret", name));
        }
        let entry = Entry::ok("integration.secret.remove", "integration")
            .object(system, system.name())
            .before(json!({ "name": name }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All secrets of all systems of the partner, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn secret_ages(&self, op: &OpContext) -> Result<Vec<SecretAge>, Error> {
        let all = self.integration_list(op).await?;
        let mut ages: Vec<_> = all
            .into_iter()
            .flat_map(|integration| {
                let system = integration.system;
                integration
                    .secrets
                    .into_iter()
                    .map(move |secret| SecretAge { system, secret })
            })
            .collect();
        ages.sort_by_key(|age| age.secret.set_at);
        Ok(ages)
    }

    /// Reads the secrets of a system for a call.
    pub(super) async fn secrets(
        &self,
        op: &OpContext,
        system: System,
        slug: &str,
        rows: Vec<SecretRow>,
        own_vault: Option<&Integration>,
        own_vault_secrets: Vec<SecretRow>,
    ) -> Result<Secrets, ConnectError> {
        let partner = op.require_partner().map_err(ConnectError::Other)?;
        let mut secrets = Secrets {
            values: BTreeMap::new(),
            freshness: BTreeMap::new(),
        };
        let wants_vault = rows.iter().any(|row| row.reference.is_some());
        let vault = match wants_vault {
            true => Some(self.vault(partner, own_vault, &own_vault_secrets)?),
            false => None,
        };
        for row in rows {
            let value = match (&row.sealed, &row.reference, &vault) {
                (Some(sealed), _, _) => self.opened(partner, system, &row.name, sealed)?,
                (None, Some(reference), Some((vault, is_own))) => {
                    let reference: SecretRef = reference.parse().map_err(|_| ConnectError::NotYours {
                        reference: reference.clone(),
                    })?;
                    // Looked at again: the partner may have had a vault of his own when it was written.
                    if !is_own && !reference.is_of_partner(slug) {
                        return Err(ConnectError::NotYours {
                            reference: reference.to_string(),
                        });
                    }
                    let found = vault.read(&reference).await.map_err(ConnectError::Vault)?;
                    secrets.freshness.insert(row.name.clone(), found.freshness);
                    found.value
                }
                _ => continue,
            };
            secrets.values.insert(row.name, value);
        }
        Ok(secrets)
    }

    /// Opens a sealed secret.
    fn opened(
        &self,
        partner: PartnerId,
        system: System,
        name: &str,
        sealed: &str,
    ) -> Result<Zeroizing<String>, ConnectError> {
        let clear = self
            .sealer
            .open(&context(partner, system, name), sealed)
            .map_err(|error| ConnectError::Other(error.into()))?;
        // It was text when it was sealed.
        let text = std::str::from_utf8(&clear).unwrap_or_default();
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The vault a partner's references are read from, and whether it is his own.
    fn vault(
        &self,
        partner: PartnerId,
        own: Option<&Integration>,
        secrets: &[SecretRow],
    ) -> Result<(Arc<Vault>, bool), ConnectError> {
        if let Some(own) = own.filter(|own| own.enabled) {
            return Ok((self.own_vault(partner, own, secrets)?, true));
        }
        let platform = self.platform.as_ref().ok_or(ConnectError::NoVault)?;
        let vault = self.vault_at(None, &platform.place, platform.vault.clone())?;
        Ok((vault, false))
    }

    /// A partner's own vault.
    pub(super) fn own_vault(
        &self,
        partner: PartnerId,
        own: &Integration,
        secrets: &[SecretRow],
    ) -> Result<Arc<Vault>, ConnectError> {
        let options = own.vault_options().map_err(|_| ConnectError::NotConfigured {
            system: System::Vault,
        })?;
        let credential = |name: &'static str| {
            let sealed = secrets
                .iter()
                .find(|row| row.name == name)
                .and_then(|row| row.sealed.as_deref())
                .ok_or(ConnectError::NoSecret {
                    system: System::Vault,
                    name,
                })?;
            self.opened(partner, System::Vault, name, sealed)
                .map(|text| Credential::Text(Redacted::new(text)))
        };
        let login = match (options.auth, options.role_id) {
            (VaultAuth::Approle, Some(role_id)) => Login::AppRole {
                role_id,
                secret_id: credential("secret_id")?,
            },
            _ => Login::Token(credential("token")?),
        };
        let place = VaultPlace {
            mount: options.mount,
            namespace: options.namespace,
            login,
        };
        self.vault_at(Some(partner), &self.place(own)?, place)
    }

    /// The vault for this partner at this place, with what is known of it already when it is the same.
    fn vault_at(
        &self,
        partner: Option<PartnerId>,
        place: &Place,
        wanted: VaultPlace,
    ) -> Result<Arc<Vault>, ConnectError> {
        let key = LineKey {
            partner,
            system: System::Vault.as_str(),
        };
        let line = self.lines.line(key, place).map_err(ConnectError::Call)?;
        let mut vaults = self.vaults.lock();
        if let Some(known) = vaults.get(&partner)
            && Arc::ptr_eq(known.line(), &line)
            && *known.place() == wanted
        {
            return Ok(Arc::clone(known));
        }
        let vault = Arc::new(Vault::new(line, wanted));
        if vaults.len() >= VAULTS_MAX {
            // Which one goes matters little: it logs in again when it is next used.
            let any = vaults.keys().next().copied();
            any.and_then(|any| vaults.remove(&any));
        }
        vaults.insert(partner, Arc::clone(&vault));
        Ok(vault)
    }
}

/// A secret this system has.
fn known(system: System, name: &str) -> Result<&'static str, Error> {
    system
        .secrets()
        .iter()
        .copied()
        .find(|known| *known == name)
        .ok_or_else(|| Error::not_found("secret", name))
}

/// Refuses what can be no secret.
fn check_value(value: &str) -> Result<(), Error> {
    let good = (1..=SECRET_OCTETS_MAX).contains(&value.len()) && !value.chars().any(char::is_control);
    match good {
        true => Ok(()),
        false => Err(Error::invalid(
            "/value",
            format!("use 1 to {SECRET_OCTETS_MAX} octets without control characters"),
        )),
    }
}
