//! All ways to home servers together: datagrams and TLS connections behind one [`Transport`], and one place to wait for all.

use super::engine::Transmit;
use super::links::Links;
use super::transport::{Arrival, Bell, Route, Transport, Udp};
use crate::directory::HomePort;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the module's words.
pub(crate) struct Ways {
    /// Datagrams.
    udp: Udp,
    /// TLS.
    links: Links,
}

impl Ways {
    /// Lanes of each way: sockets, or connections.
    pub(crate) const LANES: u8 = Udp::LANES;

    /// Opens the sockets for datagrams; connections are made when they are needed. `authority` is where our own authority is.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(port: HomePort, authority: Option<PathBuf>) -> io::Result<Self> {
        Ok(Self {
            udp: Udp::open()?,
            links: Links::new(port, authority),
        })
    }

    /// What wakes [`Self::wait`].
    pub(super) fn bell(&self) -> Arc<Bell> {
        self.udp.bell()
    }

    /// Waits until something has come or can be sent on, or the bell rings, or the time is over.
    pub(crate) fn wait(&self, at_most: Duration) {
        let due = self
            .links
            .deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        self.udp
            .wait(self.links.fds(), due.map_or(at_most, |due| due.min(at_most)));
    }
}

impl Transport for Ways {
    fn send(&mut self, transmit: &Transmit) {
        match transmit.to {
            Route::Udp(_) => self.udp.send(transmit),
            Route::Tls(_) => self.links.send(transmit),
        }
    }

    fn receive(&mut self, take: &mut dyn FnMut(Arrival<'_>)) {
        self.udp.receive(take);
        self.links.receive(take);
    }
}
