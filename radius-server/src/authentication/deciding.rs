//! The steps that decide about an Access-Request, each noting what it found. It walks; the rules are in `signature`,
//! `identification`, `credential`, `eap` and `admission`. What is done about the result: `answering`.

use super::credential::{self, Checked, Method, Stored};
use super::identification::Recognised;
use super::{Answer, Asked, Authenticator, admission, eap, signature};
use crate::decision::{DropReason, Found, Step};
use crate::directory::{Subscriber, Transport};
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
        let (subscriber, recognised) = match self.identify(asked, method) {
            Ok(identified) => identified,
            Err(answer) => return answer,
        };
        self.check_credential(asked, method, subscriber, recognised)
    }

    /// Is it he, and may he?
    fn check_credential(
        &mut self,
        asked: &Asked<'_>,
        method: Method<'_>,
        subscriber: Arc<Subscriber>,
        recognised: Recognised,
    ) -> Answer {
        let stored = Stored::of(&subscriber);
        let (found, checked) = match (credential::check_mark(asked, method, &stored, recognised), method) {
            (Some(checked), _) => checked,
            (None, Method::Pap(hidden)) if matches!(stored, Stored::Hash(_)) => {
                match self.hashed.check(asked, hidden, &subscriber) {
                    Ok(checked) => checked,
                    Err(handover) => return Answer::Later(handover),
                }
            }
            (None, _) => credential::check(asked, method, stored),
        };
        let passed = matches!(checked, Checked::Passed(_));
        self.draft.note(Step::Credential, found, passed);
        match checked {
            Checked::Passed(proven) => admission::answer(&mut self.draft, asked, subscriber, proven),
            Checked::Rejected(reason) => Answer::Reject(reason),
            Checked::Dropped(reason) => Answer::Drop(reason),
        }
    }

    /// EAP: one step of a conversation. What is inside TLS of ours says itself who it is about, and is answered later; that
    /// of somebody else's conversation goes where its outer name says.
    fn decide_eap(&mut self, asked: &Asked<'_>) -> Answer {
        let eap = eap::collect(&asked.request, &mut self.eap);
        if eap.as_ref().is_some_and(eap::is_tunnel)
            && eap::may_be_anonymous(&self.conversations)
            && eap::is_ours(asked, &self.conversations)
        {
            return Answer::Later(eap::later(&self.conversations, &self.eap));
        }
        if self.eap.is_empty() {
            let (found, step) = eap::ask_identity();
            return eap::conclude(&mut self.draft, asked, None, found, step);
        }
        let (subscriber, recognised) = match self.identify_eap(asked) {
            Ok(Some((subscriber, recognised))) => (Some(subscriber), recognised),
            Ok(None) => (None, Recognised::Name),
            Err(answer) => return answer,
        };
        let eap = EapView::parse(&self.eap).ok();
        if let Some((eap, subscriber)) = eap.as_ref().zip(subscriber.as_ref())
            && eap::takes_long(eap, subscriber)
        {
            return Answer::Later(eap::judge_later(&self.conversations, &self.eap, subscriber));
        }
        let known = subscriber.as_deref();
        let who = eap::Who {
            known,
            device: matches!(recognised, Recognised::Device(_)),
        };
        let (found, step) = eap::step(asked, eap.as_ref(), who, &self.conversations, self.entropy);
        eap::conclude(&mut self.draft, asked, subscriber, found, step)
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
}
