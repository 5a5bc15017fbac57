//! A line to a partner's system, with the secrets it wants: all an adapter needs, or why there is nothing.
//! Never falls back to anything: not to another partner's, not to the platform's, not to a secret of before.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::secret::Secrets;
use super::settings::Integration;
use super::system::System;
use super::{Integrations, store};
use crate::error::Error;
use crate::op::OpContext;
use crate::outbound::{CallError, HttpLine, LineKey, LineRules, Place, Request};
use crate::vault::VaultError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody has configured it for this partner.
    #[error("{} is not configured for this partner", .system.name())]
    NotConfigured {
        /// Which.
        system: System,
    },
    /// It is configured and switched off.
    #[error("{} is not enabled for this partner", .system.name())]
    NotEnabled {
        /// Which.
        system: System,
    },
    /// What it wants to be shown was never set.
    #[error("{} has no {name} set", .system.name())]
    NoSecret {
        /// Which.
        system: System,
        /// The secret.
        name: &'static str,
    },
    /// A secret is a reference, and there is no vault.
    #[error("a secret is a reference, and neither this partner nor the platform has a vault")]
    NoVault,
    /// A reference leads to what is not the partner's.
    #[error("{reference} is not below this partner's own path")]
    NotYours {
        /// The reference.
        reference: String,
    },
    /// The vault does not give it.
    #[error(transparent)]
    Vault(VaultError),
    /// The line cannot be set up.
    #[error(transparent)]
    Call(CallError),
    /// The database or the sealing.
    #[error(transparent)]
    Other(Error),
}

impl From<ConnectError> for Error {
    fn from(source: ConnectError) -> Self {
        match source {
            ConnectError::Other(error) => error,
            ConnectError::Vault(error) => error.into(),
            ConnectError::Call(error) => error.into_unavailable("the integration"),
            refused => Self::conflict("integration", refused.to_string()),
        }
    }
}

/// A line to a partner's system.
pub struct Connection {
    /// How it is configured.
    pub integration: Integration,
    /// The way there.
    pub line: Arc<HttpLine>,
    /// What is shown there.
    pub secrets: Secrets,
}

impl Connection {
    /// A look at its health.
    pub fn health<'p>(&self, name: &'static str, path: impl IntoIterator<Item = &'p str>) -> Request {
        let within = milliseconds(self.integration.health_ms);
        self.authorized(Request::new(name, axum::http::Method::GET, path, within))
    }

    /// A question.
    pub fn question<'p>(&self, name: &'static str, path: impl IntoIterator<Item = &'p str>) -> Request {
        let within = milliseconds(self.integration.read_ms);
        self.authorized(Request::new(name, axum::http::Method::GET, path, within))
    }

    /// A change, by a method that says whether it may be sent twice.
    pub fn change<'p>(
        &self,
        name: &'static str,
        method: axum::http::Method,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Request {
        let within = milliseconds(self.integration.write_ms);
        self.authorized(Request::new(name, method, path, within))
    }

    /// Shows who we are, the way this system wants it.
    fn authorized(&self, request: Request) -> Request {
        let get = |name| self.secrets.get(name).map_or("", |secret| secret.as_str());
        let value = Zeroizing::new(match self.integration.system {
            System::Netbox => format!("Token {}", get("token")),
            System::Awx | System::Voltha => format!("Bearer {}", get("token")),
            System::Genieacs => {
                let pair = Zeroizing::new(format!("{}:{}", get("username"), get("password")));
                format!("Basic {}", BASE64.encode(pair.as_bytes()))
            }
            System::Radius | System::Vault => return request,
        });
        // GenieACS has no log-in of its own; most put one before it.
        let nothing = self.integration.system == System::Genieacs && get("username").is_empty();
        match nothing {
            true => request,
            false => request.secret_header(header::AUTHORIZATION, &value),
        }
    }
}

impl Integrations {
    /// A line to a partner's system, which has to be configured and enabled.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, op: &OpContext, system: System) -> Result<Connection, ConnectError> {
        let connection = self.prepare(op, system).await?;
        match connection.integration.enabled {
            true => Ok(connection),
            false => Err(ConnectError::NotEnabled { system }),
        }
    }

    /// The same before it is enabled, for a first try.
    pub(super) async fn prepare(&self, op: &OpContext, system: System) -> Result<Connection, ConnectError> {
        let partner = op.require_partner().map_err(ConnectError::Other)?;
        let mut tx = self.db.begin(op).await.map_err(ConnectError::Other)?;
        let integration = store::integration_fetch_in_tx(&mut tx, op, system)
            .await
            .map_err(ConnectError::Other)?
            .ok_or(ConnectError::NotConfigured { system })?;
        let (slug, rows) = (
            store::partner_slug_in_tx(&mut tx, op)
                .await
                .map_err(ConnectError::Other)?,
            store::secret_rows_in_tx(&mut tx, op, system)
                .await
                .map_err(ConnectError::Other)?,
        );
        let refers = rows.iter().any(|row| row.reference.is_some());
        let (vault, vault_rows) = match refers {
            true => (
                store::integration_fetch_in_tx(&mut tx, op, System::Vault)
                    .await
                    .map_err(ConnectError::Other)?,
                store::secret_rows_in_tx(&mut tx, op, System::Vault)
                    .await
                    .map_err(ConnectError::Other)?,
            ),
            false => (None, Vec::new()),
        };
        // Nothing of the database is held while somebody else's server is asked.
        drop(tx);
        let secrets = self
            .secrets(op, system, &slug, rows, vault.as_ref(), vault_rows)
            .await?;
        let key = LineKey {
            partner: Some(partner),
            system: system.as_str(),
        };
        let line = self
            .lines
            .line(key, &self.place(&integration)?)
            .map_err(ConnectError::Call)?;
        Ok(Connection {
            integration,
            line,
            secrets,
        })
    }

    /// Where an integration's line leads, and how it behaves.
    pub(super) fn place(&self, integration: &Integration) -> Result<Place, ConnectError> {
        let whole = |number: i32| usize::try_from(number).unwrap_or(1);
        Ok(Place {
            base: integration
                .target()
                .map_err(|error| ConnectError::Call(error.into()))?,
            authority: integration.authority.clone(),
            rules: LineRules {
                in_flight_max: whole(integration.in_flight_max),
                per_second_max: integration
                    .per_second_max
                    .and_then(|rate| u32::try_from(rate).ok()),
                ..LineRules::default()
            },
        })
    }
}

/// A time of a configuration.
pub(super) fn milliseconds(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
