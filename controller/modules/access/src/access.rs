//! The module as the binary holds it: opened, loaded, mounted, run.
//! Never decides; it puts the parts together in the order they depend on each other.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coa::Coa;
use kernel::events::Consumer;
use kernel::http::{Access as RouteAccess, ApiRoutes};
use kernel::{Error, Kernel, OpContext};
use radius::dictionary::Dictionary;
use radius_server::Plane;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::app::{App, intent};
use crate::causes::Causes;
use crate::drain::Drain;
use crate::drain::pace::{self, Pace};
use crate::feeder::{self, Feeder, Keeping};
use crate::home_metrics::{self, LabelledMetric};
use crate::manifest::{Manifest, ManifestError};
use crate::metrics::{self, Counters, Metric};
use crate::node::{self, NodeError};
use crate::plane::PlaneHandle;
use crate::store::cursor::{self, Stream};
use crate::{admission, http, posture, restore, upkeep};

/// How long [`Tasks::join`] waits.
const JOIN_S_MAX: u64 = 5;

/// Why the module cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its declaration is wrong.
    #[error("the access module's declaration is wrong")]
    Manifest(#[from] ManifestError),
    /// The node has no id.
    #[error("the node's id cannot be had")]
    Node(#[from] NodeError),
}

/// The access module. Clones share it.
#[derive(Clone)]
pub struct Access {
    /// The rules.
    app: Arc<App>,
    /// What is counted.
    counters: Counters,
    /// This node, to the journal cursors.
    node: Uuid,
    /// Fills the directory; taken by [`Self::run`].
    feeder: Arc<Mutex<Option<Feeder>>>,
    /// Whether the directory was loaded once.
    loaded: Arc<AtomicBool>,
    /// Decisions written to the database a second.
    decision_drain_rate: u32,
}

impl Access {
    /// Opens the module beside a plane that is prepared and not listening yet. `dictionary` says what attributes of replies
    /// mean.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        kernel: &Kernel,
        plane: &Plane,
        coa: Coa,
        data_dir: &Path,
        dictionary: Arc<Dictionary>,
    ) -> Result<Self, OpenError> {
        let handle = PlaneHandle::of(plane);
        intent::connect(&coa, &handle.downlinks);
        let counters = Counters::default();
        let directory = Arc::clone(&handle.directory);
        let sealer = kernel.sealer.clone();
        let node = node::node_id(data_dir)?;
        let keeping = Keeping {
            data_dir: data_dir.to_owned(),
            node,
            sealer: sealer.clone(),
            dictionary: dictionary.fingerprint(),
        };
        let restored = feeder::restore(&keeping, &directory);
        let feeder = Feeder::new(
            kernel.db.clone(),
            keeping,
            directory,
            restored,
            Arc::clone(&dictionary),
            Arc::clone(&counters.feeder),
        );
        let drained = Arc::clone(&counters.decisions);
        let app = App::new(kernel.db.clone(), sealer, handle, coa, drained).with_dictionary(dictionary);
        let app = Arc::new(app);
        let access = Self {
            app,
            counters,
            node,
            feeder: Arc::new(Mutex::new(Some(feeder))),
            loaded: Arc::default(),
            decision_drain_rate: pace::RATE_USUAL,
        };
        let manifest = Manifest::load(&permissions_asked(&access.routes()))?;
        info!(module = manifest.name, version = manifest.version, node = %access.node, "module opened");
        Ok(access)
    }

    /// The same with another pace of decisions into the database: so many a second at most.
    #[must_use]
    pub fn with_decision_drain_rate(self, rate: u32) -> Self {
        Self {
            decision_drain_rate: rate,
            ..self
        }
    }

    /// Fills the directory and the session table; call before the plane listens.
    ///
    /// # Errors
    /// The database's, or the journal's as [`Error::Internal`].
    pub async fn load(&self, plane: &Plane) -> Result<(), Error> {
        if let Err(error) = upkeep::once(&self.app.db).await {
            error!(error = %Causes(&error), "upkeep failed at start; rows without a partition of their own go to the default one meanwhile");
        }
        if let Some(feeder) = self.feeder.lock().await.as_mut() {
            feeder.load().await?;
        }
        self.loaded.store(true, Ordering::Release);
        admission::leases_restore(&self.app.db, self.app.plane.directory.gate()).await?;
        restore::sessions_restore(&self.app.db, &self.app.plane).await?;
        let from = self.replay_from().await?;
        let replayed = plane
            .replay(from)
            .map_err(|error| Error::internal("replaying the accounting journal", error))?;
        info!(
            records = replayed.records,
            undecodable = replayed.undecodable,
            "accounting journal replayed"
        );
        Ok(())
    }

    /// The routes, to be mounted by the kernel.
    #[must_use]
    pub fn routes(&self) -> ApiRoutes {
        http::routes().with_state(Arc::clone(&self.app))
    }

    /// What of this module does something about what happened, to be told by the kernel.
    #[must_use]
    pub fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(intent::ByItself::new(Arc::clone(&self.app)))]
    }

    /// Starts every task; they run until `shutdown` says true.
    pub async fn run(&self, shutdown: watch::Receiver<bool>) -> Tasks {
        let mut tasks = JoinSet::new();
        let db = &self.app.db;
        if let Some(feeder) = self.feeder.lock().await.take() {
            tasks.spawn(feeder.run(shutdown.clone()));
        }
        tasks.spawn(admission::errands(
            Arc::clone(&self.app),
            Arc::clone(&self.counters.errands),
            shutdown.clone(),
        ));
        let plane = &self.app.plane;
        let streams = [
            (
                Stream::Accounting,
                plane.accounting_journal.clone(),
                &self.counters.accounting,
            ),
            (
                Stream::Decisions,
                plane.decision_journal.clone(),
                &self.counters.decisions,
            ),
        ];
        for (stream, reader, counters) in streams {
            let mut drain = Drain::new(stream, self.node, db.clone(), reader, Arc::clone(counters))
                .noting(Arc::clone(&self.app.quotas.touched));
            if stream == Stream::Decisions {
                let first = Arc::clone(&self.counters.accounting);
                drain = drain.paced(Pace::new(self.decision_drain_rate, first));
            }
            tasks.spawn(drain.run(shutdown.clone()));
        }
        tasks.spawn(Arc::clone(&self.app).intents_watch(shutdown.clone()));
        tasks.spawn(Arc::clone(&self.app).bulks_run(shutdown.clone()));
        tasks.spawn(Arc::clone(&self.app).sessions_reap(shutdown.clone()));
        tasks.spawn(Arc::clone(&self.app).quotas_keep(shutdown.clone()));
        tasks.spawn(posture::posture_flush(
            db.clone(),
            Arc::clone(&plane.directory),
            shutdown.clone(),
        ));
        tasks.spawn(upkeep::upkeep(db.clone(), shutdown));
        Tasks { tasks }
    }

    /// What is counted, for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        metrics::metrics(
            &self.counters,
            &self.app.intents,
            &self.app.freshness,
            &self.app.quotas,
            &self.app.plane,
        )
    }

    /// Looks once for sessions that are silent while their NAS is not, and ends them; how many. A task does so every minute.
    ///
    /// # Errors
    /// The database's.
    pub async fn sessions_reap_once(&self) -> Result<u64, Error> {
        self.app.sessions_reap_once().await
    }

    /// Looks once at everybody who used something, as a task does every second.
    ///
    /// # Errors
    /// The database's.
    pub async fn quotas_look_once(&self) -> Result<(), Error> {
        self.app.quotas_look().await
    }

    /// What home servers did and how far accounting to them is, for `/metrics`.
    #[must_use]
    pub fn home_metrics(&self) -> Vec<LabelledMetric> {
        home_metrics::metrics(&self.app.plane.directory, &self.app.plane.onward)
    }

    /// Whether the directory was loaded, for `/readyz`.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// The first accounting record that the database has not seen.
    async fn replay_from(&self) -> Result<u64, Error> {
        let mut tx = self.app.db.begin(&OpContext::system("journal-replay")).await?;
        let stored = cursor::cursor_fetch(&mut tx, self.node, Stream::Accounting).await?;
        tx.commit().await?;
        let next = stored.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0);
        let committed = self.app.plane.accounting_journal.committed_seq();
        if next > committed {
            warn!(
                next_seq = next,
                committed,
                "the journal is older than the database: was its directory replaced? Going on from its end"
            );
            return Ok(committed);
        }
        Ok(next)
    }
}

/// The permissions that routes ask for.
fn permissions_asked(routes: &ApiRoutes) -> BTreeSet<&'static str> {
    routes
        .table()
        .iter()
        .filter_map(|route| match route.access {
            RouteAccess::Needs(permission) | RouteAccess::PlatformNeeds(permission) => {
                Some(permission.as_str())
            }
            RouteAccess::Public(_) | RouteAccess::SignedIn => None,
        })
        .collect()
}

/// The module's running tasks.
#[derive(Debug)]
pub struct Tasks {
    /// All of them.
    tasks: JoinSet<()>,
}

impl Tasks {
    /// Waits for the tasks to end after they were told to, and ends those that do not in time.
    ///
    /// A batch that is cut off is in the journal still, and is carried at the next start.
    pub async fn join(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(JOIN_S_MAX), all)
            .await
            .is_err()
        {
            warn!(
                tasks = self.tasks.len(),
                "tasks of the access module did not end in time and are cut off"
            );
            self.tasks.abort_all();
        }
    }
}
