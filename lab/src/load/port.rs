//! The sockets of the generator: a connected one a port when there is one NAS, else one a port for all their addresses.
//!
//! Every system call carries many datagrams (crate `udp`). Never waits but in [`Ports::wait`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use udp::{Inbox, Outgoing, Sender, Wait};

use super::route::{Shape, nas_address, nas_at};

/// Datagrams one system call sends or receives at most.
pub const BATCH_LEN: usize = 64;
/// Octets of the longest reply.
const REPLY_LEN_MAX: usize = 1_024;
/// Octets of a receive buffer: thousands of replies.
const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;

/// The sockets of a run.
#[derive(Debug)]
pub struct Ports {
    /// One a port.
    sockets: Vec<UdpSocket>,
    /// Where to.
    server: SocketAddr,
    /// Whether a socket serves many NAS, so that each datagram has to say its own.
    many: bool,
    /// What was received last.
    inbox: Inbox,
    /// Sends batches.
    sender: Sender,
}

impl Ports {
    /// Opens them on ports the system chooses.
    ///
    /// # Errors
    /// The system refuses a socket.
    pub fn open(shape: Shape, server: SocketAddr) -> Result<Ports> {
        let many = shape.nas > 1;
        let address = if many {
            Ipv4Addr::UNSPECIFIED
        } else {
            nas_address(0)
        };
        let sockets = (0..shape.ports).map(|_| {
            let socket =
                UdpSocket::bind((address, 0)).with_context(|| format!("cannot send from {address}"))?;
            socket.set_nonblocking(true)?;
            udp::set_receive_buffer(&socket, RECEIVE_BUFFER_OCTETS)?;
            if many {
                udp::report_local_address(&socket)?;
            } else {
                socket
                    .connect(server)
                    .with_context(|| format!("cannot reach {server}"))?;
            }
            Ok(socket)
        });
        Ok(Ports {
            sockets: sockets.collect::<Result<_>>()?,
            server,
            many,
            inbox: Inbox::new(BATCH_LEN, REPLY_LEN_MAX),
            sender: Sender::new(BATCH_LEN),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// A datagram of a NAS.
    pub fn outgoing<'a>(&self, nas: u32, octets: &'a [u8]) -> Outgoing<'a> {
        Outgoing {
            to: self.many.then_some(self.server),
            from: self.many.then(|| IpAddr::V4(nas_address(nas))),
            octets,
        }
    }

    /// Sends from a port. What the system refuses is never answered and counts as lost, like anything on the way.
    pub fn send(&mut self, port: usize, datagrams: &[Outgoing<'_>]) {
        let _lost = self.sender.send(&self.sockets[port], datagrams);
    }

    /// Takes what has come to a port, up to one batch, and hands out who was addressed and the octets; gives how many.
    ///
    /// # Errors
    /// The system refuses, other than by saying that nobody listened.
    pub fn receive(&mut self, port: usize, mut each: impl FnMut(u32, &[u8])) -> Result<usize> {
        let count = match self.inbox.receive(&self.sockets[port], Wait::No) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => 0,
            Err(error) => return Err(error).context("cannot receive"),
        };
        for datagram in self.inbox.datagrams() {
            let nas = match datagram.local {
                Some(IpAddr::V4(local)) => nas_at(local).unwrap_or(u32::MAX),
                Some(IpAddr::V6(_)) => u32::MAX,
                None => 0,
            };
            each(nas, datagram.octets);
        }
        Ok(count)
    }

    /// Waits until something has come to any port, at most so long.
    ///
    /// # Errors
    /// The system refuses.
    pub fn wait(&self, at_most: Duration) -> Result<()> {
        let mut polled: Vec<PollFd<'_>> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: at_most.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for replies"),
        }
    }
}
