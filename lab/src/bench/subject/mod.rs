//! Who is measured: each a value with the same face, so that all meet the same tests.
//!
//! - [`echo`]: the limit of this machine: the digests and the system calls, and nothing else.
//! - [`headend`]: the real binary with its private PostgreSQL.
//! - [`freeradius`]: Debian's FreeRADIUS on a users file, or on PostgreSQL ([`cluster`]).
//!
//! All know the same [`crate::load::people`] and give them the same reply.

pub mod cluster;
pub mod echo;
pub mod freeradius;
pub mod headend;

use std::net::SocketAddr;

use anyhow::Result;

use super::usage::{self, Memory, Time};

/// NAS every server knows; a test sends from as many of them as it wants.
pub const NAS_COUNT: u32 = 1_000;
/// Session-Timeout of every accept.
pub const SESSION_TIMEOUT_S: u32 = 86_400;
/// Acct-Interim-Interval of every accept.
pub const INTERIM_INTERVAL_S: u32 = 300;
/// Towards the subscriber, Mbit/s.
pub const DOWNLOAD_MBPS: u32 = 100;
/// From the subscriber, Mbit/s.
pub const UPLOAD_MBPS: u32 = 20;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// The physical limit.
    Echo,
    /// Headend.
    Headend,
    /// FreeRADIUS with a users file.
    FreeradiusFiles,
    /// FreeRADIUS with PostgreSQL.
    FreeradiusSql,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Kind; 4] = [
        Kind::Echo,
        Kind::Headend,
        Kind::FreeradiusFiles,
        Kind::FreeradiusSql,
    ];

    /// What tables call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Echo => "echo limit",
            Kind::Headend => "Headend",
            Kind::FreeradiusFiles => "FreeRADIUS, users file",
            Kind::FreeradiusSql => "FreeRADIUS, PostgreSQL",
        }
    }
}

/// Where a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It and all it starts on processor 0; the generator on processor 1.
    Pinned,
    /// Wherever the kernel likes.
    Free,
}

impl Place {
    /// The processor of the server.
    pub fn server_core(self) -> Option<usize> {
        (self == Place::Pinned).then_some(0)
    }

    /// The processor of the generator.
    pub fn generator_core(self) -> Option<usize> {
        (self == Place::Pinned).then_some(1)
    }

    /// What tables call it.
    pub fn title(self) -> &'static str {
        match self {
            Place::Pinned => "pinned",
            Place::Free => "unpinned",
        }
    }
}

/// A server that runs.
pub trait Subject: Sync {
    /// Which one.
    fn kind(&self) -> Kind;

    /// Where it takes Access-Requests.
    fn auth(&self) -> SocketAddr;

    /// Where it takes Accounting-Requests; `None`: not measured there.
    fn accounting(&self) -> Option<SocketAddr>;

    /// The processes whose families are the server and its database.
    fn roots(&self) -> Result<Vec<u32>>;

    /// Moves it, which may restart it.
    ///
    /// # Errors
    /// It does not come back.
    fn place(&mut self, place: Place) -> Result<()>;

    /// Records that are acknowledged and not yet in its database.
    ///
    /// # Errors
    /// It does not say.
    fn backlog(&self) -> Result<u64> {
        Ok(0)
    }

    /// Whether it speaks MS-CHAPv2.
    fn speaks_mschapv2(&self) -> bool {
        true
    }

    /// Processor time it has used.
    ///
    /// # Errors
    /// It has ended.
    fn time(&self) -> Result<Time> {
        usage::time(&self.roots()?)
    }

    /// Memory it holds.
    ///
    /// # Errors
    /// It has ended.
    fn memory(&self) -> Result<Memory> {
        Ok(usage::memory(&self.roots()?))
    }
}
