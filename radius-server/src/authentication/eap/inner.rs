//! EAP inside a tunnel, as EAP-TTLS and PEAP both have it: who is it, and a method that proves it. The frames around it are
//! theirs.

use super::super::credential::Stored;
use super::EapMethod;
use super::question::{Answered, Question, Turn};
use super::tunnel::Site;
use crate::decision::{Finding, Found, RejectReason, Step};
use crate::directory::Subscriber;
use radius::eap::method;
use std::sync::Arc;

/// What is offered inside a tunnel, most wanted first.
const METHODS: [EapMethod; 3] = [EapMethod::MsChap2, EapMethod::Md5, EapMethod::Gtc];

/// What was found, and what to answer.
pub(super) type Refused = (Finding<'static>, RejectReason);

/// Somebody who proved himself.
#[derive(Clone)]
pub(super) struct Candidate {
    /// Who.
    pub(super) subscriber: Arc<Subscriber>,
    /// The name by which he was found.
    pub(super) name: Box<str>,
    /// How he did it.
    pub(super) found: Finding<'static>,
}

impl Candidate {
    /// Makes the decision one about him: the outer name was nobody's, or somebody else's.
    pub(super) fn introduce(&self, site: &mut Site<'_, '_, '_>) {
        introduce(&self.name, Some(&self.subscriber), site);
    }
}

/// Makes the decision one about the name that was said inside; the outer one is noted where it differs.
pub(super) fn introduce(name: &str, subscriber: Option<&Subscriber>, site: &mut Site<'_, '_, '_>) {
    let draft = &mut *site.clerk.draft;
    let outer = draft.username_text();
    if outer != name {
        draft.username_replace(name);
        draft.note(Step::Identify, Found::EapOuterIdentity { username: &outer }, true);
    }
    match subscriber {
        Some(subscriber) => {
            draft.subscriber = Some(subscriber.id);
            let username = subscriber.username();
            draft.note(Step::Identify, Found::Subscriber { username }, true);
        }
        None => {
            draft.subscriber = None;
            let found = Found::NoSubscriber {
                username: name,
                partner: "", // as in the draft
            };
            draft.note(Step::Identify, found, false);
        }
    }
}

/// Who says he is there, and that he is known.
pub(super) fn identify(
    name: &[u8],
    site: &mut Site<'_, '_, '_>,
) -> Result<(Box<str>, Arc<Subscriber>), Refused> {
    match look_up(name, site)? {
        (name, Some(subscriber)) => Ok((name, subscriber)),
        (_, None) => Err((Found::EapInnerUnknown, RejectReason::UnknownSubscriber)),
    }
}

/// Who says he is there, and who that is if he is known.
fn look_up(name: &[u8], site: &mut Site<'_, '_, '_>) -> Result<Who, Refused> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err((Found::UserNameNotText, RejectReason::NoUserName));
    };
    let subscriber = site.asked.nas.partner.subscriber(name);
    introduce(name, subscriber.as_deref(), site);
    Ok((name.into(), subscriber))
}

/// A name and whose it is. Nobody is asked what others are asked, and told at the end that he failed.
pub(super) type Who = (Box<str>, Option<Arc<Subscriber>>);

/// See the module's words.
#[derive(Default)]
pub(super) struct Inner {
    /// Who, once he said so.
    who: Option<Who>,
    /// What he was asked.
    question: Option<Question>,
    /// Methods he refused, as bits.
    refused: u8,
}

/// What follows from an answer.
pub(super) enum InnerTurn {
    /// The next question: type and data.
    Ask(Vec<u8>),
    /// It is he.
    Passed(Candidate),
    /// It is not, or nobody can tell.
    Rejected(Refused),
}

impl Inner {
    /// Who he said he is, once he did.
    pub(super) fn who(&self) -> Option<Who> {
        self.who.clone()
    }

    /// Takes an answer of a method; `identifier` is that of the packet it came in, or would have come in.
    pub(super) fn step(
        &mut self,
        identifier: u8,
        method: u8,
        data: &[u8],
        site: &mut Site<'_, '_, '_>,
    ) -> InnerTurn {
        let unexpected =
            InnerTurn::Rejected((Found::EapUnexpectedMethod { method }, RejectReason::EapFailed));
        let Some((name, subscriber)) = self.who.clone() else {
            if method != method::IDENTITY {
                return unexpected;
            }
            return match look_up(data, site) {
                Ok(who) => {
                    self.who = Some(who.clone());
                    self.ask(None, who.1.as_deref(), identifier.wrapping_add(1), site)
                }
                Err(refused) => InnerTurn::Rejected(refused),
            };
        };
        introduce(&name, subscriber.as_deref(), site);
        let Some(question) = self.question.take() else {
            return unexpected;
        };
        if method == method::NAK && question.may_be_refused() {
            self.refused |= question.method().bit();
            return self.ask(
                Some(data),
                subscriber.as_deref(),
                identifier.wrapping_add(1),
                site,
            );
        }
        let answer = Answered {
            identifier,
            method,
            data,
            name: name.as_bytes(),
            device: false,
        };
        let judged = question.judge(&answer, subscriber.as_deref());
        match (judged, subscriber) {
            (Turn::Ask(question, octets), _) => {
                self.question = Some(question);
                InnerTurn::Ask(octets)
            }
            (Turn::Passed(found, _keys), Some(subscriber)) => InnerTurn::Passed(Candidate {
                subscriber,
                name,
                found,
            }),
            // Nobody never passes.
            (Turn::Passed(..), None) => {
                InnerTurn::Rejected((Found::EapInnerUnknown, RejectReason::UnknownSubscriber))
            }
            (Turn::Rejected(Found::EapNobody, reason), _) => {
                InnerTurn::Rejected((Found::EapInnerUnknown, reason))
            }
            (Turn::Rejected(found, reason), _) => InnerTurn::Rejected((found, reason)),
        }
    }

    /// Asks with the first method that can be had and that he did not refuse.
    fn ask(
        &mut self,
        wanted: Option<&[u8]>,
        subscriber: Option<&Subscriber>,
        identifier: u8,
        site: &mut Site<'_, '_, '_>,
    ) -> InnerTurn {
        let (stored, usual) = (subscriber.map(Stored::of), Stored::usual(&site.asked.nas.partner));
        let refused = self.refused;
        let meant = METHODS
            .into_iter()
            .filter(|method| wanted.is_none_or(|wanted| wanted.contains(&method.number())));
        let fresh = meant.clone().filter(|method| refused & method.bit() == 0);
        let Some(method) = Question::choose(fresh, stored.as_ref(), &usual) else {
            if let Some(refused) = stored.as_ref().and_then(|stored| Question::unfit(meant, stored)) {
                return InnerTurn::Rejected(refused);
            }
            let can = |method: &EapMethod| {
                Question::can(*method, stored.as_ref().unwrap_or(&usual)) && refused & method.bit() == 0
            };
            let set = METHODS
                .into_iter()
                .filter(can)
                .fold(0, |set, method| set | method.bit());
            let wanted = wanted.and_then(<[u8]>::first).copied().unwrap_or_default();
            let found = Found::EapNothingInCommon { wanted, offered: set };
            return InnerTurn::Rejected((found, RejectReason::UnsupportedMethod));
        };
        match Question::first(method, identifier, site.clerk.entropy) {
            Some((question, octets)) => {
                self.question = Some(question);
                InnerTurn::Ask(octets)
            }
            None => InnerTurn::Rejected((Found::EapNoRandomness, RejectReason::EapFailed)),
        }
    }
}
