//! From a certificate to a NAS.
//!
//! The rule: a certificate of our own authority names its NAS by id, and its packets are that NAS's wherever they come
//! from. A certificate of another authority that we were told to believe says only that the peer may come in; which NAS it
//! is follows from its address, as over UDP; and if that NAS states a name, the certificate must carry it. What nobody we
//! believe has signed never comes this far.

use super::authority::nas_of_urn;
use crate::directory::{Directory, Nas};
use crate::id::NasId;
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::sync::Arc;
use webpki::EndEntityCert;

/// Who vouches for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// Our own authority.
    Own,
    /// Another one we were told to believe.
    Other,
}

/// How the NAS of a connection is found, for each packet anew: a NAS may be changed or removed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By id.
    Id(NasId),
    /// By the address of the peer.
    Address(IpAddr),
}

impl Identity {
    /// The identity in a verified certificate, shown by a peer with this address; `None`: it names no NAS.
    #[must_use]
    pub fn of(voucher: Voucher, certificate: &CertificateDer<'_>, address: IpAddr) -> Option<Self> {
        match voucher {
            Voucher::Other => Some(Self::Address(address)),
            Voucher::Own => {
                let certificate = EndEntityCert::try_from(certificate).ok()?;
                let mut named = certificate.valid_uri_names().filter_map(nas_of_urn);
                named.next().map(Self::Id)
            }
        }
    }

    /// Whether a certificate will do for the NAS that is meant. One of our own authority names the NAS itself; of another one
    /// it must carry the name that the NAS states, if it states one. While there is no NAS that is seen with its first packet.
    #[must_use]
    pub fn is_shown_by(&self, certificate: &CertificateDer<'_>, directory: &Directory) -> bool {
        let Self::Address(_) = self else { return true };
        let nas = self.nas(directory);
        let name = nas.as_ref().and_then(|nas| nas.certificate_name.as_deref());
        name.is_none_or(|name| name.is_on(certificate))
    }

    /// The NAS, when there is one now.
    #[must_use]
    pub fn nas(&self, directory: &Directory) -> Option<Arc<Nas>> {
        match self {
            Self::Id(id) => directory.nas(*id),
            Self::Address(address) => directory.nas_by_source(*address),
        }
    }
}
