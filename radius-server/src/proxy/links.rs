//! Home servers by TLS: their connections ([`Link`]), each made when there is something to send and let go when nobody has
//! sent for [`IDLE_WAIT`]. Never waits: `ways` waits on the sockets of all of them.
//!
//! Bounded: a few connections a server, as many as the engine uses lanes, and [`LINKS_MAX`] of all servers together.

use super::engine::Transmit;
use super::transport::{Arrival, Route, Transport};
use crate::cause::chain;
use crate::directory::{HomePort, HomeServer, HomeTls, HomeTlsError};
use crate::id::HomeServerId;
use crate::radsec::CredentialError;
use crate::radsec::authority::Authority;
use crate::radsec::link::{Credentials, Files, Link};
use rustix::event::{PollFd, PollFlags};
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tracing::{debug, warn};

/// Connections at a time, to all home servers together.
pub(super) const LINKS_MAX: usize = 1_024;
/// How long a connection may be of no use to anybody.
const IDLE_WAIT: Duration = Duration::from_secs(600);
/// How long what was read of certificates is good for: before a connection is begun they are read anew.
const READ_WAIT: Duration = Duration::from_secs(60);

/// See the module's words.
pub(super) struct Links {
    /// What is asked of the servers: it says in whose figures connections are counted.
    port: HomePort,
    /// Where our own authority is, for servers that believe it and that it vouches for.
    authority: Option<PathBuf>,
    /// By server and lane.
    held: BTreeMap<(HomeServerId, u8), Held>,
}

/// One connection, or why there can be none.
struct Held {
    /// Whose, and how it is reached.
    server: Arc<HomeServer>,
    /// Where.
    address: SocketAddr,
    /// `None`: its certificates are of no use.
    link: Option<Link>,
    /// When those were read.
    read_at: Instant,
    /// When something was sent last.
    used: Instant,
    /// What was counted of it so far: open, opened, lost.
    counted: (bool, u64, u64),
}

/// Why no connection can be made.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// The home server's own.
    #[error("what is configured for TLS is of no use")]
    Given(#[from] HomeTlsError),
    /// Our authority's.
    #[error("our own authority's certificates are of no use")]
    Own(#[from] CredentialError),
    /// They do not go together.
    #[error("certificates cannot be used together")]
    Together(#[from] rustls::Error),
    /// There is no authority of our own.
    #[error("there is no authority of our own here, and no certificates are configured")]
    NoAuthority,
}

impl Links {
    /// None yet.
    pub(super) fn new(port: HomePort, authority: Option<PathBuf>) -> Self {
        Self {
            port,
            authority,
            held: BTreeMap::new(),
        }
    }

    /// What to wait on.
    pub(super) fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.links().filter_map(|link| {
            let wants = if link.wants_write() {
                PollFlags::IN | PollFlags::OUT
            } else {
                PollFlags::IN
            };
            link.socket().map(|socket| PollFd::new(socket, wants))
        })
    }

    /// When [`Transport::receive`] has something to do even if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.links().filter_map(Link::deadline).min()
    }

    /// All that can be used.
    fn links(&self) -> impl Iterator<Item = &Link> {
        self.held.values().filter_map(|held| held.link.as_ref())
    }

    /// The connection for a transmit; `None`: there cannot be one.
    fn link(&mut self, transmit: &Transmit, now: Instant) -> Option<&mut Link> {
        let (server, authority) = (&transmit.server, self.authority.as_deref());
        let (tls, address) = (server.spec.tls.as_ref()?, server.addr(self.port)?);
        let key = (server.spec.id, transmit.lane);
        if !self.held.contains_key(&key) && self.held.len() >= LINKS_MAX {
            debug!(
                home_server = &*server.spec.name,
                "there are too many TLS connections to home servers"
            );
            return None;
        }
        let held = self
            .held
            .entry(key)
            .or_insert_with(|| Held::new(server, address, authority, now));
        if !Arc::ptr_eq(&held.server, server) {
            if held.address != address || held.server.spec.tls.as_ref() != Some(tls) {
                held.count_gone(self.port);
                *held = Held::new(server, address, authority, now);
            }
            held.server = Arc::clone(server);
        }
        held.used = now;
        held.read_again(tls, authority, now);
        held.link.as_mut()
    }
}

impl Transport for Links {
    fn send(&mut self, transmit: &Transmit) {
        let now = Instant::now();
        let Some(link) = self.link(transmit, now) else {
            return;
        };
        // What is not taken now is sent again.
        if let Err(why) = link.send(&transmit.octets, now) {
            debug!(home_server = &*transmit.server.spec.name, %why, "cannot send to a home server now");
        }
    }

    fn receive(&mut self, take: &mut dyn FnMut(Arrival<'_>)) {
        let (now, port) = (Instant::now(), self.port);
        for ((id, lane), held) in &mut self.held {
            if let Some(link) = &mut held.link {
                link.pump(now, &mut |octets| {
                    take(Arrival {
                        from: Route::Tls(*id),
                        lane: *lane,
                        octets,
                    });
                });
            }
            held.count(port);
        }
        self.held.retain(|_, held| {
            let keep = now.saturating_duration_since(held.used) < IDLE_WAIT;
            if !keep {
                held.count_gone(port);
            }
            keep
        });
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        for held in self.held.values_mut() {
            held.count_gone(self.port);
        }
    }
}

impl Held {
    /// A connection that is not begun yet.
    fn new(server: &Arc<HomeServer>, address: SocketAddr, authority: Option<&Path>, now: Instant) -> Self {
        let mut held = Self {
            server: Arc::clone(server),
            address,
            link: None,
            read_at: now,
            used: now,
            counted: (false, 0, 0),
        };
        if let Some(tls) = &server.spec.tls
            && let Some((name, credentials)) = held.read(tls, authority)
        {
            held.link = Some(Link::new(address, name, credentials));
        }
        held
    }

    /// Reads certificates anew before a connection is begun: our own authority's are renewed now and then, and what was
    /// missing may be there.
    fn read_again(&mut self, tls: &HomeTls, authority: Option<&Path>, now: Instant) {
        let begun = self.link.as_ref().is_some_and(|link| link.socket().is_some());
        if begun || now.saturating_duration_since(self.read_at) < READ_WAIT {
            return;
        }
        self.read_at = now;
        let Some((name, credentials)) = self.read(tls, authority) else {
            return;
        };
        match &mut self.link {
            Some(link) => link.set_credentials(credentials),
            None => self.link = Some(Link::new(self.address, name, credentials)),
        }
    }

    /// What a connection needs; says it when that is of no use.
    fn read(&self, tls: &HomeTls, authority: Option<&Path>) -> Option<(ServerName<'static>, Credentials)> {
        match read(tls, authority) {
            Ok(read) => Some(read),
            Err(error) => {
                let error = chain(&error);
                warn!(
                    home_server = &*self.server.spec.name,
                    error, "no TLS connection to a home server can be made"
                );
                let stats = &self.server.stats;
                for port in [HomePort::Auth, HomePort::Accounting] {
                    stats.port(port).link_trouble_is(Some(&error));
                }
                None
            }
        }
    }

    /// Counts what has happened since it was counted last.
    fn count(&mut self, port: HomePort) {
        let Some(link) = &self.link else { return };
        let ((was_open, opened, lost), stats) = (self.counted, self.server.stats.port(port));
        let (is_open, (now_opened, now_lost)) = (link.is_open(), link.tally());
        if (was_open, opened, lost) == (is_open, now_opened, now_lost) {
            return;
        }
        stats
            .links_opened
            .fetch_add(now_opened - opened, Ordering::Relaxed);
        stats.links_lost.fetch_add(now_lost - lost, Ordering::Relaxed);
        match (was_open, is_open) {
            (false, true) => drop(stats.links_open.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(stats.links_open.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        stats.link_trouble_is(link.trouble());
        self.counted = (is_open, now_opened, now_lost);
    }

    /// Counts that it is let go.
    fn count_gone(&mut self, port: HomePort) {
        if std::mem::take(&mut self.counted.0) {
            let open = &self.server.stats.port(port).links_open;
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What a connection needs.
fn read(tls: &HomeTls, authority: Option<&Path>) -> Result<(ServerName<'static>, Credentials), Unusable> {
    let (name, roots) = (tls.server_name()?, tls.roots()?);
    let own = || -> Result<Files, Unusable> {
        let authority = Authority::open(authority.ok_or(Unusable::NoAuthority)?, OffsetDateTime::now_utc())
            .map_err(CredentialError::from)?;
        let paths = authority.server_paths(OffsetDateTime::now_utc());
        let (certificate, key) = paths.map_err(CredentialError::from)?;
        Ok(Files {
            certificate,
            key,
            authorities: authority.certificate_path(),
        })
    };
    let roots = match roots {
        Some(roots) => roots,
        None => own()?.roots()?,
    };
    let (certificates, key) = match &tls.identity {
        Some(identity) => identity.parsed()?,
        None => own()?.pair()?,
    };
    Ok((name, Credentials::new(roots, certificates, key, true)?))
}
