//! A whole node in the test's process: database, kernel, access plane on port 0, this module and its tasks.
//! Never shares anything with another test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Tasks};
use axum::http::{Method, StatusCode};
use coa::{Coa, Timing};
use kernel::authz::PermissionSet;
use kernel::http::testing::{Answer, person, request, send};
use kernel::http::{Api, serve_router};
use kernel::id::PartnerId;
use kernel::identity::Settings;
use kernel::secrets::Sealer;
use kernel::testing::TestDatabase;
use kernel::{Database, Kernel, OpContext};
use radius_server::{Config, Directory, Plane, radsec};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::nas::FakeNas;

/// How long a condition may take to come true on a machine that has much else to do; how soon it does is `lab/bench`'s.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_MS: u64 = 20;

/// A node.
pub struct World {
    /// Its database, when it is this world's own.
    pub test: Option<TestDatabase>,
    /// The kernel.
    pub kernel: Kernel,
    /// The access plane.
    pub plane: Arc<Plane>,
    /// The module.
    pub access: Access,
    /// The API.
    pub api: Api,
    /// Tells the tasks to stop.
    shutdown: watch::Sender<bool>,
    /// The tasks.
    tasks: Option<Tasks>,
    /// Journals and the node's id.
    pub dir: Arc<TempDir>,
}

/// A partner with somebody who may do everything in it.
#[derive(Debug, Clone)]
pub struct Isp {
    /// The partner.
    pub id: PartnerId,
    /// Its short name.
    pub slug: String,
    /// A session of somebody who may do everything there.
    pub token: String,
}

impl World {
    /// A node with a database of its own.
    pub async fn new() -> Self {
        Self::fresh(|_config| {}).await
    }

    /// The same, listening for RADIUS over TLS, too.
    pub async fn with_radsec() -> Self {
        Self::fresh(|config| {
            config.radsec = Some(radsec::Config {
                listen: vec!["127.0.0.1:0".parse().expect("an address")],
                files: radsec::config::Files {
                    authority: config.journal_dir.with_file_name("radsec"),
                    certificate: None,
                    client_ca: None,
                    crl: None,
                },
                limits: radsec::Limits::default(),
            });
        })
        .await
    }

    /// A node with a database of its own and this configuration.
    async fn fresh(change: impl FnOnce(&mut Config)) -> Self {
        let test = TestDatabase::new().await;
        let db = test.database().clone();
        let dir = Arc::new(tempfile::tempdir().expect("a directory"));
        let mut world = Self::start_with(db, dir, change).await;
        world.test = Some(test);
        world
    }

    /// A node on this database, with this data directory; the same key every time.
    pub async fn start(db: Database, dir: Arc<TempDir>) -> Self {
        Self::start_with(db, dir, |_config| {}).await
    }

    /// Waits until nobody has the journals of this directory. A process that ends lets go of them at once; of a world that
    /// stopped a batch may still be on its way to the disk.
    async fn journals_free(dir: &Path) {
        for journal in ["accounting", "decisions"] {
            let lock = dir.join("journal").join(journal).join("lock");
            let free = || async {
                match std::fs::File::open(&lock) {
                    Ok(file) => file.try_lock().ok(),
                    Err(_never_opened) => Some(()),
                }
            };
            within(PATIENCE, free).await.expect("the journal is let go");
        }
    }

    /// The same with another configuration.
    async fn start_with(db: Database, dir: Arc<TempDir>, change: impl FnOnce(&mut Config)) -> Self {
        let kernel = Kernel::new(db, Sealer::from_key([42; 32]), Settings::default()).expect("a kernel");
        kernel.start().await.expect("roles");
        Self::journals_free(dir.path()).await;
        let plane = Arc::new(plane_with(dir.path(), change));
        let coa = Coa::start(short()).await.expect("session control");
        let access = Access::open(&kernel, &plane, coa, dir.path(), Arc::default()).expect("opens");
        access.load(&plane).await.expect("loads");
        plane.listen().expect("listens");
        let api = serve_router(kernel.clone(), vec![access.routes()]);
        let (shutdown, told) = watch::channel(false);
        tokio::spawn(kernel.events.clone().run(access.consumers(), told.clone()));
        let tasks = Some(access.run(told).await);
        Self {
            test: None,
            kernel,
            plane,
            access,
            api,
            shutdown,
            tasks,
            dir,
        }
    }

    /// Stops everything but the database, as a clean stop does.
    pub async fn stop(mut self) -> (Option<TestDatabase>, Arc<TempDir>) {
        self.shutdown.send_replace(true);
        if let Some(tasks) = self.tasks.take() {
            tasks.join().await;
        }
        self.plane.shutdown();
        let (test, dir) = (self.test.take(), Arc::clone(&self.dir));
        drop(self);
        (test, dir)
    }

    /// Where authentication is answered.
    pub fn auth(&self) -> SocketAddr {
        self.plane.auth_addrs()[0]
    }

    /// Where accounting is acknowledged.
    pub fn accounting(&self) -> SocketAddr {
        self.plane.accounting_addrs()[0]
    }

    /// A partner with one client, one site and one plan.
    pub async fn isp(&self) -> Isp {
        let partner = kernel::http::testing::partner(&self.kernel).await;
        let permissions = PermissionSet::all_of_a_partner();
        let token = person(&self.kernel, Some(partner.id), permissions).await.token;
        let op = OpContext::system("test").in_partner(partner.id);
        let client = kernel::tenancy::NewClient {
            slug: "homes".to_owned(),
            name: "Homes".to_owned(),
            contact_email: None,
        };
        self.kernel
            .tenancy
            .client_create(&op, &client)
            .await
            .expect("a client");
        let site = kernel::tenancy::NewSite {
            slug: "main".to_owned(),
            name: "Main street".to_owned(),
            address: None,
        };
        self.kernel
            .tenancy
            .site_create(&op, "homes", &site)
            .await
            .expect("a site");
        let isp = Isp {
            id: partner.id,
            slug: partner.slug,
            token,
        };
        let plan = json!({ "slug": "fiber-100", "download_bps": 100_000_000, "upload_bps": 20_000_000,
            "session_timeout_s": 3600 });
        self.post(&isp, "plans", &plan).await;
        isp
    }

    /// Admits a fake NAS.
    pub async fn admit(&self, isp: &Isp, name: &str, nas: &FakeNas) -> Value {
        let body = json!({ "name": name, "address": nas.address().to_string(), "type": "mikrotik",
            "secret": nas.secret_text, "coa_port": nas.coa_port() });
        self.post(isp, "nas", &body).await
    }

    /// Makes a subscriber on the partner's plan.
    pub async fn subscriber(&self, isp: &Isp, username: &str, password: &str) -> Value {
        let body = json!({ "username": username, "password": password, "client": "homes", "site": "main",
            "plan": "fiber-100" });
        self.post(isp, "subscribers", &body).await
    }

    /// Asks the API about something of a partner's.
    pub async fn ask(&self, method: Method, isp: &Isp, path: &str, body: Option<&Value>) -> Answer {
        let uri = format!("/api/v1/partners/{}/{path}", isp.slug);
        send(&self.api.router, request(&method, &uri, Some(&isp.token), body)).await
    }

    /// Makes something; its `data`.
    pub async fn post(&self, isp: &Isp, path: &str, body: &Value) -> Value {
        let answer = self.ask(Method::POST, isp, path, Some(body)).await;
        assert!(
            answer.status.is_success(),
            "POST {path}: {} {}",
            answer.status,
            answer.body
        );
        answer.body["data"].clone()
    }

    /// One of the module's metrics.
    pub fn metric(&self, name: &str, label: Option<&str>) -> u64 {
        let metrics = self.access.metrics();
        let found = metrics
            .iter()
            .find(|m| m.name == name && m.label.map(|(_, value)| value) == label);
        found.expect("counted").value
    }

    /// Reads something; its `data`.
    pub async fn get(&self, isp: &Isp, path: &str) -> Value {
        let answer = self.ask(Method::GET, isp, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "GET {path}: {}", answer.body);
        answer.body["data"].clone()
    }

    /// Waits until a session of this user name is open, and gives it.
    pub async fn session_of(&self, isp: &Isp, username: &str) -> Value {
        let path = format!("sessions?username={username}");
        let found = eventually(|| async {
            let sessions = self.get(isp, &path).await;
            sessions.get(0).cloned()
        });
        found.await
    }
}

/// A plane on port 0 with its journals in this directory, and perhaps another configuration.
fn plane_with(dir: &Path, change: impl FnOnce(&mut Config)) -> Plane {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let mut config = Config::new(dir.join("journal"));
    config.auth = vec![any];
    config.accounting = vec![any];
    config.auth_workers = 1;
    for options in [&mut config.accounting_journal, &mut config.decision_journal] {
        options.segment_len = 1024 * 1024;
    }
    change(&mut config);
    Plane::prepare(config, Arc::new(Directory::new())).expect("prepared")
}

/// A NAS that stays silent is given up soon.
fn short() -> Timing {
    Timing {
        initial: Duration::from_millis(100),
        longest: Duration::from_millis(200),
        attempts_max: 3,
        give_up: Duration::from_millis(600),
        connection_give_up: Duration::from_millis(600),
    }
}

/// Looks until there is something, and gives it; panics at the deadline.
pub async fn eventually<T, F: Future<Output = Option<T>>>(look: impl FnMut() -> F) -> T {
    within(PATIENCE, look).await.expect("it came true in time")
}

/// Looks until there is something; `None` at the deadline.
pub async fn within<T, F: Future<Output = Option<T>>>(
    deadline: Duration,
    mut look: impl FnMut() -> F,
) -> Option<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    };
    tokio::time::timeout(deadline, looking).await.ok()
}
