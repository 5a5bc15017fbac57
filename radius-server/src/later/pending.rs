//! A request on its own, away from its worker, with everything that is needed to answer it.

use super::mailbox::{Mailbox, Ticket};
use crate::clock::Now;
use crate::decision::{Draft, DropReason, Found, Outcome, Step};
use crate::directory::{Nas, SecretAge};
use crate::duplicates::Key;
use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use udp::{Outgoing, Sender};

/// Takes a request, or gives it back when there is no room for it. It must not wait.
pub(crate) type Handover = Box<dyn FnOnce(Pending) -> Result<(), Pending> + Send>;

/// How an answer goes back to where the request came from, from any thread.
pub trait Way: Send + Sync {
    /// Sends an answer to this peer, from this address of ours when the request said one; false when the system refused.
    fn send(&self, octets: &[u8], to: SocketAddr, from: Option<IpAddr>) -> bool;
}

impl Way for UdpSocket {
    fn send(&self, octets: &[u8], to: SocketAddr, from: Option<IpAddr>) -> bool {
        let outgoing = Outgoing {
            to: Some(to),
            from,
            octets,
        };
        Sender::new(1).send(self, &[outgoing]).refused == 0
    }
}

/// A request that is about to leave its worker, who knows the way back.
pub struct Leaving {
    /// Who takes it.
    handover: Handover,
    /// Where the worker hears of it again.
    mailbox: Arc<Mailbox>,
    /// What is already known.
    known: Box<Known>,
}

/// All that is known about a request.
pub(crate) struct Known {
    /// The datagram.
    pub(crate) octets: Box<[u8]>,
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// Who asks.
    pub(crate) nas: Arc<Nas>,
    /// Whether it is signed with our secret.
    pub(crate) signed: bool,
    /// Which of the NAS's secrets it was made with.
    pub(crate) secret_age: SecretAge,
    /// When it was received.
    pub(crate) arrived: Now,
    /// The decision so far.
    pub(crate) draft: Box<Draft>,
    /// The request among the worker's duplicates.
    pub(crate) key: Key,
    /// Its authenticator.
    pub(crate) authenticator: radius::packet::Authenticator,
}

/// A request that is away. Letting go of it makes it new again when its NAS asks again.
pub struct Pending {
    /// All that is known about it.
    pub(crate) known: Box<Known>,
    /// The way back.
    pub(crate) way: Arc<dyn Way>,
    /// Which of our addresses was asked, where that is not plain.
    pub(crate) local: Option<IpAddr>,
    /// Tells the worker.
    pub(super) ticket: Ticket,
}

impl Leaving {
    /// A request that this one will take.
    pub(crate) fn new(handover: Handover, mailbox: &Arc<Mailbox>, known: Known) -> Self {
        Self {
            handover,
            mailbox: Arc::clone(mailbox),
            known: Box::new(known),
        }
    }

    /// Hands it over.
    ///
    /// # Errors
    /// The decision not to answer, to be counted and recorded, when nobody has room for it.
    pub fn go(self, way: Arc<dyn Way>, local: Option<IpAddr>) -> Result<(), Box<Draft>> {
        let Self {
            handover,
            mailbox,
            known,
        } = self;
        let Some(ticket) = mailbox.ticket(known.key, known.authenticator) else {
            return Err(refused(known.draft));
        };
        let pending = Pending {
            known,
            way,
            local,
            ticket,
        };
        handover(pending).map_err(|back| refused(back.known.draft))
    }

    /// Which request of the worker's it is.
    pub(crate) const fn key(&self) -> &Key {
        &self.known.key
    }
}

/// A decision that ends here.
fn refused(mut draft: Box<Draft>) -> Box<Draft> {
    draft.outcome = Outcome::Dropped(DropReason::Busy);
    draft.note(Step::Reply, Found::Silent, false);
    draft
}

impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaving({:?})", self.known.draft)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.known.draft)
    }
}
