//! Inside PEAP version 0: an identity, a method, and both sides' words on how it went. Without crypto-binding, which its
//! peers do not insist on.

use super::super::admission;
use super::inner::{Candidate, Inner, InnerTurn, Refused, Who, introduce};
use super::tunnel::{Inside, Site};
use crate::decision::{Found, RejectReason};
use radius::eap::{method, peap};

/// How far it is.
#[derive(Default)]
pub(super) enum Peap {
    /// The handshake is done.
    #[default]
    Begun,
    /// He was asked who he is, or something later.
    Asking(Inner),
    /// He was told that it went well.
    Succeeded(Candidate),
    /// He was told that it did not, who he said he is, and why.
    Failed(Option<Who>, Refused),
}

impl Peap {
    /// Takes what was said inside; nothing, when the peer only waits.
    pub(super) fn step(&mut self, said: &[u8], site: &mut Site<'_, '_, '_>) -> Inside {
        let malformed = Inside::Rejected((Found::EapInnerMalformed, RejectReason::EapFailed));
        match self {
            Self::Begun => {
                *self = Self::Asking(Inner::default());
                Inside::Say(vec![method::IDENTITY])
            }
            Self::Asking(inner) => {
                let Some(peap::Inner::Method { method, data }) = peap::Inner::parse(said) else {
                    return malformed;
                };
                match inner.step(site.identifier, method, data, site) {
                    InnerTurn::Ask(octets) => Inside::Say(octets),
                    InnerTurn::Passed(candidate) => match admitted(&candidate, site) {
                        None => self.tell(Self::Succeeded(candidate), site),
                        Some(reason) => {
                            let who = (candidate.name, Some(candidate.subscriber));
                            self.tell(Self::Failed(Some(who), (candidate.found, reason)), site)
                        }
                    },
                    InnerTurn::Rejected(refused) => {
                        let who = inner.who();
                        self.tell(Self::Failed(who, refused), site)
                    }
                }
            }
            Self::Succeeded(candidate) => match peap::Inner::parse(said) {
                Some(peap::Inner::Result { success: true }) => {
                    candidate.introduce(site);
                    Inside::Passed(candidate.clone())
                }
                Some(peap::Inner::Result { success: false }) => {
                    Inside::Rejected((Found::EapPeerDisbelieves, RejectReason::EapFailed))
                }
                _ => malformed,
            },
            Self::Failed(who, refused) => {
                if let Some((name, subscriber)) = who {
                    introduce(name, subscriber.as_deref(), site);
                }
                Inside::Rejected(refused.clone())
            }
        }
    }

    /// Tells the peer how it went.
    fn tell(&mut self, told: Self, site: &Site<'_, '_, '_>) -> Inside {
        let mut octets = Vec::new();
        let success = matches!(told, Self::Succeeded(_));
        peap::write_result(site.next_identifier(), success, &mut octets);
        *self = told;
        Inside::Say(octets)
    }
}

/// Why somebody will not be admitted, who then must not hear that it went well. It is noted when it ends. Whoever is let into the
/// garden hears that it went well.
fn admitted(candidate: &Candidate, site: &Site<'_, '_, '_>) -> Option<RejectReason> {
    let nas = &site.asked.nas;
    let (_, reason) = admission::admit(nas, &candidate.subscriber, site.asked.now.unix_s());
    reason.filter(|reason| admission::garden_reason(nas, &candidate.subscriber, *reason).is_none())
}
