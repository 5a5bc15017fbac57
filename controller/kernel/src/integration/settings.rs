//! One partner's configuration of one system: what it says, what is allowed in it, how it is changed.
//! Never holds a secret; those are beside it, see [`super::secret`].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::secret::SecretShown;
use super::system::System;
use super::{Integrations, store};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::input::Input;
use crate::op::OpContext;
use crate::outbound::line::IN_FLIGHT_MAX;
use crate::outbound::{LineKey, Target};

/// The longest URL, in characters.
const URL_CHARS_MAX: usize = 255;
/// The longest name a partner has there, in characters.
const EXTERNAL_ID_CHARS_MAX: usize = 100;
/// The longest bundle of authorities, in octets.
const AUTHORITY_OCTETS_MAX: usize = 64 * 1024;
/// Times that can be set, in milliseconds.
const TIME_MS: std::ops::RangeInclusive<i32> = 100..=600_000;
/// Calls at a time that can be set.
const IN_FLIGHT: std::ops::RangeInclusive<i32> = 1..=200;
/// Calls a second that can be set.
const PER_SECOND: std::ops::RangeInclusive<i32> = 1..=10_000;
/// The longest option, in characters.
const OPTION_CHARS_MAX: usize = 200;

/// A configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// Of which system.
    pub system: System,
    /// Whether it is used.
    pub enabled: bool,
    /// Where it is; for a RADIUS server a host.
    pub url: String,
    /// Its port beside the URL, where it has one.
    pub port: Option<u16>,
    /// Who the partner is there.
    pub external_id: Option<String>,
    /// The only authorities believed there, PEM.
    pub authority: Option<String>,
    /// What only this system has.
    pub options: Value,
    /// How long a look at its health may take, in milliseconds.
    pub health_ms: i32,
    /// How long a question may take, in milliseconds.
    pub read_ms: i32,
    /// How long a change may take, in milliseconds.
    pub write_ms: i32,
    /// Calls at a time.
    pub in_flight_max: i32,
    /// Calls a second.
    pub per_second_max: Option<i32>,
    /// What is shown there; never the value.
    pub secrets: Vec<SecretShown>,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// A change; what is absent stays. The first one needs a URL.
#[derive(Debug, Clone, Default)]
pub struct IntegrationChange {
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// Where it is.
    pub url: Option<String>,
    /// Its port beside the URL.
    pub port: Option<Option<u16>>,
    /// Who the partner is there.
    pub external_id: Option<Option<String>>,
    /// The only authorities believed there, PEM.
    pub authority: Option<Option<String>>,
    /// What only this system has; replaces all of it.
    pub options: Option<Value>,
    /// How long a look at its health may take, in milliseconds.
    pub health_ms: Option<i32>,
    /// How long a question may take, in milliseconds.
    pub read_ms: Option<i32>,
    /// How long a change may take, in milliseconds.
    pub write_ms: Option<i32>,
    /// Calls at a time.
    pub in_flight_max: Option<i32>,
    /// Calls a second.
    pub per_second_max: Option<Option<i32>>,
}

/// How one logs in to a partner's vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VaultAuth {
    /// With the secret `token`.
    Token,
    /// As a role, with the secret `secret_id`.
    Approle,
}

/// What only a vault has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultOptions {
    /// Where its key-value engine (version 2) is mounted.
    #[serde(default = "mount_default")]
    pub mount: String,
    /// Its namespace, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// How one logs in.
    #[serde(default = "auth_default")]
    pub auth: VaultAuth,
    /// The role's id, for `approle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
}

/// Where vaults mount it when nobody says otherwise.
fn mount_default() -> String {
    "secret".to_owned()
}

/// The way without anything else to set up.
const fn auth_default() -> VaultAuth {
    VaultAuth::Token
}

impl Integration {
    /// What a system has before anything was said: not in use, and the patience that suits it.
    fn new(system: System, url: String) -> Self {
        Self {
            system,
            enabled: false,
            url,
            port: system.port_default(),
            external_id: None,
            authority: None,
            options: json!({}),
            health_ms: 2_000,
            read_ms: 10_000,
            write_ms: 60_000,
            in_flight_max: i32::try_from(IN_FLIGHT_MAX).unwrap_or(*IN_FLIGHT.end()),
            per_second_max: None,
            secrets: Vec::new(),
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    /// The options of a vault.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn vault_options(&self) -> Result<VaultOptions, String> {
        let options: VaultOptions =
            serde_json::from_value(self.options.clone()).map_err(|error| error.to_string())?;
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= OPTION_CHARS_MAX
                && text.bytes().all(|octet| octet.is_ascii_graphic())
        };
        let mount = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !plain(&options.mount) || !options.mount.split('/').all(mount) {
            return Err("mount: use a path such as secret or kv/isp".to_owned());
        }
        if options.namespace.as_deref().is_some_and(|text| !plain(text)) {
            return Err("namespace: use plain text without blanks".to_owned());
        }
        match (options.auth, options.role_id.as_deref()) {
            (VaultAuth::Approle, Some(role)) if plain(role) => Ok(options),
            (VaultAuth::Approle, _) => Err("role_id: approle needs the role's id".to_owned()),
            (VaultAuth::Token, None) => Ok(options),
            (VaultAuth::Token, Some(_)) => Err("role_id: only approle has one".to_owned()),
        }
    }

    /// Where it is, as a target; a host becomes one by its port.
    pub(super) fn target(&self) -> Result<Target, crate::outbound::TargetError> {
        match self.system.is_host() {
            // The scheme is not used; it makes a host and a port readable by the one reader of places.
            true => Target::parse(&format!("http://{}/", bracketed(&self.url))),
            false => Target::parse(&self.url),
        }
    }

    /// This one with a change.
    fn changed(mut self, change: IntegrationChange) -> Self {
        let IntegrationChange {
            enabled,
            url,
            port,
            external_id,
            authority,
            options,
            health_ms,
            read_ms,
            write_ms,
            in_flight_max,
            per_second_max,
        } = change;
        self.enabled = enabled.unwrap_or(self.enabled);
        self.url = url.unwrap_or(self.url);
        // Taken away is the usual one where there is a usual one.
        self.port = port.map_or(self.port, |port| port.or(self.system.port_default()));
        self.external_id = external_id.unwrap_or(self.external_id);
        self.authority = authority.unwrap_or(self.authority);
        self.options = options.unwrap_or(self.options);
        self.health_ms = health_ms.unwrap_or(self.health_ms);
        self.read_ms = read_ms.unwrap_or(self.read_ms);
        self.write_ms = write_ms.unwrap_or(self.write_ms);
        self.in_flight_max = in_flight_max.unwrap_or(self.in_flight_max);
        self.per_second_max = per_second_max.unwrap_or(self.per_second_max);
        self
    }

    /// Notes what is wrong with it.
    fn check(&self, input: &mut Input, reach: &crate::outbound::Reach) {
        if self.url.chars().count() > URL_CHARS_MAX {
            input.wrong("/url", format!("use at most {URL_CHARS_MAX} characters"));
        }
        match self.target() {
            Err(error) if self.system.is_host() => {
                input.wrong("/url", format!("use a host name or an address ({error})"));
            }
            Err(error) => input.wrong("/url", error.to_string()),
            Ok(target) if self.system.is_host() && !is_bare(&self.url, &target) => {
                input.wrong("/url", "use a host name or an address and nothing else");
            }
            Ok(target) => {
                if let Err(error) = reach.check_literal(&target) {
                    input.wrong("/url", error.to_string());
                }
            }
        }
        if self.port.is_some() && self.system.port_default().is_none() {
            input.wrong(
                "/port",
                format!("{} has no port beside its URL", self.system.name()),
            );
        }
        if self.port == Some(0) {
            input.wrong("/port", "use a port from 1 to 65535");
        }
        let external = self.external_id.as_deref().unwrap_or("-");
        if !(1..=EXTERNAL_ID_CHARS_MAX).contains(&external.chars().count())
            || external.chars().any(char::is_control)
        {
            input.wrong(
                "/external_id",
                format!("use 1 to {EXTERNAL_ID_CHARS_MAX} characters, or null"),
            );
        }
        if let Some(pem) = &self.authority {
            let parsed = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            let good = pem.len() <= AUTHORITY_OCTETS_MAX && parsed.is_ok_and(|found| !found.is_empty());
            if !good || pem.contains("PRIVATE KEY") {
                input.wrong(
                    "/authority",
                    "use certificates in PEM, without keys, at most 64 KiB",
                );
            }
        }
        match self.system {
            System::Vault => {
                if let Err(why) = self.vault_options() {
                    input.wrong("/options", why);
                }
            }
            _ if self.options != json!({}) => {
                input.wrong("/options", format!("{} has no options", self.system.name()));
            }
            _ => {}
        }
        for (pointer, value, range) in [
            ("/health_ms", self.health_ms, TIME_MS),
            ("/read_ms", self.read_ms, TIME_MS),
            ("/write_ms", self.write_ms, TIME_MS),
            ("/in_flight_max", self.in_flight_max, IN_FLIGHT),
            ("/per_second_max", self.per_second_max.unwrap_or(1), PER_SECOND),
        ] {
            if !range.contains(&value) {
                input.wrong(
                    pointer,
                    format!("use a number from {} to {}", range.start(), range.end()),
                );
            }
        }
    }

    /// What the audit shows of it.
    fn shown(&self) -> Value {
        json!({
            "enabled": self.enabled, "url": self.url, "port": self.port, "external_id": self.external_id,
            "authority": self.authority.is_some(), "options": self.options, "health_ms": self.health_ms,
            "read_ms": self.read_ms, "write_ms": self.write_ms, "in_flight_max": self.in_flight_max,
            "per_second_max": self.per_second_max,
        })
    }
}

impl Integrations {
    /// All that are configured, by system.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn integration_list(&self, op: &OpContext) -> Result<Vec<Integration>, Error> {
        let mut tx = self.db.begin(op).await?;
        store::integration_list_in_tx(&mut tx, op).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not configured.
    pub async fn integration_fetch(&self, op: &OpContext, system: System) -> Result<Integration, Error> {
        let mut tx = self.db.begin(op).await?;
        store::integration_fetch_in_tx(&mut tx, op, system)
            .await?
            .ok_or_else(|| Error::not_found("integration", system))
    }

    /// Changes one, or begins one.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn integration_change(
        &self,
        op: &OpContext,
        system: System,
        change: IntegrationChange,
    ) -> Result<Integration, Error> {
        let mut tx = self.db.begin(op).await?;
        let before = store::integration_fetch_in_tx(&mut tx, op, system).await?;
        let from = match (&before, &change.url) {
            (Some(before), _) => before.clone(),
            (None, Some(url)) => Integration::new(system, url.clone()),
            (None, None) => {
                return Err(Error::invalid("/url", format!("say where {} is", system.name())));
            }
        };
        let after = from.changed(change);
        let mut input = Input::new();
        after.check(&mut input, self.lines.reach());
        input.finish()?;
        store::integration_put_in_tx(&mut tx, op, &after).await?;
        let mut entry = Entry::ok("integration.change", "integration")
            .object(system, system.name())
            .after(after.shown());
        if let Some(before) = before {
            entry = entry.before(before.shown());
        }
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.integration_fetch(op, system).await
    }

    /// Removes one with its secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not configured.
    pub async fn integration_remove(&self, op: &OpContext, system: System) -> Result<(), Error> {
        let partner = op.require_partner()?;
        let mut tx = self.db.begin(op).await?;
        let before = store::integration_fetch_in_tx(&mut tx, op, system)
            .await?
            .ok_or_else(|| Error::not_found("integration", system))?;
        store::integration_delete_in_tx(&mut tx, op, system).await?;
        let entry = Entry::ok("integration.remove", "integration")
            .object(system, system.name())
            .before(before.shown());
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.lines.forget(LineKey {
            partner: Some(partner),
            system: system.as_str(),
        });
        if system == System::Vault {
            self.vaults.lock().remove(&Some(partner));
        }
        Ok(())
    }
}

/// A host as it stands in a URL.
pub(super) fn bracketed(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

/// Whether a text is the host of a target and nothing more.
fn is_bare(text: &str, target: &Target) -> bool {
    target.url().path() == "/"
        && target.url().port().is_none()
        && !text.contains(['/', '?', '#', '@', '\\'])
        && (text.parse::<std::net::IpAddr>().is_ok() || !text.contains([':', '[', ']']))
}
