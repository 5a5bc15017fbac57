//! Replies: written into slots that are there already, sent together.

use crate::sender::{Outgoing, Sender, Sent};
use crate::system::stride;
use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Slots for datagrams to be sent, made once.
pub struct Outbox {
    /// Where the slots that are taken go, and how long they are.
    letters: Vec<Letter>,
    /// The octets of all slots, [`stride`] apart.
    octets: Vec<u8>,
    /// Octets a slot holds.
    room: usize,
    /// Slots at the beginning that were sent already; not 0 only while a socket takes no more.
    gone: usize,
    /// Sends them.
    sender: Sender,
}

/// A slot that is taken.
struct Letter {
    /// Where to; `None`: to the peer of a connected socket.
    to: Option<SocketAddr>,
    /// From which of our addresses.
    from: Option<IpAddr>,
    /// How many octets of the slot.
    len: usize,
}

impl Outbox {
    /// An outbox for up to `slots` datagrams of up to `octets` octets each; at least one of one.
    #[must_use]
    pub fn new(slots: usize, octets: usize) -> Self {
        let (slots, room) = (slots.max(1), octets.max(1));
        Self {
            letters: Vec::with_capacity(slots),
            octets: vec![0; slots * stride(room)],
            room,
            gone: 0,
            sender: Sender::new(slots),
        }
    }

    /// As [`Sender::couple`].
    pub fn couple(&mut self, socket: &UdpSocket) -> bool {
        self.sender.couple(socket)
    }

    /// How many slots there are.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.octets.len() / stride(self.room)
    }

    /// How many datagrams wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.letters.len() - self.gone
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every slot is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.letters.len() == self.slots()
    }

    /// A free slot for a datagram to `to`, or to the peer of a connected socket when that is `None`, sent from our address
    /// `from` when that is said; `None` when all slots are taken. It is given back unless it is committed.
    pub fn claim(&mut self, to: impl Into<Option<SocketAddr>>, from: Option<IpAddr>) -> Option<Slot<'_>> {
        if self.is_full() {
            return None;
        }
        let to = to.into();
        Some(Slot {
            outbox: self,
            to,
            from,
        })
    }

    /// Copies a whole datagram into a free slot; false when none is free, or when it is longer than a slot.
    #[must_use]
    pub fn put(&mut self, to: impl Into<Option<SocketAddr>>, from: Option<IpAddr>, octets: &[u8]) -> bool {
        let Some(mut slot) = self.claim(to, from) else {
            return false;
        };
        let Some(room) = slot.octets().get_mut(..octets.len()) else {
            return false;
        };
        room.copy_from_slice(octets);
        slot.commit(octets.len());
        true
    }

    /// Sends all that waits. Slots stay taken only when the socket does not block and takes no more now.
    pub fn flush(&mut self, socket: &UdpSocket) -> Sent {
        let Self {
            letters,
            octets,
            room,
            gone,
            sender,
        } = self;
        let waiting = letters.get(*gone..).unwrap_or_default();
        let first = *gone;
        let sent = sender.send_each(socket, waiting.len(), |at| {
            let (letter, start) = (&waiting[at], (first + at) * stride(*room));
            Outgoing {
                to: letter.to,
                from: letter.from,
                octets: &octets[start..start + letter.len],
            }
        });
        *gone += sent.done();
        if *gone == letters.len() {
            letters.clear();
            *gone = 0;
        }
        sent
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.letters.clear();
        self.gone = 0;
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} of {})", self.len(), self.slots())
    }
}

/// A slot being written.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Whose.
    outbox: &'a mut Outbox,
    /// Where to; `None`: to the peer of a connected socket.
    to: Option<SocketAddr>,
    /// From which of our addresses.
    from: Option<IpAddr>,
}

impl Slot<'_> {
    /// The octets to write into; what an earlier datagram left is still in them.
    pub fn octets(&mut self) -> &mut [u8] {
        let start = self.outbox.letters.len() * stride(self.outbox.room);
        &mut self.outbox.octets[start..start + self.outbox.room]
    }

    /// Takes the slot: its first `len` octets, at most all, go with the next flush.
    pub fn commit(self, len: usize) {
        let (to, from, len) = (self.to, self.from, len.min(self.outbox.room));
        self.outbox.letters.push(Letter { to, from, len });
    }
}
