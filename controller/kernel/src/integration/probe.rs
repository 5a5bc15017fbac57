//! Tries a system as it is configured now: is it there, does it take what we show. Never changes anything there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::connection::{ConnectError, Connection, milliseconds};
use super::system::{System, Tried};
use super::{Integrations, store};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::op::OpContext;
use crate::outbound::CallError;
use crate::vault::{Freshness, VaultError};

/// The longest word about a version that is passed on, in characters.
const VERSION_CHARS_MAX: usize = 40;
/// The longest answer of a look at health, in octets.
const REPLY_OCTETS_MAX: usize = 256 * 1024;

/// What a try has shown; each says no more than was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answered in its own protocol and took what was shown.
    Works,
    /// Something takes connections there; its protocol was not spoken.
    Connects,
    /// Its name has addresses that may be reached; nothing was sent.
    HasAddress,
    /// It does not work, and the rest says why.
    Fails,
}

impl Verdict {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Connects => "connects",
            Self::HasAddress => "has_address",
            Self::Fails => "fails",
        }
    }
}

/// What came of a try.
#[derive(Debug, Clone)]
pub struct Probed {
    /// The verdict.
    pub verdict: Verdict,
    /// A word from a closed list, for programs.
    pub word: &'static str,
    /// What was found, for people.
    pub said: String,
    /// The server's version, where it says one.
    pub version: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// How fresh secrets are that were read from a vault.
    pub freshness: BTreeMap<String, Freshness>,
}

impl Integrations {
    /// Tries a system, enabled or not.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not configured; [`Error::Unavailable`] when our own database does not answer.
    pub async fn integration_test(&self, op: &OpContext, system: System) -> Result<Probed, Error> {
        let began = Instant::now();
        let mut freshness = BTreeMap::new();
        let tried = self.tried(op, system, &mut freshness).await;
        let took = began.elapsed();
        let probed = match tried {
            Ok((verdict, said, version)) => Probed {
                verdict,
                word: verdict.as_str(),
                said,
                version,
                took,
                freshness,
            },
            Err(ConnectError::NotConfigured { .. }) => return Err(Error::not_found("integration", system)),
            Err(ConnectError::Other(error)) => return Err(error),
            Err(error) => Probed {
                verdict: Verdict::Fails,
                word: word(&error),
                said: said(system, &error),
                version: None,
                took,
                freshness,
            },
        };
        let mut tx = self.db.begin(op).await?;
        let entry = match probed.verdict {
            Verdict::Fails => Entry::failed("integration.test", "integration").reason(probed.said.clone()),
            _ => Entry::ok("integration.test", "integration"),
        };
        let entry = entry
            .object(system, system.name())
            .after(json!({ "verdict": probed.verdict.as_str(), "word": probed.word }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(probed)
    }

    /// Tries it the way its kind is tried.
    async fn tried(
        &self,
        op: &OpContext,
        system: System,
        freshness: &mut BTreeMap<String, Freshness>,
    ) -> Result<(Verdict, String, Option<String>), ConnectError> {
        if system.tried() == Tried::LogIn {
            return self.tried_vault(op).await;
        }
        let connection = self.prepare(op, system).await?;
        freshness.clone_from(&connection.secrets.freshness);
        match system.tried() {
            Tried::Http { path, version } => http(&connection, path, version).await,
            Tried::Connection => self.connects(&connection).await,
            Tried::Name | Tried::LogIn => {
                let target = connection.line.place().base.clone();
                let port = connection.integration.port.unwrap_or(target.port());
                let found = self.lines.reach().resolve(target.host(), port).await;
                let found = found.map_err(|error| ConnectError::Call(error.into()))?;
                let said = format!(
                    "{} has {} addresses; nothing was sent there",
                    target.host(),
                    found.len()
                );
                Ok((Verdict::HasAddress, said, None))
            }
        }
    }

    /// Logs in to a partner's own vault.
    async fn tried_vault(&self, op: &OpContext) -> Result<(Verdict, String, Option<String>), ConnectError> {
        let partner = op.require_partner().map_err(ConnectError::Other)?;
        let mut tx = self.db.begin(op).await.map_err(ConnectError::Other)?;
        let own = store::integration_fetch_in_tx(&mut tx, op, System::Vault)
            .await
            .map_err(ConnectError::Other)?
            .ok_or(ConnectError::NotConfigured {
                system: System::Vault,
            })?;
        let rows = store::secret_rows_in_tx(&mut tx, op, System::Vault)
            .await
            .map_err(ConnectError::Other)?;
        drop(tx);
        let vault = self.own_vault(partner, &own, &rows)?;
        vault.check().await.map_err(ConnectError::Vault)?;
        let said = "it is unsealed and takes our credential".to_owned();
        Ok((Verdict::Works, said, None))
    }

    /// Connects to where a protocol of another adapter is spoken.
    async fn connects(
        &self,
        connection: &Connection,
    ) -> Result<(Verdict, String, Option<String>), ConnectError> {
        let target = connection.line.place().base.clone();
        let port = connection.integration.port.unwrap_or(target.port());
        let addresses = self.lines.reach().resolve(target.host(), port).await;
        let addresses = addresses.map_err(|error| ConnectError::Call(error.into()))?;
        let within = milliseconds(connection.integration.health_ms);
        let connecting = tokio::net::TcpStream::connect(&addresses[..]);
        match tokio::time::timeout(within, connecting).await {
            Ok(Ok(_)) => {
                let said = format!("port {port} takes connections; its protocol was not spoken");
                Ok((Verdict::Connects, said, None))
            }
            Ok(Err(source)) => Err(ConnectError::Call(CallError::Connect {
                source: source.into(),
            })),
            Err(_) => Err(ConnectError::Call(CallError::TimedOut { waited: within })),
        }
    }
}

/// Asks what shows that a server is there and takes what we show.
async fn http(
    connection: &Connection,
    path: &[&'static str],
    version: Option<&str>,
) -> Result<(Verdict, String, Option<String>), ConnectError> {
    let mut request = connection
        .health("integration_test", path.iter().copied())
        .reply_octets_max(REPLY_OCTETS_MAX);
    if connection.integration.system == System::Genieacs {
        request = request.query("limit", "1").query("projection", "_id");
    }
    let reply = connection.line.send(&request).await.map_err(ConnectError::Call)?;
    let body: Value = reply.json().map_err(ConnectError::Call)?;
    let version = version.and_then(|name| body[name].as_str()).map(|text| {
        text.chars()
            .filter(|found| !found.is_control())
            .take(VERSION_CHARS_MAX)
            .collect()
    });
    let said = format!("it answered with status {}", reply.status);
    Ok((Verdict::Works, said, version))
}

/// The word for a failure.
fn word(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::NotConfigured { .. } => "not_configured",
        ConnectError::NotEnabled { .. } => "not_enabled",
        ConnectError::NoSecret { .. } => "no_secret",
        ConnectError::NoVault => "no_vault",
        ConnectError::NotYours { .. } => "not_yours",
        ConnectError::Vault(VaultError::Unreachable(_)) => "vault_unreachable",
        ConnectError::Vault(error) => error.word(),
        ConnectError::Call(CallError::Status {
            status: 401 | 403, ..
        }) => "not_let_in",
        ConnectError::Call(error) => error.word(),
        ConnectError::Other(_) => "internal",
    }
}

/// The same for people.
fn said(system: System, error: &ConnectError) -> String {
    match error {
        ConnectError::Call(CallError::Status {
            status: status @ (401 | 403),
            ..
        }) => format!("{} does not take what was shown (status {status})", system.name()),
        ConnectError::Call(error) => format!("{}: {error}", system.name()),
        error => error.to_string(),
    }
}
