//! The steps that decide about an Access-Request, each noting what it found. It walks; the rules are in `signature`,
//! `credential`, `eap` and `admission`. What is done about the result: `answering`.

use super::credential::{self, Checked, Method, Stored};
use super::{Answer, Asked, Authenticator, admission, eap, realm, signature};
use crate::counters::Event;
use crate::decision::{Draft, DropReason, Finding, Found, RejectReason, Step};
use crate::directory::{HeldOff, RECORDED_ONE_IN, Subscriber, Transport};
use radius::eap::EapView;
use radius::{MessageAuthenticator, kind};
use std::sync::Arc;

impl Authenticator {
    /// Walks the steps until one of them decides.
    pub(super) fn decide(&mut self, asked: &Asked<'_>, signature: MessageAuthenticator) -> Answer {
        let method = Method::of(&asked.request);
        if let Some(reason) = self.judge_signature(asked, signature, method == Method::Eap) {
            return Answer::Drop(reason);
        }
        self.draft.note(Step::Duplicate, Found::NotSeenBefore, true);
        if method == Method::Eap {
            return self.decide_eap(asked);
        }
        let subscriber = match self.identify(asked, method) {
            Ok(subscriber) => subscriber,
            Err(answer) => return answer,
        };
        let (found, checked) = credential::check(asked, method, Stored::of(&subscriber));
        let passed = matches!(checked, Checked::Passed(_));
        self.draft.note(Step::Credential, found, passed);
        match checked {
            Checked::Passed(proven) => admission::answer(&mut self.draft, asked, subscriber, proven),
            Checked::Rejected(reason) => Answer::Reject(reason),
            Checked::Dropped(reason) => Answer::Drop(reason),
        }
    }

    /// EAP: one step of a conversation. What is inside TLS says itself who it is about, and is answered later.
    fn decide_eap(&mut self, asked: &Asked<'_>) -> Answer {
        let eap = eap::collect(&asked.request, &mut self.eap);
        if eap.as_ref().is_some_and(eap::is_tunnel) && eap::may_be_anonymous(&self.conversations) {
            return Answer::Later(eap::later(&self.conversations, &self.eap));
        }
        if self.eap.is_empty() {
            let (found, step) = eap::ask_identity();
            return self.after_eap(asked, None, found, step);
        }
        let subscriber = match self.identify(asked, Method::Eap) {
            Ok(subscriber) => Some(subscriber),
            // His name may be said inside TLS only.
            Err(Answer::Reject(RejectReason::UnknownSubscriber))
                if eap::may_be_anonymous(&self.conversations) =>
            {
                None
            }
            Err(answer) => return answer,
        };
        let eap = EapView::parse(&self.eap).ok();
        let known = subscriber.as_deref();
        let (found, step) = eap::step(asked, eap.as_ref(), known, &self.conversations, self.entropy);
        self.after_eap(asked, subscriber, found, step)
    }

    /// What follows from a step of EAP.
    fn after_eap(
        &mut self,
        asked: &Asked<'_>,
        subscriber: Option<Arc<Subscriber>>,
        found: Finding<'static>,
        step: eap::Step,
    ) -> Answer {
        let goes_on = matches!(step, eap::Step::Challenge { .. } | eap::Step::Passed(_));
        self.draft.note(Step::Credential, found, goes_on);
        match (step, subscriber) {
            (eap::Step::Challenge { state, request }, _) => Answer::Challenge { state, request },
            (eap::Step::Passed(proven), Some(subscriber)) => {
                admission::answer(&mut self.draft, asked, subscriber, proven)
            }
            (eap::Step::Passed(_), None) => Answer::Reject(RejectReason::UnknownSubscriber), // never: nobody passed
            (eap::Step::Rejected(reason), _) => Answer::Reject(reason),
            (eap::Step::Dropped(reason), _) => Answer::Drop(reason),
        }
    }

    /// Must it be signed, and is it? Learns from a NAS that signs.
    fn judge_signature(
        &mut self,
        asked: &Asked<'_>,
        signature: MessageAuthenticator,
        eap: bool,
    ) -> Option<DropReason> {
        let stats = &asked.nas.stats;
        let proxied = asked.request.first(kind::PROXY_STATE).is_some();
        // EAP must always be signed, so it tells nothing about how this NAS sends its other requests; neither does what it
        // sends over TLS.
        let tells = !eap && asked.nas.transport == Transport::Udp;
        if tells && let Some(shown) = signature::shown(signature, proxied) {
            stats.proxy_state_learn(shown);
        }
        let (found, dropped) = signature::judge(
            signature,
            signature::Circumstances {
                require: asked.nas.message_authenticator,
                seen: stats.message_authenticator_seen(),
                eap,
                proxied,
                limit: asked.nas.limit_proxy_state,
                shown: stats.proxy_state(),
                secret_age: asked.secret_age,
            },
        );
        match signature {
            _ if asked.nas.transport == Transport::Tls => {}
            MessageAuthenticator::Valid if !eap => stats.message_authenticator_learn(asked.now.unix_ms()),
            MessageAuthenticator::Absent => stats.unsigned_note(asked.now.unix_ms(), proxied),
            _ => {}
        }
        self.draft
            .note(Step::MessageAuthenticator, found, dropped.is_none());
        dropped
    }

    /// Which subscriber of this NAS's partner is it about?
    fn identify(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Result<Arc<Subscriber>, Answer> {
        let eap = (method == Method::Eap)
            .then(|| EapView::parse(&self.eap).ok())
            .flatten();
        // A NAS copies the EAP identity into User-Name (RFC 3579 section 2.1); one that forgets is helped.
        let name = asked
            .request
            .first(kind::USER_NAME)
            .filter(|name| !name.is_empty());
        let name = name.or_else(|| eap.and_then(|eap| eap.identity()));
        let refuse = |draft: &mut Draft, found: Finding<'_>, reason: RejectReason| {
            draft.note(Step::Identify, found, false);
            Err(Answer::Reject(reason))
        };
        let Some(name) = name else {
            return refuse(&mut self.draft, Found::NoUserName, RejectReason::NoUserName);
        };
        self.draft.username_if_none(name);
        let Ok(username) = std::str::from_utf8(name) else {
            return refuse(&mut self.draft, Found::UserNameNotText, RejectReason::NoUserName);
        };
        let username = realm::route(&mut self.draft, &self.desk, asked, method, username)?;
        match asked.nas.partner.subscriber(username) {
            Some(subscriber) => {
                self.draft.subscriber = Some(subscriber.id);
                let username = subscriber.username();
                self.draft
                    .note(Step::Identify, Found::Subscriber { username }, true);
                match held_off(asked, subscriber.username()) {
                    Some(held_off) => Err(self.refuse_held_off(held_off)),
                    None => Ok(subscriber),
                }
            }
            None => {
                let found = Found::NoSubscriber {
                    username,
                    partner: "", // as in the draft
                };
                let goes_on = method == Method::Eap && eap::may_be_anonymous(&self.conversations);
                self.draft.note(Step::Identify, found, goes_on);
                Err(match held_off(asked, username) {
                    Some(held_off) => self.refuse_held_off(held_off),
                    None => self.refuse_unknown(asked, method),
                })
            }
        }
    }

    /// Rejects who is held off, without a look at the credential; most of it unrecorded.
    fn refuse_held_off(&mut self, held_off: HeldOff) -> Answer {
        let HeldOff {
            reason,
            attempts,
            left_s,
        } = held_off;
        self.gate.lane.add(Event::AuthRejectSuppressed);
        self.unrecorded = attempts % RECORDED_ONE_IN != 1;
        self.draft
            .note(Step::Credential, Found::HeldOff { attempts, left_s }, false);
        Answer::Reject(reason)
    }

    /// A stranger is rejected, unless his password shows that the NAS has another secret and could not read a reply.
    fn refuse_unknown(&mut self, asked: &Asked<'_>, method: Method<'_>) -> Answer {
        if let Method::Pap(hidden) = method
            && credential::garbled(asked, hidden)
        {
            self.draft.note(Step::Credential, Found::PapGarbled, false);
            return Answer::Drop(DropReason::SecretDiffers);
        }
        Answer::Reject(RejectReason::UnknownSubscriber)
    }
}

/// Whether somebody was rejected again and again a moment ago.
fn held_off(asked: &Asked<'_>, username: &str) -> Option<HeldOff> {
    let (partner, now_s) = (&asked.nas.partner, asked.now.unix_s());
    let rejects = partner.rejects();
    if !rejects.any(now_s) {
        return None;
    }
    let station = asked.request.first(kind::CALLING_STATION_ID).unwrap_or_default();
    rejects.held(rejects.whom(partner.id(), username, station), now_s)
}
