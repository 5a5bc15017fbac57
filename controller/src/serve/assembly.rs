//! All parts together: how they are started, announced and stopped.
//! Never starts a part before what it needs, and stops them the other way round.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{Access, Tasks};
use kernel::events::Consumer;
use kernel::http::rate::Rate;
use kernel::identity::Settings;
use kernel::jobs::Worker;
use kernel::outbound::Reach;
use kernel::secrets::Sealer;
use kernel::webhooks::{Deliverer, Teller, Webhooks};
use kernel::{Database, Kernel};
use radius::dictionary::Dictionary;
use radius_server::{Directory, Plane};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::announce::{self, Announcement};
use super::data_dir::DataDir;
use super::error::ServeError;
use super::health::{self, Health};
use super::setup_page;
use crate::config::Config;
use crate::console;
use crate::dictionary;
use crate::output;

/// How long open HTTP requests may take to finish when the server stops.
const HTTP_STOP_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long what happened and what is to be done may take to end when the server stops.
const UPKEEP_STOP_WAIT_MAX: Duration = Duration::from_secs(4);
/// How often an open set-up is looked at, so that its token file goes when it is completed.
const SETUP_LOOK_WAIT: Duration = Duration::from_secs(2);

/// Lines of the operator's dictionaries that mean nothing here: how many of them are logged one by one.
const DICTIONARY_NOTES_MAX: usize = 20;

/// What everything above the database is made of.
struct Parts {
    /// The HTTP port, taken.
    listener: TcpListener,
    /// Where it is.
    http_addr: SocketAddr,
    /// Seals secrets.
    sealer: Sealer,
    /// The database.
    database: Database,
    /// What attributes mean.
    dictionary: Arc<Dictionary>,
}

/// A server at work.
pub struct Running {
    /// The access plane.
    plane: Arc<Plane>,
    /// The database.
    database: Database,
    /// Background work of the access module.
    tasks: Tasks,
    /// The HTTP server.
    http: JoinHandle<std::io::Result<()>>,
    /// Watches an open set-up.
    setup_watch: Option<JoinHandle<()>>,
    /// Chains audit lines.
    sealer: JoinHandle<()>,
    /// Tells what happened, and does what is to be done.
    upkeep: Vec<JoinHandle<()>>,
    /// Keeps tokens of vaults alive.
    integrations: JoinHandle<()>,
    /// True when everything should end.
    shutdown: watch::Sender<bool>,
    /// Where HTTP listens.
    http_addr: SocketAddr,
    /// How people reach it.
    public_url: String,
    /// The one-time token while set-up is open.
    setup_token: Option<kernel::identity::Token>,
}

impl Running {
    /// Starts all parts.
    ///
    /// # Errors
    /// The first part that does not start; those before it are stopped again.
    pub async fn start(config: &Config, data_dir: &DataDir) -> Result<Running, ServeError> {
        let listener = bind_http(config.http.listen).await?;
        let http_addr = listener
            .local_addr()
            .map_err(ServeError::part("read the address of HTTP"))?;
        let dictionary = read_dictionaries(config)?;
        probe_radius(config).await?;
        let sealer = Sealer::load(data_dir.path()).map_err(ServeError::part("read the master key"))?;
        let database = Database::open(&super::database_config(config), data_dir.path())
            .await
            .map_err(ServeError::part("open the database"))?;
        let parts = Parts {
            listener,
            http_addr,
            sealer,
            database: database.clone(),
            dictionary,
        };
        let assembled = Running::assemble(config, data_dir, parts).await;
        if assembled.is_err() {
            database.close().await;
        }
        assembled
    }

    /// Starts everything above the database.
    async fn assemble(config: &Config, data_dir: &DataDir, parts: Parts) -> Result<Running, ServeError> {
        let Parts {
            listener,
            http_addr,
            sealer,
            database,
            dictionary,
        } = parts;
        let public_url = config
            .http
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", announce::reachable(http_addr)));
        let settings = Settings {
            public_url: public_url.clone(),
            session_idle: config.http.session_idle,
            session_absolute: config.http.session_absolute,
            step_up: config.http.step_up,
            rate_caller: Rate(config.http.rate_per_caller),
            rate_partner: Rate(config.http.rate_per_partner),
            trusted_proxies: config.http.trusted_proxies.clone(),
            reach: Reach::with(&config.outbound.allow),
        };
        let mut kernel =
            Kernel::new(database.clone(), sealer, settings).map_err(ServeError::part("start the kernel"))?;
        if let Some(vault) = &config.vault {
            let vault = vault
                .platform()
                .map_err(ServeError::part("read the authorities of the vault"))?;
            kernel = kernel.with_vault(vault);
        }
        let kernel = kernel.with_events_of(&[access::events::KINDS]);
        let setup_token = kernel
            .start()
            .await
            .map_err(ServeError::part("start the kernel"))?;
        let plane = prepare_plane(config).await?;
        let coa = coa::Coa::start(coa::Timing::default())
            .await
            .map_err(ServeError::part("start session control"))?;
        let access = Access::open(&kernel, &plane, coa, data_dir.path(), dictionary)
            .map_err(ServeError::part("open the access module"))?
            .with_decision_drain_rate(config.radius.decision_drain_rate);
        access
            .load(&plane)
            .await
            .map_err(ServeError::part("load NAS, subscribers and sessions"))?;
        plane.listen().map_err(radius_error)?;
        let (shutdown, stopping) = watch::channel(false);
        let tasks = access.run(stopping.clone()).await;
        let sealer = tokio::spawn(kernel::audit::seal::run(database.clone(), stopping.clone()));
        let upkeep = spawn_upkeep(&kernel, access.consumers(), &stopping);
        let setup_watch = setup_token.is_some().then(|| {
            tokio::spawn(watch_setup(
                kernel.clone(),
                data_dir.path().to_owned(),
                stopping.clone(),
            ))
        });
        let started_unix_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let integrations = tokio::spawn(kernel.integrations.clone().keep(stopping.clone()));
        let health = Health {
            lines: kernel.integrations.lines().clone(),
            plane: Arc::clone(&plane),
            access: access.clone(),
            database: database.clone(),
            started_unix_s,
        };
        let api = kernel::http::serve_router(kernel, vec![access.routes()]);
        let router = api
            .router
            .merge(health::routes(health))
            .merge(setup_page::routes())
            .merge(console::routes(public_url.starts_with("https://")));
        let http = tokio::spawn(serve_http(listener, router, stopping));
        Ok(Running {
            plane,
            database,
            tasks,
            http,
            setup_watch,
            sealer,
            upkeep,
            integrations,
            shutdown,
            http_addr,
            public_url,
            setup_token,
        })
    }

    /// Says that the server is ready: files in the data directory, lines on stdout.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn announce(&self, data_dir: &DataDir) -> Result<(), ServeError> {
        let (auth, accounting) = (self.plane.auth_addrs(), self.plane.accounting_addrs());
        let url = format!("http://{}", announce::reachable(self.http_addr));
        let announcement = Announcement {
            pid: std::process::id(),
            url: url.clone(),
            auth: auth.clone(),
            accounting: accounting.clone(),
            radsec: self.plane.radsec_addrs(),
        };
        let failed = |source| ServeError::DataDir {
            doing: "write to",
            path: data_dir.path().to_owned(),
            source,
        };
        match &self.setup_token {
            Some(token) => {
                announce::write_setup_token(data_dir.path(), token.reveal()).map_err(failed)?;
                let dir = data_dir.path().display();
                let link = match announce::prints_into_log() {
                    true => format!(
                        "{}/setup#<what is in {dir}/{}>",
                        self.public_url,
                        announce::SETUP_TOKEN_FILE
                    ),
                    false => format!("{}/setup#{}", self.public_url, token.reveal()),
                };
                output::line(&format!("set-up link (once, closes for ever): {link}"));
                output::line(&format!(
                    "without a browser: headend setup -f setup.toml --data-dir {dir}"
                ));
            }
            None => announce::remove(data_dir.path(), announce::SETUP_TOKEN_FILE),
        }
        announcement.write(data_dir.path()).map_err(failed)?;
        let list = |addrs: &[SocketAddr]| {
            addrs
                .iter()
                .map(SocketAddr::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        tracing::info!(http = %self.http_addr, auth = list(&auth), accounting = list(&accounting), "ready");
        let radius = format!("RADIUS auth {}, accounting {}", list(&auth), list(&accounting));
        output::line(&format!("headend ready: API {url}, {radius}"));
        Ok(())
    }

    /// Stops all parts, the last one started first; each within its bound.
    pub async fn stop(self) {
        // Receivers that are gone have stopped already.
        let _told = self.shutdown.send(true);
        if tokio::time::timeout(HTTP_STOP_WAIT_MAX, self.http).await.is_err() {
            tracing::warn!(waited = ?HTTP_STOP_WAIT_MAX, "HTTP requests were cut off");
        }
        if let Some(watch) = self.setup_watch {
            watch.abort();
        }
        // In the middle of a transaction it rolls back; those lines wait for the next start.
        self.sealer.abort();
        for task in self.upkeep {
            if tokio::time::timeout(UPKEEP_STOP_WAIT_MAX, task).await.is_err() {
                tracing::warn!(waited = ?UPKEEP_STOP_WAIT_MAX, "jobs or events were cut off; they go on at the next start");
            }
        }
        self.integrations.abort();
        // RADIUS first, so that what it still acknowledges is in the journal; then the drains finish their batch.
        let plane = Arc::clone(&self.plane);
        if let Err(error) = tokio::task::spawn_blocking(move || plane.shutdown()).await {
            tracing::warn!(%error, "RADIUS did not stop as it should");
        }
        self.tasks.join().await;
        self.database.close().await;
    }
}

/// Starts what tells of events, to modules and to webhooks, and does jobs.
fn spawn_upkeep(
    kernel: &Kernel,
    mut consumers: Vec<Arc<dyn Consumer>>,
    stopping: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let webhooks = Webhooks::new(kernel);
    consumers.push(Arc::new(Teller::new(&webhooks)));
    let workers: Vec<Arc<dyn Worker>> = vec![Arc::new(Deliverer::new(webhooks.clone()))];
    vec![
        tokio::spawn(kernel.events.clone().run(consumers, stopping.clone())),
        tokio::spawn(kernel.jobs.clone().run(workers, Vec::new(), stopping.clone())),
        tokio::spawn(webhooks.keep(stopping.clone())),
    ]
}

/// Takes the HTTP port, before anything is done that would have to be undone.
async fn bind_http(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    let key = "http.listen";
    TcpListener::bind(addr)
        .await
        .map_err(|source| ServeError::Listen {
            proto: "TCP",
            addr,
            what: "the API",
            key,
            source,
        })
}

/// Looks whether the RADIUS ports are free, long before they are taken: the database need not start for nothing.
async fn probe_radius(config: &Config) -> Result<(), ServeError> {
    let services = [
        ("authentication", "radius.auth", &config.radius.auth),
        ("accounting", "radius.accounting", &config.radius.accounting),
    ];
    for (what, key, addrs) in services {
        // An IPv6 socket for all addresses would also want the IPv4 port here; the plane's does not.
        for addr in addrs
            .iter()
            .filter(|addr| addr.port() != 0 && !(addr.is_ipv6() && addr.ip().is_unspecified()))
        {
            UdpSocket::bind(addr).await.map_err(|source| ServeError::Listen {
                proto: "UDP",
                addr: *addr,
                what,
                key,
                source,
            })?;
        }
    }
    Ok(())
}

/// Reads what the operator says of attributes, and logs what of it means nothing.
fn read_dictionaries(config: &Config) -> Result<Arc<Dictionary>, ServeError> {
    let dictionary = dictionary::load(config.radius.dictionary_dir.as_deref())
        .map_err(ServeError::part("read the dictionaries"))?;
    let notes = dictionary.notes();
    for note in notes.iter().take(DICTIONARY_NOTES_MAX) {
        tracing::info!(note, "a line of a dictionary is passed over");
    }
    if notes.len() > DICTIONARY_NOTES_MAX {
        let more = notes.len() - DICTIONARY_NOTES_MAX;
        tracing::info!(more, "and so are other lines");
    }
    Ok(dictionary)
}

/// Opens the journals, which may take a while after a crash.
async fn prepare_plane(config: &Config) -> Result<Arc<Plane>, ServeError> {
    let journal = radius_server::journal::Options {
        keep: config.radius.journal_keep,
        keep_max: config.radius.journal_keep_bytes,
        ..radius_server::journal::Options::default()
    };
    let settings = radius_server::Config {
        auth: config.radius.auth.clone(),
        accounting: config.radius.accounting.clone(),
        auth_workers: config.radius.auth_workers,
        receive_buffer_octets: config.radius.receive_buffer_bytes,
        decision_memory_octets: config.radius.decision_memory_bytes,
        reject_delay: config.radius.reject_delay,
        reject_rules: radius_server::directory::RejectRules {
            rejects: config.radius.reject_storm_count,
            window_s: config.radius.reject_storm_window_s,
            hold_s: config.radius.reject_storm_hold_s,
        },
        attributes_max: config.radius.attributes_max,
        eap: config.eap.clone(),
        accounting_journal: journal.clone(),
        decision_journal: journal,
        radsec: config.radius.radsec(&config.data_dir),
        authority: Some(crate::config::Radius::radsec_authority(&config.data_dir)),
        ..radius_server::Config::new(&config.radius.journal_dir)
    };
    let prepared = tokio::task::spawn_blocking(move || Plane::prepare(settings, Arc::new(Directory::new())));
    let plane = prepared.await.map_err(ServeError::part("open the journal"))?;
    plane
        .map(Arc::new)
        .map_err(ServeError::part("prepare the access plane"))
}

/// Words for a RADIUS listener that does not start.
fn radius_error(error: radius_server::StartError) -> ServeError {
    match error {
        radius_server::StartError::Bind { addr, source } => ServeError::Listen {
            proto: "UDP",
            addr,
            what: "RADIUS",
            key: "radius.auth or radius.accounting",
            source,
        },
        radius_server::StartError::BindTls { addr, source } => ServeError::Listen {
            proto: "TCP",
            addr,
            what: "RADIUS over TLS",
            key: "radius.radsec",
            source,
        },
        other => ServeError::part("start RADIUS")(other),
    }
}

/// Serves HTTP until told to stop.
async fn serve_http(
    listener: TcpListener,
    router: axum::Router,
    mut stopping: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move {
        // A sender that is gone means the same as its word.
        drop(stopping.wait_for(|stop| *stop).await);
    })
    .await
}

/// Removes the token's file once set-up is completed.
async fn watch_setup(kernel: Kernel, data_dir: std::path::PathBuf, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(SETUP_LOOK_WAIT) => {}
        }
        // A database that is away says nothing about set-up; look again later.
        if let Ok(false) = kernel.identity.setup_is_open().await {
            announce::remove(&data_dir, announce::SETUP_TOKEN_FILE);
            return;
        }
    }
}
