//! What a running server leaves in its data directory for those on the same machine: where it listens, and, while
//! set-up is open, the one-time token. Never anything that a reader of the directory could not find out himself, but
//! the token, which only the owner can read.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::secret;

/// Where the server listens; written when it is ready, removed when it stops.
pub const ADDR_FILE: &str = "headend.addr";
/// The one-time token, mode 0600; there only while set-up is open.
pub const SETUP_TOKEN_FILE: &str = "setup-token";

/// The content of [`ADDR_FILE`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Announcement {
    /// The server's process.
    pub pid: u32,
    /// The API on this machine.
    pub url: String,
    /// Authentication.
    pub auth: Vec<SocketAddr>,
    /// Accounting.
    pub accounting: Vec<SocketAddr>,
    /// RADIUS over TLS.
    #[serde(default)]
    pub radsec: Vec<SocketAddr>,
}

impl Announcement {
    /// Reads what the server of this data directory says.
    ///
    /// # Errors
    /// When it is not there, or not ours.
    pub fn read(data_dir: &Path) -> std::io::Result<Announcement> {
        let text = std::fs::read_to_string(data_dir.join(ADDR_FILE))?;
        serde_json::from_str(&text)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// Writes it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, data_dir: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string(self)?;
        secret::write_private(&data_dir.join(ADDR_FILE), &format!("{text}\n"))
    }
}

/// Tells the service manager, if there is one, what the server does now. One that does not listen loses nothing.
pub fn tell_manager(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// Whether what we print ends up in the system's log, where a one-time token must not be.
pub fn prints_into_log() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

/// The address a client on this machine uses for a listener, which may listen on all addresses.
pub fn reachable(listening: SocketAddr) -> SocketAddr {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let ip = match listening.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// Writes the one-time token for `headend setup` on the same machine.
///
/// # Errors
/// Whatever the file system says.
pub fn write_setup_token(data_dir: &Path, token: &str) -> std::io::Result<()> {
    secret::write_private(&data_dir.join(SETUP_TOKEN_FILE), &format!("{token}\n"))
}

/// Removes a file of ours; one that is not there is removed enough.
pub fn remove(data_dir: &Path, name: &str) {
    if let Err(error) = std::fs::remove_file(data_dir.join(name))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = name, data_dir = %data_dir.display(), "cannot remove a file");
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn reachable_turns_all_addresses_into_the_loopback_one() {
        let shown = ["0.0.0.0:80", "[::]:80", "127.9.9.9:80"].map(|text| text.parse().map(reachable).ok());
        let expected = ["127.0.0.1:80", "[::1]:80", "127.9.9.9:80"].map(|text| text.parse().ok());
        assert_eq!(shown, expected);
    }
}
