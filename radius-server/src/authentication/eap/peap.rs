//! Inside PEAP version 0: an identity, a method, and both sides' words on how it went. Without crypto-binding, which its
//! peers do not insist on.

use super::super::admission;
use super::inner::{Candidate, Inner, InnerTurn, Refused};
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
    /// He was told how it went.
    Told(Result<Candidate, Refused>),
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
                    InnerTurn::Passed(candidate) => self.tell(admitted(candidate, site), site),
                    InnerTurn::Rejected(refused) => self.tell(Err(refused), site),
                }
            }
            Self::Told(told) => {
                let agrees = peap::Inner::parse(said);
                match (
                    std::mem::replace(told, Err((Found::EapInnerMalformed, RejectReason::EapFailed))),
                    agrees,
                ) {
                    (Ok(candidate), Some(peap::Inner::Result { success: true })) => {
                        candidate.introduce(site);
                        Inside::Passed(candidate)
                    }
                    (Ok(_), Some(peap::Inner::Result { success: false })) => {
                        Inside::Rejected((Found::EapPeerDisbelieves, RejectReason::EapFailed))
                    }
                    (Ok(_), _) => malformed,
                    (Err(refused), _) => Inside::Rejected(refused),
                }
            }
        }
    }

    /// Tells the peer how it went.
    fn tell(&mut self, told: Result<Candidate, Refused>, site: &Site<'_, '_, '_>) -> Inside {
        let mut octets = Vec::new();
        peap::write_result(site.next_identifier(), told.is_ok(), &mut octets);
        *self = Self::Told(told);
        Inside::Say(octets)
    }
}

/// Who will not be admitted must not hear that it went well. Why is noted when it ends.
fn admitted(candidate: Candidate, site: &Site<'_, '_, '_>) -> Result<Candidate, Refused> {
    match admission::admit(&site.asked.nas, &candidate.subscriber, site.asked.now.unix_s()) {
        (_, None) => Ok(candidate),
        (_, Some(reason)) => Err((candidate.found, reason)),
    }
}
