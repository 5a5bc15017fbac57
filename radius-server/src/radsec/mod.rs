//! RADIUS over TLS (RFC 6614): the same pipelines behind connections instead of datagrams.
//!
//! Runs on three threads of its own, so that PAP over UDP does not notice: one for connections and logins, one that makes
//! accounting durable, one that looks whether certificates have changed. Both sides show a certificate. Which NAS a
//! connection belongs to is said by its certificate (`identity`), and all its packets are that NAS's, whatever address
//! they come from. The shared secret is `radsec`, as RFC 6614 section 2.3 wants it.
//!
//! In the order an octet travels:
//!
//! - `config`: where to listen, which files, which bounds;
//! - `authority`: the small certificate authority that issues a NAS its certificate;
//! - `credentials`: our certificate and whose certificates are believed, read again when a file changes;
//! - `identity`: from a certificate to a NAS;
//! - `flight`: the requests of a connection that wait for their answer;
//! - `desk`: from a packet to the pipelines, and RADIUS/1.1 (RFC 9765) to and from the packets they know;
//! - `connection`: one connection: TLS, what waits to be written, when it ends;
//! - `server`: all of them, and the loop;
//! - `ledger`: the thread that makes accounting durable;
//! - [`downlink`]: requests of ours to NAS, down the connections they opened;
//! - `link`: the other direction, a connection of ours to a server.

pub mod authority;
pub mod config;
mod connection;
pub mod credentials;
mod desk;
pub mod downlink;
mod flight;
pub mod identity;
mod ledger;
pub mod link;
mod server;

pub use config::{Config, Limits};
pub use credentials::CredentialError;
pub use downlink::Downlinks;
pub(crate) use server::{ListenError, Listeners, Parts, Server};

use std::sync::Arc;

/// The shared secret of every connection (RFC 6614 section 2.3). It protects nothing, TLS does.
pub const SECRET: &[u8] = b"radsec";

/// What is spoken on a connection, as ALPN names it (RFC 9765 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RADIUS as on UDP; also when nothing was negotiated.
    V10,
    /// RADIUS/1.1: tokens, no digests, nothing hidden.
    V11,
}

impl Version {
    /// What ALPN calls RADIUS/1.0.
    pub const ALPN_V10: &[u8] = b"radius/1.0";
    /// What ALPN calls RADIUS/1.1.
    pub const ALPN_V11: &[u8] = b"radius/1.1";

    /// What was negotiated.
    #[must_use]
    pub fn negotiated(alpn: Option<&[u8]>) -> Self {
        match alpn {
            Some(Self::ALPN_V11) => Self::V11,
            _ => Self::V10,
        }
    }
}

/// The one provider of cryptography this program has.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
