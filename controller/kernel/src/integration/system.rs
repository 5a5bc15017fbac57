//! The closed list of systems, and what each has. Adding one means: a line in each table here, the CHECK of
//! `kernel.integrations`, and an adapter that uses it.

use std::fmt;
use std::str::FromStr;

/// A kind of system of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// VOLTHA: OLTs and ONUs, over gRPC.
    Voltha,
    /// NetBox: addresses and equipment.
    Netbox,
    /// GenieACS: CPEs.
    Genieacs,
    /// Ansible AWX: workflows.
    Awx,
    /// A RADIUS server of the partner's own.
    Radius,
    /// Vault or OpenBao: where secrets of the others are.
    Vault,
}

/// How a system is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// A GET below its URL, and what must be shown there.
    Http {
        /// The path.
        path: &'static [&'static str],
        /// What of the answer names the version.
        version: Option<&'static str>,
    },
    /// A TCP connection to its port; its protocol is its adapter's.
    Connection,
    /// Its name has addresses that may be reached.
    Name,
    /// A log-in.
    LogIn,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Voltha,
        Self::Netbox,
        Self::Genieacs,
        Self::Awx,
        Self::Radius,
        Self::Vault,
    ];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voltha => "voltha",
            Self::Netbox => "netbox",
            Self::Genieacs => "genieacs",
            Self::Awx => "awx",
            Self::Radius => "radius",
            Self::Vault => "vault",
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voltha => "VOLTHA",
            Self::Netbox => "NetBox",
            Self::Genieacs => "GenieACS",
            Self::Awx => "AWX",
            Self::Radius => "the RADIUS server",
            Self::Vault => "the vault",
        }
    }

    /// The secrets it can be shown.
    pub const fn secrets(self) -> &'static [&'static str] {
        match self {
            Self::Voltha | Self::Netbox | Self::Awx => &["token"],
            Self::Genieacs => &["username", "password"],
            Self::Radius => &["secret"],
            Self::Vault => &["token", "secret_id"],
        }
    }

    /// The port it has beside its URL, where it has one.
    pub const fn port_default(self) -> Option<u16> {
        match self {
            Self::Voltha => Some(50057),
            Self::Radius => Some(3799),
            _ => None,
        }
    }

    /// How it is tried.
    pub const fn tried(self) -> Tried {
        match self {
            Self::Netbox => Tried::Http {
                path: &["api", "status", ""],
                version: Some("netbox-version"),
            },
            Self::Awx => Tried::Http {
                path: &["api", "v2", "me", ""],
                version: None,
            },
            Self::Genieacs => Tried::Http {
                path: &["devices", ""],
                version: None,
            },
            Self::Voltha => Tried::Connection,
            Self::Radius => Tried::Name,
            Self::Vault => Tried::LogIn,
        }
    }

    /// Whether its URL is a bare host name or address.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Radius)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use one of voltha, netbox, genieacs, awx, radius, vault")]
pub struct NotASystem;

impl FromStr for System {
    type Err = NotASystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|system| system.as_str() == text)
            .ok_or(NotASystem)
    }
}
