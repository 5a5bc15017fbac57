//! Where secrets of this module are sealed: the context that ties each sealed text to the one row it belongs to.
//! Never stores anything and never prints a secret; [`kernel::secrets::Sealer`] does the cryptography.
//!
//! A sealed text copied to another row, another partner or another user name does not open. A value without the seal's
//! prefix was written by a FreeRADIUS tool and is taken as it stands.

use kernel::secrets::{Sealer, SecretError, is_sealed};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The context of a NAS's shared secret.
#[must_use]
pub fn nas_secret(tenant: Uuid, nas: Uuid) -> String {
    format!("nas:{tenant}:{nas}:secret")
}

/// The context of a NAS's secret for Disconnect-Requests.
#[must_use]
pub fn nas_coa_secret(tenant: Uuid, nas: Uuid) -> String {
    format!("nas:{tenant}:{nas}:coa_secret")
}

/// The context of the secret shared with a home server.
#[must_use]
pub fn home_server_secret(tenant: Uuid, home_server: Uuid) -> String {
    format!("home_server:{tenant}:{home_server}:secret")
}

/// The context of the key of the certificate that a home server is shown.
#[must_use]
pub fn home_server_tls_key(tenant: Uuid, home_server: Uuid) -> String {
    format!("home_server:{tenant}:{home_server}:tls_key")
}

/// The context of a subscriber's password.
#[must_use]
pub fn password(tenant: Uuid, username: &str) -> String {
    format!("radcheck:{tenant}:{username}")
}

/// The context of whatever else radcheck says about a subscriber's password: a hash must not be taken for a password.
#[must_use]
pub fn credential(tenant: Uuid, username: &str, attribute: &str) -> String {
    match attribute {
        "Cleartext-Password" | "User-Password" => password(tenant, username),
        other => format!("radcheck:{tenant}:{username}:{other}"),
    }
}

/// Opens a stored value: a sealed one with its context, a clear one as it is.
///
/// # Errors
/// A sealed value that was sealed elsewhere, with another key, or was changed.
pub fn reveal(sealer: &Sealer, context: &str, stored: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    if is_sealed(stored) {
        sealer.open(context, stored)
    } else {
        Ok(Zeroizing::new(stored.as_bytes().to_vec()))
    }
}
