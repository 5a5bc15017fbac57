//! What every thread has that finishes requests: room for a reply, a way for decisions, counts of its own.

use super::Pending;
use crate::authentication::{Answer, Asked, Clerk, Entropy, is_reject};
use crate::counters::{Counters, Event, Lane};
use crate::decision::{Decisions, Recorder};
use crate::sessions::Sessions;
use radius::{PACKET_LEN_MAX, View};
use std::sync::Arc;
use std::time::Instant;

/// What finishers are made of; each finishing thread makes one of its own.
#[derive(Clone)]
pub(crate) struct FinisherKit {
    /// Where decisions go.
    pub(crate) decisions: Arc<Decisions>,
    /// Who is online.
    pub(crate) sessions: Arc<Sessions>,
    /// Where it is counted.
    pub(crate) counters: Arc<Counters>,
    /// Where challenges come from.
    pub(crate) entropy: Entropy,
}

/// See the module's words.
pub(crate) struct Finisher {
    /// Where decisions go.
    recorder: Recorder,
    /// Who is online.
    sessions: Arc<Sessions>,
    /// This thread's counts.
    pub(crate) lane: Arc<Lane>,
    /// Where challenges come from.
    pub(crate) entropy: Entropy,
    /// Where replies are written.
    out: Box<[u8]>,
}

impl FinisherKit {
    /// A finisher for the calling thread.
    pub(crate) fn finisher(&self) -> Finisher {
        let lane = self.counters.lane();
        Finisher {
            recorder: self.decisions.recorder(Arc::clone(&lane)),
            sessions: Arc::clone(&self.sessions),
            lane,
            entropy: self.entropy,
            out: vec![0; PACKET_LEN_MAX].into_boxed_slice(),
        }
    }
}

impl Finisher {
    /// Decides and answers. `decide` gets the clerk (who holds the decision, to note what is found) and the request; it says
    /// what to answer, and the EAP Identifier that a Success or Failure repeats, if it is about EAP.
    pub(crate) fn finish(
        &mut self,
        pending: Pending,
        decide: impl FnOnce(&mut Clerk<'_>, &Asked<'_>) -> (Answer, Option<u8>),
    ) {
        self.finish_with(pending, |clerk, asked, out| {
            let (answer, eap) = decide(clerk, asked);
            clerk.write(asked, answer, eap, out).map(<[u8]>::len)
        });
    }

    /// Answers with what `write` writes: how many octets of the room it is given; `None`: nothing, on purpose. It also sets
    /// the outcome of the clerk's decision.
    pub(crate) fn finish_with(
        &mut self,
        mut pending: Pending,
        write: impl FnOnce(&mut Clerk<'_>, &Asked<'_>, &mut [u8]) -> Option<usize>,
    ) {
        let known = &mut pending.known;
        let Ok(request) = View::parse(&known.octets) else {
            return; // never: it was parsed before it came here
        };
        let asked = Asked {
            nas: Arc::clone(&known.nas),
            request,
            now: known.arrived,
            signed: known.signed,
            secret_age: known.secret_age,
        };
        let mut clerk = Clerk {
            draft: &mut known.draft,
            sessions: &self.sessions,
            lane: &self.lane,
            entropy: self.entropy,
        };
        let len = write(&mut clerk, &asked, &mut self.out);
        let reply = len.and_then(|len| self.out.get(..len)).unwrap_or_default();

        let Pending {
            known,
            way,
            local,
            ticket,
        } = pending;
        if ticket.holds_rejects() && is_reject(reply) {
            ticket.held(reply, known.source, local, known.arrived.monotonic);
        } else {
            ticket.answered(reply); // before it is sent, see the module's words
            if !reply.is_empty() && !way.send(reply, known.source, local) {
                self.lane.add(Event::SendError);
            }
        }
        let mut draft = known.draft;
        let took = Instant::now().saturating_duration_since(known.arrived.monotonic);
        draft.duration_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.lane.decided(draft.outcome);
        self.recorder.record(&draft);
        self.recorder.flush();
    }
}
