//! Which methods are offered, in which order, and the certificates they need. Files are read here, at start and when they
//! changed, never between a datagram and its reply.

use super::EapMethod;
use crate::pem::{self, Looks, PemError};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Octets of TLS data in one EAP packet, unless configured or said otherwise by the NAS: fits the smallest usual MTU.
pub const FRAGMENT_OCTETS: u16 = 1_000;
/// The least.
pub const FRAGMENT_OCTETS_MIN: u16 = radius::eap::tls::FRAGMENT_LEN_MIN as u16;
/// The most: with all a reply carries besides, it still is a RADIUS packet.
pub const FRAGMENT_OCTETS_MAX: u16 = 3_000;
/// What is offered when nothing is configured, most wanted first; those that need certificates only where there are some.
pub const METHODS: [EapMethod; 5] = [
    EapMethod::Peap,
    EapMethod::Ttls,
    EapMethod::Tls,
    EapMethod::Md5,
    EapMethod::MsChap2,
];

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMin {
    /// TLS 1.2 and 1.3.
    #[default]
    V1_2,
    /// TLS 1.3 only.
    V1_3,
}

impl TlsMin {
    /// The versions.
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        /// Both, newest first.
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self {
            Self::V1_2 => &BOTH,
            Self::V1_3 => &BOTH[..1],
        }
    }
}

/// How EAP is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EapOptions {
    /// Which methods are offered, most wanted first.
    pub methods: Vec<EapMethod>,
    /// Octets of TLS data in one EAP packet, [`FRAGMENT_OCTETS_MIN`] to [`FRAGMENT_OCTETS_MAX`].
    pub fragment_octets: u16,
    /// Our certificate and what stands between it and its CA, PEM; without it no method is offered that needs TLS.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// The CAs of subscribers' certificates, PEM; without it EAP-TLS is not offered.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of those CAs, PEM. Where there is one, a certificate it says nothing about is refused, too.
    pub crls: Vec<PathBuf>,
    /// The oldest version of TLS.
    pub tls_min: TlsMin,
}

impl Default for EapOptions {
    fn default() -> Self {
        Self {
            methods: METHODS.to_vec(),
            fragment_octets: FRAGMENT_OCTETS,
            certificate: None,
            key: None,
            client_ca: None,
            crls: Vec::new(),
            tls_min: TlsMin::default(),
        }
    }
}

impl EapOptions {
    /// What the files look like now.
    pub(crate) fn looks(&self) -> Looks {
        let singles = [&self.certificate, &self.key, &self.client_ca];
        Looks::of(singles.into_iter().flatten().chain(&self.crls))
    }
}

/// Why EAP cannot be set up so.
#[derive(Debug, thiserror::Error)]
pub enum EapError {
    /// A file that cannot be read as what it should be.
    #[error(transparent)]
    File(#[from] PemError),
    /// Half of a pair.
    #[error("EAP has a {present} and no {missing}; both are needed")]
    Half {
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// Certificate and key do not go together, or are of no use.
    #[error("the certificate {} and the key {} cannot be used together", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The CAs and their revocation lists are of no use.
    #[error("the client CA {} and its revocation lists cannot be used", path.display())]
    Verifier {
        /// The CA's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: VerifierBuilderError,
    },
    /// The TLS library refuses its own versions.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// EAP as it is offered now.
#[derive(Clone, Debug)]
pub(crate) struct EapServer {
    /// What is offered, most wanted first; each of them can be.
    pub(super) methods: Vec<EapMethod>,
    /// Octets of TLS data in one EAP packet.
    pub(super) fragment_octets: u16,
    /// TLS without a certificate of the peer.
    pub(super) tunnelled: Option<Arc<ServerConfig>>,
    /// TLS with one.
    pub(super) mutual: Option<Arc<ServerConfig>>,
}

impl Default for EapServer {
    fn default() -> Self {
        Self {
            methods: METHODS.into_iter().filter(|method| !method.is_tunnel()).collect(),
            fragment_octets: FRAGMENT_OCTETS,
            tunnelled: None,
            mutual: None,
        }
    }
}

impl EapServer {
    /// Reads the files.
    pub(crate) fn load(options: &EapOptions) -> Result<Self, EapError> {
        let tls = match (&options.certificate, &options.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(EapError::Half {
                    present: "certificate",
                    missing: "key",
                });
            }
            (None, Some(_)) => {
                return Err(EapError::Half {
                    present: "key",
                    missing: "certificate",
                });
            }
        };
        let (mut tunnelled, mut mutual) = (None, None);
        if let Some((certificate, key)) = tls {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let ours = Ours::read(certificate, key)?;
            tunnelled = Some(ours.config(&provider, options.tls_min, None)?);
            if let Some(client_ca) = &options.client_ca {
                let verifier = verifier(&provider, client_ca, &options.crls)?;
                mutual = Some(ours.config(&provider, options.tls_min, Some(verifier))?);
            }
        }
        let can = |method: &EapMethod| match method {
            EapMethod::Tls => mutual.is_some(),
            EapMethod::Ttls | EapMethod::Peap => tunnelled.is_some(),
            EapMethod::Md5 | EapMethod::Gtc | EapMethod::MsChap2 => true,
        };
        Ok(Self {
            methods: options.methods.iter().copied().filter(can).collect(),
            fragment_octets: options
                .fragment_octets
                .clamp(FRAGMENT_OCTETS_MIN, FRAGMENT_OCTETS_MAX),
            tunnelled,
            mutual,
        })
    }

    /// The TLS side of a method.
    pub(super) fn tls(&self, method: EapMethod) -> Option<&Arc<ServerConfig>> {
        match method {
            EapMethod::Tls => self.mutual.as_ref(),
            EapMethod::Ttls | EapMethod::Peap => self.tunnelled.as_ref(),
            EapMethod::Md5 | EapMethod::Gtc | EapMethod::MsChap2 => None,
        }
    }
}

/// Our certificate and key.
struct Ours<'o> {
    /// From which files.
    files: (&'o Path, &'o Path),
    /// The chain, ours first.
    chain: Vec<CertificateDer<'static>>,
    /// The key.
    key: PrivateKeyDer<'static>,
}

impl<'o> Ours<'o> {
    /// Reads both files.
    fn read(certificate: &'o Path, key: &'o Path) -> Result<Self, EapError> {
        Ok(Self {
            files: (certificate, key),
            chain: pem::certificates(certificate, "certificate")?,
            key: pem::private_key(key)?,
        })
    }

    /// TLS with this certificate.
    fn config(
        &self,
        provider: &Arc<CryptoProvider>,
        tls_min: TlsMin,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Arc<ServerConfig>, EapError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(tls_min.versions())
            .map_err(EapError::Tls)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|source| EapError::Pair {
                certificate: self.files.0.to_owned(),
                key: self.files.1.to_owned(),
                source,
            })?;
        // Each login proves itself: a ticket would let in whoever was suspended or revoked since.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

/// Who checks subscribers' certificates.
fn verifier(
    provider: &Arc<CryptoProvider>,
    client_ca: &Path,
    crls: &[PathBuf],
) -> Result<Arc<dyn ClientCertVerifier>, EapError> {
    let roots = pem::authorities(client_ca)?;
    let mut lists = Vec::new();
    for path in crls {
        lists.extend(pem::revocations(path)?);
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(lists)
        .build()
        .map_err(|source| EapError::Verifier {
            path: client_ca.to_owned(),
            source,
        })
}

impl fmt::Display for TlsMin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}
