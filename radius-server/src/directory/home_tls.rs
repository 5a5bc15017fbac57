//! How a home server is reached by TLS: for whom its certificate must be, whose word we take for that, and what we show.
//! PEM as it was given; [`HomeTls::check`] says whether it can be used, and `crate::proxy` uses it. Never opens a connection.

use crate::pem::{self, PemError};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// Octets of one PEM text; a chain of eight certificates has some 16 KiB.
pub const HOME_PEM_OCTETS_MAX: usize = 32 * 1024;

/// See the module's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeTls {
    /// What its certificate must be for: a DNS name, or an address.
    pub name: Box<str>,
    /// The certificates of its authorities as PEM; `None`: our own authority.
    pub authorities: Option<Box<str>>,
    /// What we show; `None`: a certificate that our own authority issues us.
    pub identity: Option<HomeIdentity>,
}

/// A certificate of ours with its key. Prints nothing of the key.
#[derive(Clone, PartialEq, Eq)]
pub struct HomeIdentity {
    /// The certificate with its chain, as PEM.
    pub certificate: Box<str>,
    /// Its key, as PEM.
    pub key: Zeroizing<Box<str>>,
}

impl fmt::Debug for HomeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeIdentity")
            .field("certificate", &self.certificate)
            .field("key", &"REDACTED")
            .finish()
    }
}

/// Which part of a [`HomeTls`] is of no use, and why.
#[derive(Debug, thiserror::Error)]
pub enum HomeTlsError {
    /// The name.
    #[error("it is neither a DNS name nor an address")]
    Name,
    /// The authorities.
    #[error("{}", .0.why())]
    Authorities(PemError),
    /// The certificate.
    #[error("{}", .0.why())]
    Certificate(PemError),
    /// The key.
    #[error("{}", .0.why())]
    Key(PemError),
    /// The key is another certificate's.
    #[error("it does not go with the certificate")]
    Pair(#[source] rustls::Error),
}

impl HomeTls {
    /// What the server's certificate must be for, parsed.
    ///
    /// # Errors
    /// [`HomeTlsError::Name`].
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, HomeTlsError> {
        ServerName::try_from(self.name.to_string()).map_err(|_| HomeTlsError::Name)
    }

    /// Its authorities, parsed; `None`: our own.
    ///
    /// # Errors
    /// [`HomeTlsError::Authorities`].
    pub(crate) fn roots(&self) -> Result<Option<RootCertStore>, HomeTlsError> {
        let parse = |text: &str| pem::authorities_in(text.as_bytes(), Path::new("tls_ca"));
        let roots = self.authorities.as_deref().map(parse).transpose();
        roots.map_err(HomeTlsError::Authorities)
    }

    /// Whether everything in it can be used.
    ///
    /// # Errors
    /// [`HomeTlsError`]: the first that cannot.
    pub fn check(&self) -> Result<(), HomeTlsError> {
        self.server_name()?;
        self.roots()?;
        if let Some(identity) = &self.identity {
            let (chain, key) = identity.parsed()?;
            CertifiedKey::from_der(chain, key, &crate::radsec::provider()).map_err(HomeTlsError::Pair)?;
        }
        Ok(())
    }
}

impl HomeIdentity {
    /// Chain and key, parsed.
    ///
    /// # Errors
    /// [`HomeTlsError::Certificate`] and [`HomeTlsError::Key`].
    pub(crate) fn parsed(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), HomeTlsError> {
        let (certificate, key) = (Path::new("tls_certificate"), Path::new("tls_key"));
        Ok((
            pem::certificates_in(self.certificate.as_bytes(), certificate, "certificate")
                .map_err(HomeTlsError::Certificate)?,
            pem::private_key_in(self.key.as_bytes(), key).map_err(HomeTlsError::Key)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    /// A certificate and its key.
    fn pair() -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec!["home".to_owned()]).expect("names");
        let certificate = certificate.self_signed(&key).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    fn tls(name: &str, authorities: Option<&str>, identity: Option<(&str, &str)>) -> HomeTls {
        HomeTls {
            name: name.into(),
            authorities: authorities.map(Into::into),
            identity: identity.map(|(certificate, key)| HomeIdentity {
                certificate: certificate.into(),
                key: Zeroizing::new(key.into()),
            }),
        }
    }

    #[test]
    fn each_part_is_checked_and_named() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let good = tls("home.example", Some(&certificate), Some((&certificate, &key)));
        good.check().expect("good");
        tls("192.0.2.1", None, None).check().expect("ours");
        let check = |tls: HomeTls| tls.check().expect_err("refused");
        assert!(matches!(check(tls("no name", None, None)), HomeTlsError::Name));
        let refused = check(tls("home", Some("nothing"), None));
        assert_eq!(refused.to_string(), "there is none in PEM");
        assert!(matches!(refused, HomeTlsError::Authorities(_)));
        let refused = check(tls("home", None, Some(("nothing", &key))));
        assert!(matches!(refused, HomeTlsError::Certificate(_)), "{refused:?}");
        let refused = check(tls("home", None, Some((&certificate, &certificate))));
        assert!(matches!(refused, HomeTlsError::Key(_)), "{refused:?}");
        let refused = check(tls("home", None, Some((&certificate, &other))));
        assert!(matches!(refused, HomeTlsError::Pair(_)), "{refused:?}");
        assert!(!format!("{good:?}").contains("PRIVATE"), "a key is never shown");
    }
}
