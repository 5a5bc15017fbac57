//! How a password or a shared secret reaches the program: a file, a variable, or a prompt without echo.
//! Never an argument, which every process on the machine could read; never shown, never logged.

use std::fmt;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;

/// The longest secret that is read, in octets; longer ones are a wrong file.
pub const SECRET_LEN_MAX: usize = 4096;

/// A secret in memory; prints as REDACTED.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The clear text, for the one request that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(clear: String) -> Secret {
        Secret(clear)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("REDACTED")
    }
}

/// A secret in a set-up or apply file: itself, or where it is.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "text, { env = \"VARIABLE\" } or { file = \"path\" }")]
pub enum SecretSource {
    /// The secret itself.
    Literal(String),
    /// The name of a variable.
    Env(EnvSource),
    /// The path of a file, relative to the file that says so.
    File(FileSource),
}

/// `{ env = "X" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvSource {
    /// The variable.
    env: String,
}

/// `{ file = "path" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The file.
    file: PathBuf,
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Literal(_) => out.write_str("REDACTED"),
            SecretSource::Env(source) => source.fmt(out),
            SecretSource::File(source) => source.fmt(out),
        }
    }
}

impl SecretSource {
    /// The secret; `dir` is where the file stands that holds this source.
    ///
    /// # Errors
    /// In words, for whoever names the key: the variable is not set, the file cannot be read, the secret is empty.
    pub fn resolve(&self, dir: &Path) -> Result<Secret, String> {
        let clear = match self {
            SecretSource::Literal(clear) => clear.clone(),
            SecretSource::Env(EnvSource { env }) => {
                std::env::var(env).map_err(|_| format!("environment variable {env} is not set"))?
            }
            SecretSource::File(FileSource { file }) => read_file(&dir.join(file))
                .map_err(|error| format!("cannot read {}: {error}", dir.join(file).display()))?,
        };
        if clear.is_empty() {
            Err("the secret is empty".to_owned())
        } else {
            Ok(Secret(clear))
        }
    }
}

/// Where a command looks for a secret, in this order.
pub struct Ask<'a> {
    /// What is asked for, as the prompt says it.
    pub what: &'a str,
    /// The flag's file, `-` for stdin.
    pub file: Option<&'a Path>,
    /// The flag's name, for messages.
    pub flag: &'a str,
    /// The variable.
    pub env: &'a str,
}

impl Ask<'_> {
    /// The secret from the flag's file, the variable, or the person at the terminal.
    ///
    /// # Errors
    /// When there is none of these, or it is empty or cannot be read.
    pub fn secret(&self) -> Result<Secret, Failure> {
        match self.given()? {
            Some(secret) => Ok(secret),
            None if std::io::stdin().is_terminal() => self.prompt(),
            None => Err(Failure::usage(format!("no {} given", self.what)).next(format!(
                "give {} FILE (- for stdin) or set {}",
                self.flag, self.env
            ))),
        }
    }

    /// The secret from the flag's file or the variable; `None` when neither is there.
    pub fn given(&self) -> Result<Option<Secret>, Failure> {
        let clear = match self.file {
            Some(path) if path == Path::new("-") => {
                let mut text = String::new();
                let read = std::io::stdin()
                    .lock()
                    .take(SECRET_LEN_MAX as u64)
                    .read_to_string(&mut text);
                read.map_err(|error| Failure::file("read", Path::new("stdin"), &error))?;
                Some(trim_newline(text))
            }
            Some(path) => Some(read_file(path).map_err(|error| Failure::file("read", path, &error))?),
            None => std::env::var(self.env).ok().filter(|clear| !clear.is_empty()),
        };
        match clear {
            Some(clear) if clear.is_empty() => Err(Failure::usage(format!("the {} is empty", self.what))),
            other => Ok(other.map(Secret)),
        }
    }

    /// Asks the person at the terminal, without echo.
    fn prompt(&self) -> Result<Secret, Failure> {
        let refused = |error: std::io::Error| Failure::file("read", Path::new("the terminal"), &error);
        let mut out = std::io::stderr().lock();
        drop(write!(out, "{}: ", self.what).and_then(|()| out.flush()));
        let mut text = String::new();
        let hidden = Echo::off().map_err(refused)?;
        let read = std::io::stdin().lock().read_line(&mut text);
        drop(hidden);
        drop(writeln!(out));
        read.map_err(refused)?;
        let clear = trim_newline(text);
        if clear.is_empty() {
            Err(Failure::usage(format!("no {} given", self.what)))
        } else {
            Ok(Secret(clear))
        }
    }
}

/// Echo switched off until dropped.
struct Echo {
    /// How the terminal was before.
    before: rustix::termios::Termios,
}

impl Echo {
    /// Switches echo off on stdin.
    fn off() -> std::io::Result<Echo> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Echo { before })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Reads a small text file and cuts the newline that editors add.
fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(SECRET_LEN_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    if text.len() > SECRET_LEN_MAX {
        let why = format!("longer than {SECRET_LEN_MAX} octets, so hardly a secret");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    Ok(trim_newline(text))
}

/// Cuts one newline at the end.
fn trim_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Writes a secret to a file that only its owner can read, replacing it whole or not at all.
///
/// # Errors
/// Whatever the file system says; the directory is made when missing.
pub fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        drop(std::fs::remove_file(&fresh));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretSource, trim_newline, write_private};

    #[test]
    fn trim_newline_cuts_one_line_end_and_no_space() {
        assert_eq!(trim_newline("a \r\n".to_owned()), "a ");
        assert_eq!(trim_newline("a\n\n".to_owned()), "a\n");
    }

    #[test]
    fn debug_never_shows_a_secret() {
        let shown = format!(
            "{:?} {:?}",
            Secret("s3cret".to_owned()),
            SecretSource::Literal("s3cret".to_owned())
        );
        assert_eq!(shown, "REDACTED REDACTED");
    }

    #[test]
    fn write_private_leaves_a_file_that_others_cannot_read() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/token");
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
