//! The legacy client: FreeRADIUS's `radclient`. Debian's 3.2.1 adds no Message-Authenticator unless told, which is what
//! many NAS do that nobody will ever upgrade.
//!
//! Each request comes from a source address of its own ([`Client`]), because the source address is what tells a NAS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::secret::{self, Secret};

/// Seconds it waits before it sends again.
const RESEND_S: &str = "1";
/// How often it sends at most.
const SENDS_MAX: u32 = 3;
/// How long it may take altogether.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Access-Accept.
    Accept,
    /// Access-Reject.
    Reject,
    /// Accounting-Response.
    Accounted,
    /// Nothing, however often it asked.
    Silence,
}

/// A source address with the secret it uses.
#[derive(Debug)]
pub struct Client {
    /// Where its requests come from.
    pub source: Ipv4Addr,
    /// The file with its secret.
    secret: PathBuf,
}

impl Client {
    /// Sets a client up; the secret goes into a file of `dir`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(source: Ipv4Addr, secret: &Secret, dir: &Path) -> Result<Client> {
        let path = dir.join(format!("radclient-{source}.secret"));
        secret::write_file(&path, &format!("{}\n", secret.reveal()))?;
        Ok(Client { source, secret: path })
    }

    /// Logs in with PAP.
    ///
    /// # Errors
    /// radclient cannot be run.
    pub fn pap(&self, server: SocketAddr, username: &str, password: &str) -> Result<Reply> {
        self.ask(
            server,
            "auth",
            &format!("User-Name = \"{username}\"\nUser-Password = \"{password}\"\n"),
            SENDS_MAX,
        )
    }

    /// Logs in with CHAP.
    ///
    /// # Errors
    /// radclient cannot be run.
    pub fn chap(&self, server: SocketAddr, username: &str, password: &str) -> Result<Reply> {
        self.ask(
            server,
            "auth",
            &format!("User-Name = \"{username}\"\nCHAP-Password = \"{password}\"\n"),
            SENDS_MAX,
        )
    }

    /// Sends an Accounting-Request with these attributes, a `Name = value` a line.
    ///
    /// # Errors
    /// radclient cannot be run.
    pub fn account(&self, server: SocketAddr, attributes: &str) -> Result<Reply> {
        self.ask(server, "acct", attributes, SENDS_MAX)
    }

    /// Logs in once with PAP where no answer is expected.
    ///
    /// # Errors
    /// radclient cannot be run.
    pub fn pap_once(&self, server: SocketAddr, username: &str, password: &str) -> Result<Reply> {
        self.ask(
            server,
            "auth",
            &format!("User-Name = \"{username}\"\nUser-Password = \"{password}\"\n"),
            1,
        )
    }

    /// Runs radclient.
    fn ask(&self, server: SocketAddr, what: &str, attributes: &str, sends: u32) -> Result<Reply> {
        let mut command = Command::new("radclient");
        command
            .args(["-x", "-t", RESEND_S, "-r", &sends.to_string(), "-S"])
            .arg(&self.secret);
        command.args([server.to_string().as_str(), what]);
        let input = format!("{attributes}Packet-Src-IP-Address = {}\n", self.source);
        let finished = process::run(command, &input, WAIT_MAX)?;
        read(&finished.said())
    }
}

/// Finds the reply in what radclient printed.
fn read(said: &str) -> Result<Reply> {
    let replies = [
        ("Received Access-Accept", Reply::Accept),
        ("Received Access-Reject", Reply::Reject),
        ("Received Accounting-Response", Reply::Accounted),
        ("No reply from server", Reply::Silence),
    ];
    let found = replies.into_iter().find(|(words, _)| said.contains(words));
    found
        .map(|(_, reply)| reply)
        .ok_or_else(|| anyhow::anyhow!("radclient said something unexpected:\n{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expect: Option<Reply>) {
        assert_eq!(read(said).ok(), expect);
    }

    #[test]
    fn an_accept_is_read() {
        check(
            "Sent Access-Request Id 1\nReceived Access-Accept Id 1 from 127.0.0.1:1812",
            Some(Reply::Accept),
        );
    }

    #[test]
    fn silence_is_read() {
        check(
            "Sent Access-Request Id 1\n(0) No reply from server for ID 1 socket 3",
            Some(Reply::Silence),
        );
    }

    #[test]
    fn a_message_that_is_no_reply_is_an_error() {
        check("radclient: Failed to find IP address", None);
    }
}
