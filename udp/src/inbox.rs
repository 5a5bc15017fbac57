//! Receiving: whatever waits in a socket comes into the slots of an inbox with one system call, and stays there until the
//! next one.

use crate::system::{Arrival, Arrivals};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Whether to wait when nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For the first datagram, as long as the socket's read timeout says; then whatever else is there.
    ForOne,
    /// Not at all.
    No,
}

/// One datagram in an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub source: SocketAddr,
    /// Which of our addresses it was sent to, on a socket that [reports it](crate::report_local_address); an answer should
    /// leave from there.
    pub local: Option<IpAddr>,
    /// Its octets, as many as the slot holds.
    pub octets: &'a [u8],
    /// Whether it was longer than that.
    pub truncated: bool,
}

/// Slots for datagrams, made once.
pub struct Inbox {
    /// The memory.
    arrivals: Arrivals,
}

impl Inbox {
    /// An inbox that takes up to `slots` datagrams at a time, of up to `octets` octets each; at least one of one. The system
    /// gives no more than 1,024 at a time.
    #[must_use]
    pub fn new(slots: usize, octets: usize) -> Self {
        Self {
            arrivals: Arrivals::new(slots, octets),
        }
    }

    /// How many datagrams it takes at a time.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.arrivals.slots()
    }

    /// Receives into the slots, in place of what was there, and returns how many datagrams came: 0 when none did in time or
    /// a signal interrupted the wait.
    ///
    /// # Errors
    /// What the system says; on a connected socket also [`ErrorKind::ConnectionRefused`] for something sent earlier. The
    /// inbox is empty then.
    pub fn receive(&mut self, socket: &UdpSocket, wait: Wait) -> io::Result<usize> {
        let flags = match wait {
            Wait::ForOne => libc::MSG_WAITFORONE,
            Wait::No => libc::MSG_DONTWAIT,
        };
        match self.arrivals.receive(socket, flags) {
            Err(error) if is_nothing(&error) => Ok(0),
            received => received,
        }
    }

    /// The datagrams that came last, in the order they came.
    pub fn datagrams(&self) -> impl DoubleEndedIterator<Item = Datagram<'_>> {
        (0..self.arrivals.filled()).filter_map(|at| self.datagram(at))
    }

    /// One of those that came last; `None` beyond them.
    #[must_use]
    pub fn datagram(&self, at: usize) -> Option<Datagram<'_>> {
        let Arrival {
            source,
            local,
            octets,
            truncated,
        } = self.arrivals.arrival(at)?;
        Some(Datagram {
            source: source?,
            local,
            octets,
            truncated,
        })
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} of {})", self.arrivals.filled(), self.slots())
    }
}

/// Whether an error only says that nothing came.
fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
