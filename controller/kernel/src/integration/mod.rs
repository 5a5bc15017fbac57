//! Systems of others that a partner works with: which, where, how patiently, and with which secrets.
//! Never says what is asked there: adapters do, over the line that [`Integrations::connect`] gives them.
//!
//! - [`system`] is the closed list, and what each system has beside a URL;
//! - [`settings`] is one partner's configuration of one system, and how it is changed;
//! - [`secret`] keeps what is shown there, sealed or as a reference, and reads it at use;
//! - [`connection`] is a line with its secrets, or why there is none; [`probe`] tries it.
//!
//! A system is reached with nothing but what this partner has configured. There is no default of the platform to fall back to.

pub mod connection;
pub mod probe;
pub mod secret;
pub mod settings;
mod store;
pub mod system;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

pub use connection::{ConnectError, Connection};
pub use probe::{Probed, Verdict};
pub use secret::{NewSecret, SecretAge, SecretShown};
pub use settings::{Integration, IntegrationChange};
pub use system::System;

use crate::database::Database;
use crate::id::PartnerId;
use crate::outbound::{Lines, Place};
use crate::secrets::Sealer;
use crate::vault::{Vault, VaultPlace};

/// Vaults whose tokens and values are kept at a time.
const VAULTS_MAX: usize = 4096;
/// How often tokens of vaults are looked at.
const TEND_WAIT: Duration = Duration::from_secs(30);

/// The vault of the platform, where partners without one of their own have their secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformVault {
    /// Where it is.
    pub place: Place,
    /// Where things are in it, and who we are to it.
    pub vault: VaultPlace,
}

/// All integrations. Cheap to clone; clones share lines and vaults.
#[derive(Clone)]
pub struct Integrations {
    /// Where they are kept.
    db: Database,
    /// Seals their secrets.
    sealer: Sealer,
    /// The ways there.
    lines: Lines,
    /// The platform's vault.
    platform: Option<Arc<PlatformVault>>,
    /// Vaults that were used; the platform's own under no partner.
    vaults: Arc<Mutex<HashMap<Option<PartnerId>, Arc<Vault>>>>,
}

impl Integrations {
    /// Over this database and these ways to servers of others.
    pub fn new(db: Database, sealer: Sealer, lines: Lines) -> Self {
        Self {
            db,
            sealer,
            lines,
            platform: None,
            vaults: Arc::default(),
        }
    }

    /// The same with a vault of the platform.
    #[must_use]
    pub fn with_vault(self, vault: PlatformVault) -> Self {
        Self {
            platform: Some(Arc::new(vault)),
            ..self
        }
    }

    /// The ways there, for metrics and for who speaks to others beside integrations.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Keeps the tokens of vaults alive until told to stop.
    pub async fn keep(self, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(TEND_WAIT) => {}
            }
            let vaults: Vec<_> = self.vaults.lock().values().cloned().collect();
            for vault in vaults {
                if let Err(error) = vault.tend().await {
                    tracing::warn!(vault = %vault.line().place().base, error = %error, "a vault's token was not renewed");
                }
            }
        }
    }
}
