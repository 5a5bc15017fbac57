//! The legacy client: FreeRADIUS's `radclient`. Debian's 3.2.1 adds no Message-Authenticator unless told, which is what
//! many NAS do that nobody will ever upgrade.
//!
//! Each request comes from a source address of its own ([`Client`]), because the source address is what tells a NAS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use radius::mschap::{NtHash, Response2, SessionKeys, v2};

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

    /// Logs in with MS-CHAP of version 1, which radclient computes.
    ///
    /// # Errors
    /// radclient cannot be run.
    pub fn mschap(&self, server: SocketAddr, username: &str, password: &str) -> Result<Reply> {
        self.ask(
            server,
            "auth",
            &format!("User-Name = \"{username}\"\nMS-CHAP-Password = \"{password}\"\n"),
            SENDS_MAX,
        )
    }

    /// Logs in with MS-CHAP of version 2. radclient does not compute it: the response comes from here, and radclient
    /// carries it, opens the keys of an Access-Accept and shows the server's proof, which are then compared.
    ///
    /// # Errors
    /// radclient cannot be run, or proof, keys or the error of a refusal are not what they must be.
    pub fn mschap2(&self, server: SocketAddr, username: &str, password: &str) -> Result<Reply> {
        let (mut challenge, mut peer_challenge) = ([0; 16], [0; 16]);
        getrandom::fill(&mut challenge)?;
        getrandom::fill(&mut peer_challenge)?;
        let hash = NtHash::of(password);
        let nt_response = v2::nt_response(&challenge, &peer_challenge, username.as_bytes(), &hash);
        let value = [&[7, 0][..], &peer_challenge, &[0; 8], &nt_response].concat();
        let said = self.say(
            server,
            "auth",
            &format!(
                "User-Name = \"{username}\"\nMS-CHAP-Challenge = 0x{}\nMS-CHAP2-Response = 0x{}\n",
                hex(&challenge),
                hex(&value)
            ),
            SENDS_MAX,
        )?;
        let reply = read(&said)?;
        let response = Response2 {
            ident: 7,
            peer_challenge: &peer_challenge,
            nt_response: &nt_response,
        };
        let proof = v2::check(&challenge, &response, username.as_bytes(), &hash);
        match (reply, proof) {
            (Reply::Accept, Some(proof)) => {
                let keys = SessionKeys::derive(&proof);
                let success = [&[7][..], &proof.success()].concat();
                for (name, value) in [
                    ("MS-CHAP2-Success", &success[..]),
                    ("MS-MPPE-Send-Key", &keys.send[..]),
                    ("MS-MPPE-Recv-Key", &keys.receive[..]),
                ] {
                    let line = format!("{name} = 0x{}\n", hex(value));
                    ensure!(said.contains(&line), "radclient does not show {line}{said}");
                }
            }
            (Reply::Reject, _) => {
                let error = "MS-CHAP-Error = \"\\007E=691 R=1 C=";
                ensure!(said.contains(error), "radclient does not show {error}: {said}");
            }
            _ => {}
        }
        Ok(reply)
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

    /// Runs radclient and finds the reply in what it printed.
    fn ask(&self, server: SocketAddr, what: &str, attributes: &str, sends: u32) -> Result<Reply> {
        read(&self.say(server, what, attributes, sends)?)
    }

    /// Runs radclient; gives what it printed.
    fn say(&self, server: SocketAddr, what: &str, attributes: &str, sends: u32) -> Result<String> {
        let mut command = Command::new("radclient");
        command
            .args(["-x", "-t", RESEND_S, "-r", &sends.to_string(), "-S"])
            .arg(&self.secret);
        command.args([server.to_string().as_str(), what]);
        let input = format!("{attributes}Packet-Src-IP-Address = {}\n", self.source);
        let finished = process::run(command, &input, WAIT_MAX)?;
        Ok(finished.said())
    }
}

/// Octets as radclient reads and prints them.
fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
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
