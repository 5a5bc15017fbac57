//! A real `headend serve` with a private database in a directory of its own, and the command line beside it.
//! Never touches a port or a file that another test could have: everything is port 0 and a temporary directory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The administrator's password in every test.
pub const PASSWORD: &str = "correct horse battery staple";
/// Between two looks at a condition.
const LOOK_WAIT: Duration = Duration::from_millis(50);

/// A directory that a database of another user can reach.
pub struct Place {
    /// Removed at the end.
    dir: tempfile::TempDir,
}

/// A running server.
pub struct Server {
    /// Its process.
    child: Child,
    /// What it prints; kept so that it never writes into a closed pipe.
    _stdout: BufReader<ChildStdout>,
    /// What it printed until it was ready.
    pub said: Vec<String>,
    /// The API.
    pub url: String,
    /// Authentication.
    pub auth: SocketAddr,
    /// Accounting.
    pub accounting: SocketAddr,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    /// Its exit code.
    pub code: i32,
    /// Its result.
    pub stdout: String,
    /// Its words.
    pub stderr: String,
}

impl Place {
    /// A new one.
    pub fn new() -> Place {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::Builder::new().prefix("headend-it-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        Place { dir }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// The program with an environment of this place alone.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headend"));
        let ours = std::env::vars()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("HEADEND_"));
        for name in ours {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("HEADEND_CREDENTIALS", self.path("credentials.toml"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }

    /// Runs the program, which must succeed, and gives its result.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "headend {}: {done:?}", args.join(" "));
        done.stdout
    }

    /// Runs the program, which must fail with this exit code, and gives its words.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, code, "headend {}: {done:?}", args.join(" "));
        done.stderr
    }

    /// Starts a server on the data directory, with more arguments, and waits until it is ready.
    #[track_caller]
    pub fn serve(&self, more: &[&str]) -> Server {
        let data_dir = self.data_dir();
        let fixed = [
            "serve",
            "--data-dir",
            data_dir.to_str().unwrap(),
            "--log-format",
            "json",
        ];
        let ports = [
            "--http-listen",
            "127.0.0.1:0",
            "--radius-auth",
            "127.0.0.1:0",
            "--radius-accounting",
            "127.0.0.1:0",
        ];
        let log = self.path("serve.log");
        let mut child = self
            .command(&[&fixed[..], &ports[..], more].concat())
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).create(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = Vec::new();
        loop {
            let mut line = String::new();
            let got = stdout.read_line(&mut line).unwrap();
            assert!(
                got > 0,
                "the server ended: {}",
                std::fs::read_to_string(&log).unwrap()
            );
            said.push(line.trim().to_owned());
            if line.starts_with("headend ready: ") {
                break;
            }
        }
        let announced: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(data_dir.join("headend.addr")).unwrap()).unwrap();
        let addr = |name: &str| announced[name][0].as_str().unwrap().parse().unwrap();
        let url = announced["url"].as_str().unwrap().to_owned();
        Server {
            child,
            _stdout: stdout,
            said,
            url,
            auth: addr("auth"),
            accounting: addr("accounting"),
        }
    }

    /// Completes the set-up with one partner and logs in.
    #[track_caller]
    pub fn set_up(&self) {
        let file = format!(
            "[admin]\nemail = \"noc@example.net\"\nname = \"NOC\"\npassword = \"{PASSWORD}\"\n\
             [partner]\nslug = \"isp-west\"\nname = \"ISP West\"\n[api_token]\nname = \"automation\"\nfile = \"token\"\n"
        );
        let file = self.write("setup.toml", &file);
        let (file, data_dir) = (file.to_str().unwrap(), self.data_dir());
        self.ok(&[
            "setup",
            "-f",
            file,
            "--data-dir",
            data_dir.to_str().unwrap(),
            "--login",
        ]);
    }
}

impl Server {
    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end; gives the exit code, if it ended by itself.
    #[track_caller]
    pub fn end(mut self, signal: rustix::process::Signal) -> Option<i32> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(LOOK_WAIT);
        }
    }

    /// Fetches a page without any client of ours: status and body.
    pub fn page(&self, path: &str) -> (u16, String) {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// One value of `/metrics`.
    pub fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.page("/metrics");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')));
        line.unwrap_or_else(|| panic!("no metric {name} in\n{text}"))
            .trim()
            .parse()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came true that {what}");
        std::thread::sleep(LOOK_WAIT);
    }
}

/// Runs FreeRADIUS's client with these attributes; gives its exit code and what it printed.
pub fn radclient(to: SocketAddr, kind: &str, secret: &str, attributes: &str) -> Done {
    let child = Command::new("radclient")
        .args(["-x", "-r", "3", "-t", "3", &to.to_string(), kind, secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("radclient is needed for this test: apt-get install freeradius-utils");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(attributes.as_bytes())
        .unwrap();
    Done::from(child.wait_with_output().unwrap())
}

/// Whether a file is for its owner alone.
pub fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}
