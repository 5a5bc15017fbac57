//! The certificates of a run for EAP: an authority, the server's, and one of a subscriber. Made anew for each run; never those
//! of RADIUS over TLS, which `headend radius certificate issue` makes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::secret;

/// The name in the server's certificate.
const SERVER_NAME: &str = "radius.lab.example";

/// Where they are.
#[derive(Debug)]
pub struct Papers {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate and key.
    pub server: Pair,
    /// The subscriber's.
    pub subscriber: Pair,
}

/// A certificate and its key, as files.
#[derive(Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Papers {
    /// Makes them; the subscriber's names this user.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn make(dir: &Path, username: &str) -> Result<Papers> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Riverside Fibre lab CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let ca = dir.join("eap-ca.pem");
        secret::write_file(&ca, &authority.pem())?;
        let issue =
            |name: &str, usage, change: &dyn Fn(&mut CertificateParams) -> Result<()>| -> Result<Pair> {
                let mut params = CertificateParams::new(Vec::new())?;
                params.extended_key_usages = vec![usage];
                change(&mut params)?;
                let key = KeyPair::generate()?;
                let certificate = params.signed_by(&key, &authority)?;
                let pair = Pair {
                    certificate: dir.join(format!("eap-{name}.pem")),
                    key: dir.join(format!("eap-{name}-key.pem")),
                };
                secret::write_file(&pair.certificate, &certificate.pem())?;
                secret::write_file(&pair.key, &key.serialize_pem())?;
                Ok(pair)
            };
        let server = issue("server", ExtendedKeyUsagePurpose::ServerAuth, &|params| {
            let name = SERVER_NAME.try_into().context("not a DNS name")?;
            params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
            params.subject_alt_names = vec![SanType::DnsName(name)];
            Ok(())
        })?;
        let subscriber = issue("subscriber", ExtendedKeyUsagePurpose::ClientAuth, &|params| {
            params.distinguished_name.push(DnType::CommonName, username);
            Ok(())
        })?;
        Ok(Papers {
            ca,
            server,
            subscriber,
        })
    }

    /// The variables with which a server offers EAP inside TLS.
    pub fn env(&self) -> Vec<(String, String)> {
        [
            ("HEADEND_EAP_CERTIFICATE", &self.server.certificate),
            ("HEADEND_EAP_KEY", &self.server.key),
            ("HEADEND_EAP_CLIENT_CA", &self.ca),
        ]
        .map(|(name, path)| (name.to_owned(), path.display().to_string()))
        .into()
    }
}
