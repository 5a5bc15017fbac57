//! The steps that decide about an Access-Request, each noting what it found. It walks; the rules are in `signature`,
//! `credential`, `eap` and `admission`. What is done about the result: `answering`.

use super::credential::{self, Checked, Method, Proven, Stored};
use super::{Answer, Asked, Authenticator, admission, eap, signature};
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
        let subscriber = match self.identify(asked, method) {
            Ok(subscriber) => subscriber,
            Err(answer) => return answer,
        };
        let proven = match self.check_credential(asked, method, &subscriber) {
            Ok(proven) => proven,
            Err(answer) => return answer,
        };
        let (found, refused) = admission::admit(&asked.nas, &subscriber, asked.now.unix_s());
        self.draft.note(Step::Admission, found, refused.is_none());
        match refused {
            Some(reason) => Answer::Reject(reason),
            None => Answer::Accept(subscriber, proven),
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
            .then(|| eap::collect(&asked.request, &mut self.eap))
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
                self.draft.note(Step::Identify, found, false);
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

    /// Is it he? How he proved it when he is; else what to answer.
    fn check_credential(
        &mut self,
        asked: &Asked<'_>,
        method: Method<'_>,
        subscriber: &Subscriber,
    ) -> Result<Proven, Answer> {
        let (found, checked) = if method == Method::Eap {
            let eap = EapView::parse(&self.eap).ok();
            match eap::step(asked, eap.as_ref(), subscriber, &self.conversations, self.entropy) {
                (found, eap::Step::Challenge { state, conversation }) => {
                    self.draft.note(Step::Credential, found, true);
                    return Err(Answer::Challenge { state, conversation });
                }
                (found, eap::Step::Done(checked)) => (found, checked),
            }
        } else {
            credential::check(asked, method, Stored::of(subscriber))
        };
        let passed = matches!(checked, Checked::Passed(_));
        self.draft.note(Step::Credential, found, passed);
        match checked {
            Checked::Passed(proven) => Ok(proven),
            Checked::Rejected(reason) => Err(Answer::Reject(reason)),
            Checked::Dropped(reason) => Err(Answer::Drop(reason)),
        }
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
