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
/// What the certificate of an authority is called in errors.
const AUTHORITY: &str = "certificate of an authority";
/// And a key.
const KEY: &str = "private key";

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

    /// Why it cannot be read.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates_in(&octets(path, what)?, path, what)
}

/// The certificates in octets that are called `path`, at least one.
pub(crate) fn certificates_in(
    octets: &[u8],
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Vec<_> = all(octets, path, what)?;
    if found.is_empty() {
        return Err(PemError::new(path, what, &"there is none in PEM"));
    }
    Ok(found)
}

/// The certificates of authorities in a file, at least one.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, PemError> {
    authorities_in(&octets(path, AUTHORITY)?, path)
}

/// The certificates of authorities in octets that are called `path`, at least one.
pub(crate) fn authorities_in(octets: &[u8], path: &Path) -> Result<RootCertStore, PemError> {
    let what = AUTHORITY;
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(octets, path, what)? {
        roots
            .add(certificate)
            .map_err(|error| PemError::new(path, what, &error))?;
    }
    Ok(roots)
}

/// The key in a file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    private_key_in(&Zeroizing::new(octets(path, KEY)?), path)
}

/// The key in octets that are called `path`.
pub(crate) fn private_key_in(octets: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(octets).map_err(|error| PemError::new(path, KEY, &error))
}

/// The lists of revoked certificates in a file.
pub(crate) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    let what = "list of revoked certificates";
    all(&octets(path, what)?, path, what)
}

/// Everything of a kind in octets.
fn all<T: PemObject>(octets: &[u8], path: &Path, what: &'static str) -> Result<Vec<T>, PemError> {
    let found: Result<Vec<T>, Error> = T::pem_slice_iter(octets).collect();
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
