//! Answers that come later: what a login needs that takes long (a TLS handshake, a slow password hash) or waits for somebody
//! else (a home server) leaves its worker, which goes on with the next datagram. A login that needs none of it never comes
//! here, and pays for all of this with one load of a flag that hardly ever changes.
//!
//! In the order a request goes through it:
//!
//! 1. A step of the pipeline says `Answer::Later` with a `Handover`: who takes the request. [`Pool`] makes one of a job.
//! 2. The worker makes a [`Pending`] of it, which owns all that is needed to answer: octets, NAS, decision so far, the
//!    [`Way`] back; and hands it over. Who has no room gives it back: it is dropped, counted and recorded as such, and the
//!    NAS asks again. The worker itself never has more than `PENDING_PER_WORKER_MAX` of them away.
//! 3. While it is away, the same octets again are absorbed in silence: the worker's table of duplicates says *in progress*.
//! 4. Whoever is done gives it to a `Finisher` of its own: the reply is written, posted to the worker's `mailbox`, sent,
//!    and its decision recorded with the time it really took. In this order: a retransmission that is received after the
//!    reply was seen finds it, because the worker looks into its mailbox before it looks for a duplicate. So nobody waits
//!    for the worker to wake up, and its tables stay its own.
//! 5. An Access-Reject that has to wait (the worker's mailbox says so) is not sent by the finisher: the note carries it, and
//!    the worker keeps it with its own until its time has come.
//! 6. A [`Pending`] that is let go of without an answer is new again when its NAS asks again.
//!
//! The table of duplicates forgets after five seconds, as for everybody: who keeps a request longer than that must expect
//! to get it a second time.

mod finisher;
mod mailbox;
mod pending;
mod pool;
#[cfg(test)]
mod tests;

pub(crate) use finisher::{Finisher, FinisherKit};
pub(crate) use mailbox::{HeldReject, Mailbox};
pub(crate) use pending::{Handover, Known};
pub use pending::{Leaving, Pending, Way};
pub use pool::Pool;
