//! Certificates, keys and revocation lists in PEM files, and whether the files have changed since they were read.
//! Who is believed because of them is the business of who reads them: EAP ([`crate::authentication`]) and RADIUS over TLS
//! ([`crate::radsec`]). Bounded at 16 MiB a file; never called between a packet and its reply.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// Octets of the largest file that is read.
const FILE_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// A file that cannot be read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{} has no {what} that can be read: {why}", path.display())]
pub struct PemError {
    /// Which.
    path: PathBuf,
    /// What should be in it.
    what: &'static str,
    /// Why it is not.
    why: String,
}

impl PemError {
    /// This file has nothing of the kind, for this reason.
    pub(crate) fn new(path: &Path, what: &'static str, why: &dyn std::fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            what,
            why: why.to_string(),
        }
    }
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Vec<_> = all(path, what)?;
    if found.is_empty() {
        return Err(PemError::new(path, what, &"there is none in PEM"));
    }
    Ok(found)
}

/// The certificates of authorities in a file, at least one.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, PemError> {
    let what = "certificate of an authority";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, what)? {
        roots
            .add(certificate)
            .map_err(|error| PemError::new(path, what, &error))?;
    }
    Ok(roots)
}

/// The key in a file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let what = "private key";
    let octets = Zeroizing::new(octets(path, what)?);
    PrivateKeyDer::from_pem_slice(&octets).map_err(|error| PemError::new(path, what, &error))
}

/// The lists of revoked certificates in a file.
pub(crate) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    all(path, "list of revoked certificates")
}

/// Everything of a kind in a file.
fn all<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, PemError> {
    let octets = octets(path, what)?;
    let found: Result<Vec<T>, Error> = T::pem_slice_iter(&octets).collect();
    found.map_err(|error| PemError::new(path, what, &error))
}

/// The octets of a file.
fn octets(path: &Path, what: &'static str) -> Result<Vec<u8>, PemError> {
    let refuse = |error: std::io::Error| PemError::new(path, what, &error);
    if std::fs::metadata(path).map_err(refuse)?.len() > FILE_OCTETS_MAX {
        return Err(PemError::new(path, what, &"it is larger than 16 MiB"));
    }
    std::fs::read(path).map_err(refuse)
}

/// What files look like from outside: when each was changed, its length, its number. One that cannot be looked at looks like
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks(Vec<Option<(SystemTime, u64, u64)>>);

impl Looks {
    /// What they look like now.
    pub(crate) fn of<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Self {
        let look = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len(), found.ino()))
        };
        Self(paths.map(look).collect())
    }
}
