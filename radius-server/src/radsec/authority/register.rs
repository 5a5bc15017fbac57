//! What the authority has issued: one JSON file, a line of it for people and for `list`. Never holds a key.

use super::AuthorityError;
use super::file::Kept;
use crate::id::NasId;
use serde::{Deserialize, Serialize};

/// The file.
const REGISTER: &str = "certificates.json";
/// Certificates on record at most; those that ended long ago make room.
const CERTIFICATES_MAX: usize = 100_000;

/// A certificate on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// The NAS it is for.
    pub nas: NasId,
    /// What the NAS was called then.
    pub name: String,
    /// Unix seconds at which it was issued.
    pub issued_unix_s: i64,
    /// Unix seconds at which it ends.
    pub expires_unix_s: i64,
    /// Unix seconds at which it was revoked.
    pub revoked_unix_s: Option<i64>,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Register {
    /// Unix seconds at which our own certificate ends; 0: there is none.
    #[serde(default)]
    pub(super) server_expires_unix_s: i64,
    /// In the order in which they were issued.
    #[serde(default)]
    pub(super) certificates: Vec<Certificate>,
}

impl Register {
    /// What is on record.
    pub(super) fn read(kept: &Kept) -> Result<Self, AuthorityError> {
        if !kept.has(REGISTER) {
            return Ok(Self::default());
        }
        serde_json::from_str(&kept.read(REGISTER)?).map_err(|error| kept.damaged(REGISTER, &error))
    }

    /// Puts it on record.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), AuthorityError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| kept.damaged(REGISTER, &error))?;
        kept.write(REGISTER, &text)
    }

    /// Adds one; the oldest that have ended go when there is no room.
    pub(super) fn add(&mut self, certificate: Certificate) -> Result<(), AuthorityError> {
        if self.certificates.len() >= CERTIFICATES_MAX {
            let now_unix_s = certificate.issued_unix_s;
            self.certificates
                .retain(|older| older.expires_unix_s > now_unix_s);
        }
        if self.certificates.len() >= CERTIFICATES_MAX {
            return Err(AuthorityError::Full {
                max: CERTIFICATES_MAX,
            });
        }
        self.certificates.push(certificate);
        Ok(())
    }

    /// Revokes what is picked, and gives back what was good before.
    pub(super) fn revoke(
        &mut self,
        which: impl Fn(&Certificate) -> bool,
        now_unix_s: i64,
    ) -> Vec<Certificate> {
        let mut revoked = Vec::new();
        for certificate in &mut self.certificates {
            if certificate.revoked_unix_s.is_none() && which(certificate) {
                certificate.revoked_unix_s = Some(now_unix_s);
                revoked.push(certificate.clone());
            }
        }
        revoked
    }
}
