//! What this module holds of the access plane: shared memory and journal readers, none of its threads.
//! Never starts, stops or configures the plane; the binary does.

use std::sync::Arc;

use radius_server::decision::Decisions;
use radius_server::journal::Reader;
use radius_server::onward::Onward;
use radius_server::radsec::Downlinks;
use radius_server::sessions::Sessions;
use radius_server::unknown::UnknownSources;
use radius_server::{Directory, Plane};

/// The parts of a plane that outlive a borrow of it.
#[derive(Clone)]
pub struct PlaneHandle {
    /// What the plane knows; the feeder writes it.
    pub directory: Arc<Directory>,
    /// Who is online.
    pub sessions: Arc<Sessions>,
    /// The last decisions, as far as memory goes back.
    pub decisions: Arc<Decisions>,
    /// The way to NAS that opened TLS connections.
    pub downlinks: Arc<Downlinks>,
    /// Who asks and is no NAS.
    pub unknown_sources: Arc<UnknownSources>,
    /// How far accounting was sent on.
    pub onward: Arc<Onward>,
    /// Accounting that is durable and may not be in the database yet.
    pub accounting_journal: Reader,
    /// Decisions likewise.
    pub decision_journal: Reader,
}

impl PlaneHandle {
    /// Takes hold of a plane's parts.
    #[must_use]
    pub fn of(plane: &Plane) -> Self {
        Self {
            directory: Arc::clone(plane.directory()),
            sessions: Arc::clone(plane.sessions()),
            decisions: Arc::clone(plane.decisions()),
            downlinks: Arc::clone(plane.downlinks()),
            unknown_sources: Arc::clone(plane.unknown_sources()),
            onward: Arc::clone(plane.onward()),
            accounting_journal: plane.accounting_journal(),
            decision_journal: plane.decision_journal(),
        }
    }
}
