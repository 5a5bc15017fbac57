//! How the access plane is set up. Values come parsed from whoever reads the configuration file; none is read here.

use crate::authentication::EapOptions;
use crate::decision::DECISION_MEMORY_OCTETS;
use crate::directory::RejectRules;
use crate::gate::ATTRIBUTES_USUAL_MAX;
use crate::journal;
use crate::radsec;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Octets of a socket's receive buffer, unless configured otherwise: what a BNG sends that reboots with 20,000 subscribers
/// has room in it twice. It is a limit; the kernel takes no memory for what is not there.
pub const RECEIVE_BUFFER_OCTETS: usize = 16 * 1024 * 1024;
/// An Access-Reject waits no longer: a NAS that asks again after five seconds is to find it among the duplicates.
pub const REJECT_DELAY_MAX: Duration = Duration::from_secs(4);
/// Authentication workers an address, at most; more would not help a machine with fewer processors.
pub const AUTH_WORKERS_MAX: usize = 64;
/// Authentication workers an address when none are configured: as many as processors, at most this.
const AUTH_WORKERS_USUAL_MAX: usize = 8;

/// How the access plane is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen for authentication; port 0 lets the system choose.
    pub auth: Vec<SocketAddr>,
    /// Where to listen for accounting; port 0 lets the system choose.
    pub accounting: Vec<SocketAddr>,
    /// Where to listen for RADIUS over TLS, and how; `None`: nowhere.
    pub radsec: Option<radsec::Config>,
    /// The directory of our own certificate authority, for home servers that are reached by TLS and have no certificates of
    /// their own configured; `None`: there are none such.
    pub authority: Option<PathBuf>,
    /// Authentication workers an address; 0: one a processor, up to 8. More than [`AUTH_WORKERS_MAX`] are not started.
    pub auth_workers: usize,
    /// The directory in which the journals have theirs: `accounting` and `decisions`.
    pub journal_dir: PathBuf,
    /// Octets of each socket's receive buffer; without CAP_NET_ADMIN the system may give less.
    pub receive_buffer_octets: usize,
    /// Octets of memory for the last decisions of each authentication worker, 256 KiB to 1 GiB; resident as they are used.
    pub decision_memory_octets: usize,
    /// How long an Access-Reject waits before it is sent, at most [`REJECT_DELAY_MAX`]; zero: it does not.
    pub reject_delay: Duration,
    /// When further attempts of somebody are answered from memory.
    pub reject_rules: RejectRules,
    /// Attributes a packet may have, at most [`radius::ATTRIBUTES_MAX`].
    pub attributes_max: usize,
    /// How EAP is offered.
    pub eap: EapOptions,
    /// How the accounting journal is kept.
    pub accounting_journal: journal::Options,
    /// How the decision journal is kept.
    pub decision_journal: journal::Options,
}

impl Config {
    /// The usual ports on every IPv4 address, and journals in this directory; rejects are sent at once, and nobody is held off.
    #[must_use]
    pub fn new(journal_dir: impl Into<PathBuf>) -> Self {
        let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        Self {
            auth: vec![everywhere(1812)],
            accounting: vec![everywhere(1813)],
            radsec: None,
            authority: None,
            auth_workers: 0,
            journal_dir: journal_dir.into(),
            receive_buffer_octets: RECEIVE_BUFFER_OCTETS,
            decision_memory_octets: DECISION_MEMORY_OCTETS,
            reject_delay: Duration::ZERO,
            reject_rules: RejectRules::OFF,
            attributes_max: ATTRIBUTES_USUAL_MAX,
            eap: EapOptions::default(),
            accounting_journal: journal::Options::default(),
            // Nobody waits for a decision to be on disk.
            decision_journal: journal::Options {
                zeros: false,
                ..journal::Options::default()
            },
        }
    }

    /// How many authentication workers an address gets.
    #[must_use]
    pub fn auth_worker_count(&self) -> usize {
        match self.auth_workers {
            0 => std::thread::available_parallelism()
                .map_or(1, |count| count.get().min(AUTH_WORKERS_USUAL_MAX)),
            count => count.min(AUTH_WORKERS_MAX),
        }
    }
}
