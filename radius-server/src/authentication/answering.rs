//! What is done about a decision: the packet is written, and the record says what went out. The packets' contents are in
//! `reply`.

use super::credential::{Method, Proven};
use super::mschap::Refusal;
use super::{Answer, Asked, Entropy, reply};
use crate::admission::Admitted;
use crate::authorization::compose::Login;
use crate::authorization::garden::GardenReason;
use crate::counters::{Event, Lane};
use crate::decision::{Draft, DropReason, Found, Outcome, RejectReason, ReplyKind, Step};
use crate::directory::{Subscriber, bump};
use crate::sessions::Sessions;
use radius::{WriteError, kind};

/// Who answers: what an answer is written with, and the decision that is recorded about it.
pub(crate) struct Clerk<'c> {
    /// The decision being made.
    pub(crate) draft: &'c mut Draft,
    /// Who is online.
    pub(crate) sessions: &'c Sessions,
    /// The calling thread's counts.
    pub(crate) lane: &'c Lane,
    /// Where challenges come from.
    pub(crate) entropy: Entropy,
}

impl Clerk<'_> {
    /// Writes the answer and notes what went out; [`Answer::Later`] is none.
    pub(crate) fn write<'b>(
        &mut self,
        asked: &Asked<'_>,
        answer: Answer,
        eap: Option<u8>,
        out: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let (outcome, kind, written) = match &answer {
            Answer::Accept(subscriber, proven, admitted) => {
                let defaults = asked.nas.partner.defaults();
                let login = super::served(&asked.nas, subscriber, asked.now.unix_s());
                let login = login.with_defaults(defaults.as_deref());
                let login = match admitted {
                    Some(admitted) => login.with_central(admitted.kinds()),
                    None => login,
                };
                let whom = (&**subscriber, proven, login);
                self.write_accept(asked, whom, admitted.as_deref(), eap, out)
            }
            Answer::Garden(subscriber, proven, reason) => {
                self.write_garden(asked, (subscriber, proven, *reason), eap, out)
            }
            Answer::Reject(reason) => {
                self.remember(asked, *reason);
                let reject = self.write_reject(asked, *reason, eap, out);
                (Outcome::Rejected(*reason), ReplyKind::Reject, reject)
            }
            Answer::Challenge { state, request } => {
                let challenge = reply::challenge(asked, state.as_ref(), request, out).map(<[u8]>::len);
                (Outcome::ChallengeSent, ReplyKind::Challenge, challenge)
            }
            Answer::Drop(reason) => return self.write_nothing(asked, *reason),
            Answer::Later(_) => return self.write_nothing(asked, DropReason::NoReply), // never: who could take it is not here
        };
        self.note_sent(asked, outcome, kind, written, out)
    }

    /// Writes an Access-Accept, or an Access-Reject when there is too much for one packet: without it he must not come in.
    fn write_accept(
        &mut self,
        asked: &Asked<'_>,
        whom: (&Subscriber, &Proven, Login<'_>),
        admitted: Option<&Admitted>,
        eap: Option<u8>,
        out: &mut [u8],
    ) -> (Outcome, ReplyKind, Result<usize, WriteError>) {
        match self.write_granted(asked, whom, admitted, eap, out) {
            Ok(len) => (Outcome::Accepted, ReplyKind::Accept, Ok(len)),
            Err(reason) => {
                if let Some(admitted) = admitted {
                    asked.nas.partner.gate().leave(admitted, asked.now);
                }
                let reject = self.write_reject(asked, reason, eap, out);
                (Outcome::Rejected(reason), ReplyKind::Reject, reject)
            }
        }
    }

    /// Writes an Access-Accept into the garden of the partner; when that was closed a moment ago, an Access-Reject.
    fn write_garden(
        &mut self,
        asked: &Asked<'_>,
        (subscriber, proven, reason): (&Subscriber, &Proven, GardenReason),
        eap: Option<u8>,
        out: &mut [u8],
    ) -> (Outcome, ReplyKind, Result<usize, WriteError>) {
        let Some(garden) = asked.nas.partner.garden() else {
            let reason = reason.rejected();
            let reject = self.write_reject(asked, reason, eap, out);
            return (Outcome::Rejected(reason), ReplyKind::Reject, reject);
        };
        self.draft
            .note(Step::Authorization, Found::Garden { reason }, true);
        let now_unix_s = asked.now.unix_s();
        let login = super::in_garden(&asked.nas, subscriber, garden.plan(), reason, now_unix_s);
        self.write_accept(asked, (subscriber, proven, login), None, eap, out)
    }

    /// Writes an Access-Accept and notes what is given.
    fn write_granted(
        &mut self,
        asked: &Asked<'_>,
        (subscriber, proven, login): (&Subscriber, &Proven, Login<'_>),
        admitted: Option<&Admitted>,
        eap: Option<u8>,
        out: &mut [u8],
    ) -> Result<usize, RejectReason> {
        let named = asked.request.first(kind::ACCT_SESSION_ID);
        let going_on = named.and_then(|name| self.sessions.login_of(asked.nas.id, name));
        let granted = reply::Granted {
            subscriber,
            decision: self.draft.id,
            going_on,
            login,
            proven,
            admitted,
            eap_identifier: eap,
        };
        match reply::accept(asked, &granted, out).map(<[u8]>::len) {
            Ok(len) => {
                let (plan, rate) = (login.plan_name(), login.rate());
                let found = Found::Plan {
                    plan,
                    download_bps: rate.download_bps,
                    upload_bps: rate.upload_bps,
                    dialect: asked.nas.dialect,
                };
                self.draft.note(Step::Authorization, found, true);
                Ok(len)
            }
            Err(_) => {
                self.draft.note(Step::Authorization, Found::ReplyTooLong, false);
                Err(RejectReason::ReplyTooLong)
            }
        }
    }

    /// Remembers who is rejected, so that he is held off when it comes too often.
    fn remember(&self, asked: &Asked<'_>, reason: RejectReason) {
        let partner = &asked.nas.partner;
        let rejects = partner.rejects();
        if !rejects.is_on() || reason.passes() {
            return;
        }
        let said = |kind| asked.request.first(kind).unwrap_or_default();
        let station = said(kind::CALLING_STATION_ID);
        if station.is_empty() && !said(kind::EAP_MESSAGE).is_empty() {
            return; // the identity outside of a tunnel is everybody's
        }
        let subscriber = self.draft.subscriber.and_then(|id| partner.subscriber_by_id(id));
        let whom = match &subscriber {
            Some(subscriber) => rejects.whom(partner.id(), subscriber.username(), station),
            None => rejects.whom(partner.id(), self.draft.username(), station),
        };
        let _held_off = rejects.note(whom, reason, asked.now.unix_s());
    }

    /// Writes an Access-Reject.
    fn write_reject(
        &self,
        asked: &Asked<'_>,
        reason: RejectReason,
        eap: Option<u8>,
        out: &mut [u8],
    ) -> Result<usize, WriteError> {
        let refusal = match Method::of(&asked.request) {
            Method::MsChap(sent) => Some(Refusal::of(sent, self.entropy)),
            _ => None,
        };
        reply::reject(asked, reason, eap, refusal.as_ref(), out).map(<[u8]>::len)
    }

    /// Notes that nothing goes out, on purpose.
    fn write_nothing<'b>(&mut self, asked: &Asked<'_>, reason: DropReason) -> Option<&'b [u8]> {
        if reason == DropReason::SecretDiffers {
            bump(&asked.nas.stats.secret_differs);
        }
        self.draft.outcome = Outcome::Dropped(reason);
        self.draft.note(Step::Reply, Found::Silent, false);
        None
    }

    /// Notes what goes out, or that it could not be written.
    fn note_sent<'b>(
        &mut self,
        asked: &Asked<'_>,
        outcome: Outcome,
        kind: ReplyKind,
        written: Result<usize, WriteError>,
        out: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let Ok(reply) = written.map(|len| out.get(..len).unwrap_or_default()) else {
            self.lane.add(Event::ReplyNotMade);
            return self.write_nothing(asked, DropReason::NoReply);
        };
        match kind {
            ReplyKind::Accept => bump(&asked.nas.stats.accepts),
            ReplyKind::Reject => bump(&asked.nas.stats.rejects),
            ReplyKind::Challenge => {}
        }
        self.draft.outcome = outcome;
        let octets = u16::try_from(reply.len()).unwrap_or(u16::MAX);
        self.draft
            .note(Step::Reply, Found::Sent { reply: kind, octets }, true);
        Some(reply)
    }
}
