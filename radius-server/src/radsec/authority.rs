//! A small certificate authority in a directory: it issues our own certificate and those of the NAS, takes them back, and
//! says which. Made at first use. Whoever can read the directory is the authority, so it is for the owner only.
//!
//! A certificate names its NAS by id (`urn:headend:nas:<id>`), so a NAS may be renamed and may move. Keys of NAS are given
//! out once and not kept. Nothing here looks at a certificate somebody shows: [`super::credentials`].

mod file;
mod register;

pub use register::Certificate;

use crate::id::NasId;
use file::Kept;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SanType, SerialNumber,
};
use register::Register;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Days a NAS's certificate lasts, unless asked otherwise.
pub const NAS_DAYS: u32 = 3 * 365;
/// Days a NAS's certificate may last.
pub const NAS_DAYS_MAX: u32 = 20 * 365;
/// Days our own certificate lasts.
const SERVER_DAYS: i64 = 2 * 365;
/// Days before its end at which it is made anew.
const SERVER_RENEW_DAYS: i64 = 60;
/// Days the authority lasts.
const AUTHORITY_DAYS: i64 = 25 * 365;
/// Days a list of revoked certificates claims to be good for. We do not hold our own to it; other software may.
const REVOKED_DAYS: i64 = 90;
/// How far a clock of a peer may be behind ours.
const CLOCK_SKEW: Duration = Duration::hours(24);
/// What a certificate calls its NAS, before the id.
const NAS_URN: &str = "urn:headend:nas:";

/// The authority's certificate.
const AUTHORITY_PEM: &str = "ca.pem";
/// Its key.
const AUTHORITY_KEY_PEM: &str = "ca-key.pem";
/// Our own certificate.
const SERVER_PEM: &str = "server.pem";
/// Our own key.
const SERVER_KEY_PEM: &str = "server-key.pem";
/// What was revoked.
const REVOKED_PEM: &str = "revoked.pem";

/// Why the authority could not do it.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is not what we wrote.
    #[error("{path} is damaged: {why}; restore the directory from a backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
    /// The system has no randomness.
    #[error("the system gives no random octets")]
    Entropy,
    /// There are too many certificates.
    #[error("{max} certificates are on record, which is all there may be")]
    Full {
        /// How many there may be.
        max: usize,
    },
}

impl From<rcgen::Error> for AuthorityError {
    fn from(source: rcgen::Error) -> Self {
        Self::Make(source)
    }
}

/// See the module's words.
pub struct Authority {
    /// Where it keeps its files.
    kept: Kept,
    /// Signs.
    issuer: Issuer<'static, KeyPair>,
}

/// What a NAS is given. Prints nothing of it.
pub struct Issued {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// Its private key as PEM; nobody else has it.
    pub key_pem: Zeroizing<String>,
    /// Its certificate as PEM.
    pub certificate_pem: String,
    /// The authority's certificate as PEM, by which it knows us.
    pub authority_pem: String,
    /// Unix seconds at which it ends.
    pub expires_unix_s: i64,
}

impl Authority {
    /// The authority of a directory; made when there is none.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn open(dir: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let kept = Kept::open(dir)?;
        let _alone = kept.lock()?;
        if !kept.has(AUTHORITY_KEY_PEM) {
            let key = KeyPair::generate()?;
            let certificate = authority_params(&key, now).self_signed(&key)?;
            // The key last: without it there is no authority yet.
            kept.write(AUTHORITY_PEM, certificate.pem().as_bytes())?;
            kept.write_secret(AUTHORITY_KEY_PEM, key.serialize_pem())?;
        }
        let pem = Zeroizing::new(kept.read(AUTHORITY_KEY_PEM)?);
        let key = KeyPair::from_pem(&pem).map_err(|error| kept.damaged(AUTHORITY_KEY_PEM, &error))?;
        // Only the names and the key's id go into what it signs, and those follow from the key.
        let issuer = Issuer::new(authority_params(&key, now), key);
        let authority = Self { kept, issuer };
        if !authority.kept.has(REVOKED_PEM) {
            let register = Register::read(&authority.kept)?;
            authority.write_revoked(&register, now)?;
        }
        Ok(authority)
    }

    /// Whether a directory has an authority.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(AUTHORITY_KEY_PEM).exists()
    }

    /// The authority's certificate.
    #[must_use]
    pub fn certificate_path(&self) -> PathBuf {
        self.kept.path(AUTHORITY_PEM)
    }

    /// What was revoked.
    #[must_use]
    pub fn revoked_path(&self) -> PathBuf {
        self.kept.path(REVOKED_PEM)
    }

    /// Our own certificate and key; made when there are none or they end soon.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn server_paths(&self, now: OffsetDateTime) -> Result<(PathBuf, PathBuf), AuthorityError> {
        let _alone = self.kept.lock()?;
        let mut register = Register::read(&self.kept)?;
        let good_until = (now + Duration::days(SERVER_RENEW_DAYS)).unix_timestamp();
        if !self.kept.has(SERVER_PEM)
            || !self.kept.has(SERVER_KEY_PEM)
            || register.server_expires_unix_s < good_until
        {
            let key = KeyPair::generate()?;
            let mut params = params("headend", now, Duration::days(SERVER_DAYS))?;
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            params.subject_alt_names = vec![SanType::DnsName("headend".try_into()?)];
            register.server_expires_unix_s = params.not_after.unix_timestamp();
            let certificate = params.signed_by(&key, &self.issuer)?;
            self.kept.write_secret(SERVER_KEY_PEM, key.serialize_pem())?;
            self.kept.write(SERVER_PEM, certificate.pem().as_bytes())?;
            register.write(&self.kept)?;
        }
        Ok((self.kept.path(SERVER_PEM), self.kept.path(SERVER_KEY_PEM)))
    }

    /// Issues a certificate for a NAS. Older ones stay good until they are revoked.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn issue(
        &self,
        nas: NasId,
        name: &str,
        days: u32,
        now: OffsetDateTime,
    ) -> Result<Issued, AuthorityError> {
        let _alone = self.kept.lock()?;
        let mut register = Register::read(&self.kept)?;
        let key = KeyPair::generate()?;
        let mut params = params(name, now, Duration::days(i64::from(days.clamp(1, NAS_DAYS_MAX))))?;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.subject_alt_names = vec![SanType::URI(nas_urn(nas).try_into()?)];
        let serial = serial_text(params.serial_number.as_ref());
        let expires_unix_s = params.not_after.unix_timestamp();
        let certificate = params.signed_by(&key, &self.issuer)?;
        register.add(Certificate {
            serial: serial.clone(),
            nas,
            name: name.to_owned(),
            issued_unix_s: now.unix_timestamp(),
            expires_unix_s,
            revoked_unix_s: None,
        })?;
        // On record before it is given out: what is not on record cannot be revoked.
        register.write(&self.kept)?;
        Ok(Issued {
            serial,
            key_pem: Zeroizing::new(key.serialize_pem()),
            certificate_pem: certificate.pem(),
            authority_pem: self.kept.read(AUTHORITY_PEM)?,
            expires_unix_s,
        })
    }

    /// Revokes all certificates that `which` picks, and gives back those that were good before.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn revoke(
        &self,
        which: impl Fn(&Certificate) -> bool,
        now: OffsetDateTime,
    ) -> Result<Vec<Certificate>, AuthorityError> {
        let _alone = self.kept.lock()?;
        let mut register = Register::read(&self.kept)?;
        let revoked = register.revoke(which, now.unix_timestamp());
        if !revoked.is_empty() {
            register.write(&self.kept)?;
            self.write_revoked(&register, now)?;
        }
        Ok(revoked)
    }

    /// Every certificate on record, in the order in which they were issued.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn list(&self) -> Result<Vec<Certificate>, AuthorityError> {
        Ok(Register::read(&self.kept)?.certificates)
    }

    /// Writes the list of what was revoked and has not ended by itself.
    fn write_revoked(&self, register: &Register, now: OffsetDateTime) -> Result<(), AuthorityError> {
        let now_unix_s = now.unix_timestamp();
        let revoked = register.certificates.iter().filter_map(|certificate| {
            let at = certificate.revoked_unix_s?;
            if certificate.expires_unix_s + CLOCK_SKEW.whole_seconds() < now_unix_s {
                return None;
            }
            Some(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial_octets(&certificate.serial)?),
                revocation_time: OffsetDateTime::from_unix_timestamp(at).ok()?,
                reason_code: Some(RevocationReason::Unspecified),
                invalidity_date: None,
            })
        });
        let params = CertificateRevocationListParams {
            this_update: now - Duration::minutes(5),
            next_update: now + Duration::days(REVOKED_DAYS),
            crl_number: SerialNumber::from(u64::try_from(now_unix_s).unwrap_or(1)),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer)?;
        self.kept.write(REVOKED_PEM, list.pem()?.as_bytes())
    }
}

/// What a certificate calls this NAS.
#[must_use]
pub fn nas_urn(nas: NasId) -> String {
    format!("{NAS_URN}{}", nas.as_uuid())
}

/// The NAS that a name in a certificate means.
#[must_use]
pub fn nas_of_urn(urn: &str) -> Option<NasId> {
    let id = urn.strip_prefix(NAS_URN)?;
    Uuid::try_parse(id).ok().map(NasId::from)
}

/// What the authority says about itself. Its name follows from its key, so that two of them are never mixed up.
fn authority_params(key: &KeyPair, now: OffsetDateTime) -> CertificateParams {
    let digest = Sha256::digest(key.public_key_raw());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let name = format!("Headend RADIUS authority {}", serial_text(digest.get(..6)));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::Sha256;
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + Duration::days(AUTHORITY_DAYS);
    params
}

/// A certificate that lasts so long from now on, with a serial number nobody can guess.
fn params(name: &str, now: OffsetDateTime, lasts: Duration) -> Result<CertificateParams, AuthorityError> {
    let mut serial = [0_u8; 16];
    getrandom::fill(&mut serial).map_err(|_| AuthorityError::Entropy)?;
    serial[0] = serial[0] & 0x7f | 0x40; // positive, and always sixteen octets
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + lasts;
    Ok(params)
}

/// Hexadecimal digits of a serial number.
fn serial_text(octets: Option<impl AsRef<[u8]>>) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for octet in octets.iter().flat_map(|octets| octets.as_ref()) {
        // Writing to a string never fails.
        let _written = write!(text, "{octet:02x}");
    }
    text
}

/// A serial number from its digits.
fn serial_octets(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
