//! What a change of a home server's transport comes to: which values go together, and whether they can be used.
//! Never gives a key back: it goes in sealed and is opened only by the feeder.

use kernel::{Error, OpContext};
use radius_server::directory::{HOME_PEM_OCTETS_MAX, HomeIdentity, HomeTls, HomeTlsError};
use zeroize::Zeroizing;

use super::{App, Change, changed};
use crate::sealing;
use crate::store::realm::HomeServer;
use crate::store::realm::TlsRow;
use kernel::id::HomeServerId;

/// Where a server takes everything over TLS, unless told otherwise (RFC 6614 section 2.1).
pub const TLS_PORT: i32 = 2083;

/// A change of how a home server is reached; what is absent stays.
#[derive(Debug, Default)]
pub struct TlsPatch {
    /// `udp` or `tls`.
    pub transport: Option<String>,
    /// What its certificate must be for.
    pub name: Change<String>,
    /// The certificates of its authorities, PEM.
    pub ca: Change<String>,
    /// What we show, PEM.
    pub certificate: Change<String>,
    /// Its key, PEM.
    pub key: Change<Zeroizing<String>>,
}

impl TlsPatch {
    /// The first thing it says about TLS.
    fn says(&self) -> Option<&'static str> {
        let said = [
            ("/tls_name", matches!(self.name, Some(Some(_)))),
            ("/tls_ca", matches!(self.ca, Some(Some(_)))),
            ("/tls_certificate", matches!(self.certificate, Some(Some(_)))),
            ("/tls_key", matches!(self.key, Some(Some(_)))),
        ];
        said.into_iter().find(|(_, said)| *said).map(|(field, _)| field)
    }
}

impl App {
    /// What becomes of a home server's transport; `before` is what it was, `address` what it is called without a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what does not go together or cannot be used.
    pub(super) fn home_tls_settle(
        &self,
        op: &OpContext,
        id: HomeServerId,
        before: Option<&HomeServer>,
        address: &str,
        patch: TlsPatch,
    ) -> Result<TlsRow, Error> {
        let said = patch.says();
        let before = before.map(|server| server.tls.clone()).unwrap_or_default();
        let transport = patch.transport.unwrap_or(before.transport);
        if transport != "tls" {
            return match said {
                Some(field) => Err(Error::invalid(field, "belongs to transport tls")),
                None => Ok(TlsRow::default()),
            };
        }
        let new_certificate = matches!(patch.certificate, Some(Some(_)));
        let new_key = match patch.key {
            Some(Some(key)) => Some(key),
            Some(None) | None => None,
        };
        if new_certificate != new_key.is_some() {
            let field = if new_certificate {
                "/tls_key"
            } else {
                "/tls_certificate"
            };
            return Err(Error::invalid(field, "certificate and key come together"));
        }
        let mut row = TlsRow {
            transport,
            name: Some(changed(before.name, patch.name).unwrap_or_else(|| address.to_owned())),
            ca: changed(before.ca, patch.ca),
            certificate: changed(before.certificate, patch.certificate),
            key: None,
        };
        check(&row, new_key.as_deref())?;
        if let Some(key) = new_key {
            let context = sealing::home_server_tls_key(op.require_partner()?.as_uuid(), id.as_uuid());
            row.key = Some(self.sealer.seal(&context, key.as_bytes())?);
        }
        Ok(row)
    }
}

/// Whether it can be used; a certificate whose key is not given was checked before.
fn check(row: &TlsRow, key: Option<&String>) -> Result<(), Error> {
    for (field, text) in [("/tls_ca", &row.ca), ("/tls_certificate", &row.certificate)] {
        if text.as_ref().is_some_and(|text| text.len() > HOME_PEM_OCTETS_MAX) {
            let message = format!("must have at most {HOME_PEM_OCTETS_MAX} octets");
            return Err(Error::invalid(field, message));
        }
    }
    if key.is_some_and(|key| key.len() > HOME_PEM_OCTETS_MAX) {
        return Err(Error::invalid("/tls_key", "is no key: it is too long"));
    }
    let tls = HomeTls {
        name: row.name.as_deref().unwrap_or_default().into(),
        authorities: row.ca.as_deref().map(Into::into),
        identity: row
            .certificate
            .as_deref()
            .zip(key)
            .map(|(certificate, key)| HomeIdentity {
                certificate: certificate.into(),
                key: Zeroizing::new(key.as_str().into()),
            }),
    };
    tls.check().map_err(|error| {
        let field = match &error {
            HomeTlsError::Name => "/tls_name",
            HomeTlsError::Authorities(_) => "/tls_ca",
            HomeTlsError::Certificate(_) => "/tls_certificate",
            HomeTlsError::Key(_) | HomeTlsError::Pair(_) => "/tls_key",
        };
        Error::invalid(field, format!("cannot be used: {error}"))
    })
}
