//! Who we are and whom we believe, read from files, and read again when one of them changes. A change that cannot be read
//! is logged once and changes nothing: what was good before stays in use.

use super::authority::{Authority, AuthorityError};
use super::config::Files;
use super::identity::Voucher;
use super::{Version, provider};
use crate::cause::chain;
use crate::pem::{self, Looks, PemError};
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use tracing::{info, warn};

/// How often the files are looked at.
pub(super) const LOOK_WAIT: Duration = Duration::from_secs(1);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Our own authority.
    #[error("the certificate authority in the data directory cannot be used")]
    Authority(#[from] AuthorityError),
    /// A file that cannot be read as what it should be.
    #[error(transparent)]
    File(#[from] PemError),
    /// The certificate does not go with the key.
    #[error("the certificate in {certificate} cannot be used with the key in {key}")]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The authorities or what they revoked.
    #[error("the authorities in {path}, or what they revoked, cannot be used")]
    Verifier {
        /// The authorities.
        path: PathBuf,
        /// Why.
        #[source]
        source: VerifierBuilderError,
    },
}

/// What is in use.
pub struct Credentials {
    /// For new connections.
    pub tls: Arc<ServerConfig>,
    /// Judges certificates.
    judge: Arc<Judge>,
}

impl Credentials {
    /// Reads the files; our own authority and certificate are made when they are wanted and missing.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn load(files: &Files) -> Result<Self, CredentialError> {
        let now = OffsetDateTime::now_utc();
        let authority = Authority::open(&files.authority, now)?;
        let (certificate, key) = match &files.certificate {
            Some(pair) => pair.clone(),
            None => authority.server_paths(now)?,
        };
        let own = verifier(&authority.certificate_path(), Some(&authority.revoked_path()))?;
        let other = files
            .client_ca
            .as_ref()
            .map(|ca| verifier(ca, files.crl.as_deref()))
            .transpose()?;
        let judge = Arc::new(Judge { own, other });
        let chain = pem::certificates(&certificate, "certificate")?;
        let private = pem::private_key(&key)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map(|builder| {
                builder.with_client_cert_verifier(Arc::clone(&judge) as Arc<dyn ClientCertVerifier>)
            })
            .and_then(|builder| builder.with_single_cert(chain, private));
        let mut tls = builder.map_err(|source| CredentialError::Pair {
            certificate,
            key,
            source,
        })?;
        tls.alpn_protocols = vec![Version::ALPN_V11.to_vec(), Version::ALPN_V10.to_vec()];
        // A resumed connection would skip the look at what was revoked meanwhile.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        Ok(Self {
            tls: Arc::new(tls),
            judge,
        })
    }

    /// Who vouches for a chain of certificates now; `None`: nobody, any more.
    #[must_use]
    pub fn voucher(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<Voucher> {
        let (leaf, intermediates) = chain.split_first()?;
        self.judge.voucher(leaf, intermediates, now).ok()
    }
}

/// Judges the certificates of peers.
#[derive(Debug)]
struct Judge {
    /// What our own authority vouches for.
    own: Arc<dyn ClientCertVerifier>,
    /// What others vouch for.
    other: Option<Arc<dyn ClientCertVerifier>>,
}

impl Judge {
    /// Who vouches for a certificate; the error of our own authority when it signed it, else that of the others.
    fn voucher(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Voucher, rustls::Error> {
        let refused = match self.own.verify_client_cert(leaf, intermediates, now) {
            Ok(_) => return Ok(Voucher::Own),
            Err(refused) => refused,
        };
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        match &self.other {
            Some(other) if refused == unknown => other
                .verify_client_cert(leaf, intermediates, now)
                .map(|_| Voucher::Other),
            _ => Err(refused),
        }
    }
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No hint: a peer with one certificate shows it, and one with several was configured for us.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.voucher(leaf, intermediates, now)
            .map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.own.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.own.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
}

/// What judges by these authorities and what they revoked.
fn verifier(
    authorities: &Path,
    revoked: Option<&Path>,
) -> Result<Arc<dyn ClientCertVerifier>, CredentialError> {
    let roots = pem::authorities(authorities)?;
    let lists = revoked.map(pem::revocations).transpose()?.unwrap_or_default();
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .with_crls(lists)
        // Who gives no list has revoked nothing that we could know of.
        .allow_unknown_revocation_status()
        .build()
        .map_err(|source| CredentialError::Verifier {
            path: authorities.to_owned(),
            source,
        })
}

/// Looks at the files and puts newer credentials in place.
pub(super) struct Watch {
    /// Which files.
    files: Files,
    /// What they looked like.
    seen: Looks,
    /// What is in use.
    current: Arc<ArcSwap<Credentials>>,
    /// When they were read last, whatever they look like: our own certificate is made anew before it ends.
    read_at: SystemTime,
}

impl Watch {
    /// After how long files are read that look the same.
    const READ_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

    /// Reads the files for the first time.
    pub(super) fn begin(files: Files) -> Result<Self, CredentialError> {
        let current = Arc::new(ArcSwap::from_pointee(Credentials::load(&files)?));
        let seen = look(&files);
        Ok(Self {
            files,
            seen,
            current,
            read_at: SystemTime::now(),
        })
    }

    /// What is in use, now and later.
    pub(super) fn current(&self) -> Arc<ArcSwap<Credentials>> {
        Arc::clone(&self.current)
    }

    /// Looks; true when newer credentials are in place.
    pub(super) fn look(&mut self) -> bool {
        let seen = look(&self.files);
        let now = SystemTime::now();
        let old = now
            .duration_since(self.read_at)
            .is_ok_and(|age| age > Self::READ_WAIT);
        if seen == self.seen && !old {
            return false;
        }
        let changed = seen != self.seen;
        (self.seen, self.read_at) = (seen, now);
        match Credentials::load(&self.files) {
            Ok(newer) => {
                self.current.store(Arc::new(newer));
                if changed {
                    info!("certificates for RADIUS over TLS were read again");
                }
                true
            }
            Err(error) => {
                let error = chain(&error);
                warn!(
                    error,
                    "certificates for RADIUS over TLS cannot be read, the older ones stay in use"
                );
                false
            }
        }
    }
}

/// What the files look like.
fn look(files: &Files) -> Looks {
    let own =
        ["ca.pem", "revoked.pem", "server.pem", "server-key.pem"].map(|name| files.authority.join(name));
    let given = files
        .certificate
        .iter()
        .flat_map(|(certificate, key)| [certificate, key]);
    Looks::of(own.iter().chain(given).chain(&files.client_ca).chain(&files.crl))
}
