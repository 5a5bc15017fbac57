//! How RADIUS over TLS is set up. Values come parsed from whoever reads the configuration file; none is read here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Connections at a time, unless configured otherwise. One takes some 40 KiB.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Connections at a time from one address, unless configured otherwise: many NAS may be behind one.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;

/// See the module's words.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose. Empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Which files say who we are and whom we believe.
    pub files: Files,
    /// What a peer may take of us.
    pub limits: Limits,
}

/// Which files say who we are and whom we believe. They are read again when they change.
#[derive(Debug, Clone)]
pub struct Files {
    /// The directory of our own certificate authority ([`super::authority`]); made at first use.
    pub authority: PathBuf,
    /// Our certificate with its chain and our key, as PEM; `None`: our own authority issues one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Authorities whose certificates are believed beside our own one's, as PEM.
    pub client_ca: Option<PathBuf>,
    /// What those have revoked, as PEM.
    pub crl: Option<PathBuf>,
}

/// What a peer may take of us.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_address: usize,
    /// Connections at a time that have not shown a certificate yet.
    pub handshakes: usize,
    /// How long TLS may take to begin.
    pub handshake_wait: Duration,
    /// How long a connection may be silent; Status-Server keeps it.
    pub idle_wait: Duration,
    /// How long a peer may not read what it asked for.
    pub stall_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            connections_per_address: CONNECTIONS_PER_ADDRESS_MAX,
            handshakes: 256,
            handshake_wait: Duration::from_secs(10),
            idle_wait: Duration::from_secs(10 * 60),
            stall_wait: Duration::from_secs(30),
        }
    }
}
