//! The kernel as one value: what every module and every handler is composed from.
//! Never holds a rule; its parts do.

use crate::authz;
use crate::database::Database;
use crate::error::Error;
use crate::events::{Catalogue, Events, Kind};
use crate::identity::{Identity, Settings, Token};
use crate::integration::{Integrations, PlatformVault};
use crate::jobs::Jobs;
use crate::outbound::Reach;
use crate::secrets::Sealer;
use crate::tenancy::Tenancy;

/// The parts of the kernel, shared. Cheap to clone.
#[derive(Clone)]
pub struct Kernel {
    /// Where everything is kept.
    pub db: Database,
    /// Seals what must not be read from a row.
    pub sealer: Sealer,
    /// People, sessions, keys.
    pub identity: Identity,
    /// Partners, clients, sites.
    pub tenancy: Tenancy,
    /// What happened.
    pub events: Events,
    /// Systems of others that partners work with.
    pub integrations: Integrations,
    /// What is to be done.
    pub jobs: Jobs,
    /// Where a partner may make the program connect to.
    pub reach: Reach,
}

impl Kernel {
    /// Composes it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn new(db: Database, sealer: Sealer, settings: Settings) -> Result<Self, Error> {
        let reach = settings.reach.clone();
        let identity = Identity::new(db.clone(), sealer.clone(), settings)?;
        Ok(Self {
            integrations: Integrations::new(db.clone(), sealer.clone(), identity.lines().clone()),
            identity,
            tenancy: Tenancy::new(db.clone()),
            events: Events::new(db.clone()),
            jobs: Jobs::new(db.clone()),
            reach,
            db,
            sealer,
        })
    }

    /// The same with a vault of the platform.
    #[must_use]
    pub fn with_vault(self, vault: PlatformVault) -> Self {
        Self {
            integrations: self.integrations.with_vault(vault),
            ..self
        }
    }

    /// The same with the kinds of events that modules tell of.
    #[must_use]
    pub fn with_events_of(self, modules: &[&'static [&'static Kind]]) -> Self {
        let events = self.events.with_catalogue(Catalogue::new(modules));
        Self { events, ..self }
    }

    /// Makes the database agree with the program, and issues the set-up link while nobody exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn start(&self) -> Result<Option<Token>, Error> {
        authz::sync(&self.db).await?;
        self.identity.setup_issue().await
    }
}
