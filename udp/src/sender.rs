//! Sending octets that are kept elsewhere, many datagrams with one system call, without copying them first.

use crate::system::Departures;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// One datagram to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where to; `None`: to the peer of a connected socket.
    pub to: Option<SocketAddr>,
    /// From which of our addresses; `None`: as the socket is bound or the routing table says.
    pub from: Option<IpAddr>,
    /// What.
    pub octets: &'a [u8],
}

/// What became of a batch.
#[derive(Debug, Default)]
#[must_use]
pub struct Sent {
    /// Datagrams the system took.
    pub sent: usize,
    /// Datagrams it refused, such as those without a route; they are not tried again.
    pub refused: usize,
    /// Why it refused the first of them.
    pub refusal: Option<io::Error>,
}

impl Sent {
    /// Datagrams that are dealt with, one way or the other. Fewer than were given only when a socket that does not block
    /// takes no more now; the rest may be given again.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.sent + self.refused
    }
}

/// Sends batches; made once, used for all.
pub struct Sender {
    /// The headers.
    departures: Departures,
}

impl Sender {
    /// A sender of up to `batch` datagrams with one system call; at least one. The system takes no more than 1,024.
    #[must_use]
    pub fn new(batch: usize) -> Self {
        Self {
            departures: Departures::new(batch),
        }
    }

    /// From now on datagrams of one length to one destination that follow each other pass the kernel's network layers as one
    /// and are cut apart at the end (UDP generic segmentation offload); on the wire nothing differs. Says whether this
    /// system can; if not, nothing changes.
    pub fn couple(&mut self, socket: &UdpSocket) -> bool {
        self.departures.couple(socket)
    }

    /// Sends all, in order. One that is refused does not keep the others back.
    pub fn send(&mut self, socket: &UdpSocket, datagrams: &[Outgoing<'_>]) -> Sent {
        self.send_each(socket, datagrams.len(), |at| datagrams[at])
    }

    /// Sends `count` datagrams, each as `outgoing` tells.
    pub(crate) fn send_each<'a>(
        &mut self,
        socket: &UdpSocket,
        count: usize,
        outgoing: impl Fn(usize) -> Outgoing<'a>,
    ) -> Sent {
        let (mut sent, mut blocked) = (Sent::default(), false);
        // Whether the datagram whose turn it is was tried before: a connected socket reports there what an earlier one met.
        let mut again = false;
        while sent.done() < count && !blocked {
            let done = sent.done();
            let each = |step: io::Result<usize>| match step {
                Ok(taken) => {
                    again = false;
                    sent.sent += taken;
                    Some(taken)
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => Some(0),
                    ErrorKind::WouldBlock => {
                        blocked = true;
                        None
                    }
                    ErrorKind::ConnectionRefused if !again => {
                        again = true;
                        Some(0)
                    }
                    _ => {
                        again = false;
                        sent.refused += 1;
                        sent.refusal.get_or_insert(error);
                        Some(1)
                    }
                },
            };
            self.departures
                .send(socket, count - done, |at| outgoing(done + at), each);
        }
        sent
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({})", self.departures.batch())
    }
}
