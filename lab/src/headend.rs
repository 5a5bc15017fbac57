//! The server under test, and its command line as operators type it.
//!
//! [`Server`] is `headend serve` on a data directory: started, killed, started again. [`Cli`] is one operator with his own
//! credentials. Never reaches into the server by any other way than an operator has.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::process::{self, Daemon, Finished};
use crate::wait::{self, Look};

/// How long a server may take until it is ready: a cold `initdb` on a busy machine, or a recovery.
const READY_WAIT_MAX: Duration = Duration::from_secs(90);
/// How long a command may take.
const COMMAND_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long the HTTP listener may take to answer.
const HTTP_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where a server listens; the same after each restart.
#[derive(Debug, Clone)]
pub struct Listen {
    /// API, health, metrics.
    pub http: SocketAddr,
    /// Access-Requests.
    pub auth: Vec<SocketAddr>,
    /// Accounting-Requests.
    pub accounting: Vec<SocketAddr>,
}

/// A `headend serve`.
#[derive(Debug)]
pub struct Server {
    /// The program.
    binary: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// The processor it is kept on; `None`: wherever the kernel likes.
    pub core: Option<usize>,
    /// How long it may take until it is ready.
    pub ready_wait: Duration,
    /// Its log; the lines of all its lives, one after the other.
    log: PathBuf,
    /// More variables in its environment, from the next start on.
    pub env: Vec<(String, String)>,
    /// The process; none while it is dead.
    daemon: Option<Daemon>,
}

impl Server {
    /// Prepares a server; [`Self::start`] brings it to life.
    pub fn new(binary: &Path, data: &Path, listen: Listen, log: &Path) -> Server {
        Server {
            binary: binary.to_owned(),
            data: data.to_owned(),
            listen,
            core: None,
            ready_wait: READY_WAIT_MAX,
            log: log.to_owned(),
            env: Vec::new(),
            daemon: None,
        }
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Errors
    /// It ends instead, with the end of its log, or is not ready in time.
    pub fn start(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_until_ready()
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// It cannot be started at all.
    pub fn launch(&mut self) -> Result<()> {
        let mut command = bare(match self.core {
            None => process::ends_with_us(&self.binary),
            Some(core) => process::ends_with_us_on(core, &self.binary),
        });
        command
            .args(["serve", "--log-format", "human"])
            .arg("--data-dir")
            .arg(&self.data);
        command.args(["--http-listen", &self.listen.http.to_string()]);
        for address in &self.listen.auth {
            command.args(["--radius-auth", &address.to_string()]);
        }
        for address in &self.listen.accounting {
            command.args(["--radius-accounting", &address.to_string()]);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        self.daemon = Some(Daemon::spawn("headend serve", command, &self.log)?);
        Ok(())
    }

    /// Waits until a server that was launched says that it is ready.
    ///
    /// # Errors
    /// It ends instead, with the end of its log, or is not ready in time.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("headend is not running")?;
        let announcement = self.data.join("headend.addr");
        wait::until("headend to be ready", self.ready_wait, || {
            daemon.check()?;
            let text = fs::read_to_string(&announcement).unwrap_or_default();
            let announced: Value = serde_json::from_str(&text).unwrap_or_default();
            // A file of an earlier life, left behind by a kill, names another process.
            Ok(match announced["pid"].as_u64() == Some(daemon.pid().into()) {
                true => Look::Found(()),
                false => Look::Not(format!("{} says {text:?}", announcement.display())),
            })
        })
    }

    /// The last line of its log that has these words.
    ///
    /// # Errors
    /// The log cannot be read, or has no such line.
    pub fn last_said(&self, words: &str) -> Result<String> {
        let log = &self.log;
        let text = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
        let line = text.lines().rev().find(|line| line.contains(words));
        line.map(str::to_owned)
            .with_context(|| format!("{} does not say {words:?}", log.display()))
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// It is not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut daemon = self.daemon.take().context("headend is not running")?;
        daemon.check()?;
        daemon.kill()
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// It would not stop.
    pub fn stop(&mut self) -> Result<()> {
        self.daemon.take().map_or(Ok(()), |mut daemon| daemon.stop())
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// It has ended.
    pub fn check(&mut self) -> Result<()> {
        self.daemon.as_mut().context("headend is not running")?.check()
    }

    /// Its process id.
    ///
    /// # Errors
    /// It is not running.
    pub fn pid(&self) -> Result<u32> {
        let daemon = self.daemon.as_ref().context("headend is not running")?;
        Ok(daemon.pid())
    }

    /// Where people reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen.http)
    }

    /// The first address for Access-Requests.
    ///
    /// # Errors
    /// It listens nowhere.
    pub fn auth(&self) -> Result<SocketAddr> {
        self.listen
            .auth
            .first()
            .copied()
            .context("headend listens for no Access-Requests")
    }

    /// The first address for Accounting-Requests.
    ///
    /// # Errors
    /// It listens nowhere.
    pub fn accounting(&self) -> Result<SocketAddr> {
        self.listen
            .accounting
            .first()
            .copied()
            .context("headend listens for no Accounting-Requests")
    }

    /// Reads a page without credentials, for example `/metrics`; gives the status code and the body.
    ///
    /// # Errors
    /// The listener does not answer in time.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let address = self.listen.http;
        let failed = || format!("cannot read http://{address}{path}");
        let mut stream = TcpStream::connect_timeout(&address, HTTP_WAIT_MAX).with_context(failed)?;
        stream.set_read_timeout(Some(HTTP_WAIT_MAX))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).with_context(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(failed)?;
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(failed)?;
        Ok((code, body.to_owned()))
    }

    /// Asks the database as a FreeRADIUS tool would: `headend db psql`, rows as `a|b|c`.
    ///
    /// # Errors
    /// psql fails.
    pub fn psql(&self, query: &str) -> Result<String> {
        let mut command = bare(Command::new(&self.binary));
        command.args(["db", "psql", "--data-dir"]).arg(&self.data).args([
            "--",
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        // As its input: a query may be longer than an argument can be.
        let finished = process::run(command, query, COMMAND_WAIT_MAX)?;
        ensure!(finished.code() == 0, "psql failed: {}", finished.said());
        Ok(finished.out.trim().to_owned())
    }
}

/// One operator at the command line.
#[derive(Debug, Clone)]
pub struct Cli {
    /// The program.
    binary: PathBuf,
    /// Where the server is.
    url: String,
    /// The file `headend login` writes.
    pub credentials: PathBuf,
    /// More variables, for secrets that files refer to.
    env: Vec<(String, String)>,
}

impl Cli {
    /// An operator who keeps his credentials in this file.
    pub fn new(binary: &Path, url: &str, credentials: &Path) -> Cli {
        Cli {
            binary: binary.to_owned(),
            url: url.to_owned(),
            credentials: credentials.to_owned(),
            env: Vec::new(),
        }
    }

    /// Another operator at the same program and server.
    pub fn with_credentials(&self, credentials: &Path) -> Cli {
        Cli {
            credentials: credentials.to_owned(),
            ..self.clone()
        }
    }

    /// The same with more variables in his environment.
    pub fn with_env(&self, env: impl IntoIterator<Item = (String, String)>) -> Cli {
        Cli {
            env: env.into_iter().collect(),
            ..self.clone()
        }
    }

    /// Runs a command, whatever it says.
    ///
    /// # Errors
    /// It cannot be run or does not end in time.
    pub fn run(&self, words: &[&str]) -> Result<Finished> {
        let mut command = self.command(&self.binary);
        command.args(words);
        process::run(command, "", COMMAND_WAIT_MAX)
    }

    /// Runs a command that must succeed; gives its standard output.
    ///
    /// # Errors
    /// It ends with another exit code than 0.
    pub fn done(&self, words: &[&str]) -> Result<String> {
        let finished = self.run(words)?;
        if finished.code() != 0 {
            bail!(
                "headend {} ended with {}: {}",
                words.join(" "),
                finished.code(),
                finished.said()
            );
        }
        Ok(finished.out)
    }

    /// Runs a command with `--json`; gives what it printed.
    ///
    /// # Errors
    /// It fails, or prints no JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let out = self.done(&words)?;
        serde_json::from_str(&out)
            .with_context(|| format!("headend {} printed no JSON: {out}", words.join(" ")))
    }

    /// Runs a line of shell in which `headend` is this program with these credentials.
    ///
    /// # Errors
    /// It cannot be run or does not end in time.
    pub fn shell(&self, line: &str) -> Result<Finished> {
        let mut command = self.command(Path::new("sh"));
        let own = self.binary.parent().unwrap_or(Path::new("/")).to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path)))?;
        command.env("PATH", path).args(["-c", line]);
        process::run(command, "", COMMAND_WAIT_MAX)
    }

    /// A command with this operator's environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = bare(Command::new(program));
        command
            .env("HEADEND_URL", &self.url)
            .env("HEADEND_CREDENTIALS", &self.credentials);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Takes the variables of the person who runs the lab out of a command.
fn bare(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEADEND_") {
            command.env_remove(name);
        }
    }
    command
}

/// A member of a JSON object as text; `-` when it has none.
pub fn field(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The members of a JSON list.
///
/// # Errors
/// It is no list.
pub fn list(value: &Value) -> Result<&Vec<Value>> {
    value
        .as_array()
        .with_context(|| format!("expected a list, got {value}"))
}
