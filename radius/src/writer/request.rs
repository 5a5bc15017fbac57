//! Starts an exchange: what a NAS would send, or what we ask of a NAS.
//!
//! Never draws the authenticator or the identifier: the caller hands them in. Attributes are written as in
//! [`super::octets`].

use zeroize::Zeroizing;

use super::octets::Octets;
use super::{WriteError, attribute_methods};
use crate::attribute::kind;
use crate::code::{Code, Signing};
use crate::packet::Authenticator;
use crate::password::{self, PAP_LEN_MAX};
use crate::secret::{AUTHENTICATOR_AT, SharedSecret};

/// Writes a request into the caller's buffer.
pub struct RequestWriter<'b> {
    /// The packet so far.
    octets: Octets<'b>,
    /// What the Authenticator field holds while digests are made: random octets, or zeros.
    authenticator: Authenticator,
    /// Its kind.
    code: Code,
}

impl<'b> RequestWriter<'b> {
    /// Begins an Access-Request; `authenticator` must be unpredictable.
    ///
    /// # Errors
    /// [`WriteError::Full`] when the buffer has no room for a header.
    pub fn access(
        buf: &'b mut [u8],
        identifier: u8,
        authenticator: Authenticator,
    ) -> Result<Self, WriteError> {
        Self::new(buf, Code::AccessRequest, identifier, authenticator)
    }

    /// Begins a Status-Server; `authenticator` must be unpredictable, and the Message-Authenticator is mandatory
    /// (RFC 5997 section 3): call [`Self::reserve_message_authenticator`].
    ///
    /// # Errors
    /// [`WriteError::Full`] when the buffer has no room for a header.
    pub fn status_server(
        buf: &'b mut [u8],
        identifier: u8,
        authenticator: Authenticator,
    ) -> Result<Self, WriteError> {
        Self::new(buf, Code::StatusServer, identifier, authenticator)
    }

    /// Begins an Accounting-, CoA- or Disconnect-Request, whose authenticator proves the shared secret.
    ///
    /// # Errors
    /// [`WriteError::WrongCode`] for any other kind, [`WriteError::Full`] when the buffer has no room for a header.
    pub fn signed(buf: &'b mut [u8], code: Code, identifier: u8) -> Result<Self, WriteError> {
        if code.signing() != Signing::OverZeros {
            return Err(WriteError::WrongCode { code });
        }
        Self::new(buf, code, identifier, [0; 16])
    }

    /// Begins a request of any kind.
    fn new(
        buf: &'b mut [u8],
        code: Code,
        identifier: u8,
        authenticator: Authenticator,
    ) -> Result<Self, WriteError> {
        let octets = Octets::new(buf, code, identifier, &authenticator)?;
        Ok(RequestWriter {
            octets,
            authenticator,
            code,
        })
    }

    attribute_methods!();

    /// Adds User-Password, hidden.
    ///
    /// # Errors
    /// [`WriteError::ValueTooLong`] above 128 octets, [`WriteError::WrongCode`] in a packet without a random
    /// authenticator, [`WriteError::Full`], [`WriteError::TooManyAttributes`].
    pub fn password(&mut self, clear: &[u8], secret: &SharedSecret) -> Result<(), WriteError> {
        if self.code != Code::AccessRequest {
            return Err(WriteError::WrongCode { code: self.code });
        }
        let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
        let hidden = password::hide_pap(secret, &self.authenticator, clear, &mut room).ok_or(
            WriteError::ValueTooLong {
                len: clear.len(),
                max: PAP_LEN_MAX,
            },
        )?;
        self.octets.attribute(kind::USER_PASSWORD, hidden)
    }

    /// Fills in length, Message-Authenticator and, where it is signed, Request Authenticator.
    pub fn finish(mut self, secret: &SharedSecret) -> &'b [u8] {
        self.octets.set_length();
        if let Some(at) = self.octets.message_authenticator_at() {
            let digest = secret.message_authenticator(self.octets.written(), &self.authenticator, at);
            self.octets.set_digest(at, &digest);
        }
        if self.code.signing() == Signing::OverZeros {
            let digest = secret.authenticator(self.octets.written(), &self.authenticator);
            self.octets.set_digest(AUTHENTICATOR_AT, &digest);
        }
        self.octets.into_written()
    }
}
