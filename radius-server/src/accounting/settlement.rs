//! Settling: what waits goes to the journal, is made durable at once, changes the session table, and is answered.
//! What could not be made durable is held, unanswered, and tried again: the disk may have room sooner than the NAS sends
//! it again, and some NAS give up.

use super::{Accountant, Origin, Waiting};
use crate::cause::chain;
use crate::clock::Now;
use crate::counters::{Counters, Event};
use crate::directory::bump;
use crate::journal::{AccountingRecord, JournalError, Kind, Writer};
use crate::sessions::Sessions;
use parking_lot::Mutex;
use radius::{Code, ReplyWriter, View, WriteError};
use std::sync::Arc;
use tracing::{error, info};

/// The durable side of accounting, shared by the accounting workers.
#[derive(Clone)]
pub struct Ledger {
    /// The journal; locked for a batch, from the first record to the change of the sessions, so that the sessions change
    /// in the order of the journal.
    pub journal: Arc<Mutex<Writer>>,
    /// The session table.
    pub sessions: Arc<Sessions>,
    /// Where it is said whether the journal takes anything.
    pub counters: Arc<Counters>,
}

impl Accountant {
    /// Settles all that waits, and gives each response to `send`; what waits afterwards was refused by the disk.
    pub fn settle(&mut self, ledger: &Ledger, now: Now, out: &mut [u8], send: &mut dyn FnMut(Origin, &[u8])) {
        if self.waiting.is_empty() {
            return;
        }
        let (mut waiting, mut payloads) = (
            std::mem::take(&mut self.waiting),
            std::mem::take(&mut self.payloads),
        );
        let failure = self.make_durable(ledger, now, &mut waiting, &payloads);
        report(ledger, now, failure);
        waiting.retain_mut(|request| {
            if request.durable {
                self.respond(request, record(request, &payloads), now, out, send);
                return false;
            }
            if !std::mem::replace(&mut request.held, true) {
                self.gate.lane.add(Event::AccountingNotDurable);
            }
            if request.hopeless {
                self.duplicates.forget(&request.key);
            }
            !request.hopeless
        });
        if waiting.is_empty() {
            payloads.clear();
        }
        (self.waiting, self.payloads) = (waiting, payloads); // they keep their room
    }

    /// Forgets what waits, unanswered.
    pub fn abandon(&mut self) {
        for request in self.waiting.drain(..) {
            self.duplicates.forget(&request.key);
        }
        self.payloads.clear();
    }

    /// Writes the batch and applies what reached the disk to the sessions; returns what went wrong last.
    fn make_durable(
        &self,
        ledger: &Ledger,
        now: Now,
        waiting: &mut [Waiting],
        payloads: &[u8],
    ) -> Option<JournalError> {
        let mut journal = ledger.journal.lock();
        journal.rollback(); // leftovers of a worker that panicked; usually nothing
        let (mut from, mut failure) = (0, None);
        for at in 0..waiting.len() {
            let mut appended = append(&mut journal, &waiting[at], payloads);
            if matches!(appended, Err(JournalError::BatchFull { .. })) {
                failure = self.commit(&mut journal, &mut waiting[from..at]).or(failure);
                from = at;
                appended = append(&mut journal, &waiting[at], payloads);
            }
            if let Err(refused) = appended {
                waiting[at].hopeless = matches!(refused, JournalError::PayloadTooLarge { .. });
                // What was appended before it may still reach the disk; this one will not.
                failure = self
                    .commit(&mut journal, &mut waiting[from..at])
                    .or(Some(refused));
                from = at + 1;
            }
        }
        let failure = self.commit(&mut journal, &mut waiting[from..]).or(failure);
        for request in waiting.iter().filter(|request| request.durable) {
            if let Some(record) = record(request, payloads) {
                let applied = ledger.sessions.apply(&record);
                if let (Some(subscriber), Some(session)) = (&request.guarded, applied.session()) {
                    let partner = &request.nas.partner;
                    let rules = partner.rules_of(subscriber);
                    let gate = partner.gate();
                    gate.heard(subscriber, rules.as_deref(), session, now.monotonic);
                }
            }
        }
        failure
    }

    /// Commits what these requests appended and marks them durable, or says why they are not.
    fn commit(&self, journal: &mut Writer, appended: &mut [Waiting]) -> Option<JournalError> {
        if appended.is_empty() {
            return None;
        }
        match journal.commit() {
            Ok(_next) => {
                self.gate.lane.add(Event::AccountingCommit);
                self.gate
                    .lane
                    .add_many(Event::AccountingRecorded, appended.len() as u64);
                for request in appended {
                    request.durable = true;
                    bump(&request.nas.stats.accounting);
                }
                None
            }
            Err(failure) => {
                self.gate.lane.add(Event::AccountingCommitFailed);
                Some(failure)
            }
        }
    }

    /// Answers a request that is on disk.
    fn respond(
        &mut self,
        request: &Waiting,
        record: Option<AccountingRecord<'_>>,
        now: Now,
        out: &mut [u8],
        send: &mut dyn FnMut(Origin, &[u8]),
    ) {
        let view = record.and_then(|record| View::parse(record.packet).ok());
        if let Some(view) = view.as_ref().filter(|_view| request.held) {
            // Its retransmissions wait in the socket; they are known as such from now on, not from when it first came.
            self.duplicates.forget(&request.key);
            self.duplicates
                .begin(request.key, view.authenticator(), now.monotonic);
        }
        match view.map(|view| response(request, &view, out)) {
            Some(Ok(response)) => {
                self.duplicates.answer(&request.key, response);
                let origin = Origin {
                    source: request.key.source,
                    local: request.local,
                };
                send(origin, response);
            }
            // Neither happens: we encoded it, it parsed before, and a response is smaller than its request.
            Some(Err(_)) | None => {
                self.gate.lane.add(Event::ReplyNotMade);
                self.duplicates.answer(&request.key, &[]);
            }
        }
    }
}

/// Appends one request to the journal's batch.
fn append(journal: &mut Writer, request: &Waiting, payloads: &[u8]) -> Result<u64, JournalError> {
    journal.append(Kind::Accounting, payload(request, payloads))
}

/// The octets of a request's journal record.
fn payload<'p>(request: &Waiting, payloads: &'p [u8]) -> &'p [u8] {
    payloads.get(request.payload.clone()).unwrap_or_default()
}

/// A request's journal record, read back from its octets.
fn record<'p>(request: &Waiting, payloads: &'p [u8]) -> Option<AccountingRecord<'p>> {
    AccountingRecord::decode(payload(request, payloads)).ok()
}

/// The Accounting-Response to a request.
fn response<'b>(request: &Waiting, view: &View<'_>, out: &'b mut [u8]) -> Result<&'b [u8], WriteError> {
    let mut reply = ReplyWriter::new(out, Code::AccountingResponse, view)?;
    if request.signed {
        reply.reserve_message_authenticator()?;
    }
    reply.proxy_states(view)?;
    Ok(reply.finish(request.nas.secret_of(request.secret_age)))
}

/// Says once that accounting stopped, and once that it goes on.
fn report(ledger: &Ledger, now: Now, failure: Option<JournalError>) {
    let why = failure.as_ref().map(|failure| chain(failure));
    let stopped = why.clone();
    if ledger.counters.accounting_journal_is(now.unix_ms(), why) {
        match stopped {
            Some(error) => error!(error, "accounting is not answered: its journal cannot be written"),
            None => info!("accounting is answered again: its journal can be written"),
        }
    }
}
