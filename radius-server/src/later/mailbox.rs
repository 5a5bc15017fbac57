//! How a worker learns what became of the requests it gave away. Whoever finishes one leaves a note; the worker collects
//! the notes before it looks for the next duplicate.

use crate::duplicates::{Duplicates, Key};
use parking_lot::Mutex;
use radius::packet::Authenticator;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Requests of one worker that may be away at a time, those included whose notes it has not collected.
pub(crate) const PENDING_PER_WORKER_MAX: usize = 4_096;

/// See the module's words.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Whether there are notes; read for every datagram, written when there is one.
    any: AtomicBool,
    /// The notes. There are never more than requests away.
    notes: Mutex<Vec<Note>>,
    /// Requests that are away.
    away: AtomicUsize,
    /// Whether the worker sends Access-Rejects itself, when their time has come.
    holds_rejects: AtomicBool,
}

/// What became of a request.
struct Note {
    /// Which.
    key: Key,
    /// And which of that key.
    authenticator: Authenticator,
    /// The answer; empty: none on purpose; `None`: it came to nothing and is new when it is asked again.
    reply: Option<Box<[u8]>>,
    /// Where the answer is to be sent by the worker, from which of our addresses, and when the request came; `None`: it was
    /// sent.
    to_send: Option<(SocketAddr, Option<IpAddr>, Instant)>,
}

/// An Access-Reject that a finisher made and the worker is to send.
pub(crate) struct HeldReject {
    /// Which request it answers.
    pub(crate) key: Key,
    /// And which of that key.
    pub(crate) authenticator: Authenticator,
    /// The reply.
    pub(crate) reply: Box<[u8]>,
    /// To whom.
    pub(crate) to: SocketAddr,
    /// From which of our addresses, where that is not plain.
    pub(crate) from: Option<IpAddr>,
    /// When the request came.
    pub(crate) arrived: Instant,
}

/// One request that is away; leaves a note when it goes, whatever happens.
pub(crate) struct Ticket {
    /// Whose it is.
    mailbox: Arc<Mailbox>,
    /// The note, until it is left.
    note: Option<Box<Note>>,
}

impl Mailbox {
    /// A ticket for one more request; `None` when too many are away.
    pub(super) fn ticket(self: &Arc<Self>, key: Key, authenticator: Authenticator) -> Option<Ticket> {
        // Only the worker's own thread adds, so the bound holds.
        if self.away.load(Ordering::Relaxed) >= PENDING_PER_WORKER_MAX {
            return None;
        }
        self.away.fetch_add(1, Ordering::Relaxed);
        Some(Ticket {
            mailbox: Arc::clone(self),
            note: Some(Box::new(Note {
                key,
                authenticator,
                reply: None,
                to_send: None,
            })),
        })
    }

    /// From now on the worker sends Access-Rejects itself.
    pub(crate) fn hold_rejects(&self) {
        self.holds_rejects.store(true, Ordering::Relaxed);
    }

    /// Tells the worker's table what became of the requests that came back; Access-Rejects that it is to send itself are added
    /// to `held`.
    pub(crate) fn collect(&self, duplicates: &mut Duplicates, held: &mut Vec<HeldReject>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let notes = {
            // Who leaves a note gives way to others, also with the lock in its hand: then the next datagram collects.
            let Some(mut notes) = self.notes.try_lock() else {
                return;
            };
            self.any.store(false, Ordering::Relaxed);
            std::mem::take(&mut *notes)
        };
        self.away.fetch_sub(notes.len(), Ordering::Relaxed);
        for note in notes {
            match note.reply {
                Some(reply) if let Some((to, from, arrived)) = note.to_send => held.push(HeldReject {
                    key: note.key,
                    authenticator: note.authenticator,
                    reply,
                    to,
                    from,
                    arrived,
                }),
                Some(reply) => duplicates.answer_later(&note.key, &note.authenticator, &reply),
                None => duplicates.forget_later(&note.key, &note.authenticator),
            }
        }
    }

    /// How many requests are away or not collected.
    #[cfg(test)]
    pub(super) fn away(&self) -> usize {
        self.away.load(Ordering::Relaxed)
    }

    /// Leaves a note.
    fn leave(&self, note: Note) {
        let mut notes = self.notes.lock();
        notes.push(note);
        self.any.store(true, Ordering::Release);
    }
}

impl Ticket {
    /// Leaves the note that it was answered so; empty: not at all, on purpose.
    pub(super) fn answered(mut self, reply: &[u8]) {
        if let Some(note) = &mut self.note {
            note.reply = Some(reply.into());
        }
    }
}

impl Ticket {
    /// Whether the worker wants to send Access-Rejects itself.
    pub(super) fn holds_rejects(&self) -> bool {
        self.mailbox.holds_rejects.load(Ordering::Relaxed)
    }

    /// Leaves the note that this Access-Reject is to be sent.
    pub(super) fn held(mut self, reject: &[u8], to: SocketAddr, from: Option<IpAddr>, arrived: Instant) {
        if let Some(note) = &mut self.note {
            note.reply = Some(reject.into());
            note.to_send = Some((to, from, arrived));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(note) = self.note.take() {
            self.mailbox.leave(*note);
        }
    }
}
