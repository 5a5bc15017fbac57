//! How octets reach a home server and come back. The engine knows addresses and sockets by number only; what carries them
//! is behind [`Transport`].

use super::engine::Transmit;
use crate::id::HomeServerId;
use radius::PACKET_LEN_MAX;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// By which way requests go to a server and replies come back; requests by one way are told apart by lane and Identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// Datagrams to and from this address.
    Udp(SocketAddr),
    /// TLS connections to this server, which nobody else's requests share.
    Tls(HomeServerId),
}

impl From<SocketAddr> for Route {
    fn from(addr: SocketAddr) -> Self {
        Self::Udp(addr)
    }
}

/// Something that came back.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'o> {
    /// From where.
    pub from: Route,
    /// Into which lane.
    pub lane: u8,
    /// What.
    pub octets: &'o [u8],
}

/// A way to home servers: UDP sockets, or TLS connections.
///
/// It may lose what it is given: the engine asks again. A reliable one loses nothing and is asked again all the same, which
/// its server answers out of its memory.
pub trait Transport {
    /// Sends, or loses it.
    fn send(&mut self, transmit: &Transmit);

    /// Gives everything that has come to `take`; waits for nothing.
    fn receive(&mut self, take: &mut dyn FnMut(Arrival<'_>));
}

// -- UDP ------------------------------------------------------------------------------------------------------------

/// Datagrams taken from one socket at a time, so that one server cannot keep us from the others.
const BURST: usize = 64;

/// Several sockets of each family, because one tells only 256 requests to a server apart, and something that wakes who waits
/// for them.
pub(super) struct Udp {
    /// IPv4, by lane.
    v4: Vec<UdpSocket>,
    /// IPv6, by lane; none where the machine has none.
    v6: Vec<UdpSocket>,
    /// Wakes.
    bell: Arc<Bell>,
    /// Where a datagram is received.
    room: Box<[u8]>,
}

/// Wakes whoever waits for datagrams.
pub(super) struct Bell(OwnedFd);

impl Bell {
    /// Wakes.
    pub(super) fn ring(&self) {
        // It is full when it was rung very often and nobody looked: then it rings already.
        let _rung = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Takes note that it rang.
    fn answer(&self) {
        let mut count = [0; 8];
        let _rang = rustix::io::read(&self.0, &mut count);
    }
}

impl Udp {
    /// Sockets of each family.
    pub(super) const LANES: u8 = 8;

    /// Opens the sockets, each with a port of its own that nobody can guess.
    pub(super) fn open() -> io::Result<Self> {
        let open = |addr: SocketAddr| -> io::Result<Vec<UdpSocket>> {
            let socket = |_lane| {
                let socket = UdpSocket::bind(addr)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            };
            (0..Self::LANES).map(socket).collect()
        };
        Ok(Self {
            v4: open((Ipv4Addr::UNSPECIFIED, 0).into())?,
            v6: open((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap_or_default(),
            bell: Arc::new(Bell(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)),
            room: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
        })
    }

    /// What wakes [`Self::wait`].
    pub(super) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// Waits until something has come, here or to one of `others`, or the bell rings, or the time is over.
    pub(super) fn wait<'f>(&'f self, others: impl Iterator<Item = PollFd<'f>>, at_most: Duration) {
        let mut fds: Vec<PollFd<'_>> = self
            .v4
            .iter()
            .chain(&self.v6)
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .chain(others)
            .collect();
        fds.push(PollFd::new(&self.bell.0, PollFlags::IN));
        // A millisecond more than asked for is better than none at all, over and over.
        let millis = at_most.as_micros().div_ceil(1_000);
        let timeout = Timespec {
            tv_sec: i64::try_from(millis / 1_000).unwrap_or_default(),
            tv_nsec: i64::try_from(millis % 1_000).unwrap_or_default() * 1_000_000,
        };
        let _interrupted = poll(&mut fds, Some(&timeout));
        self.bell.answer();
    }
}

impl Transport for Udp {
    fn send(&mut self, transmit: &Transmit) {
        let Route::Udp(to) = transmit.to else { return };
        let sockets = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        // What the system does not take now is sent again.
        if let Some(socket) = sockets.get(usize::from(transmit.lane))
            && let Err(error) = socket.send_to(&transmit.octets, to)
        {
            tracing::debug!(%to, %error, "cannot send to a home server now");
        }
    }

    fn receive(&mut self, take: &mut dyn FnMut(Arrival<'_>)) {
        for sockets in [&self.v4, &self.v6] {
            for (lane, socket) in (0_u8..).zip(sockets) {
                for _ in 0..BURST {
                    match socket.recv_from(&mut self.room) {
                        Ok((len, from)) => take(Arrival {
                            from: from.into(),
                            lane,
                            octets: self.room.get(..len).unwrap_or_default(),
                        }),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        // An ICMP message about an earlier datagram: the server's host is there, the server is not.
                        Err(error) => tracing::debug!(%error, "a home server's host refused a datagram"),
                    }
                }
            }
        }
    }
}
